"""Limits to training: the largest feasible run by year, as a distribution, and which limit binds.

Power, chips, data and latency each allow so many FLOP; the largest feasible run is the least of them, draw by draw, and
the limit that binds is the one that is least. Beside it stands the trend of the largest runs, which knows no limits.
All numbers stand in a file, ``limits.toml`` beside this module or a user's edited copy: published quantiles for 2030,
and, named as such, assumptions about what nobody has published: how limits go together, and how they grow.
"""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.errors import LimitsError, QuantityError
from bayescale.intervals import DEFAULT_MASS, quantity_table
from bayescale.quantities import format_quantity
from bayescale.tables import nearest

Array = NDArray[np.float64]

SHIPPED = Path(__file__).with_name("limits.toml")
"""The file of numbers that ships, for users to copy."""
DRAWS = 4000
LARGEST, TREND = "largest", "trend"
"""What summaries call the least of the limits, and the trend of the largest runs."""
YEARS = (2000.0, 2100.0)
"""Between which years can be asked for."""

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

    Examples
    --------
    >>> growth = Quantiles((0.1, 0.9), (4.0, 5.0))
    >>> round(float(growth.at(np.array(0.0))), 3)  # the median is the geometric mean of the two
    4.472
    """

    probabilities: tuple[float, ...]
    values: tuple[float, ...]

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
    """

    limits: Mapping[str, Trend]
    correlation: float
    frontier: Trend
    efficiency: Growth


@dataclass(frozen=True, eq=False)
class Limits:
    """Joint draws of the largest feasible training run.

    Attributes
    ----------
    draws : xarray.Dataset
        ``feasible`` (FLOP that each limit allows), dims draw, year and limit; ``largest`` (the least of them) and
        ``trend`` (the largest run if growth went on), dims draw and year; ``compute_growth`` and ``efficiency_growth``
        (factors a year of the trend and of algorithms), dim draw. The coordinate ``title`` runs along ``limit``.
    warnings, notes : tuple of str

    Examples
    --------
    >>> found = limits(2030)
    >>> found.summary(0.8)["quantity"].tolist()
    ['power', 'chips', 'data', 'latency', 'largest', 'trend']
    >>> f"{float(found.draws['feasible'].sel(limit='power').median()):.2e}"
    '1.90e+29'
    """

    draws: xr.Dataset
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def binding(self) -> xr.DataArray:
        """Probability that each limit is the least; dims year and limit."""
        names = self.draws["limit"]
        return (self.draws["feasible"].idxmin("limit") == names).mean("draw").transpose("year", "limit")

    @property
    def overtaken(self) -> xr.DataArray:
        """Probability that the trend lies above the largest feasible run; dim year."""
        return (self.draws["trend"] > self.draws["largest"]).mean("draw")

    @property
    def quantities(self) -> xr.Dataset:
        """Each limit, ``largest`` and ``trend``, FLOP; dims chain (a single one), draw and year."""
        feasible = self.draws["feasible"].drop_vars("title")
        each = {str(name): feasible.sel(limit=name, drop=True) for name in feasible["limit"].to_numpy()}
        return xr.Dataset({**each, LARGEST: self.draws["largest"], TREND: self.draws["trend"]}).expand_dims("chain")

    @property
    def growth(self) -> xr.Dataset:
        """``compute_growth`` and ``efficiency_growth``, factors a year; dims chain (a single one) and draw."""
        return self.draws[["compute_growth", "efficiency_growth"]].expand_dims("chain")

    @property
    def titles(self) -> dict[str, str]:
        """What to call each of the quantities."""
        own = zip(self.draws["limit"].to_numpy(), self.draws["title"].to_numpy(), strict=True)
        trend = str(self.draws["trend"].attrs["title"])
        return {**{str(name): str(title) for name, title in own}, LARGEST: "Largest feasible run", TREND: trend}

    def effective(self, since: float) -> xr.DataArray:
        """The largest feasible run in FLOP of an earlier year, whose algorithms needed more of them for the same loss.

        Raises
        ------
        QuantityError
            If that year is not between 2000 and 2100, or not before all years of the limits.
        """
        check_year(since)
        largest = self.draws["largest"]
        first = float(largest["year"].min())
        if since > first:
            raise QuantityError(
                f"the runs' year {since:g} comes after {first:g}: give the year in which they were trained"
            )
        gained = self.draws["efficiency_growth"] ** (largest["year"] - since)
        return (largest * gained).transpose("draw", "year")

    def summary(self, ci_prob: float = DEFAULT_MASS) -> pd.DataFrame:
        """One row per year and quantity: median and equal-tailed interval, FLOP; and the probability that it binds."""
        quantities = self.quantities
        table = quantity_table(quantities, dict.fromkeys(map(str, quantities), "FLOP"), "year", ci_prob)
        binds = self.binding.to_series()
        return table.assign(binds=[binds.get((row.year, row.quantity), math.nan) for row in table.itertuples()])

    def __str__(self) -> str:
        table = self.summary().to_string(
            index=False, float_format="%.3g", formatters={"year": "{:g}".format}, na_rep=""
        )
        return "\n".join([table, *self.warnings])


