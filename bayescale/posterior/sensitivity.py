"""Prior sensitivity: how much a conclusion moves when the prior, or the likelihood, is made slightly stronger.

Power scaling raises one of the two to a power near one, by reweighting the existing draws (Kallioinen et al. 2024,
doi:10.1007/s11222-023-10366-5). The runs should move a conclusion; if only the prior moves it, it is the prior's
conclusion.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SENSITIVE = 0.05
"""Sensitivity above which a conclusion depends on the component (Kallioinen et al. 2024)."""

_POWERS = (0.99, 1.01)


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Sensitivity of quantities to the prior and to the likelihood, each of shape (quantity,)."""

    prior: Array
    likelihood: Array

    @property
    def is_priors(self) -> NDArray[np.bool_]:
        """Whether the prior moves a quantity, and moves it more than the runs do."""
        return (self.prior > SENSITIVE) & (self.prior > self.likelihood)


def follows_prior(found: Mapping[str, Sensitivity], names: Sequence[str]) -> tuple[str, ...]:
    """A warning, under the given name, for each quantity that follows the prior more than the runs.

    Parameters
    ----------
    found : mapping of Sensitivity
        By law; the laws are named if there are several.
    names : sequence of str
        What people read of each quantity.
    """
    told = []
    for quantity, name in enumerate(names):
        parts = [
            f"{each.prior[quantity]:.2f} to the prior, {each.likelihood[quantity]:.2f} to the runs"
            + (f" in {law}" if len(found) > 1 else "")
            for law, each in found.items()
            if each.is_priors[quantity]
        ]
        if parts:
            told.append(
                f"{name} follows the prior more than the runs (power-scaling sensitivity {'; '.join(parts)}): state "
                "your own prior, or add runs that bear on it"
            )
    return tuple(told)


def sensitivity(draws: Array, log_prior: Array, log_likelihood: Array) -> Sensitivity:
    """Sensitivity of quantities to prior and likelihood.

    Parameters
    ----------
    draws : array, shape (sample, quantity)
    log_prior, log_likelihood : array, shape (sample,)
        Log densities of the draws; that of the prior on the parameters' own scale, without a Jacobian.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> mean = rng.normal(size=4000)  # prior N(0, 1), and runs that say nothing
    >>> found = sensitivity(mean[:, None], -0.5 * mean**2, np.zeros(4000))
    >>> bool(found.is_priors[0]), bool(found.prior[0] > SENSITIVE)
    (True, True)
    """
    return Sensitivity(power_scaling(draws, log_prior), power_scaling(draws, log_likelihood))


def power_scaling(draws: Array, log_component: Array) -> Array:
    """Gradient of the distance to the reweighted draws with respect to the power of a component, shape (quantity,).

    Parameters
    ----------
    draws : array, shape (sample, quantity)
    log_component : array, shape (sample,)
        Log density of the component that is made stronger and weaker.
    """
    slopes = []
    for power in _POWERS:
        log_weights = (power - 1) * (log_component - log_component.mean())
        weights = np.exp(log_weights - log_weights.max())
        distance = np.maximum(_distances(draws, weights), _distances(-draws, weights))
        slopes.append(distance / abs(np.log2(power)))
    return np.asarray(np.mean(slopes, axis=0))


def _distances(draws: Array, weights: Array) -> Array:
    """Cumulative Jensen-Shannon distance of each quantity's draws to the weighted ones (Nguyen and Vreeken 2015)."""
    order = np.argsort(draws, axis=0)
    widths = np.diff(np.take_along_axis(draws, order, axis=0), axis=0)
    n = len(draws)
    p = (np.arange(1, n) / n)[:, None]
    q = (np.cumsum(weights[order], axis=0) / weights.sum())[:-1]
    middle = np.log2((p + q) / 2)
    p_area, q_area = (np.sum(widths * f, axis=0) for f in (p, q))
    excess = (q_area - p_area) / (2 * np.log(2))
    from_p = np.sum(widths * p * (np.log2(p) - middle), axis=0) + excess
    from_q = np.sum(widths * q * (np.log2(q) - middle), axis=0) - excess
    total = np.maximum(from_p, 0.0) + np.maximum(from_q, 0.0)
    return np.asarray(np.sqrt(total / np.maximum(p_area + q_area, 1e-300)))
