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
from bayescale.posterior.chains import Chain
from bayescale.posterior.ensembles import Posterior, first_fit
from bayescale.posterior.forecasting import Forecast


def attainable(found: Limits, given: Posterior | Chain, *, since: float | None = None, seed: int = 0) -> Answer:
    """The loss that limits to training allow, if a law holds that far, and what follows from it.

    Parameters
    ----------
    found : Limits
        Their draws are taken in turn, as many as the posterior has.
    given : Fit, Ensemble or Chain
        Of loss from N and D; a chain also gives the outcome of its second step.
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
        from a chain also its outcome, with noise. Dims chain, draw and budget.

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
    posterior = given.first if isinstance(given, Chain) else given
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
    draws, warnings = optimum_at(posterior, by_budget, [f"in {year:g}" for year in years], seed=seed)
    shown = ("C", "loss", *(("N", "D", "tokens_per_parameter") if since is None else ()))
    reached = Answer(
        question="A compute-optimal run as large as limits allow, if the law holds that far",
        draws=draws[[*shown, "latent"]],
        warnings=warnings,
        notes=posterior.notes,
        by="year",
        shown=shown,
    )
    if not isinstance(given, Chain):
        return reached
    bands = Forecast(
        draws[["latent", "loss"]].rename(budget="point", loss="predictive"),
        first.outcome,
        first.law.outcome_unit,
        warnings,
    )
    then = given.following(bands, seed=seed)
    score = then.draws["predictive"].rename(point="budget")
    return replace(
        reached,
        draws=reached.draws.assign({then.outcome: score}),
        warnings=then.warnings,
        notes=tuple(dict.fromkeys((*posterior.notes, *given.second.notes))),
        shown=(*shown, then.outcome),
    )
