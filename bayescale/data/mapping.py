"""From the columns of a table as people have them to ours: names, units, and arithmetic over columns.

A column by our name is taken as it is. What ``columns`` asks for comes next, and then, for what is still missing, a
column whose name says that it is that quantity. What was inferred is said, and asked for where two columns fit.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bayescale.basics.errors import RunsError
from bayescale.basics.wording import columns_are, listed, nearest
from bayescale.data.expressions import Expression
from bayescale.data.names import Meaning, fitting, meaning, plain, standard_error_of
from bayescale.data.tables import FloatArray, floats, middle_of, refuse
from bayescale.data.units import PER_CENT, Unit, contradicts, odd_compute

OF_LANGUAGE = ("loss", "accuracy", "error", "perplexity")
"""Outcomes of the runs whose N, D, C and training run are sought by other names."""
_OPERATORS = re.compile(r"[*/+()`-]|\s-")
_SAME = 0.01
"""Relative difference below which two columns are one quantity, given twice."""
_USUAL = {"N": (1e4, 2e13), "D": (1e6, 2e14), "C": (1e12, 1e29)}
"""Range of medians of a column whose name is only a hint."""
_SURE_RUN = 7
"""Rank of a name of runs from which on the rows must show that it is one."""


@dataclass
class Mapped:
    """A table with our columns, and how it came to them.

    Attributes
    ----------
    frame : pandas.DataFrame
    labels : dict of str
        What a column is called in messages, by our name.
    unit : str or None
        Unit of the outcome.
    said : list of str
        What was inferred.
    warnings : list of str
        What looks like one of our columns, and is not used.
    """

    frame: pd.DataFrame
    source: str
    unit: str | None
    labels: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [str(name) for name in self.frame.columns]

    def rename(self, theirs: str, ours: str) -> None:
        """Call a column by our name."""
        self.frame = self.frame.set_axis([ours if name == theirs else name for name in self.names], axis=1)
        self.labels[ours] = f"{theirs} (as {ours})"


def mapped(
    frame: pd.DataFrame, columns: Mapping[str, str], source: str, outcomes: Sequence[str], unit: str | None
) -> tuple[Mapped, str]:
    """A table with our columns, rows counted from 0, and the outcome that it has.

    Parameters
    ----------
    frame : pandas.DataFrame
        Not modified.
    columns : mapping
        By our names, the table's names, without regard to case and separators, or arithmetic over them.
    source : str
        Name of the table in messages.
    outcomes : sequence of str
        What a law predicts, the first that the table has; none if that is not known.
    unit : str or None
        Unit of the outcome, if it was given.

    Raises
    ------
    RunsError
        If two columns share a name, the mapping does not fit, or two columns fit a quantity that is needed.
    """
    table = asked_for(frame, columns, source, unit)
    exact = set(table.names)
    known = next((name for name in OUTCOMES if name in exact), None) if not outcomes else None
    outcome = known or _found_outcome(table, outcomes or [name for name in OUTCOMES if name != "y"])
    if outcome in OF_LANGUAGE and "x" not in exact:
        for name in ("N", "D", "U", "C"):
            if name not in exact:
                _infer(table, name)
        _infer_standard_error(table, outcome)
        _infer_run(table)
        if outcome in ("accuracy", "error"):
            _infer_loss(table)
    for name in dict.fromkeys((outcome, "N", "D", "U", "C")):
        if name not in table.names:
            continue
        theirs = table.labels.get(name, name).removesuffix(f" (as {name})")
        found = meaning(theirs)
        if found is not None and found.role == name and found.unit is not None:
            _convert(table, name, theirs, found.unit, outcome)
    return table, outcome


OUTCOMES = {
    "loss": "positive",
    "y": "positive",
    "accuracy": "fraction",
    "error": "positive",
    "perplexity": "positive",
    "elo": "real",
    "performance": "positive",
    "normalised_loss": "real",
}
"""Columns that laws predict, in the order in which a table's outcome is sought, and the values that they can take."""


# ------------------------------------------------------------------------------------------- what columns= asks for


