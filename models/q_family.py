"""The q-family: a power mean of two terms that joins Chinchilla (q = 1) to Kaplan (no floor, q = alpha_D)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import PARAMETERS, TOKENS, Derived, Law, Parameter, Prior, Values, additive, power

FLOOR_SHARE = Parameter(
    name="floor_share",
    prior=Prior("Beta", alpha=1.2, beta=1.2),
    meaning="irreducible loss as a share of the loss at the centre",
    reason="nearly flat, to allow both no floor (Kaplan) and two thirds (Chinchilla)",
)
SHARE_N = Parameter(
    name="share_N",
    prior=Prior("Beta", alpha=2.0, beta=2.0),
    meaning="share of the parameter term in the inner sum at the centre",
    reason="runs vary both N and D because both limit them: 5-95 % 0.14-0.86",
)
EXPONENT = Parameter(
    name="exponent",
    prior=Prior("LogNormal", mu=float(np.log(0.2)), sigma=0.6),
    meaning="mean exponent (alpha + beta)/2",
    reason="5-95 % 0.07-0.54: from exponents of total loss to those of reducible loss",
)
Q = Parameter(
    name="q",
    prior=Prior("LogNormal", mu=float(np.log(0.4)), sigma=0.8),
    meaning="outer exponent: at 1 the terms add, towards 0 only the larger one counts",
    reason="5-95 % 0.11-1.5: from Kaplan's data exponent to beyond Chinchilla",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    alpha, beta = additive.exponents(q)
    level_n = q["loss_centre"] * (1 - q["floor_share"]) * power(xp, q["share_N"], q["q"])
    level_d = level_n * power(xp, 1 / q["share_N"] - 1, q["q"])  # in which share_N can be solved for from A/B
    return {
        "E": q["loss_centre"] * q["floor_share"],
        "A": additive.coefficient(xp, level_n, alpha, centre["N"]),
        "B": additive.coefficient(xp, level_d, beta, centre["D"]),
        "alpha_N": alpha,
        "beta_D": beta,
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    # For small q the terms to the power 1/q leave the range of floats, so the larger one is factored out.
    log_n = xp.log(p["A"]) - p["alpha_N"] * xp.log(x["N"])
    log_d = xp.log(p["B"]) - p["beta_D"] * xp.log(x["D"])
    smaller_over_larger = xp.exp(-abs(log_n - log_d) / p["q"])
    return p["E"] + xp.exp(xp.maximum(log_n, log_d) + p["q"] * xp.log1p(smaller_over_larger))


def optimum(p: Values, product: Any) -> Any:
    # Minimum of A^(1/q) N^(-alpha/q) + B^(1/q) D^(-beta/q): Chinchilla's, with another ratio of coefficients.
    ratio = power(np, p["alpha_N"] / p["beta_D"], p["q"] - 1)
    return additive.additive_optimum({**p, "A": p["A"] * ratio}, product)


LAW = Law(
    name="q_family",
    title="The family between Kaplan and Chinchilla",
    formula="E + ((A N^-alpha)^(1/q) + (B D^-beta)^(1/q))^q",
    citation="arXiv:2608.07222 (2026)",
    decision="Whether the runs support Kaplan or Chinchilla, and the effect on N*.",
    failure="Floor and q trade off: runs over few decades determine neither.",
    inputs=(PARAMETERS, TOKENS),
    parameters=(additive.LOSS_CENTRE, FLOOR_SHARE, SHARE_N, EXPONENT, additive.ALLOCATION, Q),
    derived=(
        additive.E,
        Derived(name="A", meaning="coefficient of the parameter term", unit="nats/token"),
        Derived(name="B", meaning="coefficient of the data term", unit="nats/token"),
        additive.ALPHA_N,
        additive.BETA_D,
    ),
    mean=mean,
    derive=derive,
    optimum=optimum,
)
