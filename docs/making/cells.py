"""Cells of tutorials: lines that begin with ``!`` are commands, shown as on a terminal, and run in the same process."""

import os
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments.lexers import BashLexer, TextLexer

WIDTH = 100
"""Columns of the terminal that commands see."""


def run(line: str) -> None:
    """Run a command of bayescale as a shell would, without a process of its own, which would take seconds to start.

    Raises
    ------
    RuntimeError
        If the command does not end as the line says, ``bayescale ... # exit 2``, and well if it says nothing.
    """
    from bayescale.cli import main

    words, _, expected = line.partition(" # exit ")
    try:
        main(shlex.split(words.removeprefix("uv run "))[1:])
    except SystemExit as left:
        if (left.code or 0) != int(expected or 0):
            raise RuntimeError(f"{words}: ended with status {left.code}") from None


def load_ipython_extension(shell: Any) -> None:
    """Work in a folder of the tutorial's own, with copies of its files, and run commands by :func:`run`."""
    beside = Path.cwd() / "tutorials" if (Path.cwd() / "tutorials").exists() else Path.cwd()
    folder = tempfile.mkdtemp()
    for path in [*beside.glob("*.csv"), *beside.glob("my_law.py")]:
        shutil.copy(path, folder)
    os.chdir(folder)
    os.environ["COLUMNS"] = str(WIDTH)
    shell.system = run


def _shown_as_commands(app: Any, document: nodes.document) -> None:
    for block in document.findall(nodes.literal_block):
        text = block.astext()
        if text.startswith("!"):
            lines = [line.removeprefix("!").partition(" # exit ")[0] for line in text.splitlines()]
            block.children = [nodes.Text("\n".join(lines))]
            block.rawsource = "\n".join(lines)
            block["language"] = "console"


def setup(app: Any) -> dict[str, bool]:
    """Show commands, and colour those of all pages as a shell's, which they are without prompts."""
    app.add_lexer("console", BashLexer)
    app.add_lexer("csv", TextLexer)
    app.connect("doctree-read", _shown_as_commands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
