"""Adaptive importance sampling on targets whose moments and evidence are known."""

from dataclasses import dataclass, replace

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import stats

from bayescale.basics.errors import SamplingError
from bayescale.sampling import importance
from bayescale.sampling.adaptation import PATIENT, QUICK, TEMPERED
from bayescale.sampling.importance import DISAGREEMENT_LIMIT, ESS_LIMIT, K_HAT_LIMIT, sample_importance
from bayescale.sampling.latent import MANY_RUNS, LatentDensity, Parts
from bayescale.sampling.weights import systematic_sample, tempered

N_DRAWS = 4000


@dataclass(frozen=True)
class Target:
    density: object
    mean: np.ndarray
    sd: np.ndarray
    log_evidence: float
    prior_sd: float

    def prior_draws(self, seed=0):
        return self.prior_sd * np.random.default_rng(seed).standard_normal((1000, len(self.mean)))

    def sample(self, seed=0):
        return sample_importance(self.density, self.prior_draws(seed), N_DRAWS, seed)


def correlated_normal():
    mean, sd = np.linspace(-1, 1, 6), np.geomspace(0.01, 1, 6)
    normal = stats.multivariate_normal(mean, np.outer(sd, sd) * (0.95 + 0.05 * np.eye(6)))
    return Target(lambda x: normal.logpdf(x) + 3.0, mean, sd, 3.0, prior_sd=3.0)


def banana():
    def density(x):
        return stats.norm.logpdf(x[:, 0]) + stats.norm.logpdf(x[:, 1] - 0.8 * (x[:, 0] ** 2 - 1)) - 7.0

    return Target(density, np.zeros(2), np.array([1.0, np.sqrt(1 + 2 * 0.8**2)]), -7.0, prior_sd=3.0)


def two_normals(at=6.0, share=0.7, d=3):
    def density(x):
        return np.logaddexp(
            np.log(1 - share) + stats.norm.logpdf(x, -at).sum(axis=1),
            np.log(share) + stats.norm.logpdf(x, at).sum(axis=1),
        )

    mean = at * (2 * share - 1)
    return Target(density, np.full(d, mean), np.full(d, np.sqrt(1 + at**2 - mean**2)), 0.0, prior_sd=5.0)


def student_t(df, d=4):
    t = stats.multivariate_t(np.zeros(d), np.eye(d), df=df)
    return Target(t.logpdf, np.zeros(d), np.full(d, np.sqrt(df / (df - 2)) if df > 2 else np.inf), 0.0, prior_sd=3.0)


TARGETS = {
    "correlated normal": correlated_normal(),
    "banana": banana(),
    "two normals": two_normals(),
    "Student t": student_t(df=8),
}


@pytest.fixture(scope="module", params=TARGETS.values(), ids=TARGETS)
def target(request):
    return request.param


@pytest.fixture(scope="module")
def repeated(target):
    return [target.sample(seed) for seed in range(25)]


def test_known_targets_are_certified(repeated):
    assert np.mean([result.certified for result in repeated]) >= 0.95


def test_draws_have_the_shape_asked_for(repeated):
    assert {result.draws.shape[0] for result in repeated} == {N_DRAWS}


def test_means_are_recovered(target, repeated):
    for result in repeated:
        np.testing.assert_array_less(np.abs(result.draws.mean(axis=0) - target.mean), 5 * target.sd / np.sqrt(N_DRAWS))


def test_draws_are_unbiased(target, repeated):
    draws = np.concatenate([result.draws for result in repeated])
    error = target.sd / np.sqrt(len(draws))
    np.testing.assert_array_less(np.abs(draws.mean(axis=0) - target.mean), 4 * error)
    relative = draws.std(axis=0) / target.sd
    np.testing.assert_array_less(np.abs(relative - 1), 4 * np.sqrt((stats.kurtosis(draws) + 2) / 4 / len(draws)))


def test_draws_are_worth_as_many_independent_ones(target, repeated):
    scores = [(result.draws.mean(axis=0) - target.mean) / target.sd * np.sqrt(N_DRAWS) for result in repeated]
    assert np.square(scores).mean(axis=0).max() < stats.chi2.isf(1e-4, len(repeated)) / len(repeated)


def test_log_evidence_is_exact_within_its_error(target, repeated):
    scores = [(result.log_evidence - target.log_evidence) / result.log_evidence_se for result in repeated]
    assert np.abs(scores).max() < 5
    assert np.square(scores).sum() < stats.chi2.isf(1e-4, len(scores))
    assert max(result.log_evidence_se for result in repeated) < 0.02


