"""Common parts of laws with one input: a positive outcome ``y`` that falls with ``x``, whatever the two measure.

Such a law is used for error fractions, losses and seconds alike, so nothing in it has a unit: its size is the outcome
at the geometric-mean ``x`` of the runs, and floors and ceilings are shares of that.
"""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale.laws.parameters import Derived, Input, Parameter, Prior, Values

X = Input(name="x", meaning="quantity that the outcome falls with: examples, tokens, steps, parameters ...", unit="")
Y_CENTRE = Parameter(
    name="y_centre",
    prior=Prior("LogNormal", mu=0.0, sigma=3.0),
    meaning="outcome at the geometric-mean x of the runs",
    reason="5-95 % 0.007-140: for any outcome, the runs determine it and the prior does not matter",
    scales=True,
)
FLOOR_SHARE = Parameter(
    name="floor_share",
    prior=Prior("Beta", alpha=2.0, beta=2.0),
    meaning="floor as a share of the outcome at the centre",
    reason="5-95 % 0.14-0.86: from almost no floor to almost nothing above it",
)
SLOPE = Parameter(
    name="slope",
    prior=Prior("LogNormal", mu=float(np.log(0.12)), sigma=0.8),
    meaning="fall of the outcome in per cent for each per cent of x, at the centre",
    reason="5-95 % 0.03-0.45: language models to few-shot image classification",
)
EXPONENT = Parameter(
    name="exponent",
    prior=Prior("LogNormal", mu=float(np.log(0.25)), sigma=0.7),
    meaning="exponent with which the reducible outcome falls",
    reason="5-95 % 0.08-0.8: language models to few-shot image classification",
)
FLOOR = Derived(name="floor", meaning="outcome for unlimited x")
POWER = Derived(name="exponent", meaning="exponent with which the reducible outcome falls")

WIDTH = Parameter(
    name="width",
    prior=Prior("LogNormal", mu=float(np.log(0.5)), sigma=0.4),
    meaning="e-folds of x over which the slope changes at a break, f; the same at every break",
    reason="5-95 % 0.26-0.97: runs cannot distinguish sharper breaks, and wider ones merge into one bend",
)

RISING_X = Input(name="x", meaning="what the outcome rises with: examples, tokens, steps, parameters ...", unit="")
RISE = Parameter(
    name="steepness",
    prior=Prior("LogNormal", mu=float(np.log(0.15)), sigma=1.0),
    meaning="elasticity of the outcome at the centre: d log y / d log x",
    reason="5-95 % 0.03-0.8: accuracies near their ceiling to rewards that have just begun to rise",
)
REACHED = Parameter(
    name="reached",
    prior=Prior("Beta", alpha=2.0, beta=2.0),
    meaning="share of the ceiling that the outcome has reached at the centre",
    reason="5-95 % 0.14-0.86: from far below the ceiling to hardly anything left to gain",
)
CEILING = Derived(name="ceiling", meaning="outcome for unlimited x")
RISE_COEFFICIENT = Derived(name="b", meaning="coefficient of the power of x")
RISE_EXPONENT = Derived(name="exponent", meaning="exponent with which the outcome approaches the ceiling")
RISE_LOG_COEFFICIENT = Derived(name="log_a", meaning="log of the coefficient of the power of x")
LOG_HALFWAY = Derived(name="log_x0", meaning="log of the x at half of the ceiling, x0")
LOG_X_CENTRE = Derived(name="log_x_centre", meaning="log of the geometric-mean x of the runs")
PER_E_FOLD = Derived(name="per_e_fold", meaning="what each e-fold of x brings")

COMPUTE = Input(name="C", meaning="training compute", unit="FLOP")
RATIO = Parameter(
    name="ratio",
    prior=Prior("LogNormal", mu=float(np.log(0.5 / 1.9)), sigma=float(np.hypot(1.0, 0.35))),
    meaning="loss above the floor over the floor, at the geometric-mean input of the runs",
    reason="5-95 % 0.05-1.5: the fixed inputs add to the floor; narrower priors push it up",
)
FLOOR_LOSS = Derived(name="E", meaning="loss for unlimited input, with the other inputs unchanged", unit="nats/token")


def broken_exponent(piece: int) -> Parameter:
    """Exponent of one piece of a broken power law; the first piece is 0."""
    return Parameter(
        name=f"exponent_{piece}",
        prior=Prior("Normal", mu=0.12, sigma=0.3),
        meaning=f"exponent with which the outcome falls on piece {piece + 1}; it rises if negative",
        reason="5-95 % -0.37-0.61: falling in two cases of three, rising in one",
    )


def bend(xp: ModuleType, log_x: Any, p: Values, number: int) -> Any:
    """Amount by which a break lowers the log outcome: zero well before the break, linear well beyond it."""
    z = (log_x - xp.log(p[f"break_{number}"])) / p["width"]
    return (p[f"exponent_{number}"] - p[f"exponent_{number - 1}"]) * p["width"] * softplus(xp, z)


def softplus(xp: ModuleType, z: Any) -> Any:
    """``log(1 + exp(z))`` without overflow."""
    return xp.log1p(xp.exp(-abs(z))) + (z + abs(z)) / 2
