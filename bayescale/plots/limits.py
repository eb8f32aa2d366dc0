"""Figure of the limits to training by year."""

from typing import TYPE_CHECKING

import numpy as np

from bayescale.basics.quantities import format_quantity
from bayescale.planning.limits import Limits
from bayescale.planning.outlook import LARGEST, TREND
from bayescale.plots.style import COLOURS, new_figure, tails

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_limits(found: Limits) -> "Figure":
    """Median, interquartile box and 80 % interval of each limit, of their minimum and of the trend; a panel per year.

    Returns
    -------
    matplotlib.figure.Figure
    """
    titles, years = found.titles, found.draws["year"].to_numpy()
    figure = new_figure(8.5, 1.0 + (0.6 + 0.38 * len(titles)) * len(years))
    panels = figure.subplots(len(years), 1, sharex=True, squeeze=False)[:, 0]
    for ax, year in zip(panels, years, strict=True):
        _draw_limits(ax, found, year)
    panels[-1].set_xlabel("Training compute (FLOP): median, half of the probability (box), 80 % (whiskers)")
    return figure


def _draw_limits(ax: "Axes", found: Limits, year: float) -> None:
    """The quantities in one year, the first on top, with their medians and the probability that each limit binds."""
    quantities, titles = found.quantities.sel(year=year), found.titles
    binding = found.binding.sel(year=year).to_series()
    colours = {LARGEST: COLOURS[1], TREND: "0.6"}
    for row, name in enumerate(titles):
        (low, middle, high), (left, _, right) = (tails(quantities[name], mass) for mass in (0.8, 0.5))
        ax.bxp(
            [{"med": middle, "q1": left, "q3": right, "whislo": low, "whishi": high}],
            positions=[-row],
            orientation="horizontal",
            widths=0.55,
            showfliers=False,
            patch_artist=True,
            boxprops={"facecolor": colours.get(name, COLOURS[0]), "alpha": 0.55},
            medianprops={"color": "black", "linewidth": 2},
        )
        said = f"{format_quantity(middle)}{f', binds {binding[name]:.0%}' if name in binding else ''}"
        ax.annotate(said, (1.01, -row), xycoords=("axes fraction", "data"), va="center", fontsize=9)
    ax.axhline(0.5 - len(binding), color="0.5", linewidth=0.8)
    ax.set_yticks(-np.arange(len(titles)), list(titles.values()))
    ax.set(xscale="log", title=f"Limits to a training run in {year:g}")
    ax.grid(axis="x", color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)
