"""Family: one input, an outcome that falls after sharp breaks to a floor; and whether runs show such a break.

Sharp breaks are sudden: the slope of an outcome changes from nearly none to 5 and more over a few hundredths of an
e-fold of the input, as where a model begins to grasp arithmetic (Caballero et al. 2022, arXiv:2210.14891, figure 4).
What such runs determine is the slope at the largest of them, not the exponent to which floor and slope lead together.
"""

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescale.laws.curves import FLOOR, bend, softplus
from bayescale.laws.parameters import Derived, Input, Parameter, Prior, Values

X = Input(name="x", meaning="quantity that the outcome falls with: examples, tokens, steps ...", unit="", largest=True)
LEVEL = Parameter(
    name="y_break",
    prior=Prior("LogNormal", mu=0.0, sigma=3.0),
    meaning="outcome at the first break, if the first piece went on to there",
    reason="5-95 % 0.007-140: for any outcome, the runs determine it and the prior does not matter",
    scales=True,
)
START = Parameter(
    name="exponent_0",
    prior=Prior("Normal", mu=0.05, sigma=0.2),
    meaning="exponent with which the outcome falls before the first break; it rises if negative",
    reason="5-95 % -0.28-0.38: flat starts near guessing, of either sign, and power laws that fall on",
)
LAST_SLOPE = Parameter(
    name="last_slope",
    prior=Prior("LogNormal", mu=float(np.log(0.5)), sigma=1.2),
    meaning="exponent after the last break times the share of the outcome at the largest run that is above the floor",
    reason="5-95 % 0.07-3.6, 1 % above 8: from power laws to arithmetic that is grasped at once, 5.7",
)
WIDTH = Parameter(
    name="width",
    prior=Prior("LogNormal", mu=float(np.log(0.15)), sigma=1.0),
    meaning="e-folds of x over which the slope changes at a break, f; the same at every break",
    reason="5-95 % 0.03-0.8: published breaks are from 0.06, in arithmetic, to about one e-fold wide",
)
SHARE = Parameter(
    name="floor_share",
    prior=Prior("Beta", alpha=1.5, beta=3.0),
    meaning="floor as a share of the outcome at the largest run",
    reason="5-95 % 0.05-0.70: while a sudden fall goes on, the floor is more likely far below than near",
)
PLACE = Parameter(
    name="place",
    prior=Prior("Normal", mu=0.0, sigma=1.5),
    meaning="position of the first break in e-folds of the input above its geometric mean over the runs",
    reason="5-95 % a factor of 12 either way: mostly inside the range of the runs, because others cannot be seen",
)
_FURTHEST = 300.0
"""Largest log of a fall or rise to the largest run, so that the floor stays above zero."""
LOG_B = Derived(name="log_b", meaning="log of the coefficient of the first piece")


def last_exponent(q: Values) -> Any:
    """Exponent after the last break."""
    return q["last_slope"] / (1 - q["floor_share"])


def reducible(xp: ModuleType, log_x: Any, p: Values, log_breaks: list[Any]) -> Any:
    """Log of what is above the floor, relative to the first piece at the first break."""
    found = -p["exponent_0"] * (log_x - log_breaks[0])
    for k, log_break in enumerate(log_breaks):
        change = p[f"exponent_{k + 1}"] - p[f"exponent_{k}"]
        found = found - change * p["width"] * softplus(xp, (log_x - log_break) / p["width"])
    return found


def levels(xp: ModuleType, q: Values, log_left: Any, log_break: Any) -> dict[str, Any]:
    """Floor and coefficient, from the log of the reducible part at the largest run relative to the first break."""
    left = xp.exp(xp.clip(log_left, -_FURTHEST, _FURTHEST))
    floor = q["floor_share"] * left / (1 - q["floor_share"] + q["floor_share"] * left)
    log_b = xp.log(q["y_break"]) + xp.log1p(-floor) + q["exponent_0"] * log_break
    return {"floor": q["y_break"] * floor, "log_b": log_b}


def one_break(item: Input, unit: str = "") -> dict[str, Any]:
    """What a law with a floor and one break is made of, as fields of a law; ``unit`` is that of its outcome."""
    read = replace(item, largest=True)

    def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
        log_break = xp.log(centre[read.name]) + q["place"]
        p = {**q, "exponent_1": last_exponent(q)}
        left = reducible(xp, xp.log(centre[f"largest_{read.name}"]), p, [log_break])
        return {
            **levels(xp, q, left, log_break),
            "exponent_1": p["exponent_1"],
            "break_1": xp.exp(log_break),
        }

    def mean(xp: ModuleType, x: Values, p: Values) -> Any:
        log_x = xp.log(x[read.name])
        return p["floor"] + xp.exp(p["log_b"] - p["exponent_0"] * log_x - bend(xp, log_x, p, 1))

    return {
        "inputs": (read,),
        "parameters": (replace(LEVEL, unit=unit), START, LAST_SLOPE, PLACE, WIDTH, SHARE),
        "derived": (
            replace(FLOOR, unit=unit),
            LOG_B,
            Derived(name="exponent_1", meaning="exponent with which the reducible outcome falls after the break"),
            Derived(name="break_1", meaning=f"{read.name} of the break, d1", unit=read.unit),
        ),
        "mean": mean,
        "derive": derive,
        "several_modes": True,
        "asked_for": shown,
        "in_ensemble": True,
    }


