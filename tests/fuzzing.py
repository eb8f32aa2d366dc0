"""Hostile input in one place: what the tests draw a few hundred cases from, and the nightly benchmark thousands.

Each target is a strategy of cases, and a function that runs one in a folder of its own. It returns whether the case was
accepted, and raises where bayescale does what it never may: any exception but its own, an exit status of another
meaning, a message of more than a line for each fault, a stray file.
"""

import contextlib
import gzip
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from hypothesis import strategies as st

from bayescale.basics import files
from bayescale.basics.errors import (
    BayescaleError,
    CatalogError,
    FitFileError,
    LawError,
    LimitsError,
    RunsError,
    SamplingError,
)
from bayescale.cli import main
from bayescale.data import datasets
from bayescale.data.datasets import load_runs
from bayescale.laws.catalog import load_law
from bayescale.planning.limits import limits
from bayescale.planning.outlook import read_outlook
from bayescale.posterior import netcdf, storage
from bayescale.posterior.single import fit_law

MARKER = "ran"
"""Name of a file that only code from a data file could make."""


@dataclass(frozen=True)
class Target:
    """Something that reads what others wrote.

    Attributes
    ----------
    cases : strategy
    run : callable
        ``run(case, folder, saved)``: whether the case was accepted; ``saved`` is a good fit that is not to be touched.
    """

    cases: st.SearchStrategy[Any]
    run: Callable[[Any, Path, Path], bool]


def accepted(errors: tuple[type[BayescaleError], ...], call: Callable[[], Any]) -> bool:
    """Whether a call is accepted rather than refused in words."""
    try:
        call()
    except errors as error:
        lines = str(error).split("\n")
        if not all(lines) or (len(lines) > 1 and not isinstance(error, RunsError)):
            raise AssertionError(f"not one line for each fault: {error}") from error
        return False
    return True


# ---------------------------------------------------------------------------------------------------------- damage


@st.composite
def damaged(draw: st.DrawFn, contents: st.SearchStrategy[bytes]) -> bytes:
    """Good bytes with some of them flipped, cut off, repeated or replaced."""
    data = bytearray(draw(contents))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        length = draw(st.integers(1, 64))
        match draw(st.sampled_from(["flip", "cut", "repeat", "insert", "remove"])):
            case "flip":
                for i in range(at, min(at + length, len(data))):
                    data[i] ^= draw(st.integers(1, 255))
            case "cut":
                del data[at:]
            case "repeat":
                data[at:at] = data[at : at + length] * draw(st.integers(1, 30))
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=16))
            case "remove":
                del data[at : at + length]
    return bytes(data)


# ---------------------------------------------------------------------------------------------------------- tables

TRAPS = (
    "=cmd|'/C calc'!A0",
    f"__import__('pathlib').Path('{MARKER}').touch()",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "\x1b[2J",
    "1e400",
    "-0.0",
    "1" * 400,
    "1e-320",
    "nan",
    "inf",
    "1,5",
    "1.234.567",
    "70B",
    "0x10",
    "١٢٣",
    "1_000",
    "true",
    "2024-01-01",
    '"',
    '""',
    "x" * 140_000,
    "",
    " ",
    "\u202eabc",
)

headers = st.one_of(
    st.sampled_from(["N", "D", "C", "U", "loss", "loss_se", "loss_n", "run", "group", "Loss", "model", "x", "y"]),
    st.sampled_from([" N", ""]),
    st.text(max_size=5),
    st.sampled_from(TRAPS),
)
cells = st.one_of(
    st.floats(1.5, 4).map(repr), st.integers(1, 10**12).map(str), st.sampled_from(TRAPS), st.text(max_size=6)
)
good_cells = st.sampled_from(["3.2", " 2.9", "70B", "1.4T", "1e9", "12_000", "2", "1e-5", "1e40", "1e300"])


