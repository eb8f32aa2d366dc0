"""Links between pages: every file and heading that a page links to exists."""

import re

import pytest
from making.pages import FOLDERS, made

from bayescale.basics.files import root

ROOT = root("models").parent
PAGES = sorted(
    page
    for page in ROOT.rglob("*.md")
    if not any(part.startswith(".") and part != ".github" for part in page.relative_to(ROOT).parts)
    and page.parent not in {ROOT / "docs" / folder for folder in FOLDERS}
)
MADE = {ROOT / f"docs/{name}.md": text for name, text in made().items()}
INCLUDED = re.compile(r"```\{include\} (\S+)")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def without_code(page):
    return re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def text_of(page):
    """A page with those that it includes; pages that are made when the site is built need not be there."""
    text = MADE.get(page) or page.read_text(encoding="utf-8")
    return "\n".join([text, *(text_of((page.parent / name).resolve()) for name in INCLUDED.findall(text))])


def anchors(page):
    """Headings of a page as GitHub spells them in links."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_there_are_pages():
    assert {"README.md", "ARCHITECTURE.md", "docs/limits.md"} <= {str(page.relative_to(ROOT)) for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page):
    for target in LINK.findall(without_code(page)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.is_relative_to(ROOT.resolve()), target
        assert linked in MADE or linked.exists(), target
        assert not anchor or anchor in anchors(linked), target
