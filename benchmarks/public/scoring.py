"""What public benchmarks share: a task is fitted and forecast group by group, and its rows are scored together."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from usual_laws import Values, power_law_of

import bayescale as bs

DEFAULT = "auto"
MEAN_R2 = "mean R2"
"""The mean over groups of R2 within each."""
RUN = "run"
"""Column that names the training run of each row to fit, where rows are checkpoints."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """Rows to fit and rows to forecast, as a benchmark publishes them.

    Attributes
    ----------
    name : str
    train, test : pandas.DataFrame
        With the columns ``inputs`` and ``outcome``; each ``group`` is fitted by itself, if there is such a column.
    inputs : tuple of str
    outcome : str
    laws : tuple of str
        Settings to try: the default, and the laws that the task is about.
    metric : str
        What is published, a name of :func:`scores`; of R2 the largest is the best, of an error the smallest.
    published : mapping of float
        Published values by method.
    bands : mapping of (float, float)
        Published coverage and median width of intervals by method.
    seen : str
        Whether our defaults were learnt on the table, in words.
    pool : tuple of str
        Parameters that differ between values of the column ``family``, learnt together.
    """

    name: str
    train: pd.DataFrame
    test: pd.DataFrame
    inputs: tuple[str, ...]
    outcome: str = "loss"
    laws: tuple[str, ...] = (DEFAULT,)
    metric: str = "R2"
    published: Mapping[str, float] = field(default_factory=dict)
    bands: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    seen: str = "no"
    pool: tuple[str, ...] = ()


def by_group(task: Task) -> list[Task]:
    """A task for each group, or the task itself."""
    if "group" not in task.train:
        return [task]
    return [
        replace(task, train=task.train[task.train["group"] == group], test=rows)
        for group, rows in task.test.groupby("group", sort=False)
    ]


def forecast_rows(task: Task, law: str) -> pd.DataFrame:
    """Median and 90 % interval of every row to forecast after one fit, and what the fit cost per row."""
    train, test = task.train, task.test
    also = [f"{task.outcome}_se", RUN, *(["family"] if task.pool else [])]
    table = train[[*task.inputs, task.outcome, *(name for name in also if name in train)]]
    start = time.process_time()
    runs = bs.Runs.from_frame(table.reset_index(drop=True), outcome=task.outcome, source=task.name)
    if task.pool:
        fitted = bs.fit(law, runs, pool=task.pool, by="family")
        parts = [_summary(fitted.of(family), task, rows) for family, rows in test.groupby("family")]
        summary = pd.concat(parts).loc[test.index]
    else:
        fitted = bs.fit(law, runs)
        summary = _summary(fitted, task, test)
    seconds = time.process_time() - start
    return pd.DataFrame(
        {
            "group": test.get("group", ""),
            "observed": test[task.outcome],
            "median": summary["q50"],
            "lower": summary["q05"],
            "upper": summary["q95"],
            "seconds": seconds / len(test),
            "certified": fitted.certified,
        }
    )


def _summary(fitted: Any, task: Task, rows: pd.DataFrame) -> pd.DataFrame:
    inputs = {name: rows[name].to_numpy(dtype=float) for name in task.inputs}
    forecast = bs.forecast(fitted, **inputs)
    column = f"{task.outcome}_se"
    if column in rows:
        forecast = measured(forecast, rows[column].to_numpy(dtype=float))
    return forecast.summary().set_index(rows.index)


def measured(forecast: bs.Forecast, standard_errors: Values) -> bs.Forecast:
    """The forecast of what is measured: of outcomes plus normal errors of the standard errors that the table states."""
    exact = forecast.draws["predictive"]
    errors = standard_errors * np.random.default_rng(0).standard_normal(exact.shape)
    return replace(forecast, draws=forecast.draws.assign(predictive=exact.copy(data=exact.to_numpy() + errors)))


def r_squared(observed: ArrayLike, predicted: ArrayLike) -> float:
    """``1 - MSE / Var`` with the variance of the observed rows; -1 if a prediction is not finite."""
    observed, predicted = np.asarray(observed, dtype=float), np.asarray(predicted, dtype=float)
    if not np.isfinite(predicted).all():
        return -1.0
    return float(1 - np.mean((observed - predicted) ** 2) / np.var(observed))


def scores(rows: pd.DataFrame) -> dict[str, Any]:
    """Scores of one setting over a task's rows; errors, RMSLE and coverage are means over groups of their means."""
    inside = (rows["lower"] <= rows["observed"]) & (rows["observed"] <= rows["upper"])
    error = np.abs(rows["median"] - rows["observed"])
    squared = np.log(rows["median"] / rows["observed"]) ** 2
    return {
        "R2": r_squared(rows["observed"], rows["median"]),
        MEAN_R2: float(np.mean([r_squared(each["observed"], each["median"]) for _, each in rows.groupby("group")])),
        "MAPE": float(100 * np.mean(error / rows["observed"])),
        "MAE": float(np.mean(error)),
        "mean error": float(error.groupby(rows["group"]).mean().mean()),
        "median error": float(np.median(error)),
        "RMSLE": float(np.sqrt(squared.groupby(rows["group"]).mean()).mean()),
        "cover_90": float(inside.groupby(rows["group"]).mean().mean()),
        "width_90": float(np.median(rows["upper"] - rows["lower"])),
        "cpu_s": float(rows["seconds"].sum()),
        "certified": float(rows["certified"].mean()),
        "rows": len(rows),
    }


def last_value(task: Task) -> Task:
    """A task of curves beside the last fitted value, repeated."""
    return _beside(task, "last value", lambda seen, rows: np.full(len(rows), seen[task.outcome].iloc[-1]))


def least_squares(task: Task) -> Task:
    """A task of curves beside a power law with a floor, fitted by least squares."""

    def extrapolated(seen: pd.DataFrame, rows: pd.DataFrame) -> ArrayLike:
        law = power_law_of(seen["x"].to_numpy(dtype=float), seen[task.outcome].to_numpy(dtype=float))
        return law(rows["x"].to_numpy(dtype=float))

    return _beside(task, "power law, least squares", extrapolated)


def _beside(task: Task, name: str, extrapolated: Callable[[pd.DataFrame, pd.DataFrame], ArrayLike]) -> Task:
    parts = []
    for group, rows in task.test.groupby("group", sort=False):
        seen = task.train[task.train["group"] == group].sort_values("x")
        given = {"group": group, "observed": rows[task.outcome], "median": extrapolated(seen, rows)}
        parts.append(pd.DataFrame(given | {"lower": np.nan, "upper": np.nan, "seconds": 0.0, "certified": True}))
    return replace(task, published={**task.published, name: scores(pd.concat(parts))[task.metric]})


def board(tasks: Sequence[Task], found: Mapping[tuple[str, str], pd.DataFrame]) -> list[dict[str, Any]]:
    """One entry per task and setting: our scores beside the best published."""
    return [_entry(task, law, found[task.name, law]) for task in tasks for law in task.laws]


def _entry(task: Task, law: str, rows: pd.DataFrame) -> dict[str, Any]:
    choose = max if task.metric in ("R2", MEAN_R2) else min
    best = choose(task.published, key=task.published.__getitem__, default="")
    return {
        "task": task.name,
        "ours": "default" if law == DEFAULT else law,
        "metric": task.metric,
        **scores(rows),
        "published_best": task.published.get(best),
        "by": best,
        "published": dict(task.published),
        "published_bands": {name: list(values) for name, values in task.bands.items()},
        "seen": task.seen,
    }
