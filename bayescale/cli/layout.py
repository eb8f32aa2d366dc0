"""Lay text and tables out in the columns of a terminal, without splitting an interval or a number from its unit."""

import math
import re
import shutil
from collections.abc import Mapping, Sequence
from itertools import batched
from typing import Any

from rich.cells import cell_len

WIDEST = 100
"""Columns that are used at most."""

_NARROWEST = 40
_HANGING = "    "
_MARGIN = "  "
_GAP = 2
_PROSE = 24
"""Width above which a text in a cell may be folded."""
_SHALLOW = 2
"""Lines of a cell up to which a table is folded rather than turned."""
_TURNED = 4
"""Rows at most of a table that is turned, each of which becomes a column."""

_NUMBER = re.compile(r"[([\"'<>~=]*[-+]?\d+([.,]\d+)*(e[-+]?\d+)?[kKMBT%]?")
_JOINS = {"to", "+-", "=", "<", ">"}
"""Words that are kept with a number that follows."""

Row = Mapping[Any, str]
Grid = Sequence[Sequence[str]]
"""Cells of a table row by row, its headings first."""


def width() -> int:
    """Columns to print in: those of the terminal, or ``COLUMNS`` where it is set; a hundred at most."""
    return max(_NARROWEST, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))


def atoms(text: str) -> list[str]:
    """Parts of a text that are never split: words, and what belongs to a number.

    Examples
    --------
    >>> atoms("N* is 44.5B [23B, 82B] at 1e24 FLOP, in 90 % of 4 to 5 runs")
    ['N*', 'is', '44.5B [23B, 82B] at', '1e24 FLOP,', 'in', '90 %', 'of', '4 to 5 runs']
    """
    found: list[str] = []
    for word in text.split(" "):
        if found and _belongs(found[-1], word):
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found


def _belongs(before: str, word: str) -> bool:
    """Whether a word stays on the line of the part before it."""
    last = before.rpartition(" ")[2]
    is_number, after_number = _NUMBER.fullmatch(word.rstrip("]),.;:")), _NUMBER.fullmatch(last)
    if re.search(r"\[[-+\d][^\]]*$", before):  # within an interval
        return True
    if is_number:
        return last in _JOINS or bool(after_number and word.startswith("["))
    if word == "=":
        return True
    ends_interval = re.search(r"\[[-+\d][^\]]*\]$", before)
    return bool(word) and bool(after_number or ends_interval) and (word[0].isalpha() or word[0] in "%+")


def wrapped(text: str, columns: int, hanging: str = _HANGING) -> list[str]:
    """Lines of a text, those that continue one indented; a word that is wider than a line keeps one of its own.

    Examples
    --------
    >>> wrapped("the best size is 44.5B [23B, 82B]", 20)
    ['the best size is', '    44.5B [23B, 82B]']
    """
    lines: list[str] = []
    for line in text.split("\n"):
        if cell_len(line) <= columns:
            lines.append(line)
            continue
        first, *parts = (
            part
            for atom in atoms(line)
            for part in ([atom] if cell_len(atom) + len(hanging) <= columns else atom.split(" "))
        )
        lines.append(first)
        for part in parts:
            longer = f"{lines[-1]} {part}"
            lines[-1:] = [longer] if cell_len(longer) <= columns else [lines[-1], hanging + part]
    return lines


