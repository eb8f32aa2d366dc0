"""What commands print fits the terminal: no line is too long, no interval is split, and nothing is left out."""

import itertools
import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from bayescale.basics.quantities import format_interval
from bayescale.cli import main
from bayescale.cli.layout import WIDEST, atoms, table_lines, width, wrapped
from bayescale.posterior.storage import save

WIDTHS = (60, 80, 100)
RUN, OTHER = "N=70B,D=1.4T", "N=280B,D=300B"
COMMANDS = (
    "plan FIT",
    "plan FIT --budget 1e22 --parameters",
    "plan FIT --robust",
    "plan FIT --dollars 1M --dollars 10M --dollars 100M",
    f"predict FIT --at {RUN} --at {OTHER}",
    "fit FIT",
    f"versus FIT --at {RUN} --at {OTHER}",
    "tradeoff compute FIT",
    "tradeoff returns FIT --gain 0.036",
    "tradeoff size FIT",
    f"tradeoff money FIT --at {RUN}",
    "tradeoff floor FIT --floor 1.8",
    "limits FIT --since 2022",
    "design FIT --budget 1e21 --optimum-at 1e24 --most 3",
    "cost --budget 1e24 --accelerators 1024",
    "check chinchilla",
    "laws",
    "laws chinchilla",
    "laws gadre:c4",
    "datasets",
    "datasets chinchilla",
)


