"""Runs to choose from: a table or a grid of them, checked, with what each costs."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale.basics.errors import LawError, QuantityError, RunsError
from bayescale.basics.quantities import number
from bayescale.basics.wording import listed
from bayescale.data.observed import Observed
from bayescale.data.tables import Frame, as_frame, positive, refuse
from bayescale.posterior.ensembles import Posterior, first_fit
from bayescale.posterior.fit import Fit
from bayescale.posterior.points import checked_points

Array = NDArray[np.float64]
type Candidates = Frame

MOST = 10
"""Runs in a batch unless more are asked for: a hundred tiny ones would teach little more."""

_PARTS = 2.0 ** np.arange(5)
"""The budget over what a default candidate takes: batches of about ten runs need none below a sixteenth."""
_RATIOS = 24
"""Tokens per parameter of the default candidates, evenly spaced in the logarithm."""


def candidate_grid(
    fit: Posterior | Observed, budget: float, target: Mapping[str, Array] = MappingProxyType({})
) -> pd.DataFrame:
    """Candidate runs that a budget pays for, however large the runs that were fitted.

    They take the whole budget, a half of it, and so on down to a sixteenth, but no less than the smallest run, on as
    many tokens per parameter as some fitted run or the target has. None takes more than the target itself.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D.
    budget : float
        FLOP.
    target : mapping of array, shape (point,), optional
        ``N`` and ``D``, or ``C``, of what is asked for.

    Returns
    -------
    pandas.DataFrame
        Column ``N`` to two significant digits, and ``D`` rounded down to three.

    Raises
    ------
    LawError
        If the law reads other inputs.

    Examples
    --------
    >>> from bayescale import fit
    >>> grid = candidate_grid(fit("chinchilla", "chinchilla", discrepancy=False), budget=1e22)
    >>> grid.shape, f"{(6 * grid['N'] * grid['D']).max():.3g}"
    ((120, 2), '1e+22')
    """
    first = fit if isinstance(fit, Observed) else first_fit(fit)
    if set(first.law.input_names) != {"N", "D"}:
        names = listed(first.law.input_names)
        raise LawError(f"law {first.law.name!r} reads {names}: give a table of runs to choose from, and C, their cost")
    count, inputs = first.runs.count, first.inputs
    aim = target.get("C", np.array([np.inf]))
    ratios = inputs["D"] / inputs["N"]
    if {"N", "D"} <= target.keys():
        aim = count(target["N"], target["D"])
        ratios = np.append(ratios, target["D"] / target["N"])
    smallest = count(inputs["N"], inputs["D"]).min()
    parts = min(budget, aim.max()) / _PARTS
    compute = np.unique(np.maximum(parts, smallest))[:, None]
    typical = np.exp(np.log(inputs["N"]).mean())
    product = typical * count.tokens(compute, typical)  # N D, however compute is counted
    sizes = _rounded(np.sqrt(product / np.geomspace(ratios.min(), ratios.max(), _RATIOS)), 2, np.round)
    tokens = _rounded(count.tokens(compute, sizes), 3, np.floor)
    return pd.DataFrame({"N": sizes.ravel(), "D": tokens.ravel()}).drop_duplicates(ignore_index=True)


def _rounded(values: Array, digits: int, way: Callable[[Array], Array]) -> Array:
    unit = 10.0 ** (np.floor(np.log10(values)) - digits + 1)
    return np.asarray(way(values / unit) * unit)


def affordable(
    fit: Fit | Observed,
    candidates: Candidates | None,
    budget: float | str,
    most: int | None = MOST,
    target: Mapping[str, Array] = MappingProxyType({}),
) -> tuple[dict[str, Array], Array]:
    """Candidates and what each costs, of which a budget pays for some.

    Parameters
    ----------
    fit : Fit or Observed
        What was fitted, or will be.
    candidates, budget, most
        As of :func:`bayescale.next_runs`.
    target
        As of :func:`candidate_grid`.

    Returns
    -------
    points : mapping of array, shape (candidate,)
        Inputs and settings.
    cost : array, shape (candidate,)
        FLOP.

    Raises
    ------
    LawError, RunsError, QuantityError
        As of :func:`bayescale.next_runs`.
    """
    budget = number("budget", budget)
    if not (np.isfinite(budget) and budget > 0):
        raise QuantityError(f"budget {budget:g} FLOP: must be a finite number above zero")
    points, cost = _checked_candidates(fit, candidate_grid(fit, budget, target) if candidates is None else candidates)
    if most is not None and most < 1:
        raise QuantityError(f"a batch of at most {most} runs: give one or more, or None")
    if cost.min() > budget:
        raise QuantityError(
            f"a budget of {budget:.3g} FLOP pays for none of {len(cost)} candidates: the cheapest takes "
            f"{cost.min():.3g} FLOP"
        )
    return points, cost


def _checked_candidates(fit: Fit | Observed, candidates: Candidates) -> tuple[dict[str, Array], Array]:
    """Inputs and settings of candidates, and what each costs (FLOP), of shape (candidate,)."""
    frame = as_frame(candidates, "candidates").reset_index(drop=True)
    names = fit.law.input_names
    needed = names if {"N", "D"} <= {*frame.columns} else (*names, "C")
    lacking = [name for name in dict.fromkeys(needed) if name not in frame]
    given = f"; its columns are {listed(map(str, frame.columns))}"
    priced = ", the cost of each run (FLOP, or the unit of the budget)"
    refuse(f"candidates: no column {name!r}{given}: add it{priced if name == 'C' else ''}" for name in lacking)
    if len(frame) == 0:
        raise RunsError(f"there are no candidates: give {listed(names)} of at least one run")
    read_from = [name for name in dict.fromkeys((*names, "N", "D", "C")) if name in frame]
    read = {name: positive(frame[name], "candidates", name) for name in read_from}
    refuse(fault for _, faults in read.values() for fault in faults)
    columns = {name: values for name, (values, _) in read.items()}
    cost = columns["C"] if "C" in columns else fit.runs.count(columns["N"], columns["D"])
    settings = {item.name: frame[item.name].to_numpy() for item in fit.law.settings if item.name in frame}
    return checked_points([fit], {**{name: columns[name] for name in names}, **settings}), cost
