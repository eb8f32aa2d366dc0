"""Tempered walkers, and proposals from them, on targets that no mixture around modes describes."""

import numpy as np
from scipy import stats

from bayescale.sampling.importance import sample_importance
from bayescale.sampling.mixture import Mixture, StudentT
from bayescale.sampling.tempering import tempered_draws

WIDE = Mixture((StudentT(np.zeros(3), 8 * np.eye(3), 5.0),), np.ones(1))
FAR, SHARE = 6.0, 0.8


def two_modes(x):
    logs = [stats.norm.logpdf(x, at).sum(axis=1) for at in (-FAR, FAR)]
    return np.logaddexp(np.log(1 - SHARE) + logs[0], np.log(SHARE) + logs[1])


def curved(x):
    """A funnel along a parabola: the first coordinate bends the second and scales the others; its mass is e^-7."""
    scale = np.exp(0.4 * x[:, 0])
    others = stats.norm.logpdf(x[:, 2:] / scale[:, None]).sum(axis=1) - np.log(scale) * (x.shape[1] - 2)
    return stats.norm.logpdf(x[:, 0]) + stats.norm.logpdf(x[:, 1] - x[:, 0] ** 2, scale=0.3) + others - 7.0


def test_walkers_reach_both_modes_in_their_proportion():
    shares = [(tempered_draws(two_modes, WIDE, 600, np.random.default_rng(k))[:, 0] > 0).mean() for k in range(10)]
    assert abs(np.mean(shares) - SHARE) < 4 * np.std(shares) / np.sqrt(len(shares)) + 0.01
    assert np.std(shares) < 0.1


def test_walkers_leave_where_the_density_is_zero():
    def half(x):
        with np.errstate(divide="ignore"):
            return stats.norm.logpdf(x).sum(axis=1) + np.log(x[:, 0] > 0)

    draws = tempered_draws(half, WIDE, 400, np.random.default_rng(0))
    assert (draws[:, 0] > 0).all()
    assert abs(draws[:, 0].mean() - np.sqrt(2 / np.pi)) < 0.15


def test_several_modes_are_certified_and_their_mass_is_right():
    prior = 5 * np.random.default_rng(1).standard_normal((1000, 3))
    found = [sample_importance(two_modes, prior, 2000, seed, several_modes=True) for seed in range(4)]
    assert all(each.certified for each in found)
    assert all(abs(each.log_evidence) < 5 * each.log_evidence_se for each in found)
    assert abs(np.mean([(each.draws[:, 0] > 0).mean() for each in found]) - SHARE) < 0.02


def test_draws_follow_a_curve_into_its_ends():
    prior = 5 * np.random.default_rng(1).standard_normal((1000, 4))
    found = sample_importance(curved, prior, 2000, seed=0, several_modes=True)
    assert abs(found.log_evidence + 7.0) < 5 * found.log_evidence_se
    assert abs((found.draws[:, 1] - found.draws[:, 0] ** 2).std() - 0.3) < 0.03
    assert abs(found.draws[:, 0].std() - 1) < 0.06
