"""Model discrepancy: a Gaussian process on two scales that models the residual of a law over its log inputs.

A law is an approximation, and its discrepancy is smooth: it is similar for neighbouring runs. A model that ignores it
is overconfident, with bands on larger runs that are several times too narrow. On the link's scale (the logarithm, for a
loss), outcome = law + local + drift + noise:

- the local process (Matern 5/2, amplitude tau) is what the law misses between neighbouring runs. It shrinks slowly
  with compute, as does the loss to which it is relative;
- the drift (an integrated Wiener process along log compute and along each log input, starting at the smallest run) is
  what the law misses more and more as runs grow. Its variance grows with the cube of the distance, so it widens
  forecasts beyond the runs.

Both are orthogonal to the law's level: each is conditioned on a mean of zero over the fitted runs, so that the law's
parameters describe the runs. Each is represented by a few dozen features with standard normal coefficients, so the cost
of the posterior is linear in the number of runs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.kernels import integrated_wiener, matern
from bayescale.data.observed import Observed
from bayescale.inference.scales import Scales, scales_of
from bayescale.laws.law import Law
from bayescale.laws.parameters import GROUP

Array = NDArray[np.float64]
Kernel = Callable[[Array, Array], Array]

RUN_SHARE = 0.1
"""Variance of a training run's own effect, which its checkpoints share, relative to that of the local process."""

_INDUCING = 256
"""Number of inducing runs that represent both processes where there are more runs than this."""
_LEFT_OUT = 1e-3
"""Share of a process's variance over the fitted runs that as many principal components as features may leave out."""
_AHEAD = 1.1
"""Distance by which runs are moved along every input to where forecasts are made (a factor of three)."""
_MOST_LOCAL, _MOST_DRIFT = 32, 16
"""Maximum number of features of each process."""
_BLOCK = 4096
"""Number of points whose covariances with the inducing runs are held in memory at once."""

TAU, DRIFT = 0, 1
"""Kinds of features: those scaled by the amplitude of the local process, and those scaled by that of the drift."""


