"""Parallel scaling: P streams through one model count like more parameters (Chen et al. 2025)."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from bayescale import PARAMETERS, Input, Law, Parameter, Prior, Values, additive, power

STREAMS = Input(name="streams", meaning="parallel streams through the model, P", unit="streams")
RATIO = replace(
    additive.RATIO_ALONE,
    prior=Prior("LogNormal", mu=float(np.log(0.5 / 1.3)), sigma=float(np.hypot(1.0, 0.35))),
    meaning="reducible loss over the irreducible one, E, at the geometric-mean N and streams of the runs",
    reason="5-95 % 0.07-2.2: as one term of Chinchilla's law",
)
PER_LOG = Parameter(
    name="per_log_stream",
    prior=Prior("LogNormal", mu=float(np.log(0.35)), sigma=0.7),
    meaning="parameters that are gained by e times as many streams, as a share of N, k",
    reason="5-95 % 0.11-1.1: from hardly a gain to more than twice the parameters for e times the streams",
)


def effective(xp: ModuleType, x: Values, p: Values) -> Any:
    """Parameters that a model of one stream would need."""
    return x["N"] * (1 + p["per_log_stream"] * xp.log(x["streams"]))


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    alpha = q["slope"] / additive.falling(q)
    A = additive.coefficient(xp, additive.reducible(q), alpha, effective(xp, centre, q))
    return {"E": additive.floor(q), "A": A, "alpha_N": alpha}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return p["E"] + p["A"] * power(xp, effective(xp, x, p), -p["alpha_N"])


LAW = Law(
    name="parallel",
    title="Parallel scaling",
    formula="E + A (N (1 + k log P))^-alpha",
    citation="Chen et al. 2025, arXiv:2505.10475; natural logarithm",
    decision="More parallel streams or more parameters, where memory is short.",
    failure="Has no data term, so all runs need the same tokens, and knows at most eight streams.",
    inputs=(PARAMETERS, STREAMS),
    parameters=(
        RATIO,
        additive.LOSS_CENTRE,
        replace(additive.SLOPE_TIED, meaning="fall of the loss in per cent for each per cent of N, at the centre"),
        PER_LOG,
    ),
    derived=(additive.E, additive.A, additive.ALPHA_N),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
