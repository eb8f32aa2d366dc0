"""The discrepancy: its algebra against dense Gaussian-process formulas, and what it does to a posterior."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

import bayescale as bs
from bayescale import discrepancy
from bayescale.discrepancy import RUN_SHARE, Basis, Process, noise_scale, pointwise_log_likelihood
from bayescale.noise import noise_by_name
from bayescale.posterior import build_model
from bayescale.sampling.logdensity import LogDensity

SIGMA, TAU = np.array([0.004, 0.01]), np.array([0.02, 0.003])


def design(n=30, seed=0):
    rng = np.random.default_rng(seed)
    return np.log(np.column_stack([rng.uniform(1e8, 1e10, n), rng.uniform(1e9, 1e11, n)]))


def dense_kernel(process, a, b):
    distance = np.sqrt(np.square(a[:, None] - b[None]).sum(-1)) * np.sqrt(5) / discrepancy.LENGTH
    matern = (1 + distance + distance**2 / 3) * np.exp(-distance)
    return np.outer(process.scale(a), process.scale(b)) * matern


def dense_covariance(basis, sigma, tau):
    x, cluster = basis.process.log_inputs, basis.process.cluster
    covariance = tau**2 * dense_kernel(basis.process, x, x)
    if cluster is not None:
        size = basis.process.scale(x)
        covariance += RUN_SHARE * tau**2 * (cluster[:, None] == cluster[None]) * np.outer(size, size)
    return covariance + sigma**2 * np.diag(basis.noise_scale**2)


@pytest.fixture(params=[False, True], ids=["each row a run", "checkpoints"])
def basis(request):
    x = design()
    cluster = np.arange(len(x)) // 3 if request.param else None
    return Basis(Process(x, cluster), np.random.default_rng(1).uniform(0.8, 3.0, len(x)))


@pytest.fixture
def residuals(basis):
    return np.random.default_rng(2).normal(0, 0.02, (2, len(basis.noise_scale)))


def marginal(basis, residual, sigma, tau):
    from pytensor import function
    from pytensor.compile.mode import Mode

    data = (basis.rotation, basis.variances, basis.noise_scale)
    graph = discrepancy.log_likelihood(*(np.asarray(v) for v in (residual, sigma, tau)), *data)
    return float(function([], graph, mode=Mode(linker="py", optimizer="fast_compile"))())


def test_marginal_likelihood_is_that_of_the_dense_covariance(basis, residuals):
    for residual, sigma, tau in zip(residuals, SIGMA, TAU, strict=True):
        dense = multivariate_normal(cov=dense_covariance(basis, sigma, tau)).logpdf(residual)
        assert marginal(basis, residual, sigma, tau) == pytest.approx(dense, rel=1e-9)


def test_pointwise_likelihood_is_each_run_given_the_others(basis, residuals):
    found = pointwise_log_likelihood(basis, residuals, SIGMA, TAU)
    for draw, (residual, sigma, tau) in enumerate(zip(residuals, SIGMA, TAU, strict=True)):
        joint = dense_covariance(basis, sigma, tau)
        for i in (0, 7, 29):
            rest = np.delete(np.arange(30), i)
            both = multivariate_normal(cov=joint).logpdf(residual)
            without = multivariate_normal(cov=joint[np.ix_(rest, rest)]).logpdf(residual[rest])
            assert found[draw, i] == pytest.approx(both - without, abs=1e-6)


def test_conditional_moments_are_those_of_gaussian_process_regression(basis, residuals):
    points = design(5, seed=9) + np.array([0.5, 1.0])
    mean, variance = basis.condition(basis.rotate(residuals), SIGMA, TAU).moments(points)
    for draw, (residual, sigma, tau) in enumerate(zip(residuals, SIGMA, TAU, strict=True)):
        covariance = dense_covariance(basis, sigma, tau)
        cross = tau**2 * dense_kernel(basis.process, points, basis.process.log_inputs)
        prior = tau**2 * np.diag(dense_kernel(basis.process, points, points))
        gain = np.linalg.solve(covariance, cross.T).T
        assert mean[draw] == pytest.approx(gain @ residual, abs=1e-8)
        assert variance[draw] == pytest.approx(prior - (gain * cross).sum(1), abs=1e-10)


def test_covariance_is_that_of_gaussian_process_regression_on_average_over_draws(basis, residuals):
    points = design(5, seed=9) + np.array([0.5, 1.0])
    each = []
    for sigma, tau in zip(SIGMA, TAU, strict=True):
        cross = tau**2 * dense_kernel(basis.process, points, basis.process.log_inputs)
        explained = cross @ np.linalg.solve(dense_covariance(basis, sigma, tau), cross.T)
        each.append(tau**2 * dense_kernel(basis.process, points, points) - explained)
    found = basis.condition(basis.rotate(residuals), SIGMA, TAU).covariance(points)
    assert found == pytest.approx(np.mean(each, axis=0), abs=1e-10)


def test_function_draws_have_the_conditional_moments(basis, residuals):
    points = design(4, seed=5) + 1.0
    n = 4000
    conditional = basis.condition(
        np.tile(basis.rotate(residuals[:1]), (n, 1)), np.full(n, SIGMA[0]), np.full(n, TAU[0])
    )
    mean, variance = conditional.moments(points)
    draws = conditional.draw(points, np.random.default_rng(0))
    assert np.abs(draws.mean(0) - mean[0]).max() < 5 * np.sqrt(variance[0].max() / n)
    assert draws.var(0) == pytest.approx(variance[0], rel=0.15)


def test_low_rank_process_is_close_to_the_full_one(monkeypatch):
    x = design(300)
    scale = np.ones(len(x))
    residual = np.random.default_rng(0).normal(0, 0.01, len(x))
    full = marginal(Basis(Process(x), scale), residual, 0.005, 0.02)
    monkeypatch.setattr(discrepancy, "LARGEST_RANK", 150)
    low = Basis(Process(x), scale)
    assert low.rotation.shape[1] <= 150
    assert marginal(low, residual, 0.005, 0.02) == pytest.approx(full, abs=2.0)


def test_noise_is_larger_below_five_tokens_per_parameter():
    scale = noise_scale({"N": np.array([1e9, 1e9]), "D": np.array([1e9, 2e10])})
    assert scale[0] > 3
    assert scale[1] == 1


def test_model_and_dense_formula_agree_through_the_graph(chinchilla_runs):
    law = bs.load_law("chinchilla")
    runs = bs.Runs.from_frame(chinchilla_runs.frame.iloc[::6].reset_index(drop=True))
    x = {name: runs.column(name) for name in ("N", "D")}
    basis = Basis(Process(np.log(np.column_stack([x["N"], x["D"]]))), noise_scale(x))
    density = LogDensity(build_model(law, runs, noise_by_name("normal"), basis))
    coordinates = density.prior(3, seed=0)
    parameters = density.parameters(coordinates)
    columns = {name: values[:, None] for name, values in parameters.items()}
    residuals = np.log(runs.column("loss")) - np.log(law.mean(np, x, columns))
    dense = [
        multivariate_normal(cov=dense_covariance(basis, s, t)).logpdf(r)
        for r, s, t in zip(residuals, parameters["sigma"], parameters["tau"], strict=True)
    ]
    prior = density(coordinates) - np.array(dense)
    other = LogDensity(build_model(law, runs, noise_by_name("normal"), Basis(basis.process, 2 * basis.noise_scale)))
    doubled = [
        multivariate_normal(cov=dense_covariance(Basis(basis.process, 2 * basis.noise_scale), s, t)).logpdf(r)
        for r, s, t in zip(residuals, parameters["sigma"], parameters["tau"], strict=True)
    ]
    assert other(coordinates) - np.array(doubled) == pytest.approx(prior, abs=1e-5)


@pytest.fixture(scope="module")
def truth():
    return {"E": 1.8, "A": 480.0, "B": 2090.0, "alpha_N": 0.348, "beta_D": 0.366}


def simulated(runs, truth, sigma, misfit=0.0, seed=0):
    rng = np.random.default_rng(seed)
    law = bs.load_law("chinchilla")
    n, d = runs.column("N"), runs.column("D")
    error = misfit * np.sin(np.log(n * d))
    log_loss = np.log(law.mean(np, {"N": n, "D": d}, truth)) + error + rng.normal(0, sigma, len(n))
    return bs.Runs.from_frame(pd.DataFrame({"N": n, "D": d, "loss": np.exp(log_loss)}))


def test_without_model_error_its_amplitude_is_near_zero_and_parameters_are_recovered(chinchilla_runs, truth):
    fitted = bs.fit("chinchilla", simulated(chinchilla_runs, truth, sigma=0.004), discrepancy=True, noise="normal")
    assert fitted.diagnostics.certified
    assert np.median(fitted.parameters["tau"]) < 0.004
    for name in ("E", "alpha_N", "beta_D"):
        low, high = np.quantile(fitted.parameters[name], [0.005, 0.995])
        assert low < truth[name] < high


def test_model_error_is_found_and_widens_the_bands(chinchilla_runs, truth):
    runs = simulated(chinchilla_runs, truth, sigma=0.002, misfit=0.01)
    fitted = {flag: bs.fit("chinchilla", runs, discrepancy=flag) for flag in (True, False)}
    assert np.quantile(fitted[True].parameters["tau"], 0.05) > 0.003
    best = {flag: bs.optimum(f, 5.76e23).draws for flag, f in fitted.items()}
    widths = {flag: float(np.ptp(np.quantile(draws["N"], [0.05, 0.95]))) for flag, draws in best.items()}
    assert widths[True] > 1.5 * widths[False]
    assert (best[True]["N"] != best[True]["N_law"]).any()
    assert (best[False]["N"] == best[False]["N_law"]).all()


def test_outlying_runs_are_weighted_down(chinchilla_runs):
    everything = bs.load_dataset("chinchilla", everything=True)
    fitted = bs.fit("chinchilla", everything, discrepancy=True)
    scale = fitted.tree["constant_data"]["noise_scale"].to_numpy()
    outlier = everything.frame["outlier"].to_numpy(bool)
    assert scale[outlier].min() > np.median(scale[~outlier])


def test_log_likelihood_and_predictive_groups(chinchilla_runs):
    fitted = bs.fit("tied", chinchilla_runs, discrepancy=True, draws=250)
    full = bs.with_posterior_predictive(bs.with_log_likelihood(fitted))
    assert full.tree["log_likelihood"]["log_loss"].shape == (4, 250, 240)
    replicated = full.tree["posterior_predictive"]["log_loss"].to_numpy().reshape(1000, 240)
    observed = full.tree["observed_data"]["log_loss"].to_numpy()
    low, high = np.quantile(replicated, [0.05, 0.95], axis=0)
    assert 0.8 < np.mean((observed >= low) & (observed <= high)) < 0.99


def test_saved_and_loaded_it_forecasts_the_same(tmp_path, chinchilla_runs):
    fitted = bs.fit("tied", chinchilla_runs, discrepancy=True, draws=250)
    again = bs.load(bs.save(fitted, tmp_path / "fit.nc"))
    first, second = (bs.forecast(f, N=[1e9, 7e10], D=[2e10, 1.4e12]).summary() for f in (fitted, again))
    pd.testing.assert_frame_equal(first, second)
