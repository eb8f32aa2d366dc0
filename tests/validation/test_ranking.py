"""Uncertainty of rankings: known scores, a single split, and calibration where differences are chance alone."""

import numpy as np
import pandas as pd
import pytest

from bayescale.validation.ranking import ranked_by_hidden_runs, ranked_by_inside_runs


def scores(rng, advantage, n_splits=4, n_runs=10, luck=0.3, horizons=(1.0, 3.0)):
    """Log scores of two laws; the second is better, and all runs of a split share a random effect."""
    rows, index = [], []
    for split in range(n_splits):
        shared = luck * rng.normal()
        for run in range(n_runs):
            own = 0.3 * rng.normal()
            for horizon in horizons:
                index.append((horizon, float(split), 100 * split + run))
                rows.append((1.0, 1.0 + advantage + shared + own))
    names = ["horizon", "ceiling", "run"]
    return pd.DataFrame(rows, index=pd.MultiIndex.from_tuples(index, names=names), columns=["plain", "better"])


def test_a_clear_difference_is_sure_and_adds_up():
    ranking = ranked_by_hidden_runs(scores(np.random.default_rng(0), 2.0))
    assert ranking.scores.index.tolist() == ["better", "plain"]
    assert ranking.scores["probability"].sum() == pytest.approx(1)
    assert ranking.against_first["plain"] > 0.97
    assert ranking.scores["difference"].iloc[0] == 0
    assert ranking.scores["se"].iloc[0] == 0


def test_one_split_leaves_more_doubt_than_four_of_the_same_runs():
    one = ranked_by_hidden_runs(scores(np.random.default_rng(1), 0.5, n_splits=1, n_runs=40, luck=0.0))
    four = ranked_by_hidden_runs(scores(np.random.default_rng(1), 0.5, n_splits=4, n_runs=10, luck=0.0))
    assert one.scores["se"].iloc[1] > 1.5 * four.scores["se"].iloc[1]
    assert 0.6 < one.against_first["plain"] < four.against_first["plain"]


@pytest.mark.long
@pytest.mark.parametrize("n_splits", [2, 4])
def test_probabilities_are_calibrated_where_runs_of_a_split_share_an_effect(n_splits):
    """Half of the true advantages are positive; of those claimed with 80 % or more, that share must be right."""
    rng, sure = np.random.default_rng(2), []
    for _ in range(400):
        advantage = rng.normal(0, 0.3)
        ranking = ranked_by_hidden_runs(scores(rng, advantage, n_splits=n_splits))
        first = ranking.scores.index[0]
        sure.append((ranking.scores["probability"].iloc[0], (first == "better") == (advantage > 0)))
    said, right = np.array(sure).T
    assert right[said > 0.8].mean() == pytest.approx(said[said > 0.8].mean(), abs=0.08)
    assert right.mean() == pytest.approx(said.mean(), abs=0.08)


@pytest.mark.parametrize("n_near", [5, 21])
def test_horizons_of_a_single_hidden_run_are_not_taken_as_sure(n_near):
    """Between laws that differ by chance alone, one wins with over 95 % in about a tenth of all tables."""
    rng, sure = np.random.default_rng(4), 0
    for _ in range(300):
        index = [(1.0, 1.0, run) for run in range(n_near)] + [(3.0, 2.0, 100), (10.0, 3.0, 101)]
        luck = dict(zip((1.0, 2.0, 3.0), 0.5 * rng.normal(size=3), strict=True))
        rows = [(0.0, luck[ceiling] + rng.normal()) for _, ceiling, _ in index]
        names = ["horizon", "ceiling", "run"]
        table = pd.DataFrame(rows, index=pd.MultiIndex.from_tuples(index, names=names), columns=["plain", "lucky"])
        sure += ranked_by_hidden_runs(table).against_first.iloc[1] > 0.95
    assert sure / 300 < 0.15


def test_a_run_that_many_splits_hide_is_one_run():
    """Ten runs with large random effects, each hidden by eight ceilings."""
    rng, sure = np.random.default_rng(5), 0
    for _ in range(200):
        luck = rng.normal(size=10)
        index = [(1.0, float(ceiling), run) for ceiling in range(8) for run in range(10)]
        rows = [(0.0, luck[run] + 0.3 * rng.normal()) for _, _, run in index]
        names = ["horizon", "ceiling", "run"]
        table = pd.DataFrame(rows, index=pd.MultiIndex.from_tuples(index, names=names), columns=["plain", "lucky"])
        sure += ranked_by_hidden_runs(table).against_first.iloc[1] > 0.95
    assert sure / 200 < 0.2


def test_laws_that_are_the_same_are_equally_likely():
    table = scores(np.random.default_rng(6), 0.0, luck=0.0)
    ranking = ranked_by_hidden_runs(table.assign(better=table["plain"]))
    np.testing.assert_allclose(ranking.scores["probability"], 0.5)
    assert ranking.against_first.iloc[1] == 0.5


def test_small_differences_inside_a_table_are_no_evidence():
    rng = np.random.default_rng(3)
    common = rng.normal(size=8)
    pointwise = pd.DataFrame({"first": common + 0.1, "second": common})
    assert ranked_by_inside_runs(pointwise).against_first["second"] < 0.7
    far = pd.DataFrame({"first": common + 2.0, "second": common})
    assert ranked_by_inside_runs(far).against_first["second"] > 0.98
