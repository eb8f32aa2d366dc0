"""Approaches to N* side by side: what a table allows, why not, how they differ, and the same in the command line."""

import html
import json
import re

import numpy as np
import pandas as pd
import pytest

from bayescale.basics.errors import LawError, RunsError
from bayescale.data.runs import Runs
from bayescale.planning import approaches
from bayescale.planning.answers import Answer
from bayescale.planning.approaches import approaches_named, optimal_by_approach

TRUTH = 0.28 / (0.34 + 0.28)
BUDGETS = [1e22, 1e24]


def optimum(budgets):
    return (0.34 * 406.4 / 0.28 / 410.7) ** (1 / 0.62) * (np.asarray(budgets) / 6) ** TRUTH


@pytest.fixture(scope="module")
def checkpoints():
    """Twelve sizes, each read at the budgets near which it is best: training curves and isoFLOP slices at once."""
    budgets, sizes = np.geomspace(1e19, 2e21, 8), np.geomspace(5e7, 2e10, 12)
    n, c = (each.ravel() for each in np.meshgrid(sizes, budgets))
    near = np.abs(np.log(n / optimum(c))) < np.log(15)
    n, c = n[near], c[near]
    noise = 0.002 * np.random.default_rng(0).standard_normal(len(n))
    loss = (1.7 + 406.4 * n**-0.34 + 410.7 * (c / 6 / n) ** -0.28) * np.exp(noise)
    return pd.DataFrame({"run": np.searchsorted(sizes, n), "N": n, "D": c / 6 / n, "loss": loss}).sort_values(
        ["run", "D"]
    )


@pytest.fixture(scope="module")
def compared(checkpoints):
    runs = Runs.from_frame(checkpoints, source="a.csv")
    return optimal_by_approach(runs, BUDGETS, law="chinchilla", discrepancy=False, draws=250)


def test_all_approaches_find_a_known_law_and_agree(compared):
    assert list(compared.answers) == ["envelope", "isoflops", "law"]
    assert compared.untold == {}
    for name, answer in compared.answers.items():
        low, high = np.quantile(answer.draws["exponent"], [0.01, 0.99])
        assert low < TRUTH < high, name
        sizes = np.log(answer.draws["N"]).quantile([0.01, 0.99], ("chain", "draw")).to_numpy()
        assert (sizes[0] < np.log(optimum(BUDGETS))).all(), name
        assert (sizes[1] > np.log(optimum(BUDGETS))).all(), name
        assert np.allclose(6 * answer.draws["N"] * answer.draws["D"] / BUDGETS, 1), name
    assert not any("disagree" in text for text in compared.warnings)
    assert compared.certified
    assert any(
        text.startswith("envelope: the loss in the middle of a learning-rate schedule is higher")
        for text in compared.warnings
    )


def test_summary_has_a_row_for_each_approach_budget_and_quantity(compared):
    table = compared.summary()
    assert len(table) == 3 * 2 * 4
    assert set(table["unit"]) == {"parameters", "tokens", "tokens/parameter", ""}
    assert (table["q05"] <= table["q50"]).all()
    assert (table["q50"] <= table["q95"]).all()


def test_ratios_are_of_the_largest_budget(compared):
    ratio = compared.ratios.draws["ratio"]
    assert ratio["of"].to_numpy().tolist() == ["envelope over isoflops", "envelope over law", "isoflops over law"]
    first, second = (compared.answers[name].draws["N"].isel(budget=1) for name in ("envelope", "law"))
    assert float(ratio.isel(pair=1).median()) == pytest.approx(float(first.median() / second.median()), rel=0.2)
    assert all(name.endswith("at 1e+24 FLOP") for name in compared.ratios.probabilities)


def answer_of(sizes):
    draws = approaches._optima(Runs.from_frame(few()), np.array([1e24]), np.asarray(sizes)[:, None], np.asarray(sizes))
    return Answer("", draws, by="C")


def few():
    return pd.DataFrame({"N": [1e8, 2e8], "D": [2e9, 4e9], "loss": [3.0, 2.8]})


def test_a_disagreement_is_named_with_its_size():
    small, large = np.linspace(9e9, 11e9, 500), np.linspace(25e9, 35e9, 400)
    ratios, (warning,) = approaches._compared({"isoflops": answer_of(large), "law": answer_of(small)}, 0)
    assert re.search(r"N\* of isoflops is (2\.9\d|3(\.0\d)?) \[2\.\d+, 3\.\d+\] times that of law", warning)
    assert "larger with a probability of 1.000; their 90% intervals do not overlap" in warning
    assert ratios.probabilities == {"N* of isoflops above that of law at 1e+24 FLOP": 1.0}
    _, (warning,) = approaches._compared({"isoflops": answer_of(small), "law": answer_of(1.17 * small)}, 0)
    assert warning.endswith("their 90% intervals overlap")
    assert approaches._compared({"isoflops": answer_of(small), "law": answer_of(1.02 * small)}, 0)[1] == ()
    assert approaches._compared({"law": answer_of(small)}, 0) == (None, ())