@st.composite
def csv_tables(draw: st.DrawFn) -> bytes:
    """CSV of odd headers, cells, separators, line ends and encodings, often with the columns of a good table."""
    good = st.just(["N", "D", "loss"])
    names = draw(st.integers(0, 2).flatmap(lambda i: good if i else st.lists(headers, min_size=1, max_size=6)))
    cell = draw(st.sampled_from([cells, good_cells, good_cells]))
    rows = [draw(st.lists(cell, min_size=len(names), max_size=len(names))) for _ in range(draw(st.integers(0, 4)))]
    separator = draw(st.sampled_from([*[","] * 9, ";", "\t", "|"]))
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r", "\n\n"]))
    text = end.join(separator.join(row) for row in [names, *rows]) + draw(st.sampled_from(["", end]))
    encoding = draw(st.sampled_from([*["utf-8"] * 7, "utf-8-sig", "utf-16", "latin-1", "cp1252"]))
    return text.encode(encoding, errors="replace")


GOOD_CSV = b"N,D,loss\n1e8,2e9,3.2\n2e8,4e9,3.0\n4e8,8e9,2.8\n"


@st.composite
def parquet_tables(draw: st.DrawFn) -> bytes:
    """Parquet of any kinds of columns: nested, dictionaries, dates, decimals, bytes, nulls, extension types."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds: list[Any] = [
        pa.array([1e8, 2e8]),
        pa.array([1, 2**62]),
        pa.array([1, 2], pa.uint8()),
        pa.array([1.5, 2.5], pa.float32()),
        pa.array(["70B", "1.4T"]),
        pa.array(["3", "4"]).dictionary_encode(),
        pa.array([1.0, 2.0]).dictionary_encode(),
        pa.array(["1.10", "2.20"]).cast(pa.decimal128(5, 2)),
        pa.array([3.2, None]),
        pa.array([[1.0], [2.0, 3.0]]),
        pa.array([{"a": 1}, {"a": None}]),
        pa.array([[(1, 2.0)], []], pa.map_(pa.int64(), pa.float64())),
        pa.array([1, 2], pa.timestamp("ns", "UTC")),
        pa.array([2**62, 2], pa.timestamp("us")),
        pa.array([1, 2], pa.date32()),
        pa.array([1, 2], pa.time64("ns")),
        pa.array([1, 2], pa.duration("us")),
        pa.array([b"\x80\x04", None]),
        pa.array([b"ab", b"cd"], pa.binary(2)),
        pa.array([True, None]),
        pa.array([None, None]),
    ]
    names = draw(st.one_of(st.just(["N", "D", "loss"]), st.lists(headers, max_size=5)))
    chosen = draw(st.sampled_from([kinds, kinds[:8]]))
    columns = [draw(st.sampled_from(chosen)) for _ in names]
    rows = draw(st.sampled_from([2, 2, 2, 0, 1]))
    table = pa.Table.from_arrays([each.slice(0, rows) for each in columns], names=names)
    if draw(st.booleans()):
        own = draw(st.sampled_from([b"{", b"\x80\x04.", b'{"columns": 3}']))
        table = table.replace_schema_metadata({b"pandas": own})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression=draw(st.sampled_from(["none", "snappy", "gzip", "zstd"])))
    return buffer.getvalue()


_keys = st.one_of(st.sampled_from(["N", "D", "loss", "params (M)", "Eval/Loss", "run", "columns", "data"]), headers)
_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(-(10**25), 10**25), cells),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_keys, inner, max_size=3)),
    max_leaves=8,
)


@st.composite
def json_tables(draw: st.DrawFn) -> bytes:
    """JSON of any shape, as one document or as lines."""
    if draw(st.booleans()):
        return json.dumps(draw(_values)).encode()
    records = draw(st.lists(st.dictionaries(_keys, _values, max_size=5), max_size=4))
    text = "\n".join(map(json.dumps, records)) if draw(st.booleans()) else json.dumps(records)
    return text.encode()


def _feather() -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame({"N": [1e8, 2e8], "D": [2e9, 4e9], "loss": [3.2, 3.0], "run": ["a", "b"]}).to_feather(buffer)
    return buffer.getvalue()


tables = st.one_of(
    st.tuples(st.sampled_from([".tsv", ".txt", ".md", ""]), csv_tables()),
    st.tuples(st.sampled_from([".json", ".jsonl"]), json_tables()),
    st.tuples(st.just(".json"), damaged(json_tables())),
    st.tuples(st.just(".csv.gz"), csv_tables().map(gzip.compress)),
    st.tuples(st.just(".csv.gz"), damaged(st.just(gzip.compress(GOOD_CSV)))),
    st.tuples(st.just(".feather"), damaged(st.builds(_feather))),
    st.tuples(st.sampled_from([".xlsx", ".xls", ".ods"]), damaged(st.just(b"PK\x03\x04" + bytes(60)))),
    st.tuples(st.sampled_from([".csv", ".parquet"]), st.binary(max_size=80)),
    st.tuples(st.just(".csv"), damaged(st.just(GOOD_CSV))),
    st.tuples(st.just(".csv"), csv_tables()),
    st.tuples(st.just(".csv"), damaged(csv_tables())),
    st.tuples(st.just(".parquet"), parquet_tables()),
    st.tuples(st.just(".parquet"), damaged(parquet_tables())),
)


def read_table(case: tuple[str, bytes], folder: Path, saved: Path) -> bool:
    """Read a table, and look at what was read as every command does."""
    ending, content = case
    path = folder / f"runs{ending}"
    path.write_bytes(content)

    def read(**asked: bool) -> None:
        runs = load_runs(path, as_is=True, **asked)
        assert len(runs) > 0
        assert str(runs)
        assert len(runs.data_hash) == 64
        assert (runs.column(runs.outcome) > 0).all()

    accepted((RunsError,), lambda: load_runs(path))
    accepted((RunsError,), lambda: read(drop_bad=True))
    return accepted((RunsError,), read)


# ------------------------------------------------------------------------------------------------------------ laws

LAW = """
from bayescale import IDENTITY, LOG, LOGIT, Derived, Input, Law, Parameter, Prior, power


