"""Prior sensitivity: as ArviZ measures it, and a warning exactly where the prior decides."""

import numpy as np
import pytest
import xarray as xr

import bayescale as bs
from bayescale.posterior.sensitivity import Sensitivity, follows_prior, power_scaling, sensitivity


@pytest.mark.parametrize("component", ["prior", "likelihood"])
def test_agrees_with_arviz(few_fit, component):
    import arviz as az

    stats = few_fit.tree["sample_stats"].to_dataset()
    name = "total_log_likelihood" if component == "likelihood" else "log_prior"
    groups = {"posterior": few_fit.tree["posterior"].to_dataset(), f"log_{component}": stats[[name]]}
    theirs = az.psense(xr.DataTree.from_dict(groups), group=component)
    ours = few_fit.parameter_sensitivity
    for name in ("E", "a_opt", "alpha_N", "sigma"):
        found = ours[name][component == "likelihood"]
        assert found == pytest.approx(float(theirs[name]), rel=0.1, abs=0.005), name


def test_log_prior_and_log_likelihood_are_of_the_model(few_fit):
    """Their sum is the log posterior density up to the Jacobian, and runs enter the likelihood alone."""
    stats = few_fit.tree["sample_stats"].to_dataset()
    pointwise = few_fit.tree["log_likelihood"]["loss"].sum("run")
    # That of the outcomes is that of their logs over the outcomes.
    on_log = pointwise + np.log(few_fit.runs.column("loss")).sum()
    np.testing.assert_allclose(stats["total_log_likelihood"], on_log, rtol=1e-8, atol=1e-8)
    assert np.isfinite(stats["log_prior"]).all()


def test_a_normal_mean_follows_prior_and_runs_by_their_precision():
    """The two sensitivities of a normal mean are proportional to precision times distance from the posterior."""
    rng = np.random.default_rng(1)
    prior_precision, runs_precision = 1.0, 4.0
    draws = rng.normal(scale=(prior_precision + runs_precision) ** -0.5, size=20_000)
    found = sensitivity(draws[:, None], -0.5 * prior_precision * draws**2, -0.5 * runs_precision * draws**2)
    assert found.likelihood[0] / found.prior[0] == pytest.approx(runs_precision / prior_precision, rel=0.05)


def test_a_flat_component_moves_nothing():
    draws = np.random.default_rng(0).normal(size=(500, 3))
    np.testing.assert_allclose(power_scaling(draws, np.full(500, 3.0)), 0.0, atol=1e-7)


def test_a_quantity_is_warned_of_once_with_the_laws_that_doubt_it():
    blind, informed = Sensitivity(np.array([0.3, 0.2]), np.array([0.1, 0.1])), Sensitivity(np.zeros(2), np.ones(2))
    half = Sensitivity(np.array([0.0, 0.4]), np.array([0.1, 0.1]))
    loss, size = follows_prior({"tied": blind, "skaling": half}, ["loss", "N*"])
    assert loss.startswith("loss follows the prior")
    assert "0.30 to the prior, 0.10 to the runs in tied)" in loss
    assert "0.20 to the prior, 0.10 to the runs in tied; 0.40 to the prior, 0.10 to the runs in skaling)" in size
    assert follows_prior({"tied": informed}, ["loss", "N*"]) == ()
    assert " in tied" not in follows_prior({"tied": blind}, ["loss", "N*"])[0]


def test_a_quantity_that_follows_the_prior_is_marked_and_one_that_follows_the_runs_is_not(chinchilla_fit):
    assert not any("follows the prior" in text for text in bs.plan(chinchilla_fit, budget=[1e22, 1e26]).warnings)
    stats = chinchilla_fit.tree["sample_stats"].to_dataset()
    # As if the runs had said nothing and the prior everything.
    swapped = stats.assign(log_prior=stats["total_log_likelihood"], total_log_likelihood=0.0 * stats["log_prior"])
    groups = chinchilla_fit.groups.copy()
    groups["sample_stats"] = xr.DataTree(swapped)
    blind = bs.Fit(
        groups=groups, law=chinchilla_fit.law, record=chinchilla_fit.record, diagnostics=chinchilla_fit.diagnostics
    )
    told = bs.plan(blind, budget=[1e22, 1e26]).warnings
    assert any(text.startswith("loss at 1e+26 FLOP follows the prior more than the runs") for text in told)
    assert any(text.startswith("N* at 1e+26 FLOP follows the prior") for text in told)
    (text,) = (text for text in bs.forecast(blind, N=[1e9, 7e9], D=[2e10, 1e11]).warnings if "follows" in text)
    assert text.startswith("loss at N = 7B, D = 100B")
