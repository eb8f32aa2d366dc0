"""Figures of a plan: isoFLOP curves with bands and N*, loss against compute, and N* and D* against the budget."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bayescale.basics.intervals import DEFAULT_MASS
from bayescale.basics.quantities import format_quantity
from bayescale.data.runs import Runs
from bayescale.planning.allocation import checked_budgets, optimum
from bayescale.plots.style import COLOURS, GREY, axes_of, cycle, draw_bands, finish, new_figure, outcome_label, tails
from bayescale.posterior.ensembles import Posterior, first_fit
from bayescale.posterior.fit import Fit
from bayescale.posterior.forecasting import forecast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GRID = 60


def plot_plan(fit: Posterior, C: ArrayLike, *, ci_prob: float = DEFAULT_MASS, seed: int = 0) -> "Figure":
    """IsoFLOP curves beside loss against compute, at the given budgets.

    Parameters
    ----------
    fit : Fit or Ensemble
        Fit of a law in N and D.
    C : array_like, shape (budget,) or scalar
        Budgets, FLOP.
    ci_prob : float
        Mass of the outer band; the inner band has half of it.
    seed : int

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(11, 4.6)
    left, right = figure.subplots(1, 2)
    plot_isoflop(fit, C, ax=left, ci_prob=ci_prob, seed=seed)
    plot_loss_against_compute(fit, C, ax=right, ci_prob=ci_prob, seed=seed)
    figure.suptitle(f"{fit.title} fitted to {len(fit.runs)} runs of {Path(fit.dataset).name}")
    return figure


def plot_isoflop(
    fit: Posterior, C: ArrayLike, *, ax: "Axes | None" = None, ci_prob: float = DEFAULT_MASS, seed: int = 0
) -> "Axes":
    """Predicted loss along each curve of constant compute, with the interval of its optimum, N*."""
    ax, budgets = axes_of(ax), checked_budgets(C)
    best = optimum(fit, budgets, seed=seed).draws
    for i, (budget, colour) in enumerate(zip(budgets, cycle(len(budgets)), strict=True)):
        low, middle, high = tails(best["N"].isel(budget=i), ci_prob)
        sizes = np.geomspace(low / 8, high * 8, _GRID)
        bands = forecast(fit, seed=seed, N=sizes, D=first_fit(fit).count.tokens(budget, sizes)).draws["predictive"]
        draw_bands(ax, sizes, bands, ci_prob, colour, f"{format_quantity(budget)} FLOP")
        level = float(best["latent"].isel(budget=i).median())
        ax.plot([low, high], [level, level], color=colour, linewidth=4, alpha=0.8, solid_capstyle="butt")
        ax.plot(middle, level, "o", color=colour, markeredgecolor="black", markersize=7)
        label = f"N* {format_quantity(middle)}\n[{format_quantity(low)}, {format_quantity(high)}]"
        ax.annotate(
            label, (middle, level), xytext=(0, -14), textcoords="offset points", ha="center", va="top", fontsize=8
        )
    ax.margins(y=0.2)
    finish(ax, "Parameters N", outcome_label(fit), "Loss along isoFLOP curves, and N*")
    ax.legend(title=f"{0.5 * ci_prob:.0%} and {ci_prob:.0%} bands", fontsize=8, title_fontsize=8, loc="upper center")
    return ax


def plot_loss_against_compute(
    fit: Posterior,
    C: ArrayLike,
    *,
    held_out: Runs | None = None,
    ax: "Axes | None" = None,
    ci_prob: float = DEFAULT_MASS,
    seed: int = 0,
) -> "Axes":
    """Predicted loss of compute-optimal runs from the smallest run to the largest budget, with the runs.

    Runs that were held out of the fit can be shown as well.
    """
    ax = axes_of(ax)
    runs = fit.runs
    compute = runs.column("C")
    grid = np.geomspace(compute.min(), max(*checked_budgets(C), compute.max()), _GRID)
    best = optimum(fit, grid, seed=seed).draws
    draw_bands(ax, grid, best["loss"].rename(budget="point"), ci_prob, COLOURS[0], "compute-optimal run")
    ax.plot(compute, runs.column(fit.outcome), "o", color=GREY, markersize=3, alpha=0.7, label="runs")
    if held_out is not None:
        ax.plot(
            held_out.column("C"),
            held_out.column(fit.outcome),
            "D",
            color=COLOURS[1],
            markersize=4,
            label="runs held out",
        )
    if isinstance(fit, Fit) and "E" in fit.parameters:
        ax.axhline(
            float(np.median(fit.parameters["E"])), color="black", linestyle=":", linewidth=1, label="irreducible loss E"
        )
    ax.axvspan(compute.max(), grid[-1], color="0.92", zorder=0, label="extrapolated")
    finish(ax, "Training compute C (FLOP)", outcome_label(fit), "Loss against compute")
    ax.legend(fontsize=8)
    return ax


def plot_optimum(
    fit: Posterior, C: ArrayLike, *, ax: "Axes | None" = None, ci_prob: float = DEFAULT_MASS, seed: int = 0
) -> "Axes":
    """Compute-optimal parameters and tokens against the budget, from the largest run to the largest budget."""
    ax = axes_of(ax)
    largest = float(fit.runs.column("C").max())
    budgets = checked_budgets(C)
    grid = np.geomspace(min(largest, *budgets), max(*budgets, 10 * largest), _GRID // 2)
    best = optimum(fit, grid, seed=seed).draws
    for name, label, colour in (("N", "parameters N*", COLOURS[0]), ("D", "tokens D*", COLOURS[1])):
        draw_bands(ax, grid, best[name].rename(budget="point"), ci_prob, colour, label)
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(lambda value, _: format_quantity(value))
    finish(ax, "Training compute C (FLOP)", "Parameters, tokens", "Compute-optimal size and data")
    ax.legend(title=f"{0.5 * ci_prob:.0%} and {ci_prob:.0%} bands", fontsize=8, title_fontsize=8)
    return ax
