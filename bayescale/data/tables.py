"""Numbers in the cells of tables, and what is said where they are none.

Every kind of fault is reported in one line that names the file, the row, the column, the value and the remedy.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale.basics.errors import QuantityError, RunsError
from bayescale.basics.quantities import parse_quantity
from bayescale.basics.wording import _SHOWN, columns_are, listed, nearest
from bayescale.data.delimited import shortened
from bayescale.laws.links import ABOVE_ONE, BY_RATIO

FloatArray = NDArray[np.float64]

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
_NOT_NUMBERS = {"b": "true or false", "M": "dates", "m": "durations"}
_SMALLEST, _LARGEST = 1e-30, 1e40
"""Range of positive quantities of a run; products of values outside it may overflow."""

_DOMAINS: dict[str, tuple[Callable[[FloatArray], NDArray[np.bool_]], str]] = {
    "positive": (lambda y: y > 0, "above zero"),
    "fraction": (lambda y: (y >= 0) & (y <= 1), "between 0 and 1"),
    "real": (lambda y: np.full(y.shape, True), "of any sign"),
    ABOVE_ONE: (lambda y: y > 1, "above one"),
    "share": (lambda y: (y >= 0) & (y < 1), "from 0 to less than 1"),
    "count": (lambda y: y >= 1, "1 or more"),
}
"""Finite numbers that belong to a domain, as a test and in words."""


class OfColumns(Protocol):
    """A table of another library, such as polars or Arrow."""

    def to_pandas(self) -> pd.DataFrame:
        """The table for pandas."""


type Frame = pd.DataFrame | Mapping[str, Any] | OfColumns
"""A table in memory: of pandas, polars or Arrow, or columns by name."""


def as_frame(table: Frame, source: str = "DataFrame") -> pd.DataFrame:
    """A table in memory as one of pandas.

    Raises
    ------
    RunsError
        If it is no table.

    Examples
    --------
    >>> as_frame({"N": ["7B", "70B"], "loss": [2.1, 1.9]}).shape
    (2, 2)
    >>> as_frame([1, 2])
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.RunsError: DataFrame: a list is no table: give a DataFrame, a dict of columns, or a file
    """
    if isinstance(table, pd.DataFrame):
        return table
    if isinstance(table, Mapping):
        try:
            return pd.DataFrame({name: np.atleast_1d(np.asarray(values)) for name, values in table.items()})
        except ValueError as error:
            raise RunsError(f"{source}: columns are not of one length ({error})") from None
    if hasattr(table, "to_pandas"):
        return table.to_pandas()
    kind = type(table).__name__
    raise RunsError(f"{source}: a {kind} is no table: give a DataFrame, a dict of columns, or a file")


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
    domain : {"positive", "fraction", "above one", "share", "count", "real"}
    values : pandas.Series
    source, label : str
        Names of the table and the column in messages.

    Examples
    --------
    >>> numbers_in("positive", pd.Series(["70B", -1]), "runs.csv", "N")
    (array([ 7.e+10, -1.e+00]), ['runs.csv, row 2, column N: -1 is not above zero: correct it or leave the row out'])
    """
    numbers, faults = unusable(domain, values)
    return numbers, [fault.line(source, label) for fault in faults]


@dataclass(frozen=True)
class Fault:
    """One kind of fault in a column.

    Attributes
    ----------
    reason : str
        What is wrong in the first of its rows.
    cure : str
    rows : tuple of int
        Counted from zero; none if the column as a whole is at fault.
    whole : str
        What the whole column is, if that is the fault, such as its first row.
    """

    reason: str
    cure: str
    rows: tuple[int, ...] = ()
    whole: str = ""

    def line(self, source: str, label: str) -> str:
        """The message of the fault."""
        if not self.rows:
            return f"{source}{self.whole}, column {label}: {self.reason}: {self.cure}"
        first, *others = self.rows
        more = f"; {len(others)} more such row{'s' * (len(others) > 1)}: {listed(row + 1 for row in others)}"
        return f"{source}, row {first + 1}, column {label}: {self.reason}: {self.cure}{more if others else ''}"

    def left_out(self, label: str) -> str:
        """What a note on rows left out says."""
        return f"row{'s' * (len(self.rows) > 1)} {listed(row + 1 for row in self.rows)} ({label}: {self.reason})"


