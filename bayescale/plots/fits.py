"""Figures of a fit: the runs, parameters compared with published ones, residuals, and checks of the posterior."""

from typing import TYPE_CHECKING

import numpy as np

from bayescale.basics.intervals import DEFAULT_MASS, quantiles, tail_probabilities
from bayescale.basics.quantities import format_quantity, with_unit
from bayescale.data.runs import Runs
from bayescale.plots.style import COLOURS, GREY, axes_of, by_arviz, finish, plain
from bayescale.posterior.fit import Fit
from bayescale.posterior.replicates import with_posterior_predictive

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BUDGETS = 4
"""Approximate number of isoFLOP lines through the runs."""
_FEW_DRAWS = 100


def plot_runs(runs: Runs, *, ax: "Axes | None" = None) -> "Axes":
    """The runs in parameters and tokens, coloured by outcome, with lines of constant compute, as the runs count it.

    Parameters
    ----------
    runs : Runs
        With columns ``N`` and ``D``.
    ax : matplotlib axes, optional
    """
    ax = axes_of(ax)
    N, D = runs.column("N"), runs.column("D")
    points = ax.scatter(N, D, c=runs.column(runs.outcome), cmap="cividis", s=22, edgecolor="black", linewidth=0.3)
    ax.figure.colorbar(points, ax=ax, label=plain(with_unit(runs.outcome.capitalize(), runs.outcome_unit)))
    sizes = np.array([N.min() / 1.5, N.max() * 1.5])
    count = runs.count
    low, high = np.log10(count(N, D)).min(), np.log10(count(N, D)).max()
    step = max(1, round((high - low) / _BUDGETS))
    for exponent in range(int(np.ceil(low)), int(high) + 1, step):
        line = np.geomspace(*sizes)
        ax.plot(line, count.tokens(10.0**exponent, line), color="0.7", linewidth=0.8, zorder=0)
        start = max(sizes[0], float(count.parameters(10.0**exponent, D.max())))
        place = (start, float(count.tokens(10.0**exponent, start)))
        ax.annotate(f"1e{exponent} FLOP", place, fontsize=7, color=GREY, va="bottom")
    ax.set(yscale="log", ylim=(D.min() / 1.6, D.max() * 1.6), xlim=tuple(sizes))
    ax.yaxis.set_major_formatter(lambda value, _: format_quantity(value))
    finish(ax, "Parameters N", "Training tokens D", f"{len(runs)} runs of {runs.source}")
    return ax


def plot_parameters(
    fit: Fit, names: tuple[str, ...] = (), *, ax: "Axes | None" = None, ci_prob: float = DEFAULT_MASS
) -> "Axes":
    """Posterior intervals of parameters and published values, each divided by the posterior median.

    Parameters
    ----------
    fit : Fit
    names : tuple of str
        By default those with published values, or if there are none, all sampled parameters.
    ax : matplotlib axes, optional
    ci_prob : float
    """
    from scipy.special import ndtri

    published = fit.law.published
    known = [name for name in fit.parameters if any(name in each.values for each in published)]
    chosen = names or tuple(known) or tuple(parameter.name for parameter in fit.law.parameters)
    ax = axes_of(ax, height=1.2 + 0.5 * len(chosen))
    posterior = fit.groups["posterior"].to_dataset()
    low, high = tail_probabilities(ci_prob)
    for row, name in enumerate(chosen):
        left, middle, right = (float(q) for q in quantiles(posterior[name], [low, 0.5, high]).values())
        ax.plot([left / middle, right / middle], [-row, -row], color=COLOURS[0], linewidth=3, solid_capstyle="butt")
        ax.plot(1, -row, "o", color=COLOURS[0], markeredgecolor="black")
        for k, each in enumerate(item for item in published if name in item.values):
            error = ndtri(high) * each.standard_errors.get(name, 0.0)
            ax.errorbar(
                each.values[name] / middle, -row - 0.18 * (k + 1), xerr=error / abs(middle),
                fmt="s", color=COLOURS[(k + 1) % len(COLOURS)], markersize=4,
            )  # fmt: skip
        ax.annotate(
            f"{middle:.3g} [{left:.3g}, {right:.3g}]", (1.01, -row), xycoords=("axes fraction", "data"), fontsize=8
        )
    ax.set_yticks(-np.arange(len(chosen)), [plain(with_unit(name, fit.law.units[name] or "1")) for name in chosen])
    for k, each in enumerate(published):
        ax.plot([], [], "s", color=COLOURS[(k + 1) % len(COLOURS)], label=each.citation.split(",")[0])
    ax.plot([], [], "o-", color=COLOURS[0], label=f"posterior, {ci_prob:.0%}")
    ax.legend(fontsize=7, loc="best")
    ax.grid(axis="x", color="0.9", linewidth=0.6)
    ax.set(xscale="log", xlabel="Value over the posterior median", title=f"Parameters of {fit.law.title}")
    return ax


def plot_residuals(fit: Fit, along: str = "N", *, ax: "Axes | None" = None, ci_prob: float = DEFAULT_MASS) -> "Axes":
    """Residual of each run against an input of the law, with the model discrepancy if the fit has one.

    Parameters
    ----------
    fit : Fit
    along : str
        Input of the law.
    ax : matplotlib axes, optional
    ci_prob : float
        Mass of the interval of the model discrepancy at each run.
    """
    ax = axes_of(ax)
    x, residual = fit.inputs[along], np.median(fit.residuals(), axis=0)
    ax.plot(x, residual, "o", color=GREY, markersize=3, alpha=0.7, label="runs, about the law's median")
    if fit.basis is not None:
        draws, _ = fit.conditional.moments(fit.basis.process.log_inputs)
        low, middle, high = np.quantile(draws, [*tail_probabilities(ci_prob), 0.5], axis=0)[[0, 2, 1]]
        ax.errorbar(
            x, middle, yerr=[middle - low, high - middle], fmt="none", color=COLOURS[1], alpha=0.35,
            label=f"model discrepancy, {ci_prob:.0%}",
        )  # fmt: skip
    ax.axhline(0, color="black", linewidth=0.8)
    item = next(item for item in fit.law.inputs if item.name == along)
    finish(
        ax, f"{item.meaning.capitalize()} {along} ({item.unit})", plain(f"Residual ({fit.law.scale_unit})"), "Residuals"
    )
    if item.linear is not None:
        ax.set_xscale("linear")
    ax.legend(fontsize=8)
    return ax


def plot_pairs(fit: Fit, names: tuple[str, ...] = ()) -> "Figure":
    """Pairs of parameters, drawn by ArviZ; by default the sampled parameters."""
    import arviz_plots

    chosen = list(names or (parameter.name for parameter in fit.law.parameters))
    return by_arviz(arviz_plots.plot_pair, fit.groups, var_names=chosen)


def plot_prior_posterior(fit: Fit, names: tuple[str, ...] = ()) -> "Figure":
    """Prior and posterior of parameters, overlaid, drawn by ArviZ."""
    import arviz_plots

    chosen = list(names or (parameter.name for parameter in fit.law.parameters))
    return by_arviz(arviz_plots.plot_prior_posterior, fit.groups, var_names=chosen)


def plot_predictive_check(fit: Fit, *, seed: int = 0) -> "Figure":
    """Replicated and observed outcomes, drawn by ArviZ."""
    import arviz_plots

    tree = with_posterior_predictive(fit, seed).groups
    return by_arviz(arviz_plots.plot_ppc_dist, tree, num_samples=_FEW_DRAWS)
