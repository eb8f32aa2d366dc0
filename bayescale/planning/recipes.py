"""Recipe against recipe: which is better at a budget, by how many times less compute, and where the curves cross."""

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.errors import LawError
from bayescale.basics.intervals import DEFAULT_MASS, SAMPLE_DIMS, numbered
from bayescale.basics.quantities import number
from bayescale.data.observed import Observed
from bayescale.data.runs import AnyRuns, Runs
from bayescale.laws.law import Law
from bayescale.planning.allocation import checked_budgets, optimum_draws, two_inputs
from bayescale.planning.answers import Answer
from bayescale.planning.multipliers import multiplier_of, places_around
from bayescale.planning.speedup import Speedup, bound, check_same_count, check_same_outcome
from bayescale.planning.tradeoffs import frontier
from bayescale.posterior.ensembles import Ensemble, Posterior, first_fit, joined, members, reach_of, without_risk
from bayescale.posterior.fit import Fit
from bayescale.posterior.parts import law_error, link_mean
from bayescale.posterior.reach import compute_warnings, far_warnings
from bayescale.posterior.single import as_runs

Array = NDArray[np.float64]

_BUDGETS = 32
"""Budgets of compute, evenly spaced in the logarithm, between which a crossing is searched."""
_STREAM = 11
PRECISION = 0.05
"""Relative half-width of the interval of a multiplier for which more pairs are counted."""
QUANTITIES = ("first", "second", "difference", "multiplier")


def compare_recipes(
    first: Posterior,
    second: Posterior | AnyRuns,
    C: ArrayLike,
    *,
    threshold: float | str | None = None,
    precision: float | str = PRECISION,
    seed: int = 0,
) -> Answer:
    """Two recipes beside each other at each budget, and with how many times less compute the second does the same.

    The second recipe is given by its runs, of which one is enough, and they share what the law of the first misses; or
    by a fit of its own. Two fits are taken as independent, unless they are of one pooled fit, whose draws are of both
    groups at once. Outcomes are of the same kind in the same unit: losses on different evaluation texts, or with
    different tokenizers, cannot be compared.

    Parameters
    ----------
    first : Fit or Ensemble
        The baseline, of laws in N and D; or in C, if the second is given by its runs.
    second : str, path, DataFrame or Runs; Fit or Ensemble
        Runs of the second recipe. One with the inputs of a run of the first is compared with that run, so that what
        both share drops out, and others with the curve of the first.
    C : array_like, shape (budget,) or scalar
        Compute of the first recipe, FLOP.
    threshold : float, optional
        A multiplier whose probability of being exceeded is wanted.
    precision : float
        With runs: half-width of the 90 % interval of the multiplier, relative to it, for which more pairs are counted.
    seed : int

    Returns
    -------
    Answer
        By budget ``C``: the outcomes ``first`` and ``second``, of the compute-optimal runs of laws in N and D;
        ``difference``, first minus second; and ``multiplier``, with how many times less compute the second recipe
        reaches what the first reaches with C, between 1/1,000 and 1,000. With runs also ``pairs``, how many
        more pairs, spread over sizes as the second's runs, are expected to be needed until the multiplier is known to
        the precision; NaN if more than 10,000.

    Raises
    ------
    LawError
        If the laws read something else, outcomes, counts of compute or numbers of draws differ, or a number is not
        positive and finite.
    RunsError
        If the runs cannot be used.

    Examples
    --------
    >>> from bayescale import fit
    >>> c4 = fit("tied", "gadre:c4", draws=250)
    >>> answer = compare_recipes(c4, "gadre:refinedweb", 1e21, threshold=0.5)
    >>> list(answer.probabilities)
    ['the first is better at 1e+21 FLOP', 'the second takes over 0.5 times less compute at 1e+21 FLOP']
    >>> bool(answer.draws["multiplier"].median() < 1)
    True
    """
    budgets = checked_budgets(C)
    threshold = None if threshold is None else number("threshold", threshold)
    precision = number("precision", precision)
    _check_wanted(threshold, precision)
    law = first_fit(first).law
    if isinstance(second, Fit | Ensemble):
        named, found = first_fit(second).dataset, _of_two_fits(first, second, budgets, seed)
        warnings, notes = _warnings(first, second, budgets), _notes(first, second)
    else:
        runs = as_runs(second, law)
        named, (found, notes) = runs.source, _of_runs(first, runs, budgets, precision, seed)
        warnings = _warnings_of_runs(first, runs, budgets)
    better = law.sign * found["difference"] < 0
    shares = {"the first is better": better}
    if threshold is not None:
        shares[f"the second takes over {threshold:g} times less compute"] = found["multiplier"] > threshold
    return Answer(
        question=f"The first recipe, {first_fit(first).dataset}, against the second, {named}",
        draws=found.swap_dims(budget="C"),
        probabilities={
            f"{name} at {budget:g} FLOP": float(share.isel(budget=i).mean())
            for i, budget in enumerate(budgets)
            for name, share in shares.items()
        },
        warnings=warnings,
        notes=notes,
        by="C",
        shown=QUANTITIES,
    )


