"""Mixtures of multivariate Student-t distributions: the first proposals of the importance sampler."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lgamma
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Proposal(Protocol):
    """What draws come from whose density is known."""

    @property
    def dimension(self) -> int:
        """Number of coordinates."""

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Draws of shape (n, coordinate)."""

    def log_density(self, points: Array) -> Array:
        """Log density at points of shape (point, coordinate)."""


@dataclass(frozen=True)
class StudentT:
    """A multivariate t with location, scale matrix (by its Cholesky factor) and degrees of freedom."""

    location: Array
    cholesky: Array
    df: float

    @classmethod
    def from_covariance(cls, location: Array, covariance: Array, df: float) -> "StudentT":
        """Build from a scale matrix; one that is not positive definite is given the smallest ridge that makes it so."""
        scale = np.sqrt(np.diag(covariance).clip(1e-300))
        correlation = covariance / np.outer(scale, scale)
        for ridge in (0.0, 1e-12, 1e-9, 1e-6, 1e-3):
            try:
                factor = np.linalg.cholesky(correlation + ridge * np.eye(len(scale)))
            except np.linalg.LinAlgError:
                continue
            return cls(location, scale[:, None] * factor, df)
        return cls(location, np.diag(scale), df)

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return len(self.location)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Draws of shape (n, coordinate)."""
        normal = rng.standard_normal((n, len(self.location)))
        stretch = np.sqrt(self.df / rng.chisquare(self.df, n))
        return np.asarray(self.location + (normal @ self.cholesky.T) * stretch[:, None])

    def log_density(self, points: Array) -> Array:
        """Log density at points of shape (point, coordinate)."""
        d = len(self.location)
        inverse = np.linalg.inv(self.cholesky)
        distance = np.square((points - self.location) @ inverse.T).sum(axis=1)
        constant = lgamma((self.df + d) / 2) - lgamma(self.df / 2) - 0.5 * d * np.log(self.df * np.pi)
        log_det = np.log(np.diag(self.cholesky)).sum()
        return np.asarray(constant - log_det - 0.5 * (self.df + d) * np.log1p(distance / self.df))


@dataclass(frozen=True)
class Mixture:
    """A mixture of components with weights that sum to one."""

    components: Sequence[Proposal]
    weights: Array

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return self.components[0].dimension

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Draws of shape (n, coordinate), components in proportion to their weights, in random order."""
        counts = rng.multinomial(n, self.weights)
        parts = [c.draw(int(k), rng) for c, k in zip(self.components, counts, strict=True)]
        return np.asarray(rng.permutation(np.concatenate(parts)))

    def log_density(self, points: Array) -> Array:
        """Log density at points of shape (point, coordinate)."""
        logs = [np.log(w) + c.log_density(points) for c, w in zip(self.components, self.weights, strict=True) if w > 0]
        return np.asarray(np.logaddexp.reduce(np.stack(logs), axis=0))

    def with_component(self, component: Proposal, weight: float) -> "Mixture":
        """The mixture with one more component of the given weight, the others scaled down."""
        return Mixture((*self.components, component), np.append(self.weights * (1 - weight), weight))
