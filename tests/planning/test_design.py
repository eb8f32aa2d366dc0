"""The next run: hand-worked cases, dense formulas, limits, and agreement with simulated outcomes."""

import json
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import bayescale as bs
from bayescale.basics.errors import LawError, QuantityError, RunsError
from bayescale.cli.documents import design_document
from bayescale.laws.noise import noise_by_name
from bayescale.planning.allocation import optimum
from bayescale.planning.batches import best_batch, gains, largest_first, left_after
from bayescale.planning.candidates import candidate_grid
from bayescale.planning.design import next_runs
from bayescale.planning.targets import LossAt, OptimumAt, WhichLaw
from bayescale.posterior.ensembles import Ensemble, equal_weights
from bayescale.posterior.forecasting import forecast
from bayescale.posterior.parts import draw_error, link_mean, noise_moments
from bayescale.posterior.single import fit_law

PLACE = {"N": 1e10, "D": 2e11}
TARGET = LossAt(**PLACE)
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
    """A covariance of candidates' outcomes and targets, and the costs of the candidates."""
    n = candidates + targets
    root = draw(arrays(float, (n, n), elements=st.floats(-1, 1)))
    noise = draw(arrays(float, candidates, elements=st.floats(0.1, 10)))
    cost = draw(arrays(float, candidates, elements=st.floats(0.1, 10)))
    return root @ root.T + np.diag(np.append(noise, [0.01] * targets)), cost


def schur_complement(covariance, rows, n):
    """Share of the targets' variance that observing rows leaves, by the textbook formula."""
    across = covariance[n:, rows]
    return 1 - np.trace(across @ np.linalg.solve(covariance[np.ix_(rows, rows)], across.T)) / np.trace(
        covariance[n:, n:]
    )


def left_by(covariance, cost, budget):
    """Share of variance that the best batch leaves."""
    left = left_after(covariance, best_batch(covariance, cost, budget), len(cost))
    return left[-1] if len(left) else 1.0


@pytest.mark.parametrize("df", [1.0, 4.0, 30.0])
def test_heavy_tailed_noise_counts_by_its_fisher_information(df):
    from scipy.integrate import quad
    from scipy.stats import t

    def information(z):
        return ((df + 1) * z / (df + z**2)) ** 2 * t.pdf(z, df)

    found = noise_by_name("student_t").effective_variance({"sigma": np.array([0.01]), "nu": np.array([df])})
    assert found[0] == pytest.approx(0.01**2 / quad(information, -np.inf, np.inf)[0])


def test_normal_and_one_sided_noise_count_by_their_variance():
    parameters = {"sigma": np.array([3.0]), "excess": np.array([4.0])}
    assert noise_by_name("one_sided").effective_variance(parameters).tolist() == [25.0]
    assert noise_by_name("normal").effective_variance({"sigma": np.array([3.0])}).tolist() == [9.0]


def test_a_case_worked_by_hand():
    # Of a target with variance 4, a run that varies by 1 and its noise by 1 takes 1 / 2 where the two covary by 1.
    covariance = np.array([[2.0, 0.0, 1.0], [0.0, 8.0, 2.0], [1.0, 2.0, 4.0]])
    np.testing.assert_allclose(gains(covariance, 2), [0.5, 0.5])
    order = best_batch(covariance, np.array([1.0, 2.0]), 3.0)
    assert order.tolist() == [0, 1]
    np.testing.assert_allclose(left_after(covariance, order, 2), [3.5 / 4, 3 / 4])


def test_a_run_of_the_target_itself_without_noise_leaves_nothing():
    covariance = np.array([[2.0, 1.0, 2.0], [1.0, 3.0, 1.0], [2.0, 1.0, 2.0]])
    order = best_batch(covariance, np.array([1.0, 1.0]), 1.5)
    assert order.tolist() == [0]
    np.testing.assert_allclose(left_after(covariance, order, 2), [0.0], atol=1e-12)


