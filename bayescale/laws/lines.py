"""Family: one input, an outcome that falls along a line in x or in log x, or exponentially in x, to zero or to a floor.

These fall faster than a power of x, and lines end at a finite x. What is sampled is therefore relative to the largest
run: a line without a floor is above zero at every run. Beyond its end a line bends and stays positive, so that a
forecast there is the floor, or next to nothing where there is none.
"""

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from bayescale.laws import curves
from bayescale.laws.parameters import Derived, Parameter, Prior, Values

X = replace(curves.X, largest=True)
LEFT = Parameter(
    name="left",
    prior=Prior("Beta", alpha=2.0, beta=2.0),
    meaning="outcome at the largest run, as a share of that at the centre, if the line were not bent",
    reason="5-95 % 0.14-0.86: above zero at every run",
)
END = Parameter(
    name="place",
    prior=Prior("LogNormal", mu=float(np.log(2.0)), sigma=1.0),
    meaning="place at which the line meets the floor: 0 is the centre of the runs, 1 the largest run",
    reason="5-95 % 0.4-10: from the middle of the runs to far beyond them",
)
E_FOLDS = Parameter(
    name="e_folds",
    prior=Prior("LogNormal", mu=float(np.log(0.5)), sigma=1.0),
    meaning="e-folds by which what is above the floor falls from the centre to the largest run",
    reason="5-95 % 0.1-2.6: from a tenth to nearly all of it",
)
LENGTH = Derived(name="length", meaning="x over which what is above the floor falls by a factor of e")
X_CENTRE = Derived(name="x_centre", meaning="geometric-mean x of the runs")
X_END = Derived(name="x_end", meaning="x at which the line meets the floor")
LOG_X_END = Derived(name="log_x_end", meaning="log of the x at which the line meets the floor")
FALL = Derived(name="b", meaning="fall for each unit of x")
FALL_PER_E_FOLD = Derived(name="b", meaning="fall for each e-fold of x")

SHARPNESS = 8.0
"""How sharply a line bends to stay positive: above half of its value at the centre, by less than 0.5 %."""
AT_CENTRE = float(np.log1p(np.exp(SHARPNESS)))
_LEAST = -600.0
"""Log of the smallest share of the outcome at the centre that is told from zero."""


def bent(xp: ModuleType, line: Any) -> Any:
    """A line that is 1 at the centre, bent so that it stays positive."""
    return curves.softplus(xp, xp.maximum(SHARPNESS * line, _LEAST)) / AT_CENTRE


def line(*, logarithm: bool, floor: bool) -> dict[str, Any]:
    """What a law that falls along a line is made of, as fields of a law."""
    fall, end, middle = (FALL_PER_E_FOLD, LOG_X_END, curves.LOG_X_CENTRE) if logarithm else (FALL, X_END, X_CENTRE)

    def place(xp: ModuleType, x: Any) -> Any:
        return xp.log(x) if logarithm else x

    def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
        at_centre, at_largest = place(xp, centre["x"]), place(xp, centre["largest_x"])
        distance = q["place"] if floor else 1 / (1 - q["left"])
        lowest = {"floor": q["y_centre"] * q["floor_share"]} if floor else {}
        return {
            **lowest,
            "b": (q["y_centre"] - lowest.get("floor", 0.0)) / (distance * (at_largest - at_centre)),
            end.name: at_centre + distance * (at_largest - at_centre),
            middle.name: at_centre + 0 * distance,
        }

    def mean(xp: ModuleType, x: Values, p: Values) -> Any:
        lowest = p["floor"] if floor else 0.0
        above = (p[end.name] - place(xp, x["x"])) / (p[end.name] - p[middle.name])
        return lowest + (p["y_centre"] - lowest) * bent(xp, above)

    return _fields(floor, END if floor else LEFT, (fall, end, middle), mean, derive)


def exponential(*, floor: bool) -> dict[str, Any]:
    """What a law that falls exponentially is made of, as fields of a law."""

    def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
        length = (centre["largest_x"] - centre["x"]) / q["e_folds"]
        found = {"length": length, "x_centre": centre["x"] + 0 * length}
        return {"floor": q["y_centre"] * q["floor_share"], **found} if floor else found

    def mean(xp: ModuleType, x: Values, p: Values) -> Any:
        lowest = p["floor"] if floor else 0.0
        fallen = xp.clip((x["x"] - p["x_centre"]) / p["length"], _LEAST, -_LEAST)
        return lowest + (p["y_centre"] - lowest) * xp.exp(-fallen)

    return _fields(floor, E_FOLDS, (LENGTH, X_CENTRE), mean, derive)


def _fields(floor: bool, fall: Parameter, derived: tuple[Derived, ...], mean: Any, derive: Any) -> dict[str, Any]:
    lowest = (curves.FLOOR,) if floor else ()
    return {
        "inputs": (X,),
        "outcome": "y",
        "outcome_unit": "",
        "in_outcome_unit": ("y_centre", *(each.name for each in (*lowest, *derived) if each.name in {"floor", "b"})),
        "parameters": (curves.Y_CENTRE, *((curves.FLOOR_SHARE,) if floor else ()), fall),
        "derived": (*lowest, *derived),
        "mean": mean,
        "derive": derive,
    }
