"""Figures of a plan: isoFLOP curves with bands and N*, loss against compute, and N* and D* against the budget."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.intervals import DEFAULT_MASS, interval_ends
from bayescale.data.runs import Runs
from bayescale.planning.allocation import checked_budgets, optimum
from bayescale.plots.curves import optima_along
from bayescale.plots.labels import (
    AXES,
    End,
    band_words,
    colour_bar,
    flop,
    footnote,
    heading,
    label_ends,
    log_axis,
    outcome_label,
    plain,
    ranged,
    words,
)
from bayescale.plots.style import (
    FINE,
    axes_of,
    compute_colours,
    current,
    cycle,
    dots,
    draw_bands,
    draw_bars,
    new_figure,
    themed,
)
from bayescale.posterior.curves import outcomes_along
from bayescale.posterior.ensembles import Posterior, first_fit
from bayescale.posterior.fit import Fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_AROUND = 4.0
"""Factor beyond the interval of N* to which an isoFLOP curve is drawn on either side."""
_LINES = 4
"""Approximate number of isoFLOP curves through the runs."""
_DIGITS = 4
"""Digits of an outcome, which differs little between budgets."""


@themed
def plot_plan(fit: Posterior, C: ArrayLike, *, ci_prob: float = DEFAULT_MASS, seed: int = 0) -> "Figure":
    """IsoFLOP curves beside loss against compute, at the given budgets.

    Parameters
    ----------
    fit : Fit or Ensemble
        Fit of a law in N and D.
    C : array_like, shape (budget,) or scalar
        Budgets, FLOP.
    ci_prob : float
        Mass of the outer band; the inner band has half of the probability.
    seed : int

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(12, 5)
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.06})
    plot_isoflop(fit, C, ax=left, ci_prob=ci_prob, seed=seed)
    plot_loss_against_compute(fit, C, ax=right, ci_prob=ci_prob, seed=seed)
    source = f"{fit.title}, fitted to {len(fit.runs)} runs of {Path(fit.dataset).name}"
    footnote(figure, plain(source))
    return figure