def test_a_run_that_repeats_another_without_noise_is_not_taken():
    covariance = np.array([[2.0, 2.0, 1.0], [2.0, 2.0, 1.0], [1.0, 1.0, 3.0]])
    assert len(best_batch(covariance, np.ones(2), 2.0)) == 1


@given(beliefs())
def test_what_is_left_is_the_schur_complement(belief):
    covariance, cost = belief
    order = best_batch(covariance, cost, cost.sum())
    left = left_after(covariance, order, 6)
    for k, share in enumerate(left, start=1):
        assert share == pytest.approx(schur_complement(covariance, order[:k], 6), abs=1e-8)
    assert np.all(np.diff(left) <= 1e-12)


@given(beliefs(), st.floats(0, 10))
def test_noisier_runs_tell_less(belief, more):
    covariance, _ = belief
    noisier = covariance + np.diag([more] * 6 + [0.0] * 2)
    assert np.all(gains(noisier, 6) <= gains(covariance, 6) + 1e-12)
    assert np.all((gains(covariance, 6) >= 0) & (gains(covariance, 6) <= np.trace(covariance[6:, 6:]) + 1e-9))


@given(beliefs(), st.floats(0.2, 20), st.integers(1, 8))
def test_batches_keep_to_the_budget_and_to_their_number(belief, budget, most):
    covariance, cost = belief
    order = best_batch(covariance, cost, budget, most)
    assert len(set(order)) == len(order) <= most
    assert cost[order].sum() <= budget


@given(beliefs(), st.integers(1, 6))
def test_a_larger_budget_never_leaves_more_variance(belief, runs):
    covariance, _ = belief
    assert left_by(covariance, np.ones(6), runs + 1) <= left_by(covariance, np.ones(6), runs) + 1e-12


@given(beliefs(), st.randoms(use_true_random=False), st.floats(0.2, 20))
def test_the_order_of_candidates_does_not_matter(belief, random, budget):
    covariance, cost = belief
    shuffled = random.sample(range(6), 6)
    rows = [*shuffled, 6, 7]
    left = left_by(covariance, cost, budget)
    assert left_by(covariance[np.ix_(rows, rows)], cost[shuffled], budget) == pytest.approx(left, abs=1e-9)


def test_greedy_batches_come_near_the_best_of_all_batches(doubted_fit):
    candidates = {"N": [1e8, 1e8, 3e8, 1e9, 1e9, 3e9, 3e9], "D": [1e9, 2e11, 2e10, 2e9, 1e11, 3e9, 6e10]}
    plan = next_runs(doubted_fit, candidates, target=TARGET, budget=2e21, wary=False)
    cost = plan.candidates["C"].to_numpy()
    batches = [rows for k in range(1, 8) for rows in combinations(range(7), k) if cost[list(rows)].sum() <= 2e21]
    best = max(expected_reduction(doubted_fit, candidates, rows) for rows in batches)
    assert float(plan.batch["reduction"][-1]) > 0.95 * best


def expected_reduction(fit, candidates, rows):
    """Expected reduction by a batch that is the only choice and affordable as a whole."""
    chosen = {name: np.array(values)[list(rows)] for name, values in candidates.items()}
    return float(next_runs(fit, chosen, target=TARGET, budget=1e24, wary=False).batch["reduction"][-1])


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
    simulated = simulated_sd(few_fit, run, PLACE)
    assert simulated == pytest.approx(float(plan.batch["sd"][0]), rel=0.1)


def test_reductions_are_shares_and_larger_budgets_leave_less(posterior):
    sides = np.meshgrid(np.geomspace(1e8, 1e9, 12), np.geomspace(2e9, 6e10, 12))
    grid = dict(zip(("N", "D"), map(np.ravel, sides), strict=True))
    left = [next_runs(posterior, grid, target=TARGET, budget=budget, wary=False) for budget in (3e18, 3e19, 3e20, 3e21)]
    for plan in left:
        reduction = plan.candidates["reduction"]
        assert bool(((reduction >= 0) & (reduction <= 1)).all())
        np.testing.assert_allclose(plan.candidates["per_flop"] * plan.candidates["C"], reduction)
        assert float(plan.batch["C"].sum()) <= plan.budget
        assert bool(plan.candidates["batch"].sum() == plan.batch.sizes["run"])
    assert np.all(np.diff([float(plan.batch["sd"][-1]) for plan in left]) <= 0)


