"""Laws that a table gets if none is named: by its columns, its outcome and its direction."""

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.basics.errors import LawError
from bayescale.data.candidates import default_laws, suited_laws
from bayescale.data.datasets import load_runs
from bayescale.data.runs import Runs

C = np.geomspace(1e18, 1e22, 8)
LOSS = 2 + 3 * (C / 1e18) ** -0.1
PLANE = {"N": np.repeat(C[:4] / 1e11, 2), "C": np.repeat(C[:4], 2) * np.tile([1, 3], 4)}
ACCURACY = ["direct_accuracy", "sigmoid_accuracy"]
FALLING, RISING = (
    ["m3", "m3_shifted"],
    ["rise_logarithm", "rise_logistic", "rise_power", "rise_to_ceiling"],
)

TOKENS = np.geomspace(1e9, 1e11, 8)
GRID = {"N": np.repeat(C[:4] / 1e11, 2), "D": np.tile([2e9, 1e11], 4)}
REPEATED = ["data_constrained", "overfitting"]
BROKEN_X = np.geomspace(100, 500, 12)
BROKEN_Y = 2 - 0.3 * np.tanh(8 * np.log(BROKEN_X / 400))

SWEEP = {
    **dict(zip(("N", "D"), np.repeat([[1e8, 4e8, 4e8], [2e9, 2e9, 8e9]], 9, axis=1), strict=True)),
    "lr": np.tile(np.repeat([5e-4, 1e-3, 2e-3], 3), 3),
    "batch": np.tile([6e4, 2e5, 8e5], 9),
}
"""Nine combinations of learning rate and batch at each of three pairs of N and D."""
SHARES = {"N": np.tile([1e8, 2e8, 4e8, 8e8], 2), "share": [0.0] * 4 + [0.5] * 4, "other_1": [1.0] * 4 + [0.5] * 4}
STAGES = {**GRID, "sparsity": [2.0, 4.0] * 4, "D_dense": 2e9}
TABLES = {
    "a sweep": ({**SWEEP, "loss": 3 + 1e9 / (SWEEP["D"] + SWEEP["N"])}, ["hyperparameters"]),
    "a tuned run of each size": ({**GRID, "lr": LOSS / 1e3, "batch": 1e5 * LOSS, "loss": LOSS}, ["skaling", "tied"]),
    "streams": ({"N": GRID["N"], "streams": [1.0, 4.0] * 4, "loss": LOSS}, ["parallel"]),
    "vocabularies": ({"N": GRID["N"], "V": 1e4 * LOSS, "characters": C, "normalised_loss": -LOSS}, ["vocabulary"]),
    "fine-tuning": ({"examples": C / 1e16, "loss": LOSS}, ["rectified"]),
    "mixtures": ({**SHARES, "loss": LOSS}, ["data_mixture"]),
    "two stages": ({**STAGES, "loss": LOSS}, ["upcycled_moe"]),
    "compute": ({"C": C, "loss": LOSS}, ["floor_c", "kaplan_c"]),
    "tokens": ({"D": C / 1e12, "loss": LOSS}, ["floor_d"]),
    "size": ({"N": C / 1e12, "loss": LOSS}, ["floor_n"]),
    "size and compute": ({**PLANE, "loss": LOSS}, ["skaling", "tied"]),
    "accuracy by compute": ({"C": C, "accuracy": 1 - LOSS / 6}, ACCURACY),
    "accuracy by parameters": ({"N": C / 1e12, "accuracy": 1 - LOSS / 6}, ["direct_accuracy_n", "sigmoid_accuracy_n"]),
    "accuracy by tokens": ({"D": C / 1e10, "accuracy": 1 - LOSS / 6}, ["direct_accuracy_d", "sigmoid_accuracy_d"]),
    "accuracy of a plane": ({**PLANE, "accuracy": 1 - LOSS / 6}, ACCURACY),
    "repeats of one model": ({"N": 1e8, "D": TOKENS, "U": np.minimum(TOKENS, 3e9), "loss": LOSS}, REPEATED),
    "repeats of one corpus": ({**GRID, "U": 3e9, "loss": LOSS}, REPEATED),
    "corpora of one length": ({"N": 1e8, "D": 1e11, "U": C / 1e12, "loss": LOSS}, REPEATED),
    "one corpus without repeats": ({**GRID, "U": 1e13, "loss": LOSS}, ["skaling", "tied"]),
    "unique tokens and epochs": ({"N": 1e8, "U": C / 1e12, "epochs": 4, "loss": LOSS}, REPEATED),
    "perplexity": ({**PLANE, "perplexity": np.exp(LOSS)}, ["perplexity"]),
    "perplexity by compute": ({"C": C, "perplexity": np.exp(LOSS)}, ["perplexity_c"]),
    "error by compute": ({"C": C, "error": LOSS / 6}, ACCURACY),
    "error by parameters": ({"N": C / 1e12, "error": LOSS / 6}, ["direct_accuracy_n", "sigmoid_accuracy_n"]),
    "Elo": ({"N": C / 1e12, "elo": 1000 - 100 * LOSS}, ["bradley_terry"]),
    "bits": ({**PLANE, "w_bits": np.tile([4.0, 8.0, 3.0, 16.0], 2), "loss": LOSS}, ["precision"]),
    "falling curve": ({"x": C, "y": LOSS}, FALLING),
    "curve with a sharp break": ({"x": BROKEN_X, "y": BROKEN_Y}, ["bnsl_floor_1"]),
    **{
        f"losses by {name} with a sharp break": (
            {name: BROKEN_X * (1e18 if name == "C" else 1e7), "loss": BROKEN_Y},
            [f"bnsl_floor_{name.lower()}"],
        )
        for name in "CDN"
    },
    "rising curve": ({"x": C, "y": 7 - LOSS}, RISING),
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_gets_the_laws_of_its_columns(kind):
    table, expected = TABLES[kind]
    assert [law.name for law in default_laws(Runs.from_frame(pd.DataFrame(table)))[0]] == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chinchilla", ["skaling", "tied"]),
        ("gemstones", ["skaling", "tied"]),
        ("datablations", ["data_constrained", "overfitting"]),
        ("boardlaw", ["board_elo"]),
        ("pythia:arc_easy", ACCURACY),
        ("obsscaling:mmlu", ["bounded_sigmoid", *ACCURACY]),  # a law of more parameters, where there are more runs
        ("vision_fewshot:birds_10shot_BiT-50-1", ["bnsl_floor_1"]),
        ("vision_fewshot:cifar100_10shot_BiT-50-1", FALLING),
    ],
)
def test_a_shipped_table_gets_the_laws_of_all_that_varies(name, expected):
    assert [law.name for law in default_laws(load_runs(name))[0]] == expected


