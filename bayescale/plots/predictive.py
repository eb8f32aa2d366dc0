"""Figures of prior and posterior predictive outcomes, and of a fit's calibration on its own runs."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.intervals import DEFAULT_MASS, SAMPLE_DIMS, interval_ends
from bayescale.basics.quantities import with_unit
from bayescale.laws.links import BY_RATIO, Link
from bayescale.plots.labels import AXES, band_words, heading, labelled, log_axis, plain
from bayescale.plots.style import DEPTHS, FINE, axes_of, bandwidth, current, density, dots, draw_bands, masses, themed
from bayescale.posterior.fit import Fit
from bayescale.posterior.replicates import Replicates, posterior_predictive
from bayescale.validation.calibration import Calibration

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

_CURVES = 40
_TABLES = 400
"""Replicated tables whose densities make the bands."""
_DIGITS = 4


@themed
def plot_predictive(drawn: Replicates, *, ax: "Axes | None" = None, ci_prob: float = DEFAULT_MASS) -> "Axes":
    """Curves that a model draws through the middle of the runs, bands of new runs there, and the observed runs.

    Parameters
    ----------
    drawn : Replicates
        From :func:`bayescale.prior_predictive` or :func:`bayescale.posterior_predictive`.
    ax : matplotlib axes, optional
    ci_prob : float
        Mass of the outer band; the inner band has half of the probability.
    """
    ax = axes_of(ax, width=7)
    curve, size = drawn.curve, drawn.curve["size"].to_numpy()
    each = curve["latent"].stack(sample=SAMPLE_DIMS).transpose("sample", "point").to_numpy()
    chosen = each[:: max(1, len(each) // _CURVES)][:_CURVES]
    ax.plot(size, chosen.T, color=current().colour(4), linewidth=0.5, alpha=0.5, zorder=1)
    draw_bands(ax, size, curve["predictive"], ci_prob, current().colour(0), f"a new run: median, {band_words(ci_prob)}")
    ax.plot([], [], color=current().colour(4), linewidth=1, label=f"{len(chosen)} drawn curves")
    ax.plot(drawn.size, drawn.draws["observed"], color=current().ink, label="observed runs", **dots())
    name = str(drawn.size.name)
    ax.set(
        xlabel=AXES.get(name, plain(with_unit(f"Size {name}", drawn.size.attrs["units"]))),
        ylabel=labelled(drawn.outcome, drawn.unit),
    )
    ax.margins(x=0.02)
    log_axis(ax.xaxis)
    if drawn.link.domain in BY_RATIO:
        log_axis(ax.yaxis)
    inside = _share_inside(drawn, ci_prob)
    kind = "Prior" if drawn.prior else "Posterior"
    finding = f"{kind} predictive: {100 * inside:.0f} % of the runs lie in their {100 * ci_prob:g} % interval"
    heading(ax, finding, "Curve and bands: through the middle of the runs.", legend=True)
    return ax


def _share_inside(drawn: Replicates, mass: float) -> float:
    """Share of the observed runs inside the interval of their own replicates."""
    low, _, high = interval_ends(drawn.draws["predictive"], mass)
    observed = drawn.draws["observed"].to_numpy()
    return float(((low <= observed) & (observed <= high)).mean())


@themed
def plot_predictive_check(
    fit: Fit, *, ax: "Axes | None" = None, ci_prob: float = DEFAULT_MASS, seed: int = 0
) -> "Axes":
    """Density of the observed outcomes, and bands of those of tables that the fit draws for the same runs.

    Parameters
    ----------
    fit : Fit
    ax : matplotlib axes, optional
    ci_prob : float
        Mass of the outer band; the inner band has half of the probability.
    seed : int
    """
    ax = axes_of(ax, width=7)
    drawn = posterior_predictive(fit, seed=seed)
    tables = drawn.draws["predictive"].stack(sample=SAMPLE_DIMS).transpose("sample", "run").to_numpy()
    tables = tables[:: max(1, len(tables) // _TABLES)][:_TABLES]
    observed = drawn.draws["observed"].to_numpy()
    grid = np.linspace(*_range(observed, drawn.link), FINE)
    width = bandwidth(observed)
    densities = xr.DataArray([[density(table, grid, width) for table in tables]], dims=(*SAMPLE_DIMS, "point"))
    draw_bands(ax, grid, densities, ci_prob, current().colour(0), f"replicated tables: median, {band_words(ci_prob)}")
    ax.plot(grid, density(observed, grid, width), color=current().ink, linewidth=1.6, label="observed runs")
    top = ax.get_ylim()[1]
    ax.plot(observed, np.full_like(observed, -0.04 * top), "|", color=current().ink, markersize=7, markeredgewidth=0.5)
    ax.set_ylim(-0.08 * top, top)
    unit = f"per {plain(drawn.unit)}" if drawn.unit else ""
    ax.set(xlabel=labelled(drawn.outcome, drawn.unit), ylabel=with_unit("Density of runs", unit))
    ax.margins(x=0)
    found = drawn.statistics(ci_prob)
    tail = (1 - ci_prob) / 2
    inside = int(found["probability"].between(tail, 1 - tail).sum())
    finding = (
        f"{inside} of {len(found)} statistics of the runs lie in the {100 * ci_prob:g} % interval of replicated tables"
    )
    heading(ax, finding, f"Statistics: {', '.join(found['statistic'])}. Marks below: runs.", legend=True)
    return ax


def _range(observed: Array, link: Link) -> tuple[float, float]:
    """The observed outcomes with room on either side, within the values that an outcome can have."""
    room = 0.15 * float(np.ptp(observed)) or 0.1
    low, high = link.ends
    return max(observed.min() - room, low), min(observed.max() + room, high)


@themed
def plot_calibration(found: Calibration, *, ax: "Axes | None" = None, ci_prob: float = DEFAULT_MASS) -> "Axes":
    """Share of runs below each place in their leave-one-out predictions (LOO-PIT), minus that of a calibrated fit.

    The bands contain the points of a calibrated fit with the given probability, one at a time.

    Parameters
    ----------
    found : Calibration
    ax : matplotlib axes, optional
    ci_prob : float
        Mass of the outer band; the inner band has half of the probability.
    """
    from scipy.special import bdtrik

    ax = axes_of(ax, width=7)
    places, n = np.sort(found.runs["probability"].to_numpy()), found.independent
    grid = np.linspace(0, 1, 2 * FINE + 1)[1:-1]
    for share, depth in zip(masses(ci_prob), DEPTHS, strict=False):
        # The binomial's quantile as a smooth function; half a run is the centre of a step.
        low, high = ((bdtrik((1 + side * share) / 2, n, grid) + 0.5) / n - grid for side in (-1, 1))
        label = f"{100 * share:g} % of calibrated fits"
        ax.fill_between(grid, low, high, color=current().colour(0), alpha=depth, linewidth=0, label=label)
    steps = np.repeat(np.arange(len(places) + 1) / len(places), 2)[1:-1] - np.repeat(places, 2)
    x, y = [0, *np.repeat(places, 2), 1], [0, *steps, 0]
    ax.plot(x, y, color=current().ink, linewidth=1.2, label=f"{len(places)} runs")
    ax.axhline(0, color=current().muted, linewidth=0.8, zorder=1)
    ax.set(
        xlim=(0, 1),
        xlabel="LOO-PIT: place of a run in its leave-one-out prediction (probability)",
        ylabel="Share of runs below, minus LOO-PIT (probability)",
    )
    row = found.summary().set_index("mass").loc[0.9]
    held, least, most = (f"{100 * row[name]:.0f}" for name in ("share", "low", "high"))
    inside = f"{held} % of the runs lie in their 90 % band ({least} to {most} % if calibrated)"
    detail = f"{plain(found.title)}. p: probability of places as uneven as these in a calibrated fit."
    heading(ax, f"{inside}; p = {found.p_value:.2g}", detail, legend=True)
    return ax
