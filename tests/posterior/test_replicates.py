"""What a model says before and after it saw runs: prior and posterior predictive outcomes, and the PyMC model."""

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.posterior.single import fit_law


@pytest.fixture(scope="module")
def wary_fit(few_runs):
    """A fit with a discrepancy; its draws need not be certified."""
    return fit_law("chinchilla", few_runs, draws=100, certify=False)


@pytest.fixture(scope="module")
def drawn(few_fit):
    return bs.posterior_predictive(few_fit, seed=1)


def test_outcomes_are_drawn_for_every_run_and_along_them(drawn, few_runs):
    assert drawn.draws["predictive"].dims == ("chain", "draw", "run")
    np.testing.assert_array_equal(drawn.draws["N"], few_runs["N"])
    np.testing.assert_array_equal(drawn.draws["observed"], few_runs["loss"])
    assert drawn.draws["predictive"].attrs["units"] == "nats/token"
    assert drawn.curve["latent"].dims == ("chain", "draw", "point")
    compute = 6 * few_runs["N"] * few_runs["D"]
    np.testing.assert_allclose(drawn.curve["size"][[0, -1]], [compute.min(), compute.max()])
    assert (np.diff(drawn.curve["size"]) > 0).all()


def test_replicates_repeat_with_their_seed(drawn, few_fit):
    assert drawn.draws.equals(bs.posterior_predictive(few_fit, seed=1).draws)
    assert not drawn.draws.equals(bs.posterior_predictive(few_fit, seed=2).draws)


def test_numbers_of_each_run_are_those_of_its_draws(drawn):
    table, values = drawn.summary(0.8), drawn.draws["predictive"].to_numpy().reshape(-1, 11)
    np.testing.assert_allclose(table["q10"], np.quantile(values, 0.1, axis=0))
    np.testing.assert_allclose(table["probability"], (values < table["observed"].to_numpy()).mean(axis=0))
    assert list(table) == ["N", "D", "observed", "mean", "sd", "q10", "q50", "q90", "probability"]


def test_statistics_are_of_whole_tables(drawn, few_runs):
    table = drawn.statistics().set_index("statistic")
    log_loss, log_compute = np.log(few_runs["loss"]), np.log10(few_runs["N"] * few_runs["D"])
    assert table.loc["largest", "observed"] == few_runs["loss"].max()
    assert table.loc["spread", "observed"] == pytest.approx(log_loss.std(ddof=0))
    slope = np.polyfit(log_compute, log_loss, 1)[0]
    assert table.loc["change per tenfold", "observed"] == pytest.approx(slope)
    assert table["unit"].tolist() == ["nats/token"] * 3 + ["log loss"] * 2
    assert table["probability"].between(0.01, 0.99).all()
    largest = drawn.draws["predictive"].max("run").to_numpy()
    assert table.loc["largest", "q95"] == pytest.approx(np.quantile(largest, 0.95))


def test_the_prior_ignores_what_the_runs_say(few_runs):
    asked = {"discrepancy": False, "draws": 100}
    prior = bs.prior_predictive("chinchilla", few_runs, **asked)
    other = bs.prior_predictive("chinchilla", few_runs.assign(loss=few_runs["loss"].to_numpy()[::-1]), **asked)
    assert prior.draws["predictive"].equals(other.draws["predictive"])
    assert prior.prior
    assert "these draws are from the prior" in str(prior)
    assert prior.draws["predictive"].std() > 10 * few_runs["loss"].std()


def test_the_prior_of_a_fit_is_that_of_its_options(wary_fit, few_runs):
    fresh = bs.draw_prior("chinchilla", few_runs, draws=100)
    again = bs.draw_prior(wary_fit)
    for name, values in fresh.parameters.items():
        np.testing.assert_array_equal(values, again.parameters[name])


