"""Figures of prior and posterior predictive outcomes, and of a fit's calibration on its own runs."""

from typing import TYPE_CHECKING

import numpy as np

from bayescale.basics.intervals import DEFAULT_MASS, SAMPLE_DIMS
from bayescale.basics.quantities import with_unit
from bayescale.plots.style import COLOURS, GREY, axes_of, draw_bands, finish, plain
from bayescale.posterior.replicates import Replicates
from bayescale.validation.calibration import Calibration

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CURVES = 40


def plot_predictive(drawn: Replicates, *, ax: "Axes | None" = None, ci_prob: float = DEFAULT_MASS) -> "Axes":
    """Curves that a model draws through the middle of the runs, bands of new runs there, and the observed runs.

    Parameters
    ----------
    drawn : Replicates
        From :func:`bayescale.prior_predictive` or :func:`bayescale.posterior_predictive`.
    ax : matplotlib axes, optional
    ci_prob : float
        Mass of the outer band; the inner band has half of it.
    """
    ax = axes_of(ax)
    curve, size = drawn.curve, drawn.curve["size"].to_numpy()
    draw_bands(ax, size, curve["predictive"], ci_prob, COLOURS[0], "median, and bands of a run")
    each = curve["latent"].stack(sample=SAMPLE_DIMS).transpose("sample", "point").to_numpy()
    chosen = each[:: max(1, len(each) // _CURVES)]
    ax.plot(size, chosen.T, color=COLOURS[5], linewidth=0.5, alpha=0.6, zorder=1)
    ax.plot([], [], color=COLOURS[5], linewidth=0.5, label=f"{len(chosen)} drawn curves")
    ax.plot(drawn.size, drawn.draws["observed"], "o", color=GREY, markersize=3, alpha=0.7, label="observed runs")
    labels = {"C": "Training compute C"}
    name = str(drawn.size.name)
    what = "Prior" if drawn.prior else "Posterior"
    finish(
        ax,
        with_unit(labels.get(name, name), drawn.size.attrs["units"]),
        plain(with_unit(drawn.outcome.capitalize(), drawn.unit)),
        f"{what} predictive: {0.5 * ci_prob:.0%} and {ci_prob:.0%} bands",
    )
    if drawn.link.domain == "positive":
        ax.set_yscale("log")
    ax.legend(fontsize=8)
    return ax


def plot_calibration(found: Calibration, *, ax: "Axes | None" = None) -> "Axes":
    """Share of runs at or below each place in their leave-one-out predictions, minus that of a calibrated fit.

    The grey band contains 90 % of the points of a calibrated fit, one at a time.

    Parameters
    ----------
    found : Calibration
    ax : matplotlib axes, optional
    """
    from scipy.stats import binom

    ax = axes_of(ax)
    places = np.sort(found.runs["probability"].to_numpy())
    grid = np.linspace(0, 1, 201)
    low, high = (binom.ppf(tail, found.independent, grid) / found.independent - grid for tail in (0.05, 0.95))
    ax.fill_between(grid, low, high, color="0.88", label="90 % of calibrated fits, at each place")
    share, twice = np.arange(len(places) + 1) / len(places), np.repeat(places, 2)
    steps = np.repeat(share, 2)[1:-1] - twice
    ax.plot([0, *twice, 1], [0, *steps, 0], color=COLOURS[0], label=f"{len(places)} runs")
    ax.axhline(0, color=GREY, linewidth=0.8)
    ax.set(
        xlim=(0, 1),
        xlabel="Place of a run in its leave-one-out prediction (probability)",
        ylabel="Share of runs at or below, minus the place",
        title=plain(f"Calibration of {found.title}"),
    )
    ax.legend(fontsize=8)
    ax.grid(color="0.9", linewidth=0.6)
    return ax
