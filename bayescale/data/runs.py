"""A checked table of training runs: what every fit, forecast and comparison starts from.

Checks that need no law are made when the table is read (:meth:`Runs.read`, :meth:`Runs.from_frame`); checks that
depend on a law are made when that law is fitted (:func:`check_runs`). All faults of a table are raised at once, one per
line.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale.basics.errors import RunsError
from bayescale.basics.html import html_of
from bayescale.basics.quantities import check_unit, format_quantity
from bayescale.data.compute import BY_DEFAULT, Count, Counted, count_compute, count_epochs
from bayescale.data.exports import read_tables
from bayescale.data.formats import STANDARD_INPUT
from bayescale.data.mapping import OF_LANGUAGE, OUTCOMES, mapped
from bayescale.data.names import missing_outcome
from bayescale.data.rows import usable_rows
from bayescale.data.structure import PLAIN, Structure
from bayescale.data.suspicions import UNITS, checked_columns, doubts_of
from bayescale.data.tables import FloatArray, Frame, as_frame, missing_column, numbers_in, refuse
from bayescale.data.units import impossible

RAY_WIDTH = float(np.log(1.05))


@dataclass(frozen=True, eq=False)
class Runs:
    """A checked table of training runs, one per row; create it with :meth:`read` or :meth:`from_frame`.

    Parameters
    ----------
    frame : pandas.DataFrame, shape (runs, columns)
        ``N`` (parameters), ``D`` and ``U`` (tokens), ``C`` (FLOP), the outcome, such as ``loss`` (nats/token), and its
        standard error, such as ``loss_se``, are finite positive floats if present; other columns are unchanged. The
        index counts from 0.
    source : str
        File or data set that the runs come from.
    outcome : str
        Column that a law predicts.
    domain : {"positive", "fraction", "real"}
        Values that the outcome can take. A fraction of 0 or 1 needs the number of items that it was measured on, in a
        column such as ``accuracy_n``.
    warnings : tuple of str
        Reasons to doubt the table, which is still usable.
    notes : tuple of str
        Other information about the table, such as rows left out.
    unit : str, optional
        Unit of the outcome, such as ``"bits/character"``; by default that of the law, nats/token for
        a loss. All output of a fit to the runs uses it.
    counted : Counted
        How column C counts training compute, and what the table's own C, which stays as ``C_table``, is beside it.
    named : str
        What the table calls the outcome.
    structure : Structure
        Which rows are a sweep of settings, or checkpoints of one training run.

    Examples
    --------
    >>> table = {"params": ["70M", "1.4B"], "D": [1e9, 28e9], "loss": [3.9, 2.6]}
    >>> runs = Runs.from_frame(pd.DataFrame(table), columns={"N": "params"})
    >>> print(runs)
    DataFrame: runs: 2, decades of compute: 2.75, rays of tokens per parameter: 2
    column       unit     min      max decades
         N parameters     70M     1.4B    1.30
         D     tokens      1B      28B    1.45
         C       FLOP 4.2e+17 2.35e+20    2.75
      loss nats/token     2.6      3.9    0.18
    """

    frame: pd.DataFrame
    source: str
    outcome: str = "loss"
    domain: str = "positive"
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unit: str | None = None
    counted: Counted = BY_DEFAULT
    structure: Structure = PLAIN
    named: str = ""

    def __post_init__(self) -> None:
        if self.unit is not None:
            check_unit(self.unit)

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        columns: Mapping[str, str] | None = None,
        outcome: str | Mapping[str, str] | None = None,
        domain: str | None = None,
        unit: str | None = None,
        glob: str | None = None,
        drop_bad: bool = False,
        as_is: bool = False,
    ) -> Self:
        """Read runs from a file of almost any format, or from the files of a directory.

        Parameters
        ----------
        path : path
            Text with columns separated by commas, semicolons, tabs or spaces, JSON, Excel, Parquet or Feather, or one
            of them packed (``.gz``); ``-`` is standard input. What is inferred is the first of the ``notes``.
        columns : mapping, optional
            The file's columns by the names used here, without regard to case and separators, or arithmetic over them,
            such as ``{"loss": "val_loss", "N": "params_m * 1e6"}``. Columns with well-known names need none.
        outcome : str or mapping, optional
            Column that a law predicts, by the name used here; by default the first of ``loss``, ``y``,
            ``accuracy``, ``error``, ``perplexity``, ``elo``, ``performance`` and ``normalised_loss`` that it has. A
            mapping names several with their domains, of which the first that the table has is taken.
        domain : {"positive", "fraction", "above one", "real"}, optional
            Values that the outcome can take; by default a fraction for an accuracy, any number for an Elo score or a
            normalised loss, and a positive one otherwise.
        unit : str, optional
            Unit of the outcome, such as ``"bits/character"``.
        glob : str, optional
            Pattern of the files of a directory, such as ``"**/wandb-summary.json"``: one run each, or one table each.
        drop_bad : bool
            Whether to leave out rows that cannot be used, such as crashed runs without a loss.
        as_is : bool
            Whether to take N, D and C that training runs can hardly have.

        Returns
        -------
        Runs

        Raises
        ------
        RunsError
            If the file cannot be read, or the table cannot be used; one line per fault.
        QuantityError
            If the unit is not a short printable text.
        """
        said: list[str] = []
        source = "standard input" if str(path) == STANDARD_INPUT else str(path)
        asked = (source, columns, outcome, domain, unit, drop_bad, as_is, said)
        # The table gets no name here, which would keep the columns of the file in memory while floats replace them.
        return cls._of(read_tables(Path(path), glob, said), *asked)

    @classmethod
    def from_frame(
        cls,
        frame: Frame,
        *,
        source: str = "DataFrame",
        columns: Mapping[str, str] | None = None,
        outcome: str | Mapping[str, str] | None = None,
        domain: str | None = None,
        unit: str | None = None,
        drop_bad: bool = False,
        as_is: bool = False,
    ) -> Self:
        """Check a table and convert it to runs; of N, D and C = 6 N D (FLOP) two give the third.

        Parameters
        ----------
        frame : DataFrame of pandas or polars, or mapping of columns
            Not modified. Numbers may be text such as ``"70B"``.
        source : str
            Name of the table in messages.
        columns : mapping, optional
            The frame's columns by the names used here, as in :meth:`read`.
        outcome : str or mapping, optional
            Column that a law predicts, by the name used here; by default the first of ``loss``, ``y``,
            ``accuracy``, ``error``, ``perplexity``, ``elo``, ``performance`` and ``normalised_loss`` that it has. A
            mapping names several with their domains, of which the first that the table has is taken.
        domain : {"positive", "fraction", "above one", "real"}, optional
            Values that the outcome can take; by default a fraction for an accuracy, any number for an Elo score or a
            normalised loss, and a positive one otherwise.
        unit : str, optional
            Unit of the outcome, such as ``"bits/character"``.
        drop_bad : bool
            Whether to leave out rows that cannot be used, such as crashed runs without a loss.
        as_is : bool
            Whether to take N, D and C that training runs can hardly have.

        Returns
        -------
        Runs

        Raises
        ------
        RunsError
            If the table cannot be used; one line per fault.
        QuantityError
            If the unit is not a short printable text.

        Examples
        --------
        >>> Runs.from_frame(pd.DataFrame({"loss": [3.2, -1.0]}), source="a.csv")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        bayescale.basics.errors.RunsError: a.csv, row 2, column loss: -1.0 is not above zero: ...
        """
        return cls._of(as_frame(frame, source), source, columns, outcome, domain, unit, drop_bad, as_is, [])

    @classmethod
    def of(cls, table: "Frame | Runs") -> "Runs":
        """The runs of a table in memory, by :meth:`from_frame` unless they are runs already."""
        return table if isinstance(table, Runs) else cls.from_frame(table)

    @classmethod
    def _of(
        cls,
        frame: pd.DataFrame,
        source: str,
        columns: Mapping[str, str] | None,
        outcome: str | Mapping[str, str] | None,
        domain: str | None,
        unit: str | None,
        drop_bad: bool,
        as_is: bool,
        said: list[str],
    ) -> Self:
        """Check a table, of which something was inferred when it was read."""
        sought = {outcome: domain} if isinstance(outcome, str) else outcome or {}
        table, outcome = mapped(frame, columns or {}, source, list(sought), unit)
        frame, labels = table.frame, table.labels
        if len(frame) == 0:
            raise RunsError(f"{source}: has no rows: a table needs at least one run")
        domain = sought.get(outcome, domain) or OUTCOMES.get(outcome, "positive")
        faults = [] if outcome in frame else [missing_outcome(outcome, frame.columns, source)]
        # In our units before anything else reads them; labels are those of the table.
        given = {name: labels.get(name, name) for name in checked_columns(frame, outcome)}
        frame, found, dropped = usable_rows(frame, given, {outcome: domain, f"{outcome}_n": "count"}, source, drop_bad)
        faults += found
        if not faults and not as_is and outcome in OF_LANGUAGE:
            faults = list(impossible(frame, given, source))
        if not faults and domain == "fraction":
            faults = _ends_without_items(frame, outcome, source)
        refuse(faults)
        repeated = count_epochs(frame) if outcome in OF_LANGUAGE else []
        counted, structure = count_compute(frame, None, source), Structure.of(frame, outcome)
        said = [*said, *table.said, *repeated, *dropped]
        notes = (*([f"read: {'; '.join(said)}"] if said else []), *counted.notes)
        doubts = (*table.warnings, *doubts_of(frame, outcome, domain, table.unit), *structure.warnings)
        named = labels.get(outcome, outcome).removesuffix(f" (as {outcome})")
        return cls(frame, source, outcome, domain, doubts, notes, table.unit, counted, structure, named)

    def __len__(self) -> int:
        return len(self.frame)

    def __str__(self) -> str:
        table = self.summary().to_string(
            index=False,
            formatters={"min": format_quantity, "max": format_quantity, "decades": "{:.2f}".format},
            na_rep="",
        )
        return "\n".join([self.described, table, *self.notes, *self.warnings])

    def _repr_html_(self) -> str:
        return html_of(self.described, self.summary(), self.warnings, self.notes)

    @property
    def described(self) -> str:
        """Where the runs come from, how many there are, and how they are spread, on one line."""
        facts = [f"runs: {len(self)}"]
        if "C" in self.frame:
            facts.append(f"decades of compute: {self.compute_decades:.2f}")
        if self.n_rays:
            facts.append(f"rays of tokens per parameter: {self.n_rays}")
        return f"{self.source}: {', '.join(facts)}"

    def column(self, name: str, domain: str | None = None) -> FloatArray:
        """One column of quantities, as finite floats.

        Parameters
        ----------
        name : str
        domain : {"positive", "fraction", "real"}, optional
            Values that it can take; by default those of the outcome, and positive values for other columns.

        Returns
        -------
        array, shape (runs,)

        Raises
        ------
        RunsError
            If there is no such column, or a value is not a finite number of the domain.
        """
        if name not in self.frame:
            raise RunsError(missing_column(name, self.frame.columns, self.source))
        domain = domain or (self.domain if name == self.outcome else "positive")
        numbers, faults = numbers_in(domain, self.frame[name], self.source, name)
        refuse(faults)
        return numbers

    @property
    def data_hash(self) -> str:
        """SHA-256 of the column names and all values, in row order; row labels and column order do not matter."""
        digest = hashlib.sha256()
        for name in sorted(self.frame.columns):
            digest.update(f"{name}\0".encode())
            if self.frame[name].dtype.kind in "biuf":
                digest.update(self.frame[name].to_numpy(dtype="<f8", na_value=np.nan).tobytes())
            else:
                digest.update("\0".join(self.frame[name].astype(str)).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def take(self, rows: NDArray[np.intp]) -> Self:
        """The runs in some rows, counted from zero, without the warnings and notes of the whole table."""
        frame = self.frame.iloc[rows].reset_index(drop=True)
        counted = replace(self.counted, against=None, notes=())
        return replace(self, frame=frame, warnings=(), notes=(), counted=counted, structure=PLAIN)

    @property
    def count(self) -> Count:
        """How training compute is counted, of these runs and of budgets."""
        return self.counted.count

    @property
    def outcome_unit(self) -> str:
        """Unit of the outcome; empty if it was not given and does not follow from the column's name or values."""
        if self.unit is not None:
            return self.unit
        return "fraction" if self.domain == "fraction" else UNITS.get(self.outcome, "")

    @property
    def clusters(self) -> NDArray[np.int64]:
        """Code of each row's training run, shape (runs,), from the column ``run``; without it, each row is a run."""
        if "run" not in self.frame:
            return np.arange(len(self))
        return np.asarray(pd.factorize(self.frame["run"])[0])

    @property
    def shared(self) -> bool:
        """Whether some training run has several rows."""
        return len(self) > 0 and int(self.clusters.max()) + 1 < len(self)

    @property
    def compute_decades(self) -> float:
        """Largest over smallest training compute, as a power of ten."""
        return float(np.ptp(np.log10(self.column("C"))))

    @property
    def n_rays(self) -> int:
        """Number of distinct tokens per parameter D/N, counted as one within 5 %; 0 without N and D."""
        if not {"N", "D"} <= set(self.frame.columns):
            return 0
        log_ratios = np.sort(np.log(self.column("D")) - np.log(self.column("N")))
        rays = position = 0
        while position < len(log_ratios):
            position = int(np.searchsorted(log_ratios, log_ratios[position] + RAY_WIDTH, side="right"))
            rays += 1
        return rays

    def summary(self) -> pd.DataFrame:
        """Range of every checked column.

        Returns
        -------
        pandas.DataFrame
            One row per column of quantities: ``column``, ``unit``, ``min``, ``max`` (in that unit), ``decades`` (NaN
            if values are not positive).
        """
        names = checked_columns(self.frame, self.outcome)
        low, high = self.frame[names].min().to_numpy(), self.frame[names].max().to_numpy()
        known = {**UNITS, self.outcome: self.outcome_unit}
        units = [known.get(name.removesuffix("_se"), "") for name in names]
        with np.errstate(divide="ignore", invalid="ignore"):
            decades = np.where(low > 0, np.log10(high) - np.log10(low), np.nan)
        return pd.DataFrame({"column": names, "unit": units, "min": low, "max": high, "decades": decades})


type AnyRuns = str | Path | Frame | Runs
"""Runs as a user names them: a data set or a file, a table in memory, or runs."""


def rows_of(cluster: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Rows of each training run, by the codes of :attr:`Runs.clusters`.

    Examples
    --------
    >>> [rows.tolist() for rows in rows_of(np.array([0, 1, 0]))]
    [[0, 2], [1]]
    """
    return [np.flatnonzero(cluster == code) for code in np.unique(cluster)]


def _ends_without_items(frame: pd.DataFrame, outcome: str, source: str) -> list[str]:
    """Faults for fractions of 0 or 1, whose log-odds need the number of items that they were measured on."""
    if f"{outcome}_n" in frame:
        return []
    rows = np.flatnonzero(frame[outcome].isin([0.0, 1.0]))
    return [
        f"{source}, row {row + 1}, column {outcome}: {frame[outcome].iloc[row]:g} is at the end of its range: give the "
        f"number of items it was measured on in a column {outcome}_n, or leave the row out"
        for row in rows
    ]
