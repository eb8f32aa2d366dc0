"""Text tables: what separates columns, comments, the header, and numbers as different countries write them."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bayescale.basics.errors import RunsError

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
_SAMPLE = 200_000
"""Characters that are looked at to find the separator."""
_SAMPLED_LINES = 50
_MOST_TITLES = 5
_RULE = re.compile(r"\s*:?-+:?\s*|\s*")


@dataclass(frozen=True)
class _Layout:
    """How a text is laid out as a table."""

    separator: str
    skipped: int
    """Lines before the header."""
    commented: bool
    """Whether the header is the last comment line."""
    titles: int = 0
    """Lines above the header that are no comments."""
    labelled: bool = False
    """Whether rows begin with a label that the header leaves out, as in what R and pandas print."""


def parse_text(text: str, source: str) -> tuple[pd.DataFrame, list[str]]:
    r"""Read a table from text, and what was inferred about it.

    Cells stay text unless a whole column contains only numbers or only booleans.

    Raises
    ------
    RunsError
        If it is not a table.

    Examples
    --------
    >>> parse_text("# my runs\nN;loss\n70M;3,2\n", "a.csv")[0]
         N  loss
    0  70M   3.2
    """
    layout = _layout(text)
    header, *rows = _lines(text, layout, source)
    said = [] if layout.separator == "," else [f"columns separated by {_SEPARATORS[layout.separator]}"]
    if layout.titles:
        said.append(f"{layout.titles} line{'s' * (layout.titles > 1)} above the header left out")
    if layout.separator == "|":
        rows = [row for row in rows if not all(_RULE.fullmatch(cell) for cell in row)]
    if any(row[0].startswith("#") for row in rows) and not all(row[0].startswith("#") for row in rows):
        kept = [row for row in rows if not row[0].startswith("#")]
        said.append(f"{len(rows) - len(kept)} comment lines left out")
        rows = kept
    if not rows:
        raise RunsError(f"{source}: has no rows below its header: a table needs at least one run")
    frame = pd.DataFrame(rows, columns=pd.Index(header), dtype=object)
    # A column without a name contains row labels, or comes from a comma at the end of every line.
    frame = frame.loc[:, [bool(name.strip()) for name in header]].apply(_numbers_or_flags)
    return with_points(frame, source, layout.separator, said), said


def _layout(text: str) -> _Layout:
    """The separator with which the first lines have the most columns, the same number in each."""
    sample = text[:_SAMPLE]
    lines = [line.rstrip("\r\n") for line in io.StringIO(sample, newline="")]
    if len(text) > _SAMPLE:
        lines = lines[:-1]
    first = next((i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), 0)
    hint = re.fullmatch(r"sep=(.)\s*", lines[first]) if lines else None
    if hint and hint[1] in _SEPARATORS:
        return _Layout(hint[1], first + 1, False)
    places = [i for i, line in enumerate(lines) if i >= first and line.strip() and not line.lstrip().startswith("#")]
    body = [lines[i] for i in places[:_SAMPLED_LINES]]
    comment = next((line for line in reversed(lines[:first]) if line.strip()), "").lstrip("# \t")
    separator, widths = ",", 0
    for candidate in _SEPARATORS:
        if candidate == " " and widths:
            break  # spaces beside another separator are padding
        counts = _counts(body, candidate)
        if len(set(counts)) == 1 and counts[0] > max(widths, 1):
            separator, widths = candidate, counts[0]
    if widths == 0 and (titled := _below_title(body)):
        separator, titles = titled
        return _Layout(separator, places[titles], False, titles=titles)
    if widths == 0:
        for candidate in (" ", "\t"):
            if _has_labels(body, candidate):
                return _Layout(candidate, first, False, labelled=True)
        separator = next((each for each in _SEPARATORS if body and all(each in line.strip() for line in body)), ",")
    commented = (
        widths > 1
        and _counts([comment], separator) == [widths]
        and all(_is_number(cell) for cell in next(_cells([body[0]], separator)))
        and not any(_is_number(cell) for cell in next(_cells([comment], separator)))
    )
    return _Layout(separator, first, commented)


def _below_title(body: Sequence[str]) -> tuple[str, int] | None:
    """The separator of a table below a few lines without any, and how many these are."""
    for titles in range(1, min(_MOST_TITLES, len(body) - 2) + 1):
        for separator in (",", ";", "\t"):
            above, below = _counts(body[:titles], separator), _counts(body[titles:], separator)
            if set(above) == {1} and len(set(below)) == 1 and below[0] > 1:
                return separator, titles
    return None


def _has_labels(body: Sequence[str], separator: str) -> bool:
    """Whether each row has one cell more than the header, of which the first is a label or counts the rows."""
    counts = _counts(body, separator)
    if len(counts) < 2 or set(counts[1:]) != {counts[0] + 1}:
        return False
    labels = [cells[0] for cells in _cells(body[1:], separator) if cells]
    return not any(map(_is_number, labels)) or any(
        labels == [str(i + start) for i in range(len(labels))] for start in (0, 1)
    )


def _cells(lines: Iterable[str], separator: str, *, strict: bool = False) -> Any:
    """The CSV reader of some lines; several spaces separate as one does."""
    if separator == " ":
        lines = (" ".join(line.split()) for line in lines)
    return csv.reader(lines, delimiter=separator, strict=strict)


def _counts(lines: Sequence[str], separator: str) -> list[int]:
    try:
        return [len(cells) for cells in _cells(lines, separator) if cells]
    except csv.Error:
        return []


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"\s*[+-]?[\d.,]+([eE][+-]?\d+)?[kKMBGT]?\s*|\s*nan\s*", cell, re.IGNORECASE) is not None


def _lines(text: str, layout: _Layout, source: str) -> list[list[str]]:
    stream = io.StringIO(text, newline="")
    skipped = [stream.readline() for _ in range(layout.skipped)]
    lines: list[list[str]] = []
    if layout.commented:
        header = next(line for line in reversed(skipped) if line.strip()).lstrip("# \t")
        lines += _cells([header], layout.separator)
    reader = _cells(stream, layout.separator, strict=True)
    try:
        for line in filter(None, reader):
            if layout.labelled and not lines:
                line = ["", *line]
            if lines and len(line) != len(lines[0]):
                if line[0].startswith("#"):
                    continue
                raise RunsError(
                    f"{source}, line {layout.skipped + reader.line_num}: "
                    f"{shortened(layout.separator.join(line))!r} has {len(line)} values, but the header "
                    f"{len(lines[0])}: separate values by {_SEPARATORS[layout.separator]}, and write decimals with a "
                    "point"
                )
            lines.append(line)
    except csv.Error as error:
        raise RunsError(
            f"{source}, line {layout.skipped + reader.line_num}: is not CSV ({error}): check its quotation marks"
        ) from None
    return lines


def _numbers_or_flags(text: "pd.Series[Any]") -> "pd.Series[Any]":
    lower = text.str.strip().str.lower()
    if lower.isin(["true", "false"]).all():
        return lower == "true"
    for kind in (int, float):
        try:
            return lower.replace("", "nan").astype(kind)
        except (ValueError, OverflowError):
            continue
    return text


def shortened(text: str, length: int = 60) -> str:
    """Text on one line, cut where it is long."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[:length] + "..."


