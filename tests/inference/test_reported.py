"""Priors on what a fit reports: their densities, their draws, and what cannot be stated."""

import numpy as np
import pytest
from scipy import stats

from bayescale import Prior, load_law
from bayescale.basics.errors import LawError
from bayescale.data.checks import observe
from bayescale.inference.discrepancy import discrepancy_basis
from bayescale.inference.model import build_model
from bayescale.inference.options import Options
from bayescale.inference.reported import believed
from bayescale.inference.scales import amplitude_parameters
from bayescale.inference.solving import some_centre
from bayescale.laws import additive, learnt
from bayescale.laws.catalog import law_names
from bayescale.laws.noise import noise_by_name
from bayescale.posterior.single import as_runs
from bayescale.sampling.logdensity import LogDensity

STATED = {
    "E": Prior("Normal", mu=1.7, sigma=0.1),
    "alpha_N": Prior("LogNormal", mu=-1.1, sigma=0.1),
    "a_opt": Prior("Normal", mu=0.5, sigma=0.02),
    "sigma": Prior("HalfNormal", sigma=0.01),
    "tau": Prior("Gamma", mu=0.02, sigma=0.01),
}
CDFS = {
    "E": stats.norm(1.7, 0.1).cdf,
    "alpha_N": stats.lognorm(0.1, scale=np.exp(-1.1)).cdf,
    "a_opt": stats.norm(0.5, 0.02).cdf,
    "sigma": stats.halfnorm(scale=0.01).cdf,
    "tau": stats.gamma(4, scale=0.005).cdf,
}


def graph(priors, runs, law="chinchilla", *, discrepancy=True):
    options = Options(priors=priors, discrepancy=discrepancy)
    observed = observe(options.applied(load_law(law)), as_runs(runs))
    basis = discrepancy_basis(observed) if discrepancy else None
    return LogDensity(build_model(observed, noise_by_name("student_t"), basis).model)


def drawn(density, n=600):
    draws = density.prior(n, 1)
    latent = np.zeros((n, len(density._model.coords.get("feature", ()))))
    return draws, density.parameters(draws, latent)


@pytest.fixture(scope="module")
def stated(few_runs):
    density = graph(STATED, few_runs)
    return density, *drawn(density)


BUDGET = "tokens_per_parameter at C=5.76e+23"
TOGETHER = {
    "E": Prior("Normal", mu=1.7, sigma=0.1),
    "alpha_N": Prior("LogNormal", mu=-1.1, sigma=0.1),
    "beta_D": Prior("Gamma", mu=0.36, sigma=0.04),
    BUDGET: Prior("LogNormal", mu=3.0, sigma=0.3),
}
DENSITIES = {
    "E": stats.norm(1.7, 0.1),
    "alpha_N": stats.lognorm(0.1, scale=np.exp(-1.1)),
    "beta_D": stats.gamma(81, scale=0.36 / 81),
    BUDGET: stats.lognorm(0.3, scale=np.exp(3.0)),
}
"""Quantities that need each other: tokens per parameter are computed from both exponents, and beta_D from alpha_N."""


@pytest.fixture(scope="module")
def together(few_runs):
    density = graph(TOGETHER, few_runs, discrepancy=False)
    return density, *drawn(density)


def test_quantities_that_are_computed_from_each_other_have_their_priors_independently(together):
    density, draws, parameters = together
    for name, stated_density in DENSITIES.items():
        assert stats.kstest(parameters[name], stated_density.cdf).pvalue > 0.001, name
    among = np.corrcoef([parameters[name] for name in (*TOGETHER, "ratio")])
    assert np.abs(among[np.triu_indices(len(among), 1)]).max() < 0.15
    assert {"alpha_N", "beta_D", "share_N"} <= set(density.parameter_names)
    np.testing.assert_allclose(density.unconstrain(parameters), draws, atol=1e-9)


def test_the_jacobian_is_the_determinant_of_what_priors_are_on(together):
    density, draws, _ = together
    kept = ["ratio", "sigma", "nu"]

    def on(coordinates):
        """What the priors are on: the stated quantities, and the parameters that keep their own."""
        p = density.parameters(coordinates)
        return np.column_stack([*(p[name] for name in (*TOGETHER, *kept))]), p

    draws, step = draws[:20], 1e-5
    moves = step * np.eye(draws.shape[1])
    slopes = np.stack([(on(draws + each)[0] - on(draws - each)[0]) / (2 * step) for each in moves], axis=-1)
    p = on(draws)[1]
    middle = 0.5 / 1.3 / np.sqrt(p["share_N"] * (1 - p["share_N"]))
    expected = sum(each.logpdf(p[name]) for name, each in DENSITIES.items())
    expected += stats.lognorm(learnt.RATIO_SD, scale=middle).logpdf(p["ratio"])
    expected += stats.lognorm(0.5, scale=7).logpdf(p["nu"])
    (sigma,) = noise_by_name("normal").parameters(load_law("chinchilla"))
    found = density.log_prior(draws)[0] - expected - np.linalg.slogdet(slopes)[1]
    noise = stats.lognorm(sigma.prior.arguments["sigma"], scale=np.exp(sigma.prior.arguments["mu"]))
    np.testing.assert_allclose(found, noise.logpdf(p["sigma"] - 1e-7), atol=1e-5)


