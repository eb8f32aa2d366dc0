"""A power law to a ceiling: what is missing, as a logarithm, falls as a power of one input."""

from types import ModuleType
from typing import Any

from bayescale import Law, Values, curves

LARGEST = 6.0
"""Log of the largest gap to the ceiling, on the log scale: 400, below which no float is."""


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    # The runs fix level and slope at their centre, and leave ceiling and exponent to trade off.
    missing = -xp.log(q["reached"])
    exponent = q["steepness"] / missing
    return {
        "ceiling": q["y_centre"] / q["reached"],
        "log_a": xp.log(missing) + exponent * xp.log(centre["x"]),
        "exponent": exponent,
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    missing = xp.exp(xp.clip(p["log_a"] - p["exponent"] * xp.log(x["x"]), -700.0, LARGEST))
    return p["ceiling"] * xp.exp(-missing)


LAW = Law(
    name="rise_to_ceiling",
    title="Power law to a ceiling",
    formula="ceiling exp(-a x^-b)",
    citation="inverse of the falling power law with a floor, Hestness et al. 2017, arXiv:1712.00409; positive at any x",
    decision="How far an accuracy or a score still is from its ceiling, and what more x would bring.",
    failure="Runs far below the ceiling do not tell where it is: the prior does.",
    inputs=(curves.RISING_X,),
    outcome="y",
    outcome_unit="",
    in_outcome_unit=("y_centre", "ceiling"),
    parameters=(curves.Y_CENTRE, curves.RISE, curves.REACHED),
    derived=(curves.CEILING, curves.RISE_LOG_COEFFICIENT, curves.RISE_EXPONENT),
    mean=mean,
    derive=derive,
    falls=False,
    in_ensemble=True,
)
