"""Bridge sampling: known constants with calibrated standard errors."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from bayescale.sampling.bridge import log_evidence


def skewed(points):
    """Log density of independent Gumbel coordinates, times e to the 2.5."""
    return 2.5 - (points + np.exp(-points)).sum(axis=1)


@pytest.mark.parametrize("dimension", [1, 3, 8])
def test_a_known_constant_is_recovered_within_its_errors(dimension):
    scores = []
    for seed in range(20):
        draws = np.random.default_rng(seed).gumbel(size=(4, 500, dimension))
        value, error = log_evidence(skewed, draws, seed)
        scores.append((value - 2.5) / error)
    assert np.abs(scores).max() < 4
    assert 0.6 < np.sqrt(np.square(scores).mean()) < 1.5


def test_correlated_chains_have_larger_errors():
    rng = np.random.default_rng(0)
    covariance = np.array([[1.0, 0.95], [0.95, 1.0]])
    target = multivariate_normal(np.zeros(2), covariance)
    independent = target.rvs(8000, random_state=1).reshape(4, 2000, 2)
    slow = np.repeat(independent[:, : 2000 // 20], 20, axis=1) + 1e-6 * rng.standard_normal((4, 2000, 2))
    value, error = log_evidence(target.logpdf, independent, 0)
    stuck, larger = log_evidence(target.logpdf, slow, 0)
    assert abs(value) < 4 * error
    assert abs(stuck) < 4 * larger
    assert larger > 1.3 * error


def test_it_repeats_with_its_seed():
    draws = np.random.default_rng(0).gumbel(size=(4, 200, 2))
    assert log_evidence(skewed, draws, 1) == log_evidence(skewed, draws, 1) != log_evidence(skewed, draws, 2)
