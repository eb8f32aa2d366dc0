"""Whether the next runs that bayescale proposes are good choices: published tables replayed from eight small runs.

Runs within a factor of ten of a table's largest are out of reach, and the five largest of them are the targets; runs
below are small, except checkpoints of a target's own training run. Eight small runs are drawn at random, and each
method chooses more of the others, for a tenth and for a hundredth of the compute of all small runs; a row that is a
checkpoint costs the compute up to it. The Chinchilla law with discrepancy is then fitted to the drawn and chosen
runs, and predicts the targets' log loss. All methods start from the same runs, whose number is the seed.

``chosen`` is what :func:`bayescale.next_runs` proposes, and ``trusting`` what it proposes with ``wary=False``: the
batch that the fit expects to leave the least variance at the targets. Of the simple rules, ``random`` takes affordable
runs in random order, and ``largest`` repeatedly takes the largest affordable run, of equally large ones the first in
the table. ``none`` takes nothing.

The method has changed twice. ``trusting`` was the first version; the second doubted small runs, and lost only to
``largest``. The third proposes the largest runs, and of equally large ones those that the fit expects to tell most. It
was chosen on the two tables marked in the results, but all tables had been looked at before.

Beside the scores stands how far expectations hold: the width of the 90 % intervals after a batch over that before,
against the standard deviation that the fit expected, and the rank correlation of that expectation with the CRPS over
the methods' batches from one start.

Fits are quick and uncertified unless ``--certify`` is given. Run it as ``python benchmarks/next_run.py --jobs 2``;
finished work is stored in ``--keep``.
"""

import argparse
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from development import TABLES
from numpy.typing import NDArray
from reporting import add_study_options, keep, machine, study

from bayescale.data.datasets import load_runs
from bayescale.data.runs import Runs
from bayescale.planning.design import next_runs
from bayescale.planning.targets import LossAt
from bayescale.posterior.fit import Fit
from bayescale.posterior.forecasting import forecast, predicted, predicted_runs
from bayescale.posterior.single import fit_law
from bayescale.validation.backtesting import scores_of

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

LAW = "chinchilla"
INPUTS = ["N", "D", "C"]
SEEDS = 5
START = 8
TARGETS = 5
REACH = 10.0
SHARES = (0.1, 0.01)
"""Of the compute of all small runs."""
DEVELOPED_ON = ("porian:tuned", "gadre:c4")
REFITS = 20


def sides(runs: Runs) -> tuple[Rows, Rows]:
    """Rows of the small runs and of the targets."""
    compute, cluster = runs.column("C"), runs.clusters
    small = compute <= compute.max() / REACH
    targets = np.argsort(-compute, kind="stable")[:TARGETS]
    targets = targets[~small[targets]]
    return np.flatnonzero(small & ~np.isin(cluster, cluster[targets])), targets


def first_runs(runs: Runs, small: Rows, seed: int) -> Rows:
    """Eight random small runs that separate N from D: of three sizes and token counts, not all on one ray."""
    rng = np.random.default_rng(seed)
    while True:
        rows = rng.choice(small, START, replace=False)
        drawn = runs.take(rows)
        if min(drawn.frame["N"].nunique(), drawn.frame["D"].nunique()) >= 3 and drawn.n_rays >= 2:
            return rows


def by_design(fit: Fit, unused: Runs, targets: Runs, budget: float, seed: int, wary: bool = True) -> Rows:
    plan = next_runs(fit, unused.frame[INPUTS], target=asked(targets), budget=budget, most=None, wary=wary)
    return plan.batch["candidate"].to_numpy()


def asked(targets: Runs) -> LossAt:
    return LossAt(N=targets.column("N"), D=targets.column("D"))


def expected(fit: Fit, batch: Runs, targets: Runs) -> float:
    """Standard deviation at the targets that the fit expects after a batch, over that before it."""
    everything = 1.01 * float(batch.column("C").sum())
    plan = next_runs(fit, batch.frame[INPUTS], target=asked(targets), budget=everything, most=None)
    return 1 - float(plan.batch["reduction"][-1])


