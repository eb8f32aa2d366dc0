"""Kaplan: total loss is a power of a sum of powers of parameters and data, without a floor (Kaplan et al. 2020)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import PARAMETERS, TOKENS, Derived, Law, Parameter, Prior, Values, additive, power

SHARE_N = Parameter(
    name="share_N",
    prior=Prior("Beta", alpha=2.0, beta=2.0),
    meaning="share of the parameter term in the sum at the centre",
    reason="runs vary both N and D because both limit them: 5-95 % 0.14-0.86",
)
ALPHA_N = Parameter(
    name="alpha_N",
    prior=Prior("LogNormal", mu=float(np.log(0.08)), sigma=0.35),
    meaning="exponent of parameters, of total loss",
    reason="5-95 % 0.045-0.14: without a floor, so far below Chinchilla's",
)
ALPHA_D = Parameter(
    name="alpha_D",
    prior=Prior("LogNormal", mu=float(np.log(0.10)), sigma=0.35),
    meaning="exponent of data, of total loss",
    reason="5-95 % 0.056-0.18: as for parameters",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    log_loss = xp.log(q["loss_centre"])
    return {
        "log_N_c": xp.log(centre["N"]) + (log_loss + q["alpha_D"] * xp.log(q["share_N"])) / q["alpha_N"],
        "log_D_c": xp.log(centre["D"]) + log_loss / q["alpha_D"] + xp.log(1 - q["share_N"]),
        "a_opt": q["alpha_D"] / (q["alpha_N"] + q["alpha_D"]),
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    parameter_term = xp.exp(p["alpha_N"] / p["alpha_D"] * (p["log_N_c"] - xp.log(x["N"])))
    data_term = xp.exp(p["log_D_c"] - xp.log(x["D"]))
    return power(xp, parameter_term + data_term, p["alpha_D"])


def optimum(p: Values, product: Any) -> Any:
    ratio = p["alpha_N"] / p["alpha_D"]
    terms = {"A": np.exp(ratio * p["log_N_c"]), "alpha_N": ratio, "B": np.exp(p["log_D_c"]), "beta_D": 1.0}
    return additive.additive_optimum(terms, product)


LAW = Law(
    name="kaplan_nd",
    title="Kaplan",
    formula="((N_c/N)^(alpha_N/alpha_D) + D_c/D)^alpha_D",
    citation="Kaplan et al. 2020, arXiv:2001.08361",
    decision="For comparison: the forecast if loss had no floor.",
    failure="Without a floor it forecasts too low at large scale; meant for non-embedding N and early stopping.",
    inputs=(PARAMETERS, TOKENS),
    parameters=(additive.LOSS_CENTRE, SHARE_N, ALPHA_N, ALPHA_D),
    derived=(
        Derived(name="log_N_c", meaning="log of the N at which parameters alone would give a loss of 1"),
        Derived(name="log_D_c", meaning="log of the D at which data alone would give a loss of 1"),
        Derived(name="a_opt", meaning="allocation exponent: N* grows as C^a"),
    ),
    mean=mean,
    derive=derive,
    optimum=optimum,
)