def crossing(first: Posterior, second: Posterior | AnyRuns, *, up_to: float | None = None, seed: int = 0) -> Answer:
    """The compute at which one recipe overtakes the other for good.

    Parameters
    ----------
    first, second : Fit or Ensemble, or runs
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
    one = first_fit(first)
    if isinstance(second, Fit | Ensemble):
        for fit in (first, second):
            two_inputs(first_fit(fit).law)
        sizes = [fit.count(fit.inputs["N"], fit.inputs["D"]) for fit in map(first_fit, (first, second))]
    else:
        second = as_runs(second, one.law)
        sizes = [one.observed.size, bound(one, second).size]
    low, high = min(float(np.median(c)) for c in sizes), max(float(c.max()) for c in sizes)
    end = checked_budgets(1e3 * high if up_to is None else up_to)[0]
    if end <= low:
        raise LawError(f"a crossing is searched from {low:.3g} FLOP, the middle of the runs: {end:g} lies before it")
    budgets = np.geomspace(low, end, _BUDGETS)
    if isinstance(second, Runs):
        lead = _log_multipliers(first, second, budgets, seed)
        warnings, notes = _warnings_of_runs(first, second, budgets), first.notes
    else:
        frontiers = _frontiers(first, second, budgets, seed)
        lead = one.law.sign * (frontiers[0] - frontiers[1])
        warnings, notes = _warnings(first, second, budgets), _notes(first, second)
    ahead = lead.to_numpy().reshape(-1, _BUDGETS)
    changes = ahead[:, :-1] * ahead[:, 1:] < 0
    last = changes.shape[1] - 1 - changes[:, ::-1].argmax(axis=1)
    rows, exists = np.arange(len(ahead)), changes.any(axis=1)
    before, after = ahead[rows, last], ahead[rows, last + 1]
    share = before / np.where(exists, before - after, np.nan)
    places = one.in_chains(budgets[last] * (budgets[1] / budgets[0]) ** share)
    shares = {
        "the first overtakes the second": exists & (after < 0),
        "the second overtakes the first": exists & (after > 0),
        f"the first is better from {budgets[0]:.3g} to {budgets[-1]:.3g} FLOP": ~exists & (ahead[:, -1] < 0),
        f"the second is better from {budgets[0]:.3g} to {budgets[-1]:.3g} FLOP": ~exists & (ahead[:, -1] > 0),
    }
    return Answer(
        question="Where one recipe overtakes the other",
        draws=xr.Dataset({"C": (SAMPLE_DIMS, places, {"units": "FLOP"})}, coords=one.sample_coords),
        probabilities={name: float(values.mean()) for name, values in shares.items()},
        warnings=warnings,
        notes=notes,
    )


def _check_wanted(threshold: float | None, precision: float) -> None:
    if threshold is not None and not (np.isfinite(threshold) and threshold > 0):
        raise LawError(f"threshold {threshold:g}: a multiplier is a finite number above zero, such as 1.2")
    if not 0 < precision < 1:
        raise LawError(f"precision {precision:g}: must be between 0 and 1, such as 0.05 for 5 %")


def _of_two_fits(first: Posterior, second: Posterior, budgets: Array, seed: int) -> xr.Dataset:
    """Outcomes of two fits, and the multiplier where the second's curve reaches the first's outcome."""
    law, places = first_fit(first).law, places_around(budgets)
    curves = _frontiers(first, second, np.append(budgets, places), seed)
    one, other = (curve.isel(budget=slice(len(budgets))) for curve in curves)
    path = curves[1].isel(budget=slice(len(budgets), None)).to_numpy()
    excess = law.sign * (one.to_numpy()[..., None] - path[..., None, :])
    multiplier = one.copy(data=multiplier_of(budgets, places, excess))
    draws = {"first": one, "second": other, "difference": one - other, "multiplier": multiplier}
    return _with_units(draws, law)


def _of_runs(
    first: Posterior, runs: Runs, budgets: Array, precision: float, seed: int
) -> tuple[xr.Dataset, tuple[str, ...]]:
    """Outcomes and multiplier from a fit of the first recipe and runs of the second, and notes on the runs."""
    one, speedups = without_risk(first), _speedups(first, runs, seed)
    each = {name: _of_one_law(fit, speedups[name], budgets, seed) for name, fit in members(one).items()}
    draws = _with_units(dict(_joined(one, each, budgets, seed)), first_fit(one).law)
    pairs = [speedup.more_pairs(np.log(budgets), precision, DEFAULT_MASS) for speedup in speedups.values()]
    counted = np.max(pairs, axis=0)  # NaN if it is that under any law
    found = next(iter(speedups.values()))
    others = found.n_runs - found.n_pairs
    said = (
        f"runs of the second recipe compared with a partner, a run of the first with the same inputs: {found.n_pairs}"
    )
    said += f"; with the first's curve: {others}"
    draws["pairs"] = ("budget", counted, {"units": "pairs"})
    return draws, (
        *first.notes,
        *runs.notes,
        said,
        *map(partial(_needed, precision=precision), budgets, counted.tolist()),
    )


def _needed(budget: float, pairs: float, *, precision: float) -> str:
    """How many more pairs are needed, in words."""
    at = f"the multiplier at {budget:.3g} FLOP within {100 * precision:g} %"
    if np.isnan(pairs):
        return f"no number of further pairs of these sizes is expected to tell {at}: it takes larger ones"
    more = f"{pairs:.0f} more pair{'s' * (pairs != 1)} of the same sizes"
    return f"{more} are expected to tell {at}" if pairs else f"the runs tell {at}"


def _of_one_law(fit: Fit, speedup: Speedup, budgets: Array, seed: int) -> xr.Dataset:
    names, log_c = fit.law.input_names, np.log(budgets)
    forward, inverse = fit.law.link.forward, fit.law.link.inverse
    if "C" in names:
        at = {"C": budgets}
        here = link_mean(fit, at) + law_error(fit, at, np.random.default_rng(seed))
    else:
        best = optimum_draws(fit, budgets, seed=seed)
        at = {name: best[name].to_numpy().reshape(-1, len(budgets)) for name in names}
        here = np.asarray(forward(np, best["latent"].to_numpy().reshape(-1, len(budgets))))
    log_m = speedup.log_multiplier(log_c)
    # The discrepancy is taken to be the same along the way to m times the compute.
    moved = {name: values * np.exp(log_m / len(names)) for name, values in at.items()}
    there = here + link_mean(fit, moved) - link_mean(fit, at)
    places = np.log(places_around(budgets))
    along = places + speedup.log_multiplier(places)
    found = {
        "first": inverse(here),
        "second": inverse(there),
        "difference": inverse(here) - inverse(there),
        "multiplier": multiplier_of(budgets, np.exp(places), along[:, None] - log_c[:, None]),
    }
    return _dataset(fit, found, budgets)


def _log_multipliers(first: Posterior, runs: Runs, budgets: Array, seed: int) -> xr.DataArray:
    """Log multipliers by which the first recipe would need more compute to reach the second's outcome."""
    speedups, log_c = _speedups(first, runs, seed), np.log(budgets)
    each = {
        name: _dataset(fit, {"log_m": speedups[name].log_multiplier(log_c)}, budgets)
        for name, fit in members(first).items()
    }
    return _joined(first, each, budgets, seed)["log_m"]


