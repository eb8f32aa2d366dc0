"""Which runs to do next: those from which the answer to a question is expected to gain most for their compute.

What a posterior says about the outcomes of candidate runs and about the target is summed up by their means and
covariances, over its draws and, within a draw, over the model discrepancy. The variance of the target that remains for
the best linear estimate after some of the candidates are observed is then a Schur complement, whatever their outcomes
are, and no posterior is sampled again. It is what a refit is expected to leave where everything is normal, and
otherwise as near to that as linear estimates come (Goldstein and Wooff 2007, Bayes Linear Statistics, section 1.4.5).

Without a model discrepancy a few runs anywhere would be expected to settle the law; with it a run teaches most about
its own neighbourhood. Even so a fit of a few small runs expects too much of small ones: on published tables what it
expects does not separate better batches for a loss from worse ones, and the largest runs are as good as any
(docs/next_run.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.html import html_of
from bayescale.basics.kernels import matern
from bayescale.basics.quantities import format_quantity, number
from bayescale.laws.noise import noise_scale
from bayescale.planning.allocation import law_optimum, lowest, sizes_around
from bayescale.planning.batches import _variance, best_batch, gains, largest_first, left_after
from bayescale.planning.candidates import MOST, Candidates, affordable
from bayescale.planning.targets import Asked, LossAt, OptimumAt, Target, WhichLaw, checked_target
from bayescale.posterior.ensembles import Ensemble, Posterior, compute_of, first_fit, members, reach_of
from bayescale.posterior.fit import Fit
from bayescale.posterior.parts import draw_error, link_mean
from bayescale.posterior.reach import compute_warnings

Array = NDArray[np.float64]

_ROUGH = 1.0
"""E-folds of N and D within which neighbours share what runs scatter by."""
_LITTLE = 0.05
"""Share of the target's standard deviation below which a warning says that a batch teaches little."""


@dataclass(frozen=True, eq=False)
class Design:
    """What each candidate run would teach about a target, and a batch of them to do next.

    Attributes
    ----------
    candidates : xarray.Dataset
        Dim candidate, with the law's inputs, such as ``N`` and ``D``, as coordinates: ``C`` (FLOP); ``reduction``, the
        share by which that run alone is expected to lower the target's standard deviation; ``per_flop``, that over
        ``C``; ``batch``, whether it is in the batch.
    batch : xarray.Dataset
        Dim run, in the order in which they are chosen; ``candidate`` is the place of each among the candidates, ``sd``
        the target's expected standard deviation after it and those before it, ``reduction`` the share by which that is
        below ``sd``, and ``spent`` their compute together (FLOP).
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
        """The batch, a row per run: its inputs and C, and what it and those before it cost and leave."""
        columns = [*self.inputs, "C", "spent", "sd", "reduction"]
        return self.batch[columns].to_dataframe()[columns].reset_index(drop=True)

    @property
    def inputs(self) -> list[str]:
        """The law's inputs, apart from C."""
        return [str(name) for name in self.batch.coords]

    def ranking(self) -> pd.DataFrame:
        """All candidates, the one that teaches most for its compute first."""
        columns = [*self.inputs, "C", "reduction", "per_flop"]
        return self.candidates[columns].to_dataframe()[columns].sort_values("per_flop", ascending=False)

    def __str__(self) -> str:
        return "\n".join([self._head, self._shown.to_string(index=False), *self.warnings])

    def _repr_html_(self) -> str:
        return html_of(self._head, self._shown, self.warnings)

    @property
    def _head(self) -> str:
        return f"{self.target}: standard deviation now {self.sd:.3g} {self.unit}, expected after each run:"

    @property
    def _shown(self) -> pd.DataFrame:
        table = self.summary()
        return pd.DataFrame(
            {
                **{name: table[name].map(format_quantity) for name in self.inputs},
                "C (FLOP)": table["C"].map(format_quantity),
                "spent (FLOP)": table["spent"].map(format_quantity),
                f"sd ({self.unit})": table["sd"].map("{:.3g}".format),
                "reduction": table["reduction"].map("{:.0%}".format),
            }
        )


