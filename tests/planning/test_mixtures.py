"""The best mixture: the least of all mixtures on a grid, draw by draw and in expectation, and the true one is found."""

import itertools

import numpy as np
import pytest
from mixing import FLOOR, GAMMA, NAMES, REDUCIBLE, WORTH, losses, mixture_runs
from promises import sketches

from bayescale.basics.errors import QuantityError
from bayescale.planning.mixtures import best_mixture
from bayescale.planning.simplex import lowest_shares, terms_at
from bayescale.posterior.domains import ALL, fit_domains

SIZE = 1e9
STEPS = 25
GRID = np.array([each for each in itertools.product(range(STEPS + 1), repeat=3) if sum(each) == STEPS]) / STEPS


@pytest.fixture(scope="module")
def answer(domains_fit):
    return best_mixture(domains_fit, SIZE)


def flat(values):
    """Draws of each domain, and of all together, shape (sample, loss)."""
    return values.to_numpy().reshape(-1, values.shape[-1])


@pytest.mark.parametrize("n", [2, 3, 5])
def test_no_other_shares_have_a_lower_sum(n):
    """Against random shares, corners and edges, from terms that are much alike to terms that share nothing."""
    rng = np.random.default_rng(n)
    levels, exponents = rng.lognormal(0, 1, (300, n)), rng.lognormal(-3, 1, (300, n))
    directions = rng.lognormal(-4, 4, (300, n, n)) * (1 - np.eye(n)) + np.eye(n)
    terms = (levels, directions, exponents)
    shares = lowest_shares(*terms)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (shares >= 0).all()
    found = terms_at(shares, *terms).sum(axis=1)
    for other in (*rng.dirichlet(np.full(n, 0.3), 200), *np.eye(n), *(shares + 1e-3 * (np.eye(n)[0] - shares))[:1]):
        with np.errstate(divide="ignore"):
            assert (found <= terms_at(other, *terms).sum(axis=1) * (1 + 1e-6)).all()


def test_shares_are_the_best_of_a_grid(domains_fit, answer):
    """Of the forecasts without noise, which know nothing of the sum of powers that is minimised."""
    points = {f"share_{name}": GRID[:, i] for i, name in enumerate(NAMES)}
    drawn = domains_fit.forecast(N=SIZE, **points).draws["latent"]
    means = drawn.to_numpy().reshape(-1, len(GRID), 4)[:, :, -1]
    best = flat(answer.draws["loss"])[:, -1] - flat(answer.draws["regret"])[:, -1]
    lowest = means.min(axis=1)
    assert (best <= lowest * (1 + 1e-7)).all()
    np.testing.assert_allclose(best, lowest, rtol=8e-4)  # of a grid of 4 %
    shares = flat(answer.draws["best_share"])[:, :3]
    assert np.abs(shares - GRID[means.argmin(axis=1)]).max() < 1.5 / STEPS
    expected = means.mean(axis=0)
    assert flat(answer.draws["loss"])[:, -1].mean() <= expected.min() * (1 + 1e-7)
    assert np.abs(answer.draws["share"].to_numpy()[:3] - GRID[expected.argmin()]).max() < 1.5 / STEPS


def test_the_true_mixture_is_found(answer):
    true = lowest_shares((FLOOR + REDUCIBLE * SIZE**-0.24)[None], WORTH[None], GAMMA[None])[0]
    low, high = answer.draws["best_share"].quantile([0.005, 0.995], ("chain", "draw")).to_numpy()[:, :3]
    assert ((low < true) & (true < high)).all()
    shares = answer.draws["share"].to_numpy()[:3]
    assert losses(SIZE, shares).mean() < losses(SIZE, true).mean() * (1 + 1e-3)
    gain = answer.draws["gain"].sel(domain=ALL).quantile([0.005, 0.995]).to_numpy()
    usual = mixture_runs()[[f"share_{name}" for name in NAMES]].mean().to_numpy()
    assert gain[0] < losses(SIZE, usual).mean() - losses(SIZE, shares).mean() < gain[1]


def test_regret_of_the_mean_is_never_negative(answer):
    regret = flat(answer.draws["regret"])
    assert (regret[:, -1] > -1e-6).all()
    np.testing.assert_allclose(regret[:, :3].mean(axis=1), regret[:, -1], atol=1e-9)


def test_a_weight_draws_the_mixture_to_its_domain(domains_fit, answer):
    code = best_mixture(domains_fit, SIZE, weights={"code": 3.0})
    assert code.draws["share"].sel(domain="code") > answer.draws["share"].sel(domain="code") + 0.1
    assert code.draws["loss"].sel(domain="code").mean() < answer.draws["loss"].sel(domain="code").mean()
    assert "weights in the mean: code 0.6, math 0.2, web 0.2" in code.notes
    alone = best_mixture(domains_fit, SIZE, weights={"code": 1.0, "math": 0.0, "web": 0.0})
    assert alone.draws["share"].to_numpy().tolist() == [1.0, 0.0, 0.0, 1.0]


def test_a_mixture_outside_the_runs_is_warned_of(domains_fit, answer):
    assert not any("outside the runs" in text for text in answer.warnings)
    far = best_mixture(domains_fit, SIZE, weights={"code": 1.0, "math": 0.0, "web": 0.0})
    assert any("a share of code of" in text and "outside the runs' 0.05 to 0.9" in text for text in far.warnings)
    assert far.probabilities["the best shares are within those of the runs"] == 0


def test_answers_repeat_by_seed(domains_fit, answer):
    assert best_mixture(domains_fit, SIZE).draws.equals(answer.draws)


def test_numbers_are_taken_as_people_write_them(domains_fit, answer):
    assert best_mixture(domains_fit, "1B", weights={"web": "1"}).draws.identical(answer.draws)


@pytest.mark.parametrize(
    ("size", "weights", "words"),
    [(-1, {}, "N is -1"), ("big", {}, "N: 'big' is not"), (1e9, {"web": "much"}, "weight of web: 'much' is not")],
)
def test_what_is_no_number_is_refused(domains_fit, size, weights, words):
    with pytest.raises(QuantityError, match=words):
        best_mixture(domains_fit, size, weights=weights)


def test_other_names_in_another_order_give_the_same(answer):
    """The prior treats the first of the other domains differently, which runs must outweigh."""
    new = {"code": "z", "math": "m", "web": "a"}
    names = {f"{kind}_{old}": f"{kind}_{name}" for kind in ("share", "loss") for old, name in new.items()}
    with sketches():
        fitted = fit_domains(mixture_runs().rename(columns=names), discrepancy=False)
    again = best_mixture(fitted, SIZE)
    for quantity in ("best_share", "loss", "gain"):
        one = answer.draws[quantity].sel(domain=[*NAMES, ALL]).quantile([0.05, 0.5, 0.95], ("chain", "draw"))
        other = again.draws[quantity].sel(domain=[*new.values(), ALL]).quantile([0.05, 0.5, 0.95], ("chain", "draw"))
        width = (one[2] - one[0]).to_numpy()
        assert (np.abs(one.to_numpy() - other.to_numpy()) <= 0.3 * width + 1e-9).all(), quantity
