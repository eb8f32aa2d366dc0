"""Growth of training cost: log-linear in time (Cottier et al. 2024)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale.law import Derived, Input, Law, Parameter, Prior, PublishedFit, Values

LARGEST_POWER = 600.0
"""Of e; keeps the outcome a float for dates that no law can speak of."""

Y_CENTRE = Parameter(
    name="y_centre",
    prior=Prior("LogNormal", mu=float(np.log(1e5)), sigma=4.0),
    meaning="training cost at the mean date of the models",
    unit="2023 US dollars",
    reason="5-95 % 140 dollars to 70 million: from the models of 2010 to those of 2025",
)
GROWTH = Parameter(
    name="log_growth",
    prior=Prior("Normal", mu=float(np.log(2.0)), sigma=0.5),
    meaning="log of the factor by which it grows in a year",
    unit="1/year",
    reason="5-95 % a factor of 0.9 to 4.6 a year: from falling to faster than compute per dollar doubles",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {
        "growth_per_year": xp.exp(q["log_growth"]),
        "year_0": centre["year"] * (q["y_centre"] / q["y_centre"]),  # every derived parameter has a value a draw
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    log_factor = p["log_growth"] * (x["year"] - p["year_0"])
    return p["y_centre"] * xp.exp(xp.minimum(xp.maximum(log_factor, -LARGEST_POWER), LARGEST_POWER))


LAW = Law(
    name="cost_growth",
    title="Growth of training cost",
    formula="y_0 g^(year - year_0)",
    citation="Cottier et al. 2024, arXiv:2405.21015",
    decision="What training a frontier model will cost by a date.",
    failure="Knows no limits of money, and fitted to all models it is the trend of their median.",
    inputs=(Input(name="year", meaning="publication date, as a decimal year", unit="years"),),
    outcome="cost_2023usd",
    outcome_unit="2023 US dollars",
    parameters=(Y_CENTRE, GROWTH),
    derived=(
        Derived(name="growth_per_year", meaning="factor by which it grows in a year"),
        Derived(name="year_0", meaning="geometric-mean date of the models", unit="years"),
    ),
    mean=mean,
    derive=derive,
    published=(
        PublishedFit(
            citation="Cottier et al. 2024, arXiv:2405.21015",
            values={"growth_per_year": 2.4},
            note="90 % interval 2.0-2.9, frontier models since 2016",
        ),
    ),
)
