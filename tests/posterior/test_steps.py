"""Laws in two steps as members of an ensemble: chosen by columns, weighted as all members, saved and forecast."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from promises import sketches

from bayescale import Runs, fit, load, load_law, save
from bayescale.basics.errors import CatalogError, LawError
from bayescale.planning.plan import plan
from bayescale.posterior.ensembles import with_risk
from bayescale.posterior.forecasting import forecast, predicted_runs
from bayescale.posterior.parts import error_given
from bayescale.posterior.replicates import posterior_predictive
from bayescale.posterior.steps import Steps
from bayescale.validation.calibration import calibration

THROUGH = "kaplan_c, then accuracy_of_loss"
OPTIONS = {"discrepancy": False, "draws": 250}


def table(n=24, seed=0):
    """Accuracies that are a function of the loss, up to the noise of 2,000 items, and losses by Kaplan's law."""
    rng = np.random.default_rng(seed)
    size = np.geomspace(1e7, 3e9, n)
    loss = (1e26 / (120 * size**2)) ** 0.06 * np.exp(rng.normal(0, 0.003, n))
    share = 0.25 + 0.75 * 0.95 / (1 + np.exp(6 * (loss - 2.7)))
    return pd.DataFrame(
        {
            "N": size,
            "D": 20 * size,
            "loss": loss,
            "accuracy": rng.binomial(2000, share) / 2000,
            "accuracy_n": 2000,
            "chance": 0.25,
        }
    )


@pytest.fixture(scope="module")
def runs():
    return Runs.from_frame(table(), outcome="accuracy")


@pytest.fixture(scope="module")
def mixed(runs):
    with sketches():
        return fit(["direct_accuracy", THROUGH], runs, **OPTIONS)


def test_weights_sum_to_one_and_favour_the_way_through_the_loss_where_it_is_right(mixed):
    assert mixed.weights.sum("law").to_numpy() == pytest.approx(1)
    assert float(mixed.weights.sel(law=THROUGH, horizon=10)) > 0.7


def test_both_steps_are_one_member_with_the_parameters_of_both(mixed):
    through = mixed.members[THROUGH]
    assert isinstance(through, Steps)
    assert {"alpha_C", "rise", "sigma", "sigma_loss"} <= set(through.summary().index)
    assert through.law.input_names == ("C",)
    assert mixed.title == f"Ensemble of direct_accuracy; {THROUGH}"


def test_runs_lie_in_their_predictive_distributions(mixed, runs):
    found, observed = predicted_runs(mixed.members[THROUGH], runs)
    places = (found.draws(np.random.default_rng(0)) < found.link.forward(np, observed)).mean(axis=0)
    assert 0.8 < (abs(places - 0.5) < 0.45).mean() <= 1


@pytest.fixture(scope="module")
def saved(mixed, tmp_path_factory):
    return save(mixed, tmp_path_factory.mktemp("steps") / "mixed.nc")


def test_a_saved_ensemble_forecasts_the_same(mixed, saved):
    again = load(saved)
    assert isinstance(again.members[THROUGH], Steps)
    assert again.members[THROUGH].record == mixed.members[THROUGH].record
    assert forecast(again, C=1e22).draws.equals(forecast(mixed, C=1e22).draws)


def test_a_saved_member_is_the_same(mixed, tmp_path):
    through = mixed.members[THROUGH]
    again = load(save(through, tmp_path / "through.nc"))
    assert type(again) is Steps
    assert again.summary().equals(through.summary())


def test_steps_draw_again_what_was_fitted(mixed):
    drawn = posterior_predictive(mixed.members[THROUGH]).summary()
    assert 0.7 < drawn["probability"].between(0.05, 0.95).mean() <= 1


