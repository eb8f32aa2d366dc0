"""Pooled groups: whether intervals cover in simulated tables, how groups that were left out are forecast, and the cost.

simulated
    Tables of five groups whose parameters are drawn from the priors of the pooled law M1, taken as true. Four groups
    are fitted; the fifth is new. Every interval should cover as often as it says (Talts et al. 2018, arXiv:1804.06788).
held_out
    Each of Gadre et al.'s training sets in turn is left out, and its runs are forecast as those of a new group.
cost
    CPU time and certification: Gadre et al.'s three training sets, with several seeds; and simulated groups of eight
    runs.

Run it as ``python benchmarks/new_groups.py PART [--tables N] [--seeds N] [--groups N]``.
"""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from reporting import keep, machine
from speed import cpu_seconds

from bayescale.data.datasets import load_runs
from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.inference.engine import infer_prior
from bayescale.inference.options import Options
from bayescale.laws.catalog import load_law
from bayescale.posterior.fitting import fit
from bayescale.posterior.forecasting import predicted_runs
from bayescale.posterior.pooled_law import pooled_law
from bayescale.posterior.pooling import Pooled
from bayescale.validation.backtesting import scores_of

MASS = 0.9
GROUPS = ("a", "b", "c", "d", "e")
NEW = "e"
X = np.geomspace(1e2, 1e5, 8)
POOL = ("E", "a_opt")
RUNS_EACH = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["simulated", "held_out", "cost"])
    parser.add_argument("--tables", type=int, default=200, help="simulated tables")
    parser.add_argument("--seeds", type=int, default=5, help="fits of gadre whose cost is measured")
    parser.add_argument("--groups", type=int, default=40, help="simulated groups whose cost is measured")
    options = parser.parse_args()
    parts = {
        "simulated": lambda: simulated(options.tables),
        "held_out": held_out,
        "cost": lambda: cost(options.seeds, options.groups),
    }
    title, table = parts[options.part]()
    text = f"{title}; {machine()}\n\n{table.to_string(index=False)}"
    keep(f"pooling_{options.part}", text, {"machine": machine(), "rows": table.to_dict("records")})


def simulated(tables: int) -> tuple[str, pd.DataFrame]:
    found = pd.DataFrame([row for truth in truths(tables) for row in covered(truth)])
    by_quantity = found.groupby("of", sort=False)
    shown = by_quantity["covered"].agg(["mean", "size"]).reset_index()
    error = np.sqrt(MASS * (1 - MASS) / shown["size"])
    rows = pd.DataFrame(
        {
            "quantity": shown["of"],
            "intervals": shown["size"],
            "coverage in %": [f"{100 * mean:.1f}" for mean in shown["mean"]],
            "standard error": [f"{100 * each:.1f}" for each in error],
        }
    )
    uncertified = sum(not row for row in found.groupby("table")["certified"].first())
    title = f"coverage of {MASS:.0%} intervals in {tables} simulated tables, {uncertified} of them not certified"
    return title, rows


def truths(tables: int) -> Iterator[dict[str, float]]:
    """Parameters of all groups, from the priors of the pooled law."""
    x = np.tile(X, len(GROUPS))
    frame = pd.DataFrame({"x": x, "y": x**-0.25, "group_code": np.repeat(np.arange(len(GROUPS)), len(X)) * 1.0})
    joint = pooled_law(load_law("m1"), ["y_centre", "slope"], GROUPS)
    options = Options(discrepancy=False, draws=tables, chains=1)
    drawn = infer_prior(Observed(joint, Runs.from_frame(frame)), options).posterior
    for table in range(tables):
        found = {"table": float(table)}
        for name, values in drawn.items():
            each = [name] if values.ndim == 2 else [name.replace("by_group", group) for group in GROUPS]
            found |= zip(each, np.atleast_1d(values[0, table]).tolist(), strict=True)
        yield found


