"""Tied exponents: Chinchilla with alpha = beta, so N* and D* grow equally with compute (Muennighoff et al. 2023)."""

from types import ModuleType
from typing import Any

from bayescale import PARAMETERS, TOKENS, Derived, Law, PublishedFit, Values, additive, power


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    level = additive.levels(q)
    exponent = q["slope"] / additive.falling(q)
    return {
        "E": additive.floor(q),
        "A": additive.coefficient(xp, level["level_N"], exponent, centre["N"]),
        "B": additive.coefficient(xp, level["level_D"], exponent, centre["D"]),
        "alpha_N": exponent,
        "beta_D": exponent,
        **level,
        "exponent": exponent,
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return p["E"] + p["A"] * power(xp, x["N"], -p["alpha_N"]) + p["B"] * power(xp, x["D"], -p["beta_D"])


LAW = Law(
    name="tied",
    title="Chinchilla with tied exponents",
    formula="E + A N^-alpha + B D^-alpha",
    citation="Muennighoff et al. 2023, arXiv:2305.16264, section 3 (alpha = beta)",
    decision="Loss and tokens per parameter if the runs are too few or too aligned to separate alpha from beta.",
    failure="Fixes the allocation exponent at 1/2, so it cannot say how tokens per parameter change with compute.",
    inputs=(PARAMETERS, TOKENS),
    parameters=(
        *additive.LEVELS,
        additive.LOSS_CENTRE,
        additive.SLOPE_TIED,
    ),
    derived=(
        additive.E,
        additive.A,
        additive.B,
        Derived(name="alpha_N", meaning="exponent of parameters, alpha"),
        Derived(name="beta_D", meaning="exponent of data, equal to alpha"),
        *additive.SIZED,
    ),
    mean=mean,
    derive=derive,
    optimum=additive.additive_optimum,
    published=(
        PublishedFit(
            citation="Muennighoff et al. 2023, arXiv:2305.16264, released notebook",
            values={"E": 1.869144, "A": 520.825, "B": 1487.716, "alpha_N": 0.3526596, "beta_D": 0.3526596},
            note="54 runs on C4; natural logs 0.6254804, 6.255414 and 7.3049974; no standard errors given",
        ),
    ),
    in_ensemble=True,
)
