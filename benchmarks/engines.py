"""Importance sampling compared with NUTS: effective draws per CPU second for each pair of law and data set.

A law is measured on the rows that the card selects for it, otherwise on the series with most runs. Each pair is
measured in its own process.

Importance sampling is asked for 4 x 1,000 draws, with the law assumed exact and with discrepancy, falling back on
NUTS if it is not certified. Cold CPU is that of a first fit, which builds and compiles the graph (imports left out,
caches on disk kept). Warm CPU is the mean of more fits with other seeds, whose number is in the column ``fits``: if a
first attempt is not certified, a second one takes several times as long. NUTS is asked for as many draws after as many
of adaptation, with the law assumed exact; its compilation, which every fit repeats, is counted separately. Effective
draws are those of the worst parameter, and at most the number of draws returned.

Run it as ``python benchmarks/engines.py [--law LAW] [--dataset NAME] [--seeds N] [--without-nuts] [--again] [--json]``:
pairs in the stored results are not measured again unless requested, and pairs that no card lists any more are removed.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from reporting import RESULTS, keep, machine
from speed import cpu_seconds

from bayescale.data.datasets import dataset_groups, dataset_names, load_card, load_runs
from bayescale.data.runs import Runs
from bayescale.laws.catalog import law_names, load_law
from bayescale.posterior.fit import Fit
from bayescale.posterior.single import fit_law

STEM = "engines"
COSTS = {"law_as_true": "law taken as true", "with_discrepancy": "with a discrepancy"}
K_HAT = re.compile(r"Pareto k-hat ([\d.]+|inf|nan)")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Cost and diagnostics of one sampler's draws; None if a value is not defined.

    Over several fits ``cpu`` and ``ess`` are means, ``pareto_k`` and ``r_hat`` the worst, and the others counts.
    """

    fits: int = 1
    fell_back: int
    uncertified: int
    cold_cpu: float | None = None
    cpu: float
    compile_cpu: float | None = None
    ess: float
    pareto_k: float | None
    r_hat: float | None
    divergent_share: float | None

    @property
    def ess_per_second(self) -> float:
        """Effective draws of the worst parameter per CPU second."""
        return self.ess / self.cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--law", choices=law_names(), action="append")
    parser.add_argument("--dataset", choices=dataset_names(), action="append")
    parser.add_argument("--seeds", type=int, default=3, help="warm fits of importance sampling a pair")
    parser.add_argument("--without-nuts", action="store_true", help="leave out NUTS, which takes most of the time")
    parser.add_argument("--again", action="store_true", help="measure kept pairs again")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()

    import nutpie  # noqa: F401
    import pymc  # noqa: F401

    on_cards = [(law, dataset, runs_of(law, dataset)) for dataset in dataset_names() for law in load_card(dataset).laws]
    pairs = [(law, runs.source) for law, _, runs in on_cards]
    rows = {pair: row for row in kept() if (pair := (row["law"], row["dataset"])) in pairs}
    todo = [
        (law, runs)
        for law, dataset, runs in on_cards
        if (not options.law or law in options.law)
        and (not options.dataset or dataset in options.dataset)
        and (options.again or (law, runs.source) not in rows)
    ]
    measure_pair = partial(measure, seeds=range(1, options.seeds + 1), with_nuts=not options.without_nuts)
    # Forked, so that imports are shared and compiled graphs are not.
    with get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        for row in pool.imap(measure_pair, todo, chunksize=1):
            rows[row["law"], row["dataset"]] = row
            document = {"machine": machine(), "rows": [rows[pair] for pair in pairs if pair in rows]}
            (RESULTS / f"{STEM}.json").write_text(json.dumps(document, indent=1) + "\n")
    document = {"machine": machine(), "rows": [rows[pair] for pair in pairs if pair in rows]}
    if options.json:
        print(json.dumps(document, indent=1))
    else:
        keep(STEM, report(document["rows"]), document)


def kept() -> list[dict[str, Any]]:
    """Rows of the stored results."""
    path = RESULTS / f"{STEM}.json"
    return json.loads(path.read_text())["rows"] if path.exists() else []


def runs_of(law: str, dataset: str) -> Runs:
    """The runs of a data set that a law is measured on."""
    card, formula = load_card(dataset), load_law(law)
    chosen = [card.selection[law]] if law in card.selection else dataset_groups(dataset)
    names = [f"{dataset}:{rows}" for rows in chosen] or [dataset]
    return max((load_runs(name, outcome=formula.outcome, domain=formula.link.domain) for name in names), key=len)


def measure(pair: tuple[str, Runs], *, seeds: Sequence[int], with_nuts: bool) -> dict[str, Any]:
    """Costs of both samplers for one law and its runs."""
    law, runs = pair
    print(f"{law}, {runs.source}", file=sys.stderr)
    return {
        "law": law,
        "dataset": runs.source,
        "runs": len(runs),
        "law_as_true": described(importance(law, runs, seeds, discrepancy=False)),
        "with_discrepancy": described(importance(law, runs, seeds, discrepancy=True)),
        "nuts": described(nuts(law, runs)) if with_nuts else None,
    }