def asked_for(frame: pd.DataFrame, columns: Mapping[str, str], source: str, unit: str | None = None) -> Mapped:
    """A table with the columns that are asked for by our names, as the first step of :func:`mapped`."""
    names = [" ".join(str(name).split()) for name in frame.columns]
    refuse(_repeated_names(names, source))
    table = Mapped(frame.set_axis(names, axis=1).reset_index(drop=True), source, unit)
    found: dict[str, str] = {}
    arithmetic: dict[str, str] = {}
    faults = []
    for ours, theirs in columns.items():
        alike = [name for name in names if plain(name) == plain(theirs)]
        if theirs in names:
            found[ours] = theirs
        elif len(alike) == 1 and not _is_arithmetic(theirs, names):
            found[ours] = alike[0]
        elif len(alike) > 1:
            faults.append(f"{table.source}: {theirs!r} may be any of columns {listed(alike)}: write one as it stands")
        elif _OPERATORS.search(theirs) or theirs.removeprefix(".")[:1].isdigit():
            arithmetic[ours] = theirs
        else:
            near = nearest(theirs, names)
            cure = f"did you mean {columns_are(**{ours: near})}?" if near else f"its columns are {listed(names)}"
            faults.append(f"{table.source}: no column {theirs!r} to use as {ours!r}; {cure}")
    refuse([*faults, *_mapping_faults(names, found, arithmetic, table.source)])
    before = table.frame
    ours_of = {theirs: name for name, theirs in found.items()}
    table.frame = before.set_axis([ours_of.get(name, name) for name in names], axis=1)
    table.labels = {ours: f"{theirs} (as {ours})" for ours, theirs in found.items()}
    _compute(table, before, arithmetic)
    return table


def _is_arithmetic(text: str, names: Sequence[str]) -> bool:
    """Whether a text that is not a column's name has operators between columns or numbers."""
    if not _OPERATORS.search(text):
        return False
    try:
        Expression.of(text, names)
    except RunsError:
        return False
    return True


def _compute(table: Mapped, before: pd.DataFrame, arithmetic: Mapping[str, str]) -> None:
    """Add computed columns, in an order in which each finds what it reads: the table's columns first, then ours."""
    left = dict(arithmetic)
    while left:
        known = {**{name: before[name] for name in before.columns}}
        for name in table.names:
            known.setdefault(name, table.frame[name])
        faults = []
        for ours, text in list(left.items()):
            try:
                expression = Expression.of(text, known)
            except RunsError as error:
                faults.append(f"{table.source}: {ours} = {error}")
                continue
            values = np.broadcast_to(
                expression.value({name: floats(known[name])[0] for name in expression.columns}), len(before)
            )
            table.frame = table.frame.assign(**{ours: np.array(values)})
            table.labels[ours] = f"{text} (as {ours})"
            del left[ours]
        if len(faults) == len(left) and left:
            # Names of ours that other columns will be read as.
            inferred = [name for name in ("N", "D", "C", "loss") if name not in table.names]
            done = [name for name in inferred if _infer(table, name)]
            if not done:
                refuse(faults)


def _repeated_names(names: Sequence[str], source: str) -> Iterator[str]:
    for name, times in Counter(names).items():
        if times > 1:
            yield f"{source}: column {name!r} appears {'twice' if times == 2 else f'{times} times'}: keep one of them"


def _mapping_faults(
    names: Sequence[str], found: Mapping[str, str], arithmetic: Mapping[str, str], source: str
) -> Iterator[str]:
    used = Counter(found.values())
    for name, theirs in found.items():
        if used[theirs] > 1:
            yield f"{source}: column {theirs!r} is used as {name!r} and as another column: give each its own column"
        elif name in names and name not in used:
            yield f"{source}: column {theirs!r} cannot become {name!r}, which exists already: rename or remove that one"


# ------------------------------------------------------------------------------------------------ what names suggest


def _found_outcome(table: Mapped, names: Sequence[str]) -> str:
    return next((name for name in names if name in table.names or _infer(table, name)), names[0])


