"""Figures: a plan (isoFLOP curves with bands and N*, loss against compute), and limits to training by year."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayescale.ensembles import Posterior, first_fit
from bayescale.files import FIGURE_ENDINGS, check_output, replacing
from bayescale.fitting import Fit
from bayescale.forecasting import forecast
from bayescale.intervals import DEFAULT_MASS, quantiles, tail_probabilities
from bayescale.planning.allocation import optimum
from bayescale.planning.limits import Limits
from bayescale.planning.outlook import LARGEST, TREND
from bayescale.quantities import format_quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GRID = 60
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette, told apart with any colour vision (https://jfly.uni-koeln.de/color/)."""


def plot_plan(fit: Posterior, C: Sequence[float], *, ci_prob: float = DEFAULT_MASS, seed: int = 0) -> "Figure":
    """IsoFLOP curves beside loss against compute, at the given budgets.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of a law in N and D.
    C : sequence of float
        Budgets, FLOP.
    ci_prob : float
        Mass of the outer band; the inner one holds half.
    seed : int

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_isoflop(fit, C, ax=left, ci_prob=ci_prob, seed=seed)
    plot_loss_against_compute(fit, C, ax=right, ci_prob=ci_prob, seed=seed)
    figure.suptitle(f"{fit.title} fitted to {len(fit.runs)} runs of {Path(fit.dataset).name}")
    return figure


def plot_isoflop(
    fit: Posterior, C: Sequence[float], *, ax: "Axes", ci_prob: float = DEFAULT_MASS, seed: int = 0
) -> "Axes":
    """Predicted loss along each curve of constant compute, with the interval of its optimum, N*."""
    best = optimum(fit, C, seed=seed).draws
    for i, (budget, colour) in enumerate(zip(C, _cycle(len(C)), strict=True)):
        low, middle, high = _tails(best["N"].isel(budget=i), ci_prob)
        sizes = np.geomspace(low / 8, high * 8, _GRID)
        bands = forecast(fit, seed=seed, N=sizes, D=budget / (6 * sizes)).draws["predictive"]
        _draw_bands(ax, sizes, bands, ci_prob, colour, f"{format_quantity(budget)} FLOP")
        level = float(best["latent"].isel(budget=i).median())
        ax.plot([low, high], [level, level], color=colour, linewidth=4, alpha=0.8, solid_capstyle="butt")
        ax.plot(middle, level, "o", color=colour, markeredgecolor="black", markersize=7)
        label = f"N* {format_quantity(middle)}\n[{format_quantity(low)}, {format_quantity(high)}]"
        ax.annotate(
            label, (middle, level), xytext=(0, -14), textcoords="offset points", ha="center", va="top", fontsize=8
        )
    ax.margins(y=0.2)
    _finish(ax, "Parameters N", _loss_label(fit), "Loss along isoFLOP curves, and N*")
    ax.legend(title=f"{0.5 * ci_prob:.0%} and {ci_prob:.0%} bands", fontsize=8, title_fontsize=8, loc="upper center")
    return ax


def plot_loss_against_compute(
    fit: Posterior, C: Sequence[float], *, ax: "Axes", ci_prob: float = DEFAULT_MASS, seed: int = 0
) -> "Axes":
    """Predicted loss of compute-optimal runs from the smallest run to the largest budget, with the runs."""
    runs = fit.runs
    compute = runs.column("C")
    grid = np.geomspace(compute.min(), max(*C, compute.max()), _GRID)
    best = optimum(fit, grid, seed=seed).draws
    _draw_bands(ax, grid, best["loss"].rename(budget="point"), ci_prob, _COLOURS[0], "compute-optimal run")
    ax.plot(compute, runs.column(fit.outcome), "o", color="0.35", markersize=3, alpha=0.7, label="runs")
    if isinstance(fit, Fit) and "E" in fit.parameters:
        ax.axhline(
            float(np.median(fit.parameters["E"])), color="black", linestyle=":", linewidth=1, label="irreducible loss E"
        )
    ax.axvspan(compute.max(), grid[-1], color="0.92", zorder=0, label="extrapolated")
    _finish(ax, "Training compute C (FLOP)", _loss_label(fit), "Loss against compute")
    ax.legend(fontsize=8)
    return ax


def plot_limits(found: Limits) -> "Figure":
    """Median, interquartile box and 80 % interval of each limit, of their minimum, and of the trend; a panel a year.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    titles, years = found.titles, found.draws["year"].to_numpy()
    figure = Figure(figsize=(8.5, 1.0 + (0.6 + 0.38 * len(titles)) * len(years)), layout="constrained")
    panels = figure.subplots(len(years), 1, sharex=True, squeeze=False)[:, 0]
    for ax, year in zip(panels, years, strict=True):
        _draw_limits(ax, found, year)
    panels[-1].set_xlabel("Training compute (FLOP): median, half of the probability (box), 80 % (whiskers)")
    return figure


