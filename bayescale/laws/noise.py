"""Noise of observed outcomes around a law, on the link's scale: its priors, likelihood and draws."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.errors import LawError
from bayescale.laws.law import Law
from bayescale.laws.parameters import Parameter, Prior, Values
from bayescale.laws.priors import with_own

Array = NDArray[np.float64]

NU = Parameter(
    name="nu",
    prior=Prior("LogNormal", mu=float(np.log(7.0)), sigma=0.5),
    meaning="degrees of freedom of the noise; small values mean heavy tails",
    reason="5-95 % 3.1-16: heavy tails, but hardly ever below 1, where the noise has no mean",
)


PRECISION = 1 / 40_000
"""Smallest noise relative to the expected noise: 1e-7 of a loss, the precision of single-precision numbers.

Without any noise in the outcomes the likelihood is unbounded, and no sampler can explore it.
"""


def sigma_parameter(law: Law) -> Parameter:
    """Scale of the noise around a law, on the link's scale."""
    known = "log loss varies by 0.002 to 0.02 between seeds" if law.link.relative else "the law's own estimate"
    return Parameter(
        name="sigma",
        prior=Prior("LogNormal", mu=float(np.log(law.scatter)), sigma=1.0),
        meaning=f"scale of the noise on the {law.scale_unit}",
        unit=law.scale_unit,
        reason=f"{known}, within a factor of five either way",
        shift=lambda xp, sampled: PRECISION * law.scatter,
    )


def excess_parameter(law: Law) -> Parameter:
    """Mean deficit of poorly tuned runs."""
    return Parameter(
        name="excess",
        prior=Prior("LogNormal", mu=float(np.log(law.scatter)), sigma=1.0),
        meaning=f"mean deficit of runs due to poor tuning, on the {law.scale_unit}",
        unit=law.scale_unit,
        reason="as large as the noise of well-tuned runs, within a factor of five either way",
    )


@dataclass(frozen=True)
class Noise:
    """A distribution of the outcome around a law's mean, both on the link's scale.

    A run's own standard error, if the table has one, adds to ``sigma`` in quadrature. For Student-t noise that sum
    is the scale of the t distribution: exact without standard errors, and conservative in the tails with them.

    Attributes
    ----------
    name : str
    """

    name: str

    def parameters(self, law: Law) -> tuple[Parameter, ...]:
        """Sampled parameters of the noise around a law."""
        beside = {"one_sided": (excess_parameter(law),), "student_t": (NU,)}.get(self.name, ())
        return tuple(with_own(each, law.priors) for each in (sigma_parameter(law), *beside))

    def observe(self, name: str, mu: Any, scale: Any, parameters: Values, observed: Any) -> Any:
        """Add the likelihood of the runs to the PyMC model in context.

        Parameters
        ----------
        name : str
            Name of the observed variable.
        mu, scale : tensor, shape (run,)
            Location and scale of each outcome, on the link's scale.
        parameters : mapping of tensors
        observed : tensor, shape (run,)
            Outcomes, on the link's scale.
        """
        import pymc as pm

        if "excess" in parameters:
            arguments = {"mu": mu, "sigma": scale, "nu": parameters["excess"]}
            return pm.ExGaussian(name, **arguments, observed=observed, dims="run")
        if "nu" in parameters:
            return pm.StudentT(name, nu=parameters["nu"], mu=mu, sigma=scale, observed=observed, dims="run")
        return pm.Normal(name, mu=mu, sigma=scale, observed=observed, dims="run")

    def draw(
        self, rng: np.random.Generator, mu: NDArray[np.float64], parameters: Values, standard_error: Any | None = None
    ) -> NDArray[np.float64]:
        """Draw outcomes around ``mu``, on the link's scale; the parameters broadcast against it."""
        shift, scale = self.draw_moments(rng, parameters, mu.shape, standard_error=standard_error)
        return np.asarray(mu + shift + scale * rng.standard_normal(mu.shape))

    def effective_variance(self, parameters: Values) -> NDArray[np.float64]:
        """Variance of the normal noise with the same information about the mean, in the shape of the parameters.

        For Student-t noise it is the inverse Fisher information of its location, ``sigma^2 (nu + 3) / (nu + 1)``
        (Lange, Little and Taylor 1989, doi:10.1080/01621459.1989.10478852): finite even if the variance is not.
        """
        variance = np.square(parameters["sigma"])
        if "excess" in parameters:
            return np.asarray(variance + np.square(parameters["excess"]))
        df = parameters.get("nu")
        return np.asarray(variance if df is None else variance * (df + 3) / (df + 1))

    def draw_moments(
        self,
        rng: np.random.Generator,
        parameters: Values,
        shape: tuple[int, ...],
        *,
        relative: Any | None = None,
        standard_error: Any | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Draw mean and standard deviation of new noise, which is normal given these two.

        Parameters
        ----------
        rng : numpy.random.Generator
        parameters : mapping of array
            Broadcast against ``shape``.
        shape : tuple of int
        relative : array_like, optional
            Noise of each run relative to sigma.
        standard_error : array_like, optional
            Standard errors of outcomes, on the link's scale, added in quadrature.
        """
        scale = np.broadcast_to(noise_of_runs(parameters["sigma"], relative, standard_error), shape)
        if "excess" in parameters:
            return parameters["excess"] * rng.standard_exponential(shape), np.asarray(scale)
        df = parameters.get("nu")
        if df is None:
            return np.zeros(shape), np.asarray(scale)
        return np.zeros(shape), np.asarray(scale * np.sqrt(df / rng.chisquare(np.broadcast_to(df, shape))))


def noise_of_runs(sigma: Any, relative: Any | None = None, standard_error: Any | None = None) -> Any:
    """Scale of each run's noise: sigma, times its relative noise, and its standard error in quadrature."""
    scaled = sigma if relative is None else sigma * relative
    return scaled if standard_error is None else (scaled**2 + standard_error**2) ** 0.5


NOISES = {name: Noise(name) for name in ("student_t", "normal", "one_sided")}


def noise_by_name(name: str) -> Noise:
    """Look up a noise distribution.

    Parameters
    ----------
    name : {"student_t", "normal", "one_sided"}
        ``one_sided`` is normal noise plus an exponential deficit, because poor tuning only makes runs worse. The law
        then describes well-tuned runs.

    Raises
    ------
    LawError
        If there is no noise of that name.

    Examples
    --------
    >>> from bayescale import load_law
    >>> [parameter.name for parameter in noise_by_name("student_t").parameters(load_law("chinchilla"))]
    ['sigma', 'nu']
    """
    if name not in NOISES:
        raise LawError(f"unknown noise {name!r}: choose one of {', '.join(NOISES)}")
    return NOISES[name]


FEWEST_TOKENS = 0.005
"""Tokens per parameter below which there are no published runs, so their noise is unknown."""


def noise_scale(inputs: Any) -> Array:
    """Relative noise of runs: larger below five tokens per parameter, where runs scatter three times as much.

    It stops growing at :data:`FEWEST_TOKENS`, below which there are no published runs.
    """
    if {"N", "D"} <= inputs.keys():
        return np.asarray(np.clip(5.0 * inputs["N"] / inputs["D"], 1.0, 5.0 / FEWEST_TOKENS) ** 0.7)
    return np.ones_like(next(iter(inputs.values())))
