"""Formulas as MathML, which browsers draw themselves: the site needs no script and no network for them."""

from typing import Any

from math_core import LatexToMathML

_CONVERTER = LatexToMathML()


def written(formula: str, *, block: bool) -> str:
    """A formula in LaTeX as MathML.

    Raises
    ------
    Exception
        If the formula is not LaTeX, with its place.
    """
    return str(_CONVERTER.convert_with_local_state(formula, displaystyle=block))


def _inline(writer: Any, node: Any) -> None:
    writer.body.append(written(node.astext(), block=False))
    _skip()


def _block(writer: Any, node: Any) -> None:
    writer.body.append(f'<div class="math">{written(node.astext(), block=True)}</div>')
    _skip()


def _skip() -> None:
    from docutils.nodes import SkipNode

    raise SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Register the renderer with Sphinx."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
