"""IsoFLOP slices: sizes of one compute, or of one named budget."""

import numpy as np
import pandas as pd
import pytest

from bayescale.data.isoflops import isoflop_slices
from bayescale.data.runs import Runs

SIZES = np.array([1e7, 2e7, 4e7, 8e7])


def runs(budgets, **columns):
    frame = pd.concat([pd.DataFrame({"N": SIZES, "D": c / 6 / SIZES, "loss": 3.0}) for c in budgets], ignore_index=True)
    return Runs.from_frame(frame.assign(**columns))


def test_slices_are_of_one_compute_within_five_per_cent():
    assert [rows.tolist() for rows in isoflop_slices(runs([1e18, 3e18]))] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert [len(rows) for rows in isoflop_slices(runs([1e18, 1.04e18]))] == [8]
    assert isoflop_slices(runs([1e18]).take(np.arange(3))) == []


def test_rows_of_few_sizes_are_no_slice():
    frame = pd.DataFrame({"N": [1e8] * 5, "D": [2e9] * 5, "loss": [3.0, 3.1, 3.0, 3.2, 3.1]})
    assert isoflop_slices(Runs.from_frame(frame)) == []


@pytest.mark.parametrize("columns", [{"budget": 1e18}, {"budget": 1e18, "C": 1.1e18}, {"C": 1.1e18}], ids=" ".join)
def test_a_column_names_budgets_that_compute_only_comes_near(columns):
    budgets = [1e18, 1e18 * 1.2]
    assert len(isoflop_slices(runs(budgets))) == 2
    assert [rows.tolist() for rows in isoflop_slices(runs(budgets, **columns))] == [list(range(8))]
