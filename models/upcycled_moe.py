"""Upcycled experts: a dense model, trained first, becomes a sparse one that is trained on (Liew et al. 2025)."""

from dataclasses import replace
from types import ModuleType
from typing import Any

from bayescale import TOKENS, Input, Law, Parameter, Prior, Values, additive, power

DENSE_TOKENS = Input(
    name="D_dense", meaning="tokens on which the dense model was trained first", unit="tokens", constant=True
)
SPARSITY = Input(name="sparsity", meaning="total over active parameters, P", unit="parameters/parameter")
GAIN_SPARSITY = Parameter(
    name="gain_sparsity",
    prior=Prior("Normal", mu=0.05, sigma=0.1),
    meaning="exponent of sparsity in the parameter term, a",
    reason="-0.1 to 0.2: experts help by less than as many active parameters, or hardly",
)
GAIN_DENSE = Parameter(
    name="gain_dense",
    prior=Prior("Normal", mu=0.05, sigma=0.1),
    meaning="exponent of the dense tokens in the data term, d",
    reason="-0.1 to 0.2: tokens of the first stage count for less than those of the second, or hardly",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    found = additive.derive(xp, q, centre)
    found["A"] = found["A"] * power(xp, centre["sparsity"], q["gain_sparsity"])
    found["B"] = found["B"] * power(xp, centre["D_dense"], q["gain_dense"])
    return found


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    model = p["A"] * power(xp, x["N"], -p["alpha_N"]) * power(xp, x["sparsity"], -p["gain_sparsity"])
    return p["E"] + model + p["B"] * power(xp, x["D"], -p["beta_D"]) * power(xp, x["D_dense"], -p["gain_dense"])


LAW = Law(
    name="upcycled_moe",
    title="Upcycled mixture of experts",
    formula="E + A N^-alpha P^-a + B D^-beta D_dense^-d",
    citation="Liew, Kato, Takase 2025, arXiv:2502.03009, for its factors; that the two terms add is Hoffmann's form",
    decision="Whether to turn a dense model into experts, how many, and how long to train on.",
    failure="Leaves out that much dense training makes later tokens count for less.",
    inputs=(
        Input(name="N", meaning="active parameters", unit="parameters"),
        replace(TOKENS, meaning="tokens on which the sparse model was trained on"),
        SPARSITY,
        DENSE_TOKENS,
    ),
    parameters=(*additive.LEVELS, additive.LOSS_CENTRE, *additive.EXPONENTS, GAIN_SPARSITY, GAIN_DENSE),
    derived=(additive.E, additive.A, additive.B, additive.ALPHA_N, additive.BETA_D, *additive.SIZED),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
