"""Training and serving together: the condition of least cost holds, limits are right, lost causes are said."""

import numpy as np
import pytest

from bayescale.errors import LawError, QuantityError
from bayescale.fitting import fit_law
from bayescale.planning.allocation import optimum
from bayescale.planning.lifetimes import lifetime_optimum

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
    assert plan.reachable == 1


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


def test_qualities_below_the_floor_are_said(few_runs, few_fit):
    low = float(np.quantile(few_fit.parameters["E"], 0.5)) + 0.02
    doubtful = lifetime_optimum(few_fit, low, 1e12)
    assert 0.2 < doubtful.reachable < 0.8
    assert any("of draws never reach a loss" in text for text in doubtful.warnings)
    assert doubtful.summary()["q50"].notna().all()
    with pytest.raises(LawError, match=r"no draw of the posterior reaches a loss of 0\.5"):
        lifetime_optimum(few_fit, 0.5, 1e12)


def test_the_laws_error_widens_the_plan(few_runs, few_fit):
    wrong = fit_law("chinchilla", few_runs, draws=500)
    point = {"loss": 2.2, "served": 1e12}
    sure, unsure = (np.log(lifetime_optimum(f, **point).draws["N"]).std().item() for f in (few_fit, wrong))
    assert unsure > sure


def test_other_laws_and_laws_without_a_closed_form_agree(chinchilla_fit, chinchilla_runs):
    tied = lifetime_optimum(fit_law("tied", chinchilla_runs, discrepancy=False), LOSS, 1e13)
    ours = lifetime_optimum(chinchilla_fit, LOSS, 1e13)
    ratio = tied.draws["N"].median().item() / ours.draws["N"].median().item()
    assert ratio == pytest.approx(1, abs=0.15)


def test_beyond_the_runs_tokens_per_parameter_it_is_said(chinchilla_fit):
    extreme = lifetime_optimum(chinchilla_fit, LOSS, 1e15)
    assert any("tokens per parameter are more than any run's" in text for text in extreme.warnings)


@pytest.mark.parametrize(
    ("loss", "served", "error", "said"),
    [
        (0.0, 1e12, LawError, "loss 0: must be a finite number above zero"),
        (2.0, -1.0, QuantityError, "served tokens are -1"),
        (2.0, [1e12, np.inf], QuantityError, "served tokens are inf"),
    ],
)
def test_what_makes_no_sense_is_refused(chinchilla_fit, loss, served, error, said):
    with pytest.raises(error, match=said):
        lifetime_optimum(chinchilla_fit, loss, served)
