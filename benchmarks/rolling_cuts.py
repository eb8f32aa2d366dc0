"""Rolling cuts of the Chinchilla table: train below a percentile of compute, predict every larger run.

Unlike a back-test, which scores runs within a factor of three, this scores all runs beyond the cut. Run it as
``python benchmarks/rolling_cuts.py``.
"""

from typing import Any

import numpy as np
import pandas as pd
from reporting import keep, machine

import bayescale as bs
from bayescale.data.datasets import load_runs
from bayescale.posterior.forecasting import predicted
from bayescale.posterior.predictive import Predictive
from bayescale.validation.backtesting import scores_of
from bayescale.validation.baselines import bootstrap

PERCENTILES = (40, 50, 60, 70, 80)


def main() -> None:
    runs = load_runs("chinchilla")
    compute = runs.column("C")
    rows = []
    for percentile in PERCENTILES:
        cut = np.percentile(compute, percentile)
        train, test = (runs.take(np.flatnonzero(side)) for side in (compute <= cut, compute > cut))
        inputs = {name: test.column(name) for name in ("N", "D")}
        replicated = bootstrap(train, test, 0)
        assert replicated is not None
        methods = {
            "bayescale": predicted(bs.fit("auto", train), inputs),
            "plain": predicted(bs.fit("chinchilla", train, discrepancy=False), inputs),
            "bootstrap": replicated,
        }
        observed = test.column("loss")
        rows += [
            {"cut": f"{percentile} %", "train": len(train), "hidden": len(test), "method": name, **_scores(p, observed)}
            for name, p in methods.items()
        ]
    table = pd.DataFrame(rows)
    text = f"{machine()}\n\n{table.to_string(index=False, float_format='%.4f')}"
    keep("rolling_cuts", text, table.to_dict("records"))


def _scores(forecast: Predictive, observed: Any) -> dict[str, float]:
    scores = scores_of(forecast, observed, np.random.default_rng(0))
    means = scores[["cover_0.5", "cover_0.8", "cover_0.9", "width", "crps", "log_score"]].mean()
    return {**{str(k): float(v) for k, v in means.items()}, "rmse": float(np.sqrt(np.square(scores["error"]).mean()))}


if __name__ == "__main__":
    main()
