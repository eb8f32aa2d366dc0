"""Runs that repeat each other, such as several seeds of one setting, as their mean with a standard error.

What a setting scatters by around a law is shared by all of its repeats, so that three seeds of a size say little more
about the law than one. Their mean is one run, whose standard error is that of the mean; a new run scatters by as much
as a repeat does, too.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bayescale.data.runs import Runs
from bayescale.data.sweeps import RISING, Sweep, sweep_of
from bayescale.laws.links import Link

Array = NDArray[np.float64]

LEAST_FREEDOM = 5
"""Degrees of freedom with which the scatter of repeats counts as known."""
_FARTHEST = 3.0
"""Standard deviations from the median beyond which a repeat counts as this far, as one that diverged does."""


def mean_of_repeats(runs: Runs, link: Link) -> Runs:
    """The runs, with the mean of those that differ in nothing but their seed and their outcome.

    Parameters
    ----------
    runs : Runs
    link : Link
        Scale on which the mean is taken.

    Returns
    -------
    Runs
        The runs themselves where nothing is repeated, or so little that their scatter is unknown, where the rows of a
        training run are its checkpoints, or where the table states the precision of each outcome. Otherwise a row for
        each setting, with columns of how many runs it is the mean of and of its standard error, and a note. Copies are
        one run without a standard error.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayescale.laws.links import LOG
    >>> table = pd.DataFrame({"N": [1e8] * 4 + [1e9] * 4, "D": 2e10, "loss": [3.0, 3.1, 2.9, 3.0, 2.6, 2.5, 2.6, 2.7]})
    >>> mean_of_repeats(Runs.from_frame(table), LOG).frame[["loss", "loss_se", "loss_runs"]].round(3)
        loss  loss_se  loss_runs
    0  2.999    0.044        4.0
    1  2.599    0.038        4.0
    """
    found = None if _precise(runs) or runs.shared else runs.structure.sweep or sweep_of(runs.frame, runs.outcome)
    if found is None or not found.only_repeats or ("run" in runs.frame and not found.seeds):
        return runs
    scaled = np.asarray(link.forward(np, runs.column(runs.outcome)))
    sizes = found.sizes
    scatter = scatter_of(scaled, found)
    if scatter is None and not _copies(scaled, found):
        return runs
    middle = _middles(scaled, found, scatter, -1.0 if runs.outcome in RISING else 1.0)[found.cells]
    apart = scaled - middle
    if scatter is not None:
        apart = apart.clip(-_FARTHEST * scatter, _FARTHEST * scatter)
    means = np.bincount(found.cells, middle + apart) / sizes
    outcome = np.asarray(link.inverse(means))
    columns = {runs.outcome: outcome, runs_column(runs.outcome): sizes.astype(float)}
    if scatter is not None:
        columns[f"{runs.outcome}_se"] = scatter / np.sqrt(sizes) / link.slope(outcome)
    _, first = np.unique(found.cells, return_index=True)
    kept = runs.take(first)
    known = "" if scatter is None else f"; they scatter by {scatter:.2g} ({link.words} {runs.outcome}) around it"
    note = (
        f"{len(scaled)} rows are {len(sizes)} settings with up to {sizes.max()} runs, which differ in {found.varied}: "
        f"the mean of each setting is fitted{known}"
    )
    return replace(kept, frame=kept.frame.assign(**columns), warnings=runs.warnings, notes=(*runs.notes, note))


def runs_column(outcome: str) -> str:
    """Name of the column of how many runs an outcome is the mean of."""
    return f"{outcome}_runs"


def scatter_of(scaled: Array, repeats: Sweep) -> float | None:
    """Standard deviation of a run around the mean of those that repeat it; None where there are too few to tell.

    Repeats far from the others count as less far.
    """
    sizes = repeats.sizes
    if len(scaled) - len(sizes) < LEAST_FREEDOM:
        return None
    several = (sizes > 1)[repeats.cells]
    mean = np.bincount(repeats.cells, scaled) / sizes
    # Deviations from a mean of few are too small by the factor that is undone here.
    few = np.sqrt(sizes / np.maximum(sizes - 1, 1))
    apart = np.abs(few[repeats.cells] * (scaled - mean[repeats.cells]))[several]
    usual = 1.4826 * float(np.median(apart))
    if usual > 0:
        apart = np.minimum(apart, _FARTHEST * usual)
    return float(np.sqrt(np.mean(np.square(apart)))) or None


def _copies(scaled: Array, repeats: Sweep) -> bool:
    """Whether all repeats came out alike."""
    _, first = np.unique(repeats.cells, return_index=True)
    return bool((scaled == scaled[first][repeats.cells]).all())


def _middles(scaled: Array, repeats: Sweep, scatter: float | None, sign: float) -> Array:
    """Median of each setting, shape (setting,); of two runs far apart the better, since to diverge is to do worse."""
    order = np.lexsort((sign * scaled, repeats.cells))
    ends = np.cumsum(repeats.sizes)
    better, worse = (scaled[order[ends - repeats.sizes + half]] for half in _halves(repeats.sizes))
    apart = np.abs(worse - better) > 2 * _FARTHEST * (np.inf if scatter is None else scatter)
    return np.asarray(np.where(apart, better, 0.5 * (better + worse)))


def _halves(sizes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the two middle rows of settings, which are one row where their number is odd."""
    return (sizes - 1) // 2, sizes // 2


def _precise(runs: Runs) -> bool:
    """Whether the table states how precise each outcome is."""
    return bool({f"{runs.outcome}_se", f"{runs.outcome}_n"} & set(runs.frame.columns))
