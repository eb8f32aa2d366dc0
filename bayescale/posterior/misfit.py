"""Warnings that a law does not describe its runs: it misses them by too much, in a pattern, or at the largest run.

The thresholds keep false alarms below one table in twenty of those drawn from the model itself;
``benchmarks/misfit.py`` measures that, and whether tables that go wrong are caught.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayescale.inference.discrepancy import DRIFT, TAU
from bayescale.laws.noise import sigma_parameter
from bayescale.laws.parameters import Parameter
from bayescale.posterior.fit import Fit

Array = NDArray[np.float64]

_TOO_LARGE = 2.5
"""Prior standard deviations above the prior median at which the noise is called too large."""

_FEWEST = 13
"""Fewest places of runs whose residuals are searched for a pattern."""

_PATTERN = 3.5
_ALIKE = 0.6
"""Correlation of neighbours' residuals above which they have a pattern, and its least distance from that under random
order, in standard deviations."""

_TAIL = 0.002
"""Chance under noise alone that the largest runs lie on one side of the fit by more than what is called too large."""

_MOST_ENDS = 3
"""Most of the largest runs that are looked at together: heavy tails explain one that is far off, hardly several."""

_UNUSUAL = 0.98
"""Quantile of its prior above which a discrepancy is called too large, a low one, as that for curves reaches far."""

_MOST = 2000
"""Largest table whose residuals are searched."""

_DRAWS = 200

_REPEATS = 20
"""Draws of noise for each draw of its parameters."""

CURE = "compare laws (bayescale.compare), fit the larger runs alone, or look for what else was varied"


def misfit_warnings(fitted: Fit) -> list[str]:
    """What shows that the law does not describe the runs, one sentence each with the number and what to do.

    Parameters
    ----------
    fitted : Fit

    Returns
    -------
    list of str
        Noise or discrepancy that is far larger than in published tables; residuals of neighbouring runs that are
        alike; a largest run that the fit misses.
    """
    found = [*_scatter(fitted)]
    if len(fitted.on_link) <= _MOST:
        few = slice(None, None, max(1, len(fitted.parameters["sigma"]) // _DRAWS))
        missed = 0.0 if fitted.basis is None else fitted.conditional.coefficients[few] @ fitted.basis.process.at_runs.T
        residual = np.mean(fitted.residuals(few) - missed, axis=0)
        found += [*_smooth(fitted, missed), *_pattern(fitted, residual), *_missed_end(fitted, residual)]
    return found


def _scatter(fitted: Fit) -> Iterator[str]:
    """Noise of a size that its prior does not expect."""
    noise = sigma_parameter(fitted.law)
    if _excess(noise, fitted.parameters) > _TOO_LARGE:
        yield (
            f"the runs scatter by {_shown(fitted, float(np.median(fitted.parameters['sigma'])))}, where "
            f"{_usual(fitted, noise)} is usual: look for runs that differ in more than "
            f"{' and '.join(fitted.law.input_names)}, such as learning rate, recipe or data, and for mistyped rows"
        )


def _smooth(fitted: Fit, missed: Array | float) -> Iterator[str]:
    """A discrepancy of a size that its prior, learnt from published tables, does not expect at these runs."""
    if fitted.basis is None:
        return
    process, prior = fitted.basis.process, fitted.groups["prior"]
    spread = np.square(process.at_runs).mean(axis=0)
    kinds = {"tau": spread[process.kinds == TAU].sum(), "drift": spread[process.kinds == DRIFT].sum()}
    expected = np.sqrt(sum(np.square(prior[name].to_numpy().ravel()) * size for name, size in kinds.items()))
    low, high, limit = (float(each) for each in np.quantile(expected, [0.05, 0.95, _UNUSUAL]))
    found = float(np.sqrt(np.mean(np.square(missed))))
    if found > limit:
        yield (
            f"the law misses the runs by {_shown(fitted, found)} in a smooth way, where {_shown(fitted, low)} to "
            f"{_shown(fitted, high)} is usual, so its forecasts rest on the discrepancy: {CURE}"
        )


def _excess(parameter: Parameter, found: dict[str, Array]) -> float:
    """How far a log-normal parameter lies above its prior median, in prior standard deviations."""
    given = parameter.prior.arguments
    return float((np.log(np.median(found[parameter.name])) - given["mu"]) / given["sigma"])


def _usual(fitted: Fit, parameter: Parameter) -> str:
    """The central 90 % of a log-normal prior, in words."""
    given = parameter.prior.arguments
    low, high = (float(np.exp(given["mu"] + sign * 1.645 * given["sigma"])) for sign in (-1, 1))
    return f"{_shown(fitted, low)} to {_shown(fitted, high)}"


def _shown(fitted: Fit, size: float) -> str:
    """A distance on the link's scale, in words; a negative one is below."""
    if fitted.law.link.relative:
        return f"{100 * abs(np.expm1(size)):.2g} %"
    return f"{abs(size):.2g} of the {fitted.law.scale_unit}"


