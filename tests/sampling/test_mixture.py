"""Mixtures of multivariate t: densities and draws."""

import numpy as np
import pytest
from scipy import integrate, stats

from bayescale.sampling.mixture import Mixture, StudentT

COVARIANCE = np.array([[2.0, 0.9, 0.0], [0.9, 1.0, -0.3], [0.0, -0.3, 0.5]])


@pytest.fixture
def component():
    return StudentT.from_covariance(np.array([1.0, -2.0, 0.5]), COVARIANCE, 5.0)


@pytest.fixture
def mixture(component):
    narrow = StudentT.from_covariance(np.full(3, 6.0), 0.01 * np.eye(3), 3.0)
    return Mixture((component, narrow), np.array([0.7, 0.3]))


def test_log_density_is_that_of_scipy(component):
    points = 10 * np.random.default_rng(0).standard_normal((50, 3))
    expected = stats.multivariate_t(component.location, COVARIANCE, df=5).logpdf(points)
    np.testing.assert_allclose(component.log_density(points), expected, rtol=1e-12)


def test_log_density_of_a_mixture_is_the_weighted_sum(mixture):
    points = mixture.draw(50, np.random.default_rng(0))
    densities = [np.exp(component.log_density(points)) for component in mixture.components]
    np.testing.assert_allclose(np.exp(mixture.log_density(points)), mixture.weights @ densities, rtol=1e-12)


def test_a_mixture_integrates_to_one():
    components = tuple(StudentT(np.array([at]), np.array([[sd]]), df) for at, sd, df in [(0, 1, 5), (4, 0.2, 3)])
    mixture = Mixture(components, np.array([0.25, 0.75]))
    mass, _ = integrate.quad(
        lambda x: np.exp(mixture.log_density(np.array([[x]])))[0], -np.inf, np.inf, limit=200, epsabs=1e-9
    )
    assert mass == pytest.approx(1, abs=1e-6)


def test_components_of_weight_zero_have_no_density(component):
    mixture = Mixture((component, component), np.array([1.0, 0.0]))
    points = np.zeros((1, 3))
    assert mixture.log_density(points) == component.log_density(points)


def test_squared_distances_of_draws_follow_an_f_distribution(component):
    draws = component.draw(5000, np.random.default_rng(1))
    offsets = draws - component.location
    distance = np.einsum("ij,jk,ik->i", offsets, np.linalg.inv(COVARIANCE), offsets)
    assert stats.kstest(distance / 3, stats.f(3, 5).cdf).pvalue > 0.001


def test_mixture_draws_from_each_component_in_proportion_and_in_random_order(mixture):
    draws = mixture.draw(10_000, np.random.default_rng(2))
    from_second = (np.abs(draws - 6.0) < 1).all(axis=1)
    assert draws.shape == (10_000, 3)
    assert from_second.mean() == pytest.approx(0.3, abs=0.02)
    assert from_second[:5000].mean() == pytest.approx(0.3, abs=0.03)


def test_one_more_component_scales_the_others_down(mixture, component):
    grown = mixture.with_component(component, 0.1)
    np.testing.assert_allclose(grown.weights, [0.63, 0.27, 0.1])


@pytest.mark.parametrize(
    "covariance",
    [np.ones((3, 3)), np.zeros((3, 3)), np.diag([1.0, 0.0, 1e-12]), -np.eye(3)],
    ids=["singular", "zero", "degenerate", "negative"],
)
def test_a_covariance_that_is_not_positive_definite_still_gives_a_component(covariance):
    component = StudentT.from_covariance(np.zeros(3), covariance, 5.0)
    draws = component.draw(10, np.random.default_rng(0))
    assert np.isfinite(component.log_density(draws)).all()
