"""Files of tables in any format that we know: text, JSON, Excel, Parquet, Feather, packed, or standard input."""

import bz2
import gzip
import json
import lzma
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pandas as pd

from bayescale.basics.errors import RunsError
from bayescale.basics.wording import listed
from bayescale.data.delimited import parse_text, shortened, with_points
from bayescale.data.json_tables import parse_json

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

TEXT = (".csv", ".tsv", ".txt", ".dat", ".data", ".md")
JSON = (".json", ".jsonl", ".ndjson")
EXCEL = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
PARQUET = (".parquet", ".pq")
FEATHER = (".feather", ".arrow")
PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
}
SUFFIXES = (*TEXT, *JSON, *EXCEL, *PARQUET, *FEATHER, *PACKED)
STANDARD_INPUT = "-"
_MOST_CELLS = 5e7
"""Largest number of values of a Parquet or Feather file, which can claim any number in a few bytes."""
_PAGE = 4096


def read_table(path: Path, said: list[str] | None = None) -> pd.DataFrame:
    """Read a file of any format that we know; a text column stays text unless it contains only numbers or booleans.

    Parameters
    ----------
    path : path
        ``-`` is standard input, whose format its first bytes say.
    said : list of str, optional
        Is given what was inferred, such as the separator.

    Raises
    ------
    RunsError
        If the file is missing, unreadable, empty, or not a table.
    """
    said = [] if said is None else said
    if str(path) == STANDARD_INPUT:
        data = _standard_input(sys.stdin)
        return _parse(BytesIO(data), _format_of(data), "standard input", said)
    if os.path.isdir(path):
        raise RunsError(_directory(path))
    suffix = path.suffix.lower()
    if suffix and suffix not in SUFFIXES:
        raise RunsError(f"{path}: ends in {path.suffix!r}: save the table as .csv, .jsonl, .xlsx or .parquet")
    with _opened(path) as file:
        if suffix in PACKED or not suffix:
            data = file.read() if not suffix else _unpacked(file.read(), PACKED[suffix], path)
            inner = Path(path.stem).suffix.lower()
            return _parse(BytesIO(data), inner if inner in SUFFIXES else _format_of(data), str(path), said)
        return _parse(file, suffix, str(path), said)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except RunsError:
        raise
    except FileNotFoundError:
        raise RunsError(f"{path}: no such file in {path.resolve().parent}: check the path") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RunsError(f"{path}: cannot be read ({reason}): check the file and its permissions") from None


@lru_cache(maxsize=1)
@lru_cache(maxsize=1)
def _standard_input(stream: Any) -> bytes:
    """All of standard input, kept since it can be read only once."""
    if stream is None or stream.isatty():
        raise RunsError("standard input: is no file: pipe a table into it, such as bayescale fit - < runs.csv")
    content = getattr(stream, "buffer", stream).read()
    return content if isinstance(content, bytes) else str(content).encode()


def _directory(path: Path) -> str:
    names = sorted({found.name for found in path.rglob("*") if found.suffix.lower() in SUFFIXES and found.is_file()})
    if not names:
        return f"{path}: is a directory without tables: name a file"
    each = next((name for name in names if "summary" in name or "results" in name), names[0])
    return (
        f"{path}: is a directory: name a file in it, such as {listed(names[:3])}; or, where each run has its own file, "
        f"add glob={json.dumps(f'**/{each}', ensure_ascii=False)}"
    )


def _unpacked(data: bytes, unpack: Callable[[bytes], bytes], path: Path) -> bytes:
    try:
        return unpack(data)
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        raise RunsError(
            f"{path}: cannot be unpacked ({shortened(str(error))}): pack it again, or save it as .csv"
        ) from None


def _format_of(data: bytes) -> str:
    """The suffix of the format that content has, by its first bytes."""
    for start, suffix in (
        (b"PAR1", ".parquet"),
        (b"ARROW1", ".feather"),
        (b"PK\x03\x04", ".xlsx"),
        (b"\x1f\x8b", ".gz"),
    ):
        if data.startswith(start):
            return suffix
    return ".json" if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") else ".csv"


def _parse(file: BinaryIO, suffix: str, source: str, said: list[str]) -> pd.DataFrame:
    if suffix in PARQUET or suffix in FEATHER:
        return with_points(_parse_arrow(file, source, suffix in PARQUET), source, "", said)
    data = file.read()
    if suffix in PACKED:
        data = _unpacked(data, PACKED[suffix], Path(source))
        return _parse(BytesIO(data), _format_of(data), source, said)
    if not data or data.isspace():
        raise RunsError(f"{source}: is empty: a table needs a header and at least one run")
    if suffix in EXCEL:
        return with_points(_parse_excel(data, source, said), source, "", said)
    text = _decoded(data, source, said)
    if suffix in JSON:
        return with_points(parse_json(text, source), source, "", said)
    frame, inferred = parse_text(text, source)
    said += inferred
    return frame


