"""Figures of the draws themselves: pairs of parameters, and prior beside posterior, by densities."""

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.intervals import DEFAULT_MASS, tail_probabilities
from bayescale.plots.fits import chosen_parameters, logarithmic
from bayescale.plots.labels import band_words, compact, figure_heading, log_axis, plain, ranged, symbol
from bayescale.plots.style import FINE, current, density, masses, new_figure, themed
from bayescale.posterior.fit import Fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

_SHOWN = 0.995
"""Mass of the draws that an axis shows."""
_DEPTHS = (0.2, 0.35)
"""Opacity of the outer and of the inner region."""
_COLUMNS = 3
_CELLS = 80
"""Cells of a density of two parameters along each of them."""
_SMOOTH = 3.0
"""Standard deviation of the kernel that smooths it, cells."""
_REACH = 5.0
"""Standard deviations that it covers on either side."""


@themed
def plot_pairs(fit: Fit, names: tuple[str, ...] = (), *, ci_prob: float = DEFAULT_MASS) -> "Figure":
    """Smallest regions of pairs of parameters that hold a mass, beneath densities of each parameter.

    Parameters
    ----------
    fit : Fit
    names : tuple of str
        By default those with published values, or if there are none, those that the law reports.
    ci_prob : float
        Mass of the outer region and interval; the inner ones have half of the probability.

    Returns
    -------
    matplotlib.figure.Figure
    """
    chosen = chosen_parameters(fit, names)
    n = len(chosen)
    figure = new_figure(1.45 * n + 0.6, 1.3 * n + 1.0)
    panels = figure.subplots(n, n, squeeze=False)
    draws = {name: fit.parameters[name] for name in chosen}
    for i, row in enumerate(chosen):
        for j, column in enumerate(chosen):
            ax = panels[i, j]
            if j > i:
                ax.remove()
                continue
            ax.grid(visible=False)
            if i == j:
                _draw_density(ax, draws[row], _window(draws[row]), ci_prob)
            else:
                _draw_regions(ax, draws[column], draws[row], ci_prob)
                _few_ticks(ax.yaxis, draws[row])
            _few_ticks(ax.xaxis, draws[column])
            ax.tick_params(labelbottom=i == n - 1, labelleft=j == 0 and i > 0, labelsize=7.5)
            ax.set_xlabel(_named(fit, column) if i == n - 1 else "")
            ax.set_ylabel(_named(fit, row) if j == 0 and i > 0 else "")
    figure.align_labels()
    figure_heading(figure, _strongest(draws), f"Regions and shaded intervals: {band_words(ci_prob)} of the posterior.")
    return figure


def _strongest(draws: Mapping[str, Array]) -> str:
    """The pair of parameters that depend on each other most, by Spearman's rank correlation."""
    if len(draws) < 2:
        return f"Posterior of {symbol(next(iter(draws)))}"
    ranks = {name: values.argsort().argsort() for name, values in draws.items()}
    found = {(a, b): float(np.corrcoef(ranks[a], ranks[b])[0, 1]) for a, b in combinations(draws, 2)}
    first, second = max(found, key=lambda pair: abs(found[pair]))
    value = compact(found[first, second])
    return f"{symbol(first)} and {symbol(second)} depend on each other most: rank correlation {value}"


