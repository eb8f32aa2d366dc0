"""The approaches that people know to N* at a budget: what each gets wrong on known laws, and how near published optima.

Simulated isoFLOP designs have nine budgets from 6e18 to 3e21 FLOP and eight sizes each, in log N evenly around N* times
an offset. Their laws are known, and with them the error of N* at ten and at a hundred times the largest budget: by the
isoFLOP profiles of bayescale, by the law, and by the parabola of least squares at each budget that people fit.
Simulated training curves are those of sixteen sizes on one number of tokens, with the losses of runs that ended, or of
one long schedule, in the middle of which losses are higher.

Published optima are those of Porian et al. for their five protocols. With ``--unshipped FOLDER`` the isoFLOP tables
that do not ship are fitted instead, beside the optimum that Grattafiori et al. published of theirs. No optimum is
published of Marin's, for which the usual procedure, a parabola at each budget and a line through the vertices, is shown
alone.
Run it as ``python benchmarks/approaches.py [--tables N] [--unshipped FOLDER]``.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from development import development_tables
from numpy.typing import NDArray
from reporting import add_study_options, keep, machine, study

import bayescale as bs
from bayescale.data.datasets import dataset_groups, load_dataset, load_runs
from bayescale.data.isoflops import isoflop_slices
from bayescale.posterior.envelopes import fit_envelope
from bayescale.posterior.profiles import fit_profiles

Array = NDArray[np.float64]

STEM = "approaches"
BUDGETS = np.array([6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21])
SIZES = 8
SIGMA = 0.003
AHEAD = (10.0, 100.0)
MIDDLE, RATIO, REDUCIBLE = 1e21, 20.0, 0.5
"""Budget at which a simulated law has its optimum at 20 tokens per parameter, and half a nat to reduce."""
TOKENS, UNFINISHED = 1e11, 0.05
"""Tokens at the end of simulated training curves, and how much higher log loss is at the start of a long schedule."""
LLAMA = {"budget": 3.8e25, "N": 402e9, "exponent": 1 - 0.537}
"""Grattafiori et al. 2024, arXiv:2407.21783, section 3.2.1 and figure 3: the exponent there is that of tokens."""


@dataclass(frozen=True)
class Truth:
    """A law ``E + (A N^-alpha + B D^-beta)^outer``, of which N may be counted without embeddings."""

    alpha: float
    beta: float
    floor: float = 1.7
    outer: float = 1.0
    embeddings: float = 0.0

    def loss(self, n: Array, d: Array) -> Array:
        """Loss of runs of N parameters, as they are counted, on D tokens."""
        middle = float(np.sqrt(MIDDLE / 6 / RATIO))
        share, total = self.beta / (self.alpha + self.beta), n + self.embeddings * n ** (1 / 3)
        terms = share * (total / middle) ** -self.alpha + (1 - share) * (d / (RATIO * middle)) ** -self.beta
        return np.asarray(self.floor + REDUCIBLE * terms**self.outer)

    def optimum(self, budgets: Array) -> Array:
        """N*, found on a fine grid along each isoFLOP line."""
        log_n = np.linspace(np.log(1e6), np.log(1e14), 200_001)
        n = np.exp(log_n)
        return np.array([n[self.loss(n, budget / 6 / n).argmin()] for budget in np.atleast_1d(budgets)])

    @property
    def exponent(self) -> float:
        """Of N* over the simulated budgets."""
        ends = self.optimum(BUDGETS[[0, -1]])
        return float(np.diff(np.log(ends))[0] / np.log(BUDGETS[-1] / BUDGETS[0]))


@dataclass(frozen=True)
class Design:
    """Sizes of an isoFLOP design: factor to both sides of N* times an offset, which may drift with the budget."""

    truth: Truth
    factor: float = 4.0
    offset: tuple[float, float] = (1.0, 1.0)

    def table(self, seed: int) -> pd.DataFrame:
        """Runs with 0.3 % of noise."""
        rng = np.random.default_rng(seed)
        centres = self.truth.optimum(BUDGETS) * np.geomspace(*self.offset, len(BUDGETS))
        n = centres[:, None] * np.geomspace(1 / self.factor, self.factor, SIZES)
        d = BUDGETS[:, None] / 6 / n
        loss = self.truth.loss(n, d) * np.exp(SIGMA * rng.standard_normal(n.shape))
        return pd.DataFrame({"N": n.ravel(), "D": d.ravel(), "loss": loss.ravel()})


USUAL, UNEQUAL = Truth(0.34, 0.285), Truth(0.46, 0.15)
DESIGNS = {
    "centred, 4x": Design(USUAL),
    "centred, 16x": Design(USUAL, 16.0),
    "offset 3x": Design(USUAL, offset=(3.0, 3.0)),
    "offset drifts to 3x": Design(USUAL, offset=(1.0, 3.0)),
    "unequal exponents, 16x": Design(UNEQUAL, 16.0),
    "unequal exponents, drifts": Design(UNEQUAL, offset=(1.0, 3.0)),
    "outer exponent 0.6": Design(Truth(0.46, 0.42, outer=0.6)),
    "without embeddings": Design(Truth(0.34, 0.285, embeddings=5e4)),
}
AS_TRUE: dict[str, Any] = {"law": "chinchilla", "discrepancy": False}
OF_LAW = ("centred, 4x", "unequal exponents, 16x", "outer exponent 0.6", "without embeddings")
"""Designs that laws are fitted to, which take ten times as long."""
SIMULATED = (
    f"Simulated tables, {SIGMA:.1%} of noise: bias of the exponent and of log N* at 10 and at 100 times the largest "
    "budget,\nthe share of 90 % intervals of each that contain the truth, and the mean width of those of the exponent"
)
PUBLISHED = (
    "Porian et al.: exponent of N*, published and found (median and 90 % interval; Chinchilla's law taken as true);\n"
    "rms difference of log N* of the slices from the published optima, and the same relative to their stated errors"
)
SCHEDULES = {"runs that ended": 0.0, "one long schedule": UNFINISHED}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=20, help="simulated tables of each design; a tenth for laws")
    parser.add_argument("--unshipped", type=Path, help="folder of the isoFLOP tables that do not ship, and only these")
    add_study_options(parser)
    options = parser.parse_args()
    if options.unshipped is not None:
        rows = study(options, f"{STEM}_development", unshipped, [(str(options.unshipped), name) for name in UNSHIPPED])
        table = pd.DataFrame(rows)
        keep(f"{STEM}_development", f"{machine()}\n\n{written(table)}", {"rows": table.to_dict("records")})
        return
    seeds = range(options.tables)
    each = {
        of_design: [(name, seed) for name in DESIGNS for seed in seeds],
        of_law: [(name, seed) for name in OF_LAW for seed in seeds[: options.tables // 10]],
        of_curves: [(name, seed) for name in SCHEDULES for seed in seeds],
    }
    found = [rows for kind, tasks in each.items() for rows in study(options, f"{STEM}_{kind.__name__}", kind, tasks)]
    errors = pd.DataFrame([row for rows in found for row in rows])
    published = pd.DataFrame(
        study(options, f"{STEM}_porian", of_porian, [(name,) for name in dataset_groups("porian")])
    )
    keep(
        STEM,
        f"{machine()}\n{SIMULATED}\n\n{summary(errors)}\n\n{PUBLISHED}\n\n{written(published)}",
        {"errors": errors.to_dict("records"), "porian": published.to_dict("records")},
    )


def summary(errors: pd.DataFrame) -> str:
    """Bias and coverage of each approach in each design."""
    found = []
    for (design, approach), block in errors.groupby(["design", "approach"], sort=False):
        row: dict[str, Any] = {"design": design, "approach": approach, "tables": len(block)}
        for name in ("exponent", *(f"N* at {ahead:g}x" for ahead in AHEAD)):
            row[f"bias of {name}"] = f"{block[f'{name}: error'].mean():+.3f}"
            covered = block[f"{name}: covered"].dropna()
            row["covered"] = (*row.get("covered", ()), f"{covered.mean():.2f}" if len(covered) else "-")
        row["covered"] = " ".join(row["covered"])
        row["width of the exponent's"] = f"{block['exponent: width'].mean():.3f}" if len(covered) else "-"
        found.append(row)
    return pd.DataFrame(found).to_string(index=False)


def written(table: pd.DataFrame) -> str:
    """A table without the columns that only programs read."""
    return table[[name for name in table if not name.startswith("_")]].to_string(index=False)


def of_design(name: str, seed: int) -> list[dict[str, Any]]:
    """Errors of isoFLOP profiles and of the parabola of least squares."""
    design = DESIGNS[name]
    table = design.table(seed)
    found = fit_profiles(bs.Runs.from_frame(table), seed=seed)
    sizes = found.optimum(_ahead(), np.random.default_rng(seed))
    slope, level = line_through_vertices(bs.Runs.from_frame(table))
    own = np.exp(level + slope * np.log(_ahead()))
    return [
        {"design": name, "approach": "isoflops", **errors_of(design.truth, found.a_opt, sizes)},
        {"design": name, "approach": "parabolas", **errors_of(design.truth, np.array([slope]), own[None])},
    ]


def of_law(name: str, seed: int) -> list[dict[str, Any]]:
    """Errors of the law of Chinchilla, taken as true, and of the default mixture of laws that may be wrong."""
    design = DESIGNS[name]
    runs = bs.Runs.from_frame(design.table(seed))
    choices: dict[str, Callable[[], Any]] = {
        "law, taken as true": lambda: bs.fit(runs=runs, seed=seed, **AS_TRUE),
        "law": lambda: bs.fit("auto", runs, seed=seed),
    }
    rows = []
    for approach, fitted in choices.items():
        found = bs.optimal_by_approach(runs, _ahead(), approach="law", law=fitted(), seed=seed).answers["law"].draws
        sizes = found["N"].to_numpy().reshape(-1, len(AHEAD))
        exponent = found["exponent"].isel(budget=0).to_numpy().ravel()
        rows.append({"design": name, "approach": approach, **errors_of(design.truth, exponent, sizes)})
    return rows


def of_curves(name: str, seed: int) -> list[dict[str, Any]]:
    """Errors of the envelope of training curves."""
    rng = np.random.default_rng(seed)
    n = np.geomspace(2e7, 2e10, 16)[:, None]
    d = np.geomspace(TOKENS / 300, TOKENS, 40) * np.ones_like(n)
    of_run, of_row = 0.7 * SIGMA * rng.standard_normal(n.shape), 0.3 * SIGMA * rng.standard_normal(d.shape)
    loss = USUAL.loss(n, d) * np.exp(SCHEDULES[name] * (1 - d / TOKENS) + of_run + of_row)
    run = np.repeat(np.arange(len(n)), d.shape[1])
    frame = pd.DataFrame({"run": run, "N": np.repeat(n, d.shape[1]), "D": d.ravel(), "loss": loss.ravel()})
    found = fit_envelope(bs.Runs.from_frame(frame), seed=seed)
    return [{"design": name, "approach": "envelope", **errors_of(USUAL, found.a_opt, found.optimum(_ahead()))}]


def of_porian(group: str) -> dict[str, Any]:
    """A protocol of Porian et al. by all approaches, beside their optima."""
    runs = load_runs(f"porian:{group}")
    optima = load_dataset("porian_optima", group=group).frame.sort_values("C")
    log_c, log_n = np.log(optima["C"].to_numpy()), np.log(optima["N"].to_numpy())
    row = {
        "table": group,
        "published": f"{np.polyfit(log_c, log_n, 1)[0]:.3f}",
        **by_approach(runs, float(runs.column("C").max()), sizes=False, **AS_TRUE),
    }
    found = fit_profiles(runs)
    shared = [int(np.abs(np.log(found.compute) - each).argmin()) for each in log_c]
    apart = np.log(np.median(found.vertices[:, shared], axis=0)) - log_n
    stated = optima["N_se"].to_numpy() / optima["N"].to_numpy()
    return {
        **row,
        "rms": f"{np.sqrt(np.square(apart).mean()):.3f}",
        "by errors": f"{np.sqrt(np.square(apart / stated).mean()):.2f}",
    }


UNSHIPPED = ("llama3_isoflops", "marin_isoflops:comma", "marin_isoflops:dclm", "marin_isoflops:nemotron")


def unshipped(folder: str, name: str) -> dict[str, Any]:
    """A table that does not ship by all approaches, beside what is published or the published procedure."""
    runs = development_tables(Path(folder))[name][1]
    slope, level = line_through_vertices(runs)
    llama = name.startswith("llama3")
    budget = LLAMA["budget"] if llama else 1e22
    return {
        "table": name,
        "published exponent": f"{LLAMA['exponent']:.3f}" if llama else "none",
        "parabolas": f"{slope:.3f}",
        "budget": f"{budget:.3g}",
        "published N*": f"{LLAMA['N']:.3g}" if llama else "none",
        "parabolas N*": f"{np.exp(level + slope * np.log(budget)):.3g}",
        **by_approach(runs, budget, sizes=True),
    }


def by_approach(runs: bs.Runs, budget: float, *, sizes: bool, **law: Any) -> dict[str, str]:
    """Exponent of N*, and N* itself, by each approach that a table allows."""
    found = bs.optimal_by_approach(runs, budget, **law).answers
    asked = {"exponent": "{:.3f} [{:.3f}, {:.3f}]"} | ({"N": "{:.3g} [{:.3g}, {:.3g}]"} if sizes else {})
    shown = {}
    for quantity, pattern in asked.items():
        for name in ("envelope", "isoflops", "law"):
            draws = found[name].draws[quantity] if name in found else None
            label = name if quantity == "exponent" else f"{name} N*"
            shown[label] = "-" if draws is None else pattern.format(*np.quantile(draws, [0.5, 0.05, 0.95]))
    return shown


def line_through_vertices(runs: bs.Runs) -> tuple[float, float]:
    """Exponent and level of the line through the vertices of a parabola at each budget, all by least squares."""
    log_n, log_c, loss = np.log(runs.column("N")), np.log(runs.column("C")), runs.column(runs.outcome)
    centres, vertices = [], []
    for rows in isoflop_slices(runs):
        curvature, slope, _ = np.polyfit(log_n[rows], loss[rows], 2)
        centres.append(log_c[rows].mean())
        vertices.append(-slope / 2 / curvature)
    exponent, level = np.polyfit(centres, vertices, 1)
    return float(exponent), float(level)


def errors_of(truth: Truth, exponent: Array, sizes: Array) -> dict[str, float]:
    """Error of the median, width and coverage of the exponent and of log N* at larger budgets; none of a point."""
    named = {"exponent": (exponent, truth.exponent)}
    logs, true = np.log(sizes), np.log(truth.optimum(_ahead()))
    named |= {f"N* at {ahead:g}x": (logs[:, i], true[i]) for i, ahead in enumerate(AHEAD)}
    found = {}
    for name, (draws, value) in named.items():
        low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95])
        alone = len(draws) == 1
        found[f"{name}: error"] = float(middle - value)
        found[f"{name}: width"] = float("nan") if alone else float(high - low)
        found[f"{name}: covered"] = float("nan") if alone else float(low <= value <= high)
    return found


def _ahead() -> Array:
    return BUDGETS[-1] * np.array(AHEAD)


if __name__ == "__main__":
    main()
