"""Chinchilla's law with width and depth: the cost of a bad shape at a given size (McLeish et al. 2025)."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from bayescale import PARAMETERS, TOKENS, Derived, Input, Law, Parameter, Prior, PublishedFit, Values, additive, power

RATIO_WIDTH = Parameter(
    name="ratio_width",
    prior=Prior("LogNormal", mu=float(np.log(0.1 / 1.3)), sigma=float(np.hypot(1.0, 0.35))),
    meaning="loss due to finite width relative to the irreducible one, at the runs' geometric-mean width",
    reason="5-95 % 0.01-0.44: shape matters less than size and data",
)
RATIO_DEPTH = Parameter(
    name="ratio_depth",
    prior=RATIO_WIDTH.prior,
    meaning="loss due to finite depth relative to the irreducible one, at the runs' geometric-mean depth",
    reason=RATIO_WIDTH.reason,
)
P_WIDTH = Parameter(
    name="p_width",
    prior=Prior("LogNormal", mu=float(np.log(0.4)), sigma=0.6),
    meaning="exponent of width",
    reason="5-95 % 0.15-1.1: N grows as width squared, so up to twice the exponent of N",
)
P_DEPTH = Parameter(name="p_depth", prior=P_WIDTH.prior, meaning="exponent of depth", reason="as that of width")


def others(q: Values) -> Any:
    """Sum of the sizes of the terms of width and depth, relative to the irreducible loss."""
    return q["ratio_width"] + q["ratio_depth"]


def slope_over_exponent(q: Values) -> Any:
    """Slope of the loss at the centre along N and D, relative to the mean exponent."""
    return additive.slope_over_exponent(q, others(q))


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    size = additive.sized(q, others(q))
    floor = additive.floor(q, others(q))
    level_width, level_depth = floor * q["ratio_width"], floor * q["ratio_depth"]
    alpha, beta = additive.exponents({**q, **size})
    return {
        "E": floor,
        "A": additive.coefficient(xp, size["level_N"], alpha, centre["N"]),
        "B": additive.coefficient(xp, size["level_D"], beta, centre["D"]),
        "A_width": additive.coefficient(xp, level_width, q["p_width"], centre["width"]),
        "A_depth": additive.coefficient(xp, level_depth, q["p_depth"], centre["depth"]),
        "alpha_N": alpha,
        "beta_D": beta,
        **size,
        "level_width": level_width,
        "level_depth": level_depth,
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
    decision="Width and depth for a given size, and the cost of a shape that suits the hardware.",
    failure="N is nearly width squared times depth, so only runs of many shapes separate the three terms.",
    inputs=(
        PARAMETERS,
        TOKENS,
        Input(name="width", meaning="model width", unit="dimensions"),
        Input(name="depth", meaning="number of layers", unit="layers"),
    ),
    parameters=(
        *additive.LEVELS,
        RATIO_WIDTH,
        RATIO_DEPTH,
        additive.LOSS_CENTRE,
        additive.ALLOCATION,
        replace(additive.slope(slope_over_exponent), meaning=f"{additive.SLOPE.meaning}, at one shape"),
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
        Derived(
            name="level_width", meaning="loss due to finite width at the runs' geometric-mean width", unit="nats/token"
        ),
        Derived(
            name="level_depth", meaning="loss due to finite depth at the runs' geometric-mean depth", unit="nats/token"
        ),
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
