"""Compute-optimal parameters and tokens at a budget, draw by draw."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.errors import LawError
from bayescale.basics.intervals import SAMPLE_DIMS, numbered
from bayescale.basics.quantities import format_quantity, numbers
from bayescale.data.compute import Count, six_nd
from bayescale.data.observed import Observed
from bayescale.laws.law import Law
from bayescale.laws.steps import TwoSteps
from bayescale.planning.answers import Answer
from bayescale.posterior.ensembles import Posterior, first_fit, joined, members, reach_of
from bayescale.posterior.fit import Fit
from bayescale.posterior.parts import add_noise, broken, interpolated, law_error, link_mean, outcomes_given
from bayescale.posterior.points import shared_settings, tuned_settings
from bayescale.posterior.reach import READ, compute_warnings, prior_warnings, second_step_warnings
from bayescale.posterior.steps import Steps

Array = NDArray[np.float64]
FlopRule = Callable[[Array, Array], Array]
"""Training compute (FLOP) of N parameters on D tokens; must increase in both."""


@runtime_checkable
class InvertibleFlopRule(Protocol):
    """A rule of compute that knows how many tokens bring N parameters to a budget."""

    def __call__(self, N: Array, D: Array) -> Array:
        """Compute of N parameters on D tokens."""

    def tokens(self, budgets: Array, N: Array) -> Array:
        """Tokens that bring N parameters to a budget; arrays broadcast."""

    def largest(self, budgets: Array) -> Array:
        """Parameters for which a budget leaves hardly any tokens."""


_PLAUSIBLE = (1e6, 1e36)
"""FLOP within which a budget makes sense."""
_POINTS = 960
_SIZES = (24, 160)
"""Points at which the discrepancy is drawn jointly, and the fewest and most sizes among them for one budget."""
_REACH = 4.0
"""E-folds of N beyond the law's own optima within which the optimum of law and discrepancy is sought."""

SHOWN = ("loss", "N", "D", "tokens_per_parameter")
"""Quantities of a compute-optimal run that people read, in their order."""


def optimum(fit: Posterior, C: ArrayLike, *, flops: FlopRule | None = None, seed: int = 0, **fixed: float) -> Answer:
    """Compute-optimal N and D at each budget, with credible intervals.

    Where the law has a closed form and compute is proportional to N D, that is used; otherwise the law's mean is
    minimised along the curve of constant compute, for all draws at once. A draw has one error function for up to forty
    budgets; more are drawn in blocks. That of an ensemble may be of another law where the weights differ.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D.
    C : array_like, shape (budget,) or scalar
        Budgets, FLOP.
    flops : callable, optional
        Training compute of N parameters on D tokens, increasing in both; by default as it was counted for the fit.
    seed : int
        Of the noise in ``loss`` and of the model discrepancy.
    **fixed : float
        What the law reads besides N and D, such as ``U``, the unique tokens there are.

    Returns
    -------
    Answer
        By budget ``C`` (FLOP): ``N`` (parameters), ``D`` (tokens), ``tokens_per_parameter``, ``latent`` (the law's mean
        at the optimum) and ``loss`` (the outcome of a new run there, with noise); ``N_law`` and ``D_law``, the law's
        own optimum; ``error`` of the law at the optimum, on the link's scale; tuned settings, such as a learning rate,
        at their best there. Dims chain, draw and budget.

    Raises
    ------
    LawError
        If the law does not read N and D, something else that it reads is not given, a number is not positive and
        finite, or the mean has no minimum along the curve for some draw.

    Examples
    --------
    >>> from bayescale import fit
    >>> best = optimum(fit("chinchilla", "chinchilla", discrepancy=False), [5.76e23, 1e26])
    >>> bool((17 < best.draws["tokens_per_parameter"].isel(budget=0).median() < 21))
    True
    """
    law = first_fit(fit).law
    two_inputs(law, fixed)
    budgets = checked_budgets(C)
    each = {name: optimum_draws(member, budgets, flops, fixed, seed=seed) for name, member in members(fit).items()}
    largest = int(budgets.argmax())
    place = f"at {format_quantity(budgets[largest])} FLOP"
    named = {"latent": f"{law.outcome} {place}", "N": f"N* {place}"}
    doubts = prior_warnings(fit, {name: draws.isel(budget=largest) for name, draws in each.items()}, named)
    reach = reach_of(first_fit(fit), {"C": budgets})
    draws = joined(fit, each, reach, seed).drop_vars(READ, errors="ignore")
    tuned = tuple(setting.name for setting in law.settings if setting.tuned and setting.name in draws)
    of_law = () if draws["N"].equals(draws["N_law"]) else ("N_law",)
    return Answer(
        question="Compute-optimal runs",
        draws=draws,
        warnings=(
            *fit.warnings,
            *compute_warnings(first_fit(fit), budgets),
            *doubts,
            *second_step_warnings(fit, each, reach),
        ),
        notes=fit.notes,
        by="C",
        shown=(*SHOWN, *tuned, *of_law),
    )


