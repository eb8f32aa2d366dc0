"""Comparison of laws: ranked by extrapolation, with the uncertainty, leave-one-out density and evidence.

Every density is of the outcome itself, so that laws with noise on different scales can be compared. Leave-one-out
leaves out a training run with all its rows.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.errors import LawError, RunsError, SamplingError
from bayescale.basics.html import html_of
from bayescale.basics.parallel import fingerprint, run_tasks
from bayescale.basics.quantities import numbers
from bayescale.data.candidates import suited_laws, two_step_laws
from bayescale.data.observed import Observed, serving
from bayescale.data.repeats import mean_of_repeats
from bayescale.data.runs import AnyRuns, Runs, rows_of
from bayescale.data.splitting import HORIZONS, splits
from bayescale.inference.options import Choices, Options, chosen
from bayescale.laws import catalog
from bayescale.laws.law import Law
from bayescale.laws.steps import TwoSteps
from bayescale.posterior.directions import outcome_evidence
from bayescale.posterior.fit import with_log_likelihood
from bayescale.posterior.fitting import AnyLaw
from bayescale.posterior.forecasting import joint_log_density
from bayescale.posterior.single import as_runs, fit_law, n_fits_of
from bayescale.posterior.stacking import by_run, teaching_splits, weights_from
from bayescale.posterior.steps import Steps
from bayescale.validation.backtesting import backtest
from bayescale.validation.ranking import INSIDE_DOUBT, Ranking, ranked_by_hidden_runs, ranked_by_inside_runs
from bayescale.validation.refits import without_each_run

Array = NDArray[np.float64]

GOOD_K = 0.7
"""Pareto k-hat above which a run's leave-one-out density is computed by an exact refit."""

_LARGE_SHARE = 0.2
"""Share of a table's rows above which a run's density is computed by an exact refit, whatever its k-hat."""

LEAST_HIDDEN_RUNS = 5
"""Minimum number of hidden runs for a back-test to rank laws."""

_UNITS = ["horizon", "ceiling", "run"]
"""Index of the scores of hidden runs: the horizon, the split (by its ceiling) and the training run."""

_TOLD_APART = 2.0
"""Standard errors, including :data:`INSIDE_DOUBT`, above which a leave-one-out difference distinguishes two laws."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Laws side by side.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per law, the best first: ``horizon_score`` (mean log density of hidden larger runs over the horizons,
        nats; of single rows, averaged within each run first), its difference from the first law's with a standard
        error that clusters the runs of a split (``score_diff``, ``score_diff_se``), and the ``probability`` that the
        law is the best of all; ``elpd_loo`` (nats; of all rows of a run jointly) with ``se``, its difference from the
        first law's (``elpd_diff``, ``dse``), ``p_loo`` and ``max_pareto_k`` of PSIS, and ``refits``, the number of runs
        left out by an exact refit; ``log_evidence``; ``weight_stacking``, the mean over horizons of the weights in a
        mixture of these laws, None if no weights can be learnt at the given horizons; ``rank``.
    horizon_elpd : dict
        Mean log score of hidden larger runs (nats), by law and horizon; empty if the table is too small.
    pointwise : pandas.DataFrame
        Leave-one-out log density of each training run (nats), one column per law, to see which runs decide.
    verdict : str
        One sentence: which law is ahead, with which probability, and whether leave-one-out densities agree.
    hidden_runs, splits : int
        Number of hidden runs, and of splits that hide them.
    left_out : dict of str
        Laws that were not compared, and why: those that could not be fitted and, if no laws were named, those of the
        same outcome that do not suit the table.
    warnings : tuple of str
    """

    table: pd.DataFrame
    horizon_elpd: dict[str, dict[float, float]]
    pointwise: pd.DataFrame
    verdict: str = ""
    hidden_runs: int = 0
    splits: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([self.table.to_string(index=False, float_format="%.2f"), self.verdict, *self.warnings])

    def _repr_html_(self) -> str:
        notes = [f"{name} left out: {why}" for name, why in self.left_out.items()]
        return html_of(
            "Laws, the best first (log densities in nats)", self.table, self.warnings, [self.verdict, *notes]
        )


