"""The JSON documents of the command line, for programs: full precision, and quantile keys that do not change."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayescale.basics.intervals import SAMPLE_DIMS, quantiles
from bayescale.data.runs import Runs
from bayescale.planning.allocation import SHOWN
from bayescale.planning.answers import Answer
from bayescale.planning.choices import REGRETS
from bayescale.planning.design import Design
from bayescale.planning.limits import Limits
from bayescale.planning.outlook import LARGEST, TREND
from bayescale.posterior.domains import Domains
from bayescale.posterior.ensembles import ENSEMBLE, Ensemble, Posterior, first_fit, members, reach_of
from bayescale.posterior.fit import Fit
from bayescale.posterior.forecasting import Forecast
from bayescale.posterior.pooling import Pooled

if TYPE_CHECKING:
    from bayescale.planning.counting import CountsCompared
    from bayescale.validation.backtesting import Backtest
    from bayescale.validation.comparison import Comparison

_TAILS = (0.05, 0.5, 0.95)
_QUARTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def fit_document(fit: Posterior) -> dict[str, Any]:
    """What was fitted, how well it was sampled, and its parameters; of an ensemble by law, with the weights."""
    record = first_fit(fit).record
    shared = {
        "dataset": record.dataset,
        "n_runs": record.n_runs,
        "flops": first_fit(fit).count.words,
        "noise": record.noise,
        "discrepancy": record.discrepancy,
        "seed": record.seed,
        "priors": _stated(fit),
        "evidence": _told(fit),
        "certified": fit.certified,
        "warnings": list(fit.warnings),
        "notes": list(fit.notes),
    }
    if isinstance(fit, Ensemble):
        members = fit.members.items()
        own: dict[str, Any] = {
            "law": ENSEMBLE,
            "weights": _weights(fit, float(fit.weights["horizon"].max())),
            "weights_by_horizon": {f"{h:g}": _weights(fit, float(h)) for h in fit.weights["horizon"].to_numpy()},
            "engine": {name: member.record.engine for name, member in members},
            "diagnostics": {name: _diagnostics(member) for name, member in members},
            "parameters": {name: _parameters(member) for name, member in members},
            "sensitivity": {name: _sensitivity(member) for name, member in members},
        }
    else:
        own = {
            "law": fit.record.law,
            "engine": fit.record.engine,
            "diagnostics": _diagnostics(fit),
            "parameters": _parameters(fit),
            "sensitivity": _sensitivity(fit),
        }
    document: dict[str, Any] = finite({**own, **shared})
    return document


def _stated(fit: Posterior) -> dict[str, str]:
    """Priors that the user stated, by what they are on."""
    return {name: str(prior) for each in members(fit).values() for name, prior in each.record.priors.items()}


def _told(fit: Posterior) -> list[str]:
    """Evidence from elsewhere."""
    return list(dict.fromkeys(text for each in members(fit).values() for text in each.record.evidence))


def pooled_document(pooled: Pooled) -> dict[str, Any]:
    """What groups of runs have in common, and each group's fit."""
    document: dict[str, Any] = finite(
        {
            "pool": list(pooled.pool),
            "certified": pooled.certified,
            "between": {str(name): _at(draws, _TAILS) for name, draws in pooled.between.data_vars.items()},
            "groups": {name: fit_document(each) for name, each in pooled.groups.items()},
            "warnings": list(pooled.warnings),
        }
    )
    return document


def domains_document(domains: Domains) -> dict[str, Any]:
    """Each domain's fit, with the domains that its law calls by places."""
    fits = {name: {**fit_document(each), "shares": domains.shares_of(name)} for name, each in domains.fits.items()}
    document: dict[str, Any] = finite(
        {
            "dataset": domains.dataset,
            "certified": domains.certified,
            "domains": fits,
            "warnings": list(domains.warnings),
            "notes": list(domains.notes),
        }
    )
    return document


def mixture_document(domains: Domains, answer: Answer) -> dict[str, Any]:
    """Each domain's fit, and the best mixture, domain by domain."""
    return {**domains_document(domains), **_answer(answer)}


def plan_document(fit: Posterior, best: Answer) -> dict[str, Any]:
    """The fit, and at each budget the compute-optimal run: ``loss`` with noise, the rest without."""
    tuned = (name for name in best.shown if name not in (*SHOWN, "N_law"))
    budgets = _cases(best, (*("N", "D", "tokens_per_parameter", "loss", "N_law", "D_law"), *tuned))
    if isinstance(fit, Ensemble):
        reach = [reach_of(fit.first, {"C": np.array([each["C"]])}).item() for each in budgets]
        budgets = [{**each, "weights": _weights(fit, at)} for each, at in zip(budgets, reach, strict=True)]
    return {**fit_document(fit), "budgets": finite(budgets), "warnings": list(best.warnings)}


