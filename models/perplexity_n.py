"""Perplexity as a power of parameters: a straight line on logarithmic axes, without a floor."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import PARAMETERS, Derived, Law, Parameter, Prior, Values

PERPLEXITY_CENTRE = Parameter(
    name="y_centre",
    prior=Prior("LogNormal", mu=float(np.log(16.0)), sigma=0.8),
    meaning="perplexity at the geometric-mean N of the runs",
    reason="5-95 % 4.3-60: losses of 1.5 to 4.1 nats/token",
)
ALPHA = Parameter(
    name="alpha_N",
    prior=Prior("LogNormal", mu=float(np.log(0.2)), sigma=0.6),
    meaning="exponent of parameters: nats/token of loss per factor of e in N",
    reason="5-95 % 0.07-0.54: loss falls by 0.05 to 0.4 nats when N doubles",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {"log_N_c": xp.log(centre["N"]) + xp.log(q["y_centre"]) / q["alpha_N"]}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return xp.exp(p["alpha_N"] * (p["log_N_c"] - xp.log(x["N"])))


LAW = Law(
    name="perplexity_n",
    title="Perplexity, parameters alone",
    formula="(N_c/N)^alpha_N",
    citation="Loss linear in log N; the common reading of perplexity plots, without a single source",
    decision="Gain in perplexity from more parameters, within a decade or two.",
    failure="Predicts that perplexity goes to zero, but it cannot fall below 1, or even below the exponential of E.",
    inputs=(PARAMETERS,),
    outcome="perplexity",
    outcome_unit="perplexity",
    scatter=0.012,
    parameters=(PERPLEXITY_CENTRE, ALPHA),
    derived=(Derived(name="log_N_c", meaning="log of the N at which perplexity would be 1"),),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