def units_of(law: Law) -> dict[str, str]:
    """Unit of each quantity of a compute-optimal run under a law."""
    return {
        "C": "FLOP",
        "N": "parameters",
        "D": "tokens",
        "tokens_per_parameter": "tokens/parameter",
        "latent": law.outcome_unit,
        "loss": law.outcome_unit,
        "N_law": "parameters",
        "D_law": "tokens",
        "error": law.scale_unit,
        **{setting.name: setting.unit for setting in law.settings if setting.tuned},
    }


def attributes_of(law: Law) -> dict[str, dict[str, str]]:
    """Attributes of the draws of each of these quantities: its unit, and of the outcome its own name."""
    named = {"loss": {"label": law.outcome}}
    return {name: {"units": unit, **named.get(name, {})} for name, unit in units_of(law).items()}


def two_inputs(law: Law, fixed: Mapping[str, float] = MappingProxyType({}), *, question: str = "an optimum") -> None:
    """Check that a law reads N and D, which a question needs, and besides them only what is given.

    Raises
    ------
    LawError
        If it does not, or what is given is not positive and finite.
    """
    names = set(law.input_names)
    lacking = sorted(names - {"N", "D"} - fixed.keys())
    if not {"N", "D"} <= names or (lacking and lacking != ["U"]):
        steps = ", such as 'tied, then accuracy_of_loss' of runs with a loss" if law.outcome == "accuracy" else ""
        raise LawError(f"law {law.name!r} reads {', '.join(law.input_names)}: {question} needs a law of N and D{steps}")
    if lacking:
        raise LawError(f"law {law.name!r} also reads U: give the number of unique tokens")
    for name, value in fixed.items():
        if name not in names:
            raise LawError(f"law {law.name!r} reads {', '.join(law.input_names)}, not {name}")
        if not (np.isfinite(value) and value > 0):
            raise LawError(f"{name} is {value:g}, but must be a finite number above zero")


def check_settings(fit: Fit | Observed) -> None:
    """Check that all runs share the settings that a law reads, which an optimum takes from them, or that are tuned.

    Raises
    ------
    LawError
        If another one differs between runs.
    """
    for name in {setting.name for setting in fit.law.settings if not setting.tuned} - shared_settings(fit).keys():
        said = f"{fit.runs.source}: {name}, which law {fit.law.name!r} reads, differs between runs"
        raise LawError(f"{said}: plan with the runs of one {name}")


def checked_budgets(C: ArrayLike) -> Array:
    """Budgets as an array of shape (budget,).

    Raises
    ------
    LawError
        If one is not positive and finite.
    """
    budgets = np.atleast_1d(numbers("budget", C))
    for value in budgets:
        if not (np.isfinite(value) and value > 0):
            raise LawError(f"budget {value:g} FLOP: must be a finite number above zero")
        if not _PLAUSIBLE[0] <= value <= _PLAUSIBLE[1]:
            raise LawError(f"budget {value:g} FLOP: training takes {_PLAUSIBLE[0]:g} to {_PLAUSIBLE[1]:g}")
    return budgets