def test_what_a_table_does_not_allow_is_said_and_refused_if_asked_for(chinchilla_fit, few_runs):
    found = optimal_by_approach(few_runs, 1e22, law=chinchilla_fit)
    assert list(found.answers) == ["law"]
    assert "0 training curves of different sizes" in found.untold["envelope"]
    assert "0 isoFLOP slices" in found.untold["isoflops"]
    assert found.ratios is None
    assert "no answer by approach 1, envelope of training curves: " in str(found)
    assert "approach" not in found.summary().columns[1:]
    for name in ("envelope", "isoflops"):
        with pytest.raises(RunsError, match=r"an? (envelope|exponent) takes"):
            optimal_by_approach(few_runs, 1e22, approach=name)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"C": [1e18, 1e19, 1e20], "loss": [3.2, 3.0, 2.8]}), "no column N, D"),
        (pd.DataFrame({"N": [1e8] * 3, "D": [1e9, 2e9, 3e9], "accuracy": [0.3, 0.4, 0.5]}), "its outcome is accuracy"),
    ],
    ids=["compute alone", "accuracies"],
)
@pytest.mark.parametrize("approach", ["envelope", "isoflops"])
def test_tables_of_something_else_are_refused(frame, words, approach):
    with pytest.raises(RunsError, match=words):
        optimal_by_approach(frame, 1e22, approach=approach)


def test_a_law_that_cannot_plan_is_refused_before_it_is_fitted(checkpoints, monkeypatch):
    monkeypatch.setattr(approaches, "fit", pytest.fail)
    frame = checkpoints.assign(C=lambda each: 6 * each["N"] * each["D"])
    with pytest.raises(LawError, match="needs a law of N and D"):
        optimal_by_approach(frame, 1e22, approach="law", law="floor_c")


@pytest.mark.parametrize(
    ("given", "words"), [("isoflop", "did you mean 'isoflops'"), ("4", "give all"), ((), "no approach")]
)
def test_unknown_approaches_are_refused(given, words):
    with pytest.raises(LawError, match=words):
        approaches_named(given)


def test_programs_read_the_same(compared):
    document = compared.to_dict()
    assert list(document["approaches"]) == ["envelope", "isoflops", "law"]
    case = document["approaches"]["isoflops"][1]
    assert case["C"] == 1e24
    assert case["N"]["q05"] < case["N"]["q50"] < case["N"]["q95"]
    assert case["N"]["unit"] == "parameters"
    assert [each["of"] for each in document["ratios"]][-1] == "isoflops over law"
    json.dumps(document)
    for text in (str(compared), compared._repr_html_()):
        assert text.count("2, isoFLOP profiles") == 1
        assert text.count("isoflops over law") == 1
        assert all(text.count(html.escape(each)) == 1 for each in compared.warnings)


def test_the_command_prints_approaches_beside_each_other(run_cli, checkpoints, elsewhere):
    checkpoints.to_csv("a.csv", index=False)
    asked = ("plan", "a.csv", "--law", "chinchilla", "--no-discrepancy", "--budget", "1e24")
    status, out, _ = run_cli(*asked, "--approach", "1", "--approach", "law")
    assert status == 0
    for word in (
        "1, envelope of training curves",
        "3, parametric law",
        "exponent of N*",
        "[90% interval]",
        "ratio (times)",
    ):
        assert word in out, word
    assert "isoFLOP profiles" not in out
    assert "P(N* of envelope above that of law at 1e+24 FLOP) = 0." in out
    document = json.loads(run_cli("plan", "a.csv", "--approach", "envelope", "--budget", "1e24", "--json")[1])
    assert document["certified"] is True
    assert document["approaches"]["envelope"][0]["exponent"]["unit"] == ""


def test_a_saved_fit_answers_by_its_law_and_its_runs(run_cli, saved_fit, monkeypatch):
    monkeypatch.setattr(approaches, "fit_profiles", lambda runs, seed: pytest.fail(f"{len(runs)}"))
    status, out, err = run_cli("plan", saved_fit, "--approach", "3", "--budget", "1e24")
    assert (status, "3, parametric law" in out) == (0, True)
    assert "comparing approaches: law" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--approach", "5"], "--approach: no approach '5'"),
        (["--approach", "all", "--dollars", "1M"], "leave it out with --dollars"),
        (["--approach", "all", "--robust"], "leave it out with --robust"),
        (["--approach", "2", "--plot", "a.png"], "leave it out with --approach"),
        (["--approach", "1"], "0 training curves of different sizes"),
        (["--approach", "2", "--group", "c4"], "--by, --group and --new-group go with --pool"),
        (["--approach", "2", "--budget", "1"], "training takes 1e+06"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_what_makes_no_sense_is_refused_in_words(run_cli, elsewhere, arguments, words):
    status, out, err = run_cli("plan", "chinchilla", *arguments)
    assert (status, out) == (2, "")
    assert words in err
    assert "Traceback" not in err
    assert list(elsewhere.iterdir()) == []
