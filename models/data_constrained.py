"""Repeated data: repeated tokens and excess parameters count for less (Muennighoff et al. 2023)."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from bayescale import Derived, Law, Parameter, Prior, PublishedFit, Values, additive, power

RATIO = replace(
    additive.RATIO_ALONE, meaning="reducible loss over the irreducible one, E, at the geometric-mean N, D and U"
)
SLOPE = replace(
    additive.SLOPE_TIED,
    meaning="fall of the loss in per cent for each per cent of N, D and U together, at their centre",
)
TOKENS_PER_PARAMETER = replace(
    additive.TOKENS_PER_PARAMETER,
    meaning="compute-optimal tokens per parameter if every token is fresh",
)
REPEATED_TOKENS = Parameter(
    name="R_D",
    prior=Prior("LogNormal", mu=float(np.log(15.0)), sigma=1.0),
    meaning="number of repetitions of the data beyond which more hardly count, R_D*",
    unit="epochs",
    reason="5-95 % 2.9-78: a few epochs are nearly as good as fresh data, a hundred are not",
)
EXCESS_PARAMETERS = Parameter(
    name="R_N",
    prior=Prior("LogNormal", mu=float(np.log(5.0)), sigma=1.0),
    meaning="excess parameters that still count, in multiples of what the unique data can use, R_N*",
    reason="5-95 % 1-26: excess parameters lose their value sooner than repeated data",
)


def saturating(xp: ModuleType, total: Any, unique: Any, worth: Any) -> Any:
    """``unique`` items plus the value of their repetitions up to ``total``, in fresh items."""
    unique = xp.minimum(unique, total)
    return unique * (1 - worth * xp.expm1(-(total / unique - 1) / worth))


def effective(xp: ModuleType, x: Values, p: Values) -> tuple[Any, Any]:
    """Effective parameters and tokens."""
    unique_tokens = xp.minimum(x["U"], x["D"])
    parameters = saturating(xp, x["N"], unique_tokens / p["M_opt"], p["R_N"])
    return parameters, saturating(xp, x["D"], x["U"], p["R_D"])


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    # With one exponent the optimum is at D/N = (B/A)^(1/alpha), which determines the ratio of the terms.
    parameters, tokens = effective(xp, centre, q)
    alpha = q["slope"] / additive.falling(q)
    tilt = power(xp, q["M_opt"], alpha)
    coefficient_n = additive.reducible(q) / (power(xp, parameters, -alpha) + tilt * power(xp, tokens, -alpha))
    return {"E": additive.floor(q), "A": coefficient_n, "B": tilt * coefficient_n, "exponent": alpha}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    parameters, tokens = effective(xp, x, p)
    return p["E"] + p["A"] * power(xp, parameters, -p["exponent"]) + p["B"] * power(xp, tokens, -p["exponent"])


LAW = Law(
    name="data_constrained",
    title="Data-constrained",
    formula="E + A N'^-alpha + B D'^-alpha, X' = U + U R (1 - exp(-(X/U - 1)/R)), U_N = U_D/M_opt",
    citation="Muennighoff et al. 2023, arXiv:2305.16264",
    decision="Epochs and size if unique data are limited, and the value of more unique data.",
    failure="Falls with every epoch, so it cannot show over-fitting: leave out runs whose loss has risen.",
    inputs=additive.REPEATED,
    parameters=(
        RATIO,
        additive.LOSS_CENTRE,
        SLOPE,
        TOKENS_PER_PARAMETER,
        REPEATED_TOKENS,
        EXCESS_PARAMETERS,
    ),
    derived=(
        additive.E,
        Derived(name="A", meaning="coefficient of the effective parameters", unit="nats/token"),
        Derived(name="B", meaning="coefficient of the effective tokens", unit="nats/token"),
        replace(additive.MEAN_EXPONENT, meaning="exponent of both, alpha"),
    ),
    mean=mean,
    derive=derive,
    published=(
        PublishedFit(
            citation="Muennighoff et al. 2023, arXiv:2305.16264, released notebook",
            values={
                "E": 1.869144,
                "A": 520.825,
                "B": 1487.716,
                "exponent": 0.3526596,
                "R_D": 15.387756,
                "R_N": 5.309743,
            },
            note="E, A, B and alpha from 54 one-epoch runs, then R_D* and R_N* from 182 runs; no standard errors given",
        ),
    ),
    in_ensemble=True,
)
