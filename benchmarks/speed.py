"""The cost of a posterior, ours and others', on the 240 shipped Chinchilla runs: ``python benchmarks/speed.py``.

Every row runs in a process of its own, so that neither imports nor compiled code are shared. CPU seconds are those of
the process and its children. Rows in a process leave out imports and count building, compiling and sampling; rows of
commands count everything. Effective draws are those of the worst parameter: the effective sample size of our weights,
but no more than the draws returned; the bulk effective sample size of chains; and, for a bootstrap, its replicates.
"""

import argparse
import contextlib
import io
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("bayescale", "pymc", "pytensor", "nutpie", "arviz", "numpy", "scipy", "simple-scaling-laws")
PLAN = [sys.executable, "-m", "bayescale", "plan", "--law", "chinchilla", "--json"]

HUBER_DELTA = 1e-3
STARTS = list(product(range(0, 30, 5), range(0, 30, 5), np.arange(-1, 1.5, 0.5), *2 * [np.arange(0, 2.5, 0.5)]))
"""Hoffmann et al. 2022, appendix D.3: log A, log B, log E, alpha, beta."""
BOOTSTRAPS = 4000


@dataclass(frozen=True)
class Cost:
    """CPU and wall seconds; effective draws of the worst parameter, or None; and a remark."""

    cpu: float
    wall: float
    draws: float | None = None
    note: str = ""

    @property
    def cpu_per_thousand(self) -> float | None:
        """CPU seconds per 1,000 effective draws."""
        return None if self.draws is None else 1000 * self.cpu / self.draws


class Clock:
    """CPU and wall seconds since it was made."""

    def __init__(self) -> None:
        self._cpu, self._wall = cpu_seconds(), time.perf_counter()

    def cost(self, draws: float | None = None, note: str = "") -> Cost:
        """What has been spent since."""
        return Cost(cpu_seconds() - self._cpu, time.perf_counter() - self._wall, draws, note)


def cpu_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def typical(costs: list[Cost]) -> Cost:
    """Medians of repeated costs."""
    draws = [cost.draws for cost in costs if cost.draws is not None]
    return Cost(
        median(cost.cpu for cost in costs),
        median(cost.wall for cost in costs),
        median(draws) if draws else None,
        f"median of {len(costs)}",
    )


def warm_fit(quick: bool) -> Cost:
    import pymc  # noqa: F401

    from bayescale.posterior.single import fit

    fit()
    costs = []
    for seed in range(1, 4 if quick else 10):
        clock = Clock()
        fitted = fit(seed=seed)
        costs.append(clock.cost(min(fitted.diagnostics.ess_min, fitted.tree["posterior"]["E"].size)))
    return typical(costs)


def cold_plan(quick: bool) -> Cost:
    return typical(list(processes(PLAN, 1 if quick else 5)))


def import_pymc(quick: bool) -> Cost:
    return typical(list(processes([sys.executable, "-c", "import pymc"], 1 if quick else 5)))


def processes(command: list[str], repeats: int) -> Iterator[Cost]:
    subprocess.run(command, check=True, capture_output=True)  # one more than is counted, for byte code and disk caches
    for _ in range(repeats):
        clock = Clock()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        yield clock.cost(min(4000, json.loads(done.stdout)["diagnostics"]["ess_min"]) if command is PLAN else None)


def our_nuts(quick: bool) -> Cost:
    import nutpie  # noqa: F401
    import pymc  # noqa: F401

    from bayescale.posterior.single import fit

    clock = Clock()
    fitted = fit(engine="nuts", draws=200 if quick else 1000)
    cost = clock.cost()
    names = [parameter.name for parameter in (*fitted.law.parameters, *fitted.noise.parameters(fitted.law))]
    return with_chains(cost, fitted.tree["posterior"].to_dataset()[names])


def textbook_pymc(quick: bool) -> Cost:
    return textbook("pymc", quick)


def textbook_nutpie(quick: bool) -> Cost:
    import nutpie  # noqa: F401

    return textbook("nutpie", quick)


def textbook(sampler: str, quick: bool) -> Cost:
    """The model as most people would write it down, with 4 chains of 1,000 tuning steps and 1,000 draws."""
    N, D, loss = chinchilla_runs()
    clock = Clock()
    chains = textbook_chains(sampler, N, D, loss, draws=100 if quick else 1000)
    return with_chains(clock.cost(), chains)


