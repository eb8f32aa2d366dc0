"""The floor: what a wrong irreducible loss would do to a forecast and to the compute-optimal size."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.errors import LawError
from bayescale.basics.intervals import SAMPLE_DIMS
from bayescale.basics.quantities import format_quantity
from bayescale.laws.law import Law
from bayescale.planning.allocation import checked_budgets, two_inputs
from bayescale.planning.answers import Answer
from bayescale.planning.tradeoffs import frontier
from bayescale.posterior.ensembles import Posterior, first_fit, joined, members, reach_of
from bayescale.posterior.reach import compute_warnings

Array = NDArray[np.float64]

FLOOR = "E"
_SHARE = 10
"""A tenth of the draws stands for a floor: enough for medians, and few enough to have nearly the same floor."""


def floor_effect(fit: Posterior, C: float, *, floor: float | None = None, seed: int = 0) -> Answer:
    """What the compute-optimal run at a budget would be if the irreducible loss were low, middling or high.

    The runs leave the floor open within its posterior, and exponents and coefficients move with it. Of the draws, the
    tenth with the lowest floor, around the 5 % point of its posterior, are those in which the floor is low, and so on:
    everything else is as the runs want it given such a floor.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D with a floor E.
    C : float
        Budget, FLOP.
    floor : float, optional
        A floor of yours: the tenth of the draws whose floor is nearest to it is shown too.
    seed : int

    Returns
    -------
    Answer
        By ``floor``: ``E``, the ``expected_loss`` (or other outcome) of the compute-optimal run, its ``N`` and ``D``,
        and ``tokens_per_parameter``; dims chain, of size one, and draw.

    Raises
    ------
    LawError
        If the law has no floor E or does not read N and D, the budget is not positive and finite, or the floor given
        lies outside the 90 % interval of E.

    Examples
    --------
    >>> from bayescale import fit
    >>> answer = floor_effect(fit("chinchilla", "chinchilla", discrepancy=False), 1e26)
    >>> low, _, high = answer.draws["expected_loss"].median(dim=("chain", "draw"))
    >>> bool(low < high)
    True
    """
    first, budgets = first_fit(fit), checked_budgets(C)
    for member in members(fit).values():
        check_floor(member.law)
    draws = frontier(fit, budgets, seed=seed)
    own = {
        name: xr.Dataset({FLOOR: each.groups["posterior"][FLOOR].expand_dims("budget", -1)})
        for name, each in members(fit).items()
    }
    reach = reach_of(first, {"C": budgets})
    draws[FLOOR] = joined(fit, own, reach, seed)[FLOOR]
    expected = f"expected_{first.outcome}"
    draws = draws.rename(latent=expected)
    shown = (FLOOR, expected, "N", "D", "tokens_per_parameter")
    flat = {name: draws[name].to_numpy().ravel() for name in shown}
    cases = _cases(flat[FLOOR], floor, first.law.outcome_unit)
    found = {
        name: (
            (*SAMPLE_DIMS, "case"),
            np.stack([values[rows] for rows in cases.values()], axis=-1)[None],
            draws[name].attrs,
        )
        for name, values in flat.items()
    }
    coords = {"chain": [0], "draw": np.arange(len(next(iter(cases.values())))), "floor": ("case", list(cases))}
    return Answer(
        question=f"The compute-optimal run at {format_quantity(budgets[0])} FLOP, by the floor",
        draws=xr.Dataset(found, coords=coords),
        warnings=(*fit.warnings, *compute_warnings(first, budgets)),
        notes=fit.notes,
        by="floor",
    )


def _cases(floors: Array, floor: float | None, unit: str) -> dict[str, NDArray[np.intp]]:
    """Rows of the draws in which the floor is low, middling, high, or near one of the user's."""
    order, n = np.argsort(floors, kind="stable"), len(floors) // _SHARE
    middle = (len(floors) - n) // 2
    cases = {"lowest tenth": order[:n], "middle tenth": order[middle : middle + n], "highest tenth": order[-n:]}
    if floor is None:
        return cases
    low, high = np.quantile(floors, [0.05, 0.95])
    if not low <= floor <= high:
        raise LawError(
            f"floor {floor:g} {unit}: lies outside the 90 % interval of E, {low:.4g} to {high:.4g}: draws with such a "
            "floor are too few, so fit with a prior that says what you know of it"
        )
    return {**cases, f"nearest to {floor:g}": np.argsort(np.abs(floors - floor), kind="stable")[:n]}


def check_floor(law: Law) -> None:
    """Check that a law reads N and D and has a floor.

    Raises
    ------
    LawError
        If it does not.
    """
    two_inputs(law, question="the effect of a floor")
    if FLOOR not in law.units:
        raise LawError(f"law {law.name!r}, {law.formula}, has no floor {FLOOR}")
