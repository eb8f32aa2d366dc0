"""Forecasts: bands that grow where they should, on points that are checked."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from bayescale.basics.errors import LawError
from bayescale.basics.intervals import SAMPLE_DIMS
from bayescale.posterior.forecasting import forecast

sizes = st.floats(1e6, 1e13)


def width(values, mass=0.9):
    low, high = values.quantile([(1 - mass) / 2, (1 + mass) / 2], dim=SAMPLE_DIMS)
    return (high - low).to_numpy()


def test_draws_have_arviz_dims_units_and_the_points(chinchilla_fit):
    draws = forecast(chinchilla_fit, N=[1e9, 70e9], D=[2e10, 1.4e12]).draws
    for name in ("latent", "predictive"):
        assert draws[name].dims == ("chain", "draw", "point")
        assert draws[name].shape == (4, 1000, 2)
        assert draws[name].attrs["units"] == "nats/token"
    np.testing.assert_array_equal(draws["N"], [1e9, 70e9])


def test_the_latent_mean_is_the_law(chinchilla_fit):
    p = chinchilla_fit.parameters
    draws = forecast(chinchilla_fit, N=70e9, D=1.4e12).draws["latent"].to_numpy().ravel()
    expected = p["E"] + p["A"] * 70e9 ** -p["alpha_N"] + p["B"] * 1.4e12 ** -p["beta_D"]
    np.testing.assert_allclose(draws, expected, rtol=1e-12)


def test_a_new_run_is_less_certain_than_the_law(chinchilla_fit):
    draws = forecast(chinchilla_fit, N=1e9, D=2e10).draws
    assert width(draws["predictive"]) > 2 * width(draws["latent"])
    ratio = np.log(draws["predictive"] / draws["latent"])
    assert abs(float(ratio.median())) < 0.1 * float(np.median(chinchilla_fit.parameters["sigma"]))


def test_bands_widen_with_extrapolation(chinchilla_fit):
    compute = np.geomspace(1e21, 1e27, 7)
    N = np.sqrt(compute / 120)
    assert (np.diff(width(forecast(chinchilla_fit, N=N, D=20 * N).draws["latent"])) > 0).all()


def test_bands_widen_with_their_mass(few_fit):
    bands = forecast(few_fit, N=1e10, D=2e11)
    widths = [(table := bands.summary(mass)).iloc[0, -1] - table.iloc[0, -3] for mass in (0.5, 0.8, 0.9, 0.95)]
    assert (np.diff(widths) > 0).all()


def test_summary_names_its_columns_and_can_be_of_the_law(few_fit):
    bands = forecast(few_fit, N=[1e9, 1e10], D=2e11)
    assert list(bands.summary().columns) == ["N", "D", "mean", "sd", "q05", "q50", "q95"]
    assert list(bands.summary(0.95).columns[4:]) == ["q2.5", "q50", "q97.5"]
    assert (bands.summary(latent=True)["sd"] < bands.summary()["sd"]).all()
    assert "posterior predictive" in str(bands)
    assert "10B" in str(bands)


@pytest.mark.parametrize("mass", [0, 1, 90, np.nan])
def test_an_interval_without_mass_is_refused(few_fit, mass):
    with pytest.raises(ValueError, match="between 0 and 1"):
        forecast(few_fit, N=1e9, D=1e10).summary(mass)


def test_inputs_broadcast(few_fit):
    bands = forecast(few_fit, N=np.array([1e9, 2e9, 4e9]), D=1e11)
    assert bands.points["D"].tolist() == [1e11] * 3
    one_by_one = [forecast(few_fit, N=N, D=1e11).draws["latent"].to_numpy()[..., 0] for N in (1e9, 2e9, 4e9)]
    np.testing.assert_array_equal(bands.draws["latent"], np.stack(one_by_one, axis=-1))
    grid = forecast(few_fit, N=np.array([[1e9], [2e9]]), D=np.array([1e10, 1e11, 1e12]))
    assert len(grid.points) == 6


def test_a_seed_repeats_the_noise_and_another_changes_only_that(few_fit):
    first, again, other = (forecast(few_fit, N=1e9, D=1e11, seed=seed).draws for seed in (5, 5, 6))
    xr.testing.assert_equal(first, again)
    assert first["latent"].equals(other["latent"])
    assert not np.isclose(first["predictive"], other["predictive"], rtol=1e-12).any()


@pytest.mark.parametrize(
    ("point", "said"),
    [
        ({"N": 1e9}, "law 'chinchilla' takes N, D: D is missing"),
        ({"N": 1e9, "D": 1e10, "lr": 1}, "lr is not an input"),
        ({"N": 0, "D": 1e10}, "point 1: N is 0, but must be a finite number above zero"),
        ({"N": 1e9, "D": [1e10, -1]}, "point 2: D is -1"),
        ({"N": [1e9, np.nan], "D": 1e10}, "point 2: N is nan"),
        ({"N": 1e9, "D": np.inf}, "point 1: D is inf"),
    ],
)
def test_bad_points_are_refused(few_fit, point, said):
    with pytest.raises(LawError) as caught:
        forecast(few_fit, **point)
    assert said in str(caught.value)


def test_compute_stands_for_the_input_that_is_missing(few_fit):
    """Of N, D and C two give the third, as in a table."""
    asked = [{"N": 1e9, "D": 2e10}, {"N": 1e9, "C": 1.2e20}, {"D": 2e10, "C": 1.2e20}]
    both, of_size, of_data = (forecast(few_fit, **each) for each in asked)
    np.testing.assert_allclose(of_size.draws["latent"], both.draws["latent"], rtol=1e-9)
    np.testing.assert_allclose(of_data.draws["latent"], both.draws["latent"], rtol=1e-9)
    assert of_size.points["D"].item() == pytest.approx(2e10)


def test_points_that_do_not_broadcast_are_refused(few_fit):
    with pytest.raises(ValueError, match="broadcast"):
        forecast(few_fit, N=[1e9, 2e9], D=[1e10, 2e10, 3e10])


def test_numbers_of_any_size_give_finite_bands(chinchilla_fit):
    draws = forecast(chinchilla_fit, N=[1, 1e300], D=[1e300, 1]).draws
    assert np.isfinite(draws["predictive"]).all()


def test_compute_beyond_what_was_ever_measured_is_doubted(chinchilla_fit):
    largest = float(chinchilla_fit.tree["constant_data"]["C"].max())
    inside, beyond = (forecast(chinchilla_fit, N=1e9, D=times * largest / 6e9) for times in (29, 31))
    assert inside.warnings == ()
    assert "31 times the largest run (1.3e+22 FLOP)" in beyond.warnings[0]


@given(N=sizes, D=sizes, factor=st.floats(1.01, 100))
def test_loss_falls_with_parameters_and_tokens_and_stays_above_its_floor(skaling_fit, N, D, factor):
    draws = forecast(skaling_fit, N=[N, N * factor, N], D=[D, D, D * factor]).draws["latent"].to_numpy()
    assert (draws[..., 1] < draws[..., 0]).all()
    assert (draws[..., 2] < draws[..., 0]).all()
    assert (draws > skaling_fit.parameters["E"].reshape(4, 1000, 1)).all()
