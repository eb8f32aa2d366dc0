"""ScaleBench's own question (Li et al. 2026, arXiv:2604.22753): which runs to buy for 1, 5 and 10 % of the cost of all.

The pool is the rows to train on. Rules that need a fit start from the int(2.5 k) cheapest runs within 2 % of the cost
(k: parameters of the law), at least one, bought as the budget allows, and are asked again at each budget, given a fit
to what has been bought so far. Of ``domain_mixture`` and ``sparsity`` the budgets are 20, 35 and 50 %. R2 over the rows
to forecast, of all groups and outcomes together, is clipped at -1, which a fit that fails scores. Published values are
means over ten laws (``sparsity``: four, ``farseer``: one), as in github.com/PlanarG/active-sl (commit e0a58ffd), where
no rule buys the largest affordable runs. Fits are quick and uncertified; ours are means over three seeds of fits and of
random orders, of tasks whose fits take long (``domain_mixture``, ``vocab``) over one of fits.

Put otherwise than there: groups of ``domain_mixture`` (model sizes) and of ``sparsity`` (lengths of the second stage)
have budgets of their own but one fit, which reads what they differ by; it is asked about the rows to forecast of the
group whose budget is spent. Where the first runs share one value of an input, which our fits refuse, the cheapest run
with another comes too. Of ``domain_mixture`` each run gives five losses, with a fit for each, and rules that need a fit
take what the five propose in turn.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bayescale as bs
from bayescale.basics.errors import BayescaleError
from bayescale.posterior.single import fit_law
from public.buying import RULES, WITHOUT_A_FIT, Offer, Pool, Rows, Setting
from public.scalebench import tasks
from public.scoring import Task, by_group, scores

START = 0.02
SEEDS = 3
"""Of fits, and of random orders."""
BUDGETS = ("low", "middle", "high")


def training_cost(pool: pd.DataFrame) -> Any:
    return 6 * pool["N"] * pool["D"]


SETTINGS = {
    "lr_batch": Setting("hyperparameters", training_cost),
    "domain_mixture": Setting("data_mixture", lambda pool: np.ones(len(pool)), (0.2, 0.35, 0.5), "N", seeds=1),
    "vocab": Setting("vocabulary", lambda pool: pool["N"] * pool["characters"], seeds=1),
    "parallel": Setting("parallel", lambda pool: pool["N"]),
    "moe": Setting("routed_floor", lambda pool: pool["N"] * pool["experts"]),
    "data_constrained": Setting("data_constrained", training_cost),
    "sparsity": Setting(
        "upcycled_moe",
        lambda pool: 6e9 * pool["N_dense"] * pool["D_dense"] + training_cost(pool),
        (0.2, 0.35, 0.5),
        "D",
    ),
    "farseer": Setting("chinchilla", training_cost),
}
PUBLISHED = {
    "random": (
        (-0.65, -0.36, 0.54, -1.0, -0.47, -0.74, -0.25, -0.77),
        (-0.45, 0.41, 0.53, 0.27, 0.01, -0.36, 0.37, 0.78),
        (-0.33, 0.7, 0.59, 0.19, 0.26, 0.12, 0.38, 0.79),
    ),
    "cheapest": (
        (-0.92, -0.36, 0.3, -1.0, 0.3, -0.58, -0.95, -0.89),
        (-0.88, 0.41, 0.53, 0.42, 0.74, -0.56, 0.04, 0.41),
        (-0.8, 0.7, 0.55, 0.42, 0.81, -0.4, 0.32, 0.68),
    ),
    "cost_random": (
        (-0.89, -0.36, 0.86, -1.0, -0.11, -0.38, -0.41, -0.25),
        (-0.79, 0.41, 0.89, 0.03, 0.68, -0.39, -0.06, 0.56),
        (-0.79, 0.7, 0.83, 0.53, 0.78, -0.22, 0.12, 0.74),
    ),
    "d_opt": (
        (-0.92, 0.14, 0.95, -1.0, 0.34, 0.71, -0.07, -0.11),
        (-0.66, 0.81, 0.97, 0.7, 0.55, 0.8, 0.23, 0.49),
        (-0.53, 0.88, 0.97, 0.99, 0.74, 0.77, 0.19, 0.87),
    ),
    "v_opt": (
        (-0.7, 0.57, 0.96, -1.0, 0.67, 0.58, 0.12, 0.67),
        (-0.06, 0.91, 0.97, 0.69, 0.8, 0.83, 0.39, 0.87),
        (0.18, 0.95, 0.98, 0.99, 0.8, 0.85, 0.51, 0.92),
    ),
    "mspe": (
        (-0.66, 0.64, 0.96, -1.0, 0.59, 0.73, 0.31, 0.6),
        (0.0, 0.89, 0.98, 0.77, 0.65, 0.85, 0.44, 0.88),
        (0.22, 0.95, 0.98, 0.99, 0.83, 0.86, 0.53, 0.93),
    ),
}
"""R2 at each budget, of the tasks in the order of the settings; ``mspe`` is the authors' own rule."""


