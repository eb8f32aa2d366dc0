"""Answers: draws, intervals, probabilities and warnings, for people, notebooks and programs alike."""

import json

import numpy as np
import pytest
import xarray as xr

from bayescale.planning.answers import Answer


@pytest.fixture
def answer():
    draws = np.arange(200.0).reshape(2, 50, 2) + 1
    partly = draws.copy()
    partly[:, :25, 1] = np.nan
    return Answer(
        question="How <large>?",
        draws=xr.Dataset(
            {
                "hidden": (("chain", "draw", "budget"), draws, {"units": "hidden"}),
                "N": (("chain", "draw", "budget"), draws, {"units": "parameters"}),
                "saved": (("chain", "draw", "budget"), partly, {"units": ""}),
                "chosen": ("budget", [5.0, 7.0], {"units": "parameters"}),
            },
            coords={"chain": [0, 1], "draw": np.arange(50), "C": ("budget", [1e21, 1e24])},
        ),
        probabilities={"it is large": 0.25},
        warnings=("beyond the <runs>",),
        notes=("prices of May",),
        by="C",
        shown=("saved", "N", "chosen"),
    )


def test_the_summary_has_a_row_for_each_case_and_quantity_in_the_order_asked_for(answer):
    table = answer.summary(0.5)
    assert list(table.columns) == ["C", "quantity", "q25", "q50", "q75", "unit", "exists"]
    assert table["quantity"].tolist() == ["saved", "N", "chosen"] * 2
    assert table["C"].tolist() == [1e21] * 3 + [1e24] * 3
    assert table["exists"].tolist() == [1, 1, 1, 0.5, 1, 1]
    assert table["unit"].tolist() == ["", "parameters", "parameters"] * 2
    of_n = table[table["quantity"] == "N"]
    expected = np.quantile(answer.draws["N"], [0.25, 0.5, 0.75], axis=(0, 1)).T
    np.testing.assert_allclose(of_n[["q25", "q50", "q75"]], expected)


def test_what_is_the_same_in_all_draws_is_its_own_interval(answer):
    of_chosen = answer.summary().query("quantity == 'chosen'")
    assert of_chosen[["q05", "q50", "q95"]].to_numpy().tolist() == [[5.0] * 3, [7.0] * 3]


def test_all_draws_make_a_table(answer):
    table = answer.to_dataframe()
    assert len(table) == 2 * 50 * 2
    assert {"chain", "draw", "C", "N", "saved", "chosen"} <= set(table)
    assert "hidden" not in table
    assert table["N"].sum() == answer.draws["N"].sum().item()


def test_programs_read_quantiles_with_units(answer):
    read = answer.to_dict()
    assert list(read) == ["question", "cases", "probabilities", "warnings", "notes"]
    first, second = read["cases"]
    assert list(first) == ["C", "saved", "N", "chosen"]
    assert second["C"] == 1e24
    assert list(second["saved"]) == ["q05", "q25", "q50", "q75", "q95", "unit", "exists"]
    assert second["saved"]["exists"] == 0.5
    assert json.loads(json.dumps(read)) == read


def test_people_read_values_intervals_and_doubts(answer):
    lines = str(answer).splitlines()
    assert lines[0] == "How <large>?"
    assert "C 1e+24: saved = 126 [56.9, 195.1] in 50% of draws" in lines
    assert "C 1e+21: chosen = 5 parameters [5, 5]" in lines
    assert lines[-2:] == ["P(it is large) = 0.25", "beyond the <runs>"]


def test_notebooks_show_a_table_with_the_warnings_above(answer):
    page = "".join(line.strip() for line in answer._repr_html_().splitlines())
    assert page.count("<tr") == 1 + 6
    assert "<th>90% interval</th><th>unit</th>" in page
    assert "<td>1e+24</td><td>saved</td><td>126</td><td>[56.9, 195.1] in 50% of draws</td><td></td>" in page
    assert page.index("beyond the &lt;runs&gt;") < page.index("<table") < page.index("P(it is large)")
    assert "<large>" not in page


def test_one_case_needs_no_name():
    draws = xr.Dataset({"N": (("chain", "draw"), [[1e9, 3e9]], {"units": "parameters"})})
    answer = Answer("How large?", draws)
    assert list(answer.summary()) == ["quantity", "q05", "q50", "q95", "unit", "exists"]
    assert answer.to_dict()["N"]["q50"] == 2e9
    assert str(answer) == "How large?\nN = 2B parameters [1.1B, 2.9B]"
    assert "<th>quantity</th>" in answer._repr_html_()
    assert answer.to_dataframe()["N"].tolist() == [1e9, 3e9]
