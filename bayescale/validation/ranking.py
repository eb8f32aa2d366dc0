"""Uncertainty of a ranking of laws: differences of their scores, where runs and splits are not independent.

All runs hidden by one split are predicted from the same training runs, so their scores are correlated; so are the
scores of rows of one training run, whichever splits hide them. The mean score over horizons is taken as normal around
its expectation over new splits and runs, with an unknown covariance. Its estimate combines the covariance between the
observed splits or runs with a prior worth :data:`_PRIOR_SPLITS` splits: the covariance that would follow if splits
varied as much as the runs within them. The spread of runs is pooled over horizons, since some hide only a run or two.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

_PRIOR_SPLITS = 3.0
_DRAWS = 20_000

INSIDE_DOUBT = 2.0
"""Standard deviation added to a leave-one-out difference (nats), so that four nats are at most two of them."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """Laws ranked by a mean score, and the uncertainty of their order.

    Attributes
    ----------
    scores : pandas.DataFrame
        Indexed by law, the best first: ``score``, ``difference`` from the best, its standard error ``se``, and the
        ``probability`` that the law is the best of all.
    against_first : pandas.Series
        Probability that the first law is better than each, by law.
    """

    scores: pd.DataFrame
    against_first: "pd.Series[float]"


def ranked_by_hidden_runs(scores: pd.DataFrame, seed: int = 0) -> Ranking:
    """Rank laws by the log scores of hidden larger runs.

    Parameters
    ----------
    scores : pandas.DataFrame
        One column per law; indexed by ``horizon``, ``ceiling`` and ``run``, which name the split and the training run.
        All horizons have equal weight, and so have all runs within a horizon.
    seed : int

    Examples
    --------
    >>> index = [(h, c, 10 * i + j) for h in (1, 3) for i, c in enumerate("ab") for j in range(10)]
    >>> index = pd.MultiIndex.from_tuples(index, names=["horizon", "ceiling", "run"])
    >>> noise = np.random.default_rng(0).normal(size=(40, 2))
    >>> found = ranked_by_hidden_runs(pd.DataFrame(noise + [0.0, 3.0], index=index, columns=["one", "other"]))
    >>> found.scores.index[0], bool(found.scores.loc["other", "probability"] > 0.9)
    ('other', True)
    """
    by_horizon = scores.groupby("horizon")
    mean = by_horizon.mean().mean()
    weights = 1 / (by_horizon.ngroups * by_horizon.transform("size"))
    centred = scores - by_horizon.transform("mean")
    influence = centred.mul(weights, axis=0)
    spread = (centred.T @ centred).to_numpy() / max(len(centred) - by_horizon.ngroups, 1)
    units = ["run", "ceiling"]
    prior = spread * sum(float(np.square(weights.groupby(by).sum()).sum()) for by in units)
    between = max((_outer(influence.groupby(by).sum().to_numpy()) for by in units), key=np.trace)
    n_splits = scores.index.get_level_values("ceiling").nunique()
    df = _PRIOR_SPLITS + n_splits - 1
    return _ranked(mean, (_PRIOR_SPLITS * prior + (n_splits - 1) * between) / df, df, seed)


def ranked_by_inside_runs(pointwise: pd.DataFrame, seed: int = 0) -> Ranking:
    """Rank laws by the leave-one-out log density of the runs of a table, with a row per run and a column per law.

    A difference of a few nats is no evidence, however small its standard error, which is an underestimate if two laws
    predict alike (Sivula et al. 2020, arXiv:2008.10296): :data:`INSIDE_DOUBT` is added in quadrature.
    """
    n = len(pointwise)
    spread = n**2 * _outer(((pointwise - pointwise.mean()) / n).to_numpy())
    doubt = 0.5 * INSIDE_DOUBT**2 * np.eye(pointwise.shape[1])
    return _ranked(pointwise.sum(), spread + doubt, n - 1, seed)


def _outer(influence: Array) -> Array:
    """Covariance of a mean from the contributions of independent units, shape (law, law)."""
    n = len(influence)
    return np.asarray(influence.T @ influence * (n / max(n - 1, 1)))


def _ranked(mean: "pd.Series[float]", covariance: Array, df: float, seed: int) -> Ranking:
    rng, laws = np.random.default_rng(seed), list(mean.index)
    values, vectors = np.linalg.eigh(covariance)
    normal = rng.standard_normal((_DRAWS, len(laws))) @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
    draws = mean.to_numpy() + normal * np.sqrt(df / rng.chisquare(df, (_DRAWS, 1)))
    order = np.argsort(-mean.to_numpy(), kind="stable")
    first = order[0]
    variance = covariance[first, first] + np.diag(covariance) - 2 * covariance[first]
    table = pd.DataFrame(
        {
            "score": mean,
            "difference": mean - mean.iloc[first],
            "se": np.sqrt(np.maximum(variance, 0.0)),
            "probability": _shares(draws == draws.max(axis=1, keepdims=True)),
        },
        index=laws,
    )
    # Ties count half: of two laws with equal scores, each is the better one with probability one half.
    better = (draws[:, [first]] > draws).mean(axis=0) + 0.5 * (draws[:, [first]] == draws).mean(axis=0)
    return Ranking(table.iloc[order], pd.Series(better, index=laws).iloc[order])


def _shares(best: NDArray[np.bool_]) -> Array:
    """Share of draws in which each law is the best; ties are divided equally."""
    return np.asarray((best / best.sum(axis=1, keepdims=True)).mean(axis=0))
