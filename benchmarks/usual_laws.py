"""Plain least squares of the law that people usually fit to a table: what the cases of cases.py are compared with."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

type Values = NDArray[np.float64]
type Table = Mapping[str, Values]
type Point = Mapping[str, float]

LARGEST_EXPONENT = 10.0


def power_law(table: Table, outcome: str, at: Point) -> float:
    """``E + A x^-b`` in the one input, or in compute or tokens where there are several; E and A at least zero."""
    name = next(name for name in ("C", "D", *at) if name in at)
    return float(power_law_of(table[name], table[outcome])(at[name]))


def power_law_of(x: Values, y: Values) -> Callable[[Values | float], Values]:
    """``E + A x^-b`` as a function of x, fitted once for all points."""
    centre = np.exp(np.log(x).mean())

    def law(p: Values, x: Values | float) -> Values:
        return p[0] + np.exp(p[1]) * (x / centre) ** -p[2]

    starts = [(floor * y.min(), np.log(y.mean()), b) for floor in (0.0, 0.3, 0.6, 0.9) for b in (0.05, 0.2, 0.6, 2.0)]
    bounds = ([0.0, -np.inf, -LARGEST_EXPONENT], [np.inf, np.inf, LARGEST_EXPONENT])
    best = _best(lambda p: law(p, x) - y, starts, bounds)
    return partial(law, best)


def chinchilla(table: Table, outcome: str, at: Point) -> float:
    """``E + A N^-alpha + B D^-beta``, all at least zero."""
    centre = {name: np.exp(np.log(table[name]).mean()) for name in "ND"}

    def law(p: Values, point: Table | Point) -> Values:
        n, d = (point[name] / centre[name] for name in "ND")
        return p[0] + np.exp(p[1]) * n ** -p[2] + np.exp(p[3]) * d ** -p[4]

    y = table[outcome]
    half = np.log(y.mean() / 2)
    exponents = (0.1, 0.3, 0.6)
    starts = [(e * y.min(), half, a, half, b) for e in (0.0, 0.4, 0.8) for a in exponents for b in exponents]
    bounds = ([0.0, -np.inf, 0.0, -np.inf, 0.0], [np.inf, np.inf, LARGEST_EXPONENT, np.inf, LARGEST_EXPONENT])
    return float(law(_best(lambda p: law(p, table) - y, starts, bounds), at))


def sigmoid(table: Table, outcome: str, at: Point) -> float:
    """``chance + (1 - chance) / (1 + (x_0 / x)^k)``."""
    name = next(name for name in at if name != "chance")
    chance = at.get("chance", 0.0)

    def law(p: Values, x: Values | float) -> Values:
        return chance + (1 - chance) / (1 + np.exp(-p[1] * (np.log(x) - p[0])))

    middle = np.log(table[name]).mean()
    starts = [(middle + shift, k) for shift in (-4.0, 0.0, 4.0, 8.0) for k in (0.1, 0.3, 1.0)]
    best = _best(lambda p: law(p, table[name]) - table[outcome], starts, (-np.inf, np.inf))
    return float(law(best, at[name]))


def logarithm(table: Table, outcome: str, at: Point) -> float:
    """``a + b log x``."""
    return float(np.polyval(np.polyfit(np.log(table["x"]), table[outcome], 1), np.log(at["x"])))


def broken_power_law(table: Table, outcome: str, at: Point) -> float:
    """``a + b x^-c0 (1 + (x/d)^(1/f))^(-c1 f)`` on the logarithm of the outcome (Caballero et al. 2022)."""
    x, y = table["x"], table[outcome]
    top = x.max()

    def law(p: Values, at_x: Values | float) -> Values:
        a, b, c0, c1, d, f = p[0], np.exp(p[1]), p[2], p[3], np.exp(p[4]), np.exp(p[5])
        return a + b * (at_x / top) ** -c0 * np.exp(-c1 * f * np.logaddexp(0.0, (np.log(at_x) - np.log(d)) / f))

    starts = [
        (0.0, np.log(y.mean()), 0.05, c1, np.log(d), np.log(f))
        for c1 in (0.5, 2.0, 6.0)
        for d in np.quantile(x, (0.3, 0.5, 0.7, 0.9))
        for f in (0.03, 0.1, 0.5)
    ]
    lower = [0.0, -np.inf, 0.0, -LARGEST_EXPONENT, -np.inf, np.log(0.01)]
    upper = [np.inf, np.inf, LARGEST_EXPONENT, LARGEST_EXPONENT, np.inf, np.log(3.0)]
    best = _best(lambda p: np.log(law(p, x) / y), starts, (lower, upper))
    return float(law(best, at["x"]))


def isoflop_minimum(table: Table, outcome: str, at: Point) -> float:
    """Minimum of a parabola in log D at each budget, carried to another budget by a power law through the minima."""
    minima = {}
    for budget in np.unique(table["C"]):
        here = table["C"] == budget
        a, b, c = np.polyfit(np.log(table["D"][here]), table["loss"][here], 2)
        minima[budget] = np.exp(-b / (2 * a)) if outcome == "D" else c - b**2 / (4 * a)
    if at["C"] in minima:
        return float(minima[at["C"]])
    line = np.polyfit(np.log(list(minima)), np.log(list(minima.values())), 1)
    return float(np.exp(np.polyval(line, np.log(at["C"]))))


def clipped_plane(table: Table, outcome: str, at: Point) -> float:
    """A plane in log C and board size that ends at perfect play, 0."""
    features = np.column_stack([np.ones_like(table["C"]), np.log(table["C"]), table["board_size"]])
    solution = np.linalg.lstsq(features, table[outcome], rcond=None)[0]
    return min(0.0, float(solution @ [1.0, np.log(at["C"]), at["board_size"]]))


def bilinear(table: Table, outcome: str, at: Point) -> float:
    """``log y = a + b log N + c log experts + d log N log experts``."""

    def features(point: Table | Point) -> Values:
        n, e = np.log(point["N"]), np.log(point["experts"])
        return np.stack([np.ones_like(n), n, e, n * e], axis=-1)

    solution = np.linalg.lstsq(features(table), np.log(table[outcome]), rcond=None)[0]
    return float(np.exp(features(at) @ solution))


USUAL: dict[str, Callable[[Table, str, Point], float]] = {
    "power law with floor": power_law,
    "chinchilla": chinchilla,
    "sigmoid": sigmoid,
    "logarithm": logarithm,
    "broken power law": broken_power_law,
    "isoFLOP minimum": isoflop_minimum,
    "clipped plane": clipped_plane,
    "bilinear in logarithms": bilinear,
}


def _best(residuals: Callable[[Values], Values], starts: Iterable[tuple[float, ...]], bounds: object) -> Values:
    """Parameters of the smallest sum of squares that any start leads to."""
    found = [least_squares(residuals, start, bounds=bounds, x_scale="jac", max_nfev=2000) for start in starts]
    return min(found, key=lambda one: one.cost).x
