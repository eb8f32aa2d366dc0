"""Predictive distributions of outcomes, the common form in which the forecasts of all methods are scored.

Densities are of the outcome itself, so that methods that work on different scales can be compared. Draws are on a
link's scale, on which forecast errors are measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bayescale.laws.links import LOG, Link

Array = NDArray[np.float64]


class Predictive(Protocol):
    """One predictive distribution for each of several outcomes."""

    @property
    def link(self) -> Link:
        """Scale of the draws."""

    def draws(self, rng: np.random.Generator) -> Array:
        """Draws on the link's scale, shape (draw, point)."""

    def log_density(self, outcome: Array) -> Array:
        """Log density of outcomes of shape (point,), on the outcome's own scale (nats)."""


@dataclass(frozen=True)
class Predicted:
    """A mixture of normals on a link's scale for each outcome: one component per draw.

    Attributes
    ----------
    location : array, shape (draw, point)
    scale : array, broadcasts against ``location``
    link : Link

    Examples
    --------
    >>> two = Predicted(np.zeros((1, 1)), np.ones((1, 1)))
    >>> two.log_density(np.array([2.0])).round(4).tolist()  # of a lognormal at 2
    [-1.8523]
    """

    location: Array
    scale: Array
    link: Link = LOG

    def draws(self, rng: np.random.Generator) -> Array:
        """One draw per component on the link's scale, shape (draw, point)."""
        return np.asarray(self.location + self.scale * rng.standard_normal(self.location.shape))

    def log_density(self, outcome: Array) -> Array:
        """Log density of outcomes of shape (point,), on the outcome's own scale (nats)."""
        logs = self._logs(outcome)
        return np.asarray(np.logaddexp.reduce(logs, axis=0) - np.log(len(logs)))

    def joint_log_density(self, outcome: Array) -> float:
        """Joint log density of outcomes of shape (point,) that are independent given a component (nats)."""
        logs = self._logs(outcome).sum(axis=1)
        return float(np.logaddexp.reduce(logs) - np.log(len(logs)))

    def _logs(self, outcome: Array) -> Array:
        """Log density of outcomes under each component, shape (draw, point)."""
        deviation = (self.link.forward(np, outcome) - self.location) / self.scale
        slopes = np.log(np.abs(self.link.slope(outcome)))
        return np.asarray(-0.5 * np.square(deviation) - np.log(self.scale * np.sqrt(2 * np.pi)) + slopes)


@dataclass(frozen=True)
class Mixed:
    """A mixture of the predictive distributions of several methods, whose links may differ.

    Attributes
    ----------
    parts : sequence of Predictive
        All with the same number of draws.
    weights : array, shape (point, part)
    chosen : array of int, shape (draw, point)
        The part from which each draw is taken.
    """

    parts: Sequence[Predictive]
    weights: Array
    chosen: NDArray[np.intp]

    @property
    def link(self) -> Link:
        """Scale of the draws: that of the first part."""
        return self.parts[0].link

    def draws(self, rng: np.random.Generator) -> Array:
        """Draws from the chosen parts, all on the first part's scale, shape (draw, point)."""
        each = np.stack([on_link(part, self.link, rng) for part in self.parts])
        return np.asarray(np.take_along_axis(each, self.chosen[None], axis=0)[0])

    def log_density(self, outcome: Array) -> Array:
        """Log density of outcomes of shape (point,), on the outcome's own scale (nats)."""
        each = np.stack([part.log_density(outcome) for part in self.parts], axis=1)
        with np.errstate(divide="ignore"):
            return np.asarray(np.logaddexp.reduce(each + np.log(self.weights), axis=1))


def on_link(forecast: Predictive, link: Link, rng: np.random.Generator) -> Array:
    """Draws of a forecast on the scale of a given link, shape (draw, point)."""
    draws = forecast.draws(rng)
    return draws if forecast.link is link else np.asarray(link.forward(np, forecast.link.inverse(draws)))