@pytest.fixture(scope="module")
def printed(saved_fit, tmp_path_factory):
    """What each command prints at each width."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        for columns in WIDTHS:
            patch.setenv("COLUMNS", str(columns))
            for command in COMMANDS:
                path = tmp_path_factory.mktemp("printed") / "out"
                with path.open("w+") as file, pytest.MonkeyPatch.context() as out:
                    out.setattr(sys, "stdout", file)
                    with pytest.raises(SystemExit) as left:
                        main([str(saved_fit) if word == "FIT" else word for word in command.split()])
                assert not left.value.code, command
                found[command, columns] = path.read_text()
    return found


at_every_width = pytest.mark.parametrize("columns", WIDTHS)
each_command = pytest.mark.parametrize("command", COMMANDS)


@at_every_width
@each_command
def test_no_line_is_too_long(printed, command, columns):
    lines = printed[command, columns].splitlines()
    long = [line for line in lines if len(line) > columns and len(line.split()) > 1]
    assert long == []  # but for an address or a path, which would not work in two parts


@at_every_width
@each_command
def test_no_interval_is_split_and_no_number_from_its_unit(printed, command, columns):
    lines = printed[command, columns].splitlines()
    assert [line for line in lines if re.search(r"\[[-+\d][^\]]*$", line)] == []
    assert [line for line in folded(lines) if re.search(r"(^| )[-+]?\d+([.]\d+)?[kMBT]?$", line)] == []


def folded(lines):
    """Lines of paragraphs that go on in the next line."""
    inside = False
    for line, after in itertools.pairwise(lines):
        inside = not line.startswith(" ") or (inside and line.startswith("    "))
        if inside and after.startswith("    "):
            yield line


@at_every_width
@each_command
def test_nothing_is_left_out_at_any_width(printed, command, columns):
    if command == "datasets chinchilla":
        return  # its sketch has other places of points
    shown, widest = (words_of(printed[command, each]) for each in (columns, WIDEST))
    assert shown == widest
    assert not re.search(r"\.\.\.|…", printed[command, columns].replace("parameters ...", "").replace("tokens ...", ""))


def words_of(text):
    """Words and numbers, but for the rules of tables."""
    return {word.strip(":") for word in text.split()} - {""} - {word for word in text.split() if set(word) <= {"─"}}


@at_every_width
def test_every_number_of_the_json_document_is_shown(printed, run_cli, saved_fit, columns):
    document = json.loads(run_cli("plan", saved_fit, "--json")[1])
    for budget in document["budgets"]:
        for name in ("loss", "N", "D", "tokens_per_parameter"):
            digits = 4 if name == "loss" else 3
            interval = format_interval((budget[name][q] for q in ("q05", "q50", "q95")), digits)
            assert interval in printed["plan FIT", columns]
    assert {"E", "a_opt"} <= document["parameters"].keys()


def test_the_answer_comes_first_then_warnings_then_the_fit_and_parameters_if_asked_for(printed, run_cli, saved_fit):
    for command in COMMANDS[:3]:
        out = printed[command, 100]
        places = [
            out.find(text) for text in ("[90% interval]", "warning: ", "fit: Chinchilla", "note: ", "Parameters of")
        ]
        assert [place for place in places if place >= 0] == sorted(place for place in places if place >= 0)
        assert out.index("fit: ") > 0
        assert ("Parameters of" in out) == ("--parameters" in command)


def test_an_uncertified_fit_says_so_and_why_before_the_line_on_the_fit(run_cli, few_fit, elsewhere):
    diagnostics = replace(few_fit.diagnostics, certified=False)
    save(replace(few_fit, diagnostics=diagnostics, warnings=("NOT CERTIFIED: few draws",)), "fit.nc")
    status, out, _ = run_cli("predict", "fit.nc", "--at", "N=1B,D=20B")
    assert status == 1
    assert out.index("[90% interval]") < out.index("warning: NOT CERTIFIED: few draws") < out.index("fit: Chinchilla")
    assert "importance: NOT CERTIFIED, " in out


def test_years_are_years_and_rounding_errors_zero(run_cli, saved_fit):
    _, out, _ = run_cli("tradeoff", "size", saved_fit, "--share", "1")
    assert "0 [0, 0]" in out
    assert not re.search(r"e-1\d", out)
    assert "2030" in run_cli("limits", saved_fit)[1]


@pytest.mark.slow
def test_a_year_to_forecast_and_one_that_is_learnt_are_years(run_cli):
    asked = ("epoch_models", "--law", "frontier_growth", "--no-discrepancy", "--at", "year=2027", "--parameters")
    _, out, _ = run_cli("predict", *asked)
    assert re.search(r"^  2027 ", out, re.MULTILINE)
    assert re.search(r"year_0 +201\d\.\d", out)


def test_a_figure_says_where_it_is_and_opens_nothing(run_cli, saved_fit, elsewhere):
    _, out, err = run_cli("plan", saved_fit, "--budget", "1e22", "--plot", "plan.svg")
    assert (out.splitlines()[-1], err) == ("figure written to plan.svg", "")
    _, out, err = run_cli("plan", saved_fit, "--budget", "1e22", "--plot", "plan.svg", "--json")
    assert json.loads(out)["budgets"]
    assert err == "figure written to plan.svg\n"


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_a_narrow_terminal_is_followed_and_a_wide_one_only_up_to_a_hundred_columns():
    for columns in (72, 240):
        assert widest_line_on_a_terminal(columns) == pytest.approx(min(columns, WIDEST), abs=6)


def widest_line_on_a_terminal(columns):
    import fcntl
    import struct
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"TERM": "dumb"}
    command = [sys.executable, "-m", "bayescale", "laws", "chinchilla"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        text = b""
        try:
            while block := os.read(ours, 65536):
                text += block
        except OSError:  # the end of a terminal
            pass
        assert process.wait() == 0
    os.close(ours)
    return max(len(line) for line in text.decode().splitlines())


def test_what_is_piped_has_a_hundred_columns_unless_told(monkeypatch):
    for told, found in (("60", 60), ("500", 100), ("1", 40), ("x", WIDEST)):
        monkeypatch.setenv("COLUMNS", told)
        assert width() == found


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("44.5B [23B, 82B] in 32% of draws", ["44.5B [23B, 82B] in", "32% of", "draws"]),
        ("-0.02 [-0.03, 1e-05], and", ["-0.02 [-0.03, 1e-05],", "and"]),
        ("holds 90 % of 8 splits", ["holds", "90 %", "of", "8 splits"]),
        ("by 18.1 +- 3.9 nats", ["by", "18.1 +- 3.9 nats"]),
        ("Li et al. 2024, arXiv:2403.08540", ["Li", "et", "al.", "2024,", "arXiv:2403.08540"]),
        ("P(a wins) = 0.14; b", ["P(a", "wins) = 0.14;", "b"]),
    ],
)
def test_what_belongs_to_a_number_stays_with_it(text, parts):
    assert atoms(text) == parts


def test_a_table_of_any_shape_fits_and_keeps_every_cell():
    names = [f"quantity {i} (unit {i})" for i in range(7)]
    for n_rows in (1, 3, 5, 12):
        rows = [{name: f"{i}.5 [{i}, {j}1e23]" for j, name in enumerate(names)} for i in range(n_rows)]
        for columns in (40, 60, 100, 300):
            lines = table_lines(rows, columns)
            assert max(map(len, lines)) <= columns
            assert all(any(cell in line for line in lines) for row in rows for cell in row.values())


def test_wide_characters_count_twice_and_a_long_word_is_left_whole():
    assert wrapped("損失 損失 損失", 10) == ["損失 損失", "    損失"]
    assert wrapped(f"see https://{'x' * 60} there", 30) == ["see", f"    https://{'x' * 60}", "    there"]
