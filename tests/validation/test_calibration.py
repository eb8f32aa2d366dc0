"""Calibration of a fit on its own runs: the places agree with refits, and bands that are wrong are named."""

import numpy as np
import pytest
import xarray as xr

import bayescale as bs
from bayescale.posterior.forecasting import predicted_runs
from bayescale.posterior.single import fit_law
from bayescale.validation.calibration import Calibration


@pytest.fixture(scope="module")
def found(few_fit):
    return bs.calibration(few_fit)


def test_places_agree_with_fits_without_the_run(found, few_fit, few_runs):
    trusted = np.flatnonzero(found.runs["k_hat"] < 0.7)
    assert len(trusted) > len(few_runs) / 2
    for row in trusted[[0, -1]]:
        refit = fit_law("chinchilla", few_runs.drop(index=row), discrepancy=False)
        predicted, outcome = predicted_runs(refit, few_fit.runs.take(np.array([row])))
        drawn = predicted.draws(np.random.default_rng(0))[:, 0]
        place = (drawn < np.log(outcome)).mean()
        assert float(found.runs["probability"][row]) == pytest.approx(place, abs=0.03)


def test_numbers_come_with_the_range_of_a_calibrated_fit(found):
    table = found.summary().set_index("mass")
    assert table["inside"].between(0, 11).all()
    assert (table["low"] <= table["high"]).all()
    assert str(found).startswith("Chinchilla")
    assert not any("the bands are too" in warning or "not uniform" in warning for warning in found.warnings)


def calibrated(places, cluster=None):
    cluster = np.arange(len(places)) if cluster is None else cluster
    values = {name: ("run", np.zeros(len(places))) for name in ("observed", "k_hat")}
    runs = xr.Dataset({"probability": ("run", places), **values}, coords={"training_run": ("run", cluster)})
    return Calibration(runs, len(np.unique(cluster)), "a law on runs")


EVEN = (np.arange(100) + 0.5) / 100


def test_even_places_raise_no_warning():
    assert calibrated(EVEN).warnings == ()
    assert calibrated(EVEN).summary()["share"].tolist() == [0.5, 0.8, 0.9]


@pytest.mark.parametrize(
    ("places", "state"), [(0.5 + (EVEN - 0.5) / 2, "wide"), (np.round(EVEN) * 0.98 + 0.01, "narrow")]
)
def test_bands_that_are_too_wide_or_narrow_are_named(places, state):
    warnings = calibrated(places).warnings
    assert f"the bands are too {state}" in warnings[0]
    assert "not uniform" in warnings[-1]


def test_rows_of_one_training_run_count_once():
    cluster = np.repeat(np.arange(10), 10)
    wide, narrow = (
        np.ptp(each.summary()[["low", "high"]].to_numpy()[0]) for each in (calibrated(EVEN, cluster), calibrated(EVEN))
    )
    assert wide > 2 * narrow


def test_runs_that_cannot_be_left_out_by_weights_are_counted():
    found = calibrated(EVEN)
    found.runs["k_hat"][3] = 0.9
    assert found.warnings == (
        "1 of 100 runs has a Pareto k-hat above 0.7: where they lie is known only by fitting again without them",
    )
