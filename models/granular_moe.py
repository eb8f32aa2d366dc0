"""Granularity: more and smaller experts reduce the parameter term of the loss (Krajewski et al. 2024)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import PARAMETERS, TOKENS, Derived, Input, Law, Parameter, Prior, Values, additive, power

GRANULAR_SHARE = Parameter(
    name="granular_share",
    prior=Prior("Beta", alpha=1.0, beta=6.0),
    meaning="share of the parameter term that infinitely fine experts would remove, at the centre",
    reason="mean 1/7, 95 % 0.39: a correction to the parameter term, possibly zero",
)
GAMMA_G = Parameter(
    name="gamma_G",
    prior=Prior("LogNormal", mu=float(np.log(0.6)), sigma=0.5),
    meaning="exponent of granularity, gamma",
    reason="5-95 % 0.26-1.4: most of the gain comes with the first few doublings",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    size = additive.sized(q)
    alpha, beta = additive.exponents({**q, **size})
    both = additive.coefficient(xp, size["level_N"], alpha, centre["N"])
    return {
        "E": additive.floor(q),
        "a": (1 - q["granular_share"]) * both,
        "g": additive.coefficient(xp, q["granular_share"] * both, q["gamma_G"], centre["granularity"]),
        "b": additive.coefficient(xp, size["level_D"], beta, centre["D"]),
        "alpha_N": alpha,
        "beta_D": beta,
        **size,
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    coefficient = p["g"] * power(xp, x["granularity"], -p["gamma_G"]) + p["a"]
    return p["E"] + coefficient * power(xp, x["N"], -p["alpha_N"]) + p["b"] * power(xp, x["D"], -p["beta_D"])


LAW = Law(
    name="granular_moe",
    title="Fine-grained mixture of experts",
    formula="E + (g G^-gamma + a) N^-alpha + b D^-beta",
    citation="Krajewski et al. 2024, arXiv:2402.07871",
    decision="How many small experts to use, given the cost of routing.",
    failure="For one expansion rate; the cost of routing, which limits G, is not included.",
    inputs=(
        PARAMETERS,
        TOKENS,
        Input(name="granularity", meaning="feed-forward width divided by the width of an expert, G", unit="experts"),
    ),
    parameters=(
        *additive.LEVELS,
        additive.LOSS_CENTRE,
        *additive.EXPONENTS,
        GRANULAR_SHARE,
        GAMMA_G,
    ),
    derived=(
        additive.E,
        Derived(name="a", meaning="coefficient of the parameter term for the finest experts", unit="nats/token"),
        Derived(name="g", meaning="addition to this coefficient for G = 1", unit="nats/token"),
        Derived(name="b", meaning="coefficient of the data term", unit="nats/token"),
        additive.ALPHA_N,
        additive.BETA_D,
        *additive.SIZED,
    ),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
