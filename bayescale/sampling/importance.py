"""Adaptive importance sampling: independent draws from a posterior of a dozen parameters, in about a second.

A proposal consists of kernels around weighted draws (:mod:`bayescale.sampling.kernels`), round after round, starting
from the modes. Diagnostics on the draws that built a proposal are optimistic and cannot detect a missed mode, so two
proposals are adapted independently and then frozen, with a wide defensive component each; only fresh draws are
weighted, and the two must agree.

If coefficients are integrated out approximately (:mod:`bayescale.sampling.latent`), proposals are adapted to that
approximation, starting from its modes, and fresh draws are weighted exactly.
"""

from collections.abc import Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.errors import SamplingError
from bayescale.basics.wording import told_apart
from bayescale.sampling.adaptation import (
    PATIENT,
    QUICK,
    SKETCHED,
    SKETCHED_TEMPERED,
    TEMPERED,
    Effort,
    adapted,
    proposal_from_modes,
    tempered_proposal,
)
from bayescale.sampling.latent import MANY_RUNS, LatentDensity
from bayescale.sampling.mixture import Mixture
from bayescale.sampling.modes import Density, Mode, best_starts, find_modes
from bayescale.sampling.psis import smooth_weights
from bayescale.sampling.weights import (
    effective_sizes,
    log_mean,
    normalised,
    systematic_sample,
)

Array = NDArray[np.float64]

K_HAT_LIMIT = 0.7
"""Largest Pareto k-hat of a certified fit (Vehtari et al. 2024, arXiv:1507.02646)."""
ESS_LIMIT = 1000
"""Smallest effective sample size of a certified fit."""
DISAGREEMENT_LIMIT = 4.0
"""Largest difference between the two proposals' estimates of a certified fit, in standard errors."""

_LARGEST_POOL = 16
"""Largest number of weighted draws per requested draw."""

_ROUGHLY = 0.2
"""Gain of log density below which a search for modes ends that are only a start."""
_SEARCHED = 200
"""Number of prior draws among which a start is searched if calls of the density are most expensive."""
_LARGEST_LATENT_POOL = 24_000
"""Largest number of weighted draws of a density with coefficients; twice that for its approximation."""
_LARGEST_TEMPERED_POOL = 96_000
"""The same for proposals from tempered draws, which fit posteriors that no proposal fits well."""
_MORE = 4
"""Times as many draws as usual that a proposal may take before proposals from tempered draws, which cost more."""
_FEWEST_ROUNDS = 3
"""Rounds of draws after which their effective number tells whether more of them would be enough."""
_SKETCHED_MORE = 4
"""Factor of the draws of a sketch from tempered draws, for the same reason."""
_LEAST_EVEN_SHARE, _EVEN_SHARE = 0.2, 0.5
"""Effective share of the weights from the approximation to the density itself: below the first, exact draws are out of
reach with any proposal; above the second, they are as easy as approximate ones."""
_HOPELESS_EVEN_SHARE = 0.05
"""The same below which no further draws are taken: few draws show a larger share than many."""


@dataclass(frozen=True)
class ImportanceResult:
    """Draws and their diagnostics.

    Attributes
    ----------
    draws : array, shape (draw, coordinate)
        Unconstrained draws, equally weighted; draws with a large importance weight repeat.
    latent : array, shape (draw, feature)
        Coefficients that were drawn with them; without features if the density has none.
    log_density : array, shape (draw,)
        Log posterior density of the draws, approximate if there are coefficients.
    pareto_k : float
        Shape of the upper tail of the weights.
    ess : array, shape (coordinate,)
        Effective sample size of the weights for the mean of each coordinate.
    log_evidence, log_evidence_se : float
        Log marginal likelihood and its Monte Carlo standard error.
    disagreement : float
        Largest difference between the two proposals' means or log evidence, in standard errors.
    exact : bool
        Whether coefficients were weighted by their exact density rather than by its approximation.
    even_share : float
        Effective share of the weights that convert draws of the approximation to draws of the density; one if the two
        are the same.
    """

    draws: Array
    latent: Array
    log_density: Array
    pareto_k: float
    ess: Array
    log_evidence: float
    log_evidence_se: float
    disagreement: float
    exact: bool = True
    even_share: float = 1.0

    @property
    def shortfalls(self) -> tuple[str, ...]:
        """The limits of a certified fit that the draws miss, for people to read."""
        found = []
        if not self.pareto_k < K_HAT_LIMIT:
            found.append(f"Pareto k-hat {told_apart(self.pareto_k, K_HAT_LIMIT)}, not below {K_HAT_LIMIT:g}")
        if not self.ess.min() >= ESS_LIMIT:
            found.append(f"{told_apart(self.ess.min(), ESS_LIMIT)} effective draws, below {ESS_LIMIT:,}")
        if not self.disagreement < DISAGREEMENT_LIMIT:
            apart = told_apart(self.disagreement, DISAGREEMENT_LIMIT)
            found.append(f"proposals {apart} standard errors apart, not below {DISAGREEMENT_LIMIT:g}")
        return tuple(found)

    @property
    def certified(self) -> bool:
        """Whether the draws represent the posterior."""
        return not self.shortfalls


