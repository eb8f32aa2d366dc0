"""A rising power of one input, without a ceiling."""

from types import ModuleType
from typing import Any

from bayescale import Law, Values, curves, power


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return p["b"] * power(xp, x["x"], p["steepness"])


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {"b": q["y_centre"] * power(xp, centre["x"], -q["steepness"])}


LAW = Law(
    name="rise_power",
    title="Rising power law",
    formula="b x^c",
    citation="Hilton et al. 2023, arXiv:2301.13442, equation 1: intrinsic performance is a power of its inputs",
    decision="What more x brings if nothing ever stops it.",
    failure="Has no ceiling, so it promises too much where the outcome is bounded.",
    inputs=(curves.RISING_X,),
    outcome="y",
    outcome_unit="",
    in_outcome_unit=("y_centre", "b"),
    parameters=(curves.Y_CENTRE, curves.RISE),
    derived=(curves.RISE_COEFFICIENT,),
    mean=mean,
    derive=derive,
    falls=False,
    in_ensemble=True,
)
