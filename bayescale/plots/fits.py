"""Figures of a fit: the runs, parameters beside published ones, and residuals."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.errors import LawError
from bayescale.basics.intervals import DEFAULT_MASS, SAMPLE_DIMS, interval_ends, tail_probabilities
from bayescale.basics.wording import listed
from bayescale.data.runs import Runs
from bayescale.laws.links import BY_RATIO
from bayescale.laws.parameters import PublishedFit
from bayescale.plots.labels import (
    AXES,
    band_words,
    colour_bar,
    compact,
    flop,
    heading,
    input_label,
    labelled,
    log_axis,
    plain,
    ranged,
    symbol,
)
from bayescale.plots.style import FINE, axes_of, compute_colours, current, dots, draw_bands, draw_bars, themed
from bayescale.posterior.fit import Fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

_MOST, _WIDE = 0.995, 8.0
"""Mass of the draws of a positive parameter that differ by this ratio if they are shown as logarithms."""
_BUDGETS = 5
"""Approximate number of lines of constant compute through the runs."""


@themed
def plot_runs(runs: Runs, *, ax: "Axes | None" = None) -> "Axes":
    """The runs in parameters and tokens, coloured by outcome, with lines of constant compute, as the runs count it.

    Parameters
    ----------
    runs : Runs
        With columns ``N`` and ``D``.
    ax : matplotlib axes, optional
    """
    ax = axes_of(ax, width=7)
    N, D, outcome = runs.column("N"), runs.column("D"), runs.column(runs.outcome)
    positive = runs.domain in BY_RATIO
    colours, norm = compute_colours(outcome if positive else [1.0, 10.0])
    points = ax.scatter(
        N, D, c=outcome, cmap=colours, norm=norm if positive else None, s=26, edgecolor=current().ink, linewidth=0.4
    )
    colour_bar(ax, points, labelled(runs.outcome, runs.outcome_unit), log=positive)
    ax.set(xlim=(N.min() / 1.5, N.max() * 1.5), ylim=(D.min() / 1.6, D.max() * 2.5), xlabel=AXES["N"], ylabel=AXES["D"])
    log_axis(ax.xaxis)
    log_axis(ax.yaxis)
    sizes = f"{_span(N)} parameters, {_span(D)} tokens"
    name = plain(Path(runs.source).name)
    heading(ax, f"{len(runs)} runs of {name}: {sizes}", f"Lines: constant compute, {plain(runs.count.words)}.")
    _draw_compute(ax, runs)
    return ax


def _span(values: Array) -> str:
    low, high = compact(float(values.min())), compact(float(values.max()))
    return low if low == high else f"{low} to {high}"


def _draw_compute(ax: "Axes", runs: Runs) -> None:
    """Lines of constant compute, each with its label along it where it is farthest from the runs."""
    count, figure = runs.count, ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # the layout has to be known before texts can be placed
    N, D = runs.column("N"), runs.column("D")
    trained = ax.transData.transform(np.column_stack([N, D]))
    compute = np.log10(count(N, D))
    low, high = compute.min(), compute.max()
    step, em = max(1, round((high - low) / _BUDGETS)), 7 * figure.dpi / 72
    for exponent in range(int(np.ceil(low)), int(high) + 1, step):
        line = np.geomspace(*ax.get_xlim(), FINE)
        tokens = count.tokens(10.0**exponent, line)
        ax.plot(line, tokens, color=current().muted, linewidth=0.7, alpha=0.6, zorder=0)
        at = ax.transData.transform(np.column_stack([line, tokens]))
        box = ax.get_window_extent().padded(-4 * em)
        free = [(_distance(trained, at, i, em), i) for i in range(1, FINE - 1) if box.contains(*at[i])]
        if not free:
            continue
        i = max(free)[1]
        angle = float(np.degrees(np.arctan2(*(at[i + 1] - at[i - 1])[::-1])))
        ax.annotate(
            flop(10.0**exponent), (line[i], tokens[i]), (0, 1), textcoords="offset points", fontsize=7,
            color=current().muted, rotation=angle, rotation_mode="anchor", va="bottom", ha="center",
        )  # fmt: skip


def _distance(trained: Array, line: Array, i: int, em: float) -> float:
    """Distance (pixels) between the runs and a label above the i-th point of a line."""
    along = (line[i + 1] - line[i - 1]) / np.hypot(*(line[i + 1] - line[i - 1]))
    above = np.array([-along[1], along[0]])
    letters = line[i] + 0.7 * em * above + np.outer(np.linspace(-2.7, 2.7, 7) * em, along)
    return float(np.linalg.norm(trained[:, None] - letters, axis=-1).min())


@themed
def plot_parameters(
    fit: Fit, names: tuple[str, ...] = (), *, ax: "Axes | None" = None, ci_prob: float = DEFAULT_MASS
) -> "Axes":
    """Posterior intervals of parameters and published values, as distances from the posterior median.

    Distances are in posterior standard deviations, so that parameters of all sizes share an axis.

    Parameters
    ----------
    fit : Fit
    names : tuple of str
        By default those with published values, or if there are none, those that the law reports.
    ax : matplotlib axes, optional
    ci_prob : float
        Mass of the thin bars; the thick ones have half of the probability.
    """
    from matplotlib.ticker import MaxNLocator

    published = fit.law.published
    chosen = chosen_parameters(fit, names)
    ax = axes_of(ax, width=7.6, height=1.5 + 0.5 * len(chosen))
    posterior = fit.groups["posterior"].to_dataset()
    for row, name in enumerate(chosen):
        scaled = _scale(posterior[name])
        draw_bars(ax, posterior[name].copy(data=scaled(posterior[name].to_numpy())), -row, ci_prob, current().colour(0))
        for k, each in enumerate(published):
            if name in each.values:
                ends = [float(scaled(value)) for value in _published(each, name, posterior[name], ci_prob)]
                place, colour = -row - 0.2 * (k + 1), current().colour(k + 1)
                ax.plot([ends[0], ends[2]], [place, place], color=colour, linewidth=1.2, zorder=3)
                ax.plot(ends[1], place, "s", color=colour, markersize=4, zorder=4)
        said = f"{ranged(posterior[name], ci_prob)} {plain(fit.law.units.get(name, ''))}"
        ax.annotate(said.strip(), (1.02, -row), xycoords=("axes fraction", "data"), va="center")
    ax.set_yticks(-np.arange(len(chosen)), [symbol(name) for name in chosen], fontsize=11)
    ax.set_ylim(0.4 - len(chosen) - 0.1 * len(published), 0.5)
    ax.plot([], [], "o-", color=current().colour(0), linewidth=2, markerfacecolor=current().paper, label="posterior")
    for k, each in enumerate(published):
        ax.plot([], [], "s-", color=current().colour(k + 1), markersize=4, label=plain(_authors(each)))
    ax.grid(visible=False, axis="y")
    ax.axvline(0, color=current().muted, linewidth=0.8, zorder=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.margins(x=0.04)
    ax.set_xlabel("Distance from the posterior median (posterior standard deviations)")
    agreed = [_agreement(posterior, each, chosen, ci_prob) for each in published if set(chosen) & each.values.keys()]
    finding = f"Published values inside the {100 * ci_prob:g} % interval: {', '.join(agreed)}"
    title = f"Parameters of {fit.law.title}, fitted to {fit.record.n_runs} runs of {Path(fit.dataset).name}"
    logs = [symbol(name) for name in chosen if logarithmic(posterior[name].to_numpy())]
    of_logs = f" Distances of {listed(logs)}: of the logarithm." if logs else ""
    detail = f"Thick and thin bars: {band_words(ci_prob)}. Right: median [{100 * ci_prob:g} % interval].{of_logs}"
    heading(ax, plain(finding if agreed else title), detail, legend=True)
    return ax


def _scale(draws: xr.DataArray) -> Callable[[Any], Any]:
    """The distance from the median in standard deviations; that of logarithms for positive draws that differ much."""
    scaled = np.log if logarithmic(draws.to_numpy()) else np.asarray
    middle, sd = scaled(float(draws.median())), float(np.std(scaled(draws.to_numpy()))) or 1.0
    return lambda values: (scaled(values) - middle) / sd


def logarithmic(values: Array) -> bool:
    """Whether draws of a parameter are positive and differ so much that their logarithms are shown."""
    low, high = np.quantile(values, tail_probabilities(_MOST))
    return bool(low > 0 and high > _WIDE * low)


def chosen_parameters(fit: Fit, names: tuple[str, ...]) -> tuple[str, ...]:
    """The parameters asked for, or those with published values, or those that the law reports.

    Raises
    ------
    LawError
        If the fit has no parameter of that name.
    """
    unknown = [name for name in names if name not in fit.parameters]
    if unknown:
        raise LawError(f"law {fit.law.name!r} has no parameter {unknown[0]!r}: choose from {', '.join(fit.parameters)}")
    known = [name for name in fit.parameters if any(name in each.values for each in fit.law.published)]
    return names or tuple(known) or tuple(item.name for item in fit.law.derived or fit.law.parameters)


def _published(each: PublishedFit, name: str, draws: xr.DataArray, mass: float) -> tuple[float, float, float]:
    """A published value between the ends of its interval, which is of the logarithm where that of the draws is."""
    from scipy.special import ndtri

    value, error = each.values[name], ndtri((1 + mass) / 2) * each.standard_errors.get(name, 0.0)
    if logarithmic(draws.to_numpy()):
        factor = float(np.exp(error / value))
        return value / factor, value, value * factor
    return value - error, value, value + error


def _authors(each: PublishedFit) -> str:
    return each.citation.split(",")[0]


def _agreement(posterior: xr.Dataset, each: PublishedFit, chosen: tuple[str, ...], mass: float) -> str:
    """How many of a publication's values the posterior's intervals contain."""
    shared = [name for name in chosen if name in each.values]
    ends = [(interval_ends(posterior[name], mass), each.values[name]) for name in shared]
    inside = sum(bool(low <= value <= high) for (low, _, high), value in ends)
    return f"{inside}\N{NO-BREAK SPACE}of\N{NO-BREAK SPACE}{len(shared)} ({_authors(each)})"


@themed
def plot_residuals(fit: Fit, along: str = "N", *, ax: "Axes | None" = None, ci_prob: float = DEFAULT_MASS) -> "Axes":
    """Residual of each run against an input of the law, with the model discrepancy if the fit has one.

    The discrepancy is a function of all inputs; its band is that along the middle of the runs.

    Parameters
    ----------
    fit : Fit
    along : str
        Input of the law.
    ax : matplotlib axes, optional
    ci_prob : float
        Mass of the outer band of the model discrepancy; the inner one has half of the probability.
    """
    ax = axes_of(ax, width=7)
    item = next(item for item in fit.law.inputs if item.name == along)
    residuals = fit.residuals()
    middle = np.median(residuals, axis=0)
    ax.plot(fit.inputs[along], middle, color=current().muted, label="runs, minus the law", **dots(4))
    if fit.basis is not None:
        grid, path = _middle(fit, along)
        drawn = fit.conditional.draw(fit.law.located(path), np.random.default_rng(fit.record.seed))
        error = xr.DataArray(fit.in_chains(drawn), dims=(*SAMPLE_DIMS, "point"))
        draw_bands(ax, grid, error, ci_prob, current().colour(1), f"model discrepancy, {band_words(ci_prob)}")
    ax.axhline(0, color=current().ink, linewidth=0.8)
    ax.set(xlabel=input_label(item), ylabel=plain(f"Outcome minus law ({fit.law.scale_unit})"))
    ax.margins(x=0.03)
    if item.linear is None:
        log_axis(ax.xaxis)
    rms = xr.DataArray(fit.in_chains(np.sqrt(np.square(residuals).mean(axis=1))), dims=SAMPLE_DIMS)
    percent = fit.law.link.relative
    scatter = f"{ranged(100 * rms, ci_prob)} %" if percent else f"{ranged(rms, ci_prob)} {plain(fit.law.scale_unit)}"
    detail = f"Root mean square, median [{100 * ci_prob:g} % interval].{' A residual of 0.01 is about 1 %.' * percent}"
    heading(ax, f"The runs lie {scatter} from the law ({plain(fit.law.title)}) itself", detail, legend=True)
    return ax


def _middle(fit: Fit, along: str) -> tuple[Array, dict[str, Array]]:
    """An even grid of one input, and the others where the runs have them on average, by regression on it."""
    coordinates = {item.name: np.log if item.linear is None else np.asarray for item in fit.law.inputs}
    back = {item.name: np.exp if item.linear is None else np.asarray for item in fit.law.inputs}
    x = coordinates[along](fit.inputs[along])
    grid = np.linspace(x.min(), x.max(), FINE)
    path = {}
    for name, scaled in coordinates.items():
        values = scaled(fit.inputs[name])
        slope, level = np.polyfit(x - x.mean(), values, 1) if np.ptp(x) > 0 else (0.0, values.mean())
        path[name] = back[name](np.clip(level + slope * (grid - x.mean()), values.min(), values.max()))
    return path[along], path
