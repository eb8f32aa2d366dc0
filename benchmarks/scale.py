"""Time, CPU and memory by the number of runs, for ours and a hand-written model: ``python benchmarks/scale.py``.

A table of n runs holds copies of the 240 shipped Chinchilla designs, taken in turn, with N and D each multiplied by
exp(0.1 z), z standard normal, so that no two are alike. Its losses are those of the law with the published values of
Besiroglu et al. 2024, times exp(noise); the noise is Student-t with the scale and degrees of freedom that the shipped
runs have around the law. 245 runs are thus all of the shipped designs, and five of them twice.

Every row is a process of its own that reads the table from Parquet, fits it, forecasts at ten points and finds the
optimum at three budgets. Building and compiling are counted, imports are not. Memory is the resident set's
peak in a stage, the packages included. The hand-written model is that of ``speed.py``, in PyMC, sampled by nutpie; it
assumes that the law is exact, and is stopped after ten minutes.
"""

import argparse
import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from reporting import keep, machine
from speed import cpu_seconds, textbook_chains, verdict

SIZES = (245, 2_450, 24_500, 245_000)
LIMIT_SECONDS = 600
LARGEST_SLOPE, LARGEST_PEAK = 1.1, 2048
KINDS = {
    "error": "one law and its error, the default",
    "true": "one law, taken as true",
    "auto": "a mixture of laws and their errors",
    "peer": "hand-written PyMC + nutpie, law taken as true",
}
LARGEST_OF = {"auto": 24_500}
"""A mixture takes four times as long as a law: two laws, each refitted to the runs below each of four horizons."""
STAGES = ("read", "fit", "forecast", "optimum")
JITTER = 0.1
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--kinds", choices=KINDS, nargs="+", default=list(KINDS))
    parser.add_argument("--measure", nargs=2, metavar=("KIND", "FILE"), help="one row, in this process, as JSON")
    options = parser.parse_args()
    if options.measure:
        kind, path = options.measure
        with contextlib.redirect_stdout(io.StringIO()):
            row = peer(Path(path)) if kind == "peer" else ours(kind, Path(path))
        print(json.dumps(row))
        return
    truth = true_values()
    rows = [row for kind in options.kinds for row in measured(kind, options.sizes, truth)]
    text = "\n".join([machine(), "", *tables(rows, truth), *verdicts(rows)])
    keep("scale", text, {"truth": truth, "rows": rows})


def true_values() -> dict[str, float]:
    """The published law, and the noise of the shipped runs around it."""
    import bayescale as bs
    from bayescale.laws.catalog import load_law

    noise = bs.fit("chinchilla", "chinchilla", discrepancy=False).parameters
    published = load_law("chinchilla").published[0].values  # noqa: PD011
    return {**published, **{name: float(noise[name].mean()) for name in ("sigma", "nu")}}


def simulated(n: int, truth: dict[str, float]) -> pd.DataFrame:
    """A table of n runs, as described at the top of this file."""
    from bayescale.data.datasets import load_dataset

    rng = np.random.default_rng(0)
    shipped = load_dataset("chinchilla").frame.iloc[np.arange(n) % 240]
    N, D = (shipped[name].to_numpy() * np.exp(JITTER * rng.standard_normal(n)) for name in ("N", "D"))
    mean = truth["E"] + truth["A"] * N ** -truth["alpha_N"] + truth["B"] * D ** -truth["beta_D"]
    return pd.DataFrame({"N": N, "D": D, "loss": mean * np.exp(truth["sigma"] * rng.standard_t(truth["nu"], n))})


def measured(kind: str, sizes: list[int], truth: dict[str, float]) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            if n > LARGEST_OF.get(kind, n):
                return
            path = Path(folder) / f"runs_{n}.parquet"
            simulated(n, truth).to_parquet(path)
            row = {"kind": kind, "runs": n, **in_a_process(kind, path)}
            print(row, file=sys.stderr, flush=True)
            yield row
            if "stopped" in row:
                return


def in_a_process(kind: str, path: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--measure", kind, str(path)]
    environment, cpu = {**os.environ, **ONE_THREAD}, cpu_seconds()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)
    try:
        printed, _ = process.communicate(timeout=LIMIT_SECONDS if kind == "peer" else None)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return {"stopped": LIMIT_SECONDS, "cpu": cpu_seconds() - cpu}
    if process.returncode:
        raise SystemExit(f"{kind} on {path.name}: status {process.returncode}")
    row: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return row


def ours(kind: str, path: Path) -> dict[str, Any]:
    import pymc  # noqa: F401

    import bayescale as bs

    stages: dict[str, dict[str, float]] = {}
    runs = staged(stages, "read", lambda: bs.Runs.read(path))
    law = "auto" if kind == "auto" else "chinchilla"
    fitted = staged(stages, "fit", lambda: bs.fit(law, runs, discrepancy=kind != "true"))
    staged(
        stages, "forecast", lambda: bs.forecast(fitted, N=np.geomspace(1e9, 1e12, 10), D=np.geomspace(2e10, 2e13, 10))
    )
    staged(stages, "optimum", lambda: bs.plan(fitted, budget=[1e22, 1e24, 1e26]))
    first = fitted.first if kind == "auto" else fitted
    E, fits = first.parameters["E"], list(fitted.members.values()) if kind == "auto" else [fitted]
    return {
        "stages": stages,
        "certified": bool(fitted.certified),
        "engine": ", ".join(dict.fromkeys(each.record.engine for each in fits)),
        "E": float(E.mean()),
        "E_sd": float(E.std()),
        "effective_draws": min(each.diagnostics.ess_min for each in fits),
    }


