"""Compare importance sampling with NUTS on the unconstrained scale, for every law and noise on the Chinchilla runs.

Each sampler has at least 20,000 effective draws of its worst coordinate. Run it as ``python benchmarks/agreement.py``.
"""

import argparse
import json
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale.data.datasets import load_card, load_dataset
from bayescale.data.observed import Observed
from bayescale.inference.model import build_model
from bayescale.laws.catalog import law_names, load_law
from bayescale.laws.noise import NOISES
from bayescale.sampling.importance import sample_importance
from bayescale.sampling.logdensity import LogDensity
from bayescale.sampling.nuts import sample_nuts

RESULTS = Path(__file__).parent / "results"
EFFECTIVE_DRAWS = 20_000
PRIOR_DRAWS = 1000
LIMITS = {"mean": 0.05, "sd": 0.03, "q05": 0.1, "q95": 0.1}
"""Largest difference: in posterior standard deviations for means and quantiles, relative for standard deviations."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--law", choices=law_names(), action="append")
    parser.add_argument("--noise", choices=NOISES, action="append")
    parser.add_argument("--draws", type=int, default=10_000, help="initial draws of NUTS per chain, of four")
    options = parser.parse_args()

    tables = []
    for law, noise in product(options.law or load_card("chinchilla").laws, options.noise or NOISES):
        print(f"{law}, {noise}", file=sys.stderr)
        tables.append(compare(law, noise, options.draws).assign(law=law, noise=noise))
    table = pd.concat(tables, ignore_index=True)
    text = report(table)
    print(text)
    RESULTS.joinpath("agreement.txt").write_text(text + "\n")
    RESULTS.joinpath("agreement.json").write_text(json.dumps(table.to_dict(orient="records"), indent=1) + "\n")


def compare(law: str, noise: str, draws: int) -> pd.DataFrame:
    """Differences between the samplers, one row per coordinate."""
    model = build_model(Observed(load_law(law), load_dataset("chinchilla")), NOISES[noise]).model
    density = LogDensity(model)
    ours = sample_importance(density, density.prior(PRIOR_DRAWS, seed=0), EFFECTIVE_DRAWS, seed=0)
    nuts = sample_nuts(model, draws=draws, chains=4, seed=0)
    while nuts.ess_min < EFFECTIVE_DRAWS:
        draws = int(1.2 * draws * EFFECTIVE_DRAWS / nuts.ess_min)
        nuts = sample_nuts(model, draws=draws, chains=4, seed=0)
    theirs = density.unconstrain({str(name): v.to_numpy().ravel() for name, v in nuts.posterior.data_vars.items()})
    table = differences(ours.draws, theirs).assign(coordinate=density.names)
    return table.assign(
        importance_certified=ours.certified,
        importance_ess=min(ours.ess.min(), len(ours.draws)),
        nuts_certified=nuts.certified,
        nuts_ess=nuts.ess_min,
    )


def differences(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> pd.DataFrame:
    """Differences of shape (coordinate,) in standard deviations of the reference; relative for the sds."""
    sd = theirs.std(axis=0)
    columns = {"mean": (ours.mean(axis=0) - theirs.mean(axis=0)) / sd, "sd": ours.std(axis=0) / sd - 1}
    for name, prob in (("q05", 0.05), ("q95", 0.95)):
        columns[name] = (np.quantile(ours, prob, axis=0) - np.quantile(theirs, prob, axis=0)) / sd
    return pd.DataFrame(columns)


def report(table: pd.DataFrame) -> str:
    worst = table.assign(**{name: table[name].abs() for name in LIMITS}).groupby(["law", "noise"])
    shown = worst[list(LIMITS)].max()
    shown["ess"] = worst[["importance_ess", "nuts_ess"]].min().min(axis=1)
    shown["certified"] = worst[["importance_certified", "nuts_certified"]].all().all(axis=1)
    shown["agree"] = (shown[list(LIMITS)] <= pd.Series(LIMITS)).all(axis=1)
    return "\n".join(
        [
            "largest difference over the unconstrained coordinates, importance sampling minus NUTS",
            shown.to_string(float_format="%.3f", formatters={"ess": "{:.0f}".format}),
            f"limits: {', '.join(f'{name} {limit}' for name, limit in LIMITS.items())} (sd relative, others in sds)",
            "all agree" if shown["agree"].all() else "THEY DISAGREE",
        ]
    )


if __name__ == "__main__":
    main()
