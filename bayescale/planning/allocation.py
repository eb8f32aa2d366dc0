"""Compute-optimal parameters and tokens at a budget, draw by draw."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.ensembles import Posterior, first_fit, joined, members, reach_of
from bayescale.errors import LawError
from bayescale.fitting import Fit
from bayescale.forecasting import add_noise, compute_warnings, draw_error, interpolated, link_mean, prior_warnings
from bayescale.intervals import DEFAULT_MASS, SAMPLE_DIMS, quantity_table
from bayescale.law import Law
from bayescale.quantities import format_quantity

Array = NDArray[np.float64]
FlopRule = Callable[[Array, Array], Array]
"""Training compute (FLOP) of N parameters on D tokens; must increase in both."""

_GRID = 160
_REACH = 4.0
"""E-folds of N beyond the law's own optima within which the optimum of law and discrepancy is sought."""

UNITS = {
    "loss": "nats/token",
    "N": "parameters",
    "D": "tokens",
    "tokens_per_parameter": "tokens/parameter",
    "N_law": "parameters",
}


def six_nd(N: Array, D: Array) -> Array:
    """Training compute of a dense Transformer, 6 N D (Kaplan et al. 2020, arXiv:2001.08361, section 2.1).

    Examples
    --------
    >>> float(six_nd(70e9, 1.4e12))
    5.88e+23
    """
    return 6.0 * N * D


@dataclass(frozen=True, eq=False)
class Optimum:
    """Draws of the compute-optimal run at each budget.

    Attributes
    ----------
    draws : xarray.Dataset
        ``N`` (parameters), ``D`` (tokens), ``tokens_per_parameter``, ``latent`` (the law's mean at the optimum) and
        ``loss`` (a new run there, with noise); ``N_law`` and ``D_law``, the law's own optimum. Dims chain, draw and
        budget; the coordinate ``C`` (FLOP) runs along ``budget``.
    warnings : tuple of str

    Examples
    --------
    >>> from bayescale import fit
    >>> best = optimum(fit("chinchilla", "chinchilla", discrepancy=False), 5.76e23)
    >>> best.summary()["quantity"].tolist()
    ['loss', 'N', 'D', 'tokens_per_parameter', 'N_law']
    >>> 0.2 < float((best.draws["tokens_per_parameter"] > 20).mean()) < 0.5
    True
    """

    draws: xr.Dataset
    warnings: tuple[str, ...] = ()

    def summary(self, ci_prob: float = DEFAULT_MASS) -> pd.DataFrame:
        """One row per budget and quantity: median and equal-tailed interval, with the unit."""
        return quantity_table(self.draws, UNITS, "C", ci_prob)

    def __str__(self) -> str:
        table = self.summary()
        for column in table.columns[2:-1]:
            table[column] = [format_quantity(value, 4) for value in table[column]]
        table["C"] = [format_quantity(value) for value in table["C"]]
        return "\n".join([table.to_string(index=False), *self.warnings])


def optimum(fit: Posterior, C: ArrayLike, *, flops: FlopRule = six_nd, seed: int = 0) -> Optimum:
    """Compute-optimal N and D at each budget, with credible intervals.

    Where the law has a closed form and compute is 6 N D that is used; otherwise the law's mean is minimised along the
    curve of constant compute, for all draws at once.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D.
    C : array_like, shape (budget,) or scalar
        Budgets, FLOP.
    flops : callable
        Training compute of N parameters on D tokens; increasing in both.
    seed : int
        Of the noise in ``loss``.

    Returns
    -------
    Optimum

    Raises
    ------
    LawError
        If the law does not read N and D, a budget is not positive and finite, or the mean has no minimum along the
        curve for some draw.

    Examples
    --------
    >>> from bayescale import fit
    >>> best = optimum(fit("chinchilla", "chinchilla", discrepancy=False), [5.76e23, 1e26])
    >>> bool((17 < best.draws["tokens_per_parameter"].isel(budget=0).median() < 21))
    True
    """
    law = first_fit(fit).law
    two_inputs(law)
    budgets = np.atleast_1d(np.asarray(C, dtype=float))
    for value in budgets:
        if not (np.isfinite(value) and value > 0):
            raise LawError(f"budget {value:g} FLOP: must be a finite number above zero")
    each = {name: optimum_draws(member, budgets, flops, seed=seed) for name, member in members(fit).items()}
    largest = int(budgets.argmax())
    place = f"at {format_quantity(budgets[largest])} FLOP"
    named = {"latent": f"{law.outcome} {place}", "N": f"N* {place}"}
    doubts = prior_warnings(fit, {name: draws.isel(budget=largest) for name, draws in each.items()}, named)
    return Optimum(
        draws=joined(fit, each, reach_of(first_fit(fit), {"C": budgets}), seed),
        warnings=(*fit.warnings, *doubts, *compute_warnings(first_fit(fit), budgets)),
    )


def two_inputs(law: Law, question: str = "an optimum") -> None:
    """Check that a law reads N and D, which some question needs.

    Raises
    ------
    LawError
        If it does not.
    """
    if set(law.input_names) != {"N", "D"}:
        raise LawError(f"law {law.name!r} reads {', '.join(law.input_names)}: {question} needs a law of N and D")


