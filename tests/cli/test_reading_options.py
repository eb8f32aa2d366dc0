"""Options that say how a table is read: each command that fits takes them, and says what was inferred."""

import io
import re
import sys
from types import SimpleNamespace

import pytest
from shown import unfolded

FIT = ("--law", "chinchilla", "--no-discrepancy")
SIZES = (
    (7e7, 1.4e9, 3.55),
    (7e7, 2.8e10, 2.97),
    (4e8, 8e9, 2.78),
    (4e8, 3e10, 2.58),
    (1.4e9, 8e9, 2.65),
    (1.4e9, 3e10, 2.4),
)
MILLIONS = "params_m,tokens_b,val_loss\n" + "".join(f"{n / 1e6:g},{d / 1e9:g},{y}\n" for n, d, y in SIZES)


def test_what_was_inferred_is_a_note_of_the_plan(run_cli, elsewhere):
    (elsewhere / "runs.csv").write_text(MILLIONS)
    status, out, err = run_cli("plan", "runs.csv", *FIT, "--budget", "1e21")
    assert status == 0, err
    inferred = [line for line in out.splitlines() if line.startswith("note: read: ")]
    assert inferred == ["note: read: val_loss as loss; params_m (millions) as N; tokens_b (billions) as D"]


def test_columns_may_be_arithmetic(run_cli, elsewhere):
    (elsewhere / "runs.csv").write_text(MILLIONS.replace("params_m", "p").replace("tokens_b", "t"))
    status, out, err = run_cli("plan", "runs.csv", *FIT, "--columns", "N=p*1e6,D=t*1e9", "--budget", "1e24")
    assert status == 0, err
    assert "largest run (2.52e+20 FLOP)" in out


def test_bits_per_byte_are_printed_as_such(run_cli, elsewhere):
    (elsewhere / "runs.csv").write_text(MILLIONS.replace("val_loss", "val_bpb"))
    status, out, err = run_cli("predict", "runs.csv", *FIT, "--at", "N=7B,D=140B")
    assert status == 0, err
    assert "loss (bits/byte)" in out
    assert "nats" not in out


def test_a_law_of_loss_serves_perplexity(run_cli, elsewhere):
    (elsewhere / "runs.csv").write_text(MILLIONS.replace("val_loss", "eval/ppl"))
    status, out, err = run_cli("predict", "runs.csv", *FIT, "--at", "N=1B,D=20B")
    assert status in (0, 1), err
    assert "perplexity = exp(loss): the law describes loss in nats/token" in unfolded(out)
    assert re.search(r"N +D +perplexity", out)


def test_a_table_comes_through_a_pipe(run_cli, monkeypatch):
    stream = SimpleNamespace(buffer=io.BytesIO(MILLIONS.replace(",", ";").encode()), isatty=lambda: False)

    class Stream:
        buffer = stream.buffer
        isatty = staticmethod(stream.isatty)

    monkeypatch.setattr(sys, "stdin", Stream())
    status, out, err = run_cli("fit", "-", *FIT)
    assert status == 0, err
    assert "on standard input: 6 runs" in out
    assert "note: read: columns separated by semicolons; " in out


def test_bad_rows_are_refused_in_a_line_for_each_kind_or_left_out(run_cli, elsewhere):
    (elsewhere / "runs.csv").write_text(MILLIONS + "70,5,\n70,5,nan\n70,0,3\n")
    status, out, err = run_cli("fit", "runs.csv", *FIT)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 2
    assert all(line.endswith("--drop-bad leaves out what cannot be used") for line in err.splitlines())
    status, out, err = run_cli("fit", "runs.csv", *FIT, "--drop-bad")
    assert status == 0, err
    assert "note: read: val_loss as loss; " in out
    assert "3 of 9 rows left out: row 9 (tokens_b (as D): 0.0 is not above zero), rows 7, 8 " in out


def test_units_that_cannot_be_are_refused_unless_they_are_meant(run_cli, elsewhere):
    (elsewhere / "runs.csv").write_text(
        MILLIONS.replace("params_m", "N").replace("tokens_b", "D").replace("val_loss", "loss")
    )
    status, out, err = run_cli("fit", "runs.csv", *FIT)
    assert (status, out, len(err.splitlines())) == (2, "", 2)
    assert "add --columns N=N*1e6" in err
    assert "add --columns D=D*1e9" in err
    status, _, err = run_cli("fit", "runs.csv", *FIT, "--as-is")
    assert status in (0, 1), err


def test_files_of_a_directory_are_one_table(run_cli, elsewhere):
    for i, (n, d, y) in enumerate(SIZES):
        folder = elsewhere / "wandb" / f"run-{i}"
        folder.mkdir(parents=True)
        (folder / "wandb-summary.json").write_text(f'{{"n_params": {n}, "train/tokens": {d}, "eval/loss": {y}}}')
    status, out, err = run_cli("fit", "wandb", *FIT)
    assert (status, out) == (2, "")
    assert "add --glob '**/wandb-summary.json'" in err
    status, out, err = run_cli("fit", "wandb", *FIT, "--glob", "**/wandb-summary.json")
    assert status == 0, err
    assert "note: read: 6 files; eval/loss as loss; n_params as N; train/tokens as D" in out


@pytest.mark.parametrize("words", [("--drop-bad",), ("--as-is",), ("--glob", "*.csv")])
def test_a_saved_fit_was_read_already(run_cli, saved_fit, words):
    status, _, err = run_cli("fit", saved_fit, *words)
    assert status == 2
    assert f"{words[0]} has no effect on a saved fit" in err
