"""Pages of the site that are made from files, and how links, formulas and commands of pages become the site's."""

import re

import pytest
from making import laws
from making.formulas import latex
from making.links import ROOT, relinked
from making.markdown import cited
from making.pages import made
from test_words import KNOWN, words_of

from bayescale import law_names, load_law

BY_QUESTION = made()["laws/_by_question"]


@pytest.mark.parametrize("folder", ["laws", "datasets"])
def test_words_of_made_pages_are_spelt_as_in_the_list(folder):
    pages = [text for name, text in made().items() if name.startswith(f"{folder}/")]
    assert len(pages) > 10
    assert not sorted({word for text in pages for word in words_of(text)} - KNOWN), "correct the file, or the list"


@pytest.mark.parametrize("name", law_names())
def test_each_law_is_in_the_table_once_and_has_a_page_that_says_what_its_file_does(name):
    law, page = load_law(name), made()[f"laws/{name}"]
    assert BY_QUESTION.count(f"](laws/{name}.md)") == 1
    assert latex(law.formula) in page
    for item in (*law.inputs, *law.settings, *law.parameters, *law.derived):
        assert f"| `{item.name}` |" in page


def test_what_the_table_says_of_a_law_is_what_was_measured():
    assert laws.status(load_law("routed_moe")) == "**default**, posterior tested, 18 of 18 published values agree"
    assert laws.status(load_law("pinned_floor")) == "by name"


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("E + A N^-alpha", r"E+A\,N^{-\alpha }"),
        ("(N_c/N)^(alpha_N/alpha_D)", r"\left(N_{c}/N\right)^{\alpha _{N}/\alpha _{D}}"),
        ("max(b (log_x_end - log x), 0)", r"\max \left(b\,\left(\log x_{\mathrm{end}}-\log x\right),\ 0\right)"),
        ("e/sqrt(e^2 + eps0^2)", r"e/\sqrt{e^{2}+\epsilon _{0}^{2}}"),
    ],
)
def test_formulas_are_typeset(formula, expected):
    assert latex(formula) == expected


@pytest.mark.parametrize(
    ("page", "link", "expected"),
    [
        ("scale", "[x](../ARCHITECTURE.md#layers)", "[x](project/architecture.md#layers)"),
        ("questions/data", "[x](../../README.md#set-up)", "[x](../start.md)"),
        ("scale", "[results](../benchmarks/results)", "results"),
        ("scale", "[x](posterior.md)", "[x](posterior.md)"),
        ("scale", "`[x](../README.md)`", "`[x](../README.md)`"),
        ("scale", "[x](https://arxiv.org)", "[x](https://arxiv.org)"),
    ],
)
def test_links_lead_to_pages_of_the_site(page, link, expected):
    assert relinked(link, ROOT / f"docs/{page}.md", page) == expected


def test_citations_link_to_papers_and_cannot_break_a_page():
    assert cited("A* 2024, arXiv:2404.10102, p") == (
        r"A\* 2024, [arXiv:2404.10102](https://arxiv.org/abs/2404.10102), p"
    )


def test_coverage_on_the_first_page_is_that_of_the_page_on_calibration():
    claim = "contain 91 to 96 % of hidden runs up to ten times beyond the runs fitted"
    first, measured = (
        " ".join((ROOT / f"docs/{page}.md").read_text(encoding="utf-8").split()) for page in ("index", "calibration")
    )
    assert claim in first
    assert claim.replace("contain", "contains") in measured


@pytest.mark.parametrize("path", sorted((ROOT / "docs/tutorials").glob("*.[cp]*")), ids=lambda path: path.name)
def test_files_of_tutorials_are_those_that_other_pages_show(path):
    block = re.compile(rf"<!-- file: {path.name} -->\n```\w+\n(.*?)```", flags=re.DOTALL)
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs/questions").glob("*.md")]
    for shown in (text for page in pages for text in block.findall(page.read_text(encoding="utf-8"))):
        assert shown == path.read_text(encoding="utf-8")
