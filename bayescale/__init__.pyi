from bayescale.planning.answers import Answer as Answer
from bayescale.planning.approaches import ApproachesCompared as ApproachesCompared
from bayescale.validation.backtesting import Backtest as Backtest
from bayescale.basics.errors import BayescaleError as BayescaleError
from bayescale.laws.evidence import Bounded as Bounded
from bayescale.validation.calibration import Calibration as Calibration
from bayescale.posterior.chains import Chain as Chain
from bayescale.data.checking import Check as Check
from bayescale.validation.comparison import Comparison as Comparison
from bayescale.planning.costs import Cost as Cost
from bayescale.laws.parameters import Derived as Derived
from bayescale.planning.design import Design as Design
from bayescale.posterior.domains import Domains as Domains
from bayescale.posterior.ensembles import Ensemble as Ensemble
from bayescale.posterior.fit import Fit as Fit
from bayescale.posterior.forecasting import Forecast as Forecast
from bayescale.laws.links import IDENTITY as IDENTITY
from bayescale.laws.parameters import Input as Input
from bayescale.laws.links import LOG as LOG
from bayescale.laws.links import LOGIT as LOGIT
from bayescale.laws.law import Law as Law
from bayescale.planning.limits import Limits as Limits
from bayescale.planning.targets import LossAt as LossAt
from bayescale.laws.evidence import Measured as Measured
from bayescale.planning.targets import OptimumAt as OptimumAt
from bayescale.inference.options import Options as Options
from bayescale.laws.evidence import OtherRun as OtherRun
from bayescale.laws.parameters import PARAMETERS as PARAMETERS
from bayescale.laws.parameters import Parameter as Parameter
from bayescale.posterior.pooling import Pooled as Pooled
from bayescale.laws.parameters import Prior as Prior
from bayescale.laws.evidence import Published as Published
from bayescale.laws.parameters import PublishedFit as PublishedFit
from bayescale.validation.recovery import Recovery as Recovery
from bayescale.validation.registration import Registered as Registered
from bayescale.validation.recovery import Replicate as Replicate
from bayescale.posterior.replicates import Replicates as Replicates
from bayescale.data.runs import Runs as Runs
from bayescale.laws.parameters import Setting as Setting
from bayescale.laws.parameters import TOKENS as TOKENS
from bayescale.laws.parameters import Values as Values
from bayescale.planning.targets import WhichLaw as WhichLaw
from bayescale.laws import accuracies as accuracies
from bayescale.laws import additive as additive
from bayescale.validation.backtesting import backtest as backtest
from bayescale.planning.mixtures import best_mixture as best_mixture
from bayescale.data.cells import best_runs as best_runs
from bayescale.laws import breaks as breaks
from bayescale.validation.calibration import calibration as calibration
from bayescale.data.checking import check as check
from bayescale.validation.comparison import compare as compare
from bayescale.planning.recipes import compare_recipes as compare_recipes
from bayescale.data.preparing import count_flops as count_flops
from bayescale.laws import curves as curves
from bayescale.data.datasets import dataset_names as dataset_names
from bayescale.posterior.single import draw_prior as draw_prior
from bayescale.laws.elicitation import elicit as elicit
from bayescale.posterior.fitting import fit as fit
from bayescale.posterior.chains import fit_chain as fit_chain
from bayescale.posterior.domains import fit_domains as fit_domains
from bayescale.planning.floors import floor_effect as floor_effect
from bayescale.posterior.forecasting import forecast as forecast
from bayescale.laws import growth as growth
from bayescale.laws.catalog import law_names as law_names
from bayescale.planning.limits import limits as limits
from bayescale.laws import lines as lines
from bayescale.posterior.storage import load as load
from bayescale.data.datasets import load_dataset as load_dataset
from bayescale.laws.catalog import load_law as load_law
from bayescale.data.cells import mean_runs as mean_runs
from bayescale.planning.purchases import next_dollar as next_dollar
from bayescale.planning.design import next_runs as next_runs
from bayescale.planning.approaches import optimal_by_approach as optimal_by_approach
from bayescale.laws import perplexities as perplexities
from bayescale.planning.plan import plan as plan
from bayescale import plots as plots
from bayescale.posterior.replicates import posterior_predictive as posterior_predictive
from bayescale.laws.law import power as power
from bayescale.posterior.replicates import prior_predictive as prior_predictive
from bayescale.posterior.pull import pull as pull
from bayescale.validation.recovery import recover as recover
from bayescale.validation.registration import register as register
from bayescale.laws import routed as routed
from bayescale.posterior.storage import save as save
from bayescale.planning.tradeoffs import scale_up as scale_up
from bayescale.data.preparing import tell_checkpoints as tell_checkpoints
from bayescale.planning.versus import versus as versus
from bayescale.report.page import write_report as write_report

__all__ = [
    "Answer",
    "ApproachesCompared",
    "Backtest",
    "BayescaleError",
    "Bounded",
    "Calibration",
    "Chain",
    "Check",
    "Comparison",
    "Cost",
    "Derived",
    "Design",
    "Domains",
    "Ensemble",
    "Fit",
    "Forecast",
    "IDENTITY",
    "Input",
    "LOG",
    "LOGIT",
    "Law",
    "Limits",
    "LossAt",
    "Measured",
    "OptimumAt",
    "Options",
    "OtherRun",
    "PARAMETERS",
    "Parameter",
    "Pooled",
    "Prior",
    "Published",
    "PublishedFit",
    "Recovery",
    "Registered",
    "Replicate",
    "Replicates",
    "Runs",
    "Setting",
    "TOKENS",
    "Values",
    "WhichLaw",
    "accuracies",
    "additive",
    "backtest",
    "best_mixture",
    "best_runs",
    "breaks",
    "calibration",
    "check",
    "compare",
    "compare_recipes",
    "count_flops",
    "curves",
    "dataset_names",
    "draw_prior",
    "elicit",
    "fit",
    "fit_chain",
    "fit_domains",
    "floor_effect",
    "forecast",
    "growth",
    "law_names",
    "limits",
    "lines",
    "load",
    "load_dataset",
    "load_law",
    "mean_runs",
    "next_dollar",
    "next_runs",
    "optimal_by_approach",
    "perplexities",
    "plan",
    "plots",
    "posterior_predictive",
    "power",
    "prior_predictive",
    "pull",
    "recover",
    "register",
    "routed",
    "save",
    "scale_up",
    "tell_checkpoints",
    "versus",
    "write_report",
]
_HOME: dict[str, str]
__version__: str