def spending_document(fit: Posterior, best: Answer) -> dict[str, Any]:
    """The fit, and for each sum of money what it buys and the compute-optimal run: ``loss`` with noise."""
    budgets = _cases(best, ("C", "N", "D", "tokens_per_parameter", "loss"))
    return {**fit_document(fit), "budgets": finite(budgets), "warnings": list(best.warnings)}


def lifetime_document(fit: Posterior, best: Answer, loss: float) -> dict[str, Any]:
    """The fit, and for each demand the size of least training and serving together at a loss."""
    names = ("N", "D", "tokens_per_parameter", "training", "serving", "N_alone", "saved")
    (reachable,) = best.probabilities.values()
    own = {"loss": loss, "reachable": reachable, "demands": finite(_cases(best, names))}
    return {**fit_document(fit), **own, "warnings": list(best.warnings)}


def answer_document(fit: Posterior, answer: Answer) -> dict[str, Any]:
    """The fit, and the quantities of an answer, case by case, with their units and probabilities."""
    return {**fit_document(fit), **_answer(answer)}


def _answer(answer: Answer) -> dict[str, Any]:
    """An answer as it is, without its notes, which are those of the fit and of prices."""
    document: dict[str, Any] = finite({name: value for name, value in answer.to_dict().items() if name != "notes"})
    return document


def _cases(answer: Answer, names: Sequence[str], levels: tuple[float, ...] = _TAILS) -> list[dict[str, Any]]:
    """Quantiles of some quantities, a dictionary for each case."""
    assert answer.by is not None
    (dim,) = answer.draws[answer.by].dims
    each = (answer.draws.isel({dim: i}) for i in range(answer.draws.sizes[dim]))
    return [{answer.by: float(case[answer.by]), **{name: _at(case[name], levels) for name in names}} for case in each]


def recipes_document(first: Posterior, second: Posterior | Runs, budgets: Answer, crossing: Answer) -> dict[str, Any]:
    """Both fits, or the first and the runs of the second; both recipes at each budget, and where they cross."""
    answers = {"budgets": budgets, "crossing": crossing}
    if isinstance(second, Runs):
        pairs = finite(budgets.draws["pairs"].to_numpy().tolist())
        of_second: dict[str, Any] = {"dataset": second.source, "n_runs": len(second), "pairs_needed": pairs}
    else:
        of_second = fit_document(second)
    return {
        "first": fit_document(first),
        "second": of_second,
        **{name: _answer(answer) for name, answer in answers.items()},
    }


def choice_document(fit: Posterior, choice: Answer) -> dict[str, Any]:
    """The fit, and for each budget the size of least expected regret, and what it may cost."""
    budgets = []
    for i in range(choice.draws.sizes["budget"]):
        at = choice.draws.isel(budget=i)
        sizes = {str(name): float(value) for name, value in at.data_vars.items() if name not in REGRETS}
        regrets = {name: {"mean": float(at[name].mean()), **_at(at[name], _QUARTILES)} for name in REGRETS}
        budgets.append({"C": float(at["C"]), **sizes, **regrets})
    return {**fit_document(fit), "budgets": finite(budgets), "warnings": list(choice.warnings)}


def design_document(fit: Posterior, plan: Design) -> dict[str, Any]:
    """The fit, what is asked for and how uncertain it is, the runs to do next, and what each candidate would teach."""
    own = {"target": plan.target, "sd": plan.sd, "unit": plan.unit, "budget": plan.budget}
    tables = {"batch": plan.summary(), "candidates": plan.ranking()}
    runs = {name: finite(table.to_dict("records")) for name, table in tables.items()}
    return {**fit_document(fit), **own, **runs, "warnings": list(plan.warnings)}


def cost_document(bill: xr.Dataset) -> dict[str, Any]:
    """Everything that a run costs, with the unit of each amount."""
    document: dict[str, Any] = finite(
        {
            str(name): {**_at(draws.expand_dims("chain"), _QUARTILES), "unit": draws.attrs["units"]}
            for name, draws in bill.data_vars.items()
        }
    )
    return document


def limits_document(found: Limits, fit: Posterior | None = None, reached: Answer | None = None) -> dict[str, Any]:
    """Each limit (FLOP) by year with the probability that it binds, and the least of them beside the trend.

    Given a fit and what it says could be attained, also these.
    """
    quantities, growth = found.quantities, found.growth
    years = []
    for i, year in enumerate(quantities["year"].to_numpy()):
        at = {str(name): _at(draws.isel(year=i), _QUARTILES) for name, draws in quantities.data_vars.items()}
        binding = found.binding.isel(year=i)
        limits = {
            str(name): {**at[name], "binds": float(binding.sel(limit=name))} for name in binding["limit"].to_numpy()
        }
        both = {name: at[name] for name in (LARGEST, TREND)}
        years.append({"year": float(year), "limits": limits, **both, "overtaken": float(found.overtaken[i])})
    document = {
        "unit": "FLOP",
        "years": years,
        **{str(name): _at(draws, _QUARTILES) for name, draws in growth.data_vars.items()},
        "warnings": list(found.warnings),
        "notes": list(found.notes),
    }
    if fit is not None and reached is not None:
        document["attainable"] = _cases(reached, reached.shown, _QUARTILES)
        remarks = {"warnings": [*found.warnings, *reached.warnings], "notes": [*found.notes, *fit.notes]}
        document = {**fit_document(fit), **document, **remarks}
    return {key: finite(value) for key, value in document.items()}


