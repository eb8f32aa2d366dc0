from bayescale.planning.answers import Answer as Answer
from bayescale.planning.attainable import Attainable as Attainable
from bayescale.validation.backtesting import Backtest as Backtest
from bayescale.basics.errors import BayescaleError as BayescaleError
from bayescale.posterior.chains import Chain as Chain
from bayescale.planning.choices import Choice as Choice
from bayescale.validation.comparison import Comparison as Comparison
from bayescale.planning.costs import Cost as Cost
from bayescale.laws.parameters import Derived as Derived
from bayescale.planning.design import Design as Design
from bayescale.posterior.ensembles import Ensemble as Ensemble
from bayescale.posterior.fit import Fit as Fit
from bayescale.posterior.forecasting import Forecast as Forecast
from bayescale.laws.links import IDENTITY as IDENTITY
from bayescale.laws.parameters import Input as Input
from bayescale.laws.links import LOG as LOG
from bayescale.laws.links import LOGIT as LOGIT
from bayescale.laws.law import Law as Law
from bayescale.planning.lifetimes import Lifetime as Lifetime
from bayescale.planning.limits import Limits as Limits
from bayescale.planning.targets import LossAt as LossAt
from bayescale.inference.options import Options as Options
from bayescale.planning.allocation import Optimum as Optimum
from bayescale.planning.targets import OptimumAt as OptimumAt
from bayescale.planning.outlook import Outlook as Outlook
from bayescale.laws.parameters import PARAMETERS as PARAMETERS
from bayescale.laws.parameters import Parameter as Parameter
from bayescale.posterior.pooling import Pooled as Pooled
from bayescale.laws.parameters import Prior as Prior
from bayescale.laws.parameters import PublishedFit as PublishedFit
from bayescale.data.runs import Runs as Runs
from bayescale.laws.parameters import Setting as Setting
from bayescale.laws.parameters import TOKENS as TOKENS
from bayescale.laws.parameters import Values as Values
from bayescale.planning.targets import WhichLaw as WhichLaw
from bayescale.laws import accuracies as accuracies
from bayescale.laws import additive as additive
from bayescale.planning.attainable import attainable as attainable
from bayescale.basics.parallel import backend as backend
from bayescale.validation.backtesting import backtest as backtest
from bayescale.planning.design import candidate_grid as candidate_grid
from bayescale.validation.comparison import compare as compare
from bayescale.planning.recipes import compare_recipes as compare_recipes
from bayescale.planning.recipes import crossing as crossing
from bayescale.laws import curves as curves
from bayescale.planning.data_wall import data_limited as data_limited
from bayescale.data.datasets import dataset_names as dataset_names
from bayescale.planning.tradeoffs import diminishing_returns as diminishing_returns
from bayescale.posterior.fitting import fit as fit
from bayescale.posterior.chains import fit_chain as fit_chain
from bayescale.posterior.forecasting import forecast as forecast
from bayescale.laws import growth as growth
from bayescale.laws.catalog import law_names as law_names
from bayescale.planning.lifetimes import lifetime_budget as lifetime_budget
from bayescale.planning.lifetimes import lifetime_optimum as lifetime_optimum
from bayescale.planning.limits import limits as limits
from bayescale.posterior.storage import load as load
from bayescale.data.datasets import load_card as load_card
from bayescale.data.datasets import load_dataset as load_dataset
from bayescale.laws.catalog import load_law as load_law
from bayescale.planning.purchases import next_dollar as next_dollar
from bayescale.planning.design import next_runs as next_runs
from bayescale.planning.allocation import optimum as optimum
from bayescale.planning.spending import optimum_for as optimum_for
from bayescale.laws.law import power as power
from bayescale.planning.outlook import read_outlook as read_outlook
from bayescale.planning.choices import robust_choice as robust_choice
from bayescale.posterior.storage import save as save
from bayescale.planning.tradeoffs import scale_up as scale_up
from bayescale.planning.tradeoffs import size_overhead as size_overhead
from bayescale.planning.versus import versus as versus
from bayescale.posterior.fit import with_log_likelihood as with_log_likelihood
from bayescale.posterior.replicates import with_posterior_predictive as with_posterior_predictive
from bayescale.posterior.replicates import with_prior_predictive as with_prior_predictive
from bayescale.posterior.ensembles import with_risk as with_risk
from bayescale.report.page import write_report as write_report

__all__ = [
    "Answer",
    "Attainable",
    "Backtest",
    "BayescaleError",
    "Chain",
    "Choice",
    "Comparison",
    "Cost",
    "Derived",
    "Design",
    "Ensemble",
    "Fit",
    "Forecast",
    "IDENTITY",
    "Input",
    "LOG",
    "LOGIT",
    "Law",
    "Lifetime",
    "Limits",
    "LossAt",
    "Optimum",
    "OptimumAt",
    "Options",
    "Outlook",
    "PARAMETERS",
    "Parameter",
    "Pooled",
    "Prior",
    "PublishedFit",
    "Runs",
    "Setting",
    "TOKENS",
    "Values",
    "WhichLaw",
    "accuracies",
    "additive",
    "attainable",
    "backend",
    "backtest",
    "candidate_grid",
    "compare",
    "compare_recipes",
    "crossing",
    "curves",
    "data_limited",
    "dataset_names",
    "diminishing_returns",
    "fit",
    "fit_chain",
    "forecast",
    "growth",
    "law_names",
    "lifetime_budget",
    "lifetime_optimum",
    "limits",
    "load",
    "load_card",
    "load_dataset",
    "load_law",
    "next_dollar",
    "next_runs",
    "optimum",
    "optimum_for",
    "power",
    "read_outlook",
    "robust_choice",
    "save",
    "scale_up",
    "size_overhead",
    "versus",
    "with_log_likelihood",
    "with_posterior_predictive",
    "with_prior_predictive",
    "with_risk",
    "write_report",
]
_HOME: dict[str, str]
