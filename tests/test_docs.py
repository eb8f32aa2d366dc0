"""The documentation: the numbers it shows are the committed results of the benchmarks."""

import json

from bayescale.catalog import root

ROOT = root("models").parent


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
