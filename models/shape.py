"""Chinchilla's law with width and depth: what a bad shape costs at a size (McLeish et al. 2025)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import additive
from bayescale.law import PARAMETERS, TOKENS, Derived, Input, Law, Parameter, Prior, PublishedFit, Values, power

LEVEL_WIDTH = Parameter(
    name="level_width",
    prior=Prior("LogNormal", mu=float(np.log(0.1)), sigma=1.0),
    meaning="loss due to finite width at the runs' geometric-mean width",
    unit="nats/token",
    reason="5-95 % 0.02-0.5 nats: shape matters less than size and data",
)
LEVEL_DEPTH = Parameter(
    name="level_depth",
    prior=LEVEL_WIDTH.prior,
    meaning="loss due to finite depth at the runs' geometric-mean depth",
    unit="nats/token",
    reason=LEVEL_WIDTH.reason,
)
P_WIDTH = Parameter(
    name="p_width",
    prior=Prior("LogNormal", mu=float(np.log(0.4)), sigma=0.6),
    meaning="exponent of width",
    reason="5-95 % 0.15-1.1: N grows as width squared, so up to twice the exponent of N",
)
P_DEPTH = Parameter(name="p_depth", prior=P_WIDTH.prior, meaning="exponent of depth", reason="as that of width")


def reducible(xp: ModuleType, q: Values) -> Any:
    """Reducible loss at the centre of the runs."""
    return additive.sum_of_levels(xp, q) + q["level_width"] + q["level_depth"]


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    size = additive.sized(q)
    alpha, beta = additive.exponents({**q, **size})
    return {
        "E": q["loss_centre"] - reducible(xp, q),
        "A": additive.coefficient(xp, size["level_N"], alpha, centre["N"]),
        "B": additive.coefficient(xp, size["level_D"], beta, centre["D"]),
        "A_width": additive.coefficient(xp, q["level_width"], q["p_width"], centre["width"]),
        "A_depth": additive.coefficient(xp, q["level_depth"], q["p_depth"], centre["depth"]),
        "alpha_N": alpha,
        "beta_D": beta,
        **size,
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    size = p["A"] * power(xp, x["N"], -p["alpha_N"]) + p["B"] * power(xp, x["D"], -p["beta_D"])
    width = p["A_width"] * power(xp, x["width"], -p["p_width"])
    return p["E"] + size + width + p["A_depth"] * power(xp, x["depth"], -p["p_depth"])


LAW = Law(
    name="shape",
    title="Shape-aware Chinchilla",
    formula="E + A N^-alpha + B D^-beta + A_w width^-p_w + A_d depth^-p_d",
    citation="McLeish et al. 2025, arXiv:2502.06857",
    decision="Width and depth at a size, and what a shape that suits the hardware costs.",
    failure="N is nearly width squared times depth, so the three terms are told apart only by runs of many shapes.",
    inputs=(
        PARAMETERS,
        TOKENS,
        Input(name="width", meaning="model width", unit="dimensions"),
        Input(name="depth", meaning="number of layers", unit="layers"),
    ),
    parameters=(
        *additive.LEVELS,
        LEVEL_WIDTH,
        LEVEL_DEPTH,
        additive.centre_loss(reducible),
        *additive.EXPONENTS,
        P_WIDTH,
        P_DEPTH,
    ),
    derived=(
        additive.E,
        additive.A,
        additive.B,
        Derived(name="A_width", meaning="coefficient of the width term", unit="nats/token"),
        Derived(name="A_depth", meaning="coefficient of the depth term", unit="nats/token"),
        additive.ALPHA_N,
        additive.BETA_D,
        *additive.SIZED,
    ),
    mean=mean,
    derive=derive,
    published=(
        PublishedFit(
            citation="McLeish et al. 2025, arXiv:2502.06857, released parameters",
            values={
                "E": 1.7986,
                "A": 562.3,
                "B": 102_600.0,
                "A_width": 4.600,
                "A_depth": 0.8369,
                "alpha_N": 0.394,
                "beta_D": 0.536,
                "p_width": 0.354,
                "p_depth": 0.464,
            },
            note="199 cooled runs, exponentials of natural logs given to three decimals; no standard errors given",
        ),
    ),
)
