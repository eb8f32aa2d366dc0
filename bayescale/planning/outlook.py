"""What a file of limits to training says: quantiles of what each limit allows, growth, sources and assumptions.

All numbers are in ``limits.toml`` beside this module, or in a user's edited copy: published quantiles and, marked as
such, assumptions about what is not published.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.errors import LimitsError, described
from bayescale.basics.wording import nearest

Array = NDArray[np.float64]

SHIPPED = Path(__file__).with_name("limits.toml")
"""The file of numbers that ships, for users to copy."""
LARGEST, TREND = "largest", "trend"
"""What summaries call the least of the limits and the trend of the largest runs; no limit may be called so."""
YEARS = (2000.0, 2100.0)
"""Between which numbers can be given and asked for."""

_NORMAL = NormalDist()


@dataclass(frozen=True)
class Quantiles:
    """A positive quantity that is known by some of its quantiles.

    The logarithm is interpolated linearly against the normal score of the probability, and goes on with the last slope
    beyond the outermost quantiles: two of them make a log-normal distribution.

    Attributes
    ----------
    probabilities, values : tuple of float
        At least two, both increasing.

    Raises
    ------
    LimitsError
        If they are not.

    Examples
    --------
    >>> growth = Quantiles((0.1, 0.9), (4.0, 5.0))
    >>> round(float(growth.at(np.array(0.0))), 3)  # the median is the geometric mean of the two
    4.472
    """

    probabilities: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        pairs = list(zip(self.probabilities, self.values, strict=True))
        if len(pairs) < 2:
            raise LimitsError("fewer than two quantiles: give two or more, such as q10 and q90")
        for (low_p, low), (high_p, high) in pairwise(pairs):
            if not (0 < low_p < high_p < 1 and 0 < low < high):
                raise LimitsError(
                    f"{high:g} at {high_p:.3g} does not follow {low:g} at {low_p:.3g}: quantiles increase"
                )

    def at(self, scores: Array) -> Array:
        """The quantity at normal scores, such as 0 for its median and 1.2816 for its 90 % quantile."""
        places = np.array([_NORMAL.inv_cdf(p) for p in self.probabilities])
        heights = np.log(self.values)
        left = np.searchsorted(places[1:-1], scores, side="right")
        slope = np.diff(heights) / np.diff(places)
        return np.asarray(np.exp(heights[left] + slope[left] * (scores - places[left])))


@dataclass(frozen=True, kw_only=True)
class Growth:
    """How something grows.

    Attributes
    ----------
    title : str
    growth : Quantiles
        Factor a year.
    source, assumed : str
        Where the numbers were published, and which of them are judgements.
    """

    title: str
    growth: Quantiles
    source: str
    assumed: str


@dataclass(frozen=True, kw_only=True)
class Trend(Growth):
    """Training compute at one date, and how it grows.

    Attributes
    ----------
    year : float
    flop : Quantiles
        At that date.

    Examples
    --------
    >>> doubling = Trend(
    ...     title="chips",
    ...     year=2030.0,
    ...     flop=Quantiles((0.1, 0.9), (1e29, 1e31)),
    ...     growth=Quantiles((0.1, 0.9), (1.0, 4.0)),
    ...     source="nobody",
    ...     assumed="all",
    ... )
    >>> median = np.zeros(1)
    >>> [f"{value:.1e}" for value in doubling.at(np.array([2030.0, 2032.0]), median, median)[0]]
    ['1.0e+30', '4.0e+30']
    """

    year: float
    flop: Quantiles

    def at(self, years: Array, level: Array, growth: Array) -> Array:
        """Training FLOP, shape (draw, year), at normal scores of its level and its growth, each of shape (draw,)."""
        return np.asarray(self.flop.at(level)[:, None] * self.growth.at(growth)[:, None] ** (years - self.year))


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What a file of limits says.

    Attributes
    ----------
    limits : mapping of Trend
        By name, those that are in use.
    correlation : float
        Rank correlation (Spearman's) of any two limits, from 0 to 1.
    frontier : Trend
        Of the largest runs.
    efficiency : Growth
        Of algorithms: the factor is by how much less compute they need for the same loss.

    Raises
    ------
    LimitsError
        If there are no limits, or the correlation is out of range.

    Examples
    --------
    >>> from dataclasses import replace
    >>> replace(read_outlook(), correlation=0.6).correlation
    0.6
    """

    limits: Mapping[str, Trend]
    correlation: float
    frontier: Trend
    efficiency: Growth

    def __post_init__(self) -> None:
        if not self.limits:
            raise LimitsError("no limit is in use: use one, by use = true in a file")
        if not 0 <= self.correlation <= 1:
            raise LimitsError(f"correlation: {self.correlation:g} is not a number from 0 to 1")


_GROWTH_KEYS = frozenset({"title", "growth", "source", "assumed"})
_TAKEN = frozenset({LARGEST, TREND, "chain", "draw", "year", "limit", "title"})
_QUANTILE = re.compile(r"q(\d{1,2}(?:\.\d+)?)")


