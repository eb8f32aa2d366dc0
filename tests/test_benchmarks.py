"""What the committed results of the benchmarks promise."""

import json
import sys

import pytest

from bayescale.catalog import root

BENCHMARK_FOLDER = root("models").parent / "benchmarks"
sys.path.insert(0, str(BENCHMARK_FOLDER))

from fast import passes  # noqa: E402
from run_all import BENCHMARKS, RESULTS, refreshed  # noqa: E402


def test_every_large_difference_from_a_published_fit_is_explained():
    comparisons = json.loads((RESULTS / "published_fits.json").read_text())["comparisons"]
    rows = [row for comparison in comparisons for row in comparison["rows"]]
    assert rows
    assert all(row["why"] for row in rows if abs(row["z"]) > 2)
    assert all(comparison["certified"] for comparison in comparisons)


def test_every_benchmark_can_be_made_again_and_every_result_has_one():
    commands = {benchmark.command[0] for benchmark in BENCHMARKS.values()}
    scripts = {path.name for path in BENCHMARK_FOLDER.glob("*.py")}
    assert commands == scripts - {"reporting.py", "run_all.py"}
    for ending in ("txt", "json"):
        kept = {path.stem for path in RESULTS.glob(f"*.{ending}")} - {"run_all"}
        assert kept == {stem for benchmark in BENCHMARKS.values() for stem in benchmark.results}


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_results_are_json_that_others_can_read(path):
    json.loads(path.read_text(), parse_constant=pytest.fail)


PAGES = sorted((RESULTS.parent.parent / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_results_that_pages_show_are_the_committed_ones(page):
    assert refreshed(page.read_text()) == page.read_text()


def test_a_page_is_written_anew_from_the_committed_result():
    stale = "before\n<!-- benchmarks/results/gopher.txt -->\n```text\nold\n```\nafter"
    fresh = refreshed(stale)
    assert (RESULTS / "gopher.txt").read_text() in fresh
    assert fresh.startswith("before\n<!--")
    assert fresh.endswith("```\nafter")


@pytest.mark.parametrize(
    ("name", "ratio", "fine"),
    [("fit", 1.9, True), ("fit", 2.1, False), ("effective draws, x", 0.8, True), ("effective draws, x", 0.6, False)],
)
def test_costs_that_doubled_do_not_pass(name, ratio, fine):
    assert passes(name, ratio) == fine
