"""How sure a ranking is: right for known scores, doubtful of one split, and calibrated where scores are luck alone."""

import numpy as np
import pandas as pd
import pytest

from bayescale.ranking import ranked_by_hidden_runs, ranked_by_inside_runs


def scores(rng, advantage, n_splits=4, n_runs=10, luck=0.3, horizons=(1.0, 3.0)):
    """Log scores of two laws, of which the second is better, with luck that all runs of a split share."""
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


@pytest.mark.parametrize("n_splits", [2, 4])
def test_probabilities_are_calibrated_where_luck_is_shared(n_splits):
    """Advantages are as often positive as negative; of those that are said with 80 % or more, that share are right."""
    rng, sure = np.random.default_rng(2), []
    for _ in range(400):
        advantage = rng.normal(0, 0.3)
        ranking = ranked_by_hidden_runs(scores(rng, advantage, n_splits=n_splits))
        first = ranking.scores.index[0]
        sure.append((ranking.scores["probability"].iloc[0], (first == "better") == (advantage > 0)))
    said, right = np.array(sure).T
    assert right[said > 0.8].mean() == pytest.approx(said[said > 0.8].mean(), abs=0.08)
    assert right.mean() == pytest.approx(said.mean(), abs=0.08)


def test_small_differences_inside_a_table_are_no_evidence():
    rng = np.random.default_rng(3)
    common = rng.normal(size=8)
    pointwise = pd.DataFrame({"first": common + 0.1, "second": common})
    assert ranked_by_inside_runs(pointwise).against_first["second"] < 0.7
    far = pd.DataFrame({"first": common + 2.0, "second": common})
    assert ranked_by_inside_runs(far).against_first["second"] > 0.98
