"""Checkpoints: rows that one training run passed through, as a column says, or as their N and D suggest."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale.data.sweeps import is_setting, plain_name

DATA = ("D", "characters")
"""Columns that rise within a training run: tokens, or what is counted in their place."""
_LEAST = 5
"""Fewest rows of one N with rising D that look like checkpoints if D rises evenly."""
_MANY = 20
"""Rows of one N with rising D that look like checkpoints however D rises."""
_EVEN = 0.02
"""Share by which steps of D that are even may differ."""
_MOST = 0.5
"""Share of the rows that must look like checkpoints."""
_RATES = frozenset({"lr", "learningrate", "currentlr", "lastlr"})
_ENDED = frozenset({"annealed", "decayed", "cooleddown", "cooldown", "finished", "final", "isfinal", "ended"})
_LOW = 0.2
"""Share of a run's highest learning rate below which its schedule has ended, where no later row has a lower rate."""


@dataclass(frozen=True, eq=False)
class Checkpoints:
    """Rows that are, or may be, of one training run.

    Attributes
    ----------
    run : array, shape (run,)
        Code of the training run of each row.
    told : bool
        Whether a column tells, or the user.
    ended : array or None
        Whether each row comes after the end of a learning-rate schedule, where a column shows that.
    by : str
        That column.
    data : str
        The column that rises within a run.
    """

    run: NDArray[np.int64]
    told: bool
    ended: NDArray[np.bool_] | None = None
    by: str = ""
    data: str = DATA[0]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of a table with checkpoints."""
        found = []
        if not self.told:
            largest = int(np.bincount(self.run).argmax())
            rows = np.flatnonzero(self.run == largest) + 1
            found.append(
                f"rows {rows[0]} to {rows[-1]} have one N and rising {self.data}, as checkpoints of one training run "
                "have, and so have others: tell_checkpoints(runs, True) takes such rows as of one run, "
                "tell_checkpoints(runs, False) as runs of their own"
            )
        if self.ended is not None:
            found.append(
                f"{self.ended.sum()} of {len(self.ended)} rows come after the end of a learning-rate schedule (column "
                f"{self.by}), and the others before it, where losses are higher than of runs that end there: keep one "
                "kind"
            )
        return tuple(found)


def checkpoints_of(frame: pd.DataFrame) -> Checkpoints | None:
    """Training runs with several rows, as column ``run`` tells or N and D suggest; None if each row is a run.

    Examples
    --------
    >>> table = pd.DataFrame({"N": [1e8] * 6, "D": [1e9, 2e9, 3e9, 4e9, 5e9, 6e9]})
    >>> checkpoints_of(table).told
    False
    >>> checkpoints_of(table.assign(D=[1e9, 2e9, 4e9, 8e9, 16e9, 32e9])) is None
    True
    """
    if "run" in frame:
        run = np.asarray(pd.factorize(frame["run"])[0], dtype=np.int64)
        if int(run.max()) + 1 == len(run):
            return None
        return Checkpoints(run, True, *_ended(frame, run))
    data = rising(frame)
    if data is None:
        return None
    run = consecutive(frame)
    sizes = np.bincount(run)
    alike = np.flatnonzero(sizes >= _LEAST)
    if sizes[alike].sum() < _MOST * len(run):
        return None
    seen = frame[data].to_numpy(dtype=np.float64)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    looks = [code for code in alike if sizes[code] >= _MANY or _even(seen[starts[code] : starts[code + 1]])]
    if sizes[looks].sum() < _MOST * len(run):
        return None
    return Checkpoints(run, False, *_ended(frame, run), data=data)


def rising(frame: pd.DataFrame) -> str | None:
    """The column that rises within a run, if the table has one, and N."""
    return next((name for name in DATA if name in frame), None) if "N" in frame else None


def consecutive(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Code of each stretch of rows with one N, V, group and settings, and rising data; shape (run,)."""
    names = [str(name) for name in frame.columns if name in {"N", "V", "group"} or _constant(str(name))]
    new = frame[rising(frame)].to_numpy(dtype=np.float64)
    starts = np.concatenate([[True], np.diff(new) <= 0])
    for name in names:
        values = frame[name]
        # Floats differ from their neighbours as their codes do, which take long for millions of them.
        codes = values.to_numpy() if values.dtype == np.float64 else pd.factorize(values)[0]
        starts[1:] |= codes[1:] != codes[:-1]
    return np.cumsum(starts) - 1


def _constant(name: str) -> bool:
    """Whether a column holds a setting that does not change within a run."""
    return is_setting(name) and plain_name(name) not in _RATES


def _even(D: NDArray[np.float64]) -> bool:
    steps = np.diff(D[-_LEAST:])
    return bool(np.ptp(steps) <= _EVEN * steps.mean())


def _ended(frame: pd.DataFrame, run: NDArray[np.int64]) -> tuple[NDArray[np.bool_] | None, str]:
    """Rows after the end of a schedule, and the column that shows them; None if all are, or none is known to be."""
    for name in map(str, frame.columns):
        values = frame[name]
        if plain_name(name) in _ENDED and values.dtype.kind == "b":
            found = values.to_numpy(dtype=np.bool_)
        elif plain_name(name) in _RATES and values.dtype.kind in "iuf":
            of_run = values.groupby(run)
            # Warm-up is low too, so the rate must not rise again.
            ahead = values[::-1].groupby(run[::-1]).cummax()[::-1]
            low = ahead <= _LOW * of_run.transform("max")
            found = (low & (of_run.transform("min") < of_run.transform("max"))).to_numpy(dtype=np.bool_)
        else:
            continue
        if 0 < found.sum() < len(found):
            return found, name
    return None, ""
