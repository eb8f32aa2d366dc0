"""Comparing laws: the ranking, leave-one-out densities and stacking weights."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from promises import sketches

import bayescale as bs
from bayescale.basics.errors import LawError, SamplingError
from bayescale.cli.documents import compare_document
from bayescale.data.candidates import suited_laws
from bayescale.laws.links import LOGIT, Link
from bayescale.posterior.single import fit_law
from bayescale.posterior.stacking import stacking_weights
from bayescale.validation.comparison import laws_to_compare

pytestmark = pytest.mark.slow

COMPARED = ["tied", "kaplan_nd"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("comparison")


@pytest.fixture(scope="module")
def compared(cache):
    with sketches():
        return bs.compare(COMPARED, bs.load_dataset("gadre", group="c4"), horizons=(3,), cache=cache)


def test_a_comparison_goes_on_from_what_is_kept(compared, cache, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a fit that is kept was made again")

    monkeypatch.setattr("bayescale.validation.comparison.fit_law", refuse)
    monkeypatch.setattr("bayescale.validation.backtesting.fit_to_score", refuse)
    again = bs.compare(COMPARED, bs.load_dataset("gadre", group="c4"), horizons=(3,), cache=cache)
    pd.testing.assert_frame_equal(again.table, compared.table, check_exact=True)
    pd.testing.assert_frame_equal(again.pointwise, compared.pointwise, check_exact=True)
    assert again.horizon_elpd == compared.horizon_elpd


def test_laws_without_a_file_have_no_cache(cache, few_runs):
    with pytest.raises(LawError, match="a cache stores results under the code of a law"):
        bs.compare([bs.load_law("tied"), "kaplan_nd"], few_runs, cache=cache)


def test_the_best_forecaster_comes_first(compared):
    scores = compared.table["horizon_score"].to_numpy()
    assert scores[0] >= scores[1]
    assert compared.table["rank"].tolist() == [1, 2]
    assert compared.table["elpd_diff"].iloc[0] == 0
    assert compared.table["weight_stacking"].sum() == pytest.approx(1)


def test_pointwise_densities_add_up(compared):
    for row in compared.table.to_dict("records"):
        assert row["refits"] >= 0
        assert compared.pointwise[row["law"]].sum() == pytest.approx(row["elpd_loo"])
    assert len(compared.pointwise) == 34 or len(compared.pointwise) == 35


def test_document_has_the_promised_keys(compared):
    document = compare_document(compared)
    keys = {"law", "elpd_loo", "se", "p_loo", "max_pareto_k", "log_evidence", "weight_stacking", "horizon_elpd", "rank"}
    keys |= {"horizon_score", "score_diff", "score_diff_se", "probability", "refits"}
    assert all(keys <= set(law) for law in document["laws"])
    assert set(document["laws"][0]["horizon_elpd"]) == {"3"}
    assert document["hidden_runs"] >= 5
    assert document["splits"] >= 2
    assert document["verdict"].startswith(compared.table["law"][0])
    json.dumps(document, allow_nan=False)


def test_it_says_how_sure_it_is(compared):
    first, second = compared.table.to_dict("records")
    assert first["probability"] + second["probability"] == pytest.approx(1)
    assert first["score_diff"] == 0 > second["score_diff"]
    assert second["score_diff"] == pytest.approx(second["horizon_score"] - first["horizon_score"])
    assert 0 < second["score_diff_se"] < 10
    assert f"with probability {first['probability']:.2f}" in compared.verdict


@pytest.mark.long
def test_weights_are_those_that_a_mixture_of_the_laws_has(compared):
    """With all horizons, unlike the comparison in the fixture, which has one."""
    runs = bs.load_dataset("gadre", group="c4")
    whole = bs.compare(COMPARED, runs, discrepancy=False)
    mixture = bs.fit(COMPARED, runs, draws=100, discrepancy=False).weights.mean("horizon")
    for row in whole.table.to_dict("records"):
        assert row["weight_stacking"] == pytest.approx(float(mixture.sel(law=row["law"])), abs=1e-6)


def test_arviz_compares_two_fits_alike(chinchilla_runs):
    import arviz as az

    laws = ["chinchilla", "kaplan_nd"]
    ours = bs.compare(laws, chinchilla_runs, horizons=(1,), discrepancy=False).table.set_index("law")
    fits = {law: bs.fit(law, chinchilla_runs, discrepancy=False) for law in laws}
    theirs = az.compare({law: fitted.tree for law, fitted in fits.items()}, round_to="none")
    assert ours["refits"].sum() == 0
    for law in laws:
        assert ours.loc[law, "elpd_loo"] == pytest.approx(theirs.loc[law, "elpd"], abs=1e-6)
        assert ours.loc[law, "p_loo"] == pytest.approx(theirs.loc[law, "p"], abs=1e-6)
    gap = ours["elpd_loo"].diff().iloc[-1]
    assert abs(gap) == pytest.approx(theirs["elpd_diff"].abs().max(), abs=1e-6)


def test_laws_of_other_links_are_ranked_on_the_outcome_itself():
    """Without the Jacobians of log and logit the other law would lead by 28 nats (measured)."""
    runs = bs.load_dataset("gadre", group="c4")
    table = bs.compare(["error_nd", "downstream_error"], runs, horizons=(1, 3), discrepancy=False).table
    assert table["law"].tolist() == ["downstream_error", "error_nd"]
    assert table["elpd_diff"].iloc[1] < 0
    assert table["log_evidence"].diff().iloc[1] < 0


def test_another_unit_shifts_every_density_alike(few_runs):
    laws, frame = ["chinchilla", "tied"], few_runs
    own = bs.compare(laws, frame, discrepancy=False)
    thrice = bs.compare(laws, frame.assign(loss=3 * frame["loss"]), discrepancy=False)
    for law in laws:
        difference = thrice.pointwise[law] - own.pointwise[law]
        assert difference.mean() == pytest.approx(-np.log(3), abs=0.02)
    assert own.table["law"].tolist() == thrice.table["law"].tolist()
    np.testing.assert_allclose(own.table["probability"], thrice.table["probability"], atol=0.03)


def test_another_unit_keeps_the_weights():
    runs = bs.load_dataset("gadre", group="c4")
    frame = runs.frame.assign(loss=2.5 * runs.frame["loss"])
    own, other = (bs.fit(COMPARED, table, draws=50, discrepancy=False).weights for table in (runs, frame))
    np.testing.assert_allclose(own, other, atol=0.06)  # Monte Carlo error of a thousand draws


def test_an_equivalent_link_keeps_every_density():
    own = bs.load_law("downstream_error")
    twice = Link(
        "twice",
        "fraction",
        lambda xp, y: 2 * LOGIT.forward(xp, y),
        lambda z: LOGIT.inverse(z / 2),
        lambda y: 2 * LOGIT.slope(y),
    )
    doubled = replace(own, name="doubled", link=twice, scatter=2 * own.scatter)
    runs = bs.load_dataset("gadre", group="c4")
    compared = bs.compare([own, doubled], runs.take(np.arange(0, len(runs), 3)), discrepancy=False)
    np.testing.assert_allclose(compared.pointwise["downstream_error"], compared.pointwise["doubled"], atol=0.1)
    evidence = compared.table.set_index("law")["log_evidence"]
    assert evidence["downstream_error"] == pytest.approx(evidence["doubled"], abs=0.1)
    assert 0.4 < compared.table["probability"].iloc[0] < 0.6


def test_every_law_that_suits_is_compared_where_none_is_named(few_runs):
    names, fits = laws_to_compare(None, few_runs)
    assert {"chinchilla", "tied", "skaling", "kaplan_nd"} <= set(names)
    assert fits >= len(names)
    _, reasons = suited_laws(bs.Runs.from_frame(few_runs))
    assert reasons["kaplan_n"] == "reads only N, but D varies too"
    assert reasons["shape"] == "reads width, depth, which are not in the table"
    assert not set(names) & set(reasons)


def test_a_table_that_one_law_suits_says_what_the_others_miss():
    table = pd.DataFrame({"N": np.geomspace(1e7, 1e9, 6), "elo": np.linspace(800, 1200, 6)})
    runs = bs.Runs.from_frame(table, outcome="elo", domain="real")
    with pytest.raises(
        LawError, match=r"bradley_terry suits its columns, and a comparison needs two.*board_elo reads C"
    ):
        bs.compare(None, runs)


def test_a_law_that_fails_is_left_out_with_the_reason(few_runs, monkeypatch):
    def failing(law, runs, options):
        if law == "kaplan_nd":
            raise SamplingError("its posterior is nowhere finite")
        return fit_law(law, runs, options)

    monkeypatch.setattr("bayescale.validation.comparison.fit_law", failing)
    found = bs.compare(["chinchilla", "tied", "kaplan_nd"], few_runs, discrepancy=False)
    assert set(found.table["law"]) == {"chinchilla", "tied"}
    assert found.left_out == {"kaplan_nd": "failed: its posterior is nowhere finite"}
    with pytest.raises(LawError, match="law 'kaplan_nd' failed: its posterior is nowhere finite"):
        bs.compare(["chinchilla", "kaplan_nd"], few_runs, discrepancy=False)


def test_checkpoints_of_a_run_count_as_one_hidden_run():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"N": np.repeat(np.geomspace(1e7, 1e9, 16), 3)}).assign(
        D=lambda f: 20 * f["N"] * np.tile([0.5, 1.0, 2.0], 16), run=np.repeat(np.arange(16), 3)
    )
    frame["loss"] = (1.7 + 400 / frame["N"] ** 0.34 + 400 / frame["D"] ** 0.28) * np.exp(0.005 * rng.normal(size=48))
    runs = bs.Runs.from_frame(frame)
    found = bs.compare(["chinchilla", "tied"], runs, horizons=(1,), discrepancy=False)
    assert len(found.pointwise) == 16
    assert found.hidden_runs <= 16


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
    numbers |= dict.fromkeys(["score_diff", "score_diff_se", "probability"], 0.5) | {"refits": 0}
    table = pd.DataFrame(
        [{"law": "a", "log_evidence": 970.1, **numbers}, {"law": "b", "log_evidence": None, **numbers}]
    )
    cells = [_comparison_row(row)["log evidence"] for row in table.to_dict("records")]
    assert cells == ["970.1", ""]
