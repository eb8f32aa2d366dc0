"""Planning where unique data are limited: how often to repeat them, what the limit costs, and what a token is worth."""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.intervals import SAMPLE_DIMS, numbered
from bayescale.basics.quantities import check_positive, format_quantity
from bayescale.planning.allocation import checked_budgets, law_optimum, optimum_draws, two_inputs
from bayescale.planning.answers import Answer
from bayescale.planning.costs import Cost
from bayescale.posterior.ensembles import Posterior, first_fit, joined, members, reach_of
from bayescale.posterior.fit import Fit
from bayescale.posterior.parts import draw_error, link_mean
from bayescale.posterior.reach import compute_warnings, tokens_warnings

Array = NDArray[np.float64]

_ENDLESS = 1e24
"""Unique tokens that no run would repeat."""
_STEP = 1e-4
"""Of the logarithm of an input, for central differences."""
_NOTHING = 1e-12
"""Steepness below which compute buys nothing more, and tokens are worth any price."""


def data_limited(
    fit: Posterior,
    C: ArrayLike,
    unique: float,
    *,
    token_price: float | None = None,
    cost: Cost | None = None,
    seed: int = 0,
) -> Answer:
    """Compute-optimal runs when the number of unique tokens is limited, and what a further one would be worth.

    A law that reads unique tokens U, such as ``data_constrained``, says what repeats are worth; with a law of N and D
    nothing is repeated, and larger budgets go into parameters once all tokens are used. A token is worth the dollars of
    compute that would improve the law's mean as much, at the optimum: -dL/dU over -dL/d$.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D, or in N, D and U.
    C : array_like, shape (budget,) or scalar
        Budgets, FLOP.
    unique : float
        Tokens that there are.
    token_price : float, optional
        Dollars per further token, to say how probably it is worth its price.
    cost : Cost, optional
        Of compute; by default an H100 at public prices.
    seed : int

    Returns
    -------
    Answer
        By budget ``C``: ``N``, ``D``, ``epochs`` (D over the unique tokens, at least 1), ``expected_loss`` (or
        what the outcome is called), ``lost`` (by the law, what the limit makes the outcome worse), and ``worth`` of a
        further token (dollars).

    Raises
    ------
    LawError
        If the law reads other inputs, or a budget is not positive and finite.
    QuantityError
        If the number of tokens or the price is not positive and finite.

    Examples
    --------
    >>> from bayescale import fit
    >>> answer = data_limited(fit("chinchilla", "chinchilla", discrepancy=False), 5.76e23, 5e11)
    >>> float(answer.draws["D"].median())
    500000000000.0
    >>> bool((answer.draws["worth"] > 0).all())
    True
    """
    first = first_fit(fit)
    for name, value in (("unique tokens", unique), ("token_price", token_price)):
        if value is not None:
            check_positive(name, value)
    two_inputs(first.law, {"U": unique} if "U" in first.law.input_names else {})
    budgets = checked_budgets(C)
    paid = cost or Cost()
    prices = paid.paired(len(first.parameters["sigma"]), seed).dollars_per_flop.to_numpy()
    each = {name: _draws(member, budgets, unique, prices, seed) for name, member in members(fit).items()}
    draws = joined(fit, each, reach_of(first, {"C": budgets}), seed).swap_dims(budget="C")
    sure = {}
    if token_price is not None:
        share = (draws["worth"] > token_price).mean(SAMPLE_DIMS).to_numpy()
        sure = {
            f"a further token is worth its price at {budget:g} FLOP": float(p)
            for budget, p in zip(budgets, share, strict=True)
        }
    return Answer(
        question=f"Compute-optimal runs with {format_quantity(unique)} unique tokens",
        draws=draws,
        probabilities=sure,
        warnings=(
            *fit.warnings,
            *_unrepeated(first),
            *compute_warnings(first, budgets),
            *tokens_warnings(first, draws["D"] / draws["N"]),
        ),
        notes=(*fit.notes, paid.note),
        by="C",
    )


def _unrepeated(fit: Fit) -> tuple[str, ...]:
    if "U" in fit.law.input_names:
        return ()
    return (f"law {fit.law.name!r} does not model repeated tokens: what a second epoch would bring is left out",)


