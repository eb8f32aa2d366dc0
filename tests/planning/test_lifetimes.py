"""Training and serving together: the condition of least cost, limits, and losses that cannot be reached."""

import numpy as np
import pytest

from bayescale.basics.errors import LawError, QuantityError
from bayescale.laws.parameters import Prior
from bayescale.planning.allocation import optimum
from bayescale.planning.lifetimes import lifetime_budget, lifetime_optimum
from bayescale.posterior.ensembles import with_risk
from bayescale.posterior.single import fit_law

LOSS = 2.0


@pytest.fixture(scope="module")
def plan(chinchilla_fit):
    return lifetime_optimum(chinchilla_fit, LOSS, [1e9, 1e12, 1e13])


def terms(fitted, draws):
    """Loss at the plan, and its elasticities in N and D."""
    p = {name: fitted.in_chains(values)[..., None] for name, values in fitted.parameters.items()}
    size, data = p["A"] * draws["N"] ** -p["alpha_N"], p["B"] * draws["D"] ** -p["beta_D"]
    return p["E"] + size + data, p["alpha_N"] * size, p["beta_D"] * data


def test_the_quality_is_reached(chinchilla_fit, plan):
    loss, _, _ = terms(chinchilla_fit, plan.draws)
    np.testing.assert_allclose(loss, LOSS, rtol=1e-9)
    assert list(plan.probabilities.values()) == [1.0]


def test_the_condition_of_least_cost_holds(chinchilla_fit, plan):
    """eps_N / eps_D = 1 + T / (3 D): the derivative of 6 N D + 2 N T along the curve of equal loss is zero."""
    _, in_n, in_d = terms(chinchilla_fit, plan.draws)
    expected = 1 + plan.draws["served"] / (3 * plan.draws["D"])
    np.testing.assert_allclose((in_n / in_d / expected).to_numpy(), 1, atol=5e-3)


def test_without_use_it_is_the_compute_optimal_size(chinchilla_fit, plan):
    unused = plan.draws.isel(demand=0)
    np.testing.assert_allclose(unused["N"], unused["N_alone"], rtol=5e-3)
    compute = float(unused["training"].median())
    best = optimum(chinchilla_fit, compute).draws["latent"].median().item()
    assert best == pytest.approx(LOSS, abs=2e-3)


def test_more_use_makes_models_smaller_and_saves_more(plan):
    medians = plan.draws.median(dim=("chain", "draw"))
    assert (np.diff(medians["N"]) < 0).all()
    assert (np.diff(medians["D"]) > 0).all()
    assert (np.diff(medians["saved"]) > 0).all()
    assert (plan.draws["saved"] > -1e-4).all()
    np.testing.assert_allclose(plan.draws["training"], 6 * plan.draws["N"] * plan.draws["D"])
    np.testing.assert_allclose(plan.draws["serving"], 2 * plan.draws["N"] * plan.draws["served"])


def test_a_grid_finds_nothing_cheaper(chinchilla_fit, plan):
    """Brute force over sizes at the same loss, for a few draws."""
    at = plan.draws.isel(chain=0, draw=slice(0, 5), demand=2)
    p = {name: chinchilla_fit.in_chains(values)[0, :5] for name, values in chinchilla_fit.parameters.items()}
    for i in range(5):
        n = np.geomspace(float(at["N"][i]) / 3, float(at["N"][i]) * 3, 4001)
        left = LOSS - p["E"][i] - p["A"][i] * n ** -p["alpha_N"][i]
        d = (p["B"][i] / left[left > 0]) ** (1 / p["beta_D"][i])
        cost = n[left > 0] * (6 * d + 2 * 1e13)
        assert float(at["training"][i] + at["serving"][i]) < cost.min() * (1 + 1e-5)


@pytest.mark.slow
def test_qualities_below_the_floor_are_said(few_runs, few_fit):
    low = float(np.quantile(few_fit.parameters["E"], 0.5)) + 0.02
    doubtful = lifetime_optimum(few_fit, low, 1e12)
    assert 0.2 < doubtful.probabilities[f"a loss of {low:g} nats/token can be reached"] < 0.8
    assert any("of draws do not reach a loss" in text for text in doubtful.warnings)
    assert doubtful.summary()["q50"].notna().all()
    with pytest.raises(LawError, match=r"no draw of the posterior reaches a loss of 0\.5"):
        lifetime_optimum(few_fit, 0.5, 1e12)


