"""Adaptation of a proposal: kernels around weighted draws, round after round, from modes or from tempered draws."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescale.sampling.kernels import CENTRES, Kernels
from bayescale.sampling.mixture import Mixture, StudentT
from bayescale.sampling.modes import Density, Mode, best_starts, find_modes
from bayescale.sampling.tempering import tempered_draws
from bayescale.sampling.weights import effective_share, tempered, weighted_moments

Array = NDArray[np.float64]

DF = 5.0
_START_STRETCH = 2.0
"""Width of what is tempered, relative to the curvature at the modes."""
_STRETCH = 1.5
"""Width of a first proposal, relative to the curvature at the modes."""
_WIDE_SHARE, _WIDE_STRETCH = 0.1, 3.0
"""Share of a component with the spread of the prior in a first mixture, or with that of the draws stretched."""
_EFFECTIVE, _LARGEST_SHARE = 300, 0.3
"""Effective draws around which kernels are put, and the largest share of all draws that they may be: weights are
flattened until there are as many."""


_GAP = 5.0
"""Drop of the log density between modes that are apart."""
_FEWEST = 2
"""Effective draws per coordinate below which a mode has no kernels of its own."""
_MOST_MAPPED = 16
"""Coordinates above which there is no map."""
_KEPT = 3
"""Rounds whose draws are used: earlier ones are from proposals that fit less."""


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
PATIENT = Effort(starts=0, draws_per_round=2000, rounds=3, effective_share=0.4)
TEMPERED = Effort(starts=8, draws_per_round=3000, rounds=6, effective_share=0.3, walkers=600)
SKETCHED = Effort(starts=4, draws_per_round=1000, rounds=3, effective_share=0.3)
SKETCHED_TEMPERED = Effort(starts=8, draws_per_round=2000, rounds=3, effective_share=0.2, walkers=300)


def tempered_proposal(density: Density, prior_draws: Array, rng: np.random.Generator, effort: Effort) -> Mixture:
    """A proposal for a posterior that is curved or has several modes.

    What is tempered starts around all modes that many starts lead to, and has a component as wide as the prior; kernels
    are then put around draws from the posterior instead of a few heavy ones.
    """
    modes = find_modes(density, best_starts(density, prior_draws, effort.starts))
    draws = tempered_draws(density, _with_wide(around_modes(modes, _START_STRETCH), prior_draws), effort.walkers, rng)
    apart = around_modes(separate(density, modes))
    first = kernels_by_mode(draws, np.full(len(draws), 1 / len(draws)), apart, rng)
    return adapted(density, first, apart, rng, effort)


def adapted(density: Density, proposal: Mixture, modes: Mixture, rng: np.random.Generator, effort: Effort) -> Mixture:
    """Kernels around weighted draws from a proposal, then around those from these kernels, and so on.

    Draws of the last rounds are weighted with the mixture of their proposals (Cornuet et al. 2012, arXiv:0907.1254).
    """
    rounds: list[_Round] = []
    for k in range(effort.rounds):
        n = effort.draws_per_round // (1 if k else 2)
        fresh = proposal.draw(n, rng)
        rounds = [*rounds, _Round(proposal, fresh, density(fresh))][-_KEPT:]
        draws, target = (
            np.concatenate(each) for each in zip(*((its.draws, its.target) for its in rounds), strict=True)
        )
        own = [np.log(len(its.draws)) + its.proposal.log_density(draws) for its in rounds]
        weights = tempered(target - np.logaddexp.reduce(own), least=min(_LARGEST_SHARE, _EFFECTIVE / len(draws)))
        proposal = kernels_by_mode(draws, weights, modes, rng)
        if effective_share(target[-n:] - own[-1][-n:]) >= effort.effective_share:
            break
    return proposal


def kernels_by_mode(draws: Array, weights: Array, modes: Mixture, rng: np.random.Generator) -> Mixture:
    """Kernels around draws of each mode, since those around the draws of several would be as wide as the gap.

    In many coordinates, as those of pooled groups, a map has more coefficients than there are draws to fit them to, and
    the proposal is one ellipsoid.
    """
    if draws.shape[1] > _MOST_MAPPED:
        mean, covariance = weighted_moments(draws, weights)
        unbiased = covariance / (1 - np.square(weights).sum())
        near, wide = (StudentT.from_covariance(mean, stretch**2 * unbiased, DF) for stretch in (1.0, _WIDE_STRETCH))
        return Mixture([near], np.ones(1)).with_component(wide, _WIDE_SHARE)
    nearest = np.argmax([each.log_density(draws) for each in modes.components], axis=0)
    of_mode = [weights * (nearest == k) for k in range(len(modes.components))]
    enough = [each for each in of_mode if each.sum() ** 2 > _FEWEST * draws.shape[1] * np.square(each).sum()]
    masses = np.array([each.sum() for each in enough] or [1.0])
    masses /= masses.sum()
    groups = (
        [(draws, weights)] if len(enough) < 2 else [(draws[each > 0], each[each > 0] / each.sum()) for each in enough]
    )
    counts = np.ceil(masses * CENTRES).astype(int)
    found = [Kernels.around(*group, rng, n) for group, n in zip(groups, counts, strict=True)]
    return Mixture(found, masses)


@dataclass(frozen=True)
class _Round:
    """Draws from a proposal, and their log density."""

    proposal: Mixture
    draws: Array
    target: Array


def _with_wide(modes: Mixture, prior_draws: Array) -> Mixture:
    """A mixture with one more component, with the spread of the prior."""
    wide = StudentT.from_covariance(prior_draws.mean(axis=0), np.atleast_2d(np.cov(prior_draws.T)), DF)
    return modes.with_component(wide, _WIDE_SHARE)


def proposal_from_modes(
    density: Density, modes: list[Mode], rng: np.random.Generator, effort: Effort, prior_draws: Array | None = None
) -> Mixture:
    """A proposal adapted from Laplace approximations, and a component with the spread of some prior draws, if any."""
    start = around_modes(modes, _STRETCH)
    wide = start if prior_draws is None else _with_wide(start, prior_draws)
    return adapted(density, wide, around_modes(separate(density, modes)), rng, effort)


def separate(density: Density, modes: list[Mode]) -> list[Mode]:
    """Modes with hardly any density halfway to a higher one."""
    kept: list[Mode] = []
    for mode in modes:
        halfway = np.array([(mode.location + other.location) / 2 for other in kept])
        if not kept or (density(halfway) < mode.log_density - _GAP).all():
            kept.append(mode)
    return kept


def around_modes(modes: list[Mode], stretch: float = 1.0) -> Mixture:
    """Laplace approximations at the modes, weighted by their mass, but each with a minimum share."""
    held = np.array([m.log_density + 0.5 * np.linalg.slogdet(m.covariance)[1] for m in modes])
    shares = np.exp(held - held.max()) + 0.05
    components = tuple(StudentT.from_covariance(m.location, stretch * m.covariance, DF) for m in modes)
    return Mixture(components, shares / shares.sum())
