"""Perplexity of a Chinchilla law: the exponential of its loss."""

from types import ModuleType
from typing import Any

from bayescale import PARAMETERS, TOKENS, Law, Parameter, Prior, Values, additive, perplexities, power

FLOOR_SHARE = Parameter(
    name="floor_share",
    prior=Prior("Beta", alpha=6.0, beta=4.0),
    meaning="irreducible loss as a share of the loss at the centre",
    reason="5-95 % 0.35-0.83: 1 to 2.3 of 2.8 nats/token",
)
SHARE_N = Parameter(
    name="share_N",
    prior=Prior("Beta", alpha=2.0, beta=2.0),
    meaning="share of the parameter term in the reducible loss at the centre",
    reason="runs vary both N and D because both limit them: 5-95 % 0.14-0.86",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    alpha, beta = additive.exponents(q)
    loss = xp.log(q["y_centre"])
    reducible = loss * (1 - q["floor_share"])
    return {
        "E": loss * q["floor_share"],
        "A": additive.coefficient(xp, reducible * q["share_N"], alpha, centre["N"]),
        "B": additive.coefficient(xp, reducible * (1 - q["share_N"]), beta, centre["D"]),
        "alpha_N": alpha,
        "beta_D": beta,
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    loss = p["E"] + p["A"] * power(xp, x["N"], -p["alpha_N"]) + p["B"] * power(xp, x["D"], -p["beta_D"])
    return perplexities.of_loss(xp, loss)


LAW = Law(
    name="perplexity",
    title="Perplexity of Chinchilla's loss",
    formula="exp(E + A N^-alpha + B D^-beta)",
    citation="Hoffmann et al. 2022, arXiv:2203.15556, approach 3, for the loss",
    decision="Perplexity of a planned run if perplexity was measured.",
    failure="As Chinchilla: it extrapolates too high from small runs; bands without model discrepancy are too narrow.",
    inputs=(PARAMETERS, TOKENS),
    outcome="perplexity",
    outcome_unit="perplexity",
    scatter=0.012,
    parameters=(perplexities.CENTRE, FLOOR_SHARE, SHARE_N, additive.EXPONENT, additive.ALLOCATION),
    derived=(additive.E, additive.A, additive.B, additive.ALPHA_N, additive.BETA_D),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
