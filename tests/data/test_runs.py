"""Runs: what is read, what is refused and how it is said, what is doubted, and what a law needs."""

import io
import tracemalloc
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescale.basics.errors import LawError, RunsError
from bayescale.data.checks import observe
from bayescale.data.preparing import count_flops
from bayescale.data.runs import Runs
from bayescale.laws.catalog import load_law
from bayescale.laws.parameters import Prior

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
GOOD = "N,D,loss\n7e7,1e9,3.9\n1.4e9,2.8e10,2.6\n"

BAD_FILES = {
    "misspelt outcome": ("N,D,Los\n1e8,2e9,3.2\n", ["no column 'loss'", "'Los'", 'columns={"loss": "Los"}']),
    "no outcome": ("N,D,step\n1e8,2e9,3\n", ["no column 'loss'", "N, D, step", 'columns={"loss": "COLUMN"}']),
    "no header": ("1e8,2e9,3.2\n2e8,2e9,3.1\n", ["no column 'loss'", "1e8, 2e9, 3.2"]),
    "word for a number": ("N,D,loss\n1e8,2e9,3.2\n1e8,4e9,oops\n", ["row 2", "column loss", "'oops'", "5.76e23"]),
    "unknown suffix": ("N,D,loss\n70Q,2e9,3.2\n", ["row 1", "column N", "'70Q'", "70B"]),
    "comma of either kind": ('N,D,loss\n1e8,2e9,"3,215"\n', ["column loss", "'3,215' may be 3.215 or 3215"]),
    "empty cell": ("N,D,loss\n1e8,2e9,3.2\n1e8,,3.1\n", ["row 2", "column D", "nan", "leave the row out"]),
    "nan among words": (
        "N,D,loss\n1e8,2e9,x\n1e8,2e9,NaN\n",
        ["row 2", "column loss", "'NaN'", "fill it in"],
    ),
    "infinite": ("N,D,loss\n1e8,2e9,3.2\n1e8,inf,3.1\n", ["row 2", "column D", "inf is not finite", "correct it"]),
    "too large for a float": ("N,D,loss\n1e8,2e9,1e400\n", ["row 1", "column loss", "inf is not finite", "correct it"]),
    "zero": ("N,D,loss\n0,2e9,3.2\n", ["row 1", "column N", "0 is not above zero", "correct it"]),
    "negative": ("N,D,loss\n1e8,2e9,-3.2\n", ["row 1", "column loss", "-3.2 is not above zero", "correct it"]),
    "zero standard error": ("loss,loss_se\n3,0.1\n3,0\n", ["row 2", "column loss_se", "0.0 is not above zero"]),
    "negative unique tokens": ("loss,U\n3,-1\n", ["row 1", "column U", "-1", "correct it"]),
    "flags for a size": ("N,D,loss\nTrue,2e9,3.2\n", ["row 1", "column N", "True", "true or false", "give numbers"]),
    "date for a size": ("N,D,loss\n2024-01-31,2e9,3.2\n", ["row 1", "column N", "'2024-01-31'", "5.76e23"]),
    "compute beyond all": (
        "N,D,loss\n1e15,1e30,3.2\n",
        ["row 1", "column C = 6 N D", "must lie between 1e-30 and 1e+40"],
    ),
    "repeated column": ("N,D,loss,loss\n1e8,2e9,3.2,3.1\n", ["column 'loss'", "appears twice", "keep one"]),
    "columns alike but for space": ("N,N ,loss\n1e8,1e8,3.2\n", ["column 'N'", "appears twice", "keep one"]),
    "ragged line": ("N,D,loss\n1e8,2e9,3.2\n1e8,2e9,3,2\n", ["line 3", "'1e8,2e9,3,2'", "4 values", "point"]),
    "short line": ("N,D,loss\n1e8,2e9\n", ["line 2", "'1e8,2e9'", "2 values", "header 3"]),
    "open quotation mark": ('N,D,loss\n1e8,2e9,"3.2\n', ["line 2", "not CSV", "quotation marks"]),
    "no column names": (",\n1,2\n", ["no column 'loss'", "its columns are none"]),
    "empty file": ("", ["is empty", "header"]),
    "blank file": ("\n \n", ["is empty", "header"]),
    "header only": ("N,D,loss\n", ["no rows below its header", "at least one run"]),
    "neither UTF-8 nor of Windows": ("N,D,loss,a÷b\n".encode("latin-1"), ["byte 10 (0xf7)", "UTF-8"]),
    "utf-16 without a mark": (GOOD.encode("utf-16-le"), ["NUL", "save the table as UTF-8"]),
    "image": (PNG, ["byte 8 is NUL", "not a text file", "save the table as UTF-8 CSV"]),
    "random bytes": (bytes(range(128, 256)), ["byte 0 (0x80)", "UTF-8"]),
}


