"""The compute-optimal run: closed forms, numbers and brute force agree, under any FLOP rule."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from bayescale.basics.errors import LawError
from bayescale.laws.catalog import law_names, load_law
from bayescale.planning.allocation import numeric_optimum, optimum, six_nd, tokens_at
from bayescale.posterior.parts import link_mean
from bayescale.posterior.single import fit_law

fit = partial(fit_law, discrepancy=False)
"""A fit that takes the law as true."""

BUDGETS = np.array([1e19, 5.76e23, 1e26])
IN_CLOSED_FORM = [name for name in law_names() if load_law(name).optimum is not None and not load_law(name).settings]


def with_embeddings(N, D):
    """6 N D, and the embedding of 32,000 tokens in a model whose width grows as the cube root of its parameters."""
    return 6 * (N + 32_000 * 2 * np.cbrt(N)) * D


def with_attention(N, D):
    """6 N D, and attention over 8,192 tokens."""
    return 6 * N * D * (1 + 8192 / (12 * np.cbrt(N)))


@pytest.fixture(scope="module")
def thin_fit(few_runs):
    """A fit of few draws, by law."""
    fits = {}

    def get(law):
        if law not in fits:
            fits[law] = fit(law, few_runs, draws=20, chains=2, certify=False)
        return fits[law]

    return get


@pytest.mark.slow
@pytest.mark.parametrize("law", IN_CLOSED_FORM)
def test_closed_form_and_numeric_optimum_agree(law, thin_fit):
    fitted = thin_fit(law)
    closed = optimum(fitted, BUDGETS).draws["N_law"].to_numpy().reshape(-1, 3)
    np.testing.assert_allclose(numeric_optimum(fitted.law, fitted.parameters, BUDGETS), closed, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("law", IN_CLOSED_FORM)
def test_a_flop_rule_of_ones_own_gives_the_same_where_it_is_the_same(law, thin_fit):
    closed = optimum(thin_fit(law), BUDGETS).draws
    numeric = optimum(thin_fit(law), BUDGETS, flops=lambda N, D: 6 * N * D).draws
    for name in ("N", "D", "tokens_per_parameter", "latent"):
        np.testing.assert_allclose(numeric[name], closed[name], rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("flops", [with_embeddings, with_attention])
def test_other_flop_rules_agree_with_brute_force(thin_fit, flops):
    fitted = thin_fit("chinchilla")
    draws = optimum(fitted, BUDGETS, flops=flops).draws
    np.testing.assert_allclose(flops(draws["N"], draws["D"]), np.broadcast_to(BUDGETS, (2, 20, 3)), rtol=1e-6)
    for i, budget in enumerate(BUDGETS):
        N = np.geomspace(1e7, 1e14, 20_000)
        losses = np.exp(link_mean(fitted, {"N": N, "D": tokens_at(flops, np.full(len(N), budget), N)}))
        at = draws.isel(budget=i)
        np.testing.assert_allclose(at["N"].to_numpy().ravel(), N[losses.argmin(axis=1)], rtol=1e-3)
        assert (at["latent"].to_numpy().ravel() <= losses.min(axis=1) * (1 + 1e-12)).all()


def test_tokens_bring_a_model_to_its_budget():
    N = np.geomspace(1e6, 1e12, 7)
    for flops in (six_nd, with_embeddings, with_attention):
        np.testing.assert_allclose(flops(N, tokens_at(flops, np.full(7, 1e22), N)), 1e22, rtol=1e-9)


def test_draws_have_arviz_dims_and_units(few_fit):
    draws = optimum(few_fit, [1e20, 1e22]).draws
    units = {"N": "parameters", "D": "tokens", "tokens_per_parameter": "tokens/parameter", "loss": "nats/token"}
    for name, unit in {**units, "N_law": "parameters", "D_law": "tokens", "latent": "nats/token"}.items():
        assert draws[name].dims == ("chain", "draw", "budget")
        assert draws[name].attrs["units"] == unit, name
    np.testing.assert_array_equal(draws["C"], [1e20, 1e22])
    np.testing.assert_allclose(6 * draws["N"] * draws["D"], np.broadcast_to([1e20, 1e22], (4, 1000, 2)), rtol=1e-12)
    np.testing.assert_allclose(draws["tokens_per_parameter"], draws["D"] / draws["N"], rtol=1e-12)


def test_a_run_at_the_optimum_has_noise(few_fit):
    draws = optimum(few_fit, 1e22).draws
    assert draws["loss"].std() > draws["latent"].std()


def test_the_optimum_grows_as_a_power_of_compute(chinchilla_fit):
    draws = optimum(chinchilla_fit, [1e22, 1e26]).draws["N_law"]
    slope = np.log(draws.isel(budget=1) / draws.isel(budget=0)) / np.log(1e4)
    np.testing.assert_allclose(slope.to_numpy().ravel(), chinchilla_fit.parameters["a_opt"], rtol=1e-9)


def test_intervals_widen_with_compute(chinchilla_fit):
    table = optimum(chinchilla_fit, [1e22, 1e24, 1e26, 1e28]).summary()
    for quantity in ("N", "D", "loss", "tokens_per_parameter"):
        rows = table[table["quantity"] == quantity]
        assert (np.diff(np.log(rows["q95"] / rows["q05"])) > 0).all(), quantity


def test_summary_has_a_row_per_budget_and_quantity_in_the_order_asked_for(few_fit):
    best = optimum(few_fit, [1e20, 1e22])
    table = best.summary(0.8)
    assert list(table.columns) == ["C", "quantity", "q10", "q50", "q90", "unit", "exists"]
    assert table["C"].tolist() == [1e20] * 4 + [1e22] * 4
    assert table["quantity"].tolist() == ["loss", "N", "D", "tokens_per_parameter"] * 2
    assert isinstance(table, pd.DataFrame)
    assert "1e+22" in str(best)


def test_a_seed_repeats_the_draws(few_fit):
    first, again, other = (optimum(few_fit, 1e22, seed=seed).draws for seed in (1, 1, 2))
    xr.testing.assert_equal(first, again)
    assert not np.isclose(first["loss"], other["loss"], rtol=1e-12).any()


def test_compute_beyond_what_was_ever_measured_is_doubted(chinchilla_fit):
    assert optimum(chinchilla_fit, 1e23).warnings == ()
    (text,) = optimum(chinchilla_fit, [1e23, 1e26]).warnings
    assert "1e+26 FLOP is 7,700 times the largest run (1.3e+22 FLOP)" in text


@pytest.mark.parametrize("budget", [0, -1e20, np.nan, np.inf])
def test_a_budget_that_is_none_is_refused(few_fit, budget):
    with pytest.raises(LawError, match="must be a finite number above zero"):
        optimum(few_fit, [1e20, budget])


def test_a_law_without_sizes_has_no_optimum(own_law):
    steps = np.geomspace(100, 1e5, 8)
    fitted = fit(own_law, pd.DataFrame({"steps": steps, "loss": 2.0 + 9 * steps**-0.4 + 0.001 * np.sin(steps)}))
    with pytest.raises(LawError, match="law 'steps' reads steps: an optimum needs a law of N and D"):
        optimum(fitted, 1e20)


def test_a_budget_below_what_any_run_costs_is_refused(thin_fit):
    with pytest.raises(LawError, match=r"has no compute-optimal N at 1e\+20 FLOP"):
        optimum(thin_fit("chinchilla"), 1e20, flops=lambda N, D: 1e21 + 6 * N * D)


@given(budget=st.floats(1e15, 1e30), factor=st.floats(1.01, 1e3))
def test_parameters_tokens_and_loss_follow_the_budget(few_fit, budget, factor):
    draws = optimum(few_fit, [budget, budget * factor]).draws
    for name in ("N_law", "D_law"):
        assert (draws[name].isel(budget=1) > draws[name].isel(budget=0)).all(), name
    assert (draws["latent"].isel(budget=1) < draws["latent"].isel(budget=0)).all()


def test_where_more_is_better_the_optimum_is_the_highest(sure_fit):
    """A quality equal to one over the loss has the same optimum as the loss."""
    law = sure_fit.law
    rising = replace(law, mean=lambda xp, x, p: 1 / law.mean(xp, x, p), falls=False, optimum=None)
    expected = optimum(sure_fit, BUDGETS).draws["N"]
    np.testing.assert_allclose(optimum(replace(sure_fit, law=rising), BUDGETS).draws["N"], expected, rtol=1e-5)


def test_the_discrepancy_counts_where_more_is_better(unsure_fit):
    law = unsure_fit.law
    rising = replace(law, mean=lambda xp, x, p: 1 / law.mean(xp, x, p), falls=False, optimum=None)
    draws = optimum(replace(unsure_fit, law=rising), 1e22).draws
    at = {name: draws[f"{name}_law"].to_numpy().reshape(-1, 1) for name in ("N", "D")}
    there = 1 / law.mean(np, at, unsure_fit.columns)
    assert (draws["latent"].to_numpy().ravel() >= 0.9 * there.ravel()).all()
    assert draws["latent"].mean() > there.mean()


@pytest.mark.parametrize("budget", [1e-300, 1.0, 1e40])
def test_budgets_beyond_reason_are_refused(sure_fit, budget):
    with pytest.raises(LawError, match="training takes 1e\\+06 to 1e\\+36"):
        optimum(sure_fit, budget)


def test_outcomes_have_their_own_unit(sure_fit):
    perplexity = replace(sure_fit, law=replace(sure_fit.law, outcome="perplexity", outcome_unit="1"))
    best = optimum(perplexity, 1e23)
    assert best.summary().set_index("quantity").loc["loss", "unit"] == "1"