def predict_document(bands: Forecast) -> dict[str, Any]:
    """The predictive distribution of the outcome at each point."""
    predictions = []
    for i, point in enumerate(bands.points.to_dict("records")):
        draws = bands.draws["predictive"].isel(point=i)
        summary = {"mean": float(draws.mean()), "sd": float(draws.std()), **_at(draws, _QUARTILES)}
        tuned: dict[Any, Any] = {name: _at(bands.draws[name].isel(point=i), _QUARTILES) for name in bands.tuned}
        predictions.append({**point, **tuned, bands.outcome: summary})
    return {"predictions": finite(predictions), "warnings": list(bands.warnings)}


def versus_document(compared: Answer) -> dict[str, Any]:
    """Two runs beside each other: the probability that the first is lower, and their difference."""
    found = {str(name): _at(draws, _QUARTILES) for name, draws in compared.draws.data_vars.items()}
    probability, of_runs = compared.probabilities.values()
    document: dict[str, Any] = finite(
        {
            "first": found.pop("first"),
            "second": found.pop("second"),
            "probability": probability,
            "probability_of_runs": of_runs,
            **found,
            "warnings": list(compared.warnings),
        }
    )
    return document


def backtest_document(measured: "Backtest") -> dict[str, Any]:
    """Scores of the law under test by horizon, and beside them those of the baselines."""
    summary = measured.summary()
    horizons = []
    for horizon, block in summary.groupby("horizon"):
        methods = {row["method"]: _scores(row) for row in block.to_dict("records")}
        own = methods.pop(measured.law)
        found = {"horizon": horizon, "n_train": measured.n_train[float(str(horizon))], **own, "baselines": methods}
        horizons.append(found)
    document: dict[str, Any] = finite({"law": measured.law, "horizons": horizons})
    return document


def compare_document(compared: "Comparison") -> dict[str, Any]:
    """The laws, the best first."""
    laws = [
        {**row, "horizon_elpd": {f"{h:g}": v for h, v in compared.horizon_elpd.get(row["law"], {}).items()} or None}
        for row in compared.table.to_dict("records")
    ]
    document: dict[str, Any] = finite(
        {
            "laws": laws,
            "verdict": compared.verdict,
            "hidden_runs": compared.hidden_runs,
            "splits": compared.splits,
            "left_out": dict(compared.left_out),
            "warnings": list(compared.warnings),
        }
    )
    return document


def counts_document(found: "CountsCompared") -> dict[str, Any]:
    """Exponents and compute-optimal runs by each count of the parameters."""
    document: dict[str, Any] = finite(
        {
            "budget": found.budget,
            "exponents": found.exponents.to_dict("records"),
            "optima": found.optima.to_dict("records"),
            "certified": found.certified,
            "warnings": list(found.warnings),
            "notes": list(found.notes),
        }
    )
    return document


def _weights(ensemble: Ensemble, reach: float) -> dict[str, float]:
    return dict(zip(ensemble.members, ensemble.weights_at(np.array([reach]))[0].tolist(), strict=True))


def _diagnostics(fit: Fit) -> dict[str, Any]:
    return {"ess_min": fit.diagnostics.ess_min, **asdict(fit.diagnostics)}


def _parameters(fit: Fit) -> dict[str, Any]:
    return {
        str(name): {"mean": float(draws.mean()), "sd": float(draws.std()), **_at(draws, _TAILS)}
        for name, draws in fit.groups["posterior"].data_vars.items()
    }


def _sensitivity(fit: Fit) -> dict[str, dict[str, float]]:
    return {name: {"prior": prior, "runs": runs} for name, (prior, runs) in fit.parameter_sensitivity.items()}


def _scores(row: Any) -> dict[str, Any]:
    return {
        "n_test": int(row["n_test"]),
        "coverage": {f"{level:g}": row[f"cover_{level:g}"] for level in (0.5, 0.8, 0.9, 0.95)},
        "coverage_se": {"0.8": row["cover_0.8_se"], "0.9": row["cover_0.9_se"]},
        **{name: row[name] for name in ("crps", "crps_se", "log_score", "interval_score", "width", "rmse", "bias")},
    }


def _at(draws: xr.DataArray, probabilities: tuple[float, ...]) -> dict[str, float]:
    return {name: float(value) for name, value in quantiles(draws.transpose(*SAMPLE_DIMS), probabilities).items()}


def finite(value: Any) -> Any:
    """Replace what JSON has no number for by null, in documents however deep.

    Examples
    --------
    >>> finite({"E": 1.69, "widths": [float("inf"), 0.5]})
    {'E': 1.69, 'widths': [None, 0.5]}
    """
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