@pytest.fixture
def table():
    return pd.DataFrame({"N": [7e7, 4e8, 1.4e9], "D": [1e9, 8e9, 28e9], "loss": [3.9, 3.1, 2.6]})


def taken_or_refused(call, *args, **kwargs):
    """The runs, or else the message of the refusal; any other exception is a failure."""
    try:
        return call(*args, **kwargs)
    except RunsError as error:
        return str(error)


def refusal(call, *args, **kwargs):
    with pytest.raises(RunsError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


@pytest.mark.parametrize(("content", "said"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_refused_with_its_name_the_place_the_value_and_the_cure(content, said, tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    message = refusal(Runs.read, path)
    for part in (str(path), *said):
        assert part in message


def test_all_faults_are_said_at_once_in_file_order(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("N,D,los\n-1,x,3.2\n1e8,0,3.1\n")
    assert [line.removeprefix(f"{path}") for line in refusal(Runs.read, path).splitlines()] == [
        ": no column 'loss'; did you mean 'los'? If so, add columns={\"loss\": \"los\"}",
        ", row 1, column N: -1.0 is not above zero: correct it or leave the row out",
        ", row 1, column D: 'x' is not a number: write it as 70B, 1.4T, 350M or 5.76e23",
        ", row 2, column D: '0' is not above zero: correct it or leave the row out",
    ]


def test_many_faults_of_a_kind_are_one_line():
    first, second = refusal(Runs.from_frame, pd.DataFrame({"loss": [-1.0] * 33})).splitlines()
    assert first.startswith(
        "DataFrame, row 1, column loss: -1.0 is not above zero: correct it or leave the row out; 32 "
    )
    assert "most losses are below zero" in second


def test_many_faults_are_counted_not_listed():
    table = pd.DataFrame({**{f"x{i}": [0] for i in range(33)}, "loss": [3.0]})
    lines = refusal(Runs.from_frame, table, columns={f"a{i}": f"y{i}*2" for i in range(33)}).splitlines()
    assert len(lines) == 11
    assert lines[-1] == "and 23 more"


def test_a_long_value_is_shortened_and_stays_on_one_line():
    message = refusal(Runs.from_frame, pd.DataFrame({"loss": ["a\n" * 500]}))
    assert "\n" not in message
    assert len(message) < 200


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "True"),
        (date(2024, 1, 31), "2024-01-31"),
        (None, "missing"),
        (pd.NA, "missing"),
        (10**400, "not finite"),
        (1 + 2j, "(1+2j)"),
        ([3.2], "[3.2]"),
    ],
)
def test_a_cell_of_the_wrong_kind_is_refused(value, said):
    message = refusal(Runs.from_frame, pd.DataFrame({"loss": pd.Series([3.2, value], dtype=object)}))
    assert message.startswith("DataFrame, row 2, column loss: ")
    assert said in message


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pd.Series([True, False]), "true or false"),
        (pd.Series(pd.to_datetime(["2024-01-31", "2024-02-29"])), "dates"),
        (pd.Series(pd.to_timedelta([1, 2], unit="s")), "durations"),
        (pd.Series([3, None], dtype="Int64"), "row 2, column loss: <NA> is a missing value"),
        (pd.Series(["3.2", "oops"], dtype="category"), "row 2, column loss: 'oops'"),
    ],
    ids=["flags", "dates", "durations", "nullable", "category"],
)
def test_a_column_of_the_wrong_kind_is_refused(column, said):
    assert said in refusal(Runs.from_frame, pd.DataFrame({"loss": column}))


