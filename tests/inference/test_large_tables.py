"""Large tables: blocks of runs add up to all of them, memory does not grow with the runs, and neither do fits."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from promises import vouched_for

from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.inference import discrepancy, large_tables
from bayescale.inference.large_tables import density_in_blocks, is_large, split_in_blocks
from bayescale.inference.model import build_model
from bayescale.laws import catalog
from bayescale.laws.noise import noise_by_name
from bayescale.posterior import stacking
from bayescale.posterior.forecasting import forecast
from bayescale.posterior.single import fit_law
from bayescale.sampling import equations
from bayescale.sampling.logdensity import LogDensity

LAW = catalog.load_law("chinchilla")
NOISE = noise_by_name("student_t")
TRUTH = {"E": 1.82, "A": 482.0, "B": 2085.0, "alpha_N": 0.348, "beta_D": 0.366}


def simulated(n, seed=0):
    """Runs of a known law with heavy-tailed noise."""
    rng = np.random.default_rng(seed)
    N = np.exp(rng.uniform(np.log(4e7), np.log(1e10), n))
    D = N * np.exp(rng.uniform(np.log(5), np.log(200), n))
    loss = LAW.mean(np, {"N": N, "D": D}, TRUTH) * np.exp(0.004 * rng.standard_t(4, n))
    return Runs.from_frame(pd.DataFrame({"N": N, "D": D, "loss": loss}))


def density_of(runs):
    return LogDensity(build_model(Observed(LAW, runs), NOISE).model)


def assert_holds(fitted, names):
    """Within four standard deviations of the truth."""
    for name in names:
        draws = fitted.parameters[name]
        assert abs(draws.mean() - TRUTH[name]) < 4 * draws.std(), name


@pytest.fixture
def blocks_of_70(monkeypatch):
    """Tables of more than 300 runs are large, and are read 70 runs at a time."""
    monkeypatch.setattr(large_tables, "LARGEST_WHOLE", 300)
    monkeypatch.setattr(large_tables, "BLOCK", 70)


@pytest.fixture(scope="module")
def runs():
    return simulated(500)


@pytest.fixture(scope="module")
def density(runs):
    return density_of(runs)


def test_density_in_blocks_is_that_of_all_runs(runs, density, blocks_of_70):
    draws = density.prior(300, seed=0)
    np.testing.assert_allclose(
        density_in_blocks(Observed(LAW, runs), density)(draws), density(draws), rtol=1e-7, atol=1e-6
    )


@pytest.mark.slow
def test_density_in_blocks_is_that_of_its_runs_whatever_the_model_holds(runs, blocks_of_70):
    errors = np.random.default_rng(1).uniform(0.001, 0.02, len(runs))
    wanted = Runs.from_frame(runs.frame.assign(loss_se=errors))
    density = density_of(wanted.take(np.arange(40)))
    draws = density.prior(100, seed=0)
    found = density_in_blocks(Observed(LAW, wanted), density)(draws)
    np.testing.assert_allclose(found, density_of(wanted)(draws), rtol=1e-7, atol=1e-6)


def test_density_in_blocks_is_zero_where_it_is_undefined(runs, density, blocks_of_70):
    draws = density.prior(3, seed=0)
    draws[0], draws[1] = np.nan, 1e4
    assert np.isfinite(density_in_blocks(Observed(LAW, runs), density)(draws)).tolist() == [False, False, True]


def test_blocks_hold_every_row_once_and_are_even(blocks_of_70):
    assert [is_large(n) for n in (300, 301)] == [False, True]
    blocks = split_in_blocks(np.arange(500))
    np.testing.assert_array_equal(np.concatenate(blocks), np.arange(500))
    assert {len(block) for block in blocks} == {62, 63}
    assert [len(block) for block in split_in_blocks(np.arange(0))] == [0]


def test_memory_of_a_density_does_not_grow_with_the_runs(density, blocks_of_70, monkeypatch):
    monkeypatch.setattr("bayescale.sampling.logdensity.ELEMENTS_PER_CALL", 10_000)
    draws = density.prior(50, seed=0)
    peaks = []
    for n in (1000, 4000):
        wanted = density_in_blocks(Observed(LAW, simulated(n)), density)
        wanted(draws[:1])
        tracemalloc.start()
        wanted(draws)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.slow
def test_a_law_taken_as_true_is_the_same_in_blocks(runs, blocks_of_70, monkeypatch):
    in_blocks = fit_law(LAW, runs, discrepancy=False, draws=250)
    monkeypatch.undo()
    at_once = fit_law(LAW, runs, discrepancy=False, draws=250)
    assert in_blocks.certified
    assert in_blocks.record.engine == "importance"
    assert_holds(in_blocks, TRUTH)
    assert in_blocks.diagnostics.log_evidence == pytest.approx(at_once.diagnostics.log_evidence, abs=1e-3)
    for name in TRUTH:
        np.testing.assert_allclose(in_blocks.parameters[name], at_once.parameters[name], rtol=1e-4)


@pytest.mark.slow
def test_draws_given_a_large_table_repeat_with_their_seed_only(runs, blocks_of_70):
    options = {"discrepancy": False, "draws": 100, "certify": False}
    first, again, other = (fit_law(LAW, runs, seed=seed, **options).parameters["E"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.slow
def test_hidden_runs_are_scored_alike_in_blocks(runs, monkeypatch):
    some = runs.take(np.arange(40))
    fitted = fit_law(LAW, some, noise="normal", discrepancy=False, certify=False, draws=50)
    hidden = runs.take(np.arange(40, 100))
    expected = stacking._log_density(fitted, hidden)
    monkeypatch.setattr(large_tables, "BLOCK", 7)
    np.testing.assert_allclose(stacking._log_density(fitted, hidden), expected, rtol=1e-12)


@pytest.mark.slow
def test_a_large_table_and_what_the_law_misses_of_it_are_fitted(monkeypatch):
    monkeypatch.setattr(discrepancy, "_BLOCK", 700)
    monkeypatch.setattr(equations, "_BLOCK", 700)
    monkeypatch.setattr(equations, "_LARGEST_PRODUCTS", 0)
    fitted = fit_law(LAW, simulated(2000), draws=250)
    assert vouched_for(fitted)
    assert_holds(fitted, TRUTH)
    assert np.median(fitted.parameters["tau"]) < 0.002
    assert abs(np.median(fitted.parameters["sigma"]) / 0.004 - 1) < 0.1
    # A few dozen features, however many runs there are.
    assert fitted.coefficients.shape[1] < 100
    ahead = forecast(fitted, N=7e10, D=1.4e12).draws["latent"].to_numpy()
    truth = LAW.mean(np, {"N": 7e10, "D": 1.4e12}, TRUTH)
    assert abs(ahead.mean() - truth) < 3 * ahead.std()
