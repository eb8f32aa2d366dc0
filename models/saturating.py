"""Saturation: the outcome falls from a ceiling to a floor, as a logistic curve in the logarithm of one input."""

from types import ModuleType
from typing import Any

from bayescale import Derived, Law, Parameter, Prior, Values, curves

LOST_SHARE = Parameter(
    name="lost_share",
    prior=Prior("Beta", alpha=3.0, beta=1.0),
    meaning="share of the way from ceiling to floor that is completed at the centre; near 1 it is a power law",
    reason="mean 3/4, 5 % 0.37: curves are mostly measured where they fall, seldom near guessing",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    floor = q["y_centre"] * q["floor_share"]
    # The runs determine level and slope at their centre, while floor, place and exponent trade off.
    exponent = q["slope"] / ((1 - q["floor_share"]) * q["lost_share"])
    amplitude = (q["y_centre"] - floor) / (1 - q["lost_share"])
    log_odds = xp.log(q["lost_share"]) - xp.log1p(-q["lost_share"])
    return {
        "floor": floor,
        "ceiling": floor + amplitude,
        "log_x0": xp.log(centre["x"]) - log_odds / exponent,
        "exponent": exponent,
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    rise = curves.softplus(xp, p["exponent"] * (xp.log(x["x"]) - p["log_x0"]))
    return p["floor"] + (p["ceiling"] - p["floor"]) * xp.exp(-rise)


LAW = Law(
    name="saturating",
    title="Logistic curve in log x",
    formula="c + (ceiling - c)/(1 + (x/x0)^b)",
    citation="Hill 1910, J. Physiol. 40, iv-vii; M4 with alpha = 1 of Alabdulmohsin et al. 2022, arXiv:2209.06640",
    decision="Whether to continue a run that starts from guessing: the gain from more x.",
    failure="Leaves the ceiling as slowly as it nears the floor; only runs near these determine them.",
    inputs=(curves.X,),
    outcome="y",
    outcome_unit="",
    in_outcome_unit=("y_centre", "floor", "ceiling"),
    parameters=(curves.Y_CENTRE, curves.SLOPE, curves.FLOOR_SHARE, LOST_SHARE),
    derived=(
        curves.FLOOR,
        Derived(name="ceiling", meaning="outcome for x near zero"),
        Derived(name="log_x0", meaning="log of the x half-way from ceiling to floor, x0"),
        curves.POWER,
    ),
    mean=mean,
    derive=derive,
)
