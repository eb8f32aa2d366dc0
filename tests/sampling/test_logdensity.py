"""A ``pm.Model`` as a vectorised function, for laws of every link and kind of prior, against PyMC and SciPy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayescale.basics.errors import SamplingError
from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.inference.discrepancy import discrepancy_basis
from bayescale.inference.model import build_model, feature_matrix
from bayescale.laws import catalog
from bayescale.laws.catalog import load_law
from bayescale.laws.noise import NOISES, noise_by_name
from bayescale.posterior.pooled_law import pooled_law
from bayescale.sampling import logdensity
from bayescale.sampling.logdensity import LogDensity, interpreted_mode

N_RUNS = 40
CASES = [
    ("chinchilla", "student_t"),  # priors whose arguments depend on other parameters, a level, derived parameters
    ("chinchilla", "normal"),
    ("routed_moe", "student_t"),  # a prior that another parameter shifts
    ("accuracy_of_loss", "student_t"),  # log-odds, an input on a linear scale, a setting
    ("bradley_terry", "student_t"),  # an outcome of either sign
]


def made_up_runs(law):
    rng = np.random.default_rng(0)
    columns = {
        item.name: rng.uniform(2, 5, N_RUNS) if item.linear else 10 ** rng.uniform(7, 11, N_RUNS) for item in law.inputs
    }
    low, high = {"positive": (2, 4), "fraction": (0.2, 0.8), "real": (-400, -10)}[law.link.domain]
    outcome = rng.uniform(low, high, N_RUNS)
    table = {**columns, law.outcome: outcome, f"{law.outcome}_se": 0.01 * np.abs(outcome)}
    return Runs.from_frame(pd.DataFrame(table), outcome=law.outcome, domain=law.link.domain)


class Case:
    def __init__(self, law, noise):
        self.law, self.noise = catalog.load_law(law), NOISES[noise]
        self.runs = made_up_runs(self.law)
        self.model = build_model(Observed(self.law, self.runs), self.noise).model
        self.density = LogDensity(self.model)
        self.draws = self.density.prior(2000, seed=1)
        self.parameters = self.density.parameters(self.draws)


@pytest.fixture(scope="session", params=CASES, ids="-".join)
def case(request):
    return Case(*request.param)


def test_log_density_is_that_of_pymc(case):
    reference = case.model.compile_logp(mode=interpreted_mode())
    draws = case.draws[:20]
    expected = [reference(dict(zip(case.density.names, draw, strict=True))) for draw in draws]
    np.testing.assert_allclose(case.density(draws), expected, rtol=1e-9)


def test_pointwise_log_likelihood_sums_to_the_likelihood_part(case):
    reference = case.model.compile_logp(vars=case.model.observed_RVs, mode=interpreted_mode())
    draws = case.draws[:20]
    values = dict(zip(case.density.names, draws.T, strict=True))
    expected = [reference({name: value[i] for name, value in values.items()}) for i in range(len(draws))]
    pointwise = case.density.pointwise(draws)
    assert pointwise.shape == (20, N_RUNS)
    np.testing.assert_allclose(pointwise.sum(axis=1), expected, rtol=1e-9)


def test_pointwise_log_likelihood_is_that_of_the_law_in_numpy(case):
    p = {name: values[:20, None] for name, values in case.parameters.items()}
    x, link = Observed(case.law, case.runs).inputs, case.law.link
    scale = np.hypot(p["sigma"], Observed(case.law, case.runs).standard_error)
    distribution = stats.t(p["nu"]) if "nu" in p else stats.norm
    mean = link.forward(np, case.law.mean(np, x, p))
    residuals = link.forward(np, case.runs.column(case.law.outcome)) - mean
    expected = distribution.logpdf(residuals / scale) - np.log(scale)
    np.testing.assert_allclose(case.density.pointwise(case.draws[:20]), expected, rtol=1e-8)


def test_coordinates_and_parameters_convert_into_each_other(case):
    np.testing.assert_allclose(case.density.unconstrain(case.parameters), case.draws, rtol=1e-9, atol=1e-12)
    again = case.density.parameters(case.draws)
    for name, values in case.parameters.items():
        np.testing.assert_allclose(again[name], values)


def test_parameters_are_all_those_of_the_law_and_the_noise(case):
    names = {item.name for item in (*case.law.parameters, *case.law.derived, *case.noise.parameters(case.law))}
    assert set(case.parameters) == names
    assert all(values.shape == (2000,) for values in case.parameters.values())


def test_prior_draws_have_the_quantiles_of_the_priors(case):
    import pymc as pm

    for parameter in (*case.law.parameters, *case.noise.parameters(case.law)):
        shift = parameter.shift(np, case.parameters) if parameter.shift else 0.0
        given = parameter.arguments(np, case.parameters) if parameter.arguments else {}
        distribution = getattr(pm, parameter.prior.distribution)
        drawn = distribution.dist(**{**parameter.prior.arguments, **given}, shape=2000)
        expected = pm.draw(drawn, random_seed=2, mode=interpreted_mode())
        assert stats.ks_2samp(case.parameters[parameter.name] - shift, expected).pvalue > 1e-3, parameter.name


def test_prior_draws_repeat_with_their_seed_only(case):
    np.testing.assert_array_equal(case.density.prior(50, seed=3), case.density.prior(50, seed=3))
    assert (case.density.prior(50, seed=3) != case.density.prior(50, seed=4)).all()


def test_chunks_change_nothing(case, monkeypatch):
    draws = case.draws[:100]
    whole, pointwise = case.density(draws), case.density.pointwise(draws)
    monkeypatch.setattr(logdensity, "ELEMENTS_PER_CALL", 7 * N_RUNS)
    np.testing.assert_array_equal(case.density(draws), whole)
    np.testing.assert_array_equal(case.density.pointwise(draws), pointwise)


def test_density_is_zero_where_it_is_undefined(case):
    far = np.array([np.full(len(case.density.names), 1e4), np.full(len(case.density.names), np.nan)])
    np.testing.assert_array_equal(case.density(far), -np.inf)


def test_other_runs_need_no_compilation(case):
    data = case.model[f"{case.law.link.variable(case.law.outcome)}_data"]
    before, draws = data.get_value(), case.draws[:5]
    first = case.density(draws)
    try:
        data.set_value(before + 0.01)
        assert (case.density(draws) != first).all()
    finally:
        data.set_value(before)
    np.testing.assert_array_equal(case.density(draws), first)


def test_vectors_whose_elements_have_no_names_are_refused():
    import pymc as pm

    with pm.Model(coords={"run": [0, 1], "group": ["a", "b"]}) as model:
        pm.Normal("offsets", dims="group")
        pm.Normal("others", shape=2)
        pm.Normal("table", dims=("run", "group"))
    with pytest.raises(SamplingError, match="not others, table"):
        LogDensity(model)


def test_priors_that_read_other_parameters_are_those_of_the_model(few_runs):
    """A group's log-odds are normal around those of all groups, whose density PyMC derives from a clone of them."""
    law = pooled_law(load_law("chinchilla"), ("a_opt",), ["a", "b"])
    coded = Runs.from_frame(few_runs.assign(group_code=np.arange(len(few_runs)) % 2.0))
    density = LogDensity(build_model(Observed(law, coded), noise_by_name("normal")).model)
    draws = density.prior(3, 0)
    terms = density._compile([term.sum() for term in density._model.logp(density._parameters, sum=False)])(
        draws, np.empty((3, 0))
    )
    np.testing.assert_allclose(density.log_prior(draws)[0], np.sum([np.broadcast_to(t, 3) for t in terms], axis=0))


def test_the_log_prior_is_the_same_where_the_parts_of_the_likelihood_are_compiled(few_runs):
    observed = Observed(load_law("chinchilla"), Runs.from_frame(few_runs))
    basis = discrepancy_basis(observed)
    posterior = build_model(observed, noise_by_name("student_t"), basis)
    alone, beside = LogDensity(posterior.model), LogDensity(posterior.model)
    nodes = (posterior.location, posterior.scale, posterior.amplitudes, posterior.df)
    parts = beside.parts(nodes, *feature_matrix(observed.law, basis).shape)
    draws = alone.prior(20, 0)
    wanted = alone.log_prior(draws)
    np.testing.assert_allclose(beside.log_prior(draws), wanted, rtol=1e-12)
    np.testing.assert_allclose(parts(draws).log_prior, wanted[0], rtol=1e-12)
