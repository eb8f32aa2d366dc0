"""Which runs to do next: those from which the answer to a question is expected to gain most for their compute.

What a posterior believes of the outcomes of candidate runs and of the target is summed up by their means and
covariances, over its draws and, within a draw, over the law's error. The variance of the target that observing some of
the candidates leaves to the best linear estimate is then a Schur complement, whatever their outcomes are, and no
posterior is sampled again. It is what a refit is expected to leave where everything is normal, and as near to that as
linear estimates come where it is not (Goldstein and Wooff 2007, Bayes Linear Statistics, section 1.4.5).

Without the law's error a few runs anywhere would be expected to tell all about it; with it a run tells most of its own
neighbourhood.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.discrepancy import noise_scale
from bayescale.ensembles import Ensemble, Posterior, first_fit, members, reach_of
from bayescale.errors import LawError, QuantityError, RunsError
from bayescale.fitting import Fit
from bayescale.forecasting import checked_points, compute_warnings, draw_error, link_mean
from bayescale.planning.allocation import law_optimum, lowest, six_nd, sizes_around, two_inputs
from bayescale.quantities import format_quantity
from bayescale.tables import missing_column, positive, refuse

Array = NDArray[np.float64]

MOST = 10
"""Runs in a batch unless more are asked for: a hundred tiny ones would tell little more."""

_SIDE = 12
"""Sizes and token counts of the default candidates, evenly spaced in the logarithm."""
_NOTHING = 1e-9
"""Share of the target's variance below which a run tells nothing."""
_LITTLE = 0.05
"""Share of the target's standard deviation below which a batch is said to tell little."""


@dataclass(frozen=True, eq=False)
class LossAt:
    """The expected loss of one run or of several: what to ask :func:`next_runs` for.

    Parameters
    ----------
    N, D : array_like, shape (point,) or scalar
        Parameters and tokens; they broadcast against each other.

    Examples
    --------
    >>> LossAt(N=70e9, D=1.4e12).N
    70000000000.0
    """

    N: ArrayLike
    D: ArrayLike


@dataclass(frozen=True)
class OptimumAt:
    """The compute-optimal size N* at a budget: what to ask :func:`next_runs` for.

    Parameters
    ----------
    C : float
        FLOP.

    Examples
    --------
    >>> OptimumAt(5.76e23)
    OptimumAt(C=5.76e+23)
    """

    C: float


@dataclass(frozen=True)
class WhichLaw:
    """Which law of an ensemble is right: what to ask :func:`next_runs` for.

    Examples
    --------
    >>> WhichLaw() == WhichLaw()
    True
    """


type Target = LossAt | OptimumAt | WhichLaw


@dataclass(frozen=True, eq=False)
class Design:
    """What each candidate run would tell of a target, and a batch of them to do next.

    Attributes
    ----------
    candidates : xarray.Dataset
        Dim candidate, with the coordinates ``N`` and ``D``: ``C`` (FLOP); ``reduction``, the share by which that run
        alone is expected to lower the target's standard deviation; ``per_flop``, that over ``C``; ``batch``, whether it
        is in the batch.
    batch : xarray.Dataset
        Dim run, in the order in which the runs tell most for their compute; ``candidate`` is the place of each among
        the candidates, ``sd`` the target's expected standard deviation after it and those before it, ``reduction`` the
        share by which that is below ``sd``, and ``spent`` their compute together (FLOP).
    target : str
        What is asked for.
    sd : float
        Standard deviation of the target now; of several losses their root mean square.
    unit : str
        Of the standard deviation.
    budget : float
        FLOP.
    warnings : tuple of str

    Examples
    --------
    >>> from bayescale import fit
    >>> plan = next_runs(fit("chinchilla", "chinchilla"), target=LossAt(N=70e9, D=1.4e12), budget=1e20)
    >>> bool(plan.batch["C"].sum() <= 1e20)
    True
    >>> list(plan.summary().columns)
    ['N', 'D', 'C', 'spent', 'sd', 'reduction']
    """

    candidates: xr.Dataset
    batch: xr.Dataset
    target: str
    sd: float
    unit: str
    budget: float
    warnings: tuple[str, ...] = ()

    def summary(self) -> pd.DataFrame:
        """The batch, a row per run: its N, D and C, and what it and those before it cost and leave."""
        return self.batch[["N", "D", "C", "spent", "sd", "reduction"]].to_dataframe().reset_index(drop=True)

    def ranking(self) -> pd.DataFrame:
        """All candidates, the one that tells most for its compute first."""
        table = self.candidates[["N", "D", "C", "reduction", "per_flop"]].to_dataframe()
        return table.sort_values("per_flop", ascending=False)

    def __str__(self) -> str:
        table = self.summary()
        shown = pd.DataFrame(
            {
                "N": table["N"].map(format_quantity),
                "D": table["D"].map(format_quantity),
                "C (FLOP)": table["C"].map(format_quantity),
                "spent (FLOP)": table["spent"].map(format_quantity),
                f"sd ({self.unit})": table["sd"].map("{:.3g}".format),
                "below now": table["reduction"].map("{:.0%}".format),
            }
        )
        head = f"{self.target}: standard deviation now {self.sd:.3g} {self.unit}, expected after each run:"
        return "\n".join([head, shown.to_string(index=False), *self.warnings])


