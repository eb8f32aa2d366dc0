"""Kaplan in one input: total loss is a power of compute, without a floor (Kaplan et al. 2020)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import Derived, Law, Parameter, Prior, Values, additive, curves

ALPHA = Parameter(
    name="alpha_C",
    prior=Prior("LogNormal", mu=float(np.log(0.05)), sigma=0.35),
    meaning="exponent of compute, of total loss",
    reason="5-95 % 0.028-0.089: without a floor, so far below that of the reducible loss",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {"log_C_c": xp.log(centre["C"]) + xp.log(q["loss_centre"]) / q["alpha_C"]}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return xp.exp(p["alpha_C"] * (p["log_C_c"] - xp.log(x["C"])))


LAW = Law(
    name="kaplan_c",
    title="Kaplan, compute alone",
    formula="(C_c/C)^alpha_C",
    citation="Kaplan et al. 2020, arXiv:2001.08361",
    decision="For comparison: how loss would fall along the compute frontier without a floor.",
    failure="Holds only for well-allocated runs, and without a floor forecasts too low at large C.",
    inputs=(curves.COMPUTE,),
    parameters=(additive.LOSS_CENTRE, ALPHA),
    derived=(Derived(name="log_C_c", meaning="log of the C that alone would give a loss of 1"),),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