def at_random(fit: Fit, unused: Runs, targets: Runs, budget: float, seed: int) -> Rows:
    return affordable(np.random.default_rng(seed).permutation(len(unused)), unused, budget)


def largest(fit: Fit, unused: Runs, targets: Runs, budget: float, seed: int) -> Rows:
    return affordable(np.argsort(-unused.column("C"), kind="stable"), unused, budget)


def affordable(order: Rows, unused: Runs, budget: float) -> Rows:
    """Rows in order, each if the remaining budget covers it."""
    cost, taken = unused.column("C"), []
    for row in order:
        if cost[row] <= budget:
            taken.append(row)
            budget -= cost[row]
    return np.array(taken, dtype=np.intp)


METHODS: dict[str, Callable[[Fit, Runs, Runs, float, int], Rows]] = {
    "chosen": by_design,
    "trusting": functools.partial(by_design, wary=False),
    "random": at_random,
    "largest": largest,
}
SIMPLE = ("random", "largest")


def replay(table: str, seed: int, certify: bool) -> list[dict[str, Any]]:
    """Scores at the targets by share and method, from one start."""
    score = functools.cache(scores)
    runs = load_runs(table)
    small, targets = sides(runs)
    start = first_runs(runs, small, seed)
    unused = np.setdiff1d(small, start)
    total, cost = float(runs.column("C")[small].sum()), runs.column("C")[unused]
    fit = quick(runs.take(start), certify)
    none = score(table, tuple(sorted(start)), certify)
    rows = [{"share": 0.0, "method": "none", "spent": 0.0, "runs": 0, "expected": 1.0, "optimism": 1.0, **none}]
    for share in SHARES:
        if cost.min() > share * total:
            continue
        for method, choose in METHODS.items():
            chosen = choose(fit, runs.take(unused), runs.take(targets), share * total, seed)
            both = np.sort(np.concatenate([start, unused[chosen]]))
            found = score(table, tuple(both), certify)
            told = expected(fit, runs.take(unused[chosen]), runs.take(targets))
            rows.append(
                {
                    "share": share,
                    "method": method,
                    "spent": float(cost[chosen].sum() / total),
                    "runs": len(chosen),
                    "expected": told,
                    "optimism": found["width"] / none["width"] / told,
                    **found,
                }
            )
    print(table, seed, file=sys.stderr, flush=True)
    return [{"table": table, "seed": seed, **row} for row in rows]


def quick(runs: Runs, certify: bool) -> Fit:
    return fit_law(LAW, runs, draws=250, certify=certify)


def scores(table: str, rows: tuple[int, ...], certify: bool) -> dict[str, float]:
    """Mean scores at the targets of a fit to some rows."""
    runs = load_runs(table)
    _, targets = sides(runs)
    predicted = predicted_runs(quick(runs.take(np.array(rows)), certify), runs.take(targets))
    found = scores_of(*predicted, np.random.default_rng(0))
    return {
        "crps": float(found["crps"].mean()),
        "error": float(found["error"].abs().mean()),
        "width": float(found["width"].mean()),
        "cover_0.9": float(found["cover_0.9"].mean()),
    }