def test_a_frame_without_rows_is_refused():
    assert "at least one run" in refusal(Runs.from_frame, pd.DataFrame({"loss": []}))


def test_paths_that_are_no_table_are_refused(tmp_path):
    assert "is a directory without tables: name a file" in refusal(Runs.read, tmp_path)
    assert f"no such file in {tmp_path}" in refusal(Runs.read, tmp_path / "absent.csv")
    assert "ends in '.pdf': save the table as .csv" in refusal(Runs.read, tmp_path / "table.pdf")


def test_a_file_that_may_not_be_read_is_refused(monkeypatch):
    def refuse(path, mode):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    assert "runs.csv: cannot be read (Permission denied): check" in refusal(Runs.read, "runs.csv")


@pytest.mark.parametrize("content", [PNG, GOOD.encode(), b"PAR1" + bytes(99) + b"PAR1"], ids=["PNG", "CSV", "broken"])
def test_what_is_not_parquet_is_refused(content, tmp_path):
    path = tmp_path / "table.parquet"
    path.write_bytes(content)
    assert f"{path}: is not a Parquet file" in refusal(Runs.read, path)


def test_a_truncated_parquet_file_is_refused(table, tmp_path):
    path = tmp_path / "table.parquet"
    table.to_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])
    assert "is not a Parquet file" in refusal(Runs.read, path)


def test_row_labels_of_a_parquet_file_are_read_past_and_a_named_index_is_a_column(table, tmp_path):
    path = tmp_path / "table.parquet"
    table.set_index([["a", "b", "c"]]).to_parquet(path)
    assert list(Runs.read(path).frame) == ["N", "D", "loss", "C"]
    table.set_index("N").to_parquet(path)
    assert sorted(Runs.read(path).frame) == ["C", "D", "N", "loss"]


def test_columns_are_mapped_and_messages_keep_the_users_names(table):
    theirs = table.rename(columns={"N": "params", "loss": "val_loss"})
    mapping = {"N": "params", "loss": "val_loss"}
    assert Runs.from_frame(theirs, columns=mapping).data_hash == Runs.from_frame(table).data_hash
    theirs.loc[1, "val_loss"] = -1
    assert "row 2, column val_loss (as loss): -1.0" in refusal(Runs.from_frame, theirs, columns=mapping)


def test_columns_can_be_swapped(table):
    swapped = Runs.from_frame(table, columns={"N": "D", "D": "N"})
    np.testing.assert_array_equal(swapped.column("N"), table["D"])


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        (
            {"loss": "vall_loss"},
            "no column 'vall_loss' to use as 'loss'; did you mean columns={\"loss\": \"val_loss\"}?",
        ),
        ({"loss": "zzz"}, "no column 'zzz' to use as 'loss'; its columns are N, D, loss, val_loss"),
        ({"loss": "val_loss"}, "column 'val_loss' cannot become 'loss', which exists already: rename or remove"),
        ({"x": "N", "y": "N"}, "column 'N' is used as 'x' and as another column"),
    ],
    ids=["misspelt", "unknown", "collision", "twice"],
)
def test_a_mapping_that_does_not_fit_is_refused(table, mapping, said):
    assert said in refusal(Runs.from_frame, table.assign(val_loss=3.0), columns=mapping)


def test_csv_parquet_and_frame_give_the_same_runs(table, tmp_path):
    table = table.assign(group=["a", "b", "b"], outlier=[False, True, False], step=[1, 2, 3], seen=[1.5, None, 2.5])
    table.to_csv(tmp_path / "table.csv", index=False)
    table.to_parquet(tmp_path / "table.parquet")
    table.to_parquet(tmp_path / "table.pq")
    direct = Runs.from_frame(table)
    for name in ("table.csv", "table.parquet", "table.pq"):
        runs = Runs.read(tmp_path / name)
        pd.testing.assert_frame_equal(runs.frame, direct.frame, check_dtype=False)
        assert runs.frame["outlier"].dtype == bool
        assert runs.data_hash == direct.data_hash
        assert runs.source == str(tmp_path / name)


