"""Family: perplexity as the exponential of a loss that falls as a power of one input to a floor."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale.laws import additive, curves
from bayescale.laws.law import power
from bayescale.laws.parameters import Derived, Input, Parameter, Prior, Values

LARGEST_LOSS = 700.0
"""Largest loss in nats/token whose exponential is a float; no model comes close to it."""

CENTRE = Parameter(
    name="y_centre",
    prior=Prior("LogNormal", mu=float(np.log(15.0)), sigma=0.8),
    meaning="perplexity at the geometric-mean inputs of the runs; the prior is on its excess over 1",
    reason="5-95 % 5-57: losses of 1.6 to 4 nats/token; never below 1, which is certainty",
    shift=lambda xp, sampled: 1.0,
)


def of_loss(xp: ModuleType, loss: Any) -> Any:
    """Perplexity of a loss in nats/token."""
    return xp.exp(xp.minimum(loss, LARGEST_LOSS))


def alone(item: Input, exponent: Parameter) -> dict[str, Any]:
    """What a law of perplexity in one input is made of, as fields of a law."""

    def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
        floor = xp.log(q["y_centre"]) / (1 + q["ratio"])
        return {
            "E": floor,
            "K": additive.coefficient(xp, floor * q["ratio"], q[exponent.name], centre[item.name]),
        }

    def mean(xp: ModuleType, x: Values, p: Values) -> Any:
        return of_loss(xp, p["E"] + p["K"] * power(xp, x[item.name], -p[exponent.name]))

    return {
        "inputs": (item,),
        "outcome": "perplexity",
        "outcome_unit": "perplexity",
        "scatter": 0.012,
        "parameters": (CENTRE, curves.RATIO, exponent),
        "derived": (
            curves.FLOOR_LOSS,
            Derived(name="K", meaning=f"coefficient of the power of {item.name}", unit="nats/token"),
        ),
        "mean": mean,
        "derive": derive,
        "in_ensemble": True,
    }