def next_runs(
    fit: Posterior,
    candidates: pd.DataFrame | Mapping[str, ArrayLike] | None = None,
    *,
    target: Target,
    budget: float,
    most: int | None = MOST,
    seed: int = 0,
) -> Design:
    """Rank candidate runs, and choose a batch, by how much less uncertain they are expected to leave a target.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D.
    candidates : DataFrame or mapping of array, shape (candidate,), optional
        ``N``, ``D`` and, where training does not take 6 N D, ``C`` (FLOP); by default :func:`candidate_grid`. Each can
        be run once: list one twice if it may be repeated.
    target : LossAt, OptimumAt or WhichLaw
    budget : float
        Compute for the batch, FLOP.
    most : int or None
        Largest number of runs in the batch; as many as the budget pays for if None.
    seed : int
        Of the law's error in draws of N*.

    Returns
    -------
    Design

    Raises
    ------
    LawError
        If the law does not read N and D, or the target is none of these, is not positive, or asks which of one law is
        right.
    RunsError
        If a candidate lacks N or D, or a value is not positive.
    QuantityError
        If the budget is not positive, or pays for no candidate.

    Examples
    --------
    >>> from bayescale import fit
    >>> posterior = fit("chinchilla", "chinchilla")
    >>> plan = next_runs(posterior, {"N": [1e8, 1e9], "D": [2e9, 1e11]}, target=OptimumAt(1e24), budget=1e21)
    >>> plan.candidates["reduction"].dims
    ('candidate',)
    >>> bool(plan.candidates["reduction"].isel(candidate=1) > plan.candidates["reduction"].isel(candidate=0))
    True
    """
    first = first_fit(fit)
    two_inputs(first.law, "the next run")
    asked = _checked_target(fit, target)
    points, cost = _checked_candidates(first, candidate_grid(fit) if candidates is None else candidates)
    if not (np.isfinite(budget) and budget > 0):
        raise QuantityError(f"budget {budget:g} FLOP: must be a finite number above zero")
    if most is not None and most < 1:
        raise QuantityError(f"a batch of at most {most} runs: give one or more, or None")
    if cost.min() > budget:
        raise QuantityError(
            f"a budget of {budget:.3g} FLOP pays for none of {len(cost)} candidates: the cheapest takes "
            f"{cost.min():.3g} FLOP"
        )
    covariance, noise = _belief(fit, points, asked, seed)
    alone = 1 - np.sqrt(1 - gains(covariance, noise) / _variance(covariance, len(cost)))
    chosen, left = best_batch(covariance, noise, cost, budget, most)
    now = float(np.sqrt(_variance(covariance, len(cost)) / (len(covariance) - len(cost))))
    after = now * np.sqrt(left)
    at = {"N": points["N"], "D": points["D"]}
    in_batch = np.isin(np.arange(len(cost)), chosen)
    return Design(
        candidates=xr.Dataset(
            {
                "C": ("candidate", cost, {"units": "FLOP"}),
                "reduction": ("candidate", alone, {"units": "share"}),
                "per_flop": ("candidate", alone / cost, {"units": "share/FLOP"}),
                "batch": ("candidate", in_batch),
            },
            coords={name: ("candidate", values) for name, values in at.items()},
        ),
        batch=xr.Dataset(
            {
                "candidate": ("run", chosen),
                "C": ("run", cost[chosen], {"units": "FLOP"}),
                "spent": ("run", np.cumsum(cost[chosen]), {"units": "FLOP"}),
                "sd": ("run", after, {"units": asked.unit}),
                "reduction": ("run", 1 - after / now, {"units": "share"}),
            },
            coords={name: ("run", values[chosen]) for name, values in at.items()},
        ),
        target=asked.name,
        sd=now,
        unit=asked.unit,
        budget=float(budget),
        warnings=(*fit.warnings, *_warnings(first, asked, float(left[-1]) if len(left) else 1.0, budget)),
    )


