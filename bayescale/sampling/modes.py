"""Modes of a log density, searched from several starts at once by damped Newton steps on finite differences.

Every iteration evaluates the difference stencils of all starts in one call, which suits a vectorised
density, and yields the curvature at each mode as a by-product.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.errors import SamplingError

Array = NDArray[np.float64]
Density = Callable[[Array], Array]

_STEP_LENGTHS = np.array([1.0, 0.5, 0.25, 0.1, 0.03, 0.01, 0.001])
_WIDEST = 2.0
"""Standard deviation, on the unconstrained scale, for a direction in which the density is not concave."""


@dataclass(frozen=True)
class Mode:
    """A local maximum: its position, the covariance of its Laplace approximation, and the log density there."""

    location: Array
    covariance: Array
    log_density: float


def find_modes(density: Density, starts: Array, *, max_iterations: int = 60, tolerance: float = 0.02) -> list[Mode]:
    """Climb from every start and return the distinct modes, the highest first.

    Parameters
    ----------
    density : callable
        Log density of points of shape (point, coordinate).
    starts : array, shape (start, coordinate)
        Points of finite density.
    max_iterations : int
    tolerance : float
        A climb ends when a step gains less log density than this.
    """
    points, heights = starts.copy(), density(starts)
    steps = np.full_like(points, 1e-3)
    covariances = np.zeros((*points.shape, points.shape[1]))
    climbing = np.arange(len(points))
    for _ in range(max_iterations):
        gradients, hessians = _differences(density, points[climbing], heights[climbing], steps[climbing])
        covariances[climbing] = [_covariance(hessian) for hessian in hessians]
        steps[climbing] = np.clip(0.1 * np.sqrt(np.einsum("sii->si", covariances[climbing])), 1e-8, 1e-2)
        directions = np.einsum("sij,sj->si", covariances[climbing], gradients)
        directions *= np.minimum(1.0, _WIDEST / np.abs(directions).max(axis=1, keepdims=True).clip(1e-300))
        tried = points[climbing][:, None] + _STEP_LENGTHS[:, None] * directions[:, None]
        tried_heights = density(tried.reshape(-1, points.shape[1])).reshape(len(climbing), -1)
        best = tried_heights.argmax(axis=1)
        rows = np.arange(len(climbing))
        gains = tried_heights[rows, best] - heights[climbing]
        better = gains > 0
        points[climbing[better]] = tried[rows, best][better]
        heights[climbing[better]] = tried_heights[rows, best][better]
        climbing = climbing[gains > tolerance]
        if len(climbing) == 0:
            break
    found = [Mode(points[i], covariances[i], float(heights[i])) for i in np.argsort(-heights)]
    return _distinct(found)


def best_starts(density: Density, draws: Array, n: int) -> Array:
    """The highest of some draws, from which to climb, shape (start, coordinate).

    Raises
    ------
    SamplingError
        If the density is finite at none of them.
    """
    heights = density(draws)
    order = np.argsort(-heights)[:n]
    order = order[np.isfinite(heights[order])]
    if len(order) == 0:
        raise SamplingError(
            "the posterior density is zero or undefined at every draw from the prior: check the law's mean function "
            "and its priors against the runs"
        )
    return draws[order]


def _differences(density: Density, points: Array, heights: Array, steps: Array) -> tuple[Array, Array]:
    """Gradients (start, coordinate) and Hessians (start, coordinate, coordinate) by central differences."""
    n, d = points.shape
    rows, columns = np.triu_indices(d, k=1)
    unit = np.eye(d)
    offsets = np.concatenate([unit, unit[rows] + unit[columns]])
    stencil = np.concatenate([offsets, -offsets])[None] * steps[:, None]
    values = density((points[:, None] + stencil).reshape(-1, d)).reshape(n, 2, len(offsets))
    values = np.where(np.isfinite(values), values, heights[:, None, None] - 1e3)
    plus, minus = values[:, 0], values[:, 1]
    gradients = (plus[:, :d] - minus[:, :d]) / (2 * steps)
    second = plus + minus - 2 * heights[:, None]
    hessians = np.zeros((n, d, d))
    diagonal = np.arange(d)
    hessians[:, diagonal, diagonal] = second[:, :d] / steps**2
    cross = (second[:, d:] - second[:, rows] - second[:, columns]) / (2 * steps[:, rows] * steps[:, columns])
    hessians[:, rows, columns] = hessians[:, columns, rows] = cross
    return gradients, hessians


def _covariance(hessian: Array) -> Array:
    """Inverse of the negative Hessian, with a finite width for directions in which the density is not concave."""
    curvature, axes = np.linalg.eigh(-hessian)
    variance = 1 / np.maximum(np.abs(curvature), _WIDEST**-2)
    return np.asarray((axes * variance) @ axes.T)


def _distinct(modes: list[Mode]) -> list[Mode]:
    """Drop modes within one standard deviation of a higher one, or too low to matter."""
    kept: list[Mode] = []
    for mode in modes:
        offsets = [mode.location - other.location for other in kept]
        near = [o @ np.linalg.solve(k.covariance, o) < len(o) for o, k in zip(offsets, kept, strict=True)]
        if not any(near) and (not kept or mode.log_density > kept[0].log_density - 20):
            kept.append(mode)
    return kept