@pytest.mark.parametrize("name", STATED)
def test_prior_draws_follow_the_stated_prior(stated, name):
    _, _, parameters = stated
    assert stats.kstest(parameters[name], CDFS[name]).pvalue > 0.001


def test_the_other_parameters_keep_their_priors_and_do_not_depend_on_the_stated_quantities(stated):
    _, _, parameters = stated
    share = parameters["share_N"]
    assert stats.kstest(np.log(share / (1 - share)), stats.norm(0, np.sqrt(2)).cdf).pvalue > 0.001
    among = np.corrcoef([parameters[name] for name in ("E", "alpha_N", "a_opt", "share_N")])
    assert np.abs(among[np.triu_indices(4, 1)]).max() < 0.15


def test_the_density_is_that_of_the_stated_priors_times_the_jacobian(stated):
    density, draws, p = stated
    share, drift = p["share_N"], amplitude_parameters(load_law("chinchilla"))[1].prior.arguments
    middle = 0.5 / 1.3 / np.sqrt(share * (1 - share))
    expected = [
        stats.norm(1.7, 0.1).logpdf(p["E"]) - np.log(1 + p["ratio"]),  # dE / d loss_centre
        stats.lognorm(0.1, scale=np.exp(-1.1)).logpdf(p["alpha_N"]) + np.log(p["alpha_N"] / p["slope"]),
        stats.norm(0.5, 0.02).logpdf(p["a_opt"]),
        stats.halfnorm(scale=0.01).logpdf(p["sigma"] - 1e-7),
        stats.gamma(4, scale=0.005).logpdf(p["tau"]),
        stats.norm(0, np.sqrt(2)).logpdf(np.log(share / (1 - share))) - np.log(share * (1 - share)),
        stats.lognorm(learnt.RATIO_SD, scale=middle).logpdf(p["ratio"]),
        stats.lognorm(0.5, scale=7).logpdf(p["nu"]),
        stats.lognorm(drift["sigma"], scale=np.exp(drift["mu"])).logpdf(p["drift"]),
    ]
    np.testing.assert_allclose(density.log_prior(draws)[1], np.sum(expected, axis=0), rtol=1e-6)


def test_coordinates_and_parameters_are_two_ways_to_write_the_same_draw(stated):
    density, draws, parameters = stated
    np.testing.assert_allclose(density.unconstrain(parameters), draws, atol=1e-9)


def test_a_fixed_value_is_one_to_the_last_digit(few_runs):
    fixed = {"E": 1.6, "a_opt": 0.5, "nu": 5, "drift": 0.002}
    density = graph(fixed, few_runs)
    _, parameters = drawn(density, 50)
    for name, value in fixed.items():
        assert (parameters[name] == value).all()
    assert np.ptp(parameters["loss_centre"]) > 0
    assert not {"nu", "a_opt", "drift", "loss_centre"} & set(density.parameter_names)


def test_fixed_quantities_that_are_computed_from_each_other_determine_a_law(few_runs):
    fixed = {"alpha_N": 0.34, "beta_D": 0.37, "N_star at C=5.76e+23": 7e10}
    density = graph(fixed, few_runs, discrepancy=False)
    _, p = drawn(density, 20)
    for name, value in fixed.items():
        assert (p[name] == value).all()
    np.testing.assert_allclose(p["a_opt"], 0.37 / 0.71)
    np.testing.assert_allclose(p["slope"] * 2, 0.71 * additive.slope_over_exponent(p))
    np.testing.assert_allclose(additive.additive_optimum(p, 5.76e23 / 6), 7e10)
    assert set(density.parameter_names) == {"ratio", "loss_centre", "sigma", "nu"}


@pytest.mark.parametrize(
    ("law", "name", "carrier"),
    [
        ("chinchilla", "E", "loss_centre"),
        ("chinchilla", "alpha_N", "slope"),
        ("q_family", "alpha_N", "exponent"),
        ("kaplan_nd", "a_opt", "alpha_N"),
        ("rise_to_ceiling", "ceiling", "y_centre"),
    ],
)
def test_a_parameter_takes_the_prior_of_a_derived_quantity(law, name, carrier):
    assert carriers(law, {name: Prior("Beta", alpha=8, beta=12)}) == {name: carrier}


