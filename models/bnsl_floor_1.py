"""Smoothly broken power law with a floor and one break, however sharp (Caballero et al. 2022, arXiv:2210.14891).

Priors reach what Caballero et al. publish: a start that is flat or rises (exponent_0 -0.3 to 0.4), exponents after the
break up to 8 and more (5.7 in four-digit addition), and changes of slope within 0.03 to 0.8 e-folds (0.06 there). The
slope after the break and the floor are sampled at the largest run, because that is where runs that have just begun to
fall determine them: the slope there is known long before it is known how exponent and floor share it.
"""

from types import ModuleType
from typing import Any

from bayescale import Derived, Law, Parameter, Prior, Values, breaks, curves

PLACE = Parameter(
    name="place",
    prior=Prior("Normal", mu=0.0, sigma=1.5),
    meaning="position of the break in e-folds of x above the geometric-mean x of the runs",
    reason="5-95 % a factor of 12 either way: mostly inside the range of the runs, because others cannot be seen",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    log_break = xp.log(centre["x"]) + q["place"]
    p = {**q, "exponent_1": breaks.last_exponent(q)}
    left = breaks.reducible(xp, xp.log(centre["largest_x"]), p, [log_break])
    return {
        **breaks.levels(xp, q, left, log_break),
        "exponent_1": p["exponent_1"],
        "break_1": xp.exp(log_break),
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    log_x = xp.log(x["x"])
    return p["floor"] + xp.exp(p["log_b"] - p["exponent_0"] * log_x - curves.bend(xp, log_x, p, 1))


LAW = Law(
    name="bnsl_floor_1",
    title="Broken power law with a floor, one break",
    formula="a + b x^-c0 (1 + (x/d1)^(1/f))^(-c1 f), c1 = exponent_1 - exponent_0",
    citation="Caballero et al. 2022, arXiv:2210.14891",
    decision="How far a sudden fall goes that the runs show the beginning of.",
    failure="Only the prior knows a break that the runs have not passed, and a floor that they are far from.",
    inputs=(breaks.X,),
    outcome="y",
    outcome_unit="",
    in_outcome_unit=("y_break", "floor"),
    parameters=(breaks.LEVEL, breaks.START, breaks.LAST_SLOPE, PLACE, breaks.WIDTH, breaks.SHARE),
    derived=(
        curves.FLOOR,
        breaks.LOG_B,
        Derived(name="exponent_1", meaning="exponent with which the reducible outcome falls after the break"),
        Derived(name="break_1", meaning="x of the break, d1"),
    ),
    mean=mean,
    derive=derive,
    several_modes=True,
    asked_for=breaks.shown,
    in_ensemble=True,
)