def compare(
    laws: Sequence[AnyLaw] | None,
    runs: AnyRuns,
    options: Options | None = None,
    *,
    horizons: ArrayLike = HORIZONS,
    n_jobs: int | None = None,
    cache: str | Path | None = None,
    progress: bool = False,
    **choices: Unpack[Choices],
) -> Comparison:
    """Compare laws on the same runs, ranked by the log score of hidden larger runs.

    A good fit within the range of the runs is no evidence of good forecasts beyond it, so leave-one-out density and
    evidence are shown, but they rank laws only if the table is too small for a back-test.

    Parameters
    ----------
    laws : sequence of str, path or Law, or None
        At least two laws of the same outcome; None for every shipped law that suits the table.
    runs : str, path, DataFrame or Runs
    options, horizons, n_jobs, cache, progress, **choices
        As for :func:`bayescale.backtest`.

    Returns
    -------
    Comparison

    Raises
    ------
    LawError
        If fewer than two laws are given, suit the table or can be fitted, if two share a name, or if they predict
        different outcomes.
    RunsError, CatalogError
        If the runs or a law cannot be used.
    """
    given, table, left_out = _chosen(laws, runs)
    resolved = [serving(catalog.law_of(law), table) for law in given]
    names = [law.name for law in resolved]
    asked, horizons = chosen(options, choices), numbers("horizons", horizons).tolist()
    hashes = None if cache is None else catalog.law_source_hashes(given)
    own = asked.of_each(resolved)
    tasks = {
        law.name if hashes is None else fingerprint("comparison", hashes[i], table.data_hash, asdict(own[i])): (
            given[i],
            table,
            own[i],
        )
        for i, law in enumerate(resolved)
    }
    keep = None if cache is None else Path(cache) / "comparisons.jsonl"
    each = run_tasks(
        _inside, tasks, jobs=n_jobs, keep=keep, label="laws", doing="fitting all runs: ", progress=progress
    )
    inside = dict(zip(names, each.values(), strict=True))
    left_out |= {name: f"failed: {found['failed']}" for name, found in inside.items() if "failed" in found}
    inside = {name: found for name, found in inside.items() if name not in left_out}
    if len(inside) < 2:
        raise LawError("; ".join(f"law {name!r} {why}" for name, why in left_out.items()))
    compared = {law.name: each for law, each in zip(resolved, given, strict=True) if law.name in inside}
    doubts = [f"{name}: {text}" for name, found in inside.items() for text in found["warnings"]]
    pointwise = pd.DataFrame({name: found["leave_one_out"] for name, found in inside.items()})
    study: dict[str, Any] = {"horizons": horizons, "n_jobs": n_jobs, "cache": cache, "progress": progress}
    try:
        hidden = _hidden_scores(compared, table, dict(zip(names, own, strict=True)), study)
    except RunsError as error:
        doubts.append(f"ranked by leave-one-out density only: {error}")
        hidden = pd.DataFrame(columns=list(inside), index=pd.MultiIndex.from_tuples([], names=_UNITS))
    by_unit = hidden.groupby(_UNITS).mean()
    ranking = (
        ranked_by_hidden_runs(by_unit, asked.seed) if len(hidden) else ranked_by_inside_runs(pointwise, asked.seed)
    )
    weights = _weights(resolved[0], table, hidden)
    if len(hidden):
        doubts += _disagreements(ranking, weights)
    rows = [_row(law, inside[law["law"]], len(hidden) > 0, weights) for law in _records(ranking)]
    means = by_unit.groupby("horizon").mean()
    by_horizon = {
        name: dict(zip(means.index.astype(float).tolist(), means[name].tolist(), strict=True)) for name in inside
    }
    return Comparison(
        table=_with_differences(pd.DataFrame(rows), pointwise),
        horizon_elpd=by_horizon if len(hidden) else {},
        pointwise=pointwise,
        verdict=_in_words(ranking, pointwise, len(hidden) > 0),
        hidden_runs=hidden.index.get_level_values("run").nunique(),
        splits=hidden.index.get_level_values("ceiling").nunique(),
        left_out=left_out,
        warnings=tuple(doubts),
    )


def laws_to_compare(laws: Sequence[AnyLaw] | None, runs: AnyRuns) -> tuple[list[str], int]:
    """Names of the laws that :func:`compare` would compare, and the minimum number of fits.

    Raises
    ------
    LawError, RunsError, CatalogError
        As for :func:`compare`.
    """
    given, table, _ = _chosen(laws, runs)
    resolved = [catalog.law_of(law) for law in given]
    try:
        n_splits = len(splits(table, size=Observed(resolved[0], table).size))
    except RunsError:
        n_splits = 0
    fits = sum(n_fits_of([law]) * (1 + n_splits + n_refits(law, table)) for law in resolved)
    return [law.name for law in resolved], fits


