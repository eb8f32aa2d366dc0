"""Limits to training: the largest feasible run by year, as a distribution, and which limit binds.

Power, chips, data and latency each limit the FLOP; the largest feasible run is the smallest of these limits, draw by
draw, and the limit that binds is the smallest one. The trend of the largest runs, without any limit, is given as well.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.errors import QuantityError
from bayescale.basics.html import html_of
from bayescale.basics.intervals import DEFAULT_MASS, quantity_table
from bayescale.basics.quantities import numbers
from bayescale.planning.outlook import LARGEST, TREND, YEARS, Outlook, read_outlook

Array = NDArray[np.float64]

DRAWS = 4000


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

    def _repr_html_(self) -> str:
        table = self.summary()
        table["year"] = table["year"].map("{:g}".format)
        return html_of("Limits to a training run, by year", table, self.warnings, self.notes)


def limits(years: ArrayLike = 2030.0, outlook: Outlook | None = None, *, draws: int = DRAWS, seed: int = 0) -> Limits:
    """The largest feasible training run by year, the limit that binds, and the trend of the largest runs.

    Limits are drawn jointly by a Gaussian copula (of correlation 2 sin(pi s / 6) for a rank correlation s; Pearson
    1907), with margins stratified as in a Latin hypercube (McKay et al. 1979), so that medians are those of the file.

    Parameters
    ----------
    years : array_like, shape (year,) or scalar
        Decimal years, each shown once, in ascending order.
    outlook : Outlook, optional
        By default what the shipped file says; ``read_outlook`` of ``bayescale.planning.outlook`` reads your own.
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
    asked = np.unique(numbers("years", years))
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
    strata = np.array([NormalDist().inv_cdf((i + 0.5) / draws) for i in range(draws)])
    return np.asarray(strata[joint.argsort(axis=0).argsort(axis=0)])


def _year_warnings(years: Array, outlook: Outlook) -> tuple[str, ...]:
    """Warn of years for which no limits are published."""
    published = {limit.year for limit in outlook.limits.values()}
    others = [f"{year:g}" for year in years if year not in published]
    if not others:
        return ()
    known = ", ".join(f"{year:g}" for year in sorted(published))
    return (f"{', '.join(others)}: limits are published for {known} only; assumed growth extends them to other years",)


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