def test_numbers_may_have_suffixes_and_the_frame_stays_as_it_was():
    frame = pd.DataFrame({"N": ["70M", "1.4B"], "D": ["1_000_000_000", "28e9"], "loss": [3.9, 2.6]}, index=[5, 7])
    before = frame.copy()
    runs = Runs.from_frame(frame)
    np.testing.assert_array_equal(runs.column("N"), [70e6, 1.4e9])
    np.testing.assert_array_equal(runs.column("C"), 6 * np.array([70e6 * 1e9, 1.4e9 * 28e9]))
    assert runs.frame.index.tolist() == [0, 1]
    pd.testing.assert_frame_equal(frame, before)


def test_compute_of_integers_beyond_int64_does_not_overflow():
    sizes, tokens = 405_000_000_000, 15_600_000_000_000
    runs = Runs.from_frame(pd.DataFrame({"N": [sizes], "D": [tokens], "loss": [1.9]}))
    assert 6 * sizes * tokens > np.iinfo(np.int64).max
    assert runs.column("C")[0] == pytest.approx(6 * sizes * tokens, rel=1e-15)


def test_compute_in_the_table_is_kept(table):
    own = table.assign(C=[1.3e18, 5e19, 7e20])
    np.testing.assert_array_equal(count_flops(Runs.from_frame(own), "C").column("C"), own["C"])
    by_default = Runs.from_frame(own)
    np.testing.assert_array_equal(by_default.column("C"), 6 * table["N"] * table["D"])
    np.testing.assert_array_equal(by_default.column("C_table"), own["C"])


def test_byte_order_mark_spaces_and_row_labels_are_read_past(tmp_path):
    path = tmp_path / "table.CSV"
    path.write_text("\ufeff, N ,D,loss,\r\n0,7e7, 1e9 ,3.9,\r\n\r\n1,1.4e9,2.8e10,2.6,\r\n", encoding="utf-8")
    frame = Runs.read(path).frame
    assert list(frame.columns) == ["N", "D", "loss", "C"]
    np.testing.assert_array_equal(frame["D"], [1e9, 2.8e10])


def test_groups_are_kept_as_text(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("loss,group,flag\n3.2,bf16,true\n3.1,,FALSE\n")
    frame = Runs.read(path).frame
    assert frame["group"].tolist() == ["bf16", ""]
    assert frame["flag"].tolist() == [True, False]


def test_another_outcome_is_checked_in_place_of_loss():
    frame = pd.DataFrame({"C": [1e20, 1e21], "elo": [900.0, 1200.0], "loss": [-1.0, 1.0]})
    assert Runs.from_frame(frame, outcome="elo").summary()["column"].tolist() == ["C", "elo"]


def test_hash_ignores_row_labels_and_column_order_only(table):
    runs = Runs.from_frame(table)
    assert Runs.from_frame(table[["loss", "D", "N"]].set_index([[9, 8, 7]])).data_hash == runs.data_hash
    assert Runs.from_frame(table[::-1]).data_hash != runs.data_hash
    assert Runs.from_frame(table.assign(D=table["D"] * (1 + 1e-15))).data_hash != runs.data_hash
    assert Runs.from_frame(table.rename(columns={"D": "U"})).data_hash != runs.data_hash


def test_summary_and_text(table):
    runs = Runs.from_frame(table.assign(loss_se=0.01), source="mine.csv")
    summary = runs.summary().set_index("column")
    assert summary.index.tolist() == ["N", "D", "C", "loss", "loss_se"]
    assert summary["unit"].tolist() == ["parameters", "tokens", "FLOP", "nats/token", "nats/token"]
    assert summary.loc["N", "decades"] == pytest.approx(np.log10(20))
    assert runs.compute_decades == pytest.approx(np.log10(20 * 28))
    assert str(runs).startswith("mine.csv: runs: 3, decades of compute: 2.75, rays of tokens per parameter: 2\n")
    assert max(map(len, str(runs).splitlines())) <= 80


@pytest.mark.parametrize(
    ("tokens_per_parameter", "rays"), [([20, 20, 20.9], 1), ([20, 21.1, 40], 3), ([20, 20.9, 21.8], 2)]
)
def test_rays_within_five_per_cent_count_once(tokens_per_parameter, rays):
    sizes = np.array([1e8, 1e9, 1e10])
    frame = pd.DataFrame({"N": sizes, "D": sizes * tokens_per_parameter, "loss": [3.0, 2.5, 2.2]})
    assert Runs.from_frame(frame).n_rays == rays


def test_without_sizes_there_are_no_rays_and_the_text_leaves_them_out():
    runs = Runs.from_frame(pd.DataFrame({"loss": [3.0, 2.5]}))
    assert runs.n_rays == 0
    assert str(runs).startswith("DataFrame: runs: 2\n")


def test_an_absent_column_is_refused(table):
    assert "no column 'width'" in refusal(Runs.from_frame(table).column, "width")


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        (10, ["median 31", "perplexity", "natural logarithm"]),
        (0.3, ["median 0.93", "bits per byte", "tokens per byte"]),
    ],
    ids=["perplexity", "bits per byte"],
)
def test_an_outcome_in_another_unit_is_doubted(table, scale, said):
    (warning,) = Runs.from_frame(table.assign(loss=table["loss"] * scale)).warnings
    for part in said:
        assert part in warning