def mean(xp, x, p):
    {body}


LAW = Law(
    name={name},
    title="Learning curve",
    formula="floor + scale steps^-rate",
    citation="nobody",
    inputs={inputs},
    parameters=(
        Parameter(name={parameter}, prior={prior}, meaning="loss after infinite steps"),
        Parameter(name="scale", prior=Prior("LogNormal", mu=2.0, sigma=1.0), meaning="loss at one step, above floor"),
        Parameter(name="rate", prior=Prior("LogNormal", mu=-1.0, sigma=0.5), meaning="exponent"),
    ),
    mean={mean},
    {more}
)
"""

GOOD_LAW = {
    "body": 'return p["floor"] + p["scale"] * power(xp, x["steps"], -p["rate"])',
    "name": '"steps"',
    "inputs": '(Input(name="steps", meaning="optimiser steps", unit="steps"),)',
    "parameter": '"floor"',
    "prior": 'Prior("LogNormal", mu=0.5, sigma=0.5)',
    "mean": "mean",
    "more": "",
}

FAULTS = {
    "body": (
        'raise ValueError("no\\nway")',
        "raise SystemExit(0)",
        "return None",
        'return "x"',
        'return p["flor"]',
        'return x["N"]',
        'return float("nan") * p["floor"]',
        'return -p["floor"]',
        'return (p["floor"] + 0 * x["steps"])[:3]',
        'return xp.stack([p["floor"] + x["steps"]] * 2)',
        'return p["floor"] + p["scale"] * 1e400',
        "return xp.nosuch(1)",
        'return float(p["floor"])',
        'return p["floor"] if p["floor"] > 1 else p["scale"]',
        "return mean(xp, x, p)",
    ),
    "name": ("3", '""', '"a/b"', '"a\\nb"', "None", "b'a'", '"x" * 300', '"ensemble"'),
    "inputs": ("None", "()", '"steps"', "(1,)", '(Input(name="run", meaning="", unit=""),)', "[Input(name=3)]"),
    "parameter": ("3", '"alpha"', '"sigma"', '"a/b"', '""', '"scale"', '"steps"', "None"),
    "prior": (
        "None",
        'Prior("Nosuch")',
        'Prior("Model")',
        'Prior("__name__")',
        'Prior("LogNormal", m=0.5)',
        'Prior("LogNormal", mu=0.5, sigma=-1)',
        'Prior("LogNormal", mu=0.5, sigma=0)',
        'Prior("LogNormal", mu="a")',
        'Prior("LogNormal", mu=float("nan"))',
        'Prior("LogNormal", mu=1e308, sigma=1e308)',
        'Prior("LogNormal", mu=[1, 2])',
        'Prior("Poisson", mu=1)',
        'Prior("Beta", alpha=-1, beta=2)',
        'Prior("Uniform", lower=2, upper=1)',
        'Prior("Dirichlet", a=1)',
        'Prior("Flat")',
        "Prior(3)",
    ),
    "mean": ("None", "3", "lambda: 1", "lambda xp, x, p: p", "print", "type"),
    "more": (
        "link='log',",
        "link=LOGIT,",
        "scatter=-1,",
        "scatter='a',",
        "outcome=3,",
        "derive=lambda xp, s, c: None,",
        "derive=lambda xp, s, c: {'q': 1.0},",
        "derived=(Derived(name='q', meaning=''),),",
        "derived=3,",
        "settings=(3,),",
        "published='x',",
        "nosuch=1,",
        "optimum=3,",
    ),
}


@st.composite
def faulty_laws(draw: st.DrawFn) -> bytes:
    """A good law with one or two faults."""
    places = draw(st.lists(st.sampled_from(list(FAULTS)), min_size=1, max_size=2, unique=True))
    faults = {place: draw(st.sampled_from(FAULTS[place])) for place in places}
    return LAW.format(**{**GOOD_LAW, **faults}).encode()


snippets = st.lists(
    st.sampled_from(
        [
            "LAW",
            "=",
            "Law",
            "(",
            ")",
            "lambda",
            ":",
            "\n",
            " ",
            "raise",
            "import",
            "x",
            "1",
            "/",
            "0",
            "exit()",
            "\0",
            "'",
        ]
    ),
    max_size=12,
).map("".join)
garbled_laws = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=40).map(lambda text: text.encode(errors="replace")),
    snippets.map(str.encode),
    st.sampled_from(
        [b"raise SystemExit(0)", b"import sys; sys.exit()", b"x=" + b"-" * 60_000 + b"1", b"x=" + b"(" * 300]
    ),
    damaged(st.just(LAW.format(**GOOD_LAW).encode())),
)
laws = st.integers(0, 3).flatmap(lambda quarter: garbled_laws if quarter == 0 else faulty_laws())

_STEPS = np.geomspace(100, 1e5, 8)
CURVE = pd.DataFrame({"steps": _STEPS, "N": _STEPS, "loss": 2.0 + 9 * _STEPS**-0.4 + 0.001 * np.sin(_STEPS)})


def load_a_law(case: bytes, folder: Path, saved: Path) -> bool:
    """Load a law file, fit the law if it can be loaded, and look at its parameters."""
    path = folder / "my_law.py"
    path.write_bytes(case)

    def fit() -> None:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            load_law(path)
            fitted = fit_law(path, CURVE, discrepancy=len(case) % 2 == 0, draws=50, certify=False)
            assert fitted.summary().notna().all(axis=None)

    try:
        return accepted((CatalogError, LawError, RunsError, SamplingError), fit)
    except BayescaleError:
        raise
    finally:
        path.unlink()


# ----------------------------------------------------------------------------------------------------- saved fits

_WRONG = st.one_of(
    st.none(), st.integers(), st.floats(), st.text(max_size=4), st.just([]), st.just({}), st.just([[]]), st.booleans()
)
HEADER_ENTRIES = ("format", "record", "diagnostics", "warnings", "notes", "parts", "weights", "bayescale")
RECORD_ENTRIES = tuple(storage.Record.__dataclass_fields__)
DIAGNOSTICS_ENTRIES = tuple(storage.Diagnostics.__dataclass_fields__)
HDF5_FAULTS = (
    "group gone", "group emptied", "variable gone", "other shape", "other dims", "text", "objects", "opaque",
    "compound",
    "not a number", "huge", "bomb", "external link", "soft link", "virtual", "external data", "cycle", "wide", "deep",
    "attribute", "reference", "swapped", "complex", "extra",
)  # fmt: skip

saved_fits = st.one_of(
    st.tuples(st.just("bytes"), st.binary(max_size=64).map(lambda tail: b"\x89HDF\r\n\x1a\n" + tail)),
    st.tuples(st.just("damage"), st.tuples(st.floats(0, 1), st.integers(1, 255), st.integers(1, 300), st.booleans())),
    st.tuples(
        st.just("text"), st.one_of(st.text(max_size=20), st.just("[" * 100_000), st.just("null"), st.just("[2]"))
    ),
    st.tuples(st.just("header"), st.tuples(st.sampled_from(HEADER_ENTRIES), _WRONG)),
    st.tuples(st.just("record"), st.tuples(st.sampled_from(RECORD_ENTRIES), _WRONG)),
    st.tuples(st.just("diagnostics"), st.tuples(st.sampled_from(DIAGNOSTICS_ENTRIES), _WRONG)),
    st.tuples(st.just("structure"), st.tuples(st.sampled_from(HDF5_FAULTS), st.integers(0, 30))),
)


def load_saved(case: tuple[str, Any], folder: Path, saved: Path) -> bool:
    """Spoil a copy of a saved fit, with a checksum that fits where that can be, and load it."""
    path = Path(shutil.copy(saved, folder / "fit.nc"))
    kind, what = case
    match kind:
        case "bytes":
            path.write_bytes(what)
        case "damage":
            share, flip, length, cut = what
            data = bytearray(path.read_bytes())
            at = int(share * (len(data) - 1))
            if cut:
                del data[at:]
            else:
                for i in range(at, min(at + length, len(data))):
                    data[i] ^= flip
            path.write_bytes(data)
        case "text":
            _rewrite(path, lambda header: what)
        case "header":
            _rewrite(path, lambda header: json.dumps({**header, what[0]: what[1]}))
        case "record" | "diagnostics":
            _rewrite(path, lambda header: json.dumps({**header, kind: {**header[kind], what[0]: what[1]}}))
        case "structure":
            _spoil(path, *what)

    def load() -> None:
        again = storage.load(path)
        assert again.summary().notna().all(axis=None)
        if kind == "damage":  # bytes that HDF5 does not use
            good = storage.load(saved)
            assert again.record == good.record
            assert all((again.parameters[name] == draws).all() for name, draws in good.parameters.items())

    return accepted((FitFileError,), load)


def _rewrite(path: Path, text: Callable[[dict[str, Any]], str]) -> None:
    """Give a file another header, with a checksum that fits."""
    with h5py.File(path, "r+") as file:
        file.attrs["bayescale"] = text(json.loads(file.attrs["bayescale"])).replace("\0", "")
    _sign(path)


def _sign(path: Path) -> None:
    """Make a file's checksum fit what is in it, as somebody who means harm would, if it can be read at all."""
    try:
        tree = netcdf.read_groups(path)
    except FitFileError:
        return
    if isinstance(tree.attrs.get("bayescale"), str):
        with h5py.File(path, "r+") as file:
            file.attrs["digest"] = netcdf.digest_of(tree, tree.attrs["bayescale"])