def sample_importance(
    density: Density, prior_draws: Array, n_draws: int, seed: int, *, several_modes: bool = False
) -> ImportanceResult:
    """Sample a posterior by two independently adapted, frozen proposals.

    If the first attempt is not certified, a second one adapts its proposals longer. If exact weights of coefficients
    are too uneven, as with many coefficients and heavy tails, those of their approximation may be certified instead:
    the result says so. Then the better proposals may take more draws. Proposals from tempered draws, which take longer,
    are the last attempt.

    Parameters
    ----------
    density : callable
        Log posterior density (prior times likelihood, for the log evidence) of draws of shape (draw, coordinate).
    prior_draws : array, shape (draw, coordinate)
        Possible starts of the search for modes; each proposal uses one half.
    n_draws : int
        Number of equally weighted draws returned.
    seed : int
    several_modes : bool
        Whether the posterior may be curved or have several modes, so that proposals start from tempered draws.

    Raises
    ------
    SamplingError
        If the density is finite at none of the prior draws.
    """
    first, last = np.random.SeedSequence(seed).spawn(2)
    if isinstance(density, LatentDensity):
        density.settle(_start(density, prior_draws, several_modes))
    better = _Attempt.of_prior(density, prior_draws, n_draws, first, TEMPERED if several_modes else QUICK)
    if not better.result.certified and better.result.even_share > _LEAST_EVEN_SHARE:
        again = better.adapted(PATIENT)
        better = again if again.result.certified or again.share > better.share else better
    if not better.result.certified and better.result.even_share < _EVEN_SHARE:
        approximate = better.approximately()
        better = approximate if approximate.result.certified else better
    if several_modes or better.result.certified:
        return better.result
    better.go_on()
    if not (better.result.certified or (isinstance(density, LatentDensity) and density.n_runs > MANY_RUNS)):
        with suppress(SamplingError):  # the posterior may be curved, as that of few runs
            tempered = _Attempt.of_prior(density, prior_draws, n_draws, last, TEMPERED)
            better = tempered if tempered.result.certified else better
    return better.result


def sketch_importance(
    density: Density, prior_draws: Array, n_draws: int, seed: int, *, several_modes: bool = False
) -> ImportanceResult:
    """Sample a posterior by one proposal, adapted once, for draws that are only an input of a larger computation.

    They cannot be certified, because there is no second proposal to agree with: the disagreement is infinite. If the
    density has coefficients, they are integrated out approximately. Arguments and errors are those of
    :func:`sample_importance`.
    """
    adapting, sampling, resampling = np.random.default_rng(seed).spawn(3)
    if isinstance(density, LatentDensity):
        mode = density.settle(_start(density, prior_draws, several_modes))
    if isinstance(density, LatentDensity) and not several_modes:
        proposal = proposal_from_modes(density, _modes(density, mode), adapting, SKETCHED)
    else:
        proposal = _proposal(density, prior_draws, adapting, SKETCHED_TEMPERED if several_modes else SKETCHED)
    pool = _Pool(density, [proposal], exact=False)
    pool.extend(max(ESS_LIMIT, n_draws) * (_SKETCHED_MORE if several_modes else 1), [sampling])
    return _result(pool, n_draws, resampling, disagreement=float("inf"))


