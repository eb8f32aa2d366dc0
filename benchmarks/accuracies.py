"""Bands of the default for accuracies: scores of benchmarks against compute, where larger models are hidden.

Tables are those of Gadre, Pythia and the leaderboard scores of public models, and those of Sloth from a file, since
its scores are not shipped. Each is cut as a back-test does, at eight of its ceilings of compute and horizons, drawn at
random. The mixture is scored, and each law of it alone. Run it as ``python benchmarks/accuracies.py [--sloth FILE]``.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from reporting import SCORES, add_study_options, keep, machine, study

from bayescale.basics.errors import BayescaleError, LawError
from bayescale.data.datasets import dataset_groups, load_dataset
from bayescale.data.runs import Runs
from bayescale.data.splitting import Split, splits
from bayescale.inference.options import Options
from bayescale.posterior.ensembles import Ensemble
from bayescale.posterior.fitting import fit_to_score
from bayescale.posterior.forecasting import predicted_runs
from bayescale.validation.backtesting import scores_of

STEM = "accuracies"
SPLITS = 8
"""Splits of each table."""

CHANCE = {
    "mmlu": 0.25, "hellaswag": 0.25, "winogrande": 0.5, "gsm8k": 0.0, "arc": 0.25,
    "ifeval": 0.0, "bbh": 0.0, "math": 0.0, "mmlu_pro": 0.1, "gpqa": 0.25, "musr": 0.0,
}  # fmt: skip
"""Shares of correct answers by guessing on Sloth's tasks; the two without a chance level of their own have zero."""

SECOND_LEADERBOARD = ("ifeval", "bbh", "math", "mmlu_pro", "gpqa", "musr")
"""Tasks of Sloth whose scores are raw for some models and normalised for others; raw ones are taken."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sloth", type=Path, help="models.csv of Sloth (Polo et al.)")
    parser.add_argument("--only", help="family of tables")
    add_study_options(parser)
    options = parser.parse_args()
    tables = [*shipped(), *(of_sloth(options.sloth) if options.sloth else ())]
    tasks = [
        (family, name, frame.take(each.train).to_dict("list"), frame.take(each.test).to_dict("list"), each.horizon)
        for family, name, frame, runs in tables
        if options.only in (None, family)
        for each in some(runs)
    ]
    found = [row for rows in study(options, STEM, scored, tasks) if rows for row in rows]
    table = pd.DataFrame(found)
    keep(STEM, report(table), {"machine": machine(), "rows": table.to_dict("records")})


def shipped() -> Iterator[tuple[str, str, pd.DataFrame, Runs]]:
    """Family, name and table of each shipped series of accuracies."""
    for name in ("gadre", "pythia", "obsscaling"):
        for group in dataset_groups(name):
            frame = load_dataset(name, group=group, everything=True).frame
            columns = ["C", "accuracy", "accuracy_n", "chance", *[each for each in ("run",) if each in frame]]
            if (frame["accuracy"] > 0).all() or name == "obsscaling":
                rows = frame[columns].sort_values("C").reset_index(drop=True)
                yield name, group, rows, Runs.from_frame(rows, outcome="accuracy")


def of_sloth(path: Path) -> Iterator[tuple[str, str, pd.DataFrame, Runs]]:
    """The same of each task of Sloth, without scores of zero: the numbers of items are not in its table."""
    models = pd.read_csv(path)
    for task, chance in CHANCE.items():
        rows = models[models["v2_scale"] == "raw"] if task in SECOND_LEADERBOARD else models
        columns = rows[["C", task]].dropna().rename(columns={task: "accuracy"}).assign(chance=chance)
        frame = columns[columns["accuracy"] > 0].sort_values("C").reset_index(drop=True)
        yield "sloth", task, frame, Runs.from_frame(frame, outcome="accuracy")


def some(runs: Runs) -> list[Split]:
    """Splits of a table, some of them drawn at random if there are many."""
    found = splits(runs)
    chosen = np.random.default_rng(0).permutation(len(found))[:SPLITS]
    return [found[i] for i in np.sort(chosen)]


def scored(
    family: str, task: str, train: dict[str, list[float]], test: dict[str, list[float]], horizon: float
) -> list[dict[str, Any]]:
    """Mean scores of hidden models under the mixture and under each law of it."""
    hidden = Runs.from_frame(pd.DataFrame(test), outcome="accuracy")
    try:
        fitted = fit_to_score("auto", Runs.from_frame(pd.DataFrame(train), outcome="accuracy"), Options())
    except LawError:
        return []
    members = fitted.members if isinstance(fitted, Ensemble) else {}
    rows = []
    for method, each in {"auto": fitted, **members}.items():
        try:
            forecast, observed = predicted_runs(each, hidden)
        except BayescaleError:
            continue
        scores = scores_of(forecast, observed, np.random.default_rng(0))
        means = {
            name: float(scores[name].mean())
            for name in ("cover_0.5", "cover_0.8", "cover_0.9", "width", "crps", "error")
        }
        rows.append(
            {
                "family": family,
                "task": task,
                "horizon": horizon,
                "method": method,
                "train": len(train["C"]),
                "hidden": len(hidden),
                **means,
            }
        )
    return rows


def report(table: pd.DataFrame) -> str:
    keys = ["method", "horizon"]
    by_task = table.groupby([*keys, "family", "task"])[list(SCORES)].mean()
    by_family = by_task.groupby([*keys, "family"]).mean()
    means = by_family.groupby(keys).mean().rename(columns=SCORES)
    counted = by_task.groupby(keys).size().rename("tasks").to_frame()
    each = by_family.reset_index().pivot_table("cover_0.9", keys, "family")
    shown = counted.join(means).join(each).reset_index()
    return (
        f"{machine()}\nmeans over families of means over tasks; width, CRPS and bias are of log-odds; the last columns "
        f"are the 90 % band's coverage by family\n\n{shown.to_string(index=False, float_format='%.3f')}"
    )


if __name__ == "__main__":
    main()
