"""Bands and optima of the default from four, six and eight runs: simulated tables, whose truth is known.

A table is drawn from the prior of a law, its discrepancy and its noise, at inputs of a design: sizes and tokens apart,
one ray of tokens per parameter, one budget, or compute alone. The default, a mixture that the law is one of, is fitted
without being told. Runs of three and ten times the largest compute are drawn from the same model and scored. Run it as
``python benchmarks/few_runs.py [--replicates N] [--jobs N]``.
"""

import argparse
from typing import Any

import numpy as np
import pandas as pd
from reporting import add_study_options, keep, machine, study
from sbc_default import simulated

from bayescale.basics.errors import BayescaleError
from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.inference.discrepancy import DRIFT, discrepancy_basis
from bayescale.inference.options import Options
from bayescale.laws.catalog import load_law
from bayescale.posterior.fitting import fit_to_score
from bayescale.posterior.forecasting import predicted_runs
from bayescale.validation.backtesting import scores_of

STEM = "few_runs"
ROWS = (4, 6, 8)
DESIGNS = {"N and D": "tied", "one ray": "tied", "one budget": "tied", "C": "floor_c"}
"""Law behind the tables of each design."""

BEYOND = (3.0, 10.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=100)
    add_study_options(parser)
    options = parser.parse_args()
    tasks = [(kind, rows, seed) for kind in DESIGNS for rows in ROWS for seed in range(options.replicates)]
    table = pd.DataFrame([row for found in study(options, STEM, scored, tasks) for row in found])
    shown = table.groupby(["design", "rows", "beyond"], sort=False).agg(
        tables=("cover_0.9", "size"),
        **{
            name: (column, "mean")
            for name, column in (("50 %", "cover_0.5"), ("80 %", "cover_0.8"), ("90 %", "cover_0.9"))
        },
        width=("width", "median"),
    )
    text = (
        f"{machine()}\nshare of bands that hold the run at 3 and 10 times the largest compute; width of the 90 % band, "
        f"median over tables, of the log loss\n\n{shown.reset_index().to_string(index=False, float_format='%.2f')}"
    )
    keep(STEM, text, {"machine": machine(), "rows": shown.reset_index().to_dict("records")})


def inputs(kind: str, rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Inputs of the runs, and of the runs beyond."""
    steps = np.linspace(0, 1, rows)
    if kind == "C":
        compute = 1e18 * 100**steps
        return pd.DataFrame({"C": compute}), pd.DataFrame({"C": compute.max() * np.array(BEYOND)})
    if kind == "one budget":
        n = 1e8 * 16**steps
        runs = pd.DataFrame({"N": n, "D": 1.2e19 / 6 / n})
    else:
        n = 1e8 * 10**steps
        apart = 1.0 if kind == "one ray" else np.where(np.arange(rows) % 2, 3.0, 1.0)
        runs = pd.DataFrame({"N": n, "D": 20 * n * apart})
    largest = float((runs["N"] * runs["D"]).max())
    n_beyond = np.sqrt(largest * np.array(BEYOND) / 20)
    return runs, pd.DataFrame({"N": n_beyond, "D": 20 * n_beyond})


def scored(kind: str, rows: int, seed: int) -> list[dict[str, Any]]:
    """Scores of the two runs beyond one table's."""
    law, rng = load_law(DESIGNS[kind]), np.random.default_rng([seed, rows])
    train, test = inputs(kind, rows)
    runs, truth, latent = simulated(law, "student_t", Runs.from_frame(train.assign(loss=1.0)), rng)
    observed = Observed(law, runs)
    process = discrepancy_basis(observed).process
    places = law.located({name: test[name].to_numpy() for name in law.input_names})
    amplitudes = np.where(process.kinds == DRIFT, truth["drift"], truth["tau"])
    mean = process.features(places) @ (amplitudes * latent[: len(amplitudes)])
    parts = {"tau": process.local, "drift": process.drift}
    covariance = np.sum([truth[name] ** 2 * part.left_over(places) for name, part in parts.items()], axis=0)
    off = mean + rng.multivariate_normal(np.zeros(len(test)), covariance, check_valid="ignore")
    columns = {name: test[name].to_numpy() for name in law.input_names}
    noise = truth["sigma"] * rng.standard_t(truth["nu"], len(test))
    outcome = np.exp(np.log(law.mean(np, columns, truth)) + off + noise)
    try:
        fitted = fit_to_score("auto", runs, Options())
        forecast, seen = predicted_runs(fitted, Runs.from_frame(test.assign(loss=outcome)))
    except BayescaleError:
        return []
    scores = scores_of(forecast, seen, np.random.default_rng(0))
    kept = scores[["cover_0.5", "cover_0.8", "cover_0.9", "width"]].astype(float).to_dict("records")
    return [{"design": kind, "rows": rows, "beyond": beyond, **each} for beyond, each in zip(BEYOND, kept, strict=True)]


if __name__ == "__main__":
    main()
