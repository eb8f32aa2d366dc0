"""The report's figures for Plotly: traces and layouts as plain data, with colours as names of the style sheet."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.quantities import format_quantity
from bayescale.report.typesetting import raised, symbol

Array = NDArray[np.float64]
Plot = dict[str, Any]

_COLOURS = ("var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)", "var(--c5)", "var(--c6)")
_POINTS = 200
"""Points of a density."""
_LONGEST = 60
"""Largest length of a name in a figure, so that it leaves room for the plot."""


def scatter_of_runs(x: Array, y: Array, colour: Array | None, names: Sequence[str]) -> Plot:
    """Runs by two inputs, coloured by the outcome; or the outcome against an input.

    Parameters
    ----------
    x, y : array, shape (run,)
    colour : array, shape (run,), or None
    names : sequence of str
        Names of the axes, and of the colour if there is one, with units.
    """
    marker: Plot = {"size": 7, "opacity": 0.85, "line": {"width": 0.5, "color": "var(--ink)"}}
    hover = f"{_plain(names[0])}: %{{x}}<br>{_plain(names[1])}: %{{y}}"
    trace: Plot = {"type": "scatter", "mode": "markers", "x": _list(x), "y": _list(y), "name": "runs"}
    if colour is not None:
        bar = {"title": {"text": _plain(names[2]), "side": "right"}, "thickness": 12}
        marker |= {"color": _list(colour), "colorscale": "Viridis", "reversescale": True, "colorbar": bar}
        hover += f"<br>{_plain(names[2])}: %{{marker.color:.4f}}"
    else:
        marker["color"] = _COLOURS[0]
    trace |= {"marker": marker, "hovertemplate": hover + "<extra></extra>"}
    return {"data": [trace], "layout": {"xaxis": _axis(names[0], x), "yaxis": _axis(names[1], y)}}


@dataclass(frozen=True)
class Panel:
    """A quantity along the common axis of a figure.

    Attributes
    ----------
    name : str
        Name of its axis, with the unit.
    x : array, shape (point,)
    ends : mapping of array, shape (3, point)
        Lower end, median and upper end, by the mass of the interval: a wide one and a narrow one.
    asked : pair of array, shapes (case,) and (3, case)
        Where the answer is read off, with its interval.
    digits : int
        Significant digits of the numbers at these places.
    runs : pair of array, shapes (run,), optional
        Fitted runs.
    ratios : bool
        Whether ratios of the quantity matter, so that its axis may be logarithmic.
    """

    name: str
    x: Array
    ends: Mapping[float, Array]
    asked: tuple[Array, Array]
    digits: int
    runs: tuple[Array, Array] | None = None
    ratios: bool = True


def bands(panels: Sequence[Panel], name: str, edge: float, *, falls: bool = False) -> Plot:
    """Panels above each other with medians and bands, the runs, and the part beyond the runs shaded.

    Parameters
    ----------
    panels : sequence of Panel
    name : str
        Name of the common axis, with its unit.
    edge : float
        Where the runs end.
    falls : bool
        Whether larger runs lie to the left; the axis is then turned around.
    """
    data: list[Plot] = []
    everything = np.concatenate([panels[0].x, panels[0].asked[0]])
    shared = {**_axis(name, everything), "anchor": f"y{len(panels)}" if len(panels) > 1 else "y"}
    logarithmic = shared["type"] == "log"
    low, high = (float(np.log10(each)) if logarithmic else float(each) for each in (everything.min(), everything.max()))
    room = 0.06 * (high - low)
    span = [low - room / 2, high + room]
    layout: Plot = {"xaxis": {**shared, "range": span[::-1] if falls else span}, "shapes": []}
    layout["height"] = 460 if len(panels) == 1 else 270 * len(panels)
    heights = np.linspace(1, 0, len(panels) + 1)
    for i, panel in enumerate(panels):
        y = "y" if i == 0 else f"y{i + 1}"
        data += _panel(panel, y, labelled=i == len(panels) - 1)
        bottom, top = float(heights[i + 1]), float(heights[i])
        values = np.concatenate([each.ravel() for each in (*panel.ends.values(), panel.asked[1])])
        layout[f"yaxis{y[1:]}"] = {
            **_axis(panel.name, values, panel.ratios),
            "domain": [bottom + 0.04 * (i < len(panels) - 1), top],
        }
    far = span[0] if falls else span[1]
    end = 10**far if logarithmic else far
    layout["shapes"] = [
        {
            "type": "rect", "xref": "x", "yref": "paper", "x0": edge, "x1": end, "y0": 0, "y1": 1, "layer": "below",
            "fillcolor": "var(--ahead)", "line": {"width": 0},
        }
    ]  # fmt: skip
    # Named in the legend: a label there may not fit between the runs and the answer.
    marker = {"symbol": "square", "size": 13, "color": "var(--ahead-mark)"}
    data.append(
        {"type": "scatter", "mode": "markers", "x": [None], "y": [None], "name": "beyond the runs", "marker": marker}
    )
    return {"data": data, "layout": layout}


def _panel(panel: Panel, y: str, *, labelled: bool) -> list[Plot]:
    """Traces of one panel; one panel of a figure names them in the legend."""
    own: Plot = {"type": "scatter", "yaxis": y}
    data: list[Plot] = []
    for (each, ends), fill in zip(panel.ends.items(), ("var(--band)", "var(--band-half)"), strict=True):
        edges = {"mode": "lines", "x": _list(panel.x), "line": {"width": 0, "shape": "spline"}, "hoverinfo": "skip"}
        data += [
            {**own, **edges, "y": _list(ends[0]), "showlegend": False},
            {
                **own, **edges, "y": _list(ends[2]), "fill": "tonexty", "name": f"{each:.0%} band",
                "fillcolor": fill, "showlegend": labelled,
            },
        ]  # fmt: skip
    middle = next(iter(panel.ends.values()))[1]
    line = {"color": _COLOURS[0], "width": 2.5, "shape": "spline"}
    hover = f"%{{x}}: %{{y:.{panel.digits}s}}<extra>median</extra>"
    data.append(
        {
            **own, "mode": "lines", "x": _list(panel.x), "y": _list(middle), "name": "median", "line": line,
            "hovertemplate": hover, "showlegend": labelled,
        }
    )  # fmt: skip
    if panel.runs is not None:
        marker = {"color": "var(--muted)", "size": 5, "opacity": 0.6}
        data.append(
            {
                **own, "mode": "markers", "x": _list(panel.runs[0]), "y": _list(panel.runs[1]), "name": "fitted runs",
                "marker": marker, "hovertemplate": "%{x}: %{y}<extra>fitted run</extra>", "showlegend": labelled,
            }
        )  # fmt: skip
    x, (low, at, high) = panel.asked
    data.append(
        {
            **own, "mode": "markers+text", "x": _list(x), "y": _list(at), "name": "answer",
            "error_y": {"array": _list(high - at), "arrayminus": _list(at - low), "thickness": 2, "width": 5},
            "marker": {"color": _COLOURS[1], "size": 10, "line": {"color": "var(--paper)", "width": 1.5}},
            "text": [f"<b>{format_quantity(float(each), panel.digits)}</b>" for each in at],
            "textposition": "top left", "cliponaxis": False, "showlegend": labelled,
            "textfont": {"color": "var(--ink)"},
            "hovertemplate": "%{text} at %{x}<extra></extra>",
        }
    )  # fmt: skip
    return data


def densities(
    prior: Mapping[str, Array], posteriors: Mapping[str, Mapping[str, Array]], units: Mapping[str, str]
) -> Plot:
    """Prior and posterior density of each parameter, one panel per parameter.

    Parameters
    ----------
    prior : mapping of array
        Draws by parameter.
    posteriors : mapping of mapping of array
        By law and parameter.
    units : mapping of str
    """
    layout: Plot = {
        "grid": {"rows": 1, "columns": len(prior), "pattern": "independent", "xgap": 0.08},
        "height": 300,
    }
    data: list[Plot] = []
    for i, (name, draws) in enumerate(prior.items()):
        axis = "" if i == 0 else str(i + 1)
        own = [found[name] for found in posteriors.values() if name in found]
        low, high = np.quantile(np.concatenate(own), [0.001, 0.999])
        # A density starts no lower than its draws: the prior of a positive number has none below zero.
        ends = (max(low - (high - low), draws.min()), min(high + (high - low), max(draws.max(), high)))
        drawn = {
            "prior": (draws, "var(--muted)"),
            **_coloured({k: v[name] for k, v in posteriors.items() if name in v}),
        }
        for label, (values, colour) in drawn.items():
            x, y = _density(values, *ends)
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": _list(x),
                    "y": _list(y),
                    "xaxis": f"x{axis}",
                    "yaxis": f"y{axis}",
                    "name": _plain(label),
                    "legendgroup": label,
                    "showlegend": i == 0,
                    "fill": "tozeroy",
                    "line": {"color": colour, "width": 2, "dash": "dot" if label == "prior" else "solid"},
                    "fillcolor": "rgba(128,128,128,0.12)",
                    "hovertemplate": f"%{{x:.4g}}<extra>{_plain(label)}</extra>",
                }
            )
        unit = f" ({_plain(units[name])})" if units[name] else ""
        layout[f"xaxis{axis}"] = {"title": {"text": symbol(name) + unit}, "range": [float(ends[0]), float(ends[1])]}
        layout[f"yaxis{axis}"] = {"showticklabels": False, "rangemode": "tozero", "fixedrange": True}
    layout["yaxis"]["title"] = {"text": "density"}
    return {"data": data, "layout": layout}


def misses(x: Array, miss: Array, names: Sequence[str]) -> Plot:
    """Each run's distance from its prediction in half-widths of its own band, which therefore spans -1 to 1.

    Parameters
    ----------
    x, miss : array, shape (run,)
    names : sequence of str
        Names of the axes, with units.
    """
    runs = {
        "type": "scatter",
        "mode": "markers",
        "x": _list(x),
        "y": _list(miss),
        "name": "runs",
        "marker": {"color": _COLOURS[0], "size": 6, "opacity": 0.8},
        "hovertemplate": f"{_plain(names[0])}: %{{x}}<br>%{{y:.2f}} half-widths<extra></extra>",
    }
    band = {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": -1, "y1": 1, "layer": "below"}
    shape = {**band, "fillcolor": "var(--band)", "line": {"width": 0}}
    reach = max(1.6, 1.1 * float(np.nanmax(np.abs(miss))))
    y_axis = {"title": {"text": _plain(names[1])}, "range": [-reach, reach]}
    layout = {"xaxis": _axis(names[0], x), "yaxis": y_axis, "shapes": [shape], "showlegend": False}
    return {"data": [runs], "layout": layout}


def coverage(nominal: Sequence[float], measured: Mapping[str, Sequence[float]], names: Sequence[str]) -> Plot:
    """Share of runs inside intervals against the mass of the intervals; calibrated intervals lie on the diagonal."""
    diagonal = {
        "type": "scatter",
        "mode": "lines",
        "x": [0, 1],
        "y": [0, 1],
        "name": "as promised",
        "line": {"color": "var(--muted)", "dash": "dot"},
        "hoverinfo": "skip",
    }
    lines = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": list(nominal),
            "y": list(shares),
            "name": _plain(label),
            "line": {"color": _COLOURS[i % len(_COLOURS)], "width": 2},
            "hovertemplate": "%{x:.0%} interval contains %{y:.0%}<extra></extra>",
        }
        for i, (label, shares) in enumerate(measured.items())
    ]
    axes = [{"title": {"text": _plain(name)}, "range": [0, 1.02], "tickformat": ".0%"} for name in names]
    return {"data": [diagonal, *lines], "layout": {"xaxis": axes[0], "yaxis": axes[1]}}


def intervals(rows: Mapping[str, Sequence[tuple[float, float, float]]], groups: Sequence[str], name: str) -> Plot:
    """Medians with intervals of a positive quantity, one line each, coloured by group.

    Parameters
    ----------
    rows : mapping of sequence of (low, median, high)
        By the label of the line; one interval per group.
    groups : sequence of str
    name : str
        Name of the quantity, with its unit.
    """
    data = []
    rank = np.arange(len(rows))
    for i, group in enumerate(groups):
        low, middle, high = np.array([found[i] for found in rows.values()]).T
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": _list(middle),
                "y": _list(np.asarray(rank + (i - (len(groups) - 1) / 2) * 0.5 / len(groups), dtype=np.float64)),
                "name": _plain(group),
                "customdata": [_plain(label) for label in rows],
                "error_x": {
                    "array": _list(high - middle),
                    "arrayminus": _list(middle - low),
                    "thickness": 2,
                    "width": 5,
                },
                "marker": {"color": _COLOURS[i % len(_COLOURS)], "size": 10},
                "hovertemplate": f"%{{customdata}}: %{{x}}<extra>{_plain(group)}</extra>",
            }
        )
    layout = {
        "xaxis": _axis(name, np.array([row for found in rows.values() for row in found])),
        "yaxis": {
            "tickvals": rank.tolist(),
            "ticktext": [_plain(label) for label in rows],
            "range": [len(rows) - 0.5, -0.5],
        },
        "height": 150 + 70 * len(rows),
    }
    return {"data": data, "layout": layout}


def shares_by(
    x: Sequence[str], shares: Mapping[str, Sequence[float]], names: Sequence[str], target: float | None = None
) -> Plot:
    """Shares as bars beside each other, with an optional line at the target; one that is NaN leaves its place empty."""
    data = [
        {
            "type": "bar",
            "x": [_plain(each) for each in x],
            "y": [None if np.isnan(value) else value for value in values],
            "name": _plain(label),
            "marker": {"color": _COLOURS[i % len(_COLOURS)]},
            "hovertemplate": f"{_plain(label)}: %{{y:.0%}}<extra></extra>",
        }
        for i, (label, values) in enumerate(shares.items())
    ]
    y_axis = {"title": {"text": _plain(names[1])}, "range": [0, 1.02], "tickformat": ".0%"}
    layout: Plot = {"xaxis": {"title": {"text": _plain(names[0])}, "type": "category"}, "yaxis": y_axis}
    if target is not None:
        line = {"color": "var(--ink)", "dash": "dot", "width": 1.5}
        layout["shapes"] = [
            {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": target, "y1": target, "line": line}
        ]
    return {"data": data, "layout": layout}


def _coloured(draws: Mapping[str, Array]) -> dict[str, tuple[Array, str]]:
    return {name: (values, _COLOURS[i % len(_COLOURS)]) for i, (name, values) in enumerate(draws.items())}


def _density(values: Array, low: float, high: float) -> tuple[Array, Array]:
    """Smooth density of draws within a range, by ArviZ; its area there is the share of the draws."""
    import arviz as az

    inside = values[(values >= low) & (values <= high)]
    if len(np.unique(inside)) < 3:
        return np.array([low, high]), np.zeros(2)
    x, y, _ = az.kde(inside, grid_len=_POINTS, bound_correction=True, bw="silverman", bw_fct=1.3)
    return x, y * len(inside) / len(values)


def _axis(name: str, values: Array, ratios: bool = True) -> Plot:
    """An axis, logarithmic where positive values span more than a tenfold, if ratios matter."""
    wide = ratios and bool(np.min(values) > 0 and np.max(values) > 10 * np.min(values))
    return {"type": "log" if wide else "linear", "title": {"text": _plain(name)}, "exponentformat": "B"}


def _list(values: Array) -> list[float | None]:
    """Numbers to seven digits, as many as a screen can show; null for values that are not finite."""
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in np.asarray(values, dtype=float)]


def _plain(text: str) -> str:
    """Escaped text, because Plotly reads some markup and templates in names; long names are truncated.

    The tables contain the full names.
    """
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return raised(html.escape(text, quote=False).replace("%{", "%&#123;"))