def _spoil(path: Path, fault: str, which: int) -> None:
    """Change the structure of a saved fit."""
    secret = path.parent / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["E"] = np.zeros((4, 1000))
    with h5py.File(path, "r+") as file:
        groups = sorted(file)
        group = file[groups[which % len(groups)]]
        name = sorted(group)[which % len(group)]
        posterior = file["posterior"]
        old = group[name]

        def put(**what: Any) -> None:
            del group[name]
            group.create_dataset(name, **what)

        match fault:
            case "group gone":
                del file[group.name]
            case "group emptied":
                group.clear()
            case "variable gone":
                del group[name]
            case "other shape":
                put(data=np.ones(7))
            case "other dims":
                put(data=np.ones((1000, 4)))
            case "text":
                put(data=np.array([b"abc"]))
            case "objects":
                put(data=["text"], dtype=h5py.string_dtype())
            case "opaque":
                put(data=np.zeros(3, dtype="V8"))
            case "compound":
                put(data=np.zeros(3, dtype=[("a", "f8"), ("b", "i4")]))
            case "complex":
                put(data=np.zeros(3, dtype=complex))
            case "not a number":
                if old.dtype.kind == "f":
                    old[...] = [np.nan, np.inf, -np.inf, -1.0][which % 4]
            case "huge":
                put(shape=(10**12,), dtype="f8", chunks=(1024,))
            case "bomb":
                put(shape=(4, 10**8), dtype="f8", chunks=(4, 10**5), compression="gzip")
            case "external link":
                posterior["linked"] = h5py.ExternalLink(secret.name, "/E")
            case "soft link":
                posterior["linked"] = h5py.SoftLink("/posterior/E")
            case "virtual":
                layout = h5py.VirtualLayout(shape=(4, 1000), dtype="f8")
                layout[:] = h5py.VirtualSource(str(secret), "E", shape=(4, 1000))
                posterior.create_virtual_dataset("virtual", layout)
            case "external data":
                posterior.create_dataset("outside", (4,), dtype="f8", external=[(str(secret), 0, 32)])
            case "cycle":
                group["again"] = file["/"]
                group["itself"] = group
            case "wide":
                for i in range(200):
                    group[f"copy{i}"] = group.get("draw", old)
            case "deep":
                inner = group
                for i in range(40):
                    inner = inner.create_group(f"a{i}")
            case "attribute":
                file.attrs[["digest", "bayescale"][which % 2]] = [3, np.zeros(5), b"\xff", np.array([b"a", b"b"])][
                    which % 4
                ]
            case "reference":
                put(data=file["posterior/E"].ref, dtype=h5py.ref_dtype)
            case "swapped":
                if "E" in group:
                    group.move("E", "F")
            case "extra":
                file.create_group("posterior_2")["x"] = 1.0
    _sign(path)


