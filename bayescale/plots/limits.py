"""Figure of the limits to training by year."""

from typing import TYPE_CHECKING

import numpy as np

from bayescale.basics.intervals import DEFAULT_MASS
from bayescale.planning.limits import Limits
from bayescale.planning.outlook import LARGEST, TREND
from bayescale.plots.labels import band_words, figure_heading, log_axis, plain, ranged
from bayescale.plots.style import current, draw_bars, new_figure, themed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_RARE = 0.01
"""Probability below which no digits are shown."""


@themed
def plot_limits(found: Limits, *, ci_prob: float = DEFAULT_MASS) -> "Figure":
    """Median and intervals of each limit, of their minimum and of the trend; a panel per year.

    Parameters
    ----------
    found : Limits
    ci_prob : float
        Mass of the thin bars; the thick ones have half of the probability.

    Returns
    -------
    matplotlib.figure.Figure
    """
    titles, years = found.titles, found.draws["year"].to_numpy()
    figure = new_figure(9, 1.1 + (0.55 + 0.36 * len(titles)) * len(years))
    panels = figure.subplots(len(years), 1, sharex=True, squeeze=False)[:, 0]
    for ax, year in zip(panels, years, strict=True):
        _draw_limits(ax, found, year, ci_prob)
    panels[-1].set_xlabel("Training compute (FLOP)")
    log_axis(panels[-1].xaxis, ticks=9)
    largest = found.quantities[LARGEST].sel(year=years[-1])
    binding = found.binding.sel(year=years[-1]).to_series()
    first = f"{titles[str(binding.idxmax())].split(',')[0].lower()} binds with probability {binding.max():.2f}"
    finding = f"Largest feasible run in {years[-1]:g}: {ranged(largest, ci_prob)} FLOP; {first}"
    figure_heading(figure, plain(finding), f"Points: medians. Thick and thin bars: {band_words(ci_prob)}.")
    return figure


def _chance(probability: float) -> str:
    return f"= {probability:.2f}" if probability >= _RARE else f"< {_RARE:g}"


def _draw_limits(ax: "Axes", found: Limits, year: float, mass: float) -> None:
    """The quantities in one year, the first on top, with their intervals and the probability that each limit binds."""
    quantities, titles = found.quantities.sel(year=year), found.titles
    binding = found.binding.sel(year=year).to_series()
    colours = {LARGEST: current().colour(1), TREND: current().muted}
    for row, name in enumerate(titles):
        draw_bars(ax, quantities[name], -row, mass, colours.get(name, current().colour(0)))
        binds = f", binds with P {_chance(binding[name])}" if name in binding else ""
        said = ranged(quantities[name], mass, 2) + binds
        ax.annotate(said, (1.01, -row), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    ax.axhline(0.5 - len(binding), color=current().muted, linewidth=0.8)
    ax.set_yticks(-np.arange(len(titles)), [plain(title) for title in titles.values()])
    ax.set_ylim(0.5 - len(titles), 0.5)
    ax.set_xscale("log")
    ax.set_title(f"{year:g}", loc="left", fontsize=9)
    ax.grid(visible=False, axis="y")
