"""The look of figures: a light and a dark theme, colours, bands, axes with units, and atomic writing of files."""

import functools
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.files import FIGURE_ENDINGS, check_output, replacing
from bayescale.basics.intervals import interval_ends

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, LogNorm
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette, distinguishable with any colour vision (https://jfly.uni-koeln.de/color/)."""
INNER = 0.5
"""Mass of the inner band or bar."""
DEPTHS = (0.16, 0.26)
"""Opacity of the outer and of the inner band."""
FINE = 200
"""Points along a curve or a density."""


@dataclass(frozen=True)
class Theme:
    """Colours of a figure.

    Attributes
    ----------
    paper, ink, muted, grid, shade : str
        Background, text, secondary text, grid lines, and the region beyond the runs.
    colours : tuple of str
        Of what is distinguished by colour.
    scale : str
        Matplotlib's colour map of quantities, of which the part within ``part`` stands out from the background.
    part : tuple of float
    settings : mapping
        Settings of Matplotlib that replace those of the theme.
    """

    paper: str
    ink: str
    muted: str
    grid: str
    shade: str
    colours: tuple[str, ...]
    scale: str
    part: tuple[float, float]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rc(self) -> dict[str, Any]:
        """Settings of Matplotlib."""
        return {
            "figure.facecolor": self.paper,
            "axes.facecolor": self.paper,
            "savefig.facecolor": "auto",
            "text.color": self.ink,
            "axes.labelcolor": self.ink,
            "axes.edgecolor": self.muted,
            "axes.titlecolor": self.ink,
            "xtick.color": self.muted,
            "ytick.color": self.muted,
            "xtick.labelcolor": self.ink,
            "ytick.labelcolor": self.ink,
            "grid.color": self.grid,
            "font.family": "DejaVu Sans",
            "font.size": 9,
            "axes.titlesize": 10.5,
            "axes.titleweight": "bold",
            "axes.labelsize": 9,
            "xtick.labelsize": 8.5,
            "ytick.labelsize": 8.5,
            "legend.fontsize": 8,
            "legend.frameon": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.linewidth": 0.8,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.linewidth": 0.6,
            "lines.solid_capstyle": "butt",
            "figure.constrained_layout.h_pad": 0.06,
            "figure.constrained_layout.w_pad": 0.06,
            **self.settings,
        }

    def colour(self, i: int) -> str:
        """One of the distinguishable colours, which begin again after the last."""
        return self.colours[i % len(self.colours)]


THEMES = {
    "light": Theme(
        paper="#ffffff",
        ink="#1b2430",
        muted="#5b6675",
        grid="#e7e9ec",
        shade="#f1f3f5",
        colours=COLOURS,
        scale="viridis_r",
        part=(0.12, 1.0),
    ),
    "dark": Theme(
        paper="#12171d",
        ink="#e8ebef",
        muted="#a2acb8",
        grid="#28303a",
        shade="#1c232b",
        colours=("#4FA8E0", "#F5894B", "#2CC295", "#E3A0C8", "#F2C14E", "#9AD3F5"),
        scale="viridis",
        part=(0.22, 1.0),
    ),
}

_CURRENT = ContextVar("theme", default=THEMES["light"])


@contextmanager
def theme(name: str, settings: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Draw figures in a theme.

    Parameters
    ----------
    name : {"light", "dark"}
    settings : mapping, optional
        Settings of Matplotlib that replace those of the theme, such as ``{"font.size": 12}``.

    Raises
    ------
    ValueError
        If there is no theme of that name.

    Examples
    --------
    >>> import bayescale as bs
    >>> with bs.plots.theme("dark"):
    ...     axes = bs.plots.plot_runs(bs.load_dataset("chinchilla"))
    >>> axes.figure.get_facecolor()[0] < 0.1
    True
    """
    if name not in THEMES:
        raise ValueError(f"unknown theme {name!r}: choose one of {', '.join(THEMES)}")
    token = _CURRENT.set(replace(THEMES[name], settings=settings or {}))
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current() -> Theme:
    """The theme in which figures are drawn."""
    return _CURRENT.get()


def themed[**P, R](draw: Callable[P, R]) -> Callable[P, R]:
    """Make a function draw with the settings of the current theme."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        from matplotlib import rc_context

        with rc_context(current().rc):
            return draw(*args, **kwargs)

    return drawn


def axes_of(ax: "Axes | None", *, width: float = 6.4, height: float = 4.4) -> "Axes":
    """The axes given, or those of a new figure; their figure makes room for what is written around them."""
    if ax is None:
        return new_figure(width, height).subplots(subplot_kw={"axes_class": _shown()[1]})
    figure = ax.get_figure(root=True)
    if figure is not None and figure.get_layout_engine() is None:
        figure.set_layout_engine("constrained")
    return ax


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure that a notebook displays when it is the value of a cell.

    It is not one of pyplot's, which a notebook would display a second time.
    """
    figure: Figure = _shown()[0](figsize=(width, height), layout="constrained")
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


def masses(mass: float) -> tuple[float, ...]:
    """Masses of the bands that are drawn, the widest first: the requested one, and half of the probability.

    Examples
    --------
    >>> masses(0.9), masses(0.5)
    ((0.9, 0.5), (0.5,))
    """
    return (mass, INNER) if mass > INNER else (mass,)


def dots(size: float = 3.5) -> dict[str, Any]:
    """Options of markers of runs, which thin edges keep apart."""
    edge = {"markeredgecolor": current().paper, "markeredgewidth": 0.3}
    return {"marker": "o", "linestyle": "", "markersize": size, **edge}


def draw_bands(ax: "Axes", x: NDArray[np.float64], draws: Any, mass: float, colour: Any, label: str = "") -> None:
    """Median of draws along x, with the bands of :func:`masses`."""
    for share, depth in zip(masses(mass), DEPTHS, strict=False):
        low, middle, high = interval_ends(draws, share)
        ax.fill_between(x, low, high, color=colour, alpha=depth, linewidth=0)
    ax.plot(x, middle, color=colour, linewidth=1.6, label=label)


def draw_bars(ax: "Axes", draws: Any, row: float, mass: float, colour: Any, *, upright: bool = False) -> None:
    """Median of draws of one quantity as a point, on bars of the masses of :func:`masses`; a thick bar for the half."""
    for share, width in zip(masses(mass), (1.6, 5.0), strict=False):
        low, middle, high = (float(value) for value in interval_ends(draws, share))
        ends, place = [low, high], [row, row]
        ax.plot(*((place, ends) if upright else (ends, place)), color=colour, linewidth=width, zorder=3)
    draw_points(ax, *((row, middle) if upright else (middle, row)), colour)


def draw_points(ax: "Axes", x: ArrayLike, y: ArrayLike, colour: Any) -> None:
    """Medians on their bars."""
    ax.plot(x, y, "o", color=current().paper, markeredgecolor=colour, markeredgewidth=1.6, markersize=6.5, zorder=4)


def density(values: NDArray[np.float64], grid: NDArray[np.float64], width: float | None = None) -> NDArray[np.float64]:
    """Density of draws on a grid by normal kernels, of the width of Silverman's rule of thumb (1986, equation 3.31).

    Examples
    --------
    >>> drawn = np.random.default_rng(0).normal(size=4000)
    >>> density(drawn, np.array([0.0])).round(1).tolist()
    [0.4]
    """
    scale = bandwidth(values) if width is None else width
    apart = (grid[:, None] - values) / scale
    return np.asarray(np.exp(-0.5 * np.square(apart)).mean(axis=1) / (scale * np.sqrt(2 * np.pi)))


def bandwidth(values: NDArray[np.float64]) -> float:
    """Width of the kernels of a density of draws."""
    spread = min(float(values.std()), float(np.ptp(np.quantile(values, [0.25, 0.75]))) / 1.34) or 1.0
    return float(0.9 * spread * len(values) ** -0.2)


def compute_colours(compute: ArrayLike) -> "tuple[Colormap, LogNorm]":
    """Colours of positive quantities on a logarithmic scale, all of which stand out from the background."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap, LogNorm

    scale = colormaps[current().scale](np.linspace(*current().part, 256))
    values = np.asarray(compute, dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    return ListedColormap(scale), LogNorm(low, high if high > low else 2 * low)


def cycle(n: int) -> list[str]:
    """A number of distinguishable colours."""
    return [current().colour(i) for i in range(n)]
