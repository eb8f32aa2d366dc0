"""Coverage of repeated samples: the share of problems that some sample of k solves (Brown et al. 2024)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import LOGIT, Input, Law, Parameter, Prior, Values, accuracies

SURPRISE_OF_ONE = Parameter(
    name="surprise_of_one",
    prior=Prior("LogNormal", mu=float(np.log(1.5)), sigma=0.8),
    meaning="minus log coverage of one sample",
    unit="nats",
    reason="5-95 % 0.4-5.6 nats: models that solve between 0.4 and 67 % at the first attempt",
)
EXPONENT = Parameter(
    name="exponent",
    prior=Prior("LogNormal", mu=float(np.log(0.4)), sigma=0.6),
    meaning="exponent with which minus log coverage falls",
    reason="5-95 % 0.15-1.1: from problems of very unequal difficulty to equal ones",
)


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return xp.exp(-p["surprise_of_one"] * xp.exp(-p["exponent"] * xp.log(x["samples"])))


LAW = Law(
    name="coverage",
    title="Coverage of repeated samples",
    formula="exp(-a k^-b)",
    citation="Brown et al. 2024, arXiv:2407.21787",
    decision="Gain from inference compute with a fixed model, compared with training a larger one.",
    failure="The exponent depends on how difficulty is distributed over problems, so it differs between benchmarks.",
    inputs=(Input(name="samples", meaning="samples per problem", unit="samples"),),
    outcome="coverage",
    outcome_unit=accuracies.UNIT,
    link=LOGIT,
    scatter=0.05,
    falls=False,
    parameters=(SURPRISE_OF_ONE, EXPONENT),
    mean=mean,
)
