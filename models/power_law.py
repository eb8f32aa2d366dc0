"""Power law with a floor: the outcome falls as a power of one input (Hestness et al. 2017)."""

from types import ModuleType
from typing import Any

from bayescale import Derived, Law, Values, curves, power


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    floor = q["y_centre"] * q["floor_share"]
    # The runs determine level and slope at their centre, while floor and exponent trade off.
    exponent = q["slope"] / (1 - q["floor_share"])
    return {
        "floor": floor,
        "A": (q["y_centre"] - floor) * power(xp, centre["x"], exponent),
        "exponent": exponent,
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return p["floor"] + p["A"] * power(xp, x["x"], -p["exponent"])


LAW = Law(
    name="power_law",
    title="Power law with a floor",
    formula="c + A x^-b",
    citation="Hestness et al. 2017, arXiv:1712.00409",
    decision="How much more data, steps or size a target outcome needs.",
    failure="Misses the flat start of a learning curve, and puts the floor too high while the curve still bends.",
    inputs=(curves.X,),
    outcome="y",
    outcome_unit="",
    in_outcome_unit=("y_centre", "floor", "A"),
    parameters=(curves.Y_CENTRE, curves.SLOPE, curves.FLOOR_SHARE),
    derived=(curves.FLOOR, Derived(name="A", meaning="coefficient of the power of x"), curves.POWER),
    mean=mean,
    derive=derive,
)
