"""Whether pooling helps: Chinchilla's law in similar groups of runs, learnt together or separately.

The groups are Gadre et al.'s three training sets, which share their evaluation set, and Porian et al.'s five protocols,
whose true optima differ and which count parameters and losses differently. E and the allocation exponent are pooled,
all other parameters are the same for all groups, and the law has model discrepancy. First all runs are fitted; then
each group's runs above a ceiling are hidden, and predicted from the rest. Scores are on the log outcome. Their standard
errors treat checkpoints of one run as one, but ignore that the hidden runs of a group share a fit. The allocation
exponents are compared with those that the authors read off isoFLOP slices, if any.

A pooled fit that falls back on NUTS takes minutes, so there are few ceilings. Run it as ``python benchmarks/pooling.py
[--table NAME] [--json]``; only a run of both tables is kept.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from published_fits import on_card
from reporting import keep, machine
from speed import cpu_seconds

from bayescale.data.datasets import load_runs
from bayescale.data.runs import Runs
from bayescale.posterior.fit import Fit
from bayescale.posterior.fitting import fit
from bayescale.posterior.forecasting import predicted_runs
from bayescale.posterior.single import fit_law
from bayescale.validation.backtesting import clustered_error, scores_of

LAW = "chinchilla"
POOL = ("E", "a_opt")
WAYS = ("pooled", "alone")
CEILINGS = {"gadre": (1.0, 3.0, 9.0), "porian": (1.0, 3.0)}
"""Runs above a group's largest compute divided by this are hidden; none if it is 1."""
SCORES = {"crps": 0.01, "log_score": 1.0, "cover_0.9": 0.01}
"""Scores and the units in which they are shown."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", choices=sorted(CEILINGS), action="append")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args()

    tables = [table for table in CEILINGS if not options.table or table in options.table]
    found = [found for table in tables for ceiling in CEILINGS[table] for found in measure(table, ceiling)]
    posteriors = pd.DataFrame([posterior for posterior, _ in found])
    hidden = pd.concat([block for _, block in found], ignore_index=True)
    document = {
        "machine": machine(),
        **{"posteriors": posteriors.to_dict("records"), "hidden": hidden.to_dict("records")},
    }
    if options.json:
        print(json.dumps(document, indent=1))
    elif options.table:
        print(report(posteriors, hidden))
    else:
        keep("pooling", report(posteriors, hidden), document)


def measure(table: str, ceiling: float) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """By way and group: its posterior, and the scores of its hidden runs."""
    runs = load_runs(table, series_apart=False)
    largest = runs.frame.groupby("group")["C"].transform("max").to_numpy()
    low = runs.column("C") <= 1.01 * largest / ceiling
    train, test = (runs.take(np.flatnonzero(rows)) for rows in (low, ~low))
    for way, group, fitted, cpu in both_ways(train):
        print(f"{table} up to 1/{ceiling:g}, {group} {way}, {cpu:.0f} s", file=sys.stderr)
        named = {"table": table, "up to": "all" if ceiling == 1 else f"1/{ceiling:g}", "group": group, "way": way}
        draws = {name: fitted.parameters[name] for name in POOL}
        posterior = {
            **named,
            "runs": fitted.record.n_runs,
            "engine": fitted.record.engine,
            "certified": fitted.certified,
            "cpu": cpu,
            **{name: float(values.mean()) for name, values in draws.items()},
            **{f"{name}_sd": float(values.std()) for name, values in draws.items()},
        }
        yield posterior, scores(fitted, of_group(test, group)).assign(**named)


def both_ways(runs: Runs) -> Iterator[tuple[str, str, Fit, float]]:
    """Way, group, posterior and CPU seconds, which for a pooled fit are those of all groups together."""
    start = cpu_seconds()
    pooled = fit(LAW, runs, pool=POOL)
    spent = cpu_seconds() - start
    for group, fitted in pooled.groups.items():
        yield "pooled", group, fitted, spent
    for group in pooled.groups:
        start = cpu_seconds()
        fitted = fit_law(LAW, of_group(runs, group))
        yield "alone", group, fitted, cpu_seconds() - start


def of_group(runs: Runs, group: str) -> Runs:
    return runs.take(np.flatnonzero(runs.frame["group"] == group))


def scores(fitted: Fit, hidden: Runs) -> pd.DataFrame:
    """Scores of hidden runs, and the training run of each."""
    if not len(hidden):
        return pd.DataFrame()
    found = scores_of(*predicted_runs(fitted, hidden), np.random.default_rng(0))
    return found[[*SCORES]].assign(point=np.arange(len(hidden)), run=hidden.clusters)


def report(posteriors: pd.DataFrame, hidden: pd.DataFrame) -> str:
    wide, paired = side_by_side(posteriors), in_pairs(hidden)
    parts = [
        f"{LAW} with a discrepancy, {' and '.join(POOL)} pooled; {machine()}",
        "posteriors: mean +- standard deviation, and the ratio of these, pooled over alone; ! not certified",
        pd.DataFrame(map(posterior_line, wide)).to_string(index=False),
        "hidden runs: mean +- standard error, also of pooled - alone; CRPS in 0.01, log score in nats, "
        "coverage of the 90 % interval in %",
        pd.DataFrame(score_lines(paired)).to_string(index=False),
        "\n".join([*narrowing(wide), *nearness(wide), *changes(paired), *costs(posteriors)]),
    ]
    return "\n\n".join(parts)


def side_by_side(posteriors: pd.DataFrame) -> list[dict[str, Any]]:
    """Posteriors in both ways for each table, ceiling and group, and the exponents that the authors read off slices."""
    return [
        {"table": table, "up to": up_to, "group": group, "slices": from_slices(table, group)}
        | {row["way"]: row for row in block.to_dict("records")}
        for (table, up_to, group), block in posteriors.groupby(["table", "up to", "group"], sort=False)
    ]


def from_slices(table: str, group: str) -> float | None:
    """The allocation exponent that the authors read off isoFLOP slices."""
    return on_card(table, group).values["a_opt"] if table == "porian" else None  # noqa: PD011


def posterior_line(row: dict[str, Any]) -> dict[str, Any]:
    shown = {"table": row["table"], "up to": row["up to"], "group": row["group"], "runs": row["alone"]["runs"]}
    for name in POOL:
        for way in WAYS:
            mark = "" if row[way]["certified"] else "!"
            shown[f"{name} {way}"] = f"{row[way][name]:.3f} +- {row[way][f'{name}_sd']:.3f}{mark}"
        shown[f"{name} ratio"] = f"{narrower(row, name):.2f}"
    return shown | {"a of slices": "" if row["slices"] is None else f"{row['slices']:.3f}"}


def narrower(row: dict[str, Any], name: str) -> float:
    """Standard deviation pooled over alone."""
    return float(row["pooled"][f"{name}_sd"] / row["alone"][f"{name}_sd"])


def in_pairs(hidden: pd.DataFrame) -> pd.DataFrame:
    """One row per hidden run, with its scores in both ways and their differences."""
    keys = ["table", "up to", "group", "run", "point"]
    pooled, alone = (hidden[hidden["way"] == way].drop(columns="way") for way in WAYS)
    paired = pooled.merge(alone, on=keys, suffixes=(" pooled", " alone"))
    for score in SCORES:
        paired[f"{score} change"] = paired[f"{score} pooled"] - paired[f"{score} alone"]
    return paired


def score_lines(paired: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Mean scores by table, ceiling and group, and of all groups."""
    for (table, up_to), block in paired.groupby(["table", "up to"], sort=False):
        for group in (*block["group"].unique(), "all"):
            rows = block if group == "all" else block[block["group"] == group]
            yield {
                "table": table,
                "up to": up_to,
                "group": group,
                "hidden": len(rows),
                "runs": clusters(rows).nunique(),
            } | {
                f"{score} {of}": with_error(rows, f"{score} {of}", per)
                for score, per in SCORES.items()
                for of in (*WAYS, "change")
            }