def textbook_chains(sampler: str, N: Array, D: Array, loss: Array, draws: int = 1000) -> Any:
    """Draws of that model, after as many tuning steps."""
    import pymc as pm

    with pm.Model():
        E = pm.LogNormal("E", np.log(1.7), 0.5)
        A = pm.LogNormal("A", np.log(400), 1.0)
        B = pm.LogNormal("B", np.log(400), 1.0)
        exponent_N = pm.Beta("exponent_N", 2, 4)
        exponent_D = pm.Beta("exponent_D", 2, 4)
        sigma = pm.HalfNormal("sigma", 0.05)
        nu = pm.LogNormal("nu", np.log(7), 0.5)
        mean = E + A * N**-exponent_N + B * D**-exponent_D
        pm.StudentT("log_loss", nu=nu, mu=pm.math.log(mean), sigma=sigma, observed=np.log(loss))
        settings = {"tune": draws, "chains": 4, "cores": 1, "random_seed": 0, "progressbar": False}
        tree = pm.sample(draws, nuts_sampler=sampler, **settings)
    return tree["posterior"].to_dataset()


def with_chains(cost: Cost, chains: Any) -> Cost:
    import arviz as az

    r_hat = float(az.rhat(chains).to_array().max())
    return Cost(cost.cpu, cost.wall, float(az.ess(chains).to_array().min()), f"R-hat {r_hat:.3f}")


def huber(quick: bool) -> Cost:
    """The published way: 4,500 starts, then 4,000 bootstraps from the best, each timed on a sample and scaled."""
    from scipy.optimize import minimize

    N, D, loss = chinchilla_runs()
    runs = np.stack([np.log(N), np.log(D), np.log(loss)])
    rng = np.random.default_rng(0)
    starts = rng.choice(np.array(STARTS, dtype=float), 15 if quick else 150, replace=False)
    clock = Clock()
    fits = [minimize(huber_loss, start, runs, jac=True, method="L-BFGS-B") for start in starts]
    grid, scale = clock.cost(), len(STARTS) / len(starts)
    best = min(fits, key=lambda fitted: fitted.fun).x

    resamples = [runs[:, rng.integers(len(loss), size=len(loss))] for _ in range(10 if quick else 100)]
    clock = Clock()
    for resample in resamples:
        minimize(huber_loss, best, resample, jac=True, method="L-BFGS-B")
    bootstrap, scale_bootstrap = clock.cost(), BOOTSTRAPS / len(resamples)
    return Cost(
        grid.cpu * scale + bootstrap.cpu * scale_bootstrap,
        grid.wall * scale + bootstrap.wall * scale_bootstrap,
        BOOTSTRAPS,
        f"starts {grid.cpu * scale:.0f} s (from {len(starts)}), bootstraps {bootstrap.cpu * scale_bootstrap:.0f} s "
        f"(from {len(resamples)}); E {np.exp(best[2]):.3f}, alpha {best[3]:.3f}, beta {best[4]:.3f}",
    )


def huber_loss(p: Array, runs: Array) -> tuple[float, Array]:
    """Sum of Huber losses of log loss under log-sum-exp(a - alpha log N, b - beta log D, e), and its gradient."""
    log_N, log_D, log_loss = runs
    a, b, e, alpha, beta = p
    terms = np.stack([a - alpha * log_N, b - beta * log_D, np.full_like(log_N, e)])
    predicted = np.logaddexp.reduce(terms)
    shares = np.exp(terms - predicted)
    residual = predicted - log_loss
    size = np.abs(residual)
    value = np.where(size <= HUBER_DELTA, 0.5 * residual**2, HUBER_DELTA * (size - 0.5 * HUBER_DELTA)).sum()
    slopes = shares * residual.clip(-HUBER_DELTA, HUBER_DELTA)
    gradient = [*slopes.sum(axis=1), -slopes[0] @ log_N, -slopes[1] @ log_D]
    return float(value), np.array(gradient)


