"""The discrepancy: its features against dense Gaussian-process formulas, and what it does to a posterior."""

import numpy as np
import pytest
from scipy.integrate import quad_vec

import bayescale as bs
from bayescale import discrepancy
from bayescale.discrepancy import (
    DRIFT,
    RUN_SHARE,
    TAU,
    Conditional,
    Process,
    Separate,
    amplitude_parameters,
    error_process,
    noise_scale,
    scales_of,
)

LAW = bs.load_law("chinchilla")


def design(n=30, seed=0):
    rng = np.random.default_rng(seed)
    return np.log(np.column_stack([rng.uniform(1e8, 1e10, n), rng.uniform(1e9, 1e11, n)]))


ELSEWHERE = np.concatenate([design(4, seed=9) + np.array([0.5, 1.0]), design(3, seed=8) + 3.0, design(2, seed=7) - 4.0])


def dense_local(process, a, b):
    """A Matern 5/2 process that falls as compute does, to a power."""
    r = np.sqrt(5 * np.square(a[:, None] - b[None]).sum(-1)) / process.scales.length
    largest = process.log_inputs.sum(axis=1).max()
    size = [np.exp(largest - x.sum(axis=1)) ** process.scales.decay for x in (a, b)]
    return np.outer(*size) * (1 + r + r**2 / 3) * np.exp(-r)


def dense_drift(process, a, b):
    """Integrated Wiener processes along log compute and each log input: white noise, integrated twice."""

    def ahead(points, of):
        return (of(points) - of(process.log_inputs).min()).clip(0)

    along = [(1.0, lambda x: x.sum(axis=1))]
    along += [(process.scales.along_inputs, lambda x, i=i: x[:, i]) for i in range(a.shape[1])]
    total = np.zeros((len(a), len(b)))
    for weight, of in along:
        s, t = ahead(a, of), ahead(b, of)
        until = np.minimum.outer(s, t)
        inside = lambda u, s=s, t=t, until=until: until * (s[:, None] - u * until) * (t - u * until)  # noqa: E731
        total += weight * quad_vec(inside, 0, 1)[0]
    return total


DENSE = {"local": dense_local, "drift": dense_drift}


def without_mean(kernel, process, a, b):
    """Covariance given that the mean over the fitted runs is zero."""
    x = process.log_inputs
    to_mean = [kernel(process, points, x).mean(axis=1) for points in (a, b)]
    return kernel(process, a, b) - np.outer(*to_mean) / kernel(process, x, x).mean()


@pytest.fixture
def exact(monkeypatch):
    """Features leave nothing out."""
    monkeypatch.setattr(discrepancy, "_LEFT_OUT", 0.0)
    monkeypatch.setattr(discrepancy, "_MOST_LOCAL", 1000)
    monkeypatch.setattr(discrepancy, "_MOST_DRIFT", 1000)


@pytest.fixture
def process():
    return Process(design(), scales_of(LAW))


