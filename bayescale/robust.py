"""Weights that keep outlying runs from steering a fit whose discrepancy is integrated out.

Integrating the discrepancy out needs normal noise. Student-t noise is normal given a scale per run, so a first pass
finds those scales at the mode (iteratively reweighted least squares, Lange, Little and Taylor 1989,
doi:10.1080/01621459.1989.10478852) and the fit proper takes them as given. Standard errors that a table gives for its
outcomes become part of those scales in the same pass, relative to sigma at the mode.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayescale.discrepancy import Basis
from bayescale.law import Law
from bayescale.noise import Noise
from bayescale.observations import link_outcome, link_standard_error
from bayescale.posterior import set_basis
from bayescale.runs import Runs, law_inputs
from bayescale.sampling.modes import best_starts, find_modes

if TYPE_CHECKING:
    import pymc as pm

    from bayescale.sampling.logdensity import LogDensity

Array = NDArray[np.float64]

PASSES = 3
STARTS = 4


def with_noise_scales(
    law: Law, runs: Runs, noise: Noise, model: "pm.Model", density: "LogDensity", basis: Basis[Any], prior_draws: Array
) -> Basis[Any]:
    """The basis with each run's noise scaled by its standard error and by how far it lies from law and discrepancy.

    Parameters
    ----------
    law : Law
    runs : Runs
    noise : Noise
        Only Student-t noise scales runs by their distance.
    model : pymc.Model
        Left with the new basis set.
    density : LogDensity
        Of the model.
    basis : Basis[Any]
        With the noise scales that the runs have before they are looked at.
    prior_draws : array, shape (draw, coordinate)
        Where the search for the mode starts.
    """
    before, error = basis.noise_scale, link_standard_error(law, runs)
    if noise.df is None and error is None:
        return basis
    points = best_starts(density, prior_draws, STARTS)
    for _ in range(PASSES):
        mode = find_modes(density, points)[0].location[None]
        sigma = density.parameters(mode)["sigma"]
        left = _residuals(law, runs, density, basis, mode)
        basis = Basis(basis.process, noise_scales(noise, before, None if error is None else error / sigma, left))
        set_basis(model, basis)
        points = mode
    return basis


def noise_scales(noise: Noise, before: Array, error: Array | None, left: Array) -> Array:
    """Noise scale of each run from what it was before, its standard error, and what law and discrepancy leave of it.

    All are of shape (run,), and the last two over sigma.
    """
    scale = before if error is None else np.hypot(before, error)
    if noise.df is None:
        return scale
    return np.asarray(scale * np.sqrt((noise.df + np.square(left / scale)) / (noise.df + 1)))


def _residuals(law: Law, runs: Runs, density: "LogDensity", basis: Basis[Any], mode: Array) -> Array:
    """What the law and its discrepancy leave of each outcome at the mode, on the link scale and over sigma."""
    parameters = density.parameters(mode)
    column = {name: values[:, None] for name, values in parameters.items()}
    residuals = link_outcome(law, runs) - law.link.forward(np, law.mean(np, law_inputs(law, runs), column))
    conditional = basis.condition(basis.rotate(residuals), parameters["sigma"], parameters["tau"])
    return np.asarray((residuals - conditional.mean_at_runs)[0] / parameters["sigma"])
