"""The content of a report as plain data: sections of paragraphs, tables and figures, without markup in any text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """Cells as text.

    Attributes
    ----------
    title : str
    columns : tuple of str
    rows : tuple of tuple of str
        The first cell of a row is its name.
    note : str
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure and a table with the same numbers.

    Attributes
    ----------
    name : str
        Name of its element in the page.
    title : str
        What the figure shows, in a sentence.
    plot : mapping
        ``data`` and ``layout`` for Plotly, with colours as names of the style sheet (``var(--c1)``).
    table : Table
    note : str
    """

    name: str
    title: str
    plot: Mapping[str, Any]
    table: Table
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A heading and its content, in this order; ``lead`` says what the command does."""

    name: str
    title: str
    paragraphs: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    lead: str = ""
    command: str = ""


@dataclass(frozen=True)
class Content:
    """A whole report.

    Attributes
    ----------
    title, subtitle : str
    answer : tuple of str
        The most important sentences.
    certified : bool
    warnings, notes : tuple of str
    sections : tuple of Section
    planner : mapping or None
        Input of the planner as JSON-compatible data; None if there is no planner.
    """

    title: str
    subtitle: str
    answer: tuple[str, ...]
    certified: bool
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    sections: tuple[Section, ...]
    planner: Mapping[str, Any] | None = None
