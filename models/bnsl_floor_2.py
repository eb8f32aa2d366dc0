"""Smoothly broken power law with a floor and two breaks, however sharp (Caballero et al. 2022, arXiv:2210.14891).

Priors are those of the law with one break; the piece between the breaks may fall or rise, with an exponent of heavy
tails up to 8 either way: a sudden fall that slows down, a dip, or the peak of double descent.
"""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import Derived, Law, Parameter, Prior, Values, breaks, curves

BETWEEN = Parameter(
    name="exponent_1",
    prior=Prior("StudentT", nu=2.0, mu=0.3, sigma=0.5),
    meaning="exponent with which the outcome falls between the breaks; it rises if negative",
    reason="5-95 % -1.2-1.8, and 1 % beyond 4 either way: peaks of double descent to sudden falls",
)
GAP = Parameter(
    name="gap",
    prior=Prior("LogNormal", mu=float(np.log(0.9)), sigma=0.8),
    meaning="e-folds of x between the breaks",
    reason="5-95 % 0.24-3.4: far enough apart for runs to lie between, and inside the range of most tables",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    first = xp.log(centre["x"]) + q["place"]
    log_breaks = [first, first + q["gap"]]
    p = {**q, "exponent_2": breaks.last_exponent(q)}
    left = breaks.reducible(xp, xp.log(centre["largest_x"]), p, log_breaks)
    return {
        **breaks.levels(xp, q, left, first),
        "exponent_2": p["exponent_2"],
        "break_1": xp.exp(log_breaks[0]),
        "break_2": xp.exp(log_breaks[1]),
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    log_x = xp.log(x["x"])
    bends = curves.bend(xp, log_x, p, 1) + curves.bend(xp, log_x, p, 2)
    return p["floor"] + xp.exp(p["log_b"] - p["exponent_0"] * log_x - bends)


LAW = Law(
    name="bnsl_floor_2",
    title="Broken power law with a floor, two breaks",
    formula="a + b x^-c0 (1 + (x/d1)^(1/f))^(-c1 f) (1 + (x/d2)^(1/f))^(-c2 f), c1 and c2 the changes of exponent",
    citation="Caballero et al. 2022, arXiv:2210.14891, with f1 = f2",
    decision="How far a fall goes on after a sudden drop, a dip or a peak.",
    failure="Falls after the last break, and has no third; if the runs show fewer than two, their places are open.",
    inputs=(breaks.X,),
    outcome="y",
    outcome_unit="",
    in_outcome_unit=("y_break", "floor"),
    parameters=(breaks.LEVEL, breaks.START, BETWEEN, breaks.LAST_SLOPE, breaks.PLACE, GAP, breaks.WIDTH, breaks.SHARE),
    derived=(
        curves.FLOOR,
        breaks.LOG_B,
        Derived(name="exponent_2", meaning="exponent with which the reducible outcome falls after the second break"),
        Derived(name="break_1", meaning="x of the first break, d1"),
        Derived(name="break_2", meaning="x of the second break, d2"),
    ),
    mean=mean,
    derive=derive,
    several_modes=True,
)
