"""The next run: hand-worked cases, dense formulas, limits, and agreement with simulated outcomes."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import bayescale as bs
from bayescale.ensembles import Ensemble, equal_weights
from bayescale.errors import LawError, QuantityError, RunsError
from bayescale.fitting import fit_law
from bayescale.forecasting import draw_error, forecast, link_mean, noise_moments
from bayescale.planning.allocation import optimum
from bayescale.planning.design import (
    LossAt,
    OptimumAt,
    WhichLaw,
    best_batch,
    candidate_grid,
    gains,
    next_runs,
)

TARGET = LossAt(N=1e10, D=2e11)
BUDGET = 1e20


@pytest.fixture(scope="module")
def doubted_fit(few_runs):
    """The same runs under a law that may be wrong."""
    return fit_law("chinchilla", few_runs, draws=250, certify=False)


@pytest.fixture(scope="module")
def fits(few_fit, doubted_fit):
    return {"law taken as true": few_fit, "with its discrepancy": doubted_fit}


@pytest.fixture(params=["law taken as true", "with its discrepancy"])
def posterior(fits, request):
    return fits[request.param]


@st.composite
def beliefs(draw, candidates=6, targets=2):
    """A covariance of candidates and targets, noise variances and costs."""
    n = candidates + targets
    root = draw(arrays(float, (n, n), elements=st.floats(-1, 1)))
    positive = arrays(float, candidates, elements=st.floats(0.1, 10))
    return root @ root.T + 0.01 * np.eye(n), draw(positive), draw(positive)


def left_after(covariance, noise, rows):
    """Share of the targets' variance that observing rows leaves, by the textbook formula."""
    n = len(noise)
    seen = covariance[np.ix_(rows, rows)] + np.diag(noise[rows])
    across = covariance[n:, rows]
    total = np.trace(covariance[n:, n:])
    return 1 - np.trace(across @ np.linalg.solve(seen, across.T)) / total


def test_a_case_worked_by_hand():
    # Of a target with variance 4, a run of variance 1 and covariance 1 takes 1 / (1 + noise).
    covariance = np.array([[1.0, 0.0, 1.0], [0.0, 4.0, 2.0], [1.0, 2.0, 4.0]])
    np.testing.assert_allclose(gains(covariance, np.array([1.0, 4.0])), [0.5, 0.5])
    order, left = best_batch(covariance, np.array([1.0, 4.0]), np.array([1.0, 2.0]), 3.0)
    assert order.tolist() == [0, 1]
    np.testing.assert_allclose(left, [3.5 / 4, 3 / 4])


def test_a_run_of_the_target_itself_without_noise_leaves_nothing():
    covariance = np.array([[2.0, 1.0, 2.0], [1.0, 3.0, 1.0], [2.0, 1.0, 2.0]])
    order, left = best_batch(covariance, np.zeros(2), np.array([1.0, 1.0]), 1.5)
    assert (order.tolist(), left.tolist()) == ([0], [0.0])


@given(beliefs())
def test_what_is_left_is_the_schur_complement(belief):
    covariance, noise, cost = belief
    order, left = best_batch(covariance, noise, cost, cost.sum())
    for k, share in enumerate(left, start=1):
        assert share == pytest.approx(left_after(covariance, noise, order[:k]), abs=1e-8)
    assert np.all(np.diff(left) <= 1e-12)


@given(beliefs(), st.floats(1, 10))
def test_noisier_runs_tell_less(belief, factor):
    covariance, noise, cost = belief
    total = np.trace(covariance[len(noise) :, len(noise) :])
    assert np.all(gains(covariance, factor * noise) <= gains(covariance, noise) + 1e-12)
    assert np.all((gains(covariance, noise) >= 0) & (gains(covariance, noise) <= total + 1e-9))


@given(beliefs(), st.floats(0.2, 20), st.floats(1, 5))
def test_batches_keep_to_the_budget_and_larger_ones_leave_no_more(belief, budget, factor):
    covariance, noise, cost = belief
    budget = max(budget, cost.min())
    order, left = best_batch(covariance, noise, cost, budget)
    _, more = best_batch(covariance, noise, cost, factor * budget)
    assert len(set(order)) == len(order)
    assert cost[order].sum() <= budget
    assert (more[-1] if len(more) else 1.0) <= (left[-1] if len(left) else 1.0) + 1e-12


@given(beliefs(), st.randoms(use_true_random=False), st.floats(0.2, 20))
def test_the_order_of_candidates_does_not_matter(belief, random, budget):
    covariance, noise, cost = belief
    budget = max(budget, cost.min())
    n = len(noise)
    shuffled = random.sample(range(n), n)
    rows = [*shuffled, *range(n, len(covariance))]
    _, left = best_batch(covariance, noise, cost, budget)
    _, other = best_batch(covariance[np.ix_(rows, rows)], noise[shuffled], cost[shuffled], budget)
    np.testing.assert_allclose(left[-1:], other[-1:], atol=1e-9)


def test_greedy_batches_come_near_the_best_of_all_batches(doubted_fit):
    from itertools import combinations

    candidates = {"N": [1e8, 1e8, 3e8, 1e9, 1e9, 3e9, 3e9], "D": [1e9, 2e11, 2e10, 2e9, 1e11, 3e9, 6e10]}
    plan = next_runs(doubted_fit, candidates, target=TARGET, budget=2e21)
    cost = plan.candidates["C"].to_numpy()
    batches = [rows for k in range(1, 8) for rows in combinations(range(7), k) if cost[list(rows)].sum() <= 2e21]
    best = max(expected_reduction(doubted_fit, candidates, rows) for rows in batches)
    assert float(plan.batch["reduction"][-1]) > 0.95 * best


def expected_reduction(fit, candidates, rows):
    """Of a batch that is the only one, and so affordable as a whole."""
    chosen = {name: np.array(values)[list(rows)] for name, values in candidates.items()}
    return float(next_runs(fit, chosen, target=TARGET, budget=1e24).batch["reduction"][-1])


def simulated_sd(fit, run, target, n=400):
    """Expected standard deviation of the target after one run, by reweighting draws with its simulated outcomes."""
    rng = np.random.default_rng(0)
    points = {name: np.array([run[name], target[name]]) for name in ("N", "D")}
    latent = link_mean(fit, points) + draw_error(fit, points, rng)
    shift, scale = (values[:, 0] for values in noise_moments(fit, {k: v[:1] for k, v in points.items()}, rng))
    mean = latent[:, 0] + shift
    outcomes = rng.choice(mean + scale * rng.standard_normal(len(mean)), n, replace=False)
    logs = -0.5 * np.square((outcomes[:, None] - mean) / scale) - np.log(scale)
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    centre = weights @ latent[:, 1]
    return float(np.sqrt(np.mean(weights @ np.square(latent[:, 1]) - np.square(centre))))


@pytest.mark.parametrize("run", [{"N": 3e9, "D": 6e10}, {"N": 1e8, "D": 4e11}])
def test_nested_monte_carlo_leaves_about_as_much(few_fit, run):
    plan = next_runs(few_fit, {"N": [run["N"]], "D": [run["D"]]}, target=TARGET, budget=1e22)
    simulated = simulated_sd(few_fit, run, {"N": TARGET.N, "D": TARGET.D})
    assert simulated == pytest.approx(float(plan.batch["sd"][0]), rel=0.1)