def _pattern(fitted: Fit, residual: Array) -> Iterator[str]:
    """Residuals of neighbours along an input that are alike beyond chance (rank serial correlation)."""
    places = pd.DataFrame({name: fitted.inputs[name] for name in fitted.law.input_names})
    mean = places.assign(residual=residual).groupby(list(places.columns)).mean().reset_index()
    n = len(mean)
    if n < _FEWEST:
        return
    ranks = mean["residual"].rank().to_numpy() - (n + 1) / 2
    inputs = {name: mean[name].to_numpy() for name in places}
    alike = []
    for name, values in inputs.items():
        rest = [other for key, other in inputs.items() if key != name]
        ordered = ranks[np.lexsort((*rest, values))]
        correlation = float(ordered[1:] @ ordered[:-1] / (ordered @ ordered)) if np.ptp(ordered) else 0.0
        if correlation > _ALIKE and (correlation + 1 / (n - 1)) * np.sqrt(n) > _PATTERN:
            alike.append(f"{name} ({correlation:.2f})")
    if alike:
        yield (
            f"residuals of neighbouring runs are alike along {' and '.join(alike)}: the law does not follow them "
            f"there, or they share what is not in the table; {CURE}"
        )


def _missed_end(fitted: Fit, residual: Array) -> Iterator[str]:
    """The largest runs, if all of them lie on one side by more than noise does, as forecasts start from the fit."""
    ends = np.argsort(-fitted.observed.size, kind="stable")[: min(_MOST_ENDS, len(residual) // 2)]
    rng = np.random.default_rng(0)
    noise: list[list[Array]] = []
    found = None
    for n, end in enumerate(ends, start=1):
        if residual[end] * residual[ends[0]] <= 0:
            break
        noise.append(
            [_noise_sizes(fitted, end, fitted.groups[name].to_dataset(), rng) for name in ("prior", "posterior")]
        )
        # Each run may exceed its limit on the one side or the other with this chance, all on the same with _TAIL.
        share = 2 * (_TAIL / 2) ** (1 / n)
        limits = np.array([max(float(np.quantile(sizes, 1 - share)) for sizes in both) for both in noise])
        if (np.abs(residual[ends[:n]]) > limits).all():
            found = n, limits.max()
    if found is not None:
        yield _of_ends(fitted, residual[ends[: found[0]]], found[1])


def _of_ends(fitted: Fit, missed: Array, limit: float) -> str:
    """What is said of the largest runs, given by how much the fit misses each and what noise hardly exceeds."""
    least = float(missed[np.argmin(np.abs(missed))])
    side = "below" if least < 0 else "above"
    if len(missed) == 1:
        runs, check = f"the largest run lies {_shown(fitted, least)}", "that run"
    else:
        runs, check = f"the {len(missed)} largest runs all lie {_shown(fitted, least)} or more", "those runs"
    return (
        f"{runs} {side} the fit, from which forecasts start, where neither these runs nor published ones scatter by "
        f"more than {_shown(fitted, limit)}{'' if len(missed) == 1 else ' together'}: check {check}, and {CURE}"
    )


def _noise_sizes(fitted: Fit, row: int, group: xr.Dataset, rng: np.random.Generator) -> Array:
    """Sizes of the noise of a run, given draws of its parameters from the prior or the posterior."""
    names = [each.name for each in fitted.noise.parameters(fitted.law)]
    drawn = {name: np.tile(group[name].to_numpy().ravel(), _REPEATS)[:, None] for name in names}
    error, relative = fitted.observed.standard_error, None if fitted.basis is None else fitted.basis.noise_scale[row]
    shift, scale = fitted.noise.draw_moments(
        rng,
        drawn,
        drawn["sigma"].shape,
        relative=relative,
        standard_error=None if error is None else error[row],
    )
    return np.asarray(np.abs(shift + scale * rng.standard_normal(scale.shape)))