def test_a_prior_forecasts_plans_and_is_saved_as_a_fit_is(wary_fit, tmp_path):
    prior = bs.draw_prior(wary_fit)
    wide, narrow = (each.forecast(N=1e10, D=2e11) for each in (prior, wary_fit))
    assert wide.draws["latent"].std() > 10 * narrow.draws["latent"].std()
    assert "loss (nats/token), prior predictive" in str(wide)
    answer = prior.plan(budget=1e22)
    assert "these draws are from the prior: no run informs them" in answer.warnings
    np.testing.assert_allclose(6 * answer.draws["N"] * answer.draws["D"], 1e22)
    assert (prior.summary()["sensitivity_runs"] == 0).all()
    again = bs.load(bs.save(prior, tmp_path / "prior.nc"))
    np.testing.assert_array_equal(again.parameters["E"], prior.parameters["E"])
    assert bs.posterior_predictive(again).prior


def test_draws_from_the_prior_are_those_that_the_law_states(wary_fit):
    given = wary_fit.law.level.prior.arguments
    level = np.log(bs.draw_prior(wary_fit, draws=500).parameters[wary_fit.law.level.name])
    assert level.mean() == pytest.approx(given["mu"], abs=4 * given["sigma"] / np.sqrt(2000))
    assert level.std() == pytest.approx(given["sigma"], rel=0.07)


def log_density(fit):
    """The log density of a fit's model as a function of parameters on their own scale."""
    import pytensor
    from pytensor.compile.mode import Mode

    own, replaced = {}, {}
    for variable in fit.model.free_RVs:
        value, transform = fit.model.rvs_to_values[variable], fit.model.rvs_to_transforms[variable]
        own[variable.name] = variable.clone(name=variable.name)
        arguments = [] if transform is None else [own.get(each.name, each) for each in variable.owner.inputs]
        replaced[value] = own[variable.name] if transform is None else transform.forward(own[variable.name], *arguments)
    density = pytensor.graph.replace.graph_replace(fit.model.logp(), replaced)
    return list(own), pytensor.function(list(own.values()), density, mode=Mode("py", "fast_compile"))


def test_the_model_is_that_which_was_sampled(few_fit):
    names, density = log_density(few_fit)
    sampled = few_fit.groups["sample_stats"]["lp"].to_numpy().ravel()
    for i in (0, 1, 999):
        assert float(density(*(few_fit.parameters[name][i] for name in names))) == pytest.approx(sampled[i], rel=1e-9)


def test_the_model_of_a_wary_fit_has_its_discrepancy(wary_fit):
    """The prior of the parameters, standard normal coefficients, and Student-t noise around law plus discrepancy."""
    from scipy.stats import norm, t

    names, density = log_density(wary_fit)
    stats = {name: each.to_numpy().ravel() for name, each in wary_fit.groups["sample_stats"].data_vars.items()}
    left = wary_fit.residuals() - wary_fit.conditional.at_runs
    scale = wary_fit.parameters["sigma"][:, None] * wary_fit.basis.noise_scale
    noise = t.logpdf(left / scale, wary_fit.parameters["nu"][:, None]) - np.log(scale)
    known = {**wary_fit.parameters, "coefficients": wary_fit.coefficients}
    for i in (0, 1, 99):
        prior = stats["lp"][i] - stats["total_log_likelihood"][i]
        expected = prior + norm.logpdf(wary_fit.coefficients[i]).sum() + noise[i].sum()
        assert float(density(*(known[name][i] for name in names))) == pytest.approx(expected, rel=1e-9)


def test_the_model_is_built_once_and_observes_the_outcome(few_fit):
    assert {each.name for each in few_fit.model.observed_RVs} == {"log_loss"}
    assert few_fit.model is few_fit.model


def test_one_group_of_pooled_runs_has_no_model_of_its_own(few_fit):
    from dataclasses import replace

    pooled = replace(few_fit, record=replace(few_fit.record, pool=("E",)))
    with pytest.raises(bs.BayescaleError, match="E of this group were learnt together"):
        pooled.model  # noqa: B018


def test_runs_of_one_size_have_no_path():
    table = pd.DataFrame({"N": [1e8, 2e8, 4e8], "D": [4e9, 2e9, 1e9], "loss": [3.0, 3.1, 2.9]})
    drawn = bs.prior_predictive("chinchilla", table, draws=50, discrepancy=False)
    assert drawn.curve.sizes["point"] == 1
    assert drawn.statistics().set_index("statistic").loc["change per tenfold", "observed"] == 0
