"""Why targets are missed: what was measured of ``lr_batch`` and of ``sloth`` beside the rows of the scoreboard.

The rows of ``lr_batch`` are forecast by the law with its learnt error and by the law taken as true: is it the law that
is off, and by a constant? Rows of one N and D may also share an effect, as checkpoints of one run do. The scores of
``sloth`` are forecast by the curve of our law fitted by least squares, with and without a constant for each family,
which published methods read and ours does not.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import expit

import bayescale as bs
from public import scalebench, sloth
from public.scoring import RUN, Task, r_squared

Array = NDArray[np.float64]

WITH_ERROR, AS_TRUE = "law with its error", "law taken as true"
WITH_EFFECTS = "with its error, effect per N and D"
OF_LAW = (WITH_ERROR, WITH_EFFECTS, AS_TRUE)
NO_FAMILY, FAMILY = "least squares", "least squares, constant per family"
OF_CURVES = ("all models, one law", "six families, pooled")
"""Tasks of scores to which curves are fitted."""
_PRIOR = 0.02
"""Weight of the constants of families, so that a family of one model does not choose its own without limit."""


@dataclass(frozen=True)
class Question:
    """A task and what is fitted to it."""

    task: Task
    setting: str


def questions(folder: Path) -> list[Question]:
    """Every measurement."""
    (swept,) = (task for task in scalebench.tasks(folder / "scalebench") if task.name == "lr_batch")
    scores = [task for task in sloth.tasks(folder / "sloth") if task.name in OF_CURVES]
    return [
        *(Question(swept, setting) for setting in OF_LAW),
        *(Question(task, setting) for task in scores for setting in (NO_FAMILY, FAMILY)),
    ]


def answer(question: Question) -> list[dict[str, Any]]:
    """One row of scores."""
    start = time.process_time()
    found = _of_law(question) if question.setting in OF_LAW else _of_curve(question)
    return [{"task": question.task.name, "setting": question.setting, **found, "cpu_s": time.process_time() - start}]


def _of_law(question: Question) -> dict[str, Any]:
    task = question.task
    table = task.train[[*task.inputs, task.outcome]].reset_index(drop=True)
    if question.setting == WITH_EFFECTS:
        table[RUN] = table.groupby(["N", "D"]).ngroup()
    runs = bs.Runs.from_frame(table, outcome=task.outcome, source=task.name)
    fitted = bs.fit("hyperparameters", runs, discrepancy=question.setting != AS_TRUE)
    rows = bs.forecast(fitted, **{name: task.test[name].to_numpy(dtype=float) for name in task.inputs}).summary()
    observed, median = task.test[task.outcome].to_numpy(dtype=float), rows["q50"].to_numpy()
    constant = float(np.mean(median - observed))
    return {
        "metric": task.metric,
        "score": r_squared(observed, median),
        "mean_error": constant,
        "score_without_it": r_squared(observed, median - constant),
        "cover_90": float(np.mean((rows["q05"] <= observed) & (observed <= rows["q95"]))),
        "log_evidence": fitted.diagnostics.log_evidence,
        "certified": fitted.certified,
    }


def _of_curve(question: Question) -> dict[str, Any]:
    task, errors = question.task, []
    for group, rows in task.test.groupby("group", sort=False):
        seen = task.train[task.train["group"] == group]
        errors.append(_curve(seen, rows, question.setting == FAMILY) - rows[task.outcome].to_numpy(dtype=float))
    off = np.concatenate(errors)
    return {"metric": task.metric, "score": float(np.abs(off).mean()), "mean_error": float(off.mean())}


def _curve(seen: pd.DataFrame, rows: pd.DataFrame, by_family: bool) -> Array:
    """Scores that rise from chance to one with log compute, by least squares."""
    families = list(seen["family"].unique()) if by_family else []
    centre, width = np.log(seen["C"]).mean(), np.log(seen["C"]).std()

    def risen(parameters: Array, table: pd.DataFrame) -> Array:
        own = parameters[2:][[families.index(each) for each in table["family"]]] if by_family else 0.0
        along = parameters[0] + parameters[1] * ((np.log(table["C"]) - centre) / width) + own
        return np.asarray(table["chance"] + (1 - table["chance"]) * expit(along))

    def residuals(parameters: Array) -> Array:
        return np.concatenate([risen(parameters, seen) - seen["accuracy"], _PRIOR * parameters[2:]])

    return risen(least_squares(residuals, np.r_[0.0, 1.0, np.zeros(len(families))]).x, rows)


def text(rows: list[dict[str, Any]]) -> str:
    """One line per measurement."""
    names = {
        "task": "task",
        "setting": "setting",
        "metric": "metric",
        "score": "score",
        "mean_error": "mean error",
        "score_without_it": "score without it",
        "cover_90": "in 90%",
        "log_evidence": "log evidence",
        "cpu_s": "CPU s",
    }
    digits = {"score": 3, "mean_error": 3, "score_without_it": 3, "cover_90": 2, "log_evidence": 0, "cpu_s": 0}
    lines = [
        {
            title: "" if row.get(name) is None else f"{row[name]:.{digits[name]}f}" if name in digits else row[name]
            for name, title in names.items()
        }
        for row in rows
    ]
    return pd.DataFrame(lines).to_string(index=False)
