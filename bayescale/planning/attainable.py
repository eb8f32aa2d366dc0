"""What the largest feasible run could attain: its compute-optimal loss by year, and a score that follows from the loss.

A law fitted to runs that exist is continued to compute millions of times theirs, which nothing can check: the draws say
what the law and its discrepancy imply there, not what will happen.
"""

from dataclasses import replace

import numpy as np
import xarray as xr

from bayescale.basics.errors import LawError
from bayescale.data.compute import SIX_ND
from bayescale.planning.allocation import two_inputs
from bayescale.planning.answers import Answer
from bayescale.planning.limits import Limits
from bayescale.planning.spending import optimum_at
from bayescale.posterior.ensembles import Ensemble, Posterior, first_fit, members
from bayescale.posterior.steps import Steps


def attainable(found: Limits, given: Posterior, *, since: float | None = None, seed: int = 0) -> Answer:
    """The loss that limits to training allow, if a law holds that far, and what follows from it.

    Parameters
    ----------
    found : Limits
        Their draws are taken in turn, as many as the posterior has.
    given : Fit or Ensemble
        Of loss from N and D; laws in two steps also give the outcome of their second.
    since : float, optional
        Year of the runs that were fitted. Algorithms are then taken to need less compute for the same loss by the
        draws of ``efficiency_growth`` from there on; left out, no efficiency is counted.
    seed : int
        Of the noise.

    Returns
    -------
    Answer
        By ``year``: ``C`` (FLOP, times the efficiency gained, if any is counted), ``loss`` (with noise) and ``latent``
        (without) of the compute-optimal run; ``N``, ``D`` and ``tokens_per_parameter`` where no efficiency is counted;
        of laws in two steps also the second outcome, with noise. Dims chain, draw and budget.

    Raises
    ------
    LawError
        If the law does not read N and D, or the fit counts compute otherwise than as 6 N D.
    QuantityError
        If the runs are dated after a year of the limits.

    Examples
    --------
    >>> from bayescale import fit, limits
    >>> reached = attainable(limits(2030), fit("chinchilla", "chinchilla", discrepancy=False))
    >>> reached.summary()["quantity"].tolist()
    ['C', 'loss', 'N', 'D', 'tokens_per_parameter']
    >>> 1.75 < float(reached.draws["latent"].median()) < 1.9
    True
    """
    posterior = _first_step(given)
    first = first_fit(posterior)
    two_inputs(first.law)
    if first.count.rule != SIX_ND:
        raise LawError(
            f"limits to training are in FLOP of 6 N D, and this fit's are {first.count.words}: fit runs so counted"
        )
    n = len(next(iter(first.parameters.values())))
    largest = found.draws["largest"] if since is None else found.effective(since)
    compute = largest.isel(draw=np.arange(n) % found.draws.sizes["draw"])
    years = compute["year"].to_numpy()
    by_budget = xr.DataArray(compute.to_numpy(), dims=("draw", "budget"), coords={"year": ("budget", years)})
    places = [f"in {year:g}" for year in years]
    draws, warnings = optimum_at(posterior, by_budget, places, seed=seed)
    shown = ("C", "loss", *(("N", "D", "tokens_per_parameter") if since is None else ()))
    if posterior is not given:
        then, warnings = optimum_at(given, by_budget, places, seed=seed)
        draws = draws.assign({given.outcome: then["loss"]})
        shown = (*shown, given.outcome)
    return Answer(
        question="A compute-optimal run as large as limits allow, if the law holds that far",
        draws=draws[[*shown, "latent"]],
        warnings=warnings,
        notes=given.notes,
        by="year",
        shown=shown,
    )


def _first_step(given: Posterior) -> Posterior:
    """The posterior of the first of two steps, if all laws have two."""
    firsts = {name: each.first for name, each in members(given).items() if isinstance(each, Steps)}
    if len(firsts) < len(members(given)):
        return given
    return replace(given, members=firsts) if isinstance(given, Ensemble) else next(iter(firsts.values()))
