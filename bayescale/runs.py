"""A checked table of training runs: what every fit, forecast and comparison starts from.

A table is checked as far as it can be without a law when it is read (:meth:`Runs.read`, :meth:`Runs.from_frame`), and
for what a law needs when that law is fitted (:func:`check_runs`). All faults of a table are raised at once, one a line.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale.errors import LawError, RunsError
from bayescale.law import Input, Law, Setting
from bayescale.quantities import check_unit, format_quantity
from bayescale.tables import FloatArray, listed, missing_column, numbers_in, positive, read_table, refuse, rename

UNITS = {"N": "parameters", "D": "tokens", "U": "tokens", "C": "FLOP", "loss": "nats/token"}

_NAMES = ("group", "model")
"""Columns that tell runs of equal numbers apart."""

_RAY_WIDTH = float(np.log(1.05))
_LARGEST_LOSS = 12.0
_SMALLEST_LOSS = 1.2
_USUAL = {"N": (1e4, 1e15), "D": (1e5, 1e18)}
"""Medians of parameters and tokens beyond which they are hardly counted in ones."""
_GAP, _FEW = 1000.0, 0.1
"""Factor that parts at most this share of the runs from the rest, where units are a likelier cause than the design."""
_ENOUGH_FOR_RANKS = 10


@dataclass(frozen=True, eq=False)
class Runs:
    """Training runs, one a row, checked; made by :meth:`read` or :meth:`from_frame`.

    Parameters
    ----------
    frame : pandas.DataFrame, shape (runs, columns)
        ``N`` (parameters), ``D`` and ``U`` (tokens), ``C`` (FLOP), the outcome, such as ``loss`` (nats/token), and its
        standard error, such as ``loss_se``, are finite positive floats as far as they are present; other columns are as
        they came. Its index counts from 0.
    source : str
        File or data set that the runs come from.
    outcome : str
        Column that a law is to predict.
    domain : {"positive", "fraction", "real"}
        Values that the outcome can take. A fraction of 0 or 1 needs the number of items it was counted over, in a
        column such as ``accuracy_n``.
    warnings : tuple of str
        What makes the table doubtful, though usable.
    notes : tuple of str
        What a reader should know besides, such as rows left out.
    unit : str, optional
        What the outcome is measured in, such as ``"bits/character"``; by default what a law takes it for, nats/token of
        a loss. All that is printed of a fit to the runs has it.

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

    def __post_init__(self) -> None:
        if self.unit is not None:
            check_unit(self.unit)

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        columns: Mapping[str, str] | None = None,
        outcome: str | None = None,
        domain: str = "positive",
        unit: str | None = None,
    ) -> Self:
        """Read runs from a CSV or Parquet file.

        Parameters
        ----------
        path : path
            Ends in ``.csv`` (UTF-8, comma-separated, decimal points, a header line), ``.parquet`` or ``.pq``.
        columns : mapping, optional
            The file's name of a column by the name used here, such as ``{"loss": "val_loss", "N": "params"}``.
        outcome : str, optional
            Column that a law is to predict, by the name used here; by default ``loss``, or ``y`` in a table of x and y.
        domain : {"positive", "fraction", "real"}
            Values that the outcome can take.
        unit : str, optional
            What the outcome is measured in, such as ``"bits/character"``.

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
        asked: dict[str, Any] = {"columns": columns, "outcome": outcome, "domain": domain, "unit": unit}
        # Not by a name of its own, which would keep the columns of the file while they are replaced by floats.
        return cls.from_frame(read_table(Path(path)), source=str(path), **asked)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        source: str = "DataFrame",
        columns: Mapping[str, str] | None = None,
        outcome: str | None = None,
        domain: str = "positive",
        unit: str | None = None,
    ) -> Self:
        """Check a DataFrame and take it as runs; ``C`` is 6 N D (FLOP) where it is absent.

        Parameters
        ----------
        frame : pandas.DataFrame, shape (runs, columns)
            Left as it is. Numbers may be text such as ``"70B"``.
        source : str
            What error messages call the table.
        columns : mapping, optional
            The frame's name of a column by the name used here, such as ``{"loss": "val_loss"}``.
        outcome : str, optional
            Column that a law is to predict, by the name used here; by default ``loss``, or ``y`` in a table of x and y.
        domain : {"positive", "fraction", "real"}
            Values that the outcome can take.
        unit : str, optional
            What the outcome is measured in, such as ``"bits/character"``.

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
        >>> Runs.from_frame(pd.DataFrame({"loss": [3.2, -1.0]}), source="a.csv")
        Traceback (most recent call last):
        ...
        bayescale.errors.RunsError: a.csv, row 2, column loss: -1.0 is not above zero: correct it or leave the row out
        """
        columns = columns or {}
        frame = rename(frame, columns, source)
        if len(frame) == 0:
            raise RunsError(f"{source}: has no rows: a table needs at least one run")
        if outcome is None:
            outcome = "y" if {"x", "y"} <= set(frame.columns) and "loss" not in frame else "loss"
        faults = [] if outcome in frame else [missing_column(outcome, frame.columns, source)]
        for name in _checked_columns(frame, outcome):
            label = f"{columns[name]} (as {name})" if name in columns else name
            own = {outcome: domain, f"{outcome}_n": "count"}.get(name, "positive")
            numbers, found = numbers_in(own, frame[name], source, label)
            if frame[name].dtype != np.float64:
                frame[name] = numbers
            faults += found
        if not faults and domain == "fraction":
            faults = _ends_without_items(frame, outcome, source)
        if not faults and "C" not in frame and {"N", "D"} <= set(frame.columns):
            with np.errstate(over="ignore", under="ignore"):
                frame["C"], faults = positive(6 * frame["N"] * frame["D"], source, "C = 6 N D")
        refuse(faults)
        return cls(frame, source, outcome, domain, tuple(_doubts(frame, outcome, domain, unit)), unit=unit)

    def __len__(self) -> int:
        return len(self.frame)

    def __str__(self) -> str:
        facts = [f"runs: {len(self)}"]
        if "C" in self.frame:
            facts.append(f"decades of compute: {self.compute_decades:.2f}")
        if self.n_rays:
            facts.append(f"rays of tokens per parameter: {self.n_rays}")
        table = self.summary().to_string(
            index=False,
            formatters={"min": format_quantity, "max": format_quantity, "decades": "{:.2f}".format},
            na_rep="",
        )
        return "\n".join([f"{self.source}: {', '.join(facts)}", table, *self.notes, *self.warnings])

    def column(self, name: str, domain: str | None = None) -> FloatArray:
        """One column of quantities, as finite floats.

        Parameters
        ----------
        name : str
        domain : {"positive", "fraction", "real"}, optional
            Values that it can take; by default those of the outcome, and positive ones otherwise.

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
        """SHA-256 of the column names and all values, in row order, whatever the row labels and column order."""
        digest = hashlib.sha256()
        for name in sorted(self.frame.columns):
            digest.update(f"{name}\0".encode())
            if self.frame[name].dtype.kind in "biuf":
                digest.update(self.frame[name].to_numpy(dtype="<f8", na_value=np.nan).tobytes())
            else:
                digest.update("\0".join(self.frame[name].astype(str)).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def take(self, rows: NDArray[np.intp]) -> Self:
        """The runs in some rows, counted from zero; what was said of the whole table is left behind."""
        return replace(self, frame=self.frame.iloc[rows].reset_index(drop=True), warnings=(), notes=())

    @property
    def outcome_unit(self) -> str:
        """What the outcome is measured in; empty where the name of its column alone does not tell."""
        return UNITS.get(self.outcome, "") if self.unit is None else self.unit

    @property
    def clusters(self) -> NDArray[np.int64]:
        """Code of the training run that each row belongs to, shape (runs,): by the column ``run``, or a row its own."""
        if "run" not in self.frame:
            return np.arange(len(self))
        return np.asarray(pd.factorize(self.frame["run"])[0])

    @property
    def shared(self) -> bool:
        """Whether some rows belong to one training run."""
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
            position = int(np.searchsorted(log_ratios, log_ratios[position] + _RAY_WIDTH, side="right"))
            rays += 1
        return rays

    def summary(self) -> pd.DataFrame:
        """Range of every checked column.

        Returns
        -------
        pandas.DataFrame
            One row per column of quantities: ``column``, ``unit``, ``min``, ``max`` (in that unit), ``decades``, which
            is NaN where values are not positive.
        """
        names = _checked_columns(self.frame, self.outcome)
        low, high = self.frame[names].min().to_numpy(), self.frame[names].max().to_numpy()
        known = {**UNITS, self.outcome: self.outcome_unit}
        units = [known.get(name.removesuffix("_se"), "") for name in names]
        with np.errstate(divide="ignore", invalid="ignore"):
            decades = np.where(low > 0, np.log10(high) - np.log10(low), np.nan)
        return pd.DataFrame({"column": names, "unit": units, "min": low, "max": high, "decades": decades})


def rows_of(cluster: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Rows of each training run, by the codes of :attr:`Runs.clusters`.

    Examples
    --------
    >>> [rows.tolist() for rows in rows_of(np.array([0, 1, 0]))]
    [[0, 2], [1]]
    """
    return [np.flatnonzero(cluster == code) for code in np.unique(cluster)]


def law_inputs(law: Law, runs: Runs) -> dict[str, FloatArray]:
    """What a law's mean reads of each run: its inputs and settings, each of shape (runs,).

    Raises
    ------
    RunsError
        If a column is missing, or holds what it cannot.
    """
    inputs = {name: runs.column(name) for name in law.input_names}
    return inputs | {setting.name: _setting(setting, runs) for setting in law.settings}


def _setting(setting: Setting, runs: Runs) -> FloatArray:
    if setting.name not in runs.frame and setting.default is not None:
        return np.full(len(runs), setting.default)
    return runs.column(setting.name, setting.domain)


def in_unit_of(law: Law, runs: Runs) -> Law:
    """A law in the unit that runs have of its outcome; the law as it is where they have none, or of another outcome.

    Raises
    ------
    LawError
        If the law has a unit of its own that differs, or reads the runs' outcome in another unit.
    """
    for item in (*law.inputs, *law.settings):
        check_unit_read(item, law.name, runs.unit if item.name == runs.outcome else None)
    return law.in_unit(runs.unit) if law.outcome == runs.outcome else law


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


def check_runs(law: Law, runs: Runs) -> tuple[str, ...]:
    """Check that runs can inform a law.

    Parameters
    ----------
    law : Law
    runs : Runs

    Returns
    -------
    tuple of str
        Warnings: fewer runs than parameters; all runs on one ray of tokens per parameter; losses that do not fall.

    Raises
    ------
    RunsError
        If a column that the law reads is missing, or holds what it cannot.
    LawError
        If an input or the outcome has one value only, or an improper prior meets fewer runs than parameters.

    Examples
    --------
    >>> from bayescale.catalog import load_law
    >>> table = pd.DataFrame({"N": [7e7, 7e7], "D": [1e9, 2e9], "loss": [3.9, 3.6]})
    >>> check_runs(load_law("chinchilla"), Runs.from_frame(table))
    Traceback (most recent call last):
    ...
    bayescale.errors.LawError: DataFrame: every run has N = 70M: law 'chinchilla' needs at least two values of N
    """
    settings = tuple(setting.name for setting in law.settings if setting.default is None)
    needed = (*law.input_names, *settings, law.outcome)
    reader = f", which law {law.name!r} needs"
    refuse(missing_column(name, runs.frame.columns, runs.source, reader) for name in needed if name not in runs.frame)
    outcome, values = runs.column(law.outcome, law.link.domain), law_inputs(law, runs)
    for name in law.input_names:
        if np.ptp(values[name]) == 0:
            raise LawError(
                f"{runs.source}: every run has {name} = {format_quantity(values[name][0])}: "
                f"law {law.name!r} needs at least two values of {name}"
            )
    if np.ptp(outcome) == 0 and law.link.domain != "fraction":
        raise LawError(
            f"{runs.source}: every run has {law.outcome} = {format_quantity(outcome[0])}: law {law.name!r} has nothing "
            "to learn from; check that the column is the right one"
        )
    return (*_too_few_runs(law, runs), *_one_ray(law, runs), *_no_fall(law, runs), *_out_of_order(law, runs))


def check_mean(law: Law, runs: Runs, drawn: Mapping[str, FloatArray]) -> None:
    """Check that a law's mean gives a number for each draw and run, as all that is forecast from it takes for granted.

    Parameters
    ----------
    law : Law
    runs : Runs
    drawn : mapping of array, shape (draw,)
        Every parameter, sampled and derived; a few draws of them are looked at.

    Raises
    ------
    LawError
        If the mean fails, or gives something of another shape.
    """
    shape = (5 if len(runs) != 5 else 6, len(runs))  # not the same both ways
    columns = {name: values[: shape[0], None] for name, values in drawn.items()}
    with law.blamed("mean"), np.errstate(all="ignore"):
        found = np.asarray(law.mean(np, law_inputs(law, runs), columns), dtype=float)
        broadcast = np.broadcast_shapes(found.shape, shape)
    if broadcast != shape:
        raise law.fault(
            f"mean gives values of shape {found.shape} for {shape[0]} draws and {shape[1]} runs, not {shape}"
        )


def _checked_columns(frame: pd.DataFrame, outcome: str) -> list[str]:
    names = dict.fromkeys(("N", "D", "U", "C", outcome, f"{outcome}_se", f"{outcome}_n"))
    return [name for name in names if name in frame]


def _ends_without_items(frame: pd.DataFrame, outcome: str, source: str) -> list[str]:
    """Fractions of 0 or 1, whose log-odds need the number of items that they were counted over."""
    if f"{outcome}_n" in frame:
        return []
    rows = np.flatnonzero(frame[outcome].isin([0.0, 1.0]))
    return [
        f"{source}, row {row + 1}, column {outcome}: {frame[outcome].iloc[row]:g} is at the end of its range: give the "
        f"number of items it was counted over in a column {outcome}_n, or leave the row out"
        for row in rows
    ]


def _doubts(frame: pd.DataFrame, outcome: str, domain: str, unit: str | None) -> Iterator[str]:
    median = float(frame[outcome].median())
    in_nats = outcome == "loss" and unit in (None, UNITS["loss"])
    if in_nats and median > _LARGEST_LOSS:
        yield (
            f"column loss has median {median:.3g}: if it is perplexity, take its natural logarithm "
            "to have nats per token"
        )
    if in_nats and median < _SMALLEST_LOSS:
        yield (
            f"column loss has median {median:.3g}: if it is bits per byte, nats per token are ln 2 times it, "
            "over the tokens per byte of your tokenizer; or give its unit, by --unit bits/byte"
        )
    for name, (low, high) in _USUAL.items():
        if name in frame and not low <= (middle := float(frame[name].median())) <= high:
            yield (
                f"column {name} has median {format_quantity(middle)}: give {UNITS[name]} in ones, such as 7e9 or 7B "
                "for seven billion"
            )
    for name in ("N", "D", *([outcome] if domain == "positive" else [])):
        if name in frame:
            yield from _far_from_the_rest(frame[name].to_numpy(), name)
    if {f"{outcome}_n", f"{outcome}_se"} <= set(frame.columns):
        yield f"columns {outcome}_n and {outcome}_se both say how {outcome} was measured: {outcome}_n is used"
    yield from _repeated_runs(frame, _checked_columns(frame, outcome))


def _repeated(keys: pd.DataFrame) -> NDArray[np.intp]:
    """Rows that equal an earlier one, counted from zero; a large table without any is told by sorted hashes alone."""
    hashes = pd.util.hash_pandas_object(keys, index=False).to_numpy()
    ordered = np.sort(hashes)
    candidates = np.flatnonzero(np.isin(hashes, ordered[1:][ordered[1:] == ordered[:-1]]))
    return np.asarray(candidates[keys.iloc[candidates].duplicated().to_numpy()])


def _far_from_the_rest(values: FloatArray, name: str) -> Iterator[str]:
    """Doubt a few smallest or largest values that a gap parts from all others."""
    order = np.argsort(values)
    most = int(_FEW * len(values))
    for ranked in (order, order[::-1]):
        steps = np.abs(np.diff(np.log(values[ranked[: most + 1]])))
        if steps.max(initial=0.0) > np.log(_GAP):
            rows = np.sort(ranked[: steps.argmax() + 1])
            yield (
                f"column {name}, row{'s' * (len(rows) > 1)} {listed(rows + 1)}: "
                f"{listed(format_quantity(value) for value in values[rows])}, a factor {np.exp(steps.max()):.2g} from "
                "all other runs: check the unit, or leave out what diverged"
            )


def _repeated_runs(frame: pd.DataFrame, compared: list[str]) -> Iterator[str]:
    if len(compared) == 1:
        return  # the outcome alone does not tell runs apart
    keys = frame[compared].assign(**{name: frame[name].astype(str) for name in _NAMES if name in frame})
    rows = _repeated(keys) + 1
    if len(rows):
        yield (
            f"repeated rows: {listed(rows)} ({len(rows)} of {len(frame)}) equal earlier ones in "
            f"{', '.join(keys.columns)}: each counts as a run of its own, so leave copies out"
        )


def _too_few_runs(law: Law, runs: Runs) -> Iterator[str]:
    free = len(law.parameters)
    if len(runs) >= free:
        return
    message = f"{runs.source}: {len(runs)} runs for the {free} free parameters of law {law.name!r}"
    improper = [parameter.name for parameter in law.parameters if not parameter.prior.proper]
    if improper:
        raise LawError(f"{message}: add runs, or give {', '.join(improper)} a proper prior")
    yield f"{message}: the priors decide the rest"


def _one_ray(law: Law, runs: Runs) -> Iterator[str]:
    if {"N", "D"} <= set(law.input_names) and runs.n_rays == 1:
        ratio = float(np.median(runs.column("D") / runs.column("N")))
        shown = format_quantity(ratio)
        yield (
            f"all runs lie on one ray of D/N = {shown} tokens per parameter: only the sum of the two terms along it is "
            f"identified (A + B {shown}^-alpha, were the exponents equal); how it divides, and so N*, is the prior's"
        )


_SIZES_APART = 2.0
"""Ratio of the largest to the smallest run from which losses are expected to fall."""


def _no_fall(law: Law, runs: Runs) -> Iterator[str]:
    """Doubt losses of larger runs that are no lower than those of smaller ones."""
    if law.outcome != "loss" or len(runs) < _ENOUGH_FOR_RANKS:
        return
    size = np.sum([np.log(runs.column(name)) for name in law.input_names], axis=0)
    if np.ptp(size) < np.log(_SIZES_APART):
        return  # one isoFLOP slice, whose ranks are those of rounding
    ranks = pd.DataFrame({"size": size, "loss": runs.column("loss")}).rank()
    correlation = float(ranks["size"].corr(ranks["loss"]))
    if not correlation < -2 / np.sqrt(len(runs)):
        yield (
            f"losses hardly fall with {' and '.join(law.input_names)} (rank correlation {correlation:.2f}), as "
            "those of every law do: check that the columns are the right ones, and that no other thing was varied"
        )


_LARGEST_COMPARED = 2000
"""Most runs that are compared with each other, pair by pair."""

_CONTRADICTED = 0.2
"""Share of comparable runs that a run contradicts where something is wrong with it; 0.17 or less in published tables
that have few such pairs at all."""

_FEWEST_CONTRADICTED = 5


def _out_of_order(law: Law, runs: Runs) -> Iterator[str]:
    """Doubt a few runs that alone break the order of sizes and losses, as a size in another unit does.

    A fit does not show them: what lies far from all others steers it.
    """
    if law.outcome != "loss" or not set(law.input_names) <= {"N", "D", "C"} or len(runs) > _LARGEST_COMPARED:
        return
    sizes = np.stack([runs.column(name) for name in law.input_names])
    loss = runs.column("loss")
    larger = (sizes[:, :, None] >= sizes[:, None]).all(axis=0) & (sizes[:, :, None] > sizes[:, None]).any(axis=0)
    against = larger & (loss[:, None] > loss)
    comparable, contradicted = larger | larger.T, against | against.T
    counts = contradicted.sum(axis=1)
    odd = (counts >= _FEWEST_CONTRADICTED) & (counts > _CONTRADICTED * comparable.sum(axis=1))
    others = contradicted[~odd][:, ~odd].sum()
    if not 0 < odd.sum() <= max(1, _FEW * len(runs)) or others > _CONTRADICTED * contradicted.sum():
        return
    for row in np.flatnonzero(odd):
        yield (
            f"row {row + 1}: its loss of {loss[row]:.3g} contradicts {counts[row]} of the {comparable[row].sum()} runs "
            f"that are larger or smaller in {' and '.join(law.input_names)}, and hardly any other run does: check its "
            "values and their units, or leave it out"
        )
