"""What a user believes, in fits: samplers agree, fixed values stay fixed, and every answer says what was believed."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayescale as bs
from bayescale.basics.errors import LawError
from bayescale.basics.parallel import fingerprint
from bayescale.cli.documents import fit_document
from bayescale.data.checks import observe
from bayescale.inference.discrepancy import discrepancy_basis
from bayescale.inference.model import build_model
from bayescale.inference.options import Options
from bayescale.laws.additive import additive_optimum
from bayescale.laws.evidence import parse_evidence
from bayescale.laws.noise import noise_by_name
from bayescale.posterior.ensembles import Ensemble, equal_weights
from bayescale.posterior.pooled_law import pooled_law
from bayescale.posterior.single import as_runs
from bayescale.sampling.logdensity import LogDensity
from bayescale.sampling.nuts import sample_nuts

C = 5.76e23
PUBLISHED = bs.Published(N_star=70e9, C=C, sd=0.3)
OTHER = bs.OtherRun(2.16, sd=0.01, offset=0.005, N=7e9, D=1.4e11)


def fit(runs, **choices):
    return bs.fit("chinchilla", runs, **{"discrepancy": False, **choices})


@pytest.mark.long
@pytest.mark.slow
def test_both_samplers_agree_on_priors_and_evidence(few_runs, believing_fit):
    law = believing_fit.law
    nuts = fit(few_runs, priors=law.priors, evidence=law.evidence, engine="nuts")
    assert believing_fit.certified
    assert nuts.certified
    for name in ("E", "a_opt", "alpha_N", "loss_centre", "sigma"):
        first, second = believing_fit.parameters[name], nuts.parameters[name]
        assert abs(first.mean() - second.mean()) < 0.15 * second.std(), name
        assert 0.8 < first.std() / second.std() < 1.25, name


EXPONENTS = {
    "alpha_N": bs.Prior("LogNormal", mu=-1.08, sigma=0.1),
    "beta_D": bs.Prior("Gamma", mu=0.37, sigma=0.03),
}


@pytest.fixture(scope="module")
def exponents_fit(few_runs):
    return fit(few_runs, priors=EXPONENTS, noise="normal")


@pytest.mark.long
@pytest.mark.slow
def test_a_model_written_by_hand_in_the_exponents_has_the_same_posterior(few_runs, exponents_fit):
    import pymc as pm
    import pytensor.tensor as pt

    logs = {name: np.log(few_runs[name].to_numpy()) for name in ("N", "D", "loss")}
    with pm.Model() as model:
        alpha = pm.LogNormal("alpha_N", mu=-1.08, sigma=0.1)
        beta = pm.Gamma("beta_D", mu=0.37, sigma=0.03)
        share = pm.LogitNormal("share_N", mu=0, sigma=np.sqrt(2))
        middle = np.log(0.5 / 1.3) - 0.5 * pt.log(share * (1 - share))
        ratio = pm.LogNormal("ratio", mu=middle, sigma=np.hypot(np.sqrt(0.5), 0.35))
        level = pm.LogNormal("loss_centre", mu=0, sigma=3)
        sigma = pm.LogNormal("sigma", mu=np.log(0.004), sigma=1)
        n, d = (logs[name] - logs[name].mean() for name in ("N", "D"))
        terms = share * pt.exp(-alpha * n) + (1 - share) * pt.exp(-beta * d)
        pm.Normal("loss", pt.log(level / (1 + ratio) * (1 + ratio * terms)), sigma, observed=logs["loss"])
    by_hand = sample_nuts(model, draws=1000, chains=4, seed=1).posterior
    for name in by_hand:
        first, second = exponents_fit.parameters[name], by_hand[name].to_numpy()
        assert abs(first.mean() - second.mean()) < 0.1 * second.std(), name
        assert 0.9 < first.std() / second.std() < 1.1, name


def test_priors_on_both_exponents_are_saved_and_move_what_they_are_on(exponents_fit, tmp_path):
    assert exponents_fit.certified
    again = bs.load(bs.save(exponents_fit, tmp_path / "fit.nc"))
    assert again.record.carriers == {"alpha_N": "slope", "beta_D": "a_opt"}
    assert again.summary().loc["alpha_N", "sensitivity_prior"] > 0.05
    prior = again.groups["prior"]["beta_D"].to_numpy()
    assert prior.mean() == pytest.approx(0.37, abs=0.005)


def test_a_fit_says_what_was_believed_and_how_far_it_pulls(believing_fit):
    assert believing_fit.notes[0] == "your priors: E ~ Normal(mu=1.7, sigma=0.05)"
    assert [note.partition(":")[0] for note in believing_fit.notes[1:]] == [
        f"evidence {PUBLISHED}",
        f"evidence {OTHER}",
    ]
    assert bs.plan(believing_fit, budget=C).notes[: len(believing_fit.notes)] == believing_fit.notes
    table = bs.pull(believing_fit).set_index(["evidence", "quantity"])
    assert table.loc[(str(PUBLISHED), "a_opt"), "shift"] < 0
    assert set(table.columns) == {"with", "without", "shift", "k_hat"}


def test_the_pull_on_a_mixture_is_that_on_its_members_by_their_weights(few_fit, believing_fit):
    both = {"believing": believing_fit, "plain": few_fit}
    weights = equal_weights(list(both)).copy(data=[[0.25, 0.75]])
    table = bs.pull(Ensemble(members=both, weights=weights)).set_index(["law", "evidence", "quantity"])
    alone = bs.pull(believing_fit).set_index(["evidence", "quantity"])
    pd.testing.assert_frame_equal(table.loc["believing"], alone, check_index_type=False)
    assert set(table.index.unique("law")) == {"believing", "ensemble"}
    found, member = table.loc[("ensemble", str(OTHER), "E")], alone.loc[(str(OTHER), "E")]
    plain = few_fit.parameters["E"]
    assert found["without"] == pytest.approx(0.25 * member["without"] + 0.75 * plain.mean())
    mixed = np.concatenate([believing_fit.parameters["E"], *3 * [plain]])
    assert found["shift"] == pytest.approx(0.25 * (member["with"] - member["without"]) / mixed.std())


def test_what_was_believed_is_saved_and_loaded(believing_fit, tmp_path):
    again = bs.load(bs.save(believing_fit, tmp_path / "fit.nc"))
    assert again.law is believing_fit.law
    assert (again.record, again.notes) == (believing_fit.record, believing_fit.notes)
    assert again.record.carriers == {"E": "loss_centre"}


@pytest.mark.usefixtures("sketched")
def test_a_fixed_value_is_fixed_in_every_answer_and_precise_evidence_pins(few_runs):
    precise = [bs.Published(N_star=40e9, C=C, sd=0.01)]
    found = fit(few_runs, discrepancy=True, draws=100, priors={"E": 1.7, "nu": 6}, evidence=precise)
    assert np.log(additive_optimum(found.parameters, C / 6) / 40e9).std() < 0.02
    assert set(found.parameters["E"]) == {1.7}
    assert set(found.parameters["nu"]) == {6.0}
    summary = found.summary().loc["E"]
    assert (summary["mean"], summary["sd"], summary["sensitivity_prior"]) == pytest.approx((1.7, 0, 0))
    assert np.isfinite(found.tree["log_likelihood"]["loss"]).all()
    assert not any("E " in text for text in found.warnings if "identified" in text or "contradict" in text)
    assert np.isfinite(found.forecast(N=7e9, D=1.4e11).summary(0.9)["q50"].item())


def terms(runs, evidence, *, discrepancy, groups=None):
    options = Options(evidence=evidence, discrepancy=discrepancy)
    law = options.applied(bs.load_law("chinchilla"))
    observed = observe(law if groups is None else pooled_law(law, ["a_opt"], groups), as_runs(runs))
    basis = discrepancy_basis(observed) if discrepancy else None
    density = LogDensity(build_model(observed, noise_by_name("normal"), basis).model)
    draws = density.prior(20, 0)
    latent = np.zeros((20, len(density._model.coords.get("feature", ()))))
    return density, draws, density.parameters(draws, latent)


def test_evidence_is_a_density_of_what_the_law_says(few_runs):
    floor, range_ = bs.Measured("E", 1.7, sd=0.3), bs.Bounded(1.5, 3.0, N=7e9, D=1.4e11, sd=0.2)
    density, draws, p = terms(few_runs, [PUBLISHED, floor, range_], discrepancy=False)
    found = density.potentials(draws)
    best = np.log(additive_optimum(p, C / 6))
    np.testing.assert_allclose(found["evidence_1"], stats.norm(best, 0.3).logpdf(np.log(70e9)), rtol=1e-9)
    np.testing.assert_allclose(found["evidence_2"], stats.norm(p["E"], 0.3).logpdf(1.7), rtol=1e-9)
    loss = np.log(p["E"] + p["A"] * 7e9 ** -p["alpha_N"] + p["B"] * 1.4e11 ** -p["beta_D"])
    ends = stats.norm.logcdf((loss - np.log(1.5)) / 0.2) + stats.norm.logcdf((np.log(3.0) - loss) / 0.2)
    np.testing.assert_allclose(found["evidence_3"], ends, rtol=1e-6)


def test_evidence_on_pooled_groups_is_on_the_typical_one(few_runs):
    coded = few_runs.assign(group_code=np.arange(len(few_runs)) % 2)
    density, draws, p = terms(coded, [PUBLISHED], discrepancy=False, groups=["first", "second"])
    best = np.log(additive_optimum(p, C / 6))
    found = density.potentials(draws)["evidence_1"]
    np.testing.assert_allclose(found, stats.norm(best, 0.3).logpdf(np.log(70e9)), rtol=1e-9)


@pytest.mark.usefixtures("sketched")
def test_pooled_groups_are_pulled_by_evidence_and_refuse_that_of_one_group():
    x = np.geomspace(1, 1e3, 5)
    runs = pd.DataFrame({"group": ["a"] * 5 + ["b"] * 5, "x": [*x, *x], "y": [*x**-0.29, *(2 * x**-0.31)]})
    asked = {"pool": ["y_centre"], "discrepancy": False, "draws": 100}
    with pytest.raises(LawError, match="is a run of one group"):
        bs.fit("m1", runs, evidence=[bs.OtherRun(0.1, sd=0.1, outcome="y", x=1e4)], **asked)
    pooled = bs.fit("m1", runs, evidence=[bs.Measured("slope", 0.32, sd=1e-4)], **asked)
    assert pooled.of("b").parameters["slope"].mean() == pytest.approx(0.32, abs=1e-3)
    assert (bs.pull(pooled.of("b")).set_index("quantity").loc["slope", "shift"]) > 0


def test_another_run_tells_as_much_as_a_run_of_ones_own(few_runs):
    row = pd.DataFrame({"N": [7e9], "D": [1.4e11], "loss": [2.0]})
    density, draws, p = terms(few_runs, [bs.OtherRun(2.0, sd=1e-9, N=7e9, D=1.4e11)], discrepancy=False)
    loss = np.log(p["E"] + p["A"] * 7e9 ** -p["alpha_N"] + p["B"] * 1.4e11 ** -p["beta_D"])
    own = stats.norm(loss, p["sigma"]).logpdf(np.log(row["loss"].item()))
    np.testing.assert_allclose(density.potentials(draws)["evidence_1"], own, rtol=1e-6)


def test_another_run_departs_from_the_law_by_a_discrepancy_of_its_own(few_runs):
    density, draws, p = terms(few_runs, [bs.OtherRun(2.0, sd=0.01, N=7e9, D=1.4e11)], discrepancy=True)
    loss = np.log(p["E"] + p["A"] * 7e9 ** -p["alpha_N"] + p["B"] * 1.4e11 ** -p["beta_D"])
    least = stats.norm(loss, np.hypot(0.01, p["sigma"])).logpdf(np.log(2.0))
    far = np.abs(loss - np.log(2.0)) > 1
    assert far.any()
    assert (density.potentials(draws)["evidence_1"][far] > least[far]).all()


@pytest.mark.parametrize(
    "evidence",
    [
        PUBLISHED,
        bs.Published(D_star=1.3e12, C=C, sd=0.25),
        bs.Measured("alpha_N", 1 / 3, sd=0.02),
        OTHER,
        bs.Bounded(1.9, 2.1, N=7e10, D=1.4e12),
    ],
)
def test_evidence_is_read_as_it_is_written(evidence):
    assert parse_evidence(str(evidence)) == evidence


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("N_star 70B", "is no evidence"),
        ("N_star=70B at C=5.76e23", "is no evidence"),
        ("N_star=-70B at C=5.76e23, sd=0.3", "above zero"),
        ("E=1.69", "is no evidence"),
        ("loss=2..1.9 at N=1e9, D=1e10", "must be below"),
        ("loss=2 at N=1e9, sd=0.1, sd=0.2", "is no evidence"),
    ],
)
def test_wrong_evidence_is_refused(text, said):
    with pytest.raises(LawError, match=said):
        parse_evidence(text)


@pytest.mark.parametrize(
    ("law", "evidence", "said"),
    [
        ("floor_c", [PUBLISHED], "has no optimum"),
        ("chinchilla", [bs.Measured("k", 1.0, sd=0.1)], "has no k"),
        ("chinchilla", [bs.OtherRun(2.0, sd=0.01, N=1e9)], "reads N, D"),
        ("chinchilla", [bs.OtherRun(0.3, sd=0.01, outcome="error", N=1e9, D=1e10)], "predicts loss"),
        ("chinchilla", [bs.OtherRun(-1.0, sd=0.01, N=1e9, D=1e10)], "between 0 and inf"),
        ("chinchilla", [PUBLISHED, PUBLISHED], "given twice"),
        ("chinchilla", ["E=1.69, sd=0.03"], "give a list"),
    ],
)
def test_evidence_that_a_law_cannot_take_is_refused(law, evidence, said):
    with pytest.raises(LawError, match=said):
        Options(evidence=evidence).applied(bs.load_law(law))


def test_kept_results_are_told_apart_by_what_was_believed():
    options = [Options(), Options(priors={"E": 1.6}), Options(priors={"E": 1.7}), Options(evidence=[PUBLISHED])]
    assert len({fingerprint(asdict(each)) for each in options}) == len(options)


@pytest.mark.usefixtures("sketched")
def test_a_mixture_applies_beliefs_where_they_exist_and_prints_where_not(few_runs, run_cli, tmp_path):
    table = tmp_path / "few.csv"
    few_runs.iloc[:9].to_csv(table, index=False)
    beliefs = ("--prior", "E = 1.7", "--prior", "k = 1", "--evidence", "a_opt=0.5, sd=0.02")
    _, out, _ = run_cli("fit", table, "--no-discrepancy", *beliefs)
    assert out.count("fixed at 1.7") == 2
    assert out.count("fixed at 1 ") == 1
    assert "note: your prior on k does not concern tied, without k" in out
    assert "note: evidence a_opt=0.5, sd=0.02 does not concern tied" in out
    assert "note: skaling: evidence a_opt=0.5, sd=0.02: moves" in out


def test_documents_hold_what_was_believed(believing_fit):
    document = fit_document(believing_fit)
    assert document["priors"] == {"E": "Normal(mu=1.7, sigma=0.05)"}
    assert document["evidence"] == [str(PUBLISHED), str(OTHER)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--prior", "E ~ Lognormal(mu=0, sigma=1)"), "did you mean 'LogNormal'"),
        (("--prior", "E = 1.6", "--prior", "E = 1.7"), "E has two priors"),
        (("--prior", "F = 1.6"), "has no such quantity"),
        (("--evidence", "E 1.69"), "is no evidence"),
    ],
)
def test_the_command_line_refuses_what_cannot_be_believed(run_cli, options, said):
    status, _, err = run_cli("fit", "chinchilla", "--law", "chinchilla", *options)
    assert status == 2
    assert said in err.replace("\n", " ")