class Features:
    """A process of unit amplitude, written as features with standard normal coefficients, orthogonal to the level.

    There are as many features as principal components are needed at the runs, but they are chosen to describe the
    process both there and ahead of the runs: principal components of the runs alone leave out much of what the runs
    tell about larger ones, which forecasts would then count as unknown.

    Parameters
    ----------
    kernel : callable
        Covariance between two sets of points of shape (point, input).
    variance : callable
        Variance at each point.
    fitted : array, shape (run, input)
        Points over which the mean of the process is zero.
    most : int
        Maximum number of features.
    """

    def __init__(self, kernel: Kernel, variance: Callable[[Array], Array], fitted: Array, most: int) -> None:
        self._kernel, self._variance = kernel, variance
        self._inducing = fitted if len(fitted) <= _INDUCING else _spread(fitted, _INDUCING)
        spectrum, axes = np.linalg.eigh(kernel(self._inducing, self._inducing))
        spectrum, axes = spectrum[::-1].clip(0.0), axes[:, ::-1]
        left_out = spectrum.sum() - np.cumsum(spectrum)
        needed = 1 + int((left_out > _LEFT_OUT * spectrum.sum()).sum())
        sound = int((spectrum > 1e-10 * spectrum[0]).sum())
        kept = min(needed, most, sound)
        self._whitening = axes[:, :sound] / np.sqrt(spectrum[:sound])
        if kept < sound:
            ahead = self._spanned(self._inducing + _AHEAD)
            shares = np.diag(spectrum[:sound]) / spectrum.sum() + ahead.T @ ahead / np.square(ahead).sum()
            self._whitening = self._whitening @ np.linalg.eigh(shares)[1][:, ::-1][:, :kept]
        self._level = _orthogonal_to(self._spanned(fitted).mean(axis=0)) if kept else np.empty((0, 0))

    def __call__(self, points: Array) -> Array:
        """Features at points, shape (point, feature); their products are the covariance given a mean of zero.

        Points at one place get the same features to the last digit.
        """
        places, member = np.unique(points, axis=0, return_inverse=True)
        return np.asarray((self._spanned(places) @ self._level)[member])

    def left_over(self, points: Array) -> Array:
        """Covariance between points that the features leave out, shape (point, point)."""
        spanned = self._spanned(points)
        return np.asarray(self._kernel(points, points) - spanned @ spanned.T)

    def left_over_variance(self, points: Array) -> Array:
        """Variance of each point that the features leave out, shape (point,)."""
        return np.asarray(np.maximum(self._variance(points) - np.square(self._spanned(points)).sum(axis=1), 0.0))

    def _spanned(self, points: Array) -> Array:
        blocks = np.array_split(points, max(1, -(-len(points) // _BLOCK)))
        return np.concatenate([self._kernel(block, self._inducing) @ self._whitening for block in blocks])


@dataclass(frozen=True, eq=False)
class Process:
    """The prior of the discrepancy: its features at the fitted runs and at any other point.

    Parameters
    ----------
    log_inputs : array, shape (run, input)
        Natural logarithms of the law's inputs at the fitted runs.
    scales : Scales
    cluster : array, shape (run,), or None
        Label of the training run that each row is a checkpoint of; None if every row is a separate run.
    """

    log_inputs: Array
    scales: Scales
    cluster: NDArray[Any] | None = None

    @cached_property
    def local(self) -> Features:
        """Features of the local process."""
        return Features(self._local_covariance, self._local_variance, self.log_inputs, _MOST_LOCAL)

    @cached_property
    def drift(self) -> Features:
        """Features of the drift."""
        return Features(self._drift_covariance, self._drift_variance, self.log_inputs, _MOST_DRIFT)

    @cached_property
    def at_runs(self) -> Array:
        """Features at the fitted runs, including the effect of each training run, shape (run, feature)."""
        found = self.features(self.log_inputs)
        found[:, self._effects] = self.run_effects
        return found

    @cached_property
    def kinds(self) -> NDArray[np.intp]:
        """The amplitude that scales each feature, :data:`TAU` or :data:`DRIFT`, shape (feature,)."""
        n_local, n_drift = (part(self.log_inputs[:1]).shape[1] for part in (self.local, self.drift))
        return np.repeat([TAU, DRIFT], [n_local + self.run_effects.shape[1], n_drift])

    @cached_property
    def run_effects(self) -> Array:
        """Features for the effect of each training run, shape (run, training run); none if every row is a run."""
        if self.cluster is None:
            return np.empty((len(self.log_inputs), 0))
        labels, member = np.unique(self.cluster, return_inverse=True)
        return np.asarray(np.sqrt(RUN_SHARE) * self.size(self.log_inputs)[:, None] * np.eye(len(labels))[member])

    def features(self, points: Array) -> Array:
        """Features at new points, shape (point, feature); those for the effects of fitted runs are zero there."""
        effects = np.zeros((len(points), self.run_effects.shape[1]))
        return np.hstack([self.local(points), effects, self.drift(points)])

    def prior_variance(self, points: Array) -> tuple[Array, Array]:
        """Variances of the local process and of the drift before any runs, for amplitudes of 1, each of (point,)."""
        return self._local_variance(points), self._drift_variance(points)

    def size(self, log_inputs: Array) -> Array:
        """Amplitude of the local process relative to that at the largest run, shape (point,)."""
        largest = self.log_inputs.sum(axis=1).max()
        return np.asarray(np.exp(-self.scales.decay * (log_inputs.sum(axis=1) - largest)))

    def beyond(self, points: Array) -> Array:
        """Distance of points beyond the largest run, in log compute; zero up to it, shape (point,)."""
        return np.asarray(np.maximum(points.sum(axis=1) - self.log_inputs.sum(axis=1).max(), 0.0))

    @property
    def _effects(self) -> slice:
        start = self.local(self.log_inputs[:1]).shape[1]
        return slice(start, start + self.run_effects.shape[1])

    def _local_covariance(self, a: Array, b: Array) -> Array:
        return matern(a, b, self.scales.length) * self.size(a)[:, None] * self.size(b)

    def _local_variance(self, points: Array) -> Array:
        return np.asarray(np.square(self.size(points)))

    def _drift_covariance(self, a: Array, b: Array) -> Array:
        first, second = self._ahead(a), self._ahead(b)
        parts = [w * integrated_wiener(first[:, i], second[:, i]) for i, w in enumerate(self._drift_weights)]
        return np.sum(parts, axis=0)

    def _drift_variance(self, points: Array) -> Array:
        return np.asarray(self._ahead(points) ** 3 @ self._drift_weights / 3)

    def _ahead(self, points: Array) -> Array:
        """Distance of points beyond the smallest run, in log compute and in each log input; zero below it."""
        smallest = np.append(self.log_inputs.sum(axis=1).min(), self.log_inputs.min(axis=0))
        return np.asarray(np.maximum(np.column_stack([points.sum(axis=1), points]) - smallest, 0.0))

    @property
    def _drift_weights(self) -> Array:
        return np.append(1.0, np.full(self.log_inputs.shape[1], self.scales.along_inputs))


@dataclass(frozen=True, eq=False)
class Separate:
    """The processes of several groups of runs, whose discrepancies are independent of each other.

    Parameters
    ----------
    parts : tuple of Process
        One per group.
    rows : tuple of array
        Rows of each group among all fitted runs.
    """

    parts: tuple[Process, ...]
    rows: tuple[NDArray[np.intp], ...]

    @cached_property
    def at_runs(self) -> Array:
        """Features at the fitted runs, shape (run, feature); each group has its own columns."""
        found = np.zeros((sum(map(len, self.rows)), len(self.kinds)))
        for part, rows, columns in zip(self.parts, self.rows, self.columns, strict=True):
            found[rows, columns] = part.at_runs
        return found

    @cached_property
    def compact(self) -> tuple[Array, NDArray[np.intp]]:
        """Features of each run that are those of its group, and the column of each, both of shape (run, most)."""
        most = max(len(part.kinds) for part in self.parts)
        found, places = np.zeros((len(self.at_runs), most)), np.zeros((len(self.at_runs), most), dtype=np.intp)
        for part, rows, columns in zip(self.parts, self.rows, self.columns, strict=True):
            found[rows, : len(part.kinds)] = part.at_runs
            places[rows, : len(part.kinds)] = np.arange(columns.start, columns.stop)
        return found, places

    @cached_property
    def kinds(self) -> NDArray[np.intp]:
        """The amplitude that scales each feature, shape (feature,)."""
        return np.concatenate([part.kinds for part in self.parts])

    @cached_property
    def columns(self) -> tuple[slice, ...]:
        """Columns of the features of each group."""
        ends = np.cumsum([len(part.kinds) for part in self.parts])
        return tuple(slice(end - len(part.kinds), end) for part, end in zip(self.parts, ends, strict=True))


@dataclass(frozen=True, eq=False)
class Basis[P: Process | Separate]:
    """A discrepancy process, and the relative scale of the noise of the fitted runs.

    Parameters
    ----------
    process : Process or Separate
    noise_scale : array, shape (run,)
        Standard deviation of each run's noise relative to sigma.
    """

    process: P
    noise_scale: Array

    def amplitudes(self, tau: Array, drift: Array) -> Array:
        """Factor of each feature's coefficient, shape (draw, feature), from the two amplitudes, shape (draw, 1)."""
        return np.where(self.process.kinds == DRIFT, drift, tau)


def error_process(law: Law, located: Array, cluster: NDArray[Any] | None) -> Process:
    """The discrepancy process of a law for one group of runs at the given log inputs.

    Its local part shrinks as runs grow only if the link is the logarithm.
    """
    scales = scales_of(law)
    return Process(located, scales if law.link.relative else Scales(**{**vars(scales), "decay": 0.0}), cluster)


def discrepancy_basis(observed: Observed) -> Basis[Any]:
    """Features of the discrepancy, and the noise scale of each run relative to sigma."""
    law = observed.law
    if GROUP not in law.settings:
        return Basis(error_process(law, observed.located, observed.cluster), observed.noise_scale)
    codes = observed.inputs[GROUP.name]
    rows = tuple(np.flatnonzero(codes == code) for code in np.unique(codes))
    shared = observed.cluster is not None
    groups = [observed.take(each) for each in rows]
    parts = tuple(error_process(law, each.located, each.runs.clusters if shared else None) for each in groups)
    return Basis(Separate(parts, rows), observed.noise_scale)


def _orthogonal_to(direction: Array) -> Array:
    """An orthonormal basis of a direction's complement, shape (feature, feature - 1); the identity if it is zero."""
    size = np.linalg.norm(direction)
    if size < 1e-12:
        return np.eye(len(direction))
    # A Householder reflection maps the direction to an axis, which is then dropped.
    unit = direction / size
    place = int(np.abs(unit).argmax())
    mirror = unit.copy()
    mirror[place] += np.copysign(1.0, unit[place])
    reflection = np.eye(len(unit)) - 2 * np.outer(mirror, mirror) / (mirror @ mirror)
    return np.delete(reflection, place, axis=1)


def _spread(points: Array, n: int) -> Array:
    """At most n points that cover all of them: each new one is the farthest from those before (Gonzalez 1985)."""
    chosen = [int(points.sum(axis=1).argmax())]
    distance = np.square(points - points[chosen[0]]).sum(axis=1)
    while len(chosen) < n and distance.max() > 0:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.square(points - points[chosen[-1]]).sum(axis=1))
    return np.asarray(points[chosen])
