"""The posterior of many runs in coordinates in which it is nearly round, for NUTS.

Many runs determine what the law and the discrepancy add up to far better than either, so where a parameter moves, the
coefficients have to follow, along a curve: in the parameters themselves each draw of NUTS takes hundreds of steps.
Here coefficients are measured from what the runs leave to them given the parameters, and parameters from the mode, in
the widths of normal approximations. Both are one-to-one, so the posterior is the same.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayescale.data.observed import Observed
from bayescale.inference.model import COEFFICIENTS, Posterior
from bayescale.laws.noise import Noise
from bayescale.laws.parameters import GROUP
from bayescale.sampling.latent import MANY_RUNS, LatentDensity, Whitening
from bayescale.sampling.logdensity import LogDensity
from bayescale.sampling.modes import Density

if TYPE_CHECKING:
    import pymc as pm

_SEARCHED = 100
"""Prior draws among which starts of the search for the mode are chosen."""
_STARTS = 2.0
"""Width of the coordinates relative to the normal approximations, so that chains start dispersed: within one unit."""


def model_of_nuts(
    noise: Noise,
    observed: Observed,
    density: LogDensity,
    target: Density,
    draws: NDArray[np.float64],
    posterior: Posterior,
) -> "pm.Model":
    """The model that NUTS samples: the posterior's own, or, where many runs determine coefficients, a whitened one.

    Parameters
    ----------
    noise : Noise
    observed : Observed
    density, target : LogDensity, callable
        Of parameters and coefficients, and what importance sampling samples.
    draws : array, shape (draw, coordinate)
        From the prior: starts of the search for the mode.
    posterior : Posterior
    """
    if not isinstance(target, LatentDensity) or target.n_runs <= MANY_RUNS or GROUP in observed.law.settings:
        return posterior.model
    return whitened(posterior, noise, observed, density, target.whitening(draws[:_SEARCHED]))


def whitened(
    posterior: Posterior, noise: Noise, observed: Observed, density: LogDensity, around: Whitening
) -> "pm.Model":
    """The posterior as a model with round coordinates; its parameters and coefficients are deterministics.

    Parameters
    ----------
    posterior : Posterior
    noise : Noise
    observed : Observed
    density : LogDensity
        Of the posterior, which must have coefficients, and no parameter that is a vector.
    around : Whitening
    """
    import pymc as pm
    import pytensor.tensor as pt

    features, outcome = around.features, observed.on_link
    coords = {"run": np.arange(len(outcome)), "feature": np.arange(features.shape[1]), "coordinate": density.names}
    with pm.Model(coords=coords) as model:
        coordinates = around.location + pt.dot(_STARTS * around.root, pm.Flat("round", dims="coordinate"))
        optional = [] if posterior.df is None else [posterior.df]
        read = [posterior.location, posterior.scale, posterior.amplitudes, *optional]
        own = density.own_scale
        nodes = density.at([*own.values(), *density.terms_of(read)], coordinates, np.zeros(features.shape[1]))
        for name, value in zip(own, nodes, strict=False):
            pm.Deterministic(name, value)
        location, scale, amplitudes, *rest = nodes[len(own) :]
        # What the coefficients add, times their amplitudes: what runs leave to them, and a deviation from that.
        round_coefficients = pm.Flat("round_coefficients", dims="feature")
        scaled = pt.dot(around.gain, outcome - location) + pt.dot(_STARTS * around.spread, round_coefficients)
        coefficients = pm.Deterministic(COEFFICIENTS, scaled / amplitudes, dims="feature")
        pm.Potential("prior", sum(rest[len(optional) :]) - pt.sum(coefficients**2) / 2 - pt.log(amplitudes).sum())
        given = {"nu": rest[0]} if optional else {}
        noise.observe("outcome", location + pt.dot(features, scaled), scale, given, outcome)
    return model