def _draws(fit: Fit, budgets: Array, unique: float, prices: Array, seed: int) -> xr.Dataset:
    repeats = "U" in fit.law.input_names
    fixed = {"U": unique} if repeats else {}
    found = optimum_draws(fit, budgets, fixed=fixed, seed=seed)
    n, d = (found[name].to_numpy().reshape(-1, len(budgets)) for name in ("N", "D"))
    error = found["error"].to_numpy().reshape(n.shape)
    limited = _law_optima(fit, budgets, fixed)
    free = _law_optima(fit, budgets, {"U": _ENDLESS} if repeats else {})
    if not repeats:
        walled = d >= unique
        error = np.where(walled, _error_at_wall(fit, budgets, unique, seed), error)
        n, d = _within(fit, n, d, budgets, unique)
        limited = _within(fit, *limited, budgets, unique)
    steep = {name: _steepness(fit, name, n, d, fixed, budgets) for name in ("N", "D", *fixed)}
    # At an optimum a hundredth more compute is worth half a hundredth more of N and of D; at a wall all goes into N.
    in_compute = (steep["N"] + steep["D"]) / 2
    if not repeats:
        in_compute = np.where(walled, steep["N"], in_compute)
    scarce = steep["U"] if repeats else np.where(walled, np.maximum(steep["D"] - steep["N"], 0.0), 0.0)
    per_dollar = np.maximum(in_compute, _NOTHING) / (budgets * prices[:, None])
    inverse = fit.law.link.inverse
    means = [
        inverse(link_mean(fit, {"N": at[0], "D": at[1], **_columns(known, budgets)}))
        for at, known in ((limited, fixed), (free, {"U": _ENDLESS} if repeats else {}))
    ]
    final = inverse(link_mean(fit, {"N": n, "D": d, **_columns(fixed, budgets)}) + error)
    values = {
        "N": (n, "parameters"),
        "D": (d, "tokens"),
        "epochs": (np.maximum(d / unique, 1.0), "epochs"),
        f"expected_{fit.law.outcome}": (final, fit.law.outcome_unit),
        "lost": (fit.law.sign * (means[0] - means[1]), fit.law.outcome_unit),
        "worth": (scarce / unique / per_dollar, "dollars/token"),
    }
    dims = (*SAMPLE_DIMS, "budget")
    variables = {name: (dims, fit.in_chains(value), {"units": unit}) for name, (value, unit) in values.items()}
    coords = {**fit.sample_coords, **numbered("budget", len(budgets)), "C": ("budget", budgets, {"units": "FLOP"})}
    return xr.Dataset(variables, coords=coords)


def _columns(fixed: dict[str, float], budgets: Array) -> dict[str, Array]:
    return {name: np.full(len(budgets), value) for name, value in fixed.items()}


def _law_optima(fit: Fit, budgets: Array, fixed: dict[str, float]) -> tuple[Array, Array]:
    """N and D of the law's own optimum, each of shape (sample, budget)."""
    n = law_optimum(fit.law, fit.parameters, budgets, fit.count, fixed)
    return n, fit.count.tokens(budgets, n)


def _error_at_wall(fit: Fit, budgets: Array, unique: float, seed: int) -> Array:
    """Model discrepancy, and the break of a recipe, of runs on all the tokens there are."""
    runs = {"N": fit.count.parameters(budgets, unique), "D": np.full(len(budgets), unique)}
    return draw_error(fit, runs, np.random.default_rng(seed))


def _within(fit: Fit, n: Array, d: Array, budgets: Array, unique: float) -> tuple[Array, Array]:
    """The same compute with no more tokens than there are."""
    within = np.minimum(d, unique)
    return np.where(d > unique, fit.count.parameters(budgets, within), n), within


def _steepness(fit: Fit, name: str, n: Array, d: Array, fixed: dict[str, float], budgets: Array) -> Array:
    """Improvement of the law's mean, on the link's scale, by a factor of e of an input."""
    inputs = {"N": n, "D": d, **_columns(fixed, budgets)}
    ends = [link_mean(fit, {**inputs, name: inputs[name] * np.exp(step)}) for step in (-_STEP, _STEP)]
    return np.asarray((ends[0] - ends[1]) / (2 * _STEP)) * fit.law.sign
