"""Skaling: a power of the sum of Chinchilla's two terms, so that parameters and data interact."""

from types import ModuleType
from typing import Any

from bayescale import PARAMETERS, TOKENS, Law, Values, additive


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return p["E"] + additive.raised(xp, x, p)


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
        additive.OUTER_EXPONENT,
        additive.LOSS_CENTRE,
        *additive.EXPONENTS,
    ),
    derived=(
        additive.E,
        *additive.RAISED,
        additive.ALPHA_N,
        additive.BETA_D,
        *additive.EACH_LEVEL,
        additive.RAISED_EXPONENT,
    ),
    mean=mean,
    derive=additive.derive_raised,
    optimum=additive.additive_optimum,
    in_ensemble=True,
)
