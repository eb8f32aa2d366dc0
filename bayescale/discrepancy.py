"""How a law itself is wrong: a Gaussian process on the log residual, over the law's own log inputs.

A law is an approximation, and its error is smooth: neighbouring runs miss it alike. Left out, that error passes for
certainty, and bands on larger runs are several times too narrow. Here outcome = law + s g + noise on the link's scale
(of the logarithm, for a loss), where g is a Matern 5/2 process over the log inputs and s lets the error of a logarithm
shrink slowly with compute, as the loss it is relative to does. The process is integrated out analytically: its features
are rotated so that they are independent, and the likelihood costs one matrix product per draw, linear in the number of
runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescale.law import Law, Parameter, Prior

Array = NDArray[np.float64]

LENGTH = 3.0
"""Length scale of the process, in e-folds of each of several inputs."""
CURVE_LENGTH = 1.0
"""Length scale along a single input: learning curves bend more often than surfaces."""
DECAY = 0.15
"""The error of a logarithm falls as compute, the product of the inputs, to minus this power."""
RUN_SHARE = 0.1
"""Variance of a training run's own effect, shared by its checkpoints, over that of the process."""
DEGREES_OF_FREEDOM = 4.0
"""Of the noise of new runs, and of the weights that runs get, where noise is Student-t."""
FEWEST_TOKENS = 0.005
"""Tokens per parameter below which no published run is, so that nobody knows how much they scatter."""
LARGEST_RANK = 256
"""Number of runs above which the process is represented by so many of them."""

LARGEST_WHOLE = 5000
"""Number of runs above which features are computed a block at a time and never held; those of one group, no more than
one to a training run, since effects of rows that belong together are not read in blocks."""
RUN_SUM = "sum over runs"
"""How names begin of what the likelihood reads of the runs and that adds up over them."""
SQUARES = f"{RUN_SUM}: squares"

BLOCK = 4096
"""Runs that are read at once where there are too many to hold what is computed of them."""
_LEAST_VARIANCE = 1e-12
"""Of a direction over the largest: rounding blurs smaller ones, and no noise is so small that they would matter."""

_NOISES_PER_ERROR = 5.0


def tau_parameter(law: Law) -> Parameter:
    """Amplitude of a law's error, on the link's scale."""
    mean = _NOISES_PER_ERROR * law.scatter
    return Parameter(
        name="tau",
        prior=Prior("Exponential", lam=1 / mean),
        meaning="amplitude of the law's error at the largest run",
        unit=law.scale_unit,
        reason=f"mean {mean:g}, five times the noise, most likely zero: laws miss published losses by 0.4 to 3 %",
    )


@dataclass(frozen=True, eq=False)
class Process:
    """The process before the outcomes are seen: its features at the fitted runs and anywhere else.

    Parameters
    ----------
    log_inputs : array, shape (run, input)
        Natural logarithms of the law's inputs at the fitted runs.
    cluster : array, shape (run,), or None
        Label of the training run that a row is a checkpoint of; None if every row is a run of its own.
    decay : float
        The error shrinks as the product of the inputs to minus this power.
    """

    log_inputs: Array
    cluster: NDArray[Any] | None = None
    decay: float = DECAY

    @cached_property
    def _inducing(self) -> Array:
        return self.log_inputs if len(self.log_inputs) <= LARGEST_RANK else _spread(self.log_inputs, LARGEST_RANK)

    @cached_property
    def _whitening(self) -> Array:
        variance, axes = np.linalg.eigh(self.correlation(self._inducing, self._inducing))
        kept = variance > 1e-10 * variance[-1]
        return np.asarray(axes[:, kept] / np.sqrt(variance[kept]))

    @cached_property
    def smooth_at_runs(self) -> Array:
        """Features of the fitted runs, shape (run, feature)."""
        return self.features(self.log_inputs)

    @property
    def run_effects(self) -> Array:
        """Indicators of each training run's own effect, shape (run, training run); none if every row is a run."""
        if self.cluster is None:
            return np.empty((len(self.log_inputs), 0))
        labels, member = np.unique(self.cluster, return_inverse=True)
        return np.asarray(np.sqrt(RUN_SHARE) * self.scale(self.log_inputs)[:, None] * np.eye(len(labels))[member])

    def correlation(self, a: Array, b: Array) -> Array:
        """Matern 5/2 correlation between points of shape (point, input)."""
        return matern(a, b, CURVE_LENGTH if self.log_inputs.shape[1] == 1 else LENGTH)

    def scale(self, log_inputs: Array) -> Array:
        """Relative size of the error, one at the largest run, shape (point,)."""
        largest = self.log_inputs.sum(axis=1).max()
        return np.asarray(np.exp(-self.decay * (log_inputs.sum(axis=1) - largest)))

    def features(self, log_inputs: Array) -> Array:
        """Scaled features of points, whose products are the covariance given the inducing runs."""
        # In blocks, since correlations of 100,000 points with a few hundred take many times the memory of the features.
        whitened = [self.correlation(block, self._inducing) @ self._whitening for block in split_in_blocks(log_inputs)]
        return np.asarray(self.scale(log_inputs)[:, None] * np.concatenate(whitened))

    def residual_covariance(self, log_inputs: Array, features: Array) -> Array:
        """Covariance of the process at points, for unit tau, that their features leave out, shape (point, point)."""
        scale = self.scale(log_inputs)
        return np.asarray(np.outer(scale, scale) * self.correlation(log_inputs, log_inputs) - features @ features.T)


