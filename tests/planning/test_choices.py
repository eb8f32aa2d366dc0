"""The robust choice: no other size has less expected regret, and under a known law there is no regret."""

import numpy as np
import pytest

from bayescale.basics.errors import LawError
from bayescale.planning.allocation import optimum
from bayescale.planning.choices import FLAT, REGRETS, robust_choice
from bayescale.posterior.ensembles import with_risk
from bayescale.posterior.forecasting import forecast

BUDGETS = [1e21, 1e24]


@pytest.fixture(scope="module")
def choice(unsure_fit):
    return robust_choice(unsure_fit, BUDGETS)


def expected_outcome(fit, n, budget):
    """Mean outcome of each size over the draws, with the same draws of the discrepancy as the choice."""
    return forecast(fit, N=n, D=budget / (6 * n)).draws["latent"].mean(("chain", "draw")).to_numpy()


def test_under_a_known_law_it_is_the_optimum_without_regret(sure_fit):
    choice = robust_choice(sure_fit, 5.76e23)
    best = optimum(sure_fit, 5.76e23).draws
    n = best["N"].median().item()
    assert choice.draws["N"].item() == pytest.approx(n, rel=1e-3)
    np.testing.assert_allclose(choice.draws["regret"], 0, atol=1e-5)
    assert choice.draws["near"].item() == 1
    assert choice.draws["D"].item() == pytest.approx(5.76e23 / (6 * choice.draws["N"].item()))


def test_the_flat_region_ends_where_the_loss_is_half_a_per_cent_higher(sure_fit):
    sizes = robust_choice(sure_fit, 5.76e23).draws
    best = optimum(sure_fit, 5.76e23).draws["latent"].median().item()
    ends = np.array([sizes["N_low"].item(), sizes["N_high"].item()])
    excess = expected_outcome(sure_fit, ends, 5.76e23) / best - 1
    np.testing.assert_allclose(excess, FLAT, rtol=0.06)


def test_no_size_has_less_expected_regret(choice):
    regret, plug_in = (choice.draws[name].mean(("chain", "draw")) for name in ("regret", "regret_plug_in"))
    assert (regret >= 0).all()
    assert (regret <= plug_in + 1e-9).all()


def test_brute_force_finds_the_same_size(unsure_fit, choice):
    """On the same grid of sizes, so that the draws of the discrepancy are the same."""
    for i, budget in enumerate(BUDGETS):
        n = choice.draws["N"][i].item()
        grid = n * np.exp(np.linspace(-3, 3, 301))
        expected = expected_outcome(unsure_fit, grid, budget)
        assert expected[np.isclose(grid, n)].item() <= expected.min() + 1e-3
        assert abs(np.log(grid[expected.argmin()] / n)) < 0.4


def test_the_plug_in_choice_is_the_optimum_at_the_posterior_mean(chinchilla_fit):
    sampled = {p.name: chinchilla_fit.parameters[p.name].mean() for p in chinchilla_fit.law.parameters}
    p = chinchilla_fit.law.all_parameters(sampled, chinchilla_fit.centre)
    expected = chinchilla_fit.law.optimum(p, 1e23 / 6)
    assert robust_choice(chinchilla_fit, 1e23).draws["N_plug_in"].item() == pytest.approx(float(expected))


def test_room_grows_and_regret_is_known_in_units(choice):
    assert (choice.draws["N_low"] < choice.draws["N"]).all()
    assert (choice.draws["N"] < choice.draws["N_high"]).all()
    assert ((choice.draws["near"] > 0) & (choice.draws["near"] <= 1)).all()
    table = choice.summary(0.5)
    assert table.loc[table["quantity"].isin(REGRETS), "unit"].tolist() == ["nats/token"] * 4
    chosen = table[table["quantity"] == "N"]
    assert (chosen["q25"] == chosen["q75"]).all()
    assert chosen["q50"].tolist() == choice.draws["N"].to_numpy().tolist()


def test_a_recipe_that_breaks_changes_no_choice_of_size(sure_fit):
    """Breaking depends on compute, which all sizes at a budget share."""
    sure, risky = (
        robust_choice(f, 5.76e23).draws["N"].item() for f in (sure_fit, with_risk(sure_fit, probability=0.3, size=0.05))
    )
    assert risky == pytest.approx(sure, rel=1e-3)


def test_it_repeats_and_refuses_what_makes_no_sense(unsure_fit, choice):
    again = robust_choice(unsure_fit, BUDGETS)
    assert again.draws.equals(choice.draws)
    with pytest.raises(LawError, match="budget 0 FLOP"):
        robust_choice(unsure_fit, [1e21, 0.0])
