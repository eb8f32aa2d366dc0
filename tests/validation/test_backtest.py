"""Back-tests: the split, the scores, the baselines."""

import json

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.basics.errors import RunsError
from bayescale.cli.documents import backtest_document
from bayescale.data.observed import Observed
from bayescale.posterior.predictive import Predicted
from bayescale.validation.backtesting import LEVELS, Backtest, backtest, clustered_error, scores_of, splits
from bayescale.validation.baselines import bootstrap, conformal, isoflop, last_value, two_step


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


def test_no_split_divides_a_run():
    runs = bs.load_dataset("porian", group="tuned")
    label = runs.frame["run"].to_numpy()
    found = splits(runs)
    assert found
    assert all(not set(label[s.train]) & set(label[s.test]) for s in found)


def test_a_table_that_is_too_small_is_refused(chinchilla_runs):
    few = bs.Runs.from_frame(chinchilla_runs.frame.iloc[:11].reset_index(drop=True), source="few.csv")
    with pytest.raises(RunsError, match=r"few\.csv: too few runs for a back-test"):
        splits(few)


@pytest.mark.parametrize("loss", [np.linspace(2.0, 4.0, 30), np.geomspace(1.0, 1e9, 30)], ids=["usual", "absurd"])
def test_where_the_input_is_a_loss_the_lowest_losses_are_hidden(loss):
    frame = pd.DataFrame({"loss": loss, "accuracy": np.linspace(0.9, 0.1, 30), "chance": 0.0})
    runs = bs.Runs.from_frame(frame, outcome="accuracy", domain="fraction")
    size = Observed(bs.load_law("accuracy_of_loss"), runs).size
    for split in splits(runs, size=size):
        assert loss[split.test].max() < loss[split.train].min()


def test_scores_of_a_calibrated_forecast():
    rng = np.random.default_rng(0)
    forecast = Predicted(rng.normal(0, 0.3, (2000, 1)) + np.zeros((1, 3000)), np.full((1, 1), 0.4))
    observed = rng.normal(0, 0.5, 3000)
    scores = scores_of(forecast, np.exp(observed), rng)
    assert scores["cover_0.9"].mean() == pytest.approx(0.9, abs=0.02)
    assert scores["cover_0.5"].mean() == pytest.approx(0.5, abs=0.03)
    # The density of the outcome is that of its log over the outcome.
    on_log = scores["log_score"].mean() + observed.mean()
    assert on_log == pytest.approx(-0.5 * np.log(2 * np.pi * 0.25) - 0.5, abs=0.03)
    assert scores["crps"].mean() == pytest.approx(0.5 / np.sqrt(np.pi), rel=0.05)
    assert scores["width"].mean() == pytest.approx(2 * 1.645 * 0.5, rel=0.05)


def test_clustered_error_is_the_plain_one_without_clusters():
    values = np.random.default_rng(0).normal(size=200)
    plain = values.std(ddof=1) / np.sqrt(200)
    assert clustered_error(values, np.arange(200)) == pytest.approx(plain, rel=1e-9)
    assert clustered_error(np.repeat(values, 5), np.repeat(np.arange(200), 5)) == pytest.approx(plain, rel=1e-9)


@pytest.mark.slow
def test_standard_errors_are_clustered_by_split(measured, chinchilla_runs):
    ceilings = {split.ceiling for split in splits(chinchilla_runs, (10,))}
    assert set(measured.scores["ceiling"]) == ceilings
    own = measured.scores.query("method == 'tied'")
    row = measured.summary().set_index("method").loc["tied"]
    assert row["cover_0.9_se"] == clustered_error(own["cover_0.9"].to_numpy(), own["ceiling"].to_numpy())


def test_a_single_split_has_no_standard_error():
    scores = dict.fromkeys((*(f"cover_{level:g}" for level in LEVELS), "crps", "log_score"), 0.5)
    frame = pd.DataFrame({"ceiling": [1e21] * 4, "error": 0.1, "interval_score": 0.1, "width": 0.1, **scores})
    summary = Backtest(frame.assign(method="tied", horizon=3.0), "tied", {3.0: 20.0}).summary()
    assert np.isnan(summary["cover_0.9_se"].item())
    assert np.isnan(summary["crps_se"].item())


def test_bootstrap_is_the_published_refit(chinchilla_runs):
    """Point values of the Huber refit of these 240 runs, and standard errors of Besiroglu et al. 2024."""
    from bayescale.validation.baselines import _best_huber_fit, _log_inputs

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


def true_loss(n, d):
    return 1.8 + 480 / n**0.35 + 2000 / d**0.37


def simulated(rng, n_runs, noise, largest=(3e9, 6e10)):
    """Runs of a Chinchilla law with lognormal noise of the same size everywhere."""
    n, d = np.exp(rng.uniform(np.log([1e8, 1e9]), np.log(largest), (n_runs, 2))).T
    return pd.DataFrame({"N": n, "D": d, "loss": true_loss(n, d) * np.exp(rng.normal(0, noise, n_runs))})


def covered(rng, n_runs, tables):
    """Share of hidden runs in their 90 % conformal intervals."""
    held = []
    for _ in range(tables):
        runs = bs.Runs.from_frame(simulated(rng, n_runs, 0.03, (2e9, 2e10)))
        split = splits(runs, (1,))[0]
        train, test = runs.take(split.train), runs.take(split.test)
        held.append(scores_of(conformal(train, test, 0), test.column("loss"), rng)["cover_0.9"])
    return pd.concat(held).mean()


