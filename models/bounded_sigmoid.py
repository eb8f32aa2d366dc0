"""A bounded metric as a sigmoid of compute between a floor and a ceiling, both learnt (ScaleRL)."""

from types import ModuleType
from typing import Any

from bayescale import LOGIT, Law, Parameter, Prior, Values, accuracies

FLOOR = Parameter(
    name="floor",
    prior=Prior("Beta", alpha=1.5, beta=5.0),
    meaning="pass rate or accuracy for hardly any compute",
    unit=accuracies.UNIT,
    reason="5-95 % 0.02-0.53: from zero to guessing between two answers",
)
REACH = Parameter(
    name="reach",
    prior=Prior("Beta", alpha=2.0, beta=1.5),
    meaning="share of the range above the floor that unlimited compute reaches",
    reason="5-95 % 0.17-0.95: recipes of reinforcement learning saturate at very different levels",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    ceiling = q["floor"] + (1 - q["floor"]) * q["reach"]
    return {"ceiling": ceiling, **accuracies.derive_sigmoid(xp, q, centre)}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    share = accuracies.sigmoid(xp, p["rise"] * xp.log(x["C"] / p["C_mid"]))
    return accuracies.between(p["floor"], 1 - p["reach"], share)


LAW = Law(
    name="bounded_sigmoid",
    title="Bounded sigmoid",
    formula="R_0 + (A - R_0) / (1 + (C_mid/C)^B)",
    citation="ScaleRL, Khatri et al. 2025, arXiv:2510.13786",
    decision="Final level of a reinforcement-learning recipe, and how soon it is reached; fits any bounded metric.",
    failure="Only the prior determines the ceiling until the curve has passed its half-way point.",
    inputs=(accuracies.COMPUTE,),
    outcome="accuracy",
    outcome_unit=accuracies.UNIT,
    link=LOGIT,
    scatter=accuracies.SCATTER,
    falls=False,
    parameters=(FLOOR, REACH, accuracies.LOG_ODDS, accuracies.RISE),
    derived=(accuracies.CEILING, accuracies.C_MID),
    mean=mean,
    derive=derive,
    in_ensemble=True,
    fewest_runs=20,  # of fewer, floor and ceiling are the prior's, and draws take twenty times as long
)
