"""Warnings that a law does not describe its runs: it misses them by too much, in a pattern, or at the largest run.

The thresholds keep false alarms below one table in twenty of those drawn from the model itself;
``benchmarks/misfit.py`` measures that, and whether tables that go wrong are caught.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale.inference.discrepancy import DRIFT, TAU
from bayescale.laws.links import LOG
from bayescale.laws.noise import sigma_parameter
from bayescale.laws.parameters import Parameter
from bayescale.posterior.fit import Fit

Array = NDArray[np.float64]

_TOO_LARGE = 2.5
"""Prior standard deviations above the prior median at which the noise is called too large."""

_FEWEST = 10
"""Fewest runs whose residuals are searched for a pattern."""

_PATTERN = 3.5
_ALIKE = 0.6
"""Correlation of neighbours' residuals above which they have a pattern, and its least distance from that under random
order, in standard deviations."""

_TAIL = 0.998
"""Prior probability of less than what is called too large: of the discrepancy, and of the largest run's residual."""

_MOST = 2000
"""Largest table whose residuals are searched."""

_DRAWS = 200

CURE = "compare laws (bayescale compare), fit the larger runs alone, or look for what else was varied"


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
    if len(fitted.on_link) > _MOST:
        return []
    residual = _residual(fitted)
    return [*_scatter(fitted, residual), *_smooth(fitted), *_pattern(fitted, residual), *_missed_end(fitted, residual)]


def _scatter(fitted: Fit, residual: Array) -> Iterator[str]:
    """Noise of a size that its prior does not expect."""
    noise = sigma_parameter(fitted.law)
    if _excess(noise, fitted.parameters) > _TOO_LARGE:
        yield (
            f"the runs scatter by {_shown(fitted, _size(residual))} around the law, where {_usual(fitted, noise)} is "
            f"usual: look for runs that differ in more than {' and '.join(fitted.law.input_names)}, such as learning "
            "rate, recipe or data, and for mistyped rows"
        )


def _smooth(fitted: Fit) -> Iterator[str]:
    """A discrepancy of a size that its prior, learnt from published tables, does not expect at these runs."""
    if fitted.basis is None:
        return
    process, prior = fitted.basis.process, fitted.groups["prior"]
    spread = np.square(process.at_runs).mean(axis=0)
    kinds = {"tau": spread[process.kinds == TAU].sum(), "drift": spread[process.kinds == DRIFT].sum()}
    expected = np.sqrt(sum(np.square(prior[name].to_numpy().ravel()) * size for name, size in kinds.items()))
    low, high, limit = (float(each) for each in np.quantile(expected, [0.05, 0.95, _TAIL]))
    found = _size(fitted.conditional.at_runs[:_DRAWS])
    if found > limit:
        yield (
            f"the law misses the runs by {_shown(fitted, found)} in a smooth way, where {_shown(fitted, low)} to "
            f"{_shown(fitted, high)} is usual, so its forecasts rest on the discrepancy: {CURE}"
        )


def _size(values: Array) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


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
    if fitted.law.link is LOG:
        return f"{100 * abs(np.expm1(size)):.2g} %"
    return f"{abs(size):.2g} of the {fitted.law.scale_unit}"


def _residual(fitted: Fit) -> Array:
    """Mean residual of each run around law and discrepancy, relative to its noise, shape (run,)."""
    few = slice(_DRAWS)
    residual = fitted.residuals(few)
    if fitted.basis is not None:
        residual = residual - fitted.conditional.at_runs[few]
    return np.asarray(residual.mean(axis=0))


def _pattern(fitted: Fit, residual: Array) -> Iterator[str]:
    """Residuals of neighbours along an input that are alike beyond chance (rank serial correlation)."""
    n = len(residual)
    if n < _FEWEST:
        return
    inputs = {name: np.asarray(fitted.inputs[name]) for name in fitted.law.input_names}
    ranks = pd.Series(residual).rank().to_numpy() - (n + 1) / 2
    alike = []
    for name, values in inputs.items():
        rest = [other for key, other in inputs.items() if key != name]
        ordered = ranks[np.lexsort((*rest, values))]
        correlation = float(ordered[1:] @ ordered[:-1] / (ordered @ ordered)) if np.ptp(ordered) else 0.0
        if correlation > _ALIKE and (correlation + 1 / (n - 1)) * np.sqrt(n) > _PATTERN:
            alike.append(f"{name} ({correlation:.2f})")
    if alike:
        yield (
            f"residuals of neighbouring runs are alike along {' and '.join(alike)}: the law does not follow the runs "
            f"there; {CURE}"
        )


def _missed_end(fitted: Fit, residual: Array) -> Iterator[str]:
    """A largest run that the fit misses by more than noise does, as forecasts start from the fit."""
    prior = {str(name): values.to_numpy().reshape(-1, 1) for name, values in fitted.groups["prior"].data_vars.items()}
    noise, observed = fitted.noise, fitted.observed
    end = int(np.argmax(observed.size))
    error = None if observed.standard_error is None else observed.standard_error[end]
    shape = (prior["sigma"].shape[0], 1)
    expected = noise.draw(np.random.default_rng(0), np.zeros(shape), prior, error)
    scale = 1.0 if fitted.basis is None else float(fitted.basis.noise_scale[end])
    limit = scale * float(np.quantile(np.abs(expected), _TAIL))
    if abs(residual[end]) > limit:
        side = "below" if residual[end] < 0 else "above"
        yield (
            f"the largest run lies {_shown(fitted, float(residual[end]))} {side} the fit, from which forecasts "
            f"start, where noise hardly exceeds {_shown(fitted, limit)}: check that run, and {CURE}"
        )