@pytest.mark.slow
def test_conformal_intervals_hold_nine_in_ten_where_residuals_are_exchangeable(monkeypatch):
    """They are so if the fit is the truth; real fits inside the training set see fewer runs and miss by more."""

    def known(*_):
        return lambda runs: np.log(true_loss(runs.column("N"), runs.column("D")))

    assert covered(np.random.default_rng(0), 400, 4) == pytest.approx(0.93, abs=0.05)
    monkeypatch.setattr("bayescale.validation.baselines._point_fit", known)
    assert covered(np.random.default_rng(0), 50, 100) == pytest.approx(0.92, abs=0.03)


@pytest.fixture
def halves(chinchilla_runs):
    split = splits(chinchilla_runs, (3,))[0]
    return chinchilla_runs.take(split.train), chinchilla_runs.take(split.test)


def test_conformal_draws_have_the_quantiles_of_the_definition(halves, monkeypatch):
    train, test = halves
    n_inner = len(splits(train, (3,)))
    monkeypatch.setattr("bayescale.validation.baselines._misses", lambda *_: np.arange(1, 20) / 100)
    sizes = np.sort(np.tile(np.arange(1, 20) / 100, n_inner))
    forecast = conformal(train, test, 0)
    draws = forecast.draws(np.random.default_rng(0)) - np.median(forecast.location, axis=0)
    for level in LEVELS:
        reach = sizes[int(np.ceil((len(sizes) + 1) * level - 1e-9)) - 1]
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        np.testing.assert_allclose([-low, high], reach, atol=1e-9)
    assert np.isfinite(forecast.log_density(test.column("loss"))).all()


def test_conformal_intervals_of_few_residuals_end_at_the_largest(halves, monkeypatch):
    train, test = halves
    monkeypatch.setattr("bayescale.validation.baselines._misses", lambda *_: np.array([0.1]))
    forecast = conformal(train, test, 0)
    reach = forecast.location - np.median(forecast.location, axis=0)
    assert np.abs(np.quantile(reach, [0.025, 0.05, 0.95, 0.975], axis=0)) == pytest.approx(0.1)


def test_conformal_is_undefined_where_training_has_no_split(chinchilla_runs, halves):
    few = chinchilla_runs.take(np.argsort(chinchilla_runs.column("C"))[:11])
    assert conformal(few, halves[1], 0) is None


CURVES = {
    "accuracy": lambda loss: 0.25 + 0.75 / (1 + np.exp(3 * (loss - 2.6))),
    "error": lambda loss: 0.85 - 2.2 * np.exp(-0.75 * loss),
}


@pytest.mark.parametrize("outcome", CURVES)
def test_two_steps_recover_a_curve_of_loss(outcome):
    rng = np.random.default_rng(1)
    frame = simulated(rng, 240, 0.001)
    noise = rng.normal(0, 0.05, len(frame))
    curve = CURVES[outcome](frame["loss"])
    frame[outcome] = 1 / (1 + (1 - curve) / curve * np.exp(noise))
    asked = {"outcome": outcome, "domain": "fraction"}
    train = bs.Runs.from_frame(frame, **asked)
    far = bs.Runs.from_frame(pd.DataFrame({"N": [2e10], "D": [4e11], outcome: [0.5]}), **asked)
    forecast = two_step(train, far, 0, outcome=outcome)
    truth = CURVES[outcome](true_loss(2e10, 4e11))
    assert forecast.link.inverse(forecast.location[0]) == pytest.approx(truth, abs=0.01)
    assert forecast.scale == pytest.approx(0.05, rel=0.2)


def test_two_steps_need_losses_and_fractions():
    frame = bs.load_dataset("gadre", group="c4").frame
    for lacking in (
        frame.drop(columns="loss"),
        frame.drop(columns=["N", "C"]),
        frame.assign(error=100 * frame["error"]),
    ):
        runs = bs.Runs.from_frame(lacking, outcome="error")
        assert two_step(runs, runs, 0, outcome="error") is None


@pytest.mark.slow
def test_a_law_of_error_is_compared_with_two_steps():
    summary = backtest("downstream_error", "gadre:c4", horizons=(10,)).summary().set_index("method")
    assert list(summary.index) == ["downstream_error", "two_step"]
    assert summary.loc["two_step", "n_test"] == summary.loc["downstream_error", "n_test"]
    assert np.isfinite(summary.to_numpy(dtype=float)).all()


@pytest.mark.slow
def test_discrepancy_covers_better_than_the_plain_law(measured):
    summary = measured.summary().set_index("method")
    assert set(summary.index) == {"tied", "plain", "bootstrap", "conformal", "isoflop", "last_value"}
    assert summary.loc["tied", "cover_0.9"] > summary.loc["plain", "cover_0.9"] + 0.1
    assert summary.loc["tied", "crps"] < summary.loc["bootstrap", "crps"]


@pytest.mark.slow
def test_document_has_the_promised_keys(measured):
    document = backtest_document(measured)
    (horizon,) = document["horizons"]
    assert document["law"] == "tied"
    assert {"horizon", "n_train", "n_test", "coverage", "crps", "log_score", "rmse", "bias"} <= set(horizon)
    assert set(horizon["coverage"]) == {"0.5", "0.8", "0.9", "0.95"}
    assert set(horizon["baselines"]) == {"plain", "bootstrap", "conformal", "isoflop", "last_value"}
    json.dumps(document, allow_nan=False)