def candidate_grid(fit: Posterior) -> pd.DataFrame:
    """Candidate runs where runs have been fitted: an even grid over the ranges of their log N and log D.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D.

    Returns
    -------
    pandas.DataFrame
        Columns ``N``, ``D`` to two significant digits.

    Examples
    --------
    >>> from bayescale import fit
    >>> candidate_grid(fit("chinchilla", "chinchilla", discrepancy=False)).shape
    (144, 2)
    """
    inputs = first_fit(fit).inputs
    sides = [np.geomspace(inputs[name].min(), inputs[name].max(), _SIDE) for name in ("N", "D")]
    sizes, tokens = np.meshgrid(*([float(f"{value:.1e}") for value in side] for side in sides), indexing="ij")
    return pd.DataFrame({"N": sizes.ravel(), "D": tokens.ravel()})


def gains(covariance: Array, noise: Array) -> Array:
    """Variance of all targets together that observing each candidate alone takes away, shape (candidate,).

    Parameters
    ----------
    covariance : array, shape (candidate + target, candidate + target)
        Of what is believed, the candidates first.
    noise : array, shape (candidate,)
        Variance with which each candidate's outcome will be observed.
    """
    n = len(noise)
    return np.asarray(np.square(covariance[n:, :n]).sum(axis=0) / (np.diag(covariance)[:n] + noise))


def best_batch(
    covariance: Array, noise: Array, cost: Array, budget: float, most: int | None = None
) -> tuple[NDArray[np.intp], Array]:
    """Candidates to observe together within a budget, in order, and the share of variance left after each.

    Of those that what is left of the budget pays for, the next is always the one that takes most variance away for its
    cost, or always the one that takes most away; the better of the two batches is kept. Each alone can be arbitrarily
    bad, and the better takes at least (1 - 1/e)/2 of what the best would where returns diminish (Leskovec et al. 2007,
    doi:10.1145/1281192.1281239), as those of linear estimates mostly do.

    Parameters
    ----------
    covariance, noise
        As of :func:`gains`.
    cost : array, shape (candidate,)
    budget : float
        In the unit of the cost.
    most : int, optional
        Largest number of candidates.

    Examples
    --------
    >>> covariance = np.array([[1.0, 0.0, 0.9], [0.0, 1.0, 0.3], [0.9, 0.3, 1.0]])
    >>> order, left = best_batch(covariance, noise=np.zeros(2), cost=np.array([3.0, 1.0]), budget=4.0)
    >>> order.tolist(), left.round(2).tolist()
    ([0, 1], [0.19, 0.1])
    """
    each = [_greedy(covariance, noise, cost, budget, most or len(noise), per_cost) for per_cost in (True, False)]
    order, left = min(each, key=lambda batch: batch[1][-1])
    return np.array(order, dtype=np.intp), np.array(left[1:])


