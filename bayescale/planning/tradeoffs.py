"""What more compute buys, where it stops paying, and what a size off the optimum costs."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.errors import LawError, QuantityError
from bayescale.basics.intervals import SAMPLE_DIMS
from bayescale.basics.quantities import check_positive, excess, format_quantity, number
from bayescale.data.observed import Observed
from bayescale.planning.allocation import checked_budgets, law_optimum, optimum_draws, two_inputs
from bayescale.planning.answers import Answer, share_of
from bayescale.planning.costs import Cost
from bayescale.planning.lifetimes import log_tokens_to_reach
from bayescale.posterior.ensembles import Posterior, first_fit, joined, members, reach_of, without_risk
from bayescale.posterior.fit import Fit
from bayescale.posterior.parts import link_mean
from bayescale.posterior.reach import compute_warnings, tokens_warnings

Array = NDArray[np.float64]

_STEP = 2.0
"""Ratio of one budget to the next where diminishing returns are searched."""
_STEPS = 32
"""That many: budgets up to 2e9 times the largest run."""


def frontier(fit: Posterior, budgets: Array, *, seed: int = 0) -> xr.Dataset:
    """Compute-optimal runs at several budgets as :func:`optimum` draws them, each draw of one law and one error of it.

    The weights of an ensemble are those at the largest budget for all of them, so that differences between budgets are
    never differences between laws.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D.
    budgets : array, shape (budget,)
        FLOP.
    seed : int
    """
    two_inputs(first_fit(fit).law)
    each = {name: optimum_draws(member, budgets, seed=seed) for name, member in members(fit).items()}
    farthest = reach_of(first_fit(fit), {"C": budgets}).max()
    return joined(fit, each, np.full(len(budgets), farthest), seed)


def scale_up(
    fit: Posterior, C: float | str, times: float | str = 10.0, *, cost: Cost | None = None, seed: int = 0
) -> Answer:
    """What ten times the compute is for: how many times the parameters and tokens, how much less loss, at what price.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D.
    C : float
        Budget to start from, FLOP.
    times : float
        How many times that.
    cost : Cost, optional
        Also say what the additional compute costs.
    seed : int

    Returns
    -------
    Answer
        ``N_times`` and ``D_times``; ``before``, ``after`` and ``gain``, the outcome's improvement; with a cost
        ``dollars`` and ``gain_per_million``.

    Raises
    ------
    LawError
        If the law does not read N and D, the budget is not positive and finite, or ``times`` is not above one.

    Examples
    --------
    >>> from bayescale import fit
    >>> answer = scale_up(fit("chinchilla", "chinchilla", discrepancy=False), 5.76e23, 10)
    >>> bool(3.0 < answer.draws["N_times"].median() < 3.5)
    True
    """
    C, times = number("C", C), number("times", times)
    if not (np.isfinite(times) and times > 1):
        raise LawError(f"times is {times:g}: more compute is a finite number above 1 times as much")
    budgets = checked_budgets([C, times * C])
    draws, first = frontier(fit, budgets, seed=seed), first_fit(fit)
    before, after = (draws.isel(budget=i, drop=True) for i in (0, 1))
    gain = first.law.sign * (before["latent"] - after["latent"])
    unit = first.law.outcome_unit
    found = {
        "N_times": (after["N"] / before["N"], "times"),
        "D_times": (after["D"] / before["D"], "times"),
        "before": (before["latent"], unit),
        "after": (after["latent"], unit),
        "gain": (gain, unit),
    }
    if cost is not None:
        dollars = _dollars_per_flop(first, cost, seed) * (budgets[1] - budgets[0])
        found |= {"dollars": (dollars, "dollars"), "gain_per_million": (gain / dollars * 1e6, f"{unit} per $1M")}
    return Answer(
        question=f"{format_quantity(times)} times {format_quantity(C)} FLOP",
        draws=_dataset(found),
        probabilities={
            f"{first.outcome} improves": share_of(gain > 0),
            "N grows by more than D": share_of(found["N_times"][0] > found["D_times"][0]),
        },
        warnings=(*fit.warnings, *compute_warnings(first, budgets)),
        notes=fit.notes if cost is None else (*fit.notes, cost.note),
    )


def diminishing_returns(
    fit: Posterior,
    gain: float,
    *,
    dollars: float | None = None,
    C: float | None = None,
    cost: Cost | None = None,
    seed: int = 0,
) -> Answer:
    """The budget from which on more compute buys less than a gain.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D.
    gain : float
        Improvement of the outcome, in its unit.
    dollars : float, optional
        That so much more money must buy; by default a doubling of compute must.
    C : float, optional
        Budget from which on to look, FLOP; by default that of the largest run fitted on.
    cost : Cost, optional
        By default an H100 at public prices.
    seed : int

    Returns
    -------
    Answer
        ``C`` and ``dollars`` of that budget, and the ``expected_loss`` (or other outcome) of its optimal run.
        NaN in draws in which the gain is never bought, or always.

    Raises
    ------
    LawError
        If the law does not read N and D.
    QuantityError
        If the gain or the money is not positive and finite, or buys more than any budget looked at.

    Examples
    --------
    >>> from bayescale import fit
    >>> posterior = fit("chinchilla", "chinchilla", discrepancy=False)
    >>> near, far = (diminishing_returns(posterior, gain).draws["C"].median() for gain in (0.02, 0.01))
    >>> bool(near < far)
    True
    """
    for name, value in (("gain", gain), ("dollars", dollars)):
        if value is not None:
            check_positive(name, value)
    first = first_fit(fit)
    two_inputs(first.law)
    budgets = returns_budgets(first, C)
    latent = _rows(frontier(fit, budgets, seed=seed)["latent"])
    prices = cost or Cost()
    paid = _dollars_per_flop(first, prices, seed).to_numpy().reshape(-1, 1)
    more = budgets if dollars is None else dollars / paid
    if np.median(more) > budgets[-1]:
        raise QuantityError(f"these dollars buy more than {budgets[-1]:.3g} FLOP: give less")
    later = _along(budgets, latent, np.log(budgets + more))
    gains = first.law.sign * (latent - later)[:, :-1]
    enough = gains >= gain
    last = enough.shape[1] - 1 - enough[:, ::-1].argmax(axis=1)
    exists = enough.any(axis=1) & ~enough[:, -1]
    place = np.minimum(last, enough.shape[1] - 2)
    rows = np.arange(len(gains))
    ends = gains[rows, place], gains[rows, place + 1]
    share = np.clip((ends[0] - gain) / np.maximum(ends[0] - ends[1], 1e-300), 0.0, 1.0)
    log_c = np.log(budgets[place]) + share * np.log(_STEP)
    reached = _along(budgets, latent, log_c[:, None])[:, 0]
    found = {
        "C": (np.exp(log_c), "FLOP"),
        "dollars": (np.exp(log_c) * paid[:, 0], "dollars"),
        f"expected_{first.outcome}": (reached, first.law.outcome_unit),
    }
    shaped = {
        name: (xr.DataArray(first.in_chains(np.where(exists, values, np.nan)), dims=SAMPLE_DIMS), unit)
        for name, (values, unit) in found.items()
    }
    step = "a doubling of compute" if dollars is None else f"{format_quantity(dollars)} dollars more"
    start = "the largest run" if C is None else f"{format_quantity(C)} FLOP"
    claim = f"{step} buys less than {gain:g} {first.law.outcome_unit}"
    return Answer(
        question=f"From which budget on {claim}",
        draws=_dataset(shaped).assign_coords(first.sample_coords),
        probabilities={
            f"{claim} already at {start}": float((~enough.any(axis=1)).mean()),
            f"it still buys more at {format_quantity(budgets[-2])} FLOP": float(enough[:, -1].mean()),
        },
        warnings=(*fit.warnings, *(compute_warnings(first, np.exp(np.median(log_c[exists]))) if exists.any() else ())),
        notes=(*fit.notes, prices.note),
    )


def returns_budgets(fit: Fit | Observed, C: float | None = None) -> Array:
    """Budgets among which the end of returns is searched, FLOP, each twice the one before.

    Parameters
    ----------
    fit : Fit or Observed
    C : float, optional
        The first of them; by default that of the largest run.

    Raises
    ------
    LawError
        If it is not positive and finite.
    """
    start = fit.runs.count(fit.inputs["N"], fit.inputs["D"]).max() if C is None else checked_budgets(C)[0]
    return np.asarray(start * _STEP ** np.arange(_STEPS))


def size_overhead(fit: Posterior, C: float, shares: Sequence[float], *, seed: int = 0) -> Answer:
    """How much more compute a model smaller (or larger) than the optimum takes to reach the same loss.

    With k times the compute-optimal parameters and k_D times its tokens the overhead is k k_D - 1 (de Vries 2023, "Go
    smol or go home"), whatever the compute where the law is additive. The model discrepancy is taken to be the same
    along the curve of equal loss, so that it drops out, as does the risk of a recipe that breaks.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D.
    C : float
        Compute of the compute-optimal run that is matched, FLOP.
    shares : sequence of float
        Sizes as multiples of the compute-optimal one.
    seed : int
        Of the choice among an ensemble's laws.

    Returns
    -------
    Answer
        By ``share``: ``overhead`` (share of C), ``N``, ``D`` and ``tokens_per_parameter``; NaN in draws in which no
        number of tokens brings that size to the loss.

    Raises
    ------
    LawError
        If the law does not read N and D, or a number is not positive and finite.

    Examples
    --------
    >>> from bayescale import fit
    >>> answer = size_overhead(fit("chinchilla", "chinchilla", discrepancy=False), 5.76e23, [0.75, 0.5])
    >>> overhead = answer.draws["overhead"].median(dim=("chain", "draw"))
    >>> bool(0.02 < overhead[0] < 0.05 < overhead[1] < 0.4)
    True
    """
    fit = without_risk(fit)  # at equal loss it would move all sizes alike
    first = first_fit(fit)
    two_inputs(first.law)
    budget = checked_budgets(C)
    multiples = np.atleast_1d(np.asarray(shares, dtype=float))
    for value in multiples:
        if not (np.isfinite(value) and value > 0):
            raise LawError(f"share {value:g} of the compute-optimal size: must be a finite number above zero")
    each = {name: _overheads(member, budget, multiples) for name, member in members(fit).items()}
    draws = joined(fit, each, reach_of(first, {"C": np.repeat(budget, len(multiples))}), seed)
    reached = draws["overhead"].notnull().mean(dim=SAMPLE_DIMS).to_numpy()
    optimal = f"the compute-optimal run at {format_quantity(budget[0])} FLOP"
    return Answer(
        question=f"The {first.outcome} of {optimal}, with another size",
        draws=draws,
        probabilities={
            f"{share:g} times the size can reach it": float(value)
            for share, value in zip(multiples, reached, strict=True)
            if share < 1
        },
        warnings=(
            *fit.warnings,
            *compute_warnings(first, budget),
            *tokens_warnings(first, draws["tokens_per_parameter"]),
        ),
        notes=fit.notes,
        by="share",
    )


def _overheads(fit: Fit, budget: Array, multiples: Array) -> xr.Dataset:
    n = law_optimum(fit.law, fit.parameters, budget, fit.count)
    target = fit.law.sign * link_mean(fit, {"N": n, "D": fit.count.tokens(budget, n)})
    sizes = n * multiples
    tokens = np.exp(log_tokens_to_reach(fit, np.log(sizes), target))
    tokens = np.where(np.isfinite(tokens), tokens, np.nan)
    values = {
        "overhead": (excess(fit.count(sizes, tokens), budget), f"share of {format_quantity(budget[0])} FLOP"),
        "N": (sizes, "parameters"),
        "D": (tokens, "tokens"),
        "tokens_per_parameter": (tokens / sizes, "tokens/parameter"),
    }
    dims = (*SAMPLE_DIMS, "share")
    variables = {name: (dims, fit.in_chains(value), {"units": unit}) for name, (value, unit) in values.items()}
    return xr.Dataset(variables, coords={**fit.sample_coords, "share": multiples})


def _dollars_per_flop(fit: Fit, cost: Cost, seed: int) -> xr.DataArray:
    """A price for each draw of a posterior."""
    price = cost.paired(len(fit.parameters["sigma"]), seed).dollars_per_flop.to_numpy()
    return xr.DataArray(fit.in_chains(price), dims=SAMPLE_DIMS, coords=fit.sample_coords)


def _rows(draws: xr.DataArray) -> Array:
    """Draws of shape (sample, case)."""
    return draws.to_numpy().reshape(-1, draws.shape[-1])


def _along(budgets: Array, values: Array, log_c: Array) -> Array:
    """Each draw's values along even log budgets, at places of shape (sample or 1, place); linear beyond the ends."""
    position = (log_c - np.log(budgets[0])) / np.log(_STEP)
    left = np.floor(position).astype(int).clip(0, len(budgets) - 2)
    left, position = (np.broadcast_to(a, (len(values), log_c.shape[-1])) for a in (left, position))
    share = position - left
    before, after = (np.take_along_axis(values, left + k, axis=1) for k in (0, 1))
    return np.asarray((1 - share) * before + share * after)


def _dataset(found: dict[str, tuple[xr.DataArray, str]]) -> xr.Dataset:
    """Quantities with their units."""
    return xr.Dataset({name: values.assign_attrs(units=unit) for name, (values, unit) in found.items()})