def test_far_outcomes_of_the_first_step_leave_the_discrepancy_of_the_others(runs):
    with sketches():
        second = fit("accuracy_of_loss", runs, draws=250)
    near = np.random.default_rng(0).normal(second.centre["loss"], 0.01, (len(second.parameters["sigma"]), 1))
    far = near.copy()
    far[:2, 0] = 0.01, 1e4
    drawn = [error_given(second, values, np.random.default_rng(1))[2:] for values in (near, far)]
    widths = [np.diff(np.quantile(each, (0.05, 0.95))) for each in drawn]
    np.testing.assert_allclose(widths[1], widths[0], rtol=0.2)


def test_the_risk_of_a_break_reaches_a_forecast_in_two_steps(mixed):
    risky = with_risk(mixed, probability=0.5, size=0.5).members[THROUGH]
    sure = mixed.members[THROUGH]
    low, usual = (forecast(each, C=1e24).draws["latent"].mean().item() for each in (risky, sure))
    assert low < usual


def test_that_the_second_step_extrapolates_is_said_where_it_decides(mixed):
    (text,) = (text for text in forecast(mixed, C=1e22).warnings if "extrapolates" in text)
    assert "of laws with" in text
    equal = replace(mixed, weights=xr.full_like(mixed.weights, 0.5))
    assert not any("extrapolates" in text for text in forecast(equal, C=1e22).warnings)
    alone = forecast(mixed.members[THROUGH], C=1e22).warnings
    assert any(text.endswith("the second step extrapolates too") for text in alone)


def test_the_best_run_is_that_of_the_first_step(runs):
    with sketches():
        through = fit("tied, then accuracy_of_loss", Runs.from_frame(varied(), outcome="accuracy"), **OPTIONS)
    best, first = (plan(each, budget=1e22).draws for each in (through, through.first))
    assert best["N"].equals(first["N"])
    assert 0.25 < best["loss"].median() < 1
    assert best["loss"].attrs["units"] == "fraction"


def varied():
    """The same runs with tokens per parameter from 5 to 80."""
    frame = table()
    return frame.assign(D=frame["N"] * np.tile([5.0, 20.0, 80.0], len(frame) // 3))


def test_priors_reach_the_step_that_reports_what_they_are_on(runs):
    priors = {"alpha_C": 0.06, "missed": 0.05, "sigma_loss": 0.003}
    with sketches():
        through = fit(THROUGH, runs, priors=priors, **OPTIONS)
    assert through.parameters["alpha_C"] == pytest.approx(0.06)
    assert through.second.parameters["missed"] == pytest.approx(0.05)
    assert through.first.parameters["sigma"] == pytest.approx(0.003)
    assert set(through.record.priors) == set(priors)


def test_runs_are_left_out_of_both_steps(runs):
    few = runs.take(np.arange(0, len(runs), 4))
    with sketches():
        found = calibration(fit(THROUGH, few, **OPTIONS))
    assert found.runs["probability"].to_numpy() == pytest.approx(0.5, abs=0.5)
    assert found.runs.sizes["run"] == len(few)


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        ("tied, then chinchilla", LawError, "law 'chinchilla' reads N, D: a second step reads loss"),
        ("tied, then nope", CatalogError, "no law 'nope'"),
        (f"{THROUGH}, then accuracy_of_loss", LawError, "law 'accuracy_of_loss' reads loss: a second step reads acc"),
    ],
)
def test_steps_that_cannot_follow_are_refused_in_one_line(name, error, text):
    with pytest.raises(error, match=text) as refused:
        load_law(name)
    assert "\n" not in str(refused.value)


def test_what_needs_one_discrepancy_names_the_steps(mixed):
    with pytest.raises(LawError, match=r"each with a discrepancy of its own.*give kaplan_c or accuracy"):
        _ = mixed.members[THROUGH].basis


def test_the_command_line_names_the_steps(saved):
    done = subprocess.run(
        [sys.executable, "-m", "bayescale", "predict", str(saved), "--at", "C=1e22"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    out = " ".join(done.stdout.split())
    assert "accuracy (fraction)" in out
    assert "fit: Kaplan, compute alone, then Accuracy from loss" in out
    assert f"; {THROUGH} 0." in out
