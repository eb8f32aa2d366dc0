"""Realised regret of the robust choice and of the plug-in, on simulated truths.

Every truth is a joint draw of law and discrepancy from the posterior of the Chinchilla law given the 240 Chinchilla
runs. Forty of the smaller runs, chosen at random, get noisy outcomes from it; sizes at larger budgets are chosen from
these runs alone, and compared with the true best size. ``plain`` assumes that the law is exact, as a point fit does.
The truths come from the model that is fitted, so this is a best case. Run it as ``python benchmarks/regret.py``.
"""

import argparse
from typing import Any

import numpy as np
import pandas as pd
from reporting import add_study_options, keep, machine, study

import bayescale as bs
from bayescale.data.datasets import load_runs
from bayescale.planning.choices import robust_choice
from bayescale.posterior.single import fit_law

RUNS = 40
LARGEST = 1e21
BUDGETS = (3e22, 1e24)
SIZES = 161
NOISE, NOISE_DF = 0.004, 4.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=100)
    add_study_options(parser)
    options = parser.parse_args()
    truths = _truths(options.replicates)
    found = study(options, "regret", _measure, [(seed, *truth) for seed, truth in enumerate(truths)])
    table = pd.DataFrame([row for rows in found for row in rows])
    summary = table.groupby(["budget", "choice"], sort=False)["regret"].agg(
        mean="mean", se=lambda r: r.sem(), worst_tenth=_worst_tenth, worst_tenth_se=_worst_tenth_se
    )
    pairs = table.pivot_table(index=["budget", "truth"], columns="choice", values="regret")
    paired = pd.DataFrame({other: pairs["robust"] - pairs[other] for other in ("plug-in", "plain")})
    difference = paired.groupby("budget").agg(["mean", "sem"])
    sizes = np.log(table.pivot_table(index=["budget", "truth"], columns="choice", values="N"))
    apart = pd.DataFrame({other: np.abs(sizes["robust"] - sizes[other]) for other in ("plug-in", "plain")})
    text = "\n\n".join(
        [
            f"{options.replicates} truths, {RUNS} runs up to {LARGEST:.0e} FLOP each; {machine()}",
            "Realised regret, nats/token",
            summary.to_string(float_format="%.5f"),
            "Regret of the robust choice minus that of the others, on the same truths",
            difference.to_string(float_format="%.5f"),
            "Mean distance of the robust choice from the others, in log N",
            apart.groupby("budget").mean().to_string(float_format="%.3f"),
        ]
    )
    keep("regret", text, {"summary": summary.reset_index().to_dict("records"), "regrets": table.to_dict("records")})


def _truths(n: int) -> list[tuple[pd.DataFrame, dict[float, Any]]]:
    """Runs with simulated outcomes, and the true outcome along each budget, of each of n truths."""
    runs = load_runs("chinchilla")
    small = runs.frame[runs.column("C") <= LARGEST]
    reference = bs.fit("chinchilla", runs)
    centre = bs.plan(reference, budget=BUDGETS).draws["N"].median(("chain", "draw")).to_numpy()
    grids = {c: n_best * np.geomspace(1 / 100, 100, SIZES) for c, n_best in zip(BUDGETS, centre, strict=True)}
    N = np.concatenate([small["N"], *grids.values()])
    D = np.concatenate([small["D"], *(c / (6 * grid) for c, grid in grids.items())])
    outcomes = bs.forecast(reference, N=N, D=D).draws["latent"].to_numpy().reshape(-1, len(N))
    rng = np.random.default_rng(0)
    found = []
    for row in outcomes[rng.choice(len(outcomes), n, replace=False)]:
        chosen = rng.choice(len(small), RUNS, replace=False)
        noise = NOISE * rng.standard_t(NOISE_DF, RUNS)
        frame = pd.DataFrame(
            {"N": N[chosen], "D": D[chosen], "loss": row[chosen] * np.exp(noise)},
        )
        along = np.split(row[len(small) :], len(BUDGETS))
        found.append((frame, {c: (grids[c], values) for c, values in zip(BUDGETS, along, strict=True)}))
    return found


def _measure(seed: int, frame: pd.DataFrame, truth: dict[float, Any]) -> list[dict[str, Any]]:
    choice = robust_choice(fit_law("chinchilla", frame, seed=seed), BUDGETS, seed=seed).draws
    plain = robust_choice(fit_law("chinchilla", frame, discrepancy=False, seed=seed), BUDGETS, seed=seed).draws
    rows = []
    for i, budget in enumerate(BUDGETS):
        sizes = {"robust": choice["N"], "plug-in": choice["N_plug_in"], "plain": plain["N_plug_in"]}
        grid, values = truth[budget]
        for name, found in sizes.items():
            n = float(found[i])
            if not grid[0] <= n <= grid[-1]:
                raise ValueError(f"{name} chose N = {n:.3g}, off the grid on which the truth is known")
            regret = float(np.interp(np.log(n), np.log(grid), values) - values.min())
            rows.append({"truth": seed, "budget": budget, "choice": name, "N": n, "regret": regret})
    return rows


def _worst_tenth(regrets: "pd.Series[float]") -> float:
    return float(regrets.nlargest(max(1, len(regrets) // 10)).mean())


def _worst_tenth_se(regrets: "pd.Series[float]") -> float:
    """By the bootstrap over truths."""
    rng = np.random.default_rng(0)
    return float(np.std([_worst_tenth(regrets.sample(frac=1, replace=True, random_state=rng)) for _ in range(200)]))


if __name__ == "__main__":
    main()
