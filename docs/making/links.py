"""Links of pages: on the site they lead to its pages, in the repository to its files."""

import os
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent
ROOT = DOCS.parent
COPIED = {f"{name}.md": f"project/{name.lower()}" for name in ("ARCHITECTURE", "CONTRIBUTING", "CHANGELOG", "SECURITY")}
"""Files at the root that are pages of the site, by name."""
START = "start"
"""The page that does for the site what README.md does for the repository."""

_CODE_OR_LINK = re.compile(
    r"^```.*?^```|`[^`\n]*`|(?P<open>!?\[(?P<text>[^]]*)\]\()(?P<to>[^)\s]+)\)", re.DOTALL | re.MULTILINE
)


def relinked(text: str, source: Path, page: str) -> str:
    """The text of a file as a page of the site: its links lead to pages.

    Parameters
    ----------
    text : str
    source : path
        The file that it is from, which its links are relative to.
    page : str
        Name of the page.
    """

    def linked(found: re.Match[str]) -> str:
        to = found["to"]
        if to is None or re.match(r"\w+:|#", to):
            return found[0]
        name, hash_, anchor = to.partition("#")
        path = (source.parent / name).resolve()
        if path.is_dir():
            return found["text"]
        return f"{found['open']}{_target(path, hash_ + anchor, DOCS / page)})"

    return _CODE_OR_LINK.sub(linked, text)


def _target(path: Path, anchor: str, page: Path) -> str:
    """A file as a page links to it; the site has no page with the headings of README.md."""
    name = path.relative_to(ROOT).as_posix()
    if name == "README.md":
        path, anchor = DOCS / f"{START}.md", ""
    elif name in COPIED:
        path = DOCS / f"{COPIED[name]}.md"
    return os.path.relpath(path, page.parent) + anchor


def _relink(app: Any, name: str, source: list[str]) -> None:
    path = Path(app.env.doc2path(name))
    source[0] = relinked(source[0], path, name)


def setup(app: Any) -> dict[str, bool]:
    """Have Sphinx change the links of every page that it reads."""
    app.connect("source-read", _relink)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
