"""Comparing laws: the ranking, leave-one-out densities and stacking weights."""

import json

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.comparison import stacking_weights
from bayescale.documents import compare_document
from bayescale.errors import LawError

COMPARED = ["tied", "kaplan_nd"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("comparison")


@pytest.fixture(scope="module")
def compared(cache):
    return bs.compare(COMPARED, bs.load_dataset("gadre", group="c4"), horizons=(3,), cache=cache)


def test_a_comparison_goes_on_from_what_is_kept(compared, cache, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a fit that is kept was made again")

    monkeypatch.setattr("bayescale.comparison.fit_law", refuse)
    monkeypatch.setattr("bayescale.backtesting.fit_to_score", refuse)
    again = bs.compare(COMPARED, bs.load_dataset("gadre", group="c4"), horizons=(3,), cache=cache)
    pd.testing.assert_frame_equal(again.table, compared.table, check_exact=True)
    pd.testing.assert_frame_equal(again.pointwise, compared.pointwise, check_exact=True)
    assert again.horizon_elpd == compared.horizon_elpd


def test_laws_without_a_file_have_no_cache(cache, few_runs):
    with pytest.raises(LawError, match="name it, or give its file, for a cache"):
        bs.compare([bs.load_law("tied"), "kaplan_nd"], few_runs, cache=cache)


def test_the_best_forecaster_comes_first(compared):
    scores = compared.table["horizon_score"].to_numpy()
    assert scores[0] >= scores[1]
    assert compared.table["rank"].tolist() == [1, 2]
    assert compared.table["elpd_diff"].iloc[0] == 0
    assert compared.table["weight_stacking"].sum() == pytest.approx(1)


def test_pointwise_densities_add_up(compared):
    for row in compared.table.to_dict("records"):
        assert compared.pointwise[row["law"]].sum() == pytest.approx(row["elpd_loo"])
    assert len(compared.pointwise) == 34 or len(compared.pointwise) == 35


def test_document_has_the_promised_keys(compared):
    document = compare_document(compared)
    keys = {"law", "elpd_loo", "se", "p_loo", "max_pareto_k", "log_evidence", "weight_stacking", "horizon_elpd", "rank"}
    assert all(keys <= set(law) for law in document["laws"])
    assert set(document["laws"][0]["horizon_elpd"]) == {"3"}
    json.dumps(document, allow_nan=False)


def test_a_small_table_is_ranked_by_leave_one_out(few_runs):
    compared = bs.compare(["chinchilla", "tied"], few_runs, discrepancy=False)
    assert compared.horizon_elpd == {}
    assert any("leave-one-out density only" in text for text in compared.warnings)
    assert compared.table["elpd_loo"].is_monotonic_decreasing


def test_stacking_finds_the_mixture():
    rng = np.random.default_rng(0)
    member = rng.uniform(size=4000) < 0.7
    draws = np.where(member, rng.normal(0, 1, 4000), rng.normal(4, 1, 4000))
    logs = np.column_stack([-0.5 * draws**2, -0.5 * (draws - 4) ** 2])
    assert stacking_weights(logs) == pytest.approx([0.7, 0.3], abs=0.03)


@pytest.mark.parametrize("laws", [[], ["tied"], ["tied", "tied"]], ids=["none", "one", "twice the same"])
def test_needs_two_different_laws(laws, few_runs):
    with pytest.raises(LawError, match="two or more different laws"):
        bs.compare(laws, few_runs)


def test_a_law_without_evidence_has_an_empty_cell_beside_one_that_has_some():
    from bayescale.cli.studies import _comparison_row

    numbers = dict.fromkeys(
        ["rank", "elpd_loo", "se", "elpd_diff", "dse", "max_pareto_k", "weight_stacking", "horizon_score"], 1.0
    )
    table = pd.DataFrame(
        [{"law": "a", "log_evidence": 970.1, **numbers}, {"law": "b", "log_evidence": None, **numbers}]
    )
    cells = [_comparison_row(row)["log evidence"] for row in table.to_dict("records")]
    assert cells == ["970.1", ""]
