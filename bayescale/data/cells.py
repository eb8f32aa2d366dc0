"""The best, or the mean, of several rows of one N and D.

The lowest of k noisy losses is too low, the more so the more runs compete. With the noise of a run known, from repeats
or from the scatter of losses around a quadratic in the logarithms of what was varied, the expectation of the minimum is
computed for runs whose expected losses are those observed, drawn together by as much as noise drove them apart. What it
lies below the lowest of these is added to the observed minimum.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale.basics.errors import RunsError
from bayescale.basics.wording import listed
from bayescale.data.repeats import LEAST_FREEDOM, runs_column
from bayescale.data.runs import Runs
from bayescale.data.sweeps import RISING, Sweep, sweep_of
from bayescale.data.tables import Frame
from bayescale.laws.links import BY_RATIO

Array = NDArray[np.float64]

_CONTENDERS = 4.0
"""Standard deviations of the noise within which of the lowest a run may be the best."""


def best_runs(runs: Frame | Runs) -> Runs:
    """The best run of each N and D, corrected for having been chosen among several noisy ones.

    Parameters
    ----------
    runs : Runs, DataFrame or mapping of columns

    Returns
    -------
    Runs
        A row for each N and D, with a standard error of its outcome where the noise of a run is known, and a note that
        says how much was corrected. Where no runs repeat each other and what was varied leaves too few degrees of
        freedom, nothing is corrected and a warning says so.

    Raises
    ------
    RunsError
        If no two rows have one N and D.

    Examples
    --------
    >>> losses = [3.0, 3.1, 2.9, 3.0, 3.05, 2.95]
    >>> table = pd.DataFrame({"N": [1e8] * 6, "D": [2e9] * 6, "seed": range(6), "loss": losses})
    >>> best = best_runs(Runs.from_frame(table))
    >>> 2.9 < best.column("loss").item() < 3.05
    True
    """
    runs = Runs.of(runs)
    sweep = _swept(runs)
    scaled, sign = _scaled(runs), _sign(runs.outcome)
    noise = _noise(runs.frame, sweep, sign * scaled)
    rows, values, errors = [], [], []
    for of_cell in _rows(sweep.cells):
        heights = sign * scaled[of_cell]
        shift, error = (0.0, np.nan) if noise is None else optimism(heights, noise.sd, alike=not sweep.settings)
        rows.append(of_cell[heights.argmin()])
        values.append(sign * (heights.min() + shift))
        errors.append(error)
    kept = runs.take(np.array(rows))
    corrected = np.array(values) - scaled[rows]
    found = _with_outcome(kept, runs, np.array(values), np.array(errors) if noise is not None else None)
    chosen = f"the best of each N and D, of up to {sweep.sizes.max()} rows that differ in {sweep.varied}"
    if noise is None:
        warning = (
            f"{chosen}, is taken as it is: neither repeats nor enough settings tell the noise, and the best of "
            "several noisy ones is too good"
        )
        return replace(found, warnings=(*_other_warnings(runs, sweep), warning), notes=runs.notes)
    note = (
        f"{chosen}, {'lowered' if sign < 0 else 'raised'} by {np.abs(corrected).max():.2g} at the most {_scale(runs)} "
        f"for being the best of noisy runs; noise {noise.sd:.2g}, {noise.source}"
    )
    return replace(found, warnings=_other_warnings(runs, sweep), notes=(*runs.notes, note))


def mean_runs(runs: Frame | Runs) -> Runs:
    """The mean run of each N and D, with its standard error, from the spread within all of them together.

    Parameters
    ----------
    runs : Runs, DataFrame or mapping of columns

    Returns
    -------
    Runs
        A row for each N and D; settings and names are those of its first row.

    Raises
    ------
    RunsError
        If no two rows have one N and D.

    Examples
    --------
    >>> table = pd.DataFrame({"N": [1e8] * 4, "D": [2e9] * 4, "seed": range(4), "loss": [3.0, 3.1, 2.9, 3.0]})
    >>> mean_runs(Runs.from_frame(table)).column("loss_se").round(3)
    array([0.041])
    """
    runs = Runs.of(runs)
    sweep = _swept(runs)
    cells, sizes, scaled = sweep.cells, sweep.sizes, _scaled(runs)
    apart = scaled - (np.bincount(cells, scaled) / sizes)[cells]
    spread = float(np.sqrt(np.square(apart).sum() / (len(cells) - len(sizes))))
    means = np.bincount(cells, runs.column(runs.outcome)) / sizes
    kept = runs.take(np.array([of_cell[0] for of_cell in _rows(cells)]))
    items = f"{runs.outcome}_n"
    if items in runs.frame:
        # Of counted items the total tells the precision.
        total = np.bincount(cells, runs.column(items))
        means = np.bincount(cells, runs.column(items) * runs.column(runs.outcome)) / total
        found = replace(kept, frame=kept.frame.assign(**{runs.outcome: means, items: total}))
    else:
        means = np.log(means) if runs.domain in BY_RATIO else means
        found = _with_outcome(kept, runs, means, spread / np.sqrt(sizes))
        found = replace(found, frame=found.frame.assign(**{runs_column(runs.outcome): sizes.astype(float)}))
    note = (
        f"means of each N and D, of up to {sizes.max()} rows that differ in {sweep.varied}; standard deviation of a "
        f"run {spread:.2g} {_scale(runs)}"
    )
    tuned = (
        f"means are over {listed(sweep.settings)}, which law and plan take for untuned: best_runs(runs) takes the best"
    )
    doubts = (tuned,) if sweep.settings else ()
    return replace(found, warnings=(*_other_warnings(runs, sweep), *doubts), notes=(*runs.notes, note))


def optimism(heights: Array, noise: float, *, alike: bool = False) -> tuple[float, float]:
    """How far the lowest of several noisy values lies below that of the best of them, and its standard deviation.

    Parameters
    ----------
    heights : array, shape (row,)
        Observed values, lower is better.
    noise : float
        Standard deviation of each.
    alike : bool
        Whether all are values of one thing, such as runs that differ only in their seeds.

    Examples
    --------
    >>> shift, error = optimism(np.zeros(10), 1.0)  # the lowest of ten normal variates is -1.54 on average
    >>> round(shift, 2), round(error, 2)
    (1.54, 0.59)
    """
    from scipy.special import ndtr

    contending = np.zeros(len(heights)) if alike else heights[heights <= heights.min() + _CONTENDERS * noise]
    spread = float(contending.var(ddof=1)) if len(contending) > 1 else 0.0
    drawn = np.sqrt(max(0.0, 1 - noise**2 / spread)) if spread > 0 else 0.0
    expected = (contending - contending.mean()) * drawn
    places = np.linspace(expected.min() - 8 * noise, expected.min() + 8 * noise, 801)
    above = np.prod(ndtr((expected[:, None] - places) / noise), axis=0)
    mean = places[0] + np.trapezoid(above, places)
    square = np.trapezoid(2 * (places - places[0]) * above, places)
    return float(expected.min() - mean), float(np.sqrt(max(square - (mean - places[0]) ** 2, 0.0)))


@dataclass(frozen=True)
class _Noise:
    sd: float
    source: str


def _noise(frame: pd.DataFrame, sweep: Sweep, heights: Array) -> _Noise | None:
    """Standard deviation of one run: from repeats, or else from what is left by a quadratic in the settings."""
    alike = pd.DataFrame({"cell": sweep.cells, **{name: frame[name] for name in sweep.settings}})
    groups = alike.groupby(list(alike), sort=False, dropna=False).ngroup().to_numpy()
    sizes = np.bincount(groups)
    freedom = len(groups) - len(sizes)
    if freedom >= LEAST_FREEDOM or (freedom and not sweep.settings):
        rest = heights - (np.bincount(groups, heights) / sizes)[groups]
        sd = float(np.sqrt(np.square(rest).sum() / freedom))
        return _Noise(sd, f"from {len(groups) - (sizes == 1).sum()} rows that repeat each other") if sd > 0 else None
    numeric = [name for name in sweep.settings if frame[name].dtype.kind in "iuf"]
    squares, freedom = 0.0, 0
    for rows in _rows(sweep.cells):
        found = _around_quadratic(frame[numeric].iloc[rows].to_numpy(dtype=np.float64), heights[rows])
        squares, freedom = squares + found[0], freedom + found[1]
    if freedom < LEAST_FREEDOM or squares == 0:
        return None
    words = f"from the scatter around quadratics in the logarithms of {listed(numeric)} near the best"
    return _Noise(float(np.sqrt(squares / freedom)), words)


def _around_quadratic(settings: Array, heights: Array) -> tuple[float, int]:
    """Sum of squares left by a quadratic over the settings nearest to the best, and its degrees of freedom."""
    settings = settings[:, [np.ptp(column) > 0 for column in settings.T]]
    logs = np.where(settings > 0, np.log(np.maximum(settings, 1e-300)), settings)
    n_terms = (logs.shape[1] + 1) * (logs.shape[1] + 2) // 2
    near = max(n_terms + 3, -(-len(heights) // 2))
    if not logs.shape[1] or len(heights) < near or not np.isfinite(logs).all():
        return 0.0, 0
    away = (logs - logs[heights.argmin()]) / np.ptp(logs, axis=0)
    chosen = np.argsort(np.square(away).sum(axis=1), kind="stable")[:near]
    x = away[chosen]
    pairs = [x[:, i] * x[:, j] for i in range(x.shape[1]) for j in range(i + 1)]
    terms = np.column_stack([np.ones(near), x, *pairs])
    fitted, _, rank, _ = np.linalg.lstsq(terms, heights[chosen])
    return float(np.square(heights[chosen] - terms @ fitted).sum()), near - int(rank)


def _swept(runs: Runs) -> Sweep:
    found = runs.structure.sweep or sweep_of(runs.frame, runs.outcome)
    if found is None:
        raise RunsError(f"{runs.source}: no two rows have one N and D: leave out best_runs(runs) and mean_runs(runs)")
    return found


def _rows(cells: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Rows of each cell."""
    order = np.argsort(cells, kind="stable")
    return np.split(order, np.cumsum(np.bincount(cells))[:-1])


