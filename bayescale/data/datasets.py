"""Find and load shipped data sets and the user's own tables."""

import hashlib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from bayescale.basics.entries import misfit
from bayescale.basics.errors import CatalogError, RunsError, described
from bayescale.basics.files import root
from bayescale.basics.wording import known, unknown
from bayescale.data.formats import STANDARD_INPUT, SUFFIXES, read_table
from bayescale.data.mapping import OUTCOMES
from bayescale.data.preparing import tell_checkpoints
from bayescale.data.runs import Runs
from bayescale.data.suspicions import UNITS


@dataclass(frozen=True, kw_only=True)
class Card:
    """The ``card.toml`` of a shipped data set: its content, source, licence and known problems.

    Parameters
    ----------
    name, title, description : str
    rows : int
        Number of rows of its ``runs.csv``, including those left out by default.
    citation, source : tuple of str
        Whom to cite, and the files that the table was made from.
    licence, licence_notes : str
    laws : tuple of str
        Shipped laws that can be fitted to the runs.
    known_problems : tuple of str
    outcome : str
        Column that a law predicts.
    domain : str
        Values that it can take: ``"positive"``, ``"fraction"`` or ``"real"``.
    columns : mapping
        For each column its ``meaning``; for quantities the ``unit``; where needed ``counting`` and ``trap``.
    family : str
        The paper: tables of one paper are one family, and are never used both to tune and to score a method.
    selection : mapping
        Rows for laws that need other rows than a series, such as ``"router=dense|hash"``, by law.
    group : str or None
        Column that splits the table into series, which must be fitted one at a time.
    run : str or None
        Column of the independent unit: rows with equal values are checkpoints of one run. None if each row is a run.
    exclude : str or None
        Boolean column that marks the rows that are left out by default.
    exclude_reason : str
        What those rows are and why they are left out.
    sha256 : str
        SHA-256 of ``runs.csv`` with Unix line endings, to detect a damaged or changed table; not checked
        if empty.
    unit : str or None
        Unit of the outcome.
    methods : mapping
        How the runs were made, by the names of :data:`bayescale.report.methods.ITEMS`, as far as the source says.
    """

    name: str
    title: str
    description: str
    rows: int
    citation: tuple[str, ...]
    source: tuple[str, ...]
    licence: str
    licence_notes: str
    laws: tuple[str, ...]
    known_problems: tuple[str, ...]
    outcome: str
    domain: str
    columns: Mapping[str, Mapping[str, str]] = field(repr=False)
    family: str
    selection: Mapping[str, str] = field(default_factory=dict)
    group: str | None = None
    run: str | None = None
    exclude: str | None = None
    exclude_reason: str = ""
    sha256: str = ""
    unit: str | None = None
    methods: Mapping[str, str] = field(default_factory=dict)


def dataset_names() -> tuple[str, ...]:
    """Names of the shipped data sets.

    Examples
    --------
    >>> "chinchilla" in dataset_names()
    True
    """
    return tuple(sorted(path.parent.name for path in root("datasets").glob("*/card.toml")))


def load_card(name: str) -> Card:
    """Read the card of a shipped data set.

    Parameters
    ----------
    name : str

    Returns
    -------
    Card

    Raises
    ------
    CatalogError
        If there is no such data set, or its card is damaged.

    Examples
    --------
    >>> load_card("chinchilla").rows
    245
    """
    known(name, dataset_names(), "data set")
    path = root("datasets") / name / "card.toml"
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
        runs, default_rows, outcome = (_table(entries, key) for key in ("runs", "default_rows", "outcome"))
        given: dict[str, Any] = {key: entries[key] for key in _CARD_KEYS if key in entries}
        given |= {
            "outcome": outcome["column"],
            "domain": outcome.get("domain", "positive"),
            "unit": outcome.get("unit"),
        }
        given |= {key: runs[key] for key in ("family", "group", "run") if key in runs}
        given |= {ours: default_rows[key] for key, ours in _DEFAULT_ROWS.items() if key in default_rows}
        wrong = misfit(Card, given)
        if wrong:
            raise _damaged(path, f"{wrong} is missing or has the wrong type")
        made: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
        return Card(**made)
    except OSError as error:
        raise _damaged(path, f"cannot be read ({error.strerror})") from None
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(path, described(error)) from error


