"""Bridge sampling: the log evidence from chains, which determine the posterior only up to a constant."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bayescale.sampling.mixture import StudentT

Array = NDArray[np.float64]

_DF = 5.0
_TOLERANCE = 1e-10
_MOST_STEPS = 1000


def log_evidence(density: Callable[[Array], Array], draws: Array, seed: int) -> tuple[float, float]:
    """Log marginal likelihood and its Monte Carlo standard error.

    A multivariate t is fitted to the first half of every chain; the second halves and as many draws of the t are then
    bridged by the optimal function of Meng and Wong (1996, Statistica Sinica 6:831), iterated as in Gronau et al.
    (2017, arXiv:1703.05984, eq. 15), with the relative error of Fruehwirth-Schnatter (2004,
    doi:10.1111/j.1368-423X.2004.00125.x, eq. 20).

    Parameters
    ----------
    density : callable
        Log of prior times likelihood at points of shape (point, coordinate).
    draws : array, shape (chain, draw, coordinate)
        From the posterior, on the coordinates of the density.
    seed : int

    Returns
    -------
    value, error : float
        In nats.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> value, error = log_evidence(lambda x: -0.5 * (x**2).sum(axis=1), rng.standard_normal((4, 2000, 3)), seed=1)
    >>> bool(abs(value - 1.5 * np.log(2 * np.pi)) < 4 * error), error < 0.02
    (True, True)
    """
    import arviz as az

    chains, length, dimension = draws.shape
    fitted, kept = draws[:, : length // 2].reshape(-1, dimension), draws[:, length // 2 :]
    covariance = np.atleast_2d(np.cov(fitted, rowvar=False)) * (_DF - 2) / _DF
    proposal = StudentT.from_covariance(fitted.mean(axis=0), covariance, _DF)
    points = kept.reshape(-1, dimension)
    proposed = proposal.draw(len(points), np.random.default_rng(seed))
    # Log ratios of the posterior, up to its constant, to the proposal.
    of_draws, of_proposed = (density(at) - proposal.log_density(at) for at in (points, proposed))
    effective = float(az.ess(np.exp(of_draws - of_draws.max()).reshape(chains, -1)))
    share = effective / (effective + len(proposed))

    value = float(np.median(of_draws))
    for _ in range(_MOST_STEPS):
        under = of_proposed - value - _mixed(of_proposed - value, share)
        over = -_mixed(of_draws - value, share)
        step = _mean(under) - _mean(over)
        value += step
        if abs(step) < _TOLERANCE:
            break
    under, over = np.exp(under), np.exp(over)
    independent = float(az.ess(over.reshape(chains, -1)))
    variance = under.var() / under.mean() ** 2 / len(under) + over.var() / over.mean() ** 2 / independent
    return value, float(np.sqrt(variance))


def _mixed(ratio: Array, share: float) -> Array:
    """Log of a mixture with this share of the posterior, relative to the proposal; from the log of their ratio."""
    return np.asarray(np.logaddexp(np.log(share) + ratio, np.log1p(-share)))


def _mean(logs: Array) -> float:
    """Log of the mean of exponentials."""
    return float(np.logaddexp.reduce(logs) - np.log(len(logs)))
