"""The report without a browser: what stands in it, how large it is, and that no name becomes markup."""

import gzip
import re
from base64 import b64decode
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayescale.basics.errors import LawError, OutputError
from bayescale.basics.quantities import format_interval, times
from bayescale.data.datasets import dataset_names, load_card
from bayescale.posterior.single import fit_law
from bayescale.report import headline
from bayescale.report import page as page_module
from bayescale.report.checks import RUNS_CHECKED
from bayescale.report.comparisons import backtest_section
from bayescale.report.content import BAD, GOOD, OPEN
from bayescale.report.headline import RUNS_DRAWN
from bayescale.report.labels import RUNS_LISTED
from bayescale.report.methods import ITEMS, NOT_GIVEN, check_given
from bayescale.report.page import render, report_content, write_report
from bayescale.validation.backtesting import Backtest
from bayescale.validation.comparison import Comparison

BUDGETS = (1e22, 1e23)
"""Those of the report that all tests share."""
LARGEST = 6e6
"""Maximum size of a page in bytes."""


class Elements(HTMLParser):
    """All elements of a page with their attributes, and the text of each."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.texts = [], [], {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.texts[len(self.elements) - 1] = ""

    def handle_data(self, data):
        if self.elements:
            self.texts[len(self.elements) - 1] += data

    def named(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    def said(self, tag):
        return [self.texts[i].strip() for i, (name, _) in enumerate(self.elements) if name == tag]


@pytest.fixture(scope="module")
def elements(page):
    return Elements(page)


def interval_of(draws, digits):
    return format_interval([float(draws.quantile(p)) for p in (0.05, 0.5, 0.95)], digits)


def test_the_page_is_small_enough_to_send_around(report):
    assert report.stat().st_size < LARGEST


def text_of(markup):
    """What a reader reads, powers of ten with their caret."""
    return unescape(re.sub(r"<[^>]+>", "", markup))


def test_the_answer_comes_first_with_a_sentence_a_budget(page, best, unit):
    answer = page.index('class="answer"')
    assert answer < min(page.index(f'<section id="{name}"') for name in ("doubts", "plan", "data"))
    assert page.index('id="figure-answer"') < page.index('<section id="doubts"')
    said = re.findall(
        r'<div class="finding[^>]*>(.*?)</div>', page[answer : page.index('<section id="doubts"')], re.DOTALL
    )
    assert len(said) == 2
    for i, power in enumerate(("22", "23")):
        at = best.isel(budget=i)
        sizes, tokens, loss = interval_of(at["N"], 3), interval_of(at["D"], 3), interval_of(at["loss"], 4)
        text = text_of(said[i])
        assert f"With 1×10^{power} FLOP" in text
        assert f"Train {sizes} parameters on {tokens} tokens, and expect a loss of {loss} {unit}." in text


@pytest.fixture(scope="module")
def content(reported_fit):
    return report_content(reported_fit, budgets=BUDGETS)


def test_the_answers_figure_ends_in_the_answer(content, reported_fit, best):
    """Its curve passes through what the sentences say, within Monte Carlo error, and its table holds the curve."""
    figure = content.figure
    assert len(figure.table.rows) == 24
    medians = [trace for trace in figure.plot["data"] if trace.get("name") == "median"]
    asked = [trace for trace in figure.plot["data"] if trace.get("name") == "answer"]
    for curve, marks, name in zip(medians, asked, ("N", "loss"), strict=True):
        shown = best[name].median(("chain", "draw")).to_numpy()
        np.testing.assert_allclose(marks["y"], shown, rtol=1e-6)
        np.testing.assert_allclose(curve["y"][-1], shown[-1], rtol=0.15 if name == "N" else 0.01)
    (shape,) = figure.plot["layout"]["shapes"]
    assert shape["x0"] == pytest.approx(float(reported_fit.runs.column("C").max()))


def test_doubts_are_said_as_questions_with_findings(content, reported_fit, chinchilla_fit):
    found = {each.title: each for each in content.doubts}
    first = next(iter(found.values()))
    assert first.title == "How far beyond the runs is it?"
    near, far = (times(each / reported_fit.runs.column("C").max()) for each in BUDGETS)
    assert first.text == f"1e+22 FLOP is {near} times, 1e+23 FLOP is {far} times the largest run."
    assert first.state == (BAD if float(far.replace(",", "")) > 30 else GOOD)
    assert found["Did such bands hold for hidden larger runs?"].state == OPEN
    assert "differ by a factor of" in found["Do the laws agree?"].text
    assert found["What if the law is wrong?"].state == first.state  # tested as far as bands are
    alone = {each.title: each for each in report_content(chinchilla_fit, budgets=[1e22]).doubts}
    assert "Do the laws agree?" not in alone
    assert alone["What if the law is wrong?"].state == BAD  # it is taken as true


def test_warnings_with_one_remedy_stand_together(content):
    asked = ("a moves: add runs", "b moves: add runs", "c is odd")
    page = render(replace(content, warnings=asked))
    start = page.index('id="warnings"')
    text = text_of(page[start : page.index("</section>", start)])
    assert "Add runs:a movesb moves" in text
    assert "c is odd" in text


def test_every_section_is_there_and_headings_step_down_one_by_one(elements):
    found = [attrs["id"] for attrs in elements.named("section")]
    after_answer = "doubts plan checks comparison backtest data laws posterior methods source"
    assert found == ["answer", *after_answer.split()]
    levels = [int(tag[1]) for tag, _ in elements.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_figure_has_a_title_a_label_and_a_table(page):
    figures = re.findall(r"<figure.*?</figure>", page, flags=re.DOTALL)
    assert len(figures) >= 8
    for figure in figures:
        assert re.search(r"<figcaption[^>]*>[^<]{8,}", figure)
        assert re.search(r'role="img" aria-label="[^"]{10,}"', figure)
        assert "<details>" in figure
        assert "<caption" in figure


def test_every_input_has_a_label(elements, page):
    labels = {attrs.get("for") for attrs in elements.named("label")}
    for attrs in elements.named("input"):
        assert attrs.get("id") in labels or attrs["type"] == "radio"
    assert len(re.findall(r'<label><input type="radio"', page)) == 2
    assert 'aria-live="polite"' in page
    assert '<html lang="en">' in page


def test_no_unit_but_that_of_the_runs_is_printed(elements, unit):
    cells = [*elements.said("td"), *elements.said("th")]
    assert sum(unit in text for text in cells) >= 10
    assert not any("nats/token" in text for text in cells)


def test_no_name_becomes_markup(elements, page, hostile, command):
    assert not elements.named("img")
    assert "window.broken = 1</script>" not in page.replace("&lt;/script&gt;", "")
    assert [attrs.get("type") for attrs in elements.named("script")] == [
        "application/json", "application/json", "text/plain", None,
    ]  # fmt: skip
    # The names are there as text, wherever a reader looks for them.
    assert any("'\"&=SUM(A1)%{x}" in text for text in elements.said("h1"))
    assert sum("<script>window.broken = 1" in text for text in [*elements.said("td"), *elements.said("th")]) >= 5
    assert any(command in text for text in elements.said("code"))


def test_no_element_asks_for_anything(elements, page):
    for tag, attrs in elements.elements:
        for name in ("src", "href", "action", "srcset", "data"):
            value = attrs.get(name, "#")
            assert value.startswith("#") or value == "data:,", (tag, value)
    assert "url(" not in page[page.index("<style>") : page.index("</style>")]
    assert "@import" not in page


def test_only_the_two_scripts_of_the_page_may_run(elements, page):
    (policy,) = (attrs["content"] for attrs in elements.named("meta") if "http-equiv" in attrs)
    (scripts,) = re.findall(r"script-src ([^;]*)", policy)
    assert len(scripts.split()) == 2
    assert all(source.startswith("'sha256-") for source in scripts.split())
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    (packed,) = re.findall(r'id="plotly">([^<]*)<', page)
    plotly = gzip.decompress(b64decode(packed)).decode()
    own = page[page.rindex("<script>") + len("<script>") : page.rindex("</script>")]
    assert page_module._policy(own, plotly) == policy


def test_methods_hold_every_item_and_say_what_nobody_gave(page, elements):
    methods = page[page.index('<section id="methods"') : page.index('<section id="source"')]
    topics = re.findall(r"<h3>(.*?)</h3>", methods)
    assert topics == ["Hypothesis", "Training", "Data", "Fit", "Uncertainty", "Validation", "Release"]
    said = elements.said("th")
    assert all(item in said for item in ITEMS.values())
    assert "tokenizer" in methods


def test_what_the_table_and_the_law_tell_is_filled_in(content, reported_fit):
    rows = methods_of(content)
    n = len(reported_fit.runs)
    assert rows[ITEMS["derivation"]] == "; ".join(each.law.citation for each in reported_fit.members.values())
    assert rows[ITEMS["checkpoints"]] == f"one row a run, as far as the table says: {n} rows"
    assert rows[ITEMS["outliers"]] == f"none: all {n} rows of the table were fitted"
    assert rows[ITEMS["flop_rule"]] == reported_fit.first.count.words
    assert reported_fit.first.record.data_hash in rows[ITEMS["data_release"]]
    assert rows["fitted runs"].endswith(f"of {n} lie in the 90% band of a new run like them")
    assert rows[f"form of {next(iter(reported_fit.members))}"] == reported_fit.first.law.formula
    unknown = {name for name, text in ITEMS.items() if rows[text] == NOT_GIVEN}
    assert unknown == {
        "architecture", "tokenizer", "training_data", "epochs", "parameter_rule", "hyperparameters", "schedule",
        "smoothing", "code", "model_release",
    }  # fmt: skip


def methods_of(content):
    """Items of the checklist and what is said of each."""
    (methods,) = (part for part in content.sections if part.name == "methods")
    return dict(row for table in methods.tables for row in table.rows)


def test_formulas_are_typeset(page, reported_fit):
    laws = page[page.index('<section id="laws"') : page.index('<section id="posterior"')]
    assert laws.count("<math") == len(reported_fit.members)
    assert "<mi>α</mi>" in laws
    assert "N^-alpha" not in laws


def test_a_shipped_data_sets_card_fills_in_what_it_knows(chinchilla_fit):
    rows = methods_of(report_content(chinchilla_fit, budgets=[1e23], given={"outliers": "said by me"}))
    assert rows["number of runs"] == "240"
    assert "whether embeddings are counted (from the data set's card)" in rows[ITEMS["parameter_rule"]]
    assert "licence MIT" in rows[ITEMS["data_release"]]
    assert rows[ITEMS["outliers"]] == "said by me"
    assert rows[ITEMS["architecture"]] == "dense Transformers (from the data set's card)"
    assert rows["model discrepancy"].startswith("none: the law is assumed exact")
    assert rows["hidden runs"] == "no back-test was requested"


def test_what_was_left_out_is_said_with_the_command_that_adds_it(elements, command):
    commands = elements.said("code")
    assert f"{command} --compare" in commands
    assert f"{command} --backtest" in commands


def test_the_source_of_the_numbers_is_told(elements, reported_fit):
    record = reported_fit.first.record
    cells = elements.said("td")
    for value in (record.data_hash, str(record.seed), record.versions["pymc"], record.created_at):
        assert value in cells


def test_the_same_fit_gives_the_same_page(chinchilla_fit, tmp_path):
    first, second = (
        write_report(chinchilla_fit, tmp_path / f"{i}.html", budgets=[1e23], seed=4).read_bytes() for i in range(2)
    )
    assert first == second


def test_a_law_of_other_inputs_tells_what_larger_runs_reach(own_law, monkeypatch):
    steps = np.geomspace(100, 1e5, 12)
    table = pd.DataFrame({"steps": steps, "loss": 2 + 20 * steps**-0.4})
    fitted = fit_law(own_law, table, draws=100, discrepancy=False, certify=False)
    content = report_content(fitted)
    assert content.planner is None
    (plan,) = (part for part in content.sections if part.name == "plan")
    assert "law 'steps' reads steps, and a plan needs a law of N and D" in plan.paragraphs[0]
    assert [each.title for each in content.answer] == ["At steps = 300k", "At steps = 1M"]
    (expected,) = re.findall(r"a loss of ([\d.]+) \[", content.answer[1].text)
    assert float(expected) == pytest.approx(2 + 20 * 1e6**-0.4, abs=0.006)
    assert content.figure is not None

    def ends(*arguments, **options):
        raise LawError("law 'steps' is not finite there")

    monkeypatch.setattr(headline, "forecast", ends)
    content = report_content(fitted)
    assert content.answer[0].text.startswith("floor is ")
    assert content.figure is None
    assert 'id="figure-answer"' not in render(content)


def test_a_law_that_ends_within_the_planners_budgets_keeps_its_plan(chinchilla_fit, monkeypatch):
    def fails(*arguments, **options):
        raise LawError("law 'x' has no compute-optimal N at 1e+27 FLOP")

    monkeypatch.setattr(page_module, "planner_document", fails)
    content = report_content(chinchilla_fit, budgets=[1e23])
    (plan,) = (part for part in content.sections if part.name == "plan")
    assert plan.paragraphs == ("There is no planner: law 'x' has no compute-optimal N at 1e+27 FLOP.",)
    assert len(plan.tables) == 1
    assert content.planner is None


def test_draws_that_are_not_certified_are_told_first(chinchilla_fit, tmp_path):
    doubtful = replace(chinchilla_fit, diagnostics=replace(chinchilla_fit.diagnostics, certified=False))
    page = write_report(doubtful, tmp_path / "r.html", budgets=[1e23]).read_text(encoding="utf-8")
    assert page.index("NOT CERTIFIED.") < page.index('class="answer"')


@pytest.fixture(scope="session")
def many(chinchilla_fit):
    """A fit whose table holds 100,000 runs."""
    rows = np.arange(100_000) % 240
    tree = chinchilla_fit.groups.copy()
    for group in ("observed_data", "constant_data"):
        repeated = tree[group].to_dataset().isel(run=rows).assign_coords(run=np.arange(1, len(rows) + 1))
        tree[group] = xr.DataTree(repeated)
    return replace(chinchilla_fit, groups=tree)


def test_a_hundred_thousand_runs_are_thinned_and_the_page_says_so(many, tmp_path):
    path = write_report(many, tmp_path / "many.html", budgets=[1e23])
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size < LARGEST
    for shown, done in ((RUNS_DRAWN, "drawn"), (RUNS_LISTED, "listed"), (RUNS_CHECKED, "checked")):
        assert f"{shown:,} of 100,000 runs are {done}, evenly spread over their size." in text
    assert text.count("<tr ") < 3000


def test_cards_tell_only_items_that_there_are():
    for name in dataset_names():
        check_given(load_card(name).methods)


def test_unknown_items_are_refused():
    with pytest.raises(LawError, match="no item 'tokeniser', did you mean 'tokenizer'"):
        check_given({"tokeniser": "BPE"})
    with pytest.raises(LawError, match="no item 'x': it has architecture"):
        check_given({"x": "y"})


@pytest.mark.parametrize("name", ["report.pdf", "report"])
def test_another_ending_is_refused_before_any_work(chinchilla_fit, tmp_path, name, monkeypatch):
    monkeypatch.setattr(page_module, "report_content", pytest.fail)
    with pytest.raises(OutputError, match=r"ends in \.html"):
        write_report(chinchilla_fit, tmp_path / name)


def test_a_report_that_fails_leaves_the_old_one(chinchilla_fit, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(LawError, match="budget -1 FLOP"):
        write_report(chinchilla_fit, path, budgets=[-1.0])
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture(scope="module")
def measured():
    """A back-test of four hidden runs, three of which lie in their 90 % intervals."""
    scores = {"crps": 0.01, "log_score": 2.0, "interval_score": 0.1, "width": 0.05, "error": 0.02, "horizon": 3.0}
    covered = {
        "cover_0.5": [1, 0, 0, 1],
        "cover_0.8": [1, 0, 1, 1],
        "cover_0.9": [1, 0, 1, 1],
        "cover_0.95": [1, 1, 1, 1],
    }
    frame = pd.DataFrame({**covered, "ceiling": range(4)}, dtype=float).assign(method="chinchilla", **scores)
    return Backtest(scores=frame, law="chinchilla", n_train={3.0: 20.0})


@pytest.fixture(scope="module")
def compared():
    row = {"elpd_loo": -10.0, "se": 2.0, "elpd_diff": 0.0, "dse": 0.0, "p_loo": 4.0, "max_pareto_k": 0.3}
    row |= {"score_diff": 0.0, "score_diff_se": 0.1, "probability": 0.5, "refits": 0}
    rows = [
        {"law": law, **row, "log_evidence": None, "weight_stacking": weight, "horizon_score": 1.25, "rank": rank}
        for rank, (law, weight) in enumerate((("tied", 0.75), ("chinchilla", 0.25)), start=1)
    ]
    return Comparison(
        table=pd.DataFrame(rows),
        horizon_elpd={},
        pointwise=pd.DataFrame(),
        verdict="one is ahead",
        warnings=("a doubt",),
    )


def test_a_method_without_scores_at_a_horizon_leaves_its_place_empty(chinchilla_fit, measured, tmp_path):
    far = measured.scores.assign(horizon=10.0)
    both = pd.concat([measured.scores, far, far.assign(method="isoflop")])
    measured = Backtest(scores=both, law="chinchilla", n_train={3.0: 20.0, 10.0: 10.0})
    write_report(chinchilla_fit, tmp_path / "report.html", budgets=[1e23], backtested=measured)
    (figure,) = backtest_section(measured).figures
    assert {bar["name"]: bar["y"] for bar in figure.plot["data"]} == {
        "chinchilla": [0.75, 0.75],
        "isoflop": [None, 0.75],
    }


def test_a_back_test_and_a_comparison_stand_in_the_report_if_they_are_given(chinchilla_fit, measured, compared):
    content = report_content(chinchilla_fit, budgets=[1e23], backtested=measured, compared=compared)
    part = {section.name: section for section in content.sections}
    (figure,) = part["backtest"].figures
    assert figure.title == "90% intervals contain 75% of the hidden larger runs"
    assert figure.table.rows[0][:6] == ("3", "chinchilla", "4", "50%", "75% (25%)", "75% (25%)")
    (table,) = part["comparison"].tables
    assert [row[0] for row in table.rows] == ["tied", "chinchilla"]
    assert {"one is ahead", "a doubt"} <= set(part["comparison"].paragraphs)
    assert part["backtest"].command == part["comparison"].command == ""
    rows = methods_of(content)
    (doubt,) = (each for each in content.doubts if each.title == "Did such bands hold for hidden larger runs?")
    assert (doubt.text, doubt.state) == ("90% intervals contained 75% of 4 hidden larger runs.", GOOD)
    assert rows["hidden runs up to 3 times the largest run trained on"].startswith(
        "4 runs: the 90 % interval contained 75%"
    )
