"""Double saturation: a power law that levels off at both ends (Zhai et al. 2021, vision Transformers)."""

from types import ModuleType
from typing import Any

from bayescale import Derived, Law, Parameter, Prior, Values, curves

SHIFT_SHARE = Parameter(
    name="shift_share",
    prior=Prior("Beta", alpha=1.0, beta=3.0),
    meaning="share of d in x + d at the centre; 0 is a power law with a floor",
    reason="mean 1/4, 95 % 0.63: curves are mostly measured where they fall",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    floor = q["y_centre"] * q["floor_share"]
    # The runs determine level and slope at their centre, while floor, shift and exponent trade off.
    falling = 1 - q["shift_share"]
    exponent = q["slope"] / ((1 - q["floor_share"]) * falling)
    at_centre = centre["x"] / falling
    log_level = xp.log(q["y_centre"] - floor)
    return {
        "floor": floor,
        "ceiling": floor + xp.exp(log_level - exponent * xp.log(q["shift_share"])),
        "d": q["shift_share"] * at_centre,
        "log_a": log_level + exponent * xp.log(at_centre),
        "exponent": exponent,
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return p["floor"] + xp.exp(p["log_a"] - p["exponent"] * xp.log(x["x"] + p["d"]))


LAW = Law(
    name="double_saturating",
    title="Power law that saturates at both ends",
    formula="c + a (x + d)^-b",
    citation="Zhai et al. 2021, arXiv:2106.04560",
    decision="Error at more compute or examples, and whether the floor is close.",
    failure="Shift, floor and exponent trade off against each other unless the runs reach both ends.",
    inputs=(curves.X,),
    outcome="y",
    outcome_unit="",
    in_outcome_unit=("y_centre", "floor", "ceiling"),
    parameters=(curves.Y_CENTRE, curves.SLOPE, curves.FLOOR_SHARE, SHIFT_SHARE),
    derived=(
        curves.FLOOR,
        Derived(name="ceiling", meaning="outcome for x near zero"),
        Derived(name="d", meaning="x at which the outcome starts to fall"),
        Derived(name="log_a", meaning="log of the coefficient of the power of x + d"),
        curves.POWER,
    ),
    mean=mean,
    derive=derive,
)
