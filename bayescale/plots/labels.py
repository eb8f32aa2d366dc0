"""Words on figures: quantities and symbols as people write them, headings, axes, and labels that never collide."""

import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.intervals import interval_ends
from bayescale.basics.quantities import SUPERSCRIPTS, format_quantity, with_unit
from bayescale.laws.parameters import Input
from bayescale.plots.style import current, masses
from bayescale.posterior.ensembles import Posterior, first_fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

_GREEK = frozenset(("alpha beta gamma delta epsilon eta kappa lambda mu nu rho sigma tau").split())  # noqa: SIM905
_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")
_WIDE = 0.9
"""Decades of an axis from which its ticks are at powers of ten and a few multiples of them."""
_TITLE, _DETAIL, _GAP = 10.5, 8.0, 5.0
"""Sizes of the two parts of a heading, and the gap below them, points."""
_WIDTHS = {_TITLE: 0.6, _DETAIL: 0.53}
"""Mean width of a character, bold in titles, over the size."""
_MARGIN = 0.85
"""Width that the labels of an axis take at the left of it, inches."""

AXES = {
    "N": "Model size $N$ (parameters)",
    "D": "Training data $D$ (tokens)",
    "C": "Training compute $C$ (FLOP)",
}
"""Labels of the axes of a run's size."""


def plain(text: str) -> str:
    """Text with escaped dollar signs, which Matplotlib would otherwise read as delimiters of a formula."""
    return text.replace("$", r"\$")


def compact(value: float, digits: int = 3) -> str:
    """A number as it is written by hand.

    Examples
    --------
    >>> compact(7.24e10), compact(5.76e23), compact(1e26), compact(0.36612)
    ('72.4B', '5.76×10²³', '10²⁶', '0.366')
    """
    mantissa, e, exponent = format_quantity(value, digits).partition("e")
    if not e:
        return mantissa.replace("-", "−")
    power = f"10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    return power if mantissa == "1" else f"{mantissa}×{power}"


def ranged(draws: Any, mass: float, digits: int = 3) -> str:
    r"""Median and interval of draws, which no line break parts.

    Examples
    --------
    >>> import xarray as xr
    >>> ranged(xr.DataArray([[1e9, 2e9, 3e9]], dims=("chain", "draw")), 0.9)
    '2B\xa0[1.1B,\xa02.9B]'
    """
    low, middle, high = (compact(float(value), digits) for value in interval_ends(draws, mass))
    return f"{middle}\N{NO-BREAK SPACE}[{low},\N{NO-BREAK SPACE}{high}]"


def flop(value: float) -> str:
    r"""Compute with its unit, which no line break parts.

    Examples
    --------
    >>> flop(5.76e23)
    '5.76×10²³\xa0FLOP'
    """
    return f"{compact(value)}\N{NO-BREAK SPACE}FLOP"


def symbol(name: str) -> str:
    r"""A parameter's name as a formula, with Greek letters and subscripts.

    Examples
    --------
    >>> symbol("alpha_N"), symbol("a_opt"), symbol("E"), symbol("share of C")
    ('$\\alpha_{N}$', '$a_{\\mathrm{opt}}$', '$E$', 'share of C')
    """
    if not _SYMBOL.fullmatch(name):
        return plain(name)
    base, *below = (_letters(part) for part in name.split("_"))
    return f"${base}_{{{','.join(below)}}}$" if below else f"${base}$"


def _letters(part: str) -> str:
    if part in _GREEK:
        return f"\\{part}"
    return part if len(part) == 1 else rf"\mathrm{{{part}}}"


def words(quantity: str) -> str:
    """A quantity's name as words, or as a formula if it is a letter.

    Examples
    --------
    >>> words("tokens_per_parameter"), words("N")
    ('Tokens per parameter', '$N$')
    """
    if len(quantity.split("_")[0]) == 1:
        return symbol(quantity)
    said = quantity.replace("_", " ")
    return plain(said[:1].upper() + said[1:])


def outcome_label(fit: Posterior) -> str:
    """The outcome with its unit."""
    return labelled(fit.outcome, first_fit(fit).law.outcome_unit)


