"""Simulated tables without model discrepancy: bands on larger runs should be nominal, and weights find the true law.

Tables have the design of the Chinchilla runs and come from each law in turn, at its posterior mean given them, with
Student-t noise. Larger runs are hidden as in a back-test, at the largest ceiling. Run it as
``python benchmarks/simulated.py``.
"""

import argparse
from typing import Any

import numpy as np
import pandas as pd
from reporting import add_study_options, keep, machine, study

import bayescale as bs
from bayescale.data.datasets import load_runs
from bayescale.data.splitting import HORIZONS
from bayescale.laws.catalog import load_law
from bayescale.laws.noise import noise_by_name
from bayescale.posterior.forecasting import predicted
from bayescale.validation.backtesting import scores_of
from bayescale.validation.recovery import simulate

LAWS = ("chinchilla", "tied", "skaling", "kaplan_nd")
MIXED = ("chinchilla", "tied", "kaplan_nd")
SIZES = (40, 80, 240)
HIDDEN_DECADES = 0.5
NOISE_DF = 4.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=6)
    add_study_options(parser)
    options = parser.parse_args()
    truths = {law: _truth(law) for law in LAWS}
    cases = [(law, truths[law], seed, h) for law in LAWS for seed in range(options.replicates) for h in HORIZONS]
    scores = pd.DataFrame([row for rows in study(options, "simulated", _scores, cases) for row in rows])
    coverage = scores.groupby(["law", "horizon"], sort=False).agg(
        hidden=("crps", "size"), **{name: (name, "mean") for name in ("cover_0.5", "cover_0.8", "cover_0.9", "width")}
    )
    sizes = [(law, truths[law], n) for law in LAWS for n in SIZES]
    weights = pd.DataFrame(study(options, "simulated_weights", _weights, sizes))
    text = "\n\n".join(
        [
            f"{options.replicates} tables a law; {machine()}",
            "Coverage of the default ensemble where the law is right",
            coverage.to_string(float_format="%.3f"),
            f"Weights of an ensemble of {', '.join(MIXED)} at the largest horizon, by true law and number of runs",
            weights.to_string(index=False, float_format="%.2f"),
        ]
    )
    document = {"coverage": coverage.reset_index().to_dict("records"), "weights": weights.to_dict("records")}
    keep("simulated", text, document)


def _truth(law: str) -> dict[str, float]:
    fitted = bs.fit(law, load_runs("chinchilla"), discrepancy=False, noise="normal")
    return {name: float(values.mean()) for name, values in fitted.parameters.items()}


def _table(law: str, truth: dict[str, float], seed: int) -> bs.Runs:
    noise = noise_by_name("student_t")
    return simulate(load_law(law), load_runs("chinchilla"), noise, {**truth, "nu": NOISE_DF}, seed)


def _scores(law: str, truth: dict[str, float], seed: int, horizon: float) -> list[dict[str, Any]]:
    runs = _table(law, truth, seed)
    compute = runs.column("C")
    ceiling = compute.max() / 10**HIDDEN_DECADES
    train, test = runs.take(np.flatnonzero(compute <= ceiling / horizon)), runs.take(np.flatnonzero(compute > ceiling))
    forecast = predicted(bs.fit("auto", train, seed=seed), {name: test.column(name) for name in ("N", "D")})
    scores = scores_of(forecast, test.column("loss"), np.random.default_rng(seed))
    rows: list[dict[str, Any]] = scores.assign(law=law, horizon=horizon).to_dict("records")
    return rows


def _weights(law: str, truth: dict[str, float], n: int) -> dict[str, Any]:
    runs = _table(law, truth, seed=0)
    rows = np.sort(np.random.default_rng(0).permutation(len(runs))[:n])
    weights = bs.fit(list(MIXED), runs.take(rows), draws=250).weights
    largest = weights.isel(horizon=-1)
    return {
        "true law": law,
        "runs": min(n, len(runs)),
        "horizon": float(largest["horizon"]),
        **{name: float(largest.sel(law=name)) for name in MIXED},
    }


if __name__ == "__main__":
    main()
