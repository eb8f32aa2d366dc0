"""Settings that are tuned: what a forecast and a plan leave out is taken at its best, draw by draw."""

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.basics.errors import LawError
from bayescale.data.checks import observe
from bayescale.planning.allocation import optimum
from bayescale.posterior.forecasting import forecast

PLACE = {"N": 1e9, "D": 1e11}


def sweep(batches=(6e4, 2e5, 8e5)):
    """Nine combinations of learning rate and batch at each of four pairs of N and D."""
    grid = np.meshgrid([1e8, 4e8], [2e9, 8e9], [5e-4, 1e-3, 2e-3], batches, indexing="ij")
    columns = dict(zip(("N", "D", "lr", "batch"), map(np.ravel, grid), strict=True))
    return pd.DataFrame({**columns, "loss": 3.5 * (columns["N"] * columns["D"] / 1e18) ** -0.05})


@pytest.fixture(scope="module")
def tuned_fit():
    return bs.draw_prior("hyperparameters", bs.Runs.from_frame(sweep()), draws=50)


def test_a_forecast_without_them_is_of_a_tuned_run(tuned_fit):
    found = forecast(tuned_fit, **PLACE)
    assert found.tuned == ("lr", "batch")
    p = tuned_fit.parameters
    rate = p["lr_coefficient"] * PLACE["N"] ** p["lr_N"] * PLACE["D"] ** p["lr_D"]
    np.testing.assert_allclose(found.draws["lr"].to_numpy().ravel(), rate, rtol=1e-9)
    row = found.summary().iloc[0]
    assert row["lr_q05"] < row["lr_q50"] < row["lr_q95"]


def test_a_run_with_other_settings_is_never_better(tuned_fit):
    best, given = (forecast(tuned_fit, **PLACE, **extra).draws for extra in ({}, {"lr": 1e-3, "batch": 2e5}))
    assert "lr" not in given.data_vars
    # The same seed draws the same discrepancy.
    assert (given["latent"] > best["latent"]).all()


def test_the_best_rate_is_that_for_the_batch_that_is_given(tuned_fit):
    small, large = (forecast(tuned_fit, **PLACE, batch=batch).draws["lr"].to_numpy().ravel() for batch in (1e5, 4e5))
    np.testing.assert_allclose(large / small, 4 ** tuned_fit.parameters["lr_batch"], rtol=1e-9)


def test_a_plan_names_them_beside_size_and_tokens(tuned_fit):
    best = optimum(tuned_fit, 1e21)
    assert {"lr", "batch"} <= set(best.summary()["quantity"])
    assert best.draws["lr"].dims == best.draws["N"].dims


def test_what_is_not_tuned_must_be_given(tuned_fit):
    with pytest.raises(LawError, match="D is missing"):
        forecast(tuned_fit, N=1e9)


def test_a_sweep_that_the_law_reads_is_no_reason_for_doubt():
    runs = bs.Runs.from_frame(sweep())
    doubts = [" ".join(observe(bs.load_law(name), runs).warnings) for name in ("hyperparameters", "chinchilla")]
    assert ["each counts as a run of the law" in text for text in doubts] == [False, True]