def _chosen(laws: Sequence[AnyLaw] | None, runs: AnyRuns) -> tuple[list[AnyLaw], Runs, dict[str, str]]:
    """The given laws or the names of those that suit the runs, the runs, and why each other law was left out."""
    left_out: dict[str, str] = {}
    given: list[AnyLaw]
    if laws is None:
        table = as_runs(runs)
        suited, left_out = suited_laws(table)
        given = [law.name for law in (*suited, *two_step_laws(table, suited))]
        if len(given) < 2:
            found = " and ".join(map(str, given)) or "no shipped law"
            why = "".join(f"; {name} {reason}" for name, reason in left_out.items())
            raise LawError(
                f"{table.source}: {found} suits its columns, and a comparison needs two: name laws, or files of your "
                f"own{why}"
            )
        return given, table, left_out
    given = list(laws)
    resolved = [catalog.law_of(law) for law in given]
    names = [law.name for law in resolved]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise LawError(f"a comparison needs two or more different laws, not {', '.join(names) or 'none'}")
    table = as_runs(runs, resolved[0])
    outcomes = sorted({serving(law, table).outcome for law in resolved})
    if len(outcomes) > 1:
        raise LawError(f"laws of different outcomes cannot be compared: {', '.join(outcomes)}")
    return given, table, left_out


def _inside(law: AnyLaw, runs: Runs, options: Options) -> dict[str, Any]:
    """Leave-one-out log densities, evidence and warnings of a law's fit to all runs; or why the fit failed."""
    try:
        return _left_one_out(law, runs, options)
    except (LawError, SamplingError) as error:
        return {"failed": str(error)}


def _left_one_out(law: AnyLaw, runs: Runs, options: Options) -> dict[str, Any]:
    """Leave-one-out log densities by PSIS or, if that is unreliable, by an exact refit; evidence and warnings."""
    import arviz as az

    fitted = fit_law(law, runs, options)
    if isinstance(fitted, Steps):
        return _left_out_of_both(law, fitted, runs, options)
    fitted, runs = with_log_likelihood(fitted), mean_of_repeats(runs, fitted.law.link)
    with warnings.catch_warnings():
        # It warns of high k-hats, which are refitted below.
        warnings.simplefilter("ignore", UserWarning)
        found = az.loo(fitted.groups, pointwise=True)
    values, k_hat = found.elpd_i.to_numpy().copy(), found.pareto_k.to_numpy()
    each = rows_of(runs.clusters)
    share = np.array([len(rows) for rows in each]) / len(runs)
    refitted = np.flatnonzero((k_hat > GOOD_K) | (share > _LARGE_SHARE))
    for i in refitted:
        others = fit_law(law, runs.take(np.setdiff1d(np.arange(len(runs)), each[i])), options)
        values[i] = joint_log_density(others, runs.take(each[i]))
    return {
        "leave_one_out": values.tolist(),
        "p_loo": float(found.p),
        "max_pareto_k": float(k_hat.max()),
        "refits": len(refitted),
        "log_evidence": outcome_evidence(fitted),
        "warnings": list(fitted.warnings),
    }


def n_refits(law: Law, runs: Runs) -> int:
    """How many refits leave runs out, whatever their k-hats: one for each training run of a law in two steps."""
    return len(rows_of(runs.clusters)) if isinstance(law, TwoSteps) else 0


def _left_out_of_both(law: AnyLaw, fitted: Steps, runs: Runs, options: Options) -> dict[str, Any]:
    """The same of a law in two steps, all by refits: with a run's outcome its loss is left out, which PSIS does not."""
    others = without_each_run(law, runs, options)
    values = [joint_log_density(rest, runs.take(rows)) for rows, rest in others]
    return {
        "leave_one_out": values,
        "p_loo": float("nan"),
        "max_pareto_k": float("nan"),
        "refits": len(values),
        "log_evidence": None,
        "warnings": list(fitted.warnings),
    }


def _hidden_scores(
    laws: Mapping[str, AnyLaw], runs: Runs, options: Mapping[str, Options], study: dict[str, Any]
) -> pd.DataFrame:
    """Log scores of hidden larger runs, a column per law, indexed by horizon, ceiling, training run and row."""
    found = {}
    for name, law in laws.items():
        scores = backtest(law, runs, options[name], baselines=False, **study).scores
        found[name] = scores.set_index([*_UNITS, "row"])["log_score"]
    # Laws of different inputs may hide different runs if the table does not hold their compute.
    table = pd.DataFrame(found).dropna()
    hidden = table.index.get_level_values("run").nunique()
    if hidden < LEAST_HIDDEN_RUNS:
        raise RunsError(f"{runs.source}: only {hidden} of its runs can be hidden in a back-test of every law")
    return table


