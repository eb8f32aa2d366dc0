"""Effective speedup: with how many times less compute another recipe reaches a baseline's outcome.

The other recipe's outcome at a run x is taken to be that of the baseline with m times the compute and the same tokens
per parameter, f_other(x) = f(m x), where f is the baseline's law with its discrepancy. The logarithm of m is a smooth
function of the logarithm of compute, a line and slope changes at every decade, plus a slope along tokens per parameter.
What the law misses is thus the same for both recipes, and only m changes as runs grow.

A run of the other recipe may have a partner, a run of the baseline with the same inputs. It is then compared with the
partner and not with the curve, so that what both share drops out: noise, and what the law misses there. The curve says
only what such a difference is worth.

Given a draw of the baseline's posterior, its curve is linearised around the speedup that fits best. The coefficients of
log m are then normal, and the amplitude of its bend and the noise are summed over a grid.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.errors import LawError
from bayescale.basics.quantities import format_quantity
from bayescale.data.compute import Count
from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.data.tables import missing_column, refuse
from bayescale.laws.law import Law
from bayescale.laws.noise import noise_scale
from bayescale.planning.multipliers import BEND, Hyper, Linear, design_of, precision_of
from bayescale.posterior.ensembles import compute_of
from bayescale.posterior.fit import Fit
from bayescale.posterior.parts import law_error, link_mean

Array = NDArray[np.float64]

_SPAN = 3.5
_NODES = np.linspace(-_SPAN, _SPAN, 9)
_DEGREE = 6
"""Log multipliers at which the baseline's curve is evaluated, and the degree of the polynomial through them."""
_STEPS = 4
"""Gauss-Newton steps, of which two suffice for power laws."""
_BLOCK = 64
"""Number of runs whose curves are drawn jointly."""
_SAME = 0.01
"""Relative difference of inputs up to which two runs are partners."""
_STREAM = 17
_MOST, _MOST_PAIRS = 2000, 10_000
_EXPECTED_OVER = 400
"""Largest number of runs of the other recipe, and of pairs that are counted; draws over which a count is expected."""