@pytest.mark.slow
def test_the_discrepancy_widens_the_plan(few_runs, few_fit):
    wrong = fit_law("chinchilla", few_runs, draws=500)
    point = {"loss": 2.2, "served": 1e12}
    sure, unsure = (np.log(lifetime_optimum(f, **point).draws["N"]).std().item() for f in (few_fit, wrong))
    assert unsure > sure


@pytest.mark.slow
def test_other_laws_and_laws_without_a_closed_form_agree(chinchilla_fit, chinchilla_runs):
    tied = lifetime_optimum(fit_law("tied", chinchilla_runs, discrepancy=False), LOSS, 1e13)
    ours = lifetime_optimum(chinchilla_fit, LOSS, 1e13)
    ratio = tied.draws["N"].median().item() / ours.draws["N"].median().item()
    assert ratio == pytest.approx(1, abs=0.15)


@pytest.mark.slow
def test_beyond_the_runs_tokens_per_parameter_it_is_said(chinchilla_fit):
    extreme = lifetime_optimum(chinchilla_fit, LOSS, 1e15)
    assert any("tokens per parameter are more than any run's" in text for text in extreme.warnings)


@pytest.mark.parametrize(
    ("loss", "served", "error", "said"),
    [
        (0.0, 1e12, LawError, "loss 0: must be a finite number above zero"),
        (2.0, -1.0, QuantityError, "the demand for tokens is -1"),
        (2.0, [1e12, np.inf], QuantityError, "the demand for tokens is inf"),
    ],
)
def test_what_makes_no_sense_is_refused(chinchilla_fit, loss, served, error, said):
    with pytest.raises(error, match=said):
        lifetime_optimum(chinchilla_fit, loss, served)


BUDGET = 1e24


@pytest.fixture(scope="module")
def within(thin_chinchilla):
    return lifetime_budget(thin_chinchilla, BUDGET, [1e9, 1e12, 1e13])


def test_a_budget_is_spent_on_training_and_serving(within):
    draws = within.draws
    np.testing.assert_allclose(6 * draws["N"] * draws["D"] + 2 * draws["N"] * draws["served"], BUDGET)
    np.testing.assert_allclose(draws["serving"], 2 * draws["N"] * draws["served"] / BUDGET)


def test_the_condition_of_least_loss_holds(thin_chinchilla, within):
    """eps_N / eps_D = 1 + T / (3 D): with 6 N D + 2 N T given, dD/dN = -(6 D + 2 T) / (6 N)."""
    _, in_n, in_d = terms(thin_chinchilla, within.draws)
    expected = 1 + within.draws["served"] / (3 * within.draws["D"])
    np.testing.assert_allclose((in_n / in_d / expected).to_numpy(), 1, atol=1e-4)


def test_a_budget_without_use_is_for_training_alone(thin_chinchilla, within):
    best = optimum(thin_chinchilla, BUDGET).draws
    np.testing.assert_allclose(within.draws["N"].isel(served=0), best["N"].isel(budget=0), rtol=1e-3)
    np.testing.assert_allclose(within.draws["expected_loss"].isel(served=0), best["latent"].isel(budget=0), rtol=1e-5)


def test_serving_that_costs_twice_is_serving_twice_as_much(thin_chinchilla):
    dear = lifetime_budget(thin_chinchilla, BUDGET, 1e12, serving_price=2).draws
    more = lifetime_budget(thin_chinchilla, BUDGET, 2e12).draws
    for quantity in ("N", "D", "expected_loss"):
        np.testing.assert_allclose(dear[quantity], more[quantity])
    dear, more = (lifetime_optimum(thin_chinchilla, LOSS, t, serving_price=p).draws for t, p in ((1e12, 2), (2e12, 1)))
    for quantity in ("N", "D", "saved"):
        np.testing.assert_allclose(dear[quantity], more[quantity])


@pytest.mark.slow
def test_demand_may_be_a_distribution(thin_chinchilla, within):
    wide, narrow = (Prior("LogNormal", mu=float(np.log(1e12)), sigma=sigma) for sigma in (1.0, 1e-6))
    point = within.draws["N"].sel(served=1e12)
    certain = lifetime_budget(thin_chinchilla, BUDGET, narrow).draws["N"].isel(served=0)
    np.testing.assert_allclose(certain, point, rtol=1e-4)
    spread = np.log(lifetime_budget(thin_chinchilla, BUDGET, wide).draws["N"]).std()
    assert spread > 1.5 * np.log(point).std()
    unsure, sure = (lifetime_optimum(thin_chinchilla, LOSS, t).draws["N"] for t in (wide, 1e12))
    assert np.log(unsure).std() > 1.5 * np.log(sure).std()
    assert unsure.median().item() == pytest.approx(sure.median().item(), rel=0.1)


