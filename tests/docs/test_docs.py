"""The documentation: the numbers it shows are the committed results of the benchmarks."""

import contextlib
import json
import re
import shlex
from dataclasses import replace

import pytest
from shown import is_shown, lines_of

from bayescale.basics.files import root
from bayescale.cli import main
from bayescale.planning.allocation import optimum
from bayescale.planning.attainable import attainable
from bayescale.planning.limits import limits
from bayescale.planning.outlook import read_outlook
from bayescale.posterior.single import fit_law

pytestmark = pytest.mark.docs

ROOT = root("models").parent
IDENTIFIABILITY = (ROOT / "docs/identifiability.md").read_text()
LIMITS = (ROOT / "docs/limits.md").read_text()
CASES = re.findall(r"<!-- fit: (.*?) -->\n(.*?)\n\n", IDENTIFIABILITY, flags=re.DOTALL)


def test_the_table_of_calibration_is_the_committed_result():
    path = ROOT / "benchmarks/results/calibration_auto_student_t_development.json"
    results = json.loads(path.read_text())["overall"]
    by_name = {(f"{row['horizon']:g}", row["method"]): row for row in results}
    lines = [line for line in (ROOT / "docs/calibration.md").read_text().splitlines() if line.startswith("| ")]
    shown = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line[2].isdigit()]
    assert len(shown) == 16
    for horizon, method, *cells in shown:
        row = by_name[horizon, method]
        coverage = [f"{row['cover_0.5']:.2f}", f"{row['cover_0.8']:.2f}"]
        ninety = f"{row['cover_0.9']:.2f} ± {row['cover_0.9_se']:.2f}"
        rest = [f"{row['worst_0.9']:.2f}", f"{row['width']:.3f}", f"{row['crps']:.4f}", f"{row['crps_ratio']:.2f}"]
        assert cells == [*coverage, ninety, *rest]


def test_the_table_of_the_unseen_ladder_is_the_committed_result():
    results = json.loads((ROOT / "benchmarks/results/unseen.json").read_text())["loss"]
    by_name = {(f"h = {row['horizon']:g}", row["method"]): row for row in results}
    shown = table_under("A table that no choice was made on", (ROOT / "docs/calibration.md").read_text())
    assert len(shown) == 4
    for horizon, *cells in shown:
        default, plain, bootstrap = (by_name[horizon, method] for method in ("default", "plain", "bootstrap"))
        coverage = [f"{default[f'cover_{level}']:.2f}" for level in (0.5, 0.8)]
        ninety = [f"{row['cover_0.9']:.2f} ± {row['cover_0.9_se']:.2f}" for row in (default, plain)]
        known = [each.removesuffix(" ± 0.00") for each in ninety]
        crps = [f"{row['crps']:.4f}" for row in (default, plain, bootstrap)]
        assert cells == [str(default["n_test"]), *coverage, *known, f"{default['width']:.3f}", *crps]


@pytest.mark.parametrize(("source", "table"), CASES, ids=[source for source, _ in CASES])
def test_posteriors_of_the_identifiability_page_are_what_it_says(source, table, tmp_path):
    files = dict(FILE.findall(IDENTIFIABILITY))
    name, _, law = source.partition(" ")
    if name in files:
        (tmp_path / name).write_text(files[name])
    fitted = fit_law(law or "chinchilla", tmp_path / name if name in files else name, discrepancy=False)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    assert len(rows) >= 3
    for parameter, *cells in rows:
        mean, sd, prior = map(float, cells)
        draws = fitted.parameters[parameter]
        assert draws.mean() == pytest.approx(mean, abs=0.15 * sd + 0.005), parameter
        assert draws.std() == pytest.approx(sd, rel=0.12), parameter
        assert fitted.tree["prior"][parameter].to_numpy().std() == pytest.approx(prior, rel=0.15), parameter
    shown = re.sub(r"[\s>]+", " ", IDENTIFIABILITY.replace("\\", ""))
    for text in fitted.warnings:
        assert masked(text) in masked(shown)


@pytest.mark.parametrize("name", ["pooling", "next_run"])
def test_findings_are_the_committed_result(name):
    result = (ROOT / f"benchmarks/results/{name}.txt").read_text().splitlines()
    (shown,) = re.findall(r"```text\n(.*?)```", (ROOT / f"docs/{name}.md").read_text(), flags=re.DOTALL)
    assert set(shown.splitlines()) <= set(result)


