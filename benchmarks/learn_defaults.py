"""Learn the constants of laws' discrepancy from the development tables, and write them where the package reads them.

For every choice of constants on a grid, each law of the default mixture is fitted to the training runs of every split
of every table with N and D, and an equal mixture of the laws is scored on the hidden runs. Scores are averaged over the
runs of a table, the tables of a paper (a family) and then over families. The choice with the least geometric mean of
the CRPS over families and horizons is written to ``bayescale/error_defaults.json``, with its scores; beside them stand
those of each family with the constants that all other families would have chosen.

Run it as ``python benchmarks/learn_defaults.py --tables FOLDER [--jobs N]``, where FOLDER holds the development tables
that do not ship; without it only the shipped ones teach, and nothing is written. Finished splits are kept.
"""

import argparse
import itertools
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from development import development_tables
from reporting import add_study_options, keep, machine, study

from bayescale import discrepancy, inference
from bayescale.backtesting import scores_of
from bayescale.fitting import fit_law
from bayescale.forecasting import predicted_runs
from bayescale.predictive import Predicted
from bayescale.runs import Runs
from bayescale.splitting import splits

FILE = Path(discrepancy.__file__).with_name("error_defaults.json")
GRID: dict[str, tuple[float, ...]] = {"drift": (0.0025, 0.004), "along_inputs": (1.0,)}
"""Values that are tried; the other constants stay as they are."""
LAWS = ("skaling", "tied")
DRAWS = 250
COVERAGES = ("cover_0.5", "cover_0.8", "cover_0.9")
SCORES = (*COVERAGES, "width", "crps", "log_score")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, help="folder of the development tables that do not ship")
    add_study_options(parser)
    options = parser.parse_args()
    tables = development_tables(options.tables)
    base = discrepancy.learnt_scales()["surface"]
    choices = [dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())]
    tasks = [
        (asdict(replace(base, **choice)), family, name, runs, place)
        for choice in choices
        for name, (family, runs) in tables.items()
        for place in range(len(splits(runs)))
    ]
    found = [row for rows in study(options, "learn_defaults", score, tasks) for row in rows]
    by_family = averaged(pd.DataFrame(found), list(GRID))
    best = chosen(by_family)
    apart = [
        {**row, "constants": " ".join(f"{value:g}" for value in chosen(by_family[by_family["family"] != family]))}
        for family in by_family["family"].unique()
        for row in of_choice(by_family, chosen(by_family[by_family["family"] != family]))
        .query("family == @family")
        .to_dict("records")
    ]
    document = {
        "chosen": dict(zip(GRID, best, strict=True)),
        "by_choice": over_families(by_family).reset_index().to_dict("records"),
        "by_family": of_choice(by_family, best).to_dict("records"),
        "left_out": apart,
    }
    keep("learn_defaults", report(by_family, best, pd.DataFrame(apart)), document)
    if options.tables is not None:
        write(best, over_families(by_family).loc[best].reset_index())


def score(scales: dict[str, float], family: str, name: str, runs: Runs, place: int) -> list[dict[str, Any]]:
    """Scores of an equal mixture of the laws on the hidden runs of one split, with the given constants."""
    surface = discrepancy.Scales(**scales)
    if discrepancy.learnt_scales()["surface"] != surface:
        discrepancy.learnt_scales()["surface"] = surface
        inference.forget()
    split = splits(runs)[place]
    train, hidden = runs.take(split.train), runs.take(split.test)
    forecasts = []
    for law in LAWS:
        forecast, observed = predicted_runs(fit_law(law, train, certify=False, draws=DRAWS), hidden)
        forecasts.append(forecast)
    mixed = Predicted(
        np.concatenate([each.location for each in forecasts]),
        np.concatenate([np.broadcast_to(each.scale, each.location.shape) for each in forecasts]),
    )
    table = scores_of(mixed, observed, np.random.default_rng(0))[list(SCORES)]
    varied = {key: scales[key] for key in GRID}
    rows: list[dict[str, Any]] = table.assign(family=family, table=name, horizon=split.horizon, **varied).to_dict(
        "records"
    )
    return rows


def averaged(scores: pd.DataFrame, constants: list[str]) -> pd.DataFrame:
    """Mean scores by constants, horizon and family."""
    by_table = scores.groupby([*constants, "horizon", "family", "table"])[list(SCORES)].mean()
    return by_table.groupby([*constants, "horizon", "family"]).mean().reset_index()


def over_families(by_family: pd.DataFrame) -> pd.DataFrame:
    """Means over families by constants and horizon, the geometric one of the CRPS."""
    grouped = by_family.assign(crps=np.log(by_family["crps"])).groupby([*GRID, "horizon"])
    means = grouped[list(SCORES)].mean()
    return means.assign(crps=np.exp(means["crps"]), worst=grouped["cover_0.9"].min())


def chosen(by_family: pd.DataFrame) -> tuple[float, ...]:
    """Constants of the least geometric mean of the CRPS over families and horizons."""
    return tuple(over_families(by_family)["crps"].apply(np.log).groupby(list(GRID)).mean().idxmin())


def of_choice(by_family: pd.DataFrame, choice: tuple[float, ...]) -> pd.DataFrame:
    """Rows of one choice of constants."""
    same = np.all([by_family[name] == value for name, value in zip(GRID, choice, strict=True)], axis=0)
    return by_family[same]


def report(by_family: pd.DataFrame, best: tuple[float, ...], apart: pd.DataFrame) -> str:
    return "\n\n".join(
        [
            f"Constants of the discrepancy, equal mixture of {' and '.join(LAWS)}; {machine()}",
            "Mean over families (crps: geometric; worst: least share in the 90 % band of any family)",
            over_families(by_family).round(4).to_string(),
            f"Chosen: {', '.join(f'{name} {value:g}' for name, value in zip(GRID, best, strict=True))}",
            "Each family with the constants that the others choose",
            apart[["horizon", "family", *SCORES, "constants"]]
            .sort_values(["horizon", "family"])
            .round(4)
            .to_string(index=False),
        ]
    )


def write(best: tuple[float, ...], scores: pd.DataFrame) -> None:
    """Write the constants, with what they scored, to the file that the package reads."""
    found = json.loads(FILE.read_text(encoding="utf-8"))
    found["surface"] |= dict(zip(GRID, best, strict=True))
    found["scores"] = scores.round(4).to_dict("records")
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
