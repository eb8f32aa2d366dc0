"""Smoothly broken power law with two breaks: peaks, dips and sigmoid-like curves (Caballero et al. 2022)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import Derived, Law, Parameter, Prior, Values, curves

PLACE = Parameter(
    name="place",
    prior=Prior("Normal", mu=0.0, sigma=1.5),
    meaning="position of the midpoint of the breaks in e-folds of x above the geometric-mean x of the runs",
    reason="5-95 % a factor of 12 either way: mostly inside the range of the runs, because others cannot be seen",
)
GAP = Parameter(
    name="gap",
    prior=Prior("LogNormal", mu=float(np.log(1.2)), sigma=0.5),
    meaning="e-folds of x between the breaks, minus the width of each",
    reason="5-95 % 0.5-2.7: close enough for the runs to show both; the runs cannot separate overlapping breaks",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    log_x = xp.log(centre["x"])
    half = q["gap"] / 2 + q["width"]
    places = {"break_1": xp.exp(log_x + q["place"] - half), "break_2": xp.exp(log_x + q["place"] + half)}
    p = {**q, **places}
    bends = curves.bend(xp, log_x, p, 1) + curves.bend(xp, log_x, p, 2)
    return {**places, "log_b": xp.log(q["y_centre"]) + q["exponent_0"] * log_x + bends}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    log_x = xp.log(x["x"])
    bends = curves.bend(xp, log_x, p, 1) + curves.bend(xp, log_x, p, 2)
    return xp.exp(p["log_b"] - p["exponent_0"] * log_x - bends)


LAW = Law(
    name="bnsl_2",
    title="Broken power law, two breaks",
    formula="b x^-c0 (1 + (x/d1)^(1/f))^(-c1 f) (1 + (x/d2)^(1/f))^(-c2 f), c1 and c2 the changes of exponent",
    citation="Caballero et al. 2022, arXiv:2210.14891, with a = 0 and f1 = f2",
    decision="Whether a rise is a peak that more x overcomes, as in double descent, or continues.",
    failure="Has no floor and no third break; if the runs show fewer than two, fits are seldom certified and intervals "
    "too narrow; with model discrepancy the evidence does not determine the number of breaks.",
    inputs=(curves.X,),
    outcome="y",
    outcome_unit="",
    in_outcome_unit=("y_centre",),
    parameters=(
        curves.Y_CENTRE,
        curves.broken_exponent(0),
        curves.broken_exponent(1),
        curves.broken_exponent(2),
        PLACE,
        GAP,
        curves.WIDTH,
    ),
    derived=(
        Derived(name="break_1", meaning="x of the first break, d1"),
        Derived(name="break_2", meaning="x of the second break, d2"),
        Derived(name="log_b", meaning="log of the coefficient of the first piece"),
    ),
    mean=mean,
    derive=derive,
)
