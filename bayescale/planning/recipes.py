"""Recipe against recipe: which group of runs leads to the better model at a budget, and where the curves cross."""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.errors import LawError
from bayescale.basics.intervals import SAMPLE_DIMS
from bayescale.laws.law import Law
from bayescale.planning.allocation import checked_budgets, two_inputs
from bayescale.planning.answers import Answer
from bayescale.planning.tradeoffs import frontier
from bayescale.posterior.ensembles import Posterior, first_fit
from bayescale.posterior.fit import Fit
from bayescale.posterior.reach import compute_warnings

Array = NDArray[np.float64]

_BUDGETS = 32
"""Budgets of compute, evenly spaced in the logarithm, between which a crossing is searched."""
_STREAM = 11


def compare_recipes(first: Posterior, second: Posterior, C: ArrayLike, *, seed: int = 0) -> Answer:
    """The compute-optimal runs of two recipes beside each other at each budget.

    Each recipe has its own fit, of the same outcome in the same unit: losses on different evaluation texts, or with
    different tokenizers, cannot be compared. The fits are taken as independent, unless they are of one pooled fit,
    whose draws are of both groups at once.

    Parameters
    ----------
    first, second : Fit or Ensemble
        Of laws in N and D.
    C : array_like, shape (budget,) or scalar
        Budgets, FLOP.
    seed : int

    Returns
    -------
    Answer
        By budget ``C``: the outcomes ``first`` and ``second``, and ``difference``, first minus second.

    Raises
    ------
    LawError
        If a law does not read N and D, outcomes or numbers of draws differ, or a budget is not positive and finite.

    Examples
    --------
    >>> from bayescale import fit
    >>> c4, refinedweb = (fit("tied", f"gadre:{name}", draws=250) for name in ("c4", "refinedweb"))
    >>> answer = compare_recipes(c4, refinedweb, 1e21)
    >>> list(answer.probabilities)
    ['the first is better at 1e+21 FLOP']
    """
    budgets = checked_budgets(C)
    one, other = _frontiers(first, second, budgets, seed)
    law = first_fit(first).law
    better = law.sign * (one - other) < 0
    found = {"first": one, "second": other, "difference": one - other}
    draws = xr.Dataset({name: values.assign_attrs(units=law.outcome_unit) for name, values in found.items()})
    share = better.mean(SAMPLE_DIMS).to_numpy()
    return Answer(
        question=f"The first recipe, {first_fit(first).dataset}, against the second, {first_fit(second).dataset}",
        draws=draws.swap_dims(budget="C"),
        probabilities={
            f"the first is better at {budget:g} FLOP": float(p) for budget, p in zip(budgets, share, strict=True)
        },
        warnings=_warnings(first, second, budgets),
        notes=_notes(first, second),
        by="C",
    )


