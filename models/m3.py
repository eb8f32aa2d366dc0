"""M3: a power law that levels off by a shift of 1/x (Alabdulmohsin et al. 2022)."""

from types import ModuleType
from typing import Any

from bayescale import Derived, Law, Parameter, Prior, Values, curves, power

FALLING_SHARE = Parameter(
    name="falling_share",
    prior=Prior("Beta", alpha=2.0, beta=1.0),
    meaning="share of 1/x in 1/x + g at the centre; 1 is a pure power law",
    reason="curves are mostly measured where they fall: mean 2/3, 5 % 0.22",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    # The runs determine level and slope at their centre, while shift and exponent trade off.
    share = q["falling_share"]
    exponent = q["slope"] / share
    at_centre = 1 / (centre["x"] * share)
    return {
        "g": (1 - share) * at_centre,
        "b": q["y_centre"] * power(xp, at_centre, -exponent),
        "floor": q["y_centre"] * power(xp, 1 - share, exponent),
        "exponent": exponent,
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return p["b"] * power(xp, 1 / x["x"] + p["g"], p["exponent"])


LAW = Law(
    name="m3",
    title="M3",
    formula="b (1/x + g)^c",
    citation="Alabdulmohsin, Neyshabur, Zhai 2022, arXiv:2209.06640",
    decision="Whether to continue a run: the gain from more x.",
    failure="Misses the flat start of a learning curve near guessing, which M4 follows.",
    inputs=(curves.X,),
    outcome="y",
    outcome_unit="",
    in_outcome_unit=("y_centre", "b", "floor"),
    parameters=(curves.Y_CENTRE, curves.SLOPE, FALLING_SHARE),
    derived=(
        Derived(name="g", meaning="shift of 1/x, which sets the floor"),
        Derived(name="b", meaning="coefficient"),
        curves.FLOOR,
        curves.POWER,
    ),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
