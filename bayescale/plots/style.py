"""Common parts of figures: colours, bands, axes with units, and atomic writing of files."""

import functools
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.files import FIGURE_ENDINGS, check_output, replacing
from bayescale.basics.intervals import quantiles, tail_probabilities
from bayescale.basics.quantities import format_quantity, with_unit
from bayescale.posterior.ensembles import Posterior, first_fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette, distinguishable with any colour vision (https://jfly.uni-koeln.de/color/)."""
GREY = "0.35"


def axes_of(ax: "Axes | None", *, width: float = 6.4, height: float = 4.4) -> "Axes":
    """The axes given, or those of a new figure."""
    return new_figure(width, height).subplots(subplot_kw={"axes_class": _shown()[1]}) if ax is None else ax


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure that a notebook displays when it is the value of a cell.

    It is not one of pyplot's, which a notebook would display a second time.
    """
    figure: Figure = _shown()[0](figsize=(width, height), layout="constrained")
    return figure


def by_arviz(plot: Callable[..., Any], *data: Any, **options: Any) -> "Figure":
    """The figure that a function of ArviZ draws, like those of :func:`new_figure`."""
    from matplotlib import pyplot

    drawn = plot(*data, backend="matplotlib", figure_kwargs={"FigureClass": _shown()[0]}, **options)
    figure: Figure = drawn.viz["figure"].item()
    pyplot.close(figure)
    return figure


@functools.cache
def _shown() -> tuple[Any, Any]:
    """Matplotlib's figure and axes with a picture of themselves, for notebooks."""
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    def picture(figure: Figure | None) -> bytes:
        assert figure is not None
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=100)
        return content.getvalue()

    class ShownFigure(Figure):
        """A figure that shows itself."""

        def _repr_png_(self) -> bytes:
            return picture(self)

    class ShownAxes(Axes):
        """Axes that show their figure."""

        def _repr_png_(self) -> bytes:
            return picture(self.get_figure(root=True))

    return ShownFigure, ShownAxes


def save_figure(drawn: "Figure | Axes", path: Path) -> None:
    """Write a figure, or the figure of axes, to a PNG, SVG or PDF file; an incomplete file is never left.

    Raises
    ------
    OutputError
        If the ending is not one of those, or the file cannot be written.
    """
    check_output(path, FIGURE_ENDINGS)
    figure = drawn.get_figure(root=True)
    assert figure is not None
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=160)


def draw_bands(ax: "Axes", x: NDArray[np.float64], draws: Any, mass: float, colour: str, label: str) -> None:
    """Median of draws along x, with bands of a mass and of half of it."""
    for share, opacity in ((mass, 0.18), (mass / 2, 0.32)):
        low, middle, high = tails(draws, share)
        ax.fill_between(x, low, high, color=colour, alpha=opacity, linewidth=0)
    ax.plot(x, middle, color=colour, linewidth=1.5, label=label)


def tails(draws: Any, mass: float) -> tuple[Any, Any, Any]:
    """Ends and median of the equal-tailed interval of a mass."""
    low, high = tail_probabilities(mass)
    return tuple(value.to_numpy() for value in quantiles(draws, [low, 0.5, high]).values())  # type: ignore[return-value]


def finish(ax: "Axes", x_label: str, y_label: str, title: str) -> None:
    """Logarithmic x axis, labels with units, and a light grid."""
    ax.set(xscale="log", xlabel=x_label, ylabel=y_label, title=title)
    if "FLOP" not in x_label:
        ax.xaxis.set_major_formatter(lambda value, _: format_quantity(value))
    ax.grid(color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)


def cycle(n: int) -> list[str]:
    """A number of distinguishable colours."""
    return [COLOURS[i % len(COLOURS)] for i in range(n)]


def outcome_label(fit: Posterior) -> str:
    """The outcome with its unit."""
    return plain(with_unit(fit.outcome.capitalize(), first_fit(fit).law.outcome_unit))


def plain(text: str) -> str:
    """Text with escaped dollar signs, which Matplotlib would otherwise read as delimiters of a formula."""
    return text.replace("$", r"\$")
