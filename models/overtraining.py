"""Over-training: the loss at a compute budget and a number of tokens per parameter (Gadre et al. 2024)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import PARAMETERS, TOKENS, Derived, Law, PublishedFit, Values, additive, power

ETA = Derived(name="eta", meaning="exponent of compute; those of parameters and data are twice as large")


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    # On a ray of M tokens per parameter the reducible loss is a^(1/2) b^(1/2) (m + 1/m) C^-eta, m = (M/M_opt)^eta.
    eta = q["slope"] / (2 * additive.falling(q))
    m = power(xp, centre["D"] / centre["N"] / q["M_opt"], eta)
    root = additive.reducible(q) * power(xp, 6 * centre["N"] * centre["D"], eta) / (m + 1 / m)
    tilt = power(xp, q["M_opt"], eta)
    return {"E": additive.floor(q), "a": root / tilt, "b": root * tilt, "eta": eta}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    m = power(xp, x["D"] / x["N"], p["eta"])
    return p["E"] + (p["a"] * m + p["b"] / m) * power(xp, 6 * x["N"] * x["D"], -p["eta"])


def optimum(p: Values, product: Any) -> Any:
    return np.sqrt(product / p["M_opt"])


LAW = Law(
    name="overtraining",
    title="Over-training",
    formula="E + (a M^eta + b M^-eta) C^-eta, M = D/N, C = 6 N D",
    citation="Gadre et al. 2024, arXiv:2403.08540",
    decision="How much worse a smaller model that is trained for longer is than the compute-optimal one.",
    failure="Fixes the allocation exponent at 1/2, and overestimates tokens far beyond the runs' tokens per parameter.",
    inputs=(PARAMETERS, TOKENS),
    parameters=(additive.RATIO_ALONE, additive.LOSS_CENTRE, additive.TOKENS_PER_PARAMETER, additive.SLOPE_TIED),
    derived=(
        additive.E,
        Derived(name="a", meaning="coefficient of M^eta C^-eta, the parameter term", unit="nats/token"),
        Derived(name="b", meaning="coefficient of M^-eta C^-eta, the data term", unit="nats/token"),
        ETA,
    ),
    mean=mean,
    derive=derive,
    optimum=optimum,
    published=(
        PublishedFit(
            citation="Gadre et al. 2024, arXiv:2403.08540, released notebook",
            values={"E": 1.836645, "a": 212.2352, "b": 366.6850, "eta": 0.1364252},
            note="RedPajama; computed by least squares through the five runs of the notebook; reproduces its printed "
            "prediction errors, 0.71 % (1.4B, M 640) and 0.73 % (6.9B, M 20); no standard errors given",
        ),
    ),
)
