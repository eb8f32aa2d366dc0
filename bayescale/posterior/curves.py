"""Outcomes along a curve of runs: each draw is one smooth function, so that bands along the curve are smooth too.

At each point the draws are those of a forecast. Only their noise differs: a draw has the same luck all along the curve,
where forecasts of several runs have the luck of several runs.
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.posterior.ensembles import Posterior, first_fit, joined, members, reach_of
from bayescale.posterior.fit import Fit
from bayescale.posterior.forecasting import forecast
from bayescale.posterior.parts import add_noise
from bayescale.posterior.points import checked_points

Array = NDArray[np.float64]


def outcomes_along(fit: Posterior, *, seed: int = 0, **inputs: ArrayLike) -> xr.Dataset:
    """Draws of the outcome along a curve of runs.

    Parameters
    ----------
    fit : Fit or Ensemble
    seed : int
    **inputs : array_like, shape (point,) or scalar
        The law's inputs by name, as for :func:`bayescale.forecast`.

    Returns
    -------
    xarray.Dataset
        Variables ``latent`` and ``predictive``, dims chain, draw and point.

    Examples
    --------
    >>> from bayescale import fit
    >>> drawn = outcomes_along(fit("chinchilla", "chinchilla"), N=np.geomspace(1e9, 1e11, 50), D=2e11)
    >>> upper = np.log(drawn["predictive"].quantile(0.95, dim=("chain", "draw")))
    >>> bool(np.abs(upper.diff("point", n=2)).max() < 0.005)
    True
    """
    points = checked_points(fit, inputs)
    each = {}
    for name, member in members(fit).items():
        draws = forecast(member, seed=seed, **inputs).draws
        each[name] = draws.assign(predictive=with_one_luck(member, points, draws["latent"], seed))
    return joined(fit, each, reach_of(first_fit(fit), points), seed)


def with_one_luck(fit: Fit, inputs: Mapping[str, Array], latent: xr.DataArray, seed: int) -> xr.DataArray:
    """Outcomes of new runs around draws of their mean, where a draw has the same quantile of the noise at every point.

    Parameters
    ----------
    fit : Fit
    inputs : mapping of array, shape (point,) or (sample, point)
    latent : xarray.DataArray
        Dims chain, draw and one more.
    seed : int
    """
    link, n = fit.law.link, latent.shape[-1]
    on_link = np.asarray(link.forward(np, latent.to_numpy().reshape(-1, n)))
    noisy = [
        # The same seed at every point gives a draw the same random numbers there.
        add_noise(fit, {k: v[..., [i]] for k, v in inputs.items()}, on_link[:, [i]], np.random.default_rng([seed, 1]))
        for i in range(n)
    ]
    return latent.copy(data=fit.in_chains(np.asarray(link.inverse(np.hstack(noisy)))))