def unusable(domain: str, values: "pd.Series[Any]") -> tuple[FloatArray, list[Fault]]:
    """Values as floats, and each kind of fault that a domain finds in them."""
    if what := _NOT_NUMBERS.get(values.dtype.kind):
        reason = f"{values.iloc[0]}: the column contains {what}"
        return np.full(len(values), np.nan), [Fault(reason, "give numbers", whole=", row 1")]
    numbers, unreadable = floats(values)
    if domain in ("fraction", "share") and _per_cent(numbers):
        reason = f"values up to {np.nanmax(numbers):g} look like per cent"
        return numbers, [Fault(reason, "divide them by 100")]
    holds, words = _DOMAINS[domain]
    counted = (numbers >= _SMALLEST) & (numbers <= _LARGEST) if domain in BY_RATIO else np.isfinite(numbers)
    kinds: dict[str, list[int]] = {}
    for row in np.flatnonzero(~(counted & holds(numbers))).tolist():
        kinds.setdefault("unreadable" if row in unreadable else _kind_of(numbers[row], words), []).append(row)
    faults = []
    for kind, rows in kinds.items():
        if kind == "unreadable":
            reason, _, cure = unreadable[rows[0]].rpartition(": ")
        else:
            reason, cure = _fault_of(values.iloc[rows[0]], numbers[rows[0]], words)
        faults.append(Fault(reason, cure, tuple(rows)))
    return numbers, faults


_COUNTED = re.compile(r"\s*(\S*\d)\s*([a-z]+)?\s*(?:params?|parameters|tokens|flops?)?\s*", re.IGNORECASE)
_SUFFIX_OF = {
    **dict.fromkeys(("k", "thousand"), "k"),
    **dict.fromkeys(("m", "mn", "million"), "M"),
    **dict.fromkeys(("b", "bn", "billion"), "B"),
    **dict.fromkeys(("t", "tn", "trillion"), "T"),
}


def _with_suffix(text: str) -> str:
    """A count as people write it in tables, such as ``1.4b tokens``, with a suffix; other text as it is."""
    match = _COUNTED.fullmatch(text)
    if match is None:
        return text
    word = (match[2] or "").lower()
    return match[1] + _SUFFIX_OF[word] if word in _SUFFIX_OF else match[1] if _is_unit(word) else text


def _is_unit(word: str) -> bool:
    return word in {"", "param", "params", "parameters", "tokens", "flop", "flops"}


def _kind_of(number: float, words: str) -> str:
    if np.isnan(number):
        return "missing"
    return "range" if 0 < number < np.inf and words == _DOMAINS["positive"][1] else str(np.isfinite(number))


def middle_of(numbers: FloatArray) -> float:
    """Median of the numbers that are known, or NaN of none; of two huge ones it may be infinite.

    Examples
    --------
    >>> middle_of(np.array([1.0, np.nan, 3.0])), middle_of(np.array([1e308, 1.5e308]))
    (2.0, inf)
    """
    known = numbers[~np.isnan(numbers)]
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.median(known)) if len(known) else float("nan")


def _per_cent(numbers: FloatArray) -> bool:
    """Whether numbers that should be fractions look like per cent."""
    known = numbers[np.isfinite(numbers)]
    return len(known) > 0 and bool(middle_of(known) > 1 and known.min() >= 0 and known.max() <= 100)


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
        cure = columns_are(**{name: near})
        return f"{source}: no column {name!r}{reader}; did you mean {near!r}? If so, add {cure}"
    cure = columns_are(**{name: "COLUMN"})
    return f"{source}: no column {name!r}{reader}; its columns are {listed(columns)}: add {cure}"


def floats(values: "pd.Series[Any]") -> tuple[FloatArray, dict[int, str]]:
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
        return np.nan if value.strip().lower() in _MISSING else parse_quantity(_with_suffix(shortened(value)))
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real | Decimal):
        raise QuantityError(f"{shortened(str(value))} is not a number: write it as 70B, 1.4T, 350M or 5.76e23")
    try:
        return float(value)
    except OverflowError:
        return np.inf


def _fault_of(value: Any, number: float, words: str) -> tuple[str, str]:
    """What is wrong with a value, and what to do about it."""
    shown = shortened(repr(value) if isinstance(value, str) else str(value))
    if np.isnan(number):
        return f"{shown} is a missing value", "fill it in or leave the row out"
    if 0 < number < np.inf and words == _DOMAINS["positive"][1]:
        return f"{shown} must lie between {_SMALLEST:g} and {_LARGEST:g}", "correct its unit or leave the row out"
    what = f"not {words}" if np.isfinite(number) else "not finite"
    return f"{shown} is {what}", "correct it or leave the row out"
