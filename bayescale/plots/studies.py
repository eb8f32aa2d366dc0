"""Figures of studies: coverage of hidden runs, errors of predictions, and scores of laws."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.basics.intervals import DEFAULT_MASS, interval_ends
from bayescale.basics.wording import listed
from bayescale.planning.answers import Answer
from bayescale.plots.labels import AXES, band_words, compact, heading, labelled, log_axis, plain, ranged, words
from bayescale.plots.style import axes_of, current, cycle, dots, draw_bars, draw_points, masses, themed
from bayescale.validation.backtesting import LEVELS, Backtest
from bayescale.validation.comparison import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_AHEAD = "Compute of the hidden runs over that of the largest training run (ratio):"
_APART = 0.4
"""Distance between the points of different horizons at one mass, so that their bars do not hide each other."""
_WIDE = 10.0
"""Ratio of the ends of positive values from which their axis is logarithmic."""


@themed
def plot_coverage(measured: Backtest, *, ax: "Axes | None" = None) -> "Axes":
    """Share of hidden runs inside bands of each mass, by horizon; a calibrated band lies on the diagonal.

    Bars are one standard error, clustered by split, at the masses that have one.
    """
    from matplotlib.ticker import FuncFormatter

    ax = axes_of(ax, width=7)
    own = measured.summary().query("method == @measured.law")
    levels = 100 * np.array(LEVELS)
    ax.plot([0, 100], [0, 100], color=current().muted, linewidth=1, linestyle="--", label="calibrated")
    for i, ((_, row), colour) in enumerate(zip(own.iterrows(), cycle(len(own)), strict=True)):
        shares = np.array([100 * row[f"cover_{level:g}"] for level in LEVELS])
        errors = np.array([100 * row.get(f"cover_{level:g}_se", np.nan) for level in LEVELS])
        beside = levels + _APART * (i - (len(own) - 1) / 2)
        ax.errorbar(
            beside, shares, errors, fmt="o-", color=colour, linewidth=1.4, elinewidth=1, capsize=2, markersize=5,
            label=f"× {row['horizon']:g}: {row['n_test']} runs",
        )  # fmt: skip
    lowest = min(own[f"cover_{LEVELS[0]:g}"].min() * 100, 50)
    ax.set(
        xlim=(47, 98),
        ylim=(max(lowest - 8, -4), 104),
        xticks=levels,
        xlabel="Mass of the band (%)",
        ylabel="Hidden runs inside (%)",
    )
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    nearest, farthest = (own.sort_values("horizon").iloc[i] for i in (0, -1))
    held = [f"{100 * row['cover_0.9']:.0f} % at × {row['horizon']:g}" for row in (nearest, farthest)]
    finding = f"Hidden runs inside 90 % bands: {listed(dict.fromkeys(held))}"
    heading(ax, finding, f"{_AHEAD} × 1 and up. Bars: ± one standard error. Law: {plain(measured.law)}.", legend=True)
    return ax


@themed
def plot_predicted(measured: Backtest, *, ax: "Axes | None" = None) -> "Axes":
    """Predicted against observed outcome of each hidden run, on the scale of the noise, by horizon."""
    ax = axes_of(ax, width=6, height=5)
    own = measured.scores.query("method == @measured.law")
    horizons = sorted(own["horizon"].unique())
    for horizon, colour in zip(horizons, cycle(len(horizons)), strict=True):
        at = own[own["horizon"] == horizon]
        ax.plot(at["observed"], at["observed"] + at["error"], color=colour, label=f"× {horizon:g}", **dots(4))
    ends = [own["observed"].min(), own["observed"].max()]
    ax.plot(ends, ends, color=current().muted, linewidth=1, linestyle="--", label="predicted = observed")
    ax.set(xlabel="Observed outcome (scale of the noise, such as log loss)", ylabel="Predicted (same scale)")
    low, middle, high = (compact(q, 2) for q in own["error"].quantile([0.05, 0.5, 0.95]))
    finding = f"Predicted minus observed: {middle}\N{NO-BREAK SPACE}[{low},\N{NO-BREAK SPACE}{high}]"
    heading(ax, finding, f"Median and 90 % of all hidden runs. {_AHEAD}", legend=True)
    return ax


@themed
def plot_comparison(compared: Comparison, *, ax: "Axes | None" = None, ci_prob: float = DEFAULT_MASS) -> "Axes":
    """Score of each law on hidden larger runs relative to the best law, with intervals from the standard error.

    If no larger runs could be hidden, the score is the leave-one-out density.

    Parameters
    ----------
    compared : Comparison
    ax : matplotlib axes, optional
    ci_prob : float
        Mass of the thin bars; the thick ones have half of the probability.
    """
    from scipy.special import ndtri

    table = compared.table
    ax = axes_of(ax, width=7.6, height=1.6 + 0.4 * len(table))
    rows = -np.arange(len(table))
    hidden = bool(table["horizon_score"].notna().all())
    difference, error = ("score_diff", "score_diff_se") if hidden else ("elpd_diff", "dse")
    middle, bars = table[difference].to_numpy(float), table[error].to_numpy(float)
    for share, width in zip(masses(ci_prob), (1.6, 5.0), strict=False):
        half = ndtri((1 + share) / 2) * bars
        ax.hlines(rows, middle - half, middle + half, color=current().colour(0), linewidth=width)
    draw_points(ax, middle, rows, current().colour(0))
    ax.axvline(0, color=current().muted, linewidth=0.8, zorder=0)
    labels = [f"{row['law']}, P(best) = {row['probability']:.2f}" for row in table.to_dict("records")]
    ax.set_yticks(rows, [plain(label) for label in labels])
    ax.set_ylim(0.5 - len(table), 0.5)
    what, unit = ("Log score of hidden larger runs", "nats/run") if hidden else ("Leave-one-out log density", "nats")
    ax.set_xlabel(f"{what} minus the first law's ({unit})")
    ax.grid(visible=False, axis="y")
    best = table.iloc[0]
    task = "predicts larger runs" if hidden else "describes the runs"
    finding = f"{best['law']} {task} best with probability {best['probability']:.2f}"
    heading(ax, plain(finding), f"Thick and thin bars: {band_words(ci_prob)}, from standard errors. Right is better.")
    return ax


@themed
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
        Mass of the thin bars; the thick ones have half of the probability.
    """
    draws = answer.draws[quantity]
    cases = answer.draws[str(answer.by)]
    (dim,) = cases.dims
    each = [draws.isel({dim: i}) for i in range(cases.size)]
    unit, name = str(draws.attrs["units"]), answer.labels.get(quantity, quantity)
    ax = axes_of(ax, width=7.6, height=1.7 + 0.4 * len(each))
    for row, values in enumerate(each):
        draw_bars(ax, values, -row, ci_prob, current().colour(0))
        ax.annotate(ranged(values, ci_prob), (1.02, -row), xycoords=("axes fraction", "data"), va="center")
    labels = [case if isinstance(case, str) else compact(float(case)) for case in cases.to_numpy().tolist()]
    ax.set_yticks(-np.arange(len(each)), [plain(label) for label in labels])
    ax.set_ylim(0.5 - len(each), 0.5)
    units = str(cases.attrs.get("units", ""))
    by = AXES.get(str(answer.by), labelled(str(answer.by), units))
    ax.set(xlabel=labelled(name, unit), ylabel=by if units else "")
    ax.grid(visible=False, axis="y")
    if _is_wide([interval_ends(values, ci_prob) for values in each]):
        log_axis(ax.xaxis)
    said = [f"{ranged(each[i], ci_prob)} ({f'{labels[i]} {units}'.strip()})" for i in sorted({0, len(each) - 1})]
    finding = f"{answer.question}: {words(name).lower()} {', '.join(said)}"
    heading(ax, plain(finding), f"Points: medians. Thick and thin bars: {band_words(ci_prob)}.")
    return ax


def _is_wide(ends: Sequence[Any]) -> bool:
    """Whether values are positive and differ so much that their axis is logarithmic."""
    low, high = np.nanmin(np.array(ends)), np.nanmax(np.array(ends))
    return bool(low > 0 and high > _WIDE * low)
