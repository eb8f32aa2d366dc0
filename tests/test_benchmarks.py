"""What the committed results of the benchmarks promise."""

import json
from pathlib import Path

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"


def test_every_large_difference_from_a_published_fit_is_explained():
    comparisons = json.loads((RESULTS / "published_fits.json").read_text())["comparisons"]
    rows = [row for comparison in comparisons for row in comparison["rows"]]
    assert rows
    assert all(row["why"] for row in rows if abs(row["z"]) > 2)
    assert all(comparison["certified"] for comparison in comparisons)
