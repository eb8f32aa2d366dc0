"""Kernels around draws, in coordinates in which a curved posterior is nearly round: proposals that fit from few draws.

The posterior of a law with its error has the shape of a funnel and of a banana: what the runs tell about an exponent
and a floor depends on the amplitudes of the error, and on each other. A mixture of a few ellipsoids needs many draws to
follow that. Here each coordinate gets a mean that is quadratic, and a log scale that is linear, in those mapped before
it (a triangular map: Parno and Marzouk 2018, doi:10.1137/17M1134640). Kernels around draws in the mapped coordinates
then follow what is left (West 1993, doi:10.1111/j.2517-6161.1993.tb01911.x).
"""

from dataclasses import dataclass
from math import lgamma

import numpy as np
from numpy.typing import NDArray

from bayescale.sampling.weights import systematic_sample, weighted_moments

Array = NDArray[np.float64]

CENTRES = 400
"""Kernels of a proposal."""
_WIDTH, _VARIANCE = 0.8, 1.6
"""Standard deviation of kernels, and variance of all of them together, relative to the draws."""
_DF = 5.0
_DEFENSIVE_WEIGHT, _DEFENSIVE_STRETCH, _DEFENSIVE_DF = 0.1, 2.0, 3.0
"""A wide component in the mapped coordinates keeps weights bounded where there are no draws."""
_FARTHEST = 3.0
"""Standard deviations from the mean beyond which the map changes no more."""
_CLEARLY = 0.2
"""Mean log density by which a map must fit better."""
_STEPS = 3
"""Steps of iteratively reweighted least squares."""
_RIDGE = 0.02


@dataclass(frozen=True)
class TriangularMap:
    """A map of coordinates, one after the other, to ones that are nearly round.

    Attributes
    ----------
    order : array, shape (coordinate,)
        Coordinates from the first that is mapped to the last.
    location, scale : array, shape (coordinate,)
        Mean and standard deviation of the draws, in that order, as what follows.
    means : array, shape (feature, coordinate)
        Coefficients of the mean of each coordinate.
    log_scales : array, shape (1 + coordinate, coordinate)
        Coefficients of the logarithm of the scale of each coordinate.
    """

    order: NDArray[np.intp]
    location: Array
    scale: Array
    means: Array
    log_scales: Array

    @classmethod
    def fitted(cls, draws: Array, weights: Array) -> "TriangularMap":
        """Fit a map to draws of shape (draw, coordinate), whose weights sum to one.

        Amplitudes, which scale the rest, are the last coordinates, so the order is reversed unless that fits less.
        """
        order = np.arange(draws.shape[1])
        found, other = (cls._in_order(draws, weights, each) for each in (order[::-1], order))
        return other if other._fit(draws, weights) > found._fit(draws, weights) + _CLEARLY else found

    @classmethod
    def _in_order(cls, draws: Array, weights: Array, order: NDArray[np.intp]) -> "TriangularMap":
        ordered = draws[:, order]
        location = weights @ ordered
        scale = np.sqrt(weights @ np.square(ordered - location)).clip(1e-300)
        standard = (ordered - location) / scale
        features, linear = _features(standard)
        d = draws.shape[1]
        means, log_scales = np.zeros((features.shape[1], d)), np.zeros((1 + d, d))
        for k in range(d):
            given, ends = features[:, : _n_features(k)], linear[:, : 1 + k]
            means[: _n_features(k), k], log_scales[: 1 + k, k] = _regression(given, ends, standard[:, k], weights)
        return cls(order, location, scale, means, log_scales)

    def _fit(self, draws: Array, weights: Array) -> float:
        """Mean log density of the draws if mapped coordinates are independent and t-distributed."""
        mapped, log_derivative = self.forward(draws)
        return float(weights @ (log_derivative - 0.5 * (_DF + 1) * np.log1p(np.square(mapped) / _DF).sum(axis=1)))

    def forward(self, points: Array) -> tuple[Array, Array]:
        """Mapped points, and the log determinant of the map's derivative at each."""
        standard = (points[:, self.order] - self.location) / self.scale
        features, linear = _features(standard)
        log_scale = linear @ self.log_scales
        mapped = (standard - features @ self.means) * np.exp(-log_scale)
        return mapped, -log_scale.sum(axis=1) - np.log(self.scale).sum()

    def backward(self, mapped: Array) -> Array:
        """Points of mapped ones, shape (point, coordinate)."""
        standard = np.empty_like(mapped)
        for k in range(mapped.shape[1]):
            features, linear = _features(standard[:, :k])
            mean = features @ self.means[: _n_features(k), k]
            standard[:, k] = mean + np.exp(linear @ self.log_scales[: 1 + k, k]) * mapped[:, k]
        found = np.empty_like(mapped)
        found[:, self.order] = standard * self.scale + self.location
        return found


