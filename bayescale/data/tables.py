"""Read tables: files, column names, and numbers in cells.

Every fault is reported in one line that names the file, the row or line, the column, the value and the remedy.
"""

import csv
import io
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale.basics.errors import QuantityError, RunsError
from bayescale.basics.quantities import parse_quantity
from bayescale.basics.wording import _SHOWN, listed, nearest

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

FloatArray = NDArray[np.float64]

SUFFIXES = (".csv", ".parquet", ".pq")

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
_NOT_NUMBERS = {"b": "true or false", "M": "dates", "m": "durations"}
_MOST_CELLS = 5e7
"""Largest number of values of a Parquet file, which can claim any number in a few bytes."""
_PAGE = 4096


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV or Parquet file; a CSV column stays text unless it contains only numbers or only booleans.

    Raises
    ------
    RunsError
        If the file is missing, unreadable, empty, or not a table.
    """
    if os.path.isdir(path):
        raise RunsError(f"{path}: is a directory: name a {' or '.join(SUFFIXES)} file in it")
    if path.suffix.lower() not in SUFFIXES:
        raise RunsError(f"{path}: ends in {path.suffix!r}: save the table as .csv or .parquet")
    with _opened(path) as file:
        return _parse_csv(file.read(), path) if path.suffix.lower() == ".csv" else _parse_parquet(file, path)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except RunsError:
        raise
    except FileNotFoundError:
        raise RunsError(f"{path}: no such file in {path.resolve().parent}: check the path") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RunsError(f"{path}: cannot be read ({reason}): check the file and its permissions") from None


def rename(frame: pd.DataFrame, columns: Mapping[str, str], source: str) -> pd.DataFrame:
    """Copy of a table with its columns renamed, and rows counted from 0.

    Parameters
    ----------
    frame : pandas.DataFrame
    columns : mapping
        The table's column names by ours.
    source : str
        Name of the table in messages.

    Raises
    ------
    RunsError
        If two columns share a name, or the mapping does not fit.
    """
    names = [_one_line(str(name)) for name in frame.columns]
    refuse([*_repeated_names(names, source), *_mapping_faults(names, columns, source)])
    ours = {theirs: name for name, theirs in columns.items()}
    return frame.set_axis([ours.get(name, name) for name in names], axis=1).reset_index(drop=True)


_SMALLEST, _LARGEST = 1e-30, 1e40
"""Range of positive quantities of a run; products of values outside it may overflow."""

_DOMAINS: dict[str, tuple[Callable[[FloatArray], NDArray[np.bool_]], str]] = {
    "positive": (lambda y: y > 0, "above zero"),
    "fraction": (lambda y: (y >= 0) & (y <= 1), "between 0 and 1"),
    "real": (lambda y: np.full(y.shape, True), "of any sign"),
    "share": (lambda y: (y >= 0) & (y < 1), "from 0 to less than 1"),
    "count": (lambda y: y >= 1, "1 or more"),
}
"""Finite numbers that belong to a domain, as a test and in words."""


def positive(values: "pd.Series[Any]", source: str, label: str) -> tuple[FloatArray, list[str]]:
    """Values as floats, and a line for every value that is not a finite number above zero, as :func:`numbers_in`."""
    return numbers_in("positive", values, source, label)


def number_fault(domain: str, value: float) -> str:
    """What a number must be to belong to a domain; empty if it does.

    Examples
    --------
    >>> number_fault("positive", -1.0), number_fault("real", -1.0)
    ('must be a finite number above zero', '')
    """
    holds, words = _DOMAINS[domain]
    return "" if np.isfinite(value) and holds(np.asarray(value)).all() else f"must be a finite number {words}"


def numbers_in(domain: str, values: "pd.Series[Any]", source: str, label: str) -> tuple[FloatArray, list[str]]:
    """Values as floats, and a line for every value that is not a finite number in a domain.

    Parameters
    ----------
    domain : {"positive", "fraction", "share", "count", "real"}
    values : pandas.Series
    source, label : str
        Names of the table and the column in messages.

    Examples
    --------
    >>> numbers_in("positive", pd.Series(["70B", -1]), "runs.csv", "N")
    (array([ 7.e+10, -1.e+00]), ['runs.csv, row 2, column N: -1 is not above zero: correct it or leave the row out'])
    """
    if what := _NOT_NUMBERS.get(values.dtype.kind):
        fault = f"{source}, row 1, column {label}: {values.iloc[0]}: the column contains {what}: give numbers"
        return np.full(len(values), np.nan), [fault]
    numbers, unreadable = _floats(values)
    if domain in ("fraction", "share") and _per_cent(numbers):
        highest = f"{np.nanmax(numbers):g}"
        return numbers, [f"{source}, column {label}: values up to {highest} look like per cent: divide them by 100"]
    holds, words = _DOMAINS[domain]
    counted = (numbers >= _SMALLEST) & (numbers <= _LARGEST) if domain == "positive" else np.isfinite(numbers)
    faults = [
        f"{source}, row {row + 1}, column {label}: "
        f"{unreadable.get(row) or _fault_of(values.iloc[row], numbers[row], words)}"
        for row in np.flatnonzero(~(counted & holds(numbers))).tolist()
    ]
    return numbers, faults


def _per_cent(numbers: FloatArray) -> bool:
    """Whether numbers that should be fractions look like per cent."""
    known = numbers[np.isfinite(numbers)]
    return len(known) > 0 and bool(np.median(known) > 1 and known.min() >= 0 and known.max() <= 100)


def refuse(faults: Iterable[str]) -> None:
    """Raise all faults at once, if there are any.

    Raises
    ------
    RunsError
        With a line for each of the first ten faults.
    """
    lines = list(faults)
    if lines:
        more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
        raise RunsError("\n".join(lines[:_SHOWN] + more))


def missing_column(name: str, columns: Iterable[str], source: str, reader: str = "") -> str:
    """Message for a missing column, with the column that was probably meant."""
    columns = list(columns)
    near = nearest(name, columns)
    if near:
        return f"{source}: no column {name!r}{reader}; did you mean {near!r}? If so, add --columns {name}={near}"
    return f"{source}: no column {name!r}{reader}; its columns are {listed(columns)}: add --columns {name}=COLUMN"


def _repeated_names(names: Sequence[str], source: str) -> Iterator[str]:
    for name, times in Counter(names).items():
        if times > 1:
            yield f"{source}: column {name!r} appears {'twice' if times == 2 else f'{times} times'}: keep one of them"


def _mapping_faults(names: Sequence[str], columns: Mapping[str, str], source: str) -> Iterator[str]:
    used = Counter(columns.values())
    for name, theirs in columns.items():
        if theirs not in names:
            near = nearest(theirs, names)
            cure = f"did you mean --columns {name}={near}?" if near else f"its columns are {listed(names)}"
            yield f"{source}: no column {theirs!r} to use as {name!r}; {cure}"
        elif used[theirs] > 1:
            yield f"{source}: column {theirs!r} is used as {name!r} and as another column: give each its own column"
        elif name in names and name not in used:
            yield f"{source}: column {theirs!r} cannot become {name!r}, which exists already: rename or remove that one"


def _floats(values: "pd.Series[Any]") -> tuple[FloatArray, dict[int, str]]:
    """Values as floats, NaN if missing or unreadable, and the reasons why they are unreadable, by position."""
    if values.dtype.kind in "iuf":
        with np.errstate(over="ignore"):
            return values.to_numpy(dtype=np.float64, na_value=np.nan), {}
    numbers, unreadable = np.full(len(values), np.nan), {}
    for row, value in enumerate(values):
        try:
            numbers[row] = _number(value)
        except QuantityError as error:
            unreadable[row] = str(error)
    return numbers, unreadable


def _number(value: Any) -> float:
    if value is None or value is pd.NA or value is pd.NaT:
        return np.nan
    if isinstance(value, str):
        return np.nan if value.strip().lower() in _MISSING else parse_quantity(_shortened(value))
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real | Decimal):
        raise QuantityError(f"{_shortened(str(value))} is not a number: write it as 70B, 1.4T, 350M or 5.76e23")
    try:
        return float(value)
    except OverflowError:
        return np.inf


def _fault_of(value: Any, number: float, words: str) -> str:
    shown = repr(value) if isinstance(value, str) else str(value)
    if np.isnan(number):
        return f"{shown} is a missing value: fill it in or leave the row out"
    if 0 < number < np.inf and words == _DOMAINS["positive"][1]:
        return f"{shown} must lie between {_SMALLEST:g} and {_LARGEST:g}: correct its unit or leave the row out"
    what = f"not {words}" if np.isfinite(number) else "not finite"
    return f"{shown} is {what}: correct it or leave the row out"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _shortened(text: str, length: int = 60) -> str:
    text = _one_line(text)
    return text if len(text) <= length else text[:length] + "..."


def _refuse_blank(data: bytes, path: Path) -> None:
    if not data or data.isspace():
        raise RunsError(f"{path}: is empty: a table needs a header and at least one run")


def _parse_csv(data: bytes, path: Path) -> pd.DataFrame:
    _refuse_blank(data, path)
    text = _csv_text(data, path)
    first = text.strip().partition("\n")[0]
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if separator in first and "," not in first:
            shown = repr(_shortened(first))
            raise RunsError(
                f"{path}, line 1: {shown} separates columns by {name}: use commas, and write decimals with a point"
            )
    header, *rows = _csv_lines(text, path)
    if not rows:
        raise RunsError(f"{path}: has no rows below its header: a table needs at least one run")
    frame = pd.DataFrame(rows, columns=pd.Index(header), dtype=object)
    # A column without a name contains row labels, or comes from a comma at the end of every line.
    return frame.loc[:, [bool(name.strip()) for name in header]].apply(_numbers_or_flags)


def _csv_text(data: bytes, path: Path) -> str:
    if b"\0" in data:
        raise RunsError(f"{path}: byte {data.index(0)} is NUL, so it is not a text file: save the table as UTF-8 CSV")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        value = f"0x{data[error.start]:02x}"
        raise RunsError(f"{path}: byte {error.start} ({value}) is not UTF-8: save the table as UTF-8 CSV") from None


def _csv_lines(text: str, path: Path) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: list[list[str]] = []
    try:
        for line in filter(None, reader):
            if lines and len(line) != len(lines[0]):
                raise RunsError(
                    f"{path}, line {reader.line_num}: {_shortened(','.join(line))!r} has {len(line)} values, but the "
                    f"header {len(lines[0])}: separate values by commas, and write decimals with a point"
                )
            lines.append(line)
    except csv.Error as error:
        raise RunsError(f"{path}, line {reader.line_num}: is not CSV ({error}): check its quotation marks") from None
    return lines


def _numbers_or_flags(text: "pd.Series[Any]") -> "pd.Series[Any]":
    lower = text.str.strip().str.lower()
    if lower.isin(["true", "false"]).all():
        return lower == "true"
    for kind in (int, float):
        try:
            return lower.replace("", "nan").astype(kind)
        except (ValueError, OverflowError):
            continue
    return text


def _parse_parquet(file: BinaryIO, path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    _refuse_blank(file.read(_PAGE), path)
    try:
        # Not through the metadata of pandas, which hides columns in the index and fails in many ways if damaged.
        table = pq.ParquetFile(file, pre_buffer=False)
        # Metadata of the whole file: reading the metadata of its parts can crash the process if they are damaged.
        if table.metadata.num_rows * table.metadata.num_columns > _MOST_CELLS:
            raise RunsError(f"{path}: claims more than {_MOST_CELLS:.0e} values: keep only the columns that are needed")
        names = table.schema_arrow.names
        columns = [_parquet_column(table, names, position) for position in range(len(names))]
    except RunsError:
        raise
    except (pa.ArrowException, OSError, ValueError, LookupError) as error:
        reason = _shortened(str(error))
        raise RunsError(f"{path}: is not a Parquet file ({reason}): write it again, or save it as .csv") from None
    frame = pd.DataFrame(dict(enumerate(columns)), copy=False).set_axis(names, axis=1)
    return frame.loc[:, [not name.startswith("__index_level_") for name in names]]


def _parquet_column(table: "ParquetFile", names: Sequence[str], position: int) -> "pd.Series[Any]":
    """One column, read separately, so that packed and unpacked data of all columns are never in memory together."""
    of_that_name = table.read(columns=[names[position]], use_threads=False).to_pandas(ignore_metadata=True)
    column: pd.Series[Any] = of_that_name.iloc[:, names[:position].count(names[position])]
    return column
