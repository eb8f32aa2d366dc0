"""The command that writes a report: what it writes, what it refuses before any work, and how to repeat it."""

import html
import json
import re
from dataclasses import replace

import pytest

from bayescale.cli.options import DEFAULT_LAW
from bayescale.cli.report import _laws
from bayescale.cli.sources import Asked
from bayescale.laws.catalog import load_law
from bayescale.posterior import single as fitting


@pytest.fixture
def no_sampling(monkeypatch):
    monkeypatch.setattr(fitting, "infer", pytest.fail)


def test_a_saved_fit_becomes_a_page_that_says_how_to_repeat_it(run_cli, saved_fit, tmp_path):
    path = tmp_path / "my report.html"
    asked = ("--budget", "1e24", "--interval", "0.8", "--given", "tokenizer=BPE, 32k", "--price", "2", "--json")
    status, out, _ = run_cli("report", saved_fit, "-o", path, *asked)
    assert status == 0
    assert json.loads(out) == {"report": str(path), "bytes": path.stat().st_size, "certified": True}
    page = path.read_text(encoding="utf-8")
    assert "The brackets are 80% intervals" in page
    assert "×10²⁴ FLOP" in page
    assert "BPE, 32k" in page
    said = [html.unescape(text) for text in re.findall(r"<code>(.*?)</code>", page)]
    repeated = (
        f"bayescale report {saved_fit} --output '{path}' --budget 1e+24 --given 'tokenizer=BPE, 32k' --price 2 "
        "--interval 0.8 --json"
    )
    assert said == [f"{repeated} --compare", f"{repeated} --backtest", repeated]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-o", "report.pdf"), "ends in .html, .htm"),
        (("-o", "nowhere/report.html"), "the folder nowhere does not exist"),
        (("--given", "tokeniser=BPE"), "did you mean 'tokenizer'?"),
        (("--given", "tokenizer"), "--given: write ITEM=TEXT"),
        (("--budget", "0"), "0 is not above zero"),
        (("--accelerator", "abacus"), "no accelerator 'abacus'"),
        (("--backtest", "--pool", "E", "--group", "a"), "--backtest and --compare take a table of runs"),
        (("--columns", "loss=x"), "column"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(
    run_cli, few_runs, tmp_path, monkeypatch, no_sampling, arguments, said
):
    monkeypatch.chdir(tmp_path)
    few_runs.to_csv("runs.csv", index=False)
    status, out, err = run_cli("report", "runs.csv", *arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert [path.name for path in tmp_path.iterdir()] == ["runs.csv"]


def test_laws_are_compared_with_those_of_the_same_outcome(few_fit, tmp_path):
    path = tmp_path / "accuracy.csv"
    path.write_text("C,accuracy,chance\n" + "".join(f"1e{18 + i},{0.3 + 0.04 * i},0.25\n" for i in range(12)))
    nothing = dict.fromkeys(("columns", "unit", "noise", "discrepancy", "engine", "by", "group"))

    def compared(law, *named):
        asked = Asked(runs=str(path), seed=0, laws=named, pool=(), **nothing)
        return _laws(asked, replace(few_fit, law=load_law(law)))

    found = compared("sigmoid_accuracy", "sigmoid_accuracy")
    assert found[0] == "sigmoid_accuracy"
    assert len(found) > 1
    assert {load_law(name).outcome for name in found} == {"accuracy"}
    assert compared("chinchilla", DEFAULT_LAW) == ("chinchilla", "tied", "skaling")
    assert compared("tied", "tied", "chinchilla") == ("tied", "chinchilla")


def test_a_saved_fit_has_no_runs_to_hide(run_cli, saved_fit):
    status, _, err = run_cli("report", saved_fit, "--backtest")
    assert status == 2
    assert "--backtest and --compare take a table of runs" in err
