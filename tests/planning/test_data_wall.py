"""Scarce data: limits, the closed form of a hard wall, and the worth of a token by brute force."""

import numpy as np
import pytest

from bayescale.basics.errors import LawError, QuantityError
from bayescale.planning.allocation import law_optimum, optimum
from bayescale.planning.costs import Cost
from bayescale.planning.data_wall import data_limited
from bayescale.posterior.forecasting import forecast
from bayescale.posterior.single import fit_law

BUDGET = 5.76e23
PRICE = Cost(utilisation=0.4, price=2.35)
PER_FLOP = 2.35 / (3600 * 989e12 * 0.4)


@pytest.fixture(scope="module")
def repeats_fit():
    return fit_law("data_constrained", "datablations", discrepancy=False, draws=100)


def median(answer, quantity):
    return answer.draws[quantity].median(("chain", "draw")).to_numpy()


def test_with_plenty_of_data_it_is_the_optimum(chinchilla_fit):
    free = data_limited(chinchilla_fit, BUDGET, 1e15)
    best = optimum(chinchilla_fit, BUDGET).draws
    np.testing.assert_allclose(free.draws["N"].to_numpy(), best["N"].to_numpy())
    assert (free.draws["lost"] == 0).all()
    assert (free.draws["worth"] == 0).all()
    assert (free.draws["epochs"] == 1).all()


def test_a_hard_wall_worked_by_hand(sure_fit):
    """Half a trillion tokens for 5.76e23 FLOP leave 192B parameters."""
    answer = data_limited(sure_fit, BUDGET, 5e11, cost=PRICE)
    n, d = 192e9, 5e11
    assert median(answer, "N")[0] == pytest.approx(n)
    assert median(answer, "D")[0] == d
    loss = 1.8 + 480 * n**-0.35 + 2080 * d**-0.37
    assert median(answer, "expected_loss")[0] == pytest.approx(loss)
    best = optimum(sure_fit, BUDGET).draws["latent"].median().item()
    assert median(answer, "lost")[0] == pytest.approx(loss - best)
    in_n, in_d = 0.35 * 480 * n**-0.35, 0.37 * 2080 * d**-0.37
    # At the wall more compute is a larger model, and a further token a little less of one.
    worth = (in_d - in_n) / d / (in_n / (BUDGET * PER_FLOP))
    assert median(answer, "worth")[0] == pytest.approx(worth, rel=1e-4)


def test_fewer_tokens_cost_more_and_are_worth_more(chinchilla_fit):
    plenty, scarce = (data_limited(chinchilla_fit, [1e24, 1e25], unique) for unique in (1e12, 2e11))
    for quantity in ("lost", "worth", "expected_loss", "N"):
        assert (median(scarce, quantity) > median(plenty, quantity)).all(), quantity


@pytest.mark.slow
def test_repeats_soften_the_wall_and_more_data_never_hurt(repeats_fit):
    answers = [data_limited(repeats_fit, 1e22, unique) for unique in (1e9, 1e10, 1e11, 1e13)]
    lost = np.array([median(answer, "lost")[0] for answer in answers])
    epochs = np.array([median(answer, "epochs")[0] for answer in answers])
    assert (np.diff(lost) < 0).all()
    assert (np.diff(epochs) <= 0).all()
    assert epochs[-1] == 1
    assert lost[-1] == pytest.approx(0, abs=1e-6)
    assert (answers[0].draws["D"] > 1e9).mean() > 0.99


@pytest.mark.slow
def test_the_worth_of_a_token_by_brute_force(repeats_fit):
    """A tenth more tokens lowers the best loss as much as the dollars of compute that they are worth."""
    unique, budget = 2e10, 1e22
    worth = data_limited(repeats_fit, budget, unique, cost=PRICE).draws["worth"].to_numpy().ravel()
    p = repeats_fit.parameters

    def best(compute, tokens):
        n = law_optimum(repeats_fit.law, p, np.array([compute]), fixed={"U": tokens})
        x = {"N": n, "D": compute / (6 * n), "U": np.full_like(n, tokens)}
        return repeats_fit.law.mean(np, x, repeats_fit.columns)[:, 0]

    step = 0.01
    in_tokens = (best(budget, unique * (1 - step)) - best(budget, unique * (1 + step))) / (2 * step * unique)
    in_compute = (best(budget * (1 - step), unique) - best(budget * (1 + step), unique)) / (2 * step * budget)
    np.testing.assert_allclose(np.median(worth / (in_tokens / in_compute * PER_FLOP)), 1, rtol=0.03)


@pytest.mark.parametrize("unique", [1e11, 1e12])
def test_the_worth_of_a_token_at_a_hard_wall_by_brute_force(sure_fit, unique):
    budget, step = 1e25, 1e-4
    worth = median(data_limited(sure_fit, budget, unique, cost=PRICE), "worth")[0]

    def best(compute, tokens):
        return 1.8 + 480 * (compute / (6 * tokens)) ** -0.35 + 2080 * tokens**-0.37

    in_tokens = (best(budget, unique * (1 - step)) - best(budget, unique * (1 + step))) / (2 * step * unique)
    in_compute = (best(budget * (1 - step), unique) - best(budget * (1 + step), unique)) / (2 * step * budget)
    assert worth == pytest.approx(in_tokens / in_compute * PER_FLOP, rel=1e-3)


def test_the_outcome_at_the_wall_is_that_of_the_run_there(unsure_fit):
    """Not the outcome with the discrepancy of another run, selected because it was low."""
    answer = data_limited(unsure_fit, 1e23, 1e10)
    there = forecast(unsure_fit, N=1e23 / 6e10, D=1e10).draws["latent"]
    assert median(answer, "expected_loss")[0] == pytest.approx(there.median().item(), rel=2e-3)


def test_whether_a_token_is_worth_its_price(chinchilla_fit):
    cheap, dear = (data_limited(chinchilla_fit, 1e25, 1e12, token_price=price).probabilities for price in (1e-9, 1e-2))
    assert list(cheap.values()) == [1.0]
    assert list(dear.values()) == [0.0]


def test_a_law_without_repeats_says_so(chinchilla_fit):
    assert any("does not model repeated tokens" in text for text in data_limited(chinchilla_fit, BUDGET, 1e12).warnings)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"unique": 0.0}, QuantityError, "unique tokens is 0"),
        ({"unique": np.inf}, QuantityError, "unique tokens is inf"),
        ({"token_price": -1.0}, QuantityError, "token_price is -1"),
        ({"C": -1.0}, LawError, "budget -1 FLOP"),
    ],
)
def test_what_makes_no_sense_is_refused(sure_fit, change, error, said):
    with pytest.raises(error, match=said):
        data_limited(sure_fit, **{"C": BUDGET, "unique": 1e12, **change})