def table_lines(rows: Sequence[Row], columns: int, rule: str = "─") -> list[str]:
    r"""Lines of a table within some columns: folded, turned, with its texts below, or as ``name  value``.

    Examples
    --------
    >>> rows = [{"C (FLOP)": "1e24", "N* (parameters)": "44.5B [23B, 82B]", "D* (tokens)": "3.7T [2T, 7T]"}]
    >>> print(*table_lines(rows, 100), sep="\n")
      C (FLOP)  N* (parameters)   D* (tokens)
      ─────────────────────────────────────────
      1e24      44.5B [23B, 82B]  3.7T [2T, 7T]
    >>> print(*table_lines(rows, 40), sep="\n")
      C (FLOP)         1e24
      ─────────────────────────────────
      N* (parameters)  44.5B [23B, 82B]
      D* (tokens)      3.7T [2T, 7T]
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    grid = [names, *([row.get(name, "") for name in names] for row in rows)]
    return (
        _folded(grid, columns, rule, deepest=_SHALLOW)
        or _turned(grid, columns, rule)
        # Texts beside each other are hard to read where they are folded into many lines.
        or min(
            _folded(grid, columns, rule), _texts_below(grid, columns, rule), key=lambda lines: len(lines) or math.inf
        )
        or _stacked(grid, columns)
    )


def _folded(grid: Grid, columns: int, rule: str, deepest: float = math.inf) -> list[str]:
    """A table with its headings and texts folded; no lines if that does not fit, or makes cells deeper than that."""
    widths = _widths(grid, columns - len(_MARGIN))
    rows = [_row(row, widths) for row in grid] if widths else []
    if not rows or max(map(len, rows)) > deepest:
        return []
    return [*_head(grid[0], widths, rule), *(line for row in rows[1:] for line in row)]


def _turned(grid: Grid, columns: int, rule: str) -> list[str]:
    """A table of few rows with a column for each, in one block or several; no lines if that does not fit."""
    names, *rows = grid
    if len(rows) > _TURNED or len(names) < 3:
        return []
    for n_blocks in range(1, max(2, len(rows))):
        size = math.ceil(len(rows) / n_blocks)
        blocks = [list(zip(names, *block, strict=True)) for block in batched(rows, size)]
        found = [_folded(block, columns, rule, deepest=_SHALLOW) for block in blocks]
        if all(found):
            return [line for lines in found for line in ("", *lines)][1:]
    return []


def _texts_below(grid: Grid, columns: int, rule: str) -> list[str]:
    """A table with the texts of each row below it, named; no lines if that does not fit either."""
    texts = [i for i in range(1, len(grid[0])) if any(_is_text(row[i]) for row in grid[1:])]
    rest = [[cell for i, cell in enumerate(row) if i not in texts] for row in grid]
    widths = _widths(rest, columns - len(_MARGIN))
    if not texts or not widths:
        return []
    lines = _head(rest[0], widths, rule)
    for row, short in zip(grid[1:], rest[1:], strict=True):
        lines += _row(short, widths)
        named = [f"{grid[0][i]}: {row[i]}" for i in texts if row[i]]
        lines += [_HANGING + line for text in named for line in wrapped(text, columns - len(_HANGING), _MARGIN)]
    return lines


def _stacked(grid: Grid, columns: int) -> list[str]:
    """Each row as lines of ``name  value``, rows apart."""
    room = columns - len(_MARGIN) - _GAP
    widest = max(_least(cell, 0) for row in grid[1:] for cell in row)
    label = min(max(map(cell_len, grid[0])), max(room - widest, room // 3))
    lines: list[str] = []
    for row in grid[1:]:
        for cells in zip(grid[0], row, strict=True):
            lines += _row(cells, (label, room - label)) if cells[1] else []
        lines.append("")
    return lines[:-1]


def _is_text(cell: str) -> bool:
    """Whether a cell is a text that may be folded, and no interval."""
    return cell_len(cell) > _PROSE and " [" not in cell and len(atoms(cell)) > 1


def _widths(grid: Grid, columns: int) -> list[int]:
    """Width of each column so that all fit; none if they do not."""
    full = [max(map(cell_len, column)) for column in zip(*grid, strict=True)]
    found = [
        max(_least(head, 0), *(_least(cell, _PROSE) for cell in cells)) for head, *cells in zip(*grid, strict=True)
    ]
    spare = columns - sum(found) - _GAP * (len(found) - 1)
    if spare < 0:
        return []
    for _ in range(spare):
        short = [whole - width for whole, width in zip(full, found, strict=True)]
        if max(short) <= 0:
            break
        found[short.index(max(short))] += 1
    return found


def _least(cell: str, unfolded: int) -> int:
    """Smallest width of a cell, which is folded only above a width."""
    whole = cell_len(cell)
    return whole if whole <= unfolded else max(unfolded, *map(cell_len, atoms(cell)))


def _head(names: Sequence[str], widths: Sequence[int], rule: str) -> list[str]:
    """Headings, with a line below."""
    return [*_row(names, widths, bottom=True), _MARGIN + rule * (sum(widths) + _GAP * (len(widths) - 1))]


def _row(cells: Sequence[str], widths: Sequence[int], *, bottom: bool = False) -> list[str]:
    """Lines of the cells of a row beside each other."""
    columns = [wrapped(cell, width, "") for cell, width in zip(cells, widths, strict=True)]
    depth = max(map(len, columns))
    blank = [[""] * (depth - len(column)) for column in columns]
    filled = [(b + c if bottom else c + b) for b, c in zip(blank, columns, strict=True)]
    gap = " " * _GAP
    return [
        _MARGIN
        + gap.join(cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*filled, strict=True)
    ]
