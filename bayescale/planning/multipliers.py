"""Multipliers of compute: as a smooth function of compute, with its priors, and read from two curves."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LARGEST = 1000.0
"""Multiplier beyond which, or below whose inverse, none is searched."""
_PLACES = 4
"""Budgets in each tenfold, between which a multiplier is searched."""

LEVEL_SD, SLOPE_SD, SHAPE_SD = 1.0, 0.1, 0.15
"""Prior sd of log m at the middle of the runs, and of its slopes along log compute and log tokens per parameter."""
BEND, _BEND_SD = 0.02, 1.0
"""Prior median, and sd of the logarithm, of the amplitude of log m's bend: its slope is a random walk in log compute
whose sd grows by this over one e-fold."""
_KNOT = float(np.log(10.0))
_AHEAD, _BEHIND = 4, 2
"""Distance between changes of log m's slope, and their number on either side of the middle of the runs."""
_NOISE_SD = 0.7
"""Prior sd of the logarithm of the noise relative to that of the baseline's runs."""
_PAIRED_NOISE = 0.8
"""Prior median of the noise of a pair's difference, relative to that of one of the baseline's runs."""


@dataclass(frozen=True, eq=False)
class Hyper:
    """Values that are summed over, one combination after another, each of shape (combination,).

    Attributes
    ----------
    bend : array
        Amplitude of the bend of log m.
    noise : array
        Noise, relative to that of the baseline's runs.
    log_prior : array
    """

    bend: Array
    noise: Array
    log_prior: Array

    @classmethod
    def grid(cls, paired: bool) -> Self:
        """An even grid of the logarithms of both."""
        bend, noise = (each.ravel() for each in np.meshgrid(np.linspace(-1.8, 1.8, 5), np.linspace(-2.1, 2.1, 7)))
        return cls(
            bend=BEND * np.exp(_BEND_SD * bend),
            noise=(_PAIRED_NOISE if paired else 1.0) * np.exp(_NOISE_SD * noise),
            log_prior=-0.5 * (bend**2 + noise**2),
        )

    def average(self) -> Self:
        """One combination in the middle of all."""
        bend, noise = (np.exp(np.log(each).mean(keepdims=True)) for each in (self.bend, self.noise))
        return type(self)(bend, noise, self.log_prior.mean(keepdims=True))


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear model of the outcomes, draw by draw: sums over runs with a partner and over those without.

    Attributes
    ----------
    n : tuple of int
        Number of runs of either kind.
    gram : tuple of array, shape (sample, coefficient, coefficient)
    of_target : tuple of array, shape (sample, coefficient)
    squares : tuple of array, shape (sample,)
    """

    n: tuple[int, int]
    gram: tuple[Array, Array]
    of_target: tuple[Array, Array]
    squares: tuple[Array, Array]

    @classmethod
    def of(cls, lines: Array, target: Array, variance: Array, paired: NDArray[np.bool_]) -> Self:
        """Sums over runs whose outcome's slopes along the coefficients are ``lines``, and whose target is linear."""
        parts = []
        for kind in (paired, ~paired):
            x, y, w = lines[:, kind], target[:, kind], 1 / variance[:, kind]
            gram, of_target = np.einsum("srp,sr,srq->spq", x, w, x), np.einsum("srp,sr,sr->sp", x, w, y)
            parts.append((int(kind.sum()), gram, of_target, (w * y**2).sum(axis=1)))
        return cls(*zip(*parts, strict=True))

    def sampled(self, grid: Hyper, rng: np.random.Generator) -> Hyper:
        """For each draw one combination of the grid, by its probability."""
        each = zip(grid.bend, grid.noise, strict=True)
        log_p = np.column_stack([self.log_density(bend, noise) for bend, noise in each]) + grid.log_prior
        cumulative = np.cumsum(np.exp(log_p - log_p.max(axis=1, keepdims=True)), axis=1)
        place = (cumulative < rng.uniform(size=(len(log_p), 1)) * cumulative[:, -1:]).sum(axis=1)
        return Hyper(*(values[place] for values in (grid.bend, grid.noise, grid.log_prior)))

    def log_density(self, bend: float, noise: float) -> Array:
        """Log density of the outcomes by draw, up to a constant, shape (sample,)."""
        (told, pull), prior = self.given(np.array([noise])), precision_of(np.array([bend]))
        precision = told + prior
        root = np.linalg.cholesky(precision)
        solution = np.linalg.solve(precision, pull[..., None])[..., 0]
        scales = self._scales(np.array([noise]))
        squares = sum(each / scale for each, scale in zip(self.squares, scales, strict=True))
        spread = sum(n * np.log(scale) for n, scale in zip(self.n, scales, strict=True))
        log_prior = np.log(np.diagonal(prior[0])).sum()
        log_precision = 2 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
        return np.asarray(0.5 * ((pull * solution).sum(axis=1) - squares - spread + log_prior - log_precision))

    def given(self, noise: Array) -> tuple[Array, Array]:
        """Precision of the coefficients from the runs, and it times their estimate, by the noise of draws."""
        both = zip(self.gram, self.of_target, self._scales(noise), strict=True)
        parts = [(gram / scale[:, None, None], of_target / scale[:, None]) for gram, of_target, scale in both]
        told, pull = (np.sum(each, axis=0) for each in zip(*parts, strict=True))
        return told, pull

    def _scales(self, noise: Array) -> tuple[Array, Array]:
        """Relative variance of runs of either kind: one without a partner also has the noise that partners share."""
        return noise**2, noise**2 + (1.0 if self.n[0] else 0.0)


def precision_of(bend: Array) -> Array:
    """Prior precision of the coefficients, shape (value of bend, coefficient, coefficient)."""
    changes = np.repeat(bend[:, None] * np.sqrt(_KNOT), _AHEAD + _BEHIND, axis=1)
    others = np.broadcast_to([LEVEL_SD, SLOPE_SD, SHAPE_SD], (len(bend), 3))
    return np.asarray(np.eye(3 + _AHEAD + _BEHIND) / np.square(np.hstack([others, changes]))[:, None, :])


def design_of(ahead: Array, shape: Array) -> Array:
    """What multiplies the coefficients, at distances from the middle of the runs: shape (..., coefficient)."""
    up = [np.maximum(ahead - (k + 0.5) * _KNOT, 0.0) for k in range(_AHEAD)]
    down = [np.maximum(-ahead - (k + 0.5) * _KNOT, 0.0) for k in range(_BEHIND)]
    return np.stack([np.ones_like(ahead), ahead, shape, *up, *down], axis=-1)


def places_around(budgets: Array) -> Array:
    """Budgets among which those of the second recipe are searched."""
    low, high = budgets.min() / _LARGEST, budgets.max() * _LARGEST
    return np.geomspace(low, high, 1 + int(np.ceil(_PLACES * np.log10(high / low))))


def multiplier_of(budgets: Array, places: Array, excess: Array) -> Array:
    """Budgets over the first of the places at which an excess of shape (..., budget, place) is not below zero."""
    reached = excess >= 0
    place = np.maximum(reached.argmax(axis=-1), 1)[..., None]
    before, after = (np.take_along_axis(excess, place - k, axis=-1)[..., 0] for k in (1, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.nan_to_num(np.clip(before / (before - after), 0.0, 1.0))
    found = places[place[..., 0] - 1] * (places[1] / places[0]) ** share
    return np.clip(np.where(reached.any(axis=-1), budgets / found, 0.0), 1 / _LARGEST, _LARGEST)
