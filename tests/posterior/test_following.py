"""Laws that serve an outcome which follows from their own: the same posterior, on the scale that the table has."""

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.basics.errors import LawError, RunsError
from bayescale.data.cells import _scaled
from bayescale.data.observed import Observed
from bayescale.laws.following import as_law_of, outcomes_of
from bayescale.posterior.fitting import chosen_laws

DRAWS = {"draws": 250, "chains": 4}


@pytest.fixture(scope="module")
def runs():
    return bs.load_dataset("chinchilla").frame[["N", "D", "loss"]].iloc[::8].reset_index(drop=True)


@pytest.fixture(scope="module")
def of_loss(runs):
    return bs.fit("chinchilla", runs, **DRAWS)


@pytest.fixture(scope="module")
def of_perplexity(runs):
    table = runs.assign(ppl=np.exp(runs["loss"])).drop(columns="loss")
    return bs.fit("chinchilla", table, **DRAWS)


def test_a_law_of_loss_has_the_same_posterior_given_perplexities(of_loss, of_perplexity):
    for name, values in of_loss.parameters.items():
        np.testing.assert_allclose(of_perplexity.parameters[name], values, rtol=1e-6)


def test_its_forecasts_are_perplexities(of_loss, of_perplexity):
    at = {"N": 7e10, "D": 1.4e12}
    loss, perplexity = (each.forecast(**at) for each in (of_loss, of_perplexity))
    assert (perplexity.outcome, perplexity.unit) == ("perplexity", "perplexity")
    np.testing.assert_allclose(np.log(perplexity.draws["predictive"]), loss.draws["predictive"], rtol=1e-6)
    assert "perplexity = exp(loss): the law describes loss in nats/token" in of_perplexity.notes
    sizes = [each.plan(budget=1e23).draws["N"].median() for each in (of_loss, of_perplexity)]
    np.testing.assert_allclose(*sizes, rtol=1e-6)


def test_a_registered_perplexity_is_scored_by_its_relative_error(of_perplexity, run_cli, tmp_path):
    told = bs.register(of_perplexity, tmp_path / "told.json", N=7e10, D=1.4e12)
    observed = 1.1 * told.quantiles[0][len(told.quantiles[0]) // 2]
    (tmp_path / "came.csv").write_text(f"N,D,perplexity\n7e10,1.4e12,{observed}\n")
    status, out, _ = run_cli("score", tmp_path / "told.json", "--observed", tmp_path / "came.csv")
    assert (status, "-9.09%" in out) == (0, True)


def test_noise_of_perplexities_above_one_is_that_of_their_logarithm():
    table = pd.DataFrame({"N": [1e8] * 3 + [1e9] * 3, "D": 2e10, "perplexity": [9.0, 10.0, 11.0, 18.0, 20.0, 22.0]})
    runs = bs.Runs.from_frame(table.assign(lr=[1e-3, 2e-3, 3e-3] * 2), outcome="perplexity", domain="above one")
    assert _scaled(runs) == pytest.approx(np.log(table["perplexity"]))


def test_a_saved_fit_serves_the_same_outcome(of_perplexity, tmp_path):
    loaded = bs.load(of_perplexity.save(tmp_path / "served.nc"))
    assert loaded.law is of_perplexity.law


def test_evidence_is_on_the_outcome_of_the_table(runs):
    table = runs.assign(perplexity=np.exp(runs["loss"])).drop(columns="loss")
    known = {"N": 7e10, "D": 1.4e12}
    with pytest.raises(LawError, match="predicts perplexity, not loss"):
        bs.fit("chinchilla", table, evidence=[bs.OtherRun(1.94, sd=0.01, **known)])
    run = bs.OtherRun(7.0, sd=0.001, outcome="perplexity", **known)
    asked = {"evidence": [run], "discrepancy": False, "draws": 100}
    told = bs.fit("chinchilla", table, **asked).forecast(**known)
    assert float(told.draws["latent"].median()) == pytest.approx(7.0, rel=0.01)


def test_errors_and_accuracies_are_served_alike():
    rng = np.random.default_rng(0)
    n, d = (each.ravel() for each in np.meshgrid(np.geomspace(1e7, 1e9, 4), np.geomspace(1e9, 1e11, 4)))
    error = 3 * n**-0.05 * d**-0.1 * np.exp(rng.normal(0, 0.02, n.size))
    table = pd.DataFrame({"N": n, "D": d, "error": error})
    turned = table.assign(accuracy=1 - error).drop(columns="error")
    one, other = (bs.fit("error_nd", each, discrepancy=False, **DRAWS) for each in (table, turned))
    errors, accuracies = (each.forecast(N=1e10, D=1e12).summary().iloc[0] for each in (one, other))
    for lower, upper in (("q05", "q95"), ("q50", "q50"), ("q95", "q05")):
        assert errors[lower] == pytest.approx(1 - accuracies[upper], rel=0.05)
    evidence = [each.diagnostics.log_evidence for each in (one, other)]
    assert evidence[0] == pytest.approx(evidence[1], abs=0.2)


def test_counted_errors_have_the_standard_errors_of_counted_accuracies():
    table = pd.DataFrame({"C": [1e20, 1e21, 1e22], "accuracy": [0.3, 0.5, 0.8], "accuracy_n": 500})
    turned = pd.DataFrame({"C": table["C"], "error": 1 - table["accuracy"], "error_n": 500})
    law = bs.load_law("sigmoid_accuracy")
    one, other = (Observed.of(law, bs.Runs.from_frame(each)) for each in (table, turned))
    np.testing.assert_allclose(one.on_link, -other.on_link)
    np.testing.assert_allclose(one.standard_error, other.standard_error)


def test_a_standard_error_of_a_share_of_items_is_taken_to_the_scale_of_the_law():
    table = pd.DataFrame({"N": [1e8, 1e9], "D": [1e10, 1e11], "accuracy": [0.6, 0.8], "accuracy_n": 10_000})
    observed = Observed.of(bs.load_law("error_nd"), bs.Runs.from_frame(table))
    # The delta method: sd(log e) = sqrt(e (1 - e) / n) / e.
    expected = np.sqrt([0.6 * 0.4, 0.8 * 0.2]) / 100 / np.array([0.4, 0.2])
    np.testing.assert_allclose(observed.standard_error, expected, rtol=1e-3)


def test_a_perplexity_of_one_or_less_is_refused():
    table = pd.DataFrame({"N": [1e8, 1e9], "D": [1e10, 1e11], "perplexity": [3.0, 0.9]})
    with pytest.raises(RunsError, match=r"row 2, column perplexity: 0.9 is not above one"):
        bs.fit("chinchilla", table)


def test_a_law_keeps_its_own_outcome_where_the_table_has_it(runs):
    both = runs.assign(perplexity=np.exp(runs["loss"]))
    assert Observed.of(bs.load_law("chinchilla"), bs.Runs.from_frame(both)).law is bs.load_law("chinchilla")


def test_laws_in_other_units_serve_their_own_outcome_only():
    law = bs.load_law("chinchilla").in_unit("bits/byte")
    assert list(outcomes_of(law)) == ["loss"]
    assert as_law_of(law, "perplexity") is law


def test_served_laws_are_mixed_with_those_of_the_outcome(runs):
    table = runs.assign(perplexity=np.exp(runs["loss"])).drop(columns="loss")
    laws, _ = chosen_laws(["perplexity", "chinchilla"], table)
    assert {law.outcome for law in laws} == {"perplexity"}
