"""Farseer: Chinchilla with a data term and data exponent that change with model size (after Li et al. 2025).

The published law is ``exp(a3 N^g + b3) + exp(a2 N^b + b2) D^-exp(a1 N^a + b1)``, with nine parameters that runs can
hardly separate. Here its first term is a floor plus a power of N, and the other two functions are powers of N: this
form nests Chinchilla exactly, and has higher evidence on chinchilla, gemstones and gadre.
"""

from dataclasses import replace
from types import ModuleType
from typing import Any

from bayescale import PARAMETERS, TOKENS, Derived, Law, Parameter, Prior, Values, additive, power

KAPPA = Parameter(
    name="kappa",
    prior=Prior("Normal", mu=0.0, sigma=0.1),
    meaning="exponent with which the data term at D_0 grows with N; 0 is Chinchilla",
    reason="sd 0.1: a data term a quarter larger or smaller after a decade of N",
)
BETA_SLOPE = Parameter(
    name="beta_slope",
    prior=Prior("Normal", mu=0.0, sigma=0.05),
    meaning="exponent with which the data exponent changes with N; 0 is Chinchilla",
    reason="sd 0.05: an exponent 12 % larger or smaller after a decade of N",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    size = additive.sized(q)
    # At the centre of the runs this is the additive law with the same levels and exponents, so the priors of that law
    # keep their meaning. N and D are relative to it, as B, kappa, beta and s are correlated at N = D = 1.
    alpha, beta = additive.exponents({**q, **size})
    per_draw = alpha / alpha  # every derived parameter needs one value per draw
    return {
        "E": additive.floor(q),
        "A": additive.coefficient(xp, size["level_N"], alpha, centre["N"]),
        "alpha_N": alpha,
        "beta_D": beta,
        "N_0": centre["N"] * per_draw,
        "D_0": centre["D"] * per_draw,
        **size,
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    log_n, log_d = xp.log(x["N"] / p["N_0"]), xp.log(x["D"] / p["D_0"])
    exponent = p["beta_D"] * xp.exp(p["beta_slope"] * log_n)
    data_term = p["level_D"] * xp.exp(p["kappa"] * log_n - exponent * log_d)
    return p["E"] + p["A"] * power(xp, x["N"], -p["alpha_N"]) + data_term


LAW = Law(
    name="farseer",
    title="Farseer",
    formula="E + A N^-alpha + B n^kappa d^(-beta n^s), n = N/N_0, d = D/D_0",
    citation="Li et al. 2025, arXiv:2506.10972, with powers of N instead of exponentials of powers",
    decision="Whether larger models learn faster or slower from data, and the effect on D*/N*.",
    failure="Needs many runs that cross N with D to separate its parameters; its powers of N are unbounded.",
    inputs=(PARAMETERS, TOKENS),
    parameters=(
        *additive.LEVELS,
        additive.LOSS_CENTRE,
        replace(additive.ALLOCATION, meaning="beta/(alpha + beta), the allocation exponent if kappa and s are 0"),
        replace(additive.SLOPE, meaning=f"{additive.SLOPE.meaning}, where kappa is 0"),
        KAPPA,
        BETA_SLOPE,
    ),
    derived=(
        additive.E,
        additive.A,
        additive.ALPHA_N,
        Derived(name="beta_D", meaning="exponent of data at N_0, beta"),
        Derived(name="N_0", meaning="geometric-mean N of the runs", unit="parameters"),
        Derived(name="D_0", meaning="geometric-mean D of the runs", unit="tokens"),
        *additive.SIZED,
    ),
    mean=mean,
    derive=derive,
)
