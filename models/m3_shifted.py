"""M3 with a flat start: a power law that levels off at both ends, the second time by a shift of 1/x."""

from types import ModuleType
from typing import Any

from bayescale import Derived, Law, Parameter, Prior, Values, curves, power

SHIFT_SHARE = Parameter(
    name="shift_share",
    prior=Prior("Beta", alpha=1.0, beta=3.0),
    meaning="share of d in x + d at the centre; 0 is M3",
    reason="mean 1/4, 95 % 0.63: curves are mostly measured where they fall",
)
FALLING_SHARE = Parameter(
    name="falling_share",
    prior=Prior("Beta", alpha=2.0, beta=1.0),
    meaning="share of 1/(x + d) in 1/(x + d) + g at the centre; 1 is a power law without a floor",
    reason="as of M3: mean 2/3, 5 % 0.22",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    # The runs determine level and slope at their centre, while both shifts and the exponent trade off.
    share, moving = q["falling_share"], 1 - q["shift_share"]
    exponent = q["slope"] / (share * moving)
    shifted = centre["x"] / moving
    return {
        "d": q["shift_share"] * shifted,
        "g": (1 - share) / (shifted * share),
        "log_b": xp.log(q["y_centre"]) + exponent * xp.log(shifted * share),
        "floor": q["y_centre"] * power(xp, 1 - share, exponent),
        "exponent": exponent,
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return xp.exp(p["log_b"] + p["exponent"] * xp.log(1 / (x["x"] + p["d"]) + p["g"]))


LAW = Law(
    name="m3_shifted",
    title="M3 with a flat start",
    formula="b (1/(x + d) + g)^c",
    citation="M3 (Alabdulmohsin et al. 2022, arXiv:2209.06640) with the shift of Zhai et al. 2021, arXiv:2106.04560",
    decision="Whether to continue a run that starts from guessing: the gain from more x.",
    failure="Falls only once: misses peaks, and a second fall after a plateau.",
    inputs=(curves.X,),
    outcome="y",
    outcome_unit="",
    in_outcome_unit=("y_centre", "floor"),
    parameters=(curves.Y_CENTRE, curves.SLOPE, FALLING_SHARE, SHIFT_SHARE),
    derived=(
        Derived(name="d", meaning="x at which the outcome starts to fall"),
        Derived(name="g", meaning="shift of 1/(x + d), which sets the floor"),
        Derived(name="log_b", meaning="log of the coefficient"),
        curves.FLOOR,
        curves.POWER,
    ),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
