"""Posteriors with many Gaussian coefficients, which are integrated out to sample the rest, and then drawn exactly.

Plain importance sampling cannot handle a model with a few parameters theta and many coefficients z, which enter the
mean linearly and are standard normal a priori. Given theta, z is nearly normal: one Newton step from
robust weights finds its mode and curvature (Laplace's method, nested in theta: Rue, Martino and Chopin 2009,
doi:10.1111/j.1467-9868.2008.00700.x). Proposals of theta are adapted to that approximation. The final draws are
of theta and z together, weighted by the density of the model itself, so the approximation affects how many draws
are needed, but not their distribution.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from bayescale.sampling.equations import Factor, System
from bayescale.sampling.modes import best_starts, find_modes

Array = NDArray[np.float64]

MANY_RUNS = 500
"""Runs above which a posterior on which ordinary proposals fail is left to NUTS: tempered ones cost a minute, and fail
too."""
_ELEMENTS = 128_000
"""Draws times runs per call: with more, temporaries leave the cache; with fewer, calls cost more."""
_FEWEST_TOGETHER = 16
_REPEATS = 1024
"""Draws of the coefficients per draw of theta, times runs: several if runs are few and least normal."""
_MOST_REPEATS = 8
_PASSES = 2
_CONVERGED = 8
"""Newton steps to the mode of coefficients where one is not enough: at the mode of the posterior of many runs."""
_STARTS = 2
"""Starts of the search for the mode of the posterior of many runs."""
_WIDENED = 1.1
"""Width of the proposal of coefficients relative to the approximation if runs are few, so that no exact weight is far
above the rest."""
_ALTERNATIVE = 2.0
"""Log factor by which one amplitude is raised and another lowered to search for a second mode."""


@dataclass(frozen=True)
class Parts:
    """Parts of a likelihood at draws of theta, before the coefficients are added to the location.

    Attributes
    ----------
    log_prior : array, shape (draw,)
        Log prior density of theta.
    location, scale : array, shape (draw, run)
        Location and scale of each outcome.
    amplitudes : array, shape (draw, feature)
        Factors of the coefficients.
    df : array, shape (draw, 1), or None
        Degrees of freedom of the noise; None if it is normal.
    """

    log_prior: Array
    location: Array
    scale: Array
    amplitudes: Array
    df: Array | None


@dataclass(frozen=True)
class Whitening:
    """Normal approximations of theta, and of the coefficients given theta, at a mode.

    Attributes
    ----------
    features : array, shape (run, feature)
    location : array, shape (coordinate,)
        The mode.
    root : array, shape (coordinate, coordinate)
        Cholesky factor of the covariance of theta.
    gain : array, shape (feature, run)
        What the coefficients times their amplitudes are expected to be, per unit of each run's residual without them.
    spread : array, shape (feature, feature)
        Cholesky factor of their covariance.
    """

    features: Array
    location: Array
    root: Array
    gain: Array
    spread: Array


class LatentDensity:
    """Log density of theta with the coefficients integrated out, approximately, and exactly weighted draws of both.

    Parameters
    ----------
    parts : callable
        Returns the :class:`Parts` at draws of theta.
    features : array, shape (run, feature)
    observed : array, shape (run,)
    amplitudes : sequence of int
        Coordinates that are logarithms of the coefficients' amplitudes.
    """

    def __init__(
        self, parts: Callable[[Array], Parts], features: Array, observed: Array, amplitudes: Sequence[int] = ()
    ) -> None:
        self._parts, self._observed, self._amplitudes = parts, observed, tuple(amplitudes)
        self._system = System(features)
        self._trust = np.ones(len(observed))

    @property
    def n_coefficients(self) -> int:
        """Number of coefficients."""
        return int(self._system.features.shape[1])

    @property
    def n_runs(self) -> int:
        """Number of runs."""
        return len(self._observed)

    def __call__(self, draws: Array) -> Array:
        """Approximate log density at draws of theta of shape (draw, coordinate); minus infinity where undefined."""
        return np.concatenate([self._conditional(chunk).log_marginal for chunk in self._chunks(draws)])

    def complete(self, draws: Array, rng: np.random.Generator, *, exact: bool = True) -> tuple[Array, Array, Array]:
        """Draw the coefficients given draws of theta.

        Without ``exact`` they come from their approximation, and so do the weights.

        Returns
        -------
        latent : array, shape (draw, feature)
        log_weight : array, shape (draw,)
            Log of an unbiased estimate of the density of theta; divided by the density of a proposal of theta, this
            estimate is the importance weight of theta and coefficients together.
        log_marginal : array, shape (draw,)
            The approximate log density of theta.
        """
        found = [self._completed(chunk, rng, exact) for chunk in self._chunks(draws)]
        latent, weight, marginal = (np.concatenate(column) for column in zip(*found, strict=True))
        return latent, weight, marginal

    def settle(self, starts: Array) -> Array:
        """Find the mode from several starts, and the weight of each run there, at which expansions start.

        Returns
        -------
        array, shape (coordinate,)
        """
        mode = find_modes(self, starts)[0].location
        for _ in range(_PASSES):
            found = self._conditional(mode[None])
            if found.parts.df is None:
                break
            self._trust = (found.parts.df + 1)[0] / (found.parts.df[0] + np.square(found.left / found.parts.scale)[0])
            mode = find_modes(self, mode[None])[0].location
        return mode

    def whitening(self, draws: Array) -> Whitening:
        """Normal approximations at the highest mode to which the best of some draws lead."""

        def converged(points: Array) -> Array:
            return np.concatenate([self._conditional(chunk, _CONVERGED).log_marginal for chunk in self._chunks(points)])

        mode = find_modes(converged, best_starts(converged, draws, _STARTS))[0]
        found = self._conditional(mode.location[None], _CONVERGED)
        slope = curvature = found.parts.scale**-2.0
        if found.parts.df is not None:
            slope, curvature = _robust(slope, found.parts.df, found.left)
        features, prior = self._system.features, np.diag(found.parts.amplitudes[0] ** -2.0)
        weighted = slope[0][:, None] * features
        return Whitening(
            features=features,
            location=mode.location,
            root=np.linalg.cholesky(mode.covariance),
            gain=np.linalg.solve(features.T @ weighted + prior, weighted.T),
            spread=np.linalg.cholesky(np.linalg.inv(features.T @ (curvature[0][:, None] * features) + prior)),
        )

    def alternatives(self, mode: Array) -> Array:
        """A mode, and starts that lead to another mode if one amplitude can replace another.

        Returns
        -------
        array, shape (start, coordinate)
        """
        swaps = list(permutations(self._amplitudes, 2))
        starts = np.tile(mode, (1 + len(swaps), 1))
        for start, (raised, lowered) in zip(starts[1:], swaps, strict=True):
            start[[raised, lowered]] += (_ALTERNATIVE, -_ALTERNATIVE)
        return starts

    def _chunks(self, draws: Array) -> Iterator[Array]:
        size = max(_FEWEST_TOGETHER, _ELEMENTS // max(len(self._observed), self._system.n_elements // 2))
        return (draws[start : start + size] for start in range(0, max(len(draws), 1), size))

    def _completed(self, draws: Array, rng: np.random.Generator, exact: bool) -> tuple[Array, Array, Array]:
        conditional = self._conditional(draws)
        if not exact:
            latent, _ = next(conditional.mirrored(rng.standard_normal(conditional.mode.shape)))
            return latent, conditional.log_marginal, conditional.log_marginal
        alive = np.isfinite(conditional.log_marginal)
        normal_noise = conditional.parts.df is None
        repeats = 1 if normal_noise else int(np.clip(_REPEATS // len(self._observed), 1, _MOST_REPEATS))
        latent = np.zeros_like(conditional.mode)
        logs = np.full((repeats, len(draws)), -np.inf)
        for k in range(repeats):
            if k % 2 == 0:
                normal = rng.standard_normal(conditional.mode.shape)
                pair = conditional.mirrored(normal, widened=_WIDENED if repeats > 1 else 1.0)
            fresh, logs[k] = next(pair)
            logs[k, ~alive] = -np.inf
            # Each repeat replaces the previous one with probability equal to its share of the weight.
            before = np.logaddexp.reduce(logs[: k + 1], axis=0)
            with np.errstate(invalid="ignore"):
                taken = np.log(rng.uniform(size=len(draws))) <= logs[k] - before
            latent[taken] = fresh[taken]
        weight = np.logaddexp.reduce(logs, axis=0) - np.log(repeats)
        return latent, np.where(np.isfinite(weight), weight, -np.inf), conditional.log_marginal

    def _conditional(self, draws: Array, steps: int = 1) -> "_Conditional":
        with np.errstate(all="ignore"):
            parts = self._parts(draws)
            residual, precision = self._observed - parts.location, 1 / np.square(parts.scale)
            sound = np.isfinite(parts.log_prior) & (np.abs(residual).max(axis=1) < 1e30)
            sound &= np.isfinite(parts.amplitudes).all(axis=1) & (precision > 0).all(axis=1) & (precision < 1e30).all(1)
            if not sound.all():
                residual, precision = np.where(sound[:, None], residual, 0.0), np.where(sound[:, None], precision, 1.0)
            amplitudes = np.where(sound[:, None], parts.amplitudes, 0.0)
            system, weight = self._system, precision * self._trust
            factor, good = system.factor(weight, amplitudes)
            mode = factor.solve(system.project(weight * residual, amplitudes))
            left = residual - system.spread(mode, amplitudes)
            for _ in range(steps):
                if parts.df is None:
                    break
                slope, curvature = _robust(precision, parts.df, left)
                factor, also_good = system.factor(curvature, amplitudes)
                gradient = system.project(slope * left, amplitudes) - mode
                mode = mode + factor.solve(gradient)
                left, good = residual - system.spread(mode, amplitudes), good & also_good
            log_factor = factor.log_determinant()
            likelihood = log_likelihood(parts.scale, parts.df)
            log_joint = likelihood(left) - 0.5 * np.square(mode).sum(axis=1)
            marginal = parts.log_prior + log_joint - log_factor
            marginal = np.where(sound & good & np.isfinite(marginal), marginal, -np.inf)
        return _Conditional(system, parts, mode, factor, log_factor, left, likelihood, marginal)


def _robust(precision: Array, df: Array, left: Array) -> tuple[Array, Array]:
    """Weights of residuals in the gradient of heavy-tailed noise, and in its curvature, both of shape (draw, run).

    The curvature is between that at the residuals, which heavy tails flatten, and the expected one.
    """
    squares = np.square(left) * precision
    return precision * (df + 1) / (df + squares), precision * (df + 1) / (df + 2 + 2 * squares)


@dataclass(frozen=True)
class _Conditional:
    """The coefficients given draws of theta: normal around a mode, by the Cholesky factor of their precision."""

    system: System
    parts: Parts
    mode: Array
    factor: Factor
    log_factor: Array
    left: Array
    likelihood: Callable[[Array], Array]
    log_marginal: Array

    def mirrored(self, normal: Array, widened: float = 1.0) -> Iterator[tuple[Array, Array]]:
        """Two draws of the coefficients, mirrored about their mode so that errors partly cancel.

        Each is of shape (draw, feature), with the log of its joint density with theta minus its own.
        """
        step = widened * self.factor.backward(normal)
        log_own = self.log_factor - 0.5 * np.square(normal).sum(axis=1) - normal.shape[1] * np.log(widened)
        with np.errstate(all="ignore"):
            moved = self.system.spread(step, self.parts.amplitudes)
        for sign in (1.0, -1.0):
            latent = self.mode + sign * step
            with np.errstate(all="ignore"):
                log_joint = self.parts.log_prior + self.likelihood(self.left - sign * moved)
            yield latent, log_joint - 0.5 * np.square(latent).sum(axis=1) - log_own


def log_likelihood(scale: Array, df: Array | None) -> Callable[[Array], Array]:
    """Log likelihood of residuals, shape (draw,), as a function of them; what they do not change is computed once."""
    if df is None:
        constant = -np.log(scale * np.sqrt(2 * np.pi)).sum(axis=1)
        return lambda left: constant - 0.5 * np.square(left / scale).sum(axis=1)
    from scipy.special import gammaln

    of_draw = gammaln((df + 1) / 2) - gammaln(df / 2) - 0.5 * np.log(df * np.pi)
    constant, half, width = (of_draw - np.log(scale)).sum(axis=1), 0.5 * (df[:, 0] + 1), scale * np.sqrt(df)
    return lambda left: constant - half * np.log1p(np.square(left / width)).sum(axis=1)
