"""Bayesian inference for neural scaling laws: posteriors, extrapolation bands, compute-optimal plans.

Import it as ``import bayescale as bs``; everything public is a name of this module and loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayescale.backtesting import Backtest as Backtest
    from bayescale.backtesting import backtest as backtest
    from bayescale.catalog import dataset_names as dataset_names
    from bayescale.catalog import law_names as law_names
    from bayescale.catalog import load_card as load_card
    from bayescale.catalog import load_dataset as load_dataset
    from bayescale.catalog import load_law as load_law
    from bayescale.chains import Chain as Chain
    from bayescale.chains import fit_chain as fit_chain
    from bayescale.comparison import Comparison as Comparison
    from bayescale.comparison import compare as compare
    from bayescale.ensembles import Ensemble as Ensemble
    from bayescale.ensembles import with_risk as with_risk
    from bayescale.errors import BayescaleError as BayescaleError
    from bayescale.fitting import Fit as Fit
    from bayescale.fitting import with_log_likelihood as with_log_likelihood
    from bayescale.fitting import with_posterior_predictive as with_posterior_predictive
    from bayescale.fitting import with_prior_predictive as with_prior_predictive
    from bayescale.forecasting import Forecast as Forecast
    from bayescale.forecasting import forecast as forecast
    from bayescale.law import Law as Law
    from bayescale.law import Parameter as Parameter
    from bayescale.law import Prior as Prior
    from bayescale.links import IDENTITY as IDENTITY
    from bayescale.links import LOG as LOG
    from bayescale.links import LOGIT as LOGIT
    from bayescale.parallel import backend as backend
    from bayescale.planning.allocation import Optimum as Optimum
    from bayescale.planning.allocation import optimum as optimum
    from bayescale.planning.answers import Answer as Answer
    from bayescale.planning.attainable import Attainable as Attainable
    from bayescale.planning.attainable import attainable as attainable
    from bayescale.planning.choices import Choice as Choice
    from bayescale.planning.choices import robust_choice as robust_choice
    from bayescale.planning.costs import Cost as Cost
    from bayescale.planning.data_wall import data_limited as data_limited
    from bayescale.planning.design import Design as Design
    from bayescale.planning.design import LossAt as LossAt
    from bayescale.planning.design import OptimumAt as OptimumAt
    from bayescale.planning.design import WhichLaw as WhichLaw
    from bayescale.planning.design import candidate_grid as candidate_grid
    from bayescale.planning.design import next_runs as next_runs
    from bayescale.planning.lifetimes import Lifetime as Lifetime
    from bayescale.planning.lifetimes import lifetime_budget as lifetime_budget
    from bayescale.planning.lifetimes import lifetime_optimum as lifetime_optimum
    from bayescale.planning.limits import Limits as Limits
    from bayescale.planning.limits import limits as limits
    from bayescale.planning.outlook import Outlook as Outlook
    from bayescale.planning.outlook import read_outlook as read_outlook
    from bayescale.planning.purchases import next_dollar as next_dollar
    from bayescale.planning.recipes import compare_recipes as compare_recipes
    from bayescale.planning.recipes import crossing as crossing
    from bayescale.planning.spending import optimum_for as optimum_for
    from bayescale.planning.tradeoffs import diminishing_returns as diminishing_returns
    from bayescale.planning.tradeoffs import scale_up as scale_up
    from bayescale.planning.tradeoffs import size_overhead as size_overhead
    from bayescale.planning.versus import versus as versus
    from bayescale.pooling import Pooled as Pooled
    from bayescale.report.page import write_report as write_report
    from bayescale.runs import Runs as Runs
    from bayescale.stacking import fit as fit
    from bayescale.storage import load as load
    from bayescale.storage import save as save

_HOME = {
    "Answer": "planning.answers",
    "Attainable": "planning.attainable",
    "Backtest": "backtesting",
    "BayescaleError": "errors",
    "Chain": "chains",
    "Choice": "planning.choices",
    "Comparison": "comparison",
    "Cost": "planning.costs",
    "Design": "planning.design",
    "Ensemble": "ensembles",
    "Fit": "fitting",
    "Forecast": "forecasting",
    "IDENTITY": "links",
    "LOG": "links",
    "LOGIT": "links",
    "Law": "law",
    "Lifetime": "planning.lifetimes",
    "Limits": "planning.limits",
    "LossAt": "planning.design",
    "Optimum": "planning.allocation",
    "OptimumAt": "planning.design",
    "Outlook": "planning.outlook",
    "Parameter": "law",
    "Pooled": "pooling",
    "Prior": "law",
    "Runs": "runs",
    "WhichLaw": "planning.design",
    "attainable": "planning.attainable",
    "backend": "parallel",
    "backtest": "backtesting",
    "candidate_grid": "planning.design",
    "compare": "comparison",
    "compare_recipes": "planning.recipes",
    "crossing": "planning.recipes",
    "data_limited": "planning.data_wall",
    "dataset_names": "catalog",
    "diminishing_returns": "planning.tradeoffs",
    "fit": "stacking",
    "fit_chain": "chains",
    "forecast": "forecasting",
    "law_names": "catalog",
    "lifetime_budget": "planning.lifetimes",
    "lifetime_optimum": "planning.lifetimes",
    "limits": "planning.limits",
    "load": "storage",
    "load_card": "catalog",
    "load_dataset": "catalog",
    "load_law": "catalog",
    "next_dollar": "planning.purchases",
    "next_runs": "planning.design",
    "optimum": "planning.allocation",
    "optimum_for": "planning.spending",
    "read_outlook": "planning.outlook",
    "robust_choice": "planning.choices",
    "save": "storage",
    "scale_up": "planning.tradeoffs",
    "size_overhead": "planning.tradeoffs",
    "versus": "planning.versus",
    "with_log_likelihood": "fitting",
    "with_posterior_predictive": "fitting",
    "with_prior_predictive": "fitting",
    "with_risk": "ensembles",
    "write_report": "report.page",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'bayescale' has no attribute {name!r}")
    value = getattr(import_module(f"bayescale.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
