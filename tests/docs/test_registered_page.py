"""The page on registered forecasts: its forecasts are registered and scored as it shows."""

import re
import shlex
import shutil

import pytest
from shown import is_shown, lines_of

from bayescale.basics.files import root

pytestmark = pytest.mark.docs

ROOT = root("models").parent
PAGE = (ROOT / "docs/registered.md").read_text(encoding="utf-8")
OBSERVED = dict(re.findall(r"<!-- file: observed/(.*?) -->\n```csv\n(.*?)```", PAGE, flags=re.DOTALL))
SCORES = re.findall(r"<!-- score: (\S+) (.*?) -->\n```text\n(.*?)```", PAGE, flags=re.DOTALL)
ERROR_OF_MEDIAN = 1.0
"""Percentage points by which the error may differ: two Monte Carlo medians of wide forecasts do, by about half."""


def test_a_page_shows_three_forecasts():
    assert len(SCORES) == 3


@pytest.mark.parametrize(("table", "points", "shown"), SCORES, ids=[table for table, *_ in SCORES])
def test_forecasts_are_scored_as_the_page_shows(table, points, shown, run_cli, elsewhere):
    shutil.copy(ROOT / "benchmarks/cases" / table, elsewhere)
    (elsewhere / "observed.csv").write_text(OBSERVED[table])
    status, _, err = run_cli("predict", table, *shlex.split(points), "--register", "registered.json")
    assert status == 0, err
    status, out, _ = run_cli("score", "registered.json", "--observed", "observed.csv")
    assert status == 0
    for line in lines_of(shown):
        assert is_shown(line, lines_of(out), slack=ERROR_OF_MEDIAN if "%" in line and "+" in line else 0.0), line
