"""Farseer: Chinchilla whose data term, and its exponent, change with model size (Li et al. 2025)."""

from dataclasses import replace
from types import ModuleType
from typing import Any

from bayescale import additive
from bayescale.law import PARAMETERS, TOKENS, Derived, Law, Parameter, Prior, Values, power

ALLOCATION = replace(additive.ALLOCATION, meaning="allocation exponent at the centre, beta/(alpha + beta)")
COUPLING = Parameter(
    name="coupling",
    prior=Prior("Normal", mu=0.0, sigma=0.5),
    meaning="log ratio of the N-slopes of the first term and of loss, at the centre; 0 is Chinchilla",
    reason="sd 0.5: the data term takes back at most half of what size gains, or adds as much",
)
BETA_SLOPE = Parameter(
    name="beta_slope",
    prior=Prior("Normal", mu=0.0, sigma=0.05),
    meaning="power with which the data exponent changes with N; 0 is Chinchilla",
    reason="sd 0.05: an exponent 12 % larger or smaller after a decade of N",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    # At the centre of the runs loss and its two slopes are those of the additive law with the same levels and
    # exponents, so the priors of that law keep their meaning. D counts from the centre because B and beta_D are
    # strongly tied at one token.
    E = q["loss_centre"] - additive.sum_of_levels(xp, q)
    log_excess = xp.log1p(q["level_N"] / E)
    alpha, beta = 2 * q["exponent"] * (1 - q["a_opt"]), 2 * q["exponent"] * q["a_opt"]
    slope = alpha * q["level_N"]
    g = slope * xp.exp(q["coupling"]) / ((E + q["level_N"]) * log_excess)
    kappa = slope * xp.expm1(q["coupling"]) / q["level_D"]
    return {
        "E": E,
        "A": log_excess * power(xp, centre["N"], g),
        "g": g,
        "B": q["level_D"] * power(xp, centre["N"], -kappa),
        "kappa": kappa,
        "beta_D": beta * power(xp, centre["N"], -q["beta_slope"]),
        "D_0": centre["D"] * (beta / beta),
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    log_n = xp.log(x["N"])
    exponent = p["beta_D"] * xp.exp(p["beta_slope"] * log_n)
    parameter_term = p["E"] * xp.exp(p["A"] * xp.exp(-p["g"] * log_n))
    return parameter_term + p["B"] * xp.exp(p["kappa"] * log_n - exponent * xp.log(x["D"] / p["D_0"]))


LAW = Law(
    name="farseer",
    title="Farseer",
    formula="E exp(A N^-g) + B N^kappa (D/D_0)^(-beta N^s)",
    citation="Li et al. 2025, arXiv:2506.10972, whose log B and log beta are powers of N: here for small ones",
    decision="Whether larger models learn faster or slower from data, and what that does to D*/N*.",
    failure="Tells its seven parameters apart only where many runs cross N with D; far out B and beta know no bounds.",
    inputs=(PARAMETERS, TOKENS),
    parameters=(
        additive.LEVEL_N,
        additive.LEVEL_D,
        additive.centre_loss(additive.sum_of_levels),
        additive.EXPONENT,
        ALLOCATION,
        COUPLING,
        BETA_SLOPE,
    ),
    derived=(
        additive.E,
        Derived(name="A", meaning="coefficient of the log loss due to finite parameters"),
        Derived(name="g", meaning="exponent of parameters"),
        Derived(name="B", meaning="coefficient of the data term", unit="nats/token"),
        Derived(name="kappa", meaning="power with which the data term at D_0 changes with N"),
        Derived(name="beta_D", meaning="coefficient of the exponent of data, beta"),
        Derived(name="D_0", meaning="geometric-mean D of the runs", unit="tokens"),
    ),
    mean=mean,
    derive=derive,
)
