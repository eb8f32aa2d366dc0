"""The documentation: the numbers it shows are the committed results of the benchmarks."""

import json
import re

import pytest

from bayescale.catalog import root
from bayescale.fitting import fit_law

ROOT = root("models").parent
IDENTIFIABILITY = (ROOT / "docs/identifiability.md").read_text()
CASES = re.findall(r"<!-- fit: (.*?) -->\n(.*?)\n\n", IDENTIFIABILITY, flags=re.DOTALL)


def test_the_table_of_calibration_is_the_committed_result():
    results = json.loads((ROOT / "benchmarks/results/calibration_auto_student_t.json").read_text())["overall"]
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


@pytest.mark.parametrize(("source", "table"), CASES, ids=[source for source, _ in CASES])
def test_posteriors_of_the_identifiability_page_are_what_it_says(source, table, tmp_path):
    files = dict(re.findall(r"<!-- file: (.*?) -->\n```csv\n(.*?)```", IDENTIFIABILITY, flags=re.DOTALL))
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


def masked(text):
    return re.sub(r"\d\.\d+", "#", text)
