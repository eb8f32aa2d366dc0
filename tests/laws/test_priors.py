"""Priors as people state them."""

import numpy as np
import pytest
from scipy import stats

from bayescale import Prior, elicit
from bayescale.basics.errors import LawError
from bayescale.laws.priors import DISTRIBUTIONS, parse_prior, stated, support


@pytest.mark.parametrize(
    ("text", "name", "prior"),
    [
        ("E ~ LogNormal(mu=0.3, sigma=0.1)", "E", "LogNormal(mu=0.3, sigma=0.1)"),
        (" a_opt~Beta( alpha = 12,beta=12 ) ", "a_opt", "Beta(alpha=12, beta=12)"),
        ("kappa ~ Normal(mu=-1e-2, sigma=.1)", "kappa", "Normal(mu=-0.01, sigma=0.1)"),
        ("E=1.6", "E", "1.6"),
        ("N_star  at C=576e21 ~ LogNormal(mu=25, sigma=.3)", "N_star at C=5.76e+23", "LogNormal(mu=25, sigma=0.3)"),
        ("tokens_per_parameter at C = 1e21=20", "tokens_per_parameter at C=1e+21", "20"),
    ],
)
def test_a_prior_is_read_as_people_write_it(text, name, prior):
    found, read = parse_prior(text)
    assert (found, str(read)) == (name, prior)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "E",
        "E ~ 1.6",
        "E = about 1.6",
        "E ~ LogNormal(0.3, 0.1)",
        "E ~ LogNormal(mu=0.3, sigma=0.1",
        "E ~ LogNormal(mu=x, sigma=0.1)",
        "E ~ LogNormal(**{})",
        "E = nan",
        "E ~ Normal(mu=1, sigma=__import__('os'))",
    ],
)
def test_other_texts_are_refused_with_an_example(text):
    with pytest.raises(LawError, match="E"):
        parse_prior(text)


@pytest.mark.parametrize(
    ("prior", "said"),
    [
        (Prior("Lognormal", mu=0, sigma=1), "did you mean 'LogNormal'"),
        (Prior("Wald", mu=1, lam=1), "choose one of Normal"),
        (Prior("Normal", mu=0), "takes mu and sigma"),
        (Prior("TruncatedNormal", mu=0, sigma=1, upper=2, floor=0), "if wanted lower and upper"),
        (Prior("Normal", mu=0, sigma=0), "sigma must be above zero"),
        (Prior("Uniform", lower=2, upper=1), "lower must be below upper"),
        (Prior("Beta", mu=0.5, sigma=0.6), "no Beta has this mean"),
        (Prior("Normal", mu=np.inf, sigma=1), "must be finite"),
        ("1.6", "neither a number nor a prior"),
        (True, "neither a number nor a prior"),
    ],
)
def test_a_wrong_prior_is_refused_with_what_is_right(prior, said):
    with pytest.raises(LawError, match=said):
        stated({"E": prior})


def test_every_distribution_exists_in_pymc_with_these_arguments():
    import pymc as pm

    from bayescale.sampling.logdensity import interpreted_mode

    for name, known in DISTRIBUTIONS.items():
        for names in known.arguments:
            arguments = dict(zip(names, (0.3, 0.4, 0.5), strict=False))
            variable = getattr(pm, name).dist(**arguments)
            low, high = support(Prior(name, **arguments))
            draws = pm.draw(variable, draws=20, random_seed=0, mode=interpreted_mode())
            assert ((low <= draws) & (draws <= high)).all()


@pytest.mark.parametrize(
    ("family", "frozen"),
    [
        ("Normal", lambda a: stats.norm(a["mu"], a["sigma"])),
        ("LogNormal", lambda a: stats.lognorm(a["sigma"], scale=np.exp(a["mu"]))),
        ("Beta", lambda a: stats.beta(a["alpha"], a["beta"])),
        ("Gamma", lambda a: stats.gamma(a["alpha"], scale=1 / a["beta"])),
        ("InverseGamma", lambda a: stats.invgamma(a["alpha"], scale=a["beta"])),
        ("Uniform", lambda a: stats.uniform(a["lower"], a["upper"] - a["lower"])),
    ],
)
@pytest.mark.parametrize("quantiles", [{0.05: 0.2, 0.95: 0.7}, {0.9: 0.35, 0.1: 0.3}])
def test_an_elicited_prior_has_the_quantiles(family, frozen, quantiles):
    found = frozen(elicit(family, quantiles).arguments)
    np.testing.assert_allclose(found.cdf(list(quantiles.values())), list(quantiles), rtol=1e-5)


@pytest.mark.parametrize(
    ("family", "quantiles", "said"),
    [
        ("StudentT", {0.05: 1, 0.95: 2}, "choose one of Normal"),
        ("Normal", {0.05: 1}, "two quantiles"),
        ("Normal", {5: 1, 95: 2}, "between 0 and 1"),
        ("LogNormal", {0.05: -1, 0.95: 2}, "between 0 and inf"),
        ("Normal", {0.05: 2, 0.95: 1}, "must be below"),
    ],
)
def test_quantiles_that_nothing_has_are_refused(family, quantiles, said):
    with pytest.raises(LawError, match=said):
        elicit(family, quantiles)
