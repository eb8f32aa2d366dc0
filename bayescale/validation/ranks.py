"""Ranks of true values among draws: coverage, and whether they are uniform."""

import functools

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MASSES = (0.5, 0.8, 0.9)
"""Masses of the intervals whose coverage is counted."""

ERROR = 0.01
"""Probability with which fits that are right are called wrong, over all parameters together."""


def rank(value: float, draws: Array) -> float:
    """Rank of a value among draws, scaled to lie between 0 (below all of them) and 1 (above).

    Examples
    --------
    >>> rank(2.5, np.array([1.0, 2.0, 3.0, 4.0]))
    0.5
    """
    return float((np.count_nonzero(draws < value) + 0.5) / (len(draws) + 1))


def coverage(ranks: Array, prob: float) -> Array:
    """Share of equal-tailed intervals of the given mass that cover the true value, from ranks (replicate, ...).

    Examples
    --------
    >>> float(coverage(np.array([0.02, 0.3, 0.6, 0.9]), 0.9))
    0.75
    """
    return np.asarray((np.abs(ranks - 0.5) < prob / 2).mean(axis=0))


def coverage_band(replicates: int, prob: float, *, error: float) -> tuple[float, float]:
    """Range that contains the empirical coverage of a calibrated posterior, except with probability ``error``.

    For several coverages at once, divide ``error`` among them (Bonferroni).

    Examples
    --------
    >>> coverage_band(200, 0.9, error=0.01)
    (0.84, 0.95)
    """
    from scipy.stats import binom

    low, high = binom.ppf([error / 2, 1 - error / 2], replicates, prob)
    return float(low / replicates), float(high / replicates)


def ecdf_p_value(ranks: Array, *, simulations: int = 20_000) -> float:
    """Probability that the empirical distribution of uniform ranks is as far from the diagonal as that of these ranks.

    The distance is the smallest binomial tail probability over the points i/n, so that rejecting at p is the same as
    leaving a simultaneous band of probability 1 - p (Sailynoja, Burkner and Vehtari 2022, arXiv:2103.10522).

    Parameters
    ----------
    ranks : array, shape (replicate,)
        Between 0 and 1; fewer than two give one.
    simulations : int
        Number of uniform samples from which the p-value is computed.

    Examples
    --------
    >>> even = (np.arange(100) + 0.5) / 100
    >>> ecdf_p_value(even) > 0.9, ecdf_p_value(even**1.7) < 0.01
    (True, True)
    """
    if len(ranks) < 2:
        return 1.0  # a single rank cannot show how ranks are distributed
    reference = _smallest_tails_of_uniform(len(ranks), simulations)
    as_far = np.count_nonzero(reference <= _smallest_tails(ranks[None]))
    return float((1 + as_far) / (1 + simulations))


@functools.cache
def _smallest_tails_of_uniform(n: int, simulations: int) -> Array:
    return _smallest_tails(np.random.default_rng(0).uniform(size=(simulations, n)))


def _smallest_tails(samples: Array) -> Array:
    """The smallest binomial tail probability over the points i/n, of samples of shape (sample, rank)."""
    from scipy.special import bdtr

    n = samples.shape[1]
    points = np.arange(1, n) / n
    below = np.vstack([np.zeros(n - 1), bdtr(np.arange(n + 1.0)[:, None], n, points)])
    cells = np.minimum((samples * n).astype(int), n - 1) + n * np.arange(len(samples))[:, None]
    counts = np.bincount(cells.ravel(), minlength=n * len(samples)).reshape(-1, n).cumsum(axis=1)[:, :-1]
    column = np.arange(n - 1)
    return np.asarray(np.minimum(below[counts + 1, column], 1 - below[counts, column]).min(axis=1))
