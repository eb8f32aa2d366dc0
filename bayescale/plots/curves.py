"""Compute-optimal runs along a grid of budgets, each draw one smooth function of the budget."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayescale.planning.allocation import optimum_draws
from bayescale.posterior.curves import with_one_luck
from bayescale.posterior.ensembles import Posterior, first_fit, joined, members, reach_of

BUDGETS = 40
"""Budgets of a curve: as many as share one draw of the model discrepancy."""


def optima_along(fit: Posterior, low: float, high: float, *, seed: int = 0) -> xr.Dataset:
    """Draws of the compute-optimal run from one budget to another, as of :func:`bayescale.optimum`; dim budget."""
    budgets: NDArray[np.float64] = np.geomspace(low, high, BUDGETS)
    each = {}
    for name, member in members(fit).items():
        draws = optimum_draws(member, budgets, seed=seed)
        inputs = {key: draws[key].to_numpy().reshape(-1, BUDGETS) for key in ("N", "D")}
        each[name] = draws.assign(loss=with_one_luck(member, inputs, draws["latent"], seed))
    return joined(fit, each, reach_of(first_fit(fit), {"C": budgets}), seed)