def crossing(first: Posterior, second: Posterior, *, up_to: float | None = None, seed: int = 0) -> Answer:
    """The compute at which one recipe overtakes the other for good.

    Parameters
    ----------
    first, second : Fit or Ensemble
        As of :func:`compare_recipes`.
    up_to : float, optional
        Budget up to which it is searched, FLOP; by default 1,000 times the largest run of either.
    seed : int

    Returns
    -------
    Answer
        ``C``, the last crossing in the range of budgets, which starts in the middle of the runs of the recipe with the
        smaller ones; NaN in draws without one.
        The probabilities are those of each recipe winning beyond it, and of there being none.

    Raises
    ------
    LawError
        As of :func:`compare_recipes`.
    """
    for fit in (first, second):
        two_inputs(first_fit(fit).law)
    sizes = [fit.count(fit.inputs["N"], fit.inputs["D"]) for fit in map(first_fit, (first, second))]
    low, high = min(float(np.median(c)) for c in sizes), max(float(c.max()) for c in sizes)
    end = checked_budgets(1e3 * high if up_to is None else up_to)[0]
    if end <= low:
        raise LawError(f"a crossing is searched from {low:.3g} FLOP, the middle of the runs: {end:g} lies before it")
    budgets = np.geomspace(low, end, _BUDGETS)
    one, other = _frontiers(first, second, budgets, seed)
    ahead = first_fit(first).law.sign * (one - other).to_numpy().reshape(-1, _BUDGETS)
    changes = ahead[:, :-1] * ahead[:, 1:] < 0
    last = changes.shape[1] - 1 - changes[:, ::-1].argmax(axis=1)
    rows, exists = np.arange(len(ahead)), changes.any(axis=1)
    before, after = ahead[rows, last], ahead[rows, last + 1]
    share = before / np.where(exists, before - after, np.nan)
    places = first_fit(first).in_chains(budgets[last] * (budgets[1] / budgets[0]) ** share)
    shares = {
        "the first overtakes the second": exists & (after < 0),
        "the second overtakes the first": exists & (after > 0),
        f"the first is better from {budgets[0]:.3g} to {budgets[-1]:.3g} FLOP": ~exists & (ahead[:, -1] < 0),
        f"the second is better from {budgets[0]:.3g} to {budgets[-1]:.3g} FLOP": ~exists & (ahead[:, -1] > 0),
    }
    return Answer(
        question="Where one recipe overtakes the other",
        draws=xr.Dataset({"C": (SAMPLE_DIMS, places, {"units": "FLOP"})}, coords=first_fit(first).sample_coords),
        probabilities={name: float(values.mean()) for name, values in shares.items()},
        warnings=_warnings(first, second, budgets),
        notes=_notes(first, second),
    )


def check_same_outcome(one: Law, other: Law) -> None:
    """Check that two recipes can be compared.

    Raises
    ------
    LawError
        If their outcomes, or the units of these, differ.
    """
    if (one.outcome, one.outcome_unit) != (other.outcome, other.outcome_unit):
        raise LawError(
            f"one recipe's outcome is {one.outcome} ({one.outcome_unit}), the other's {other.outcome} "
            f"({other.outcome_unit}): recipes are compared by the same outcome"
        )


def _frontiers(first: Posterior, second: Posterior, budgets: Array, seed: int) -> tuple[xr.DataArray, xr.DataArray]:
    """Expected outcomes of both recipes' compute-optimal runs, draw by draw."""
    one, other = first_fit(first), first_fit(second)
    check_same_outcome(one.law, other.law)
    if one.count.rule != other.count.rule:
        raise LawError(
            f"one recipe's FLOP are {one.count.words}, the other's {other.count.words}: count both alike, as by "
            'count_flops(runs, "6*N*D"), and fit them again'
        )
    if one.groups["posterior"].sizes != other.groups["posterior"].sizes:
        raise LawError("both recipes need the same number of draws and chains: fit them alike")
    # Two fits with one seed share random numbers, which must not pass for dependence: of their errors, and of their
    # parameters unless they are groups of one pooled fit.
    drawn = [frontier(fit, budgets, seed=s)["latent"] for fit, s in ((first, seed), (second, seed + _STREAM))]
    if not _pooled_together(one, other):
        values = drawn[1].to_numpy().reshape(-1, len(budgets))
        shuffled = np.random.default_rng([seed, _STREAM]).permutation(values)
        drawn[1] = drawn[1].copy(data=other.in_chains(shuffled))
    return drawn[0], drawn[1]


def _pooled_together(one: Fit, other: Fit) -> bool:
    """Whether two fits are groups of one, whose draws they share."""
    shared = one.parameters["sigma"], other.parameters["sigma"]
    return bool(one.record.pool) and one.record.pool == other.record.pool and np.array_equal(*shared)


def _warnings(first: Posterior, second: Posterior, budgets: Array) -> tuple[str, ...]:
    each = {"first": first, "second": second}
    found = [
        f"{name}: {text}"
        for name, fit in each.items()
        for text in (*fit.warnings, *compute_warnings(first_fit(fit), budgets))
    ]
    return tuple(dict.fromkeys(found))


def _notes(first: Posterior, second: Posterior) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first.notes, *second.notes)))
