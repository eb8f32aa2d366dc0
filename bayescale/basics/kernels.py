"""Covariances of smooth functions."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def matern(a: Array, b: Array, length: float) -> Array:
    """Matern 5/2 correlation between points of shape (point, input) (Rasmussen and Williams 2006, equation 4.17)."""
    squared = np.sum([np.square(np.subtract.outer(x, y)) for x, y in zip(a.T, b.T, strict=True)], axis=0)
    r = np.sqrt(5.0 * squared) / length
    return np.asarray((1 + r + np.square(r) / 3) * np.exp(-r))


def integrated_wiener(a: Array, b: Array) -> Array:
    """Covariance of an integrated Wiener process that starts at zero (Rasmussen and Williams 2006, equation 6.28)."""
    low, high = np.minimum.outer(a, b), np.maximum.outer(a, b)
    return np.asarray(low**2 * (3 * high - low) / 6)
