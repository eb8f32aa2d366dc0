"""What the rows of a table are to each other: a sweep of settings, or checkpoints of training runs."""

from dataclasses import dataclass

import pandas as pd

from bayescale.data.checkpoints import Checkpoints, checkpoints_of
from bayescale.data.sweeps import Sweep, sweep_of


@dataclass(frozen=True, eq=False)
class Structure:
    """What the rows of a table are to each other.

    Attributes
    ----------
    sweep : Sweep or None
        Rows of one N and D each.
    checkpoints : Checkpoints or None
        Rows that are, or may be, of one training run.
    """

    sweep: Sweep | None = None
    checkpoints: Checkpoints | None = None

    @classmethod
    def of(cls, frame: pd.DataFrame, outcome: str) -> "Structure":
        """The structure of a checked table."""
        return cls(sweep_of(frame, outcome), checkpoints_of(frame))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of it."""
        return (*(() if self.sweep is None else self.sweep.warnings), *self.of_checkpoints)

    @property
    def of_checkpoints(self) -> tuple[str, ...]:
        """Those of them that are on checkpoints."""
        return () if self.checkpoints is None else self.checkpoints.warnings


PLAIN = Structure()
"""Of a table whose rows are runs of their own."""
