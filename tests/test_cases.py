"""The public cases: every table belongs to a case, every case is stored, and least squares finds laws that exist."""

import json
import sys

import numpy as np
import pytest

from bayescale.basics.files import root

BENCHMARK_FOLDER = root("models").parent / "benchmarks"
sys.path.insert(0, str(BENCHMARK_FOLDER))

from cases import CASES, Case, read_cases, report  # noqa: E402
from usual_laws import USUAL  # noqa: E402

READ = read_cases()
STORED = {row["name"]: row for row in json.loads((BENCHMARK_FOLDER / "results/cases.json").read_text())["cases"]}


def test_every_table_belongs_to_a_case_and_every_case_is_stored_as_it_is_asked():
    assert {case.path for case in READ} == set(CASES.glob("*.csv"))
    assert [case.name for case in READ] == list(STORED)
    for case in READ:
        stored = STORED[case.name]
        assert (case.command, case.truth, bool(case.seen), case.counted) == (
            stored["command"],
            stored["truth"],
            stored["seen"],
            stored["counted"],
        )


@pytest.mark.parametrize("case", READ, ids=[case.name for case in READ])
def test_a_case_asks_about_a_point_that_its_table_does_not_hold(case):
    assert case.asked
    assert case.source
    table = case.table
    assert 3 <= len(next(iter(table.values()))) <= 20
    assert all(np.isfinite(column).all() for column in table.values())
    asked = case.point
    assert set(asked) <= set(table)
    if case.arguments[0] == "predict":
        held = np.all([np.isclose(table[name], value) for name, value in asked.items()], axis=0)
        assert not held.any()


ONE_OF_EACH = {case.usual: case for case in READ}.values()
"""A case for each usual law: to fit all of them takes half a minute."""


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=[case.name for case in ONE_OF_EACH])
def test_stored_answers_to_least_squares_are_those_of_the_code(case):
    found = USUAL[case.usual](case.table, case.outcome, case.point)
    assert found == pytest.approx(STORED[case.name]["least_squares"], rel=1e-3)


X = np.geomspace(1e2, 1e5, 9)


@pytest.mark.parametrize(
    ("law", "columns", "outcome", "at", "truth"),
    [
        ("power law with floor", {"x": X}, 0.3 + 9 * X**-0.5, {"x": 1e6}, 0.3 + 9 * 1e6**-0.5),
        ("sigmoid", {"C": X}, 0.25 + 0.75 / (1 + 1e3 / X), {"C": 1e6, "chance": 0.25}, 0.25 + 0.75 / 1.001),
        ("logarithm", {"x": X}, 2 + 3 * np.log(X), {"x": 1e6}, 2 + 3 * np.log(1e6)),
        ("broken power law", {"x": X}, 2 * X**-0.05 / (1 + (X / 3e3) ** 4), {"x": 3e5}, 2 * 3e5**-0.05 / (1 + 1e8)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_least_squares_of_one_input_finds_the_law_that_made_the_runs(law, columns, outcome, at, truth):
    found = USUAL[law]({**columns, "y": outcome}, "y", at)
    assert found == pytest.approx(truth, rel=1e-3)


def test_least_squares_of_several_inputs_finds_the_law_that_made_the_runs():
    n, d = (column.ravel() for column in np.meshgrid(np.geomspace(1e7, 1e9, 4), np.geomspace(1e9, 1e11, 4)))
    table = {"N": n, "D": d, "loss": 1.7 + 400 * n**-0.34 + 400 * d**-0.28}
    at = {"N": 1e10, "D": 1e12}
    expected = 1.7 + 400 * 1e10**-0.34 + 400 * 1e12**-0.28
    assert USUAL["chinchilla"](table, "loss", at) == pytest.approx(expected, rel=1e-3)
    table = {"N": n, "experts": d / 1e9, "loss": np.exp(2 - 0.05 * np.log(n) - 0.01 * np.log(d / 1e9))}
    at = {"N": 1e10, "experts": 256.0}
    expected = np.exp(2 - 0.05 * np.log(1e10) - 0.01 * np.log(256))
    assert USUAL["bilinear in logarithms"](table, "loss", at) == pytest.approx(expected)
    table = {"C": n, "board_size": np.log10(d), "elo": -9000 + 300 * np.log(n) - 100 * np.log10(d)}
    assert USUAL["clipped plane"](table, "elo", {"C": 1e8, "board_size": 9}) == pytest.approx(-4373.79, abs=0.1)
    assert USUAL["clipped plane"](table, "elo", {"C": 1e20, "board_size": 9}) == 0


def test_minima_of_budgets_are_found_and_carried_on():
    budgets, shifts = np.repeat([1e18, 4e18], 5), np.tile([-2.0, -1.0, 0.0, 1.0, 2.0], 2)
    best = 2e9 * np.sqrt(budgets / 1e18)
    table = {"C": budgets, "D": best * np.exp(shifts), "loss": 3 * (budgets / 1e18) ** -0.05 + 0.02 * shifts**2}
    law = USUAL["isoFLOP minimum"]
    assert law(table, "D", {"C": 4e18}) == pytest.approx(4e9)
    assert law(table, "D", {"C": 1.6e19}) == pytest.approx(8e9)
    assert law(table, "loss", {"C": 1.6e19}) == pytest.approx(3 * 16**-0.05)


def test_a_report_counts_bands_refusals_and_misses_without_a_warning():
    common = {"kind": "k", "runs": 4, "truth": 2.0, "seen": False, "counted": True, "least_squares": 2.2}
    common["status"] = 0
    answer = {"low": 1.9, "high": 2.3, "error": 0.05, "least_squares_error": 0.1, "cpu_seconds": 3.0, "warnings": []}
    rows = [
        {"name": "held", **common, **answer, "median": 2.1, "inside": True},
        {"name": "missed", **common, **answer, "median": 2.1, "inside": False},
        {"name": "warned", **common, **answer, "median": 2.1, "inside": False, "warnings": ["far"]},
        {"name": "refused", **common, "cpu_seconds": 1.0, "warnings": [], "status": 2, "refusal": "no D"},
        {"name": "apart", **common, **answer, "counted": False, "median": 2.1, "inside": False},
    ]
    text = report(rows)
    assert "outside the band without a warning: missed" in text
    assert "1 of 3" in text
    assert "  refused: no D" in text
    assert "apart (not counted)" in text
    assert "0 of 0" in report(rows[3:4])


def test_a_point_and_a_table_are_read_as_the_program_reads_them():
    case = Case("a", "k", "?", "bayescale predict gpt2_enwik8.csv --columns N=params --at N=1.5B", "loss", 1, "", "")
    assert case.point == {"N": 1.5e9}
    assert case.table["N"].tolist() == [117e6, 345e6, 762e6]
    case = Case("a", "k", "?", "bayescale plan marin_one_budget.csv --budget 3e18", "D", 1, "", "")
    assert case.point == {"C": 3e18}
