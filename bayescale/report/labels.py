"""Numbers, names and axes as every part of a report writes them."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.intervals import SAMPLE_DIMS, interval_ends
from bayescale.basics.quantities import format_interval, format_quantity, with_unit
from bayescale.laws.law import Law
from bayescale.laws.parameters import Input
from bayescale.posterior.ensembles import Posterior, first_fit

Array = NDArray[np.float64]

RUNS_LISTED = 300
"""Largest number of runs in a table."""

_LONGEST = 40
"""Largest length of the meaning of a column on an axis; a longer one gives way to the column's name."""


def interval_of(draws: xr.DataArray | Array, mass: float, digits: int) -> str:
    """Median and interval of draws as text."""
    return format_interval(ends_of(draws, mass), digits)


def ends_of(draws: xr.DataArray | Array, mass: float) -> tuple[float, float, float]:
    """Lower end, median and upper end of draws."""
    values = draws if isinstance(draws, xr.DataArray) else xr.DataArray(draws[None], dims=SAMPLE_DIMS)
    low, middle, high = map(float, interval_ends(values, mass))
    return low, middle, high


def value_of(item: Input | None, value: float, digits: int = 3) -> str:
    """A value of a column; a date keeps all its digits."""
    return f"{value:.6g}" if item is not None and item.linear is not None else format_quantity(value, digits)


def columns_of(law: Law) -> dict[str, Input]:
    """Inputs and settings of a law by name."""
    return {item.name: item for item in (*law.inputs, *law.settings)}


def axis_of(item: Input) -> str:
    """Name of an input's axis: what it is, its symbol and its unit.

    Examples
    --------
    >>> axis_of(Input(name="C", meaning="training compute", unit="FLOP"))
    'training compute C (FLOP)'
    """
    meaning = item.meaning if len(item.meaning) <= _LONGEST else ""
    # Where the unit says what is counted, the name is a symbol: "model parameters N".
    unit = "" if meaning.endswith(item.unit) and item.unit else item.unit
    return with_unit(f"{meaning} {item.name}".strip(), unit)


def outcome_axis(fit: Posterior) -> str:
    """Name of the outcome's axis, with its unit."""
    law = first_fit(fit).law
    return with_unit(law.outcome, law.outcome_unit)


def sizes_of(fit: Posterior) -> tuple[str, Array]:
    """What runs are ordered by, and its value for each of them."""
    first = first_fit(fit)
    if "C" in first.groups["constant_data"]:
        return "training compute C (FLOP)", first.observed.size
    item = first.law.inputs[0]
    if len(first.law.inputs) == 1:
        return axis_of(item), first.inputs[item.name]
    return " ".join(first.law.input_names), first.observed.size


def thinned(done: str, shown: int, there_are: int) -> str:
    """What is said where not all runs are shown; nothing if all are."""
    return "" if shown >= there_are else f"{shown:,} of {there_are:,} runs are {done}, evenly spread over their size."
