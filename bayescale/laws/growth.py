"""Common parts of laws of growth: the outcome grows by the same factor every year."""

from types import ModuleType
from typing import Any

from bayescale.laws.parameters import Derived, Input, Values

LARGEST_POWER = 600.0
"""Largest exponent of e, so that the outcome stays a finite float for absurd dates."""

YEAR = Input(name="year", meaning="publication date, as a decimal year", unit="years", linear=4.0)
DERIVED = (
    Derived(name="growth_per_year", meaning="factor by which it grows in a year"),
    Derived(name="year_0", meaning="geometric-mean date of the models", unit="years"),
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    """Growth factor per year and reference date from the sampled parameters."""
    return {
        "growth_per_year": xp.exp(q["log_growth"]),
        "year_0": centre["year"] * (q["y_centre"] / q["y_centre"]),  # every derived parameter needs one value per draw
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    """``y_0 g^(year - year_0)``."""
    log_factor = p["log_growth"] * (x["year"] - p["year_0"])
    return p["y_centre"] * xp.exp(bounded(xp, log_factor))


def bounded(xp: ModuleType, log_factor: Any) -> Any:
    """The log of a factor, clipped to the range of floats."""
    return xp.minimum(xp.maximum(log_factor, -LARGEST_POWER), LARGEST_POWER)
