"""Whether the numbers that a page shows are those that a command prints, up to the Monte Carlo error of its draws."""

import re

import numpy as np

_NUMBER = r"(-?\d[\d.]*(?:e[+-]?\d+)?)([kKMBT](?![a-z])|%(?= of draws))?"
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


def is_shown(row, printed, *, slack=0.0):
    """Whether a row of a page is one of the printed lines, but for Monte Carlo error and, absolute, some slack."""
    words, expected = told(row)
    found = [given for other, given in map(told, printed) if other == words]
    shares = [row.startswith("P(") or match[2] == "%" for match in NUMBER.finditer(row)]
    allowed = np.maximum(np.where(shares, max(slack, SHARE), slack), ROUNDING * np.abs(expected))
    return any(_agree(expected, given, allowed, *_widths(row, expected)) for given in found)


def told(line):
    """A line with its numbers masked, and the numbers; of percentages only shares of draws are read as such."""
    text = " ".join(line.split())
    return NUMBER.sub("#", text), np.array([_value(*match.groups()) for match in NUMBER.finditer(text)])


def _widths(row, values):
    """Width of the interval to which each number belongs, and of its logarithm; nan if it belongs to none."""
    starts = np.array([match.start() for match in NUMBER.finditer(row)])
    widths = np.full((2, len(values)), np.nan)
    for interval in INTERVAL.finditer(row):
        first = int(np.searchsorted(starts, interval.start()))
        low, high = values[first : first + 2]
        widths[:, max(first - 1, 0) : first + 2] = [[high - low], [np.log(high / low) if low > 0 else np.nan]]
    return widths


def _agree(expected, given, allowed, width, log_width):
    difference = np.abs(given - expected)
    with np.errstate(all="ignore"):
        log_difference = np.abs(np.log(given / expected))
    near = (difference <= allowed) | (difference <= MONTE_CARLO * width) | (log_difference <= MONTE_CARLO * log_width)
    return bool(near.all())


def _value(number, suffix):
    return float(number.rstrip(".")) * _SUFFIXES[suffix or ""]


_HANGING = "    "
"""What a line that continues a text starts with."""


def unfolded(text):
    """A text whose paragraphs, folded to the width of a terminal, have one line each; tables are left as they are."""
    lines, folds = [], False
    for line in text.splitlines():
        folds = (
            bool(lines) and line.startswith(_HANGING) and line[4:5] != " " and (folds or lines[-1][:1].strip() != "")
        )
        if folds:
            lines[-1] += line[3:]
        else:
            lines.append(line)
    return "\n".join(lines) + "\n" * text.endswith("\n")


def lines_of(text):
    """What a page shows or a command prints, without the rules of tables, whose length depends on the draws."""
    return [line.strip() for line in unfolded(text).splitlines() if line.strip(" ─")]
