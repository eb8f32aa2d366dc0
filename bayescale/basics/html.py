"""Results as notebooks show them: a title, warnings, and a small table, with every text escaped."""

import html
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from bayescale.basics.quantities import format_quantity

_ROWS = 30
"""Most rows that are shown; of longer tables the first and the last."""
_DIGITS = 4


def html_of(title: str, table: pd.DataFrame, warnings: Iterable[str] = (), notes: Iterable[str] = ()) -> str:
    """A result as HTML.

    Parameters
    ----------
    title : str
    table : pandas.DataFrame
        Numbers are written as people read them, and three quantiles (``q05``, ``q50``, ``q95``) as median and interval.
    warnings, notes : iterable of str
        Above and below the table.

    Examples
    --------
    >>> table = pd.DataFrame({"N": [7e10], "q05": [1.9], "q50": [2.0], "q95": [2.1], "unit": ["nats/token"]})
    >>> page = html_of("<loss>", table, ["far away"])
    >>> "&lt;loss&gt;" in page, "<td>[1.9, 2.1]</td>" in page, page.index("far away") < page.index("<td>70B</td>")
    (True, True, True)
    """
    remarks = "".join(f"<li>{html.escape(text)}</li>" for text in warnings)
    found = readable(table)
    with pd.option_context("display.max_colwidth", None):
        shown = found.to_html(index=False, border=0, max_rows=_ROWS, justify="left")
    return (
        f"<p><strong>{html.escape(title)}</strong></p>"
        f"{f'<ul>{remarks}</ul>' if remarks else ''}{shown}"
        f"{''.join(f'<p>{html.escape(text)}</p>' for text in notes)}"
    )


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """A table of texts from one of numbers: its index as columns, and quantiles as a median and an interval."""
    named = table if isinstance(table.index, pd.RangeIndex) else _with_index(table)
    ends = [str(name) for name in named if str(name)[0] == "q" and str(name)[1:].replace(".", "").isdigit()]
    columns: dict[str, list[str]] = {}
    for name in named:
        if len(ends) == 3 and name in (ends[0], ends[2], "mean", "sd"):
            continue
        if len(ends) == 3 and name == ends[1]:
            low, high = (named[end].map(_shown) for end in (ends[0], ends[2]))
            mass = float(ends[2][1:]) - float(ends[0][1:])
            columns["median"] = named[name].map(_shown).tolist()
            columns[f"{mass:g}% interval"] = [f"[{a}, {b}]" if a else "" for a, b in zip(low, high, strict=True)]
        else:
            columns[str(name)] = named[name].map(_shown).tolist()
    return pd.DataFrame(columns)


def _with_index(table: pd.DataFrame) -> pd.DataFrame:
    names = [name or ("" if i else "name") for i, name in enumerate(table.index.names)]
    return table.set_axis(table.index.set_names(names)).reset_index()


def _shown(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float):
        return format_quantity(value, _DIGITS)
    return str(value)
