"""Intrinsic performance in reinforcement learning: the least compute that reaches a return (Hilton et al. 2023)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import PARAMETERS, Derived, Input, Law, Parameter, Prior, Values

INTERACTIONS = Input(name="interactions", meaning="interactions with the environment", unit="interactions")
AT_CENTRE = Parameter(
    name="share_centre",
    prior=Prior("LogNormal", mu=float(np.log(0.3)), sigma=0.7),
    meaning="intrinsic performance divided by N times interactions, at the geometric means of the runs",
    reason="5-95 % 0.1-0.95: at most 1, if the two are balanced, and less if either is too small",
)
ALPHA_N = Parameter(
    name="alpha_N",
    prior=Prior("LogNormal", mu=float(np.log(0.6)), sigma=0.5),
    meaning="exponent of parameters",
    reason="5-95 % 0.26-1.4",
)
ALPHA_E = Parameter(
    name="alpha_E", prior=ALPHA_N.prior, meaning="exponent of interactions", reason="as that of parameters"
)
BALANCE = Parameter(
    name="balance",
    prior=Prior("Beta", alpha=2.0, beta=2.0),
    meaning="share of the shortfall that is due to few parameters, at the centre of the runs",
    reason="5-95 % 0.14-0.86: for sizes and lengths that people try",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    beta = 1 / (1 / q["alpha_N"] + 1 / q["alpha_E"])
    log_centre = xp.log(q["share_centre"]) + xp.log(centre["N"]) + xp.log(centre["interactions"])
    shortfall = -beta * log_centre
    return {
        "beta": beta,
        "log_N_c": xp.log(centre["N"]) + (shortfall + xp.log(q["balance"])) / q["alpha_N"],
        "log_E_c": xp.log(centre["interactions"]) + (shortfall + xp.log(1 - q["balance"])) / q["alpha_E"],
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    size = xp.exp(p["alpha_N"] * (p["log_N_c"] - xp.log(x["N"])))
    experience = xp.exp(p["alpha_E"] * (p["log_E_c"] - xp.log(x["interactions"])))
    return xp.exp(-xp.log(size + experience) / p["beta"])


LAW = Law(
    name="intrinsic_performance",
    title="Intrinsic performance",
    formula="((N_c/N)^alpha_N + (E_c/E)^alpha_E)^(-1/beta), 1/beta = 1/alpha_N + 1/alpha_E",
    citation="Hilton, Tang, Schulman 2023, arXiv:2301.13442",
    decision="How to split reinforcement-learning compute between a larger model and more interactions.",
    failure="Performance must first be converted to the least compute that reaches a return, over runs of every size.",
    inputs=(PARAMETERS, INTERACTIONS),
    outcome="performance",
    outcome_unit="parameters x interactions",
    scatter=0.1,
    falls=False,
    parameters=(AT_CENTRE, ALPHA_N, ALPHA_E, BALANCE),
    derived=(
        Derived(name="beta", meaning="exponent with which the shortfall falls with compute"),
        Derived(name="log_N_c", meaning="log of the scale of parameters, N_c"),
        Derived(name="log_E_c", meaning="log of the scale of interactions, E_c"),
    ),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
