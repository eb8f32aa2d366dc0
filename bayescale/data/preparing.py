"""Runs prepared for a fit: how compute is counted, what becomes of a sweep, and which rows are checkpoints."""

from dataclasses import dataclass, replace
from typing import Literal

from bayescale.data.cells import best_runs, mean_runs
from bayescale.data.checkpoints import checkpoints_of, consecutive, rising
from bayescale.data.compute import count_compute
from bayescale.data.runs import Runs
from bayescale.data.tables import Frame


def count_flops(runs: Frame | Runs, rule: str) -> Runs:
    """The same runs, with training compute counted by another rule, which budgets for a fit to them are then in.

    Parameters
    ----------
    runs : Runs, DataFrame or mapping of columns
    rule : str
        Arithmetic over columns, proportional to the tokens D, such as ``"2*N*D"`` or
        ``"6*N*D + 12*layers*width*context*D"``; or ``"C"``, the table's own. Where the rule reads more than N and D, or
        is the table's own, runs that are not yet trained take what a power of N, fitted to these runs, gives.

    Returns
    -------
    Runs

    Raises
    ------
    RunsError
        If the rule is no such arithmetic, reads a column that is not there, or gives no positive number.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"N": [7e7, 1.4e9], "D": [1e9, 28e9], "loss": [3.9, 2.6]})
    >>> count_flops(Runs.from_frame(table), "2*N*D").column("C")
    array([1.40e+17, 7.84e+19])
    """
    runs = Runs.of(runs)
    frame = runs.frame.drop(columns=list(runs.counted.derived))
    counted = count_compute(frame, rule, runs.source)
    own = tuple(note for note in runs.notes if note not in runs.counted.notes)
    return replace(runs, frame=frame, notes=(*own, *counted.notes), counted=counted)


def tell_checkpoints(runs: Frame | Runs, told: bool) -> Runs:
    """The same runs, where consecutive rows of one N with rising D are of one training run, or each is a run.

    Parameters
    ----------
    runs : Runs, DataFrame or mapping of columns
    told : bool
        Whether they are of one training run. A column ``run`` that tells it already is followed.

    Returns
    -------
    Runs

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"N": [1e8] * 3, "D": [1e9, 2e9, 3e9], "loss": [4.0, 3.6, 3.4]})
    >>> tell_checkpoints(Runs.from_frame(table), True).clusters.tolist()
    [0, 0, 0]
    """
    runs = Runs.of(runs)
    asked, frame = runs.structure, runs.frame
    if told and "run" not in frame and rising(frame):
        frame = frame.assign(run=consecutive(frame))
    answered = replace(asked, checkpoints=checkpoints_of(frame) if "run" in frame else None)
    others = (text for text in runs.warnings if text not in asked.of_checkpoints)
    return replace(runs, frame=frame, warnings=(*others, *answered.of_checkpoints), structure=answered)


@dataclass(frozen=True)
class Preparation:
    """What becomes of a table before a fit.

    Parameters
    ----------
    flops : str, optional
        As the rule of :func:`count_flops`.
    cells : {"best", "mean"}, optional
        What is taken of several rows of one N and D; all of them if left out.
    checkpoints : bool, optional
        As of :func:`tell_checkpoints`; asked about if left out.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"N": [1e8] * 2, "D": [2e9] * 2, "seed": [0, 1], "loss": [3.0, 3.2]})
    >>> Preparation(cells="mean").of(Runs.from_frame(table)).column("loss")
    array([3.1])
    """

    flops: str | None = None
    cells: Literal["best", "mean"] | None = None
    checkpoints: bool | None = None

    def of(self, runs: Runs) -> Runs:
        """The runs, prepared."""
        if self.flops is not None:
            runs = count_flops(runs, self.flops)
        if self.checkpoints is not None:
            runs = tell_checkpoints(runs, self.checkpoints)
        if self.cells is not None:
            runs = (best_runs if self.cells == "best" else mean_runs)(runs)
        return runs