def limits(years: ArrayLike = 2030.0, outlook: Outlook | None = None, *, draws: int = DRAWS, seed: int = 0) -> Limits:
    """The largest feasible training run by year, the limit that binds, and the trend of the largest runs.

    Limits are drawn jointly by a Gaussian copula (of correlation 2 sin(pi s / 6) for a rank correlation s; Pearson
    1907), with margins stratified as in a Latin hypercube (McKay et al. 1979), so that medians are those of the file.

    Parameters
    ----------
    years : array_like, shape (year,) or scalar
        Decimal years, each shown once, in ascending order.
    outlook : Outlook, optional
        By default what the shipped file says; :func:`read_outlook` reads one's own.
    draws : int
    seed : int

    Returns
    -------
    Limits

    Raises
    ------
    QuantityError
        If a year is not between 2000 and 2100, or there are no draws.

    Examples
    --------
    >>> found = limits([2028, 2030])
    >>> found.binding.sum("limit").to_numpy().tolist()
    [1.0, 1.0]
    >>> bool((found.draws["largest"] <= found.draws["feasible"]).all())
    True
    """
    asked = np.unique(np.asarray(years, dtype=float))
    for year in asked:
        check_year(year)
    if draws < 1:
        raise QuantityError(f"draws is {draws}, but must be 1 or more")
    given = read_outlook() if outlook is None else outlook
    rng = np.random.default_rng([seed, 3])  # a stream apart from those of posteriors, with which limits may be combined
    level, growth = (_scores(rng, draws, len(given.limits), given.correlation) for _ in range(2))
    start, pace, gain = _scores(rng, draws, 3, 0.0).T
    columns = enumerate(given.limits.values())
    feasible = np.stack([limit.at(asked, level[:, i], growth[:, i]) for i, limit in columns], axis=-1)
    flop = {"units": "FLOP"}
    factor = {"units": "factor/year"}
    frontier = given.frontier
    found = xr.Dataset(
        {
            "feasible": (("draw", "year", "limit"), feasible, flop),
            "largest": (("draw", "year"), feasible.min(axis=-1), flop),
            "trend": (("draw", "year"), frontier.at(asked, start, pace), {**flop, "title": frontier.title}),
            "compute_growth": ("draw", frontier.growth.at(pace), factor),
            "efficiency_growth": ("draw", given.efficiency.growth.at(gain), factor),
        },
        coords={
            "draw": np.arange(draws),
            "year": asked,
            "limit": list(given.limits),
            "title": ("limit", [limit.title for limit in given.limits.values()]),
        },
    )
    return Limits(found, warnings=_year_warnings(asked, given), notes=_notes(asked, given))


def check_year(year: float) -> None:
    """Check that numbers can be carried to a year.

    Raises
    ------
    QuantityError
        If it is not between 2000 and 2100.
    """
    if not YEARS[0] <= year <= YEARS[1]:
        raise QuantityError(f"year {year:g}: give one from {YEARS[0]:.0f} to {YEARS[1]:.0f}, such as 2030")


