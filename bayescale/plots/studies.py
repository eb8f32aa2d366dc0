"""Figures of studies: coverage of hidden runs, errors of predictions, and scores of laws."""

from typing import TYPE_CHECKING

import numpy as np

from bayescale.basics.intervals import DEFAULT_MASS
from bayescale.basics.quantities import format_quantity, with_unit
from bayescale.planning.answers import Answer
from bayescale.plots.style import COLOURS, GREY, axes_of, cycle, plain
from bayescale.validation.backtesting import LEVELS, Backtest
from bayescale.validation.comparison import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_coverage(measured: Backtest, *, ax: "Axes | None" = None) -> "Axes":
    """Share of hidden runs inside bands of each mass, by horizon; a calibrated band lies on the diagonal."""
    ax = axes_of(ax)
    own = measured.summary().query("method == @measured.law")
    for (_, row), colour in zip(own.iterrows(), cycle(len(own)), strict=True):
        shares = [row[f"cover_{level:g}"] for level in LEVELS]
        ax.plot(LEVELS, shares, "o-", color=colour, label=f"{row['horizon']:g} times, {row['n_test']} runs")
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
    ax.set(xlim=(0.4, 1.0), ylim=(0, 1.02), xlabel="Mass of the band", ylabel="Share of hidden runs inside")
    ax.set_title(f"Coverage of {measured.law} on hidden larger runs")
    ax.legend(title="compute relative to the largest training run", fontsize=8, title_fontsize=8)
    ax.grid(color="0.9", linewidth=0.6)
    return ax


def plot_predicted(measured: Backtest, *, ax: "Axes | None" = None) -> "Axes":
    """Predicted against observed outcome of each hidden run, on the scale of the noise, by horizon."""
    ax = axes_of(ax)
    own = measured.scores.query("method == @measured.law")
    horizons = sorted(own["horizon"].unique())
    for horizon, colour in zip(horizons, cycle(len(horizons)), strict=True):
        at = own[own["horizon"] == horizon]
        ax.plot(
            at["observed"], at["observed"] + at["error"], "o", color=colour, markersize=4, label=f"{horizon:g} times"
        )
    ends = [own["observed"].min(), own["observed"].max()]
    ax.plot(ends, ends, color=GREY, linewidth=1, linestyle="--")
    ax.set(xlabel="Observed (scale of the noise)", ylabel="Predicted", title="Hidden runs, predicted and observed")
    ax.legend(title="compute relative to the largest training run", fontsize=8, title_fontsize=8)
    ax.grid(color="0.9", linewidth=0.6)
    return ax


def plot_comparison(compared: Comparison, *, ax: "Axes | None" = None) -> "Axes":
    """Score of each law on hidden larger runs relative to the best law, with the standard error of the difference.

    If no larger runs could be hidden, the score is the leave-one-out density.
    """
    table = compared.table
    ax = axes_of(ax, height=1.4 + 0.45 * len(table))
    rows = -np.arange(len(table))
    hidden = bool(table["horizon_score"].notna().all())
    difference, error = ("score_diff", "score_diff_se") if hidden else ("elpd_diff", "dse")
    middle, bars = table[difference].to_numpy(float), table[error].to_numpy(float)
    ax.errorbar(middle, rows, xerr=bars, fmt="o", color=COLOURS[0], capsize=3)
    ax.axvline(0, color=GREY, linewidth=0.8)
    labels = [f"{row['law']}, best with probability {row['probability']:.2f}" for row in table.to_dict("records")]
    ax.set_yticks(rows, labels)
    what = "Log score of hidden larger runs (nats per run)" if hidden else "Leave-one-out density (nats)"
    ax.set(xlabel=f"{what}, minus the first law's, +- one standard error", title="Laws, the best first")
    ax.grid(axis="x", color="0.9", linewidth=0.6)
    return ax


def plot_answer(answer: Answer, quantity: str, *, ax: "Axes | None" = None, ci_prob: float = DEFAULT_MASS) -> "Axes":
    """One quantity of an answer, case by case: medians and intervals.

    Parameters
    ----------
    answer : Answer
        With several cases.
    quantity : str
        Name of a variable of its draws.
    ax : matplotlib axes, optional
    ci_prob : float
        Mass of the intervals.
    """
    summary = answer.summary(ci_prob).query("quantity == @quantity")
    low, middle, high = (summary[name].to_numpy() for name in summary if str(name)[0] == "q" and str(name)[1].isdigit())
    labels = [case if isinstance(case, str) else format_quantity(float(case)) for case in summary[str(answer.by)]]
    ax = axes_of(ax, height=1.4 + 0.45 * len(labels))
    rows = -np.arange(len(labels))
    ax.errorbar(middle, rows, xerr=[middle - low, high - middle], fmt="o", color=COLOURS[0], capsize=3)
    ax.set_yticks(rows, labels)
    label = plain(with_unit(quantity, summary["unit"].iloc[0]))
    ax.set(xlabel=f"{label}, {ci_prob:.0%} intervals", title=plain(answer.question))
    ax.grid(axis="x", color="0.9", linewidth=0.6)
    return ax
