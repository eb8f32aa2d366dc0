"""Faults: after a kill, an interrupt or damage, files are whole, no process is left, and one line says why."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from bayescale.basics import files
from bayescale.basics.errors import BayescaleError, CatalogError, FitFileError, OutputError, RunsError
from bayescale.basics.files import check_output
from bayescale.data import datasets, formats
from bayescale.laws import catalog
from bayescale.posterior.single import fit_law
from bayescale.posterior.storage import load, save

COMMAND = [sys.executable, "-m", "bayescale"]
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX systems")
PROC = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
FULL_LAW = ("chinchilla", "--law", "chinchilla", "--no-discrepancy")


pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("elsewhere")]


def said(*arguments, **options):
    """Run the command line in a process of its own."""
    words = [*COMMAND, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, check=False, timeout=120, **options)


def one_line(done, status=2):
    """The only line on standard error."""
    text = done.stderr.decode(errors="replace")
    assert done.returncode == status, text
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 1, text
    return lines[0]


# ------------------------------------------------------------------------------------------------ disks and folders

# Python 3.13.0 puts a compiled module in its place though the limit cut it short, and later imports of it fail.
LIMITED = """
import resource, sys
sys.dont_write_bytecode = True
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from bayescale.cli import main
main(sys.argv[1:])
"""


@POSIX
@pytest.mark.parametrize(
    "arguments", [("fit", "-o", "fit.nc"), ("report", "-o", "report.html"), ("plan", "--plot", "plan.png")]
)
def test_a_disk_that_fills_up_is_said_in_a_line_and_keeps_the_old_file(arguments, saved_fit, elsewhere):
    command, option, name = arguments
    Path(name).write_text("old")
    words = [sys.executable, "-c", LIMITED, command, str(saved_fit), option, name]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2, done.stderr
    assert f"bayescale: {name}: cannot be written (File too large)" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert [path.name for path in elsewhere.iterdir()] == [name]
    assert Path(name).read_text() == "old"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody can write to")
def test_a_folder_that_cannot_be_written_to_is_refused(saved_fit):
    assert "/proc/fit.nc: cannot be written" in one_line(said("fit", saved_fit, "-o", "/proc/fit.nc"))


@POSIX
def test_what_is_no_file_is_never_replaced(elsewhere):
    os.mkfifo("pipe")
    for path in (Path("pipe"), Path(os.devnull)):
        with pytest.raises(OutputError, match="is a device or pipe"):
            check_output(path)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"], ids=["long", "NUL"])
def test_names_that_no_file_can_have_are_refused_in_words(name, few_fit):
    with pytest.raises(FitFileError, match="does not exist"):
        load(f"{name}.nc")
    with pytest.raises(RunsError, match="cannot be read"):
        datasets.load_runs(f"{name}.csv")
    with pytest.raises(RunsError, match="no data set"):
        datasets.load_runs(name)
    with pytest.raises(CatalogError, match="no such law file"):
        catalog.load_law(f"{name}.py")
    with pytest.raises(OutputError, match="cannot be written"):
        save(few_fit, f"{name}.nc")


def test_odd_names_are_read_and_written(run_cli, saved_fit, elsewhere):
    for name in ("a b.nc", "ü☃.nc", "-dash.nc", "two\nlines.nc", "x" * 240 + ".nc"):
        assert save(load(saved_fit), Path(name)) == Path(name)
        assert [path.name for path in elsewhere.iterdir()] == [name]
        status, _, err = run_cli("predict", "--at", "N=1B,D=20B", "--", name)
        assert (status, err) == (0, "")
        (elsewhere / name).unlink()


# --------------------------------------------------------------------------------------------------- shipped files


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A copy of a shipped data set, to be damaged."""
    folder, real = tmp_path / "datasets", files.root
    shutil.copytree(real("datasets") / "chinchilla", folder / "chinchilla")
    monkeypatch.setattr(datasets, "root", lambda kind: folder if kind == "datasets" else real(kind))
    return folder / "chinchilla"


