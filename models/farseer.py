"""Farseer: Chinchilla whose data term changes with model size (Li et al. 2025)."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from bayescale import additive
from bayescale.law import PARAMETERS, TOKENS, Derived, Law, Parameter, Prior, Values, power

ALLOCATION = replace(additive.ALLOCATION, meaning="allocation exponent at the centre, beta/(alpha + beta)")
COUPLING = Parameter(
    name="coupling",
    prior=Prior("Normal", mu=0.0, sigma=0.5),
    meaning="log of the N-slope that loss would have at the centre without its data term, over its own; 0 is Chinchilla",
    reason="sd 0.5: the data term takes back at most half of what size gains, or adds as much",
)
BETA_SLOPE = Parameter(
    name="beta_slope",
    prior=Prior("Normal", mu=0.0, sigma=0.05),
    meaning="change of the log data exponent per e-fold of N, at the centre; 0 is Chinchilla",
    reason="sd 0.05: a data exponent 12 % larger or smaller after a decade of N",
)
FADING_B = Parameter(
    name="fading_B",
    prior=Prior("LogNormal", mu=float(np.log(0.15)), sigma=0.5),
    meaning="exponent with which the change of the data coefficient fades as N grows",
    reason="5-95 % 0.07-0.34: runs hardly tell it; a positive one lets the law settle far out",
)
FADING_BETA = replace(
    FADING_B, name="fading_beta", meaning="exponent with which the change of the data exponent fades as N grows"
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    # At the centre of the runs loss and its two slopes are those of the additive law with the same levels and exponents,
    # so the priors of that law keep their meaning.
    E = q["loss_centre"] - additive.sum_of_levels(xp, q)
    log_excess = xp.log1p(q["level_N"] / E)
    alpha, beta = 2 * q["exponent"] * (1 - q["a_opt"]), 2 * q["exponent"] * q["a_opt"]
    slope = alpha * q["level_N"]
    g = slope * xp.exp(q["coupling"]) / ((E + q["level_N"]) * log_excess)
    level_slope = slope * xp.expm1(q["coupling"]) / q["level_D"]
    log_n = xp.log(centre["N"])
    a1, a2 = -q["beta_slope"] / q["fading_beta"], -level_slope / q["fading_B"]
    return {
        "E": E,
        "a1": a1 * xp.exp(q["fading_beta"] * log_n),
        "b1": xp.log(beta) - a1,
        "a2": a2 * xp.exp(q["fading_B"] * log_n),
        "b2": xp.log(q["level_D"]) - a2,
        "a3": log_excess * xp.exp(g * log_n),
        "b3": xp.log(E),
        "g": g,
        "D_0": centre["D"] * (beta / beta),
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    log_floor = p["a3"] * power(xp, x["N"], -p["g"]) + p["b3"]
    log_level = p["a2"] * power(xp, x["N"], -p["fading_B"]) + p["b2"]
    beta = xp.exp(p["a1"] * power(xp, x["N"], -p["fading_beta"]) + p["b1"])
    return xp.exp(log_floor) + xp.exp(log_level - beta * xp.log(x["D"] / p["D_0"]))


LAW = Law(
    name="farseer",
    title="Farseer",
    formula="exp(a3 N^-g + b3) + exp(a2 N^-b + b2) D^-exp(a1 N^-a + b1)",
    citation="Li et al. 2025, arXiv:2506.10972, with all three powers of N falling, so that the law settles far out",
    decision="Whether larger models learn faster or slower from data, and what that does to D*/N*.",
    failure="Nine parameters: with fewer than some hundred runs over both N and D the priors decide most of them.",
    inputs=(PARAMETERS, TOKENS),
    parameters=(
        additive.LEVEL_N,
        additive.LEVEL_D,
        additive.centre_loss(additive.sum_of_levels),
        additive.EXPONENT,
        ALLOCATION,
        COUPLING,
        BETA_SLOPE,
        FADING_B,
        FADING_BETA,
    ),
    derived=(
        additive.E,
        Derived(name="a1", meaning="coefficient of the change of the log data exponent with N"),
        Derived(name="b1", meaning="log data exponent for unlimited N"),
        Derived(name="a2", meaning="coefficient of the change of the log data coefficient with N"),
        Derived(name="b2", meaning="log data coefficient for unlimited N"),
        Derived(name="a3", meaning="coefficient of the log loss due to finite parameters"),
        Derived(name="b3", meaning="log irreducible loss"),
        Derived(name="g", meaning="exponent of parameters inside the exponential"),
        Derived(name="D_0", meaning="geometric-mean D of the runs", unit="tokens"),
    ),
    mean=mean,
    derive=derive,
)