def covered(truth: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """Whether the intervals of one table cover the truth."""
    rng = np.random.default_rng(int(truth["table"]))
    parts = []
    for group in GROUPS:
        mean = truth[f"log_b_{group}"] - truth[f"slope_{group}"] * np.log(X)
        noise = truth["sigma"] * rng.standard_t(truth["nu"], len(X))
        parts.append(pd.DataFrame({"group": group, "x": X, "y": np.exp(mean + noise)}))
    whole = pd.concat(parts, ignore_index=True)
    seen, hidden = whole[whole["group"] != NEW], whole[whole["group"] == NEW]
    pooled = fit("m1", Runs.from_frame(seen), pool=["y_centre", "slope"], discrepancy=False)
    new = pooled.new_group(seed=1)
    draws = {f"{name} of a fitted group": (name, pooled.groups) for name in ("y_centre", "slope")}
    for what, (name, groups) in draws.items():
        for group, each in groups.items():
            yield row(pooled, truth, what, each.parameters[name], truth[f"{name}_{group}"])
    for name in pooled.between:
        yield row(pooled, truth, f"{name} of all groups", pooled.between[name].to_numpy().ravel(), truth[str(name)])
    for name in ("y_centre", "slope"):
        yield row(pooled, truth, f"{name} of a new group", new.parameters[name], truth[f"{name}_{NEW}"])
    largest = new.forecast(x=X[-1:]).draws["predictive"].to_numpy().ravel()
    yield row(pooled, truth, "outcome of a new group at the largest x", largest, float(hidden["y"].iloc[-1]))


def row(
    pooled: Pooled, truth: Mapping[str, float], of: str, draws: NDArray[np.float64], value: float
) -> dict[str, Any]:
    low, high = np.quantile(draws, [(1 - MASS) / 2, (1 + MASS) / 2])
    return {"table": truth["table"], "certified": pooled.certified, "of": of, "covered": low < value < high}


def held_out() -> tuple[str, pd.DataFrame]:
    runs = load_runs("gadre", series_apart=False)
    rows = []
    for group in runs.frame["group"].unique():
        hidden = (runs.frame["group"] == group).to_numpy()
        start = cpu_seconds()
        pooled = fit("chinchilla", runs.take(np.flatnonzero(~hidden)), pool=POOL)
        spent = cpu_seconds() - start
        for of, each, table in (
            (f"{group}, new", pooled.new_group(), runs.take(np.flatnonzero(hidden))),
            *((f"{name}, fitted", one, one.runs) for name, one in pooled.groups.items()),
        ):
            scores = scores_of(*predicted_runs(each, table), np.random.default_rng(0))
            rows.append(
                {
                    "left out": group,
                    "runs of": of,
                    "runs": len(table),
                    "covered in %": f"{100 * scores[f'cover_{MASS:g}'].mean():.0f}",
                    "half width of log loss": f"{scores['width'].median() / 2:.3f}",
                    "certified": "yes" if pooled.certified else "no",
                    "CPU s": f"{spent:.0f}",
                }
            )
    return f"chinchilla, {' and '.join(POOL)} pooled, each training set of gadre left out, {MASS:.0%} intervals", (
        pd.DataFrame(rows)
    )


def cost(seeds: int, groups: int) -> tuple[str, pd.DataFrame]:
    rows = [timed("gadre", load_runs("gadre", series_apart=False), seed) for seed in range(seeds)]
    if groups:
        rows.append(timed(f"{groups} simulated groups", simulated_groups(groups), 0))
    return f"chinchilla, {' and '.join(POOL)} pooled: E at 5, 50 and 95 % in the first group", pd.DataFrame(rows)


def timed(name: str, runs: Runs, seed: int) -> dict[str, Any]:
    start = cpu_seconds()
    pooled = fit("chinchilla", runs, pool=POOL, seed=seed)
    spent = cpu_seconds() - start
    first = next(iter(pooled.groups.values()))
    return {
        "table": name,
        "seed": seed,
        "runs": len(runs),
        "engine": first.record.engine,
        "certified": "yes" if pooled.certified else "no",
        "R-hat": f"{first.diagnostics.r_hat_max:.4f}",
        "effective draws": f"{first.diagnostics.ess_min:.0f}",
        "CPU s": f"{spent:.0f}",
        "E": " ".join(f"{value:.2f}" for value in np.quantile(first.parameters["E"], [0.05, 0.5, 0.95])),
    }


def simulated_groups(groups: int) -> Runs:
    """Simulated groups that differ in the floor and in the exponent of N."""
    rng = np.random.default_rng(0)
    n = np.exp(rng.uniform(np.log(2e7), np.log(2e9), (groups, RUNS_EACH)))
    d = n * np.exp(rng.uniform(np.log(5), np.log(100), n.shape))
    floor, alpha = 1.7 * np.exp(rng.normal(0, 0.1, (groups, 1))), 0.34 * np.exp(rng.normal(0, 0.08, (groups, 1)))
    loss = (floor + 400 / n**alpha + 410 / d**0.28) * np.exp(0.004 * rng.standard_t(7, n.shape))
    group = np.repeat([f"g{code}" for code in range(groups)], RUNS_EACH)
    return Runs.from_frame(pd.DataFrame({"group": group, "N": n.ravel(), "D": d.ravel(), "loss": loss.ravel()}))


if __name__ == "__main__":
    main()