# ------------------------------------------------------------------------------------ numbers as countries write them

_SPACES = "\u00a0\u2009\u202f'\u2019 "
_END = r"(?:[eE][+-]?\d+)?\s*[kKMBGT%]?"
_SPACED = re.compile(rf"[+-]?\d{{1,3}}(?:[{_SPACES}]\d{{3}})+(?:[.,]\d+)?{_END}")
_THOUSANDS = {
    ",": re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:,\d{{3}})+(?:\.\d*)?{_END}"),
    ".": re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:\.\d{{3}})+(?:,\d*)?{_END}"),
}
_DECIMAL = {
    ",": re.compile(rf"[+-]?(?:\d+|[1-9]\d{{0,2}}(?:\.\d{{3}})+)?,\d+{_END}"),
    ".": re.compile(rf"[+-]?(?:\d+|[1-9]\d{{0,2}}(?:,\d{{3}})+)?\.\d+{_END}"),
}
_NUMBER = re.compile(rf"[+-]?[\d.,]*\d[\d.,]*{_END}")


def with_points(frame: pd.DataFrame, source: str, separator: str, said: list[str]) -> pd.DataFrame:
    """The table with decimal points and no thousands separators, where its texts are numbers written otherwise.

    A comma in a column is a decimal comma where some value shows it, such as ``3,25`` or ``0,912``; it separates
    thousands where some value shows that, such as ``1,000,000`` or ``1,234.5``. What no value of the column shows, the
    other columns and then the separator show: semicolons stand where commas are decimal.

    Raises
    ------
    RunsError
        If nothing shows what a comma means.
    """
    texts = {
        i: [cell.strip() if isinstance(cell, str) else "" for cell in frame.iloc[:, i]]
        for i in range(frame.shape[1])
        if pd.api.types.is_string_dtype(frame.dtypes.iloc[i]) and _odd_numbers(frame.iloc[:, i])
    }
    if not texts:
        return frame
    columns = {i: [_unspaced(cell) for cell in cells] for i, cells in texts.items()}
    shown = {i: _point_of(cells) for i, cells in columns.items()}
    if any(point == "both" for point in shown.values()):
        name = next(str(frame.columns[i]) for i, point in shown.items() if point == "both")
        raise RunsError(
            f"{source}, column {name}: commas and points both stand before decimals: write all with a point"
        )
    sure = {point for point in shown.values() if point} | ({"."} if _has_decimals(frame) else set())
    fallback = (
        "," if separator == ";" and "." not in sure else sure.pop() if len(sure) == 1 and separator != ";" else ""
    )
    new = {}
    for i, cells in columns.items():
        point = shown[i] or fallback
        if not point and any("," in cell for cell in cells):
            cell = next(cell for cell in cells if "," in cell)
            raise RunsError(
                f"{source}, column {frame.columns[i]}: {cell!r} may be {cell.replace(',', '.')} or "
                f"{cell.replace(',', '')}: write decimals with a point and no thousands separators"
            )
        point = point or "."
        other = "." if point == "," else ","
        plain = [cell.replace(other, "").replace(point, ".") if _NUMBER.fullmatch(cell) else cell for cell in cells]
        new[i] = _numbers_or_flags(pd.Series(_fractions(plain), index=frame.index, dtype=object))
        if point == "," and any("," in cell for cell in cells):
            said.append(f"decimal commas in {frame.columns[i]}")
        elif any(cell != text or other in cell for cell, text in zip(cells, texts[i], strict=True)):
            said.append(f"thousands separators in {frame.columns[i]}")
        if any(cell.endswith("%") for cell in cells):
            said.append(f"{frame.columns[i]} in per cent")
    return pd.DataFrame({i: new.get(i, frame.iloc[:, i]) for i in range(frame.shape[1])}, index=frame.index).set_axis(
        frame.columns, axis=1
    )


