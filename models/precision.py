"""Precision: a parameter with few bits counts as a fraction of a parameter (Kumar et al. 2024; Panferov et al. 2025).

Kumar et al. multiply ``1 - exp(-P/g)`` over weights, activations and cache; Panferov et al. give each format
its own factor. Here all tensors have the same bits, so the product is a power; its exponent is free because the factors
fall faster towards one bit than two or three tensors would imply.
"""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import PARAMETERS, TOKENS, Derived, Input, Law, Parameter, Prior, PublishedFit, Values, additive, power

BITS_SCALE = Parameter(
    name="bits_scale",
    prior=Prior("LogNormal", mu=float(np.log(2.0)), sigma=0.4),
    meaning="bits with which a tensor reaches 63 % of full precision, g",
    unit="bits",
    reason="5-95 % 1-3.9: eight bits are nearly as good as sixteen, two are not",
)
EFFICIENCY = Parameter(
    name="eff_4",
    prior=Prior("Beta", alpha=4.0, beta=2.0),
    meaning="value of a parameter with 4 bits, as a share of a full-precision one",
    reason="5-95 % 0.34-0.92: four bits lose something, usually less than half",
)
REFERENCE_BITS = 4.0


def log_approach(xp: ModuleType, bits: Any, p: Values) -> Any:
    """Log of the share of full precision that one tensor reaches with a number of bits."""
    return xp.log(-xp.expm1(-bits / p["bits_scale"]))


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    size = additive.sized(q)
    alpha, beta = additive.exponents({**q, **size})
    # Runs with few and with many bits determine the cost of four bits, while its two parts trade off.
    tensors = xp.log(q["eff_4"]) / log_approach(xp, REFERENCE_BITS, q)
    at_centre = centre["N"] * xp.exp(tensors * log_approach(xp, centre["w_bits"], q))
    return {
        "tensors": tensors,
        "E": additive.floor(q),
        "A": additive.coefficient(xp, size["level_N"], alpha, at_centre),
        "B": additive.coefficient(xp, size["level_D"], beta, centre["D"]),
        "alpha_N": alpha,
        "beta_D": beta,
        **size,
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    log_n = xp.log(x["N"]) + p["tensors"] * log_approach(xp, x["w_bits"], p)
    return p["E"] + p["A"] * xp.exp(-p["alpha_N"] * log_n) + p["B"] * power(xp, x["D"], -p["beta_D"])


LAW = Law(
    name="precision",
    title="Precision",
    formula="E + A (N eff)^-alpha + B D^-beta, eff = (1 - exp(-P/g))^k",
    citation="Kumar et al. 2024, arXiv:2411.04330; Panferov et al. 2025, arXiv:2502.05003",
    decision="Training precision: a larger model with fewer bits, or a smaller one with more.",
    failure="For one family of formats at a time; says nothing about quantisation after training.",
    inputs=(
        PARAMETERS,
        TOKENS,
        Input(name="w_bits", meaning="bits per weight, and per activation where these are quantised too", unit="bits"),
    ),
    parameters=(
        *additive.LEVELS,
        additive.LOSS_CENTRE,
        *additive.EXPONENTS,
        BITS_SCALE,
        EFFICIENCY,
    ),
    derived=(
        Derived(name="tensors", meaning="number of tensors with these bits that would have the same effect, k"),
        additive.E,
        Derived(name="A", meaning="coefficient of the parameter term", unit="nats/token"),
        additive.B,
        additive.ALPHA_N,
        additive.BETA_D,
        *additive.SIZED,
    ),
    mean=mean,
    derive=derive,
    published=(
        PublishedFit(
            citation="Panferov et al. 2025, arXiv:2502.05003, released notebook",
            values={
                "E": 0.00142329,
                "A": 8.134031,
                "B": 86.41191,
                "alpha_N": 0.06272652,
                "beta_D": 0.2412884,
                "eff_4": 0.691831718,
            },
            note="104 runs, one efficiency per format, here that of 4-bit weights and activations with Hadamard "
            "transform; no standard errors given; E is at its bound",
        ),
    ),
    in_ensemble=True,
)
