"""Perplexity as a power of data: a straight line on logarithmic axes, without a floor."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import TOKENS, Derived, Law, Parameter, Prior, Values

PERPLEXITY_CENTRE = Parameter(
    name="y_centre",
    prior=Prior("LogNormal", mu=float(np.log(16.0)), sigma=0.8),
    meaning="perplexity at the geometric-mean D of the runs",
    reason="5-95 % 4.3-60: losses of 1.5 to 4.1 nats/token",
)
ALPHA = Parameter(
    name="alpha_D",
    prior=Prior("LogNormal", mu=float(np.log(0.2)), sigma=0.6),
    meaning="exponent of data: nats/token of loss per factor of e in D",
    reason="5-95 % 0.07-0.54: loss falls by 0.05 to 0.4 nats when D doubles",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {"log_D_c": xp.log(centre["D"]) + xp.log(q["y_centre"]) / q["alpha_D"]}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return xp.exp(p["alpha_D"] * (p["log_D_c"] - xp.log(x["D"])))


LAW = Law(
    name="perplexity_d",
    title="Perplexity, data alone",
    formula="(D_c/D)^alpha_D",
    citation="Loss linear in log D; the common reading of perplexity plots, without a single source",
    decision="Gain in perplexity from more data, within a decade or two.",
    failure="Predicts that perplexity goes to zero, but it cannot fall below 1, or even below the exponential of E.",
    inputs=(TOKENS,),
    outcome="perplexity",
    outcome_unit="perplexity",
    scatter=0.012,
    parameters=(PERPLEXITY_CENTRE, ALPHA),
    derived=(Derived(name="log_D_c", meaning="log of the D at which perplexity would be 1"),),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