def _decoded(data: bytes, source: str, said: list[str]) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # as Excel writes "Unicode text"
        with suppress(UnicodeDecodeError):
            return data.decode("utf-16")
    if b"\0" in data:
        raise RunsError(f"{source}: byte {data.index(0)} is NUL, so it is not a text file: save the table as UTF-8 CSV")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        with suppress(UnicodeDecodeError):
            text = data.decode("cp1252")  # as Excel writes CSV in the West
            if all(each.isalnum() or each.isspace() for each in text if not each.isascii()):
                said.append("Windows-1252 text")
                return text
        value = f"0x{data[error.start]:02x}"
        raise RunsError(f"{source}: byte {error.start} ({value}) is not UTF-8: save the table as UTF-8 CSV") from None


def _parse_excel(data: bytes, source: str, said: list[str]) -> pd.DataFrame:
    try:
        import python_calamine
    except ModuleNotFoundError:
        raise RunsError(
            f"{source}: Excel files need python-calamine: pip install 'bayescale[excel]', or save the table as .csv"
        ) from None
    try:
        book = python_calamine.load_workbook(BytesIO(data))
        sheets = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=True) for name in book.sheet_names}
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise RunsError(
            f"{source}: is not an Excel file ({shortened(str(error))}): save it again, or as .csv"
        ) from None
    filled = {name: rows for name, rows in sheets.items() if rows}
    if not filled:
        raise RunsError(f"{source}: is empty: a table needs a header and at least one run")
    if len(filled) > 1:
        raise RunsError(
            f"{source}: has {len(filled)} sheets with cells, {listed(filled)}: keep the one with the runs, or save it "
            "as .csv"
        )
    ((sheet, (header, *rows)),) = filled.items()
    rows = [row for row in rows if any(cell != "" for cell in row)]
    if not rows:
        raise RunsError(f"{source}: has no rows below its header: a table needs at least one run")
    if len(sheets) > 1:
        said.append(f"sheet {sheet}, since the others are empty")
    names = [str(name).strip() for name in header]
    columns = [[None if row[i] == "" else row[i] for row in rows] for i in range(len(names)) if names[i]]
    return pd.DataFrame(dict(enumerate(columns))).set_axis([name for name in names if name], axis=1)


def _parse_arrow(file: BinaryIO, source: str, parquet: bool) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.feather as pf
    import pyarrow.parquet as pq

    start = file.read(_PAGE)
    if not start or start.isspace():
        raise RunsError(f"{source}: is empty: a table needs a header and at least one run")
    kind = "Parquet" if parquet else "Feather"
    try:
        if parquet:
            # Not through the metadata of pandas, which hides columns in the index and fails in many ways if damaged.
            table = pq.ParquetFile(file, pre_buffer=False)
            # Metadata of the whole file: reading the metadata of its parts can crash the process if they are damaged.
            _refuse_large(table.metadata.num_rows * table.metadata.num_columns, source)
            names = table.schema_arrow.names
            columns = [_parquet_column(table, names, position) for position in range(len(names))]
        else:
            file.seek(0)
            whole = pf.read_table(file, memory_map=False)
            _refuse_large(whole.num_rows * whole.num_columns, source)
            names = whole.column_names
            columns = [whole.column(i).to_pandas() for i in range(len(names))]
    except RunsError:
        raise
    except (pa.ArrowException, OSError, ValueError, LookupError) as error:
        reason = shortened(str(error))
        raise RunsError(f"{source}: is not a {kind} file ({reason}): write it again, or save it as .csv") from None
    frame = pd.DataFrame(dict(enumerate(columns)), copy=False).set_axis(names, axis=1)
    return frame.loc[:, [not name.startswith("__index_level_") for name in names]]


def _refuse_large(cells: int, source: str) -> None:
    if cells > _MOST_CELLS:
        raise RunsError(f"{source}: claims more than {_MOST_CELLS:.0e} values: keep only the columns that are needed")


def _parquet_column(table: "ParquetFile", names: Sequence[str], position: int) -> "pd.Series[Any]":
    """One column, read separately, so that packed and unpacked data of all columns are never in memory together."""
    of_that_name = table.read(columns=[names[position]], use_threads=False).to_pandas(ignore_metadata=True)
    column: pd.Series[Any] = of_that_name.iloc[:, names[:position].count(names[position])]
    return column
