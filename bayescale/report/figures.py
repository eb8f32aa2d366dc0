"""The report's figures for Plotly: traces and layouts as plain data, with colours as names of the style sheet."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Plot = dict[str, Any]

_COLOURS = ("var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)", "var(--c5)", "var(--c6)")
_BINS = 40
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
    columns = 2 if len(prior) > 1 else 1
    data: list[Plot] = []
    layout: Plot = {
        "grid": {"rows": -(-len(prior) // columns), "columns": columns, "pattern": "independent", "ygap": 0.35},
        "height": 250 * -(-len(prior) // columns) + 60,
    }
    for i, (name, draws) in enumerate(prior.items()):
        axis = "" if i == 0 else str(i + 1)
        own = [found[name] for found in posteriors.values() if name in found]
        low, high = np.quantile(np.concatenate(own), [0.001, 0.999])
        ends = (low - (high - low), high + (high - low))
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
                }
            )
        unit = f" ({units[name]})" if units[name] else ""
        layout[f"xaxis{axis}"] = {"title": {"text": _plain(name + unit)}, "range": [float(ends[0]), float(ends[1])]}
        layout[f"yaxis{axis}"] = {"showticklabels": False, "rangemode": "tozero"}
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
    y_axis = {"title": {"text": _plain(names[1])}}
    return {"data": [runs], "layout": {"xaxis": _axis(names[0], x), "yaxis": y_axis, "shapes": [shape]}}


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
    for i, group in enumerate(groups):
        low, middle, high = np.array([found[i] for found in rows.values()]).T
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": _list(middle),
                "y": [_plain(label) for label in rows],
                "name": _plain(group),
                "error_x": {
                    "array": _list(high - middle),
                    "arrayminus": _list(middle - low),
                    "thickness": 2,
                    "width": 5,
                },
                "marker": {"color": _COLOURS[i % len(_COLOURS)], "size": 10},
                "hovertemplate": f"%{{y}}: %{{x}}<extra>{_plain(group)}</extra>",
            }
        )
    layout = {
        "xaxis": _axis(name, np.array([row for found in rows.values() for row in found])),
        "yaxis": {"type": "category", "range": [len(rows) - 0.5, -0.5]},
        "height": 150 + 50 * len(rows),
    }
    return {"data": data, "layout": layout}


def shares_by(
    x: Sequence[str], shares: Mapping[str, Sequence[float]], names: Sequence[str], target: float | None = None
) -> Plot:
    """Shares as bars beside each other, with an optional line at the target."""
    data = [
        {
            "type": "bar",
            "x": [_plain(each) for each in x],
            "y": list(values),
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
    """Density of draws as the outline of a histogram, normalised over all draws, although only a range is shown."""
    counts, edges = np.histogram(values, bins=_BINS, range=(low, high))
    return (edges[1:] + edges[:-1]) / 2, counts / (len(values) * (edges[1] - edges[0]))


def _axis(name: str, values: Array) -> Plot:
    """An axis, logarithmic where positive values span more than a tenfold."""
    wide = bool(np.min(values) > 0 and np.max(values) > 10 * np.min(values))
    return {"type": "log" if wide else "linear", "title": {"text": _plain(name)}, "exponentformat": "B"}


def _list(values: Array) -> list[float | None]:
    """Numbers to seven digits, as many as a screen can show; null for values that are not finite."""
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in np.asarray(values, dtype=float)]


def _plain(text: str) -> str:
    """Escaped text, because Plotly reads some markup and templates in names; long names are truncated.

    The tables contain the full names.
    """
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return html.escape(text, quote=False).replace("%{", "%&#123;")
