"""What laws of one input have in common: a positive outcome ``y`` that falls with ``x``, whatever both of them count.

Such a law meets error fractions, losses and seconds alike, so nothing in it has a unit: its size is the outcome at the
geometric-mean ``x`` of the runs, and floors and ceilings are shares of that.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from bayescale.law import Derived, Input, Law, Parameter, Prior, Values

X = Input(name="x", meaning="what the outcome falls with: examples, tokens, steps, parameters ...", unit="")
Y_CENTRE = Parameter(
    name="y_centre",
    prior=Prior("LogNormal", mu=0.0, sigma=1.5),
    meaning="outcome at the geometric-mean x of the runs",
    reason="5-95 % 0.08-12: error fractions and losses alike",
)
FLOOR_SHARE = Parameter(
    name="floor_share",
    prior=Prior("Beta", alpha=2.0, beta=2.0),
    meaning="floor as a share of the outcome at the centre",
    reason="5-95 % 0.14-0.86: from hardly a floor to little left to gain",
)
SLOPE = Parameter(
    name="slope",
    prior=Prior("LogNormal", mu=float(np.log(0.12)), sigma=0.8),
    meaning="per cent that the outcome falls per per cent of x, at the centre",
    reason="5-95 % 0.03-0.45: language models to few-shot image classification",
)
EXPONENT = Parameter(
    name="exponent",
    prior=Prior("LogNormal", mu=float(np.log(0.25)), sigma=0.7),
    meaning="power with which the reducible outcome falls",
    reason="5-95 % 0.08-0.8: language models to few-shot image classification",
)
FLOOR = Derived(name="floor", meaning="outcome for unlimited x")
POWER = Derived(name="exponent", meaning="power with which the reducible outcome falls")

COMPUTE = Input(name="C", meaning="training compute", unit="FLOP")
LOSS_CENTRE = Parameter(
    name="loss_centre",
    prior=Prior("LogNormal", mu=float(np.log(2.8)), sigma=0.35),
    meaning="loss at the geometric-mean inputs of the runs",
    unit="nats/token",
    reason="5-95 % 1.6-5: text models from tens of millions to hundreds of billions of parameters",
)
LEVEL = Parameter(
    name="level",
    prior=Prior("LogNormal", mu=float(np.log(0.5)), sigma=1.0),
    meaning="loss above the floor at the geometric-mean input of the runs",
    unit="nats/token",
    reason="5-95 % 0.1-2.6 nats: narrower priors push the floor up, and forecasts with it",
)
LOSS_ABOVE_FLOOR = Parameter(
    name="loss_centre",
    prior=Prior("LogNormal", mu=float(np.log(1.9)), sigma=0.35),
    meaning="loss at the geometric-mean input of the runs; the prior is on E, its floor",
    unit="nats/token",
    reason="E is 1.9 nats, 5-95 % 1.1-3.4: irreducible loss, and what the inputs that stay fixed add to it",
    shift=lambda xp, sampled: sampled["level"],
)
FLOOR_LOSS = Derived(name="E", meaning="loss for unlimited input, the others staying as they are", unit="nats/token")


def broken_law(breaks: int) -> Law:
    """Smoothly broken power law: straight pieces on logarithmic axes, above a floor, joined by so many breaks.

    Its exponents are those of the pieces rather than the changes from one to the next, and may be negative, so that the
    outcome may rise. Breaks are in order: the first has a place, and each other one a distance from the last.

    Parameters
    ----------
    breaks : int
        At least 1.

    Returns
    -------
    Law
        Named ``bnsl_<breaks>``.
    """
    pieces = range(breaks + 1)
    joints = range(1, breaks + 1)
    exponents = [
        Parameter(
            name=f"exponent_{i}",
            prior=Prior("Normal", mu=0.3, sigma=0.6),
            meaning=f"power with which the reducible outcome falls in piece {i + 1}; below 0 it rises",
            reason="5-95 % -0.7-1.3: mostly falling, and rising one time in three",
        )
        for i in pieces
    ]
    places = [
        Parameter(
            name="place_1",
            prior=Prior("Normal", mu=0.0, sigma=2.0),
            meaning="log of the first break over the geometric-mean x of the runs",
            reason="5-95 % a factor of 27 either way: inside the runs as a rule, since others cannot be seen",
        )
    ] + [
        Parameter(
            name=f"gap_{i}",
            prior=Prior("LogNormal", mu=float(np.log(1.0)), sigma=0.7),
            meaning=f"log of break {i} over the one before",
            reason="5-95 % a factor of 1.4 to 24: near enough for the same runs to see both",
        )
        for i in joints[1:]
    ]
    widths = [
        Parameter(
            name=f"width_{i}",
            prior=Prior("LogNormal", mu=float(np.log(0.5)), sigma=0.7),
            meaning=f"width of break {i} in log x",
            reason="5-95 % 0.16-1.6: from a kink to a bend over a decade and more",
        )
        for i in joints
    ]
    derived = [FLOOR, *(Derived(name=f"break_{i}", meaning=f"x of break {i}") for i in joints)]

    return Law(
        name=f"bnsl_{breaks}",
        title=f"Broken power law, {breaks} break{'s' * (breaks > 1)}",
        formula="a + b x^-c0 prod_i (1 + (x/d_i)^(1/f_i))^(-c_i f_i)",
        citation="Caballero et al. 2022, arXiv:2210.14891",
        decision="Whether a curve turns, and what lies beyond the turn that the runs have passed.",
        failure="A break that the runs have not passed is the prior's, and so is every forecast beyond it.",
        inputs=(X,),
        outcome="y",
        outcome_unit="",
        parameters=(Y_CENTRE, BROKEN_FLOOR_SHARE, *exponents, *places, *widths),
        derived=(*derived, Derived(name="log_b", meaning="log of the reducible outcome at x = 1 on the first piece")),
        mean=_broken_mean(breaks),
        derive=_broken_derive(breaks),
    )


BROKEN_FLOOR_SHARE = Parameter(
    name="floor_share",
    prior=Prior("Beta", alpha=1.0, beta=2.0),
    meaning="floor as a share of the outcome at the centre",
    reason="mean 1/3, 95 % 0.78: pieces take over what a floor does for one power",
)


def _log_bends(xp: ModuleType, log_x: Any, p: Values, breaks: int) -> Any:
    total = -p["exponent_0"] * log_x
    for i in range(1, breaks + 1):
        past = (log_x - xp.log(p[f"break_{i}"])) / p[f"width_{i}"]
        softplus = xp.log1p(xp.exp(-abs(past))) + (past + abs(past)) / 2
        total = total - (p[f"exponent_{i}"] - p[f"exponent_{i - 1}"]) * p[f"width_{i}"] * softplus
    return total


def _broken_mean(breaks: int) -> Callable[[ModuleType, Values, Values], Any]:
    def mean(xp: ModuleType, x: Values, p: Values) -> Any:
        return p["floor"] + xp.exp(p["log_b"] + _log_bends(xp, xp.log(x["x"]), p, breaks))

    return mean


def _broken_derive(breaks: int) -> Callable[[ModuleType, Values, Values], dict[str, Any]]:
    def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
        log_x, places = xp.log(centre["x"]), {}
        place = log_x + q["place_1"]
        for i in range(1, breaks + 1):
            place = place if i == 1 else place + q[f"gap_{i}"]
            places[f"break_{i}"] = xp.exp(place)
        floor = q["y_centre"] * q["floor_share"]
        log_b = xp.log(q["y_centre"] - floor) - _log_bends(xp, log_x, {**q, **places}, breaks)
        return {"floor": floor, **places, "log_b": log_b}

    return derive
