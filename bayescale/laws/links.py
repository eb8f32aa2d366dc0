"""Links: the scale on which an outcome scatters around its law, and on which the law itself may be wrong.

Noise and the law's error add to the law's mean on the link's scale, which has no ends: relative for positive outcomes
such as loss, log-odds for fractions such as accuracy, and the outcome's own for ratings such as Elo.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

_NEAREST_TO_END = 1e-12
"""Distance that a law's mean keeps from 0 and 1, where log-odds end."""

_LARGEST_LOG = float(np.log(1e40))
"""Of the positive outcomes that draws reach, and minus that of the smallest: heavy tails of noise have no end."""


@dataclass(frozen=True)
class Link:
    """A scale without ends for an outcome.

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
