"""Kernels in mapped coordinates: the map and its inverse, densities and draws, and how well they fit a funnel."""

import numpy as np
import pytest
from scipy import integrate

from bayescale.sampling.kernels import Kernels, TriangularMap
from bayescale.sampling.weights import effective_share


def funnel(n, rng):
    """Draws whose last coordinate scales the first and bends the second."""
    scale, first, second = rng.standard_normal((3, n))
    return np.column_stack([np.exp(scale) * first, second + scale**2, scale])


def log_funnel(x):
    offsets = np.column_stack([x[:, 0] * np.exp(-x[:, 2]), x[:, 1] - x[:, 2] ** 2, x[:, 2]])
    return -0.5 * np.square(offsets).sum(axis=1) - x[:, 2] - 1.5 * np.log(2 * np.pi)


def even(draws):
    return np.full(len(draws), 1 / len(draws))


@pytest.fixture
def kernels():
    rng = np.random.default_rng(0)
    draws = funnel(1000, rng)
    return Kernels.around(draws, even(draws), rng)


def test_mapped_points_lead_back(kernels):
    points = 2 * np.random.default_rng(1).standard_normal((50, 3))
    mapped, _ = kernels.map.forward(points)
    np.testing.assert_allclose(kernels.map.backward(mapped), points, rtol=1e-10, atol=1e-10)


def test_log_determinant_is_that_of_finite_differences(kernels):
    point, step = np.array([0.3, 1.2, -0.5]), 1e-6
    jacobian = [
        (kernels.map.forward((point + e)[None])[0] - kernels.map.forward((point - e)[None])[0])[0] / (2 * step)
        for e in step * np.eye(3)
    ]
    _, log_determinant = kernels.map.forward(point[None])
    assert log_determinant[0] == pytest.approx(np.linalg.slogdet(np.array(jacobian))[1], abs=1e-6)


def test_a_funnel_is_mapped_to_what_is_nearly_round():
    draws = funnel(4000, np.random.default_rng(2))
    mapped, _ = TriangularMap.fitted(draws, even(draws)).forward(draws)
    order = np.argsort(draws[:, 2])
    spread = [mapped[part, 2].std() for part in np.array_split(order, 4)]
    assert max(spread) / min(spread) < 2
    assert abs(np.corrcoef(mapped[:, 1], draws[:, 2] ** 2)[0, 1]) < 0.1


@pytest.mark.parametrize("d", [1, 2])
def test_density_integrates_to_one(d):
    rng = np.random.default_rng(3)
    draws = funnel(500, rng)[:, -d:]
    found = Kernels.around(draws, even(draws), rng)
    if d == 1:
        mass, _ = integrate.quad(lambda x: np.exp(found.log_density(np.array([[x]])))[0], -200, 200, limit=500)
        assert mass == pytest.approx(1, abs=1e-4)
        return
    # Of two coordinates, the mean of the ratio to its own density is the mass of any other.
    points = found.draw(40_000, rng)
    other = -0.5 * np.square(points - points.mean(axis=0)).sum(axis=1) - np.log(2 * np.pi)
    assert np.exp(other - found.log_density(points)).mean() == pytest.approx(1, abs=0.03)


def test_kernels_fit_a_funnel_from_few_draws(kernels):
    points = kernels.draw(4000, np.random.default_rng(4))
    log_weights = log_funnel(points) - kernels.log_density(points)
    assert np.exp(log_weights).mean() == pytest.approx(1, abs=0.06)
    assert effective_share(log_weights) > 0.4


def test_kernels_follow_the_weights_not_the_draws():
    rng = np.random.default_rng(5)
    draws = 3 * rng.standard_normal((4000, 3))
    log_weights = -0.5 * np.square((draws - 1) / 0.8).sum(axis=1) + 0.5 * np.square(draws / 3).sum(axis=1)
    weights = np.exp(log_weights - log_weights.max())
    found = Kernels.around(draws, weights / weights.sum(), rng).draw(4000, rng)
    np.testing.assert_allclose(np.median(found, axis=0), 1, atol=0.15)


def test_draws_that_are_all_equal_give_kernels():
    rng = np.random.default_rng(6)
    draws = np.ones((20, 2))
    found = Kernels.around(draws, even(draws), rng)
    assert np.isfinite(found.log_density(found.draw(10, rng))).all()
