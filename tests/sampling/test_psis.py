"""Pareto smoothing against ArviZ."""

import numpy as np
import pytest
from arviz_stats.base import array_stats

from bayescale.sampling.psis import smooth_weights

RNG = np.random.default_rng(0)
LOG_WEIGHTS = {
    "nearly equal": 0.1 * RNG.standard_normal(4000),
    "normal": RNG.standard_normal(4000),
    "wide normal": 3 * RNG.standard_normal(4000),
    "Pareto, shape 0.3": 0.3 * RNG.standard_exponential(4000),
    "Pareto, shape 0.7": 0.7 * RNG.standard_exponential(4000),
    "Pareto, shape 1.2": 1.2 * RNG.standard_exponential(20_000),
    "bounded": np.log(RNG.uniform(size=4000)),
    "few draws": RNG.standard_normal(100),
    "far from zero": -1e4 + RNG.standard_normal(4000),
}


@pytest.mark.parametrize("log_weights", LOG_WEIGHTS.values(), ids=LOG_WEIGHTS)
def test_weights_and_k_hat_are_those_of_arviz(log_weights):
    weights, k_hat = smooth_weights(log_weights)
    expected, expected_k_hat = array_stats.psislw(
        -log_weights
    )  # ArviZ takes log-likelihoods: weights are their inverse
    assert k_hat == pytest.approx(float(expected_k_hat), abs=0.02)
    np.testing.assert_allclose(weights, np.exp(expected), rtol=0.05, atol=1e-9)
    assert weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9])
def test_k_hat_finds_the_shape_of_a_pareto_tail(shape):
    _, k_hat = smooth_weights(shape * RNG.standard_exponential(100_000))
    assert k_hat == pytest.approx(shape, abs=0.1)


def test_equal_weights_stay_equal():
    weights, k_hat = smooth_weights(np.full(100, -3.0))
    np.testing.assert_allclose(weights, 0.01)
    assert k_hat == -np.inf


def test_smoothing_keeps_the_order_and_leaves_the_bulk():
    log_weights = LOG_WEIGHTS["wide normal"]
    weights, _ = smooth_weights(log_weights)
    assert (np.diff(weights[np.argsort(log_weights)]) >= 0).all()
    bulk = np.argsort(log_weights)[:3000]
    np.testing.assert_allclose(weights[bulk] / weights[bulk[0]], np.exp(log_weights[bulk] - log_weights[bulk[0]]))


def test_a_handful_of_draws_that_hold_all_the_weight_has_a_high_k_hat():
    log_weights = np.full(4000, -np.inf)
    log_weights[:3] = [0, 1, 2]
    weights, k_hat = smooth_weights(log_weights)
    assert k_hat == np.inf
    assert weights[:3].sum() == pytest.approx(1)


def test_draws_without_weight_are_allowed():
    log_weights = np.where(np.arange(4000) % 2, -np.inf, LOG_WEIGHTS["normal"])
    weights, k_hat = smooth_weights(log_weights)
    assert np.isfinite(k_hat)
    assert (weights[1::2] == 0).all()
