"""Limits to training: cited quantiles come back, minima of known distributions come out."""

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescale.basics.errors import QuantityError
from bayescale.data.datasets import load_dataset
from bayescale.planning.limits import limits
from bayescale.planning.outlook import Growth, Outlook, Quantiles, Trend, read_outlook

CITED = {
    "power": (2.5e28, 7.3e28, 1.9e29, 5.9e29, 1.5e30),
    "chips": (1.2e29, 3.4e29, 9.5e29, 2.3e30, 5.2e30),
    "data": (5.1e28, 2.4e29, 1.7e30, 1.7e31, 1.3e32),
    "latency": (4.1e30, 1.1e31, 2.9e31, 6.9e31, 1.6e32),
}
"""Sevilla et al. 2024, training FLOP by 2030: 10, 25, 50, 75 and 90 % quantiles."""
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
ODD = 4001
"""Number of draws whose median is a draw."""


def score(probability):
    return NormalDist().inv_cdf(probability)


def trend(low, high, growth=(1.0, 2.0), year=2030.0):
    return Trend(
        title=f"{low:g}",
        year=year,
        flop=Quantiles((0.1, 0.9), (low, high)),
        growth=Quantiles((0.1, 0.9), growth),
        source="nobody",
        assumed="all",
    )


def outlook(*each, correlation=0.0):
    return Outlook(
        limits={f"limit_{i}": limit for i, limit in enumerate(each)},
        correlation=correlation,
        frontier=trend(1e25, 1e26, growth=(3.0, 6.0), year=2024.0),
        efficiency=Growth(title="algorithms", growth=Quantiles((0.1, 0.9), (2.0, 4.5)), source="x", assumed="y"),
    )


def medians(draws):
    return draws.median("draw").to_numpy()


def test_quantiles_worked_by_hand():
    power = read_outlook().limits["power"].flop
    # z(.25) = -.67449, z(.4) = -.25335: .62438 of the way from 7.3e28 to 1.9e29, in decades from 28.8633 to 29.2788.
    assert power.at(np.array(score(0.4))) == pytest.approx(10**29.12270, rel=1e-3)
    # The last slope goes on: 0.4053 decades from z = .67449 to 1.28155 (90 %), so another 0.2425 to 1.64485 (95 %).
    assert power.at(np.array(score(0.95))) == pytest.approx(1.5e30 * 10**0.2425, rel=1e-3)


@pytest.mark.parametrize("name", CITED)
def test_cited_quantiles_come_back(name):
    np.testing.assert_allclose(
        read_outlook().limits[name].flop.at(np.array([score(p) for p in LEVELS])), CITED[name], rtol=1e-12
    )
    draws = limits(2030, draws=ODD).draws["feasible"].sel(limit=name, year=2030)
    np.testing.assert_allclose(draws.quantile(LEVELS), CITED[name], rtol=0.02)
    assert draws.median() == pytest.approx(CITED[name][2], rel=1e-12)


@given(
    values=st.lists(st.floats(1e20, 1e35), min_size=2, max_size=5, unique=True).map(sorted),
    scores=st.lists(st.floats(-4, 4), min_size=2, max_size=8),
)
@settings(deadline=None)
def test_a_higher_score_never_gives_less(values, scores):
    probabilities = tuple(np.linspace(0.1, 0.9, len(values)))
    found = Quantiles(probabilities, tuple(values)).at(np.sort(scores))
    assert (found > 0).all()
    assert (np.diff(np.log(found)) >= -1e-9).all()


def test_the_trend_worked_by_hand():
    # 5e25 FLOP at 2023.93, times sqrt(4 * 5) = 4.4721 a year for 6.07 years: e^(6.07 * 1.49787) = 8,884 times, 4.44e29.
    found = limits(2030, draws=ODD).draws
    assert found["compute_growth"].median() == pytest.approx(math.sqrt(20))
    assert medians(found["trend"])[0] == pytest.approx(4.44e29, rel=0.03)
    sure = replace(read_outlook().frontier, flop=Quantiles((0.1, 0.9), (5e25, 5e25 * (1 + 1e-9))))
    assert sure.at(np.array([2030.0]), np.zeros(1), np.zeros(1))[0, 0] == pytest.approx(4.442e29, rel=1e-3)


def test_the_trend_starts_at_the_largest_known_run():
    runs, frontier = load_dataset("epoch_models", everything=True).frame, read_outlook().frontier
    largest = runs.loc[runs["C"].idxmax()]
    assert frontier.flop.values[frontier.flop.probabilities.index(0.5)] == largest["C"]
    assert frontier.year == pytest.approx(largest["year"], abs=0.005)


def test_efficiency_worked_by_hand():
    # Three times a year for five years are 243.
    found = limits(2030, draws=ODD)
    gained = found.effective(2025.0) / found.draws["largest"]
    assert float(gained.median()) == pytest.approx(243, rel=1e-6)
    assert found.effective(2030.0).equals(found.draws["largest"])


def test_independent_limits_are_passed_one_by_one():
    """The probability that the least of them is above a value is the product of theirs."""
    found = limits(2030, replace(read_outlook(), correlation=0.0), draws=20_000).draws
    for value in (2e28, 2e29, 1e30):
        each = (found["feasible"] > value).mean("draw").prod().item()
        assert (found["largest"] > value).mean().item() == pytest.approx(each, abs=0.01)


def test_two_alike_and_independent_have_a_minimum_below_their_median_three_times_in_four():
    found = limits(2030, outlook(trend(1e28, 1e30), trend(1e28, 1e30)), draws=20_000)
    assert (found.draws["largest"] < 1e29).mean().item() == pytest.approx(0.75, abs=0.01)
    np.testing.assert_allclose(found.binding, 0.5, atol=0.01)