_CARD_KEYS = frozenset(Card.__dataclass_fields__) - {"outcome", "domain", "unit", "family", "group", "run", "exclude"}
_DEFAULT_ROWS = {"exclude": "exclude", "reason": "exclude_reason"}


def _table(entries: dict[str, Any], key: str) -> dict[str, Any]:
    found = entries.get(key, {})
    if not isinstance(found, dict):
        raise TypeError(f"{key} is not a table")
    return found


def _damaged(path: Path, what: str) -> CatalogError:
    return CatalogError(f"{path}: {what}: the file is damaged or was changed, so install bayescale again")


def _check_sum(card: Card, path: Path) -> None:
    """Refuse a table that its card does not describe; line endings may differ, because git may change them."""
    if not card.sha256:
        return
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _damaged(path, f"cannot be read ({error.strerror})") from None
    found = hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()
    if found != card.sha256:
        raise CatalogError(
            f"{path}: is not the table that its card describes (SHA-256 {found}): it is damaged or was changed, so "
            "install bayescale again; if you changed it yourself, write that hash in its card.toml"
        )


def dataset_groups(name: str) -> tuple[str, ...]:
    """Names of the series of a shipped data set, which must be fitted one at a time; empty if it is a single series.

    Raises
    ------
    CatalogError
        If there is no such data set.

    Examples
    --------
    >>> dataset_groups("gadre"), dataset_groups("chinchilla")
    (('c4', 'redpajama', 'refinedweb'), ())
    """
    card = load_card(name)
    return () if card.group is None else tuple(load_dataset(name).frame[card.group].unique())


def load_dataset(name: str, *, group: str | None = None, everything: bool = False) -> Runs:
    """Load the runs of a shipped data set.

    Parameters
    ----------
    name : str
    group : str, optional
        One of its series, or rows selected by the values of a column, such as ``"format=hadamard|bf16"``, which are
        then one series. Selecting by the column that marks left-out rows, such as ``"repeated=False|True"``, keeps
        those rows. By default all series, with a warning.
    everything : bool
        Keep the rows that the card leaves out by default.

    Returns
    -------
    Runs
        Its ``notes`` say how many rows were left out, and why.

    Raises
    ------
    CatalogError
        If there is no such data set or group, or its files are damaged.

    Examples
    --------
    >>> len(load_dataset("chinchilla")), len(load_dataset("chinchilla", everything=True))
    (240, 245)
    >>> load_dataset("gadre", group="c4").source
    'gadre:c4'
    """
    card = load_card(name)
    path = root("datasets") / name / "runs.csv"
    _check_sum(card, path)
    frame = read_table(path)
    if group is not None:
        frame = _series(card, frame, group)
    notes: tuple[str, ...] = ()
    asked_for = group is not None and group.startswith(f"{card.exclude}=")
    if card.exclude is not None and not everything and not asked_for:
        frame, notes = _default_rows(card, frame)
    source = name if group is None else f"{name}:{group}"
    # The usual unit is left unset, so that a law may name it differently.
    unit = None if card.unit == UNITS.get(card.outcome) else card.unit
    asked: dict[str, Any] = {"outcome": card.outcome, "domain": card.domain, "unit": unit}
    runs = Runs.from_frame(frame, source=source, as_is=True, **asked)
    if card.run is None:
        runs = tell_checkpoints(runs, False)  # the card tells
    doubts = () if group is not None else _pooled(card, runs.frame)
    return replace(runs, notes=notes, warnings=(*runs.warnings, *doubts))


