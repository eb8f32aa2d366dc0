"""Questions about the share of correct answers by guessing."""

import numpy as np
import pandas as pd
import pytest

from bayescale import load_law
from bayescale.basics.errors import RunsError
from bayescale.data.checks import observe
from bayescale.data.datasets import load_runs
from bayescale.data.guessing import guessing_doubts
from bayescale.data.runs import Runs

LAW = load_law("sigmoid_accuracy")


def asked(accuracies, source="scores.csv", **columns):
    frame = pd.DataFrame({"C": np.geomspace(1e18, 1e22, len(accuracies)), "accuracy": accuracies, **columns})
    return list(guessing_doubts(LAW, Runs.from_frame(frame, source=source, outcome="accuracy")))


@pytest.mark.parametrize(
    ("source", "level"),
    [("mmlu.csv", "0.25"), ("runs/MMLU-Pro.csv", "0.1"), ("my_piqa_scores.csv", "0.5"), ("commonsenseqa.csv", "0.2")],
)
def test_a_known_multiple_choice_task_without_chance_is_asked_about(source, level):
    (text,) = asked([0.55, 0.6, 0.7, 0.8], source)
    assert text.endswith(f"add a column chance of {level}")


def test_names_that_only_contain_a_task_are_no_question():
    assert asked([0.3, 0.4, 0.5, 0.6], "trace.csv") == asked([0.3, 0.4, 0.5, 0.6], "race.csv") == []
    assert len(asked([0.3, 0.4, 0.5, 0.6], task="race")) == 1


def test_several_tasks_or_accuracies_far_below_chance_are_no_question():
    assert asked([0.3, 0.4, 0.5, 0.6], task=["mmlu", "mmlu", "piqa", "piqa"]) == []
    assert asked([0.01, 0.05, 0.5, 0.6], "mmlu.csv") == []


def test_weak_runs_that_look_like_guessing_are_asked_about():
    (text,) = asked([0.251, 0.248, 0.26, 0.3, 0.4, 0.5, 0.6, 0.7])
    assert "if answers are chosen from 4, add a column chance of 0.25" in text


def test_a_column_of_the_task_answers_it():
    assert asked([0.25, 0.4, 0.5, 0.6], "mmlu.csv", chance=0.25) == []


def test_accuracies_below_chance_are_counted():
    (text,) = asked([0.1, 0.15, 0.5, 0.6], chance=0.25)
    assert text.startswith("2 of 4 accuracies lie below chance (0.25), down to 0.1")
    assert asked([0.22, 0.24, 0.5, 0.6], chance=0.25, accuracy_n=100) == []  # within the noise of so few items


def test_the_question_is_among_the_warnings_of_a_fit():
    frame = load_runs("obsscaling:mmlu").frame[["C", "accuracy"]]
    runs = Runs.from_frame(frame, source="mmlu.csv", outcome="accuracy")
    assert any("add a column chance of 0.25" in text for text in observe(LAW, runs).warnings)


def test_accuracies_that_do_not_rise_are_told():
    frame = pd.DataFrame({"C": np.geomspace(1e18, 1e22, 12), "accuracy": np.linspace(0.6, 0.5, 12), "chance": 0.0})
    runs = Runs.from_frame(frame, outcome="accuracy")
    assert any("accuracies hardly rise with C (rank correlation -1.00)" in text for text in observe(LAW, runs).warnings)


@pytest.mark.parametrize("law", ["accuracy_of_loss", "downstream_error"])
def test_laws_of_loss_do_not_expect_more_of_a_larger_loss(law):
    loss = np.linspace(2, 3.5, 12)
    outcome = {"accuracy": 0.9 - loss / 5, "chance": 0.0} if law == "accuracy_of_loss" else {"error": loss / 5}
    runs = Runs.from_frame(pd.DataFrame({"loss": loss, **outcome}), outcome=next(iter(outcome)))
    assert observe(load_law(law), runs).warnings == ()


def test_accuracies_that_do_not_rise_as_the_loss_falls_are_told():
    loss = np.linspace(2, 3.5, 12)
    runs = Runs.from_frame(pd.DataFrame({"loss": loss, "accuracy": loss / 5, "chance": 0.0}), outcome="accuracy")
    (text,) = observe(load_law("accuracy_of_loss"), runs).warnings
    assert "accuracies hardly rise with falling loss (rank correlation -1.00)" in text


def test_accuracies_that_are_all_equal_have_no_rank_correlation():
    frame = pd.DataFrame({"C": np.geomspace(1e18, 1e22, 12), "accuracy": 0.5, "chance": 0.0})
    assert not any("nan" in text for text in observe(LAW, Runs.from_frame(frame, outcome="accuracy")).warnings)


@pytest.mark.parametrize("name", ["mmlu", "ARC-Challenge (acc)", "hellaswag_10shot", "eval/piqa"])
def test_a_score_that_has_the_name_of_a_task_is_its_accuracy(name, tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text(f"params,tokens,{name}\n1e8,2e9,.27\n1e9,2e10,.35\n")
    assert Runs.read(path).column("accuracy").tolist() == [0.27, 0.35]


def test_names_that_may_be_words_and_several_tasks_are_not_taken_for_granted(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("params,tokens,race\n1e8,2e9,.27\n1e9,2e10,.35\n")
    with pytest.raises(RunsError, match="no column 'loss'"):
        Runs.read(path)
    path.write_text("params,tokens,mmlu,piqa\n1e8,2e9,.27,.6\n1e9,2e10,.35,.7\n")
    with pytest.raises(RunsError, match="columns mmlu, piqa may each be accuracy"):
        Runs.read(path)