def optimum_draws(fit: Fit, budgets: Array, flops: FlopRule = six_nd, *, seed: int = 0) -> xr.Dataset:
    """Draws of one law's compute-optimal run at budgets, as :attr:`Optimum.draws`."""
    rng = np.random.default_rng(seed)
    n_law = law_optimum(fit, budgets, flops)
    n_best, error = (n_law, 0.0) if fit.basis is None else _optimum_with_error(fit, budgets, flops, n_law, rng)
    best = {"N": n_best, "D": tokens_at(flops, budgets, n_best)}
    latent = link_mean(fit, best) + error
    inverse = fit.law.link.inverse
    values = {
        **best,
        "tokens_per_parameter": best["D"] / n_best,
        "latent": inverse(latent),
        "loss": inverse(add_noise(fit, best, latent, rng)),
        "N_law": n_law,
        "D_law": tokens_at(flops, budgets, n_law),
    }
    dims = (*SAMPLE_DIMS, "budget")
    return xr.Dataset(
        {name: (dims, fit.in_chains(value), {"units": _unit(name)}) for name, value in values.items()},
        coords={**fit.sample_coords, "C": ("budget", budgets, {"units": "FLOP"})},
    )


def law_optimum(fit: Fit, budgets: Array, flops: FlopRule = six_nd) -> Array:
    """N that minimises the law's own mean at each budget, shape (sample, budget)."""
    if fit.law.optimum is not None and flops is six_nd:
        return np.asarray(fit.law.optimum(fit.columns, budgets / 6))
    return numeric_optimum(fit, budgets, flops)


def _optimum_with_error(
    fit: Fit, budgets: Array, flops: FlopRule, n_law: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """N that minimises law and discrepancy together, and the error there; each of shape (sample, budget).

    Every draw has one error function, drawn jointly over a grid of sizes along the curve of constant compute.
    """
    n_best, error = np.empty_like(n_law), np.empty_like(n_law)
    for i, budget in enumerate(budgets):
        log_n = sizes_around(n_law[:, i])
        points = {"N": np.exp(log_n), "D": tokens_at(flops, np.full(_GRID, budget), np.exp(log_n))}
        errors = draw_error(fit, points, rng)
        heights = link_mean(fit, points) + errors
        n_best[:, i] = np.exp(lowest(log_n, heights))
        error[:, i] = interpolated(log_n, errors, np.log(n_best[:, i]))
    return n_best, error


def sizes_around(n_law: Array) -> Array:
    """An even grid of log N around the law's own optima, among which that of law and error is sought."""
    low, high = np.quantile(np.log(n_law), [0.001, 0.999])
    return np.linspace(low - _REACH, high + _REACH, _GRID)


def lowest(grid: Array, heights: Array) -> Array:
    """Place of each row's minimum on an even grid, refined by the parabola through its neighbours."""
    place = heights.argmin(axis=1).clip(1, len(grid) - 2)
    rows = np.arange(len(heights))
    before, at, after = (heights[rows, place + k] for k in (-1, 0, 1))
    curvature = np.maximum(before - 2 * at + after, 1e-300)
    return np.asarray(grid[place] + np.clip(0.5 * (before - after) / curvature, -1, 1) * (grid[1] - grid[0]))


def numeric_optimum(fit: Fit, budgets: Array, flops: FlopRule = six_nd) -> Array:
    """N that minimises the law's mean along each curve of constant compute; shape (sample, budget)."""
    from scipy.differentiate import derivative
    from scipy.optimize import elementwise

    n_samples = len(next(iter(fit.parameters.values())))
    # The parameters are passed on as arguments, since the solvers drop elements that have converged.
    names = list(fit.parameters)
    given = [np.broadcast_to(fit.parameters[name][:, None], (n_samples, len(budgets))) for name in names]
    arguments = (np.broadcast_to(np.log(budgets), (n_samples, len(budgets))), *given)

    def mean_along(log_n: Array, log_budget: Array, *values: Array) -> Array:
        n = np.exp(log_n)
        inputs = {"N": n, "D": tokens_at(flops, np.exp(log_budget), n)}
        return np.asarray(fit.law.mean(np, inputs, dict(zip(names, values, strict=True))))

    def slope(log_n: Array, *arguments: Array) -> Array:
        return np.asarray(derivative(mean_along, log_n, args=arguments, initial_step=0.05).df)

    bracket = elementwise.bracket_minimum(mean_along, arguments[0] / 2 - 1, args=arguments)
    if not bracket.success.all():
        raise LawError(
            f"law {fit.law.name!r} has no compute-optimal N at {budgets[~bracket.success.all(axis=0)][0]:g} FLOP"
        )
    # A minimum's place is only known to the square root of the mean's rounding error; its slope's root is sharp.
    left, _, right = bracket.bracket
    return np.asarray(np.exp(elementwise.find_root(slope, (left, right), args=arguments).x))


def tokens_at(flops: FlopRule, budgets: Array, N: Array) -> Array:
    """Tokens that bring N parameters to a budget; arrays broadcast."""
    if flops is six_nd:
        return np.asarray(budgets / (6 * N))
    from scipy.optimize import elementwise

    def excess(log_d: Array, n: Array, budget: Array) -> Array:
        with np.errstate(divide="ignore", over="ignore"):
            return np.log(flops(n, np.exp(log_d))) - np.log(budget)

    n, budget = np.broadcast_arrays(np.asarray(N, dtype=float), np.asarray(budgets, dtype=float))
    start = np.log(budget / (6 * n))
    bracket = elementwise.bracket_root(excess, start - 1, start + 1, args=(n, budget))
    return np.asarray(np.exp(elementwise.find_root(excess, bracket.bracket, args=(n, budget)).x))


def _unit(name: str) -> str:
    return UNITS.get(name.removesuffix("_law"), UNITS["loss"])