def peer(path: Path) -> dict[str, Any]:
    import arviz as az
    import nutpie  # noqa: F401
    import pymc  # noqa: F401

    stages: dict[str, dict[str, float]] = {}
    table = staged(stages, "read", lambda: pd.read_parquet(path))
    columns = [table[name].to_numpy() for name in ("N", "D", "loss")]
    chains = staged(stages, "fit", lambda: textbook_chains("nutpie", *columns))
    r_hat = float(az.rhat(chains).to_array().max())
    E = chains["E"].to_numpy()
    return {
        "stages": stages,
        "certified": r_hat < 1.01,
        "engine": "nutpie",
        "E": float(E.mean()),
        "E_sd": float(E.std()),
        "effective_draws": float(az.ess(chains).to_array().min()),
    }


def staged[T](stages: dict[str, dict[str, float]], name: str, work: Callable[[], T]) -> T:
    """Do the work of a stage, and note its seconds and its peak memory (MiB)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    cpu, wall = cpu_seconds(), time.perf_counter()
    found = work()
    stages[name] = {"cpu": cpu_seconds() - cpu, "wall": time.perf_counter() - wall, "peak": peak_memory()}
    return found


def peak_memory() -> float:
    """Largest resident set since it was reset, MiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def total(row: dict[str, Any], figure: str = "cpu") -> float:
    return float(sum(stage[figure] for stage in row["stages"].values()))


def peak(row: dict[str, Any]) -> float:
    return float(max(stage["peak"] for stage in row["stages"].values()))


def tables(rows: list[dict[str, Any]], truth: dict[str, float]) -> Iterator[str]:
    head = f"{'runs':>9}" + "".join(f"{name:>10}" for name in STAGES)
    head += f"{'all CPU s':>11}{'wall s':>8}{'peak MiB':>10}{'certified':>11}{'E (sd)':>18}{'off, sds':>10}"
    yield f"CPU seconds by stage; E is {truth['E']:.4f}, sigma {truth['sigma']:.4f}, nu {truth['nu']:.2f}"
    yield ""
    for kind in dict.fromkeys(row["kind"] for row in rows):
        yield KINDS[kind]
        yield head
        for row in (row for row in rows if row["kind"] == kind):
            yield line(row, truth)
        yield ""


def line(row: dict[str, Any], truth: dict[str, float]) -> str:
    if "stopped" in row:
        return f"{row['runs']:9,}  stopped after {row['stopped']} s of wall time, {row['cpu']:.0f} of CPU: takes longer"
    stages = "".join(f"{row['stages'][name]['cpu']:10.2f}" if name in row["stages"] else " " * 10 for name in STAGES)
    figures = f"{total(row):11.1f}{total(row, 'wall'):8.0f}{peak(row):10.0f}{'yes' if row['certified'] else 'NO':>11}"
    E = f"{row['E']:.4f} ({row['E_sd']:.4f})"
    return f"{row['runs']:9,}{stages}{figures}{E:>18}{(row['E'] - truth['E']) / row['E_sd']:10.1f}"


def verdicts(rows: list[dict[str, Any]]) -> Iterator[str]:
    for kind in ("error", "true", "auto"):
        found = [row for row in rows if row["kind"] == kind]
        for words, some in (("from 2,450 runs on", [row for row in found if row["runs"] >= 2450]), ("over all", found)):
            if len(some) > 1:
                found_slope, target = slope(some), f"(target at most {LARGEST_SLOPE})"
                reached = verdict(found_slope <= LARGEST_SLOPE)
                yield f"{kind}: log-log slope of CPU {words}: {found_slope:.2f} {target}: {reached}"
        if found:
            largest, target = max(map(peak, found)), f"(target below {LARGEST_PEAK})"
            yield f"{kind}: peak memory {largest:.0f} MiB {target}: {verdict(largest < LARGEST_PEAK)}"
    peers = {row["runs"]: row for row in rows if row["kind"] == "peer"}
    for kind in ("error", "true"):
        for row in rows:
            other = peers.get(row["runs"])
            if row["kind"] == kind and other:
                yield f"{kind}: hand-written over ours, CPU, {row['runs']:,} runs: {ratio(other, row)}"


def slope(rows: list[dict[str, Any]]) -> float:
    return float(np.polyfit(np.log([row["runs"] for row in rows]), np.log([total(row) for row in rows]), 1)[0])


def ratio(other: dict[str, Any], row: dict[str, Any]) -> str:
    """A lower bound if the other was stopped."""
    if "stopped" in other:
        return f"more than {other['cpu'] / total(row):.1f}"
    return f"{total(other) / total(row):.1f}"


if __name__ == "__main__":
    main()