def optimum_draws(
    fit: Fit,
    budgets: Array,
    flops: FlopRule | None = None,
    fixed: Mapping[str, float] = MappingProxyType({}),
    *,
    seed: int = 0,
) -> xr.Dataset:
    """Draws of one law's compute-optimal run at budgets, as the draws of :func:`optimum`.

    The best run of a law in two steps is that of its first, since the second outcome follows from the first alone.
    """
    check_settings(fit)
    if isinstance(fit, Steps):
        return through_both(fit, optimum_draws(fit.first, budgets, flops, fixed, seed=seed), seed)
    rng = np.random.default_rng(seed)
    flops = fit.count if flops is None else flops
    n_law = law_optimum(fit.law, fit.parameters, budgets, flops, fixed)
    n_best, error = n_law, np.zeros_like(n_law)
    if fit.basis is not None:
        # A block of budgets at a time, since the joint draws of an error take the cube of the number of points.
        blocks = np.array_split(np.arange(len(budgets)), -(-len(budgets) * _SIZES[0] // _POINTS))
        found = [_optimum_with_error(fit, budgets[block], flops, fixed, n_law[:, block], rng) for block in blocks]
        n_best, error = (np.hstack(parts) for parts in zip(*found, strict=True))
    best = {"N": n_best, "D": tokens_at(flops, budgets, n_best)}
    given = {**best, **{name: np.full(len(budgets), value) for name, value in fixed.items()}}
    # A break is not foreseen, so the choice of size ignores it: it is added to the run that is chosen.
    error = error + broken(fit, given)
    latent = link_mean(fit, given) + error
    inverse = fit.law.link.inverse
    values = {
        **best,
        "tokens_per_parameter": best["D"] / n_best,
        "latent": inverse(latent),
        "loss": inverse(add_noise(fit, given, latent, rng)),
        "N_law": n_law,
        "D_law": tokens_at(flops, budgets, n_law),
        "error": error,
        **tuned_settings(fit, given),
    }
    dims, attributes = (*SAMPLE_DIMS, "budget"), attributes_of(fit.law)
    return xr.Dataset(
        {name: (dims, fit.in_chains(value), attributes[name]) for name, value in values.items()},
        coords={**fit.sample_coords, **numbered("budget", len(budgets)), "C": ("budget", budgets, {"units": "FLOP"})},
    )


def through_both(fit: Steps, best: xr.Dataset, seed: int) -> xr.Dataset:
    """The best runs of a first step, with what follows from them in the second as their outcome.

    Its own, without noise, stays as the variable :data:`bayescale.posterior.reach.READ`.
    """
    n = best.sizes["budget"]
    between = {kind: best[name].to_numpy().reshape(-1, n) for kind, name in _KINDS.items()}
    at = {name: best[name].to_numpy().reshape(-1, n) for name in ("N", "D")}
    rng, harm = np.random.default_rng([seed, 1]), broken(fit, at)
    link, dims, attributes = fit.law.link, (*SAMPLE_DIMS, "budget"), attributes_of(fit.law)
    found = {name: values + harm for name, values in outcomes_given(fit.second, between, {}, rng).items()}
    values = {name: link.inverse(found[kind]) for kind, name in _KINDS.items()}
    values["error"] = found["latent"] - link_mean(fit, at)
    drawn = {name: (dims, fit.in_chains(each), attributes[name]) for name, each in values.items()}
    return best.assign({**drawn, READ: best["latent"]})


_KINDS = {"latent": "latent", "predictive": "loss"}
"""What draws of an outcome are called among those of a compute-optimal run."""


def law_optimum(
    law: Law,
    parameters: Mapping[str, Array],
    budgets: Array,
    flops: FlopRule = six_nd,
    fixed: Mapping[str, float] = MappingProxyType({}),
) -> Array:
    """N that minimises the law's own mean at each budget, shape (sample, budget); parameters of shape (sample,)."""
    if isinstance(law, TwoSteps):
        return law_optimum(law.first, law.of_first(parameters), budgets, flops, fixed)
    closed = flops.per_parameter_and_token if isinstance(flops, Count) else None
    if law.optimum is not None and closed is not None:
        columns = {name: values[:, None] for name, values in parameters.items()}
        return np.asarray(law.optimum(columns, budgets / closed))
    return numeric_optimum(law, parameters, budgets, flops, fixed)


def _optimum_with_error(
    fit: Fit,
    budgets: Array,
    flops: FlopRule,
    fixed: Mapping[str, float],
    n_law: Array,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """N that minimises law and discrepancy together, and the error there; each of shape (sample, budget).

    Every draw has one error function, drawn jointly over grids of sizes along all curves of constant compute.
    """
    largest = flops.largest(budgets) if isinstance(flops, InvertibleFlopRule) else np.inf
    log_n = sizes_around(n_law, int(np.clip(_POINTS // len(budgets), *_SIZES)), largest)
    sizes = np.exp(log_n)
    points = {"N": sizes, "D": tokens_at(flops, budgets[:, None], sizes)}
    points |= {name: np.full_like(sizes, value) for name, value in fixed.items()}
    flat = {name: values.ravel() for name, values in points.items()}
    errors = law_error(fit, flat, rng)
    heights = fit.law.sign * (link_mean(fit, flat) + errors).reshape(-1, *sizes.shape)
    errors = np.broadcast_to(errors, (len(heights), sizes.size)).reshape(heights.shape)
    log_best = np.column_stack([lowest(grid, heights[:, i]) for i, grid in enumerate(log_n)])
    error = [interpolated(grid, errors[:, i], log_best[:, i]) for i, grid in enumerate(log_n)]
    return np.exp(log_best), np.column_stack(error)


def sizes_around(n_law: Array, n: int = _SIZES[1], largest: ArrayLike = np.inf) -> Array:
    """Even grids of log N around the law's own optima, among which that of law and error is sought.

    Parameters
    ----------
    n_law : array, shape (sample, budget)
    n : int
        Number of sizes.
    largest : array_like, shape (budget,) or scalar
        Parameters that no grid exceeds.

    Returns
    -------
    array, shape (budget, n)
    """
    low, high = np.quantile(np.log(n_law), [0.001, 0.999], axis=0)
    return np.linspace(low - _REACH, np.minimum(high + _REACH, np.log(largest)), n, axis=1)


def lowest(grid: Array, heights: Array) -> Array:
    """Place of each row's minimum on an even grid, refined by the parabola through its neighbours."""
    place = heights.argmin(axis=1).clip(1, len(grid) - 2)
    rows = np.arange(len(heights))
    before, at, after = (heights[rows, place + k] for k in (-1, 0, 1))
    curvature = np.maximum(before - 2 * at + after, 1e-300)
    return np.asarray(grid[place] + np.clip(0.5 * (before - after) / curvature, -1, 1) * (grid[1] - grid[0]))


def numeric_optimum(
    law: Law,
    parameters: Mapping[str, Array],
    budgets: Array,
    flops: FlopRule = six_nd,
    fixed: Mapping[str, float] = MappingProxyType({}),
) -> Array:
    """N that minimises the law's mean along each curve of constant compute; shape (sample, budget)."""
    from scipy.differentiate import derivative
    from scipy.optimize import elementwise

    n_samples = len(next(iter(parameters.values())))
    # The parameters are passed on as arguments, since the solvers drop elements that have converged.
    names = list(parameters)
    given = [np.broadcast_to(parameters[name][:, None], (n_samples, len(budgets))) for name in names]
    arguments = (np.broadcast_to(np.log(budgets), (n_samples, len(budgets))), *given)

    def mean_along(log_n: Array, log_budget: Array, *values: Array) -> Array:
        n = np.exp(log_n)
        inputs = {"N": n, "D": tokens_at(flops, np.exp(log_budget), n), **fixed}
        return law.sign * np.asarray(law.mean(np, inputs, dict(zip(names, values, strict=True))))

    def slope(log_n: Array, *arguments: Array) -> Array:
        return np.asarray(derivative(mean_along, log_n, args=arguments, initial_step=0.05).df)

    bracket = elementwise.bracket_minimum(mean_along, arguments[0] / 2 - 1, args=arguments)
    if not bracket.success.all():
        raise LawError(
            f"law {law.name!r} has no compute-optimal N at {budgets[~bracket.success.all(axis=0)][0]:g} FLOP"
        )
    # A minimum's place is only known to the square root of the mean's rounding error; its slope's root is sharp.
    left, _, right = bracket.bracket
    log_n = elementwise.find_root(slope, (left, right), args=arguments).x
    if np.isnan(log_n).any():
        # The mean has a kink between them, as where tokens begin to be repeated.
        log_n = np.where(
            np.isnan(log_n), elementwise.find_minimum(mean_along, bracket.bracket, args=arguments).x, log_n
        )
    return np.asarray(np.exp(log_n))


def tokens_at(flops: FlopRule, budgets: Array, N: Array) -> Array:
    """Tokens that bring N parameters to a budget; arrays broadcast."""
    if isinstance(flops, InvertibleFlopRule):
        return flops.tokens(budgets, N)
    from scipy.optimize import elementwise

    def excess(log_d: Array, n: Array, budget: Array) -> Array:
        with np.errstate(divide="ignore", over="ignore"):
            return np.log(flops(n, np.exp(log_d))) - np.log(budget)

    n, budget = np.broadcast_arrays(np.asarray(N, dtype=float), np.asarray(budgets, dtype=float))
    start = np.log(budget / (6 * n))
    bracket = elementwise.bracket_root(excess, start - 1, start + 1, args=(n, budget))
    return np.asarray(np.exp(elementwise.find_root(excess, bracket.bracket, args=(n, budget)).x))
