"""Held-out calibration over the shipped tables: coverage and sharpness of bands on larger runs.

Every table with N and D, and every learning curve, is back-tested as in ``bayescale backtest``; scores are pooled
within a table, averaged over the tables of a paper (a family), and then over families, so that a paper with many rows
does not count more. Learning curves cannot be compared with a plain Chinchilla posterior, and are summarised
separately. Run it as ``python benchmarks/calibration.py --law auto``; finished splits are stored in ``--keep`` and not
computed again. With ``--tables FOLDER`` it also scores the development tables that do not ship, and stores that result
separately.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from development import CURVES, development_tables
from reporting import add_study_options, keep, machine

from bayescale.basics.errors import RunsError
from bayescale.basics.parallel import backend
from bayescale.data.datasets import dataset_groups, load_card, load_runs
from bayescale.data.runs import Runs
from bayescale.validation.backtesting import HORIZONS, LEVELS, Backtest, backtest

COVERAGES = [f"cover_{level:g}" for level in LEVELS]
SCORES = [*COVERAGES, "width", "crps", "log_score", "rmse", "bias"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--law", nargs="+", default=["auto"], help="one law, or several to mix")
    parser.add_argument("--noise", default="student_t")
    add_study_options(parser)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--alone", action="store_true", help="without the baselines, which are the same for all laws")
    parser.add_argument(
        "--tables", type=Path, metavar="FOLDER", help="also tables that do not ship: FOLDER/NAME/runs.csv"
    )
    options = parser.parse_args()

    law = options.law[0] if len(options.law) == 1 else options.law
    label = "+".join(options.law)
    tables = development_tables(options.tables)
    scored = {**tables, **(curves() if law == "auto" else {})}
    measured = {}
    for name, (family, runs) in scored.items():
        print(f"back-testing {label} on {name}", flush=True)
        try:
            with backend(options.backend):
                test = backtest(
                    law,
                    runs,
                    noise=options.noise,
                    seed=options.seed,
                    n_jobs=options.jobs,
                    cache=options.keep,
                    baselines=not options.alone,
                )
            measured[name] = per_table(name, family, test)
        except RunsError as error:
            print(f"left out: {error}")
    by_table = pd.concat(measured.values(), ignore_index=True)
    by_family = by_table.groupby(["horizon", "method", "family"], sort=False)[[*SCORES, "n_test"]].mean().reset_index()
    surfaces = {family for family, _ in tables.values()}
    overall = over_families(by_family[by_family["family"].isin(surfaces)], label)
    text = "\n\n".join(
        [
            f"{label} with discrepancy, {options.noise} noise; {machine()}",
            "Mean over the families of N and D, standard errors over families",
            overall.to_string(index=False, float_format="%.3f"),
            "By family",
            shown(by_family, ("horizon", "family")),
            "By table",
            shown(by_table[by_table["table"].isin(tables)], ("horizon", "table")),
        ]
    )
    stem = f"calibration_{label}_{options.noise}{'_development' if options.tables else ''}"
    document = {"overall": overall.to_dict("records"), "by_table": by_table.to_dict("records")}
    keep(stem, text, document)


def curves() -> dict[str, tuple[str, Runs]]:
    """Family and runs of each shipped learning curve."""
    return {
        f"{name}:{group}": (load_card(name).family, load_runs(f"{name}:{group}"))
        for name in CURVES
        for group in dataset_groups(name)
    }


def per_table(name: str, family: str, test: Backtest) -> pd.DataFrame:
    """Mean scores of one table by horizon and method; the law under test is called ``bayescale``."""
    summary = test.summary()
    method = summary["method"].where(summary["method"] != test.law, "bayescale")
    return summary.assign(method=method, table=name, family=family)[
        ["horizon", "method", "family", "table", "n_test", *SCORES, "cover_0.9_se"]
    ]


def over_families(by_family: pd.DataFrame, law: str) -> pd.DataFrame:
    """Mean over families, its standard error, the worst family, and CRPS relative to that of the plain posterior."""
    rows = []
    for horizon in HORIZONS:
        at = by_family[by_family["horizon"] == horizon]
        plain = at[at["method"] == "plain"].set_index("family")["crps"]
        for method, block in at.groupby("method", sort=False):
            n = len(block)
            ratio = block["crps"].mean() / plain.reindex(block["family"]).mean()
            rows.append(
                {
                    "horizon": horizon,
                    "method": law if method == "bayescale" else method,
                    "families": n,
                    **{name: block[name].mean() for name in SCORES},
                    **{f"{name}_se": block[name].std(ddof=1) / np.sqrt(n) for name in COVERAGES[:3]},
                    "worst_0.9": block["cover_0.9"].min(),
                    "crps_ratio": ratio,
                }
            )
    return pd.DataFrame(rows)


def shown(scores: pd.DataFrame, index: tuple[str, str]) -> str:
    """Coverage, width and CRPS of the law under test, and the CRPS of plain and bootstrap."""
    own = scores[scores["method"] == "bayescale"].set_index(list(index))
    table = own[["n_test", *COVERAGES, "width", "crps", "log_score", "rmse", "bias"]].copy()
    for other in [name for name in ("plain", "bootstrap") if name in set(scores["method"])]:
        peer = scores[scores["method"] == other].set_index(list(index))
        table[f"{other}_0.9"], table[f"{other}_crps"] = peer["cover_0.9"], peer["crps"]
    return table.to_string(float_format="%.4f")


if __name__ == "__main__":
    main()