def simple_scaling_laws(quick: bool) -> Cost:
    import polars as pl
    from simple_scaling_laws import fit

    N, D, loss = chinchilla_runs()
    columns = {"model_size__n_params": N, "dataset_size__n_tokens": D, "test_loss__nats": loss}
    frame = pl.DataFrame({"training_run_id": np.arange(len(loss)), **columns})
    costs = []
    for seed in range(2 if quick else 6):
        clock = Clock()
        fit(frame, law="separable-power", n_draws=1000, seed=seed)
        costs.append(clock.cost(1000))
    return typical(costs[1:])


def chinchilla_runs() -> tuple[Array, Array, Array]:
    from bayescale.data.datasets import load_dataset

    runs = load_dataset("chinchilla")
    return runs.column("N"), runs.column("D"), runs.column("loss")


ROWS: dict[str, tuple[str, Callable[[bool], Cost]]] = {
    "warm_fit": ("bayescale, warm fit", warm_fit),
    "cold_plan": ("bayescale plan, cold process", cold_plan),
    "import_pymc": ("python -c 'import pymc'", import_pymc),
    "our_nuts": ("bayescale, NUTS", our_nuts),
    "textbook_pymc": ("textbook PyMC, its own NUTS", textbook_pymc),
    "textbook_nutpie": ("textbook PyMC, nutpie", textbook_nutpie),
    "huber": ("Huber, 4,500 starts + 4,000 bootstraps", huber),
    "simple_scaling_laws": ("simple-scaling-laws, 1,000 bootstraps", simple_scaling_laws),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=ROWS, help="one row, in this process, as JSON")
    parser.add_argument("--quick", action="store_true", help="fewer draws and repeats; nothing is written")
    options = parser.parse_args()
    if options.only:
        with contextlib.redirect_stdout(io.StringIO()):
            cost = ROWS[options.only][1](options.quick)
        print(json.dumps(asdict(cost)))
        return
    costs = {}
    for name in ROWS:
        print(name, file=sys.stderr)
        costs[name] = in_a_process(name, options.quick)
    machine = describe_machine()
    text = "\n".join([machine, "", table(costs), "", *verdicts(costs)])
    print(text)
    if not options.quick:
        RESULTS.joinpath("speed.txt").write_text(text + "\n")
        rows = {name: {**asdict(cost), "cpu_per_thousand": cost.cpu_per_thousand} for name, cost in costs.items()}
        RESULTS.joinpath("speed.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


def in_a_process(name: str, quick: bool) -> Cost:
    command = [sys.executable, __file__, "--only", name, *(["--quick"] if quick else [])]
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **one_thread})
    return Cost(**json.loads(done.stdout))


def table(costs: dict[str, Cost]) -> str:
    header = f"{'':40}{'CPU s':>10}{'wall s':>10}{'eff. draws':>12}{'CPU s/1,000':>13}  "
    lines = [header]
    for name, cost in costs.items():
        draws = "" if cost.draws is None else f"{cost.draws:.0f}"
        each = "" if cost.cpu_per_thousand is None else f"{cost.cpu_per_thousand:.3f}"
        lines.append(f"{ROWS[name][0]:40}{cost.cpu:10.2f}{cost.wall:10.2f}{draws:>12}{each:>13}  {cost.note}")
    return "\n".join(lines)


def verdicts(costs: dict[str, Cost]) -> Iterator[str]:
    def each(name: str) -> float:
        return costs[name].cpu_per_thousand or np.nan

    ours = each("warm_fit")
    for name, target in (("textbook_pymc", 50), ("textbook_nutpie", 20), ("huber", 1), ("simple_scaling_laws", 1)):
        ratio = each(name) / ours
        yield (
            f"{ROWS[name][0]} over our warm fit, CPU per 1,000 effective draws: {ratio:.1f} "
            f"(target {target}): {verdict(ratio >= target)}"
        )
    whole = costs["simple_scaling_laws"].cpu / costs["warm_fit"].cpu
    yield f"simple-scaling-laws over our warm fit, CPU of a whole fit: {whole:.1f} (target 1): {verdict(whole >= 1)}"
    extra = costs["cold_plan"].cpu - costs["import_pymc"].cpu
    yield f"cold plan minus import pymc: {extra:.2f} CPU s (target at most 3): {verdict(extra <= 3)}"


def verdict(reached: bool) -> str:
    return "reached" if reached else "MISSED"


def describe_machine() -> str:
    cpu = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}; {versions}"


if __name__ == "__main__":
    main()
