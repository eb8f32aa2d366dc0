"""Growth of training compute with one change of rate: two log-linear trends in time (Sevilla et al. 2022)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import Derived, Law, Parameter, Prior, Values, curves, growth

Y_CENTRE = Parameter(
    name="y_centre",
    prior=Prior("LogNormal", mu=float(np.log(1e21)), sigma=6.0),
    meaning="training compute at the mean date of the models",
    unit="FLOP",
    reason="5-95 % 5e16-2e25 FLOP: from the models of 2010 to those of 2025",
)
BEFORE = Parameter(
    name="log_growth_before",
    prior=Prior("Normal", mu=float(np.log(3.0)), sigma=0.5),
    meaning="log of the factor by which it grows in a year, well before the break",
    unit="1/year",
    reason="5-95 % a factor of 1.3 to 6.8 a year: from better hardware alone to the boldest budgets",
)
CHANGE = Parameter(
    name="log_growth_change",
    prior=Prior("Normal", mu=0.0, sigma=0.5),
    meaning="log of the ratio of the yearly factors well after and well before the break",
    unit="1/year",
    reason="5-95 % a factor of 0.44 to 2.3: slower or faster, about as much as trends have changed before",
)
PLACE = Parameter(
    name="place",
    prior=Prior("Normal", mu=0.0, sigma=2.5),
    meaning="years from the mean date of the models to the break",
    unit="years",
    reason="5-95 % 4 years either way: within a table of a decade, because other breaks cannot be seen",
)
DURATION = Parameter(
    name="duration",
    prior=Prior("LogNormal", mu=float(np.log(0.5)), sigma=0.5),
    meaning="years over which the rate changes",
    unit="years",
    reason="5-95 % 0.2-1.1: from the time between two releases to the time to spend a new budget",
)


def gained(xp: ModuleType, year: Any, p: Values) -> Any:
    """Log of the factor due to the change of rate by a date."""
    return p["log_growth_change"] * p["duration"] * curves.softplus(xp, (year - p["break_year"]) / p["duration"])


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {
        "growth_before": xp.exp(q["log_growth_before"]),
        "growth_after": xp.exp(q["log_growth_before"] + q["log_growth_change"]),
        "break_year": centre["year"] + q["place"],
        "year_0": centre["year"] + 0 * q["place"],  # every derived parameter needs one value per draw
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    change = gained(xp, x["year"], p) - gained(xp, p["year_0"], p)
    log_factor = p["log_growth_before"] * (x["year"] - p["year_0"]) + change
    return p["y_centre"] * xp.exp(growth.bounded(xp, log_factor))


LAW = Law(
    name="growth_break",
    title="Growth of training compute with a change of rate",
    formula="y_0 g^(year - year_0), with different g before and after break_year",
    citation="Sevilla et al. 2022, arXiv:2202.05924 (compute trends of machine learning in eras)",
    decision="Whether the growth of compute has sped up or slowed down, and which rate to plan with.",
    failure="Finds only one change; after a break near the end of the table, the rate depends mostly on the prior.",
    inputs=(growth.YEAR,),
    outcome="C",
    outcome_unit="FLOP",
    scatter=1.0,
    falls=False,
    parameters=(Y_CENTRE, BEFORE, CHANGE, PLACE, DURATION),
    derived=(
        Derived(name="growth_before", meaning="factor by which it grows in a year, well before the break"),
        Derived(name="growth_after", meaning="factor by which it grows in a year, well after the break"),
        Derived(name="break_year", meaning="date of the break", unit="years"),
        Derived(name="year_0", meaning="geometric-mean date of the models", unit="years"),
    ),
    mean=mean,
    derive=derive,
)
