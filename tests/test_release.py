"""The version and the Pythons that are declared: the same in every file that names them."""

import re
import tomllib

import pytest

from bayescale.basics.files import root

ROOT = root("models").parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if re.search(r"Python :: \d+\.\d+$", each)]


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("CHANGELOG.md", r"^## (\d\S*) - \d{4}-\d\d-\d\d$"),
        ("CITATION.cff", r"^version: (\S+)$"),
        ("uv.lock", r'^name = "bayescale"\nversion = "(\S+)"$'),
    ],
)
def test_the_version_is_that_of_the_package(file, pattern):
    versions = re.findall(pattern, (ROOT / file).read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert versions[0] == PROJECT["version"]


def test_the_citation_has_the_date_of_the_release():
    released = re.search(rf"^## {PROJECT['version']} - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert f"date-released: {released[1]}\n" in (ROOT / "CITATION.cff").read_text()


def test_types_are_checked_and_tests_run_as_of_every_python_that_is_declared():
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    assert tools["mypy"]["python_version"] == PYTHONS[0]
    assert tools["ruff"]["target-version"] == f"py{PYTHONS[0].replace('.', '')}"
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    assert re.search(r"python: \[(.*)\]", workflow)[1].replace('"', "").split(", ") == PYTHONS
