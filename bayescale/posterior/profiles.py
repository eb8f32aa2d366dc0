"""IsoFLOP profiles: a hierarchical parabola in log N for each budget, whose vertices follow a power law in compute.

Along an isoFLOP slice the log of the loss is a level of that slice plus ``k (-d t + t^2 / 2 + ...)``, where ``t`` is
the distance of log N from the power law. The curvature ``k`` and the vertex ``d`` differ between slices by random
effects. Terms from the third to the sixth order, which make profiles asymmetric and their sides steeper or flatter than
a parabola's, have shrinking priors and are common to all slices. The rest of a profile is a smooth random function
that is flat at the vertex, so that runs far from the vertex have little influence on it. All of this is linear and
Gaussian given seven or eight scales, so it is integrated out exactly, and only the scales are sampled.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import factorial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.errors import RunsError
from bayescale.basics.quantities import format_quantity
from bayescale.data.isoflops import BUDGET, LEAST_SIZES, isoflop_slices
from bayescale.data.runs import Runs
from bayescale.sampling.importance import sample_importance

Array = NDArray[np.float64]

PRIORS = {
    "a_opt": (0.5, 0.2),
    "log_n": (0.0, 2.0),
    "log_curvature": (float(np.log(0.03)), 1.2),
    "log_scatter": (float(np.log(0.05)), 1.0),
    "log_spread": (float(np.log(0.15)), 0.7),
    "log_bend": (float(np.log(0.05)), 1.0),
    "log_sigma": (float(np.log(0.004)), 1.0),
    "log_run": (float(np.log(0.003)), 1.0),
}
"""Mean and standard deviation of what is sampled: the exponent; log N* at the centre of the slices, from their mean of
log N; and logarithms of the curvature of log loss per squared e-fold, the e-folds by which vertices scatter, the
relative spread of curvatures, the smooth remainder, the noise, and the effect of a training run with several rows."""
_SHAPE = ((3, 0.0, 0.2), (4, 0.1, 0.1), (5, 0.0, 0.05), (6, 0.02, 0.03))
"""Order, mean and standard deviation of the terms of the common shape, relative to the curvature: those of an additive
law with exponents of 0.2 to 0.5."""
_TREND = (-0.08, 0.1)
"""Mean and standard deviation of the change of log curvature with log compute."""
_FALL = (-0.06, 0.05)
"""The same of log loss, between runs of a slice that differ in compute."""
_FLOOR = 1e-5
"""Smallest noise of log loss."""
_STARTS = 400
_ELEMENTS = 40_000
"""Elements of covariances that are worked on at a time."""
_JITTER = 1e-12
_LEAST_SLICES, _LEAST_BRACKETED = 3, 2
_MOST_SLICES, _MOST_RUNS = 24, 32
"""Slices, and runs of a slice, of which that number is used, evenly chosen, since covariances take the cube of it."""
_VAGUE = 0.75
"""Share of the prior's standard deviation of the exponent above which slices have hardly determined it."""
_FAR = 5.0
"""Standard errors from its profile at which a run is named."""


@dataclass(frozen=True, eq=False)
class Profiles:
    """Posterior of the vertices of isoFLOP profiles.

    Attributes
    ----------
    a_opt : array, shape (draw,)
        Exponent of N* in compute.
    log_n : array, shape (draw,)
        Log N* at the mean log compute of the slices.
    scatter : array, shape (draw,)
        Standard deviation of the vertices about the power law, in e-folds.
    compute : array, shape (slice,)
        Compute of each slice, FLOP.
    vertices : array, shape (draw, slice)
        N* of each slice.
    certified : bool
        Whether the draws can be trusted to represent the posterior.
    warnings : tuple of str
    """

    a_opt: Array
    log_n: Array
    scatter: Array
    compute: Array
    vertices: Array
    certified: bool
    warnings: tuple[str, ...]

    def optimum(self, budgets: Array, rng: np.random.Generator) -> Array:
        """Draws of N* at other budgets, shape (draw, budget), each scattered about the power law as the slices are."""
        ahead = np.log(budgets) - np.log(self.compute).mean()
        scatter = self.scatter[:, None] * rng.standard_normal((len(self.scatter), len(budgets)))
        return np.asarray(np.exp(self.log_n[:, None] + self.a_opt[:, None] * ahead + scatter))