def test_what_is_uncertain_now_is_what_forecasts_and_optima_say(posterior):
    latent = np.log(forecast(posterior, **PLACE).draws["latent"])
    assert next_runs(posterior, target=TARGET, budget=BUDGET).sd == pytest.approx(float(latent.std()), rel=0.05)
    log_n = np.log(optimum(posterior, 1e23).draws["N"])
    assert next_runs(posterior, target=OptimumAt(1e23), budget=BUDGET).sd == pytest.approx(float(log_n.std()), rel=0.08)


def test_several_losses_count_alike(posterior):
    points = [PLACE, {"N": 3e10, "D": 1e11}]
    alone = [next_runs(posterior, target=LossAt(**point), budget=BUDGET).sd for point in points]
    both = {name: [point[name] for point in points] for name in PLACE}
    together = next_runs(posterior, target=LossAt(**both), budget=BUDGET)
    assert together.sd == pytest.approx(np.sqrt(np.mean(np.square(alone))))


def test_a_run_tells_less_of_a_law_that_may_be_wrong(fits):
    known, doubted = (next_runs(fit, target=TARGET, budget=1e21) for fit in fits.values())
    assert float(known.batch["reduction"][-1]) > float(doubted.batch["reduction"][-1])
    assert any("taken as true" in text for text in known.warnings)
    assert not any("taken as true" in text for text in doubted.warnings)


@pytest.mark.parametrize("target", [TARGET, OptimumAt(1e23)])
def test_the_same_seed_gives_the_same_design(doubted_fit, target):
    first, second = (next_runs(doubted_fit, target=target, budget=BUDGET, seed=3) for _ in range(2))
    assert first.candidates.identical(second.candidates)
    assert first.batch.identical(second.batch)


def test_noisier_fits_expect_less(few_fit):
    tree = few_fit.groups.copy()
    noisy = tree["posterior"].to_dataset().assign(sigma=5 * tree["posterior"]["sigma"])
    tree["posterior"] = tree["posterior"].assign(noisy.data_vars)
    louder = replace(few_fit, groups=tree)
    quiet, loud = (next_runs(fit, target=TARGET, budget=BUDGET) for fit in (few_fit, louder))
    assert bool((loud.candidates["reduction"] < quiet.candidates["reduction"]).all())


def test_cost_is_the_candidates_own_where_it_is_given(few_fit):
    candidates = pd.DataFrame({"N": [1e9, 2e9], "D": [2e10, 4e10], "C": [1e18, 5e18]}, index=[7, 9])
    plan = next_runs(few_fit, candidates, target=TARGET, budget=1.5e18)
    assert plan.batch["candidate"].to_numpy().tolist() == [0]
    assert plan.batch["spent"].to_numpy().tolist() == [1e18]


def test_a_candidate_listed_twice_can_be_run_twice(few_fit):
    ask = partial(next_runs, few_fit, {"N": [1e9, 1e9], "D": [2e10, 2e10]}, target=TARGET, budget=1e21)
    first, second = ask(wary=False).batch["reduction"].to_numpy()
    assert 0 < second - first < first
    assert ask(target=OptimumAt(1e23)).batch.sizes["run"] == 1


@pytest.mark.parametrize("target", [TARGET, OptimumAt(1e23)])
def test_wary_designs_take_fewer_and_larger_runs(doubted_fit, target):
    sides = [np.geomspace(*ends, 8) for ends in ((2e8, 5e9), (4e9, 1e11))]
    small = dict(zip(("N", "D"), map(np.ravel, np.meshgrid(*sides)), strict=True))
    wary, trusting = (
        next_runs(doubted_fit, small, target=target, budget=1e21, most=None, wary=wary).batch for wary in (True, False)
    )
    assert wary["C"].max() >= trusting["C"].max()
    assert np.log(wary["C"]).mean() >= np.log(trusting["C"]).mean() - 1e-12
    assert wary["sd"][-1] >= trusting["sd"][-1] - 1e-12