def _candidates(table: Mapped, name: str) -> list[tuple[str, Meaning]]:
    free = [each for each in table.names if each not in OUTCOMES and each not in table.labels and each not in _SIZES]
    return [(theirs, meant) for theirs, meant in fitting(name, free) if _has_numbers(table.frame[theirs])]


_SIZES = ("N", "D", "U", "C")


def _has_numbers(values: "pd.Series[Any]") -> bool:
    return values.dtype.kind not in "bMm" and bool(np.isfinite(floats(values)[0]).any())


def _infer(table: Mapped, name: str) -> bool:
    """Take the column whose name says that it is a quantity, if there is one; two are asked about."""
    found = _candidates(table, name)
    found = [each for each in found if each[1].rank < 2 or _is_usual(table, name, *each)]
    if not found:
        return False
    if len(found) > 1 and not _agree([_scaled(table, theirs, meant.unit) for theirs, meant in found]):
        fit = f"columns {listed(theirs for theirs, _ in found)} may each be {name}"
        held_out = next((theirs for theirs, _ in found if _HELD_OUT.search(theirs.lower())), found[0][0])
        cure = f"name one, such as {columns_are(**{name: _quoted(held_out)})}"
        if name == "C" and {"N", "D"} <= set(table.names):
            table.warnings.append(f"{fit}, and none is read: {cure}")
            return False
        raise RunsError(f"{table.source}: {fit}: {cure}")
    theirs, meant = found[0]
    if name == "C" and _is_other_compute(table, theirs, meant):
        return False
    table.rename(theirs, name)
    if meant.unit is None:
        table.said.append(f"{theirs} as {name}")
    return True


_HELD_OUT = re.compile(r"val|eval|test|held|dev")  # in names of outcomes on other data than that of the training


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[\w./-]+", name) else f'"{name}"'


def _scaled(table: Mapped, theirs: str, unit: Unit | None) -> FloatArray:
    with np.errstate(over="ignore"):
        return floats(table.frame[theirs])[0] * (unit.scale if unit else 1.0)


def _agree(columns: Sequence[FloatArray]) -> bool:
    """Whether columns hold the same numbers, as far as they hold any."""
    first, *others = columns
    with np.errstate(invalid="ignore", divide="ignore"):
        return all(bool(np.all(np.isnan(first / other) | (np.abs(first / other - 1) < _SAME))) for other in others)


def _is_usual(table: Mapped, name: str, theirs: str, meant: Meaning) -> bool:
    """Whether a column whose name is only a hint holds what it would have to."""
    if name not in _USUAL:
        return False
    values = _scaled(table, theirs, meant.unit)
    low, high = _USUAL[name]
    if not low <= middle_of(values) <= high:
        return False
    if name != "C" or meant.unit is None:
        return True
    if not {"N", "D"} <= set(table.names):
        raise RunsError(
            f"{table.source}, column {theirs}: may be of a training run, or of a second of it: add "
            f"{columns_are(C=f'{theirs}*{meant.unit.scale:g}')} if it is of the run".replace("e+", "e")
        )
    return True


def _is_other_compute(table: Mapped, theirs: str, meant: Meaning) -> bool:
    """Whether a column that looks like compute is far from 6 N D of a table that needs none."""
    exact = {"N", "D"} <= set(table.names) and not {"N", "D"} & table.labels.keys()
    if not (exact or (meant.rank == 2 and {"N", "D"} <= set(table.names))):
        return False
    sizes, tokens = floats(table.frame["N"])[0], floats(table.frame["D"])[0]
    doubt = odd_compute(theirs, _scaled(table, theirs, meant.unit), sizes, tokens)
    table.warnings += [doubt] if doubt else []
    return bool(doubt)


def _infer_standard_error(table: Mapped, outcome: str) -> None:
    ours = f"{outcome}_se"
    if ours in table.names or outcome not in table.names:
        return
    theirs = table.labels.get(outcome, outcome).removesuffix(f" (as {outcome})")
    found = [name for name in table.names if name not in table.labels and standard_error_of(name, theirs)]
    if len(found) != 1 or not _has_numbers(table.frame[found[0]]):
        return
    values = floats(table.frame[found[0]])[0]
    if np.all(np.isfinite(values) & (values > 0)):
        table.said.append(f"{found[0]} as {ours}")
        table.rename(found[0], ours)


