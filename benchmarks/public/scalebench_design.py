"""ScaleBench's own question (Li et al. 2026, arXiv:2604.22753): which runs to buy for 1, 5 and 10 % of the cost of all.

The pool is the rows to train on. Rules that need a fit start from the int(2.5 k) cheapest runs within 2 % of the cost
(k: parameters of the law), bought as the budget allows, and are asked again at each budget, given a fit to what has
been bought so far. R2 over the rows to forecast is clipped at -1, which a fit that fails scores. Published values are
means over ten laws (``farseer``: one), as in github.com/PlanarG/active-sl (commit e0a58ffd), where no rule buys the
largest affordable runs. Fits are quick and uncertified.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import bayescale as bs
from bayescale.basics.errors import BayescaleError
from bayescale.planning.batches import best_batch
from bayescale.posterior.single import fit_law
from public.scalebench import tasks
from public.scoring import Task, scores

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

BUDGETS = (0.01, 0.05, 0.1)
START = 0.02
SEEDS = 3
LAWS = {"farseer": "chinchilla", "data_constrained": "data_constrained", "moe": "routed_moe"}
PUBLISHED = {
    "farseer": {
        "random": (-0.77, 0.78, 0.79),
        "cheapest": (-0.89, 0.41, 0.68),
        "cost_random": (-0.25, 0.56, 0.74),
        "d_opt": (-0.11, 0.49, 0.87),
        "v_opt": (0.67, 0.87, 0.92),
        "mspe": (0.6, 0.88, 0.93),
    },
    "data_constrained": {
        "random": (-0.74, -0.36, 0.12),
        "cheapest": (-0.58, -0.56, -0.4),
        "cost_random": (-0.38, -0.39, -0.22),
        "d_opt": (0.71, 0.8, 0.77),
        "v_opt": (0.58, 0.83, 0.85),
        "mspe": (0.73, 0.85, 0.86),
    },
    "moe": {
        "random": (-0.47, 0.01, 0.26),
        "cheapest": (0.3, 0.74, 0.81),
        "cost_random": (-0.11, 0.68, 0.78),
        "d_opt": (0.34, 0.55, 0.74),
        "v_opt": (0.67, 0.8, 0.8),
        "mspe": (0.59, 0.65, 0.83),
    },
}
"""R2 at the three budgets; ``mspe`` is the authors' own rule."""


@dataclass(frozen=True)
class Question:
    """A pool of runs with what each costs, the law fitted to those that are bought, and a rule to choose them by."""

    task: Task
    law: str
    rule: str
    seed: int = 0

    @property
    def cost(self) -> Array:
        """Cost of each run of the pool, as the benchmark counts it."""
        pool = self.task.train
        cost = pool["N"] * pool["experts"] if "experts" in pool else 6 * pool["N"] * pool["D"]
        return cost.to_numpy(dtype=float)

    def inputs(self, frame: pd.DataFrame) -> dict[str, Array]:
        """The law's inputs of some rows."""
        return {name: frame[name].to_numpy(dtype=float) for name in self.task.inputs}


def questions(folder: Path) -> list[Question]:
    """Every rule on every task; random ones with several seeds."""
    return [
        Question(task, LAWS[task.name], rule, seed)
        for task in tasks(folder / "scalebench")
        if task.name in LAWS
        for rule in RULES
        for seed in range(SEEDS if rule == "random" else 1)
    ]


def answer(question: Question) -> list[dict[str, Any]]:
    """Scores at each budget."""
    start = time.process_time()
    cost, choose = question.cost, RULES[question.rule]
    bought: Rows = np.empty(0, dtype=np.intp)
    fit, rows = None, []
    for share in BUDGETS:
        budget = share * cost.sum()
        if choose in NEED_A_FIT:
            bought = buy(bought, first_runs(question), cost, budget)
            fit = fitted(question, bought)
        if fit is not None or choose not in NEED_A_FIT:
            free = np.setdiff1d(np.arange(len(cost)), bought)
            left = budget - cost[bought].sum()
            if (cost[free] <= left).any():
                bought = buy(bought, free[choose(question, fit, free, left)], cost, budget)
        fit = fitted(question, bought)
        rows.append(
            {
                "task": question.task.name,
                "law": question.law,
                "rule": question.rule,
                "seed": question.seed,
                "budget": share,
                "runs": len(bought),
                "spent": float(cost[bought].sum() / cost.sum()),
                **scored(question, fit),
                "cpu_s": time.process_time() - start,
            }
        )
    return rows


