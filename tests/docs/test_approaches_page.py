"""The page on approaches to N*: its command prints what it shows."""

import json
import re
import shlex

import pytest
from shown import is_shown, lines_of

from bayescale.basics.files import root

pytestmark = pytest.mark.docs

PAGE = (root("models").parent / "docs/approaches.md").read_text(encoding="utf-8")
((COMMAND, SHOWN),) = re.findall(r"```console\nuv run bayescale (.*?)\n```\n\n```text\n(.*?)```", PAGE, flags=re.DOTALL)
TEXT = " ".join(PAGE.replace("\\*", "*").split())


def test_the_command_prints_what_the_page_shows(run_cli):
    status, out, _ = run_cli(*shlex.split(COMMAND))
    assert status == 0
    printed = lines_of(out)
    for line in lines_of(SHOWN):
        assert is_shown(line, printed, slack=0.02), line


def rows_of(result):
    return json.loads((root("models").parent / f"benchmarks/results/{result}.json").read_text(encoding="utf-8"))


def test_counts_of_intervals_are_those_of_the_committed_result():
    errors = rows_of("approaches")["errors"]
    held = [row for row in errors if row["approach"] == "isoflops" and row["design"] != "without embeddings"]
    counts = [int(sum(row[f"{name}: covered"] for row in held)) for name in ("exponent", "N* at 10x", "N* at 100x")]
    words = (
        "On the {} tables whose N* follows a power law they contain the exponent in {}, N* at ten times the largest "
    )
    words += "budget in {} and at a hundred times in {}."
    assert words.format(len(held), *counts) in TEXT


def test_published_optima_lie_where_the_page_says():
    llama, *_ = rows_of("approaches_development")["rows"]
    for published, name in (("published exponent", "isoflops"), ("published N*", "isoflops N*")):
        low, high = map(float, re.findall(r"[\d.e+]+", llama[name].partition("[")[2]))
        assert low < float(llama[published]) < high
    missed = {"isoflops": 0, "law": 0}
    for row in rows_of("approaches")["porian"]:
        for name in missed:
            low, high = map(float, re.findall(r"\d\.\d+", row[name])[1:])
            missed[name] += not low < float(row["published"]) < high
    assert missed == {"isoflops": 0, "law": 3}
