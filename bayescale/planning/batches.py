"""Batches of runs that leave the least variance, by the covariance of what is believed."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_ROUNDING = 1e-15
"""Smallest share of the target's variance that counts as taken away, above rounding."""


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
    each = [_greedy(covariance, cost, budget, most or len(cost), per_cost) for per_cost in (True, False)]
    return np.array(max(each, key=lambda batch: batch[1])[0], dtype=np.intp)


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


def _greedy(covariance: Array, cost: Array, budget: float, most: int, per_cost: bool) -> tuple[list[int], float]:
    """Candidates one after another, and the variance that they take away together."""
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
        best = int((gain / cost if per_cost else gain).argmax())
        if gain[best] <= _ROUNDING * total:
            break
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
