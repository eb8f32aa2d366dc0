"""The compute-optimal run for money: what dollars buy is as uncertain as prices, and that reaches N*, D* and loss."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.intervals import SAMPLE_DIMS, numbered
from bayescale.basics.quantities import format_quantity
from bayescale.planning.allocation import SHOWN, attributes_of, optimum_draws, through_both, two_inputs
from bayescale.planning.answers import Answer
from bayescale.planning.costs import Cost
from bayescale.posterior.ensembles import Posterior, first_fit, joined, members, reach_of
from bayescale.posterior.fit import Fit
from bayescale.posterior.parts import add_noise, interpolated, link_mean
from bayescale.posterior.reach import READ, compute_warnings, prior_warnings, second_step_warnings
from bayescale.posterior.steps import Steps

Array = NDArray[np.float64]

_STEP, _MOST = 0.5, 40
"""E-folds of compute between budgets at which the optimum is found, and the most such budgets."""


def optimum_for(fit: Posterior, dollars: ArrayLike, cost: Cost | None = None, *, seed: int = 0) -> Answer:
    """Compute-optimal N and D for money, with the uncertainty of the law, its error, and what a dollar buys.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D.
    dollars : array_like, shape (budget,) or scalar
    cost : Cost, optional
        By default an H100 at public prices.
    seed : int
        Of the noise and of the prices.

    Returns
    -------
    Answer
        By ``dollars``: ``C`` (FLOP), and ``N``, ``D``, ``tokens_per_parameter``, ``loss`` (with noise) and ``latent``
        of the compute-optimal run there. Dims chain, draw and budget.

    Raises
    ------
    LawError
        If the law does not read N and D.
    QuantityError
        If a sum is not positive and finite, or does not pay for the study.

    Examples
    --------
    >>> from bayescale import fit
    >>> best = optimum_for(fit("chinchilla", "chinchilla", discrepancy=False), 5e6)
    >>> best.summary()["quantity"].tolist()
    ['C', 'loss', 'N', 'D', 'tokens_per_parameter']
    """
    prices = cost or Cost()
    two_inputs(first_fit(fit).law)
    n = len(next(iter(first_fit(fit).parameters.values())))
    bought = prices.paired(n, seed).compute(dollars)
    places = [f"for {format_quantity(each)} dollars" for each in bought["dollars"].to_numpy()]
    draws, warnings = optimum_at(fit, bought, places, seed=seed)
    return Answer(
        question="Compute-optimal runs for money",
        draws=draws,
        warnings=warnings,
        notes=(*fit.notes, prices.note),
        by="dollars",
        shown=("C", *SHOWN),
    )


def optimum_at(
    fit: Posterior, compute: xr.DataArray, places: Sequence[str], *, seed: int = 0
) -> tuple[xr.Dataset, tuple[str, ...]]:
    """Compute-optimal N and D at compute that is itself uncertain.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D.
    compute : xarray.DataArray
        FLOP; dims draw, as many as the posterior has in all its chains, and budget. Coordinates of ``budget`` are kept.
    places : sequence of str
        What to call each budget in warnings, such as ``"for 1M dollars"``.
    seed : int
        Of the noise.

    Returns
    -------
    draws : xarray.Dataset
        As of :func:`optimum_for`.
    warnings : tuple of str
    """
    values = compute.to_numpy()
    coords = {name: coord for name, coord in compute.coords.items() if coord.dims == ("budget",)}
    each = {name: _draws(member, values, seed).assign_coords(coords) for name, member in members(fit).items()}
    middle = np.median(values, axis=0)
    largest = int(middle.argmax())
    named = {"latent": f"{first_fit(fit).outcome} {places[largest]}", "N": f"N* {places[largest]}"}
    doubts = prior_warnings(fit, {name: draws.isel(budget=largest) for name, draws in each.items()}, named)
    reach = reach_of(first_fit(fit), {"C": middle})
    beyond = (*compute_warnings(first_fit(fit), middle), *second_step_warnings(fit, each, reach))
    draws = joined(fit, each, reach, seed).drop_vars(READ, errors="ignore")
    return draws, (*fit.warnings, *doubts, *beyond)


def _draws(fit: Fit, compute: Array, seed: int) -> xr.Dataset:
    """The best run of each draw at its own compute, shape (sample, budget)."""
    if isinstance(fit, Steps):
        return through_both(fit, _draws(fit.first, compute, seed), seed).drop_vars("error")
    rng = np.random.default_rng([seed, 1])
    n, error = _best_at(fit, compute, seed)
    best = {"N": n, "D": fit.count.tokens(compute, n)}
    latent = link_mean(fit, best) + error
    inverse = fit.law.link.inverse
    values = {
        "C": compute,
        **best,
        "tokens_per_parameter": best["D"] / n,
        "latent": inverse(latent),
        "loss": inverse(add_noise(fit, best, latent, rng)),
    }
    dims, attributes = (*SAMPLE_DIMS, "budget"), attributes_of(fit.law)
    variables = {name: (dims, fit.in_chains(value), attributes[name]) for name, value in values.items()}
    return xr.Dataset(variables, coords={**fit.sample_coords, **numbered("budget", compute.shape[1])})


def _best_at(fit: Fit, compute: Array, seed: int) -> tuple[Array, Array]:
    """N* and the model discrepancy there, of each draw at its own compute; each of shape (sample, budget)."""
    log_c = np.log(compute)
    low, high = log_c.min(), max(log_c.max(), log_c.min() + _STEP)
    grid = np.linspace(low, high, int(np.clip(1 + (high - low) / _STEP, 2, _MOST)))
    found = optimum_draws(fit, np.exp(grid), seed=seed)
    n, error = (found[name].to_numpy().reshape(-1, len(grid)) for name in ("N", "error"))
    log_n, error = (
        np.column_stack([interpolated(grid, values, places) for places in log_c.T]) for values in (np.log(n), error)
    )
    return np.exp(log_n), error
