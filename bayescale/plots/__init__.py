"""Figures, drawn by matplotlib: each function takes a result and optional axes, and returns the axes or figure."""

from bayescale.plots.checks import plot_check as plot_check
from bayescale.plots.fits import plot_parameters as plot_parameters
from bayescale.plots.fits import plot_residuals as plot_residuals
from bayescale.plots.fits import plot_runs as plot_runs
from bayescale.plots.limits import plot_limits as plot_limits
from bayescale.plots.plans import plot_isoflop as plot_isoflop
from bayescale.plots.plans import plot_loss_against_compute as plot_loss_against_compute
from bayescale.plots.plans import plot_optimum as plot_optimum
from bayescale.plots.plans import plot_plan as plot_plan
from bayescale.plots.posteriors import plot_pairs as plot_pairs
from bayescale.plots.posteriors import plot_prior_posterior as plot_prior_posterior
from bayescale.plots.predictive import plot_calibration as plot_calibration
from bayescale.plots.predictive import plot_predictive as plot_predictive
from bayescale.plots.predictive import plot_predictive_check as plot_predictive_check
from bayescale.plots.studies import plot_answer as plot_answer
from bayescale.plots.studies import plot_comparison as plot_comparison
from bayescale.plots.studies import plot_coverage as plot_coverage
from bayescale.plots.studies import plot_predicted as plot_predicted
from bayescale.plots.style import save_figure as save_figure
from bayescale.plots.style import theme as theme
