"""Bayesian inference for neural scaling laws: posteriors, extrapolation bands, compute-optimal plans.

Import it as ``import bayescale as bs``; everything public is a name of this module and loaded on first use.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "Answer": "planning.answers",
    "Backtest": "validation.backtesting",
    "BayescaleError": "basics.errors",
    "Chain": "posterior.chains",
    "Check": "data.checking",
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
    "Limits": "planning.limits",
    "LossAt": "planning.targets",
    "Options": "inference.options",
    "OptimumAt": "planning.targets",
    "PARAMETERS": "laws.parameters",
    "Parameter": "laws.parameters",
    "Pooled": "posterior.pooling",
    "Prior": "laws.parameters",
    "PublishedFit": "laws.parameters",
    "Registered": "validation.registration",
    "Runs": "data.runs",
    "Setting": "laws.parameters",
    "TOKENS": "laws.parameters",
    "Values": "laws.parameters",
    "WhichLaw": "planning.targets",
    "accuracies": "laws.accuracies",
    "additive": "laws.additive",
    "backtest": "validation.backtesting",
    "best_runs": "data.cells",
    "breaks": "laws.breaks",
    "check": "data.checking",
    "compare": "validation.comparison",
    "compare_recipes": "planning.recipes",
    "count_flops": "data.preparing",
    "curves": "laws.curves",
    "dataset_names": "data.datasets",
    "fit": "posterior.fitting",
    "fit_chain": "posterior.chains",
    "forecast": "posterior.forecasting",
    "growth": "laws.growth",
    "law_names": "laws.catalog",
    "limits": "planning.limits",
    "lines": "laws.lines",
    "load": "posterior.storage",
    "load_dataset": "data.datasets",
    "load_law": "laws.catalog",
    "mean_runs": "data.cells",
    "next_dollar": "planning.purchases",
    "next_runs": "planning.design",
    "perplexities": "laws.perplexities",
    "plan": "planning.plan",
    "power": "laws.law",
    "register": "validation.registration",
    "save": "posterior.storage",
    "scale_up": "planning.tradeoffs",
    "tell_checkpoints": "data.preparing",
    "versus": "planning.versus",
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
