"""Tempered draws: walkers that are carried from a wide distribution to a posterior that is curved or has several modes.

This is sequential Monte Carlo (Del Moral, Doucet and Jasra 2006, doi:10.1111/j.1467-9868.2006.00553.x). Walkers move
along differences of other walkers (ter Braak 2006, doi:10.1007/s11222-006-8769-1), so that steps have the posterior's
shape, and lead from one mode to another.
"""

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.errors import SamplingError
from bayescale.sampling.mixture import Mixture
from bayescale.sampling.modes import Density
from bayescale.sampling.weights import effective_share, normalised, systematic_sample

Array = NDArray[np.float64]

_SWEEPS, _LAST_SWEEPS, _KEPT_EVERY = 8, 48, 12
"""Sweeps of all walkers at each temperature, at the last one, and between walkers that are kept there."""
_KEPT_SHARE = 0.5
"""Effective share of the walkers that the next temperature leaves."""
_LENGTH, _SPREAD = 1.8, 0.7
"""Median length of steps times the root of twice the number of coordinates, and standard deviation of its logarithm:
short steps for narrow passages, long ones between modes."""


def tempered_draws(density: Density, start: Mixture, n: int, rng: np.random.Generator) -> Array:
    """Draws from a density, correlated, and a few per walker.

    Parameters
    ----------
    density : callable
        Log density of points of shape (point, coordinate).
    start : Mixture
        Wider than the density, and over all of its modes.
    n : int
        Number of walkers.
    rng : numpy.random.Generator

    Returns
    -------
    array, shape (draw, coordinate)

    Raises
    ------
    SamplingError
        If the density is zero at all starts.
    """
    walkers = _Walkers(density, start, n, rng)
    while walkers.temperature < 1:
        walkers.heat()
        for _ in range(_SWEEPS):
            walkers.sweep()
    kept = []
    for sweep in range(_LAST_SWEEPS):
        walkers.sweep()
        if (sweep + 1) % _KEPT_EVERY == 0:
            kept.append(walkers.points.copy())
    return np.concatenate(kept)


class _Walkers:
    """Points of shape (walker, coordinate), their log densities at the start and at the end, and the temperature."""

    def __init__(self, density: Density, start: Mixture, n: int, rng: np.random.Generator) -> None:
        self._density, self._start, self._rng = density, start, rng
        points = start.draw(n, rng)
        target = density(points)
        # Walkers where the density is zero give their place to others.
        alive = np.flatnonzero(np.isfinite(target))
        if not len(alive):
            raise SamplingError("the density is zero wherever tempered draws would start")
        kept = np.concatenate([alive, rng.choice(alive, n - len(alive))])
        self.points, self._target = points[kept], target[kept]
        self._base = start.log_density(self.points)
        self.temperature = 0.0

    def heat(self) -> None:
        """Raise the temperature as far as the effective share allows, and resample the walkers."""
        ratio = self._target - self._base
        step = _next_step(ratio, 1 - self.temperature)
        chosen = systematic_sample(normalised(step * ratio), len(ratio), self._rng)
        self.points, self._base, self._target = self.points[chosen], self._base[chosen], self._target[chosen]
        self.temperature = min(1.0, self.temperature + step)

    def sweep(self) -> None:
        """Move one half of the walkers along differences of the other half, then the other way round."""
        first, second = np.array_split(self._rng.permutation(len(self.points)), 2)
        self._move(first, second)
        self._move(second, first)

    def _move(self, moving: NDArray[np.intp], others: NDArray[np.intp]) -> None:
        n, d = len(moving), self.points.shape[1]
        one, another = self._rng.choice(others, n), self._rng.choice(others, n)
        length = _LENGTH * np.exp(_SPREAD * self._rng.standard_normal((n, 1))) / np.sqrt(2 * d)
        proposed = self.points[moving] + length * (self.points[one] - self.points[another])
        base, target = self._start.log_density(proposed), self._density(proposed)
        gain = (1 - self.temperature) * (base - self._base[moving]) + self.temperature * (target - self._target[moving])
        taken = np.isfinite(target) & (np.log(self._rng.uniform(size=n)) < gain)
        at = moving[taken]
        self.points[at], self._base[at], self._target[at] = proposed[taken], base[taken], target[taken]


def _next_step(log_ratio: Array, left: float) -> float:
    """The largest step of the temperature that leaves enough effective walkers; what is left if all of it does."""
    if effective_share(left * log_ratio) >= _KEPT_SHARE:
        return left
    low, high = 0.0, left
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if effective_share(middle * log_ratio) >= _KEPT_SHARE else (low, middle)
    return high