def test_a_seed_repeats_its_draws_and_another_gives_others():
    target = TARGETS["banana"]
    first, again, other = (sample_importance(target.density, target.prior_draws(), 1000, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.draws, again.draws)
    assert not np.isin(other.draws, first.draws).any()


def test_a_small_mode_far_from_the_large_one_is_found():
    target = two_normals(share=0.95)
    shares = [np.mean(result.draws[:, 0] < 0) for result in map(target.sample, range(5)) if result.certified]
    assert len(shares) >= 3
    np.testing.assert_allclose(shares, 0.05, atol=5 * np.sqrt(0.05 * 0.95 / N_DRAWS))


def test_proposals_that_found_different_modes_are_not_certified():
    target = two_normals(at=20.0)
    rng = np.random.default_rng(0)
    each_half_at_one_mode = np.concatenate([rng.normal(at, 1, (500, 3)) for at in (-20, 20)])
    result = sample_importance(target.density, each_half_at_one_mode, N_DRAWS, seed=0)
    assert result.disagreement > DISAGREEMENT_LIMIT
    assert not result.certified


def test_a_target_with_heavier_tails_than_any_proposal_is_not_certified():
    assert not any(student_t(df=0.5, d=2).sample(seed).certified for seed in range(2))


def test_each_diagnostic_alone_withholds_the_certificate():
    result = TARGETS["correlated normal"].sample()
    assert result.certified
    assert not replace(result, pareto_k=K_HAT_LIMIT).certified
    assert not replace(result, ess=result.ess.clip(max=ESS_LIMIT - 1)).certified
    assert not replace(result, disagreement=DISAGREEMENT_LIMIT).certified


@pytest.mark.parametrize(("n_runs", "last"), [(40, TEMPERED), (MANY_RUNS + 1, PATIENT)], ids=["few", "many"])
def test_only_posteriors_of_few_runs_are_tempered(monkeypatch, n_runs, last):
    rng, efforts = np.random.default_rng(0), []
    poor = replace(TARGETS["correlated normal"].sample(), pareto_k=1.0)

    class Attempted:
        result, share = poor, 0.5

        @classmethod
        def of_prior(cls, density, prior_draws, n_draws, seed, effort):
            return cls().adapted(effort)

        def adapted(self, effort):
            efforts.append(effort)
            return self

        def go_on(self):
            pass

    def parts(draws):
        shape = (len(draws), n_runs)
        return Parts(-0.5 * draws[:, 0] ** 2, draws + np.zeros(shape), np.ones(shape), np.ones((len(draws), 2)), None)

    monkeypatch.setattr(importance, "_Attempt", Attempted)
    density = LatentDensity(parts, rng.standard_normal((n_runs, 2)), rng.standard_normal(n_runs))
    sample_importance(density, rng.standard_normal((100, 1)), N_DRAWS, seed=0)
    assert efforts[-1] is last


def test_no_more_draws_are_taken_where_exact_weights_are_hopelessly_uneven(monkeypatch):
    taken = []
    monkeypatch.setattr(importance._Pool, "even_share", lambda pool: 0.01)
    monkeypatch.setattr(importance._Pool, "extend", lambda pool, n, rngs: taken.append(n))
    monkeypatch.setattr(importance._Pool, "ess", lambda pool: np.zeros(2))
    monkeypatch.setattr(importance._Pool, "smoothed_ess", lambda pool: np.zeros(2))
    monkeypatch.setattr(importance._Pool, "disagreement", lambda pool: 0.0)
    monkeypatch.setattr(importance, "_result", lambda pool, n_draws, rng, disagreement: disagreement)
    target = TARGETS["correlated normal"]
    importance._Attempt.of_prior(target.density, target.prior_draws(), N_DRAWS, np.random.SeedSequence(0), QUICK)
    assert len(taken) == 1


def test_an_easy_target_costs_few_evaluations():
    evaluated = []
    target = TARGETS["correlated normal"]

    def density(x):
        evaluated.append(len(x))
        return target.density(x)

    sample_importance(density, target.prior_draws(), N_DRAWS, seed=0)
    assert sum(evaluated) < 20_000


def test_more_draws_than_a_certificate_needs_are_backed_by_as_many_effective_ones():
    target = TARGETS["correlated normal"]
    result = sample_importance(target.density, target.prior_draws(), 20_000, seed=0)
    assert len(result.draws) == 20_000
    assert result.ess.min() >= 20_000


def test_a_density_that_is_nowhere_finite_is_refused():
    with pytest.raises(SamplingError, match="zero or undefined"):
        sample_importance(lambda x: np.full(len(x), -np.inf), np.zeros((10, 2)), N_DRAWS, seed=0)


@hypothesis.given(
    raw=st.lists(st.floats(0.001, 1.0), min_size=1, max_size=40),
    n=st.integers(1, 100),
    seed=st.integers(0, 2**32 - 1),
)
def test_systematic_sample_takes_each_item_the_whole_number_below_or_above_its_expected_count(raw, n, seed):
    weights = np.array(raw) / sum(raw)
    counts = np.bincount(systematic_sample(weights, n, np.random.default_rng(seed)), minlength=len(weights))
    assert counts.sum() == n
    assert (np.abs(counts - n * weights) < 1 + 1e-9).all()


def test_systematic_sample_includes_items_in_proportion_to_their_weights():
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.1, 1.0, 50)
    weights /= weights.sum()
    expected, repeats = 10 * weights, 4000
    included = np.bincount(np.concatenate([systematic_sample(weights, 10, rng) for _ in range(repeats)]), minlength=50)
    error = np.sqrt(expected * (1 - expected) / repeats)
    np.testing.assert_array_less(np.abs(included / repeats - expected), 4.5 * error)


def test_systematic_sample_never_chooses_items_of_weight_zero_and_mixes_the_order():
    rng = np.random.default_rng(0)
    weights = np.tile([0.0, 0.01], 100)
    chosen = np.array([systematic_sample(weights, 50, rng) for _ in range(200)])
    assert (chosen % 2 == 1).all()
    assert np.abs(chosen[:, 0].mean() - chosen[:, -1].mean()) < 25


def test_flattened_weights_leave_out_draws_without_a_density():
    weights = tempered(np.array([-np.inf] * 5 + [0.0, -1.0, -50.0]), least=0.5)
    assert weights[:5].tolist() == [0.0] * 5
    np.testing.assert_allclose(weights[5:], 1 / 3, rtol=1e-6)
