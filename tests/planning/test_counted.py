"""Plans in another count of compute: the same runs for the same number of times the largest run's compute."""

import numpy as np
import pytest

from bayescale.basics.errors import LawError
from bayescale.data.preparing import count_flops
from bayescale.planning.attainable import attainable
from bayescale.planning.data_wall import data_limited
from bayescale.planning.design import next_runs
from bayescale.planning.limits import limits
from bayescale.planning.plan import plan
from bayescale.planning.recipes import compare_recipes
from bayescale.planning.targets import OptimumAt
from bayescale.planning.tradeoffs import diminishing_returns, scale_up, size_overhead
from bayescale.posterior.fitting import fit
from bayescale.posterior.forecasting import forecast
from bayescale.posterior.storage import load, save

BUDGET = 2e23


@pytest.fixture(scope="module")
def both(chinchilla_runs):
    """Fits of the same runs in 6 N D, and in 2 N D, where three times less compute is the same run."""
    laws = ("chinchilla", "tied")
    forward = count_flops(chinchilla_runs, "2*N*D")
    return tuple(fit(laws, runs, draws=100, seed=1) for runs in (chinchilla_runs, forward))


ANSWERS = {
    "compute": lambda fitted, scale: plan(fitted, budget=[scale * BUDGET, 10 * scale * BUDGET]),
    "robust": lambda fitted, scale: plan(fitted, budget=scale * BUDGET, robust=True),
    "unique": lambda fitted, scale: data_limited(fitted, scale * BUDGET, 2e11),
    "served": lambda fitted, scale: plan(fitted, budget=scale * BUDGET, served=scale * 1e13),
    "at a loss": lambda fitted, scale: plan(fitted, loss=2.05, served=scale * 1e13),
    "scale up": lambda fitted, scale: scale_up(fitted, scale * BUDGET, 10),
    "overhead": lambda fitted, scale: size_overhead(fitted, scale * BUDGET, [0.5, 2.0]),
}


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("name", ANSWERS)
def test_the_same_run_is_best_for_three_times_less_compute_where_a_run_takes_that(both, name):
    six, two = (ANSWERS[name](fitted, scale).draws for fitted, scale in zip(both, (3.0, 1.0), strict=True))
    for quantity in {"N", "D", "loss", "regret", "overhead", "gain"} & set(six.data_vars):
        middles = [np.median(each[quantity].to_numpy().reshape(-1, each[quantity].shape[-1]), 0) for each in (two, six)]
        np.testing.assert_allclose(*middles, rtol=0.01, err_msg=quantity)


@pytest.mark.slow
def test_money_buys_larger_runs_where_a_run_takes_less(both):
    six, two = (plan(fitted, dollars=money) for fitted, money in zip(both, (3e6, 1e6), strict=True))
    quantiles = [np.quantile(each.draws["N"], [0.05, 0.25, 0.5, 0.75, 0.95]) for each in (two, six)]
    np.testing.assert_allclose(*quantiles, rtol=0.01)
    six, two = (
        diminishing_returns(fitted, 0.01, C=scale * BUDGET) for fitted, scale in zip(both, (3.0, 1.0), strict=True)
    )
    np.testing.assert_allclose(3 * two.draws["C"], six.draws["C"], rtol=0.01)


@pytest.mark.slow
def test_candidates_cost_what_the_fit_counts(both):
    six, two = (
        next_runs(fitted, target=OptimumAt(scale * BUDGET), budget=scale * 1e21)
        for fitted, scale in zip(both, (3.0, 1.0), strict=True)
    )
    np.testing.assert_allclose(3 * two.candidates["C"], six.candidates["C"], rtol=1e-12)
    np.testing.assert_array_equal(two.batch["candidate"], six.batch["candidate"])


@pytest.mark.slow
def test_reach_and_weights_are_of_one_count(both):
    point = {"N": 1e12, "D": 1e13}
    six, two = (forecast(fitted, **point) for fitted in both)
    np.testing.assert_allclose(two.draws["latent"], six.draws["latent"], rtol=1e-9)
    ratios = [
        next(text.split(" is ")[1].split(" times")[0] for text in each.warnings if "FLOP is" in text)
        for each in (six, two)
    ]
    assert ratios[0] == ratios[1]


@pytest.mark.slow
def test_a_saved_fit_keeps_its_count(both, tmp_path):
    again = load(save(both[1], tmp_path / "two.nc"))
    assert again.first.count.rule == "2*N*D"
    np.testing.assert_array_equal(plan(again, budget=BUDGET).draws["N"], plan(both[1], budget=BUDGET).draws["N"])


@pytest.mark.slow
def test_two_counts_do_not_meet(both):
    with pytest.raises(LawError, match="count both alike, as by count_flops"):
        compare_recipes(*both, 1e23)
    with pytest.raises(LawError, match="limits to training are in FLOP of 6 N D"):
        attainable(limits(2030), both[1])
