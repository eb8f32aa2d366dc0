"""M1: a pure power of one input, without a floor (Alabdulmohsin et al. 2022)."""

from types import ModuleType
from typing import Any

from bayescale import Derived, Law, Values, curves


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {"log_b": xp.log(q["y_centre"]) + q["slope"] * xp.log(centre["x"])}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return xp.exp(p["log_b"] - p["slope"] * xp.log(x["x"]))


LAW = Law(
    name="m1",
    title="M1",
    formula="b x^-c",
    citation="Alabdulmohsin, Neyshabur, Zhai 2022, arXiv:2209.06640",
    decision="The fewest assumptions: the gain from more x without any limit.",
    failure="Has no floor, so far ahead it is too optimistic.",
    inputs=(curves.X,),
    outcome="y",
    outcome_unit="",
    in_outcome_unit=("y_centre",),
    parameters=(curves.Y_CENTRE, curves.SLOPE),
    derived=(Derived(name="log_b", meaning="log of the coefficient of x^-c"),),
    mean=mean,
    derive=derive,
)
