"""How far groups are expected to differ: priors of the spread, by how they forecast groups that were left out.

Each group of a table in turn is left out, the law is pooled over the others, and the runs of the one left out are
forecast as those of a new group. The prior of the spread between groups of a level (the loss at the runs' centre),
and that of other pooled parameters, has the shape of the shipped one and an expected value that is varied. The
posterior under another prior is that of the shipped one, weighted by the ratio of the two priors at its draws; the
effective number of draws is shown. The stored scores are from when 1.5 was shipped for a level. Tables and laws:

- gadre, three training sets, Chinchilla's law with a discrepancy;
- vision_fewshot, curves of six architectures on each of four tasks, M1 taken as true;
- simulated: groups that differ by 1, 5 or 30 % in their level and by 10 % in their exponent, M1 taken as true.

Scores are means over groups of means over runs. Run it as ``python benchmarks/spreads.py [--table NAME]``; tables that
are not named keep their stored scores.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from reporting import RESULTS, keep, machine

from bayescale.basics.intervals import SAMPLE_DIMS
from bayescale.data.datasets import load_runs
from bayescale.data.runs import Runs
from bayescale.posterior.fit import Fit
from bayescale.posterior.fitting import fit
from bayescale.posterior.forecasting import predicted_runs
from bayescale.posterior.pooling import Pooled
from bayescale.validation.backtesting import scores_of

LEVELS = ("loss_centre", "y_centre")
EXPECTED = (1.5, 0.5, 0.3, 0.2, 0.1, 0.05)
"""Expected spreads of the log of a level that are compared."""
FACTORS = (1.0, 0.5, 0.25)
"""Expected spreads of the other parameters, relative to the shipped ones."""
SIMULATED = {"1 %": 0.01, "5 %": 0.05, "30 %": 0.3}
TABLES = ("gadre", "vision_fewshot", "simulated")
NAME = "pooling_spreads"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", choices=TABLES, action="append")
    options = parser.parse_args()
    tables = options.table or TABLES
    stored = RESULTS / f"{NAME}.json"
    rows = json.loads(stored.read_text())["rows"] if stored.is_file() else []
    for table in tables:
        rows = [row for row in rows if row["table"] != table] + list(scored(table))
        keep(NAME, f"{report(rows)}; {machine()}", {"machine": machine(), "rows": rows})


def scored(table: str) -> Iterator[dict[str, Any]]:
    """Scores of each group that was left out, under each prior."""
    for part, law, pool, runs, choices in parts(table):
        for group in runs.frame["group"].unique():
            hidden = (runs.frame["group"] == group).to_numpy()
            pooled = fit(law, runs.take(np.flatnonzero(~hidden)), pool=pool, **choices)
            print(table, part, group, pooled.certified, file=sys.stderr, flush=True)
            for expected, factor in priors():
                weights = weighted(pooled, expected, factor)
                new = resampled(pooled.new_group(), weights)
                scores = scores_of(*predicted_runs(new, runs.take(np.flatnonzero(hidden))), np.random.default_rng(0))
                yield {
                    "table": table,
                    "part": part,
                    "group": group,
                    "level": expected,
                    "others": factor,
                    "certified": pooled.certified,
                    "effective": float(1 / np.square(weights).sum()),
                    "cover": float(scores["cover_0.9"].mean()),
                    "log_score": float(scores["log_score"].mean()),
                    "crps": float(scores["crps"].mean()),
                    "width": float(scores["width"].median()),
                }


def priors() -> list[tuple[float, float]]:
    return [*((expected, 1.0) for expected in EXPECTED), *((0.3, factor) for factor in FACTORS[1:])]


def parts(table: str) -> Iterator[tuple[str, str, list[str], Runs, dict[str, Any]]]:
    """Parts of a table whose groups are alike, each with its law, what is pooled, and options of the fit."""
    alone: dict[str, Any] = {"discrepancy": False}
    if table == "gadre":
        yield "all", "chinchilla", ["E", "a_opt"], load_runs("gadre", series_apart=False), {}
    elif table == "vision_fewshot":
        runs = load_runs("vision_fewshot", series_apart=False)
        task = runs.frame["group"].str.split("_").str[0]
        for name in task.unique():
            yield name, "m1", ["y_centre", "slope"], runs.take(np.flatnonzero(task == name)), alone
    else:
        for name, spread in SIMULATED.items():
            yield name, "m1", ["y_centre", "slope"], simulated(spread), alone


def simulated(spread: float) -> Runs:
    rng, x = np.random.default_rng(0), np.geomspace(1e2, 1e5, 8)
    frames = []
    for group in "abcdef":
        level, slope = 0.5 * np.exp(spread * rng.standard_normal()), 0.25 * np.exp(0.1 * rng.standard_normal())
        y = level * (x / np.exp(np.log(x).mean())) ** -slope * np.exp(0.004 * rng.standard_t(7, len(x)))
        frames.append(pd.DataFrame({"group": group, "x": x, "y": y}))
    return Runs.from_frame(pd.concat(frames, ignore_index=True))


def weighted(pooled: Pooled, expected: float, factor: float) -> NDArray[np.float64]:
    """Weights of draws under priors of the spreads with other expected values; a Gamma's shape is two."""
    logs = 0.0
    for name in pooled.pool:
        spread = pooled.between[f"{name}_spread"].to_numpy().ravel()
        shipped = expected_spread(pooled, name)
        ratio, rate = expected / shipped if name in LEVELS else factor, 2 / shipped
        logs = logs - rate * spread * (1 / ratio - 1)  # the Gamma's power of the spread cancels
    weights = np.exp(logs - np.max(logs))
    return np.asarray(weights / weights.sum())