@lru_cache(maxsize=1)  # of the last comparison, since its crossing is asked for next
def _speedups(first: Posterior, runs: Runs, seed: int) -> dict[str, Speedup]:
    return {name: Speedup.of(fit, runs, seed) for name, fit in members(first).items()}


def _joined(first: Posterior, each: dict[str, xr.Dataset], budgets: Array, seed: int) -> xr.Dataset:
    """Draws of several laws, mixed by their weights at the largest budget for all."""
    farthest = reach_of(first_fit(first), {"C": budgets}).max()
    return joined(first, each, np.full(len(budgets), farthest), seed)


def _dataset(fit: Fit, found: dict[str, Array], budgets: Array) -> xr.Dataset:
    dims, coords = (*SAMPLE_DIMS, "budget"), {**fit.sample_coords, **numbered("budget", len(budgets))}
    coords["C"] = ("budget", budgets, {"units": "FLOP"})
    return xr.Dataset({name: (dims, fit.in_chains(values)) for name, values in found.items()}, coords=coords)


def _with_units(draws: Mapping[Any, xr.DataArray], law: Law) -> xr.Dataset:
    units = {"multiplier": "times"}
    return xr.Dataset(
        {name: values.assign_attrs(units=units.get(name, law.outcome_unit)) for name, values in draws.items()}
    )


def check_comparable(first: Sequence[Fit | Observed], second: Sequence[Fit | Observed] | Runs) -> None:
    """Check that laws with their runs can be compared with another recipe, before any fit.

    Raises
    ------
    LawError, RunsError
        As of :func:`compare_recipes`.
    """
    for one in first:
        if isinstance(second, Runs):
            bound(one, second)
        else:
            for other_law in second:
                two_inputs(one.law)
                two_inputs(other_law.law)
                check_same_outcome(one.law, other_law.law.outcome, other_law.law.outcome_unit)


def _frontiers(first: Posterior, second: Posterior, budgets: Array, seed: int) -> tuple[xr.DataArray, xr.DataArray]:
    """Expected outcomes of both recipes' compute-optimal runs, draw by draw."""
    one, other = first_fit(first), first_fit(second)
    check_same_outcome(one.law, other.law.outcome, other.law.outcome_unit)
    check_same_count(one.count, other.count)
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


def _warnings_of_runs(first: Posterior, runs: Runs, budgets: Array) -> tuple[str, ...]:
    of_first = (*first.warnings, *compute_warnings(first_fit(first), budgets))
    of_second = (*runs.warnings, *far_warnings(float(bound(first_fit(first), runs).size.max()), budgets))
    texts = [*(f"first: {text}" for text in of_first), *(f"second: {text}" for text in of_second)]
    return tuple(dict.fromkeys(texts))


def _notes(first: Posterior, second: Posterior) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first.notes, *second.notes)))
