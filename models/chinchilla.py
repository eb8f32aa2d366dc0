"""Chinchilla: loss falls as a power of parameters plus a power of tokens, above a floor (Hoffmann et al. 2022)."""

from types import ModuleType
from typing import Any

from bayescale import PARAMETERS, TOKENS, Law, PublishedFit, Values, additive, power


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return p["E"] + p["A"] * power(xp, x["N"], -p["alpha_N"]) + p["B"] * power(xp, x["D"], -p["beta_D"])


LAW = Law(
    name="chinchilla",
    title="Chinchilla",
    formula="E + A N^-alpha + B D^-beta",
    citation="Hoffmann et al. 2022, arXiv:2203.15556, approach 3",
    decision="Size and tokens for a compute budget, and the loss of a planned run.",
    failure="Extrapolates too high from small runs; bands without model discrepancy are too narrow.",
    inputs=(PARAMETERS, TOKENS),
    parameters=(
        *additive.LEVELS,
        additive.LOSS_CENTRE,
        *additive.EXPONENTS,
    ),
    derived=(additive.E, additive.A, additive.B, additive.ALPHA_N, additive.BETA_D, *additive.SIZED),
    mean=mean,
    derive=additive.derive,
    optimum=additive.additive_optimum,
    published=(
        PublishedFit(
            citation="Besiroglu et al. 2024, arXiv:2404.10102, released notebook, 240 runs",
            values={
                "E": 1.81686,
                "A": 482.00572,
                "B": 2085.4342,
                "alpha_N": 0.34781,
                "beta_D": 0.36585,
                "a_opt": 0.513,
            },
            standard_errors={
                "E": 0.02566,
                "A": 124.52232,
                "B": 1293.2841,
                "alpha_N": 0.0154,
                "beta_D": 0.0206,
                "a_opt": 0.020,
            },
            note="standard errors from 4,000 bootstraps over runs",
        ),
        PublishedFit(
            citation="Hoffmann et al. 2022, arXiv:2203.15556, approach 3, full precision as used by Besiroglu et al.",
            values={"E": 1.693374, "A": 406.401, "B": 410.7228, "alpha_N": 0.33917084, "beta_D": 0.2849083},
            note="leaves 1.0 % rms on the 240 digitised runs; the refit leaves 0.75 %",
        ),
    ),
)