def clusters(rows: pd.DataFrame) -> "pd.Series[str]":
    return rows["group"] + " " + rows["run"].astype(str)


def with_error(rows: pd.DataFrame, column: str, per: float) -> str:
    values = rows[column].to_numpy() / per
    error = clustered_error(values, clusters(rows).to_numpy())
    return f"{values.mean():.2f}" + ("" if np.isnan(error) else f" +- {error:.2f}")


def narrowing(wide: list[dict[str, Any]]) -> Iterator[str]:
    for table in dict.fromkeys(row["table"] for row in wide):
        for name in POOL:
            ratios = [narrower(row, name) for row in wide if row["table"] == table]
            yield (
                f"{table}: pooling narrows {name} in {sum(ratio < 1 for ratio in ratios)} of {len(ratios)} posteriors; "
                f"ratios {min(ratios):.2f} to {max(ratios):.2f}, median {np.median(ratios):.2f}"
            )


def nearness(wide: list[dict[str, Any]]) -> Iterator[str]:
    """Distance of posteriors of the allocation exponent from the exponents that the authors read off slices."""
    known = [row for row in wide if row["slices"] is not None]
    for up_to in dict.fromkeys(row["up to"] for row in known):
        rows = [row for row in known if row["up to"] == up_to]
        for way in WAYS:
            found = np.array([row[way]["a_opt"] for row in rows])
            by_slices = np.array([row["slices"] for row in rows])
            off = found - by_slices
            within = abs(off) < 2 * np.array([row[way]["a_opt_sd"] for row in rows])
            yield (
                f"{rows[0]['table']}, {up_to}, {way}: a_opt {np.sqrt(np.square(off).mean()):.3f} (rms) off the slices, "
                f"within two standard deviations of them for {within.sum()} of {len(rows)} groups, and spread over "
                f"{np.ptp(found):.2f}, by the slices over {np.ptp(by_slices):.2f}"
            )


def changes(paired: pd.DataFrame) -> Iterator[str]:
    """Whether pooling predicts hidden runs better or worse by more than two standard errors."""
    for (table, up_to), rows in paired.groupby(["table", "up to"], sort=False):
        for score, better in (("crps", -1), ("log_score", 1)):
            values = rows[f"{score} change"].to_numpy()
            error = clustered_error(values, clusters(rows).to_numpy())
            found = (
                "not told apart"
                if abs(values.mean()) < 2 * error
                else "better"
                if better * values.mean() > 0
                else "worse"
            )
            yield f"{table}, {up_to}: pooled against alone by {score}: {found} ({values.mean():+.4f} +- {error:.4f})"


def costs(posteriors: pd.DataFrame) -> Iterator[str]:
    for (table, up_to), rows in posteriors.groupby(["table", "up to"], sort=False):
        pooled, alone = (rows[rows["way"] == way] for way in WAYS)
        yield (
            f"{table}, {up_to}: pooled fit by {pooled['engine'].iloc[0]}, {pooled['cpu'].iloc[0]:.0f} CPU s"
            f"{'' if pooled['certified'].all() else ', NOT CERTIFIED'}; "
            f"{len(alone)} fits alone, {alone['cpu'].sum():.0f} CPU s"
        )


if __name__ == "__main__":
    main()
