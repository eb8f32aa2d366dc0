"""Numbers as people write them: ``70B`` parameters, ``1.4T`` tokens, ``5.76e23`` FLOP."""

import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bayescale.basics.errors import QuantityError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

_SUFFIXES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12}
_PATTERN = re.compile(r"\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([kKMBGT]?)\s*")
_ALL_DRAWS = 0.995
_SMALLEST, _LARGEST = 1e-30, 1e40
_LONGEST_UNIT = 40
_FIRST_DATE = 1000.0
"""Number of years from which on they are a date."""
ROUNDING = 1e-12
"""Share of a quantity below which a difference is one of rounding."""
SUPERSCRIPTS = str.maketrans("0123456789-+", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺")
_PRINTED = (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3))


def parse_quantity(text: str) -> float:
    """Read a number with an optional suffix k, M, B (or G), or T.

    Parameters
    ----------
    text : str
        For example ``"70B"``, ``"1.4T"``, ``"5.76e23"`` or ``"12_000"``.

    Returns
    -------
    float

    Raises
    ------
    QuantityError
        If the text is not such a number, or the number is too large for a float.

    Examples
    --------
    >>> parse_quantity("70B")
    70000000000.0
    >>> parse_quantity("5.76e23")
    5.76e+23
    >>> parse_quantity("3,2")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.QuantityError: '3,2' is not a number: write decimals with a point (3.2) and ...
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        if re.fullmatch(r"\s*[+-]?[\d.,\s]+[kKMBGT]?\s*", text) and "," in text:
            point = text.strip().replace(",", ".", 1) if text.count(",") == 1 else text.strip().replace(",", "")
            raise QuantityError(
                f"{text!r} is not a number: write decimals with a point ({point}) and no thousands separators"
            )
        raise QuantityError(f"{text!r} is not a number: write it as 70B, 1.4T, 350M or 5.76e23")
    value = float(match[1].replace("_", "")) * _SUFFIXES[match[2]]
    if not math.isfinite(value):
        raise QuantityError(f"{text!r} is too large: the largest number is about 1.8e308")
    return value


def numbers(name: str, values: "ArrayLike") -> "NDArray[np.float64]":
    """Numbers, or texts of them, as an array of the same shape.

    Parameters
    ----------
    name : str
        What a message calls them.
    values : array_like
        Of numbers, or of texts as :func:`parse_quantity` reads them.

    Raises
    ------
    QuantityError
        If one is not a number.

    Examples
    --------
    >>> numbers("N", ["70B", 1e9]).tolist(), float(numbers("C", "1e21"))
    ([70000000000.0, 1000000000.0], 1e+21)
    >>> numbers("N", "seven")
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.QuantityError: N: 'seven' is not a number: write it as 70B, 1.4T, 350M or 5.76e23
    """
    import numpy as np  # here, so that help needs no arrays

    given = np.asarray(values)
    if given.dtype.kind in "fiu":
        return np.asarray(given, dtype=np.float64)
    found = []
    for value in given.ravel().tolist():
        try:
            found.append(parse_quantity(value) if isinstance(value, str) else float(value))
        except QuantityError as error:
            raise QuantityError(f"{name}: {error}") from None
        except (TypeError, ValueError):
            raise QuantityError(f"{name}: {value!r} is not a number: write it as 70B, 1.4T or 5.76e23") from None
    return np.array(found, dtype=np.float64).reshape(given.shape)


def number(name: str, value: float | str) -> float:
    """One number, or the text of one.

    Raises
    ------
    QuantityError
        If it is not one.

    Examples
    --------
    >>> number("budget", "1e21"), number("budget", 3)
    (1e+21, 3.0)
    """
    found = numbers(name, value)
    if found.ndim:
        raise QuantityError(f"{name}: give one number, not {found.size}")
    return float(found)


def check_positive(name: str, value: float) -> None:
    """Check that a number is above zero and within the range of real quantities.

    Raises
    ------
    QuantityError
        If it is not.

    Examples
    --------
    >>> check_positive("price", -1.0)
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.QuantityError: price is -1, but must be a finite number above zero
    """
    if not (math.isfinite(value) and value > 0):
        raise QuantityError(f"{name} is {value:g}, but must be a finite number above zero")
    if not _SMALLEST <= value <= _LARGEST:
        raise QuantityError(f"{name} is {value:g}, but must lie between {_SMALLEST:g} and {_LARGEST:g}")


def check_unit(unit: object) -> None:
    """Check that a unit is a text that fits in a heading.

    Raises
    ------
    QuantityError
        If it is not.

    Examples
    --------
    >>> check_unit("")
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.QuantityError: unit '' is not a short printable text: write it as 'bits/character'
    """
    if isinstance(unit, str) and unit.isprintable() and unit == unit.strip() and 0 < len(unit) <= _LONGEST_UNIT:
        return
    shown = f"{unit[:_LONGEST_UNIT]!r}..." if isinstance(unit, str) and len(unit) > _LONGEST_UNIT else repr(unit)
    raise QuantityError(f"unit {shown} is not a short printable text: write it as 'bits/character'")


def with_unit(text: str, unit: str) -> str:
    """A name with its unit in brackets, or alone if it has none.

    Examples
    --------
    >>> with_unit("loss", "nats/token"), with_unit("y", "")
    ('loss (nats/token)', 'y')
    """
    return f"{text} ({unit})" if unit else text


def format_quantity(value: float, digits: int = 3, unit: str = "") -> str:
    """Write a count in the same notation, to three significant digits, and a date in years as one.

    Examples
    --------
    >>> format_quantity(7.24e10), format_quantity(1.3e12), format_quantity(18.4), format_quantity(5.76e23)
    ('72.4B', '1.3T', '18.4', '5.76e+23')
    >>> [format_quantity(years, unit="years") for years in (2030, 2019.25, 0.512)]
    ['2030', '2019.25', '0.512']
    """
    if not math.isfinite(value):
        return str(value)
    if unit == "years" and value >= _FIRST_DATE:
        return f"{value:.6g}"
    magnitude = float(f"{abs(value):.{digits - 1}e}")
    if magnitude >= 1e15:
        return f"{value:.{digits}g}"
    for suffix, scale in _PRINTED:
        if magnitude >= scale:
            return _digits(value / scale, digits) + suffix
    return _digits(value, digits)


def of_draws(exists: float) -> str:
    """Text for a quantity that does not exist in all draws.

    Examples
    --------
    >>> of_draws(1.0), of_draws(0.321)
    ('', ' in 32% of draws')
    """
    return "" if exists > _ALL_DRAWS else f" in {exists:.0%} of draws"


def format_column(name: str, value: float) -> str:
    """Write a value of a column: a date in column ``year``, otherwise a quantity.

    Examples
    --------
    >>> format_column("year", 2030), format_column("N", 2030)
    ('2030', '2.03k')
    """
    return format_quantity(value, unit="years" if name == "year" else "")


def shortest(number: float) -> str:
    """The shortest text that is read as the same number.

    Examples
    --------
    >>> shortest(5.76e23), shortest(1 / 3)
    ('5.76e+23', '0.3333333333333333')
    """
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


def times(ratio: float) -> str:
    """How many times one number is another.

    Examples
    --------
    >>> times(44.46), times(7722.0), times(0.213)
    ('44', '7,700', '0.21')
    """
    rounded = float(f"{ratio:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


def format_interval(ends: Iterable[float], digits: int = 3, unit: str = "") -> str:
    """Write the lower end, median and upper end of an interval; ``none`` where there is no value.

    Examples
    --------
    >>> format_interval([2.24e10, 4.47e10, 8.07e10]), format_interval([-4e-16, 0.2, 0.5])
    ('44.7B [22.4B, 80.7B]', '0.2 [0, 0.5]')
    """
    found = tuple(ends)
    if math.isnan(found[1]):
        return "none"
    negligible = ROUNDING * max((abs(end) for end in found if math.isfinite(end)), default=0.0)
    low, middle, high = (format_quantity(0.0 if abs(end) < negligible else end, digits, unit) for end in found)
    return f"{middle} [{low}, {high}]"


def excess(value: "NDArray[np.float64]", base: "ArrayLike") -> "NDArray[np.float64]":
    """By which share values lie above others; zero where rounding errors alone tell them apart.

    Examples
    --------
    >>> excess(numbers("", [1.5, 1 + 4.44e-16]), 1.0).tolist()
    [0.5, 0.0]
    """
    import numpy as np

    found = value / np.asarray(base) - 1
    return np.where(np.abs(found) < ROUNDING, 0.0, found)


def _digits(value: float, digits: int) -> str:
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:.0f}" if abs(rounded) >= 10 ** (digits - 1) else f"{rounded:.{digits}g}"
