"""Priors from quantiles: what a user believes, as a distribution."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.basics.errors import LawError
from bayescale.laws.parameters import Prior, is_number
from bayescale.laws.priors import DISTRIBUTIONS

if TYPE_CHECKING:
    from scipy.stats import rv_continuous


def elicit(distribution: str, quantiles: Mapping[float, float]) -> Prior:
    """The prior of a family that has two given quantiles.

    Parameters
    ----------
    distribution : {"Normal", "LogNormal", "LogitNormal", "Beta", "Gamma", "InverseGamma", "Uniform"}
    quantiles : mapping of float
        Two values, by the probability that the quantity is below each.

    Returns
    -------
    Prior

    Raises
    ------
    LawError
        If the family is unknown, or no distribution of it has these quantiles.

    Examples
    --------
    >>> print(elicit("LogNormal", {0.05: 1.4, 0.95: 1.9}))
    LogNormal(mu=0.4892, sigma=0.09283)
    >>> print(elicit("Beta", {0.05: 0.4, 0.95: 0.6}))
    Beta(alpha=33.39, beta=33.39)
    """
    if distribution not in (*_LOCATED, *_SHAPED, "Uniform"):
        raise LawError(
            f"elicit: {distribution!r} is not determined by two quantiles: choose one of "
            f"{', '.join((*_LOCATED, *_SHAPED, 'Uniform'))}"
        )
    (low, least), (high, most) = _checked(distribution, quantiles)
    if distribution == "Uniform":
        width = (most - least) / (high - low)
        return Prior("Uniform", lower=least - low * width, upper=least + (1 - low) * width)
    if distribution in _LOCATED:
        from scipy.stats import norm

        ends, places = _LOCATED[distribution](np.array([least, most])), norm.ppf([low, high])
        sigma = float(np.diff(ends)[0] / np.diff(places)[0])
        return Prior(distribution, mu=float(ends[0] - sigma * places[0]), sigma=sigma)
    return _shaped(distribution, np.array([low, high]), np.array([least, most]))


_LOCATED: Mapping[str, Callable[[Any], Any]] = {
    "Normal": lambda values: values,
    "LogNormal": np.log,
    "LogitNormal": lambda values: np.log(values / (1 - values)),
}
"""Families that are normal on some scale."""

_SHAPED = ("Beta", "Gamma", "InverseGamma")


def _checked(distribution: str, quantiles: Mapping[float, float]) -> list[tuple[float, float]]:
    """Two quantiles in order."""
    if not isinstance(quantiles, Mapping) or len(quantiles) != 2:
        raise LawError(f"elicit: {quantiles!r} are not two quantiles: write {{0.05: 1.4, 0.95: 1.9}}")
    found = sorted(quantiles.items())
    low, high = DISTRIBUTIONS[distribution].support
    for probability, value in found:
        if not is_number(probability) or not 0 < probability < 1:
            raise LawError(
                f"elicit: {probability!r} is no probability of being below a value: give one between 0 and 1"
            )
        if not is_number(value) or not low < value < high:
            raise LawError(f"elicit: {value!r} is no value of a {distribution}: give one between {low:g} and {high:g}")
    if found[0][1] >= found[1][1]:
        raise LawError(
            f"elicit: the {found[0][0]:g} quantile, {found[0][1]:g}, must be below the other, {found[1][1]:g}"
        )
    return found


def _shaped(distribution: str, probabilities: Any, values: Any) -> Prior:
    from scipy import stats
    from scipy.optimize import root

    def family(shape: float, rate: float) -> "rv_continuous":
        if distribution == "Beta":
            return stats.beta(shape, rate)
        return stats.gamma(shape, scale=1 / rate) if distribution == "Gamma" else stats.invgamma(shape, scale=rate)

    scale = (lambda p: np.log(p / (1 - p))) if distribution == "Beta" else np.log
    ends, places = scale(values), stats.norm.ppf(probabilities)
    spread = np.diff(ends)[0] / np.diff(places)[0]
    middle = float(np.exp(ends[0] - spread * places[0]))
    size = 1 / spread**2
    starts = {"Beta": (4 * size * middle / (1 + middle), 4 * size / (1 + middle)), "Gamma": (size, size / middle)}
    start = starts.get(distribution, (size, size * middle))
    # Quantiles in place of probabilities, whose tails are flat.
    found = root(lambda logs: scale(family(*np.exp(logs)).ppf(probabilities)) - ends, np.log(start))
    if not found.success or not np.allclose(family(*np.exp(found.x)).ppf(probabilities), values, rtol=1e-6):
        raise LawError(f"elicit: no {distribution} was found with these quantiles: try LogNormal or Normal")
    alpha, beta = np.exp(found.x).tolist()
    return Prior(distribution, alpha=alpha, beta=beta)
