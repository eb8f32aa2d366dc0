"""Chinchilla's law in total parameters, for runs that count non-embedding ones (Pearce and Song 2024)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import TOKENS, Input, Law, Parameter, Prior, Values, additive, power

EMBEDDINGS = Parameter(
    name="omega",
    prior=Prior("LogNormal", mu=float(np.log(47_000.0)), sigma=0.7),
    meaning="embedding parameters over the cube root of the others",
    unit="parameters^(2/3)",
    reason="5-95 % 15,000-150,000: vocabularies of 10 to 100 thousand tokens and a fixed shape",
)


def all_parameters(xp: ModuleType, n: Any, omega: Any) -> Any:
    """Total parameters: the width of the embeddings grows as the cube root of the other parameters."""
    return n + omega * power(xp, n, 1 / 3)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return additive.derive(xp, q, {**centre, "N": all_parameters(xp, centre["N"], q["omega"])})


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    n = all_parameters(xp, x["N"], p["omega"])
    return p["E"] + p["A"] * power(xp, n, -p["alpha_N"]) + p["B"] * power(xp, x["D"], -p["beta_D"])


LAW = Law(
    name="embedding_aware",
    title="Embedding-aware Chinchilla",
    formula="E + A (N + omega N^(1/3))^-alpha + B D^-beta",
    citation="Pearce, Song 2024, arXiv:2406.12907",
    decision="Extrapolates small runs counted without embeddings to sizes where embeddings no longer matter.",
    failure="Needs runs below 100M parameters to separate embeddings from the exponent.",
    inputs=(
        Input(name="N", meaning="model parameters outside the embeddings", unit="parameters"),
        TOKENS,
    ),
    parameters=(
        *additive.LEVELS,
        additive.LOSS_CENTRE,
        *additive.EXPONENTS,
        EMBEDDINGS,
    ),
    derived=(additive.E, additive.A, additive.B, additive.ALPHA_N, additive.BETA_D, *additive.SIZED),
    mean=mean,
    derive=derive,
)