@dataclass(frozen=True)
class Question:
    """A task and a rule to choose runs by."""

    task: Task
    rule: str
    seed: int = 0

    @property
    def setting(self) -> Setting:
        """How the task is put."""
        return SETTINGS[self.task.name]


def questions(folder: Path) -> list[Question]:
    """Every rule on every task, with several seeds."""
    return [
        Question(task, rule, seed)
        for task in tasks(folder / "scalebench")
        if task.name in SETTINGS
        for rule in (*RULES, *WITHOUT_A_FIT)
        for seed in range(SEEDS if rule == "random" else SETTINGS[task.name].seeds)
    ]


def answer(question: Question) -> list[dict[str, Any]]:
    """Scores at each budget."""
    rows = []
    pools = pools_of(question)
    for budget, share in zip(BUDGETS, question.setting.shares, strict=True):
        start = time.process_time()
        pools = [bought(question, pool, share) for pool in pools]
        fits = [fitted(pool, question.seed) for pool in pools]
        rows.append(
            {
                "task": question.task.name,
                "law": question.setting.law,
                "rule": question.rule,
                "seed": question.seed,
                "budget": budget,
                "share": share,
                "runs": sum(len(pool.bought) for pool in pools),
                "spent": float(
                    sum(pool.cost[pool.bought].sum() for pool in pools) / sum(pool.cost.sum() for pool in pools)
                ),
                **scored(pools, fits),
                "cpu_s": time.process_time() - start,
            }
        )
    return rows


def pools_of(question: Question) -> list[Pool]:
    """A pool for each group that is fitted by itself; domains are outcomes of the same runs."""
    parts, none = by_group(question.task), np.empty(0, dtype=np.intp)
    together = [parts] if question.task.name == "domain_mixture" else [[part] for part in parts]
    return [Pool(outcomes, question.setting, none) for outcomes in together]


def bought(question: Question, pool: Pool, share: float) -> Pool:
    """The pool after the rule has spent what a share of all cost still pays for."""
    fits: list[bs.Fit] | None = None
    if question.rule in RULES:
        pool = pool.buy(first_runs(pool), share)
        fits = fitted(pool, question.seed)
        if fits is None:
            return pool
    test = pool.outcomes[0].test
    for purse, left in pool.left(share).items():
        free = np.setdiff1d(np.flatnonzero(pool.purses == purse), pool.bought)
        if not (pool.cost[free] <= left).any():
            continue
        offer = Offer(pool, free, left, pool.inputs(test[pool.purse(test) == purse]), question.seed)
        if fits is None:
            order = WITHOUT_A_FIT[question.rule](offer)
        else:
            order = in_turn([RULES[question.rule](offer, fit) for fit in fits])
        pool = pool.buy(free[order], share)
    return pool


def first_runs(pool: Pool) -> Rows:
    """The runs that rules start from, the cheapest first, and more until each input of the law has two values."""
    law, cost, rows = bs.load_law(pool.setting.law), pool.cost, []
    for purse in np.unique(pool.purses):
        own = np.flatnonzero(pool.purses == purse)
        order = own[np.argsort(cost[own], kind="stable")][: int(2.5 * len(law.parameters))]
        within = np.cumsum(cost[order]) <= START * cost[own].sum()
        rows += [order[0], *order[within][1:]]
    for name in (item.name for item in law.inputs if not item.constant):
        values = pool.runs[name].to_numpy()
        if len(np.unique(values[rows])) == 1:
            rows.append(np.where(values != values[rows[0]], cost, np.inf).argmin())
    return np.array(rows, dtype=np.intp)


