"""Fits: right on published runs, repeatable, usable by ArviZ, and honest about what they could not do."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.basics.errors import CatalogError, LawError, RunsError, SamplingError
from bayescale.laws.catalog import load_law
from bayescale.laws.parameters import Prior
from bayescale.planning.allocation import optimum
from bayescale.posterior import single as fitting
from bayescale.posterior.fit import with_log_likelihood
from bayescale.posterior.forecasting import forecast, joint_log_density
from bayescale.posterior.replicates import with_posterior_predictive, with_prior_predictive
from bayescale.posterior.single import fit_law
from bayescale.sampling import importance, nuts

fit = partial(fit_law, discrepancy=False)
"""A fit that takes the law as true."""


@pytest.fixture
def importance_uncertified(monkeypatch):
    monkeypatch.setattr(importance, "K_HAT_LIMIT", -np.inf)
    monkeypatch.setattr(importance, "PATIENT", importance.QUICK)


@pytest.fixture
def nuts_uncertified(monkeypatch):
    monkeypatch.setattr(nuts, "R_HAT_LIMIT", 0.0)


@pytest.fixture
def quick_nuts(monkeypatch):
    """NUTS that is not compiled: its chains are draws of importance sampling."""

    def sample(model, *, draws, chains, **_):
        posterior, stats = quick.tree["posterior"].to_dataset(), quick.tree["sample_stats"].to_dataset()
        return nuts.NutsResult(posterior, stats, r_hat_max=1.0, ess={"sigma": 500.0}, divergent_share=0.0)

    def prepare(fitted):
        nonlocal quick
        quick = fitted
        monkeypatch.setattr(nuts, "sample_nuts", sample)

    quick = None
    return prepare


def test_posterior_means_are_within_a_standard_error_of_the_published_refit(chinchilla_fit):
    published = next(item for item in chinchilla_fit.law.published if "Besiroglu" in item.citation)
    assert set(published.standard_errors) >= {"E", "alpha_N", "beta_D", "a_opt"}
    for name, error in published.standard_errors.items():
        assert abs(chinchilla_fit.parameters[name].mean() - published.values[name]) < error, name  # noqa: PD011


def test_tokens_per_parameter_at_the_budget_of_chinchilla(chinchilla_fit):
    ratio = optimum(chinchilla_fit, 5.76e23).draws["tokens_per_parameter"]
    assert 18 < ratio.median() < 20


@pytest.mark.slow
def test_one_sided_noise_finds_what_well_tuned_runs_reach(chinchilla_runs):
    """Poorly tuned runs pull the fit up under other noises, but not under this one."""
    rng = np.random.default_rng(3)
    frame = chinchilla_runs.frame[["N", "D"]]
    frontier = 1.82 + 482 * frame["N"] ** -0.348 + 2085 * frame["D"] ** -0.366
    lost = rng.normal(scale=0.003, size=len(frame)) + rng.exponential(0.02, len(frame))
    table = frame.assign(loss=frontier * np.exp(lost))
    fits = {noise: fit("chinchilla", table, noise=noise, draws=500) for noise in ("one_sided", "student_t")}
    at = {noise: forecast(fitted, N=1e9, D=2e10).draws for noise, fitted in fits.items()}
    truth = 1.82 + 482 * 1e9**-0.348 + 2085 * 2e10**-0.366
    assert abs(at["one_sided"]["latent"].mean() - truth) < 2.5 * at["one_sided"]["latent"].std()
    assert at["student_t"]["latent"].mean() - truth > 5 * at["student_t"]["latent"].std()
    assert fits["one_sided"].parameters["excess"].mean() == pytest.approx(0.02, rel=0.2)
    assert fits["one_sided"].diagnostics.log_evidence > fits["student_t"].diagnostics.log_evidence + 10
    # A new run loses too: its mean excess stands in the predictive draws.
    lost_again = np.log(at["one_sided"]["predictive"] / at["one_sided"]["latent"]).mean()
    assert lost_again == pytest.approx(0.02, rel=0.25)


def test_one_sided_noise_takes_the_law_as_true(few_runs):
    with pytest.raises(LawError, match="give discrepancy=False"):
        fit_law("chinchilla", few_runs, noise="one_sided")


def test_the_shipped_runs_are_certified_without_warnings(chinchilla_fit):
    diagnostics = chinchilla_fit.diagnostics
    assert diagnostics.certified
    assert chinchilla_fit.record.engine == "importance"
    assert chinchilla_fit.warnings == ()
    assert diagnostics.pareto_k < 0.7
    assert diagnostics.ess_min >= 1000
    assert 0 < diagnostics.log_evidence_se < 0.1
    assert chinchilla_fit.notes == ("5 of 245 runs flagged outlier left out: the 5 largest losses, which the published "
                                    "refit also leaves out",)  # fmt: skip


def test_a_seed_repeats_the_draws_and_another_gives_others(few_runs, few_fit):
    again, other = fit("chinchilla", few_runs), fit("chinchilla", few_runs, seed=1)
    for name, draws in few_fit.parameters.items():
        np.testing.assert_array_equal(again.parameters[name], draws)
        assert not np.isin(other.parameters[name], draws).any()
        assert abs(other.parameters[name].mean() - draws.mean()) < 0.2 * draws.std()


def test_the_shape_of_the_draws_is_as_asked(few_runs):
    sizes = fit("chinchilla", few_runs, draws=50, chains=2).tree["posterior"].sizes
    assert dict(sizes) == {"chain": 2, "draw": 50}


@pytest.mark.slow
@pytest.mark.parametrize("law", ["chinchilla", "tied"])
@pytest.mark.parametrize("noise", ["student_t", "normal"])
def test_every_variable_has_its_unit_and_meaning(few_runs, law, noise):
    fitted = fit(law, few_runs, noise=noise)
    for group in ("posterior", "prior"):
        for name, variable in fitted.tree[group].data_vars.items():
            assert variable.attrs["long_name"], name
            assert "units" in variable.attrs, name
    assert ("nu" in fitted.parameters) == (noise == "student_t")
    assert list(fitted.summary().columns) == [
        "mean",
        "sd",
        "q05",
        "q50",
        "q95",
        "sensitivity_prior",
        "sensitivity_runs",
        "unit",
        "meaning",
    ]
    assert list(fitted.summary(0.5).columns)[2:5] == ["q25", "q50", "q75"]


def test_arviz_takes_the_tree_as_it_is(chinchilla_fit):
    import arviz as az
    import matplotlib as mpl

    mpl.use("Agg")
    summary = az.summary(chinchilla_fit.tree, kind="stats", round_to="none")
    assert summary.loc["E", "mean"] == pytest.approx(chinchilla_fit.parameters["E"].mean())
    az.plot_dist(chinchilla_fit.tree, var_names=["E", "a_opt"])
    az.plot_prior_posterior(chinchilla_fit.tree, var_names=["E"])
    mpl.pyplot.close("all")


def test_log_likelihood_serves_leave_one_out(chinchilla_fit):
    import arviz as az

    tree = chinchilla_fit.tree
    assert dict(tree["log_likelihood"].sizes) == {"chain": 4, "draw": 1000, "run": 240}
    assert "log_likelihood" not in tree["sample_stats"]
    loo = az.loo(tree)
    assert loo.good_k > loo.pareto_k.max()
    assert 3 < loo.p < 12


@pytest.mark.slow
def test_the_tree_is_what_arviz_expects(chinchilla_fit):
    import arviz as az
    import matplotlib as mpl

    mpl.use("agg")
    record = chinchilla_fit.record
    for group in ("posterior", "log_likelihood", "observed_data"):
        attrs = chinchilla_fit.tree[group].attrs
        assert attrs["inference_library"] == "bayescale"
        assert attrs["created_at"] == record.created_at
        assert attrs["pymc_version"] == record.versions["pymc"]
    full = with_prior_predictive(with_posterior_predictive(chinchilla_fit)).tree
    variables = ("observed_data", "posterior_predictive", "prior_predictive", "log_likelihood")
    assert all(list(full[group].data_vars) == ["loss"] for group in variables)
    np.testing.assert_array_equal(full["observed_data"]["loss"], chinchilla_fit.runs.column("loss"))
    az.plot_ppc_dist(full, num_samples=20)
    az.plot_loo_pit(full)
    az.plot_khat(az.loo(full, pointwise=True))
    az.plot_ess(full, var_names=["E"])
    mpl.pyplot.close("all")


@pytest.mark.slow
def test_outcomes_that_the_priors_expect_are_far_wider_than_the_runs(chinchilla_fit):
    expected = with_prior_predictive(chinchilla_fit, seed=1).tree["prior_predictive"]["loss"]
    assert (expected > 0).all()
    low, high = expected.quantile([0.05, 0.95], dim=("chain", "draw")).to_numpy()
    observed = chinchilla_fit.runs.column("loss")
    assert ((low < observed) & (observed < high)).mean() > 0.95
    again = with_prior_predictive(chinchilla_fit, seed=1).tree["prior_predictive"]["loss"]
    assert again.equals(expected)


def test_large_tables_have_their_log_likelihood_on_request(few_fit, monkeypatch):
    monkeypatch.setattr("bayescale.posterior.fit._POINTWISE_RUNS", 3)
    fresh = replace(few_fit)
    assert "log_likelihood" not in fresh.tree
    assert "log_likelihood" in with_log_likelihood(fresh).tree


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto")
@pytest.mark.parametrize("discrepancy", [True, False])
def test_checkpoints_of_a_run_are_left_out_together(discrepancy):
    """Leaving out whole runs gives the same score as refits without them (measured: within 0.1 nats per run)."""
    import arviz as az

    rng, n = np.random.default_rng(0), 16
    size = np.repeat(10 ** rng.uniform(7, 9, n), 5)
    tokens = 20 * size * np.tile(2.0 ** np.arange(-2, 3), n)
    loss = 1.8 + 480 / size**0.34 + 2085 / tokens**0.366
    loss *= np.exp(np.repeat(rng.normal(0, 0.01, n), 5) + rng.normal(0, 0.003, 5 * n))
    runs = bs.Runs.from_frame(pd.DataFrame({"run": np.repeat(np.arange(n), 5), "N": size, "D": tokens, "loss": loss}))
    options = {"discrepancy": discrepancy, "noise": "normal"}
    whole = az.loo(fit("chinchilla", runs, **options).tree, pointwise=True)
    assert whole.elpd_i.sizes == {"training_run": n}
    left = [0, 7, 12]
    alone = [
        joint_log_density(fit_law("chinchilla", runs.take(np.flatnonzero(runs.clusters != code)), **options), hidden)
        for code in left
        for hidden in [runs.take(np.flatnonzero(runs.clusters == code))]
    ]
    good = whole.pareto_k.to_numpy()[left] < 0.7
    assert good.sum() >= 2
    np.testing.assert_allclose(whole.elpd_i.to_numpy()[left][good], np.array(alone)[good], atol=0.3)


def test_replicated_runs_scatter_like_the_observed_ones(chinchilla_fit):
    extended = with_posterior_predictive(chinchilla_fit, seed=3)
    replicated = extended.tree["posterior_predictive"]["loss"]
    assert replicated.dims == ("chain", "draw", "run")
    assert replicated.shape == (4, 1000, 240)
    observed = chinchilla_fit.tree["observed_data"]["loss"]
    low, high = replicated.quantile([0.05, 0.95], dim=("chain", "draw"))
    assert 0.84 < ((observed > low) & (observed < high)).mean() < 0.96
    again = with_posterior_predictive(chinchilla_fit, seed=3).tree["posterior_predictive"]["loss"]
    assert replicated.equals(again)


@pytest.mark.slow
def test_standard_errors_of_the_table_explain_scatter(few_runs):
    noise = np.random.default_rng(1).normal(scale=0.02, size=len(few_runs))
    noisy = few_runs.assign(loss=few_runs["loss"] * np.exp(noise))
    plain = fit("chinchilla", noisy, noise="normal")
    explained = fit("chinchilla", noisy.assign(loss_se=0.02 * noisy["loss"]), noise="normal")
    assert explained.parameters["sigma"].mean() < 0.7 * plain.parameters["sigma"].mean()


@pytest.mark.slow
def test_standard_errors_of_the_table_widen_the_posterior(few_runs, few_fit):
    uncertain = fit("chinchilla", few_runs.assign(loss_se=0.02 * few_runs["loss"]))
    assert uncertain.parameters["loss_centre"].std() > 1.5 * few_fit.parameters["loss_centre"].std()


@pytest.mark.slow
def test_a_run_with_a_large_standard_error_hardly_counts(few_runs, few_fit):
    wrong = few_runs.copy()
    wrong.loc[10, "loss"] += 0.3
    spoilt = fit("chinchilla", wrong, noise="normal")
    forgiven = fit("chinchilla", wrong.assign(loss_se=np.where(wrong.index == 10, 0.5, 1e-6)), noise="normal")
    true, sd = few_fit.parameters["loss_centre"].mean(), few_fit.parameters["loss_centre"].std()
    assert abs(forgiven.parameters["loss_centre"].mean() - true) < 3 * sd
    assert abs(spoilt.parameters["loss_centre"].mean() - true) > 3 * sd


@pytest.mark.slow
def test_fewer_runs_than_parameters_are_doubted(few_runs, few_fit, importance_uncertified, quick_nuts):
    quick_nuts(few_fit)
    fitted = fit("chinchilla", few_runs.iloc[::3])
    assert any("4 runs for the 5 free parameters of law 'chinchilla'" in text for text in fitted.warnings)


def test_fewer_runs_than_parameters_need_proper_priors(few_runs):
    law = load_law("chinchilla")
    flat = replace(law, parameters=(replace(law.parameters[0], prior=Prior("HalfFlat")), *law.parameters[1:]))
    with pytest.raises(LawError, match=r"4 runs for the 5 free parameters.*add runs, or give share_N a proper prior"):
        fit(flat, few_runs.iloc[::3])


@pytest.mark.slow
def test_runs_on_one_ray_are_doubted(few_runs, few_fit, importance_uncertified, quick_nuts):
    quick_nuts(few_fit)
    N = np.geomspace(1e8, 1e10, 8)
    ray = pd.DataFrame({"N": N, "D": 20 * N, "loss": 1.8 + 480 * N**-0.35 + 2080 * (20 * N) ** -0.366})
    assert "all runs lie on one ray of D/N = 20 tokens per parameter" in fit("chinchilla", ray).warnings[0]


def test_an_irreducible_loss_that_is_the_priors_is_doubted():
    N, D = (np.tile(values.ravel(), 3) for values in np.meshgrid([1e6, 2e6], [1e8, 2e8]))
    noise = np.random.default_rng(0).normal(scale=0.1, size=12)
    far_above = pd.DataFrame({"N": N, "D": D, "loss": (1.8 + 480 * N**-0.35 + 2080 * D**-0.366) * np.exp(noise)})
    texts = [text for text in fit("chinchilla", far_above, noise="normal").warnings if "E is not identified" in text]
    assert len(texts) == 1
    assert "add runs at larger N and D" in texts[0]


def test_a_posterior_that_needs_more_draws_gets_them_before_nuts_is_tried(monkeypatch):
    monkeypatch.delattr(nuts, "sample_nuts")
    monkeypatch.setattr(importance, "TEMPERED", None)
    x = 100 * 2.0 ** np.arange(10)
    curve = pd.DataFrame({"x": x, "y": [2.1, 1.7, 1.42, 1.2, 1.03, 0.9, 0.81, 0.74, 0.70, 0.67]})
    assert fit_law("m3", curve).certified


def test_an_uncertified_fit_falls_back_to_nuts_and_says_so(few_runs, few_fit, importance_uncertified, quick_nuts):
    quick_nuts(few_fit)
    fitted = fit("chinchilla", few_runs)
    assert fitted.diagnostics.certified
    assert fitted.record.engine == "nuts"
    assert (fitted.diagnostics.pareto_k, fitted.diagnostics.r_hat_max) == (None, 1.0)
    (text,) = fitted.warnings
    assert text.startswith("importance sampling was not certified (Pareto k-hat ")
    assert text.endswith("these draws are from NUTS")


def test_the_better_of_two_uncertified_samplers_is_returned_and_marked(
    few_runs, few_fit, importance_uncertified, nuts_uncertified, quick_nuts
):
    quick_nuts(few_fit)
    fitted = fit("chinchilla", few_runs)
    assert not fitted.diagnostics.certified
    assert fitted.record.engine == "importance"
    assert fitted.diagnostics.ess_min > 500
    (text,) = fitted.warnings
    assert text.startswith("NOT CERTIFIED: importance sampling was not certified")
    assert "NUTS was not certified (R-hat 1, not below 0): longer chains may be, by more draws= or minutes=" in text
    assert text.endswith("these draws are from importance")


def test_uncertified_nuts_that_was_asked_for_is_marked(few_runs, few_fit, nuts_uncertified, quick_nuts):
    quick_nuts(few_fit)
    (text,) = fit("chinchilla", few_runs, engine="nuts").warnings
    assert text.startswith("NOT CERTIFIED: NUTS was not certified (R-hat 1, not below 0): longer chains may be")


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"noise": "cauchy"}, LawError, "unknown noise 'cauchy': choose one of student_t, normal"),
        ({"engine": "hmc"}, SamplingError, "unknown engine 'hmc': choose one of importance, nuts"),
        ({"law": "chinchila"}, CatalogError, "did you mean 'chinchilla'"),
        ({"runs": "absent.csv"}, RunsError, "no such file"),
        ({"runs": pd.DataFrame({"N": [1e8], "D": [1e9]})}, RunsError, "no column 'loss'"),
    ],
    ids=["noise", "engine", "law", "runs", "column"],
)
def test_a_mistake_is_refused_before_anything_is_sampled(arguments, error, said, monkeypatch):
    monkeypatch.setattr(fitting, "infer", pytest.fail)
    with pytest.raises(error, match=said):
        fit(**{"law": "chinchilla", "runs": "chinchilla", **arguments})


def test_a_law_of_ones_own_is_fitted_by_path(own_law):
    steps = np.geomspace(100, 1e5, 12)
    noise = np.random.default_rng(0).normal(scale=0.003, size=12)
    table = pd.DataFrame({"steps": steps, "loss": (2.0 + 9 * steps**-0.4) * np.exp(noise)})
    fitted = fit(own_law, table)
    assert fitted.diagnostics.certified
    assert (fitted.record.law, fitted.record.law_origin) == ("steps", "my_law.py")
    for name, true in {"floor": 2.0, "scale": 9, "rate": 0.4}.items():
        draws = fitted.parameters[name]
        assert abs(draws.mean() - true) < 4 * draws.std(), name


def test_a_law_whose_mean_is_nowhere_defined_is_refused(few_runs):
    law = replace(load_law("chinchilla"), mean=lambda xp, x, p: -p["E"] * x["N"] / x["N"])
    with pytest.raises(SamplingError, match="check the law's mean function"):
        fit(law, few_runs)


def test_the_fitted_runs_come_back(few_runs, few_fit):
    for name in ("N", "D", "loss"):
        np.testing.assert_allclose(few_fit.runs.column(name), few_runs[name], rtol=1e-14)


def test_text_names_the_runs_and_every_parameter(few_fit):
    text = str(few_fit)
    assert text.startswith("Chinchilla on DataFrame, certified")
    assert all(name in text for name in few_fit.parameters)
