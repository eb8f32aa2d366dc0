"""M4: a power law between a ceiling and a floor, flat near both (Alabdulmohsin et al. 2022)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import Derived, Law, Parameter, Prior, Values, curves

NEWTON_STEPS = 6
"""Enough for a precision of 1e-9 if alpha is between 1/50 and 50."""

HEADROOM = Parameter(
    name="headroom",
    prior=Prior("LogNormal", mu=0.0, sigma=1.0),
    meaning="ceiling divided by the outcome at the centre, minus 1",
    reason="5-95 % 0.2-5: from few-shot errors to language-model losses",
)
CEILING_POWER = Parameter(
    name="ceiling_power",
    prior=Prior("LogNormal", mu=0.0, sigma=0.5),
    meaning="how sharply the outcome leaves the ceiling, alpha; near 0 there is no ceiling",
    reason="as in the prior of a public learning-curve benchmark",
)


def share_of_span(xp: ModuleType, z: Any) -> Any:
    """Share of the way from floor to ceiling with log-odds z."""
    return 1 / (1 + xp.exp(-z))


def log_fall(xp: ModuleType, z: Any, ceiling_power: Any) -> Any:
    """Log of ``share / (1 - share)^alpha`` for the share of the way from floor to ceiling with log-odds z."""
    return z + (ceiling_power - 1) * curves.softplus(xp, z)


def log_odds(xp: ModuleType, target: Any, ceiling_power: Any) -> Any:
    """Solve ``log_fall(z) = target`` by Newton's method.

    ``log_fall`` has slopes between 1 and alpha, and is convex or concave, so the steps converge from anywhere; they
    start on its asymptotes.
    """
    z = target / xp.where(target > 0, ceiling_power, 1.0)
    for _ in range(NEWTON_STEPS):
        slope = 1 + (ceiling_power - 1) * share_of_span(xp, z)
        step = (log_fall(xp, z, ceiling_power) - target) / slope
        # Always true: without it, PyTensor spends minutes on expanding the derivatives of all steps.
        z = xp.where(abs(step) < np.inf, z - step, z)
    return z


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    floor = q["y_centre"] * q["floor_share"]
    ceiling = q["y_centre"] * (1 + q["headroom"])
    at_centre = xp.log(q["y_centre"] - floor) - q["ceiling_power"] * xp.log(ceiling - q["y_centre"])
    return {"floor": floor, "ceiling": ceiling, "log_b": at_centre + q["exponent"] * xp.log(centre["x"])}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    span = p["ceiling"] - p["floor"]
    right = p["log_b"] - p["exponent"] * xp.log(x["x"]) - (1 - p["ceiling_power"]) * xp.log(span)
    return p["floor"] + span * share_of_span(xp, log_odds(xp, right, p["ceiling_power"]))


LAW = Law(
    name="m4",
    title="M4",
    formula="(y - floor)/(ceiling - y)^alpha = b x^-c",
    citation="Alabdulmohsin, Neyshabur, Zhai 2022, arXiv:2209.06640",
    decision="Whether to continue a run that starts from guessing: the gain from more x.",
    failure="Floor, ceiling and exponent trade off unless the runs reach both ends; it only falls, so it misses peaks.",
    inputs=(curves.X,),
    outcome="y",
    outcome_unit="",
    in_outcome_unit=("y_centre", "floor", "ceiling"),
    parameters=(curves.Y_CENTRE, curves.FLOOR_SHARE, HEADROOM, CEILING_POWER, curves.EXPONENT),
    derived=(
        curves.FLOOR,
        Derived(name="ceiling", meaning="outcome of guessing, for x near zero"),
        Derived(name="log_b", meaning="log of the coefficient of x^-c"),
    ),
    mean=mean,
    derive=derive,
)
