"""Every format and unit gives the same runs, directories and standard input are tables too, and no unit is misread."""

import bz2
import gzip
import io
import json
import lzma
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescale.basics.errors import RunsError
from bayescale.data.datasets import load_runs
from bayescale.data.formats import EXCEL, FEATHER, JSON, PACKED, PARQUET, SUFFIXES, TEXT
from bayescale.data.runs import Runs

# ------------------------------------------------------------------------------------------------ every format

_PARTS = {
    "[Content_Types].xml": (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
    ),
    "_rels/.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>'
    ),
}


def excel(*sheets):
    """An Excel file of sheets, each a list of rows."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"

    def cell(value):
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
        return "<c/>" if value is None else f"<c><v>{value!r}</v></c>"

    listed, related, parts = "", "", dict(_PARTS)
    for i, rows in enumerate(sheets, start=1):
        body = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
        parts[f"xl/worksheets/sheet{i}.xml"] = f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>'
        listed += f'<sheet name="Sheet{i}" sheetId="{i}" r:id="r{i}"/>'
        related += f'<Relationship Id="r{i}" Type="{kind}/worksheet" Target="worksheets/sheet{i}.xml"/>'
    parts["xl/workbook.xml"] = f'<workbook xmlns="{main}" xmlns:r="{kind}"><sheets>{listed}</sheets></workbook>'
    parts["xl/_rels/workbook.xml.rels"] = f'<Relationships xmlns="{package}">{related}</Relationships>'
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as book:
        for name, text in parts.items():
            book.writestr(name, text)
    return buffer.getvalue()


def _text(frame, separator, decimal="."):
    lines = [separator.join(frame.columns)]
    lines += [separator.join(repr(float(value)).replace(".", decimal) for value in row) for row in frame.to_numpy()]
    return ("\n".join(lines) + "\n").encode()


def _through(write, frame):
    buffer = io.BytesIO()
    write(frame, buffer)
    return buffer.getvalue()


WRITERS = {
    ".csv": lambda frame: _text(frame, ","),
    ".tsv": lambda frame: _text(frame, "\t"),
    ".txt": lambda frame: _text(frame, "  "),
    ".dat": lambda frame: _text(frame, ";", ","),
    ".md": lambda frame: _text(frame, " | "),
    ".json": lambda frame: frame.to_json(orient="records", double_precision=15).encode(),
    ".jsonl": lambda frame: "\n".join(json.dumps(row) for row in frame.to_dict("records")).encode(),
    ".xlsx": lambda frame: excel([list(frame.columns), *frame.to_numpy().tolist()]),
    ".parquet": lambda frame: _through(pd.DataFrame.to_parquet, frame),
    ".feather": lambda frame: _through(pd.DataFrame.to_feather, frame),
    ".csv.gz": lambda frame: gzip.compress(_text(frame, ",")),
    ".csv.bz2": lambda frame: bz2.compress(_text(frame, ";", ",")),
    ".jsonl.xz": lambda frame: lzma.compress(frame.to_json(orient="records", double_precision=15).encode()),
}
UNITS = {
    "N": {"N": 1, "params": 1, "params_m": 1e6, "Params (B)": 1e9, "n_params_k": 1e3},
    "D": {"D": 1, "train/tokens": 1, "tokens_b": 1e9, "Tokens (T)": 1e12, "tokens_in_millions": 1e6},
    "loss": {"loss": 1, "Eval/Loss": 1, "val_loss": 1},
}


def test_every_ending_is_written_by_some_writer():
    alike = {".data": ".dat", ".ndjson": ".jsonl", ".pq": ".parquet", ".arrow": ".feather"}
    written = {f".{part}" for name in WRITERS for part in name.split(".") if part}
    assert {alike.get(name, name) for name in SUFFIXES if name not in EXCEL} == written - {".xlsx"}
    assert set(TEXT) | set(JSON) | set(EXCEL) | set(PARQUET) | set(FEATHER) | set(PACKED) == set(SUFFIXES)


sizes = st.floats(5e6, 1e11)
runs_of = st.lists(
    st.tuples(sizes, st.floats(1, 800), st.floats(1.8, 4.5)), min_size=2, max_size=6, unique_by=lambda r: r[0]
)


@settings(max_examples=60)
@given(runs_of, st.sampled_from(list(WRITERS)), *(st.sampled_from(list(names.items())) for names in UNITS.values()))
def test_a_table_in_any_format_and_units_gives_the_same_runs(tmp_path_factory, rows, ending, n, d, loss):
    table = pd.DataFrame([(N, N * ratio, y) for N, ratio, y in rows], columns=["N", "D", "loss"])
    written = pd.DataFrame({name: table[ours] / scale for ours, (name, scale) in zip(table, (n, d, loss), strict=True)})
    if ending == ".txt":  # where spaces separate columns, names have none
        written = written.rename(columns=lambda name: name.replace(" ", "_"))
    path = tmp_path_factory.mktemp("formats") / f"runs{ending}"
    path.write_bytes(WRITERS[ending](written))
    runs, same = Runs.read(path), Runs.from_frame(table)
    for name in ("N", "D", "C", "loss"):
        np.testing.assert_allclose(runs.column(name), same.column(name), rtol=1e-9)
    inferred = [note for note in runs.notes if note.startswith("read: ")]
    assert len(inferred) == (
        ending in {".tsv", ".txt", ".dat", ".md", ".csv.bz2"} or written.columns.tolist() != list(table)
    )


def test_our_schema_is_read_without_a_word(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("N,D,loss\n7e7,1.4e9,3.55\n4e8,8e9,2.95\n")
    assert Runs.read(path).notes == ()


def test_a_sheet_among_empty_ones_is_read_and_two_are_refused(tmp_path):
    rows = [["N", "D", "loss", ""], [7e7, 1.4e9, 3.55, None], [None, None, None, None], [4e8, 8e9, "2.95", None]]
    path = tmp_path / "runs.xlsx"
    path.write_bytes(excel(rows, []))
    runs = Runs.read(path)
    assert runs.column("loss").tolist() == [3.55, 2.95]
    assert runs.notes == ("read: sheet Sheet1, since the others are empty",)
    path.write_bytes(excel(rows, rows))
    with pytest.raises(RunsError, match="has 2 sheets with cells, Sheet1, Sheet2: keep the one with the runs"):
        Runs.read(path)


def test_excel_without_its_reader_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    path = tmp_path / "runs.xlsx"
    path.write_bytes(excel([["N"], [1.0]]))
    with pytest.raises(RunsError, match=r"pip install 'bayescale\[excel\]', or save the table as \.csv"):
        Runs.read(path)


class Piped:
    """Stands in for standard input."""

    def __init__(self, content, terminal=False):
        self.buffer, self.terminal = io.BytesIO(content), terminal

    def isatty(self):
        return self.terminal


@pytest.mark.parametrize("ending", [".csv", ".json", ".xlsx", ".parquet", ".feather", ".csv.gz"])
def test_standard_input_is_a_table_of_any_format(monkeypatch, ending):
    table = pd.DataFrame({"params": [7e7, 4e8], "tokens": [1.4e9, 8e9], "loss": [3.55, 2.95]})
    monkeypatch.setattr(sys, "stdin", Piped(WRITERS[ending](table)))
    for _ in range(2):  # what a pipe gives can be read once, and some commands read a table twice
        runs = load_runs("-")
        assert runs.source == "standard input"
        assert runs.column("N").tolist() == [7e7, 4e8]


def test_a_terminal_is_no_table(monkeypatch):
    monkeypatch.setattr(sys, "stdin", Piped(b"", terminal=True))
    with pytest.raises(RunsError, match="standard input: is no file: pipe a table into it"):
        load_runs("-")


# --------------------------------------------------------------------------------------------------- directories


@pytest.fixture
def tracked(tmp_path):
    """Folders of runs as Weights & Biases leaves them."""
    for name, params, tokens, loss in (("run-a", 7e7, 1.4e9, 3.55), ("run-b", 4e8, 8e9, 2.95)):
        folder = tmp_path / name / "files"
        folder.mkdir(parents=True)
        summary = {"train": {"tokens": tokens}, "eval/loss": loss, "_step": 3, "_wandb": {"runtime": 5}}
        (folder / "wandb-summary.json").write_text(json.dumps(summary))
        (folder / "config.yaml").write_text(f"n_params:\n  desc: null\n  value: {params:.0f}\nlr:\n  value: 0.001\n")
    return tmp_path


def test_a_directory_of_summaries_is_a_table(tracked):
    runs = Runs.read(tracked, glob="**/wandb-summary.json")
    assert runs.column("N").tolist() == [7e7, 4e8]
    assert runs.column("loss").tolist() == [3.55, 2.95]
    assert runs.frame["run"].tolist() == ["run-a/files", "run-b/files"]
    assert runs.notes[0].startswith("read: 2 files; config.yaml beside them; ")


def test_a_directory_without_a_pattern_is_refused_with_one(tracked):
    with pytest.raises(RunsError, match=r'is a directory: .*, add glob="\*\*/wandb-summary\.json"'):
        Runs.read(tracked)


@pytest.mark.parametrize(
    ("glob", "said"),
    [
        ("*.csv", "no file fits '\\*.csv'"),
        ("/etc/*", "is not a pattern of files"),
        ("**/config.yaml", "ends in '.yaml': name tables or JSON"),
    ],
)
def test_a_pattern_that_names_no_tables_is_refused(tracked, glob, said):
    with pytest.raises(RunsError, match=said):
        Runs.read(tracked, glob=glob)


def test_a_pattern_needs_a_directory_and_files_of_one_kind(tracked):
    (tracked / "odd.csv").write_text("x,y\n1,2\n")
    with pytest.raises(RunsError, match="have no column in common"):
        Runs.read(tracked, glob="**/[ow]*")
    with pytest.raises(RunsError, match="is not a directory: glob= reads the files of a directory"):
        Runs.read(tracked / "odd.csv", glob="*")


def test_a_file_for_each_run_gives_checkpoints(tmp_path):
    for name, size in (("small", "7e7"), ("large", "4e8")):
        (tmp_path / f"{name}.csv").write_text(f"params,tokens,loss\n{size},1e9,3.6\n{size},2e9,3.4\n")
    runs = Runs.read(tmp_path, glob="*.csv")
    assert runs.clusters.tolist() == [0, 0, 1, 1]
    assert runs.frame["run"].tolist() == ["large", "large", "small", "small"]


# ------------------------------------------------------------------------------------------------- no silent misreading

SMALL = pd.DataFrame({"N": [7e7, 1.6e8, 4e8, 1.4e9], "D": [1.4e9, 3.2e9, 8e9, 2.8e10], "loss": [3.6, 3.27, 2.95, 2.55]})
SMALL["C"] = 6 * SMALL["N"] * SMALL["D"]
FACTORS = [10.0**k for k in (-9, -6, -3, 3, 6, 9)]


def said_or_refused(frame):
    """What is said of a table that is not said of the same in its right units."""
    try:
        return set(Runs.from_frame(frame).warnings)
    except RunsError as error:
        return {str(error)}


def test_the_table_in_its_right_units_is_read_without_a_word():
    for columns in (["N", "D", "loss"], ["C", "loss"], ["N", "D", "C", "loss"], ["N", "C", "loss"], ["C", "D", "loss"]):
        assert said_or_refused(SMALL[columns]) == set()


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize(
    ("columns", "scaled"),
    [
        (["N", "D", "loss"], ["N"]),
        (["N", "D", "loss"], ["D"]),
        (["N", "D", "loss"], ["N", "D"]),
        (["N", "D", "C", "loss"], ["C"]),
        (["N", "D", "C", "loss"], ["N"]),
        (["N", "D", "C", "loss"], ["D"]),
        (["N", "C", "loss"], ["N"]),
        (["N", "C", "loss"], ["C"]),
        (["C", "D", "loss"], ["C"]),
        (["C", "D", "loss"], ["D"]),
        (["N", "D", "loss"], ["loss"]),
    ],
    ids=lambda names: "".join(names),
)
def test_a_unit_that_is_off_by_thousands_is_refused_or_said(columns, scaled, factor):
    frame = SMALL[columns].copy()
    frame[scaled] *= factor
    assert said_or_refused(frame), (columns, scaled, factor)


@pytest.mark.parametrize("factor", FACTORS)
def test_a_unit_of_compute_alone_is_refused_or_harmless(factor):
    """A law of C and loss has no other unit: its exponents are the same in any."""
    frame = SMALL[["C", "loss"]].assign(C=SMALL["C"] * factor)
    if not said_or_refused(frame):
        logs = np.log(frame["C"])
        np.testing.assert_allclose(logs - logs.mean(), np.log(SMALL["C"]) - np.log(SMALL["C"]).mean(), atol=1e-9)


def test_swapped_columns_are_suspected():
    (text,) = [
        text for text in Runs.from_frame(SMALL.rename(columns={"N": "D", "D": "N"})).warnings if "swapped" in text
    ]
    assert "0.05 tokens per parameter: they may be swapped" in text
