"""Adaptation of a proposal: mixtures that grow where the weights are large, from modes or from tempered draws."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescale.sampling.mixture import Mixture, StudentT, fitted, refit
from bayescale.sampling.modes import Density, Mode, best_starts, find_modes
from bayescale.sampling.tempering import tempered_draws
from bayescale.sampling.weights import effective_share, normalised, tempered, weighted_moments

Array = NDArray[np.float64]

DF = 5.0
_COMPONENTS = 8
_DEFENSIVE_WEIGHT, _DEFENSIVE_STRETCH, _DEFENSIVE_DF = 0.1, 3.0, 3.0
_START_STRETCH = 2.0
"""Width of what is tempered, relative to the curvature at the modes."""
_WIDE_SHARE = 0.1
"""Share of a component with the spread of the prior in a first mixture."""
_FIRST_COMPONENTS = 4
"""Components that are fitted to tempered draws."""


@dataclass(frozen=True)
class Effort:
    """How thoroughly a proposal is adapted.

    Attributes
    ----------
    starts : int
        Of the search for modes.
    draws_per_round, rounds : int
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


QUICK = Effort(starts=4, draws_per_round=1000, rounds=12, effective_share=0.5)
PATIENT = Effort(starts=16, draws_per_round=4000, rounds=16, effective_share=0.7)
TEMPERED = Effort(starts=8, draws_per_round=4000, rounds=6, effective_share=0.5, walkers=600)
SKETCHED = Effort(starts=8, draws_per_round=2000, rounds=3, effective_share=0.2, walkers=300)


def tempered_proposal(density: Density, prior_draws: Array, rng: np.random.Generator, effort: Effort) -> Mixture:
    """A proposal for a posterior that is curved or has several modes, and frozen.

    What is tempered starts around all modes that many starts lead to, and has a component as wide as the prior; the
    components are then fitted to draws from the posterior instead of to a few heavy ones.
    """
    start = initial_mixture(density, prior_draws, effort.starts, _START_STRETCH)
    draws = tempered_draws(density, start, effort.walkers, rng)
    return freeze(*adapt(density, fitted(draws, _FIRST_COMPONENTS, DF, rng), rng, effort))


def adapt(density: Density, mixture: Mixture, rng: np.random.Generator, effort: Effort) -> tuple[Mixture, Array, Array]:
    """Grow a proposal; returns it with all draws that built it and their log weights.

    Every round draws from the current mixture, weights all draws so far with the mixture of all rounds (Cornuet et al.
    2012, arXiv:0907.1254), adds a component at the heaviest draw, and refits the components to the weighted draws.
    """
    history: list[Mixture] = []
    draws, target, mixed = np.empty((0, mixture.dimension)), np.empty(0), np.empty(0)
    best, best_share = mixture, 0.0
    for _ in range(effort.rounds):
        fresh = mixture.draw(effort.draws_per_round, rng)
        fresh_target, own = density(fresh), mixture.log_density(fresh)
        earlier = [m.log_density(fresh) for m in history]
        history.append(mixture)
        mixed = np.append(np.logaddexp(mixed, mixture.log_density(draws)), np.logaddexp.reduce([*earlier, own]))
        draws, target = np.concatenate([draws, fresh]), np.append(target, fresh_target)
        share = effective_share(fresh_target - own)
        if share > best_share:
            best, best_share = mixture, share
        if share >= effort.effective_share:
            break
        weights = tempered(target - mixed)
        if len(mixture.components) < _COMPONENTS:
            mixture = mixture.with_component(_component_at_heaviest(draws, weights), 0.1)
        mixture = refit(mixture, draws, weights)
    return best, draws, target - mixed


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


def freeze(mixture: Mixture, draws: Array, log_weights: Array) -> Mixture:
    """Add a wide component that keeps the weights bounded where the adaptation has not explored."""
    weights = normalised(log_weights)
    mean, covariance = weighted_moments(draws, weights)
    wide = StudentT.from_covariance(mean, _DEFENSIVE_STRETCH**2 * covariance, _DEFENSIVE_DF)
    return mixture.with_component(wide, _DEFENSIVE_WEIGHT)


def _component_at_heaviest(draws: Array, weights: Array) -> StudentT:
    """A component around the heaviest draw, shaped by the weighted draws nearest to it."""
    centre = draws[weights.argmax()]
    _, covariance = weighted_moments(draws, weights)
    scale = np.sqrt(np.diag(covariance).clip(1e-300))
    distance = np.square((draws - centre) / scale).sum(axis=1)
    nearest = np.argsort(distance)[: len(draws) // 10]
    local = weights[nearest] + 1 / len(weights)
    local /= local.sum()
    offsets = draws[nearest] - centre
    return StudentT.from_covariance(centre, (offsets.T * local) @ offsets, DF)