class _Attempt:
    """Two proposals that are adapted independently and frozen, and the weighted draws from both."""

    result: ImportanceResult

    def __init__(
        self, density: Density, proposals: Sequence[Mixture], n_draws: int, rngs: list[np.random.Generator], last: bool
    ) -> None:
        self._density, self._proposals, self._n_draws = density, proposals, n_draws
        self._rngs, self._last = rngs, last
        self._wanted = self._per_round = max(ESS_LIMIT, n_draws)
        self._rounds = _LARGEST_POOL // len(self._proposals)
        if isinstance(density, LatentDensity):
            # A third more than a certified fit needs, because each draw costs ten times as much as one without
            # coefficients.
            largest = _LARGEST_TEMPERED_POOL if self._last else _LARGEST_LATENT_POOL
            self._wanted, self._per_round = ESS_LIMIT * 4 // 3, ESS_LIMIT
            self._rounds = largest // ESS_LIMIT // len(self._proposals)
        self._start(exact=True)

    @classmethod
    def of_prior(
        cls, density: Density, prior_draws: Array, n_draws: int, seed: np.random.SeedSequence, effort: Effort
    ) -> "_Attempt":
        """An attempt with a proposal from each half of the draws from the prior."""
        rngs = np.random.default_rng(seed).spawn(3)
        halves = np.array_split(prior_draws, 2)
        proposals = [_proposal(density, half, rng, effort) for half, rng in zip(halves, rngs[:2], strict=True)]
        return cls(density, proposals, n_draws, rngs, effort.walkers > 0)

    def adapted(self, effort: Effort) -> "_Attempt":
        """An attempt whose proposals are adapted longer, each from the one before."""
        proposals = [
            adapted(self._density, proposal, proposal, rng, effort)
            for proposal, rng in zip(self._proposals, self._rngs[:2], strict=True)
        ]
        return _Attempt(self._density, proposals, self._n_draws, self._rngs, self._last)

    def approximately(self) -> "_Attempt":
        """An attempt with the same proposals, and fresh draws that are weighted by the approximate density."""
        found = copy(self)
        found._rounds *= 2
        found._start(exact=False)
        return found

    def _start(self, *, exact: bool) -> None:
        self._pool, self._done = _Pool(self._density, self._proposals, exact=exact), 0
        self._draw(self._rounds)

    @property
    def share(self) -> float:
        """Effective share of the draws."""
        return float(self.result.ess.min()) / self._done

    def go_on(self) -> None:
        """Take more draws, if only their number is too small."""
        apart = self.result.disagreement >= DISAGREEMENT_LIMIT
        if self.result.pareto_k < K_HAT_LIMIT and not apart and self.share * _MORE * self._rounds > ESS_LIMIT:
            self._draw(_MORE * self._rounds)

    def _draw(self, rounds: int) -> None:
        """Draw until enough draws are effective, or this many rounds, all in all, would not be enough."""
        while self._done < rounds:
            self._pool.extend(self._per_round, self._rngs[:2])
            self._done += 1
            found = self._pool.ess().min()
            # Of smoothed weights, since a single heavy draw says little about further ones.
            few = self._done >= _FEWEST_ROUNDS and self._pool.smoothed_ess() * rounds < ESS_LIMIT * self._done
            if found >= self._wanted or (not self._last and (few or self._pool.even_share() < _HOPELESS_EVEN_SHARE)):
                break
        self.result = _result(self._pool, self._n_draws, self._rngs[2], self._pool.disagreement())


def _proposal(density: Density, prior_draws: Array, rng: np.random.Generator, effort: Effort) -> Mixture:
    """A proposal adapted from some prior draws."""
    if effort.walkers:
        return tempered_proposal(density, prior_draws, rng, effort)
    if not isinstance(density, LatentDensity):
        modes = find_modes(density, best_starts(density, prior_draws, effort.starts))
        return proposal_from_modes(density, modes, rng, effort, prior_draws)
    mode = best_starts(density, prior_draws[:_SEARCHED], 1)[0]
    return proposal_from_modes(density, _modes(density, mode), rng, effort)


def _modes(density: LatentDensity, mode: Array) -> list[Mode]:
    """The modes that a point leads to, and others if one amplitude can replace another."""
    return find_modes(density, density.alternatives(mode), tolerance=_ROUGHLY)


def _start(density: LatentDensity, prior_draws: Array, several_modes: bool) -> Array:
    """Starts of the search for modes of a density with coefficients, shape (start, coordinate)."""
    return (
        best_starts(density, prior_draws, TEMPERED.starts)
        if several_modes
        else best_starts(density, prior_draws[:_SEARCHED], 2)
    )


