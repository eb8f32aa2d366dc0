"""Recipes: crossings by the closed form, fair odds against oneself, and outcomes that cannot be compared."""

from dataclasses import replace

import numpy as np
import pytest

from bayescale.basics.errors import LawError
from bayescale.laws.catalog import load_law
from bayescale.planning.recipes import compare_recipes, crossing
from bayescale.posterior.single import fit_law

BUDGETS = [1e20, 1e23]


@pytest.fixture(scope="module")
def recipes(sure_of):
    """The second has twice the terms, and a floor 0.1 lower: it overtakes where its larger terms fall below 0.1."""
    return sure_of(), sure_of(E=1.7, A=600.0, B=2600.0)


def crossing_of_both():
    """L* = E + K (C/6)^-g, with K in proportion to A and B: 0.25 K1 (C/6)^-g = 0.1."""
    alpha, beta = 0.35, 0.37
    both = alpha + beta
    k = both * (480 / beta) ** (beta / both) * (2080 / alpha) ** (alpha / both)
    return 6 * (0.25 * k / 0.1) ** (both / (alpha * beta))


def test_they_cross_where_the_closed_form_says(recipes):
    answer = crossing(*recipes, up_to=1e26)
    assert answer.draws["C"].median().item() == pytest.approx(crossing_of_both(), rel=0.02)
    assert answer.probabilities["the second overtakes the first"] == 1
    other_way = crossing(*recipes[::-1], up_to=1e26)
    assert other_way.probabilities["the first overtakes the second"] == 1
    np.testing.assert_allclose(other_way.draws["C"], answer.draws["C"])


def test_each_wins_on_its_side_of_the_crossing(recipes):
    c = crossing_of_both()
    answer = compare_recipes(*recipes, [c / 10, 10 * c])
    assert list(answer.probabilities.values()) == [1.0, 0.0]
    np.testing.assert_allclose(answer.draws["difference"], answer.draws["first"] - answer.draws["second"])


def test_recipes_that_never_cross_have_no_crossing(sure_of):
    answer = crossing(sure_of(E=1.7), sure_of())
    assert answer.draws["C"].isnull().all()
    assert max(answer.probabilities, key=answer.probabilities.get).startswith("the first is better from")


def test_against_itself_the_odds_are_even(chinchilla_fit):
    """Even though the draws are the same: two fits with one seed are not compared draw by draw."""
    answer = compare_recipes(chinchilla_fit, chinchilla_fit, BUDGETS)
    assert all(0.45 < p < 0.55 for p in answer.probabilities.values())
    spread = answer.draws["first"].std(("chain", "draw")) * np.sqrt(2)
    np.testing.assert_allclose(answer.draws["difference"].std(("chain", "draw")), spread, rtol=0.05)


def test_groups_of_one_pooled_fit_are_compared_draw_by_draw(chinchilla_fit):
    pooled = replace(chinchilla_fit, record=replace(chinchilla_fit.record, pool=("level",)))
    np.testing.assert_allclose(compare_recipes(pooled, pooled, BUDGETS).draws["difference"], 0, atol=1e-12)


def test_discrepancies_of_two_groups_are_independent(few_runs):
    """Even though both are groups of one pooled fit, whose parameters are drawn together."""
    wrong = fit_law("chinchilla", few_runs, draws=250)
    pooled = replace(wrong, record=replace(wrong.record, pool=("level",)))
    assert compare_recipes(pooled, pooled, 1e23).draws["difference"].std() > 0.005


def test_a_crossing_is_looked_for_beyond_the_runs(recipes, chinchilla_fit):
    with pytest.raises(LawError, match="the middle of the runs: 1e\\+10 lies before it"):
        crossing(*recipes, up_to=1e10)
    one_input = replace(chinchilla_fit, law=load_law("kaplan_c"))
    with pytest.raises(LawError, match="an optimum needs a law of N and D"):
        crossing(one_input, one_input)


def test_warnings_say_whose_they_are(recipes):
    answer = compare_recipes(*recipes, 1e26)
    assert any(text.startswith("second: 1e+26 FLOP is") for text in answer.warnings)


def test_outcomes_that_differ_are_not_compared(chinchilla_fit):
    bits = replace(chinchilla_fit, law=replace(chinchilla_fit.law, outcome_unit="bits/byte"))
    with pytest.raises(LawError, match=r"loss \(nats/token\), the other's loss \(bits/byte\)"):
        compare_recipes(chinchilla_fit, bits, 1e21)
    with pytest.raises(LawError, match="same number of draws"):
        compare_recipes(chinchilla_fit, fit_law("tied", "gadre:c4", draws=100, discrepancy=False), 1e21)
    with pytest.raises(LawError, match="budget -1 FLOP"):
        compare_recipes(chinchilla_fit, chinchilla_fit, -1.0)
