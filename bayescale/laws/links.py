"""Links: the scale on which noise and model discrepancy act.

Both add to the law's mean on the link's scale, which is unbounded: relative for positive outcomes
such as loss, log-odds for fractions such as accuracy, and the outcome itself for ratings such as Elo.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

_NEAREST_TO_END = 1e-12
"""Smallest distance of a law's mean from 0 and 1, where log-odds are infinite."""

_LARGEST_LOG = float(np.log(1e40))
"""Log of the largest positive outcome of a draw, and minus that of the smallest: heavy-tailed noise is unbounded."""


@dataclass(frozen=True)
class Link:
    """An unbounded scale for an outcome.

    Attributes
    ----------
    name : str
    domain : {"positive", "fraction", "real"}
        Values that the outcome can take.
    forward : callable
        ``forward(xp, y)``: outcome to link scale, for NumPy and PyTensor.
    inverse : callable
        ``inverse(z)``: link scale to outcome.
    slope : callable
        ``slope(y)``: derivative of ``forward``, which turns a standard error of the outcome into one on the link scale.

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

    @property
    def ends(self) -> tuple[float, float]:
        """Ends of the values that the outcome can take."""
        return {"positive": (0.0, np.inf), "fraction": (0.0, 1.0)}.get(self.domain, (-np.inf, np.inf))

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


LOG = Link("log", "positive", _log, _exp, _reciprocal)
LOGIT = Link("logit", "fraction", _logit, _expit, _logit_slope)
IDENTITY = Link("identity", "real", _same, _itself, _one)
