"""Plans for money: sure prices give the plan for compute, unsure ones widen it."""

import numpy as np
import pytest

from bayescale.basics.errors import LawError, QuantityError
from bayescale.planning.allocation import optimum
from bayescale.planning.costs import Cost
from bayescale.planning.spending import optimum_for
from bayescale.posterior.single import fit_law

SURE = Cost(utilisation=0.4, price=2.35)


@pytest.fixture(scope="module")
def wrong_fit(few_runs):
    """A fit with model discrepancy."""
    return fit_law("chinchilla", few_runs, draws=500)


def width(draws):
    low, high = np.quantile(np.log(draws), [0.05, 0.95])
    return high - low


@pytest.mark.parametrize("fixture", ["few_fit", "wrong_fit"])
def test_sure_prices_give_the_plan_for_that_compute(fixture, request):
    fitted = request.getfixturevalue(fixture)
    compute = SURE.compute(1e4).median().item()
    money, best = optimum_for(fitted, 1e4, SURE).draws.isel(budget=0), optimum(fitted, compute).draws.isel(budget=0)
    np.testing.assert_allclose(money["C"], compute)
    for name in ("N", "D", "latent"):
        levels = [0.05, 0.5, 0.95]
        found, expected = (np.quantile(np.log(draws[name]), levels) for draws in (money, best))
        spread = np.log(best[name]).std().item()
        np.testing.assert_allclose(found, expected, atol=0.2 * spread + 1e-3, err_msg=name)


def test_unsure_prices_widen_what_money_buys(few_fit):
    sure, unsure = (optimum_for(few_fit, 1e4, cost).draws for cost in (SURE, Cost()))
    assert width(unsure["C"]) > 1
    assert width(unsure["N"]) > width(sure["N"])
    np.testing.assert_allclose(6 * unsure["N"] * unsure["D"], unsure["C"])


def test_more_money_buys_a_larger_and_better_run(few_fit):
    draws = optimum_for(few_fit, [1e3, 1e4, 1e5]).draws
    for name in ("C", "N", "D"):
        assert (np.diff(draws[name].median(dim=("chain", "draw"))) > 0).all()
    assert (np.diff(draws["latent"].median(dim=("chain", "draw"))) < 0).all()


def test_plans_for_money_repeat_exactly(few_fit):
    assert optimum_for(few_fit, 1e4, seed=2).draws.equals(optimum_for(few_fit, 1e4, seed=2).draws)
    assert not optimum_for(few_fit, 1e4, seed=2).draws.equals(optimum_for(few_fit, 1e4, seed=3).draws)


@pytest.mark.slow
def test_what_cannot_be_planned_is_refused(few_fit):
    curve = fit_law("frontier_growth", "epoch_models", discrepancy=False, draws=50)
    with pytest.raises(LawError, match="reads year: an optimum needs a law of N and D"):
        optimum_for(curve, 1e6)
    with pytest.raises(QuantityError, match="dollars is -1"):
        optimum_for(few_fit, -1.0)
