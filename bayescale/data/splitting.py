"""Splits of a table into training runs and larger hidden runs.

For every ceiling T = C_max / 3, / 9, / 27 ... that leaves at least ten training runs, horizon h trains on runs with
C <= T / h and hides those with T < C <= 3 T. Rows of one training run are all on the same side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.errors import RunsError
from bayescale.data.runs import Runs

Array = NDArray[np.float64]

HORIZONS = (1.0, 3.0, 10.0, 30.0)
LEAST_TRAINING_RUNS = 10

_STEP = 3.0


@dataclass(frozen=True, eq=False)
class Split:
    """Rows to train on and rows to score, at one ceiling of compute (FLOP) and one horizon."""

    ceiling: float
    horizon: float
    train: NDArray[np.intp]
    test: NDArray[np.intp]


def splits(runs: Runs, horizons: Sequence[float] = HORIZONS, size: Array | None = None) -> list[Split]:
    """All splits of a table that leave enough training runs.

    Parameters
    ----------
    runs : Runs
        The column ``run``, if present, identifies the training run of a row.
    horizons : sequence of float
        Ratios of the ceiling to the largest training size.
    size : array, shape (run,), optional
        Size of each run, such as :attr:`Observed.size`; by default the compute ``C``.

    Raises
    ------
    RunsError
        If no split leaves ten training runs and something to score.
    """
    cluster = runs.clusters
    size = runs.column("C") if size is None else size
    found = []
    ceiling = size.max() / _STEP
    while (size <= ceiling).sum() >= LEAST_TRAINING_RUNS:
        test = (size > ceiling) & (size <= _STEP * ceiling * (1 + 1e-9))
        free = ~np.isin(cluster, cluster[test])
        for horizon in horizons:
            train = (size <= ceiling / horizon) & free
            if test.any() and train.sum() >= LEAST_TRAINING_RUNS:
                found.append(Split(ceiling, horizon, np.flatnonzero(train), np.flatnonzero(test)))
        ceiling /= _STEP
    if not found:
        raise RunsError(
            f"{runs.source}: too few runs for a back-test: hiding the runs within a factor {_STEP:.0f} of the largest "
            f"leaves fewer than {LEAST_TRAINING_RUNS} to train on"
        )
    return found
