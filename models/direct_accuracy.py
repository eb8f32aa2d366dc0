"""Accuracy directly from compute: minus its logarithm falls as a power (Krajewski et al. 2025)."""

from types import ModuleType
from typing import Any

from bayescale import LOGIT, Derived, Law, Values, accuracies


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {"log_A": xp.log(q["surprise"]) + q["exponent"] * xp.log(centre["C"])}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return xp.exp(-xp.exp(p["log_A"] - p["exponent"] * xp.log(x["C"])))


LAW = Law(
    name="direct_accuracy",
    title="Accuracy directly from compute",
    formula="exp(-A C^-a)",
    citation="Krajewski et al. 2025, arXiv:2512.08894",
    decision="Task accuracy of a planned run at the same tokens per parameter, without a law of loss as first step.",
    failure="Has neither chance level nor ceiling, so runs at chance do not follow it.",
    inputs=(accuracies.COMPUTE,),
    outcome="accuracy",
    outcome_unit=accuracies.UNIT,
    link=LOGIT,
    scatter=accuracies.SCATTER,
    falls=False,
    parameters=(accuracies.LOG_LEVEL, accuracies.EXPONENT),
    derived=(Derived(name="log_A", meaning="log of the coefficient of C^-a"),),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