def expected_spread(pooled: Pooled, name: str) -> float:
    """Expected spread under the shipped prior."""
    from bayescale.posterior.pooled_law import _expected_spread

    law = next(iter(pooled.groups.values())).law
    return _expected_spread(next(item for item in law.parameters if item.name == name))


def resampled(fitted: Fit, weights: NDArray[np.float64]) -> Fit:
    """A fit with its draws in proportion to weights."""
    places = (np.arange(len(weights)) + 0.5) / len(weights)
    index = np.minimum(np.searchsorted(np.cumsum(weights), places), len(weights) - 1)

    def drawn(variable: xr.DataArray) -> xr.DataArray:
        if variable.dims[:2] != SAMPLE_DIMS:
            return variable
        flat = variable.to_numpy().reshape(-1, *variable.shape[2:])
        return variable.copy(data=flat[index].reshape(variable.shape))

    kept: Mapping[str, xr.Dataset] = {
        name: node.to_dataset().map(drawn) if name in ("posterior", "discrepancy") else node.to_dataset()
        for name, node in fitted.groups.children.items()
    }
    return replace(fitted, groups=xr.DataTree.from_dict(kept))


def report(rows: list[dict[str, Any]]) -> str:
    frame = pd.DataFrame(rows)
    keys = ["table", "part", "level", "others"]
    means = frame.groupby(keys, sort=False).agg(
        groups=("group", "size"),
        certified=("certified", "sum"),
        effective=("effective", "min"),
        cover=("cover", "mean"),
        log_score=("log_score", "mean"),
        crps=("crps", "mean"),
        width=("width", "median"),
    )
    table = means.reset_index()
    table["cover"] *= 100
    overall = frame.groupby(["level", "others"], sort=False)[["cover", "log_score"]].mean().reset_index()
    return (
        "groups that were left out: coverage of 90 % intervals in %, log score in nats per run, CRPS and width of the "
        "intervals of the log outcome, by the expected spread of the log of the level, and of the others relative to "
        "the shipped one\n\n"
        + table.to_string(index=False, float_format=lambda value: f"{value:.3g}")
        + "\n\nmean over all groups\n\n"
        + overall.to_string(index=False, float_format=lambda value: f"{value:.3g}")
        + "\n\nmade on"
    )


if __name__ == "__main__":
    main()