def _scores(rng: np.random.Generator, draws: int, n: int, correlation: float) -> Array:
    """Normal scores of joint draws with a rank correlation, each column stratified; shape (draw, n)."""
    shared = 2 * math.sin(math.pi * correlation / 6)
    joint = math.sqrt(shared) * rng.standard_normal((draws, 1))
    joint = joint + math.sqrt(1 - shared) * rng.standard_normal((draws, n))
    strata = np.array([_NORMAL.inv_cdf((i + 0.5) / draws) for i in range(draws)])
    return np.asarray(strata[joint.argsort(axis=0).argsort(axis=0)])


def _year_warnings(years: Array, outlook: Outlook) -> tuple[str, ...]:
    """Warn of years for which nobody has published limits."""
    published = {limit.year for limit in outlook.limits.values()}
    others = [f"{year:g}" for year in years if year not in published]
    if not others:
        return ()
    said = ", ".join(f"{year:g}" for year in sorted(published))
    return (f"{', '.join(others)}: limits were given for {said} only; they are carried there by assumed growth",)


def _notes(years: Array, outlook: Outlook) -> tuple[str, ...]:
    """Sources, once each with all that they are of, and then what is assumed of what was asked."""
    sources: dict[str, list[str]] = {}
    for each in (*outlook.limits.values(), outlook.frontier, outlook.efficiency):
        sources.setdefault(each.source, []).append(each.title)
    carried = [limit for limit in outlook.limits.values() if (years != limit.year).any()]
    return (
        *(f"{'; '.join(titles)}: {source}" for source, titles in sources.items()),
        f"assumed, without a source: rank correlation {outlook.correlation:g} between any two limits",
        *(f"assumed: {each.title}: {each.assumed}" for each in (*carried, outlook.frontier, outlook.efficiency)),
    )


_GROWTH_KEYS = frozenset({"title", "growth", "source", "assumed"})
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
    for name in (LARGEST, TREND):
        if name in each:
            raise each[name].fault(f"the name {name!r} is taken: call it another")
    known = {name: (_trend(table, {"use"}, year), table.flag("use")) for name, table in each.items()}
    used = {name: trend for name, (trend, use) in known.items() if use}
    if not used:
        raise tables.fault("no limit is in use: write use = true in one of them")
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
    return Trend(**_growth(table), year=year, flop=table.quantiles("flop"))


def _growth(table: "_Table") -> dict[str, Any]:
    texts = {key: table.text(key) for key in ("title", "source", "assumed")}
    return {**texts, "growth": table.quantiles("growth")}


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LimitsError(
            f"{path}: no such file: write one to start from by `bayescale limits --write {path}`"
        ) from None
    except OSError as error:
        raise LimitsError(f"{path}: cannot be read ({error.strerror}): name a file of limits") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LimitsError(f"{path}: is not TOML ({error}): write it as the shipped file is written") from None


@dataclass(frozen=True)
class _Table:
    """A table of a file: it gives out checked values, and says where a fault stands."""

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

    def quantiles(self, key: str) -> Quantiles:
        """Quantiles by their names, such as q10 and q90."""
        found = self._get(key)
        if not isinstance(found, dict) or len(found) < 2:
            raise self.fault(f"{found!r} are not two quantiles or more: write it as {{ q10 = 1, q90 = 2 }}", key)
        table = self.table(key)
        pairs = []
        for name in table.entries:
            match = _QUANTILE.fullmatch(name)
            if match is None or not float(match[1]) > 0:
                raise table.fault("is not a quantile: name them q10 for the 10 % quantile, up to q99", name)
            pairs.append((float(match[1]) / 100, table.number(name, 1e-300, 1e300), name))
        pairs.sort()
        for (low_p, low, _), (high_p, high, name) in pairwise(pairs):
            if not (low_p < high_p and low < high):
                raise table.fault(
                    f"{format_quantity(high)} is not above {format_quantity(low)}, a lower quantile", name
                )
        probabilities, values, _ = zip(*pairs, strict=True)
        return Quantiles(probabilities, values)

    def _get(self, key: str) -> Any:
        if key not in self.entries:
            raise self.fault("is missing", key)
        return self.entries[key]
