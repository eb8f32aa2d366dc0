"""Predictive distributions: densities of the outcome itself, whatever the scale that a method works on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from bayescale.laws.links import IDENTITY, LOG, LOGIT, Link
from bayescale.posterior.predictive import Mixed, Predicted, on_link

TWICE = Link("twice", "positive", lambda xp, y: 2 * xp.log(y), lambda z: np.exp(z / 2), lambda y: 2 / y)
"""Twice the log: the same scale in another unit."""

LOCATIONS = np.array([[-1.0], [0.0], [0.4]])


@pytest.mark.parametrize(("link", "ends"), [(LOG, (1e-9, 200)), (LOGIT, (1e-9, 1 - 1e-9)), (IDENTITY, (-30, 30))])
def test_a_density_of_the_outcome_integrates_to_one(link, ends):
    forecast = Predicted(LOCATIONS, np.full((1, 1), 0.5), link)
    total, _ = integrate.quad(lambda y: np.exp(forecast.log_density(np.array([y]))[0]), *ends, limit=200)
    assert total == pytest.approx(1.0, abs=1e-4)


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_another_unit_shifts_a_density_by_its_log(outcome, unit):
    own = Predicted(LOCATIONS, np.full((1, 1), 0.5))
    converted = Predicted(LOCATIONS + np.log(unit), np.full((1, 1), 0.5))
    shift = converted.log_density(np.array([outcome * unit])) - own.log_density(np.array([outcome]))
    assert shift[0] == pytest.approx(-np.log(unit), abs=1e-8)


@given(st.floats(0.01, 100))
def test_an_equivalent_link_keeps_the_density(outcome):
    own, same = Predicted(LOCATIONS, np.full((1, 1), 0.5)), Predicted(2 * LOCATIONS, np.full((1, 1), 1.0), TWICE)
    assert own.log_density(np.array([outcome])) == pytest.approx(same.log_density(np.array([outcome])), abs=1e-9)


def test_a_mixture_of_links_mixes_outcomes():
    rng, n = np.random.default_rng(0), 20_000
    on_log, on_logit = (
        Predicted(np.full((n, 1), -1.0), np.ones((1, 1)) * 0.1),
        Predicted(np.full((n, 1), 1.0), np.ones((1, 1)) * 0.1, LOGIT),
    )
    chosen = (np.arange(n) % 4 == 0).astype(int)[:, None]
    mixed = Mixed([on_log, on_logit], np.array([[0.75, 0.25]]), chosen)
    outcomes = np.exp(mixed.draws(rng)[:, 0])
    assert (outcomes > 0.55).mean() == pytest.approx(0.25, abs=0.01)
    assert np.median(outcomes[outcomes > 0.55]) == pytest.approx(1 / (1 + np.exp(-1)), abs=0.01)
    total, _ = integrate.quad(lambda y: np.exp(mixed.log_density(np.array([y]))[0]), 0.05, 0.99, points=[0.37, 0.73])
    assert total == pytest.approx(1.0, abs=1e-3)


def test_draws_go_to_another_scale_through_the_outcome():
    own = Predicted(np.full((5000, 1), 0.3), np.full((1, 1), 0.2), LOGIT)
    moved = on_link(own, LOG, np.random.default_rng(0))
    np.testing.assert_allclose(np.exp(moved), LOGIT.inverse(own.draws(np.random.default_rng(0))))
