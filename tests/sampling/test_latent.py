"""Coefficients that are integrated out and drawn again: against dense formulas, quadrature and PyMC's graph."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.linalg import block_diag, solve_triangular
from scipy.special import logsumexp

from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.inference.discrepancy import DRIFT, discrepancy_basis
from bayescale.inference.model import build_model, feature_matrix
from bayescale.laws.catalog import load_law
from bayescale.laws.noise import noise_by_name
from bayescale.sampling import equations, latent
from bayescale.sampling.equations import Block, System, backward, forward
from bayescale.sampling.latent import LatentDensity, Parts
from bayescale.sampling.leave_out import Given, leave_one_out, places_left_out
from bayescale.sampling.logdensity import LogDensity


class Model:
    """A line plus features through noisy runs: theta is the height of the line and the log of the noise.

    The last run is an outlier, as heavy-tailed noise has them.
    """

    def __init__(self, n_runs, n_features, *, df=None, far=3.0, seed=0):
        rng = np.random.default_rng(seed)
        self.df = df
        self.features = rng.standard_normal((n_runs, n_features))
        self.amplitudes = rng.uniform(0.3, 1.5, n_features)
        self.relative = rng.uniform(0.8, 2.0, n_runs)
        self.observed = self.features @ (self.amplitudes * rng.standard_normal(n_features))
        self.observed += 0.4 * self.relative * rng.standard_normal(n_runs)
        self.observed[-1] += far

    def parts(self, draws):
        n = len(draws)
        return Parts(
            log_prior=stats.norm.logpdf(draws).sum(axis=1),
            location=draws[:, :1] + np.zeros(len(self.observed)),
            scale=np.exp(draws[:, 1:] - 1.0) * self.relative,
            amplitudes=np.exp(0.3 * draws[:, :1]) * self.amplitudes,
            df=None if self.df is None else np.full((n, 1), self.df),
        )

    def density(self):
        return LatentDensity(self.parts, self.features, self.observed)

    def distribution(self, scale):
        return stats.norm(0, scale) if self.df is None else stats.t(self.df, 0, scale)


THETA = np.random.default_rng(5).normal(0, 0.7, (6, 2))
GRID = np.linspace(-12, 12, 6001)


def repeated(theta, n):
    return np.tile(theta, (n, 1))


def precision_of(block, weights, amplitudes):
    """Whole matrices from the triangles that a block keeps, shape (draw, feature, feature)."""
    rows, columns = np.triu_indices(amplitudes.shape[1])
    found = np.empty((len(amplitudes), amplitudes.shape[1], amplitudes.shape[1]))
    found[:, rows, columns] = found[:, columns, rows] = block.precision(weights, amplitudes).T
    return found


@pytest.mark.parametrize("size", [1, 2, 7])
def test_solves_are_those_of_scipy_for_every_matrix(size):
    rng = np.random.default_rng(size)
    factor = np.tril(rng.standard_normal((5, size, size))) + 3 * np.eye(size)
    right = rng.standard_normal((5, size))
    for solved, transposed in ((forward, 0), (backward, 1)):
        found = solved(np.ascontiguousarray(factor.T), right.T).T
        expected = [solve_triangular(f, r, lower=True, trans=transposed) for f, r in zip(factor, right, strict=True)]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_precision_in_blocks_of_runs_is_that_of_all_at_once(monkeypatch):
    rng = np.random.default_rng(0)
    features, weights, amplitudes = rng.normal(size=(50, 4)), rng.uniform(size=(3, 50)), rng.uniform(size=(3, 4))
    whole = precision_of(Block(features), weights, amplitudes)
    for i in range(3):
        scaled = features * amplitudes[i]
        np.testing.assert_allclose(whole[i], np.eye(4) + (scaled.T * weights[i]) @ scaled, rtol=1e-12)
    monkeypatch.setattr(equations, "_LARGEST_PRODUCTS", 50)
    monkeypatch.setattr(equations, "_BLOCK", 7)
    np.testing.assert_allclose(precision_of(Block(features), weights, amplitudes), whole, rtol=1e-12)


def test_features_that_share_no_run_are_solved_apart():
    rng = np.random.default_rng(0)
    parts = [np.zeros((1, 0)), rng.normal(size=(5, 2)), rng.normal(size=(4, 3)), rng.normal(size=(3, 1))]
    order = rng.permutation(6)
    features = block_diag(*parts)[:, order]
    weights, amplitudes, right = rng.uniform(size=(3, 13)), rng.uniform(size=(3, 6)), rng.normal(size=(3, 6))
    system, whole = System(features), Block(features)
    assert system.n_elements == 4 + 9 + 1
    factor, good = system.factor(weights, amplitudes)
    assert good.all()
    precision = precision_of(whole, weights, amplitudes)
    np.testing.assert_allclose(factor.solve(right), np.linalg.solve(precision, right[..., None])[..., 0], rtol=1e-10)
    np.testing.assert_allclose(2 * factor.log_determinant(), np.linalg.slogdet(precision)[1], rtol=1e-10)


@pytest.mark.parametrize("proportional", [True, False], ids=["alike", "unlike"])
@pytest.mark.parametrize("rows", [50, 7], ids=["distinct runs", "repeated runs"])
def test_precision_of_repeated_runs_and_of_weights_that_are_alike_is_the_plain_sum(rows, proportional):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(rows, 4))[rng.permutation(50) % rows]
    weights, amplitudes = rng.uniform(size=(3, 50)), rng.uniform(size=(3, 4))
    if proportional:
        weights = np.outer([1.0, 30.0, 0.2], weights[0])
    found = precision_of(Block(features), weights, amplitudes)
    for i in range(3):
        scaled = features * amplitudes[i]
        np.testing.assert_allclose(found[i], np.eye(4) + (scaled.T * weights[i]) @ scaled, rtol=1e-12)


def test_an_invalid_precision_is_reported_and_does_not_affect_the_others():
    features = np.random.default_rng(0).normal(size=(6, 2))
    weights = np.ones((4, 6))
    weights[1], weights[2] = np.nan, -1e3
    factor, good = System(features).factor(weights, np.ones((4, 2)))
    assert good.tolist() == [True, False, False, True]
    (block,) = factor.blocks
    np.testing.assert_array_equal(block[..., 0], block[..., 3])
    np.testing.assert_array_equal(block[..., 1:3], np.tile(np.eye(2)[..., None], 2))


def dense_log_density(model, theta):
    """Log density of theta and the outcomes, from the dense covariance of the outcomes."""
    parts, found = model.parts(theta), []
    for location, scale, amplitudes in zip(parts.location, parts.scale, parts.amplitudes, strict=True):
        scaled = model.features * amplitudes
        covariance = scaled @ scaled.T + np.diag(scale**2)
        found.append(stats.multivariate_normal(location, covariance).logpdf(model.observed))
    return parts.log_prior + np.array(found)


@pytest.fixture
def normal_model():
    return Model(n_runs=30, n_features=5)


def test_integral_over_the_coefficients_is_that_of_the_dense_covariance(normal_model):
    np.testing.assert_allclose(normal_model.density()(THETA), dense_log_density(normal_model, THETA), rtol=1e-8)


def test_exact_weights_of_normal_noise_have_no_variance(normal_model):
    density = normal_model.density()
    _, weight, marginal = density.complete(repeated(THETA, 20), np.random.default_rng(0))
    np.testing.assert_allclose(weight, marginal, rtol=1e-10)
    np.testing.assert_allclose(weight, np.tile(density(THETA), 20), rtol=1e-10)


@pytest.mark.parametrize("exact", [True, False])
def test_coefficients_have_the_moments_of_gaussian_regression(normal_model, exact):
    n, theta = 20_000, THETA[:1]
    drawn, _, _ = normal_model.density().complete(repeated(theta, n), np.random.default_rng(0), exact=exact)
    parts = normal_model.parts(theta)
    scaled = normal_model.features * parts.amplitudes[0]
    covariance = np.linalg.inv(np.eye(5) + (scaled.T / parts.scale[0] ** 2) @ scaled)
    mean = covariance @ (scaled.T @ ((normal_model.observed - parts.location[0]) / parts.scale[0] ** 2))
    sd = np.sqrt(np.diag(covariance))
    assert (np.abs(drawn.mean(axis=0) - mean) < 4.5 * sd / np.sqrt(n)).all()
    error = np.sqrt((np.outer(sd, sd) ** 2 + covariance**2) / n)
    assert (np.abs(np.cov(drawn.T) - covariance) < 4.5 * error).all()


def test_chunks_change_nothing(normal_model, monkeypatch):
    whole = normal_model.density()(THETA)
    monkeypatch.setattr(latent, "_ELEMENTS", 1)
    monkeypatch.setattr(latent, "_FEWEST_TOGETHER", 4)
    np.testing.assert_allclose(normal_model.density()(THETA), whole, rtol=1e-12)


@pytest.fixture(params=[3.0, 8.0], ids=["heavy tails", "light tails"])
def t_model(request):
    return Model(n_runs=4, n_features=1, df=request.param)


def on_grid(model, theta):
    """Log joint density of theta, one coefficient on a grid, and the outcomes of each run, shape (run, point)."""
    parts = model.parts(theta[None])
    location = parts.location[0][:, None] + parts.amplitudes[0] * model.features * GRID
    return model.distribution(parts.scale[0][:, None]).logpdf(model.observed[:, None] - location)


def integrated(log_values):
    return logsumexp(log_values, axis=-1) + np.log(GRID[1] - GRID[0])


@pytest.mark.parametrize("settled", [False, True], ids=["at once", "settled"])
def test_exact_weights_average_to_the_integral_over_the_coefficient(t_model, settled):
    density, n = t_model.density(), 20_000
    if settled:
        density.settle(THETA)
    for seed, theta in enumerate(THETA[:3]):
        log_joint = on_grid(t_model, theta).sum(axis=0) + stats.norm.logpdf(GRID)
        expected = stats.norm.logpdf(theta).sum() + integrated(log_joint)
        drawn, log_weight, marginal = density.complete(repeated(theta, n), np.random.default_rng(seed))
        assert np.ptp(marginal) < 1e-9
        assert marginal[0] == pytest.approx(expected, abs=1.0)
        weights = np.exp(log_weight - expected)
        assert abs(weights.mean() - 1) < 4.5 * weights.std() / np.sqrt(n)
        # Weighted by them, coefficients are draws of the posterior.
        posterior = np.exp(log_joint - logsumexp(log_joint))
        for power in (1, 2):
            known = posterior @ GRID**power
            errors = weights * (drawn[:, 0] ** power - known)
            assert abs(errors.mean()) < 4.5 * errors.std() / np.sqrt(n)


def test_settling_finds_the_mode(t_model):
    density = t_model.density()
    mode = density.settle(THETA)
    around = mode + 0.05 * np.random.default_rng(0).standard_normal((50, 2))
    assert (density(around) < density(mode[None]) + 0.03).all()


UNDEFINED = [
    *((df, "scale", 0.0) for df in (None, 4.0)),
    *((4.0, "df", value) for value in (np.nan, np.inf, -np.inf, 0.0)),
    *(
        (df, name, value)
        for df in (None, 4.0)
        for name in ("log_prior", "location", "scale", "amplitudes")
        for value in (np.nan, np.inf, -np.inf)
    ),
]


@pytest.mark.parametrize(("df", "name", "value"), UNDEFINED)
def test_draws_where_something_is_undefined_have_no_density_and_spoil_no_others(df, name, value):
    model = Model(n_runs=10, n_features=3, df=df)

    def spoilt(draws):
        fields = {key: None if field is None else field.copy() for key, field in vars(model.parts(draws)).items()}
        fields[name][1] = value
        return Parts(**fields)

    density = LatentDensity(spoilt, model.features, model.observed)
    draws = THETA[:3]
    expected = model.density()(draws)
    found = density(draws)
    latents, weight, marginal = density.complete(draws, np.random.default_rng(0))
    approximate = density.complete(draws, np.random.default_rng(0), exact=False)
    for each in (found, marginal, approximate[2]):
        np.testing.assert_allclose(each[[0, 2]], expected[[0, 2]], rtol=1e-9)
    for each in (found, marginal, weight, approximate[1]):
        assert each[1] == -np.inf
        assert np.isfinite(each[[0, 2]]).all()
    assert np.isfinite(latents[[0, 2]]).all()


def test_one_run_of_many_that_is_undefined_is_enough():
    model = Model(n_runs=10, n_features=3)

    def spoilt(draws):
        parts = model.parts(draws)
        parts.location[1, 4] = np.nan
        parts.scale[2, 7] = np.nan
        return parts

    found = LatentDensity(spoilt, model.features, model.observed)(THETA[:3])
    assert np.isfinite(found).tolist() == [True, False, False]


def test_no_draws_give_empty_results():
    density = Model(n_runs=10, n_features=3, df=4.0).density()
    assert density(np.empty((0, 2))).shape == (0,)
    assert [each.shape for each in density.complete(np.empty((0, 2)), np.random.default_rng(0))] == [(0, 3), (0,), (0,)]


def left_out(model, theta, coefficients, seed=0):
    parts = model.parts(theta)
    residual = model.observed - parts.location
    left = residual - (coefficients * parts.amplitudes) @ model.features.T
    given = Given(System(model.features), residual, parts.scale, parts.amplitudes, parts.df, left)
    return leave_one_out(given, np.random.default_rng(seed))


def test_leave_one_out_of_normal_noise_is_all_runs_minus_the_others():
    model = Model(n_runs=12, n_features=3)
    found = left_out(model, THETA, np.random.default_rng(0).standard_normal((len(THETA), 3)))
    parts = model.parts(THETA)
    for draw in range(len(THETA)):
        scaled = model.features * parts.amplitudes[draw]
        residual = model.observed - parts.location[draw]
        covariance = scaled @ scaled.T + np.diag(parts.scale[draw] ** 2)
        joint = stats.multivariate_normal(cov=covariance).logpdf(residual)
        for i in range(12):
            rest = np.delete(np.arange(12), i)
            without = stats.multivariate_normal(cov=covariance[np.ix_(rest, rest)]).logpdf(residual[rest])
            assert found[draw, i] == pytest.approx(joint - without, abs=1e-9)


@pytest.mark.parametrize("blocks", [None, [np.arange(5), np.arange(5, 12)]])
def test_places_of_left_out_runs_are_those_given_the_others(blocks):
    model = Model(n_runs=12, n_features=3)
    parts = model.parts(THETA)
    residual = model.observed - parts.location
    left = residual - (np.ones((len(THETA), 3)) * parts.amplitudes) @ model.features.T
    given = Given(System(model.features), residual, parts.scale, parts.amplitudes, None, left)
    found = places_left_out(given, np.random.default_rng(0), blocks)
    for draw in range(len(THETA)):
        scaled = model.features * parts.amplitudes[draw]
        covariance = scaled @ scaled.T + np.diag(parts.scale[draw] ** 2)
        for i in range(12):
            own = [i] if blocks is None else next(block for block in blocks if i in block)
            rest = np.setdiff1d(np.arange(12), own)
            gain = np.linalg.solve(covariance[np.ix_(rest, rest)], covariance[rest, i])
            mean, variance = gain @ residual[draw, rest], covariance[i, i] - gain @ covariance[rest, i]
            place = stats.norm.cdf(residual[draw, i], mean, np.sqrt(variance))
            assert found[draw, i] == pytest.approx(place, abs=1e-9)


@pytest.mark.parametrize("df", [3.0, 8.0])
def test_places_of_left_out_runs_have_heavy_tails_on_average(df):
    residual, n = np.array([0.0, 1.0, 3.0, -8.0]), 20_000
    each, shape = np.tile(residual, (n, 1)), (n, 4)
    system = System(np.ones((4, 1)))
    given = Given(system, each, np.ones(shape), np.full((n, 1), 1e-9), np.full((n, 1), df), each)
    found = places_left_out(given, np.random.default_rng(0), None)
    np.testing.assert_allclose(found.mean(axis=0), stats.t.cdf(residual, df), atol=0.01)


@pytest.mark.parametrize("df", [3.0, 8.0])
def test_leave_one_out_of_heavy_tailed_noise_is_all_runs_minus_the_others_on_average(df):
    """The posterior mean of the inverse density of a run is its inverse density given the other runs."""
    model, n, theta = Model(n_runs=4, n_features=1, df=df, far=0.0), 20_000, THETA[0]
    each = on_grid(model, theta)
    log_joint = each.sum(axis=0) + stats.norm.logpdf(GRID)
    cumulative = np.cumsum(np.exp(log_joint - logsumexp(log_joint)))
    drawn = np.interp(np.random.default_rng(1).uniform(size=n), cumulative, GRID)
    found = left_out(model, repeated(theta[None], n), drawn[:, None])
    expected = integrated(log_joint) - integrated(log_joint - each)
    inverse = np.exp(expected - found)
    error = inverse.std(axis=0) / np.sqrt(n)
    assert error.max() < 0.02
    # Quadrature over the precision of the run that is left out may take another two per cent.
    assert (np.abs(inverse.mean(axis=0) - 1) < 4.5 * error + 0.02).all()


@pytest.mark.parametrize("df", [3.0, 7.0])
def test_leave_one_out_without_coefficients_is_the_noise_however_far_a_run_lies(df):
    residual = np.array([[0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0]])
    shape, amplitudes = residual.shape, np.full((1, 1), 1e-9)
    rng = np.random.default_rng(0)
    system = System(np.ones((shape[1], 1)))
    found = leave_one_out(Given(system, residual, np.ones(shape), amplitudes, np.full((1, 1), df), residual), rng)
    np.testing.assert_allclose(found, stats.t.logpdf(residual, df), atol=0.02)


N_RUNS = 40


def table(law, *, with_errors):
    rng = np.random.default_rng(0)
    columns = {item.name: 10 ** rng.uniform(7, 10, N_RUNS) for item in law.inputs}
    outcome = rng.uniform(2, 4, N_RUNS)
    errors = {f"{law.outcome}_se": rng.uniform(0.005, 0.02, N_RUNS) * outcome} if with_errors else {}
    return Runs.from_frame(pd.DataFrame({**columns, law.outcome: outcome, **errors}), outcome=law.outcome)


@pytest.mark.parametrize(
    ("name", "noise", "with_errors"),
    [
        ("chinchilla", "student_t", False),
        ("chinchilla", "normal", True),
        ("power_law", "normal", False),
        ("power_law", "student_t", True),
    ],
)
def test_what_is_sampled_is_the_graph(name, noise, with_errors):
    law = load_law(name)
    runs = table(law, with_errors=with_errors)
    bound = Observed(law, runs)
    basis = discrepancy_basis(bound)
    of = build_model(bound, noise_by_name(noise), basis)
    density = LogDensity(of.model)
    features, observed = feature_matrix(law, basis), bound.on_link
    nodes = [node for node in (of.location, of.scale, of.amplitudes, of.df) if node is not None]
    read = density.parts(nodes, *features.shape)
    theta = density.prior(60, seed=0)
    z = np.random.default_rng(1).standard_normal((len(theta), features.shape[1]))

    parts = read(theta)
    left = observed - parts.location - (z * parts.amplitudes) @ features.T
    noise_of = stats.norm(0, parts.scale) if parts.df is None else stats.t(parts.df, 0, parts.scale)
    log_prior = parts.log_prior + stats.norm.logpdf(z).sum(axis=1)
    joint = density.joint(theta, z)
    assert np.isfinite(joint).mean() > 0.9
    sane = np.isfinite(joint)
    np.testing.assert_allclose((log_prior + noise_of.logpdf(left).sum(axis=1))[sane], joint[sane], rtol=1e-9, atol=1e-6)

    # The same of the law in NumPy, at the parameters that the coefficients are reported as.
    p = {key: values[:, None] for key, values in density.parameters(theta, z).items()}
    mean = law.link.forward(np, law.mean(np, bound.inputs, p))
    process = basis.process
    error = (z[:, : len(process.kinds)] * np.where(process.kinds == DRIFT, p["drift"], p["tau"])) @ process.at_runs.T
    scale = p["sigma"] * basis.noise_scale
    if with_errors:
        scale = np.hypot(scale, bound.standard_error)
    noise_of = stats.norm(0, scale) if noise == "normal" else stats.t(p["nu"], 0, scale)
    expected = log_prior + noise_of.logpdf(observed - mean - error).sum(axis=1)
    np.testing.assert_allclose(expected[sane], joint[sane], rtol=1e-9, atol=1e-6)

    # And what is summed over the coefficients is this density.
    if noise == "normal":
        summed = LatentDensity(read, features, observed)(theta)
        for i in np.flatnonzero(sane)[:10]:
            scaled = features * parts.amplitudes[i]
            normal = stats.multivariate_normal(parts.location[i], scaled @ scaled.T + np.diag(parts.scale[i] ** 2))
            assert summed[i] == pytest.approx(parts.log_prior[i] + normal.logpdf(observed), rel=1e-6)


def test_alternatives_raise_one_amplitude_and_lower_another():
    model = Model(n_runs=10, n_features=3)
    density = LatentDensity(model.parts, model.features, model.observed, amplitudes=(1, 2))
    starts = density.alternatives(np.array([5.0, -4.0, -3.0]))
    assert starts.tolist() == [[5, -4, -3], [5, -2, -5], [5, -6, -1]]
    assert model.density().alternatives(THETA[0]).tolist() == [THETA[0].tolist()]