def fit_profiles(runs: Runs, *, draws: int = 1000, seed: int = 0) -> Profiles:
    """Sample the posterior of the vertices of a table's isoFLOP slices.

    Raises
    ------
    RunsError
        If the table has fewer than three slices, or fewer than two whose lowest loss is at a middle size.
    """
    whole = isoflop_slices(runs)
    by_size = [rows[np.argsort(runs.column("N")[rows], kind="stable")] for rows in whole]
    kept = [by_size[i] for i in _evenly(len(whole), _MOST_SLICES)]
    slices = [rows[_evenly(len(rows), _MOST_RUNS)] for rows in kept]
    edges = sum(_at_an_edge(runs, rows) for rows in slices)
    _check_slices(runs.source, len(slices), edges)
    density = _Density(runs, slices)
    starting, completing = np.random.default_rng(seed).spawn(2)
    found = sample_importance(density, density.prior_draws(starting), draws, seed)
    theta = found.draws
    return Profiles(
        a_opt=theta[:, 0],
        log_n=theta[:, 1] + density.centre,
        scatter=np.exp(theta[:, 3]),
        compute=np.exp(density.log_c),
        vertices=density.vertices(theta, completing),
        certified=found.certified,
        warnings=(*_thinned(whole), *_warnings(runs, density, theta, edges, found.certified)),
    )


def _evenly(n: int, most: int) -> NDArray[np.intp]:
    """Places of at most a number of n items in a row, evenly chosen, with the first and the last."""
    return np.unique(np.linspace(0, n - 1, min(most, n)).round().astype(np.intp))


def _thinned(slices: list[NDArray[np.intp]]) -> tuple[str, ...]:
    largest = max(map(len, slices))
    if len(slices) <= _MOST_SLICES and largest <= _MOST_RUNS:
        return ()
    return (
        f"of {len(slices)} slices with up to {largest} runs, at most {_MOST_SLICES} with {_MOST_RUNS} runs each are "
        "used, evenly chosen",
    )


def _at_an_edge(runs: Runs, rows: NDArray[np.intp]) -> bool:
    """Whether the lowest loss of a slice is at its smallest or its largest size."""
    sizes, loss = runs.column("N")[rows], runs.column(runs.outcome)[rows]
    return not sizes.min() < sizes[loss.argmin()] < sizes.max()


def _check_slices(source: str, n: int, edges: int) -> None:
    if n < _LEAST_SLICES:
        raise RunsError(
            f"{source}: {n} isoFLOP slices, of {LEAST_SIZES} sizes or more at one compute (within 5 %, or one value of "
            f"a column {BUDGET}): an exponent takes {_LEAST_SLICES}"
        )
    if n - edges < _LEAST_BRACKETED:
        raise RunsError(
            f"{source}: {edges} of {n} isoFLOP slices have their lowest loss at the smallest or the largest size, so "
            "that they do not contain N*: train larger or smaller models at these budgets"
        )


def _warnings(runs: Runs, density: "_Density", theta: Array, edges: int, certified: bool) -> Iterator[str]:
    if not certified:
        yield "NOT CERTIFIED: the draws may not represent the posterior"
    if edges:
        yield (
            f"{edges} of {len(density.log_c)} slices have their lowest loss at the smallest or the largest size: N* "
            "there follows from the other slices"
        )
    if theta[:, 0].std() > _VAGUE * PRIORS["a_opt"][1]:
        yield "the slices hardly determine the exponent, which is near its prior, 0.5 with a standard deviation of 0.2"
    rows, errors = density.left_out(theta.mean(axis=0))
    for i in np.argsort(-np.abs(errors))[:3]:
        if abs(errors[i]) > _FAR:
            yield (
                f"row {rows[i] + 1} (N = {format_quantity(float(runs.column('N')[rows[i]]))}) is "
                f"{abs(errors[i]):.1f} standard errors {'above' if errors[i] > 0 else 'below'} the profile of the "
                "other runs, and noise is taken as normal: check this run, or leave it out"
            )


class _System(NamedTuple):
    """Runs of each slice given the scales: covariances but for what slices share, and residuals of log losses.

    Arrays have the shape (draw, slice, run, ...); runs that pad a slice have unit covariance and are zero otherwise.
    """

    factor: Array
    own: Array
    own_sd: Array
    pooled: Array
    residual: Array
    white: Array
    white_residual: Array
    root: Array
    projected: Array


