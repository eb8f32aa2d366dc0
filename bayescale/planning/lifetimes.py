"""The size to train when a model will be used: training and serving together, at a quality or within a budget.

Training N parameters on D tokens takes 6 N D FLOP, unless a fit counts otherwise, and serving T tokens 2 N T (Kaplan et
al. 2020, arXiv:2001.08361, section 2.1). A smaller model trained longer reaches the same loss and is cheaper to serve;
how small is best depends on T (Sardana et al. 2023, arXiv:2401.00448). Where the cost of both is least, the loss's
elasticities obey eps_N / eps_D = 1 + T / (3 D) for 6 N D. A FLOP of serving often costs more than one of training,
since accelerators are used less well; prices are in FLOP of training.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.errors import LawError
from bayescale.basics.intervals import SAMPLE_DIMS
from bayescale.basics.quantities import check_positive, excess, format_quantity, numbers
from bayescale.basics.wording import with_article
from bayescale.data.compute import Count, six_nd
from bayescale.data.tables import number_fault
from bayescale.laws.law import Law
from bayescale.laws.parameters import Prior
from bayescale.planning.allocation import checked_budgets, law_optimum, lowest, optimum_draws, two_inputs
from bayescale.planning.answers import Answer
from bayescale.planning.costs import draw
from bayescale.posterior.ensembles import Posterior, first_fit, joined, members, reach_of
from bayescale.posterior.fit import Fit
from bayescale.posterior.parts import draw_error, interpolated, link_mean
from bayescale.posterior.reach import compute_warnings, tokens_warnings

Array = NDArray[np.float64]

SERVING_FLOP = 2.0
"""Per parameter and token."""

UNITS = {
    "N": "parameters",
    "D": "tokens",
    "tokens_per_parameter": "tokens/parameter",
    "training": "FLOP",
    "serving": "FLOP",
    "N_alone": "parameters",
    "saved": "share of FLOP",
}
_SIZES = 120
_SMALLEST, _LARGEST = 4.0, 1.5
"""E-folds of N below and above the size that reaches the quality with least training."""
_ENDS = "1e15 to 1e33 FLOP"
_COMPUTE = np.log(np.geomspace(1e15, 1e33, 73))
"""Log of the compute (FLOP) within which a quality is searched."""
_BISECTIONS = 60
_TOKENS = (0.0, np.log(1e30))
_SURE = 0.999
_HARDLY_ANY, _NOTHING = 1e-3, 1e-30
"""Shares of a budget: the least that the best run leaves to training, and a number for none."""
_DEMANDS = 8
"""Demands at which the best size is found where demand is a distribution."""
_NEVER = 500.0
"""Stands for the log of what no number of tokens reaches, where a parabola is laid through neighbours."""


@dataclass(frozen=True)
class TrainAndServe:
    """Compute of training N parameters on D tokens and serving others, in FLOP of training.

    Parameters
    ----------
    served : float or array
        Tokens served in the model's lifetime.
    serving_price : float
        Of a FLOP of serving over that of one of training.
    training : Count
        Of training alone.

    Examples
    --------
    >>> float(TrainAndServe(2e12)(np.float64(1e9), np.float64(1e11)))
    4.6e+21
    """

    served: float | Array
    serving_price: float = 1.0
    training: Count = six_nd

    def __call__(self, N: Array, D: Array) -> Array:
        """FLOP of training and serving together."""
        return self.training(N, D) + self.serving(N)

    def serving(self, N: Array) -> Array:
        """FLOP of serving alone, in FLOP of training."""
        return np.asarray(SERVING_FLOP * self.serving_price * N * self.served)

    def tokens(self, budgets: Array, N: Array) -> Array:
        """Training tokens that a budget leaves; hardly any where serving takes all of it."""
        left = np.maximum(budgets - self.serving(N), _NOTHING * budgets)
        return self.training.tokens(left, N)

    def largest(self, budgets: Array) -> Array:
        """Parameters for which serving leaves hardly anything of a budget."""
        return np.asarray((1 - _HARDLY_ANY) * budgets / self.serving(np.ones(1)))


def lifetime_budget(
    fit: Posterior, C: float, served: ArrayLike | Prior, *, serving_price: float = 1.0, seed: int = 0
) -> Answer:
    """Size and tokens of the least loss when one budget pays for training and serving.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D.
    C : float
        FLOP of training and serving together.
    served : array_like, shape (demand,) or scalar, or Prior
        Tokens that will be served in the model's lifetime; of a distribution every draw has its own demand, so that the
        intervals hold what would be best for each, if it were known.
    serving_price : float
        Of a FLOP of serving over that of one of training.
    seed : int

    Returns
    -------
    Answer
        By ``served``: ``N``, ``D``, ``tokens_per_parameter``, ``expected_loss`` (or what the outcome is called), and
        ``serving``, the share of the budget that it takes.

    Raises
    ------
    LawError
        If the law does not read N and D, or the budget is not positive and finite.
    QuantityError
        If a demand or price is not positive and finite.

    Examples
    --------
    >>> from bayescale import fit
    >>> answer = lifetime_budget(fit("chinchilla", "chinchilla", discrepancy=False), 1e24, [1e12, 1e13])
    >>> bool((answer.draws["N"].median(dim=("chain", "draw")).diff("served") < 0).all())
    True
    """
    first = first_fit(fit)
    two_inputs(first.law)
    budget = checked_budgets(C)
    demand = _demand(served, len(first.parameters["sigma"]), serving_price, seed)
    each = {name: _within_budget(member, budget, demand, serving_price, seed) for name, member in members(fit).items()}
    reach = np.repeat(reach_of(first, {"C": budget}), demand.shape[1])
    draws = joined(fit, each, reach, seed)
    doubts = tokens_warnings(first, draws["tokens_per_parameter"])
    return Answer(
        question=f"Training and serving for {format_quantity(budget[0])} FLOP",
        draws=draws,
        warnings=(*fit.warnings, *compute_warnings(first, budget), *doubts),
        notes=fit.notes,
        by="served",
    )


def _demand(served: ArrayLike | Prior, n: int, serving_price: float, seed: int) -> Array:
    """Tokens served, shape (1, demand), or (sample, 1) of a distribution."""
    if isinstance(served, Prior):
        demand = draw(served, np.random.default_rng([seed, 2]), n, "served tokens")[:, None]
    else:
        demand = np.atleast_1d(numbers("served", served))[None]
    check_positive("the price of serving", serving_price)
    for value in demand.ravel():
        check_positive("the demand for tokens", value)
    return demand


def _within_budget(fit: Fit, budget: Array, demand: Array, serving_price: float, seed: int) -> xr.Dataset:
    """The best run that leaves enough for serving, dims chain, draw and served."""
    # At a few demands, between which the logarithm of the size is interpolated for draws with demands of their own.
    grid = demand[0] if len(demand) == 1 else np.geomspace(demand.min(), demand.max(), _DEMANDS)
    found = [optimum_draws(fit, budget, TrainAndServe(tokens, serving_price, fit.count), seed=seed) for tokens in grid]
    n, error = (np.column_stack([best[name].to_numpy().ravel() for best in found]) for name in ("N", "error"))
    log_n = np.log(n)
    if len(demand) > 1:
        places = np.log(demand[:, 0])
        log_n, error = (interpolated(np.log(grid), values, places)[:, None] for values in (log_n, error))
    rule = TrainAndServe(demand, serving_price, fit.count)
    n = np.minimum(np.exp(log_n), rule.largest(budget))
    serving, d = rule.serving(n), rule.tokens(budget, n)
    values = {
        "N": (n, "parameters"),
        "D": (d, "tokens"),
        "tokens_per_parameter": (d / n, "tokens/parameter"),
        f"expected_{fit.law.outcome}": (
            fit.law.link.inverse(link_mean(fit, {"N": n, "D": d}) + error),
            fit.law.outcome_unit,
        ),
        "serving": (serving / budget, "share of FLOP"),
    }
    dims = (*SAMPLE_DIMS, "served")
    variables = {name: (dims, fit.in_chains(value), {"units": unit}) for name, (value, unit) in values.items()}
    return xr.Dataset(variables, coords={**fit.sample_coords, "served": np.median(demand, axis=0)})


def lifetime_optimum(
    fit: Posterior, loss: float, served: ArrayLike | Prior, *, serving_price: float = 1.0, seed: int = 0
) -> Answer:
    """Size and tokens that reach a loss at the least FLOP of training and serving together.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D.
    loss : float
        Quality to be reached, in the unit of the runs.
    served : array_like, shape (demand,) or scalar, or Prior
        Tokens that will be served in the model's lifetime; of a distribution every draw has its own demand, so that the
        intervals hold what would be best for each, if it were known.
    serving_price : float
        Of a FLOP of serving over that of one of training.
    seed : int
        Of the model discrepancy, which is drawn at the size of least training and held along the curve of equal loss.

    Returns
    -------
    Answer
        By ``served`` (tokens): ``N``, ``D``, ``tokens_per_parameter``, ``training`` and ``serving`` (FLOP);
        ``N_alone``, the size with the least training for that quality; ``saved``, the share of all FLOP that it saves
        over that size. Dims chain, draw and demand; NaN in draws that never reach the quality. The probability is that
        any compute below 1e33 FLOP reaches it.

    Raises
    ------
    LawError
        If the law does not read N and D, or the loss is not positive.
    QuantityError
        If a demand or price is not positive and finite.

    Examples
    --------
    >>> from bayescale import fit
    >>> answer = lifetime_optimum(fit("chinchilla", "chinchilla", discrepancy=False), loss=2.0, served=[1e12, 1e13])
    >>> bool((answer.draws["N"].median(dim=("chain", "draw")).diff("demand") < 0).all())
    True
    """
    first = first_fit(fit)
    two_inputs(first.law)
    if fault := number_fault(first.law.link.domain, loss):
        raise LawError(f"{first.outcome} {loss:g}: {fault}")
    demand = _demand(served, len(first.parameters["sigma"]), serving_price, seed)
    each = {name: _draws(member, loss, demand, serving_price, seed) for name, member in members(fit).items()}
    reached = {name: _share_reached(draws) for name, draws in each.items()}
    quality = _quality(loss, first.law)
    if not any(reached.values()):
        raise LawError(f"no draw of the posterior reaches {quality} by {_ENDS}: ask for another one")
    medians = [draws["training"].isel(demand=0).median().item() for name, draws in each.items() if reached[name]]
    reach = np.repeat(reach_of(first, {"C": np.array([np.median(medians)])}), demand.shape[1])
    draws = joined(fit, each, reach, seed)
    reachable = _share_reached(draws)
    return Answer(
        question=f"Cheapest training and serving at {quality}",
        draws=draws,
        probabilities={f"{quality} can be reached": reachable},
        warnings=(*fit.warnings, *_doubts(first, draws, loss, reachable)),
        notes=fit.notes,
        by="served",
    )


def _quality(loss: float, law: Law) -> str:
    return f"{with_article(law.outcome)} of {loss:g} {law.outcome_unit}".rstrip()


def _share_reached(draws: xr.Dataset) -> float:
    return 1 - float(np.isnan(draws["N_alone"].isel(demand=0)).mean())


def _doubts(fit: Fit, draws: xr.Dataset, loss: float, reachable: float) -> Iterator[str]:
    if reachable < _SURE:
        asked = _quality(loss, fit.law)
        yield f"{1 - reachable:.0%} of draws do not reach {asked} by {_ENDS}: intervals are of the others"
    yield from tokens_warnings(fit, draws["tokens_per_parameter"])


def _draws(fit: Fit, loss: float, served: Array, serving_price: float, seed: int) -> xr.Dataset:
    budgets = np.exp(_COMPUTE)
    log_n_law = np.log(law_optimum(fit.law, fit.parameters, budgets, fit.count))
    along = _height(fit, np.exp(log_n_law), fit.count.tokens(budgets, np.exp(log_n_law)))
    wanted = fit.law.sign * float(fit.law.link.forward(np, np.float64(loss)))
    target = wanted - fit.law.sign * _error_near(fit, wanted, log_n_law, along, seed)
    position = (along <= target[:, None]).argmax(axis=1)
    reached = (along <= target[:, None]).any(axis=1) & (position > 0)
    rows, left = np.arange(len(target)), np.maximum(position - 1, 0)
    ends = along[rows, left], along[rows, left + 1]
    share = np.clip((ends[0] - target) / np.maximum(ends[0] - ends[1], 1e-300), 0.0, 1.0)
    log_c = _COMPUTE[left] + share * (_COMPUTE[1] - _COMPUTE[0])
    log_n_alone = interpolated(_COMPUTE, log_n_law, log_c)
    log_n = log_n_alone[:, None] + np.linspace(-_SMALLEST, _LARGEST, _SIZES)
    log_d = log_tokens_to_reach(fit, log_n, target[:, None])
    alone = np.where(reached, np.exp(log_n_alone), np.nan)
    priced = serving_price * served
    log_best = np.column_stack([_cheapest(fit, log_n, log_d, log_n_alone, tokens[:, None]) for tokens in priced.T])
    tokens_best, tokens_alone = (
        log_tokens_to_reach(fit, at, target[:, None]) for at in (log_best, log_n_alone[:, None])
    )
    n, d = (np.where(reached[:, None], np.exp(values), np.nan) for values in (log_best, tokens_best))
    saved = 0.0 - excess(_flop(fit, n, d, priced), _flop(fit, alone[:, None], np.exp(tokens_alone), priced))
    values = {
        "N": n,
        "D": d,
        "tokens_per_parameter": d / n,
        "training": fit.count(n, d),
        "serving": SERVING_FLOP * n * served,
        "N_alone": np.repeat(alone[:, None], served.shape[1], axis=1),
        "saved": saved,
    }
    dims = (*SAMPLE_DIMS, "demand")
    variables = {name: (dims, fit.in_chains(value), {"units": UNITS[name]}) for name, value in values.items()}
    return xr.Dataset(variables, coords={**fit.sample_coords, "served": ("demand", np.median(served, axis=0))})


def _height(fit: Fit, n: Array, d: Array) -> Array:
    """The law's mean on the link's scale, lower where it is better."""
    return np.asarray(fit.law.sign * link_mean(fit, {"N": n, "D": d}))


def _error_near(fit: Fit, wanted: float, log_n_law: Array, along: Array, seed: int) -> Array:
    """Model discrepancy where the quality is reached with least training, for the median draw; shape (sample,)."""
    middle = np.median(along, axis=0)
    at = int(np.clip((middle > wanted).sum(), 0, len(_COMPUTE) - 1))
    n = np.exp(np.median(log_n_law[:, at]))
    point = {"N": np.array([n]), "D": fit.count.tokens(np.exp(_COMPUTE[at : at + 1]), n)}
    return np.broadcast_to(draw_error(fit, point, np.random.default_rng(seed))[:, 0], len(along))


def log_tokens_to_reach(fit: Fit, log_n: Array, target: Array) -> Array:
    """Log of the tokens with which each size's mean reaches a target, infinite where none do; by bisection.

    Parameters
    ----------
    fit : Fit
    log_n : array, shape (sample, size)
    target : array, shape (sample, 1)
        On the link's scale, times the law's sign.
    """
    low, high = (np.full(log_n.shape, end) for end in _TOKENS)
    n = np.exp(log_n)
    never = _height(fit, n, np.exp(high)) > target
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        short = _height(fit, n, np.exp(middle)) > target
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return np.where(never, np.inf, (low + high) / 2)


def _cheapest(fit: Fit, log_n: Array, log_d: Array, log_n_alone: Array, served: Array) -> Array:
    """Log of the size at which training and serving together cost least, shape (sample,); a price in the demand."""
    with np.errstate(over="ignore"):
        cost = np.minimum(np.log(_flop(fit, np.exp(log_n), np.exp(log_d), served)), _NEVER)
    grid = np.linspace(-_SMALLEST, _LARGEST, _SIZES)
    return log_n_alone + np.clip(lowest(grid, cost), grid[0], grid[-1])


def _flop(fit: Fit, n: Array, d: Array, served: Array) -> Array:
    """Of training and serving together; a price in the demand."""
    return np.asarray(fit.count(n, d) + SERVING_FLOP * n * served)
