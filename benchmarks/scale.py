"""Time and memory of a fit with model error, by the number of runs: cost per run must not grow.

Each size runs in a process of its own, which reports its CPU time and its peak memory. Run it as
``python benchmarks/scale.py``.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pandas as pd
from reporting import keep, machine

SIZES = (1_000, 10_000, 100_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--measure", type=int, help="fit so many runs in this process, and print what it took as JSON")
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    rows = []
    for n in options.sizes:
        command = [sys.executable, __file__, "--measure", str(n)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **ONE_THREAD})
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    slope = np.polyfit(np.log(table["runs"]), np.log(table["fit CPU s"]), 1)[0]
    text = f"{machine()}\n\n{table.to_string(index=False, float_format='%.2f')}\n\nlog-log slope of time: {slope:.2f}"
    keep("scale", text, rows)


ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def measure(n: int) -> dict[str, Any]:
    """Fit n simulated runs with model error, and forecast from them."""
    import bayescale as bs

    rng = np.random.default_rng(0)
    N = np.exp(rng.uniform(np.log(4e7), np.log(1e10), n))
    D = N * np.exp(rng.uniform(np.log(2), np.log(200), n))
    loss = (1.82 + 482 * N**-0.348 + 2085 * D**-0.366) * np.exp(0.004 * rng.standard_t(4, n))
    runs = bs.Runs.from_frame(pd.DataFrame({"N": N, "D": D, "loss": loss}))
    bs.fit("chinchilla", runs.take(np.arange(50)))  # compiles
    start = time.process_time()
    fitted = bs.fit("chinchilla", runs)
    fit_seconds = time.process_time() - start
    bs.optimum(fitted, [1e24])
    return {
        "runs": n,
        "fit CPU s": fit_seconds,
        "optimum CPU s": time.process_time() - start - fit_seconds,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "certified": fitted.certified,
        "engine": fitted.record.engine,
        "E": f"{fitted.parameters['E'].mean():.4f} ({fitted.parameters['E'].std():.4f})",
        "tau": f"{fitted.parameters['tau'].mean():.5f}",
    }


if __name__ == "__main__":
    main()
