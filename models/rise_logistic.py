"""A logistic curve in the logarithm of one input, rising to a ceiling that is not known."""

from types import ModuleType
from typing import Any

from bayescale import Law, Values, curves


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    # The runs fix level and slope at their centre, and leave ceiling, place and exponent to trade off.
    exponent = q["steepness"] / (1 - q["reached"])
    log_odds = xp.log(q["reached"]) - xp.log1p(-q["reached"])
    return {
        "ceiling": q["y_centre"] / q["reached"],
        "log_x0": xp.log(centre["x"]) - log_odds / exponent,
        "exponent": exponent,
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    z = p["exponent"] * (xp.log(x["x"]) - p["log_x0"])
    return p["ceiling"] * xp.exp(-curves.softplus(xp, -z))


LAW = Law(
    name="rise_logistic",
    title="Logistic rise in log x",
    formula="ceiling/(1 + (x/x0)^-b)",
    citation="Hill 1910, J. Physiol. 40, iv-vii",
    decision="How far an accuracy or a score still is from its ceiling, and what more x would bring.",
    failure="Runs far below the ceiling do not tell where it is: the prior does.",
    inputs=(curves.RISING_X,),
    outcome="y",
    outcome_unit="",
    in_outcome_unit=("y_centre", "ceiling"),
    parameters=(curves.Y_CENTRE, curves.RISE, curves.REACHED),
    derived=(curves.CEILING, curves.LOG_HALFWAY, curves.RISE_EXPONENT),
    mean=mean,
    derive=derive,
    falls=False,
    in_ensemble=True,
)