def _draw_limits(ax: "Axes", found: Limits, year: float) -> None:
    """The quantities in one year, the first one on top, with their medians and how often each limit binds."""
    quantities, titles = found.quantities.sel(year=year), found.titles
    binding = found.binding.sel(year=year).to_series()
    colours = {LARGEST: _COLOURS[1], TREND: "0.6"}
    for row, name in enumerate(titles):
        (low, middle, high), (left, _, right) = (_tails(quantities[name], mass) for mass in (0.8, 0.5))
        ax.bxp(
            [{"med": middle, "q1": left, "q3": right, "whislo": low, "whishi": high}],
            positions=[-row],
            orientation="horizontal",
            widths=0.55,
            showfliers=False,
            patch_artist=True,
            boxprops={"facecolor": colours.get(name, _COLOURS[0]), "alpha": 0.55},
            medianprops={"color": "black", "linewidth": 2},
        )
        said = f"{format_quantity(middle)}{f', binds {binding[name]:.0%}' if name in binding else ''}"
        ax.annotate(said, (1.01, -row), xycoords=("axes fraction", "data"), va="center", fontsize=9)
    ax.axhline(0.5 - len(binding), color="0.5", linewidth=0.8)
    ax.set_yticks(-np.arange(len(titles)), list(titles.values()))
    ax.set(xscale="log", title=f"Limits to a training run in {year:g}")
    ax.grid(axis="x", color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure to a PNG, SVG or PDF file, whole or not at all.

    Raises
    ------
    OutputError
        If the ending is none of those, or the file cannot be written.
    """
    check_output(path, FIGURE_ENDINGS)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=160)


def _draw_bands(ax: "Axes", x: NDArray[np.float64], draws: Any, mass: float, colour: str, label: str) -> None:
    for share, opacity in ((mass, 0.18), (mass / 2, 0.32)):
        low, middle, high = _tails(draws, share)
        ax.fill_between(x, low, high, color=colour, alpha=opacity, linewidth=0)
    ax.plot(x, middle, color=colour, linewidth=1.5, label=label)


def _tails(draws: Any, mass: float) -> tuple[Any, Any, Any]:
    low, high = tail_probabilities(mass)
    return tuple(value.to_numpy() for value in quantiles(draws, [low, 0.5, high]).values())  # type: ignore[return-value]


def _finish(ax: "Axes", x_label: str, y_label: str, title: str) -> None:
    ax.set(xscale="log", xlabel=x_label, ylabel=y_label, title=title)
    if "FLOP" not in x_label:
        ax.xaxis.set_major_formatter(lambda value, _: format_quantity(value))
    ax.grid(color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)


def _cycle(n: int) -> list[str]:
    return [_COLOURS[i % len(_COLOURS)] for i in range(n)]


def _loss_label(fit: Posterior) -> str:
    return f"{fit.outcome.capitalize()} ({first_fit(fit).law.outcome_unit})"