def next_runs(
    fit: Posterior,
    candidates: Candidates | None = None,
    *,
    target: Target,
    budget: float | str,
    most: int | None = MOST,
    wary: bool = True,
    seed: int = 0,
) -> Design:
    """Rank candidate runs by how much less uncertain they are expected to leave a target, and choose a batch.

    Parameters
    ----------
    fit : Fit or Ensemble
    candidates : DataFrame or mapping of array, shape (candidate,), optional
        The law's inputs and ``C``, the cost of each run (FLOP, or the unit of the budget), which may be left out where
        N and D tell it. By default, for laws of N and D, runs that the budget pays for
        (``candidate_grid`` of ``bayescale.planning.candidates``). Each can be run once; list one twice if it may be
        repeated.
    target : LossAt, OptimumAt or WhichLaw
    budget : float
        Compute for the batch, FLOP.
    most : int or None
        Largest number of runs in the batch; as many as the budget pays for if None.
    wary : bool
        Whether to doubt what the fit expects of runs much smaller than the target. For a loss, if candidates differ in
        nothing that the law reads but N and D, the batch is then the largest runs that the budget pays for, and of
        equally large ones those that tell most. Otherwise it is chosen as if the scatter of the runs were rough misfit
        of the law, which neighbours share and whose variance is c times as large for a run of c times less compute than
        the target; a repeated run counts for nothing. What the batch is expected to leave is what the fit expects,
        either way.
    seed : int
        Of the model discrepancy in draws of N*.

    Returns
    -------
    Design

    Raises
    ------
    LawError
        If the target is none of these, is not what the law reads, is not positive, or asks which of one law is right,
        or for N* of a law without N and D; or if there are no candidates for a law of other inputs.
    RunsError
        If a candidate lacks an input or its cost, or a value is not positive.
    QuantityError
        If the budget is not positive, or pays for no candidate.

    Examples
    --------
    >>> from bayescale import fit
    >>> posterior = fit("chinchilla", "chinchilla")
    >>> plan = next_runs(posterior, {"N": [1e8, 1e9], "D": [2e9, 1e11]}, target=OptimumAt(1e24), budget=1e21)
    >>> plan.candidates["reduction"].dims
    ('candidate',)
    >>> bool((plan.batch["sd"] < plan.sd).all())
    True
    """
    budget = number("budget", budget)
    first = first_fit(fit)
    asked = checked_target(fit, target)
    points, cost = affordable(first, candidates, budget, most, asked.points)
    believed, noise, misfit = _belief(fit, points, asked, seed)
    expected = _observed(believed, noise)
    if wary and isinstance(asked.target, LossAt) and _differ_in_size_alone(first, points):
        enough = float(first.count(asked.points["N"], asked.points["D"]).max())
        chosen = largest_first(expected, cost, budget, most, enough)
    else:
        chosen = best_batch(_observed(believed, misfit) if wary else expected, cost, budget, most)
    alone = 1 - np.sqrt(np.maximum(1 - gains(expected, len(cost)) / _variance(expected, len(cost)), 0.0))
    left = left_after(expected, chosen, len(cost))
    now = float(np.sqrt(_variance(expected, len(cost)) / (len(expected) - len(cost))))
    after = now * np.sqrt(left)
    at = {item.name: (points[item.name], {"units": item.unit}) for item in first.law.inputs if item.name != "C"}
    in_batch = np.isin(np.arange(len(cost)), chosen)
    return Design(
        candidates=xr.Dataset(
            {
                "C": ("candidate", cost, {"units": "FLOP"}),
                "reduction": ("candidate", alone, {"units": "share"}),
                "per_flop": ("candidate", alone / cost, {"units": "share/FLOP"}),
                "batch": ("candidate", in_batch),
            },
            coords={name: ("candidate", values, unit) for name, (values, unit) in at.items()},
        ),
        batch=xr.Dataset(
            {
                "candidate": ("run", chosen),
                "C": ("run", cost[chosen], {"units": "FLOP"}),
                "spent": ("run", np.cumsum(cost[chosen]), {"units": "FLOP"}),
                "sd": ("run", after, {"units": asked.unit}),
                "reduction": ("run", 1 - after / now, {"units": "share"}),
            },
            coords={name: ("run", values[chosen], unit) for name, (values, unit) in at.items()},
        ),
        target=asked.name,
        sd=now,
        unit=asked.unit,
        budget=float(budget),
        warnings=(*fit.warnings, *_warnings(first, asked, float(left[-1]) if len(left) else 1.0, budget)),
    )


def _differ_in_size_alone(fit: Fit, points: Mapping[str, Array]) -> bool:
    """Whether candidates of a law of N and D differ in no setting, such as a learning rate.

    Those of one size may have all settings of a sweep: the largest would be one sweep, and say little of sizes.
    """
    settings = (points[item.name] for item in fit.law.settings if item.name in points)
    return set(fit.law.input_names) == {"N", "D"} and all(np.ptp(values) == 0 for values in settings)


def _belief(fit: Posterior, points: Mapping[str, Array], asked: Asked, seed: int) -> tuple[Array, Array, Array]:
    """Covariance of the candidates' expected outcomes and the targets, and of what runs scatter by: noise, or misfit.

    An ensemble's are those of the mixture, by the weights that hold at the target.
    """
    fits = list(members(fit).values())
    each = [_member_belief(member, points, asked, seed) for member in fits]
    if isinstance(asked.target, WhichLaw):
        shares = np.eye(len(each))
        each = [
            (np.append(mean, row), np.pad(own, (0, len(each)))) for (mean, own), row in zip(each, shares, strict=True)
        ]
    weights = fit.weights_at(np.array([asked.reach]))[0] if isinstance(fit, Ensemble) else np.ones(1)
    means, covariances = (np.stack(parts) for parts in zip(*each, strict=True))
    apart = means - weights @ means
    covariance = np.tensordot(weights, covariances, 1) + (weights * apart.T) @ apart
    noise, misfit = (np.tensordot(weights, [kind(member, points, asked) for member in fits], 1) for kind in _SCATTERS)
    return covariance, noise, misfit