def test_the_discrepancy_is_not_drawn_at_runs_that_cannot_be_afforded(unsure_fit):
    """If serving took the whole budget, hardly a token would be left, and the discrepancy there is unbounded."""
    draws = lifetime_budget(unsure_fit, 1e22, [1e11, 1e13]).draws
    best = optimum(unsure_fit, 1e22).draws["latent"].median().item()
    assert (draws["serving"] < 1).all()
    assert (draws["N"] * draws["D"] * 6 + 2 * draws["N"] * draws["served"]).to_numpy() == pytest.approx(1e22)
    assert (draws["expected_loss"].quantile(0.05, ("chain", "draw")) > 0.8 * best).all()


def test_demand_that_takes_the_whole_budget_leaves_small_models(thin_chinchilla):
    extreme = lifetime_budget(thin_chinchilla, BUDGET, 1e18).draws
    assert (extreme["N"] < BUDGET / (2 * 1e18)).all()
    assert (extreme["D"] > 0).all()


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"C": 0.0}, LawError, "budget 0 FLOP"),
        ({"served": [1e12, 0.0]}, QuantityError, "the demand for tokens is 0, but must"),
        ({"serving_price": -1.0}, QuantityError, "the price of serving is -1, but must"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(thin_chinchilla, change, error, said):
    with pytest.raises(error, match=said):
        lifetime_budget(thin_chinchilla, **{"C": BUDGET, "served": 1e12, **change})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "served", "best", "tokens", "saved"),
    [(30e9, 5e12, 16.4e9, 3.27e12, 0.16), (70e9, 1e13, 41.6e9, 7.92e12, 0.12)],
    ids=["30B and 5T served", "70B and 10T served"],
)
def test_published_examples_are_reproduced(sure_of, size, served, best, tokens, saved):
    """Sardana et al. 2023, arXiv:2401.00448: quality of a compute-optimal model, with the coefficients used there."""
    a, b, alpha, beta, floor = 406.4, 410.7, 0.336, 0.283, 1.69
    published = sure_of(A=a, B=b, alpha_N=alpha, beta_D=beta, E=floor)
    # N* = G (N D)^(beta/(alpha + beta)) gives the tokens for which a size is the compute-optimal one.
    g = (alpha * a / (beta * b)) ** (1 / (alpha + beta))
    data = (size / g) ** ((alpha + beta) / beta) / size
    quality = floor + a * size**-alpha + b * data**-beta
    plan = lifetime_optimum(published, quality, served).draws.median(("chain", "draw"))
    assert plan["N_alone"].item() == pytest.approx(size, rel=2e-3)
    assert plan["N"].item() == pytest.approx(best, rel=5e-3)
    assert plan["D"].item() == pytest.approx(tokens, rel=5e-3)
    assert plan["saved"].item() == pytest.approx(saved, abs=0.005)


@pytest.mark.slow
def test_losses_that_are_easy_to_reach_are_not_called_unreachable(chinchilla_fit):
    with pytest.raises(LawError, match="reaches a loss of 12 nats/token by 1e15 to 1e33 FLOP: ask for another one"):
        lifetime_optimum(chinchilla_fit, 12.0, 1e12)


def test_a_break_that_nobody_foresees_does_not_move_the_size(thin_chinchilla):
    """Sizes that share a budget differ in training compute; the plan must not exploit the break of each draw."""
    risky = with_risk(thin_chinchilla, probability=0.5, size=0.2)
    sure, unsure = (lifetime_budget(fit, 1e23, 1e12).draws for fit in (thin_chinchilla, risky))
    np.testing.assert_allclose(unsure["N"], sure["N"])
    assert (unsure["expected_loss"] > 1.01 * sure["expected_loss"]).mean() > 0.2
    assert next(iter(lifetime_optimum(risky, LOSS, 1e12).probabilities.values())) < 1 or not np.allclose(
        lifetime_optimum(risky, LOSS, 1e12).draws["N"], lifetime_optimum(thin_chinchilla, LOSS, 1e12).draws["N"]
    )
