"""The posterior of the discrepancy: what the runs tell of it at new points, and what they leave open."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.kernels import integrated_wiener
from bayescale.inference.discrepancy import RUN_SHARE, Process

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Conditional:
    """The posterior of the discrepancy: draws of the coefficients of its features.

    In some draws a further drift starts at the largest run: a change beyond the runs that nothing in them announces.

    Attributes
    ----------
    process : Process
    coefficients : array, shape (draw, feature)
        Multiplied by the amplitudes, so on the link's scale.
    tau, drift : array, shape (draw, 1)
        Amplitudes, which also scale the part of the process that the features leave out.
    """

    process: Process
    coefficients: Array
    tau: Array
    drift: Array

    @property
    def at_runs(self) -> Array:
        """The discrepancy at the fitted runs, including the effects of training runs, shape (draw, run)."""
        return np.asarray(self.coefficients @ self.process.at_runs.T)

    def moments(self, log_inputs: Array) -> tuple[Array, Array]:
        """Mean and variance of the discrepancy at points of shape (point, input); each of shape (draw, point)."""
        mean = self.coefficients @ self.process.features(log_inputs).T
        local, drift = (part.left_over_variance(log_inputs) for part in (self.process.local, self.process.drift))
        changed = np.square(self.change) * self.process.beyond(log_inputs) ** 3 / 3
        return mean, np.square(self.tau) * local + np.square(self.drift) * drift + changed

    def covariance(self, log_inputs: Array) -> Array:
        """Covariance between points, averaged over the draws, around the means of :meth:`moments`."""
        parts = [np.square(amplitude).mean() * covariance(log_inputs) for amplitude, covariance in self._parts()]
        return np.sum(parts, axis=0)

    def joint_covariance(self, log_inputs: Array) -> Array:
        """Covariance between the rows of one new training run, including its effect, shape (draw, point, point)."""
        size = self.process.size(log_inputs)
        own = np.broadcast_to(self.run_share, self.tau.shape)[:, :, None] * np.multiply.outer(size, size)
        parts = (np.square(amplitude)[:, :, None] * covariance(log_inputs) for amplitude, covariance in self._parts())
        return np.asarray(sum(parts) + own)

    def draw(self, log_inputs: Array, rng: np.random.Generator) -> Array:
        """Joint draws of the discrepancy at points, one function per draw, shape (draw, point)."""
        found = self.coefficients @ self.process.features(log_inputs).T
        for amplitude, covariance in self._parts():
            root = _low_rank_root(covariance(log_inputs))
            found += amplitude * (rng.standard_normal((len(found), root.shape[1])) @ root.T)
        return np.asarray(found)

    @cached_property
    def change(self) -> Array:
        """Amplitude of the drift that starts at the largest run, shape (draw, 1); zero in most draws.

        It is the draw's own drift times a constant, in a fixed share of the draws.
        """
        scales, n = self.process.scales, len(self.drift)
        order = np.random.default_rng(_STREAM).permutation(n)[:, None]
        return np.where(order < scales.change * n, scales.change_factor * self.drift, 0.0)

    def _parts(self) -> Iterator[tuple[Array, Callable[[Array], Array]]]:
        """Amplitudes of what the features leave open, and its covariance between points for an amplitude of 1."""
        yield self.tau, self.process.local.left_over
        yield self.drift, self.process.drift.left_over
        if self.change.any():
            yield self.change, self._changed

    def _changed(self, log_inputs: Array) -> Array:
        """Covariance between points of a drift that starts at the largest run, for an amplitude of 1."""
        beyond = self.process.beyond(log_inputs)
        return integrated_wiener(beyond, beyond)

    @property
    def run_share(self) -> Array:
        """Variance of a new run's own effect at the size of the largest run, shape (draw, 1); zero without clusters."""
        return (0.0 if self.process.cluster is None else RUN_SHARE) * np.square(self.tau)

    def run_variance(self, log_inputs: Array) -> Array:
        """Variance of a new run's own effect at points, shape (draw, point)."""
        return np.asarray(self.run_share * np.square(self.process.size(log_inputs)))


_STREAM = 83
"""Seed of which draws change: the same for all answers from one fit."""


def _low_rank_root(covariance: Array) -> Array:
    """A matrix whose product with its transpose equals a covariance up to rounding, by pivoted Cholesky.

    The part of a smooth process that its features leave out has low rank. Pivoted Cholesky stops there; an
    eigendecomposition would not.
    """
    if len(covariance) == 1:
        return np.sqrt(covariance[:, covariance[0] > 0])  # without SciPy, whose import takes longer than a forecast
    from scipy.linalg.lapack import dpstrf

    least = 1e-8 * max(np.diag(covariance).max(initial=0.0), 1e-300)
    factor, order, rank, _ = dpstrf(covariance, tol=least, lower=1)
    root = np.zeros((len(covariance), rank))
    root[order - 1] = np.tril(factor)[:, :rank]
    return root
