"""Densities of runs given all others, in closed form."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescale.sampling.equations import Array, System


@dataclass(frozen=True, eq=False)
class Given:
    """Outcomes given theta, whose coefficients are normal and whose noise is normal or Student's t.

    Attributes
    ----------
    system : System
    residual : array, shape (draw, run)
        Outcome minus location, without the coefficients.
    scale : array, shape (draw, run)
    amplitudes : array, shape (draw, feature)
    df : array, shape (draw, 1), or None
    left : array, shape (draw, run)
        Residuals minus the contribution of the drawn coefficients.
    """

    system: System
    residual: Array
    scale: Array
    amplitudes: Array
    df: Array | None
    left: Array


def leave_one_out(given: Given, rng: np.random.Generator) -> Array:
    """Log density of each outcome given all others and theta, with the coefficients integrated out.

    Student-t noise is normal given a precision per run. Given precisions drawn from their conditional, all outcomes are
    normal; the precision of the left-out run is then summed over.

    Returns
    -------
    array, shape (draw, run)
    """
    deviation, error = _given_others(given, rng)
    if given.df is None:
        return _normal(deviation, error + np.square(given.scale))
    from scipy.special import gammaincinv, gammaln

    # A trapezoid rule in the log of the precision, whose range is wide enough for an outlier of many sigma.
    half = 0.5 * given.df
    low, high = (np.log(gammaincinv(half, q) / half) for q in _ENDS)
    step, total = (high - low) / (_QUADRATURE - 1), np.full(deviation.shape, -np.inf)
    for i in range(_QUADRATURE):
        log_precision = low + i * step
        precision = np.exp(log_precision)
        log_weight = half * (np.log(half) + log_precision - precision) - gammaln(half) + np.log(step)
        total = np.logaddexp(total, _normal(deviation, error + np.square(given.scale) / precision) + log_weight)
    return np.asarray(total)


def leave_rows_out(given: Given, rng: np.random.Generator, blocks: Sequence[NDArray[np.intp]]) -> Array:
    """Joint log density of the outcomes in each block of rows given all others and theta, shape (draw, block).

    As :func:`leave_one_out`, but also given the drawn precisions of the block's own rows: weighting all draws,
    including precisions, with the inverse of this density gives the draws without the block.
    """
    found = []
    for rows, (inverse, projected) in _given_other_blocks(given, rng, blocks):
        _, log_determinant = np.linalg.slogdet(inverse)
        squares = (projected * np.linalg.solve(inverse, projected[..., None])[..., 0]).sum(axis=1)
        found.append(0.5 * (log_determinant - squares - len(rows) * np.log(2 * np.pi)))
    return np.column_stack(found)


def places_left_out(given: Given, rng: np.random.Generator, blocks: Sequence[NDArray[np.intp]] | None) -> Array:
    """Probability that an outcome lies below the observed one given all others and theta, shape (draw, run).

    Precisions of Student-t noise are drawn. With blocks, all rows of the run's own block are left out, and draws are to
    be weighted with the inverse of :func:`leave_rows_out`.
    """
    from scipy.special import ndtr

    if blocks is None:
        deviation, error = _given_others(given, rng)
        noise = np.square(given.scale)
        if given.df is not None:
            # Of its own stream, so that the precisions of the other runs are those of the densities.
            noise = noise * given.df / rng.spawn(1)[0].chisquare(np.broadcast_to(given.df, noise.shape))
        return np.asarray(ndtr(deviation / np.sqrt(error + noise)))
    found = np.empty(given.residual.shape)
    for rows, (inverse, projected) in _given_other_blocks(given, rng, blocks):
        covariance = np.linalg.inv(inverse)
        deviation = (covariance @ projected[..., None])[..., 0]
        found[:, rows] = ndtr(deviation / np.sqrt(np.einsum("dkk->dk", covariance)))
    return found


def _given_others(given: Given, rng: np.random.Generator) -> tuple[Array, Array]:
    """Deviation of each outcome from its mean given all others, and the variance of that mean, shape (draw, run)."""
    variance, miss, spread = _given_all(given, rng)
    explained = np.einsum("nk,dkn->dn", given.system.features, spread @ given.system.features.T)
    kept = np.maximum(1 - explained / variance, 1e-9)
    return miss / kept, explained / kept


def _given_other_blocks(
    given: Given, rng: np.random.Generator, blocks: Sequence[NDArray[np.intp]]
) -> Iterator[tuple[NDArray[np.intp], tuple[Array, Array]]]:
    """Rows of each block, the inverse covariance of their outcomes given all others, and that times their deviation."""
    variance, miss, spread = _given_all(given, rng)
    for rows in blocks:
        features, precision = given.system.features[rows], 1 / variance[:, rows]
        explained = features @ spread @ features.T
        inverse = -precision[:, :, None] * explained * precision[:, None]
        np.einsum("dkk->dk", inverse)[...] += precision
        yield rows, (inverse, precision * miss[:, rows])


def _given_all(given: Given, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Variance of each run's noise given a drawn precision, residuals of the coefficients' mean, and their covariance.

    Shapes (draw, run), (draw, run) and (draw, feature, feature).
    """
    amplitudes, variance = given.amplitudes, np.square(given.scale)
    if given.df is not None:
        rate = 0.5 * (given.df + np.square(given.left / given.scale))
        variance = variance / (rng.standard_gamma(0.5 * (given.df + 1), given.left.shape) / rate)
    factor, _ = given.system.factor(1 / variance, amplitudes)
    mode = factor.solve(given.system.project(given.residual / variance, amplitudes))
    m = amplitudes.shape[1]
    inverse = np.stack([factor.solve(np.tile(row, (len(mode), 1))) for row in np.eye(m)], axis=1)
    spread = amplitudes[:, :, None] * inverse * amplitudes[:, None]
    return variance, given.residual - given.system.spread(mode, amplitudes), spread


_QUADRATURE = 32


_ENDS = (1e-10, 1 - 1e-6)
"""Nodes of the sum over a left-out run's precision, and the range of probabilities that they cover."""


def _normal(deviation: Array, variance: Array) -> Array:
    return np.asarray(-0.5 * (np.square(deviation) / variance + np.log(2 * np.pi * variance)))