@dataclass(frozen=True, eq=False)
class Separate:
    """The processes of groups of runs that a law may miss independently of each other.

    Parameters
    ----------
    parts : tuple of Process
        One a group.
    rows : tuple of array
        The group's rows among all fitted runs.
    """

    parts: tuple[Process, ...]
    rows: tuple[NDArray[np.intp], ...]

    @cached_property
    def smooth_at_runs(self) -> Array:
        """Features of the fitted runs, shape (run, feature)."""
        return self._blocks([part.smooth_at_runs for part in self.parts])

    @property
    def run_effects(self) -> Array:
        """Indicators of each training run's own effect, shape (run, training run)."""
        return self._blocks([part.run_effects for part in self.parts])

    def _blocks(self, matrices: Sequence[Array]) -> Array:
        found = np.zeros((sum(map(len, self.rows)), sum(matrix.shape[1] for matrix in matrices)))
        column = 0
        for rows, matrix in zip(self.rows, matrices, strict=True):
            found[rows, column : column + matrix.shape[1]] = matrix
            column += matrix.shape[1]
        return found


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """A process at other places than the runs that it was built from.

    Parameters
    ----------
    process : Process
    log_inputs : array, shape (place, input)
    """

    process: Process
    log_inputs: Array

    @cached_property
    def smooth_at_runs(self) -> Array:
        """Features of the places, shape (place, feature)."""
        return self.process.features(self.log_inputs)

    @property
    def run_effects(self) -> Array:
        """None: no place is a training run."""
        return np.empty((len(self.log_inputs), 0))


def is_large(n_runs: int) -> bool:
    """Whether runs are so many that they are read in blocks."""
    return n_runs > LARGEST_WHOLE


