"""Forecasts that are registered before their runs are trained, and scored afterwards."""

import json

import numpy as np
import pandas as pd
import pytest
import scoringrules

from bayescale.basics.errors import OutputError, RegistrationError, RunsError
from bayescale.posterior.forecasting import forecast
from bayescale.validation.registration import Registered, register

POINTS = {"N": [70e9, 13e9], "D": [1.4e12, 260e9]}


@pytest.fixture(scope="module")
def registered(few_fit, tmp_path_factory):
    path = tmp_path_factory.mktemp("registered") / "forecast.json"
    return register(few_fit, path, seed=1, **POINTS), path


def observed(**changed):
    return pd.DataFrame({"N": [13e9, 70e9], "D": [260e9, 1.4e12], "loss": [2.1, 1.95]} | changed)


def test_a_file_is_read_as_it_was_written(registered):
    written, path = registered
    assert Registered.read(path) == written
    document = json.loads(path.read_text())
    assert document["sha256"] == written.hash
    assert document["fits"][0]["parameters"]["E"]["unit"] == "nats/token"


def test_scores_are_those_of_the_draws(registered, few_fit):
    written, _ = registered
    draws = forecast(few_fit, seed=1, **POINTS).draws["predictive"].to_numpy().reshape(-1, 2)[:, ::-1]
    table = observed()
    scores = written.score(table)
    assert scores["N"].tolist() == table["N"].tolist()
    np.testing.assert_allclose(scores["q50"], np.median(draws, axis=0))
    np.testing.assert_allclose(scores["error"], np.median(draws, axis=0) / table["loss"] - 1)
    np.testing.assert_allclose(scores["below"], (draws < table["loss"].to_numpy()).mean(axis=0), atol=0.005)
    np.testing.assert_allclose(scores["crps"], scoringrules.crps_ensemble(table["loss"].to_numpy(), draws.T), rtol=0.03)
    low, high = np.quantile(draws, [0.1, 0.9], axis=0)
    assert scores["inside_80"].tolist() == ((low < table["loss"]) & (table["loss"] < high)).tolist()


def test_runs_are_found_by_their_inputs_in_any_order_and_number(registered):
    scores = registered[0].score(pd.DataFrame({"N": [70e9, 70e9], "D": [1.4004e12, 1.4e12], "loss": [1.9, 2.0]}))
    assert scores["D"].tolist() == [1.4e12, 1.4e12]
    assert scores["q50"][0] == scores["q50"][1]


def test_other_runs_are_refused_by_name(registered):
    with pytest.raises(RegistrationError, match=r"run 2: N = 70B, D = 1.5T was not registered.* N = 70B, D = 1.4T"):
        registered[0].score(observed(D=[260e9, 1.5e12]))
    with pytest.raises(RunsError, match="loss"):
        registered[0].score(observed().drop(columns="loss"))
    with pytest.raises(RegistrationError, match="no column D"):
        registered[0].score(observed().drop(columns="D"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace('"n_runs": 11', '"n_runs": 12'), "was changed"),
        (lambda text: text.replace('"domain"', '"range"'), "entries are missing or unknown"),
        (lambda text: text.replace('"bayescale_forecast": 1', '"bayescale_forecast": 2'), "format 2"),
        (lambda text: text[:100], "no JSON"),
        (lambda _: '{"loss": 1}', "is no registered forecast"),
        (lambda _: "[1, 2]", "is no registered forecast"),
    ],
)
def test_what_was_not_registered_as_it_stands_is_refused(registered, tmp_path, change, words):
    path = tmp_path / "changed.json"
    path.write_text(change(registered[1].read_text()))
    with pytest.raises(RegistrationError, match=words):
        Registered.read(path)


def test_a_forecast_is_never_replaced_and_written_whole_or_not_at_all(registered, few_fit, tmp_path):
    before = registered[1].read_bytes()
    with pytest.raises(RegistrationError, match="not to be replaced"):
        register(few_fit, registered[1], **POINTS)
    assert registered[1].read_bytes() == before
    with pytest.raises(OutputError, match="does not exist"):
        register(few_fit, tmp_path / "nowhere" / "forecast.json", **POINTS)


def test_the_command_line_registers_and_scores(saved_fit, run_cli, elsewhere):
    (elsewhere / "observed.csv").write_text("params,tokens,loss\n70B,1.4T,1.95\n")
    asked = ("predict", saved_fit, "--at", "N=70B,D=1.4T", "--register", "forecast.json")
    status, out, _ = run_cli(*asked)
    assert status == 0
    assert Registered.read("forecast.json").hash in out
    status, out, _ = run_cli("score", "forecast.json", "--observed", "observed.csv")
    assert status == 0
    assert "inside their 90% interval: 1 of 1" in out
    status, out, _ = run_cli("score", "forecast.json", "--observed", "observed.csv", "--json")
    assert json.loads(out)["runs"][0]["inside_90"] is True
    assert run_cli(*asked)[::2] == (
        2,
        "bayescale: forecast.json: exists, and a registered forecast is not to be replaced: give another name\n",
    )
    assert run_cli("score", "observed.csv", "--observed", "observed.csv")[0] == 2
    assert run_cli("score", "absent.json", "--observed", "observed.csv")[0] == 2
