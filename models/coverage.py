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
    reason="5-95 % 0.4-5.6 nats: models that solve from 0.4 to 67 % at the first try",
)
EXPONENT = Parameter(
    name="exponent",
    prior=Prior("LogNormal", mu=float(np.log(0.4)), sigma=0.6),
    meaning="power with which minus log coverage falls",
    reason="5-95 % 0.15-1.1: from problems of very unequal difficulty to equal ones",
)


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return xp.exp(-p["surprise_of_one"] * xp.exp(-p["exponent"] * xp.log(x["samples"])))


LAW = Law(
    name="coverage",
    title="Coverage of repeated samples",
    formula="exp(-a k^-b)",
    citation="Brown et al. 2024, arXiv:2407.21787",
    decision="How much inference compute buys at a fixed model, against training a larger one.",
    failure="The power comes from how difficulty is spread over problems: another benchmark has another exponent.",
    inputs=(Input(name="samples", meaning="samples per problem", unit="samples"),),
    outcome="coverage",
    outcome_unit=accuracies.UNIT,
    link=LOGIT,
    scatter=0.05,
    falls=False,
    parameters=(SURPRISE_OF_ONE, EXPONENT),
    mean=mean,
)
