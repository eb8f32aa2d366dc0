"""Links: the scale on which noise and model discrepancy act.

Both add to the law's mean on the link's scale, which is unbounded: relative for positive outcomes
such as loss, log-odds for fractions such as accuracy, and the outcome itself for ratings such as Elo.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

_NEAREST_TO_END = 1e-12
"""Smallest distance of a law's mean from 0 and 1, where log-odds are infinite."""

_LARGEST_LOG = float(np.log(1e40))
"""Log of the largest positive outcome of a draw, and minus that of the smallest: heavy-tailed noise is unbounded."""


ABOVE_ONE = "above one"
"""Domain of the exponential of what is positive, such as perplexity."""

BY_RATIO = ("positive", ABOVE_ONE)
"""Domains of outcomes that are compared by their ratios, and drawn on a logarithmic axis."""


@dataclass(frozen=True)
class Link:
    """An unbounded scale for an outcome.

    Attributes
    ----------
    name : str
    domain : {"positive", "fraction", "above one", "real"}
        Values that the outcome can take.
    forward : callable
        ``forward(xp, y)``: outcome to link scale, for NumPy and PyTensor.
    inverse : callable
        ``inverse(z)``: link scale to outcome.
    slope : callable
        ``slope(y)``: derivative of ``forward``, which turns a standard error of the outcome into one on the link scale.
    relative : bool
        Whether differences on this scale are relative differences of what a law describes.

    Examples
    --------
    >>> import numpy as np
    >>> LOGIT.variable("accuracy"), LOG.variable("loss"), IDENTITY.variable("elo")
    ('logit_accuracy', 'log_loss', 'elo')
    >>> round(float(LOGIT.inverse(LOGIT.forward(np, np.array(0.75)))), 6)
    0.75
    """

    name: str
    domain: str
    forward: Callable[[ModuleType, Any], Any]
    inverse: Callable[[Any], Any]
    slope: Callable[[Any], Any]
    relative: bool = False

    @property
    def ends(self) -> tuple[float, float]:
        """Ends of the values that the outcome can take."""
        known = {"positive": (0.0, np.inf), "fraction": (0.0, 1.0), ABOVE_ONE: (1.0, np.inf)}
        return known.get(self.domain, (-np.inf, np.inf))

    @property
    def words(self) -> str:
        """Its name, for people to read."""
        return self.name.replace("_", " ")

    def variable(self, outcome: str) -> str:
        """Name of an outcome on the link scale."""
        return outcome if self.name == "identity" else f"{self.name}_{outcome}"


def _log(xp: ModuleType, y: Any) -> Any:
    return xp.log(y)


def _exp(z: Any) -> Any:
    return np.exp(np.clip(z, -_LARGEST_LOG, _LARGEST_LOG))


def _reciprocal(y: Any) -> Any:
    return 1 / y


def _logit(xp: ModuleType, y: Any) -> Any:
    inside = xp.clip(y, _NEAREST_TO_END, 1 - _NEAREST_TO_END)
    return xp.log(inside) - xp.log1p(-inside)


def _expit(z: Any) -> Any:
    with np.errstate(over="ignore", under="ignore"):
        return np.clip(1 / (1 + np.exp(-z)), _NEAREST_TO_END, 1 - _NEAREST_TO_END)


def _logit_slope(y: Any) -> Any:
    return 1 / (y * (1 - y))


def _same(xp: ModuleType, y: Any) -> Any:
    return y


def _itself(z: Any) -> Any:
    return z


def _one(y: Any) -> Any:
    return np.ones_like(y)


LOG = Link("log", "positive", _log, _exp, _reciprocal, relative=True)
LOGIT = Link("logit", "fraction", _logit, _expit, _logit_slope)
IDENTITY = Link("identity", "real", _same, _itself, _one)


@cache
def of_logarithm(link: Link) -> Link:
    """The scale of a link for the exponential of its outcome.

    Examples
    --------
    >>> perplexity = of_logarithm(LOG)
    >>> perplexity.domain, round(float(perplexity.inverse(perplexity.forward(np, np.array(15.0)))), 6)
    ('above one', 15.0)
    """
    return Link(
        f"{link.name}_log",
        {"positive": ABOVE_ONE, "real": "positive"}[link.domain],
        lambda xp, y: link.forward(xp, xp.log(y)),
        lambda z: _exp(link.inverse(z)),
        lambda y: link.slope(np.log(y)) / y,
        link.relative,
    )


@cache
def of_rest(link: Link) -> Link:
    """The scale of a link, turned round, for one minus its outcome, a fraction; that of log-odds is the same.

    Examples
    --------
    >>> of_rest(LOGIT) is LOGIT, round(float(of_rest(LOG).inverse(of_rest(LOG).forward(np, np.array(0.75)))), 6)
    (True, 0.75)
    """
    if link is LOGIT:
        return link

    def inside(xp: ModuleType, y: Any) -> Any:
        return xp.clip(y, _NEAREST_TO_END, 1 - _NEAREST_TO_END)

    return Link(
        f"{link.name}_of_1_minus",
        "fraction",
        lambda xp, y: -link.forward(xp, 1 - inside(xp, y)),
        lambda z: inside(np, 1 - link.inverse(-z)),
        lambda y: link.slope(1 - y),
        link.relative,
    )