def fitted(pool: Pool, seed: int) -> list[bs.Fit] | None:
    """The law given the runs that were bought, for each outcome; None if they are too few."""
    fits = []
    for task in pool.outcomes:
        table = task.train.iloc[pool.bought][[*task.inputs, task.outcome]].reset_index(drop=True)
        try:
            runs = bs.Runs.from_frame(table, outcome=task.outcome, source=task.name)
            fits.append(fit_law(pool.setting.law, runs, draws=250, seed=seed, certify=False))
        except BayescaleError:
            return None
    return fits


def scored(pools: Sequence[Pool], fits: Sequence[list[bs.Fit] | None]) -> dict[str, float]:
    """R2 over the rows to forecast, and coverage and width of 90 % bands; -1 if a fit failed."""
    rows = []
    for pool, each in zip(pools, fits, strict=True):
        if each is None:
            return {"R2": -1.0, "cover_90": np.nan, "width_90": np.nan}
        for task, fit in zip(pool.outcomes, each, strict=True):
            summary = bs.forecast(fit, **pool.inputs(task.test)).summary().set_index(task.test.index)
            columns = {"median": "q50", "lower": "q05", "upper": "q95"}
            told = {name: summary[quantile] for name, quantile in columns.items()}
            observed = task.test[task.outcome]
            rows.append(pd.DataFrame({"group": "", "observed": observed, **told, "seconds": 0.0, "certified": False}))
    found = scores(pd.concat(rows))
    return {"R2": max(found["R2"], -1.0), "cover_90": found["cover_90"], "width_90": found["width_90"]}


def in_turn(orders: Sequence[Rows]) -> Rows:
    """What several orders have first, then what they have second, and so on, each once."""
    taken = dict.fromkeys(row for places in zip_longest(*orders) for row in places if row is not None)
    return np.array([*taken], dtype=np.intp)


def text(rows: list[dict[str, Any]]) -> str:
    """R2 by task, rule and budget, with coverage and width at the largest, and the published values; then the count."""
    table = pd.DataFrame(rows)
    means = table.groupby(["task", "law", "rule", "budget"], sort=False).mean(numeric_only=True)
    lines, above = [], dict.fromkeys(BUDGETS, 0)
    for (task, law), block in means.groupby(["task", "law"], sort=False):
        place = list(SETTINGS).index(str(task))
        best = {budget: max(each[at][place] for each in PUBLISHED.values()) for at, budget in enumerate(BUDGETS)}
        for rule in (*RULES, *WITHOUT_A_FIT):
            at = block.xs(rule, level="rule").droplevel(["task", "law"])
            top = at.loc[BUDGETS[-1]]
            more = {"in 90%": f"{top['cover_90']:.2f}", "width": f"{top['width_90']:.3g}", "runs": f"{top['runs']:.0f}"}
            lines.append(_line(task, f"ours: {rule}", law, at["R2"]) | more)
        for budget in BUDGETS:
            above[budget] += round(means.loc[(task, law, "next_runs", budget), "R2"], 2) > best[budget]
        for rule, values in PUBLISHED.items():
            found = pd.Series([each[place] for each in values], BUDGETS)
            lines.append(_line(task, f"published: {rule}", "their laws", found))
    count = ", ".join(f"{number} at the {budget} budget" for budget, number in above.items())
    shown = pd.DataFrame(lines).fillna("").to_string(index=False)
    of = means.index.unique("task").size
    return f"{shown}\n\ntasks of {of} on which next_runs is above the best published value: {count}"


def _line(task: Any, rule: str, law: Any, found: "pd.Series[float]") -> dict[str, str]:
    return {"task": task, "rule": rule, "law": law} | {f"R2, {budget}": f"{found[budget]:.2f}" for budget in BUDGETS}
