"""What people ask of laws in two steps: each question has an answer, or a refusal that says what would be right."""

import json

import numpy as np
import pandas as pd
import pytest
from promises import sketches

import bayescale as bs
from bayescale.basics.errors import LawError
from bayescale.posterior.ensembles import equal_weights
from bayescale.report.checks import replicated
from bayescale.report.page import report_content
from bayescale.validation.comparison import laws_to_compare

TIED = "tied, then accuracy_of_loss"
QUICK = {"discrepancy": False, "draws": 250}


def table(n=15, seed=0):
    """Losses by a law of N and D, and accuracies that are a function of the loss, of three tokens per parameter."""
    rng = np.random.default_rng(seed)
    size = np.tile(np.geomspace(2e7, 4e8, n // 3), 3)
    tokens = size * np.repeat([8.0, 25.0, 80.0], n // 3)
    loss = (1.8 + 480 * size**-0.34 + 1500 * tokens**-0.32) * np.exp(rng.normal(0, 0.003, n))
    share = 0.25 + 0.75 * 0.95 / (1 + np.exp(3.2 * (loss - 3.4)))
    return pd.DataFrame(
        {"N": size, "D": tokens, "loss": loss, "accuracy": rng.binomial(2000, share) / 2000, "chance": 0.25}
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("asked") / "own.csv"
    table().to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def through():
    with sketches():
        return bs.fit(TIED, bs.Runs.from_frame(table(), outcome="accuracy"), **QUICK)


@pytest.fixture(scope="module")
def mixed():
    laws = ["direct_accuracy", "floor_c, then accuracy_of_loss"]
    with sketches():
        each = {law: bs.fit(law, bs.Runs.from_frame(table(), outcome="accuracy"), **QUICK) for law in laws}
    return bs.Ensemble(each, equal_weights(laws))


def test_the_size_of_least_expected_regret_lies_around_the_optimum(through):
    choice, best = through.plan(budget=1e20, robust=True).draws, through.plan(budget=1e20).draws
    low, high = best["N"].quantile([0.05, 0.95]).to_numpy()
    assert low < choice["N"] < high
    assert low < choice["N_plug_in"] < high


def test_the_cheapest_way_to_serve_an_accuracy_reaches_it(through):
    answer = through.plan(served=1e11, loss=0.6)
    best = answer.draws.median(("chain", "draw")).isel(demand=0)
    reached = through.forecast(N=best["N"].item(), D=best["D"].item()).draws["latent"].median()
    assert float(reached) == pytest.approx(0.6, abs=0.01)
    assert "an accuracy of 0.6 fraction" in answer.question
    with pytest.raises(LawError, match=r"^accuracy 2\.7: must be a finite number between 0 and 1$"):
        through.plan(served=1e11, loss=2.7)


def test_a_plan_names_its_outcome(through):
    for asked in ({"budget": 1e20}, {"dollars": 1e4}):
        text = str(through.plan(**asked))
        assert "accuracy = 0." in text
        assert "loss = " not in text
    assert "loss = " in str(through.first.plan(budget=1e20))


def test_a_plan_beyond_the_losses_seen_says_that_the_second_step_extrapolates(through):
    (text,) = (text for text in through.plan(budget=1e22).warnings if "extrapolates" in text)
    assert "nats/token lies outside the runs' " in text
    assert any("extrapolates" in text for text in through.plan(dollars=1e5).warnings)
    assert not any("extrapolates" in text for text in through.plan(budget=1e19).warnings)


def test_parameters_are_moved_by_what_their_own_step_reads(through):
    own, joint = through.first.summary(), through.summary()
    for name in ("E", "alpha_N"):
        columns = ["sensitivity_prior", "sensitivity_runs"]
        assert joint.loc[name, columns].tolist() == own.loc[name, columns].tolist()


def test_limits_show_the_loss_and_what_follows_from_it(through):
    from bayescale.planning.attainable import attainable

    reached = attainable(bs.limits(2030, draws=100), through)
    units = reached.summary().set_index("quantity")["unit"]
    assert units["loss"] == "nats/token"
    assert units["accuracy"] == "fraction"


def test_the_report_starts_with_the_best_run(through):
    content = report_content(through, budgets=[1e20])
    assert content.answer[0].text.startswith("Train ")
    assert "and expect an accuracy of 0." in content.answer[0].text
    assert content.planner is None


def test_runs_of_a_mixture_hold_what_each_law_reads(mixed):
    assert {"C", "loss", "chance", "accuracy"} <= set(mixed.runs.frame)
    found = replicated(mixed, 0.9, 0)
    assert found.inside >= 0.7
    assert np.abs(found.observed - found.middle).max() < 1


def test_a_chain_of_a_mixture_mixes_laws_in_two_steps(through):
    with sketches():
        loss = bs.fit("chinchilla", table(), **QUICK)
    losses = bs.Ensemble({"chinchilla": loss, "tied": through.first}, equal_weights(["chinchilla", "tied"]))
    both = bs.Chain(losses, through.second)
    assert both.weights.to_numpy().tolist() == losses.weights.to_numpy().tolist()
    assert list(both.members) == ["chinchilla, then accuracy_of_loss", TIED]
    asked = {"N": 8e8, "D": 2e10}
    alone = through.forecast(**asked).draws["predictive"].median().item()
    assert both.forecast(**asked).draws["predictive"].median().item() == pytest.approx(alone, abs=0.03)
    assert any(text.endswith("the second step extrapolates too") for text in both.forecast(N=8e9, D=2e11).warnings)


def test_a_chain_of_other_runs_is_refused(through):
    with sketches():
        fewer = bs.fit("tied", table().iloc[:12], **QUICK)
    with pytest.raises(
        LawError, match=r"^both steps need the same runs.* 15 of .* not the 12 of law 'tied'"
    ) as refused:
        bs.Chain(fewer, through.second)
    assert "\n" not in str(refused.value)


def test_steps_are_pooled_one_at_a_time():
    groups = pd.concat([table().assign(group=name) for name in "ab"])
    with pytest.raises(LawError, match="has two steps, and pooling takes one: pool parameters of tied or accuracy_of"):
        bs.fit(TIED, bs.Runs.from_frame(groups, outcome="accuracy"), pool=["exponent"])


def test_spaces_around_the_comma_do_not_matter():
    assert bs.load_law("tied,then  accuracy_of_loss") is bs.load_law(TIED)


def test_the_fits_of_a_comparison_are_counted_with_refits_of_both_steps():
    runs = bs.Runs.from_frame(table(), outcome="accuracy")
    _, direct = laws_to_compare(["direct_accuracy", "sigmoid_accuracy"], runs)
    _, mixed = laws_to_compare(["direct_accuracy", TIED], runs)
    assert mixed == direct / 2 + 2 * (direct / 2 + len(runs))


REFUSED = {
    "which runs to do": (["design", "--law", TIED, "--at", "N=1B,D=20B"], "ask with law 'tied' of the loss"),
    "which runs to do, of a mixture": (["design", "--outcome", "accuracy", "--at", "C=1e21"], "has two steps"),
    "a plan by compute": (["plan", "--outcome", "accuracy"], "such as 'tied, then accuracy_of_loss' of runs with a"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_asked_is_refused_before_anything_is_fitted(run_cli, file, name):
    (command, *options), said = REFUSED[name]
    status, out, err = run_cli(command, file, "--budget", "1e20", *options)
    assert status == 2
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


def test_a_back_test_scores_both_steps(run_cli, tmp_path):
    few = tmp_path / "few.csv"
    table(12).to_csv(few, index=False)
    status, out, _ = run_cli("backtest", few, "--law", TIED, "--no-discrepancy", "--horizon", "1", "--json")
    (found,) = json.loads(out)["horizons"]
    assert status == 0
    assert found["n_test"] > 0
    assert 0 < found["crps"] < 2
    assert "two_step" in found["baselines"]


def test_a_comparison_shows_refits_in_place_of_a_k_hat(run_cli, tmp_path):
    few = tmp_path / "few.csv"
    table(6).iloc[:3].to_csv(few, index=False)
    options = ["--law", "kaplan_c, then accuracy_of_loss", "--law", "direct_accuracy", "--no-discrepancy"]
    with sketches():
        status, out, err = run_cli("compare", few, *options, "--noise", "normal")
    assert status == 0
    assert "largest k-hat 3 refitted" in " ".join(out.split())
    assert "nan" not in out
    assert "9 fits at least" in err
