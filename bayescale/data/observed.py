"""A law and a table of runs, bound once: inputs, outcome, its standard error, centre, size and cluster of each run."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.errors import LawError
from bayescale.data.compute import SIX_ND, TABLE, Count, Counted
from bayescale.data.repeats import runs_column
from bayescale.data.runs import Runs
from bayescale.laws.following import as_law_of
from bayescale.laws.law import Law
from bayescale.laws.noise import noise_scale
from bayescale.laws.parameters import Input, Setting

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Observed:
    """A law and a table, bound; :func:`bayescale.data.checks.observe` also checks that they suit each other.

    Attributes
    ----------
    law : Law
        In the unit of the runs.
    runs : Runs
    warnings : tuple of str
        Of the table, and of the two together.
    """

    law: Law
    runs: Runs
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        runs = self.runs
        if "C" in self.law.input_names and "C_table" in runs.frame and runs.count.rule == SIX_ND:
            # A law that reads compute reads what the table gives, and budgets are then in the same count.
            frame = runs.frame.drop(columns="C").rename(columns={"C_table": "C"})
            object.__setattr__(self, "runs", replace(runs, frame=frame, counted=Counted(Count(TABLE))))

    @classmethod
    def of(cls, law: Law, runs: Runs) -> Self:
        """Bind a law, as one of the runs' outcome and in its unit, to runs.

        Raises
        ------
        LawError
            If the law has a unit of its own that differs, or reads the runs' outcome in another unit.
        """
        for item in (*law.inputs, *law.settings):
            check_unit_read(item, law.name, runs.unit if item.name == runs.outcome else None)
        law = serving(law, runs)
        return cls(law.in_unit(runs.unit) if law.outcome == runs.outcome else law, runs)

    def __len__(self) -> int:
        return len(self.runs)

    def take(self, rows: NDArray[np.intp]) -> "Observed":
        """The same law bound to some of the rows, counted from zero."""
        return Observed(self.law, self.runs.take(rows))

    @cached_property
    def inputs(self) -> dict[str, Array]:
        """What the law's mean reads of each run: its inputs and settings, each of shape (run,).

        Raises
        ------
        RunsError
            If a column is missing, or holds a value that it cannot have.
        """
        inputs = {name: self.runs.column(name) for name in self.law.input_names}
        return inputs | {setting.name: self._setting(setting) for setting in self.law.settings}

    def _setting(self, setting: Setting) -> Array:
        if setting.name not in self.runs.frame and setting.default is not None:
            return np.full(len(self.runs), setting.default)
        return self.runs.column(setting.name, setting.domain)

    @cached_property
    def located(self) -> Array:
        """Place of each run among the law's inputs, shape (run, input): where the discrepancy is correlated."""
        return self.law.located(self.inputs)

    @cached_property
    def centre(self) -> dict[str, float]:
        """Geometric mean of each input over the runs, where the sizes of the law's terms are sampled.

        For inputs that ask for it, ``largest_<input>`` is the largest value.
        """
        middle = {name: float(np.exp(np.log(self.runs.column(name)).mean())) for name in self.law.input_names}
        asked = [item.name for item in self.law.inputs if item.largest]
        return middle | {f"largest_{name}": float(self.runs.column(name).max()) for name in asked}

    @cached_property
    def outcome(self) -> Array:
        """Each run's outcome on its own scale, shape (run,)."""
        return self.runs.column(self.law.outcome, self.law.link.domain)

    @cached_property
    def on_link(self) -> Array:
        """Each run's outcome on the link's scale, shape (run,).

        A fraction of a known number of items is taken as ``(k + 1/2) / (n + 1)``, the empirical logit, which is finite
        for none and for all of them (Haldane 1955, doi:10.1111/j.1469-1809.1955.tb01385.x).
        """
        return np.asarray(self.law.link.forward(np, self._smoothed))

    @property
    def _smoothed(self) -> Array:
        items = self._items
        return self.outcome if items is None else (self.outcome * items + 0.5) / (items + 1)

    @cached_property
    def standard_error(self) -> Array | None:
        """Standard error of each outcome on the link's scale, shape (run,), or None where the table gives none.

        Of a fraction of ``n`` items, k of them right, it is binomial: ``1/(k + 1/2) + 1/(n - k + 1/2)`` is the variance
        of the empirical logit (Gart and Zweifel 1967, doi:10.1093/biomet/54.1-2.181). It is taken to another link's
        scale, as a column of standard errors is, by the slope.
        """
        items = self._items
        if items is not None:
            right = self.outcome * items
            of_logit = np.sqrt(1 / (right + 0.5) + 1 / (items - right + 0.5))
            share = self._smoothed
            return np.asarray(of_logit * share * (1 - share) * self.law.link.slope(share))
        column = f"{self.law.outcome}_se"
        if column not in self.runs.frame:
            return None
        return np.asarray(self.runs.column(column) * self.law.link.slope(self.outcome))

    @cached_property
    def scatter_of_repeats(self) -> Array | None:
        """Standard deviation of a run around the mean of its repeats, on the link's scale; None where it is not known.

        The standard error of the mean of ``n`` runs is that of one over the root of ``n``.
        """
        column = runs_column(self.law.outcome)
        if column not in self.runs.frame or self.standard_error is None:
            return None
        return np.asarray(np.median(self.standard_error * np.sqrt(self.runs.column(column))))

    @property
    def _items(self) -> Array | None:
        column = f"{self.law.outcome}_n"
        counted = self.law.link.domain == "fraction" and column in self.runs.frame
        return self.runs.column(column) if counted else None

    @cached_property
    def noise_scale(self) -> Array:
        """Noise of each run relative to sigma where the law may be wrong, shape (run,)."""
        return noise_scale({name: self.runs.column(name) for name in self.law.input_names})

    @cached_property
    def size(self) -> Array:
        """Size of each run, shape (run,): its compute, or what the law's inputs tell where that is not known."""
        return self.runs.column("C") if "C" in self.runs.frame else self.law.size(self.inputs)

    @cached_property
    def cluster(self) -> NDArray[np.int64] | None:
        """Code of the training run that each row belongs to, shape (run,); None if every row is a run of its own."""
        return self.runs.clusters if self.runs.shared else None


def serving(law: Law, runs: Runs) -> Law:
    """A law as one of the outcome of runs, if that follows from its own, which the runs do not have.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayescale import load_law
    >>> runs = Runs.from_frame(pd.DataFrame({"N": [1e8, 1e9], "D": 2e10, "perplexity": [20.0, 15.0]}))
    >>> serving(load_law("chinchilla"), runs).outcome
    'perplexity'
    """
    return law if law.outcome in runs.frame else as_law_of(law, runs.outcome)


def check_unit_read(item: Input, law: str, unit: str | None) -> None:
    """Check that a law reads a column in the unit that it has; either may be unknown.

    Raises
    ------
    LawError
        If they differ, since the priors on what follows from the column are in the law's own unit.
    """
    if unit and item.unit and unit != item.unit:
        raise LawError(
            f"law {law!r} reads {item.name} in {item.unit}, not in {unit}: convert the table, and leave the unit out"
        )
