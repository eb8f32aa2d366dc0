"""Leave-one-run-out densities in closed form compared with exact refits without each run, on five tables.

The closed form is the log density of a training run's rows given all others, with model discrepancy integrated out,
averaged over draws by Pareto-smoothed importance sampling. Runs whose k-hat is above .7 are refitted by ``compare``
anyway. Run it as ``python benchmarks/left_out.py``.
"""

import argparse
import warnings
from typing import Any

import numpy as np
import pandas as pd
from reporting import add_study_options, keep, machine, study

from bayescale.data.datasets import load_runs
from bayescale.data.runs import Runs, rows_of
from bayescale.posterior.fit import with_log_likelihood
from bayescale.posterior.forecasting import joint_log_density
from bayescale.posterior.single import fit_law
from bayescale.validation.comparison import GOOD_K


def checkpoints() -> Runs:
    """Sixteen simulated runs of five checkpoints, which share a random effect of their run."""
    rng, n = np.random.default_rng(0), 16
    size = np.repeat(10 ** rng.uniform(7, 9, n), 5)
    tokens = 20 * size * np.tile(2.0 ** np.arange(-2, 3), n)
    loss = 1.8 + 480 / size**0.34 + 2085 / tokens**0.366
    loss *= np.exp(np.repeat(rng.normal(0, 0.01, n), 5) + rng.normal(0, 0.003, 5 * n))
    frame = pd.DataFrame({"run": np.repeat(np.arange(n), 5), "N": size, "D": tokens, "loss": loss})
    return Runs.from_frame(frame, source="16 runs of 5 checkpoints")


def clean() -> Runs:
    """Twenty-five simulated runs with Gaussian noise."""
    rng = np.random.default_rng(1)
    size, tokens = 10 ** rng.uniform(7, 9, 25), 10 ** rng.uniform(8, 11, 25)
    loss = (1.8 + 480 / size**0.34 + 2085 / tokens**0.366) * np.exp(rng.normal(0, 0.005, 25))
    return Runs.from_frame(pd.DataFrame({"N": size, "D": tokens, "loss": loss}), source="25 clean runs")


def thinned(name: str, n: int) -> Runs:
    """A regular subsample of the runs of a shipped table."""
    runs = load_runs(name)
    return runs.take(np.linspace(0, len(runs) - 1, n).round().astype(int))


TABLES: dict[str, tuple[str, Any]] = {
    "16 runs of 5 checkpoints": ("chinchilla", checkpoints),
    "25 clean runs": ("chinchilla", clean),
    "30 of chinchilla": ("chinchilla", lambda: thinned("chinchilla", 30)),
    "gadre:c4": ("tied", lambda: load_runs("gadre:c4")),
    "gemstones": ("chinchilla", lambda: load_runs("gemstones")),
}
"""Law and runs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_study_options(parser)
    options = parser.parse_args()
    sides = {name: len(rows_of(make().clusters)) for name, (_, make) in TABLES.items()}
    closed = {name: closed_form(name) for name in TABLES}
    tasks = [(name, run) for name, n in sides.items() for run in range(n)]
    refits = study(options, "left_out", refitted, tasks)
    rows = []
    for name, n in sides.items():
        exact = np.array([found for (table, _), found in zip(tasks, refits, strict=True) if table == name])
        elpd, k_hat = closed[name]
        good = k_hat < GOOD_K
        rows.append(
            {
                "table": name,
                "law": TABLES[name][0],
                "runs": n,
                "k-hat above .7": int((~good).sum()),
                "closed form (nats)": float(elpd[good].sum()),
                "refits (nats)": float(exact[good].sum()),
                "mean difference a run": float((elpd - exact)[good].mean()),
                "rms difference a run": float(np.sqrt(np.square((elpd - exact)[good]).mean())),
                "total, refits above .7": float(np.where(good, elpd, exact).sum()),
                "total, refits": float(exact.sum()),
            }
        )
    table = pd.DataFrame(rows)
    text = f"{machine()}\nsums are over runs with k-hat below .7\n\n{table.to_string(index=False, float_format='%.2f')}"
    keep("left_out", text, rows)


def closed_form(name: str) -> tuple[Any, Any]:
    """Log density of each run given all others, and its k-hat."""
    import arviz as az

    law, make = TABLES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = az.loo(with_log_likelihood(fit_law(law, make())).groups, pointwise=True)
    return found.elpd_i.to_numpy(), found.pareto_k.to_numpy()


def refitted(name: str, run: int) -> float:
    """Log density of a run under a fit to all others."""
    law, make = TABLES[name]
    runs = make()
    left = rows_of(runs.clusters)[run]
    others = fit_law(law, runs.take(np.setdiff1d(np.arange(len(runs)), left)))
    return joint_log_density(others, runs.take(left))


if __name__ == "__main__":
    main()
