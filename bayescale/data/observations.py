"""Observed outcomes on the link scale, with their standard errors from the table."""

import numpy as np
from numpy.typing import NDArray

from bayescale.data.runs import Runs
from bayescale.laws.law import Law

Array = NDArray[np.float64]


def link_outcome(law: Law, runs: Runs) -> Array:
    """Each run's outcome on the link scale, shape (run,).

    A fraction of a known number of items is converted to ``(k + 1/2) / (n + 1)``, whose logit, the empirical logit, is
    finite for k = 0 and k = n (Haldane 1955, doi:10.1111/j.1469-1809.1955.tb01385.x).
    """
    outcome, items = runs.column(law.outcome, law.link.domain), _items(law, runs)
    return np.asarray(law.link.forward(np, outcome if items is None else (outcome * items + 0.5) / (items + 1)))


def link_standard_error(law: Law, runs: Runs) -> Array | None:
    """Standard error of each outcome on the link scale, shape (run,), or None if the table has none.

    For a fraction of ``n`` items, k of them correct, it is binomial: ``1/(k + 1/2) + 1/(n - k + 1/2)`` is the variance
    of the empirical logit (Gart and Zweifel 1967, doi:10.1093/biomet/54.1-2.181). A column of standard errors is
    multiplied by the slope of the link.
    """
    outcome, items = runs.column(law.outcome, law.link.domain), _items(law, runs)
    if items is not None:
        right = outcome * items
        return np.asarray(np.sqrt(1 / (right + 0.5) + 1 / (items - right + 0.5)))
    column = f"{law.outcome}_se"
    return np.asarray(runs.column(column) * law.link.slope(outcome)) if column in runs.frame else None


def _items(law: Law, runs: Runs) -> Array | None:
    column = f"{law.outcome}_n"
    return runs.column(column) if law.link.domain == "fraction" and column in runs.frame else None
