"""Chains of NUTS: which limits they miss, and how they go on."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from bayescale.sampling import nuts

MODEL = SimpleNamespace(free_RVs=[SimpleNamespace(name="x", ndim=0)], named_vars_to_dims={})


def chains_of(draws, r_hat):
    values = xr.DataArray(np.tile(np.arange(draws), (2, 1)), dims=("chain", "draw"))
    return nuts.NutsResult(xr.Dataset({"x": values}), xr.Dataset({"lp": values}), r_hat, {"x": 500.0}, 0.0)


class Calls(list):
    """Lengths and seed of each call, and whether its mass matrix has correlations."""

    def __init__(self):
        super().__init__()
        self.correlated = []


@pytest.fixture
def sampled(monkeypatch):
    """Calls of the sampler, whose chains have these R-hats in turn and take a second for every ten draws."""
    calls, clock = Calls(), [0.0]

    def prepare(*r_hats):
        def chains(ready, names, *, draws, tune, seed, correlated, **_):
            calls.append((draws, tune, seed))
            calls.correlated.append(correlated)
            clock[0] += draws / 10
            return chains_of(draws, r_hats[len(calls) - 1])

        monkeypatch.setattr(nuts, "_compiled", lambda *_, **__: None)
        monkeypatch.setattr(nuts, "_chains", chains)
        monkeypatch.setattr(nuts, "monotonic", lambda: clock[0])
        return calls

    return prepare


def test_chains_go_on_until_they_are_certified(sampled):
    calls = sampled(1.02, 1.011, 1.009)
    result = nuts.sample_nuts(MODEL, draws=100, chains=2, seed=3, minutes=5)
    assert calls == [(100, 1000, 3), (200, 2000, 4), (400, 4000, 5)]
    assert result.certified
    np.testing.assert_array_equal(result.posterior["x"][0], np.arange(3, 400, 4))
    assert result.sample_stats.sizes == {"chain": 2, "draw": 100}


@pytest.mark.parametrize(
    ("n_runs", "dims", "correlated"),
    [(501, ("feature",), True), (501, (), False), (500, ("feature",), False), (501, ("group",), False)],
)
def test_the_mass_matrix_has_correlations_where_many_runs_determine_coefficients(sampled, n_runs, dims, correlated):
    asked = sampled(1.005).correlated
    variables = [SimpleNamespace(name="x", ndim=0), SimpleNamespace(name="z", ndim=len(dims))]
    model = SimpleNamespace(free_RVs=variables, coords={"run": range(n_runs)}, named_vars_to_dims={"z": dims})
    nuts.sample_nuts(model, draws=100, chains=2, seed=0)
    assert asked == [correlated]


def test_chains_that_are_certified_do_not_go_on(sampled):
    calls = sampled(1.005)
    assert (
        nuts.sample_nuts(MODEL, draws=100, chains=2, seed=0, tune=200, length=2, minutes=5).posterior.sizes["draw"]
        == 100
    )
    assert calls == [(200, 200, 0)]


@pytest.mark.parametrize(("minutes", "expected"), [(0, 1), (0.49, 1), (0.5, 2), (1.2, 3)])
def test_chains_end_when_the_time_for_longer_ones_is_spent(sampled, minutes, expected):
    """They take 10, 20, 40 and 80 seconds."""
    calls = sampled(*[1.02] * 4)
    assert not nuts.sample_nuts(MODEL, draws=100, chains=2, seed=0, minutes=minutes).certified
    assert len(calls) == expected


def test_limits_that_are_missed_are_named_with_digits_that_tell_them_apart():
    assert chains_of(10, 1.005).shortfalls == ()
    assert chains_of(10, 1.010002).shortfalls == ("R-hat 1.010002, not below 1.01",)
    assert chains_of(10, np.nan).shortfalls == ("R-hat nan, not below 1.01",)
    poor = nuts.NutsResult(xr.Dataset(), xr.Dataset(), 1.0, {"x": 500.0, "y": 387.2}, 0.0213)
    assert poor.shortfalls == ("387.2 effective draws, below 400", "2.13 % of draws divergent, above 1 %")
