"""ARCHITECTURE.md: it names the modules, folders, constants and files that there are."""

import re
from importlib import import_module

import pytest
from test_imports import FOLDERS, GRAPH, MODULES, ROOT

PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))
FILE = re.compile(r"`(?:bayescale/)?((?:\w+/)*\w+)\.py`")


def named(text):
    """Modules whose files a text names, as the test of imports calls them."""
    return [name.replace("/", ".") for name in FILE.findall(text)]


def test_every_module_has_one_owner():
    packages = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    owned = re.findall(r"^\| `([^`]+)\.py` \| .+ \|$", SECTIONS["Who owns what"], flags=re.MULTILINE)
    assert sorted(name.replace("/", ".") for name in owned) == sorted(MODULES.keys() - packages - {"__main__"})


def test_folders_stand_in_the_order_of_their_layers():
    headings = re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", SECTIONS["Who owns what"], flags=re.MULTILINE | re.DOTALL)
    assert [folder for folder, _ in headings] == list(FOLDERS)
    for folder, text in headings:
        assert {name.split(".")[0] for name in named(text)} == {folder}


def test_no_step_of_the_walk_leads_back():
    walk = SECTIONS["A walk of one table, from the file to the plan"]
    steps = [named(row)[0] for row in walk.splitlines() if re.match(r"\| \d", row)]
    assert steps[0] == "data.formats"
    assert steps[-1] == "planning.allocation"
    assert not [(one, later) for i, one in enumerate(steps) for later in steps[i + 1 :] if later in GRAPH[one]]


def test_every_file_that_is_named_exists():
    paths = re.findall(r"`((?:bayescale|tests|docs|benchmarks|datasets|models)/[\w/.]*)`", PAGE)
    assert len(paths) > 10
    assert not [path for path in paths if "NAME" not in path and not (ROOT / path).exists()]
    assert not [name for name in named(PAGE) if name.split(".")[0] in FOLDERS and name not in MODULES]


CONSTANTS = re.findall(r"^\| .*? \| `([\w.]+)\.(\w+)` \| ([\d.]+) \|$", SECTIONS["The mathematics"], flags=re.MULTILINE)


@pytest.mark.parametrize(("module", "name", "value"), CONSTANTS, ids=[name for _, name, _ in CONSTANTS])
def test_constants_are_those_of_the_code(module, name, value):
    assert getattr(import_module(f"bayescale.{module}"), name) == float(value)
