"""Bayesian inference for neural scaling laws: posteriors, extrapolation bands, compute-optimal plans.

Import it as ``import bayescale as bs``; everything public is a name of this module and loaded on first use.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "Answer": "planning.answers",
    "ApproachesCompared": "planning.approaches",
    "Backtest": "validation.backtesting",
    "BayescaleError": "basics.errors",
    "Bounded": "laws.evidence",
    "Calibration": "validation.calibration",
    "Chain": "posterior.chains",
    "Check": "data.checking",
    "Comparison": "validation.comparison",
    "Cost": "planning.costs",
    "Derived": "laws.parameters",
    "Design": "planning.design",
    "Domains": "posterior.domains",
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
    "Measured": "laws.evidence",
    "OptimumAt": "planning.targets",
    "Options": "inference.options",
    "OtherRun": "laws.evidence",
    "PARAMETERS": "laws.parameters",
    "Parameter": "laws.parameters",
    "Pooled": "posterior.pooling",
    "Prior": "laws.parameters",
    "Published": "laws.evidence",
    "PublishedFit": "laws.parameters",
    "Recovery": "validation.recovery",
    "Registered": "validation.registration",
    "Replicate": "validation.recovery",
    "Replicates": "posterior.replicates",
    "Runs": "data.runs",
    "Setting": "laws.parameters",
    "TOKENS": "laws.parameters",
    "Values": "laws.parameters",
    "WhichLaw": "planning.targets",
    "accuracies": "laws.accuracies",
    "additive": "laws.additive",
    "backtest": "validation.backtesting",
    "best_mixture": "planning.mixtures",
    "best_runs": "data.cells",
    "breaks": "laws.breaks",
    "calibration": "validation.calibration",
    "check": "data.checking",
    "compare": "validation.comparison",
    "compare_recipes": "planning.recipes",
    "count_flops": "data.preparing",
    "curves": "laws.curves",
    "dataset_names": "data.datasets",
    "draw_prior": "posterior.single",
    "elicit": "laws.elicitation",
    "fit": "posterior.fitting",
    "fit_chain": "posterior.chains",
    "fit_domains": "posterior.domains",
    "floor_effect": "planning.floors",
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
    "optimal_by_approach": "planning.approaches",
    "perplexities": "laws.perplexities",
    "plan": "planning.plan",
    "plots": "plots",
    "posterior_predictive": "posterior.replicates",
    "power": "laws.law",
    "prior_predictive": "posterior.replicates",
    "pull": "posterior.pull",
    "recover": "validation.recovery",
    "register": "validation.registration",
    "routed": "laws.routed",
    "save": "posterior.storage",
    "scale_up": "planning.tradeoffs",
    "tell_checkpoints": "data.preparing",
    "versus": "planning.versus",
    "write_report": "report.page",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("bayescale")
    if name not in _HOME:
        raise AttributeError(f"module 'bayescale' has no attribute {name!r}")
    home = import_module(f"bayescale.{_HOME[name]}")
    # The figures, and each family of laws, are a module themselves.
    value = home if f".{_HOME[name]}".endswith(f".{name}") and not hasattr(home, name) else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
