"""How far laws of learning rate and batch miss the level of sweeps that were held out of the rows to fit.

The rows of a sweep share N and D: a cell. Some cells of the rows to fit of ``lr_batch`` and ``porian_lr_batch`` are
held out, those of the largest models, data or compute; a law is fitted to the others by robust least squares, with the
priors of our laws as penalties and without a discrepancy; and the median error of each held-out cell is its level's.
Rows to forecast play no part. The bases are those of our laws of N and D; a run off its best settings costs the same at
every scale, or a share of the reducible loss.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import least_squares

from public import nai, scalebench

Array = NDArray[np.float64]

CHINCHILLA, TIED, SKALING, FARSEER = "chinchilla", "tied", "skaling", "farseer"
CONSTANT, SHARE = "constant", "share of reducible"
FORMS = (
    (CHINCHILLA, CONSTANT),
    (TIED, CONSTANT),
    (SKALING, CONSTANT),
    (FARSEER, CONSTANT),
    (CHINCHILLA, SHARE),
    (SKALING, SHARE),
    (FARSEER, SHARE),
)
NOISE = 0.005
"""Scale of the noise of log losses, whose tails are those of a Student-t with three degrees of freedom."""

_OWN = {CHINCHILLA: (), TIED: (), SKALING: ((np.log(0.55), 0.5),), FARSEER: ((0.0, 0.1), (0.0, 0.05))}
"""Mean and standard deviation of what a base has beside the five parameters of Chinchilla's law."""
_COSTS = ((-0.4, 0.4), (0.0, 0.4), (0.0, 0.3), (0.5, 0.3), (0.5, 0.4), (np.log(0.02), 0.7), (np.log(0.02), 0.7))

SPLITS: dict[str, dict[str, Callable[[pd.DataFrame], pd.Series]]] = {
    "lr_batch": {
        "N > 1e9": lambda t: t["N"] > 1e9,
        "N > 5e8": lambda t: t["N"] > 5e8,
        "D > 4.5e10": lambda t: t["D"] > 4.5e10,
        "C > 1e20": lambda t: 6 * t["N"] * t["D"] > 1e20,
        "C > 3e19": lambda t: 6 * t["N"] * t["D"] > 3e19,
        "N > 4e8, D > 4.5e10": lambda t: (t["N"] > 4e8) & (t["D"] > 4.5e10),
        "N > 1e9, D > 1.5e10": lambda t: (t["N"] > 1e9) & (t["D"] > 1.5e10),
        "N > 1e9, D > 5e10": lambda t: (t["N"] > 1e9) & (t["D"] > 5e10),
    },
    "porian_lr_batch": {
        "N > 1e7": lambda t: t["N"] > 1e7,
        "N > 3e7": lambda t: t["N"] > 3e7,
        "N > 7e7": lambda t: t["N"] > 7e7,
    },
}


@dataclass(frozen=True)
class Question:
    """Rows to fit, of which some cells are held out, and a form of the law."""

    task: str
    table: pd.DataFrame
    split: str
    base: str
    cost: str


def questions(folder: Path) -> list[Question]:
    """Every form on every split."""
    every = [*scalebench.tasks(folder / "scalebench"), *nai.tasks(folder / "nai")]
    tables = {task.name: task.train for task in every if task.name in SPLITS}
    return [
        Question(name, tables[name], split, *form)
        for name, splits in SPLITS.items()
        for split in splits
        for form in FORMS
    ]


def answer(question: Question) -> list[dict[str, Any]]:
    """Root mean square, mean and largest of the errors of the levels of held-out cells, in nats."""
    start = time.process_time()
    held = SPLITS[question.task][question.split](question.table)
    seen, rows = question.table[~held], question.table[held]
    errors = _forecast(question, seen, rows) - rows["loss"].to_numpy()
    level = pd.Series(errors).groupby([rows["N"].to_numpy(), rows["D"].to_numpy()]).median()
    return [
        {
            "task": question.task,
            "split": question.split,
            "base": question.base,
            "cost": question.cost,
            "cells": len(level),
            "rms": float(np.sqrt(np.mean(level**2))),
            "mean": float(level.mean()),
            "cpu_s": time.process_time() - start,
        }
    ]


