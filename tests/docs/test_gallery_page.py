"""The gallery: it shows every figure, and its pictures are those that its code draws."""

import re
import runpy

import pytest

import bayescale as bs
from bayescale.basics.files import root

pytestmark = pytest.mark.docs

DOCS = root("models").parent / "docs"
PAGE = (DOCS / "gallery.md").read_text(encoding="utf-8")
MOST = 2e6
"""Bytes of all pictures together."""


@pytest.fixture(scope="module")
def maker():
    """Names of the script that draws the pictures."""
    return runpy.run_path(str(DOCS / "make_gallery.py"))


def test_every_figure_is_shown_light_and_dark(maker):
    pictures = {name for _, name in maker["BLOCK"].findall(PAGE) if name}
    files = {f"gallery/{path.stem}" for path in (DOCS / "gallery").iterdir()}
    assert files == pictures | {f"{name}-dark" for name in pictures}
    assert sum(path.stat().st_size for path in (DOCS / "gallery").iterdir()) < MOST
    assert set(re.findall(r"bs\.plots\.(plot_\w+)", PAGE)) == {
        name for name in dir(bs.plots) if name.startswith("plot_")
    }


def test_pictures_are_drawn_by_the_code_of_the_page(maker, tmp_path, chinchilla_runs):
    (code,) = [code for code, name in maker["BLOCK"].findall(PAGE) if name == "gallery/runs"]
    maker["write"](maker["drawn_by"](code, {"bs": bs, "runs": chinchilla_runs}), tmp_path / "runs.png")
    drawn, shown = ((folder / "runs.png").stat().st_size for folder in (tmp_path, DOCS / "gallery"))
    assert drawn == pytest.approx(shown, rel=0.2)
