"""Finds laws and data sets: those that ship, and the user's own."""

import ast
import functools
import hashlib
import tomllib
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from bayescale.errors import CatalogError, RunsError
from bayescale.law import Law
from bayescale.runs import Runs
from bayescale.tables import SUFFIXES, nearest


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a shipped data set is, where it comes from, and what to beware of: its ``card.toml``.

    Parameters
    ----------
    name, title, description : str
    rows : int
        Rows of its ``runs.csv``, those left out by default included.
    citation, source : tuple of str
        Whom to cite, and the files that the table was made from.
    licence, licence_notes : str
    laws : tuple of str
        Shipped laws that the runs can inform.
    known_problems : tuple of str
    outcome : str
        Column that a law is to predict.
    columns : mapping
        For each column ``meaning``; for quantities ``unit``; where it matters ``counting`` and ``trap``.
    exclude : str or None
        Flag column of the rows that are left out unless asked for.
    exclude_reason : str
        What those rows are and why they are left out.
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
    columns: Mapping[str, Mapping[str, str]] = field(repr=False)
    exclude: str | None = None
    exclude_reason: str = ""


def root(kind: str) -> Path:
    """Folder of the shipped ``"models"`` or ``"datasets"``: inside an installed package, beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / kind
    return installed if installed.is_dir() else package.parent / kind


def law_names() -> tuple[str, ...]:
    """Names of the shipped laws.

    Examples
    --------
    >>> "chinchilla" in law_names()
    True
    """
    return tuple(sorted(path.stem for path in root("models").glob("*.py")))


def law_path(name_or_path: str | Path) -> Path:
    """File that a law stands in.

    Parameters
    ----------
    name_or_path : str or path
        Name of a shipped law, or a path that ends in ``.py``.

    Returns
    -------
    pathlib.Path
        Absolute.

    Raises
    ------
    CatalogError
        If there is no such law or file.

    Examples
    --------
    >>> law_path("chinchila")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    bayescale.errors.CatalogError: no law 'chinchila', did you mean 'chinchilla'? Laws: ...
    """
    path = Path(name_or_path)
    if path.suffix != ".py":
        return root("models") / f"{_known(str(name_or_path), law_names(), 'law', 'a path that ends in .py')}.py"
    if not path.is_file():
        raise CatalogError(f"{path}: no such law file in {path.resolve().parent}: check the path")
    return path.resolve()


def load_law(name_or_path: str | Path) -> Law:
    """Load a shipped law by its name, or a law of one's own by the path of its file.

    Parameters
    ----------
    name_or_path : str or path
        Name of a shipped law, or path of a Python file that defines ``LAW``. A file is run once, and again when it has
        changed.

    Returns
    -------
    Law

    Raises
    ------
    CatalogError
        If there is no such law or file, or the file fails or defines no ``LAW``.

    Examples
    --------
    >>> load_law("chinchilla").formula
    'E + A N^-alpha + B D^-beta'
    """
    path = law_path(name_or_path)
    return _run_law_file(path, _source(path))


def law_source_hash(name_or_path: str | Path) -> str:
    """SHA-256 of a law's code, as hexadecimal digits; comments and layout do not count.

    Raises
    ------
    CatalogError
        If there is no such law or file, or it is not Python.
    """
    path = law_path(name_or_path)
    try:
        # Not ast.dump, whose text differs between Python versions.
        code = ast.unparse(ast.parse(_source(path)))
    except SyntaxError as error:
        raise _failed(path, error) from error
    return hashlib.sha256(code.encode()).hexdigest()


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
        If there is no such data set.

    Examples
    --------
    >>> load_card("chinchilla").rows
    245
    """
    _known(name, dataset_names(), "data set")
    entries = tomllib.loads((root("datasets") / name / "card.toml").read_text(encoding="utf-8"))
    default_rows = entries.get("default_rows", {})
    return Card(
        name=entries["name"],
        title=entries["title"],
        description=entries["description"],
        rows=entries["rows"],
        citation=tuple(entries["citation"]),
        source=tuple(entries["source"]),
        licence=entries["licence"],
        licence_notes=entries["licence_notes"],
        laws=tuple(entries["laws"]),
        known_problems=tuple(entries["known_problems"]),
        outcome=entries["outcome"]["column"],
        columns=entries["columns"],
        exclude=default_rows.get("exclude"),
        exclude_reason=default_rows.get("reason", ""),
    )


