"""Whether the numbers that a page shows are those that a command prints, up to the Monte Carlo error of its draws."""

import re

import numpy as np

_NUMBER = r"(-?\d[\d.]*(?:e[+-]?\d+)?)([kKMBT](?![a-z])|%)?"
NUMBER = re.compile(_NUMBER)
INTERVAL = re.compile(rf"\[{_NUMBER}, {_NUMBER}\]")
_SUFFIXES = {"": 1.0, "%": 0.01, "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}

ROUNDING = 0.03
"""Relative difference that other processors and versions of NumPy make of a number without an interval."""
MONTE_CARLO = 0.1
"""Four standard errors of the difference of an end of two 90 % intervals, each of a thousand draws, over their width.

An end's own is (0.05 x 0.95 / 1000)^(1/2) over the normal density there, 0.103 over the sd, and the width 3.29 sd.
"""
SHARE = 0.09
"""Four standard errors of the difference of two shares of a thousand draws, each at most (0.25 / 1000)^(1/2)."""


def told(line):
    """A line with its numbers masked, the numbers, and how wide the interval is that each is of (nan: of none).

    Widths are of numbers and of their logarithms, since intervals of sizes are even in these. Percentages are shares.
    """
    text = " ".join(line.split())
    numbers = list(NUMBER.finditer(text))
    values = np.array([_value(*match.groups()) for match in numbers])
    widths = np.full((2, len(values)), np.nan)
    for interval in INTERVAL.finditer(text):
        first = next(i for i, match in enumerate(numbers) if match.start() > interval.start())
        low, high = values[first : first + 2]
        for i in (first - 1, first, first + 1):
            if i >= 0:
                widths[:, i] = high - low, np.log(high / low) if low > 0 else np.nan
    return NUMBER.sub("#", text), values, widths


def is_shown(row, printed, *, slack=0.0):
    """Whether a row of a page is one of the printed lines, but for Monte Carlo error and, absolute, some slack."""
    words, expected, widths = told(row)
    shares = [row.startswith("P(") or match[2] == "%" for match in NUMBER.finditer(row)]
    allowed = np.maximum(slack, np.where(shares, SHARE, 0.0))
    found = [given for other, given, _ in map(told, printed) if other == words]
    return any(_agree(expected, given, widths, allowed) for given in found)


def _agree(expected, given, widths, allowed):
    if expected.shape != given.shape:
        return False
    difference = np.abs(given - expected)
    with np.errstate(all="ignore"):
        near = difference <= np.maximum(ROUNDING * np.abs(expected), allowed)
        near |= difference <= MONTE_CARLO * widths[0]
        near |= np.abs(np.log(given / expected)) <= MONTE_CARLO * widths[1]
    return bool(near.all())


def _value(number, suffix):
    return float(number.rstrip(".")) * _SUFFIXES[suffix or ""]
