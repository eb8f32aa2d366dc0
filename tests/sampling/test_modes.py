"""The search for modes."""

import numpy as np
import pytest
from scipy import stats

from bayescale.sampling.modes import find_modes

COVARIANCE = np.array([[1.0, 0.95, 0.0], [0.95, 1.0, 0.0], [0.0, 0.0, 0.01]])
NORMAL = stats.multivariate_normal([1.0, -1.0, 3.0], COVARIANCE)


def starts(n, d, spread=4.0):
    return spread * np.random.default_rng(0).standard_normal((n, d))


def two_normals(points):
    return np.logaddexp(
        np.log(0.2) + stats.norm.logpdf(points, -5, 1).sum(axis=1),
        np.log(0.8) + stats.norm.logpdf(points, 5, 0.5).sum(axis=1),
    )


def test_a_normal_has_one_mode_with_its_own_mean_and_covariance():
    (mode,) = find_modes(NORMAL.logpdf, starts(4, 3))
    np.testing.assert_allclose(mode.location, NORMAL.mean, atol=1e-6)
    np.testing.assert_allclose(mode.covariance, COVARIANCE, atol=1e-5)
    assert mode.log_density == pytest.approx(NORMAL.logpdf(NORMAL.mean))


def test_both_modes_of_two_are_found_the_higher_one_first():
    modes = find_modes(two_normals, starts(8, 2))
    np.testing.assert_allclose([mode.location for mode in modes], [[5, 5], [-5, -5]], atol=1e-3)
    assert modes[0].log_density > modes[1].log_density


def test_a_mode_too_low_to_matter_is_dropped():
    def density(points):
        return np.logaddexp(NORMAL.logpdf(points), stats.norm.logpdf(points, -20, 1).sum(axis=1) - 50)

    assert len(find_modes(density, np.array([[-20.0, -20.0, -20.0], [1.0, 0.0, 3.0]]))) == 1


def test_a_curved_ridge_is_climbed_to_its_top():
    def rosenbrock(points):
        return -100 * (points[:, 1] - points[:, 0] ** 2) ** 2 - (1 - points[:, 0]) ** 2

    mode = find_modes(rosenbrock, np.array([[-1.2, 1.0]]), max_iterations=100, tolerance=1e-6)[0]
    assert mode.log_density == pytest.approx(0, abs=0.01)


def test_a_flat_direction_has_a_finite_width():
    (mode,) = find_modes(lambda points: stats.norm.logpdf(points[:, 0]), np.array([[0.5, 0.5]]))
    assert np.linalg.eigvalsh(mode.covariance).max() <= 4
    assert np.linalg.eigvalsh(mode.covariance).min() > 0


def test_the_edge_of_the_support_is_no_obstacle():
    def half(points):
        with np.errstate(invalid="ignore", divide="ignore"):
            values = 2 * np.log(points[:, 0]) - points[:, 0]
        return np.where(points[:, 0] > 0, values, -np.inf)

    (mode,) = find_modes(half, np.array([[1e-3]]), max_iterations=100)
    assert mode.location == pytest.approx([2.0], abs=0.2)


def test_all_starts_are_evaluated_in_few_calls():
    calls = []

    def density(points):
        calls.append(len(points))
        return NORMAL.logpdf(points)

    find_modes(density, starts(50, 3))
    assert len(calls) <= 1 + 2 * 20
