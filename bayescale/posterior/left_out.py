"""Runs of a fit given all its other runs: their log densities, and where among them the outcomes lie."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayescale.data.runs import rows_of
from bayescale.laws.noise import noise_of_runs
from bayescale.sampling.leave_out import Given, leave_one_out, leave_rows_out, places_left_out
from bayescale.sampling.psis import smooth_weights

if TYPE_CHECKING:
    import bayescale

Array = NDArray[np.float64]

_ELEMENTS = 20_000
"""Number of draws times runs (or features) whose leave-one-out densities are computed together."""


def log_densities_left_out(fitted: "bayescale.Fit") -> Array:
    """Log density of each training run given the parameters and all other runs, shape (draw, training run).

    It is a density of the outcome on its own scale; rows of one training run are left out together.
    """
    cluster = fitted.cluster
    if fitted.basis is None:
        from bayescale.inference.model import build_model
        from bayescale.sampling.logdensity import LogDensity

        density = LogDensity(build_model(fitted.observed, fitted.noise).model)
        values = _by_run(density.pointwise(density.unconstrain(fitted.parameters)), cluster)
    else:
        blocks, rng = None if cluster is None else rows_of(cluster), np.random.default_rng(fitted.record.seed)
        values = np.concatenate(
            [
                leave_one_out(given, rng) if blocks is None else leave_rows_out(given, rng, blocks)
                for given in _given_theta(fitted)
            ]
        )
    link = fitted.law.link
    slope = np.abs(link.slope(link.inverse(fitted.on_link)))
    return values + _by_run(np.log(slope)[None], cluster)


def places_of_runs(fitted: "bayescale.Fit") -> tuple[Array, Array]:
    """Probability integral transform of each run in its prediction from all other training runs, and Pareto k-hats.

    Draws are weighted by Pareto-smoothed importance sampling, so nothing is fitted again.

    Returns
    -------
    places : array, shape (run,)
        Probability, in the prediction, of an outcome below the observed one.
    k_hat : array, shape (run,)
        Reliability of the weights: below 0.7 if the prediction can be trusted.
    """
    cluster, rng = fitted.cluster, np.random.default_rng(fitted.record.seed)
    if fitted.basis is None:
        from scipy.special import ndtr

        residual = fitted.residuals()
        shift, scale = fitted.noise.draw_moments(
            rng, fitted.columns, residual.shape, standard_error=fitted.observed.standard_error
        )
        places = ndtr((residual - shift) / scale)
    else:
        blocks = None if cluster is None else rows_of(cluster)
        places = np.concatenate([places_left_out(given, rng, blocks) for given in _given_theta(fitted)])
    columns = log_densities_left_out(fitted).T
    smoothed = [smooth_weights(-column) for column in columns]
    weights = np.column_stack([each for each, _ in smoothed])
    k_hat = np.array([k for _, k in smoothed])
    of_row = np.arange(len(columns)) if cluster is None else np.unique(cluster, return_inverse=True)[1]
    return np.einsum("dn,dn->n", weights[:, of_row], places), k_hat[of_row]


def _by_run(values: Array, cluster: NDArray[np.int64] | None) -> Array:
    """Sum values of shape (draw, row) over the rows of each training run, to shape (draw, training run)."""
    if cluster is None:
        return values
    return np.column_stack([values[:, rows].sum(axis=1) for rows in rows_of(cluster)])


def _given_theta(fitted: "bayescale.Fit") -> Iterator[Given]:
    """The outcomes given theta, for some draws at a time."""
    from bayescale.inference.model import level_deviation
    from bayescale.sampling.equations import System

    assert fitted.basis is not None
    kinds, columns, drawn = fitted.basis.process.kinds, fitted.columns, fitted.coefficients
    n_level = drawn.shape[1] - len(kinds)
    deviation = level_deviation(fitted.law) * np.ones((len(drawn), n_level))
    amplitudes = np.hstack([fitted.basis.amplitudes(columns["tau"], columns["drift"]), deviation])
    features = np.hstack([fitted.basis.process.at_runs, np.ones((len(fitted.on_link), n_level))])
    system = System(features)
    size = max(16, _ELEMENTS // max(features.shape))
    for start in range(0, len(amplitudes), size):
        rows = slice(start, start + size)
        scale = noise_of_runs(columns["sigma"][rows], fitted.basis.noise_scale, fitted.observed.standard_error)
        residual = fitted.residuals(rows)
        left = residual - fitted.conditional.coefficients[rows] @ fitted.basis.process.at_runs.T
        level = (drawn[rows, len(kinds) :] * deviation[rows]).sum(axis=1, keepdims=True)
        df = columns["nu"][rows] if "nu" in columns else None
        yield Given(system, residual + level, scale, amplitudes[rows], df, left)