def test_runs_that_did_not_finish_are_doubted(table):
    (warning,) = Runs.from_frame(table.assign(State=["finished", "crashed", "running"])).warnings
    assert warning.startswith("column State, rows 2, 3: crashed, running: their outcome is not that of a finished run")
    assert Runs.from_frame(table.assign(State="finished", status=[1, 2, 3])).warnings == ()


@pytest.mark.parametrize("scale", [2.5, 0.4], ids=["perplexity", "bits per byte"])
def test_losses_far_from_those_of_published_runs_are_doubted(table, scale):
    (warning,) = Runs.from_frame(table.assign(loss=table["loss"] * scale)).warnings
    assert "times what published runs of these N and D reached" in warning


def test_other_outcomes_have_their_own_scale(table):
    assert Runs.from_frame(table.assign(error=0.1), outcome="error").warnings == ()


def test_repeated_runs_are_doubted(table):
    runs = Runs.from_frame(pd.concat([table, table.iloc[[1, 2]]]))
    (warning,) = runs.warnings
    assert warning.startswith("repeated rows: 4, 5 (2 of 5) equal earlier ones in N, D, C, loss: leave out")


def test_equal_runs_of_two_groups_are_not_repeats(table):
    both = pd.concat([table.assign(group="a"), table.assign(group="b")])
    assert Runs.from_frame(both).warnings == ()


CHINCHILLA = load_law("chinchilla")


def test_good_runs_inform_the_law():
    N, D = np.meshgrid([1e8, 1e9], [1e10, 1e11, 1e12])
    runs = Runs.from_frame(pd.DataFrame({"N": N.ravel(), "D": D.ravel(), "loss": np.linspace(3, 2, 6)}))
    assert observe(CHINCHILLA, runs).warnings == ()


def test_columns_that_the_law_needs_are_asked_for(table):
    runs = Runs.from_frame(table.rename(columns={"N": "params", "D": "x"}), source="mine.csv")
    assert refusal(observe, CHINCHILLA, runs).splitlines() == [
        "mine.csv: no column 'N', which law 'chinchilla' needs; did you mean 'params'? If so, add "
        'columns={"N": "params"}',
        "mine.csv: no column 'D', which law 'chinchilla' needs; its columns are params, x, loss: "
        'add columns={"D": "COLUMN"}',
    ]


