"""Adaptation of a proposal: kernels around weighted draws, round after round, from modes or from tempered draws."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescale.sampling.kernels import Kernels
from bayescale.sampling.mixture import Mixture, Proposal, StudentT
from bayescale.sampling.modes import Density, Mode, best_starts, find_modes
from bayescale.sampling.tempering import tempered_draws
from bayescale.sampling.weights import effective_share, tempered

Array = NDArray[np.float64]

DF = 5.0
_START_STRETCH = 2.0
"""Width of what is tempered, relative to the curvature at the modes."""
_WIDE_SHARE = 0.1
"""Share of a component with the spread of the prior in a first mixture."""
_EFFECTIVE, _LARGEST_SHARE = 300, 0.3
"""Effective draws around which kernels are put, and the largest share of all draws that they may be: weights are
flattened until there are as many."""


@dataclass(frozen=True)
class Effort:
    """How thoroughly a proposal is adapted.

    Attributes
    ----------
    starts : int
        Of the search for modes.
    draws_per_round, rounds : int
        The first round takes half as many.
    effective_share : float
        Of the draws of a round, at which adaptation stops.
    walkers : int
        Walkers that are tempered to the posterior first; none if its modes describe it.
    """

    starts: int
    draws_per_round: int
    rounds: int
    effective_share: float
    walkers: int = 0


QUICK = Effort(starts=4, draws_per_round=1000, rounds=6, effective_share=0.3)
PATIENT = Effort(starts=16, draws_per_round=3000, rounds=10, effective_share=0.4)
TEMPERED = Effort(starts=8, draws_per_round=3000, rounds=6, effective_share=0.3, walkers=600)
SKETCHED = Effort(starts=4, draws_per_round=1000, rounds=2, effective_share=0.2)
SKETCHED_TEMPERED = Effort(starts=8, draws_per_round=2000, rounds=3, effective_share=0.2, walkers=300)


def tempered_proposal(density: Density, prior_draws: Array, rng: np.random.Generator, effort: Effort) -> Kernels:
    """A proposal for a posterior that is curved or has several modes.

    What is tempered starts around all modes that many starts lead to, and has a component as wide as the prior; kernels
    are then put around draws from the posterior instead of a few heavy ones.
    """
    start = initial_mixture(density, prior_draws, effort.starts, _START_STRETCH)
    draws = tempered_draws(density, start, effort.walkers, rng)
    return adapted(density, Kernels.around(draws, np.full(len(draws), 1 / len(draws)), rng), rng, effort)


def adapted(density: Density, proposal: Proposal, rng: np.random.Generator, effort: Effort) -> Kernels:
    """Kernels around weighted draws from a proposal, then around those from these kernels, and so on.

    Every round weights all draws so far with the mixture of all proposals (Cornuet et al. 2012, arXiv:0907.1254).
    """
    history: list[tuple[float, Proposal]] = []
    draws, target, mixed = np.empty((0, proposal.dimension)), np.empty(0), np.empty(0)
    for k in range(effort.rounds):
        n = effort.draws_per_round // (1 if k else 2)
        fresh = proposal.draw(n, rng)
        fresh_target, own = density(fresh), proposal.log_density(fresh)
        mixed = np.logaddexp(mixed, np.log(n) + proposal.log_density(draws))
        history.append((np.log(n), proposal))
        earlier = [log_n + each.log_density(fresh) for log_n, each in history[:-1]]
        mixed = np.append(mixed, np.logaddexp.reduce([*earlier, np.log(n) + own]))
        draws, target = np.concatenate([draws, fresh]), np.append(target, fresh_target)
        weights = tempered(target - mixed, least=min(_LARGEST_SHARE, _EFFECTIVE / len(draws)))
        proposal = found = Kernels.around(draws, weights, rng)
        if effective_share(fresh_target - own) >= effort.effective_share:
            break
    return found


def initial_mixture(density: Density, prior_draws: Array, n_starts: int, stretch: float = 1.0) -> Mixture:
    """Laplace approximations at the modes, and a component with the spread of the prior."""
    wide = StudentT.from_covariance(prior_draws.mean(axis=0), np.atleast_2d(np.cov(prior_draws.T)), DF)
    modes = find_modes(density, best_starts(density, prior_draws, n_starts))
    return around_modes(modes, stretch).with_component(wide, _WIDE_SHARE)


def around_modes(modes: list[Mode], stretch: float = 1.0) -> Mixture:
    """Laplace approximations at the modes, weighted by their mass, but each with a minimum share."""
    held = np.array([m.log_density + 0.5 * np.linalg.slogdet(m.covariance)[1] for m in modes])
    shares = np.exp(held - held.max()) + 0.05
    components = tuple(StudentT.from_covariance(m.location, stretch * m.covariance, DF) for m in modes)
    return Mixture(components, shares / shares.sum())
