"""The page on checking a table: its command prints what it shows, and its options exist."""

import re
import shlex

import pytest
from shown import lines_of

from bayescale.basics.files import root

pytestmark = pytest.mark.docs

PAGE = (root("models").parent / "docs/checking.md").read_text(encoding="utf-8")


def test_the_command_prints_what_the_page_shows(run_cli, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    ((name, content),) = re.findall(r"<!-- file: (.*?) -->\n```csv\n(.*?)```", PAGE, flags=re.DOTALL)
    ((command, shown),) = re.findall(r"uv run bayescale (.*?)\n```\n\n```text\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / name).write_text(content)
    status, out, err = run_cli(*shlex.split(command))
    assert (status, err) == (0, "")
    assert set(lines_of(shown)) <= set(lines_of(out))


def test_the_options_of_the_page_exist(run_cli):
    known = run_cli("check", "--help")[1] + run_cli("compare", "--help")[1]
    assert [option for option in set(re.findall(r"`(--[a-z-]+)", PAGE)) if option not in known] == []