def _greedy(
    covariance: Array, noise: Array, cost: Array, budget: float, most: int, per_cost: bool
) -> tuple[list[int], list[float]]:
    """Candidates one after another, and the share of variance left before the first and after each."""
    n = len(noise)
    total = _variance(covariance, n)
    own, cross = np.diag(covariance)[:n] + noise, covariance[n:, :n].copy()
    free = np.ones(n, dtype=bool)
    factors: list[Array] = []
    order: list[int] = []
    left = [1.0]
    while len(order) < most:
        free &= cost <= budget
        gain = np.divide(np.square(cross).sum(axis=0), own, where=free, out=np.zeros(n))
        best = int((gain / cost if per_cost else gain).argmax())
        if gain[best] <= _NOTHING * total:
            break
        # The next row of a Cholesky factor: how everything moves with what this run adds to those before it.
        seen = sum((factor[best] * factor for factor in factors), np.zeros(len(covariance)))
        factor = (covariance[best] - seen) / np.sqrt(own[best])
        own, cross = own - np.square(factor[:n]), cross - np.outer(factor[n:], factor[:n])
        factors.append(factor)
        order.append(best)
        left.append(max(left[-1] - gain[best] / total, 0.0))
        budget -= cost[best]
        free[best] = False
    return order, left


def _variance(covariance: Array, n: int) -> float:
    """Variance of all targets together, which stand after n candidates."""
    return float(np.trace(covariance[n:, n:]))


@dataclass(frozen=True)
class _Asked:
    """A target that has been checked: its name and unit, where it is, and how far ahead of the runs."""

    target: Target
    name: str
    unit: str
    reach: float
    points: Mapping[str, Array]


def _checked_target(fit: Posterior, target: Target) -> _Asked:
    first = first_fit(fit)
    if isinstance(target, LossAt):
        points = checked_points(first, {"N": target.N, "D": target.D})
        if not len(points["N"]):
            raise LawError("LossAt holds no point: give N and D of one run or more")
        places = "; ".join(
            f"N = {format_quantity(n)}, D = {format_quantity(d)}" for n, d in zip(points["N"], points["D"], strict=True)
        )
        law = first.law
        return _Asked(
            target, f"{law.outcome} at {places}", law.scale_unit, float(reach_of(first, points).max()), points
        )
    if isinstance(target, OptimumAt):
        if not (np.isfinite(target.C) and target.C > 0):
            raise LawError(f"target compute {target.C:g} FLOP: must be a finite number above zero")
        compute = {"C": np.array([target.C], dtype=float)}
        name = f"N* at {format_quantity(target.C)} FLOP"
        return _Asked(target, name, "log parameters", float(reach_of(first, compute)[0]), compute)
    if isinstance(target, WhichLaw):
        if not isinstance(fit, Ensemble):
            raise LawError(
                f"which law is right is asked of several, not of law {first.law.name!r} alone: fit law='auto'"
            )
        name = f"which law is right, of {', '.join(fit.members)}"
        return _Asked(target, name, "probability", float(fit.weights["horizon"].max()), {})
    raise LawError(f"unknown target {target!r}: ask for LossAt(N, D), OptimumAt(C) or WhichLaw()")


def _checked_candidates(fit: Fit, candidates: pd.DataFrame | Mapping[str, ArrayLike]) -> tuple[dict[str, Array], Array]:
    """Inputs and settings of candidates, and what each costs (FLOP), of shape (candidate,)."""
    frame = pd.DataFrame(dict(candidates)).reset_index(drop=True)
    refuse(missing_column(name, frame.columns, "candidates") for name in ("N", "D") if name not in frame)
    if len(frame) == 0:
        raise RunsError("there are no candidates: give at least one run's N and D")
    read = {name: positive(frame[name], "candidates", name) for name in ("N", "D", "C") if name in frame}
    refuse(fault for _, faults in read.values() for fault in faults)
    columns = {name: values for name, (values, _) in read.items()}
    cost = columns.pop("C", six_nd(columns["N"], columns["D"]))
    settings = {item.name: frame[item.name].to_numpy() for item in fit.law.settings if item.name in frame}
    return checked_points(fit, {**columns, **settings}), cost