def _weights(law: Law, runs: Runs, hidden: pd.DataFrame) -> dict[str, float | None]:
    """Weights of the laws in a mixture, learnt from the same hidden runs and averaged over horizons, by law."""
    laws, taught, at = list(hidden.columns), {}, hidden.index.get_level_values
    found = splits(runs, size=Observed(law, runs).size) if len(hidden) else []
    for horizon, split in teaching_splits(found, runs).items():
        scores = hidden[(at("horizon") == horizon) & (at("ceiling") == split.ceiling)]
        if len(scores):
            taught[horizon] = by_run(scores.to_numpy(), scores.index.get_level_values("run").to_numpy())
    if len(hidden) and not taught:
        return dict.fromkeys(laws)
    return dict(zip(laws, weights_from(taught, laws).mean("horizon").to_numpy().tolist(), strict=True))


def _in_words(ranking: Ranking, pointwise: pd.DataFrame, hidden: bool) -> str:
    """One sentence: which law is ahead, with which probability, and whether leave-one-out densities agree."""
    first, second = ranking.scores.index[:2]
    sure = f"better than {second} with probability {ranking.against_first[second]:.2f}"
    if not hidden:
        return f"{first} describes the runs {sure}; no larger runs could be hidden to test how it predicts them"
    ahead = -float(ranking.scores.loc[second, "difference"])
    said = f"{first} predicts larger runs {sure} (by {ahead:.2g} nats a run)"
    difference = pointwise[first] - pointwise[second]
    gap, spread = float(difference.sum()), float(np.sqrt(len(difference)) * difference.std(ddof=0))
    error = float(np.hypot(spread, INSIDE_DOUBT))
    if abs(gap) <= _TOLD_APART * error:
        return f"{said}; inside the table they cannot be distinguished"
    if gap > 0:
        return f"{said}; inside the table it is ahead too, by {gap:.1f} +- {spread:.1f} nats"
    return (
        f"{said}, though inside the table {second} is ahead by {-gap:.1f} +- {spread:.1f} nats: hidden larger runs "
        "decide, since plans are about larger runs, and a law that fits inside the table may still fail beyond it"
    )


def _disagreements(ranking: Ranking, weights: Mapping[str, float | None]) -> list[str]:
    """Warn if a mixture would give most weight to another law than the first, and say why that can happen."""
    taught = {name: weight for name, weight in weights.items() if weight is not None}
    first, heaviest = str(ranking.scores.index[0]), max(taught, key=taught.__getitem__, default="")
    if not taught or taught[heaviest] <= taught[first]:
        return []
    return [
        f"a mixture of these laws would give {heaviest} the most weight ({taught[heaviest]:.2f}) and {first} "
        f"{taught[first]:.2f}: weights are learnt from the largest hidden runs alone, and from how laws complement "
        "each other"
    ]


def _records(ranking: Ranking) -> list[dict[str, Any]]:
    return [
        {str(key): value for key, value in row.items()}
        for row in ranking.scores.reset_index(names="law").to_dict("records")
    ]


def _row(
    law: dict[str, Any], inside: dict[str, Any], hidden: bool, weights: Mapping[str, float | None]
) -> dict[str, Any]:
    values = np.array(inside["leave_one_out"])
    return {
        "law": law["law"],
        "horizon_score": law["score"] if hidden else None,
        "score_diff": law["difference"] if hidden else None,
        "score_diff_se": law["se"] if hidden else None,
        "probability": law["probability"],
        "elpd_loo": float(values.sum()),
        "se": float(np.sqrt(len(values)) * values.std()),
        "p_loo": inside["p_loo"],
        "max_pareto_k": inside["max_pareto_k"],
        "refits": inside["refits"],
        "log_evidence": inside["log_evidence"],
        "weight_stacking": weights[law["law"]],
    }


def _with_differences(table: pd.DataFrame, pointwise: pd.DataFrame) -> pd.DataFrame:
    differences = [pointwise[name] - pointwise[table["law"].iloc[0]] for name in table["law"]]
    return table.assign(
        elpd_diff=[float(d.sum()) for d in differences],
        dse=[float(np.sqrt(len(d)) * d.std(ddof=0)) for d in differences],
        rank=np.arange(1, len(table) + 1),
    )
