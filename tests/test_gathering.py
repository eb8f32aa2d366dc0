"""Large tables: blocks of runs add up to all of them, cells only propose, and memory does not grow with the runs."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayescale import catalog, discrepancy, gathering, stacking
from bayescale.fitting import fit_law
from bayescale.gathering import density_in_blocks, gathered, some_of
from bayescale.inference import _basis
from bayescale.noise import noise_by_name
from bayescale.posterior import build_model, centre_data
from bayescale.runs import Runs
from bayescale.sampling import importance
from bayescale.sampling.logdensity import LogDensity

LAW = catalog.load_law("chinchilla")
NOISE = noise_by_name("student_t", df=4)


def simulated(n, seed=0, wrong=0.0):
    """Runs of a known law, which may be wrong by a wave over log N."""
    rng = np.random.default_rng(seed)
    N = np.exp(rng.uniform(np.log(4e7), np.log(1e10), n))
    D = N * np.exp(rng.uniform(np.log(2), np.log(200), n))
    scatter = 0.004 * rng.standard_t(4, n) + wrong * np.sin(np.log(N))
    loss = (1.82 + 482 * N**-0.348 + 2085 * D**-0.366) * np.exp(scatter)
    return Runs.from_frame(pd.DataFrame({"N": N, "D": D, "loss": loss}))


@pytest.fixture(scope="module", autouse=True)
def small_is_large():
    """Tables of more than 300 runs are large, are read in blocks of 300, and are gathered into 324 cells."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(discrepancy, "LARGEST_WHOLE", 300)
        patch.setattr(discrepancy, "BLOCK", 300)
        patch.setattr(gathering, "BLOCK", 300)
        patch.setattr(gathering, "CELLS", 324)
        yield


@pytest.fixture(scope="module")
def runs():
    return simulated(500, wrong=0.003)


@pytest.fixture(scope="module")
def basis(runs):
    found = _basis(LAW, runs)
    assert found.in_blocks
    return found


@pytest.fixture
def whole(basis, monkeypatch):
    """The same basis, all of whose features were held at once."""
    monkeypatch.setattr(discrepancy, "LARGEST_WHOLE", 10_000)
    held = replace(basis)
    assert len(list(held.blocks())) == 1
    held.rotation  # noqa: B018
    monkeypatch.setattr(discrepancy, "LARGEST_WHOLE", 300)
    return held


def test_blocks_span_what_all_features_span(basis, whole):
    kept = len(basis.variances)
    np.testing.assert_allclose(basis.variances, whole._rotated[1][:kept], rtol=1e-6)
    np.testing.assert_allclose(basis.rotation.T @ basis.rotation, np.eye(kept), atol=1e-3)
    covariance = (whole._rotated[0] * whole._rotated[1]) @ whole._rotated[0].T
    np.testing.assert_allclose((basis.rotation * basis.variances) @ basis.rotation.T, covariance, atol=1e-9)


