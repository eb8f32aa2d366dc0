"""Rules by which runs are bought from a pool: those of bayescale, and the usual ones of optimal design."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import bayescale as bs
from bayescale.planning.batches import best_batch
from public.scoring import Task

Array = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Setting:
    """How a task is put: law, cost of a run, budgets (of each value of ``purse``, if there is one), number of seeds."""

    law: str
    cost: Callable[[pd.DataFrame], Any]
    shares: tuple[float, float, float] = (0.01, 0.05, 0.1)
    purse: str = ""
    seeds: int = 3


@dataclass(frozen=True, eq=False)
class Pool:
    """Runs to buy for one fit of each outcome, whose tables have the same runs in the same order, and those bought."""

    outcomes: list[Task]
    setting: Setting
    bought: Rows

    @property
    def runs(self) -> pd.DataFrame:
        """The runs, with one of the outcomes."""
        return self.outcomes[0].train

    @property
    def cost(self) -> Array:
        """Cost of each run, as the benchmark counts it."""
        return np.asarray(self.setting.cost(self.runs), dtype=float)

    def purse(self, rows: pd.DataFrame) -> Array:
        """Which budget rows belong to."""
        return rows[self.setting.purse].to_numpy() if self.setting.purse else np.zeros(len(rows))

    @property
    def purses(self) -> Array:
        """Which budget pays for each run."""
        return self.purse(self.runs)

    def left(self, share: float) -> dict[float, float]:
        """What is left of a share of all cost, by budget."""
        cost, own = self.cost, self.purses
        spent = np.isin(np.arange(len(cost)), self.bought)
        return {each: share * cost[own == each].sum() - cost[spent & (own == each)].sum() for each in np.unique(own)}

    def buy(self, order: Rows, share: float) -> "Pool":
        """With, in order, each run that the rest of its budget pays for."""
        owned, left = list(self.bought), self.left(share)
        for row in order:
            purse = self.purses[row]
            if row not in owned and self.cost[row] <= left[purse]:
                owned.append(row)
                left[purse] -= self.cost[row]
        return replace(self, bought=np.array(owned, dtype=np.intp))

    def inputs(self, frame: pd.DataFrame) -> dict[str, Array]:
        """The law's inputs and settings of some rows."""
        return {name: frame[name].to_numpy(dtype=float) for name in self.outcomes[0].inputs}


@dataclass(frozen=True, eq=False)
class Offer:
    """What a rule chooses from: the rows of a pool that one budget may still pay for, and what they are to forecast."""

    pool: Pool
    free: Rows
    left: float
    targets: dict[str, Array]
    seed: int

    @property
    def cost(self) -> Array:
        """Cost of each row."""
        return self.pool.cost[self.free]

    @property
    def inputs(self) -> dict[str, Array]:
        """The law's inputs and settings of each row."""
        return self.pool.inputs(self.pool.runs.iloc[self.free])


def proposed(offer: Offer, fit: bs.Fit, wary: bool = True) -> Rows:
    candidates = {**offer.inputs, "C": offer.cost}
    plan = bs.next_runs(fit, candidates, target=bs.LossAt(**offer.targets), budget=offer.left, most=None, wary=wary)
    return plan.batch["candidate"].to_numpy()


def trusting(offer: Offer, fit: bs.Fit) -> Rows:
    return proposed(offer, fit, wary=False)


def largest(offer: Offer, fit: bs.Fit) -> Rows:
    return np.argsort(-offer.cost, kind="stable")


def cheapest(offer: Offer) -> Rows:
    return np.argsort(offer.cost, kind="stable")


def at_random(offer: Offer) -> Rows:
    return np.random.default_rng(offer.seed).permutation(len(offer.free))


def d_optimal(offer: Offer, fit: bs.Fit) -> Rows:
    """The runs with most information about the law's parameters for their cost, the law taken as true.

    Bayesian D-optimality (Chaloner and Verdinelli 1995, doi:10.1214/ss/1177009939), at the posterior mean.
    """
    slopes, covariance = sensitivities(fit, offer.inputs)
    cost, left = offer.cost, offer.left
    noise = float(np.square(fit.parameters["sigma"]).mean())
    order = []
    open_ = cost <= left
    while open_.any():
        # What a run adds to the log determinant of the parameters' information.
        gain = np.log1p(((slopes @ covariance) * slopes).sum(axis=1) / noise)
        best = int(np.where(open_, gain / cost, -1.0).argmax())
        moved = covariance @ slopes[best]
        covariance = covariance - np.outer(moved, moved) / (noise + slopes[best] @ moved)
        order.append(best)
        left -= cost[best]
        open_[best] = False
        open_ &= cost <= left
    return np.array(order, dtype=np.intp)


def v_optimal(offer: Offer, fit: bs.Fit) -> Rows:
    """The runs that leave least variance at the rows to forecast, were the law true and linear in its parameters."""
    pool, test = offer.inputs, offer.targets
    together = {name: np.concatenate([pool[name], test[name]]) for name in pool}
    slopes, covariance = sensitivities(fit, together)
    noise = np.zeros(len(slopes))
    noise[: len(offer.free)] = np.square(fit.parameters["sigma"]).mean()
    return best_batch(slopes @ covariance @ slopes.T + np.diag(noise), offer.cost, offer.left)


def sensitivities(fit: bs.Fit, inputs: Mapping[str, Array]) -> tuple[Array, Array]:
    """Slopes of the law's mean, on its link's scale, in the sampled parameters at their mean, and their covariance."""
    names = [parameter.name for parameter in fit.law.parameters]
    draws = np.column_stack([fit.parameters[name] for name in names])
    centre = {name: fit.groups["constant_data"][f"centre_{name}"].to_numpy() for name in fit.law.input_names}
    step = 1e-4 * draws.std(axis=0)

    def linked(values: Array) -> Array:
        parameters = fit.law.all_parameters(dict(zip(names, values, strict=True)), centre)
        return np.asarray(fit.law.link.forward(np, fit.law.mean(np, inputs, parameters)))

    at, steps = draws.mean(axis=0), np.diag(step)
    slopes = [(linked(at + h) - linked(at - h)) / (2 * size) for h, size in zip(steps, step, strict=True)]
    return np.column_stack(slopes), np.cov(draws, rowvar=False)


RULES: dict[str, Callable[[Offer, bs.Fit], Rows]] = {
    "next_runs": proposed,
    "next_runs, wary=False": trusting,
    "largest": largest,
    "D-optimal": d_optimal,
    "V-optimal": v_optimal,
}
"""Rules that start from the cheapest runs; the largest runs alone could not be fitted."""
WITHOUT_A_FIT: dict[str, Callable[[Offer], Rows]] = {"random": at_random, "cheapest": cheapest}