def test_a_curve_whose_direction_is_not_known_gets_the_laws_of_both():
    curve = Runs.from_frame(pd.DataFrame({"x": [1, 2, 3, 4], "y": [1.0, 1.2, 1.1, 1.05]}))
    assert [law.name for law in default_laws(curve)[0]] == sorted(FALLING + RISING)


def test_what_follows_from_two_of_parameters_tokens_and_compute_is_said():
    runs = Runs.from_frame(pd.DataFrame({**PLANE, "loss": LOSS}))
    np.testing.assert_allclose(6 * runs.column("N") * runs.column("D"), runs.column("C"))
    assert runs.notes == ("D is C / (6 N), since the table gives no D",)


def test_where_nothing_suits_the_nearest_laws_and_what_they_miss_are_named():
    with pytest.raises(LawError, match=r"suits loss from columns width, loss: .*floor_c reads C, which is not in"):
        default_laws(Runs.from_frame(pd.DataFrame({"width": [1.0, 2.0, 3.0], "loss": [3.0, 2.9, 2.8]})))


def test_what_does_not_vary_is_said_and_left_to_laws_of_the_rest():
    laws, runs = default_laws(Runs.from_frame(pd.DataFrame({"N": 1e8, "D": C / 1e12, "loss": LOSS})))
    assert [law.name for law in laws] == ["floor_d"]
    assert runs.notes == ("every run has N = 100M, so that laws of D alone are fitted",)
    assert default_laws(runs)[1].notes == runs.notes


@pytest.mark.parametrize(("name", "laws"), [("BLEU", ["rise_logistic", "rise_to_ceiling"]), ("reward", RISING)])
def test_scores_with_a_largest_value_get_laws_with_a_ceiling(name, laws):
    columns = {"x": "hours", "y": name}
    runs = Runs.from_frame(pd.DataFrame({"hours": C, name: 7 - LOSS}), columns=columns)
    assert [law.name for law in default_laws(runs)[0]] == laws


def test_errors_of_one_input_are_served_by_laws_of_accuracy():
    laws, runs = default_laws(Runs.from_frame(pd.DataFrame({"C": C, "error": LOSS / 6, "error_n": 500})))
    assert runs.outcome == "error"
    assert {(law.outcome, law.follows_from, law.falls) for law in laws} == {("error", "accuracy", True)}


def test_laws_of_an_outcome_from_which_that_of_a_table_follows_suit_it():
    accuracies, _ = suited_laws(Runs.from_frame(pd.DataFrame({**PLANE, "accuracy": 1 - LOSS / 6})))
    assert next(law.formula for law in accuracies if law.name == "error_nd") == "1 - (K N^-b D^-g)"
    perplexities, _ = suited_laws(Runs.from_frame(pd.DataFrame({**PLANE, "perplexity": np.exp(LOSS)})))
    assert {"chinchilla", "perplexity", "tied"} <= {law.name for law in perplexities}