def _member_belief(fit: Fit, points: Mapping[str, Array], asked: Asked, seed: int) -> tuple[Array, Array]:
    """Mean and covariance of the candidates' expected outcomes on the link's scale, the targets after them."""
    if isinstance(asked.target, OptimumAt):
        return _moments(_with_log_optimum(fit, points, asked.points["C"], np.random.default_rng(seed)))
    each = [points, asked.points] if isinstance(asked.target, LossAt) else [points]
    # One by one, since a tuned setting may be given of either alone.
    latent = np.hstack([link_mean(fit, some) for some in each])
    if fit.basis is None:
        return _moments(latent)
    located = np.vstack([fit.law.located(some) for some in each])
    mean, covariance = _moments(latent + fit.conditional.moments(located)[0])
    return mean, covariance + fit.conditional.covariance(located)


def _with_log_optimum(fit: Fit, points: Mapping[str, Array], compute: Array, rng: np.random.Generator) -> Array:
    """Joint draws of the candidates' expected outcomes and log N*, shape (sample, candidate + 1)."""
    n_law = law_optimum(fit.law, fit.parameters, compute, fit.count)
    if fit.basis is None:
        return np.hstack([link_mean(fit, points), np.log(n_law)])
    log_n = sizes_around(n_law)[0]
    curve = {"N": np.exp(log_n), "D": fit.count.tokens(compute, np.exp(log_n))}
    n = len(points["N"])
    together = {name: np.concatenate([points[name], values]) for name, values in curve.items()}
    latent = np.hstack([link_mean(fit, points), link_mean(fit, curve)]) + draw_error(fit, together, rng)
    return np.column_stack([latent[:, :n], lowest(log_n, fit.law.sign * latent[:, n:])])


def _noise(fit: Fit, points: Mapping[str, Array], asked: Asked) -> Array:
    """Covariance of new runs around the law and its error, averaged over the draws, shape (candidate, candidate)."""
    return np.diag(_noise_variance(fit, points) + _run_variance(fit, points))


def _misfit(fit: Fit, points: Mapping[str, Array], asked: Asked) -> Array:
    """The same, were their noise a misfit that neighbours share and that grows away from the target."""
    size = np.sqrt(_noise_variance(fit, points) * np.maximum(asked.reach / reach_of(fit, points), 1.0))
    located = fit.law.located(points)
    return np.asarray(np.outer(size, size) * matern(located, located, _ROUGH) + np.diag(_run_variance(fit, points)))


_SCATTERS = (_noise, _misfit)


def _noise_variance(fit: Fit, points: Mapping[str, Array]) -> Array:
    variance = np.full(_count(points), fit.noise.effective_variance(fit.columns).mean())
    repeats = fit.scatter_of_repeats
    own = 0.0 if repeats is None else np.square(repeats)
    return own + (variance if fit.basis is None else variance * np.square(noise_scale(points)))


def _run_variance(fit: Fit, points: Mapping[str, Array]) -> Array:
    """Variance of a new run's own effect, averaged over the draws, shape (candidate,)."""
    if fit.basis is None:
        return np.zeros(_count(points))
    return np.asarray(fit.conditional.run_variance(fit.law.located(points)).mean(axis=0))


def _observed(believed: Array, scatter: Array) -> Array:
    """Covariance of what candidates will come out as and the targets after them."""
    return believed + np.pad(scatter, (0, len(believed) - len(scatter)))


def _count(points: Mapping[str, Array]) -> int:
    return len(next(iter(points.values())))


def _moments(draws: Array) -> tuple[Array, Array]:
    return draws.mean(axis=0), np.cov(draws, rowvar=False, ddof=0)


def _warnings(fit: Fit, asked: Asked, left: float, budget: float) -> tuple[str, ...]:
    compute = compute_of(fit, asked.points)
    warnings = [] if compute is None else list(compute_warnings(fit, compute))
    if fit.basis is None:
        warnings.append(
            "the law is taken as true, so a few runs are expected to settle the answer: fit it with a model "
            "discrepancy before relying on that"
        )
    if 1 - np.sqrt(left) < _LITTLE:
        warnings.append(
            f"{budget:.3g} FLOP of these runs are expected to take only {1 - np.sqrt(left):.1%} off the standard "
            f"deviation of {asked.name}: a larger budget is needed"
        )
    return tuple(warnings)