def load_runs(
    name_or_path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    outcome: str | Mapping[str, str] | None = None,
    domain: str | None = None,
    unit: str | None = None,
    series_apart: bool = True,
    glob: str | None = None,
    drop_bad: bool = False,
    as_is: bool = False,
) -> Runs:
    """Load a shipped data set by name, or your own table by the path of its file.

    Parameters
    ----------
    name_or_path : str or path
        Name of a shipped data set, with its series if it has several (``"gadre:c4"``) or with rows selected by a column
        (``"quest:format=hadamard|bf16"``), or what :meth:`Runs.read` reads: a file, a directory, or ``-``.
    columns : mapping, optional
        The table's columns by the names used here, as in :meth:`Runs.read`.
    outcome : str or mapping, optional
        Column that a law predicts, by the name used here, or several as in :meth:`Runs.read`; by default that of the
        data set's card, or the default of :meth:`Runs.read`.
    domain : {"positive", "fraction", "above one", "real"}, optional
        Values that the outcome can take; by default those of the card, or as
        in :meth:`Runs.read`.
    unit : str, optional
        Unit of the outcome; by default that of the card or of the law.
    series_apart : bool
        Whether to refuse a data set of several series unless one of them is named.
    glob, drop_bad, as_is
        As in :meth:`Runs.read`.

    Returns
    -------
    Runs

    Raises
    ------
    CatalogError
        If a data set has several series and none is named, or the named one does not exist.
    RunsError
        If there is no such data set or file, or the table cannot be used.
    QuantityError
        If the unit is not a short printable text.

    Examples
    --------
    >>> load_runs("chinchila")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.RunsError: no data set 'chinchila', did you mean 'chinchilla'? Data sets: ...
    >>> load_runs("routing:hash_8", columns={"x": "N", "y": "loss"}, outcome="y").outcome
    'y'
    """
    path = Path(name_or_path)
    name, _, group = str(name_or_path).partition(":")
    if name in dataset_names():
        runs = _one_series(name, group) if series_apart or group else _every_series(name)
        if not isinstance(outcome, str | None):
            read = {*runs.frame, *(columns or ())}
            outcome, domain = next((each for each in outcome.items() if each[0] in read), next(iter(outcome.items())))
        if not columns and outcome in (None, runs.outcome) and domain in (None, runs.domain) and unit is None:
            return runs
        named = outcome or runs.outcome
        # The card gives the unit of its own outcome, which may have another name here, and of no other column.
        own = runs.unit if (columns or {}).get(named, named) == runs.outcome else None
        usual = runs.domain if named == runs.outcome else OUTCOMES.get(named, runs.domain)
        asked: dict[str, Any] = {"outcome": named, "domain": domain or usual, "unit": unit or own}
        renamed = Runs.from_frame(runs.frame, source=runs.source, columns=columns, as_is=True, **asked)
        return replace(renamed, notes=runs.notes)
    if is_table(path):
        reading: dict[str, Any] = {"glob": glob, "drop_bad": drop_bad, "as_is": as_is}
        return Runs.read(path, columns=columns, outcome=outcome, domain=domain, unit=unit, **reading)
    otherwise = "a path that ends in .csv, .jsonl, .xlsx or .parquet"
    raise RunsError(unknown(str(name_or_path), dataset_names(), "data set", otherwise))


def is_table(path: Path) -> bool:
    """Whether a path is that of a table, which may be missing, and not the name of a data set.

    Examples
    --------
    >>> is_table(Path("absent.csv")), is_table(Path("chinchilla"))
    (True, False)
    """
    return str(path) == STANDARD_INPUT or path.suffix.lower() in SUFFIXES or os.path.exists(path)


def _one_series(name: str, group: str) -> Runs:
    groups = dataset_groups(name)
    if groups and not group:
        raise CatalogError(
            f"{name}: has {len(groups)} series, which must be fitted one at a time: write {name}:{groups[0]}. "
            f"Groups: {', '.join(groups)}"
        )
    return load_dataset(name, group=group or None)


def _every_series(name: str) -> Runs:
    return replace(load_dataset(name), warnings=())


def _series(card: Card, frame: pd.DataFrame, group: str) -> pd.DataFrame:
    column, equals, values = group.partition("=")
    if equals:
        known(column, tuple(frame.columns), f"{card.name} column")
        chosen = [known(value, tuple(frame[column].astype(str).unique()), column) for value in values.split("|")]
        return frame[frame[column].astype(str).isin(chosen)]
    if card.group is None:
        raise CatalogError(f"{card.name}: is a single series, without a group {group!r}: write {card.name}")
    known(group, tuple(frame[card.group].unique()), f"{card.name} group")
    return frame[frame[card.group] == group]


def _default_rows(card: Card, frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Rows that the card keeps, and a note about those that it leaves out."""
    flagged = frame[card.exclude].to_numpy(dtype=bool)
    note = f"{flagged.sum()} of {len(frame)} runs flagged {card.exclude} left out: {card.exclude_reason}"
    return frame[~flagged], (note,) if flagged.any() else ()


def _pooled(card: Card, frame: pd.DataFrame) -> tuple[str, ...]:
    series = 1 if card.group is None else frame[card.group].nunique()
    if series == 1:
        return ()
    return (f"{card.name} holds {series} series of column {card.group}, which must be fitted one at a time",)
