"""Predictive distributions of log outcomes as mixtures of normals: what every method's forecast is scored as."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Predicted:
    """A mixture of normals for each log outcome: one component per draw.

    Attributes
    ----------
    location : array, shape (draw, point)
    scale : array, broadcasts against ``location``
    """

    location: Array
    scale: Array

    def draws(self, rng: np.random.Generator) -> Array:
        """One draw per component, shape (draw, point)."""
        return np.asarray(self.location + self.scale * rng.standard_normal(self.location.shape))

    def log_density(self, observed: Array) -> Array:
        """Log density of log outcomes of shape (point,)."""
        deviation = (observed - self.location) / self.scale
        logs = -0.5 * np.square(deviation) - np.log(self.scale * np.sqrt(2 * np.pi))
        return np.asarray(np.logaddexp.reduce(logs, axis=0) - np.log(len(logs)))
