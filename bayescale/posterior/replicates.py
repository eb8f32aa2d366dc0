"""Posterior and prior predictive replicates of the fitted runs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.intervals import numbered
from bayescale.inference.discrepancy import DRIFT
from bayescale.posterior.fit import Fit, with_group

Array = NDArray[np.float64]


def with_posterior_predictive(fitted: Fit, seed: int = 0) -> Fit:
    """Add the group ``posterior_predictive``: replicated outcomes of the fitted runs, by chain, draw and run.

    Parameters
    ----------
    fitted : Fit
    seed : int
        Seed of the noise; the same seed gives the same replicates.

    Returns
    -------
    Fit

    Examples
    --------
    >>> from bayescale import fit
    >>> extended = with_posterior_predictive(fit("chinchilla", "chinchilla", draws=50))
    >>> extended.groups["posterior_predictive"]["loss"].shape
    (4, 50, 240)
    """
    mean = fitted.on_link - fitted.residuals()
    if fitted.basis is not None:
        mean = mean + fitted.conditional.at_runs
    values = _replicated(fitted, mean, fitted.columns, np.random.default_rng(seed))
    return with_group(fitted, "posterior_predictive", values, numbered("run", fitted.record.n_runs))


def with_prior_predictive(fitted: Fit, seed: int = 0) -> Fit:
    """Add the group ``prior_predictive``: outcomes at the inputs of the fitted runs, drawn from the priors alone.

    Parameters
    ----------
    fitted : Fit
    seed : int
        Seed of the model discrepancy and the noise; the same seed gives the same outcomes.

    Returns
    -------
    Fit

    Examples
    --------
    >>> from bayescale import fit
    >>> extended = with_prior_predictive(fit("chinchilla", "chinchilla", draws=50))
    >>> extended.groups["prior_predictive"]["loss"].dims
    ('chain', 'draw', 'run')
    """
    rng, law, prior = np.random.default_rng(seed), fitted.law, fitted.groups["prior"].to_dataset()
    columns = {str(name): values.to_numpy().reshape(-1, 1) for name, values in prior.data_vars.items()}
    with np.errstate(all="ignore"):
        mean = np.asarray(law.link.forward(np, law.mean(np, fitted.inputs, columns)))
    if fitted.basis is not None:
        process = fitted.basis.process
        amplitudes = np.where(process.kinds == DRIFT, columns["drift"], columns["tau"])
        mean = mean + (amplitudes * rng.standard_normal(amplitudes.shape)) @ process.at_runs.T
    values = _replicated(fitted, mean, columns, rng)
    return with_group(fitted, "prior_predictive", values, numbered("run", fitted.record.n_runs))


def _replicated(fitted: Fit, mean: Array, columns: dict[str, Array], rng: np.random.Generator) -> Array:
    """Outcomes around means on the link's scale, with the fitted runs' measurement errors, shape (sample, run)."""
    relative = None if fitted.basis is None else fitted.basis.noise_scale
    standard_error = fitted.observed.standard_error
    asked: dict[str, Any] = {"relative": relative, "standard_error": standard_error}
    shift, scale = fitted.noise.draw_moments(rng, columns, mean.shape, **asked)
    return np.asarray(fitted.law.link.inverse(mean + shift + scale * rng.standard_normal(mean.shape)))