# ------------------------------------------------------------------------------------------------------ documents

_TOML_VALUES = st.sampled_from(
    ["1", "-1", "nan", "inf", "1e400", '"x"', '""', "true", "[]", "[1]", "{}", "{ q10 = 1, q90 = 2 }",
     "{ q10 = 2, q90 = 1 }", "1979-05-27", "[[1], [2]]", '"a\\nb"', "{ q0 = 1 }", "0x10", "9" * 400, f'"{TRAPS[1]}"']
)  # fmt: skip


@st.composite
def spoilt_toml(draw: st.DrawFn, path: Path) -> bytes:
    """A good document with some lines changed, lost, repeated or damaged."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["value", "value", "lost", "repeated", "key", "bytes"])):
            case "value":
                lines[at] = lines[at].partition("=")[0] + "= " + draw(_TOML_VALUES)
            case "lost":
                del lines[at]
            case "repeated":
                lines.insert(at, lines[at])
            case "key":
                lines[at] = "x" + lines[at]
            case "bytes":
                lines[at] = draw(st.text(max_size=10)).replace("\n", "")
        if not lines:
            break
    return "\n".join(lines).encode(errors="replace")


SHIPPED_LIMITS = Path(str(read_outlook.__defaults__[0]))  # type: ignore[index]
documents = st.one_of(
    st.tuples(st.sampled_from(["card", "limits"]), st.binary(max_size=60)),
    st.tuples(st.sampled_from(["card", "limits"]), st.just(b"a = " + b"[" * 20_000)),
    st.tuples(st.just("card"), spoilt_toml(files.root("datasets") / "chinchilla" / "card.toml")),
    st.tuples(st.just("limits"), spoilt_toml(SHIPPED_LIMITS)),
    st.tuples(st.just("limits"), damaged(st.just(SHIPPED_LIMITS.read_bytes()))),
)


def read_document(case: tuple[str, bytes], folder: Path, saved: Path) -> bool:
    """Read a file of limits and draw from it, or a data set by its card."""
    kind, content = case
    if kind == "limits":
        path = folder / "limits.toml"
        path.write_bytes(content)
        return accepted((LimitsError,), lambda: str(limits(2030, read_outlook(path), draws=50)))
    place = folder / "datasets" / "mine"
    place.mkdir(parents=True)
    shutil.copy(files.root("datasets") / "chinchilla" / "runs.csv", place)
    (place / "card.toml").write_bytes(content)
    shipped = files.root
    files.root = lambda kind: folder / "datasets" if kind == "datasets" else shipped(kind)
    try:
        return accepted((CatalogError, RunsError), lambda: str(datasets.load_runs("mine")))
    finally:
        files.root = shipped


# --------------------------------------------------------------------------------------------------- command line

_NUMBERS = st.one_of(
    st.sampled_from(["1e21", "5.76e23", "70B", "0.5", "3"]),
    st.floats(1e-3, 1e30).map(repr),
    st.sampled_from(["1e21", "70B", "0", "-1", "nan", "inf", "1e400", "1,5", "x", "", "1e-320", "1e308", "٣", "0.5"]),
    st.floats(allow_nan=True).map(repr),
    st.integers().map(str),
)
_PAIRS = st.one_of(
    st.sampled_from(["N=70B,D=1.4T", "N=1B,D=20B", "D=3e30,N=1e-3"]),
    st.sampled_from(["N=70B,D=1.4T", "N=1B,D=20B", "N=0,D=1", "N=1B", "N=1B,N=2B", "=", "N=", "N=x,D=1", "lr=3", ""]),
    st.tuples(_NUMBERS, _NUMBERS).map(lambda pair: f"N={pair[0]},D={pair[1]}"),
    st.text(max_size=8),
)
_OUTPUTS = st.sampled_from(
    [
        "out",
        "out.nc",
        "out.png",
        "a b.png",
        "absent/out.nc",
        ".",
        "",
        "x" * 300,
        "\udcff.png",
        "ü☃.png",
        "-o.png",
        "/dev/null",
    ]
)
_COMMANDS: dict[str, tuple[list[str], dict[str, st.SearchStrategy[str]]]] = {
    "plan": (["SAVED"], {"--budget": _NUMBERS, "--plot": _OUTPUTS, "--dollars": _NUMBERS, "--served": _NUMBERS}),
    "fit": (["SAVED"], {"-o": _OUTPUTS, "--engine": st.sampled_from(["nuts", "x"]), "--pool": st.text(max_size=3)}),
    "predict": (["SAVED"], {"--at": _PAIRS, "--points": st.sampled_from(["SMALL", "absent.csv", "SAVED", "."])}),
    "versus": (["SAVED", "--at", "N=280B,D=300B"], {"--at": _PAIRS}),
    "cost": ([], {"--budget": _NUMBERS, "--dollars": _NUMBERS, "--price": _NUMBERS, "--utilisation": _NUMBERS}),
    "limits": ([], {"--year": _NUMBERS, "--file": st.sampled_from(["SMALL", "absent.toml", "."]), "--plot": _OUTPUTS}),
    "laws": (["chinchilla"], {"--nosuch": _NUMBERS}),
    "datasets": (["pythia"], {"--nosuch": _NUMBERS}),
    "design": (["SAVED"], {"--budget": _NUMBERS, "--optimum-at": _NUMBERS, "--most": st.sampled_from(["1", "0", "x"])}),
    "tradeoff": (["compute", "SAVED"], {"--budget": _NUMBERS, "--times": _NUMBERS}),
    "nosuch": ([], {"-h": _NUMBERS}),
}
_SOURCES = st.sampled_from(["SMALL", "absent.csv", ".", "x" * 300])
_GOOD = {
    "predict": {"--at": "N=70B,D=1.4T"},
    "versus": {"--at": "N=70B,D=1.4T"},
    "cost": {"--budget": "5.76e23"},
    "design": {"--budget": "1e21", "--optimum-at": "1e23", "--most": "1"},
}
_SHARED: dict[str, st.SearchStrategy[str] | None] = {
    "--json": None,
    "--interval": _NUMBERS,
    "--seed": st.one_of(st.integers().map(str), st.text(max_size=3)),
    "--law": st.one_of(st.sampled_from(["tied", "chinchila", "absent.py", ""]), st.text(max_size=4)),
    "--columns": _PAIRS,
    "--risk": st.sampled_from(["probability=0.1,size=0.03", "probability=2,size=1", "size=1", "x"]),
}


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """A good command with an option or two said otherwise; SAVED stands for a fit, SMALL for a table."""
    command = draw(st.sampled_from(list(_COMMANDS)))
    words, own = _COMMANDS[command]
    if words and draw(st.integers(0, 7)) == 0:
        words = [*words[:-1], draw(st.one_of(_SOURCES, st.text(max_size=5)))]
    said = dict(_GOOD.get(command, {}))
    for name in draw(st.lists(st.sampled_from(list(own)), max_size=2, unique=True)):
        said[name] = draw(own[name])
    line = [command, *words, *(word for pair in said.items() for word in pair)]
    if draw(st.integers(0, 3)) == 0:
        name = draw(st.sampled_from(list(_SHARED)))
        value = _SHARED[name]
        line += [name] if value is None else [name, draw(value)]
    return line


def run_command(case: list[str], folder: Path, saved: Path) -> bool:
    """Say a command in a folder of its own, in this process."""
    small = folder / "small.csv"
    small.write_text("N,D,loss\n1e8,2e9,3.2\n1e8,4e9,oops\n")
    names = {"SAVED": str(saved), "SMALL": "small.csv"}
    out, err = io.StringIO(), io.StringIO()
    status: Any = 0
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([names.get(word, word) for word in case])
        except SystemExit as left:
            status = left.code or 0
    assert status in {0, 1, 2}, (status, err.getvalue())
    assert "Traceback" not in err.getvalue()
    if status == 2:
        said = [line for line in err.getvalue().splitlines() if line.startswith(("bayescale: ", "Error: "))]
        assert len(said) == 1 or "small.csv" in err.getvalue(), err.getvalue()
    written = {path.name for path in folder.iterdir()} - {"small.csv"}
    assert not any(name.startswith(".unfinished-") for name in written), written
    assert status != 2 or not written, written
    return status != 2


TARGETS = {
    "tables": Target(tables, read_table),
    "laws": Target(laws, load_a_law),
    "saved fits": Target(saved_fits, load_saved),
    "documents": Target(documents, read_document),
    "command line": Target(command_lines(), run_command),
}


def run(target: Target, case: Any, folder: Path, saved: Path) -> bool:
    """Run one case in an empty folder; whether it was accepted."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with contextlib.chdir(folder):
        found = target.run(case, folder, saved)
    assert not list(folder.rglob(MARKER)), "code from a data file was run"
    return found