_ODD = re.compile(rf"\d[,{_SPACES}]\d|^\s*[+-]?,\d|\.\d+\.|%\s*$")
_NO_NUMBERS = frozenset({"", "nan", "na", "n/a", "null", "none", "-", "inf"})


def _odd_numbers(cells: Iterable[Any]) -> bool:
    """Whether a column's texts are numbers, some of them written as parse_quantity does not read them."""
    if not any(isinstance(cell, str) and _ODD.search(cell) for cell in cells):
        return False
    stripped = [cell.strip() for cell in cells if isinstance(cell, str)]
    filled = [cell for cell in stripped if cell.lower() not in _NO_NUMBERS]
    return 2 * sum(bool(_NUMBER.fullmatch(cell) or _SPACED.fullmatch(cell)) for cell in filled) > len(filled)


def _has_decimals(frame: pd.DataFrame) -> bool:
    """Whether a column of numbers holds decimals, which were then written with a point."""
    floats = frame.select_dtypes("float")
    return bool(((floats % 1).fillna(0) != 0).to_numpy().any())


def _unspaced(cell: str) -> str:
    return re.sub(rf"[{_SPACES}](?=\d{{3}})", "", cell) if _SPACED.fullmatch(cell) else cell


def _point_of(cells: Sequence[str]) -> str:
    """The character that stands before decimals in a column; empty if nothing shows it, "both" if both do."""
    points = set()
    for cell in cells:
        comma = bool(_DECIMAL[","].fullmatch(cell)) and not _THOUSANDS[","].fullmatch(cell)
        point = bool(_DECIMAL["."].fullmatch(cell)) and not _THOUSANDS["."].fullmatch(cell)
        if comma or (_THOUSANDS["."].fullmatch(cell) and cell.count(".") > 1):
            points.add(",")
        if point or (_THOUSANDS[","].fullmatch(cell) and (cell.count(",") > 1 or "." in cell)):
            points.add(".")
    return "both" if len(points) > 1 else "".join(points)


def _fractions(cells: Sequence[str]) -> list[str]:
    """Per cent as fractions, exactly."""
    from decimal import Decimal, InvalidOperation

    def fraction(cell: str) -> str:
        try:
            return str(Decimal(cell[:-1].strip()) / 100)
        except InvalidOperation:
            return cell

    return [fraction(cell) if cell.endswith("%") else cell for cell in cells]