def read_outlook(path: str | Path = SHIPPED) -> Outlook:
    """Read a file of limits.

    Parameters
    ----------
    path : str or path
        By default the one that ships.

    Returns
    -------
    Outlook

    Raises
    ------
    LimitsError
        If there is no such file, or something in it is missing, unknown or makes no sense; the message names the key.

    Examples
    --------
    >>> outlook = read_outlook()
    >>> list(outlook.limits), outlook.correlation
    (['power', 'chips', 'data', 'latency'], 0.3)
    """
    document = _Table(_document(Path(path)), str(path), "")
    document.check_keys({"year", "correlation", "limits", "frontier", "efficiency"})
    year, tables = document.number("year", *YEARS), document.table("limits")
    each = {name: tables.table(name) for name in tables.entries}
    for name in _TAKEN & each.keys():
        raise each[name].fault(f"the name {name!r} is taken: call it another")
    known = {name: (_trend(table, {"use"}, year), table.flag("use")) for name, table in each.items()}
    used = {name: trend for name, (trend, use) in known.items() if use}
    if not used:
        raise tables.fault("none is in use: write use = true in one of them")
    frontier_table, efficiency = document.table("frontier"), document.table("efficiency")
    frontier = _trend(frontier_table, {"year"}, frontier_table.number("year", *YEARS))
    efficiency.check_keys(_GROWTH_KEYS)
    correlation = document.number("correlation", 0.0, 1.0)
    return Outlook(
        limits=used,
        correlation=correlation,
        frontier=frontier,
        efficiency=Growth(**_growth(efficiency)),
    )


def _trend(table: "_Table", more: set[str], year: float) -> Trend:
    table.check_keys(_GROWTH_KEYS | {"flop"} | more)
    return Trend(**_growth(table), year=year, flop=table.quantiles("flop", 1.0, 1e60))


def _growth(table: "_Table") -> dict[str, Any]:
    texts = {key: table.text(key) for key in ("title", "source", "assumed")}
    return {**texts, "growth": table.quantiles("growth", 0.01, 100.0)}


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LimitsError(f"{path}: no such file: start from a copy of {SHIPPED}") from None
    except OSError as error:
        raise LimitsError(f"{path}: cannot be read ({error.strerror}): name a file of limits") from None
    except (ValueError, RecursionError) as error:
        raise LimitsError(
            f"{path}: is not TOML ({described(error)}): write it as the shipped file is written"
        ) from None


@dataclass(frozen=True)
class _Table:
    """A table of a file: it returns checked values, and names the place of a fault."""

    entries: dict[str, Any]
    source: str
    name: str

    def fault(self, what: str, key: str = "") -> LimitsError:
        place = ".".join(part for part in (self.name, key) if part)
        return LimitsError(f"{self.source}: {place}: {what}" if place else f"{self.source}: {what}")

    def check_keys(self, known: set[str] | frozenset[str]) -> None:
        for key in self.entries:
            if key not in known:
                near = nearest(key, known)
                hint = f"did you mean {near!r}?" if near else f"known are {', '.join(sorted(known))}"
                raise self.fault(f"no such key; {hint}", key)

    def table(self, key: str) -> "_Table":
        found, place = self._get(key), f"{self.name}.{key}" if self.name else key
        if not isinstance(found, dict):
            raise self.fault(f"{found!r} is not a table: write [{place}] and its keys below", key)
        return _Table(found, self.source, place)

    def text(self, key: str) -> str:
        found = self._get(key)
        if not isinstance(found, str) or not found.strip():
            raise self.fault(f"{found!r} is not a text: write it in quotation marks", key)
        return found

    def flag(self, key: str) -> bool:
        found = self._get(key)
        if not isinstance(found, bool):
            raise self.fault(f"{found!r} is neither true nor false", key)
        return found

    def number(self, key: str, low: float, high: float) -> float:
        found = self._get(key)
        if isinstance(found, bool) or not isinstance(found, int | float) or not low <= found <= high:
            raise self.fault(f"{found!r} is not a number from {low:g} to {high:g}", key)
        return float(found)

    def quantiles(self, key: str, low: float, high: float) -> Quantiles:
        """Quantiles by their names, such as q10 and q90, with values between two bounds."""
        found = self._get(key)
        if not isinstance(found, dict):
            raise self.fault(f"{found!r} is not a set of quantiles: write it as {{ q10 = 1, q90 = 2 }}", key)
        table = self.table(key)
        pairs = []
        for name in table.entries:
            match = _QUANTILE.fullmatch(name)
            if match is None or not float(match[1]) > 0:
                raise table.fault("is not a quantile: name them q10 for the 10 % quantile, up to q99", name)
            pairs.append((float(match[1]) / 100, table.number(name, low, high)))
        probabilities, values = zip(*sorted(pairs), strict=True) if pairs else ((), ())
        try:
            return Quantiles(probabilities, values)
        except LimitsError as error:
            raise table.fault(str(error)) from None

    def _get(self, key: str) -> Any:
        if key not in self.entries:
            raise self.fault("is missing", key)
        return self.entries[key]