def test_inputs_not_checked_at_reading_are_checked_for_the_law(table):
    law = replace(CHINCHILLA, inputs=(*CHINCHILLA.inputs, replace(CHINCHILLA.inputs[0], name="width")))
    runs = Runs.from_frame(table.assign(width=["1k", "2k", "wide"]))
    assert "row 3, column width: 'wide' is not a number" in refusal(observe, law, runs)


@pytest.mark.parametrize(("name", "value"), [("N", "70M"), ("D", "2B")])
def test_a_single_value_of_an_input_is_refused(table, name, value):
    runs = Runs.from_frame(table.assign(**{name: value}), source="mine.csv")
    with pytest.raises(
        LawError, match=f"mine.csv: every run has {name} = {value}: law 'chinchilla' needs .* of {name}"
    ):
        observe(CHINCHILLA, runs)


def test_few_runs_need_proper_priors(table):
    runs = Runs.from_frame(table)
    (warning,) = observe(CHINCHILLA, runs).warnings
    assert "3 runs for the 5 free parameters of law 'chinchilla': the priors decide the rest" in warning
    first, *others = CHINCHILLA.parameters
    flat = replace(CHINCHILLA, parameters=(replace(first, prior=Prior("HalfFlat")), *others))
    with pytest.raises(
        LawError, match=rf"3 runs for the 5 free parameters .*: add runs, or give {first.name} a proper prior"
    ):
        observe(flat, runs)


def test_runs_on_one_ray_are_doubted():
    sizes = np.geomspace(1e8, 1e10, 9)
    runs = Runs.from_frame(pd.DataFrame({"N": sizes, "D": 20 * sizes, "loss": np.linspace(3, 2, 9)}))
    (warning,) = observe(CHINCHILLA, runs).warnings
    assert warning.startswith("all runs lie on one ray of D/N = 20 tokens per parameter: only the sum")


cells = st.one_of(
    st.floats(),
    st.integers(),
    st.text(max_size=8),
    st.booleans(),
    st.dates(),
    st.sampled_from([None, pd.NA, pd.NaT, "70B", "nan", "1,4", 10**400, (1,)]),
)
OURS = ["N", "D", "C", "U", "loss", "loss_se", "Loss", " N ", "group", "step", ""]
THEIRS = ["params (M)", "tokens_b", "gflop", "val_loss", "val_loss_stderr", "acc (%)", "run_id", "Name", "State"]
names = st.sampled_from([*OURS, *THEIRS])
arithmetic = st.sampled_from(["N*2", "loss/ln2", "D+", "`params (M)`*1e6", "log(val_loss)", "70M", "-loss"])


@st.composite
def frames(draw):
    rows = draw(st.integers(0, 4))
    columns = draw(st.lists(names, max_size=5))
    kinds = [cells, st.floats(min_value=1e-300, allow_infinity=False), st.integers(1, 2**62)]
    data = [draw(st.lists(draw(st.sampled_from(kinds)), min_size=rows, max_size=rows)) for _ in columns]
    frame = pd.concat([pd.Series(values) for values in data], axis=1) if data else pd.DataFrame(index=range(rows))
    return frame.set_axis(columns, axis=1)


