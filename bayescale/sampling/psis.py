"""Pareto smoothing of importance weights and its diagnostic k-hat (Vehtari et al. 2024, arXiv:1507.02646)."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def smooth_weights(log_weights: Array) -> tuple[Array, float]:
    """Normalised weights with a Pareto-smoothed upper tail, and the tail's shape k-hat.

    Parameters
    ----------
    log_weights : array, shape (draw,)
        Log of target over proposal; minus infinity is allowed.

    Returns
    -------
    weights : array, shape (draw,)
        Smoothed weights, which sum to one.
    k_hat : float
        Estimates are reliable if it is below 0.7. Infinity if the tail holds fewer than five distinct weights that
        are larger than the rest, minus infinity if all weights are equal.
    """
    weights = np.exp(log_weights - log_weights.max())
    if np.ptp(weights) == 0:
        return np.full(len(weights), 1 / len(weights)), -np.inf
    n_tail = int(np.ceil(min(0.2 * len(weights), 3 * np.sqrt(len(weights)))))
    order = np.argsort(weights)
    tail = order[-n_tail:]
    threshold = weights[order[-n_tail - 1]]
    exceedances = weights[tail] - threshold
    if np.count_nonzero(exceedances > 0) < 5:
        return weights / weights.sum(), np.inf
    k, scale = _fit_generalised_pareto(exceedances[exceedances > 0])
    probabilities = (np.arange(n_tail) + 0.5) / n_tail
    with np.errstate(over="ignore"):  # of a tail so heavy that its weights are cut to the largest anyway
        excess = (
            -np.log1p(-probabilities) * scale if abs(k) < 1e-12 else scale * np.expm1(-k * np.log1p(-probabilities)) / k
        )
    smoothed = weights.copy()
    smoothed[tail] = np.minimum(threshold + excess, 1.0)
    return smoothed / smoothed.sum(), k


def _fit_generalised_pareto(sorted_exceedances: Array) -> tuple[float, float]:
    """Shape and scale by Zhang and Stephens 2009, doi:10.1198/tech.2009.08017, with the shape's weak prior of PSIS."""
    x, n = sorted_exceedances, len(sorted_exceedances)
    m = 30 + int(np.sqrt(n))
    quartile = x[int(n / 4 + 0.5) - 1]
    grid = 1 / x[-1] + (1 - np.sqrt(m / (np.arange(m) + 0.5))) / (3 * quartile)
    shapes = np.log1p(-grid[:, None] * x).mean(axis=1)
    log_likelihood = n * (np.log(-grid / shapes) - shapes - 1)
    posterior = np.exp(log_likelihood - log_likelihood.max())
    theta = float(grid @ posterior / posterior.sum())
    shape = float(np.log1p(-theta * x).mean())
    return (n * shape + 5) / (n + 10), -shape / theta
