"""Trade-offs: closed forms of the additive law, published worked examples, limits and order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescale.basics.errors import LawError, QuantityError
from bayescale.planning.costs import Cost
from bayescale.planning.tradeoffs import diminishing_returns, scale_up, size_overhead

SURE_PRICE = Cost(utilisation=0.4, price=2.35)
"""1.650e-18 dollars a FLOP."""
BUDGET = 5.76e23


def frontier_of(parameters, compute):
    """L* - E and its power of compute, by the closed form: Hoffmann et al. 2022, equation 4."""
    a, b, alpha, beta = (parameters[name] for name in ("A", "B", "alpha_N", "beta_D"))
    both = alpha + beta
    k = both * (a / beta) ** (beta / both) * (b / alpha) ** (alpha / both)
    power = alpha * beta / both
    return k * (compute / 6) ** -power, power


def test_ten_times_the_compute_by_the_closed_form(chinchilla_fit):
    draws = scale_up(chinchilla_fit, BUDGET, 10).draws
    p = {name: chinchilla_fit.in_chains(values) for name, values in chinchilla_fit.parameters.items()}
    reducible, power = frontier_of(p, BUDGET)
    np.testing.assert_allclose(draws["N_times"], 10 ** p["a_opt"])
    np.testing.assert_allclose(draws["D_times"], 10 ** (1 - p["a_opt"]))
    np.testing.assert_allclose(draws["gain"], reducible * (1 - 10**-power), rtol=1e-8)
    np.testing.assert_allclose(draws["before"], p["E"] + reducible)


def test_its_price_worked_by_hand(sure_fit):
    """9 x 5.76e23 FLOP at 1.650e-18 dollars are 8.55 million dollars."""
    answer = scale_up(sure_fit, BUDGET, 10, cost=SURE_PRICE)
    assert answer.draws["dollars"].median().item() == pytest.approx(8.554e6, rel=1e-3)
    per_million = answer.draws["gain"].median().item() / 8.554
    assert answer.draws["gain_per_million"].median().item() == pytest.approx(per_million, rel=1e-3)
    assert answer.probabilities["loss improves"] == 1
    assert answer.probabilities["N grows by more than D"] == 1  # a = .37/.72 > 1/2


@given(times=st.floats(1.01, 1e6))
@settings(max_examples=20, deadline=None)
def test_more_compute_is_shared_between_n_and_d(sure_fit, times):
    draws = scale_up(sure_fit, BUDGET, times).draws
    np.testing.assert_allclose(draws["N_times"] * draws["D_times"], times)
    assert (draws["gain"] > 0).all()


def test_the_discrepancy_is_shared_by_both_budgets(unsure_fit):
    """Independent discrepancies at two such close budgets would scatter the gain by more than the gain itself."""
    draws = scale_up(unsure_fit, 1e21, 1.05).draws
    assert draws["gain"].std() < 0.2 * draws["before"].std()
    np.testing.assert_allclose(draws["before"] - draws["after"], draws["gain"])


def test_returns_diminish_where_the_closed_form_says(sure_fit):
    """A doubling of C buys K (C/6)^-g (1 - 2^-g), which falls to the gain at one C."""
    p = {"A": 480.0, "B": 2080.0, "alpha_N": 0.35, "beta_D": 0.37}
    unit, power = frontier_of(p, 6.0)
    for gain in (0.03, 0.01):
        expected = 6 * (unit * (1 - 2**-power) / gain) ** (1 / power)
        answer = diminishing_returns(sure_fit, gain, cost=SURE_PRICE)
        assert answer.draws["C"].median().item() == pytest.approx(expected, rel=0.02)
        assert answer.draws["dollars"].median().item() == pytest.approx(expected * 1.65e-18, rel=0.02)
        assert answer.draws["expected_loss"].median().item() == pytest.approx(1.8 + gain / (1 - 2**-power), rel=1e-3)
        assert set(answer.probabilities.values()) == {0.0}


def test_another_dollar_buys_less_where_the_closed_form_says(sure_fit):
    """A million dollars are 6.06e23 FLOP; the gain from C to C + 6.06e23 falls to 0.01."""
    p = {"A": 480.0, "B": 2080.0, "alpha_N": 0.35, "beta_D": 0.37}
    more = 1e6 / SURE_PRICE.dollars_per_flop.median().item()
    grid = np.geomspace(1e22, 1e27, 200_001)
    gains = frontier_of(p, grid)[0] - frontier_of(p, grid + more)[0]
    expected = grid[np.flatnonzero(gains >= 0.01)[-1]]
    answer = diminishing_returns(sure_fit, 0.01, dollars=1e6, cost=SURE_PRICE)
    assert answer.draws["C"].median().item() == pytest.approx(expected, rel=0.03)


def test_gains_that_are_never_or_always_bought_have_no_budget(sure_fit):
    never, always = diminishing_returns(sure_fit, 1.0), diminishing_returns(sure_fit, 1e-7)
    assert never.draws["C"].isnull().all()
    assert always.draws["C"].isnull().all()
    assert list(never.probabilities.values()) == [1.0, 0.0]
    assert list(always.probabilities.values()) == [0.0, 1.0]
    assert "nan" in str(never)


@pytest.mark.parametrize(("share", "overhead"), [(0.75, 0.028), (0.5, 0.20), (0.3, 1.0), (0.25, 1.88)])
def test_smaller_models_cost_what_was_published(sure_of, share, overhead):
    """De Vries 2023, "Go smol or go home": alpha .336, beta .283; whole per cents, and "about 100 %" at 30 %."""
    published = sure_of(alpha_N=0.336, beta_D=0.283, A=406.4, B=410.7, E=1.69)
    found = size_overhead(published, 1e23, [share]).draws["overhead"].median().item()
    assert found == pytest.approx(overhead, abs=0.1 if share == 0.3 else 0.01)


@pytest.mark.parametrize("share", [0.4, 0.8, 1.0, 1.7, 4.0])
def test_another_size_by_the_closed_form(chinchilla_fit, share):
    """k_D = (1 - (k^-alpha - 1) beta / alpha)^(-1/beta) at the optimum; the overhead is k k_D - 1."""
    p = {name: chinchilla_fit.in_chains(values) for name, values in chinchilla_fit.parameters.items()}
    inside = 1 - (share ** -p["alpha_N"] - 1) * p["beta_D"] / p["alpha_N"]
    expected = np.where(inside > 0, share * np.maximum(inside, 1e-9) ** (-1 / p["beta_D"]) - 1, np.nan)
    draws = size_overhead(chinchilla_fit, BUDGET, [share]).draws
    np.testing.assert_allclose(draws["overhead"].isel(share=0), expected, rtol=1e-5, atol=1e-6)


def test_sizes_that_cannot_reach_the_loss_are_said(sure_fit):
    answer = size_overhead(sure_fit, BUDGET, [0.01, 0.5])
    assert answer.draws["overhead"].sel(share=0.01).isnull().all()
    assert list(answer.probabilities.values()) == [0.0, 1.0]


def test_the_risk_of_a_recipe_that_breaks_reaches_the_answer(sure_fit):
    from bayescale.posterior.ensembles import with_risk

    risky = scale_up(with_risk(sure_fit, probability=0.5, size=0.1), BUDGET, 10)
    assert risky.probabilities["loss improves"] < 0.95
    assert any("recipe risk, set by the user" in text for text in risky.warnings)


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (lambda fit: scale_up(fit, -1.0), LawError, "budget -1 FLOP"),
        (lambda fit: scale_up(fit, 1e23, 1.0), LawError, "times is 1: more compute"),
        (lambda fit: scale_up(fit, 1e23, np.nan), LawError, "times is nan"),
        (lambda fit: diminishing_returns(fit, 0.0), QuantityError, "gain is 0, but must be"),
        (lambda fit: diminishing_returns(fit, 0.1, dollars=np.inf), QuantityError, "dollars is inf"),
        (lambda fit: size_overhead(fit, 1e23, [0.0]), LawError, "share 0 of the compute-optimal size"),
        (lambda fit: size_overhead(fit, np.inf, [0.5]), LawError, "budget inf FLOP"),
    ],
)
def test_what_makes_no_sense_is_refused(sure_fit, ask, error, said):
    with pytest.raises(error, match=said):
        ask(sure_fit)
