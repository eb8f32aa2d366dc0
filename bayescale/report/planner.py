"""Input of the planner page: draws of the expected outcome over compute and size, of noise, and of prices.

The page gets one surface per draw, law and discrepancy together, on an even grid of log compute and of log size along
the compute-optimal line. It finds the best size itself: at any budget, under limits, and after paying for serving.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.errors import LawError
from bayescale.basics.intervals import SAMPLE_DIMS, tail_probabilities
from bayescale.data.runs import Runs
from bayescale.laws.noise import noise_scale
from bayescale.planning.allocation import law_optimum, two_inputs
from bayescale.planning.costs import Cost
from bayescale.posterior.ensembles import Posterior, first_fit, members
from bayescale.posterior.forecasting import forecast
from bayescale.posterior.reach import MEASURED_HORIZON

Array = NDArray[np.float64]

DRAWS = 800
"""Number of draws in a page: with all of them a page would be too large to send."""

_ROWS, _PER_DECADE = 36, 4
"""Largest number of budgets of the grid, and the number per decade of compute, unless that exceeds it."""
_SIZES = 30
_REACH = 3.0
"""E-folds of N that the surfaces span beyond the optima of the laws."""
_WIDEST = 8.0
"""E-folds of N around the median optimum within which optima are searched, even if the runs say little about them."""
_ABOVE = 10.0
"""Largest compute of the surfaces relative to the largest budget."""
_LEVELS = 65535


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Expected outcomes on the link's scale over compute and size.

    Attributes
    ----------
    log_compute : array, shape (row,)
        Natural logarithm of the budgets (FLOP), evenly spaced.
    start, slope, step : float
        Size number j at a budget C has log N = start + slope log C + step j.
    latent : array, shape (draw, row, size)
        The law's mean with its discrepancy.
    noise : array, shape (draw,)
        Noise of a new run, relative to ``noise_scale``; a draw has one for all budgets, so that curves are smooth.
    noise_scale : array, shape (row, size)
    """

    log_compute: Array
    start: float
    slope: float
    step: float
    latent: Array
    noise: Array
    noise_scale: Array

    @property
    def log_sizes(self) -> Array:
        """Natural logarithm of N at each row and size."""
        return self.start + self.slope * self.log_compute[:, None] + self.step * np.arange(self.latent.shape[2])