class _Density:
    """Log posterior density of the scales, with everything that is linear integrated out."""

    def __init__(self, runs: Runs, slices: list[NDArray[np.intp]]) -> None:
        longest = max(map(len, slices))
        self._held = np.array([np.arange(longest) < len(rows) for rows in slices])
        self._index = np.array([np.pad(rows, (0, longest - len(rows)), mode="edge") for rows in slices])
        log_n, log_c = (np.log(runs.column(name))[self._index] for name in ("N", "C"))
        self.log_c = self._mean(log_c)
        self.centre = float(self._mean(log_n).mean())
        self._x, self._c = log_n - self.centre, log_c - self.log_c.mean()
        self._off = log_c - self.log_c[:, None]
        self._ahead = (self.log_c - self.log_c.mean())[:, None]
        outcome = runs.column(runs.outcome)
        z = np.log(outcome)[self._index]
        self._z = z - self._mean(z)[:, None]
        column = f"{runs.outcome}_se"
        known = runs.column(column) / outcome if column in runs.frame else np.zeros(len(runs))
        self._known = np.square(known)[self._index]
        codes = runs.clusters[self._index]
        shared = [code for code in np.unique(codes[self._held]) if (codes == code)[self._held].sum() > 1]
        self._of_run = np.stack([codes == code for code in shared], axis=-1).astype(float) if shared else None
        names = [name for name in PRIORS if shared or name != "log_run"]
        self._centres, self._sds = np.array([PRIORS[name] for name in names]).T

    def _mean(self, values: Array) -> Array:
        """Mean over the runs of each slice."""
        return np.asarray((values * self._held).sum(axis=1) / self._held.sum(axis=1))

    def prior_draws(self, rng: np.random.Generator) -> Array:
        """Draws of the scales from their priors, shape (draw, scale)."""
        return np.asarray(self._centres + self._sds * rng.standard_normal((_STARTS, len(self._centres))))

    def __call__(self, theta: Array) -> Array:
        """Log density at draws of shape (draw, scale)."""
        prior = -0.5 * np.square((theta - self._centres) / self._sds) - np.log(self._sds * np.sqrt(2 * np.pi))
        likelihood = np.concatenate([_log_likelihood(self._system(part)) for part in self._parts(theta)])
        return np.asarray(prior.sum(axis=1) + likelihood)

    def vertices(self, theta: Array, rng: np.random.Generator) -> Array:
        """Draws of N* of each slice given draws of the scales, shape (draw, slice)."""
        offsets = np.concatenate([_offsets(self._system(part), rng) for part in self._parts(theta)])
        return np.asarray(np.exp(self.centre + theta[:, 1:2] + theta[:, 0:1] * self._ahead[:, 0] + offsets))

    def left_out(self, theta: Array) -> tuple[NDArray[np.intp], Array]:
        """Rows of the runs, and how many standard errors each is above what all others predict, at one draw."""
        system = self._system(theta[None])
        inverse = np.linalg.inv(system.factor)[0]
        of_features = (
            inverse.swapaxes(-1, -2)
            @ np.linalg.solve(system.root, system.white.reshape(1, -1, system.root.shape[-1]).swapaxes(-1, -2))
            .swapaxes(-1, -2)
            .reshape(system.white.shape)[0]
        )
        of_residual = (inverse.swapaxes(-1, -2) @ system.white_residual[0, ..., None])[..., 0]
        precision = np.square(inverse).sum(axis=-2) - np.square(of_features).sum(axis=-1)
        score = of_residual - of_features @ system.projected[0]
        return self._index[self._held], (score / np.sqrt(np.maximum(precision, 1e-300)))[self._held]

    def _parts(self, theta: Array) -> list[Array]:
        """Draws in parts whose covariances a processor can hold near."""
        features = 0 if self._of_run is None else self._of_run.shape[-1]
        step = max(1, _ELEMENTS // (max(self._x.shape[1], features) * self._x.size))
        return [theta[i : i + step] for i in range(0, len(theta), step)]

    def _system(self, theta: Array) -> _System:
        a, level, curvature, scatter, spread, bend, sigma = theta.T[:7, :, None, None]
        t = np.where(self._held, self._x - level - a * self._c, 0.0)
        k = np.where(self._held, np.exp(curvature + _TREND[0] * self._ahead), 0.0)
        own_sd = np.exp(np.stack([scatter, spread], axis=-1))
        own = own_sd * np.stack([-k * t, k * np.square(t) / 2], axis=-1)
        bent = k * np.exp(bend)
        covariance = own @ own.swapaxes(-1, -2) + bent[..., :, None] * bent[..., None, :] * _remainder(t)
        covariance += self._held[:, :, None] & self._held[:, None, :]  # the level, of unit variance
        noise = np.where(self._held, np.square(np.exp(sigma) + _FLOOR) + self._known, 1.0)
        diagonal = np.einsum("sbii->sbi", covariance)
        diagonal += noise + _JITTER * diagonal.max(axis=-1, keepdims=True)
        shape = np.stack([k * t**order / factorial(order) for order, _, _ in _SHAPE], axis=-1)
        off = np.where(self._held, np.broadcast_to(self._off, t.shape), 0.0)
        mean = k * np.square(t) / 2 + shape @ np.array([centre for _, centre, _ in _SHAPE]) + _FALL[0] * off
        pooled = [
            shape * np.array([sd for _, _, sd in _SHAPE]),
            (_TREND[1] * k * self._ahead * np.square(t) / 2)[..., None],
            (_FALL[1] * off)[..., None],
        ]
        if self._of_run is not None:
            pooled.append(np.exp(theta[:, 7])[:, None, None, None] * self._of_run * self._held[..., None])
        return _solved(
            covariance, own, own_sd, np.concatenate(pooled, axis=-1), np.where(self._held, self._z - mean, 0.0)
        )


def _solved(covariance: Array, own: Array, own_sd: Array, pooled: Array, residual: Array) -> _System:
    """The system with features and residuals whitened, and the coefficients that slices share given the runs."""
    factor = np.linalg.cholesky(covariance)
    white = np.linalg.solve(factor, np.concatenate([pooled, residual[..., None]], axis=-1))
    features = white[..., :-1].reshape(len(white), -1, pooled.shape[-1])
    precision = np.eye(features.shape[-1]) + features.swapaxes(-1, -2) @ features
    root = np.linalg.cholesky(precision)
    seen = features.swapaxes(-1, -2) @ white[..., -1].reshape(len(white), -1, 1)
    projected = np.linalg.solve(root, seen)[..., 0]
    return _System(factor, own, own_sd, pooled, residual, white[..., :-1], white[..., -1], root, projected)


def _log_likelihood(system: _System) -> Array:
    """Of each draw, without the constant, by the matrix determinant lemma."""
    squares = np.square(system.white_residual).sum(axis=(1, 2)) - np.square(system.projected).sum(axis=1)
    sizes = np.log(np.einsum("sbii->sbi", system.factor)).sum(axis=(1, 2))
    return np.asarray(-0.5 * squares - sizes - np.log(np.einsum("sii->si", system.root)).sum(axis=1))


def _offsets(system: _System, rng: np.random.Generator) -> Array:
    """Draws of the vertices of slices, in e-folds from the power law, shape (draw, slice)."""
    drawn = system.projected + rng.standard_normal(system.projected.shape)
    shared = np.linalg.solve(system.root.swapaxes(-1, -2), drawn[..., None])[:, None]
    left = system.white_residual[..., None] - system.white @ shared
    own = np.linalg.solve(system.factor, system.own)
    mean = own.swapaxes(-1, -2) @ left
    spread = np.linalg.cholesky(np.eye(2) * (1 + _JITTER) - own.swapaxes(-1, -2) @ own)
    effects = (mean + spread @ rng.standard_normal(mean.shape))[..., 0] * system.own_sd[:, :, 0]
    return np.asarray(effects[..., 0] / np.maximum(1 + effects[..., 1], 0.2))


def _remainder(t: Array) -> Array:
    """Covariance of a function whose second derivative is a Wiener process that starts at zero, on each side.

    Parameters
    ----------
    t : array, shape (..., point)

    Returns
    -------
    array, shape (..., point, point)
    """
    first, second = t[..., :, None], t[..., None, :]
    near = np.maximum(np.minimum(first, second), 0) + np.maximum(-np.maximum(first, second), 0)
    far = np.abs(first) + np.abs(second) - near
    return np.asarray(near**3 * (10 * far**2 - 5 * far * near + near**2) / 120)