def _belief(fit: Posterior, points: Mapping[str, Array], asked: _Asked, seed: int) -> tuple[Array, Array]:
    """Covariance of the candidates' expected outcomes and the targets, and the candidates' noise variances.

    An ensemble's is that of the mixture, by the weights that hold at the target.
    """
    each = [_member_belief(member, points, asked, seed) for member in members(fit).values()]
    if isinstance(asked.target, WhichLaw):
        each = [_with_indicator(belief, i, len(each)) for i, belief in enumerate(each)]
    weights = fit.weights_at(np.array([asked.reach]))[0] if isinstance(fit, Ensemble) else np.ones(1)
    means, covariances, noises = (np.stack(parts) for parts in zip(*each, strict=True))
    apart = means - weights @ means
    covariance = np.tensordot(weights, covariances, 1) + (weights * apart.T) @ apart
    return covariance, weights @ noises


def _member_belief(fit: Fit, points: Mapping[str, Array], asked: _Asked, seed: int) -> tuple[Array, Array, Array]:
    """Mean and covariance of the candidates' expected outcomes on the link's scale, the targets after them; noises."""
    if isinstance(asked.target, OptimumAt):
        draws = _with_log_optimum(fit, points, asked.points["C"], np.random.default_rng(seed))
        return (*_moments(draws), _noise(fit, points))
    together = _joined(points, asked.points) if isinstance(asked.target, LossAt) else points
    latent = link_mean(fit, together)
    if fit.basis is None:
        return (*_moments(latent), _noise(fit, points))
    located = fit.law.located(together)
    mean, covariance = _moments(latent + fit.conditional.moments(located)[0])
    return mean, covariance + fit.conditional.covariance(located), _noise(fit, points)


def _with_log_optimum(fit: Fit, points: Mapping[str, Array], compute: Array, rng: np.random.Generator) -> Array:
    """Joint draws of the candidates' expected outcomes and log N*, shape (sample, candidate + 1)."""
    n_law = law_optimum(fit, compute)
    if fit.basis is None:
        return np.hstack([link_mean(fit, points), np.log(n_law)])
    log_n = sizes_around(n_law[:, 0])
    curve = {**points, "N": np.exp(log_n), "D": compute / (6 * np.exp(log_n))}
    n = len(points["N"])
    together = _joined(points, curve)
    latent = link_mean(fit, together) + draw_error(fit, together, rng)
    return np.column_stack([latent[:, :n], lowest(log_n, latent[:, n:])])


def _with_indicator(belief: tuple[Array, Array, Array], i: int, of: int) -> tuple[Array, Array, Array]:
    """Append whether each law is the right one, to the belief that the i-th is."""
    mean, covariance, noise = belief
    return np.append(mean, np.eye(of)[i]), np.pad(covariance, (0, of)), noise


def _noise(fit: Fit, points: Mapping[str, Array]) -> Array:
    """Variance of a new run's outcome around the law and its error, averaged over the draws, shape (candidate,)."""
    variance = np.broadcast_to(fit.noise.effective_variance(fit.columns).mean(), points["N"].shape)
    if fit.basis is None:
        return variance
    own = fit.conditional.run_variance(fit.law.located(points))
    return np.asarray(variance * np.square(noise_scale(points)) + own.mean(axis=0))


def _joined(points: Mapping[str, Array], more: Mapping[str, Array]) -> dict[str, Array]:
    return {name: np.concatenate([values, more[name]]) for name, values in points.items()}


def _moments(draws: Array) -> tuple[Array, Array]:
    return draws.mean(axis=0), np.cov(draws, rowvar=False, ddof=0)


def _warnings(fit: Fit, asked: _Asked, left: float, budget: float) -> tuple[str, ...]:
    warnings = list(compute_warnings(fit, asked.reach * fit.tree["constant_data"]["C"].to_numpy().max(keepdims=True)))
    if fit.basis is None:
        warnings.append(
            "the law is taken as true, so that a few runs are expected to tell all about it: fit it with its "
            "discrepancy before trusting how much they will"
        )
    if 1 - np.sqrt(left) < _LITTLE:
        warnings.append(
            f"{budget:.3g} FLOP of such runs are expected to take only {1 - np.sqrt(left):.1%} off the standard "
            f"deviation of {asked.name}: larger runs would be needed"
        )
    return tuple(warnings)
