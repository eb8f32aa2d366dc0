"""Refuses a site that would load anything from the network."""

import re
from pathlib import Path
from typing import Any

from sphinx.errors import SphinxError

_LOADED = re.compile(
    r"<(?:script|img|iframe|link(?=[^>]*rel=\"(?:stylesheet|preload|icon)\"))[^>]*?(?:src|href)=\"(https?:[^\"]+)\""
)


def loaded_from_elsewhere(html: str) -> list[str]:
    """Addresses on the network from which a page loads scripts, styles or pictures."""
    return _LOADED.findall(html)


def _refuse(app: Any, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    for path in sorted(Path(app.outdir).rglob("*.html")):
        found = loaded_from_elsewhere(path.read_text(encoding="utf-8"))
        if found:
            raise SphinxError(f"{path}: loads {', '.join(found)} from the network: ship it with the site")


def setup(app: Any) -> dict[str, bool]:
    """Look through the pages once they are written."""
    app.connect("build-finished", _refuse)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
