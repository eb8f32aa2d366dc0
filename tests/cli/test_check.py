"""`bayescale check`, and what it says that other commands say too."""

import json

import numpy as np
import pandas as pd
import pytest

N = np.geomspace(1e7, 1e9, 6).repeat(4)
D = np.tile([5.0, 10.0, 20.0, 40.0], 6) * N
TABLE = pd.DataFrame({"N": N, "D": D, "loss": 1.7 + 400 * N**-0.34 + 410 * D**-0.28, "C": 9 * N * D})


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(frame, name="runs.csv"):
        frame.to_csv(tmp_path / name, index=False)
        return name

    return write


def test_a_table_is_described(run_cli, table):
    status, out, err = run_cli("check", table(TABLE))
    assert (status, err) == (0, "")
    for words in (
        "the table's C is 1.5 times 6 N D",
        "5 to 40, on 4 rays",
        "fitted when no law is named: skaling, tied",
        "cannot be told: the noise of a run",
        "warning: column C is 1.5 times 6 N D",
    ):
        assert words in out, words


def test_the_same_as_json(run_cli, table):
    status, out, _ = run_cli("check", table(TABLE), "--json")
    document = json.loads(out)
    assert status == 0
    assert document["rows"] == 24
    assert document["flops"] == "6 N D"
    assert document["table_over_6nd"]["median"] == pytest.approx(1.5)
    assert document["laws"] == ["skaling", "tied"]
    assert document["columns"]["N"]["unit"] == "parameters"
    assert document["sweep"] is None
    assert (document["rays"], document["isoflop_slices"], document["groups"]) == (4, [], {})


@pytest.mark.slow
def test_it_warns_of_what_a_fit_warns_of(run_cli, table):
    name = table(TABLE.assign(seed=0))
    checked = json.loads(run_cli("check", name, "--json")[1])["warnings"]
    fitted = json.loads(run_cli("fit", name, "--law", "chinchilla", "--no-discrepancy", "--json")[1])["warnings"]
    assert checked
    assert set(checked) <= set(fitted)


def test_a_figure_is_drawn(run_cli, table):
    for frame, name in ((TABLE, "both.svg"), (TABLE[["D", "loss"]], "one.svg")):
        status, _, err = run_cli("check", table(frame), "--plot", name)
        assert (status, err) == (0, "")
        with open(name) as file:
            assert file.read(100).startswith("<?xml")


def test_a_table_that_no_law_of_the_mixture_suits_is_described_all_the_same(run_cli):
    status, out, _ = run_cli("check", "routing")
    assert status == 0
    assert "none: routing: no law of the default mixture suits" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "absent.csv"], "no such file"),
        (["check", "fit.nc"], "check takes the table"),
        (["check", "chinchilla", "--flops", "6*N"], "not proportional to the tokens"),
        (["check", "chinchilla", "--plot", "x.exe"], "x.exe"),
        (["compare", "chinchilla", "--count", "N"], "two counts or more"),
        (["compare", "chinchilla", "--count", "N,width"], "no column 'width' counts parameters"),
        (["compare", "chinchilla", "--count", "N,loss"], "cannot count the parameters"),
        (["compare", "chinchilla", "--count", "N,D", "--jobs", "2"], "leave out"),
    ],
)
def test_what_cannot_be_checked_is_refused_in_a_line(run_cli, arguments, words):
    status, out, err = run_cli(*arguments)
    assert (status, out) == (2, "")
    assert words in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_plan_says_what_its_flop_are(run_cli, table):
    name = table(TABLE)
    options = ["--law", "chinchilla", "--no-discrepancy", "--budget", "1e21", "--json"]
    by_default = json.loads(run_cli("plan", name, *options)[1])
    as_table = json.loads(run_cli("plan", name, "--flops", "C", *options)[1])
    assert by_default["flops"] == "6 N D"
    assert as_table["flops"].startswith("the table's C, for new runs 6 N D times 1.5")
    first, second = (each["budgets"][0] for each in (by_default, as_table))
    products = [at["N"]["q50"] * at["D"]["q50"] for at in (first, second)]
    assert products[0] / products[1] == pytest.approx(1.5, rel=0.01)
    assert any("6 N D" in text for text in by_default["warnings"])
    assert not any("6 N D;" in text for text in as_table["warnings"])


@pytest.mark.slow
def test_counts_of_parameters_are_set_side_by_side(run_cli, table):
    frame = TABLE.drop(columns="C").assign(N_nonembedding=N - 0.4 * N * (N / 1e7) ** -0.3)
    status, out, _ = run_cli(
        "compare", table(frame), "--count", "N,N_nonembedding", "--law", "chinchilla", "--no-discrepancy", "--json"
    )
    document = json.loads(out)
    assert status in {0, 1}
    medians = {(row["count"], row["parameter"]): row["q50"] for row in document["exponents"]}
    # Without embeddings small models are smaller still, so that the loss falls less steeply with N.
    assert medians["N_nonembedding", "alpha_N"] < medians["N", "alpha_N"]
    assert {row["count"] for row in document["optima"] if row["quantity"] == "N"} == {"N", "N_nonembedding"}
    assert "6 N D with each count's own N" in document["notes"][0]
