"""Plain English: phrases that readers stumbled over stay out of pages, messages, docstrings and comments."""

import re

import pytest
from making.pages import FOLDERS

from bayescale.basics.files import root

ROOT = root("models").parent
MADE = {ROOT / "docs" / folder for folder in FOLDERS}
"""Folders of pages that are made when the site is built."""
FILES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "docs/**/*.py",
        "bayescale/**/*.py",
        "bayescale/report/*.[jh]*",
        "models/*.py",
        "benchmarks/*.py",
    )
    for path in ROOT.glob(pattern)
    if path.parent not in MADE
)
BANNED = {
    "all the same": "nevertheless",
    "asks for it": "is large enough",
    "below now": "what is wrong, and what to do",
    "certified are": "certified draws have",
    "does not tell": "does not determine",
    "fix the": "determine the",
    "for ever": "without limit",
    "for sure": "exactly",
    "for true": "as exact",
    "gets too dear": "becomes too expensive",
    "give or take": "within",
    "go together": "are correlated",
    "go on with a run": "continue a run",
    "goes on where": "resumes where",
    "held to account": "tested",
    "hold the truth": "contain the truth",
    "holds the truth": "contains the truth",
    "in a line": "in one line",
    "it is said": "it says",
    "kept apart": "stored separately",
    "kept results": "stored results",
    "know besides": "other information",
    "knows no": "ignores",
    "lean on each other": "share information",
    "leans on": "borrows information from",
    "lies behind": "is completed",
    "looked for": "searched",
    "mended": "fixed",
    "of one's own": "your own",
    "of which no": "which no",
    "over so much": "divided by this",
    "part ways": "diverge",
    "parts a few": "separates a few",
    "per cent that": "in per cent for each per cent of",
    "power with which": "exponent with which",
    "said first": "reported first",
    "says nothing of": "says nothing about",
    "side with": "support",
    "so many": "a number of",
    "speaks of": "covers",
    "stand beside": "are compared with",
    "stand for": "represent",
    "stand in": "are in",
    "stands beside": "is compared with",
    "stands in": "is in",
    "stands under": "is below",
    "steps in": "takes over",
    "surer": "more certain",
    "tell apart": "distinguish",
    "tells how": "says how",
    "tells nothing": "gives no information",
    "tells of": "reports",
    "tells what": "says what",
    "tells where": "says where",
    "tells which": "says which",
    "the cure": "the remedy",
    "the law's error": "model discrepancy",
    "the law's own error": "model discrepancy",
    "the laws' error": "model discrepancy",
    "their error": "their discrepancy",
    "told apart": "distinguished",
    "told by": "identified by",
    "took no notice": "ignored",
    "unless asked": "unless requested",
    "vouch for": "certify",
    "vouches for": "certifies",
    "was asked for": "was requested",
    "was said": "was given",
    "were it known": "if it were known",
    "what became of": "the outcome of",
    "what is left of": "the rest of",
    "what lies": "the part",
    "what stands": "the content",
    "which the table has not": "which is not in the table",
    "whole or not at all": "complete or absent",
    "without a word": "without a warning",
}
"""What to write instead, by phrase."""
ALLOWED = {"benchmarks/pooling.py": {"told apart"}}
"""Labels of committed results."""

FENCE = re.compile(r"^```.*?^```", flags=re.DOTALL | re.MULTILINE)
SPLIT = re.compile(r"\"\s*\n\s*[rf]?\"|\n\s*#(?= |$)")
PHRASES = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(BANNED, key=len, reverse=True)))})\b")


def prose(name, text):
    """Text of a file on one line, in lower case: pages without fences, code with split strings and comments joined."""
    return " ".join((FENCE if name.endswith(".md") else SPLIT).sub(" ", text).lower().split())


def stumbling(name, text):
    """Banned phrases of a file, each with what surrounds it and what to write instead."""
    words, allowed = prose(name, text), ALLOWED.get(name, set())
    return [
        f"...{words[max(0, hit.start() - 40) : hit.end() + 40]}...: write {BANNED[hit[0]]!r}"
        for hit in PHRASES.finditer(words)
        if hit[0] not in allowed
    ]


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_phrases_that_readers_stumble_over_are_not_used(path):
    assert not stumbling(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "This gives\n  or TAKES, give or\ntake a factor."),
        ("a.py", 'raise ValueError("a page tells "\n    "nothing")'),
        ("a.py", "# The draws are told\n# apart here.\n"),
    ],
)
def test_phrases_are_found_across_lines(name, text):
    assert len(stumbling(name, text)) == 1


def test_output_of_programs_and_allowed_labels_are_left_alone():
    assert not stumbling("a.md", "Before\n```text\ntold apart\n```\nafter")
    assert not stumbling("benchmarks/pooling.py", '"told apart"')
    assert stumbling("benchmarks/sbc.py", '"told apart"')


KNOWN = set((ROOT / "tests/words.txt").read_text(encoding="utf-8").split())
PAGES = [path for path in FILES if path.suffix == ".md"]
CODE = re.compile(r"`[^`]*`|\]\([^)]*\)|https?://\S+|<!--.*?-->", flags=re.DOTALL)
WORD = re.compile(r"(?<![\w./-])[a-z]{3,}(?![\w/-]|\.\w)")


def words_of(page):
    """Words of a page in lower case letters, without names, code and addresses."""
    return set(WORD.findall(CODE.sub(" ", FENCE.sub(" ", page))))


@pytest.mark.parametrize("path", PAGES, ids=[str(path.relative_to(ROOT)) for path in PAGES])
def test_words_of_pages_are_spelt_as_in_the_list(path):
    unknown = sorted(words_of(path.read_text(encoding="utf-8")) - KNOWN)
    assert not unknown, "correct these words, or add them to tests/words.txt"


def test_a_misspelt_word_is_found_outside_code():
    assert words_of("A recieved `langth` of [this](langth.md).\n```text\nlangth\n```\n") - KNOWN == {"recieved"}
