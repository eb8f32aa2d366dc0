"""The envelope of training curves: at each compute the size whose curve is lowest, and a power law through these.

Each training run's curve of log loss over log compute is smoothed. Where a smaller and a larger model were also in
training, the size of the lowest curve is taken, and log N is regressed on log compute. Runs are resampled with
replacement, so the intervals hold what the choice of runs and of sizes leaves open. They do not hold the bias of curves
whose learning-rate schedule has not ended.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.errors import RunsError
from bayescale.data.runs import Runs, rows_of

Array = NDArray[np.float64]

LEAST_CHECKPOINTS = 3
"""Fewest rows of a training run that make a curve."""
LEAST_CURVES = 4
"""Fewest curves of different sizes of which an envelope is taken."""
_SMOOTHED = 5
"""Fewest checkpoints that are smoothed rather than interpolated."""
_GRID = 200
_LEAST_STEPS = 3
"""Fewest sizes that are lowest somewhere, in the table and in a resample of it."""
_LEAST_SHARE = 0.5
"""Share of the resamples that must have that number."""


@dataclass(frozen=True, eq=False)
class Envelope:
    """Power laws through the envelopes of resampled training curves.

    Attributes
    ----------
    a_opt : array, shape (draw,)
        Exponent of N* in compute.
    log_n : array, shape (draw,)
        Log N* at the centre.
    centre : float
        Middle of the envelope's log compute.
    curves : int
        Number of training curves.
    sizes : array, shape (step,)
        Sizes that are lowest somewhere, in the table itself.
    """

    a_opt: Array
    log_n: Array
    centre: float
    curves: int
    sizes: Array

    def optimum(self, budgets: Array) -> Array:
        """Draws of N* at budgets, shape (draw, budget)."""
        ahead = np.log(budgets) - self.centre
        return np.asarray(np.exp(self.log_n[:, None] + self.a_opt[:, None] * ahead))


def fit_envelope(runs: Runs, *, draws: int = 1000, seed: int = 0) -> Envelope:
    """Take the envelope of a table's training curves.

    Raises
    ------
    RunsError
        If the table holds no such curves, or no envelope of several sizes.
    """
    curves = [rows for rows in rows_of(runs.clusters) if len(rows) >= LEAST_CHECKPOINTS] if runs.shared else []
    size, log_c, loss = (np.log(runs.column(name)) for name in ("N", "C", runs.outcome))
    log_n = np.array([size[rows[0]] for rows in curves])
    if (n := len(np.unique(log_n))) < LEAST_CURVES:
        raise RunsError(
            f"{runs.source}: {n} training curves of different sizes, of {LEAST_CHECKPOINTS} checkpoints or more each: "
            f"an envelope takes {LEAST_CURVES}; a column run or tell_checkpoints(runs, True) says which are of one run"
        )
    reached = log_c[np.concatenate(curves)]
    grid = np.linspace(reached.min(), reached.max(), _GRID)
    heights = np.array([_smoothed(log_c[rows], loss[rows], grid) for rows in curves])
    whole = _lowest(heights, log_n)
    steps = np.unique(whole[np.isfinite(whole)])
    if len(steps) < _LEAST_STEPS:
        raise RunsError(
            f"{runs.source}: {len(steps)} sizes of {len(curves)} training curves are lowest at some compute at which "
            f"a smaller and a larger one are in training: an envelope takes {_LEAST_STEPS}"
        )
    centre = float(grid[np.isfinite(whole)].mean())
    lines = _lines(heights, log_n, grid - centre, draws, np.random.default_rng(seed))
    if len(lines) < draws:
        raise RunsError(
            f"{runs.source}: of {len(curves)} training curves, resampled, fewer than {_LEAST_STEPS} are lowest "
            "somewhere too often for an interval: an envelope takes more sizes"
        )
    return Envelope(lines[:, 0], lines[:, 1], centre, len(curves), np.exp(steps))


def _lines(heights: Array, log_n: Array, ahead: Array, draws: int, rng: np.random.Generator) -> Array:
    """Slope and level of lines through the envelopes of resampled curves, shape (draw, 2); too few if few have one."""
    found: list[Array] = []
    for _ in range(int(draws / _LEAST_SHARE)):
        chosen = np.unique(rng.integers(len(log_n), size=len(log_n)))
        lowest = _lowest(heights[chosen], log_n[chosen])
        held = np.isfinite(lowest)
        if len(np.unique(lowest[held])) >= _LEAST_STEPS:
            found.append(np.polyfit(ahead[held], lowest[held], 1))
        if len(found) == draws:
            break
    return np.array(found).reshape(-1, 2)


def _smoothed(log_c: Array, loss: Array, grid: Array) -> Array:
    """A curve at the points of a grid, infinite where the run has no checkpoints."""
    from scipy.interpolate import PchipInterpolator, make_smoothing_spline

    places, index = np.unique(log_c, return_inverse=True)
    means = np.bincount(index, loss) / np.bincount(index)
    smooth = make_smoothing_spline(places, means) if len(places) >= _SMOOTHED else PchipInterpolator(places, means)
    inside = (grid >= places[0]) & (grid <= places[-1])
    return np.where(inside, smooth(grid), np.inf)


def _lowest(heights: Array, log_n: Array) -> Array:
    """Log N of the lowest curve at each point of the grid; nan where no smaller or no larger model is in training."""
    there = np.isfinite(heights)
    found = log_n[heights.argmin(axis=0)]
    smallest = np.where(there, log_n[:, None], np.inf).min(axis=0)
    largest = np.where(there, log_n[:, None], -np.inf).max(axis=0)
    return np.where((smallest < found) & (found < largest), found, np.nan)