def table_under(heading, text):
    """Cells of the first table under a heading."""
    lines = text[text.index(f"## {heading}") :].splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("| "))
    rows = [line for line in lines[first + 2 : first + 12] if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def band(draws, mass=0.8):
    low, middle, high = draws.quantile([(1 - mass) / 2, 0.5, (1 + mass) / 2]).to_numpy()
    return f"{middle:.3g} [{low:.3g}, {high:.3g}]"


def test_the_limits_shown_are_those_that_the_command_prints(run_cli, tmp_path):
    (command, *_), (shown, *_) = (
        re.findall(rf"```{kind}\n(.*?)```", LIMITS, flags=re.DOTALL) for kind in ("console", "text")
    )
    with contextlib.chdir(tmp_path):
        _, out, _ = run_cli(*command.split()[3:])
    assert (tmp_path / "limits.png").exists()
    assert set(lines_of(shown)) <= set(lines_of(out))


def test_limits_by_correlation_are_what_the_page_says():
    rows = table_under("Is 2e29 FLOP feasible?", LIMITS)
    assert [row[0] for row in rows] == ["0", "0.3", "0.6", "1"]
    for correlation, *cells in rows:
        found = limits(2030, replace(read_outlook(), correlation=float(correlation)))
        largest = found.draws["largest"]
        shares = [(largest > 2e29).mean().item(), found.binding.sel(limit="power").item(), found.overtaken.item()]
        assert cells == [band(largest), *(f"{share:.2f}" for share in shares)]


def test_limits_by_year_are_what_the_page_says():
    rows = table_under("Other years", LIMITS)
    assert [row[0] for row in rows] == ["2026", "2028", "2030", "2032"]
    found = limits([float(row[0]) for row in rows])
    for year, *cells in rows:
        at = found.draws.sel(year=float(year))
        overtaken = found.overtaken.sel(year=float(year)).item()
        assert cells == [band(at["largest"]), band(at["trend"]), f"{overtaken:.2f}"]
    words = "{} to {} for power, {} to {} for chips, {} to {} for data and {} to {} for latency"
    factors = [value for limit in read_outlook().limits.values() for value in limit.growth.values]
    assert words.format(*factors) in " ".join(LIMITS.split())


def test_losses_within_limits_are_what_the_page_says(chinchilla_fit):
    wrong = fit_law("chinchilla", "chinchilla", draws=125)
    (_, _, first), (_, _, sure), (_, _, true) = table_under("What loss would that be?", LIMITS)
    found = limits(2030)
    for shown, draws, tolerance in (
        (first, attainable(found, wrong).draws, 0.12),  # of five hundred draws, and a standard deviation of 0.4
        (sure, optimum(wrong, 1.26e29).draws, 0.12),
        (true, attainable(found, chinchilla_fit).draws, 0.004),
    ):
        middle, low, high = map(float, re.findall(r"\d\.\d+", shown))
        quantiles = draws["loss"].quantile([0.05, 0.5, 0.95]).to_numpy()
        assert quantiles == pytest.approx([low, middle, high], abs=tolerance)


QUESTIONS = sorted(page for page in (ROOT / "docs/questions").glob("*.md") if page.stem != "index")
FILE = re.compile(r"<!-- file: (.*?) -->\n```csv\n(.*?)```", flags=re.DOTALL)
ASKED = re.compile(r"```console\nuv run bayescale (.*?)\n```\n\n```text\n(.*?)```", flags=re.DOTALL)


@pytest.mark.parametrize("page", QUESTIONS, ids=[page.stem for page in QUESTIONS])
def test_answers_to_questions_are_what_the_commands_print(capsys, monkeypatch, tmp_path, page):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    for name, table in FILE.findall(page.read_text()):
        (tmp_path / name).write_text(table)
    asked = ASKED.findall(page.read_text())
    assert asked
    for command, shown in asked:
        with pytest.raises(SystemExit) as left:
            main(shlex.split(command))
        assert not left.value.code
        printed = lines_of(capsys.readouterr().out)
        for line in lines_of(shown):
            assert is_shown(line, printed), line


@pytest.mark.parametrize(("page", "result"), [("versus", "gopher"), ("robust", "regret")])
def test_studies_of_the_questions_are_the_committed_results(page, result):
    committed = (ROOT / f"benchmarks/results/{result}.txt").read_text().split("\n\n")
    text = ASKED.sub("", (ROOT / f"docs/questions/{page}.md").read_text())
    shown = re.findall(r"```text\n(.*?)\n```", text, flags=re.DOTALL)
    assert shown
    assert {block.strip("\n") for block in shown} <= {block.strip("\n") for block in committed}


def test_pages_of_questions_are_linked_and_open_with_a_question():
    guide, index = (ROOT / "docs/guide.md").read_text(), (ROOT / "docs/questions/index.md").read_text()
    for page in QUESTIONS:
        assert f"](questions/{page.name})" in guide
        assert f"]({page.name})" in index
        assert page.read_text().splitlines()[0].endswith("?")


def masked(text):
    return re.sub(r"\d\.\d+", "#", text)
