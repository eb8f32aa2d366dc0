"""Kaplan in one input: total loss is a power of model size, without a floor (Kaplan et al. 2020)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import PARAMETERS, Derived, Law, Parameter, Prior, Values, additive

ALPHA = Parameter(
    name="alpha_N",
    prior=Prior("LogNormal", mu=float(np.log(0.08)), sigma=0.35),
    meaning="exponent of parameters, of total loss",
    reason="5-95 % 0.045-0.14: without a floor, so far below that of the reducible loss",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {"log_N_c": xp.log(centre["N"]) + xp.log(q["loss_centre"]) / q["alpha_N"]}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return xp.exp(p["alpha_N"] * (p["log_N_c"] - xp.log(x["N"])))


LAW = Law(
    name="kaplan_n",
    title="Kaplan, model size alone",
    formula="(N_c/N)^alpha_N",
    citation="Kaplan et al. 2020, arXiv:2001.08361",
    decision="For comparison: how loss would fall with size alone without a floor.",
    failure="Without a floor or a limit from data, it forecasts too low at large N.",
    inputs=(PARAMETERS,),
    parameters=(additive.LOSS_CENTRE, ALPHA),
    derived=(Derived(name="log_N_c", meaning="log of the N that alone would give a loss of 1"),),
    mean=mean,
    derive=derive,
)