@pytest.mark.parametrize("change", [lambda b: b[: len(b) // 2], lambda b: b.replace(b"2.", b"3.", 1), lambda b: b""])
def test_a_shipped_table_that_was_cut_short_or_changed_is_refused(shipped, change):
    table = shipped / "runs.csv"
    table.write_bytes(change(table.read_bytes()))
    with pytest.raises(CatalogError, match=r"runs\.csv: is not the table that its card describes .* install bayescale"):
        datasets.load_runs("chinchilla")


def test_a_shipped_table_may_have_line_ends_of_windows(shipped):
    before = datasets.load_runs("chinchilla").data_hash
    table = shipped / "runs.csv"
    table.write_bytes(table.read_bytes().replace(b"\n", b"\r\n"))
    assert datasets.load_runs("chinchilla").data_hash == before


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[: len(text) // 3],
        lambda text: text.replace("rows = 245", 'rows = "many"'),
        lambda text: text.replace("citation =", "quotation ="),
        lambda text: text.replace("[outcome]", "[income]"),
        lambda text: "runs = 3\n" + text.replace("[runs]", "[strolls]"),
        lambda text: "\0",
        lambda text: "a = " + "[" * 20_000,
    ],
)
def test_a_damaged_card_is_refused(shipped, change):
    card = shipped / "card.toml"
    card.write_text(change(card.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(CatalogError, match=r"card\.toml: .*install bayescale again") as caught:
        datasets.load_runs("chinchilla")
    assert "\n" not in str(caught.value)


def test_a_data_set_without_its_table_is_refused(shipped):
    (shipped / "runs.csv").unlink()
    with pytest.raises(CatalogError, match=r"runs\.csv: cannot be read \(No such file"):
        datasets.load_runs("chinchilla")


# --------------------------------------------------------------------------------------------------------- signals


def session_of(process):
    """Processes of a session that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == process.pid and fields[0] not in "ZX":
            found.append(int(stat.parent.name))
    return found


AS_INSTALLED = (
    "import sys; sys.path = [place for place in sys.path if place]; from bayescale.cli import main; main(sys.argv[1:])"
)
"""Starts the command as its script does, with no modules from the current folder."""


def stopped(number, arguments, ready):
    """Signal a command once it is ready, and return its status and what it said on standard error."""
    process = subprocess.Popen(
        [sys.executable, "-c", AS_INSTALLED, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        ready(process)
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=60)
        until = time.monotonic() + 10
        while (left := session_of(process)) and time.monotonic() < until:
            time.sleep(0.1)
        assert not left, "processes were left behind"
    finally:
        for pid in session_of(process):
            os.kill(pid, signal.SIGKILL)
    text = err.decode(errors="replace")
    assert "Traceback" not in text, text
    return process.returncode, text


def fitting(process):
    assert process.stderr.readline().startswith(b"fitting")


def after(seconds):
    return lambda process: time.sleep(seconds)


@POSIX
@PROC
@pytest.mark.parametrize(
    ("number", "status", "word"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "stopped by signal SIGTERM"),
        (signal.SIGHUP, 129, "stopped by signal SIGHUP"),
    ],
    ids=["INT", "TERM", "HUP"],
)
def test_signals_end_a_fit_cleanly(number, status, word, elsewhere):
    found, err = stopped(number, ["fit", *FULL_LAW, "-o", "fit.nc"], fitting)
    assert found == status
    assert err.strip() == f"bayescale: {word}"
    assert list(elsewhere.iterdir()) == []


@POSIX
@PROC
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_a_back_test_that_is_stopped_leaves_no_workers_and_they_run_no_code_from_the_folder(number, elsewhere):
    Path("joblib.py").write_text("open('sprung', 'w')")

    def working(process):
        while len(session_of(process)) < 5:  # itself, two trackers of resources and two workers
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(1.5)

    found, err = stopped(number, ["backtest", *FULL_LAW, "--jobs", 2], working)
    assert found == 128 + number
    assert err.count("bayescale: ") == 1
    assert [path.name for path in elsewhere.iterdir()] == ["joblib.py"]


@POSIX
@PROC
@pytest.mark.parametrize("seconds", [0.15, 0.3])
def test_an_interrupt_before_the_command_has_begun_shows_no_traceback(seconds):
    found, _ = stopped(signal.SIGINT, ["laws"], after(seconds))
    assert found in {0, 130, -signal.SIGINT}


@POSIX
@PROC
def test_a_second_interrupt_right_after_the_first_does_no_harm():
    def twice(process):
        fitting(process)
        os.kill(process.pid, signal.SIGINT)
        time.sleep(0.05)

    found, err = stopped(signal.SIGINT, ["fit", *FULL_LAW], twice)
    assert found == 130
    assert err.strip() == "bayescale: interrupted"


@POSIX
def test_hang_ups_that_were_put_off_stay_so():
    code = """
import signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
from bayescale.cli import main
try:
    main(["laws"])
except SystemExit:
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_a_reader_that_stops_early_sees_no_traceback(saved_fit):
    line = f"{sys.executable} -m bayescale plan {saved_fit} | head -n 1"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Compute-optimal runs")
    assert done.stderr == ""


# ------------------------------------------------------------------------------------- locales, clocks, environment


@pytest.mark.parametrize(
    "settings",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp1252:strict"},
        {"LC_ALL": "de_DE.UTF-8", "TZ": "Asia/Kathmandu"},
    ],
    ids=["C", "ascii", "cp1252", "German"],
)
def test_letters_that_a_terminal_lacks_are_written_out(settings):
    done = said("datasets", "gadre", env={**os.environ, **settings})
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"gadre" in done.stdout


def test_a_file_name_that_is_not_valid_text_is_read_written_and_shown(saved_fit, elsewhere):
    name = os.fsdecode(b"fit\xff.nc")
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = said("fit", saved_fit, "-o", name, env=strict)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"saved to fit\\udcff.nc" in done.stdout
    page = os.fsdecode(b"page\xff.html")
    assert said("report", name, "-o", page, env=strict).returncode == 0
    assert (elsewhere / page).read_bytes().rstrip().endswith(b"</html>")


@pytest.mark.parametrize(
    "change",
    [{"HOME": None}, {"HOME": "/nonexistent"}, {"TERM": None}, {"COLUMNS": "1"}, {"COLUMNS": "x"}],
    ids=["no HOME", "odd HOME", "no TERM", "a column", "odd columns"],
)
def test_an_odd_environment_does_no_harm(change):
    changed = {**os.environ, **change}
    done = said("laws", "chinchilla", env={k: v for k, v in changed.items() if v is not None})
    assert (done.returncode, done.stderr) == (0, b"")


@POSIX
def test_closed_streams_are_not_taken_for_files(saved_fit):
    line = f"exec {sys.executable} -m bayescale fit {saved_fit} -o fit.nc <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", line], check=False).returncode == 0
    assert load("fit.nc").record == load(saved_fit).record


@pytest.mark.parametrize("year", [1970, 2100])
def test_a_wrong_clock_changes_nothing_but_the_date(year, few_fit, tmp_path, monkeypatch):
    import datetime as dt

    from bayescale.posterior import single as module

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz=None):
            return dt.datetime(year, 1, 1, tzinfo=tz)

    monkeypatch.setattr(module.dt, "datetime", Clock)
    runs = few_fit.runs.frame[["N", "D", "loss"]]
    again = module.fit_law("chinchilla", runs, discrepancy=False)
    assert again.record.created_at == f"{year}-01-01T00:00:00+00:00"
    assert load(save(again, tmp_path / "fit.nc")).record == again.record
    same = module.fit_law("chinchilla", runs, discrepancy=False)
    assert all((same.parameters[name] == draws).all() for name, draws in again.parameters.items())