@pytest.fixture
def checkpoints():
    """Three rows of each training run."""
    return Process(design(), scales_of(LAW), np.arange(30) // 3)


@pytest.mark.parametrize("part", DENSE)
def test_features_are_the_process_given_that_its_mean_over_the_runs_is_zero(exact, process, part):
    features, x = getattr(process, part), process.log_inputs
    at_runs, elsewhere = features(x), features(ELSEWHERE)
    scale = DENSE[part](process, x, x).max()
    for found, points in ((at_runs @ at_runs.T, x), (elsewhere @ at_runs.T, ELSEWHERE)):
        expected = without_mean(DENSE[part], process, points, x)
        np.testing.assert_allclose(found, expected, atol=1e-6 * scale, rtol=1e-6)
    # Away from the runs there is more to the process than they tell.
    whole = elsewhere @ elsewhere.T + features.left_over(ELSEWHERE)
    expected = without_mean(DENSE[part], process, ELSEWHERE, ELSEWHERE)
    np.testing.assert_allclose(whole, expected, atol=1e-6 * scale, rtol=1e-6)
    diagonal = np.square(elsewhere).sum(axis=1) + features.left_over_variance(ELSEWHERE)
    np.testing.assert_allclose(diagonal, np.diag(expected), atol=1e-6 * scale, rtol=1e-6)


@pytest.mark.parametrize("part", DENSE)
def test_few_features_leave_out_no_more_than_they_may(process, part):
    features, x = getattr(process, part), process.log_inputs
    kernel = DENSE[part](process, x, x)
    at_runs = features(x)
    assert at_runs.shape[1] <= 20
    left_out = np.trace(without_mean(DENSE[part], process, x, x) - at_runs @ at_runs.T) / np.trace(kernel)
    assert -1e-9 < left_out < 2 * discrepancy._LEFT_OUT
    assert features.left_over_variance(x).sum() / np.trace(kernel) < discrepancy._LEFT_OUT


@pytest.mark.parametrize("inducing", [256, 40], ids=["all runs", "some runs"])
@pytest.mark.parametrize("part", DENSE)
def test_features_have_no_mean_over_the_runs(monkeypatch, part, inducing):
    monkeypatch.setattr(discrepancy, "_INDUCING", inducing)
    process = Process(design(100), scales_of(LAW))
    at_runs = getattr(process, part)(process.log_inputs)
    assert np.abs(at_runs.mean(axis=0)).max() < 1e-9 * np.abs(at_runs).max()


@pytest.mark.parametrize("part", DENSE)
def test_a_process_on_some_of_the_runs_is_close_to_that_on_all(monkeypatch, part):
    x = design(300)
    full, low = Process(x, scales_of(LAW)), Process(x, scales_of(LAW))
    monkeypatch.setattr(discrepancy, "_INDUCING", 300)
    expected = getattr(full, part)(x)
    monkeypatch.setattr(discrepancy, "_INDUCING", 100)
    found = getattr(low, part)(x)
    scale = np.square(expected).sum(axis=1).mean()
    assert np.abs(found @ found.T - expected @ expected.T).mean() < 0.01 * scale


def test_the_level_is_of_all_runs_where_only_some_span_the_process(monkeypatch):
    """A cluster of many runs far from the few that cover the rest is where most of the mean is."""
    monkeypatch.setattr(discrepancy, "_INDUCING", 40)
    crowd = design(200)[:1] + 0.01 * np.random.default_rng(0).standard_normal((400, 2))
    process = Process(np.concatenate([design(60), crowd]), scales_of(LAW))
    at_runs = process.local(process.log_inputs)
    assert np.abs(at_runs.mean(axis=0)).max() < 1e-9
    assert np.square(at_runs[-400:]).sum(axis=1).max() < 0.1 * np.square(at_runs[:60]).sum(axis=1).mean()


def test_the_drift_starts_at_the_smallest_run(process):
    smallest = process.log_inputs.min(axis=0)
    before = np.array([[0.0, 0.0], [-1.0, -0.3], [-5.0, 0.0]]) + smallest
    np.testing.assert_array_equal(process.drift(before), 0.0)
    np.testing.assert_array_equal(process.drift.left_over_variance(before), 0.0)


@pytest.mark.parametrize("name", ["chinchilla", "power_law"])
def test_the_variance_of_the_drift_grows_as_the_cube_of_the_distance(name):
    law = bs.load_law(name)
    x = design()[:, : len(law.inputs)]
    process = Process(x, scales_of(law))
    far = x.min(axis=0) + np.array([[1.0], [2.0], [1e3], [2e3]])
    variance = np.square(process.drift(far)).sum(axis=1) + process.drift.left_over_variance(far)
    assert variance[3] / variance[2] == pytest.approx(8, rel=0.05)
    inputs = len(law.inputs)
    each = 1e9 / 3 * (inputs**3 + inputs * process.scales.along_inputs)
    assert variance[2] == pytest.approx(each, rel=0.05)


def test_the_local_process_does_not_grow(process):
    far = process.log_inputs.max(axis=0) + np.array([[0.0, 0.0], [5.0, 5.0], [20.0, 20.0]])
    variance = np.square(process.local(far)).sum(axis=1) + process.local.left_over_variance(far)
    assert (np.diff(variance) < 0).all()
    assert variance[0] < process.size(far[:1])[0] ** 2 <= 1.0


def test_one_run_has_no_discrepancy_of_its_own():
    alone = Process(design(1), scales_of(LAW))
    assert alone.at_runs.shape == (1, 0)
    assert alone.kinds.shape == (0,)
    conditional = Conditional(alone, np.zeros((2, 0)), np.full((2, 1), 0.01), np.full((2, 1), 0.01))
    mean, variance = conditional.moments(design(1) + 3.0)
    np.testing.assert_array_equal(mean, 0.0)
    assert (variance > 0).all()


def test_runs_that_repeat_share_their_discrepancy():
    x = np.repeat(design(5), 4, axis=0)
    at_runs = Process(x, scales_of(LAW)).at_runs
    assert at_runs.shape[1] <= 8
    np.testing.assert_allclose(at_runs, np.repeat(at_runs[::4], 4, axis=0), atol=1e-9)


def test_checkpoints_share_the_effect_of_their_training_run(process, checkpoints):
    local, drift = (checkpoints.at_runs[:, checkpoints.kinds == kind] for kind in (TAU, DRIFT))
    plain = process.at_runs[:, process.kinds == TAU]
    np.testing.assert_array_equal(drift, process.at_runs[:, process.kinds == DRIFT])
    size, run = process.size(process.log_inputs), checkpoints.cluster
    shared = RUN_SHARE * (run[:, None] == run) * np.outer(size, size)
    np.testing.assert_allclose(local @ local.T, plain @ plain.T + shared, rtol=1e-9, atol=1e-12)
    # A new run has an effect of its own, which none of these tells.
    features = checkpoints.features(ELSEWHERE)
    np.testing.assert_allclose(features @ features.T, process.features(ELSEWHERE) @ process.features(ELSEWHERE).T)
    tau = np.array([[0.01], [0.02]])
    conditional = Conditional(checkpoints, np.zeros((2, len(checkpoints.kinds))), tau, tau)
    expected = RUN_SHARE * tau**2 * checkpoints.size(ELSEWHERE) ** 2
    np.testing.assert_allclose(conditional.run_variance(ELSEWHERE), expected)
    alone = Conditional(process, np.zeros((2, len(process.kinds))), tau, tau)
    np.testing.assert_array_equal(alone.run_variance(ELSEWHERE), 0.0)


def test_groups_are_missed_independently_of_each_other():
    x = design()
    rows = (np.arange(0, 30, 2), np.arange(1, 30, 2))
    separate = Separate(tuple(Process(x[each], scales_of(LAW)) for each in rows), rows)
    covariance = separate.at_runs @ separate.at_runs.T
    np.testing.assert_array_equal(covariance[np.ix_(*rows)], 0.0)
    for part, each in zip(separate.parts, rows, strict=True):
        np.testing.assert_allclose(covariance[np.ix_(each, each)], part.at_runs @ part.at_runs.T)
    np.testing.assert_array_equal(separate.kinds, np.concatenate([part.kinds for part in separate.parts]))


N_DRAWS = 20_000


def prior_draws(process, tau, drift):
    """The discrepancy before any outcome is seen, of so many draws."""
    amplitudes = np.where(process.kinds == DRIFT, drift, tau)
    coefficients = np.random.default_rng(1).standard_normal((N_DRAWS, len(amplitudes)))
    ones = np.ones((N_DRAWS, 1))
    return Conditional(process, amplitudes * coefficients, tau * ones, drift * ones)


def assert_moments(draws, mean, covariance):
    """Sample moments within four and a half Monte Carlo errors."""
    variance = np.diag(covariance)
    n = len(draws)
    assert (np.abs(draws.mean(axis=0) - mean) < 4.5 * np.sqrt(variance / n) + 1e-12).all()
    error = np.sqrt((np.outer(variance, variance) + covariance**2) / n)
    assert (np.abs(np.cov(draws.T) - covariance) < 4.5 * error + 1e-12).all()


def test_draws_beforehand_have_the_dense_covariance(process):
    tau, drift = 0.02, 0.003
    conditional = prior_draws(process, tau, drift)
    found = conditional.draw(ELSEWHERE, np.random.default_rng(2))
    parts = [without_mean(kernel, process, ELSEWHERE, ELSEWHERE) for kernel in (dense_local, dense_drift)]
    assert_moments(found, 0.0, tau**2 * parts[0] + drift**2 * parts[1])
    assert np.abs(conditional.at_runs.mean(axis=1)).max() < 1e-9


def test_draws_given_the_coefficients_have_their_moments(process):
    tau, drift = 0.02, 0.003
    given = 0.01 * np.random.default_rng(3).standard_normal(len(process.kinds))
    ones = np.ones((N_DRAWS, 1))
    conditional = Conditional(process, ones * given, tau * ones, drift * ones)
    mean, variance = conditional.moments(ELSEWHERE)
    np.testing.assert_allclose(mean[0], process.features(ELSEWHERE) @ given)
    covariance = conditional.covariance(ELSEWHERE)
    np.testing.assert_allclose(np.diag(covariance), variance[0], rtol=1e-6, atol=1e-12)
    assert_moments(conditional.draw(ELSEWHERE, np.random.default_rng(4)), mean[0], covariance)


def test_covariance_is_the_average_over_draws_of_amplitudes(process):
    amplitudes = np.array([[0.01], [0.03]])
    conditional = Conditional(process, np.zeros((2, len(process.kinds))), amplitudes, amplitudes)
    _, variance = conditional.moments(ELSEWHERE)
    np.testing.assert_allclose(np.diag(conditional.covariance(ELSEWHERE)), variance.mean(axis=0), rtol=1e-6, atol=1e-12)


def test_noise_is_larger_below_five_tokens_per_parameter():
    tokens = np.array([1e-6, 0.005, 0.5, 5.0, 20.0])
    scale = noise_scale({"N": np.full(5, 1e9), "D": 1e9 * tokens})
    np.testing.assert_allclose(scale, [1000**0.7, 1000**0.7, 10**0.7, 1, 1])
    np.testing.assert_array_equal(noise_scale({"x": np.array([1.0, 2.0])}), 1.0)


def test_only_the_discrepancy_of_a_logarithm_shrinks_with_compute():
    decays = {}
    for name in bs.catalog.law_names():
        law = bs.load_law(name)
        decays.setdefault(law.link.name, set()).add(
            error_process(law, np.zeros((1, len(law.inputs))), None).scales.decay
        )
    assert decays.pop("log") == {0.15}
    assert all(found == {0.0} for found in decays.values())


def test_amplitudes_are_relative_to_the_scatter_that_a_law_expects():
    law = bs.load_law("chinchilla")
    wilder = bs.law.Law(**{**vars(law), "scatter": 10 * law.scatter})
    for own, other in zip(amplitude_parameters(law), amplitude_parameters(wilder), strict=True):
        assert other.prior.arguments["mu"] == pytest.approx(own.prior.arguments["mu"] + np.log(10))
        assert other.prior.arguments["sigma"] == own.prior.arguments["sigma"]
