"""JSON documents: the keys that other programs rely on, and numbers at full precision."""

import json

import numpy as np
import pytest

from bayescale.cli.documents import limits_document, plan_document, predict_document
from bayescale.planning.allocation import optimum
from bayescale.planning.attainable import attainable
from bayescale.planning.limits import limits
from bayescale.posterior.forecasting import forecast

TAILS = ["q05", "q50", "q95"]


@pytest.fixture(scope="module")
def plan(chinchilla_fit):
    return plan_document(chinchilla_fit, optimum(chinchilla_fit, [5.76e23, 1e26]))


@pytest.fixture(scope="module")
def predictions(chinchilla_fit):
    return predict_document(forecast(chinchilla_fit, N=[1e9, 70e9], D=[2e10, 1.4e12]))


def test_keys_of_a_plan(plan):
    assert {"law", "dataset", "n_runs", "engine", "diagnostics", "parameters", "budgets", "warnings"} <= plan.keys()
    assert {"pareto_k", "ess_min", "r_hat_max"} <= plan["diagnostics"].keys()
    assert (plan["law"], plan["dataset"], plan["n_runs"]) == ("chinchilla", "chinchilla", 240)
    for summary in plan["parameters"].values():
        assert list(summary) == ["mean", "sd", *TAILS]
    for budget in plan["budgets"]:
        assert list(budget) == ["C", "N", "D", "tokens_per_parameter", "loss", "N_law", "D_law"]
        assert all(list(budget[name]) == TAILS for name in list(budget)[1:])
    assert [budget["C"] for budget in plan["budgets"]] == [5.76e23, 1e26]


def test_a_plan_names_all_parameters_as_in_the_posterior(plan, chinchilla_fit):
    assert set(plan["parameters"]) == set(chinchilla_fit.parameters)
    assert {"E", "A", "B", "alpha_N", "beta_D", "a_opt", "sigma"} <= plan["parameters"].keys()


def test_keys_of_predictions(predictions):
    assert {"predictions"} <= predictions.keys()
    for point, (N, D) in zip(predictions["predictions"], [(1e9, 2e10), (70e9, 1.4e12)], strict=True):
        assert list(point) == ["N", "D", "loss"]
        assert (point["N"], point["D"]) == (N, D)
        assert list(point["loss"]) == ["mean", "sd", "q05", "q25", "q50", "q75", "q95"]


def test_keys_of_limits(chinchilla_fit):
    found = limits([2028, 2030])
    document = limits_document(found)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    quartiles = ["q05", "q25", "q50", "q75", "q95"]
    assert list(document) == ["unit", "years", "compute_growth", "efficiency_growth", "warnings", "notes"]
    for year, at in zip((2028, 2030), document["years"], strict=True):
        assert at["year"] == year
        assert list(at["largest"]) == list(at["trend"]) == list(document["compute_growth"]) == quartiles
        assert all(list(limit) == [*quartiles, "binds"] for limit in at["limits"].values())
        assert sum(limit["binds"] for limit in at["limits"].values()) == pytest.approx(1)
        assert at["overtaken"] == found.overtaken.sel(year=year).item()
        assert at["largest"]["q50"] == found.draws["largest"].sel(year=year).median().item()
    reached = attainable(found, chinchilla_fit)
    document = limits_document(found, chinchilla_fit, reached)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["law"] == "chinchilla"
    assert list(document["attainable"][1]) == ["year", "C", "loss", "N", "D", "tokens_per_parameter"]
    assert document["attainable"][1]["loss"]["q95"] == reached.draws["loss"].isel(budget=1).quantile(0.95).item()
    assert any("times the largest run" in text for text in document["warnings"])
    assert any("rank correlation" in text for text in document["notes"])


def test_numbers_are_those_of_python_at_full_precision(plan, predictions, chinchilla_fit):
    draws = chinchilla_fit.parameters["E"]
    assert plan["parameters"]["E"]["mean"] == pytest.approx(draws.mean(), rel=1e-14)
    assert plan["parameters"]["E"]["q05"] == np.quantile(draws, 0.05)
    predictive = forecast(chinchilla_fit, N=1e9, D=2e10).summary(0.5)
    assert predictions["predictions"][0]["loss"]["q25"] == pytest.approx(predictive["q25"][0], rel=1e-2)
    loss = optimum(chinchilla_fit, [5.76e23, 1e26]).draws["loss"].isel(budget=1)
    assert plan["budgets"][1]["loss"]["q95"] == float(loss.quantile(0.95))


def test_documents_are_json_and_what_is_undefined_is_null(plan, predictions):
    for document in (plan, predictions):
        assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert plan["diagnostics"]["r_hat_max"] is None