def check() -> pd.DataFrame:
    """Standard deviation at the targets after one run: as designed, and from refits to simulated outcomes."""
    runs = load_runs(DEVELOPED_ON[0])
    small, targets = sides(runs)
    start = first_runs(runs, small, seed=0)
    fit, at = quick(runs.take(start), False), runs.take(targets)
    frame = runs.frame.iloc[np.setdiff1d(small, start)]
    target = asked(at)
    told = next_runs(fit, frame[INPUTS], target=target, budget=1e30, most=1).candidates["reduction"].to_numpy()
    rng = np.random.default_rng(0)
    rows = []
    for place in np.argsort(told)[np.linspace(0, len(told) - 1, 4).astype(int)]:
        run = frame.iloc[[place]]
        plan = next_runs(fit, run[INPUTS], target=target, budget=float(run["C"].iloc[0]))
        outcomes = predicted(fit, run[["N", "D"]].to_dict("list")).draws(rng)[:, 0]
        after = []
        for value in rng.choice(np.exp(outcomes), REFITS, replace=False):
            frames = [runs.frame.iloc[start], run.assign(loss=value, run="simulated")]
            refit = quick(Runs.from_frame(pd.concat(frames, ignore_index=True)), False)
            latent = forecast(refit, **target.inputs).draws["latent"]
            after.append(float(np.log(latent).var(("chain", "draw")).mean()))
        rows.append(
            {
                **run[["N", "D", "C"]].astype(float).iloc[0].to_dict(),
                "now": plan.sd,
                "designed": float(plan.batch["sd"][-1]),
                "refitted": float(np.sqrt(np.mean(after))),
                "refitted_se": float(np.std(after) / np.sqrt(REFITS) / (2 * np.sqrt(np.mean(after)))),
            }
        )
    return pd.DataFrame(rows)


def differences(results: pd.DataFrame) -> pd.DataFrame:
    """CRPS of the chosen runs minus that of each other method from the same starts, by table and share."""
    wide = results[results["share"] > 0].pivot_table(
        index=["table", "share", "seed"], columns="method", values="crps", sort=False
    )
    rows = []
    for (table, share), block in wide.groupby(["table", "share"], sort=False):
        for other in tuple(METHODS)[1:]:
            change = (block["chosen"] - block[other]).to_numpy()
            rows.append(
                {
                    "table": table,
                    "share": share,
                    "other": other,
                    "difference": float(change.mean()),
                    "se": float(change.std(ddof=1) / np.sqrt(len(change))),
                }
            )
    return pd.DataFrame(rows)


def report(results: pd.DataFrame, paired: pd.DataFrame, checked: pd.DataFrame) -> str:
    parts = [
        f"{LAW} with its discrepancy, {START} runs to start from, {results['seed'].nunique()} seeds; {machine()}",
        "by table and share of the small runs' compute: mean CRPS of log loss at the targets +- standard error over "
        "seeds, in 0.01; * developed on",
        pd.DataFrame(lines(results, "crps")).to_string(index=False),
        "mean absolute error of log loss, in 0.01",
        pd.DataFrame(lines(results, "error")).to_string(index=False),
        "mean width of the 90 % interval of log loss, in 0.01",
        pd.DataFrame(lines(results, "width")).to_string(index=False),
        "mean number of runs taken",
        pd.DataFrame(lines(results, "runs", 1.0)).to_string(index=False),
        "CRPS of chosen minus that of each other method +- standard error of the paired difference, in 0.01",
        pd.DataFrame(paired_lines(paired)).to_string(index=False),
        f"standard deviation of log loss at the targets of {DEVELOPED_ON[0]} after one run, from the one that tells "
        f"least to the one that tells most: as designed, and by {REFITS} refits to simulated outcomes (root mean "
        "square)",
        checked.to_string(index=False, float_format="%.3g"),
        "\n".join(findings(results, paired)),
    ]
    return "\n\n".join(parts)


def lines(results: pd.DataFrame, score: str, per: float = 0.01) -> Iterator[dict[str, Any]]:
    for table, block in results.groupby("table", sort=False):
        none = block[block["method"] == "none"]
        for share, rows in block[block["share"] > 0].groupby("share", sort=False):
            yield {"table": marked(table), "share": f"{share:g}", "none": with_error(none[score] / per)} | {
                method: with_error(rows.loc[rows["method"] == method, score] / per) for method in METHODS
            }


def with_error(values: "pd.Series[float]") -> str:
    return f"{values.mean():.2f} +- {values.std(ddof=1) / np.sqrt(len(values)):.2f}"


