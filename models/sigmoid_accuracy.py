"""Accuracy as a sigmoid of log compute, between chance and a ceiling."""

from types import ModuleType
from typing import Any

from bayescale import LOGIT, Law, Values, accuracies


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    share = accuracies.sigmoid(xp, p["rise"] * xp.log(x["C"] / p["C_mid"]))
    return accuracies.between(x["chance"], p["missed"], share)


LAW = Law(
    name="sigmoid_accuracy",
    title="Sigmoid of compute",
    formula="chance + (1 - chance) (1 - missed) / (1 + (C_mid/C)^k)",
    citation="A common form; as an observational law in Ruan, Maddison, Hashimoto 2024, arXiv:2405.10938",
    decision="The compute at which accuracy on a task rises above chance, or reaches a target.",
    failure="The start of the rise is unknown while all models guess; treats families as differing only in compute.",
    inputs=(accuracies.COMPUTE,),
    settings=(accuracies.CHANCE,),
    outcome="accuracy",
    outcome_unit=accuracies.UNIT,
    link=LOGIT,
    scatter=accuracies.SCATTER,
    falls=False,
    parameters=(accuracies.MISSED, accuracies.LOG_ODDS, accuracies.RISE),
    derived=(accuracies.C_MID,),
    mean=mean,
    derive=accuracies.derive_sigmoid,
    in_ensemble=True,
)
