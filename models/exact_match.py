"""Exact match of answers with several tokens that must all be right: emergence from a smooth law (Schaeffer)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import LOGIT, PARAMETERS, Derived, Law, Parameter, Prior, Setting, Values, accuracies

LENGTH = Setting(
    name="answer_tokens",
    meaning="number of tokens that must all be right; 1 treats the answer as a whole",
    unit="tokens",
    default=1.0,
)
SURPRISE = Parameter(
    name="surprise",
    prior=Prior("LogNormal", mu=float(np.log(0.5)), sigma=1.5),
    meaning="loss per answer token at the geometric-mean N of the runs",
    unit="nats/token",
    reason="5-95 % 0.04-6 nats: from a token of a long answer to a whole short answer",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {"log_N_c": xp.log(centre["N"]) + xp.log(q["surprise"]) / q["exponent"]}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return xp.exp(-x["answer_tokens"] * xp.exp(p["exponent"] * (p["log_N_c"] - xp.log(x["N"]))))


LAW = Law(
    name="exact_match",
    title="Exact match",
    formula="exp(-T (N/N_c)^-alpha)",
    citation="Schaeffer, Miranda, Koyejo 2023, arXiv:2304.15004",
    decision="Whether an ability that seems absent is about to emerge, and at what size.",
    failure="Assumes that the tokens of an answer are independent, and that all runs had enough training tokens.",
    inputs=(PARAMETERS,),
    settings=(LENGTH,),
    outcome="accuracy",
    outcome_unit=accuracies.UNIT,
    link=LOGIT,
    scatter=accuracies.SCATTER,
    falls=False,
    parameters=(SURPRISE, accuracies.EXPONENT),
    derived=(Derived(name="log_N_c", meaning="log of the size at which the loss per token is one nat"),),
    mean=mean,
    derive=derive,
)
