"""Simulation-based calibration at the design of the shipped Chinchilla runs: coverage and ranks of every parameter.

Parameters are drawn from the prior, runs from the law at the 240 shipped (N, D), and fitted as a user would fit them,
fall-backs included. Run it as ``python benchmarks/recovery.py --law chinchilla --noise student_t --replicates 200``.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from bayescale.calibration import Replicate, coverage, coverage_band, ecdf_p_value, recover
from bayescale.catalog import law_names, load_dataset, load_law
from bayescale.noise import NOISES, noise_by_name

RESULTS = Path(__file__).parent / "results"
LEVELS = (0.5, 0.9)
ERROR = 0.01
"""Probability that a calibrated sampler is found out of its bands anywhere; one share for coverage, one for ranks."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--law", choices=law_names(), default="chinchilla")
    parser.add_argument("--noise", choices=NOISES, default="student_t")
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    law, noise, runs = load_law(options.law), noise_by_name(options.noise), load_dataset("chinchilla")
    replicates = []
    for replicate in recover(law, runs, noise, replicates=options.replicates, seed=options.seed):
        replicates.append(replicate)
        print(f"\r{len(replicates)} of {options.replicates}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)

    table, bands = check(replicates)
    text = report(f"{options.law}, {options.noise}", options.replicates, replicates, table, bands)
    print(text)
    stem = RESULTS / f"recovery_{options.law}_{options.noise}"
    stem.with_suffix(".txt").write_text(text + "\n")
    content = {
        "law": options.law,
        "noise": options.noise,
        "seed": options.seed,
        "replicates": len(replicates),
        "bands": {str(level): band for level, band in bands.items()},
        "parameters": table.to_dict(orient="index"),
        "fits": [
            {
                "engine": r.engine,
                "certified": r.diagnostics.certified,
                "pareto_k": r.diagnostics.pareto_k,
                "ess_min": r.diagnostics.ess_min,
                "cpu_seconds": r.cpu_seconds,
                "true_parameters": r.parameters,
                "ranks": r.ranks,
            }
            for r in replicates
        ],
    }
    stem.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n")


def check(replicates: list[Replicate]) -> tuple[pd.DataFrame, dict[float, tuple[float, float]]]:
    """Coverage, mean rank and p-value of the ranks of each parameter; and the band of each coverage."""
    ranks = pd.DataFrame([r.ranks for r in replicates])
    distinct = len(ranks.T.drop_duplicates())
    bands = {level: coverage_band(len(ranks), level, error=ERROR / (distinct * len(LEVELS))) for level in LEVELS}
    columns = {f"cover_{level:.0%}": coverage(ranks.to_numpy(), level) for level in LEVELS}
    table = pd.DataFrame(columns, index=ranks.columns)
    table["mean_rank"] = ranks.mean()
    table["ecdf_p"] = [ecdf_p_value(ranks[name].to_numpy()) for name in ranks]
    inside = [table[f"cover_{level:.0%}"].between(*bands[level]) for level in LEVELS]
    table["calibrated"] = np.logical_and.reduce([*inside, table["ecdf_p"] >= ERROR / distinct])
    return table, bands


def report(
    title: str,
    asked: int,
    replicates: list[Replicate],
    table: pd.DataFrame,
    bands: dict[float, tuple[float, float]],
) -> str:
    engines = Counter(r.engine for r in replicates)
    uncertified = sum(not r.diagnostics.certified for r in replicates)
    cpu = [r.cpu_seconds for r in replicates if r.engine == "importance"]
    distinct = len({tuple(r.ranks[name] for r in replicates) for name in table.index})
    wrong = list(table.index[~table["calibrated"]])
    shown = ", ".join(f"{low:.3f} to {high:.3f} at {level:.0%}" for level, (low, high) in bands.items())
    return "\n".join(
        [
            f"{title}: {len(replicates)} of {asked} simulated tables usable",
            table.to_string(float_format="%.3f"),
            f"bands of coverage: {shown} (exact binomial, {1 - ERROR:.0%} for {distinct} distinct parameters times "
            f"{len(LEVELS)} levels together, Bonferroni)",
            f"ranks: inside simultaneous {1 - ERROR:.0%} ECDF bands where ecdf_p >= {ERROR / distinct:.5f}",
            f"fall-backs to NUTS: {engines['nuts']}; uncertified: {uncertified}; CPU seconds of an importance fit: "
            f"median {np.median(cpu):.2f}, largest {max(cpu):.2f}",
            "all parameters calibrated" if not wrong else f"NOT CALIBRATED: {', '.join(wrong)}",
        ]
    )


if __name__ == "__main__":
    main()
