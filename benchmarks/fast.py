"""The cost of the main steps, for continuous integration, in units of plain work of the same run.

The unit is the CPU time of what the steps are made of, in NumPy, SciPy and Python: Chinchilla's law at 4,000 draws of
its parameters and 240 runs, random numbers, linear algebra and a loop. (The law alone, the former unit, is quick where
powers are vectorised well, and made unchanged code look two and a half times dearer on such a processor.)
Costs are the lowest of a few repetitions after one that compiles, with one BLAS thread (waiting
threads also use CPU time, which depends on their number), and are compared as ratios with the committed ones,
because machines differ; effective draws do not depend on the machine at all. Run it as ``python benchmarks/fast.py``;
``--check`` compares with the committed result, and keeps nothing.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import scipy.linalg
from reporting import RESULTS, keep, machine
from threadpoolctl import threadpool_limits

import bayescale as bs

REPEATS = 2
SLOWER, FEWER = 2.0, 0.7
"""Largest accepted multiple of the committed cost, and smallest accepted share of the committed effective draws."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the committed result")
    options = parser.parse_args()
    with threadpool_limits(limits=1, user_api="blas"):
        measured = measure()
    table = pd.DataFrame({"measured": measured})
    if not options.check:
        text = f"{machine()}\ncosts in units of plain work\n\n{table.to_string(float_format='%.3g')}"
        keep("fast", text, {"machine": machine(), "measures": measured})
        return
    committed = json.loads((RESULTS / "fast.json").read_text())["measures"]
    table["committed"] = pd.Series(committed)
    table["ratio"] = table["measured"] / table["committed"]
    table["passes"] = [passes(name, ratio) for name, ratio in table["ratio"].items()]
    print(table.to_string(float_format="%.3g"))
    sys.exit(not table["passes"].all())


def passes(name: Any, ratio: float) -> bool:
    """Whether a measure is not worse than the committed one by more than machines differ."""
    return ratio >= FEWER if "effective draws" in name else ratio <= SLOWER


def measure() -> dict[str, float]:
    runs = bs.load_dataset("chinchilla")
    many = bs.Runs.from_frame(pd.concat([runs.frame[["N", "D", "loss"]]] * 10, ignore_index=True))
    true = lowest(lambda: bs.fit("chinchilla", runs, discrepancy=False))
    wrong = lowest(lambda: bs.fit("chinchilla", runs))
    fitted = bs.fit("chinchilla", runs)
    sizes = np.geomspace(1e9, 1e12, 100)
    with TemporaryDirectory() as folder:
        path = bs.save(fitted, Path(folder) / "fit.nc")
        saving = lowest(lambda: bs.load(bs.save(fitted, path)))
    unit = lowest(plain_work)
    costs = {
        "fit, law taken as true": true,
        "fit, law with its error": wrong,
        "fit of 2,400 runs, law with its error": lowest(lambda: bs.fit("chinchilla", many), repeats=1),
        "default mixture": lowest(lambda: bs.fit("auto", runs), repeats=1),
        "forecast at 100 points": lowest(lambda: bs.forecast(fitted, N=sizes, D=20 * sizes)),
        "optimum at 3 budgets": lowest(lambda: bs.plan(fitted, budget=[1e23, 1e24, 1e25])),
        "save and load": saving,
    }
    effective = {
        f"effective draws, {name}": bs.fit("chinchilla", runs, discrepancy=discrepancy).diagnostics.ess_min
        for name, discrepancy in (("law taken as true", False), ("law with its error", True))
    }
    return {**{name: cost / unit for name, cost in costs.items()}, **effective}


def lowest(work: Callable[[], Any], repeats: int = REPEATS) -> float:
    """CPU seconds of the quickest of some repetitions, after one that is not counted."""
    work()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def plain_work() -> None:
    """What a fit and its forecasts are made of: powers, random numbers, linear algebra, and the interpreter itself."""
    rng = np.random.default_rng(0)
    E, A, B, alpha, beta = (rng.uniform(0.3, 0.4, (4000, 1)) for _ in range(5))
    log_N, log_D = rng.uniform(0, 5, (2, 240))
    for _ in range(20):
        np.log(E + A * np.exp(-alpha * log_N) + B * np.exp(-beta * log_D))
    for _ in range(10):
        rng.standard_normal((4000, 240)) * rng.chisquare(4, (4000, 1))
    covariance = np.eye(240) + np.exp(-np.abs(np.subtract.outer(log_N, log_N)))
    for _ in range(100):
        scipy.linalg.cholesky(covariance, lower=True) @ covariance
    sum(value * value for value in range(2_000_000))


if __name__ == "__main__":
    main()