@dataclass(frozen=True, eq=False)
class Curves:
    """The baseline's outcome along the path of each run of the other recipe, on the link's scale, draw by draw.

    Attributes
    ----------
    at_runs : array, shape (sample, run)
        The baseline at the run itself.
    path : array, shape (power, sample, run)
        Coefficients of the change of the outcome with the log multiplier, in powers of it over :data:`_SPAN`.
    """

    at_runs: Array
    path: Array

    @classmethod
    def of(cls, fit: Fit, points: dict[str, Array], rng: np.random.Generator) -> Self:
        """Draw them, some runs at a time."""
        rows = np.arange(len(points[fit.law.input_names[0]]))
        blocks = np.array_split(rows, -(-len(rows) // _BLOCK))
        found = [_along_path(fit, {name: each[b] for name, each in points.items()}, rng) for b in blocks]
        at_runs, path = (np.concatenate(parts, axis=-1) for parts in zip(*found, strict=True))
        return cls(at_runs, path)

    def change(self, log_m: Array) -> tuple[Array, Array]:
        """The outcome's change with a log multiplier of shape (sample, run), and its slope; linear beyond the span."""
        inside = np.clip(log_m, -_SPAN, _SPAN)
        at = inside / _SPAN
        powers = at ** np.arange(_DEGREE + 1)[:, None, None]
        slope = (np.arange(1, _DEGREE + 1)[:, None, None] * self.path[1:] * powers[:-1]).sum(axis=0) / _SPAN
        height = (self.path[1:] * powers[1:]).sum(axis=0)
        return height + slope * (log_m - inside), slope


def _along_path(fit: Fit, points: dict[str, Array], rng: np.random.Generator) -> tuple[Array, Array]:
    n = len(points[fit.law.input_names[0]])
    size = np.exp(_NODES / len(fit.law.input_names))
    moved = {name: np.repeat(values, len(_NODES)) for name, values in points.items()}
    for name in fit.law.input_names:
        moved[name] = (points[name][:, None] * size).ravel()
    heights = link_mean(fit, moved) + law_error(fit, moved, rng)
    heights = heights.reshape(len(heights), n, len(_NODES))
    basis = np.vander(_NODES / _SPAN, _DEGREE + 1, increasing=True)
    path = np.einsum("pk,srk->psr", np.linalg.pinv(basis), heights)
    return heights[:, :, len(_NODES) // 2], path


@dataclass(frozen=True, eq=False)
class Speedup:
    """The posterior of log m, a draw for each of the baseline's.

    Attributes
    ----------
    middle : float
        Mean log compute of the other recipe's runs.
    coefficients : array, shape (sample, coefficient)
        Of log m.
    told, prior : array, shape (sample, coefficient, coefficient)
        Their precision from the runs, and from the prior, given the other quantities of a draw.
    typical_mean : array, shape (sample, coefficient)
        Their mean, given the other quantities at their averages over all draws.
    n_runs, n_pairs, n_baseline : int
        Runs of the other recipe, those of them with a partner, and runs of the baseline.
    """

    middle: float
    coefficients: Array
    told: Array
    prior: Array
    typical_mean: Array
    n_runs: int
    n_pairs: int
    n_baseline: int

    @classmethod
    def of(cls, fit: Fit, runs: Runs, seed: int) -> Self:
        """Compare runs of another recipe with a fit of the baseline.

        Raises
        ------
        LawError
            If outcomes, their units or the counts of compute differ, or the runs are too many.
        RunsError
            If a column that the law reads is missing.
        """
        other = bound(fit, runs)
        rng = np.random.default_rng([seed, _STREAM])
        partner = partners(fit.observed.located, other.located)
        paired = partner >= 0
        curves = Curves.of(fit, other.inputs, rng)
        compared = curves.at_runs.copy()
        compared[:, paired] = fit.on_link[partner[paired]]
        log_c, log_shape = _places(fit, other.inputs)
        middle = float(log_c.mean())
        design = design_of(log_c - middle, log_shape - log_shape.mean())
        variance = _noise_variance(fit, other)
        seen = other.on_link - compared

        # The baseline's curve is linearised around the speedup that fits best with a middling bend.
        log_m = np.zeros_like(seen)
        prior = precision_of(np.array([BEND]))
        for _ in range(_STEPS):
            change, slope = curves.change(log_m)
            target = seen - change + slope * log_m
            weighted = (slope / variance)[..., None] * design
            precision = np.einsum("srp,srq->spq", weighted, slope[..., None] * design) + prior
            solution = np.linalg.solve(precision, np.einsum("srp,sr->sp", weighted, target)[..., None])
            log_m = (solution[..., 0]) @ design.T
        change, slope = curves.change(log_m)
        lines = slope[..., None] * design
        linear = Linear.of(lines, seen - change + slope * log_m, variance, paired)
        chosen = linear.sampled(Hyper.grid(bool(paired.any())), rng)
        told, pull = linear.given(chosen.noise)
        prior = precision_of(chosen.bend)
        covariance = np.linalg.inv(told + prior)
        drawn = np.einsum("spq,sq->sp", np.linalg.cholesky(covariance), rng.standard_normal(pull.shape))
        typical = chosen.average()
        typical_told, typical_pull = linear.given(typical.noise)
        return cls(
            middle=middle,
            coefficients=np.einsum("spq,sq->sp", covariance, pull) + drawn,
            told=told,
            prior=prior,
            typical_mean=np.linalg.solve(typical_told + precision_of(typical.bend), typical_pull[..., None])[..., 0],
            n_runs=len(other),
            n_pairs=int(paired.sum()),
            n_baseline=len(fit.observed),
        )

    def design(self, log_c: Array) -> Array:
        """What multiplies the coefficients at log compute and the runs' mean shape, shape (place, coefficient)."""
        ahead = log_c - self.middle
        return design_of(ahead, np.zeros_like(ahead))

    def log_multiplier(self, log_c: Array) -> Array:
        """Log m at log compute, shape (sample, place): the baseline would need m times the compute of such a run."""
        return np.asarray(self.coefficients @ self.design(log_c).T)

    def more_pairs(self, log_c: Array, precision: float, mass: float) -> Array:
        """Pairs until log m is expected to be known to a precision, shape (place,); NaN if ten thousand do not suffice.

        New pairs are spread over sizes as the other recipe's runs so far. They add to what these tell of log m, and the
        variance that the baseline's curve leaves falls as the number of its runs grows.

        Parameters
        ----------
        log_c : array, shape (place,)
            Log compute.
        precision : float
            Relative half-width of the interval.
        mass : float
            Of the interval.
        """
        from scipy.stats import norm

        wanted = (np.log1p(precision) / norm.ppf((1 + mass) / 2)) ** 2
        some = slice(None, None, max(1, len(self.told) // _EXPECTED_OVER))
        told, prior = self.told[some], self.prior[some]
        design = self.design(log_c)
        between = (self.typical_mean @ design.T).var(axis=0)

        def left(pairs: int, place: int) -> float:
            covariance = np.linalg.inv(told * (1 + pairs / self.n_runs) + prior)
            within = (design[place] @ covariance @ design[place]).mean()
            return float(within + between[place] * self.n_baseline / (self.n_baseline + pairs))

        found = []
        for place in range(len(log_c)):
            low, high = -1, _MOST_PAIRS + 1
            while high - low > 1:  # the variance falls with the number of pairs
                middle = (low + high) // 2
                low, high = (low, middle) if left(middle, place) <= wanted else (middle, high)
            found.append(high if high <= _MOST_PAIRS else np.nan)
        return np.array(found)


def _places(fit: Fit, inputs: dict[str, Array]) -> tuple[Array, Array]:
    """Log compute of runs, and their log tokens per parameter, zero if the law reads neither."""
    compute = compute_of(fit, inputs)
    assert compute is not None
    shape = np.log(inputs["D"] / inputs["N"]) if {"N", "D"} <= inputs.keys() else np.zeros_like(compute)
    return np.log(compute), shape


def _noise_variance(fit: Fit, other: Observed) -> Array:
    """Variance of the outcomes if they scatter as the baseline's do, shape (sample, run).

    Rows of one training run count as one run together.
    """
    relative = noise_scale(other.inputs) if fit.basis is not None else np.ones(len(other))
    variance = fit.noise.effective_variance(fit.columns) * relative**2
    error = fit.scatter_of_repeats if other.standard_error is None else other.standard_error
    if error is not None:
        variance = variance + error**2
    if other.cluster is not None:
        variance = variance * np.bincount(other.cluster)[other.cluster]
    return np.asarray(variance)


def bound(fit: Fit | Observed, runs: Runs) -> Observed:
    """The runs of another recipe, read as the baseline's law reads its own.

    Raises
    ------
    LawError
        If the law does not read N and D, or C, the outcome, its unit or the count of compute differ, or the runs are
        too many.
    RunsError
        If a column that the law reads is missing.
    """
    law = fit.law
    if set(law.input_names) not in ({"N", "D"}, {"C"}):
        raise LawError(
            f"law {law.name!r} reads {', '.join(law.input_names)}: recipes are compared by laws of N and D, or of C"
        )
    check_same_outcome(law, runs.outcome, runs.outcome_unit or law.outcome_unit)
    if len(runs) > _MOST:
        raise LawError(f"{runs.source}: {len(runs)} runs: give at most {format_quantity(_MOST)} of the other recipe")
    needed = (*law.input_names, *(each.name for each in law.settings if each.default is None), law.outcome)
    reader = f", which law {law.name!r} reads"
    refuse(missing_column(name, runs.frame.columns, runs.source, reader) for name in needed if name not in runs.frame)
    other = Observed(law, runs)
    check_same_count(fit.runs.count, other.runs.count)
    return other


def check_same_outcome(law: Law, outcome: str, unit: str) -> None:
    """Check that a recipe's outcome is that of the baseline's law, in the same unit.

    Raises
    ------
    LawError
    """
    if (outcome, unit) != (law.outcome, law.outcome_unit):
        raise LawError(
            f"one recipe's outcome is {law.outcome} ({law.outcome_unit}), the other's {outcome} ({unit}): recipes are "
            "compared by the same outcome"
        )


def check_same_count(one: Count, other: Count) -> None:
    """Check that the compute of two recipes is counted by the same rule.

    Raises
    ------
    LawError
    """
    if one.rule != other.rule:
        raise LawError(
            f"one recipe's FLOP are {one.words}, the other's {other.words}: count both alike, as by "
            'count_flops(runs, "6*N*D"), before they are fitted'
        )


def partners(baseline: Array, other: Array) -> NDArray[np.intp]:
    """Row of the baseline with the same log inputs as each other run, shape (run,); -1 if there is none left.

    Both are of shape (run, input). The nearest is taken; of several with the same inputs those that come first.

    Examples
    --------
    >>> partners(np.log([[1e20], [1e21], [1e21]]), np.log([[1e21], [1e21], [1e21], [3e20]])).tolist()
    [1, 2, -1, -1]
    """
    free = np.ones(len(baseline), dtype=bool)
    found = np.full(len(other), -1, dtype=np.intp)
    for row, place in enumerate(other):
        apart = np.where(free, np.abs(baseline - place).max(axis=1), np.inf)
        nearest = int(apart.argmin())
        if apart[nearest] < _SAME:
            found[row], free[nearest] = nearest, False
    return found