def labelled(quantity: str, unit: str) -> str:
    """Label of an axis: a quantity with its unit."""
    return with_unit(words(quantity), plain(unit))


def input_label(item: Input) -> str:
    """Label of the axis of a law's input."""
    meaning = item.meaning[:1].upper() + item.meaning[1:]
    said = meaning if item.name in item.meaning else f"{meaning} {item.name}"
    return AXES.get(item.name, plain(with_unit(said, item.unit)))


def band_words(mass: float) -> str:
    """The masses of bands in words.

    Examples
    --------
    >>> band_words(0.9), band_words(0.5)
    ('50 and 90 %', '50 %')
    """
    return f"{' and '.join(f'{100 * share:g}' for share in masses(mass)[::-1])} %"


def heading(ax: "Axes", finding: str, detail: str = "", *, legend: bool = False) -> None:
    """A title that says what was found, what is shown in small print, and a legend, all above the axes."""
    width, height = _width(ax), _GAP
    if legend:
        height += _legend(ax, width)
    if detail:
        small = _wrapped(detail, width, _DETAIL)
        words_below = ax.annotate(
            small, (0, 1), (0, height), "axes fraction", "offset points",
            fontsize=_DETAIL, color=current().muted, va="bottom", linespacing=1.25,
        )  # fmt: skip
        words_below.set_in_layout(False)  # its width is no reason to make the axes narrower
        height += 1.45 * _DETAIL * (small.count("\n") + 1) + 1
    ax.set_title(_wrapped(finding, width, _TITLE), loc="left", pad=height, linespacing=1.15)


def _wrapped(text: str, width: float, size: float) -> str:
    """Text in lines that fit in a width (inches), by the mean width of a character; numbers keep their signs."""
    together = re.sub(r" (?=[%=<])|(?<=[×=<]) ", "\N{NO-BREAK SPACE}", text)
    return textwrap.fill(together, max(20, int(width * 72 / (_WIDTHS[size] * size))))


def _width(ax: "Axes") -> float:
    """Width (inches) of the part of a figure that belongs to axes and what is beside them."""
    figure, spec = ax.get_figure(root=True), ax.get_subplotspec()
    assert figure is not None
    if spec is None:
        return float(ax.get_window_extent().width / figure.dpi)
    whole = spec.get_topmost_subplotspec()
    share = len(whole.colspan) / whole.get_gridspec().ncols
    return max(float(figure.get_size_inches()[0] * share - _MARGIN), 1.5)


def _legend(ax: "Axes", width: float) -> float:
    """A legend above the axes in as few rows as fit in a width (inches); its height (points)."""
    handles, labels = ax.get_legend_handles_labels()
    figure = ax.get_figure(root=True)
    assert figure is not None
    for columns in range(len(labels), 0, -1):
        drawn = ax.legend(
            handles, labels, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.1, borderpad=0.1,
            columnspacing=1.4, handlelength=1.6, handletextpad=0.5, labelspacing=0.3,
        )  # fmt: skip
        if drawn.get_window_extent().width <= width * figure.dpi:
            break
    return float(drawn.get_window_extent().height * 72 / figure.dpi)


def colour_bar(ax: "Axes", points: Any, label: str, *, log: bool = True) -> None:
    """A colour bar beside axes."""
    bar = ax.figure.colorbar(points, ax=ax, label=label, pad=0.01, aspect=30)
    bar.outline.set_visible(False)
    if log:
        log_axis(bar.ax.yaxis)
    bar.ax.minorticks_off()


