"""The page on tables: its files are read, and its commands print what it shows."""

import contextlib
import re
import shlex

import pytest
from shown import is_shown, lines_of

from bayescale.basics.files import root
from bayescale.cli import main
from bayescale.data.formats import SUFFIXES

pytestmark = pytest.mark.docs

PAGE = (root("models").parent / "docs/tables.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"<!-- file: (.*?) -->\n```csv\n(.*?)```", PAGE, flags=re.DOTALL))
SHOWN = re.findall(r"```console\nuv run bayescale (.*?)\n```\n\n```text\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize(("command", "shown"), SHOWN, ids=[command for command, _ in SHOWN])
def test_commands_print_what_the_page_shows(command, shown, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "100")
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    with contextlib.chdir(tmp_path), pytest.raises(SystemExit) as left:
        main(shlex.split(command))
    assert left.value.code == (2 if shown.startswith("bayescale: ") else None)
    out, err = capsys.readouterr()
    for line in lines_of(shown):
        assert is_shown(line, lines_of(out + err)), line


def test_a_page_shows_a_refusal_and_a_plan():
    assert len(SHOWN) == 2
    assert FILES


def test_every_ending_is_on_the_page():
    assert [
        ending
        for ending in SUFFIXES
        if f"`{ending}`" not in PAGE and ending not in (".csv", ".tsv", ".txt", ".dat", ".data", ".md")
    ] == []
