"""The README and the guide: their commands and their Python run, and their numbers are those that the code gives."""

import contextlib
import io
import json
import re
import shlex

import numpy as np
import pytest
from shown import is_shown, lines_of

from bayescale.basics.files import root
from bayescale.data.datasets import dataset_names, load_card
from bayescale.posterior import single

pytestmark = pytest.mark.docs

ROOT = root("models").parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs/guide.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(?:<!-- (.*?) -->\n)?```(\w+)\n(.*?)```", TEXT + GUIDE, flags=re.DOTALL)


def blocks(language):
    return [body for _, kind, body in BLOCKS if kind == language]


FILES = {mark.removeprefix("file: "): body for mark, _, body in BLOCKS if mark.startswith("file: ")}
COMMANDS = [line.removeprefix("uv run ") for body in blocks("console") for line in body.splitlines()]
SHOWN = [
    (COMMANDS[0], blocks("text")[0]),
    *(
        (command.splitlines()[-1].removeprefix("uv run "), shown)
        for command, shown in re.findall(r"```console\n(.*?)\n```\n\n```text\n(.*?)```", GUIDE, flags=re.DOTALL)
    ),
]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory, sampled_once):
    """What each command prints, run in order in one folder that holds the files of both pages."""
    from bayescale.cli import main

    folder = tmp_path_factory.mktemp("readme")
    for name, body in FILES.items():
        (folder / name).write_text(body)
    printed = {}
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "100")
        patch.setattr(single, "sampled_runs", sampled_once)
        for command in COMMANDS:
            program, *arguments = shlex.split(command)
            if program == "bayescale":
                with contextlib.redirect_stdout(io.StringIO()) as out, pytest.raises(SystemExit) as left:
                    main(arguments)
                assert not left.value.code, command
                printed[command] = out.getvalue()
        assert (folder / "plan.png").exists()
    return printed


def test_there_are_two_commands_to_set_up():
    set_up = TEXT[TEXT.index("## Set up") : TEXT.index("## What comes out")]
    assert len(re.findall(r"^uv run ", set_up, flags=re.MULTILINE)) == 2


@pytest.mark.parametrize(("command", "shown"), SHOWN)
def test_output_is_what_the_command_prints(outputs, command, shown):
    printed = lines_of(outputs[command])
    for row in lines_of(shown):
        assert is_shown(row, printed, slack=0.0 if "[" in row else np.inf), row


def test_an_end_may_move_by_a_tenth_of_its_interval_and_no_more():
    row = "N 38B [8.6B, 94B]"
    assert is_shown(row, ["N  40B [9B, 100B]"])
    assert not is_shown(row, ["N  52B [9B, 100B]"])
    assert not is_shown(row, ["D  38B [8.6B, 94B]"])


def test_python_runs(tmp_path, monkeypatch, capsys):
    (code,) = (body for body in blocks("python") if body not in FILES.values())
    monkeypatch.chdir(tmp_path)
    assert 8 <= len([line for line in code.splitlines() if line.strip()]) <= 12
    exec(code, {})
    out = capsys.readouterr().out
    assert "a_opt" in out
    assert re.search(r"P\(more than 20 tokens per parameter\) = 0\.[1-9]", out)
    assert (tmp_path / "chinchilla.nc").exists()


def test_a_screen_or_two_are_enough():
    assert len(TEXT.splitlines()) <= 120
    assert len(SHOWN) == len(blocks("text"))


def test_the_measured_coverage_is_the_committed_result():
    results = json.loads((ROOT / "benchmarks/results/calibration_auto_student_t_development.json").read_text())
    found = {(row["method"], row["horizon"]): f"{100 * row['cover_0.9']:.0f}" for row in results["overall"]}
    (unsure,) = (row for row in results["overall"] if (row["method"], row["horizon"]) == ("auto", 30))
    ahead, exact = ([found[method, h] for h in (1, 3, 10)] for method in ("auto", "plain"))
    words = (
        f"contain {min(ahead)} to {max(ahead)} % of them up to ten times beyond the runs fitted, and "
        f"{found['auto', 30]} ± {100 * unsure['cover_0.9_se']:.0f} % at thirty times; with the law assumed exact, "
        f"{min(exact)} to {max(exact)} %"
    )
    assert words in " ".join(TEXT.split())


def test_the_default_budgets_lie_as_far_ahead_as_the_readme_says(outputs):
    assert "1e+26 FLOP is 7,700 times the largest run (1.3e+22 FLOP)" in outputs[COMMANDS[0]]
    assert f"lie {5.76e23 / 1.3e22:.0f} and 7,700 times beyond the Chinchilla runs" in TEXT


def test_every_data_set_and_its_licence_is_named():
    licences = TEXT[TEXT.index("## Data, licences") :]
    spelt = {"CC-BY-4.0": "CC BY 4.0"}
    for name in dataset_names():
        licence = load_card(name).licence
        assert name in licences
        assert spelt.get(licence, licence) in licences
