"""Skaling: a power of the sum of Chinchilla's two terms, so that parameters and data interact."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from bayescale import PARAMETERS, TOKENS, Derived, Law, Parameter, Prior, Values, additive, power

OUTER_EXPONENT = Parameter(
    name="k",
    prior=Prior("LogNormal", mu=float(np.log(0.55)), sigma=0.5),
    meaning="power of the sum; 1 is Chinchilla",
    reason="5-95 % 0.24-1.25: most tables favour powers below 1, and few above",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    size = additive.sized(q)
    # At the centre of the runs loss and its two slopes are those of the additive law with the same levels and exponents
    # k alpha, k beta: the priors of that law keep their meaning, and k affects only the curvature.
    k = q["k"]
    alpha, beta = additive.exponents({**q, "exponent": size["exponent"] / k})
    scale = power(xp, additive.reducible(q), 1 / k - 1)
    return {
        "E": additive.floor(q),
        "A": additive.coefficient(xp, size["level_N"] * scale, alpha, centre["N"]),
        "B": additive.coefficient(xp, size["level_D"] * scale, beta, centre["D"]),
        "alpha_N": alpha,
        "beta_D": beta,
        **size,
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    inner = p["A"] * power(xp, x["N"], -p["alpha_N"]) + p["B"] * power(xp, x["D"], -p["beta_D"])
    return p["E"] + power(xp, inner, p["k"])


LAW = Law(
    name="skaling",
    title="Skaling",
    formula="E + (A N^-alpha + B D^-beta)^k",
    citation="arXiv:2608.07222 (2026)",
    decision="Whether the additive form is wrong for these runs, and whether that changes the forecast.",
    failure="k and E trade off: it fits better inside the range of the runs than it forecasts beyond.",
    inputs=(PARAMETERS, TOKENS),
    parameters=(
        *additive.LEVELS,
        OUTER_EXPONENT,
        additive.LOSS_CENTRE,
        *additive.EXPONENTS,
    ),
    derived=(
        additive.E,
        Derived(name="A", meaning="coefficient of the parameter term", unit="nats/token^(1/k)"),
        Derived(name="B", meaning="coefficient of the data term", unit="nats/token^(1/k)"),
        additive.ALPHA_N,
        additive.BETA_D,
        *additive.EACH_LEVEL,
        replace(additive.MEAN_EXPONENT, meaning="k (alpha + beta)/2, the mean exponent at the centre of the runs"),
    ),
    mean=mean,
    derive=derive,
    optimum=additive.additive_optimum,
    in_ensemble=True,
)
