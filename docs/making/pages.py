"""Writes the pages that are made from files, before Sphinx looks for pages."""

from functools import cache
from pathlib import Path
from typing import Any

from making import commands, copies, datasets, laws, reference

DOCS = Path(__file__).parent.parent
FOLDERS = ("api", "commands", "datasets", "laws", "project")
"""Folders of docs/ that hold made pages alone; they are not under version control."""


@cache
def made() -> dict[str, str]:
    """Text of all pages that are made, by their names without ending."""
    return dict(page for module in (laws, datasets, commands, reference, copies) for page in module.write())


def write_pages(app: Any, config: Any) -> None:
    """Write pages that are new or differ, and remove those that are made no longer."""
    written = set()
    for name, text in made().items():
        path = DOCS / f"{name}.md"
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
        written.add(path)
    for folder in FOLDERS:
        for path in set((DOCS / folder).glob("*.md")) - written:
            path.unlink()


def setup(app: Any) -> dict[str, bool]:
    """Have Sphinx write the pages once its configuration is read."""
    app.connect("config-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