def surfaces(fit: Posterior, budgets: Sequence[float], *, draws: int = DRAWS, seed: int = 0) -> Surfaces:
    """Draw the surfaces of a fit over all budgets from the smallest run to ten times the largest budget.

    Parameters
    ----------
    fit : Fit or Ensemble
        Fit of laws in N and D.
    budgets : sequence of float
        FLOP.
    draws : int
        Largest number of draws to keep, evenly thinned.
    seed : int
        Seed of the model discrepancy and the noise.

    Raises
    ------
    LawError
        If the law does not read N and D, or has no optimum, or no finite mean, at some budget.

    Examples
    --------
    >>> from bayescale import fit
    >>> found = surfaces(fit("chinchilla", "chinchilla", discrepancy=False), [1e24], draws=100)
    >>> found.latent.shape == (100, len(found.log_compute), 30)
    True
    """
    first = first_fit(fit)
    two_inputs(first.law)
    log_compute = np.log(_grid(fit.runs, budgets))
    budgets_ahead = np.exp(log_compute)
    optima = [
        np.log(law_optimum(each.law, each.parameters, budgets_ahead, each.count)) for each in members(fit).values()
    ]
    middle = np.median(np.vstack(optima), axis=0)
    slope = float((middle[-1] - middle[0]) / np.ptp(log_compute))
    beside = np.quantile(np.vstack(optima) - middle, [0.001, 0.999], axis=0).clip(-_WIDEST, _WIDEST)
    low, high = beside + middle - slope * log_compute
    start, stop = low.min() - _REACH, high.max() + _REACH
    step = float((stop - start) / (_SIZES - 1))
    log_n = start + slope * log_compute[:, None] + step * np.arange(_SIZES)
    sizes = np.exp(log_n)
    tokens = first.count.tokens(np.exp(log_compute)[:, None], sizes)
    drawn = forecast(fit, seed=seed, N=sizes.ravel(), D=tokens.ravel()).draws
    thin = -(-drawn.sizes["chain"] * drawn.sizes["draw"] // draws)
    latent, predictive = (
        first.law.link.forward(np, drawn[name].to_numpy().reshape(-1, sizes.size)[::thin]).reshape(-1, *sizes.shape)
        for name in ("latent", "predictive")
    )
    if not (np.isfinite(latent).all() and np.isfinite(predictive).all()):
        raise LawError(
            f"law {first.law.name!r} is not finite at every size from the smallest run to ten times the budgets"
        )
    scale = np.ones_like(sizes) if first.basis is None else noise_scale({"N": sizes, "D": tokens})
    row = len(log_compute) // 2
    centre = np.abs(log_n[row] - middle[row]).argmin()
    noise = (predictive - latent)[:, row, centre] / scale[row, centre]
    return Surfaces(log_compute, float(start), slope, step, latent, noise, scale)


def planner_document(
    fit: Posterior, budgets: Sequence[float], cost: Cost, best: xr.Dataset, *, mass: float, seed: int = 0
) -> dict[str, Any]:
    """Everything that the planner page needs as JSON-compatible data; arrays as base64.

    Parameters
    ----------
    fit : Fit or Ensemble
    budgets : sequence of float
        FLOP; the page starts at the first.
    cost : Cost
        Its prices are drawn anew, once per draw of the posterior.
    best : xarray.Dataset
        The draws of :func:`bayescale.plan` at the budgets, for the error of thinning.
    mass : float
        Initial mass of the intervals in the page.
    seed : int
    """
    law, count = first_fit(fit).law, first_fit(fit).count
    per_parameter_and_token = count.per_parameter_and_token
    if per_parameter_and_token is None:
        raise LawError(f"the page needs compute that is proportional to N D, and here it is {count.words}")
    found = surfaces(fit, budgets, seed=seed)
    n = best.sizes["chain"] * best.sizes["draw"]
    prices = cost.paired(n, seed).dollars_per_flop.to_numpy()
    compute = run_compute(fit.runs)
    low, span = found.latent.min(axis=0), np.maximum(np.ptp(found.latent, axis=0), 1e-12)
    levels = np.round((found.latent - low) / span * _LEVELS)
    shown = spread(compute, 500)
    return {
        "link": law.link.name,
        "outcome": law.outcome,
        "unit": law.outcome_unit,
        "falls": law.falls,
        "training": per_parameter_and_token,
        "count": count.words,
        "shape": list(found.latent.shape),
        "log_compute": [float(found.log_compute[0]), float(found.log_compute[1] - found.log_compute[0])],
        "sizes": [found.start, found.slope, found.step],
        "low": packed(low, "<f4"),
        "span": packed(span / _LEVELS, "<f4"),
        "latent": packed(levels, "<u2"),
        "noise": packed(found.noise, "<f4"),
        "noise_scale": packed(found.noise_scale, "<f4"),
        "dollars_per_flop": packed(prices[:: -(-n // DRAWS)], "<f8"),
        "study": cost.study,
        "accelerator": cost.accelerator.name,
        "prices": cost.note,
        "runs": {"C": compute[shown].tolist(), "y": fit.runs.column(fit.outcome)[shown].tolist(), "n": len(compute)},
        "largest": float(compute.max()),
        "measured": MEASURED_HORIZON,
        "thinning": thinning_error(best, DRAWS, mass),
        "start": {"budget": float(budgets[0]), "mass": mass},
    }


def thinning_error(best: xr.Dataset, draws: int, mass: float) -> dict[str, float]:
    """Relative error of medians and ends of intervals due to thinning: the largest over the budgets.

    It is the standard deviation of such a quantile between the subsets to which a posterior can be thinned.

    Parameters
    ----------
    best : xarray.Dataset
        The draws of :func:`bayescale.plan`.
    draws : int
        Number of draws kept.
    mass : float
    """
    found = {}
    for name in ("N", "D", "loss"):
        values = best[name].stack(sample=SAMPLE_DIMS).transpose("budget", "sample").to_numpy()
        parts = max(1, -(-values.shape[1] // draws))
        each = [np.quantile(values[:, i::parts], [*tail_probabilities(mass), 0.5], axis=1) for i in range(parts)]
        found[name] = float(np.max(np.std(each, axis=0, ddof=1) / np.abs(np.mean(each, axis=0)))) if parts > 1 else 0.0
    return found


def run_compute(runs: Runs) -> Array:
    """Training compute of each run (FLOP), shape (run,)."""
    return runs.column("C")


def spread(values: Array, most: int) -> NDArray[np.intp]:
    """Rows to show if their number is limited: evenly spread over the order of a quantity."""
    order = np.argsort(values, kind="stable")
    return order if len(order) <= most else order[np.linspace(0, len(order) - 1, most).round().astype(int)]


def packed(values: Array, kind: str) -> str:
    """Base64 of an array's bytes in row order; ``kind`` is NumPy's name of the little-endian number type."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode("ascii")


def _grid(runs: Runs, budgets: Sequence[float]) -> Array:
    """Budgets (FLOP) of the surfaces; round numbers if there are few."""
    low = np.floor(np.log10(min(run_compute(runs).min(), *budgets)) * _PER_DECADE)
    high = np.ceil(np.log10(_ABOVE * max(*budgets, run_compute(runs).max())) * _PER_DECADE)
    n = int(min(high - low + 1, _ROWS))
    return np.asarray(10 ** (np.linspace(low, high, n) / _PER_DECADE))
