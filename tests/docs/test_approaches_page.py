"""The page on approaches to N*: its command prints what it shows."""

import re
import shlex

import pytest
from shown import is_shown

from bayescale.basics.files import root

pytestmark = pytest.mark.docs

PAGE = (root("models").parent / "docs/approaches.md").read_text(encoding="utf-8")
((COMMAND, SHOWN),) = re.findall(r"```console\nuv run bayescale (.*?)\n```\n\n```text\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_command_prints_what_the_page_shows(run_cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "320")
    status, out, _ = run_cli(*shlex.split(COMMAND))
    assert status == 0
    printed = out.splitlines()
    for line in SHOWN.splitlines():
        assert is_shown(line, printed, slack=0.02), line
