"""Whether ``compare`` ranks the right law first, and whether its stated probabilities are right.

On simulated tables from each of several laws: how often the true law, or one that nests it, comes first, and whether a
law that is the best with a stated probability is the best that often. The best law is the one with the highest average
score over the other tables of the same truth and size, because a score of hidden runs estimates that. On published
tables, with the folder of those that do not ship: whether the ranking at horizons of 1 and 3 predicts the best law at
10 and 30. Run it as ``python benchmarks/which_law.py [--others FOLDER] [--replicates N]``.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from development import development_tables
from reporting import add_study_options, keep, machine, study

import bayescale as bs
from bayescale.data.datasets import load_runs
from bayescale.data.splitting import HORIZONS, splits
from bayescale.inference.options import Options
from bayescale.laws.catalog import load_law
from bayescale.laws.noise import noise_by_name
from bayescale.posterior.fitting import fit_to_score
from bayescale.posterior.forecasting import predicted_runs
from bayescale.validation.ranking import ranked_by_hidden_runs
from bayescale.validation.recovery import simulate

LAWS = ("chinchilla", "tied", "skaling", "kaplan_nd", "farseer", "q_family")
NESTED_IN = {"chinchilla": {"skaling", "q_family"}, "tied": {"chinchilla", "skaling", "q_family"}}
"""Laws that contain another: with k = 1 or q = 1, and with equal exponents."""

PUBLISHED_LAWS = ("chinchilla", "tied", "skaling", "kaplan_nd")
SIZES = (40, 240)
SIMULATED_HORIZONS = (1.0, 3.0)
NEAR = (1.0, 3.0)
BINS = (0.0, 0.4, 0.6, 0.8, 0.9, 1.0)
FAR_SCORES = ["far score of first", "of best", "of worst", "of equal mixture"]
INDEX = ["horizon", "ceiling", "run"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--others", type=Path, help="folder of the development tables that do not ship")
    parser.add_argument("--replicates", type=int, default=6, help="simulated tables of each law, size and error")
    add_study_options(parser)
    options = parser.parse_args()
    cases = [
        (law, size, error, seed)
        for error in (False, True)
        for size in SIZES
        for law in LAWS
        for seed in range(options.replicates)
    ]
    truths = {law: truth_of(law) for law in LAWS}
    found = study(options, "which_law", simulated, [(truths[case[0]], *case) for case in cases])
    ranked = [rank(case, rows) for case, rows in zip(cases, found, strict=True)]
    right, reliability = summaries(pd.DataFrame(ranked))
    tables = development_tables(options.others)
    tasks = [
        (law, name, runs, place)
        for name, (_, runs) in tables.items()
        for place in range(len(splits(runs, HORIZONS)))
        for law in PUBLISHED_LAWS
    ]
    scored = study(options, "which_law_published", published, tasks)
    far = winners(
        {name: family for name, (family, _) in tables.items()}, pd.DataFrame([row for rows in scored for row in rows])
    )
    show(options.replicates, right, reliability, far)


def show(replicates: int, right: pd.DataFrame, reliability: pd.DataFrame, far: pd.DataFrame) -> None:
    """Print and keep what was found."""
    same = (far["first by near runs"] == far["best at far runs"]).mean()
    by_paper = far.groupby("family")[FAR_SCORES].mean().mean()
    text = "\n\n".join(
        [
            f"{replicates} tables of each law, size and error; {machine()}",
            f"Simulated tables of {', '.join(LAWS)}: share in which the true law, or one that nests it, comes first",
            right.to_string(float_format="%.2f"),
            "Stated probability that the first law is the best, and how often it is",
            reliability.to_string(index=False, float_format="%.2f"),
            "Published tables: first by the hidden runs of horizons 1 and 3, and best at 10 and 30 (nats per run)",
            far.to_string(index=False, float_format="%.2f"),
            f"the first is the best in {same:.2f} of them, its mean probability {far['with probability'].mean():.2f}; "
            f"mean over papers: {', '.join(f'{name} {value:.2f}' for name, value in by_paper.items())}",
        ]
    )
    document = {
        "right": right.reset_index().to_dict("records"),
        "reliability": reliability.to_dict("records"),
        "published": far.to_dict("records"),
        "by_paper": by_paper.to_dict(),
    }
    keep("which_law", text, document)


def truth_of(law: str) -> dict[str, float]:
    """Posterior mean given the Chinchilla runs, with the law assumed exact."""
    fitted = bs.fit(law, load_runs("chinchilla"), discrepancy=False, noise="normal")
    return {name: float(values.mean()) for name, values in fitted.parameters.items()}


def simulated(truth: dict[str, float], law: str, size: int, error: bool, seed: int) -> list[dict[str, Any]]:
    """Log scores of every law on hidden larger runs of a table of one law, on the design of the Chinchilla runs."""
    design = load_runs("chinchilla")
    order = np.argsort(design.column("C"), kind="stable")
    rows = order[np.linspace(0, len(order) - 1, size).round().astype(int)]
    runs = simulate(load_law(law), design.take(np.sort(rows)), noise_by_name("normal"), truth, seed)
    found = []
    for place in range(len(splits(runs, SIMULATED_HORIZONS))):
        for candidate in LAWS:
            found += scored(candidate, runs, place, SIMULATED_HORIZONS, error)
    return found


def published(law: str, table: str, runs: bs.Runs, place: int) -> list[dict[str, Any]]:
    """Log scores of one law at one split of a published table."""
    return [{"table": table, **row} for row in scored(law, runs, place, HORIZONS, True)]


def scored(law: str, runs: bs.Runs, place: int, horizons: tuple[float, ...], error: bool) -> list[dict[str, Any]]:
    split = splits(runs, horizons)[place]
    asked = Options(discrepancy=error)
    forecast, observed = predicted_runs(fit_to_score(law, runs.take(split.train), asked), runs.take(split.test))
    clusters, densities = runs.clusters[split.test].tolist(), forecast.log_density(observed).tolist()
    where = {"horizon": split.horizon, "ceiling": float(split.ceiling), "law": law}
    return [{**where, "run": c, "score": score} for c, score in zip(clusters, densities, strict=True)]


def by_law(rows: pd.DataFrame) -> pd.DataFrame:
    """Scores of training runs, one column per law, as input of :func:`ranked_by_hidden_runs`."""
    return rows.pivot_table(values="score", index=INDEX, columns="law")


def rank(case: tuple[str, int, bool, int], rows: list[dict[str, Any]]) -> dict[str, Any]:
    law, size, error, _ = case
    scores = ranked_by_hidden_runs(by_law(pd.DataFrame(rows))).scores
    first = str(scores.index[0])
    return {
        "law": law,
        "runs": size,
        "error": error,
        "first": first,
        "probability": scores["probability"].iloc[0],
        "right": first == law or first in NESTED_IN.get(law, ()),
        **{f"score {name}": value for name, value in scores["score"].items()},
    }


def summaries(ranked: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How often the true law is first, by law, size and error; and a reliability table of the stated probabilities."""
    right = ranked.pivot_table(values="right", index=["error", "runs"], columns="law")
    columns = [name for name in ranked if str(name).startswith("score ")]
    total = ranked.groupby(["error", "runs", "law"])[columns].transform("sum")
    best = (total - ranked[columns]).idxmax(axis=1).str.removeprefix("score ")
    said = pd.DataFrame(
        {
            "error": ranked["error"],
            "stated": ranked["probability"],
            "is best": (ranked["first"] == best).astype(float),
            "bin": pd.cut(ranked["probability"], BINS),
        }
    )
    grouped = said.groupby(["error", "bin"], observed=True)
    table = grouped[["stated", "is best"]].mean().assign(tables=grouped.size()).reset_index()
    return right.assign(all=right.mean(axis=1)), table.assign(bin=table["bin"].astype(str))


def winners(families: dict[str, str], rows: pd.DataFrame) -> pd.DataFrame:
    """The law ranked first at short horizons, and its score and that of an equal mixture at long ones, by table."""
    found = []
    for table, block in rows.groupby("table", sort=False):
        scores = by_law(block)
        near = scores.index.get_level_values("horizon").isin(NEAR)
        if near.all():
            continue
        ranking = ranked_by_hidden_runs(scores[near]).scores
        first, far = str(ranking.index[0]), scores[~near].groupby("horizon").mean().mean()
        mixture = np.logaddexp.reduce(scores[~near].to_numpy(), axis=1) - np.log(scores.shape[1])
        by_horizon = pd.Series(mixture, index=scores[~near].index).groupby("horizon").mean()
        found.append(
            {
                "family": families[str(table)],
                "table": table,
                "first by near runs": first,
                "with probability": ranking["probability"].iloc[0],
                "best at far runs": far.idxmax(),
                "far score of first": far[first],
                "of best": far.max(),
                "of worst": far.min(),
                "of equal mixture": by_horizon.mean(),
            }
        )
    return pd.DataFrame(found)


if __name__ == "__main__":
    main()