def marked(table: Any) -> str:
    return f"{table}{'*' if table in DEVELOPED_ON else ''}"


def paired_lines(paired: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for (table, share), rows in paired.groupby(["table", "share"], sort=False):
        yield {"table": marked(table), "share": f"{share:g}"} | {
            row["other"]: f"{row['difference'] / 0.01:+.2f} +- {row['se'] / 0.01:.2f}"
            for row in rows.to_dict("records")
        }


def findings(results: pd.DataFrame, paired: pd.DataFrame) -> Iterator[str]:
    """How often the chosen runs did better than those of each other method, and of all of them."""
    means = results.pivot_table(index=["share", "table"], columns="method", values="crps", sort=False)
    for share in SHARES:
        at = means.loc[share]
        won = (at["chosen"] < at[list(SIMPLE)].min(axis=1)).sum()
        yield f"{share:.0%} of compute: chosen has a lower CRPS than every simple rule on {won} of {len(at)} tables"
        best = at[list(SIMPLE)].idxmin(axis=1)
        against = paired[(paired["share"] == share) & (paired["other"] == paired["table"].map(best))]
        near = int((against["difference"] <= 2 * against["se"]).sum())
        yield f"{share:.0%} of compute: chosen not worse than the best rule by 2 se on {near} of {len(at)} tables"
        for other in tuple(METHODS)[1:]:
            rows = paired[(paired["share"] == share) & (paired["other"] == other)]
            better, sure, lost = (
                int(found.sum())
                for found in (
                    rows["difference"] < 0,
                    rows["difference"] < -2 * rows["se"],
                    rows["difference"] > 2 * rows["se"],
                )
            )
            ratio = float(np.exp(np.log(at["chosen"] / at[other]).mean()))
            yield (
                f"{share:.0%} of compute: chosen against {other}: lower CRPS on {better} of {len(rows)} tables, by "
                f"more than two standard errors on {sure}, higher by as much on {lost}; ratio {ratio:.2f}"
            )
        nothing = means.loc[0.0, "none"].reindex(at.index)
        shown = ", ".join(f"{name} {np.exp(np.log(at[name] / nothing).mean()):.2f}" for name in METHODS)
        yield f"{share:.0%} of compute: CRPS over that of no more runs, geometric mean over tables: {shown}"
        block = results[results["share"] == share]
        wide = np.exp(np.log(block["optimism"]).groupby(block["method"]).mean())
        shown = ", ".join(f"{name} {wide[name]:.2f}" for name in METHODS)
        yield f"{share:.0%} of compute: width after the batch over what was expected, geometric mean: {shown}"
        ranks = block.groupby(["table", "seed"])[["expected", "crps"]].corr("spearman")["crps"].xs("expected", level=2)
        yield f"{share:.0%} of compute: rank correlation of expected width and CRPS over methods: {ranks.mean():.2f}"
    tables = means.loc[0.0].index
    lacking = [f"{table} at {share:.0%}" for share in SHARES for table in tables if (share, table) not in means.index]
    yield f"budgets that pay for no run: {', '.join(lacking) or 'none'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", choices=TABLES, action="append", help="only these; nothing is kept")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    add_study_options(parser)
    parser.add_argument("--certify", action="store_true", help="sample every posterior until it is certified")
    options = parser.parse_args()
    tasks = [(table, seed, options.certify) for table in options.table or TABLES for seed in range(options.seeds)]
    found = study(options, "next_run", replay, tasks)
    results = pd.DataFrame([row for rows in found for row in rows])
    paired, checked = differences(results), check()
    text = report(results, paired, checked)
    if options.table or options.certify:
        print(text)
        return
    tables = {"results": results, "differences": paired, "check": checked}
    keep("next_run", text, {"machine": machine(), **{k: table.round(6).to_dict("list") for k, table in tables.items()}})


if __name__ == "__main__":
    main()