@given(beliefs(), st.floats(0.2, 20), st.floats(0.1, 10))
def test_the_largest_runs_come_first(belief, budget, enough):
    covariance, cost = belief
    left = budget
    order = largest_first(covariance, cost, budget, enough=enough)
    for k, run in enumerate(order):
        could = np.setdiff1d(np.flatnonzero(cost <= left), order[:k])
        telling = could[[bool(np.any(abs(covariance[6:, each]) > 1e-3)) for each in could]]
        assert min(cost[run], enough) >= 0.99 * np.minimum(cost[telling], enough).max(initial=0.0)
        left -= cost[run]
    assert left >= 0


def test_of_equally_large_runs_those_that_tell_most_come_first():
    covariance = np.eye(4) + 0.1 * np.array([[0, 0, 0, 1], [0, 0, 0, 4], [0, 0, 0, 3], [1, 4, 3, 0]])
    cost = np.array([2.0, 2.0, 3.0])
    assert largest_first(covariance, cost, 7.0).tolist() == [2, 1, 0]
    assert largest_first(covariance, cost, 7.0, enough=2.0).tolist() == [1, 2, 0]


def test_a_loss_is_learnt_from_the_largest_runs_that_the_budget_pays_for(doubted_fit, few_runs):
    budget = 24 * (few_runs["N"] * few_runs["D"]).max()
    plan = next_runs(doubted_fit, target=LossAt(N=1e11, D=2e12), budget=budget)
    assert float(plan.batch["C"][0]) > 0.98 * budget
    at_target = next_runs(doubted_fit, target=TARGET, budget=1e25)
    assert float(at_target.batch["C"].max()) <= 6 * 1e10 * 2e11
    assert float(at_target.batch["reduction"][-1]) > 0.5


def test_default_candidates_are_what_the_budget_pays_for(few_fit, few_runs):
    smallest, ratios = 6 * (few_runs["N"] * few_runs["D"]).min(), few_runs["D"] / few_runs["N"]
    for budget in (3e19, 1e24):
        grid = candidate_grid(few_fit, budget)
        cost = 6 * grid["N"] * grid["D"]
        assert not grid.duplicated().any()
        assert 0.98 * budget < cost.max() <= budget
        assert cost.min() >= 0.98 * max(budget / 16, smallest)
        assert (grid["D"] / grid["N"]).between(0.9 * ratios.min(), 1.1 * ratios.max()).all()
    asked = {"N": np.array([1e9]), "D": np.array([1e13])}
    grid = candidate_grid(few_fit, 1e24, asked)
    assert (6 * grid["N"] * grid["D"]).max() <= 6e22
    assert (grid["D"] / grid["N"]).max() == pytest.approx(1e4, rel=0.1)


def ensemble_of(members):
    return Ensemble(members, equal_weights(list(members)))


def test_runs_cannot_distinguish_laws_that_agree_and_leave_the_target_unchanged(few_fit):
    twins = ensemble_of({"one": few_fit, "other": few_fit})
    plan = next_runs(twins, target=WhichLaw(), budget=BUDGET)
    assert plan.sd == pytest.approx(0.5)
    assert plan.batch.sizes["run"] == 0
    assert float(plan.candidates["reduction"].max()) == pytest.approx(0, abs=1e-9)
    assert "expected to take only 0.0%" in plan.warnings[-1]
    single, both = (next_runs(fit, target=TARGET, budget=BUDGET) for fit in (few_fit, twins))
    assert both.sd == pytest.approx(single.sd)
    np.testing.assert_allclose(both.summary(), single.summary())


def test_runs_distinguish_laws_where_they_differ(chinchilla_fit, skaling_fit):
    both = ensemble_of({"chinchilla": chinchilla_fit, "skaling": skaling_fit})
    places = {"N": np.array([1e9, 1e11]), "D": np.array([2e10, 1e13])}
    near, far = abs(link_mean(chinchilla_fit, places).mean(axis=0) - link_mean(skaling_fit, places).mean(axis=0))
    assert far > near
    told_near, told_far = next_runs(both, places, target=WhichLaw(), budget=1e26).candidates["reduction"].to_numpy()
    assert told_far > told_near


