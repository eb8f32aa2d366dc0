"""Energy of training: compute divided by useful FLOP per joule."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import Law, Parameter, Prior, Values, curves

FLOP_PER_JOULE = Parameter(
    name="flop_per_joule",
    prior=Prior("LogNormal", mu=float(np.log(3.5e11)), sigma=0.4),
    meaning="useful FLOP per joule",
    unit="FLOP/J",
    reason="5-95 % 1.8e11-6.8e11: an H100 of 989 TFLOP/s, 30-50 % utilised, at 700 W alone or 1,700 W all-in",
)
PARAMETERS_SAMPLED = (FLOP_PER_JOULE,)


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return x["C"] / p["flop_per_joule"]


LAW = Law(
    name="energy",
    title="Energy of training",
    formula="C/eta",
    citation="Identity; power of an H100 and of its server as in Sevilla et al. 2024, https://epoch.ai/blog/can-ai-scaling-continue-through-2030",
    decision="Energy of a run and, given a price and a carbon intensity, its cost and emissions.",
    failure="One efficiency for all hardware, though it grows about 1.28-fold a year and doubles with half the bits.",
    inputs=(curves.COMPUTE,),
    outcome="joules",
    outcome_unit="J",
    scatter=0.05,
    parameters=PARAMETERS_SAMPLED,
    mean=mean,
)
