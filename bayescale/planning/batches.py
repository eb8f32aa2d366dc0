"""Batches of runs that leave the least variance, by the covariance of what is believed."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_ROUNDING = 1e-15
"""Smallest share of the target's variance that counts as taken away, above rounding."""
_EQUAL = 1e-9
"""Relative difference up to which two gains count as equal."""
_AS_LARGE = 0.99
"""Share of the largest run's cost from which a run counts as equally large, as those of one isoFLOP budget do."""


def gains(covariance: Array, n: int) -> Array:
    """Variance of all targets together that observing each candidate alone takes away, shape (candidate,).

    Parameters
    ----------
    covariance : array, shape (candidate + target, candidate + target)
        Of the candidates' outcomes, with their noise, and the targets after them.
    n : int
        Number of candidates.
    """
    return np.asarray(np.square(covariance[n:, :n]).sum(axis=0) / np.diag(covariance)[:n])


def best_batch(covariance: Array, cost: Array, budget: float, most: int | None = None) -> NDArray[np.intp]:
    """Candidates to observe together within a budget, in the order in which they are chosen.

    Among those that the remaining budget pays for, the next is always the one that removes most variance for its
    cost, or always the one that takes most away; the better of the two batches is kept. Each alone can be arbitrarily
    bad, and the better takes at least (1 - 1/e)/2 of what the best would where returns diminish (Leskovec et al. 2007,
    doi:10.1145/1281192.1281239), as those of linear estimates mostly do.

    Parameters
    ----------
    covariance
        As of :func:`gains`.
    cost : array, shape (candidate,)
    budget : float
        In the unit of the cost.
    most : int, optional
        Largest number of candidates.

    Examples
    --------
    >>> covariance = np.array([[1.0, 0.0, 0.9], [0.0, 1.0, 0.3], [0.9, 0.3, 1.0]])
    >>> order = best_batch(covariance, cost=np.array([3.0, 1.0]), budget=4.0)
    >>> order.tolist(), left_after(covariance, order, 2).round(2).tolist()
    ([0, 1], [0.19, 0.1])
    """
    worths = (lambda gain: gain / cost, lambda gain: gain)
    each = [_greedy(covariance, cost, budget, most or len(cost), worth) for worth in worths]
    return np.array(max(each, key=lambda batch: batch[1])[0], dtype=np.intp)


def largest_first(
    covariance: Array, cost: Array, budget: float, most: int | None = None, enough: float = np.inf
) -> NDArray[np.intp]:
    """The largest candidates that a budget pays for, one after another; of equally large ones those that tell most.

    Parameters
    ----------
    covariance
        As of :func:`gains`.
    cost, budget, most
        As of :func:`best_batch`.
    enough : float
        Cost from which candidates count as equally large, such as that of the target itself.

    Examples
    --------
    >>> covariance = np.array([[1.0, 0.0, 0.0, 0.1], [0.0, 1.0, 0.0, 0.9], [0.0, 0.0, 1.0, 0.2], [0.1, 0.9, 0.2, 1.0]])
    >>> largest_first(covariance, cost=np.array([3.0, 1.0, 3.0]), budget=4.0).tolist()
    [2, 1]
    """
    size = np.minimum(cost, enough)

    def worth(gain: Array) -> Array:
        return np.where(size >= _AS_LARGE * size[gain > 0].max(initial=0.0), gain, 0.0)

    return np.array(_greedy(covariance, cost, budget, most or len(cost), worth)[0], dtype=np.intp)


def left_after(covariance: Array, order: NDArray[np.intp], n: int) -> Array:
    """Share of the targets' variance that is left after each of several candidates, one after another.

    Parameters
    ----------
    covariance, n
        As of :func:`gains`.
    order : array of int
    """
    if not len(order):
        return np.empty(0)
    factor = np.linalg.cholesky(covariance[np.ix_(order, order)])
    moved = np.linalg.solve(factor, covariance[order, n:])
    taken = np.cumsum(np.square(moved).sum(axis=1))
    return np.asarray(np.maximum(1 - taken / _variance(covariance, n), 0.0))


def _greedy(
    covariance: Array, cost: Array, budget: float, most: int, worth: Callable[[Array], Array]
) -> tuple[list[int], float]:
    """Candidates one after another, each the one whose gain is worth most, and the variance that they take away."""
    n = len(cost)
    total = _variance(covariance, n)
    own, cross = np.diag(covariance)[:n], covariance[n:, :n]
    # A repeated run has no variance of its own left, but for rounding.
    least = 1e-9 * own
    free = np.ones(n, dtype=bool)
    factors: list[Array] = []
    order: list[int] = []
    taken = 0.0
    while len(order) < most:
        free &= (cost <= budget) & (own > least)
        gain = np.divide(np.square(cross).sum(axis=0), own, where=free, out=np.zeros(n))
        gain[gain <= _ROUNDING * total] = 0.0
        if not gain.any():
            break
        value = worth(gain)
        # Of equal worth, the cheapest, whatever the order of the candidates.
        best = int(np.where(value >= (1 - _EQUAL) * value.max(), cost, np.inf).argmin())
        # The next row of a Cholesky factor: how everything moves with what this run adds to those before it.
        seen = sum((factor[best] * factor for factor in factors), np.zeros(len(covariance)))
        factor = (covariance[best] - seen) / np.sqrt(own[best])
        own, cross = own - np.square(factor[:n]), cross - np.outer(factor[n:], factor[:n])
        factors.append(factor)
        order.append(best)
        taken += float(gain[best])
        budget -= cost[best]
        free[best] = False
    return order, taken


def _variance(covariance: Array, n: int) -> float:
    """Variance of all targets together; they follow n candidates."""
    return float(np.trace(covariance[n:, n:]))