def test_limits_that_go_together_have_the_minimum_of_their_quantiles():
    found = limits(2030, replace(read_outlook(), correlation=1.0), draws=ODD).draws
    np.testing.assert_allclose(np.sort(found["largest"][:, 0]), np.sort(found["feasible"][:, 0], axis=0).min(axis=-1))
    assert medians(found["largest"])[0] == pytest.approx(1.9e29)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.8])
def test_the_rank_correlation_is_the_one_asked_for(correlation):
    found = limits(2030, replace(read_outlook(), correlation=correlation), draws=20_000).draws["feasible"][:, 0]
    ranks = np.corrcoef(found.to_numpy().argsort(axis=0).argsort(axis=0).T)
    np.testing.assert_allclose(ranks[~np.eye(4, dtype=bool)], correlation, atol=0.025)


def test_correlation_raises_the_minimum():
    least = [
        medians(limits(2030, replace(read_outlook(), correlation=r)).draws["largest"])[0] for r in (0, 0.4, 0.8, 1)
    ]
    assert (np.diff(least) > 0).all()


@given(
    lows=st.lists(st.floats(1e26, 1e32), min_size=1, max_size=4),
    factor=st.floats(1.0, 1e3),
    correlation=st.floats(0, 1),
    year=st.floats(2010, 2050),
)
@settings(deadline=None, max_examples=30)
def test_looser_limits_raise_the_largest_run_and_more_limits_never_do(lows, factor, correlation, year):
    tight = [trend(low, 30 * low) for low in lows]
    loose = [trend(factor * low, 30 * factor * low) for low in lows]
    bound, freer = (limits(year, outlook(*each, correlation=correlation), draws=50) for each in (tight, loose))
    np.testing.assert_allclose(freer.draws["largest"], factor * bound.draws["largest"], rtol=1e-6)
    np.testing.assert_allclose([found.binding.sum("limit").item() for found in (bound, freer)], 1)
    # In the base year margins are stratified, so that each limit has the same draws in whatever company, in some order.
    least, alone = (limits(2030, outlook(*each, correlation=correlation), draws=50) for each in (tight, tight[:1]))
    sorted_least, sorted_alone = (np.sort(found.draws["largest"], axis=0) for found in (least, alone))
    assert (sorted_least <= sorted_alone * (1 + 1e-9)).all()


def test_later_years_allow_more_where_everything_grows():
    found = limits([2034, 2026, 2030, 2030], outlook(trend(1e28, 1e30, growth=(1.1, 2.0)), trend(1e29, 1e30, (1.2, 3))))
    assert found.draws["year"].to_numpy().tolist() == [2026, 2030, 2034]
    assert (np.diff(medians(found.draws["largest"])) > 0).all()
    assert (np.diff(found.overtaken) > 0).all()


def test_growth_worked_by_hand():
    # A median of sqrt(1 * 4) = 2 a year for three years is 8, before the base year an eighth.
    early, base, late = medians(
        limits([2027, 2030, 2033], outlook(trend(1e28, 1e30, (1.0, 4.0))), draws=ODD).draws["largest"]
    )
    assert (early, base, late) == pytest.approx((1.25e28, 1e29, 8e29), rel=0.1)


def test_a_limit_far_below_the_others_always_binds():
    found = limits(2030, outlook(trend(1e20, 1e21), trend(1e28, 1e30)))
    assert found.binding.to_numpy().tolist() == [[1.0, 0.0]]


def test_draws_repeat_by_seed():
    assert limits(2030, seed=3).draws.equals(limits(2030, seed=3).draws)
    assert not limits(2030, seed=3).draws.equals(limits(2030, seed=4).draws)


def test_one_draw_is_enough():
    assert limits(2030, draws=1).draws["largest"].shape == (1, 1)


def test_the_summary_shows_all_with_units():
    table = limits([2028, 2030]).summary(0.8)
    assert list(table.columns) == ["year", "quantity", "q10", "q50", "q90", "unit", "binds"]
    assert set(table["unit"]) == {"FLOP"}
    in_2030 = table[table["year"] == 2030].set_index("quantity")
    assert list(in_2030.index) == [*CITED, "largest", "trend"]
    assert in_2030["binds"].sum() == pytest.approx(1)
    assert in_2030.loc[["largest", "trend"], "binds"].isna().all()


def test_other_years_are_warned_of_and_assumptions_are_named():
    shown = limits(2030)
    assert shown.warnings == ()
    assert any("rank correlation 0.3" in note for note in shown.notes)
    assert sum("epoch.ai/blog/can-ai-scaling" in note for note in shown.notes) == 1
    carried = limits([2028, 2030])
    assert carried.warnings == ("2028: limits are published for 2030 only; assumed growth extends them to other years",)
    assert any(note.startswith("assumed: Chips: growth") for note in carried.notes)
    assert "2028" in str(carried)


@pytest.mark.parametrize(("year", "said"), [(1999, "year 1999"), (20300, "year 20300"), (np.nan, "year nan")])
def test_years_out_of_reach_are_refused(year, said):
    with pytest.raises(QuantityError, match=f"{said}: give one from 2000 to 2100"):
        limits([2030, year])


def test_what_makes_no_sense_is_refused():
    with pytest.raises(QuantityError, match="draws is 0"):
        limits(2030, draws=0)
    with pytest.raises(QuantityError, match="the runs' year 2029 comes after 2028"):
        limits([2028, 2030]).effective(2029)
    with pytest.raises(QuantityError, match="year 22"):
        limits(2030).effective(22)