def test_errors_above_one_are_no_accuracies():
    with pytest.raises(LawError, match="direct_accuracy column error: values up to 5 look like per cent"):
        default_laws(Runs.from_frame(pd.DataFrame({"C": C, "error": LOSS})))


def test_repeats_that_no_fitted_law_reads_are_said():
    runs = Runs.from_frame(pd.DataFrame({"D": TOKENS, "U": 2e9, "loss": LOSS}))
    laws, runs = default_laws(runs)
    assert [law.name for law in laws] == ["floor_d"]
    assert any("more than once (D is above U), which the fitted laws do not read" in text for text in runs.notes)


def test_a_law_that_reads_less_than_varies_is_left_out_with_the_reason():
    _, reasons = suited_laws(load_runs("chinchilla"))
    assert reasons["floor_n"] == "reads only N, but D varies too"


ACCURACY = {"accuracy": 0.9 - LOSS / 6, "chance": 0.25}


@pytest.mark.parametrize(
    ("columns", "through"),
    [
        ({"C": C, "loss": LOSS}, ["floor_c, then accuracy_of_loss", "kaplan_c, then accuracy_of_loss"]),
        ({**PLANE, "loss": LOSS}, ["floor_c, then accuracy_of_loss", "kaplan_c, then accuracy_of_loss"]),
        ({"C": C, "val_loss": LOSS}, ["floor_c, then accuracy_of_loss", "kaplan_c, then accuracy_of_loss"]),
        ({"D": TOKENS, "loss": LOSS}, ["floor_d, then accuracy_of_loss"]),
        ({"C": C, "loss": 3.0}, []),
        ({"C": C}, []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_accuracies_go_through_the_loss_where_runs_have_one(columns, through):
    laws, runs = default_laws(Runs.from_frame(pd.DataFrame({**columns, **ACCURACY}), outcome="accuracy"))
    assert [law.name for law in laws if ", then " in law.name] == through
    assert "direct_accuracy" in " ".join(law.name for law in laws)
    assert not any("is not forecast through it" in text for text in runs.notes)


def test_losses_of_some_runs_only_are_not_gone_through_and_it_is_said():
    losses = np.where(np.arange(len(C)) == 1, np.nan, LOSS)
    laws, runs = default_laws(Runs.from_frame(pd.DataFrame({"C": C, "loss": losses, **ACCURACY}), outcome="accuracy"))
    assert not any(", then " in law.name for law in laws)
    (note,) = (text for text in runs.notes if "through it" in text)
    assert note.startswith(f"{len(C) - 1} of {len(C)} runs have a loss, so accuracy is not forecast through it")
    assert "\n" not in note


def test_of_two_columns_of_losses_none_is_gone_through_and_it_is_said():
    table = pd.DataFrame({"C": C, "train_loss": LOSS, "val_loss": LOSS + 0.1, **ACCURACY})
    laws, runs = default_laws(Runs.from_frame(table, outcome="accuracy"))
    assert not any(", then " in law.name for law in laws)
    assert any("columns train_loss and val_loss may each be it" in text for text in runs.notes)


def test_errors_by_size_and_tokens_go_through_the_loss():
    table = pd.DataFrame({**PLANE, "loss": LOSS, "error": LOSS / 6})
    laws, _ = default_laws(Runs.from_frame(table, outcome="error"))
    assert [law.name for law in laws][1:] == ["skaling, then downstream_error", "tied, then downstream_error"]


def test_a_loss_is_no_input_of_a_law_in_one_step():
    suited, reasons = suited_laws(Runs.from_frame(pd.DataFrame({"C": C, "loss": LOSS, **ACCURACY}), outcome="accuracy"))
    assert "direct_accuracy" in [law.name for law in suited]
    assert reasons["accuracy_of_loss"] == "reads what is known only after a run: it is the second of two steps"


@pytest.mark.slow
def test_accuracies_that_rise_are_not_forecast_to_fall():
    # Accuracy by thousand steps of a public training run; at 52 thousand it was .818.
    steps = pd.DataFrame({"x": [4, 8, 12, 16, 20, 24], "y": [0.586, 0.613, 0.659, 0.686, 0.748, 0.768]})
    bands = bs.fit("auto", steps, seed=1).forecast(x=52).draws["predictive"]
    low, middle, high = bands.quantile([0.05, 0.5, 0.95]).to_numpy()
    assert low < 0.818 < high
    assert middle > 0.768