def _result(pool: "_Pool", n_draws: int, rng: np.random.Generator, disagreement: float) -> ImportanceResult:
    weights, k_hat = smooth_weights(pool.log_weights())
    log_evidence, log_evidence_se = log_mean(pool.log_weights())
    kept = systematic_sample(weights, n_draws, rng)
    return ImportanceResult(
        draws=np.concatenate(pool.draws)[kept],
        latent=np.concatenate(pool.latent)[kept],
        log_density=np.concatenate(pool.marginal)[kept],
        pareto_k=k_hat,
        ess=pool.ess(),
        log_evidence=log_evidence,
        log_evidence_se=log_evidence_se,
        disagreement=disagreement,
        exact=pool.exact,
        even_share=pool.even_share(),
    )


class _Pool:
    """Fresh draws from each frozen proposal, weighted by their equal mixture."""

    def __init__(self, density: Density, proposals: Sequence[Mixture], *, exact: bool = True) -> None:
        self._density, self._proposals, self.exact = density, proposals, exact
        d = proposals[0].dimension
        self.draws = [np.empty((0, d)) for _ in proposals]
        n_latent = density.n_coefficients if isinstance(density, LatentDensity) else 0
        self.latent = [np.empty((0, n_latent)) for _ in proposals]
        self.marginal = [np.empty(0) for _ in proposals]
        self._target = [np.empty(0) for _ in proposals]
        self._own: list[list[Array]] = [[np.empty(0) for _ in proposals] for _ in proposals]

    def extend(self, n: int, rngs: list[np.random.Generator]) -> None:
        for i, (proposal, rng) in enumerate(zip(self._proposals, rngs, strict=False)):
            fresh = proposal.draw(n, rng)
            self.draws[i] = np.concatenate([self.draws[i], fresh])
            latent, target, marginal = self._completed(fresh, rng)
            self.latent[i] = np.concatenate([self.latent[i], latent])
            self.marginal[i] = np.concatenate([self.marginal[i], marginal])
            self._target[i] = np.concatenate([self._target[i], target])
            for j, other in enumerate(self._proposals):
                self._own[i][j] = np.concatenate([self._own[i][j], other.log_density(fresh)])

    def _completed(self, draws: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        """Coefficients for the draws, log densities to weight both with, and log densities of the draws alone."""
        if isinstance(self._density, LatentDensity):
            return self._density.complete(draws, rng, exact=self.exact)
        found = self._density(draws)
        return np.empty((len(draws), 0)), found, found

    def log_weights(self) -> Array:
        return np.asarray(np.concatenate(self._target) - self._mixed())

    def _mixed(self) -> Array:
        """Log density of each draw under the equal mixture of the proposals."""
        mixed = [np.logaddexp.reduce(np.stack(logs)) - np.log(len(logs)) for logs in self._own]
        return np.concatenate(mixed)

    def ess(self) -> Array:
        draws, weights = np.concatenate(self.draws), normalised(self.log_weights())
        return effective_sizes(draws, weights)

    def smoothed_ess(self) -> float:
        """Smallest effective sample size of the weights after Pareto smoothing."""
        weights, _ = smooth_weights(self.log_weights())
        return float(effective_sizes(np.concatenate(self.draws), weights).min())

    def even_share(self) -> float:
        """Effective share of the weights of the target relative to its approximation, at draws of the approximation."""
        marginal = np.concatenate(self.marginal)
        alive = np.isfinite(marginal)
        approximate = (marginal - self._mixed())[alive]
        over = np.concatenate(self._target)[alive] - marginal[alive]
        squared = np.logaddexp.reduce(approximate) + np.logaddexp.reduce(approximate + 2 * over)
        return float(np.exp(2 * np.logaddexp.reduce(approximate + over) - squared))

    def disagreement(self) -> float:
        """Largest z-score between the two proposals' estimates of the log evidence and of each mean."""
        estimates = []
        for i, draws in enumerate(self.draws):
            log_weights = self._target[i] - self._own[i][i]
            weights = normalised(log_weights)
            mean = weights @ draws
            variance = np.square(weights) @ np.square(draws - mean)
            log_evidence, se = log_mean(log_weights)
            estimates.append((np.append(mean, log_evidence), np.append(variance, se**2)))
        (first, first_variance), (second, second_variance) = estimates
        return float(np.max(np.abs(first - second) / np.sqrt(first_variance + second_variance)))
