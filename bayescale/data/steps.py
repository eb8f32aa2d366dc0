"""Runs as each of two steps reads them: the first predicts one of their columns, from which the second goes on."""

from dataclasses import replace

from bayescale.data.runs import Runs
from bayescale.data.suspicions import doubts_of


def first_runs(runs: Runs, outcome: str) -> Runs:
    """The same runs with another outcome, that of a first step.

    Parameters
    ----------
    runs : Runs
    outcome : str
        One of its columns, of positive numbers.

    Raises
    ------
    RunsError
        If there is no such column, or a value is not a finite number above zero.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"C": [1e20, 1e21], "loss": [3.0, 2.6], "accuracy": [0.4, 0.5]})
    >>> first_runs(Runs.from_frame(table, outcome="accuracy"), "loss").outcome
    'loss'
    """
    frame = runs.frame.assign(**{outcome: runs.column(outcome, "positive")})
    doubts = tuple(doubts_of(frame, outcome, "positive", None))
    return replace(
        runs, frame=frame, outcome=outcome, domain="positive", unit=None, named=outcome, warnings=doubts, notes=()
    )