@themed
def plot_isoflop(
    fit: Posterior, C: ArrayLike, *, ax: "Axes | None" = None, ci_prob: float = DEFAULT_MASS, seed: int = 0
) -> "Axes":
    """Predicted loss along each curve of constant compute, with the interval of its optimum, N*, and the fitted runs.

    Runs and curves have the colour of their compute. The lines without bands are the law's median at the compute of
    the runs.

    Parameters
    ----------
    fit : Fit or Ensemble
    C : array_like, shape (budget,) or scalar
        Budgets, FLOP.
    ax : matplotlib axes, optional
    ci_prob : float
        Mass of the outer band and bar; the inner ones have half of the probability.
    seed : int
    """
    ax, budgets, runs = axes_of(ax, width=7), checked_budgets(C), fit.runs
    best = optimum(fit, budgets, seed=seed).draws
    colours, norm = compute_colours([*budgets, *runs.column("C")])
    _draw_runs(ax, fit, colours, norm, seed)
    ends = []
    for i, budget in enumerate(budgets):
        colour = colours(norm(budget))
        low, _, high = interval_ends(best["N"].isel(budget=i), ci_prob)
        sizes = np.geomspace(low / _AROUND, high * _AROUND, FINE // 2)
        along = _isoflop(fit, budget, sizes, seed)["predictive"]
        draw_bands(ax, sizes, along, ci_prob, colour)
        level = float(best["latent"].isel(budget=i).median())
        draw_bars(ax, best["N"].isel(budget=i), level, ci_prob, colour)
        said = ranged(best["N"].isel(budget=i), ci_prob).replace("\N{NO-BREAK SPACE}[", "\n[")
        last = float(along.isel(point=-1).median())
        ends.append(End(sizes[-1], last, f"{flop(budget)}\nN* {said}", colour))
    ax.set(xlabel=AXES["N"], ylabel=outcome_label(fit))
    ax.margins(x=0.02, y=0.04)
    log_axis(ax.xaxis)
    log_axis(ax.yaxis)
    stated = [f"{ranged(best['N'].isel(budget=i), ci_prob)} at {flop(budgets[i])}" for i in _extremes(budgets)]
    detail = f"Points: runs. Bands: {band_words(ci_prob)} of new runs. Bars: {band_words(ci_prob)} of N*."
    heading(ax, f"Best size N* (parameters): {', '.join(stated)}", detail)
    label_ends(ax, ends)
    return ax


def _extremes(budgets: NDArray[np.float64]) -> list[int]:
    """Places of the smallest and the largest budget, or of the only one."""
    return sorted({int(budgets.argmin()), int(budgets.argmax())}, key=lambda i: float(budgets[i]))


def _draw_runs(ax: "Axes", fit: Posterior, colours: Any, norm: Any, seed: int) -> None:
    """The fitted runs and the law's median along isoFLOP curves through them, in colours of their compute."""
    runs = fit.runs
    N, D, compute = (runs.column(name) for name in "NDC")
    points = ax.scatter(
        N, runs.column(fit.outcome), c=compute, cmap=colours, norm=norm, s=14, edgecolor=current().ink, linewidth=0.3,
        zorder=2.5,
    )  # fmt: skip
    colour_bar(ax, points, AXES["C"])
    low, high = np.log10(compute).min(), np.log10(compute).max()
    step = max(1, round((high - low) / _LINES))
    for exponent in range(int(np.ceil(low)), int(high) + 1, step):
        sizes = np.geomspace(N.min(), N.max(), FINE // 4)
        tokens = first_fit(fit).count.tokens(10.0**exponent, sizes)
        sizes = sizes[(tokens > D.min()) & (tokens < D.max())]
        if len(sizes) > 1:
            middle = _isoflop(fit, 10.0**exponent, sizes, seed)["latent"].median(("chain", "draw"))
            ax.plot(sizes, middle, color=colours(norm(10.0**exponent)), linewidth=0.9, zorder=2)


def _isoflop(fit: Posterior, budget: float, sizes: NDArray[np.float64], seed: int) -> xr.Dataset:
    """Draws of the outcome of runs of several sizes on one budget."""
    return outcomes_along(fit, seed=seed, N=sizes, D=first_fit(fit).count.tokens(budget, sizes))


@themed
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

    Parameters
    ----------
    fit : Fit or Ensemble
    C : array_like, shape (budget,) or scalar
        Budgets, FLOP.
    held_out : Runs, optional
        Runs that were held out of the fit, shown as well.
    ax : matplotlib axes, optional
    ci_prob : float
        Mass of the outer band and bar; the inner ones have half of the probability.
    seed : int
    """
    ax, colour, budgets = axes_of(ax), current().colour(0), checked_budgets(C)
    compute = fit.runs.column("C")
    last = max(*budgets, compute.max())
    along = optima_along(fit, min(*budgets, compute.min()), last, seed=seed)
    draw_bands(ax, along["C"].to_numpy(), along["loss"], ci_prob, colour, "compute-optimal run")
    ax.plot(compute, fit.runs.column(fit.outcome), color=current().muted, label="fitted runs", **dots())
    if held_out is not None:
        losses, shape = held_out.column(fit.outcome), {**dots(), "marker": "D"}
        ax.plot(held_out.column("C"), losses, color=current().colour(1), label="runs held out", **shape)
    best = optimum(fit, budgets, seed=seed).draws["loss"]
    for i, budget in enumerate(budgets):
        draw_bars(ax, best.isel(budget=i), budget, ci_prob, colour, upright=True)
    if isinstance(fit, Fit) and "E" in fit.parameters:
        _draw_floor(ax, fit, ci_prob)
    ax.set(xlabel=AXES["C"], ylabel=outcome_label(fit))
    ax.margins(x=0.03, y=0.05)
    log_axis(ax.xaxis)
    log_axis(ax.yaxis)
    if last > compute.max():
        right = ax.get_xlim()[1]
        ax.axvspan(compute.max(), right, color=current().shade, zorder=0, linewidth=0, label="beyond the fitted runs")
        ax.set_xlim(right=right)
    largest = int(budgets.argmax())
    said = f"{ranged(best.isel(budget=largest), ci_prob, _DIGITS)}\N{NO-BREAK SPACE}{first_fit(fit).law.outcome_unit}"
    finding = f"{words(fit.outcome)} of the best run of {flop(budgets[largest])}: {plain(said)}"
    heading(ax, finding, f"Bands, and bars at the budgets: {band_words(ci_prob)} of new runs.", legend=True)
    return ax


def _draw_floor(ax: "Axes", fit: Fit, mass: float) -> None:
    """The irreducible loss: its median as a dotted line, its interval in words."""
    floor = fit.groups["posterior"]["E"]
    middle = float(np.median(fit.parameters["E"]))
    label = plain(f"irreducible {fit.outcome}") + f" $E$ {ranged(floor, mass)}"
    ax.axhline(middle, color=current().ink, linestyle=":", linewidth=1.2, label=label)


@themed
def plot_optimum(
    fit: Posterior, C: ArrayLike, *, ax: "Axes | None" = None, ci_prob: float = DEFAULT_MASS, seed: int = 0
) -> "Axes":
    """Compute-optimal parameters and tokens against the budget, from the largest run to the largest budget."""
    ax = axes_of(ax, width=7)
    largest = float(fit.runs.column("C").max())
    budgets = checked_budgets(C)
    along = optima_along(fit, min(largest, *budgets), max(*budgets, 10 * largest), seed=seed)
    compute, ends, growth = along["C"].to_numpy(), [], []
    for name, unit, colour in zip("ND", ("parameters", "tokens"), cycle(2), strict=True):
        draw_bands(ax, compute, along[name], ci_prob, colour)
        last = along[name].isel(budget=-1)
        power = np.log(last / along[name].isel(budget=0)) / np.log(compute[-1] / compute[0])
        growth.append(ranged(power, ci_prob, 2))
        said = f"{name}* {ranged(last, ci_prob)}".replace("\N{NO-BREAK SPACE}[", "\n[")
        ends.append(End(compute[-1], float(last.median()), f"{said}\n{unit}", colour))
    ax.set(xlabel=AXES["C"], ylabel="N* (parameters), D* (tokens)")
    ax.margins(x=0, y=0.04)
    log_axis(ax.xaxis)
    log_axis(ax.yaxis)
    detail = f"Bands: {band_words(ci_prob)}. Labels at {flop(compute[-1])}."
    heading(ax, f"N* grows as compute to the power of {growth[0]}, D* of {growth[1]}", detail)
    label_ends(ax, ends)
    return ax