@settings(deadline=None)
@given(frames(), st.dictionaries(names, st.one_of(names, arithmetic), max_size=2), st.booleans(), st.booleans())
def test_any_frame_is_taken_or_refused_in_words(frame, columns, drop_bad, as_is):
    runs = taken_or_refused(Runs.from_frame, frame, columns=columns, drop_bad=drop_bad, as_is=as_is)
    if isinstance(runs, str):
        assert runs.startswith("DataFrame")
        return
    assert 0 < len(runs) <= len(frame)
    assert drop_bad or len(runs) == len(frame)
    assert str(runs)
    for name in {"N", "D", "C", "U", "loss", "loss_se"} & set(runs.frame):
        assert (runs.column(name) > 0).all()
        assert runs.frame[name].dtype == np.float64


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text(st.sampled_from('ND,;loss123.e"\n\r -\t'), max_size=60)))
def test_any_csv_is_taken_or_refused_in_words(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    runs = taken_or_refused(Runs.read, path)
    assert isinstance(runs, Runs) or runs.startswith(str(path))


@settings(deadline=None)
@given(st.integers(0, 3000), st.integers(0, 255))
def test_a_damaged_parquet_file_is_taken_or_refused_in_words(tmp_path_factory, position, value):
    buffer = io.BytesIO()
    pd.DataFrame({"N": [7e7, 4e8], "D": [1e9, 8e9], "loss": [3.9, 3.1]}).to_parquet(buffer)
    data = bytearray(buffer.getvalue())
    data[position % len(data)] = value
    path = tmp_path_factory.getbasetemp() / "damaged.parquet"
    path.write_bytes(data)
    runs = taken_or_refused(Runs.read, path)
    assert isinstance(runs, Runs) or runs.startswith(str(path))


def test_units_of_numbers_near_the_largest_float_are_refused_without_a_warning():
    """The mean of two of them overflows."""
    refused = taken_or_refused(Runs.from_frame, pd.DataFrame({"acc (%)": [8.3e307, 9.6e307], "C": [1e18, 1e19]}))
    assert isinstance(refused, str)
    assert "acc (%)" in refused


def test_parquet_is_read_a_column_at_a_time(tmp_path):
    import pyarrow as pa

    columns = {f"x{i}": np.random.default_rng(i).normal(size=20_000) for i in range(30)}
    table = pd.DataFrame({"N": 1e8, "D": 1e9, "loss": 3.0, **columns}).assign(loss=np.linspace(2, 3, 20_000))
    table.to_parquet(tmp_path / "wide.parquet")
    usual, pool = pa.default_memory_pool(), pa.system_memory_pool()  # nobody else takes from the latter
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        frame = Runs.read(tmp_path / "wide.parquet").frame
        held = pool.max_memory() + tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(usual)
    pd.testing.assert_frame_equal(frame[table.columns.tolist()], table)
    assert held < 1.4 * table.memory_usage(index=False).sum()


def test_columns_that_share_a_name_in_parquet_are_refused(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [pa.array([1e8, 2e8]), pa.array([1e9, 2e9]), pa.array([3.0, 2.9])]
    pq.write_table(pa.Table.from_arrays(columns, names=["N", "N", "loss"]), tmp_path / "twice.parquet")
    assert "column 'N' appears twice" in refusal(Runs.read, tmp_path / "twice.parquet")


def test_floats_are_taken_without_a_copy(table):
    runs = Runs.from_frame(table.astype(float))
    floats = table.astype(float)
    assert np.shares_memory(Runs.from_frame(floats).frame["N"].to_numpy(), floats["N"].to_numpy())
    runs.frame.loc[0, "loss"] = 9.0
    assert floats["loss"].iloc[0] != 9.0


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=12))
def test_repeated_rows_are_all_told(cells):
    table = pd.DataFrame(cells, columns=["N", "loss"]).astype(float)
    expected = (np.flatnonzero(table.duplicated()) + 1).tolist()
    said = [text for text in Runs.from_frame(table, as_is=True).warnings if text.startswith("repeated rows")]
    shown = ", ".join(map(str, expected[:10])) + f" and {len(expected) - 10} more" * (len(expected) > 10)
    assert [text.split(" (")[0] for text in said] == [f"repeated rows: {shown}"] * bool(expected)


@pytest.mark.parametrize("value", ["0.25", ".25", "1/4"])
def test_a_column_may_be_one_number(value):
    table = pd.DataFrame({"C": [1e20, 1e21], "accuracy": [0.3, 0.4]})
    assert Runs.from_frame(table, columns={"chance": value}, outcome="accuracy").column("chance").tolist() == [0.25] * 2


def test_an_outcome_of_shares_is_a_fraction_unless_its_unit_is_given():
    frame = pd.DataFrame({"C": [1e20, 1e21], "accuracy": [0.3, 0.5]})
    assert Runs.from_frame(frame, outcome="accuracy").outcome_unit == "fraction"
    assert Runs.from_frame(frame, outcome="accuracy", unit="share").outcome_unit == "share"