def _infer_loss(table: Mapped) -> None:
    """Take the column of losses in nats per token, beside another outcome; of several none is read."""
    if "loss" in table.names:
        return
    found = [(theirs, meant) for theirs, meant in _candidates(table, "loss") if meant.rank < 2]
    found = [(theirs, meant) for theirs, meant in found if meant.unit is None or meant.unit.words == "nats/token"]
    if len(found) > 1:
        which = " and ".join(theirs for theirs, _ in found)
        best = next((theirs for theirs, _ in found if _HELD_OUT.search(theirs.lower())), found[0][0])
        cure = columns_are(loss=_quoted(best))
        table.said.append(f"no loss, since columns {which} may each be it: name one, such as {cure}")
    elif found:
        table.rename(found[0][0], "loss")
        table.said.append(f"{found[0][0]} as loss")


def _infer_run(table: Mapped) -> None:
    """Take the column that says which rows are of one training run, where rows share one."""
    if "run" in table.names or not {"N", "D"} & set(table.names):
        return
    ranked = [(meant.rank, name) for name in table.names if (meant := meaning(name)) and meant.role == "run"]
    for rank, theirs in sorted(ranked):
        labels = table.frame[theirs]
        if labels.isna().any() or (labels.astype(str).str.strip() == "").any() or labels.nunique() in {1, len(labels)}:
            continue
        if _is_run(table, labels, sure=rank < _SURE_RUN):
            table.said.append(f"rows of one {theirs} as checkpoints of one run")
            table.rename(theirs, "run")
            return


def _is_run(table: Mapped, labels: "pd.Series[Any]", *, sure: bool) -> bool:
    """Whether rows of one label have one N, and different D where the label's name is not sure."""
    sizes = pd.DataFrame({name: floats(table.frame[name])[0] for name in ("N", "D") if name in table.names})
    groups = sizes.assign(label=labels.to_numpy()).groupby("label", sort=False)
    if "N" in sizes and (groups["N"].max() > groups["N"].min()).any():
        return False
    return sure or ("D" in sizes and bool((groups["D"].nunique() == groups.size()).all()))


# ------------------------------------------------------------------------------------------------------------- units


def _convert(table: Mapped, name: str, theirs: str, unit: Unit, outcome: str) -> None:
    """Numbers of a column in our unit, where its name says another."""
    values = table.frame[name]
    if name == outcome and unit.kind == "loss":
        if table.unit is None and unit.words != "nats/token":
            table.unit = unit.words
        table.said.append(f"{theirs} ({unit.words}) as {name}")
        return
    if any(isinstance(cell, str) and cell.strip()[-1:] in "kKMBGT" for cell in _texts(values)):
        table.said.append(f"{theirs} as {name}")
        return
    numbers, _ = floats(values)
    median = middle_of(numbers) if np.isfinite(numbers).any() else np.nan
    if contradicts(name, median, unit) or (unit is PER_CENT and float(np.nanmax(numbers, initial=0.0)) <= 1):
        raise RunsError(
            f"{table.source}, column {theirs}: its name says {unit.words}, but its median is {median:.3g}: add "
            f"{columns_are(**{name: f'{_in_arithmetic(theirs)}*1'})} if that is right as it stands, or "
            f"{columns_are(**{name: f'{_in_arithmetic(theirs)}*{_written(unit.scale)}'})}"
        )
    with np.errstate(over="ignore"):
        table.frame = table.frame.assign(**{name: numbers * unit.scale})
    if (error := f"{name}_se") in table.names:
        table.frame = table.frame.assign(**{error: floats(table.frame[error])[0] * unit.scale})
    table.said.append(f"{theirs} ({unit.words}) as {name}")


def _texts(values: "pd.Series[Any]") -> Iterator[Any]:
    return iter(values) if values.dtype.kind not in "iuf" else iter(())


def _in_arithmetic(name: str) -> str:
    return name if name.isidentifier() else f"`{name}`"


def _written(scale: float) -> str:
    return re.sub(r"e\+0?", "e", f"{scale:g}")
