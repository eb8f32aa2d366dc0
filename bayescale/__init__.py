"""Bayesian inference for neural scaling laws: posteriors, extrapolation bands, compute-optimal plans.

Import it as ``import bayescale as bs``; everything public is a name of this module and loaded on first use.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "Answer": "planning.answers",
    "Attainable": "planning.attainable",
    "Backtest": "validation.backtesting",
    "BayescaleError": "basics.errors",
    "Chain": "posterior.chains",
    "Choice": "planning.choices",
    "Comparison": "validation.comparison",
    "Cost": "planning.costs",
    "Derived": "laws.parameters",
    "Design": "planning.design",
    "Ensemble": "posterior.ensembles",
    "Fit": "posterior.fit",
    "Forecast": "posterior.forecasting",
    "IDENTITY": "laws.links",
    "Input": "laws.parameters",
    "LOG": "laws.links",
    "LOGIT": "laws.links",
    "Law": "laws.law",
    "Lifetime": "planning.lifetimes",
    "Limits": "planning.limits",
    "LossAt": "planning.targets",
    "Options": "inference.options",
    "Optimum": "planning.allocation",
    "OptimumAt": "planning.targets",
    "Outlook": "planning.outlook",
    "PARAMETERS": "laws.parameters",
    "Parameter": "laws.parameters",
    "Pooled": "posterior.pooling",
    "Prior": "laws.parameters",
    "PublishedFit": "laws.parameters",
    "Runs": "data.runs",
    "Setting": "laws.parameters",
    "TOKENS": "laws.parameters",
    "Values": "laws.parameters",
    "WhichLaw": "planning.targets",
    "accuracies": "laws.accuracies",
    "additive": "laws.additive",
    "attainable": "planning.attainable",
    "backend": "basics.parallel",
    "backtest": "validation.backtesting",
    "candidate_grid": "planning.design",
    "compare": "validation.comparison",
    "compare_recipes": "planning.recipes",
    "crossing": "planning.recipes",
    "curves": "laws.curves",
    "data_limited": "planning.data_wall",
    "dataset_names": "data.datasets",
    "diminishing_returns": "planning.tradeoffs",
    "fit": "posterior.fitting",
    "fit_chain": "posterior.chains",
    "forecast": "posterior.forecasting",
    "growth": "laws.growth",
    "law_names": "laws.catalog",
    "lifetime_budget": "planning.lifetimes",
    "lifetime_optimum": "planning.lifetimes",
    "limits": "planning.limits",
    "load": "posterior.storage",
    "load_card": "data.datasets",
    "load_dataset": "data.datasets",
    "load_law": "laws.catalog",
    "next_dollar": "planning.purchases",
    "next_runs": "planning.design",
    "optimum": "planning.allocation",
    "optimum_for": "planning.spending",
    "power": "laws.law",
    "read_outlook": "planning.outlook",
    "robust_choice": "planning.choices",
    "save": "posterior.storage",
    "scale_up": "planning.tradeoffs",
    "size_overhead": "planning.tradeoffs",
    "versus": "planning.versus",
    "with_log_likelihood": "posterior.fit",
    "with_posterior_predictive": "posterior.replicates",
    "with_prior_predictive": "posterior.replicates",
    "with_risk": "posterior.ensembles",
    "write_report": "report.page",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'bayescale' has no attribute {name!r}")
    home = import_module(f"bayescale.{_HOME[name]}")
    # A family of laws is a module itself.
    value = home if _HOME[name].endswith(f".{name}") and not hasattr(home, name) else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