def _other_warnings(runs: Runs, sweep: Sweep) -> tuple[str, ...]:
    """Warnings of the table, but for those on the sweep."""
    return tuple(text for text in runs.warnings if text not in sweep.warnings)


def _sign(outcome: str) -> float:
    return -1.0 if outcome in RISING else 1.0


def _scale(runs: Runs) -> str:
    return "(of its logarithm)" if runs.domain in BY_RATIO else "(of the outcome)"


def _scaled(runs: Runs) -> Array:
    """The outcome on the scale on which noise is about the same: the logarithm of a positive one."""
    outcome = runs.column(runs.outcome)
    return np.log(outcome) if runs.domain in BY_RATIO else outcome


def _with_outcome(kept: Runs, runs: Runs, scaled: Array, errors: Array | None) -> Runs:
    """Rows with another outcome, given on its scale, and standard errors."""
    positive = runs.domain in BY_RATIO
    outcome = np.exp(scaled) if positive else scaled
    if runs.domain == "fraction":
        outcome = np.clip(outcome, 0.0, 1.0)
    columns = {runs.outcome: outcome}
    if errors is not None and f"{runs.outcome}_n" not in runs.frame:
        columns[f"{runs.outcome}_se"] = outcome * errors if positive else errors
    return replace(kept, frame=kept.frame.assign(**columns))