FEWEST_RUNS = 10
"""Runs below which a break cannot be distinguished from noise."""
_PIECES = np.array([-0.2, 0.0, 0.1, 0.3])
_FALLS = np.array([0.5, 1.0, 2.0, 4.0, 8.0])
_LEAST_CHANGE = 0.4
_WIDTHS = np.array([0.03, 0.1, 0.3])
_SMOOTH = np.geomspace(0.03, 1.5, 16)
"""Exponents that smooth laws of one input expect, by their priors."""
_PLACES = 24
_ZOOMS, _AROUND = 7, np.linspace(-2.0, 2.0, 11)
"""Grids for a smooth curve, each around the best point of the one before: it is to be fitted as well as it can be."""
_NOISE = 0.002
"""Standard deviation of the log outcome below which shapes are not distinguished."""
_EVIDENCE = 10.0
"""Log likelihood by which a break must be better than a smooth curve: smooth tables, simulated with exponents up to 3,
reach it in 0.3 % of cases, and curves that do are forecast better with a break (``benchmarks/breaks.py``)."""


def shown(inputs: Values, outcome: NDArray[np.float64]) -> bool:
    """Whether runs show a sharp break that no smooth law of one input follows.

    The best of many shapes with a break is compared with the best of many without, each with the floor and the
    coefficient that fit best. A break counts only if three runs are beyond it.

    Parameters
    ----------
    inputs : mapping of array, shape (run,)
        Of one input.
    outcome : array, shape (run,)

    Examples
    --------
    >>> x = np.geomspace(100, 1000, 12)
    >>> smooth = 0.5 + x**-0.3
    >>> broken = 0.5 + 1.5 / (1 + (x / 400) ** 20) ** 0.25
    >>> shown({"x": x}, smooth), shown({"x": x}, broken)
    (False, True)
    """
    (x,) = inputs.values()
    log_x = np.log(x)
    order = np.argsort(log_x)
    log_x, y = log_x[order], np.asarray(outcome)[order]
    if len(np.unique(log_x)) < FEWEST_RUNS or not (y > 0).all():
        return False
    smooth = _smooth(log_x, y)
    broken = _mean_squares(_broken_shapes(log_x), y).min()
    return bool(0.5 * len(y) * np.log((smooth + _NOISE**2) / (broken + _NOISE**2)) > _EVIDENCE)


def _smooth(log_x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Smallest mean square of a logistic fall in the log input, which far above its place is a power law."""
    exponents = np.log(_SMOOTH)
    places = np.linspace(2 * log_x[0] - log_x[-1], log_x[-1], 2 * _PLACES)
    for _ in range(_ZOOMS):
        within = np.clip(exponents, np.log(_SMOOTH[0]), np.log(_SMOOTH[-1]))
        exponent, place = (each.reshape(-1, 1) for each in np.meshgrid(within, places))
        found = _mean_squares(np.exp(-np.logaddexp(0.0, np.exp(exponent) * (log_x - place))), y)
        best = found.argmin()
        exponents = exponent[best] + (exponents[1] - exponents[0]) * _AROUND
        places = place[best] + (places[1] - places[0]) * _AROUND
    return float(found.min())


def _broken_shapes(log_x: NDArray[np.float64]) -> NDArray[np.float64]:
    places = np.linspace(log_x[1], log_x[-3], _PLACES)
    grid = np.meshgrid(_PIECES, _FALLS, _WIDTHS, places)
    before, after, width, place = (each.reshape(-1, 1) for each in grid)
    bent = np.logaddexp(0.0, (log_x - place) / width) * width
    log_shape = -before * (log_x - place) - (after - before) * bent
    return np.asarray(np.exp(log_shape[(after - before >= _LEAST_CHANGE)[:, 0]]))


def _mean_squares(shapes: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean square of relative residuals of a floor plus a multiple of each shape, neither below zero."""
    flat, scaled = 1 / y, shapes / y
    ff, fs, ss = flat @ flat, scaled @ flat, np.square(scaled).sum(axis=1)
    f1, s1 = flat.sum(), scaled.sum(axis=1)
    determinant = ff * ss - fs**2
    with np.errstate(divide="ignore", invalid="ignore"):
        floor, factor = (f1 * ss - fs * s1) / determinant, (ff * s1 - fs * f1) / determinant
    alone = ~((floor > 0) & (factor > 0))
    floor, factor = np.where(alone, 0.0, floor), np.where(alone, s1 / ss, factor)
    residuals = 1 - floor[:, None] * flat - factor[:, None] * scaled
    return np.asarray(np.square(residuals).mean(axis=1))
