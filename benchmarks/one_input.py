"""Bands of the default in one input: loss against compute or tokens alone, and accuracies that rise in training.

From each development table come its compute frontier (the lowest loss so far, one run a factor 1.5 of compute) and, at
up to two sizes, loss against tokens; from the Pythia checkpoints, accuracy against tokens of every task and size. Each
series is fitted up to a third of its largest input over the horizon, and the rest beyond that third is scored. Run it
as ``python benchmarks/one_input.py [--unshipped FOLDER] [--jobs N]``.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from development import development_tables
from reporting import SCORES, add_study_options, keep, machine, study

from bayescale.basics.errors import BayescaleError
from bayescale.data.datasets import dataset_groups, load_dataset
from bayescale.data.runs import Runs
from bayescale.inference.options import Options
from bayescale.posterior.fitting import fit_to_score
from bayescale.posterior.forecasting import predicted_runs
from bayescale.validation.backtesting import scores_of

STEM = "one_input"
HORIZONS = (1, 3, 10, 30)
FEWEST = 5
"""Runs of a series to fit to."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unshipped", type=Path, help="folder of development tables that do not ship")
    add_study_options(parser)
    options = parser.parse_args()
    series = [*of_losses(options.unshipped), *of_accuracies()]
    tasks = [
        (kind, family, frame.to_dict("list"), horizon)
        for kind, family, frame in series
        for horizon in HORIZONS
        if len(split(frame, horizon)[0]) >= FEWEST
    ]
    found = [row for row in study(options, STEM, scored, tasks) if row is not None]
    table = pd.DataFrame(found)
    keep(STEM, report(table), {"machine": machine(), "rows": table.to_dict("records")})


def of_losses(folder: Path | None) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Kind, family and table of each series of losses."""
    for family, runs in development_tables(folder).values():
        frame = runs.frame.sort_values("C")
        best = frame[frame["loss"] <= frame["loss"].cummin()]
        frontier = best.groupby(np.floor(np.log(best["C"]) / np.log(1.5))).last()
        yield "loss by compute", family, frontier[["C", "loss"]].reset_index(drop=True)
        long = [rows for _, rows in frame.groupby("N") if len(rows) >= 8 and rows["D"].max() > 30 * rows["D"].min()]
        for rows in long[:2]:
            mean = rows.groupby("D", as_index=False)["loss"].mean()
            yield "loss by tokens", family, mean[mean["loss"] <= 1.02 * mean["loss"].cummin()].reset_index(drop=True)


def of_accuracies() -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Accuracy against tokens of each task and size, as a curve whose direction nobody tells."""
    for task in dataset_groups("pythia"):
        for _, rows in load_dataset("pythia", group=task, everything=True).frame.groupby("N"):
            curve = rows.rename(columns={"D": "x", "accuracy": "y"})[["x", "y"]].sort_values("x")
            curve = curve[curve["y"] > 0]
            yield "accuracy by tokens", task, curve.reset_index(drop=True)


def split(frame: pd.DataFrame, horizon: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows to fit to, and rows to score, by the first column."""
    size = frame.iloc[:, 0]
    return frame[size <= size.max() / 3 / horizon], frame[size > size.max() / 3]


def scored(kind: str, family: str, columns: dict[str, list[float]], horizon: float) -> dict[str, Any] | None:
    """Mean scores of the rows beyond a series' training rows; None where no law can learn from those."""
    train, test = (Runs.from_frame(rows.reset_index(drop=True)) for rows in split(pd.DataFrame(columns), horizon))
    try:
        forecast, observed = predicted_runs(fit_to_score("auto", train, Options()), test)
    except BayescaleError:
        return None
    scores = scores_of(forecast, observed, np.random.default_rng(0))
    columns_of = ["cover_0.5", "cover_0.8", "cover_0.9", "width", "crps", "error"]
    return {
        "kind": kind, "family": family, "horizon": horizon, "train": len(train), "hidden": len(test),
        **{name: float(scores[name].mean()) for name in columns_of},
    }  # fmt: skip


def report(table: pd.DataFrame) -> str:
    by_family = table.groupby(["kind", "horizon", "family"])[list(SCORES)].mean()
    means = by_family.groupby(["kind", "horizon"]).mean().rename(columns=SCORES)
    counted = table.groupby(["kind", "horizon"]).agg(series=("family", "size"), families=("family", "nunique"))
    worst = by_family["cover_0.9"].groupby(["kind", "horizon"]).min().rename("worst family's 90 %")
    shown = counted.join(means).join(worst).reset_index()
    return (
        f"{machine()}\nmeans over families (tasks, of accuracies) of the means over series; width, CRPS and bias are "
        f"of the log outcome\n\n{shown.to_string(index=False, float_format='%.3f')}"
    )


if __name__ == "__main__":
    main()
