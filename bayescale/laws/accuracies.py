"""Common parts of laws of accuracy: the fraction of correct answers rises from chance towards a ceiling."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale.laws.links import LOGIT
from bayescale.laws.parameters import Derived, Input, Parameter, Prior, Setting, Values

UNIT = "fraction"
SCATTER = 0.1
"""Expected noise of log-odds, in addition to binomial noise: models of equal compute differ in data and recipe."""

COMPUTE = Input(name="C", meaning="training compute", unit="FLOP")
SIZE = Input(name="N", meaning="parameters of models that differ in nothing else", unit="parameters")
DATA = Input(
    name="D", meaning="training tokens, examples or hours of models that differ in nothing else", unit="tokens"
)
LOSS = Input(name="loss", meaning="pre-training loss", unit="nats/token", linear=0.5, falls=True)
CHANCE = Setting(
    name="chance", meaning="share of correct answers by guessing", unit=UNIT, domain="share", default=0.0, of_task=True
)

MISSED = Parameter(
    name="missed",
    prior=Prior("Beta", alpha=2.0, beta=20.0),
    meaning="share of the range above chance that no amount of compute reaches",
    reason="5-95 % 0.02-0.21: wrong labels and items that cannot be answered",
)
LOG_ODDS = Parameter(
    name="log_odds_centre",
    prior=Prior("Normal", mu=0.0, sigma=2.0),
    meaning="log-odds of the share of the way from chance to the ceiling, at the geometric-mean input of the runs",
    reason="5-95 % 4-96 % of the way: the rise may lie below, within or beyond the range of the runs",
)
RISE = Parameter(
    name="rise",
    prior=Prior("LogNormal", mu=float(np.log(0.4)), sigma=0.8),
    meaning="log-odds gained per factor of e in compute",
    reason="5-95 % 0.11-1.5: going from 10 to 90 % of the way takes between one and seventeen decades of compute",
)
RISE_ALONE = Parameter(
    name="rise",
    prior=Prior("LogNormal", mu=float(np.log(0.6)), sigma=0.9),
    meaning="log-odds gained per factor of e in the input",
    reason="5-95 % 0.14-2.6: as with compute, or up to twice that, where compute grows with the input's square",
)
CEILING = Derived(name="ceiling", meaning="accuracy for unlimited compute", unit=UNIT)
C_MID = Derived(name="C_mid", meaning="compute half-way from chance to the ceiling", unit="FLOP")
LOG_LEVEL = Parameter(
    name="surprise",
    prior=Prior("LogNormal", mu=float(np.log(0.7)), sigma=1.0),
    meaning="minus log accuracy at the geometric-mean input of the runs",
    unit="nats",
    reason="5-95 % 0.13-3.6 nats: accuracies from 0.03 to 0.9",
)
EXPONENT = Parameter(
    name="exponent",
    prior=Prior("LogNormal", mu=float(np.log(0.2)), sigma=0.7),
    meaning="exponent with which minus log accuracy falls",
    reason="5-95 % 0.06-0.63: it falls by 6 to 47 % per factor of e",
)
EXPONENT_ALONE = Parameter(
    name="exponent",
    prior=Prior("LogNormal", mu=float(np.log(0.3)), sigma=0.8),
    meaning="exponent with which minus log accuracy falls",
    reason="5-95 % 0.08-1.1: as with compute, or up to twice that, where compute grows with the input's square",
)


def half_way(xp: ModuleType, centre: Any, log_odds: Any, rise: Any) -> Any:
    """Input half-way from floor to ceiling; clipped so that it stays a finite float for a slow rise."""
    return centre * xp.exp(xp.clip(-log_odds / rise, -300.0, 300.0))


def sigmoid(xp: ModuleType, z: Any) -> Any:
    """Share of the way with log-odds z."""
    return 1 / (1 + xp.exp(-xp.clip(z, -500.0, 500.0)))


def between(floor: Any, missed: Any, share: Any) -> Any:
    """Accuracy at a share of the way from a floor to the ceiling, which is below 1 by the missed share."""
    return floor + (1 - floor) * (1 - missed) * share


def derive_sigmoid(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    """Compute at the middle of the rise."""
    return {"C_mid": half_way(xp, centre["C"], q["log_odds_centre"], q["rise"])}


def sigmoid_alone(item: Input) -> dict[str, Any]:
    """What a law of accuracy as a sigmoid of one input other than compute is made of, as fields of a law."""
    middle = f"{item.name}_mid"

    def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
        return {middle: half_way(xp, centre[item.name], q["log_odds_centre"], q["rise"])}

    def mean(xp: ModuleType, x: Values, p: Values) -> Any:
        share = sigmoid(xp, p["rise"] * xp.log(x[item.name] / p[middle]))
        return between(x["chance"], p["missed"], share)

    half = Derived(name=middle, meaning=f"{item.name} half-way from chance to the ceiling", unit=item.unit)
    return {
        **_ALONE,
        "inputs": (item,),
        "settings": (CHANCE,),
        "parameters": (MISSED, LOG_ODDS, RISE_ALONE),
        "derived": (half,),
        "mean": mean,
        "derive": derive,
    }


def direct_alone(item: Input) -> dict[str, Any]:
    """What a law by which minus log accuracy falls as a power of one input other than compute is made of."""

    def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
        return {"log_A": xp.log(q["surprise"]) + q["exponent"] * xp.log(centre[item.name])}

    def mean(xp: ModuleType, x: Values, p: Values) -> Any:
        return xp.exp(-xp.exp(p["log_A"] - p["exponent"] * xp.log(x[item.name])))

    coefficient = Derived(name="log_A", meaning=f"log of the coefficient of {item.name}^-a")
    return {
        **_ALONE,
        "inputs": (item,),
        "parameters": (LOG_LEVEL, EXPONENT_ALONE),
        "derived": (coefficient,),
        "mean": mean,
        "derive": derive,
    }


_ALONE: dict[str, Any] = {
    "outcome": "accuracy",
    "outcome_unit": UNIT,
    "link": LOGIT,
    "scatter": SCATTER,
    "falls": False,
    "in_ensemble": True,
}
