"""Costs: conversions agree with numbers worked by hand, undo each other, and carry the uncertainty of their inputs."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescale.basics.errors import QuantityError
from bayescale.laws.parameters import Prior
from bayescale.planning.costs import ACCELERATORS, Cost, accelerator

SURE = Cost(utilisation=0.4, price=2.35, energy_price=0.08)
"""An H100 used to 40 % at 2.35 dollars an hour: one hour is 0.4 * 989e12 * 3600 = 1.424e18 FLOP."""


def test_dollars_of_a_run_worked_by_hand():
    # 1e24 / 1.424e18 = 702,168 hours, at 2.35 dollars 1.650 million.
    assert SURE.accelerator_hours(1e24).median().item() == pytest.approx(702_168, rel=1e-4)
    assert SURE.dollars(1e24).median().item() == pytest.approx(1.6501e6, rel=1e-4)


def test_days_of_a_run_worked_by_hand():
    # 702,168 hours on 1,000 accelerators are 29.257 days.
    assert SURE.days(1e24, 1000).median().item() == pytest.approx(29.257, rel=1e-4)


def test_energy_of_a_run_worked_by_hand():
    watts = Cost(utilisation=0.4, price=2.35).inputs()["power"]
    # 702,168 hours at that power; at 1,700 W they would be 1,194 MWh.
    np.testing.assert_allclose(SURE.megawatt_hours(1e24).to_numpy()[:, 0], 702_168 * watts / 1e6, rtol=1e-4)
    assert 500 < SURE.megawatt_hours(1e24).median().item() < 1300


def test_energy_is_paid_on_top_only_of_ones_own_hours():
    own = SURE.with_given(pays_energy=True)
    watts = own.inputs()["power"]
    extra = own.dollars(1e24) - SURE.dollars(1e24)
    np.testing.assert_allclose(extra.to_numpy()[:, 0], 702_168 * watts / 1000 * 0.08, rtol=1e-4)


@given(budget=st.floats(1e18, 1e30))
@settings(deadline=None)
def test_conversions_undo_each_other(budget):
    cost = Cost(draws=20, study=1000.0)
    for there, back in (
        (cost.dollars, cost.compute),
        (cost.megawatt_hours, cost.compute_of_energy),
        (partial(cost.days, accelerators=512), partial(cost.compute_in, accelerators=512)),
    ):
        amounts = there(budget).to_numpy()[:, 0]
        np.testing.assert_allclose(np.diag(back(amounts)), budget, rtol=1e-6)


def test_default_costs_are_as_wide_as_public_prices():
    """From 0.95 to 4.7 million dollars for 1e24 FLOP, by laws of supply in 2026."""
    low, high = np.quantile(Cost().dollars(1e24), [0.05, 0.95])
    assert 0.7e6 < low < 1.2e6
    assert 2.8e6 < high < 4.7e6


def test_better_use_and_lower_prices_cost_less():
    base = SURE.dollars(1e24).median()
    assert SURE.with_given(utilisation=0.5).dollars(1e24).median() < base
    assert SURE.with_given(price=2.0).dollars(1e24).median() < base
    assert SURE.with_given(overhead=0.3).dollars(1e24).median() == pytest.approx(1.3 * base.item())
    assert SURE.with_given(study=5e4).dollars(1e24).median() == pytest.approx(base.item() + 5e4)
    assert SURE.with_given(accelerator=accelerator("a100")).dollars(1e24).median() > base


def test_draws_are_joint_over_budgets_and_repeat():
    dollars = Cost().dollars([1e22, 1e24])
    np.testing.assert_allclose(dollars.sel(budget=1) / dollars.sel(budget=0), 100)
    assert Cost(seed=3).dollars(1e22).equals(Cost(seed=3).dollars(1e22))
    assert not Cost(seed=3).dollars(1e22).equals(Cost(seed=4).dollars(1e22))


def test_priors_of_ones_own_are_taken():
    quoted = Cost(price=Prior("Uniform", lower=2.0, upper=3.0), utilisation=0.4)
    assert quoted.inputs()["price"].min() > 2
    assert quoted.inputs()["price"].max() < 3


@pytest.mark.parametrize("name", ACCELERATORS)
def test_accelerators_are_described(name):
    item = accelerator(name)
    assert item.name == name
    assert 1e14 < item.peak < 1e16
    assert item.source
    assert 300 < np.exp(item.power.arguments["mu"]) < 2000


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Cost(overhead=np.inf), "overhead is inf"),
        (lambda: Cost(study=-1.0), "study is -1"),
        (lambda: Cost(pays_energy=True), "rents include energy"),
        (lambda: accelerator("h10"), "no accelerator 'h10', did you mean 'h100'"),
        (lambda: SURE.dollars(-1e20), r"compute is -1e\+20, but must be a finite number above zero"),
        (lambda: SURE.days(1e20, 0), "accelerators is 0"),
        (lambda: SURE.with_given(study=1e6).compute(5e5), "500k dollars do not pay for the study of 1M"),
        (lambda: Cost(utilisation=np.nan).dollars(1e20), "utilisation is nan"),
        (lambda: Cost(price=Prior("Cauchy", alpha=0.0, beta=1.0)).dollars(1e20), "price: Cauchy"),
    ],
)
def test_what_makes_no_sense_is_refused(make, said):
    with pytest.raises(QuantityError, match=said):
        make()
