"""The next dollar: what each use comes to is worked by hand, and more money never buys less."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescale.basics.errors import LawError, QuantityError
from bayescale.planning.costs import Cost
from bayescale.planning.purchases import next_dollar
from bayescale.posterior.single import fit_law

PRICE = Cost(utilisation=0.4, price=2.35)
PER_FLOP = 2.35 / (3600 * 989e12 * 0.4)
PLANNED = {"N": 70e9, "D": 1.4e12}


def loss(n, d):
    return 1.8 + 480 * n**-0.35 + 2080 * d**-0.37


@pytest.fixture(scope="module")
def repeats_fit():
    return fit_law("data_constrained", "datablations", discrepancy=False, draws=250)


def median(answer, quantity):
    return answer.draws[quantity].median(("chain", "draw")).to_series()


def test_a_million_dollars_worked_by_hand(sure_fit):
    """6.06e23 FLOP: 72.1B parameters on 1.4T tokens, or 1.44T tokens for 70B parameters."""
    answer = next_dollar(sure_fit, 1e6, cost=PRICE, **PLANNED)
    more = 1e6 / PER_FLOP
    n, d = median(answer, "N"), median(answer, "D")
    assert n["larger model"] == pytest.approx(70e9 + more / (6 * 1.4e12)) == pytest.approx(142.1e9, rel=1e-3)
    assert d["longer training"] == pytest.approx(1.4e12 + more / (6 * 70e9)) == pytest.approx(2.843e12, rel=1e-3)
    assert 6 * n["both alike"] * d["both alike"] == pytest.approx(6 * 70e9 * 1.4e12 + more)
    assert n["both alike"] / 70e9 == pytest.approx(d["both alike"] / 1.4e12)
    for use, gain in median(answer, "gain").items():
        assert gain == pytest.approx(loss(70e9, 1.4e12) - loss(n[use], d[use]), rel=1e-6)


def test_fresh_tokens_have_their_price(sure_fit):
    """At 1e-6 dollars a token of 70B parameters costs 6.93e-7 dollars of compute and 1e-6 of data."""
    answer = next_dollar(sure_fit, 1e6, token_price=1e-6, cost=PRICE, **PLANNED)
    per_token = 6 * 70e9 * PER_FLOP + 1e-6
    assert median(answer, "D")["longer training"] == pytest.approx(1.4e12 + 1e6 / per_token)
    n, d = median(answer, "N")["both alike"], median(answer, "D")["both alike"]
    spent = 6 * n * d * PER_FLOP + 1e-6 * d - 6 * 70e9 * 1.4e12 * PER_FLOP - 1e-6 * 1.4e12
    assert spent == pytest.approx(1e6, rel=1e-6)


def test_dear_tokens_make_larger_models_the_better_use(sure_fit):
    cheap, dear = (
        next_dollar(sure_fit, 1e6, token_price=price, cost=PRICE, N=280e9, D=3e11).probabilities
        for price in (1e-12, 1.0)
    )
    assert cheap["longer training buys most"] == 1
    assert dear["larger model buys most"] == 1


@given(dollars=st.floats(1e3, 1e9), factor=st.floats(1.01, 100))
@settings(max_examples=15, deadline=None)
def test_more_money_never_buys_less(sure_fit, dollars, factor):
    less, more = (median(next_dollar(sure_fit, x, cost=PRICE, **PLANNED), "gain") for x in (dollars, factor * dollars))
    assert (more >= less).all()
    assert (less > 0).all()


def test_more_data_are_weighed_where_the_law_reads_them(repeats_fit):
    run = {"N": 3e9, "D": 2e11, "U": 5e9}
    cheap, dear = (next_dollar(repeats_fit, 1e4, token_price=p, **run) for p in (1e-9, 1e3))
    assert cheap.probabilities["more data buys most"] > 0.9
    assert dear.probabilities["more data buys most"] == 0
    assert median(dear, "gain")["more data"] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(cheap.draws["D"].sel(use="more data"), 2e11)


def test_probabilities_sum_to_one_and_repeat(unsure_fit):
    first, again = (next_dollar(unsure_fit, 1e5, N=1e9, D=2e10, seed=3) for _ in range(2))
    assert sum(first.probabilities.values()) == pytest.approx(1)
    assert first.draws.equals(again.draws)
    assert first.draws["gain"].std() > 0


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"dollars": 0.0}, QuantityError, "dollars is 0, but must be"),
        ({"N": -1.0}, QuantityError, "N is -1"),
        ({"D": np.nan}, QuantityError, "D is nan"),
        ({"token_price": np.inf}, QuantityError, "token_price is inf"),
        ({"U": 1e12}, LawError, "reads N, D, not U"),
    ],
)
def test_what_makes_no_sense_is_refused(sure_fit, change, error, said):
    asked = {"dollars": 1e6, **PLANNED, **change}
    with pytest.raises(error, match=said):
        next_dollar(sure_fit, **asked)


def test_data_that_are_weighed_need_a_price(repeats_fit):
    with pytest.raises(QuantityError, match="give the token_price"):
        next_dollar(repeats_fit, 1e4, N=3e9, D=2e11, U=5e9)
    with pytest.raises(LawError, match="also reads U: give the number of unique tokens"):
        next_dollar(repeats_fit, 1e4, N=3e9, D=2e11)