@dataclass(frozen=True)
class Kernels:
    """A proposal: Student-t kernels around draws in mapped coordinates, and a wide component.

    Attributes
    ----------
    map : TriangularMap
    mean : array, shape (coordinate,)
        Of the draws, in mapped coordinates.
    root : array, shape (coordinate, coordinate)
        Cholesky factor of their covariance.
    centres : array, shape (kernel, coordinate)
        Whitened by mean and root.
    """

    map: TriangularMap
    mean: Array
    root: Array
    centres: Array

    @classmethod
    def around(cls, draws: Array, weights: Array, rng: np.random.Generator, n: int = CENTRES) -> "Kernels":
        """``n`` kernels around draws of shape (draw, coordinate), chosen by weights that sum to one."""
        found = TriangularMap.fitted(draws, weights)
        mapped, _ = found.forward(draws)
        mapped = mapped.clip(-2 * _FARTHEST, 2 * _FARTHEST)
        mean, covariance = weighted_moments(mapped, weights)
        root = np.linalg.cholesky(covariance + 1e-9 * np.diag(np.diag(covariance) + 1e-300))
        chosen = mapped[systematic_sample(weights, n, rng)]
        drawn_in = np.sqrt(_VARIANCE - _WIDTH**2)
        return cls(found, mean, root, drawn_in * np.linalg.solve(root, (chosen - mean).T).T)

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return len(self.mean)

    @property
    def _df(self) -> float:
        """Degrees of freedom of kernels: with those of the coordinates an even number."""
        return _DF + (self.dimension + _DF) % 2

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Draws of shape (n, coordinate)."""
        wide = rng.uniform(size=n) < _DEFENSIVE_WEIGHT
        normal = rng.standard_normal((n, self.dimension))
        centre = np.where(wide[:, None], 0.0, self.centres[rng.integers(len(self.centres), size=n)])
        df = np.where(wide, _DEFENSIVE_DF, self._df)
        stretch = np.where(wide, _DEFENSIVE_STRETCH, _WIDTH) * np.sqrt(df / rng.chisquare(df))
        return self.map.backward(self.mean + (centre + stretch[:, None] * normal) @ self.root.T)

    def log_density(self, points: Array) -> Array:
        """Log density at points of shape (point, coordinate)."""
        mapped, log_derivative = self.map.forward(points)
        white = np.linalg.solve(self.root, (mapped - self.mean).T).T
        squares, n = np.square(white).sum(axis=1), len(self.centres)
        df = self._df
        scale = df * _WIDTH**2
        distance = (white * (-2 / scale)) @ self.centres.T
        distance += (squares / scale)[:, None]
        distance += np.square(self.centres).sum(axis=1) / scale + 1.0
        # A power of whole order, without logarithms: most of the time of a proposal goes here.
        kernels = _power(np.reciprocal(distance, out=distance), int(df + self.dimension) // 2).sum(axis=1) / n
        with np.errstate(divide="ignore"):
            own = np.log(kernels) + _log_t(np.zeros(1), _WIDTH, df, self.dimension) + np.log(1 - _DEFENSIVE_WEIGHT)
        wide = _log_t(squares, _DEFENSIVE_STRETCH, _DEFENSIVE_DF, self.dimension) + np.log(_DEFENSIVE_WEIGHT)
        return np.asarray(np.logaddexp(own, wide) + log_derivative - np.log(np.diag(self.root)).sum())


def _log_t(squares: Array, scale: float, df: float, d: int) -> Array:
    """Log density of a spherical t of d coordinates at squared distances from its centre."""
    constant = lgamma((df + d) / 2) - lgamma(df / 2) - 0.5 * d * np.log(df * np.pi) - d * np.log(scale)
    found = np.log1p(squares / (df * scale**2))
    found *= -0.5 * (df + d)
    found += constant
    return np.asarray(found)


def _power(base: Array, n: int) -> Array:
    """Positive whole power, by squaring."""
    if n == 1:
        return base
    half = _power(base * base, n // 2)
    return half * base if n % 2 else half


def _n_features(k: int) -> int:
    """Number of features of the first k coordinates: one, themselves, and their products."""
    return 1 + k + k * (k + 1) // 2


def _features(standard: Array) -> tuple[Array, Array]:
    """Quadratic and linear features; those of the first coordinates come first."""
    near, ones = standard.clip(-_FARTHEST, _FARTHEST), np.ones((len(standard), 1))
    products = [near[:, j : j + 1] * np.hstack([ones, near[:, : j + 1]]) for j in range(standard.shape[1])]
    return np.hstack([ones, *products]), np.hstack([ones, near])


def _regression(features: Array, linear: Array, outcome: Array, weights: Array) -> tuple[Array, Array]:
    """Coefficients of the mean and of the log scale of t-distributed outcomes, by reweighted least squares."""
    ridge = np.full(features.shape[1], _RIDGE)
    ridge[0] = 0.0
    small = 2 * np.append(0.0, np.full(linear.shape[1] - 1, _RIDGE))
    curvature = 2 * _DF / (_DF + 3) * (linear.T * weights) @ linear + np.diag(small)
    log_scale = np.zeros(linear.shape[1])
    pulled = weights
    for _ in range(_STEPS):
        own = np.exp(-linear @ log_scale)
        precision = pulled * np.square(own)
        normal = (features.T * precision) @ features + np.diag((ridge + 1e-9) * precision.sum())
        mean = np.linalg.solve(normal, features.T @ (precision * outcome))
        squares = np.square((outcome - features @ mean) * own)
        pulled = weights * (_DF + 1) / (_DF + squares)
        log_scale = log_scale + np.linalg.solve(curvature, linear.T @ (pulled * squares - weights) - small * log_scale)
    return mean, log_scale
