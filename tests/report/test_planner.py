"""What the planner page is given: surfaces that hold the posterior's own optima, and the error of thinning."""

import base64
from dataclasses import replace

import numpy as np
import pytest

from bayescale.basics.errors import LawError
from bayescale.planning.allocation import law_optimum, lowest, optimum
from bayescale.posterior.forecasting import forecast
from bayescale.report.planner import DRAWS, packed, spread, surfaces, thinning_error


@pytest.fixture(scope="module")
def found(chinchilla_fit):
    """Surfaces of a law taken as true."""
    return surfaces(chinchilla_fit, [5.76e23, 1e26], draws=200)


def test_surfaces_are_the_posteriors_own_means(found, chinchilla_fit):
    row, size = 20, 11
    N = np.exp(found.log_sizes[row, size])
    latent = forecast(chinchilla_fit, N=N, D=np.exp(found.log_compute[row]) / (6 * N)).draws["latent"]
    np.testing.assert_allclose(found.latent[:, row, size], np.log(latent.to_numpy().ravel()[::20]), rtol=1e-12)


def test_budgets_reach_from_the_smallest_run_to_ten_times_the_largest_budget(found, chinchilla_fit):
    compute = chinchilla_fit.runs.column("C")
    assert np.exp(found.log_compute[0]) <= compute.min()
    assert np.exp(found.log_compute[-1]) == pytest.approx(1e27, rel=1e-9)
    np.testing.assert_allclose(np.diff(found.log_compute), np.diff(found.log_compute)[0])


def test_the_grid_holds_every_draws_optimum_well_inside(found, chinchilla_fit):
    optima = np.log(law_optimum(chinchilla_fit.law, chinchilla_fit.parameters, np.exp(found.log_compute)))
    low, high = np.quantile(optima, [0.001, 0.999], axis=0)
    assert (found.log_sizes[:, 0] < low - 2.9).all()
    assert (found.log_sizes[:, -1] > high + 2.9).all()


def test_parabolas_on_the_grid_find_the_closed_form_optimum(found, chinchilla_fit):
    thin = {name: values[::20] for name, values in chinchilla_fit.parameters.items()}
    exact = np.log(law_optimum(chinchilla_fit.law, thin, np.exp(found.log_compute)))
    for row in (0, 18, 35):
        on_grid = lowest(found.log_sizes[row], found.latent[:, row])
        np.testing.assert_allclose(on_grid, exact[:, row], atol=0.01)


def test_noise_is_that_of_a_new_run(found, chinchilla_fit):
    drawn = forecast(chinchilla_fit, N=7e10, D=1.4e12).draws
    expected = np.log(drawn["predictive"] / drawn["latent"]).to_numpy()
    shown = surfaces(chinchilla_fit, [1e22], draws=4000).noise
    assert np.quantile(shown, [0.05, 0.5, 0.95]) == pytest.approx(np.quantile(expected, [0.05, 0.5, 0.95]), abs=6e-4)


def test_a_budget_far_away_makes_the_grid_coarser_but_not_larger(chinchilla_fit):
    far = surfaces(chinchilla_fit, [1e40], draws=10)
    assert len(far.log_compute) == 36
    assert np.exp(far.log_compute[-1]) == pytest.approx(1e41, rel=1e-9)


def test_optima_that_the_runs_leave_open_do_not_make_the_grid_endlessly_coarse(few_fit):
    wild = replace(few_fit)
    wild.parameters["A"] = np.where(np.arange(4000) < 40, 1e15, 1.0) * few_fit.parameters["A"]
    assert surfaces(wild, [1e23], draws=50).step < 1.0


def test_thinning_error_is_the_spread_between_subsets(chinchilla_fit):
    best = optimum(chinchilla_fit, [1e24]).draws
    said = thinning_error(best, DRAWS, 0.9)["N"]
    n = best["N"].to_numpy().ravel()
    rng = np.random.default_rng(0)
    medians = [np.median(rng.choice(n, DRAWS)) for _ in range(400)]
    # Of the worst of three quantiles, so at least that of the median, and not another order.
    assert 0.5 * np.std(medians) / np.median(n) < said < 8 * np.std(medians) / np.median(n)
    assert thinning_error(best, 4000, 0.9)["N"] == 0


def test_rows_are_spread_evenly_over_the_order():
    values = np.random.default_rng(0).permutation(1000).astype(float)
    np.testing.assert_array_equal(values[spread(values, 5)], [0, 250, 500, 749, 999])
    np.testing.assert_array_equal(np.sort(spread(values, 1000)), np.arange(1000))


def test_arrays_are_packed_in_row_order_little_endian():
    assert base64.b64decode(packed(np.array([[1.0, 2.0], [3.0, 4.0]]), "<u2")) == bytes([1, 0, 2, 0, 3, 0, 4, 0])


def test_a_law_of_other_inputs_has_no_surfaces(few_fit, monkeypatch):
    monkeypatch.setattr(type(few_fit.law), "input_names", ("steps",))
    with pytest.raises(LawError, match="an optimum needs a law of N and D"):
        surfaces(few_fit, [1e23])
