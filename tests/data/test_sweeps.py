"""Sweeps and checkpoints: noticed, asked about, and reduced without bias."""

import numpy as np
import pandas as pd
import pytest

from bayescale.basics.errors import RunsError
from bayescale.data.cells import best_runs, mean_runs, optimism
from bayescale.data.datasets import dataset_names, load_dataset
from bayescale.data.preparing import Preparation, tell_checkpoints
from bayescale.data.runs import Runs

SIZES = np.geomspace(1e7, 1e9, 30)


def truth(n):
    return 1.7 + 400 * n**-0.34 + 410 * (20 * n) ** -0.28


def swept(k, noise, *, seed=0, name="lr"):
    """Runs of each size that differ in the learning rate, with a best one that differs by size, or in the seed."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in SIZES:
        rates = np.geomspace(1e-4, 1e-1, k) if name == "lr" else np.arange(k)
        worse = 0.02 * np.log10(rates / 10 ** rng.uniform(-2.9, -2.1)) ** 2 if name == "lr" else np.zeros(k)
        loss = truth(n) * np.exp(worse + noise * rng.normal(size=k))
        rows += [{"N": n, "D": 20 * n, name: rate, "loss": y} for rate, y in zip(rates, loss, strict=True)]
    return Runs.from_frame(pd.DataFrame(rows))


def test_a_sweep_is_noticed_with_what_differs():
    (warning,) = swept(5, 0.01).warnings
    assert warning.startswith("30 of 30 pairs of N and D have several rows (up to 5), which differ in lr: ")
    assert "best_runs(runs)" in warning


def test_seeds_need_no_choice_unless_something_else_differs():
    seeds = swept(5, 0.01, name="seed")
    assert seeds.warnings == ()
    (warning,) = Runs.from_frame(seeds.frame.assign(width=seeds.frame["seed"] % 2)).warnings
    assert "differ in seed, width: each counts as a run of the law" in warning
    assert "mean_runs" not in warning


def test_settings_that_are_tuned_by_size_are_no_sweep():
    table = pd.DataFrame({"N": SIZES, "D": 20 * SIZES, "lr": 1e-3 * (SIZES / 1e7) ** -0.3, "loss": truth(SIZES)})
    assert Runs.from_frame(table).warnings == ()
    assert Runs.from_frame(table).structure.sweep is None


def test_rows_that_differ_in_something_else_are_only_described():
    table = pd.DataFrame({"N": [1e8, 1e8], "D": [2e9, 2e9], "width": [512, 768], "loss": [3.1, 3.0]})
    runs = Runs.from_frame(table)
    assert runs.warnings == ()
    assert runs.structure.sweep.other == ("width",)


@pytest.mark.parametrize("k", [2, 10, 100])
def test_the_bias_of_the_lowest_is_that_of_simulated_runs(k):
    rng = np.random.default_rng(k)
    expected = 0.3 * rng.uniform(size=k) ** 2
    lowest = (expected + rng.normal(size=(200_000, k))).min(axis=1)
    shift, error = optimism(np.zeros(k), 1.0, alike=True)
    alike = rng.normal(size=(200_000, k)).min(axis=1)
    assert shift == pytest.approx(-alike.mean(), abs=0.01)
    assert error == pytest.approx(alike.std(), abs=0.01)
    assert shift >= expected.min() - lowest.mean() - 0.01


@pytest.mark.parametrize(("name", "k"), [("lr", 16), ("lr", 40), ("lr", 115), ("seed", 5), ("seed", 16)])
@pytest.mark.parametrize("noise", [0.002, 0.01])
def test_the_best_is_as_good_as_the_best_setting_is(name, k, noise):
    raw, corrected = [], []
    for seed in range(8):
        runs = swept(k, noise, seed=seed, name=name)
        lowest = runs.frame.groupby("N", sort=False)["loss"].min()
        raw.append(np.log(lowest.to_numpy() / truth(SIZES)))
        corrected.append(np.log(best_runs(runs).column("loss") / truth(SIZES)))
    bias, before = (np.mean(each) / noise for each in (corrected, raw))
    assert abs(bias) < 0.25
    assert before < -0.55


def test_what_was_corrected_is_said_and_the_sweep_is_not_warned_of_again():
    best = best_runs(swept(16, 0.01))
    assert len(best) == len(SIZES)
    assert best.warnings == ()
    assert "raised by" in best.notes[-1]
    assert "quadratics in the logarithms of lr" in best.notes[-1]
    assert (best.column("loss_se") > 0).all()


def test_too_few_settings_to_know_the_noise_leave_the_best_as_it_is_and_say_so():
    runs = swept(3, 0.01)
    best = best_runs(runs)
    lowest = runs.frame.groupby("N", sort=False)["loss"].min()
    np.testing.assert_allclose(best.column("loss"), lowest, rtol=1e-12)
    (warning,) = best.warnings
    assert "too good" in warning


def test_the_best_accuracy_is_the_highest():
    table = pd.DataFrame({"N": [1e8] * 3, "D": [2e9] * 3, "lr": [1e-3, 2e-3, 4e-3], "accuracy": [0.5, 0.6, 0.55]})
    assert best_runs(Runs.from_frame(table)).column("accuracy").tolist() == [0.6]


def test_means_have_the_standard_error_of_simulated_means():
    errors, said = [], []
    for seed in range(40):
        mean = mean_runs(swept(4, 0.01, seed=seed, name="seed"))
        errors.append(np.log(mean.column("loss") / truth(SIZES)))
        said.append(mean.column("loss_se") / mean.column("loss"))
    assert np.mean(said) == pytest.approx(0.005, rel=0.03)
    assert np.std(errors) == pytest.approx(np.mean(said), rel=0.05)


def test_means_of_counted_items_count_them_together():
    items = {"accuracy": [0.5, 0.7], "accuracy_n": [100, 300]}
    table = pd.DataFrame({"N": [1e8] * 2, "D": [2e9] * 2, "seed": [0, 1], **items})
    mean = mean_runs(Runs.from_frame(table))
    assert mean.column("accuracy").tolist() == [0.65]
    assert mean.frame["accuracy_n"].tolist() == [400]


@pytest.mark.parametrize("take", [best_runs, mean_runs])
def test_a_table_without_a_sweep_is_refused(take):
    with pytest.raises(RunsError, match="no two rows have one N and D"):
        take(Runs.from_frame(pd.DataFrame({"N": [1e8, 2e8], "D": [2e9, 4e9], "loss": [3.0, 2.9]})))


def logged(steps, **columns):
    """Checkpoints of three runs."""
    n = np.repeat([1e7, 1e8, 1e9], len(steps))
    d = np.tile(steps, 3).astype(float)
    return pd.DataFrame({"N": n, "D": d, "loss": 1.7 + 400 * n**-0.34 + 410 * d**-0.28, **columns})


def test_rows_of_one_size_with_rising_tokens_are_asked_about_once():
    runs = Runs.from_frame(logged(np.arange(1, 11) * 1e9))
    (question,) = runs.warnings
    assert question.startswith("rows 1 to 10 have one N and rising D")
    assert not runs.shared
    together = tell_checkpoints(runs, True)
    assert together.warnings == ()
    assert together.clusters.tolist() == np.repeat([0, 1, 2], 10).tolist()
    apart = tell_checkpoints(runs, False)
    assert apart.warnings == ()
    assert not apart.shared


def test_characters_that_rise_with_one_model_and_vocabulary_are_asked_about_too():
    table = logged(np.arange(1, 11) * 1e9, V=np.tile(np.repeat([4096, 8192], 5), 3))
    runs = Runs.from_frame(table.rename(columns={"D": "characters"}))
    (question,) = runs.warnings
    assert question.startswith("rows 1 to 5 have one N and rising characters")
    assert tell_checkpoints(runs, True).clusters.tolist() == np.repeat(np.arange(6), 5).tolist()


def test_a_grid_that_doubles_is_no_question_and_a_column_of_runs_answers_it():
    assert Runs.from_frame(logged(2.0 ** np.arange(6) * 1e9)).warnings == ()
    told = Runs.from_frame(logged(np.arange(1, 11) * 1e9, run=np.repeat(["a", "b", "c"], 10)))
    assert told.warnings == ()
    assert told.shared


def test_rows_after_the_end_of_a_schedule_are_told_from_those_before():
    rate = np.tile([1e-4, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 5e-4, 1e-4, 1e-5], 3)
    runs = tell_checkpoints(Runs.from_frame(logged(np.arange(1, 11) * 1e9, lr=rate)), True)
    assert runs.structure.checkpoints.ended.nonzero()[0].tolist() == [8, 9, 18, 19, 28, 29]
    (warning,) = runs.warnings
    assert warning.startswith("6 of 30 rows come after the end of a learning-rate schedule (column lr)")


@pytest.mark.parametrize("name", dataset_names())
def test_shipped_tables_have_nothing_to_ask_about(name):
    assert load_dataset(name).structure.warnings == ()


def test_preparations_follow_one_another():
    runs = swept(4, 0.01, name="seed")
    prepared = Preparation(flops="2*N*D", cells="mean").of(runs)
    np.testing.assert_allclose(prepared.column("C"), 40 * SIZES**2)
    assert prepared.count.rule == "2*N*D"
