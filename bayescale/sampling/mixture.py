"""Mixtures of multivariate Student-t distributions: the proposals of the importance sampler."""

from dataclasses import dataclass
from math import lgamma

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FAR = 0.9
"""Quantile of distances beyond which draws are not put further apart."""
_STEPS = 15
"""Steps of expectation maximisation from components that have only been placed."""


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

    components: tuple[StudentT, ...]
    weights: Array

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return int(self.components[0].location.size)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Draws of shape (n, coordinate), components in proportion to their weights, in random order."""
        counts = rng.multinomial(n, self.weights)
        parts = [c.draw(int(k), rng) for c, k in zip(self.components, counts, strict=True)]
        return np.asarray(rng.permutation(np.concatenate(parts)))

    def log_density(self, points: Array) -> Array:
        """Log density at points of shape (point, coordinate)."""
        logs = [np.log(w) + c.log_density(points) for c, w in zip(self.components, self.weights, strict=True) if w > 0]
        return np.asarray(np.logaddexp.reduce(np.stack(logs), axis=0))

    def with_component(self, component: StudentT, weight: float) -> "Mixture":
        """The mixture with one more component of the given weight, the others scaled down."""
        return Mixture((*self.components, component), np.append(self.weights * (1 - weight), weight))


def refit(mixture: Mixture, draws: Array, weights: Array, steps: int = 5) -> Mixture:
    """Fit a mixture to weighted draws by expectation maximisation, starting from the given one.

    Parameters
    ----------
    mixture : Mixture
    draws : array, shape (draw, coordinate)
    weights : array, shape (draw,)
        Importance weights that sum to one.
    steps : int

    Notes
    -----
    Cappe et al. 2008, arXiv:0710.4242, for Student-t components. A component that keeps fewer effective draws than it
    has numbers to estimate is dropped.
    """
    d = draws.shape[1]
    for _ in range(steps):
        logs = np.stack(
            [np.log(w) + c.log_density(draws) for c, w in zip(mixture.components, mixture.weights, strict=True)]
        )
        shares = np.exp(logs - np.logaddexp.reduce(logs, axis=0)) * weights
        totals = shares.sum(axis=1)
        kept = [k for k, share in enumerate(shares) if share.sum() ** 2 > d * np.square(share).sum()]
        if not kept:
            return mixture
        components = [_reshaped(mixture.components[k], draws, shares[k]) for k in kept]
        mixture = Mixture(tuple(components), totals[kept] / totals[kept].sum())
    return mixture


def fitted(draws: Array, n_components: int, df: float, rng: np.random.Generator) -> Mixture:
    """Fit a mixture to equally weighted draws, from components that are put far apart.

    Parameters
    ----------
    draws : array, shape (draw, coordinate)
    n_components : int
    df : float
        Degrees of freedom of the components.
    rng : numpy.random.Generator
    """
    whole = StudentT.from_covariance(draws.mean(axis=0), np.atleast_2d(np.cov(draws.T)), df)
    white = np.linalg.solve(whole.cholesky, (draws - whole.location).T).T
    centres = [int(rng.integers(len(draws)))]
    for _ in range(n_components - 1):
        distance = np.min([np.square(white - white[k]).sum(axis=1) for k in centres], axis=0)
        distance = np.minimum(distance, np.quantile(distance, _FAR))  # single draws far out are no component
        share = distance / distance.sum() if distance.sum() > 0 else None  # of draws that are all equal, any
        centres.append(int(rng.choice(len(draws), p=share)))
    components = tuple(StudentT(draws[k], whole.cholesky / np.sqrt(2), df) for k in centres)
    start = Mixture(components, np.full(n_components, 1 / n_components))
    return refit(start, draws, np.full(len(draws), 1 / len(draws)), _STEPS)


def _reshaped(component: StudentT, draws: Array, shares: Array) -> StudentT:
    d = draws.shape[1]
    inverse = np.linalg.inv(component.cholesky)
    distance = np.square((draws - component.location) @ inverse.T).sum(axis=1)
    pulled = shares * (component.df + d) / (component.df + distance)
    location = pulled @ draws / pulled.sum()
    offsets = draws - location
    return StudentT.from_covariance(location, (offsets.T * pulled) @ offsets / shares.sum(), component.df)
