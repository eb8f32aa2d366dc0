"""A long-chain reference: importance sampling compared with NUTS (40,000 draws), its log evidence with bridge sampling.

Ten pairs of a law and a published table, two of them with model discrepancy. For every sampled and derived parameter
the median and the ends of the 90 % and 99 % intervals are compared. A z-score is a difference divided by the Monte
Carlo standard error of both (of a quantile: Vehtari et al. 2021, arXiv:1903.08008; importance draws count with their
weights' effective sample size). The log evidence of the chains is by bridge sampling, which shares neither draws nor
proposal with importance sampling. Run it as ``python benchmarks/reference.py``.
"""

import argparse
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from reporting import add_study_options, keep, machine, study

from bayescale.basics.intervals import SAMPLE_DIMS
from bayescale.data.checks import observe
from bayescale.data.datasets import load_runs
from bayescale.inference.options import Engine, Options
from bayescale.inference.sampled import Sampled
from bayescale.laws.catalog import load_law
from bayescale.posterior.single import sampled_runs

PAIRS = (
    ("chinchilla", "chinchilla", False),
    ("chinchilla", "chinchilla", True),
    ("tied", "gadre:c4", False),
    ("tied", "gadre:c4", True),
    ("kaplan_nd", "porian:short_warmup", False),
    ("skaling", "chinchilla", False),
    ("data_constrained", "datablations:repeated=False|True", False),
    ("precision", "quest:format=hadamard|bf16", False),
    ("power_law", "double_descent:cifar10_mcnn_p10_sgd", False),
    ("board_elo", "boardlaw", False),
)
"""Law, table, and whether there is model discrepancy."""