def importance(law: str, runs: Runs, seeds: Sequence[int], *, discrepancy: bool) -> Cost:
    def fit_and_time(seed: int) -> tuple[Fit, float]:
        start = cpu_seconds()
        fitted = fit_law(law, runs, discrepancy=discrepancy, seed=seed)
        return fitted, cpu_seconds() - start

    _, cold = fit_and_time(0)
    costs = [cost(*fit_and_time(seed)) for seed in seeds]
    return Cost(
        fits=len(costs),
        fell_back=sum(item.fell_back for item in costs),
        uncertified=sum(item.uncertified for item in costs),
        cold_cpu=cold,
        cpu=float(np.mean([item.cpu for item in costs])),
        ess=float(np.mean([item.ess for item in costs])),
        pareto_k=max((item.pareto_k for item in costs if item.pareto_k is not None), default=None),
        r_hat=max((item.r_hat for item in costs if item.r_hat is not None), default=None),
        divergent_share=None,
    )


def nuts(law: str, runs: Runs) -> Cost:
    import nutpie

    compiling = 0.0
    compile_model = nutpie.compile_pymc_model

    def timed(*arguments: Any, **options: Any) -> Any:
        nonlocal compiling
        start = cpu_seconds()
        compiled = compile_model(*arguments, **options)
        compiling += cpu_seconds() - start
        return compiled

    start = cpu_seconds()
    with patch.object(nutpie, "compile_pymc_model", timed):
        fitted = fit_law(law, runs, discrepancy=False, engine="nuts", seed=1)
    return cost(fitted, cpu_seconds() - start - compiling, compile_cpu=compiling)


def cost(fitted: Fit, cpu: float, *, compile_cpu: float | None = None) -> Cost:
    """Cost of one fit."""
    found, record = fitted.diagnostics, fitted.record
    # If NUTS took over, the warning contains the k-hat of importance sampling.
    failed = [float(match[1]) for warning in fitted.warnings if (match := K_HAT.search(warning))]
    return Cost(
        fell_back=int(bool(failed)),
        uncertified=int(not found.certified),
        cpu=cpu,
        compile_cpu=compile_cpu,
        ess=min(found.ess_min, record.draws * record.chains),
        pareto_k=failed[0] if failed else found.pareto_k,
        r_hat=found.r_hat_max,
        divergent_share=found.divergent_share,
    )


def described(cost: Cost) -> dict[str, Any]:
    return {**asdict(cost), "ess_per_second": cost.ess_per_second}


def report(rows: Iterable[dict[str, Any]]) -> str:
    """One line per pair, the fallbacks and uncertified fits, and a summary."""
    rows = list(rows)
    table = pd.DataFrame([line(row) for row in rows]).fillna("")
    compared = [row for row in rows if row["nuts"]]
    nuts_better = [row for row in compared if row["nuts"]["ess_per_second"] > row["law_as_true"]["ess_per_second"]]
    sound = [row for row in compared if not row["nuts"]["uncertified"]]
    ratios = [row["law_as_true"]["ess_per_second"] / row["nuts"]["ess_per_second"] for row in sound]
    return "\n".join(
        [
            machine(),
            "i: importance sampling, law assumed exact; d: the same with discrepancy; n: NUTS, law assumed exact",
            "s: CPU seconds, ess: effective draws, k: largest Pareto k-hat of the warm fits of either kind",
            "N: number of them that fell back on NUTS; !: number not certified",
            "",
            table.to_string(index=False),
            "",
            "effective draws a CPU second, importance over NUTS without its compilation, where NUTS is certified: "
            f"median {np.median(ratios):.1f}, lowest {min(ratios):.1f}, highest {max(ratios):.1f}",
            f"NUTS the faster: {names(nuts_better)}",
            f"NUTS not certified: {names([row for row in compared if row['nuts']['uncertified']])}",
            f"NUTS alone not measured: {names([row for row in rows if not row['nuts']])}",
            *(
                f"{label}: {names([row for row in rows if wrong(row[key])])}"
                for key, title in COSTS.items()
                for label, wrong in (
                    (f"fell back on NUTS for some seed, {title}", lambda cost: cost["fell_back"]),
                    (f"not certified for some seed, {title}", lambda cost: cost["uncertified"]),
                )
            ),
        ]
    )


def line(row: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {key: row[key] for key in ("law", "dataset", "runs")}
    shown["fits"] = row["law_as_true"]["fits"]
    for prefix, key in (("i", "law_as_true"), ("d", "with_discrepancy")):
        cost = row[key]
        k = "" if cost["pareto_k"] is None else f"{cost['pareto_k']:.2f}"
        mark = "".join(f" {sign}{cost[key]}" for sign, key in (("N", "fell_back"), ("!", "uncertified")) if cost[key])
        shown |= {
            f"{prefix} cold s": f"{cost['cold_cpu']:.1f}",
            f"{prefix} s": f"{cost['cpu']:.2f}",
            f"{prefix} ess/s": f"{cost['ess_per_second']:.0f}",
            f"{prefix} k": f"{k}{mark}",
        }
    cost = row["nuts"]
    if cost is None:
        return shown
    return shown | {
        "n compile s": f"{cost['compile_cpu']:.1f}",
        "n s": f"{cost['cpu']:.2f}",
        "n ess/s": f"{cost['ess_per_second']:.0f}",
        "n R-hat": f"{cost['r_hat']:.3f}" + ("!" if cost["uncertified"] else ""),
    }


def names(rows: Iterable[dict[str, Any]]) -> str:
    return "; ".join(f"{row['law']} on {row['dataset']}" for row in rows) or "none"


if __name__ == "__main__":
    main()
