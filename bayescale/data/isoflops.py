"""IsoFLOP slices: runs of several sizes at one budget."""

import numpy as np
from numpy.typing import NDArray

from bayescale.data.runs import RAY_WIDTH, Runs

BUDGET = "budget"
"""Column that names the budget of a run, where its compute only comes near it."""
LEAST_SIZES = 4
"""Fewest sizes at one compute that make an isoFLOP slice."""


def isoflop_slices(runs: Runs) -> list[NDArray[np.intp]]:
    """Rows of each isoFLOP slice, from the smallest compute on.

    A slice has four sizes or more at one compute, within 5 %: that of a column ``budget``, if the table has one, or as
    the table itself counts it.

    Parameters
    ----------
    runs : Runs
        With N and C.

    Examples
    --------
    >>> import pandas as pd
    >>> N = np.array([1e7, 2e7, 4e7, 8e7, 1e8])
    >>> table = pd.DataFrame({"N": N, "D": 1e18 / 6 / N, "loss": [3.3, 3.1, 3.0, 3.1, 3.2]})
    >>> [rows.tolist() for rows in isoflop_slices(Runs.from_frame(table))]
    [[0, 1, 2, 3, 4]]
    """
    given = (name for name in (BUDGET, "C_table") if name in runs.frame and runs.frame[name].dtype.kind in "iuf")
    log_c, sizes = np.log(runs.column(next(given, "C"))), runs.column("N")
    order = np.argsort(log_c, kind="stable")
    found, start = [], 0
    while start < len(order):
        end = int(np.searchsorted(log_c[order], log_c[order[start]] + RAY_WIDTH, side="right"))
        found.append(np.sort(order[start:end]))
        start = end
    return [rows for rows in found if len(np.unique(sizes[rows])) >= LEAST_SIZES]
