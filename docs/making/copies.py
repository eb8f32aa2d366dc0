"""Pages for people who work on the code: the files at the root of the repository."""

from collections.abc import Iterator

from making.links import COPIED, ROOT, relinked


def write() -> Iterator[tuple[str, str]]:
    """Names of pages, and their text."""
    for name, page in COPIED.items():
        yield page, relinked((ROOT / name).read_text(encoding="utf-8"), ROOT / name, page)
    listed = "\n".join(page.partition("/")[2] for page in COPIED.values())
    yield "project/index", f"# Project\n\n```{{toctree}}\n:titlesonly:\n\n{listed}\n```\n"
