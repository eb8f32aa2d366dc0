"""Runs to choose from: a table or a grid of them, checked, with what each costs."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale.basics.errors import QuantityError, RunsError
from bayescale.basics.quantities import number
from bayescale.data.observed import Observed
from bayescale.data.tables import Frame, as_frame, missing_column, positive, refuse
from bayescale.posterior.ensembles import Posterior, first_fit
from bayescale.posterior.fit import Fit
from bayescale.posterior.forecasting import checked_points

Array = NDArray[np.float64]
type Candidates = Frame

MOST = 10
"""Runs in a batch unless more are asked for: a hundred tiny ones would teach little more."""

_SIDE = 12
"""Sizes and token counts of the default candidates, evenly spaced in the logarithm."""


def candidate_grid(fit: Posterior | Observed) -> pd.DataFrame:
    """Candidate runs where runs have been fitted: an even grid over the ranges of their log N and log D.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D.

    Returns
    -------
    pandas.DataFrame
        Columns ``N``, ``D`` to two significant digits.

    Examples
    --------
    >>> from bayescale import fit
    >>> candidate_grid(fit("chinchilla", "chinchilla", discrepancy=False)).shape
    (144, 2)
    """
    inputs = (fit if isinstance(fit, Observed) else first_fit(fit)).inputs
    sides = [np.geomspace(inputs[name].min(), inputs[name].max(), _SIDE) for name in ("N", "D")]
    sizes, tokens = np.meshgrid(*([float(f"{value:.1e}") for value in side] for side in sides), indexing="ij")
    return pd.DataFrame({"N": sizes.ravel(), "D": tokens.ravel()})


def affordable(
    fit: Fit | Observed, candidates: Candidates | None, budget: float | str, most: int | None = MOST
) -> tuple[dict[str, Array], Array]:
    """Candidates and what each costs, of which a budget pays for some.

    Parameters
    ----------
    fit : Fit or Observed
        What was fitted, or will be.
    candidates, budget, most
        As of :func:`bayescale.next_runs`.

    Returns
    -------
    points : mapping of array, shape (candidate,)
        Inputs and settings.
    cost : array, shape (candidate,)
        FLOP.

    Raises
    ------
    RunsError, QuantityError
        As of :func:`bayescale.next_runs`.
    """
    budget = number("budget", budget)
    points, cost = _checked_candidates(fit, candidate_grid(fit) if candidates is None else candidates)
    if not (np.isfinite(budget) and budget > 0):
        raise QuantityError(f"budget {budget:g} FLOP: must be a finite number above zero")
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
    refuse(missing_column(name, frame.columns, "candidates") for name in ("N", "D") if name not in frame)
    if len(frame) == 0:
        raise RunsError("there are no candidates: give at least one run's N and D")
    read = {name: positive(frame[name], "candidates", name) for name in ("N", "D", "C") if name in frame}
    refuse(fault for _, faults in read.values() for fault in faults)
    columns = {name: values for name, (values, _) in read.items()}
    count = fit.runs.count
    cost = columns.pop("C", count(columns["N"], columns["D"]))
    settings = {item.name: frame[item.name].to_numpy() for item in fit.law.settings if item.name in frame}
    return checked_points([fit], {**columns, **settings}), cost