CHAINS = 4
NUTS_DRAWS, IMPORTANCE_DRAWS = 10_000, 5_000
"""Of each chain."""
QUANTILES = {"99 %": (0.005, 0.995), "90 %": (0.05, 0.95), "median": (0.5,)}
ERROR = 0.01
"""Probability that any z-score of a table exceeds the limit if the samplers agree (Bonferroni)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_study_options(parser)
    options = parser.parse_args()
    found = study(options, "reference", measure, PAIRS)
    keep("reference", report(found), {"machine": machine(), "pairs": found})


def measure(law: str, dataset: str, discrepancy: bool) -> dict[str, Any]:
    """Both samplers on one table, with the same posterior."""
    print(f"{law}, {dataset}", file=sys.stderr)
    ours, theirs = (
        sample(law, dataset, discrepancy, engine, draws)
        for engine, draws in (("importance", IMPORTANCE_DRAWS), ("nuts", NUTS_DRAWS))
    )
    names = [name for name, values in theirs.posterior.items() if np.ptp(values) > 0]
    rows = [row for name in names for row in compared(name, ours, theirs)]
    evidence = [ours.diagnostics.log_evidence, theirs.diagnostics.log_evidence]
    errors = [ours.diagnostics.log_evidence_se, theirs.diagnostics.log_evidence_se]
    return {
        "law": law,
        "dataset": dataset,
        "discrepancy": discrepancy,
        "engine": ours.engine,
        "pareto_k": ours.diagnostics.pareto_k,
        "importance_ess": ours.diagnostics.ess_min,
        "importance_certified": ours.diagnostics.certified,
        "nuts_ess": theirs.diagnostics.ess_min,
        "r_hat": theirs.diagnostics.r_hat_max,
        "nuts_certified": theirs.diagnostics.certified,
        "log_evidence": evidence,
        "log_evidence_se": errors,
        "quantiles": rows,
    }


def sample(law: str, dataset: str, discrepancy: bool, engine: Engine, draws: int) -> Sampled:
    loaded = load_law(law)
    runs = load_runs(dataset, outcome=loaded.outcome, domain=loaded.link.domain)
    asked = Options(discrepancy=discrepancy, engine=engine, draws=draws, chains=CHAINS)
    return sampled_runs(observe(loaded, runs), asked)


def compared(name: str, ours: Sampled, theirs: Sampled) -> list[dict[str, Any]]:
    """Quantiles of a parameter under both samplers, in standard deviations and in standard errors."""
    sd = float(theirs.posterior[name].std())
    size = ours.posterior[name].size
    # Importance draws with large weights repeat, which a standard error from the draws alone cannot detect.
    inflation = np.sqrt(max(1.0, size / ours.diagnostics.ess_min))
    rows = []
    for group, probs in QUANTILES.items():
        for prob in probs:
            difference = float(np.quantile(ours.posterior[name], prob) - np.quantile(theirs.posterior[name], prob))
            error = np.hypot(mcse(ours.posterior[name], prob) * inflation, mcse(theirs.posterior[name], prob))
            rows.append(
                {"parameter": name, "group": group, "prob": prob, "sds": difference / sd, "z": difference / error}
            )
    return rows


def mcse(values: NDArray[np.float64], prob: float) -> float:
    import arviz as az

    return float(az.mcse(xr.DataArray(values, dims=SAMPLE_DIMS), method="quantile", prob=prob))


def report(found: Iterable[dict[str, Any]]) -> str:
    from scipy.stats import norm

    pairs = list(found)
    scores = pd.concat([pd.DataFrame(pair["quantiles"]) for pair in pairs], ignore_index=True)
    limit = float(norm.isf(ERROR / 2 / (len(scores) + len(pairs))))
    evidence = [z_of_evidence(pair) for pair in pairs]
    worst = np.nanmax([scores["z"].abs().max(), *map(abs, evidence)])
    beyond = {k: float((scores["z"].abs() > k).mean()) for k in (2, 3)}
    return "\n".join(
        [
            machine(),
            "d: with model discrepancy; z: largest of all parameters; sd: largest difference, in standard deviations",
            "rms z: root mean square of all quantiles of all parameters, which depend on each other",
            "log Z: log evidence by importance sampling and by bridge sampling of the chains",
            "",
            pd.DataFrame([line(pair) for pair in pairs]).to_string(index=False),
            "",
            f"{len(scores)} quantiles: root mean square z {root_mean_square(scores['z']):.2f} (1 if errors are "
            f"right), |z| > 2 for {beyond[2]:.1%} (4.6%), > 3 for {beyond[3]:.1%} (0.3%)",
            f"largest |z| {worst:.2f}; {limit:.2f} or less with probability {1 - ERROR:.0%} where samplers agree: "
            f"{'no more than by chance' if worst <= limit else 'THEY DISAGREE'}",
            f"fell back on NUTS: {', '.join(pair['law'] for pair in pairs if fell_back(pair)) or 'none'}",
        ]
    )


def line(pair: dict[str, Any]) -> dict[str, str]:
    scores = pd.DataFrame(pair["quantiles"])
    largest = scores.assign(z=scores["z"].abs(), sds=scores["sds"].abs()).groupby("group")[["z", "sds"]].max()
    k, evidence = pair["pareto_k"], z_of_evidence(pair)
    return {
        "law": pair["law"] + (" d" if pair["discrepancy"] else ""),
        "table": pair["dataset"].partition(":")[0],
        "k": "" if k is None else f"{k:.2f}",
        "ESS": f"{pair['importance_ess']:.0f}" + ("" if pair["importance_certified"] else "!"),
        "NUTS ESS": f"{pair['nuts_ess']:.0f}" + ("" if pair["nuts_certified"] else "!"),
        **{f"{group} z": f"{largest.loc[group, 'z']:.1f}" for group in reversed(QUANTILES)},
        **{f"{group} sd": f"{largest.loc[group, 'sds']:.3f}" for group in reversed(QUANTILES)},
        "rms z": f"{root_mean_square(scores['z']):.2f}",
        "log Z": " / ".join("none" if value is None else f"{value:.2f}" for value in pair["log_evidence"]),
        "+-": " / ".join("none" if error is None else f"{error:.3f}" for error in pair["log_evidence_se"]),
        "z": "" if np.isnan(evidence) else f"{evidence:+.1f}",
    }


def root_mean_square(values: "pd.Series[float]") -> float:
    return float(np.sqrt((values**2).mean()))


def fell_back(pair: dict[str, Any]) -> bool:
    """Whether NUTS was used; if it was not certified either, the better draws are kept."""
    return pair["engine"] == "nuts" or not pair["importance_certified"]


def z_of_evidence(pair: dict[str, Any]) -> float:
    """Undefined if uncertified draws have no evidence."""
    (ours, theirs), errors = pair["log_evidence"], pair["log_evidence_se"]
    if None in (ours, theirs):
        return float("nan")
    return float((ours - theirs) / np.hypot(*errors))


if __name__ == "__main__":
    main()
