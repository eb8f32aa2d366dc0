"""A figure of a table that was checked: where its runs lie, and how the outcome goes with compute."""

from typing import TYPE_CHECKING

import numpy as np

from bayescale.basics.wording import listed
from bayescale.data.checking import Check
from bayescale.laws.links import BY_RATIO
from bayescale.plots.fits import plot_runs
from bayescale.plots.labels import AXES, compact, footnote, heading, labelled, log_axis, plain, words
from bayescale.plots.style import current, dots, new_figure, themed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayescale.data.runs import Runs

_NAMES = {"C": "compute", "D": "tokens", "N": "parameters", "x": "x", "year": "year"}
_LABELS = AXES | {"x": "x", "year": "Date (year)"}


@themed
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
    figure = new_figure(12 if both else 6.4, 4.8)
    panels = figure.subplots(1, 1 + both, squeeze=False)[0]
    if both:
        plot_runs(runs, ax=panels[0])
    _plot_outcome(runs, panels[-1])
    if found.laws:
        said = f"Laws that these runs can inform, fitted if none is named: {listed(found.laws)}."
        footnote(figure, plain(said))
    return figure


def _plot_outcome(runs: "Runs", ax: "Axes") -> None:
    """The outcome against compute, or whatever else the table gives."""
    frame, outcome = runs.frame, runs.column(runs.outcome)
    name = next((name for name in _NAMES if name in frame and name != runs.outcome), None)
    x = np.arange(1, len(runs) + 1) if name is None else frame[name].to_numpy(dtype=np.float64)
    sweep = runs.structure.sweep
    shared = np.zeros(len(x), dtype=bool) if sweep is None else sweep.sizes[sweep.cells] > 1
    ax.plot(x[~shared], outcome[~shared], color=current().colour(0), label=f"{(~shared).sum()} single rows", **dots(4))
    if shared.any():
        label = f"{shared.sum()} rows that share N and D"
        ax.plot(x[shared], outcome[shared], color=current().colour(1), label=label, **dots(4))
    ax.set(xlabel="Row" if name is None else _LABELS[name], ylabel=labelled(runs.outcome, runs.outcome_unit))
    if runs.domain in BY_RATIO:
        log_axis(ax.yaxis)
    if name not in {None, "year"}:
        log_axis(ax.xaxis)
    first, last = (compact(float(outcome[place])) for place in (x.argmin(), x.argmax()))
    ends = f"from {first} to {last} {plain(runs.outcome_unit)}".strip()
    along = "the rows" if name is None else f"the {_NAMES[name]} of the runs"
    if name == "year":
        along = f"the years {x.min():.0f} to {x.max():.0f}"
    elif name is not None and x.min() > 0:
        along = f"{compact(float(np.log10(x.max() / x.min())), 2)} decades of {_NAMES[name]}"
    heading(ax, f"{words(runs.outcome)} {ends} over {along}", legend=bool(shared.any()))
