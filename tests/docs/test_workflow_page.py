"""The page of a Bayesian workflow: its code is the script that is type-checked, and prints what the page shows."""

import contextlib
import io
import re
import tomllib

import pytest
from shown import is_shown

from bayescale.basics.files import root

pytestmark = pytest.mark.docs

ROOT = root("models").parent
PAGE = (ROOT / "docs/workflow.md").read_text(encoding="utf-8")
SCRIPT = (ROOT / "docs/workflow.py").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```\n+(?:```text\n(.*?)```)?", PAGE, flags=re.DOTALL)
STUDIES = ("recover", "compare", "pull")
"""Functions that take long, or need a second fit, and have tests of their own."""


def test_the_code_of_the_page_is_the_script():
    assert "\n".join(code for code, _ in BLOCKS) == SCRIPT


def test_the_script_is_type_checked():
    checked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert checked["strict"]
    assert "docs/workflow.py" in checked["files"]


def test_the_script_uses_public_names_only():
    assert set(re.findall(r"(?:from|import) (\w+)", SCRIPT)) == {"arviz", "bayescale", "pymc"}
    assert not re.search(r"\b_\w|bayescale\.\w", SCRIPT)


@pytest.mark.slow
def test_the_page_shows_what_the_code_prints(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    names, shown = {}, 0
    for code, text in BLOCKS:
        if any(f"bs.{name}(" in code for name in STUDIES):
            assert not text
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, names)
        lines = printed.getvalue().splitlines()
        for line in text.splitlines():
            assert is_shown(line, lines, slack=0.05), f"{line} is not in\n{printed.getvalue()}"
            shown += 1
    assert shown > 40
