"""Accuracy as a sigmoid of pre-training loss, the second step from a run to its accuracy (Bhagia et al. 2024)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import LOGIT, Derived, Law, Parameter, Prior, Values, accuracies

RISE = Parameter(
    name="rise",
    prior=Prior("LogNormal", mu=float(np.log(3.0)), sigma=0.8),
    meaning="log-odds gained per nat of loss",
    unit="1/(nats/token)",
    reason="5-95 % 0.8-11: going from 10 to 90 % of the way takes 0.4 to 5 nats",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {"loss_mid": centre["loss"] + q["log_odds_centre"] / q["rise"]}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    share = accuracies.sigmoid(xp, p["rise"] * (p["loss_mid"] - x["loss"]))
    return accuracies.between(x["chance"], p["missed"], share)


LAW = Law(
    name="accuracy_of_loss",
    title="Accuracy from loss",
    formula="chance + (1 - chance) (1 - missed) / (1 + exp(k (L - L_mid)))",
    citation="Bhagia et al. 2024, arXiv:2412.04403, second step",
    decision="Task accuracy of a planned run, with a law of its loss as the first step.",
    failure="Holds within one family of recipes: runs of equal loss on different data differ in accuracy.",
    inputs=(accuracies.LOSS,),
    settings=(accuracies.CHANCE,),
    outcome="accuracy",
    outcome_unit=accuracies.UNIT,
    link=LOGIT,
    scatter=accuracies.SCATTER,
    falls=False,
    parameters=(accuracies.MISSED, accuracies.LOG_ODDS, RISE),
    derived=(Derived(name="loss_mid", meaning="loss half-way from chance to the ceiling", unit="nats/token"),),
    mean=mean,
    derive=derive,
    second_step=True,
)