def _forecast(question: Question, seen: pd.DataFrame, rows: pd.DataFrame) -> Array:
    centre = {name: float(np.log(seen[name]).mean()) for name in ("N", "D", "lr", "batch")}
    beliefs = np.array(
        [
            (np.log(0.48 * seen["loss"].mean()), 0.35),
            (np.log(0.3), 0.4),
            (np.log(0.3), 0.4),
            (np.log(0.2 * seen["loss"].mean()), 0.8),
            (np.log(0.2 * seen["loss"].mean()), 0.8),
            *_OWN[question.base],
            (centre["lr"], 1.5),
            (centre["batch"], 3.0),
            *_COSTS,
        ]
    )
    target = np.log(seen["loss"].to_numpy())

    def residuals(parameters: Array) -> Array:
        off = (np.log(np.maximum(_mean(question, parameters, seen, centre), 0.1)) - target) / NOISE
        tails = np.sign(off) * 2 * np.sqrt(np.log1p(off**2 / 3))
        return np.concatenate([tails, (parameters - beliefs[:, 0]) / beliefs[:, 1]])

    fitted = least_squares(residuals, beliefs[:, 0], x_scale=beliefs[:, 1], max_nfev=300)
    return _mean(question, fitted.x, rows, centre)


def _mean(question: Question, parameters: Array, table: pd.DataFrame, centre: dict[str, float]) -> Array:
    n, d = (np.log(table[name].to_numpy()) - centre[name] for name in ("N", "D"))
    floor, alpha, beta, of_n, of_d = np.exp(parameters[:5])
    own, settings = parameters[5 : 5 + len(_OWN[question.base])], parameters[5 + len(_OWN[question.base]) :]
    match question.base:
        case "tied":
            reducible = of_n * np.exp(-alpha * n) + of_d * np.exp(-alpha * d)
        case "skaling":
            reducible = (of_n * np.exp(-alpha * n) + of_d * np.exp(-beta * d)) ** np.exp(own[0])
        case "farseer":
            reducible = of_n * np.exp(-alpha * n) + of_d * np.exp(own[0] * n - beta * np.exp(own[1] * n) * d)
        case _:
            reducible = of_n * np.exp(-alpha * n) + of_d * np.exp(-beta * d)
    lr, batch, lr_n, lr_d, batch_n, batch_d, lr_batch, lr_cost, batch_cost = settings
    off_batch = np.log(table["batch"].to_numpy()) - batch - batch_n * n - batch_d * d
    off_lr = np.log(table["lr"].to_numpy()) - lr - lr_n * n - lr_d * d - lr_batch * off_batch
    cost = np.exp(lr_cost) * off_lr**2 + np.exp(batch_cost) * off_batch**2
    return np.asarray(floor + reducible + cost * (reducible if question.cost == SHARE else 1.0))


def text(rows: list[dict[str, Any]]) -> str:
    """One line per split, one column per form: the root mean square error of levels."""
    table = pd.DataFrame(rows)
    shown = []
    for (task, split), part in table.groupby(["task", "split"], sort=False):
        values = {
            f"{base}, {_SHORT[cost]}": f"{rms:.4f}"
            for base, cost, rms in zip(part["base"], part["cost"], part["rms"], strict=True)
        }
        shown.append({"task": task, "held out": split, "cells": part["cells"].iloc[0], **values})
    for task, part in table.groupby("task", sort=False):
        means = part.groupby(["base", "cost"], sort=False)["rms"].mean()
        values = {f"{base}, {_SHORT[cost]}": f"{rms:.4f}" for (base, cost), rms in means.items()}
        shown.append({"task": task, "held out": "mean", "cells": "", **values})
    return pd.DataFrame(shown).to_string(index=False)


_SHORT = {CONSTANT: "nats", SHARE: "share"}