def test_the_spread_between_laws_counts(chinchilla_fit, skaling_fit):
    """Variance of a mixture: the mean of the variances, and the variance of the means (law of total variance)."""
    fits = {"chinchilla": chinchilla_fit, "skaling": skaling_fit}
    latent = [link_mean(fit, {"N": np.array([1e11]), "D": np.array([1e13])}) for fit in fits.values()]
    expected = np.mean([draws.var() for draws in latent]) + np.var([draws.mean() for draws in latent])
    plan = next_runs(ensemble_of(fits), target=LossAt(N=1e11, D=1e13), budget=1e22)
    assert plan.sd == pytest.approx(np.sqrt(expected))


def test_a_design_prints_its_target_batch_and_units(doubted_fit):
    plan = next_runs(doubted_fit, target=TARGET, budget=BUDGET)
    text = str(plan)
    assert "loss at N = 10B, D = 200B: standard deviation now" in text
    assert "sd (log loss)" in text
    assert len(plan.summary()) == plan.batch.sizes["run"]
    ranked = plan.ranking()
    assert ranked["per_flop"].is_monotonic_decreasing
    assert len(ranked) == plan.candidates.sizes["candidate"]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"budget": 0.0}, QuantityError, "budget 0 FLOP: must be a finite number above zero"),
        ({"budget": np.inf}, QuantityError, "budget inf FLOP"),
        ({"budget": 1e10}, QuantityError, "pays for none of 24 candidates: the cheapest takes"),
        ({"most": 0}, QuantityError, "at most 0 runs"),
        ({"candidates": {"N": [1e9]}}, RunsError, "candidates: no column 'D'"),
        ({"candidates": {"N": [1e9, -1.0], "D": [1e9, 1e9]}}, RunsError, "candidates, row 2, column N: -1.0"),
        ({"candidates": {"N": [1e9], "D": [np.nan]}}, RunsError, "missing value"),
        ({"candidates": {"N": [1e9], "D": [1e9], "C": [0.0]}}, RunsError, "column C"),
        ({"candidates": {"N": [], "D": []}}, RunsError, "no candidates"),
        ({"target": "loss"}, LawError, "unknown target 'loss'"),
        ({"target": LossAt(N=-1, D=1e9)}, LawError, "N is -1"),
        ({"target": LossAt(N=[], D=[])}, LawError, "no point: give N, D of one run or more"),
        ({"target": LossAt(N=1e9, P=8)}, LawError, "D is missing; P is not an input"),
        ({"target": OptimumAt(0.0)}, LawError, "target compute 0 FLOP"),
        ({"target": WhichLaw()}, LawError, "asked of several, not of law 'chinchilla' alone"),
    ],
)
def test_what_cannot_be_asked_is_refused(few_fit, options, error, said):
    with pytest.raises(error, match=said):
        next_runs(few_fit, **{"target": TARGET, "budget": BUDGET, **options})


def test_a_law_of_other_inputs_takes_candidates_with_their_cost():
    rng = np.random.default_rng(0)
    x = np.geomspace(10, 1000, 8)
    table = {"x": x, "y": x**-0.5 * np.exp(0.01 * rng.standard_normal(8))}
    fitted = fit_law("m1", bs.Runs.from_frame(pd.DataFrame(table), outcome="y"), draws=250, certify=False)
    ask = partial(next_runs, fitted, target=LossAt(x=1e5), budget=300.0)
    plan = ask({"x": [100.0, 1e3, 1e4, 1e5], "C": [1.0, 10.0, 100.0, 1000.0]})
    assert plan.batch["candidate"].to_numpy().tolist() == [2, 1, 0]
    assert list(plan.summary()) == ["x", "C", "spent", "sd", "reduction"]
    assert np.all(np.diff(plan.batch["sd"]) < 0)
    with pytest.raises(RunsError, match="candidates: no column 'C'; its columns are x: add it, the cost of each run"):
        ask({"x": [100.0]})
    with pytest.raises(LawError, match="law 'm1' reads x: give a table of runs to choose from, and C, their cost"):
        ask()
    with pytest.raises(LawError, match=r"N\* needs a law of N and D"):
        next_runs(fitted, {"x": [1.0], "C": [1.0]}, target=OptimumAt(1e23), budget=1.0)