@themed
def plot_prior_posterior(fit: Fit, names: tuple[str, ...] = (), *, ci_prob: float = DEFAULT_MASS) -> "Figure":
    """Prior and posterior density of each parameter, and the posterior's intervals.

    Parameters
    ----------
    fit : Fit
    names : tuple of str
        By default those with published values, or if there are none, those that the law reports.
    ci_prob : float
        Mass of the outer shaded interval; the inner one has half of the probability.

    Returns
    -------
    matplotlib.figure.Figure
    """
    chosen = chosen_parameters(fit, names)
    columns = min(_COLUMNS, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = new_figure(2.9 * columns + 0.4, 2.15 * rows + 0.9)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    posterior, prior = (fit.groups[name].to_dataset() for name in ("posterior", "prior"))
    shares = {}
    for ax, name in zip(panels, chosen, strict=False):
        after, before = (group[name].to_numpy().ravel() for group in (posterior, prior))
        log, ends = logarithmic(after), _window(after, beyond=0.7)
        widths = [float(np.ptp(np.quantile(each, tail_probabilities(ci_prob)))) for each in (after, before)]
        shares[name] = widths[0] / widths[1]
        _draw_density(ax, after, ends, ci_prob)
        ax.plot(*_density(before, ends, log), color=current().muted, linewidth=1.4, linestyle=(0, (4, 2)), zorder=3)
        ax.set_xlabel(_named(fit, name))
        ax.set_ylabel("Density" if ax.get_subplotspec().is_first_col() else "")
        _few_ticks(ax.xaxis, after, 5)
        ax.set_title(f"{symbol(name)}: {ranged(posterior[name], ci_prob)}", loc="left", fontsize=8.5, weight="normal")
        ax.grid(visible=False)
    for ax in panels[len(chosen) :]:
        ax.remove()
    said = [f"{compact(shares[name], 2)} ({symbol(name)})" for name in sorted(shares, key=shares.__getitem__)]
    ratio = " to ".join(dict.fromkeys((said[0], said[-1])))
    key = f"Solid: posterior, with its {band_words(ci_prob)} intervals. Dashed: prior. Titles: median and interval."
    figure_heading(figure, f"{100 * ci_prob:g} % intervals are {ratio} times as wide as those of the prior", key)
    return figure


def _named(fit: Fit, name: str) -> str:
    return f"{symbol(name)} ({plain(fit.law.units.get(name) or 'no unit')})"


def _window(values: Array, beyond: float = 0.0) -> tuple[float, float]:
    """The range of an axis: nearly all draws, and a share of their spread on either side if draws may lie there."""
    low, high = (float(q) for q in np.quantile(values, tail_probabilities(_SHOWN)))
    if logarithmic(values):
        factor = (high / low) ** (0.5 * beyond)
        return low / factor, high * factor
    left = low - beyond * (high - low)
    return max(left, 0.0) if values.min() >= 0 else left, high + beyond * (high - low)


def _density(values: Array, ends: tuple[float, float], log: bool) -> tuple[Array, Array]:
    """Density of draws, or of their logarithms on a logarithmic axis; positive draws are smoothed as logarithms."""
    grid = np.geomspace(*ends, FINE) if log else np.linspace(*ends, FINE)
    if values.min() <= 0:
        return grid, density(values, grid)
    grid = grid[grid > 0]
    of_log = density(np.log(values), np.log(grid))
    return grid, of_log if log else of_log / grid


def _draw_density(ax: "Axes", values: Array, ends: tuple[float, float], mass: float) -> None:
    """The posterior density over a range, its intervals shaded."""
    grid, height = _density(values, ends, logarithmic(values))
    colour = current().colour(0)
    for share, depth in zip(masses(mass), _DEPTHS, strict=False):
        low, high = np.quantile(values, tail_probabilities(share))
        inside = np.linspace(low, high, FINE)
        ax.fill_between(inside, np.interp(inside, grid, height), color=colour, alpha=depth, linewidth=0)
    ax.plot(grid, height, color=colour, linewidth=1.4)
    ax.set(xlim=ends, yticks=[])
    ax.set_ylim(0, 1.08 * float(height.max()))
    ax.spines["left"].set_visible(False)


def _draw_regions(ax: "Axes", x: Array, y: Array, mass: float) -> None:
    """The smallest regions that hold the masses, of a histogram smoothed along the axes of the draws' covariance."""
    from scipy.ndimage import gaussian_filter

    logs = [logarithmic(values) for values in (x, y)]
    draws = np.stack([np.log(values) if log else values for values, log in zip((x, y), logs, strict=True)])
    root = np.linalg.cholesky(np.cov(draws) + 1e-12 * np.diag(np.var(draws, axis=1)))
    centre = draws.mean(axis=1)
    round_draws = np.linalg.solve(root, draws - centre[:, None])
    edges = np.linspace(-_REACH, _REACH, _CELLS + 1)
    counts, _, _ = np.histogram2d(round_draws[0], round_draws[1], bins=edges)
    smooth = gaussian_filter(counts, _SMOOTH)
    places = np.clip(np.digitize(round_draws, edges) - 1, 0, _CELLS - 1)
    levels = [float(np.quantile(smooth[*places], 1 - share)) for share in masses(mass)]
    middles = np.stack(np.meshgrid(edges[1:] + edges[:-1], edges[1:] + edges[:-1], indexing="ij")) / 2
    back = np.tensordot(root, middles, 1) + centre[:, None, None]
    mesh = [np.exp(values) if log else values for values, log in zip(back, logs, strict=True)]
    colour = current().colour(0)
    for level, depth in zip(levels, _DEPTHS, strict=False):
        ax.contourf(*mesh, smooth, [level, np.inf], colors=[colour], alpha=depth)
        ax.contour(*mesh, smooth, [level], colors=[colour], linewidths=0.8)
    ax.set(xlim=_window(x), ylim=_window(y), yscale="log" if logs[1] else "linear")


def _few_ticks(axis: "Axis", values: Array, most: int = 3) -> None:
    """A few ticks, which fit under a small panel."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    if logarithmic(values):
        log_axis(axis, ticks=3)
        return
    axis.set_major_locator(MaxNLocator(nbins=most, steps=[1, 2, 5, 10], prune="both"))
    axis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
