"""A figure of a table that was checked: where its runs lie, and how the outcome goes with compute."""

from typing import TYPE_CHECKING

import numpy as np

from bayescale.basics.quantities import format_quantity, with_unit
from bayescale.data.checking import Check
from bayescale.plots.fits import plot_runs
from bayescale.plots.style import COLOURS, GREY, finish, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayescale.data.runs import Runs


def plot_check(found: Check) -> "Figure":
    """The runs in parameters and tokens, where the table has both, beside their outcome against compute.

    Parameters
    ----------
    found : Check

    Returns
    -------
    matplotlib.figure.Figure
    """
    runs = found.runs
    both = {"N", "D"} <= set(runs.frame.columns)
    figure = new_figure(11 if both else 6, 4.6)
    panels = figure.subplots(1, 1 + both, squeeze=False)[0]
    if both:
        plot_runs(runs, ax=panels[0])
    _plot_outcome(runs, panels[-1])
    return figure


def _plot_outcome(runs: "Runs", ax: "Axes") -> None:
    """The outcome against compute, or whatever else the table gives."""
    frame, outcome = runs.frame, runs.column(runs.outcome)
    name = next((name for name in ("C", "D", "N", "x", "year") if name in frame), None)
    x = np.arange(1, len(runs) + 1) if name is None else frame[name].to_numpy(dtype=np.float64)
    sweep = runs.structure.sweep
    if sweep is not None:
        ax.plot(x, outcome, "o", color=GREY, markersize=3, alpha=0.5, label="rows of one N and D")
        alone = sweep.sizes[sweep.cells] == 1
        if alone.any():
            ax.plot(x[alone], outcome[alone], "o", color=COLOURS[0], markersize=3, label="single rows")
        ax.legend(fontsize=8)
    else:
        ax.plot(x, outcome, "o", color=COLOURS[0], markersize=3)
    if runs.domain == "positive":
        ax.set_yscale("log")
        for axis in (ax.yaxis.set_major_formatter, ax.yaxis.set_minor_formatter):
            axis(lambda value, _: format_quantity(value))
    labels = {"C": "Training compute C (FLOP)", "N": "Parameters N", "D": "Training tokens D", None: "Row"}
    outcome_label = plain(with_unit(runs.outcome.capitalize(), runs.outcome_unit))
    against = "compute" if name == "C" else name or "row"
    finish(ax, labels.get(name, str(name)), outcome_label, f"{runs.outcome.capitalize()} against {against}")
    if name in {None, "year"}:
        ax.set_xscale("linear")
        ax.xaxis.set_major_formatter("{x:g}")