@pytest.fixture(scope="module")
def sweep_fit():
    """Learning rates and batches at several sizes."""
    rng = np.random.default_rng(0)
    sizes = np.repeat([(1e8, 2e9), (1e8, 8e9), (3e8, 6e9), (1e9, 4e9)], 6, axis=0)
    table = {"N": sizes[:, 0], "D": sizes[:, 1], "lr": rng.choice([3e-4, 1e-3, 3e-3], 24), "batch": [64, 256, 1024] * 8}
    off = np.log(table["lr"] / 1e-3) ** 2 + np.log(table["batch"] / np.array(256)) ** 2
    loss = 1.7 + 400 * table["N"] ** -0.33 + 400 * table["D"] ** -0.28 + 0.01 * off
    noisy = loss * np.exp(0.003 * rng.standard_normal(24))
    runs = bs.Runs.from_frame(pd.DataFrame({**table, "loss": noisy}))
    return fit_law("hyperparameters", runs, draws=250, certify=False)


SWEEP = {"N": np.repeat([3e8, 1e9], 9), "D": np.repeat([3e9, 1e10], 9)} | dict(
    zip(("lr", "batch"), np.tile([np.repeat([3e-4, 1e-3, 3e-3], 3), np.tile([64, 256, 1024], 3)], 2), strict=True)
)


def test_settings_of_candidates_may_be_given_where_the_target_is_tuned_and_the_other_way_round(sweep_fit):
    tuned = float(np.log(forecast(sweep_fit, **PLACE).draws["latent"]).std())
    untuned = {name: SWEEP[name] for name in ("N", "D")}
    for candidates in (SWEEP, untuned):
        assert next_runs(sweep_fit, candidates, target=TARGET, budget=1e21).sd == pytest.approx(tuned, rel=0.05)
        assert next_runs(sweep_fit, candidates, target=OptimumAt(1e23), budget=1e21).batch.sizes["run"] > 0
    far_off = {**PLACE, "lr": 3e-2, "batch": 64}
    untuned_sd = float(np.log(forecast(sweep_fit, **far_off).draws["latent"]).std())
    plan = next_runs(sweep_fit, untuned, target=LossAt(**far_off), budget=1e21)
    assert plan.sd == pytest.approx(untuned_sd, rel=0.05)


def test_candidates_that_differ_in_settings_are_not_taken_by_size_alone(sweep_fit):
    budget = 6 * (6 * 1e9 * 1e10)
    ask = partial(next_runs, sweep_fit, target=TARGET, budget=budget, most=None)
    swept, tuned = ask(SWEEP).batch["N"], ask({name: SWEEP[name] for name in ("N", "D")}).batch["N"]
    assert {*swept.to_numpy()} == {3e8, 1e9}
    assert {*tuned.to_numpy()} == {1e9}


def test_public_names():
    assert bs.next_runs is next_runs
    assert {"LossAt", "OptimumAt", "WhichLaw", "Design"} <= set(bs.__all__)


def test_the_document_holds_the_design_at_full_precision(few_fit):
    plan = next_runs(few_fit, target=TARGET, budget=BUDGET)
    document = design_document(few_fit, plan)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert (document["sd"], document["unit"], document["budget"]) == (plan.sd, "log loss", BUDGET)
    assert [run["sd"] for run in document["batch"]] == plan.batch["sd"].to_numpy().tolist()
    assert set(document["candidates"][0]) == {"N", "D", "C", "reduction", "per_flop"}
    assert len(document["candidates"]) == plan.candidates.sizes["candidate"]
