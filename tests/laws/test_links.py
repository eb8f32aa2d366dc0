"""Links: outcomes of three domains are read, fitted, forecast and refused as their scale asks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescale.basics.errors import LawError, RunsError
from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.laws.catalog import load_law
from bayescale.laws.links import IDENTITY, LOG, LOGIT
from bayescale.posterior.forecasting import forecast, predicted, predicted_runs
from bayescale.posterior.replicates import with_posterior_predictive
from bayescale.posterior.single import fit_law

LAW = load_law("sigmoid_accuracy")


def accuracies(values, **columns):
    table = {"C": np.geomspace(1e19, 1e23, len(values)), "accuracy": values, **columns}
    return Runs.from_frame(pd.DataFrame(table), source="a.csv", outcome="accuracy", domain="fraction")


@pytest.mark.parametrize("link", [LOG, LOGIT, IDENTITY], ids=lambda link: link.name)
@given(z=st.floats(-20, 20))
def test_links_go_there_and_back(link, z):
    assert float(link.forward(np, np.array(link.inverse(np.array(z))))) == pytest.approx(z, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("link", [LOG, LOGIT, IDENTITY], ids=lambda link: link.name)
@given(y=st.floats(0.01, 0.99))
def test_slope_is_the_derivative(link, y):
    step = 1e-6
    rise = (link.forward(np, np.array(y + step)) - link.forward(np, np.array(y - step))) / (2 * step)
    assert float(link.slope(np.array(y))) == pytest.approx(float(rise), rel=1e-4)


@given(right=st.integers(0, 50), items=st.integers(1, 50))
def test_counts_go_to_finite_log_odds(right, items):
    share = min(right, items) / items
    odds = np.exp(Observed(LAW, accuracies([share, 0.5], accuracy_n=[items, items])).on_link)
    np.testing.assert_allclose(odds / (1 + odds), (np.array([share, 0.5]) * items + 0.5) / (items + 1), atol=1e-12)


def test_counts_scatter_as_their_standard_errors_say():
    share, items = 0.3, 200
    rng = np.random.default_rng(0)
    counted = accuracies(rng.binomial(items, share, size=20_000) / items, accuracy_n=items)
    assert Observed(LAW, counted).on_link.mean() == pytest.approx(np.log(0.3 / 0.7), abs=0.005)
    errors = Observed(LAW, counted).standard_error
    assert Observed(LAW, counted).on_link.std() == pytest.approx(np.sqrt(np.square(errors).mean()), rel=0.02)


def test_standard_errors_are_taken_to_the_link():
    runs = accuracies([0.2, 0.5], accuracy_se=[0.01, 0.02])
    np.testing.assert_allclose(Observed(LAW, runs).standard_error, [0.01 / 0.16, 0.02 / 0.25])
    assert Observed(LAW, accuracies([0.2, 0.5])).standard_error is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.3, 1.2], "a.csv, row 2, column accuracy: 1.2 is not between 0 and 1"),
        ([0.3, -0.1], "a.csv, row 2, column accuracy: -0.1 is not between 0 and 1"),
        ([0.0, 0.4], "a.csv, row 1, column accuracy: 0 is at the end of its range: give the number of items"),
        ([0.4, 1.0], "row 2, column accuracy: 1 is at the end of its range"),
        (["70%", 0.4], "a.csv, row 1, column accuracy"),
        ([31.4, 70.2], r"a\.csv, column accuracy: values up to 70\.2 look like per cent: divide them by 100"),
    ],
)
def test_what_is_no_fraction_is_refused(values, said):
    with pytest.raises(RunsError, match=said):
        accuracies(values)


def test_items_are_counted_and_standard_errors_yield_to_them():
    with pytest.raises(RunsError, match=r"row 1, column accuracy_n: 0\.5 is not 1 or more"):
        accuracies([0.3, 0.4], accuracy_n=[0.5, 10])
    both = accuracies([0.3, 0.4], accuracy_n=10, accuracy_se=0.1)
    assert both.warnings == (
        "columns accuracy_n and accuracy_se both give the precision of accuracy: accuracy_n is used",
    )


def test_one_sided_noise_is_for_outcomes_that_poor_tuning_raises():
    runs = accuracies([0.3, 0.4, 0.5, 0.6])
    with pytest.raises(LawError, match="one_sided' is for outcomes that poor tuning raises"):
        fit_law("sigmoid_accuracy", runs, noise="one_sided", discrepancy=False)


def test_losses_stay_positive_and_ratings_need_not_be():
    frame = pd.DataFrame({"N": [1e6, 1e7], "elo": [-300.0, 20.0]})
    with pytest.raises(RunsError, match=r"column rating: -300\.0 is not above zero"):
        Runs.from_frame(frame.rename(columns={"elo": "rating"}), outcome="rating")
    assert Runs.from_frame(frame).column("elo").tolist() == [-300.0, 20.0]
    with pytest.raises(RunsError, match="missing value"):
        Runs.from_frame(frame.assign(elo=[np.nan, 1.0]), outcome="elo", domain="real")


def test_runs_of_another_domain_are_checked_by_the_law():
    runs = Runs.from_frame(pd.DataFrame({"C": [1e20, 1e21], "accuracy": [0.5, 1.5]}), domain="positive")
    with pytest.raises(RunsError, match=r"row 2, column accuracy: 1\.5 is not between 0 and 1"):
        fit_law("sigmoid_accuracy", runs)


@pytest.fixture(scope="module")
def counted():
    """Twelve models of a known sigmoid, each asked 500 questions with four answers."""
    C, rng = np.geomspace(1e19, 1e24, 12), np.random.default_rng(3)
    true = 0.25 + 0.75 * 0.95 / (1 + (1e22 / C) ** 0.5)
    right = rng.binomial(500, true) / 500
    return accuracies(right, C=C, accuracy_n=500, chance=0.25), true


@pytest.fixture(scope="module")
def counted_fit(counted):
    return fit_law("sigmoid_accuracy", counted[0], discrepancy=False)


def test_accuracy_is_recovered_from_counts(counted_fit):
    assert counted_fit.certified
    log_middle = np.log(counted_fit.parameters["C_mid"])
    assert abs(log_middle.mean() - np.log(1e22)) < 3 * log_middle.std()
    assert np.quantile(counted_fit.parameters["sigma"], 0.95) < 0.4, "binomial noise is not taken for scatter"


def test_bands_of_accuracy_stay_between_chance_and_one(counted_fit):
    bands = forecast(counted_fit, C=[1e15, 1e22, 1e30]).draws
    assert ((bands["predictive"] > 0) & (bands["predictive"] < 1)).all()
    latent = bands["latent"].median(dim=("chain", "draw")).to_numpy()
    assert latent[0] == pytest.approx(0.25, abs=0.03)
    assert 0.8 < latent[2] < 1
    assert (np.diff(latent) > 0).all()


def test_settings_shared_by_the_runs_need_not_be_said(counted_fit):
    given, silent = forecast(counted_fit, C=1e23, chance=0.25), forecast(counted_fit, C=1e23)
    assert given.draws.equals(silent.draws)
    with pytest.raises(LawError, match=r"chance is 1\.5, but must be a finite number from 0 to less than 1"):
        forecast(counted_fit, C=1e23, chance=1.5)
    with pytest.raises(LawError, match=r"chance was 0\.25 in the fit, and 0\.5 is asked for"):
        forecast(counted_fit, C=1e23, chance=0.5)


def test_settings_that_differ_between_runs_must_be_said(counted):
    frame = counted[0].frame.assign(chance=np.repeat([0.25, 0.2], 6))
    runs = Runs.from_frame(frame, outcome="accuracy", domain="fraction")
    fitted = fit_law("sigmoid_accuracy", runs, discrepancy=False)
    with pytest.raises(LawError, match="chance is missing"):
        forecast(fitted, C=1e23)


def test_a_missing_column_of_a_setting_is_its_default(counted):
    runs = Runs.from_frame(counted[0].frame.drop(columns="chance"), outcome="accuracy", domain="fraction")
    assert fit_law("sigmoid_accuracy", runs, draws=50, discrepancy=False).inputs["chance"].tolist() == [0.0] * 12


def test_predictions_of_measured_runs_include_their_measurement(counted, counted_fit):
    forecasts, observed = predicted_runs(counted_fit, counted[0])
    alone = predicted(counted_fit, {"C": counted[0].column("C")})
    assert (forecasts.scale > alone.scale).all()
    np.testing.assert_allclose(LAW.link.forward(np, observed), Observed(LAW, counted[0]).on_link)


def test_replicates_look_like_the_runs(counted_fit):
    replicates = with_posterior_predictive(counted_fit).tree["posterior_predictive"]["accuracy"]
    low, high = np.quantile(replicates.to_numpy().reshape(-1, 12), [0.005, 0.995], axis=0)
    observed = LAW.link.inverse(counted_fit.on_link)
    assert ((observed > low) & (observed < high)).all()


def test_saved_fits_of_counts_come_back(counted_fit, tmp_path):
    from bayescale.posterior.storage import load, save

    again = load(save(counted_fit, tmp_path / "a.nc"))
    assert forecast(again, C=1e24).draws.equals(forecast(counted_fit, C=1e24).draws)
    np.testing.assert_allclose(again.runs.column("accuracy"), counted_fit.runs.column("accuracy"))


def test_a_law_of_ratings_is_recovered():
    N, rng = np.geomspace(1e4, 1e7, 16), np.random.default_rng(1)
    elo = -200 + 400 * 0.8 * np.log10(N / 3e5) + rng.normal(scale=40, size=16)
    frame = pd.DataFrame({"N": N, "elo": elo})
    fitted = fit_law("bradley_terry", Runs.from_frame(frame, outcome="elo", domain="real"), discrepancy=False)
    assert fitted.certified
    exponent = fitted.parameters["exponent"]
    assert abs(exponent.mean() - 0.8) < 3 * exponent.std()
    bands = forecast(fitted, N=1e3).summary()
    assert bands["q05"].item() < -200 + 320 * np.log10(1e3 / 3e5) < bands["q95"].item()
