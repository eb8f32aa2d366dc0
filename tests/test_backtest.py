"""Back-tests: the split, the scores, the baselines."""

import json

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.backtesting import backtest, clustered_error, scores_of, splits
from bayescale.baselines import bootstrap, isoflop, last_value
from bayescale.documents import backtest_document
from bayescale.errors import RunsError
from bayescale.predictive import Predicted


@pytest.fixture(scope="module")
def measured(chinchilla_runs):
    return backtest("tied", chinchilla_runs, horizons=(10,))


def test_split_is_the_one_of_the_definition(chinchilla_runs):
    compute = chinchilla_runs.column("C")
    for split in splits(chinchilla_runs):
        assert compute[split.train].max() <= split.ceiling / split.horizon
        assert compute[split.test].min() > split.ceiling
        assert compute[split.test].max() <= 3 * split.ceiling * (1 + 1e-9)
        assert len(split.train) >= 10


def test_every_row_is_scored_once_a_horizon(chinchilla_runs):
    for horizon in (1, 30):
        rows = np.concatenate([s.test for s in splits(chinchilla_runs, (horizon,))])
        assert len(np.unique(rows)) == len(rows)


def test_whole_runs_stand_on_one_side():
    runs = bs.load_dataset("porian", group="tuned")
    label = runs.frame["run"].to_numpy()
    found = splits(runs)
    assert found
    assert all(not set(label[s.train]) & set(label[s.test]) for s in found)


def test_a_table_that_is_too_small_is_refused(chinchilla_runs):
    few = bs.Runs.from_frame(chinchilla_runs.frame.iloc[:11].reset_index(drop=True), source="few.csv")
    with pytest.raises(RunsError, match=r"few\.csv: too few runs for a back-test"):
        splits(few)


def test_scores_of_a_calibrated_forecast():
    rng = np.random.default_rng(0)
    forecast = Predicted(rng.normal(0, 0.3, (2000, 1)) + np.zeros((1, 3000)), np.full((1, 1), 0.4))
    scores = scores_of(forecast, rng.normal(0, 0.5, 3000), rng)
    assert scores["cover_0.9"].mean() == pytest.approx(0.9, abs=0.02)
    assert scores["cover_0.5"].mean() == pytest.approx(0.5, abs=0.03)
    assert scores["log_score"].mean() == pytest.approx(-0.5 * np.log(2 * np.pi * 0.25) - 0.5, abs=0.03)
    assert scores["crps"].mean() == pytest.approx(0.5 / np.sqrt(np.pi), rel=0.05)
    assert scores["width"].mean() == pytest.approx(2 * 1.645 * 0.5, rel=0.05)


def test_clustered_error_is_the_plain_one_without_clusters():
    values = np.random.default_rng(0).normal(size=200)
    plain = values.std(ddof=1) / np.sqrt(200)
    assert clustered_error(values, np.arange(200)) == pytest.approx(plain, rel=1e-9)
    assert clustered_error(np.repeat(values, 5), np.repeat(np.arange(200), 5)) == pytest.approx(plain, rel=1e-9)


def test_bootstrap_is_the_published_refit(chinchilla_runs):
    """Point values of the Huber refit of these 240 runs, and standard errors of Besiroglu et al. 2024."""
    from bayescale.baselines import _best_huber_fit, _log_inputs

    x = _log_inputs(chinchilla_runs)
    centre = x.mean(axis=0)
    best = _best_huber_fit(x - centre, np.log(chinchilla_runs.column("loss")), np.random.default_rng(0))
    e, a, b, alpha, beta = best
    assert np.exp(e) == pytest.approx(1.8172, abs=0.001)
    assert [alpha, beta] == pytest.approx([0.3473, 0.3672], abs=0.001)
    assert np.exp([a + alpha * centre[0], b + beta * centre[1]]) == pytest.approx([478, 2143], rel=0.01)
    far = bs.Runs.from_frame(pd.DataFrame({"N": [72e9], "D": [1.33e12], "loss": [1.97]}))
    forecast = bootstrap(chinchilla_runs, far, 0)
    assert np.exp(np.median(forecast.location)) == pytest.approx(1.974, abs=0.004)


def test_baselines_predict_runs_like_those_they_saw(chinchilla_runs):
    observed = np.log(chinchilla_runs.column("loss"))
    for baseline, limit in ((bootstrap, 0.01), (isoflop, 0.03)):
        forecast = baseline(chinchilla_runs, chinchilla_runs, 0)
        assert np.sqrt(np.mean((forecast.location.mean(0) - observed) ** 2)) < limit
    largest = observed[chinchilla_runs.column("C").argmax()]
    assert (last_value(chinchilla_runs, chinchilla_runs, 0).location == largest).all()


def test_isoflop_is_undefined_without_slices():
    scattered = pd.DataFrame({"N": np.geomspace(1e8, 1e10, 12), "D": np.geomspace(1e9, 1e12, 12), "loss": 3.0})
    runs = bs.Runs.from_frame(scattered)
    assert isoflop(runs, runs, 0) is None


def test_discrepancy_covers_better_than_the_plain_law(measured):
    summary = measured.summary().set_index("method")
    assert set(summary.index) == {"tied", "plain", "bootstrap", "isoflop", "last_value"}
    assert summary.loc["tied", "cover_0.9"] > summary.loc["plain", "cover_0.9"] + 0.1
    assert summary.loc["tied", "crps"] < summary.loc["bootstrap", "crps"]


def test_document_has_the_promised_keys(measured):
    document = backtest_document(measured)
    (horizon,) = document["horizons"]
    assert document["law"] == "tied"
    assert {"horizon", "n_train", "n_test", "coverage", "crps", "log_score", "rmse", "bias"} <= set(horizon)
    assert set(horizon["coverage"]) == {"0.5", "0.8", "0.9", "0.95"}
    assert set(horizon["baselines"]) == {"plain", "bootstrap", "isoflop", "last_value"}
    json.dumps(document, allow_nan=False)
