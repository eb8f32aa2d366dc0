"""Rows that cannot be used: refused with a line for each kind, or left out, counted and named."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bayescale.basics.wording import columns_are
from bayescale.data.tables import Fault, FloatArray, middle_of, unusable

_DROP = "; drop_bad=True leaves out what cannot be used"
_GUESSING = 15.0
"""Loss in nats per token that no run can have that learnt anything: the logarithm of three million tokens."""


def usable_rows(
    frame: pd.DataFrame, labels: Mapping[str, str], domains: Mapping[str, str], source: str, drop_bad: bool
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """A table with its checked columns as floats, the faults of its rows, and what was left out.

    Parameters
    ----------
    frame : pandas.DataFrame
        Its columns are replaced.
    labels : mapping
        What the columns to check are called in the table, by our names.
    domains : mapping
        Values that columns can take, if not positive ones.
    source : str
    drop_bad : bool
        Whether to leave rows with faults out.
    """
    bad = np.zeros(len(frame), dtype=bool)
    of_rows: list[str] = []
    of_columns: list[str] = []
    left_out: list[str] = []
    for name, label in labels.items():
        numbers, faults = unusable(domains.get(name, "positive"), frame[name])
        if frame[name].dtype != np.float64:
            frame[name] = numbers
        if drop_bad and name == "loss":
            faults += diverged(numbers)
        for fault in faults:
            bad[list(fault.rows)] = True
            (of_rows if fault.rows else of_columns).append(fault.line(source, label))
            left_out.append(fault.left_out(label))
        if name == "loss" and domains.get(name) == "positive" and np.mean(numbers <= 0) > 0.5:
            of_columns.append(
                f"{source}, column {label}: most losses are below zero: if they are log likelihoods, add "
                f"{columns_are(loss='-COLUMN')}; if they were normalised, undo that, as in "
                f"{columns_are(loss='COLUMN*SD+MEAN')}"
            )
    if drop_bad and not of_columns and bad.any() and not bad.all():
        said = f"{bad.sum()} of {len(frame)} rows left out: {', '.join(left_out)}; rows are counted without them"
        return frame.loc[~bad].reset_index(drop=True), [], [said]
    cure = "" if bad.all() or drop_bad else _DROP
    return frame, [*(f"{line}{cure}" for line in of_rows), *of_columns], []


def diverged(losses: FloatArray) -> list[Fault]:
    """Losses that are above that of guessing, where most are not.

    Examples
    --------
    >>> [fault.rows for fault in diverged(np.array([3.1, 47.0, 2.9]))]
    [(1,)]
    """
    rows = tuple(np.flatnonzero(losses > _GUESSING).tolist())
    if not rows or not middle_of(losses) < _GUESSING:
        return []
    return [Fault(f"{losses[rows[0]]:g} is above guessing", "leave the run out", rows)]