def first_runs(question: Question) -> Rows:
    """The runs that rules start from, the cheapest first."""
    cost = question.cost
    order = np.argsort(cost, kind="stable")[: int(2.5 * len(bs.load_law(question.law).parameters))]
    return order[np.cumsum(cost[order]) <= START * cost.sum()]


def buy(bought: Rows, order: Rows, cost: Array, budget: float) -> Rows:
    """What has been bought, and of the others in order each that the rest of the budget pays for."""
    owned = list(bought)
    for row in order:
        if row not in owned and cost[owned].sum() + cost[row] <= budget:
            owned.append(row)
    return np.array(owned, dtype=np.intp)


def fitted(question: Question, bought: Rows) -> bs.Fit | None:
    """The law given the runs that were bought; None if they are too few."""
    table = question.task.train.iloc[bought][[*question.task.inputs, question.task.outcome]]
    try:
        runs = bs.Runs.from_frame(table.reset_index(drop=True), source=question.task.name)
        return fit_law(question.law, runs, draws=250, certify=False)
    except BayescaleError:
        return None


def scored(question: Question, fit: bs.Fit | None) -> dict[str, float]:
    """R2 over the rows to forecast, and coverage and width of 90 % bands; -1 without a fit."""
    if fit is None:
        return {"R2": -1.0, "cover_90": np.nan, "width_90": np.nan}
    test = question.task.test
    summary = bs.forecast(fit, **question.inputs(test)).summary().set_index(test.index)
    found = scores(
        pd.DataFrame(
            {
                "group": "",
                "observed": test[question.task.outcome],
                "median": summary["q50"],
                "lower": summary["q05"],
                "upper": summary["q95"],
                "seconds": 0.0,
                "certified": fit.certified,
            }
        )
    )
    return {"R2": max(found["R2"], -1.0), "cover_90": found["cover_90"], "width_90": found["width_90"]}


def proposed(question: Question, fit: bs.Fit | None, free: Rows, left: float, wary: bool = True) -> Rows:
    pool = question.task.train.iloc[free]
    candidates = {**question.inputs(pool), "C": question.cost[free]}
    target = bs.LossAt(**question.inputs(question.task.test))
    plan = bs.next_runs(fit, candidates, target=target, budget=left, most=None, wary=wary)
    return plan.batch["candidate"].to_numpy()


def trusting(question: Question, fit: bs.Fit | None, free: Rows, left: float) -> Rows:
    return proposed(question, fit, free, left, wary=False)


def largest(question: Question, fit: bs.Fit | None, free: Rows, left: float) -> Rows:
    return np.argsort(-question.cost[free], kind="stable")


def cheapest(question: Question, fit: bs.Fit | None, free: Rows, left: float) -> Rows:
    return np.argsort(question.cost[free], kind="stable")


def at_random(question: Question, fit: bs.Fit | None, free: Rows, left: float) -> Rows:
    return np.random.default_rng(question.seed).permutation(len(free))