def test_error_given_the_runs_is_the_same_in_blocks(runs, basis, monkeypatch):
    residuals = np.random.default_rng(1).normal(0, 0.01, (3, len(runs)))
    sigma, tau = np.array([0.004, 0.004, 0.01]), np.array([1e-5, 0.01, 0.05])
    points = basis.process.log_inputs[:5] + 1.0
    found = basis.condition(basis.rotate(residuals), sigma, tau)
    monkeypatch.setattr(discrepancy, "LARGEST_WHOLE", 10_000)
    held = replace(basis)
    expected = held.condition(held.rotate(residuals), sigma, tau)
    for ours, theirs in zip(found.moments(points), expected.moments(points), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("wrong", [True, False], ids=["with its error", "taken as true"])
def test_density_in_blocks_is_that_of_all_runs(runs, wrong, monkeypatch):
    basis = _basis(LAW, runs) if wrong else None
    noise = NOISE if wrong else noise_by_name("student_t")
    monkeypatch.setattr(discrepancy, "LARGEST_WHOLE", 10_000)
    density = LogDensity(build_model(LAW, runs, noise, None if basis is None else replace(basis)))
    monkeypatch.setattr(discrepancy, "LARGEST_WHOLE", 300)
    draws = density.prior(300, seed=0)
    expected = density(draws)
    in_blocks = density_in_blocks(LAW, runs, density, basis)(draws)
    np.testing.assert_allclose(in_blocks, expected, rtol=1e-7, atol=1e-6)


@pytest.fixture(scope="module")
def proposed(runs, basis):
    """Density, that of the cells, and the basis with noise scales."""
    some, some_basis = some_of(runs, basis, seed=0)
    model = build_model(LAW, some, NOISE, some_basis)
    for name, value in centre_data(LAW, runs).items():
        model[name].set_value(value)
    density = LogDensity(model)
    prior = density.prior(1000, seed=0)
    return density, prior, *gathered(LAW, runs, NOISE, density, basis, prior)


def test_draws_through_cells_are_draws_given_all_runs(runs, proposed):
    density, prior, of_cells, basis = proposed
    wanted = density_in_blocks(LAW, runs, density, basis)
    first = importance.sample_importance(of_cells, prior, 2000, seed=0)
    found = importance.reweighted(first, wanted, 2000, seed=0)
    assert found.certified
    assert np.std(wanted(found.draws) - of_cells(found.draws)) < 0.5
    expected = importance.sample_importance(wanted, prior, 1000, seed=1)
    spread = expected.draws.std(axis=0)
    # Four standard errors of a difference between quantiles of two normal samples, each of a thousand effective draws.
    for q, error in ((0.05, 0.067), (0.5, 0.040), (0.95, 0.067)):
        found_at, expected_at = (np.quantile(each.draws, q, axis=0) for each in (found, expected))
        assert (np.abs(found_at - expected_at) < 4 * np.sqrt(2) * error * spread).all(), q
    assert found.log_evidence == pytest.approx(expected.log_evidence, abs=0.05)


def test_cells_that_mislead_are_found_out(runs, proposed):
    density, prior, of_cells, basis = proposed
    wanted = density_in_blocks(LAW, runs, density, basis)
    first = importance.sample_importance(lambda draws: of_cells(draws - 0.2 * prior.std(axis=0)), prior, 2000, seed=0)
    assert not importance.reweighted(first, wanted, 2000, seed=0).certified


def test_noise_scales_are_those_of_all_runs_at_once(runs, proposed, monkeypatch):
    from bayescale.robust import with_noise_scales

    _, prior, _, basis = proposed
    monkeypatch.setattr(discrepancy, "LARGEST_WHOLE", 10_000)
    held = _basis(LAW, runs)
    model = build_model(LAW, runs, NOISE, held)
    expected = with_noise_scales(LAW, runs, NOISE, model, LogDensity(model), held, prior)
    np.testing.assert_allclose(basis.noise_scale, expected.noise_scale, rtol=0.1)


def test_a_large_table_is_fitted_and_certified():
    found = fit_law(LAW, simulated(500), draws=250)
    assert found.certified
    assert found.record.engine == "importance"
    assert found.parameters["E"].mean() == pytest.approx(1.82, abs=4 * found.parameters["E"].std())
    assert found.conditional.means.shape == (1000, len(found.basis.variances))


def test_draws_given_a_large_table_repeat_with_their_seed_only(runs):
    first, again, other = (
        fit_law(LAW, runs, draws=100, seed=seed, certify=False).parameters["E"] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_memory_of_a_density_does_not_grow_with_the_runs(monkeypatch):
    monkeypatch.setattr("bayescale.sampling.logdensity.ELEMENTS_PER_CALL", 10_000)
    few = simulated(100)
    density = LogDensity(build_model(LAW, few, NOISE, _basis(LAW, few)))
    draws = density.prior(50, seed=0)
    peaks = []
    for n in (1000, 4000):
        many = simulated(n)
        wanted = density_in_blocks(LAW, many, density, _basis(LAW, many))
        wanted(draws[:1])
        tracemalloc.start()
        wanted(draws)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_hidden_runs_are_scored_alike_in_blocks(runs, monkeypatch):
    fitted = fit_law(LAW, runs.take(np.arange(40)), noise="normal", discrepancy=False, certify=False, draws=50)
    hidden = runs.take(np.arange(40, 100))
    expected = stacking._log_density(fitted, hidden)
    monkeypatch.setattr(discrepancy, "BLOCK", 7)
    np.testing.assert_allclose(stacking._log_density(fitted, hidden), expected, rtol=1e-12)
