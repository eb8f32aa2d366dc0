"""Parts of pages in Markdown: tables, links to papers, and formulas."""

import re
from collections.abc import Mapping, Sequence

_PAPER = re.compile(r"arXiv:(\d{4}\.\d{4,5})|doi:(10\.\S+[\w/])|(https://[^\s,;]+)")


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows of one set of columns as a table; columns that are empty throughout are left out."""
    columns = [column for column in rows[0] if any(row[column] for row in rows)]
    lines = [columns, ["---"] * len(columns), *([cell(row[column]) for column in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(text: str) -> str:
    """Text as the cell of a table."""
    return " ".join(text.replace("|", r"\|").split())


def plain(text: str) -> str:
    """Text without what Markdown would read as marks."""
    return re.sub(r"([\\*_`$<>\[\]])", r"\\\1", text)


def cited(text: str) -> str:
    """A citation with links to what it names, for the reader who wants to check it."""
    parts, end = [], 0
    for found in _PAPER.finditer(text):
        arxiv, doi, address = found.groups()
        to = address or (f"https://arxiv.org/abs/{arxiv}" if arxiv else f"https://doi.org/{doi}")
        parts += [plain(text[end : found.start()]), f"[{plain(found[0])}]({to})"]
        end = found.end()
    return "".join([*parts, plain(text[end:])])


ORPHAN = "---\norphan: true\n---\n\n"
"""Head of a page that the sidebar leaves out: with all of them it would be long, and slow to build on every page."""


def by_name(names: Sequence[str], folder: str) -> str:
    """Names as links to their pages, which are in a folder."""
    return ", ".join(f"[`{name}`]({folder}{name}.md)" for name in names)