def d_optimal(question: Question, fit: bs.Fit | None, free: Rows, left: float) -> Rows:
    """The runs with most information about the law's parameters for their cost, the law taken as true.

    Bayesian D-optimality (Chaloner and Verdinelli 1995, doi:10.1214/ss/1177009939), at the posterior mean.
    """
    slopes, covariance = sensitivities(fit, question.inputs(question.task.train.iloc[free]))
    cost, noise = question.cost[free], float(np.square(fit.parameters["sigma"]).mean())
    order = []
    open_ = cost <= left
    while open_.any():
        # What a run adds to the log determinant of the parameters' information.
        gain = np.log1p(np.einsum("rp,pq,rq->r", slopes, covariance, slopes) / noise)
        best = int(np.where(open_, gain / cost, -1.0).argmax())
        moved = covariance @ slopes[best]
        covariance = covariance - np.outer(moved, moved) / (noise + slopes[best] @ moved)
        order.append(best)
        left -= cost[best]
        open_[best] = False
        open_ &= cost <= left
    return np.array(order, dtype=np.intp)


def v_optimal(question: Question, fit: bs.Fit | None, free: Rows, left: float) -> Rows:
    """The runs that leave least variance at the rows to forecast, were the law true and linear in its parameters."""
    pool, test = (question.inputs(frame) for frame in (question.task.train.iloc[free], question.task.test))
    together = {name: np.concatenate([pool[name], test[name]]) for name in pool}
    slopes, covariance = sensitivities(fit, together)
    noise = np.zeros(len(slopes))
    noise[: len(free)] = np.square(fit.parameters["sigma"]).mean()
    return best_batch(slopes @ covariance @ slopes.T + np.diag(noise), question.cost[free], left)


def sensitivities(fit: bs.Fit, inputs: Mapping[str, Array]) -> tuple[Array, Array]:
    """Slopes of the law's log mean in its sampled parameters at the posterior mean, and the parameters' covariance."""
    names = [parameter.name for parameter in fit.law.parameters]
    draws = np.column_stack([fit.parameters[name] for name in names])
    centre = {name: fit.groups["constant_data"][f"centre_{name}"].to_numpy() for name in fit.law.input_names}
    step = 1e-4 * draws.std(axis=0)

    def log_mean(values: Array) -> Array:
        parameters = fit.law.all_parameters(dict(zip(names, values, strict=True)), centre)
        return np.log(fit.law.mean(np, inputs, parameters))

    at, steps = draws.mean(axis=0), np.diag(step)
    slopes = [(log_mean(at + h) - log_mean(at - h)) / (2 * size) for h, size in zip(steps, step, strict=True)]
    return np.column_stack(slopes), np.cov(draws, rowvar=False)


RULES: dict[str, Callable[[Question, bs.Fit | None, Rows, float], Rows]] = {
    "next_runs": proposed,
    "next_runs, wary=False": trusting,
    "largest": largest,
    "random": at_random,
    "cheapest": cheapest,
    "D-optimal": d_optimal,
    "V-optimal": v_optimal,
}
NEED_A_FIT = (proposed, trusting, largest, d_optimal, v_optimal)
"""Rules that start from the cheapest runs; the largest runs alone could not be fitted."""


def text(rows: list[dict[str, Any]]) -> str:
    """R2 by task, rule and budget, with coverage and width at the largest, and the published values."""
    table = pd.DataFrame(rows)
    means = table.groupby(["task", "law", "rule", "budget"], sort=False).mean(numeric_only=True)
    lines = []
    for (task, law), block in means.groupby(["task", "law"], sort=False):
        for rule in RULES:
            at = block.xs(rule, level="rule").droplevel(["task", "law"])
            top = at.loc[BUDGETS[-1]]
            more = {"in 90%": f"{top['cover_90']:.2f}", "width": f"{top['width_90']:.3g}", "runs": f"{top['runs']:.0f}"}
            lines.append(_line(task, f"ours: {rule}", law, at["R2"]) | more)
        for rule, values in PUBLISHED[str(task)].items():
            lines.append(_line(task, f"published: {rule}", "their laws", pd.Series(values, BUDGETS)))
    return pd.DataFrame(lines).fillna("").to_string(index=False)


def _line(task: Any, rule: str, law: Any, found: "pd.Series[float]") -> dict[str, str]:
    return {"task": task, "rule": rule, "law": law} | {f"R2 at {share:.0%}": f"{found[share]:.2f}" for share in BUDGETS}
