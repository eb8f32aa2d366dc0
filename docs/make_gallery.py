"""Draw the pictures of the gallery again, light and dark, by running the code that its page shows.

``python docs/make_gallery.py`` draws all of them, ``python docs/make_gallery.py runs plan`` those two.
"""

import ast
import io
import re
import sys
from pathlib import Path
from typing import Any

from PIL import Image

import bayescale as bs

PAGE = Path(__file__).with_name("gallery.md")
BLOCK = re.compile(r"```python\n(.*?)```(?:\s+!\[[^\]]*\]\((gallery/[\w-]+)\.png\))?", flags=re.DOTALL)
DPI = 110
COLOURS = 160
"""Colours of a picture, which make its file a third as large."""


def main(chosen: list[str]) -> None:
    """Run each block of the page, and write the pictures that follow the chosen ones, or all of them."""
    known: dict[str, Any] = {}
    for code, picture in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if not picture:
            exec(code, known)
        elif not chosen or Path(picture).name in chosen:
            for name in ("light", "dark"):
                ending = "-dark" if name == "dark" else ""
                with bs.plots.theme(name):
                    write(drawn_by(code, known), PAGE.parent / f"{picture}{ending}.png")


def drawn_by(code: str, known: dict[str, Any]) -> Any:
    """The figure or axes that a block's last line returns."""
    *before, last = ast.parse(code).body
    assert isinstance(last, ast.Expr), code
    exec(compile(ast.Module(before, []), str(PAGE), "exec"), known)
    return eval(compile(ast.Expression(last.value), str(PAGE), "eval"), known)


def write(drawn: Any, path: Path) -> None:
    """A picture with few colours."""
    content = io.BytesIO()
    drawn.get_figure(root=True).savefig(content, format="png", dpi=DPI)
    path.parent.mkdir(exist_ok=True)
    Image.open(content).convert("RGB").quantize(COLOURS).save(path, optimize=True)
    print(path, f"{path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
