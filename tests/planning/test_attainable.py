"""What limits allow: sure compute gives the optimum for it, looser limits a lower loss, and scores follow."""

import numpy as np
import pytest

from bayescale.basics.errors import LawError, QuantityError
from bayescale.planning.allocation import optimum
from bayescale.planning.attainable import attainable
from bayescale.planning.limits import limits
from bayescale.planning.outlook import Growth, Outlook, Quantiles, Trend
from bayescale.posterior.chains import fit_chain


@pytest.fixture(scope="module")
def chain():
    return fit_chain("chinchilla", "downstream_error", "gadre:c4", draws=250, discrepancy=False)


def allowing(compute, spread=1e-9, **options):
    """Limits to a run of so much compute in 2030, twice as much a year later."""
    limit = Trend(
        title="all",
        year=2030.0,
        flop=Quantiles((0.1, 0.9), (compute / (1 + spread), compute * (1 + spread))),
        growth=Quantiles((0.1, 0.9), (2 - 1e-9, 2 + 1e-9)),
        source="nobody",
        assumed="all",
    )
    threefold = Growth(title="x", growth=Quantiles((0.1, 0.9), (3 - 1e-9, 3 + 1e-9)), source="x", assumed="x")
    known = Outlook(limits={"all": limit}, correlation=0.0, frontier=limit, efficiency=threefold)
    return limits(options.pop("years", 2030.0), known, **options)


def width(draws):
    low, high = np.quantile(draws, [0.05, 0.95])
    return high - low


def test_sure_compute_gives_the_optimum_for_it(few_fit):
    reached, best = attainable(allowing(1e22), few_fit).draws, optimum(few_fit, 1e22).draws
    np.testing.assert_allclose(reached["C"], 1e22, rtol=1e-7)
    for name in ("N", "D", "latent"):
        np.testing.assert_allclose(reached[name], best[name], rtol=1e-4, err_msg=name)
    assert reached["year"].to_numpy().tolist() == [2030]


def test_looser_limits_and_later_years_allow_a_lower_loss(few_fit):
    loss = attainable(allowing(1e22, years=[2029, 2030, 2031]), few_fit).draws["latent"].median(("chain", "draw"))
    assert (np.diff(loss) < 0).all()
    assert attainable(allowing(1e24), few_fit).draws["latent"].median() < loss[-1]


def test_uncertain_limits_widen_the_loss(few_fit):
    sure, unsure = (attainable(allowing(1e22, spread), few_fit).draws["latent"] for spread in (1e-9, 30.0))
    assert width(unsure) > width(sure)


def test_efficiency_counts_as_compute(few_fit):
    """Three times a year since 2028 is as much as nine times the compute."""
    since = attainable(allowing(1e22), few_fit, since=2028.0).draws
    np.testing.assert_allclose(since["C"], 9e22, rtol=1e-6)
    np.testing.assert_allclose(since["latent"], attainable(allowing(9e22), few_fit).draws["latent"], rtol=1e-6)
    assert not {"N", "D"} & set(since)
    with pytest.raises(QuantityError, match="comes after 2030"):
        attainable(allowing(1e22), few_fit, since=2031.0)


def test_few_draws_of_limits_are_taken_in_turn(few_fit):
    found = allowing(1e22, spread=30.0, draws=8)
    np.testing.assert_array_equal(np.unique(attainable(found, few_fit).draws["C"]), np.unique(found.draws["largest"]))


def test_how_far_that_lies_beyond_the_runs_is_said(few_fit):
    reached = attainable(limits(2030), few_fit)
    assert any("times the largest run" in text and "rests on the law being right" in text for text in reached.warnings)
    assert "nats/token" in str(reached)


def test_a_score_follows_from_the_loss(chain):
    near, far = (attainable(allowing(compute), chain) for compute in (1e21, 1e23))
    assert near.summary()["quantity"].tolist() == ["C", "loss", "N", "D", "tokens_per_parameter", "error"]
    for reached in (near, far):
        assert ((reached.draws["error"] > 0) & (reached.draws["error"] < 1)).all()
    assert far.draws["error"].median() < near.draws["error"].median()
    point = optimum(chain.first, 1e21).draws.median(("chain", "draw"))
    there = chain.forecast(N=point["N"].item(), D=point["D"].item()).draws["predictive"]
    assert near.draws["error"].median().item() == pytest.approx(there.median().item(), abs=0.01)


def test_draws_repeat_by_seed(few_fit):
    found = limits(2030)
    assert attainable(found, few_fit, seed=2).draws.equals(attainable(found, few_fit, seed=2).draws)
    assert not attainable(found, few_fit, seed=2).draws.equals(attainable(found, few_fit, seed=3).draws)


def test_a_law_of_other_inputs_is_refused(chain):
    with pytest.raises(LawError, match="reads loss: an optimum needs a law of N and D"):
        attainable(limits(2030), chain.second)