@pytest.mark.parametrize(
    ("content", "cure"),
    [
        ("N,D,loss\n1e8,2e9,3,2\n", "write decimals with a point"),
        ('N,D,loss\n1e8,2e9,"3,215"\n', "write decimals with a point"),
        ("N;D;loss\n1e8;2e9;3,2\n1e8;3e9;3.1\n", "write all with a point"),
    ],
)
def test_numbers_of_no_one_locale_are_refused_with_the_cure(run_cli, content, cure):
    Path("runs.csv").write_text(content)
    status, out, err = run_cli("plan", "runs.csv")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert cure in err


def test_what_would_steer_a_terminal_is_written_out(run_cli):
    Path("runs.csv").write_text("N,D,loss\x1b[2J\n1e8,2e9,3.2\n")
    status, _, err = run_cli("plan", "runs.csv")
    assert status == 2
    assert "\x1b" not in err
    assert "\\x1b[2J" in err


# ------------------------------------------------------------------------------------------------- no code from data


class Bomb:
    """A pickle that makes a file when it is loaded."""

    def __reduce__(self):
        return (os.mkdir, ("sprung",))


@pytest.fixture
def pickled():
    return pickle.dumps(Bomb())


def test_data_files_run_no_code(pickled, saved_fit, run_cli, elsewhere):
    import pyarrow as pa
    import pyarrow.parquet as pq

    copy = Path(shutil.copy(saved_fit, "objects.nc"))
    with h5py.File(copy, "r+") as file:
        del file["posterior/E"]
        file["posterior"].create_dataset("E", data=np.void(pickled))
        file.attrs["bayescale"] = np.void(pickled)
    Path("pickle.nc").write_bytes(pickled)
    np.save("array.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    for ending in ("nc", "csv", "parquet", "toml"):
        shutil.copy("array.npy", f"array.{ending}")
    table = pa.table({"N": [1e8, 2e8], "D": [pickled, pickled], "loss": [3.2, 3.1]})
    pq.write_table(table.replace_schema_metadata({b"pandas": pickled, b"ARROW:extension:name": pickled}), "a.parquet")
    code = "__import__('os').mkdir('sprung')"
    Path("code.csv").write_text(f'N,D,loss,"{code}"\n"=cmd|1!{code}",__import__({code}),{code}\n')
    Path("code.toml").write_text(f'year = "{code}"\n[limits.power]\nuse = "!!python/object/apply:{code}"\n')
    Path("code.py").write_text(f"{code}\n")
    Path("chinchilla.py").write_text(f"{code}\n")
    for name in (
        "objects.nc",
        "pickle.nc",
        "array.nc",
        "array.csv",
        "array.parquet",
        "a.parquet",
        "code.csv",
        "code.py",
    ):
        assert run_cli("plan", name)[0] == 2, name
    for name in ("code.toml", "array.toml"):
        assert run_cli("limits", "--file", name)[0] == 2
    # A bare name is a shipped law's, whatever lies in the current folder.
    assert run_cli("plan", "chinchilla.csv", "--law", "chinchilla")[0] == 2
    assert run_cli("laws", "chinchilla")[0] == 0
    assert run_cli("plan", saved_fit)[0] == 0
    assert not Path("sprung").exists()
    assert run_cli("plan", "chinchilla", "--law", "./code.py")[0] == 2
    assert Path("sprung").exists(), "a law file is code, and is run where it is named as such"


def test_only_the_catalogue_runs_code():
    package = files.root("models").parent / "bayescale"
    if not package.is_dir():
        package = files.root("models").parent
    calls = ("pickle", "eval(", "exec(", "allow_pickle", "yaml.", "marshal", "shelve", "read_pickle")
    found = {
        (path.name, call)
        for path in package.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        for call in calls
        if call in line.replace("literal_eval(", "") and "``" not in line and not line.lstrip().startswith("#")
    }
    assert found == {("catalog.py", "exec(")}


# ----------------------------------------------------------------------------------------------- saved fits, law files


def test_a_saved_fit_cannot_read_other_files(saved_fit, elsewhere):
    secret = elsewhere / "secret.h5"
    with h5py.File(saved_fit, "r") as file, h5py.File(secret, "w") as other:
        other["E"] = file["posterior/E"][()]
    for what in ("link", "virtual", "external"):
        copy = Path(shutil.copy(saved_fit, f"{what}.nc"))
        with h5py.File(copy, "r+") as file:
            del file["posterior/E"]
            if what == "link":
                file["posterior/E"] = h5py.ExternalLink(str(secret), "/E")
            elif what == "virtual":
                layout = h5py.VirtualLayout(shape=(4, 1000), dtype="f8")
                layout[:] = h5py.VirtualSource(str(secret), "E", shape=(4, 1000))
                file["posterior"].create_virtual_dataset("E", layout)
            else:
                file["posterior"].create_dataset("E", (4, 1000), dtype="f8", external=[(str(secret), 2048, 32_000)])
        with pytest.raises(FitFileError, match="cannot be read as netCDF"):
            load(copy)


def test_a_saved_fit_that_claims_to_be_huge_is_refused_at_once(saved_fit):
    copy = Path(shutil.copy(saved_fit, "huge.nc"))
    with h5py.File(copy, "r+") as file:
        file["posterior"].create_dataset("F", (4, 10**9), dtype="f8", chunks=(4, 10**5), compression="gzip")
    began = time.perf_counter()
    with pytest.raises(FitFileError, match="cannot be read as netCDF"):
        load(copy)
    assert time.perf_counter() - began < 5


def test_a_table_that_claims_to_be_huge_is_refused_before_it_is_read(monkeypatch):
    rows = int(formats._MOST_CELLS / 3) + 1
    frame = pd.DataFrame(dict.fromkeys(("N", "D", "loss"), np.zeros(rows, dtype="int8")))
    frame.to_parquet("huge.parquet", compression="zstd")
    assert Path("huge.parquet").stat().st_size < 250_000
    monkeypatch.setattr("pyarrow.parquet.ParquetFile.read", pytest.fail)
    with pytest.raises(RunsError, match="claims more than 5e\\+07 values"):
        datasets.load_runs("huge.parquet")


@pytest.mark.parametrize(
    ("old", "new", "cure"),
    [
        ("mu=0.5, sigma=0.5", "m=0.5", "prior LogNormal has no argument m; it takes mu, sigma, tau"),
        (
            'Prior("LogNormal", mu=0.5, sigma=0.5)',
            'Prior("Poisson", mu=1)',
            "'Poisson' is not a continuous distribution",
        ),
        ("mu=0.5, sigma=0.5", "mu=0.5, sigma=-0.5", "drawing from its priors: ValueError"),
        ('return p["floor"] +', 'raise ValueError("no\\nway")  #', "line 6: law 'steps': mean: ValueError: no way"),
        ('return p["floor"] +', 'return (p["floor"] + 0 * x["steps"])[:3]  #', "mean: ValueError: shape mismatch"),
        ('return p["floor"]', 'return float("nan") * p["floor"]', "zero or undefined at every draw from the prior"),
        (
            "mean=mean",
            "mean=mean, derive=lambda xp, s, c: {'q': s['floor']}",
            "derive gives q, but derived describes none",
        ),
    ],
)
def test_a_law_that_fails_when_it_is_fitted_is_refused_with_its_file(old, new, cure, own_law):
    steps = np.geomspace(100, 1e5, 8)
    own_law.write_text(own_law.read_text().replace(old, new))
    for discrepancy in (True, False):
        with pytest.raises(BayescaleError) as caught:
            fit_law(own_law, pd.DataFrame({"steps": steps, "loss": 2 + 9 * steps**-0.4}), discrepancy=discrepancy)
        text = str(caught.value)
        assert str(own_law) in text
        assert cure in text
        assert "\n" not in text


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        ("raise SystemExit(0)", "line 1: SystemExit: 0"),
        ("import sys\nsys.exit()", "line 2: SystemExit"),
        ("x = " + "-" * 60_000 + "1", "MemoryError"),
        ("class E(Exception):\n    def __str__(self): return 1 / 0\nraise E()", "line 3: E: correct"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines"),
    ],
    ids=["exits", "leaves", "nested", "unspeakable", "two lines"],
)
def test_a_law_file_that_ends_the_program_or_cannot_be_parsed_is_refused(code, cure, tmp_path):
    path = tmp_path / "law.py"
    path.write_text(code)
    with pytest.raises(CatalogError) as caught:
        catalog.load_law(path)
    assert cure in str(caught.value)
    assert "\n" not in str(caught.value)
