"""Coverage of N* at ten and a hundred times the largest budget, on simulated surfaces with realistic misfit.

A surface is a law whose parameters are a posterior draw given a published table, times a smooth relative discrepancy of
the size that the table showed. Its kernel is not the one that bayescale assumes: squared exponential, of a random
length, and falling with compute by a random power, from not at all to twice as fast as assumed. Runs are a random
subset of the table's own design, with Student-t noise. The true N* is the surface's lowest point along the isoFLOP
line, and D* is covered whenever N* is. Run it as ``python benchmarks/optimum_coverage.py --surfaces 225``.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from reporting import add_study_options, keep, machine, study

import bayescale as bs
from bayescale.data.datasets import load_runs

Array = NDArray[np.float64]

TABLES = ("chinchilla", "gadre:c4", "porian:tuned")
LAWS = ("chinchilla", "tied", "skaling")
AHEAD = (10.0, 100.0)
LEVELS = (0.5, 0.8, 0.9)
RUNS = 60
LENGTHS = (2.0, 5.0)
DECAYS = (0.0, 0.3)
NOISE_DF = 4.0
GRID = 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--surfaces", type=int, default=225)
    add_study_options(parser)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    each = -(-options.surfaces // (len(TABLES) * len(LAWS)))
    surfaces = [surface for table in TABLES for law in LAWS for surface in _surfaces(table, law, each, options.seed)]
    found = study(options, "optimum_coverage", _measure, [(surface,) for surface in surfaces])
    rows = pd.DataFrame([row for each in found for row in each])
    tables = [_coverage(rows, keys) for keys in (["method", "ahead"], ["method", "ahead", "table", "law"])]
    text = "\n\n".join(
        [
            f"{len(surfaces)} surfaces, {RUNS} runs each; +- is one standard error; {machine()}",
            *(table.to_string(index=False, float_format="%.3f") for table in tables),
        ]
    )
    keep("optimum_coverage", text, rows.to_dict("records"))


def _surfaces(table: str, law: str, n: int, seed: int) -> Iterator[dict[str, Any]]:
    """Runs of n surfaces, and the true N* of each at larger budgets."""
    runs = load_runs(table)
    fitted = bs.fit(law, runs, seed=seed)
    rng = np.random.default_rng([seed, TABLES.index(table), LAWS.index(law)])
    for i in rng.choice(len(fitted.parameters["sigma"]), n, replace=False):
        truth = {name: values[i] for name, values in fitted.parameters.items()}
        rows = np.sort(rng.choice(len(runs), min(RUNS, len(runs)), replace=False))
        design = runs.take(rows).frame[["N", "D"]].reset_index(drop=True)
        largest = float(6 * (design["N"] * design["D"]).max())
        centre = float(np.log(np.sqrt(largest / 6 / 20)))
        log_n = np.linspace(centre - 6, centre + 10, GRID)
        lines = [pd.DataFrame({"N": np.exp(log_n), "D": a * largest / 6 / np.exp(log_n)}) for a in AHEAD]
        points = pd.concat([design, *lines], ignore_index=True)
        log_loss = np.log(fitted.law.mean(np, {k: points[k].to_numpy() for k in ("N", "D")}, truth))
        size = np.exp(-rng.uniform(*DECAYS) * np.log(6 * points["N"] * points["D"] / largest).to_numpy())
        log_loss = log_loss + truth["tau"] * size * _smooth(np.log(points.to_numpy()), rng)
        scatter = truth["sigma"] * rng.standard_t(NOISE_DF, len(design))
        ahead = log_loss[len(design) :].reshape(len(AHEAD), GRID)
        yield {
            "runs": design.assign(loss=np.exp(log_loss[: len(design)] + scatter)),
            "optima": [float(np.exp(log_n[line.argmin()])) for line in ahead],
            "largest": largest,
            "table": table,
            "law": law,
        }


def _smooth(points: Array, rng: np.random.Generator) -> Array:
    """A draw of a smooth function of unit variance at points of shape (point, input), by random Fourier features."""
    features = 2000
    length = rng.uniform(*LENGTHS)
    waves = rng.standard_normal((points.shape[1], features)) / length
    phases = rng.uniform(0, 2 * np.pi, features)
    heights = rng.standard_normal(features) * np.sqrt(2 / features)
    return np.asarray(np.cos(points @ waves + phases) @ heights)


def _measure(surface: dict[str, Any]) -> list[dict[str, Any]]:
    runs = bs.Runs.from_frame(surface["runs"])
    budgets = [ahead * surface["largest"] for ahead in AHEAD]
    fits = {"bayescale": bs.fit("auto", runs), "plain": bs.fit("chinchilla", runs, discrepancy=False)}
    rows = []
    for method, fitted in fits.items():
        draws = np.log(bs.plan(fitted, budget=budgets).draws["N"].to_numpy()).reshape(-1, len(budgets))
        for ahead, values, truth in zip(AHEAD, draws.T, np.log(surface["optima"]), strict=True):
            low, high = np.quantile(values, [0.05, 0.95])
            rank = float((values < truth).mean())
            rows.append(
                {
                    "method": method,
                    "ahead": ahead,
                    "table": surface["table"],
                    "law": surface["law"],
                    "rank": rank,
                    "error": float(np.median(values) - truth),
                    "width": float(high - low),
                    **{f"in {level:g}": float(abs(rank - 0.5) <= level / 2) for level in LEVELS},
                }
            )
    return rows


def _coverage(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Share of intervals of log N* that contain the truth, their mean width and the median's error."""
    found = []
    for key, block in rows.groupby(keys, sort=False):
        share = block["in 0.9"].mean()
        found.append(
            {
                **dict(zip(keys, key, strict=True)),
                "surfaces": len(block),
                **{f"in {level:g}": block[f"in {level:g}"].mean() for level in LEVELS},
                "se of in 0.9": float(np.sqrt(share * (1 - share) / len(block))),
                "width of 90 % (e-folds)": block["width"].mean(),
                "rms error of log N*": float(np.sqrt(np.square(block["error"]).mean())),
                "bias": block["error"].mean(),
            }
        )
    return pd.DataFrame(found)


if __name__ == "__main__":
    main()
