"""Kaplan in one input: total loss is a power of training tokens, without a floor (Kaplan et al. 2020)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import TOKENS, Derived, Law, Parameter, Prior, Values, additive

ALPHA = Parameter(
    name="alpha_D",
    prior=Prior("LogNormal", mu=float(np.log(0.10)), sigma=0.35),
    meaning="exponent of data, of total loss",
    reason="5-95 % 0.056-0.18: without a floor, so far below that of the reducible loss",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {"log_D_c": xp.log(centre["D"]) + xp.log(q["loss_centre"]) / q["alpha_D"]}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return xp.exp(p["alpha_D"] * (p["log_D_c"] - xp.log(x["D"])))


LAW = Law(
    name="kaplan_d",
    title="Kaplan, training tokens alone",
    formula="(D_c/D)^alpha_D",
    citation="Kaplan et al. 2020, arXiv:2001.08361",
    decision="For comparison: how loss would fall with data alone without a floor.",
    failure="Without a floor or a limit from model size, it forecasts too low at large D.",
    inputs=(TOKENS,),
    parameters=(additive.LOSS_CENTRE, ALPHA),
    derived=(Derived(name="log_D_c", meaning="log of the D that alone would give a loss of 1"),),
    mean=mean,
    derive=derive,
)