def split_in_blocks(rows: NDArray[Any]) -> list[NDArray[Any]]:
    """Rows in the fewest even parts of which each can be read at once."""
    return np.array_split(rows, max(1, -(-len(rows) // BLOCK)))


@dataclass(frozen=True, eq=False)
class Basis[P: Process | Separate | Elsewhere]:
    """A process in the directions in which the runs' residuals are independent.

    Parameters
    ----------
    process : Process, Separate or Elsewhere
    noise_scale : array, shape (run,)
        Standard deviation of each run's noise relative to sigma.
    """

    process: P
    noise_scale: Array

    @property
    def in_blocks(self) -> bool:
        """Whether the runs are too many to hold their features."""
        process = self.process
        return isinstance(process, Process) and process.cluster is None and is_large(len(self.noise_scale))

    def blocks(self) -> Iterator[slice]:
        """Rows whose directions are held at once: all of them, or a block of a large table."""
        n = len(self.noise_scale)
        size = BLOCK if self.in_blocks else n
        return (slice(start, min(start + size, n)) for start in range(0, n, size))

    @cached_property
    def _rotated(self) -> tuple[Array, Array, Array]:
        at_runs = np.hstack([self.process.smooth_at_runs, self.process.run_effects])
        left, singular, right = np.linalg.svd(at_runs / self.noise_scale[:, None], full_matrices=False)
        return left, np.square(singular), right

    @cached_property
    def _spectrum(self) -> tuple[Array, Array]:
        """Variance along each direction, and the direction in features, from the sum of the features' products."""
        if not self.in_blocks:
            return self._rotated[1:]
        variances, axes = np.linalg.eigh(sum(scaled.T @ scaled for scaled in map(self._scaled_features, self.blocks())))
        kept = np.flatnonzero(variances > _LEAST_VARIANCE * variances[-1])[::-1]
        return variances[kept], np.ascontiguousarray(axes[:, kept].T)

    def _scaled_features(self, rows: slice) -> Array:
        assert isinstance(self.process, Process)
        return self.process.features(self.process.log_inputs[rows]) / self.noise_scale[rows, None]

    def directions(self, rows: slice) -> Array:
        """Directions in which scaled residuals are independent, of one of the blocks, shape (run, direction)."""
        if not self.in_blocks:
            return self._rotated[0]
        variances, right = self._spectrum
        return np.asarray(self._scaled_features(rows) @ (right / np.sqrt(variances)[:, None]).T)

    @property
    def rotation(self) -> Array:
        """Directions in which scaled residuals are independent, shape (run, direction)."""
        return np.concatenate(list(map(self.directions, self.blocks()))) if self.in_blocks else self._rotated[0]

    @property
    def variances(self) -> Array:
        """Variance of the process along each direction, for unit tau, shape (direction,)."""
        return self._spectrum[0]

    def rotate(self, residuals: Array) -> Array:
        """Residuals of shape (draw, run) along the directions, shape (draw, direction)."""
        parts = [(residuals[:, rows] / self.noise_scale[rows]) @ self.directions(rows) for rows in self.blocks()]
        return np.asarray(parts[0] if len(parts) == 1 else np.sum(parts, axis=0))

    def condition(self, rotated: Array, sigma: Array, tau: Array) -> "Conditional[P]":
        """The process given rotated residuals of shape (draw, direction), and sigma and tau of shape (draw,)."""
        variances, right = self._spectrum
        noise, amplitude = np.square(sigma)[:, None], np.square(tau)[:, None]
        total = noise + amplitude * variances
        return Conditional(
            process=self.process,
            means=amplitude * np.sqrt(variances) * rotated / total,
            variances=amplitude * noise / total,
            amplitude=amplitude,
            right=right,
        )


@dataclass(frozen=True, eq=False)
class Conditional[P: Process | Separate | Elsewhere]:
    """The process given the runs, draw by draw: independent coefficients of the rotated features.

    Attributes
    ----------
    means, variances : array, shape (draw, direction)
    amplitude : array, shape (draw, 1)
        Squared tau.
    right : array, shape (direction, feature)
    """

    process: P
    means: Array
    variances: Array
    amplitude: Array
    right: Array

    @property
    def mean_at_runs(self) -> Array:
        """Mean of the error at the fitted runs, without their own effects, shape (draw, run)."""
        features = self.process.smooth_at_runs
        return np.asarray(self.means @ (features @ self.right[:, : features.shape[1]].T).T)

    def mean(self: "Conditional[Elsewhere]", log_inputs: Array) -> Array:
        """Mean of the error at many points of shape (point, input), shape (draw, point)."""
        coefficients = self.means @ self.right
        features = map(self.process.process.features, split_in_blocks(log_inputs))
        return np.hstack([coefficients @ each.T for each in features])

    def moments(self: "Conditional[Process]", log_inputs: Array) -> tuple[Array, Array]:
        """Mean and variance of the error at points of shape (point, input); each of shape (draw, point)."""
        loadings = self._loadings(log_inputs)
        mean = self.means @ loadings.T
        # What the rotated features do not span, of each point alone: the covariance of many points would fill memory.
        left_over = np.square(self.process.scale(log_inputs)) - np.square(loadings).sum(axis=1)
        variance = self.variances @ np.square(loadings).T + self.amplitude * left_over
        return mean, np.maximum(variance, 0.0)

    def covariance(self: "Conditional[Process]", log_inputs: Array) -> Array:
        """Covariance of the error between points of shape (point, input), averaged over the draws."""
        loadings = self._loadings(log_inputs)
        spanned = (loadings * self.variances.mean(axis=0)) @ loadings.T
        return np.asarray(spanned + self.amplitude.mean() * self._left_over(log_inputs))

    def draw(self: "Conditional[Process]", log_inputs: Array, rng: np.random.Generator) -> Array:
        """Joint draws of the error at points, one function per draw, shape (draw, point)."""
        from threadpoolctl import threadpool_limits

        # Threads fight over matrices of this size wherever something else runs, and then take several times as long.
        with threadpool_limits(limits=1, user_api="blas"):
            return self._drawn(log_inputs, rng)

    def _drawn(self: "Conditional[Process]", log_inputs: Array, rng: np.random.Generator) -> Array:
        coefficients = self.means + np.sqrt(self.variances) * rng.standard_normal(self.means.shape)
        variance, axes = np.linalg.eigh(self._left_over(log_inputs))
        root = axes * np.sqrt(np.maximum(variance, 0.0))
        fresh = rng.standard_normal((len(self.means), len(root))) @ root.T
        return np.asarray(coefficients @ self._loadings(log_inputs).T + np.sqrt(self.amplitude) * fresh)

    @property
    def run_share(self: "Conditional[Process]") -> Array:
        """Variance of a new run's own effect at the largest run, shape (draw, 1); zero if every row is a run."""
        return (0.0 if self.process.cluster is None else RUN_SHARE) * self.amplitude

    def run_variance(self: "Conditional[Process]", log_inputs: Array) -> Array:
        """Variance of a new run's own effect at points, shape (draw, point)."""
        return np.asarray(self.run_share * np.square(self.process.scale(log_inputs)))

    def _loadings(self: "Conditional[Process]", log_inputs: Array) -> Array:
        """Features of points in the rotated coordinates; a point's own run is new, so it loads on no run effect."""
        features = self.process.features(log_inputs)
        return np.asarray(features @ self.right[:, : features.shape[1]].T)

    def _left_over(self: "Conditional[Process]", log_inputs: Array) -> Array:
        """Covariance, for unit tau, that the rotated features do not span."""
        features = self.process.features(log_inputs)
        right = self.right[:, : features.shape[1]]
        unspanned = features @ (np.eye(features.shape[1]) - right.T @ right) @ features.T
        return np.asarray(self.process.residual_covariance(log_inputs, features) + unspanned)


def log_likelihood(residual: Any, sigma: Any, tau: Any, rotation: Any, variances: Any, noise_scale: Any) -> Any:
    """Marginal log likelihood of residuals, as a PyTensor graph.

    Along each rotated direction the residual is normal with variance ``sigma^2 + tau^2 variances``; what lies in none
    of them has variance ``sigma^2``.

    Parameters
    ----------
    residual : tensor, shape (run,)
        Outcome minus law, on the link's scale.
    sigma, tau : tensor
    rotation : tensor, shape (run, direction)
    variances : tensor, shape (direction,)
    noise_scale : tensor, shape (run,)
    """
    import pytensor.tensor as pt

    scaled = pt.as_tensor(residual) / noise_scale
    rotated = (scaled[None, :] @ rotation)[0]
    squares = pt.sum(scaled**2)
    rotated.name, squares.name = f"{RUN_SUM}: rotated", SQUARES
    total = sigma**2 + tau**2 * variances
    outside = pt.maximum(squares - pt.sum(rotated**2), 0.0)
    n_outside = noise_scale.shape[0] - variances.shape[0]
    return -0.5 * (
        pt.sum(rotated**2 / total + pt.log(total))
        + outside / sigma**2
        + n_outside * pt.log(sigma**2)
        + noise_scale.shape[0] * np.log(2 * np.pi)
    ) - pt.sum(pt.log(noise_scale))


def pointwise_log_likelihood(basis: Basis[Process], residuals: Array, sigma: Array, tau: Array) -> Array:
    """Log density of each run's residual given all others, shape (draw, run).

    With covariance K and precision Q = K^-1 the residual r_i given the others is normal with mean r_i - (Q r)_i / Q_ii
    and variance 1 / Q_ii (Rasmussen and Williams 2006, equation 5.12); rotated residuals are not runs.
    """
    scaled = residuals / basis.noise_scale
    rotated = scaled @ basis.rotation
    noise = np.square(sigma)[:, None]
    # Q = (I - V diag(shrink) V') / sigma^2 in the scaled residuals, also where V does not span all runs.
    shrink = 1 - noise / (noise + np.square(tau)[:, None] * basis.variances)
    product = (scaled - (shrink * rotated) @ basis.rotation.T) / noise
    diagonal = (1 - shrink @ np.square(basis.rotation).T) / noise
    variance = 1 / np.maximum(diagonal, 1e-300)
    deviation = product * variance
    return np.asarray(
        -0.5 * (np.square(deviation) / variance + np.log(2 * np.pi * variance)) - np.log(basis.noise_scale)
    )


def noise_scale(inputs: Mapping[str, Array]) -> Array:
    """Relative noise of runs: larger below five tokens per parameter, where runs scatter three times as much.

    It stops growing where no published run is, at :data:`FEWEST_TOKENS`.
    """
    if {"N", "D"} <= inputs.keys():
        return np.asarray(np.clip(5.0 * inputs["N"] / inputs["D"], 1.0, 5.0 / FEWEST_TOKENS) ** 0.7)
    return np.ones_like(next(iter(inputs.values())))


def matern(a: Array, b: Array, length: float) -> Array:
    """Matern 5/2 correlation between points of shape (point, input) (Rasmussen and Williams 2006, equation 4.17)."""
    r = np.square(np.subtract.outer(a[:, 0], b[:, 0]))
    for i in range(1, a.shape[1]):
        r += np.square(np.subtract.outer(a[:, i], b[:, i]))
    # In place, since fresh arrays of this size take as long as the arithmetic on them.
    np.sqrt(r, out=r)
    r *= np.sqrt(5.0)
    r /= length
    shape = np.square(r)
    shape /= 3
    shape += 1 + r
    shape *= np.exp(np.negative(r, out=r), out=r)
    return shape


def _spread(points: Array, n: int) -> Array:
    """A subset of points that covers them, each next one the farthest from those before (Gonzalez 1985)."""
    chosen = [int(points.sum(axis=1).argmax())]
    distance = np.square(points - points[chosen[0]]).sum(axis=1)
    for _ in range(n - 1):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.square(points - points[chosen[-1]]).sum(axis=1))
    return np.asarray(points[chosen])
