"""How observed outcomes scatter around a law: the noise on the log outcome, its priors and its draws."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescale.errors import LawError
from bayescale.law import Parameter, Prior, Values

SIGMA = Parameter(
    name="sigma",
    prior=Prior("LogNormal", mu=float(np.log(0.004)), sigma=1.0),
    meaning="scale of the noise on the log outcome",
    unit="log outcome",
    reason="repeated seeds scatter log loss by 0.002 to 0.02",
)
NU = Parameter(
    name="nu",
    prior=Prior("LogNormal", mu=float(np.log(7.0)), sigma=0.5),
    meaning="degrees of freedom of the noise; small is heavy-tailed",
    reason="5-95 % 3.1-16: heavy tails, but hardly ever below 1, where noise has no mean and a band no end",
)


EXCESS = Parameter(
    name="excess",
    prior=Prior("LogNormal", mu=float(np.log(0.004)), sigma=1.0),
    meaning="mean of what runs lose by poor tuning, on the log outcome",
    unit="log outcome",
    reason="as large as the noise of well-tuned runs, give or take a factor of five",
)


@dataclass(frozen=True, eq=False)
class Noise:
    """A distribution of the log outcome around the log of a law's mean.

    A run's own standard error, where the table has one, adds to ``sigma`` in quadrature. For Student-t noise that sum
    is the scale of the t: exact for no standard errors, and conservative in the tails otherwise.

    Attributes
    ----------
    name : str
    parameters : tuple of Parameter
    df : float or None
        Degrees of freedom of Student-t noise where they are not a parameter.
    """

    name: str
    parameters: tuple[Parameter, ...]
    df: float | None = None

    def observe(self, name: str, mu: Any, parameters: Values, standard_error: Any | None, observed: Any) -> Any:
        """Add the likelihood of the runs to the PyMC model in context.

        Parameters
        ----------
        name : str
            Name of the observed variable.
        mu : tensor, shape (run,)
            Log of the law's mean.
        parameters : mapping of tensors
        standard_error : tensor, shape (run,), or None
            Standard error of each log outcome.
        observed : tensor, shape (run,)
            Log outcomes.
        """
        import pymc as pm

        scale = _scale(parameters["sigma"], standard_error)
        if "excess" in parameters:
            arguments = {"mu": mu, "sigma": scale, "nu": parameters["excess"]}
            return pm.ExGaussian(name, **arguments, observed=observed, dims="run")
        if "nu" in parameters:
            return pm.StudentT(name, nu=parameters["nu"], mu=mu, sigma=scale, observed=observed, dims="run")
        return pm.Normal(name, mu=mu, sigma=scale, observed=observed, dims="run")

    def draw(
        self, rng: np.random.Generator, mu: NDArray[np.float64], parameters: Values, standard_error: Any | None = None
    ) -> NDArray[np.float64]:
        """Draw log outcomes around ``mu``; the parameters broadcast against it."""
        shift, scale = self.draw_moments(rng, parameters, mu.shape, standard_error)
        return np.asarray(mu + shift + scale * rng.standard_normal(mu.shape))

    def draw_moments(
        self, rng: np.random.Generator, parameters: Values, shape: tuple[int, ...], standard_error: Any | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Draw mean and standard deviation of new noise: given them it is normal, and over them it is this noise.

        Parameters
        ----------
        rng : numpy.random.Generator
        parameters : mapping of array
            Broadcast against ``shape``.
        shape : tuple of int
        standard_error : array_like, optional
            Standard errors of log outcomes, added in quadrature.
        """
        scale = np.broadcast_to(_scale(parameters["sigma"], standard_error), shape)
        if "excess" in parameters:
            return parameters["excess"] * rng.standard_exponential(shape), np.asarray(scale)
        df = parameters.get("nu", self.df)
        if df is None:
            return np.zeros(shape), np.asarray(scale)
        return np.zeros(shape), np.asarray(scale * np.sqrt(df / rng.chisquare(np.broadcast_to(df, shape))))


def _scale(sigma: Any, standard_error: Any | None) -> Any:
    return sigma if standard_error is None else (sigma**2 + standard_error**2) ** 0.5


NOISES = {
    "student_t": Noise("student_t", (SIGMA, NU)),
    "normal": Noise("normal", (SIGMA,)),
    "one_sided": Noise("one_sided", (SIGMA, EXCESS)),
}


@functools.cache
def noise_by_name(name: str, *, df: float | None = None) -> Noise:
    """Look up a noise distribution.

    Parameters
    ----------
    name : {"student_t", "normal", "one_sided"}
        ``one_sided`` is normal noise and an exponential loss on top: under-tuned runs only ever lose. The law is then
        what well-tuned runs reach.
    df : float, optional
        Fixes the degrees of freedom of Student-t noise, which are a parameter otherwise.

    Raises
    ------
    LawError
        If there is none of that name.

    Examples
    --------
    >>> [parameter.name for parameter in noise_by_name("student_t").parameters]
    ['sigma', 'nu']
    """
    if name not in NOISES:
        raise LawError(f"unknown noise {name!r}: choose one of {', '.join(NOISES)}")
    return Noise(name, (SIGMA,), df) if name == "student_t" and df is not None else NOISES[name]