def log_axis(axis: "Axis", *, ticks: int = 7) -> None:
    """A logarithmic axis whose labels are numbers as people write them, and never touch each other."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    (axis.axes.set_xscale if axis.axis_name == "x" else axis.axes.set_yscale)("log")  # type: ignore[attr-defined]
    low, high = np.log10(np.sort(axis.get_view_interval()))
    axis.set_minor_locator(NullLocator())
    if high - low < _WIDE:
        axis.set_major_locator(MaxNLocator(nbins=ticks - 1, steps=[1, 2, 2.5, 5, 10]))
    elif high - low < ticks / 2:
        axis.set_major_locator(LogLocator(subs=(1, 3) if high - low > ticks / 3 else (1, 2, 5), numticks=4 * ticks))
    else:
        axis.set_major_locator(LogLocator(numticks=ticks))
        axis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=100))
    axis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
    axis.set_minor_formatter(FuncFormatter(lambda value, _: ""))


class End(NamedTuple):
    """The end of a curve, with its label."""

    x: float
    y: float
    text: str
    colour: Any


def label_ends(ax: "Axes", ends: Sequence[End], *, fontsize: float = 8) -> None:
    """Label curves in a free strip to the right of all of them, in their order from top to bottom, without overlaps."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # the layout has to be known before texts can be placed
    box = ax.get_window_extent()
    texts = [ax.text(0, 0, end.text, fontsize=fontsize, linespacing=1.2) for end in ends]
    boxes = [text.get_window_extent() for text in texts]
    for text in texts:
        text.remove()
    gap = 14 * figure.dpi / 72 / box.width
    strip = min(max(each.width for each in boxes) / box.width * 1.06 + gap, 0.6)
    _widen(ax, strip)
    at = ax.transAxes.inverted().transform(ax.transData.transform([(end.x, end.y) for end in ends]))
    heights = np.array([each.height for each in boxes]) / box.height * 1.15
    for end, place in zip(ends, spread(at[:, 1], heights), strict=True):
        ax.annotate(
            end.text, (end.x, end.y), (1 - strip + gap, place), "data", "axes fraction",
            fontsize=fontsize, color=end.colour, va="center", ha="left", linespacing=1.2, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": end.colour, "linewidth": 0.5, "shrinkA": 1, "shrinkB": 1},
        )  # fmt: skip


def _widen(ax: "Axes", strip: float) -> None:
    """Leave a strip free at the right, as a share of the axes; ticks end where the curves do."""
    low, high = ax.get_xlim()
    scale = ax.xaxis.get_transform()
    a, b = scale.transform(np.array([low, high]))
    ax.set_xlim(low, float(scale.inverted().transform(np.array([a + (b - a) / (1 - strip)]))[0]))
    ticks = [tick for tick in ax.xaxis.get_majorticklocs() if low <= tick <= high * (1 + 1e-9)]
    small = [tick for tick in ax.xaxis.get_minorticklocs() if low <= tick <= high * (1 + 1e-9)]
    ax.xaxis.set_ticks(ticks)
    ax.xaxis.set_ticks(small, minor=True)
    ax.spines["bottom"].set_bounds(low, high)
    ax.xaxis.label.set_x((1 - strip) / 2)


def spread(wanted: NDArray[np.float64], heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centres of boxes of given heights near the wanted ones, in their order, without overlaps.

    They lie between 0 and 1 if all fit there.

    Examples
    --------
    >>> spread(np.array([0.5, 0.52, 0.99]), np.array([0.1, 0.1, 0.1])).round(2).tolist()
    [0.5, 0.6, 0.95]
    """
    centres, order, edge = wanted.copy(), np.argsort(wanted, kind="stable").tolist(), 0.0
    for i in order:
        centres[i] = max(centres[i], edge + heights[i] / 2)
        edge = centres[i] + heights[i] / 2
    edge = 1.0
    for i in reversed(order):
        centres[i] = min(centres[i], edge - heights[i] / 2)
        edge = centres[i] - heights[i] / 2
    return centres


def figure_heading(figure: "Figure", finding: str, detail: str) -> None:
    """A title that says what was found above all panels, and what is shown in small print below them."""
    width = figure.get_size_inches()[0]
    figure.suptitle(
        _wrapped(finding, width, _TITLE), x=0.012, ha="left", fontsize=_TITLE, weight="bold", linespacing=1.15
    )
    footnote(figure, detail)


def footnote(figure: "Figure", text: str) -> None:
    """Small print below all panels."""
    small = _wrapped(text, figure.get_size_inches()[0], _DETAIL)
    figure.supxlabel(small, x=0.012, ha="left", fontsize=_DETAIL, color=current().muted)
