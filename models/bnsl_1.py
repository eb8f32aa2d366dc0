"""Smoothly broken power law with one break: two straight pieces on logarithmic axes (Caballero et al. 2022)."""

from types import ModuleType
from typing import Any

from bayescale import Derived, Law, Parameter, Prior, Values, curves

PLACE = Parameter(
    name="place",
    prior=Prior("Normal", mu=0.0, sigma=1.5),
    meaning="position of the break in e-folds of x above the geometric-mean x of the runs",
    reason="5-95 % a factor of 12 either way: mostly inside the range of the runs, because others cannot be seen",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    log_x = xp.log(centre["x"])
    places = {"break_1": xp.exp(log_x + q["place"])}
    log_b = xp.log(q["y_centre"]) + q["exponent_0"] * log_x + curves.bend(xp, log_x, {**q, **places}, 1)
    return {**places, "log_b": log_b}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    log_x = xp.log(x["x"])
    return xp.exp(p["log_b"] - p["exponent_0"] * log_x - curves.bend(xp, log_x, p, 1))


LAW = Law(
    name="bnsl_1",
    title="Broken power law, one break",
    formula="b x^-c0 (1 + (x/d1)^(1/f))^(-c1 f), c1 = exponent_1 - exponent_0",
    citation="Caballero et al. 2022, arXiv:2210.14891, with a = 0",
    decision="Whether a curve bends, and how steep it is beyond a bend that the runs have passed.",
    failure="Has no floor, and only the prior knows a break that the runs have not passed; model discrepancy can "
    "bend too, so that the evidence then does not determine the number of breaks.",
    inputs=(curves.X,),
    outcome="y",
    outcome_unit="",
    in_outcome_unit=("y_centre",),
    parameters=(curves.Y_CENTRE, curves.broken_exponent(0), curves.broken_exponent(1), PLACE, curves.WIDTH),
    derived=(
        Derived(name="break_1", meaning="x of the break, d1"),
        Derived(name="log_b", meaning="log of the coefficient of the first piece"),
    ),
    mean=mean,
    derive=derive,
)