def load_dataset(name: str, *, everything: bool = False) -> Runs:
    """Load the runs of a shipped data set.

    Parameters
    ----------
    name : str
    everything : bool
        Keep the rows that the card leaves out by default.

    Returns
    -------
    Runs
        Its ``notes`` say how many rows were left out, and why.

    Raises
    ------
    CatalogError
        If there is no such data set.

    Examples
    --------
    >>> len(load_dataset("chinchilla")), len(load_dataset("chinchilla", everything=True))
    (240, 245)
    """
    card = load_card(name)
    runs = replace(Runs.read(root("datasets") / name / "runs.csv", outcome=card.outcome), source=name)
    if everything or card.exclude is None:
        return runs
    kept = runs.frame[~runs.frame[card.exclude]]
    note = f"{len(runs) - len(kept)} of {len(runs)} runs flagged {card.exclude} left out: {card.exclude_reason}"
    return replace(Runs.from_frame(kept, source=name, outcome=card.outcome), notes=(note,))


def load_runs(name_or_path: str | Path, *, columns: Mapping[str, str] | None = None) -> Runs:
    """Load a shipped data set by its name, or a table of one's own by the path of its file.

    Parameters
    ----------
    name_or_path : str or path
        Name of a shipped data set, or path of a CSV or Parquet file.
    columns : mapping, optional
        The file's name of a column by the name used here, such as ``{"loss": "val_loss", "N": "params"}``.

    Returns
    -------
    Runs

    Raises
    ------
    RunsError
        If there is neither such a data set nor such a file, or the table cannot be used.

    Examples
    --------
    >>> load_runs("chinchila")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    bayescale.errors.RunsError: no data set 'chinchila', did you mean 'chinchilla'? Data sets: ...
    """
    name, path = str(name_or_path), Path(name_or_path)
    if name in dataset_names():
        if columns:
            raise RunsError(f"{name}: a shipped data set has our column names: leave --columns out")
        return load_dataset(name)
    if path.suffix.lower() in SUFFIXES or path.exists():
        return Runs.read(path, columns=columns)
    raise RunsError(_unknown(name, dataset_names(), "data set", f"a path that ends in {' or '.join(SUFFIXES)}"))


def _known(name: str, names: tuple[str, ...], kind: str, otherwise: str = "") -> str:
    if name not in names:
        raise CatalogError(_unknown(name, names, kind, otherwise))
    return name


def _unknown(name: str, names: tuple[str, ...], kind: str, otherwise: str) -> str:
    near = nearest(name, names)
    hint = f", did you mean {near!r}?" if near else "."
    return f"no {kind} {name!r}{hint} {kind.capitalize()}s: {', '.join(names)}{otherwise and f'; or {otherwise}'}"


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read ({error.strerror}): check its permissions") from None


@functools.cache
def _run_law_file(path: Path, source: bytes) -> Law:
    # Not importlib: only the functions of a module outside sys.modules are sent whole to joblib's workers.
    module = ModuleType(f"bayescale_law_{path.stem}")
    module.__file__ = str(path)
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except Exception as error:
        raise _failed(path, error) from error
    law: Any = module.__dict__.get("LAW")
    if not isinstance(law, Law):
        found = "no LAW" if law is None else f"LAW as {type(law).__name__}"
        raise CatalogError(f"{path}: defines {found}: write LAW = Law(...), as the files in {root('models')} do")
    return law


def _failed(path: Path, error: Exception) -> CatalogError:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) else frames[-1].lineno if frames else None
    return CatalogError(f"{path}, line {line}: {type(error).__name__}: {error}: correct the law file")
