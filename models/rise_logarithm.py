"""A straight line in the logarithm of one input, rising."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import Law, Values, curves, lines

SLOPE_AT_CENTRE = lines.SHARPNESS / (1 + np.exp(-lines.SHARPNESS)) / lines.AT_CENTRE
"""Slope of the bent line at the centre, over that of the line; the steepness is that of the bent line."""


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    line = 1 + p["steepness"] / SLOPE_AT_CENTRE * (xp.log(x["x"]) - p["log_x_centre"])
    return p["y_centre"] * lines.bent(xp, line)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    # Of the shape of the draws, which a number of the table is not.
    return {"log_x_centre": xp.log(centre["x"]) + 0 * q["steepness"], "per_e_fold": q["y_centre"] * q["steepness"]}


LAW = Law(
    name="rise_logarithm",
    title="Line in log x, rising",
    formula="a + b log x",
    citation="a line in the logarithm, as benchmark scores are often drawn against compute",
    decision="What more x brings if every e-fold brings as much as the last.",
    failure="Has no ceiling, and falls to zero at small x.",
    inputs=(curves.RISING_X,),
    outcome="y",
    outcome_unit="",
    in_outcome_unit=("y_centre", "per_e_fold"),
    parameters=(curves.Y_CENTRE, curves.RISE),
    derived=(curves.LOG_X_CENTRE, curves.PER_E_FOLD),
    mean=mean,
    derive=derive,
    falls=False,
    in_ensemble=True,
)
