"""Which law: by how it extrapolates first, and by leave-one-out density and evidence beside it."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale import catalog
from bayescale.backtesting import backtest
from bayescale.errors import LawError, RunsError
from bayescale.fitting import as_runs, fit_law, with_log_likelihood
from bayescale.forecasting import predicted_runs
from bayescale.law import Law
from bayescale.parallel import fingerprint, run_tasks
from bayescale.runs import Runs
from bayescale.splitting import HORIZONS
from bayescale.stacking import stacking_weights

Array = NDArray[np.float64]

GOOD_K = 0.7
"""Pareto k-hat above which a run's leave-one-out density is computed by an exact refit instead."""

LEAST_HIDDEN_RUNS = 5
"""Hidden runs below which a back-test is too thin to rank laws by."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Laws side by side.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per law, the best first: ``elpd_loo`` (nats) with ``se``, its difference from the best law's and that
        difference's error (``elpd_diff``, ``dse``), ``p_loo``, ``max_pareto_k``, ``log_evidence``,
        ``weight_stacking``, ``horizon_score`` (mean log score over the horizons, nats per hidden run) and ``rank``.
    horizon_elpd : dict
        Mean log score of hidden larger runs, nats per run, by law and horizon; empty where the table is too small.
    pointwise : pandas.DataFrame
        Leave-one-out log density of each run (nats), a column per law: which runs decide.
    warnings : tuple of str
    """

    table: pd.DataFrame
    horizon_elpd: dict[str, dict[float, float]]
    pointwise: pd.DataFrame
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([self.table.to_string(index=False, float_format="%.2f"), *self.warnings])


def compare(
    laws: Sequence[str | Path | Law],
    runs: str | Path | pd.DataFrame | Runs,
    *,
    horizons: Sequence[float] = HORIZONS,
    noise: str = "student_t",
    discrepancy: bool = True,
    seed: int = 0,
    n_jobs: int | None = None,
    cache: str | Path | None = None,
    progress: bool = False,
) -> Comparison:
    """Compare laws on the same runs; they are ranked by the log score of hidden larger runs.

    Fitting well inside the runs is no evidence of forecasting well beyond them, so leave-one-out density, evidence and
    stacking weights are shown but rank only where the table is too small for a back-test.

    Parameters
    ----------
    laws : sequence of str, path or Law
        At least two, of the same outcome.
    runs : str, path, DataFrame or Runs
    horizons, noise, discrepancy, seed, n_jobs, cache, progress
        As for :func:`bayescale.backtest`.

    Returns
    -------
    Comparison

    Raises
    ------
    LawError
        If fewer than two laws are given, two share a name, or they predict different outcomes.
    RunsError, CatalogError
        If the runs or a law cannot be used.
    """
    resolved = [law if isinstance(law, Law) else catalog.load_law(law) for law in laws]
    names = [law.name for law in resolved]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise LawError(f"a comparison needs two or more different laws, not {', '.join(names) or 'none'}")
    outcomes = sorted({law.outcome for law in resolved})
    if len(outcomes) > 1:
        raise LawError(f"laws of different outcomes cannot be compared: {', '.join(outcomes)}")
    table = as_runs(runs, resolved[0])
    options: dict[str, Any] = {"noise": noise, "discrepancy": discrepancy, "seed": seed}
    hashes = None if cache is None else catalog.law_source_hashes(laws)
    tasks = {
        law.name if hashes is None else fingerprint("comparison", hashes[i], table.data_hash, options): (
            laws[i],
            table,
            options,
        )
        for i, law in enumerate(resolved)
    }
    keep = None if cache is None else Path(cache) / "comparisons.jsonl"
    each = run_tasks(_inside, tasks, jobs=n_jobs, keep=keep, label="laws", progress=progress)
    found = dict(zip(names, each.values(), strict=True))
    doubts = [f"{name}: {text}" for name, inside in found.items() for text in inside["warnings"]]
    study: dict[str, Any] = {"horizons": horizons, "n_jobs": n_jobs, "cache": cache, "progress": progress, **options}
    try:
        scores = {name: _horizon_scores(law, table, study) for name, law in zip(names, laws, strict=True)}
    except RunsError as error:
        scores = {}
        doubts.append(f"ranked by leave-one-out density only: {error}")
    pointwise = pd.DataFrame({name: inside["leave_one_out"] for name, inside in found.items()})
    rows = [_row(name, found[name], scores.get(name, {})) for name in names]
    ranked = _ranked(pd.DataFrame(rows).assign(weight_stacking=stacking_weights(pointwise.to_numpy())), pointwise)
    return Comparison(table=ranked, horizon_elpd=scores, pointwise=pointwise, warnings=tuple(doubts))


def _inside(law: str | Path | Law, runs: Runs, options: dict[str, Any]) -> dict[str, Any]:
    """What a law's fit to all runs tells: their leave-one-out log density, evidence and doubts.

    The density is that of PSIS or, where that is unreliable, of an exact refit.
    """
    import arviz as az

    fitted = with_log_likelihood(fit_law(law, runs, **options))
    with warnings.catch_warnings():
        # It warns of the high k-hats that are mended below.
        warnings.simplefilter("ignore", UserWarning)
        found = az.loo(fitted.tree, pointwise=True)
    values = found.elpd_i.to_numpy().copy()
    for i in np.flatnonzero(found.pareto_k.to_numpy() > GOOD_K):
        others = np.delete(np.arange(len(runs)), i)
        refit = fit_law(law, runs.take(others), **options)
        forecast, observed = predicted_runs(refit, runs.take(np.array([i])))
        values[i] = forecast.log_density(observed)[0]
    return {
        "leave_one_out": values.tolist(),
        "p_loo": float(found.p),
        "max_pareto_k": float(found.pareto_k.max()),
        "log_evidence": fitted.diagnostics.log_evidence,
        "warnings": list(fitted.warnings),
    }


def _horizon_scores(law: str | Path | Law, runs: Runs, study: dict[str, Any]) -> dict[float, float]:
    measured = backtest(law, runs, baselines=False, **study)
    hidden = measured.scores["row"].nunique()
    if hidden < LEAST_HIDDEN_RUNS:
        raise RunsError(f"{runs.source}: only {hidden} of its runs can be hidden in a back-test")
    means = measured.scores.groupby("horizon")["log_score"].mean()
    return {float(str(horizon)): float(value) for horizon, value in means.items()}


def _row(name: str, inside: dict[str, Any], scores: dict[float, float]) -> dict[str, Any]:
    values = np.array(inside["leave_one_out"])
    return {
        "law": name,
        "elpd_loo": float(values.sum()),
        "se": float(np.sqrt(len(values)) * values.std()),
        "p_loo": inside["p_loo"],
        "max_pareto_k": inside["max_pareto_k"],
        "log_evidence": inside["log_evidence"],
        "horizon_score": float(np.mean(list(scores.values()))) if scores else None,
    }


def _ranked(table: pd.DataFrame, pointwise: pd.DataFrame) -> pd.DataFrame:
    by = "horizon_score" if table["horizon_score"].notna().all() else "elpd_loo"
    ordered = table.sort_values(by, ascending=False, kind="stable").reset_index(drop=True)
    best = pointwise[ordered["law"].iloc[0]]
    differences = [pointwise[name] - best for name in ordered["law"]]
    return ordered.assign(
        elpd_diff=[float(d.sum()) for d in differences],
        dse=[float(np.sqrt(len(d)) * d.std(ddof=0)) for d in differences],
        rank=np.arange(1, len(ordered) + 1),
    )