def carriers(law, priors):
    loaded = Options(priors=priors, discrepancy=False).applied(load_law(law))
    return {item.on: item.name for item in believed(loaded).parameters if item.on}


@pytest.mark.parametrize(
    ("law", "first", "carrier"),
    [("skaling", "beta_D", "slope"), ("farseer", "alpha_N", "slope"), ("q_family", "beta_D", "exponent")],
)
def test_both_exponents_take_priors_whatever_is_stated_first(law, first, carrier):
    priors = {name: TOGETHER[name] for name in sorted(("alpha_N", "beta_D"), key=lambda name: name != first)}
    assert carriers(law, priors) == {"alpha_N": carrier, "beta_D": "a_opt"}


@pytest.mark.parametrize(
    ("law", "carrier"),
    [("tied", "share_N"), ("q_family", "share_N"), ("overtraining", "M_opt")],
)
def test_an_optimum_at_a_budget_takes_a_prior(law, carrier):
    assert carriers(law, {BUDGET: TOGETHER[BUDGET]})[BUDGET] == carrier


@pytest.mark.parametrize("law", [name for name in law_names() if any(p.amounts_to for p in load_law(name).parameters)])
def test_a_prior_amounts_to_that_on_another_quantity(law):
    loaded = load_law(law)
    (item,) = (each for each in loaded.parameters if each.amounts_to)
    quantity, prior = item.amounts_to
    rng, centre = np.random.default_rng(0), some_centre(loaded)
    values = {each.name: rng.uniform(0.2, 0.8) for each in loaded.parameters}
    found = loaded.derive(np, values, centre)
    if quantity in found:
        mu = item.arguments(np, values)["mu"] - np.log(values[item.name] / found[quantity])
        assert (mu, item.prior.arguments["sigma"]) == pytest.approx((prior.arguments["mu"], prior.arguments["sigma"]))


@pytest.mark.parametrize(
    ("priors", "said"),
    [
        ({"E": -1.0}, "is fixed at -1, but in law 'chinchilla' it is above 0"),
        ({"a_opt": Prior("Normal", mu=0.9, sigma=0.2)}, "outside of what it can be"),
        ({"a_opt": 0.5, **TOGETHER}, "beta_D: law 'chinchilla' cannot take it beside those on a_opt, E, alpha_N"),
        ({"length": 3.0}, "a constant learnt"),
        ({"N_star": 7e10}, "name it, such as N_star at C=5.76e23"),
        ({"N_star at C=0": 7e10}, "C is 0"),
        ({"N_star at C=1e23": 7e10, "beta_D": TOGETHER["beta_D"]}, r"Published\(N_star=..., C=1e\+23, sd=...\)"),
        ({"alphaN": 0.3}, "did you mean 'alpha_N'"),
        ({"excess": 0.3}, "no such quantity"),
    ],
)
def test_what_cannot_be_stated_is_refused_with_what_can(priors, said):
    with pytest.raises(LawError, match=said):
        believed(Options(priors=priors).applied(load_law("chinchilla")))


@pytest.mark.parametrize(("name", "value"), [("sigma", -0.01), ("tau", Prior("Normal", mu=0.0, sigma=0.1))])
def test_noise_and_discrepancy_cannot_be_negative(few_runs, name, value):
    with pytest.raises(LawError, match=f"prior on {name}.*above 0"):
        graph({name: value}, few_runs)


def test_a_constant_of_the_design_takes_no_prior():
    with pytest.raises(LawError, match="determine N_0"):
        believed(Options(priors={"N_0": 1e9}).applied(load_law("farseer")))


def test_the_same_priors_share_a_compiled_graph_and_others_do_not():
    law = load_law("tied")
    one, again, other = (Options(priors={"E": value}).applied(law) for value in (1.6, 1.6, 1.7))
    assert one is again
    assert other is not one
    assert one is not law
    assert believed(one) is believed(again)


def test_a_mixture_takes_a_prior_where_it_exists_and_refuses_one_that_no_law_has():
    laws = [load_law("skaling"), load_law("tied")]
    priors = {"E": 1.6, "k": 1.0}
    assert [sorted(each.priors) for each in Options(priors=priors).of_each(laws)] == [["E", "k"], ["E"]]
    with pytest.raises(LawError, match="skaling and tied has no such quantity"):
        Options(priors={"gamma_G": 1.0}).of_each(laws)
