"""The content of a report as plain data: sections of findings, figures and tables, without markup in any text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GOOD, OPEN, BAD = "good", "open", "bad"
"""Whether a finding supports the answer, was not examined, or is a reason to doubt it."""


_LONG = 45
"""Characters of a cell that is text."""
_FEW = 4
"""Columns for which half of the width is enough."""


@dataclass(frozen=True)
class Finding:
    """Something found, said in one or two sentences.

    Attributes
    ----------
    title, text : str
        A text may be a formula, as :class:`bayescale.report.typesetting.Math`.
    note : str
        Where it comes from, or what it does not say.
    state : {"", "good", "open", "bad"}
    """

    title: str
    text: str
    note: str = ""
    state: str = ""


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

    @property
    def wide(self) -> bool:
        """Whether it needs the full width of a page: many columns, or text beside numbers."""
        text = len(self.columns) > 2 and any(len(cell) > _LONG for row in self.rows for cell in row)
        return text or len(self.columns) > _FEW


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
    findings: tuple[Finding, ...] = ()
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
    answer : tuple of Finding
        The findings that answer the question, one for each budget.
    reading : str
        How to read its numbers.
    figure : Figure or None
        The answer as a figure.
    certified : bool
    doubts : tuple of Finding
        How far the answer can be trusted, a finding for each question.
    warnings, notes : tuple of str
    sections : tuple of Section
    planner : mapping or None
        Input of the planner as JSON-compatible data; None if there is no planner.
    """

    title: str
    subtitle: str
    answer: tuple[Finding, ...]
    reading: str
    figure: Figure | None
    certified: bool
    doubts: tuple[Finding, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    sections: tuple[Section, ...]
    planner: Mapping[str, Any] | None = None

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All figures, in the order of the page."""
        first = () if self.figure is None else (self.figure,)
        return (*first, *(figure for section in self.sections for figure in section.figures))
