"""The command on limits to training: what it prints, writes, draws and refuses."""

import json

import pytest

from bayescale.planning.outlook import SHIPPED, read_outlook
from bayescale.posterior import single as fitting

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_limits_are_shown_by_year_with_sources_and_assumptions(run_cli):
    status, out, err = run_cli("limits", "--year", "2030", "--year", "2028")
    assert (status, err) == (0, "")
    assert out.index("training run in 2028, median [90% interval]") < out.index("training run in 2030")
    for words in (
        "1.9e+29 [1.32e+28, 2.62e+30]",
        "P(it binds)",
        "P(the trend lies above the largest feasible run in 2030) = 0.",
        "compute of the largest runs 4.47 [",
        "algorithmic efficiency 3 [",
        "warning: 2028: limits are published for 2030 only",
        "note: assumed, without a source: rank correlation 0.3",
    ):
        assert words in out, words
    assert "loss" not in out


def test_json_is_that_of_python_and_repeats(run_cli):
    first = run_cli("limits", "--json", "--seed", 3)[1]
    assert run_cli("limits", "--json", "--seed", 3)[1] == first
    assert run_cli("limits", "--json", "--seed", 4)[1] != first
    (year,) = json.loads(first)["years"]
    assert year["limits"]["power"]["q50"] == pytest.approx(1.9e29, rel=1e-3)


def test_numbers_of_ones_own_are_written_edited_and_read(run_cli, elsewhere):
    status, out, _ = run_cli("limits", "--write", "mine.toml")
    assert status == 0
    assert "written to mine.toml" in out
    path = elsewhere / "mine.toml"
    assert path.read_bytes() == SHIPPED.read_bytes()
    assert run_cli("limits", "--file", "mine.toml")[1] == run_cli("limits")[1]
    status, _, err = run_cli("limits", "--write", "mine.toml")
    assert status == 2
    assert "mine.toml exists already" in err
    path.write_text(path.read_text().replace("correlation = 0.3", "correlation = 1"))
    assert read_outlook(path).correlation == 1
    assert "rank correlation 1 between" in run_cli("limits", "--file", "mine.toml")[1]


def test_with_runs_the_loss_they_allow_is_shown(run_cli, saved_fit):
    status, out, _ = run_cli("limits", saved_fit)
    assert status == 0
    for words in ("loss (nats/token)", "N* (parameters)", "if the law holds so far", "times the largest run", "2030"):
        assert words in out, words
    document = json.loads(run_cli("limits", saved_fit, "--since", "2022", "--json")[1])
    (reached,) = document["attainable"]
    assert list(reached) == ["year", "C", "loss"]
    assert reached["C"]["q50"] > 100 * document["years"][0]["largest"]["q50"]


@pytest.mark.slow
def test_what_follows_from_the_loss_is_shown(run_cli):
    options = ("--law", "chinchilla", "--then", "downstream_error", "--no-discrepancy")
    status, out, _ = run_cli("limits", "gadre:c4", *options)
    assert status == 0
    assert "error (fraction)" in out
    assert "loss (nats/token)" in out
    assert "fit: Chinchilla, then Downstream error from loss" in out
    assert "there the second step extrapolates too" in out


def test_limits_are_drawn(run_cli, elsewhere):
    assert run_cli("limits", "--plot", "limits.png")[0] == 0
    assert [path.name for path in elsewhere.iterdir()] == ["limits.png"]


BAD_INPUT = {
    "a year in no calendar": (["--year", "30"], "year 30: give one from 2000 to 2100"),
    "a wordy year": (["--year", "soon"], "'soon' is not a valid float"),
    "an absent file": (["--file", "absent.toml"], "absent.toml: no such file: start from a copy of"),
    "a file of another kind": (["--file", "."], "cannot be read"),
    "a file to write of another kind": (["--write", "mine.yaml"], "ends in .toml"),
    "a folder that is not there": (["--write", "absent/mine.toml"], "create it first"),
    "a figure's ending": (["--plot", "limits.gif"], "ends in .png, .svg, .pdf"),
    "a law of no runs": (["--law", "tied"], "--law goes with RUNS"),
    "a year of no runs": (["--since", "2022"], "--since goes with RUNS"),
    "what follows from no runs": (["--then", "downstream_error"], "--then goes with RUNS"),
    "a discrepancy of no runs": (["--no-discrepancy"], "--discrepancy goes with RUNS"),
    "runs of the future": (["chinchilla", "--since", "2031"], "the runs' year 2031 comes after 2030"),
    "a second step of its own": (["gadre:c4", "--then", "sigmoid_accuracy"], "reads C, not loss"),
    "a law of other inputs": (["epoch_models", "--law", "frontier_growth"], "an optimum needs a law of N and D"),
    "an unknown data set": (["chinchila"], "did you mean 'chinchilla'?"),
}


@pytest.mark.parametrize(("arguments", "cure"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused_in_words_before_anything_is_sampled(run_cli, elsewhere, monkeypatch, arguments, cure):
    monkeypatch.setattr(fitting, "infer", pytest.fail)
    status, out, err = run_cli("limits", *arguments)
    assert (status, out) == (2, "")
    assert cure in err
    assert "Traceback" not in err
    assert list(elsewhere.iterdir()) == []
