"""Every law at a design that suits it: plausible before the runs are seen, differentiable, and recovered from them."""

import numpy as np
import pandas as pd
import pytest

from bayescale import catalog
from bayescale.fitting import fit_law
from bayescale.noise import NOISES
from bayescale.posterior import build_model
from bayescale.runs import Runs
from bayescale.sampling.logdensity import LogDensity, interpreted_mode

NOISE = 0.003
"""Standard deviation of the log outcome in simulated runs."""


def crossed(**levels):
    """Every combination of the levels."""
    return {name: grid.ravel() for name, grid in zip(levels, np.meshgrid(*levels.values()), strict=True)}


SIZES, TOKENS = np.geomspace(3e7, 1e10, 5), np.geomspace(1e9, 1e12, 5)
DESIGNS = {
    ("N",): {"N": np.geomspace(1e7, 1e10, 16)},
    ("D",): {"D": np.geomspace(1e9, 1e12, 16)},
    ("C",): {"C": np.geomspace(1e18, 1e23, 16)},
    ("x",): {"x": np.geomspace(1e2, 1e6, 24)},
    ("year",): {"year": np.linspace(2012, 2024, 24)},
    ("N", "D"): crossed(N=SIZES, D=TOKENS),
    ("N", "D", "U"): crossed(N=SIZES[:4], D=TOKENS[:4], U=np.geomspace(3e8, 1e10, 3)),
    ("N", "D", "w_bits"): crossed(N=SIZES[:4], D=TOKENS[:4], w_bits=np.array([1.0, 2.0, 4.0, 8.0, 16.0])),
    ("N", "D", "granularity"): crossed(N=SIZES[:4], D=TOKENS[:4], granularity=np.array([1.0, 2.0, 4.0, 8.0, 16.0])),
    ("N", "experts"): crossed(N=np.geomspace(1e7, 1e9, 5), experts=2.0 ** np.arange(10)),
}
"""Runs that suit a law, by the inputs it reads."""

PLAUSIBLE = {
    "loss": (0.7, 16.0),
    "perplexity": (2.0, 300.0),
    "error": (0.03, 2.0),
    "y": (0.05, 30.0),
    "C": (1e14, 1e28),
    "cost_2023usd": (1.0, 1e10),
}
"""What nine tenths of outcomes at the design lie within before the runs are seen, by outcome. With a log link errors may
pass 1, where the runs say so."""

UNIDENTIFIED = {
    "q_family": {"floor_share": "trades off with the exponent and q over three decades of each input"},
    "rosenfeld": {"ceiling": "none of these runs is near the loss of guessing"},
    "routed_moe": {"E_max": "512 experts do not saturate the router"},
}
"""Parameters whose posterior is nearly as wide as their prior at the design, with the reason."""

LAWS = {name: catalog.load_law(name) for name in catalog.law_names()}
each_law = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)


def design(law):
    return DESIGNS[law.input_names]


def centre(law):
    return {name: np.exp(np.log(values).mean(keepdims=True)) for name, values in design(law).items()}


@pytest.fixture(scope="module")
def from_prior():
    """Sampled parameters of a law before the runs are seen, shape (2000, 1)."""
    import pymc as pm

    drawn = {}

    def draw(law):
        if law.name not in drawn:
            sampled = drawn[law.name] = {}
            for seed, item in enumerate(law.parameters):
                distribution = getattr(pm, item.prior.distribution).dist(**item.prior.arguments)
                values = pm.draw(distribution, draws=2000, random_seed=seed, mode=interpreted_mode())[:, None]
                sampled[item.name] = values + (item.shift(np, sampled) if item.shift else 0)
        return drawn[law.name]

    return draw


@pytest.fixture(scope="module")
def simulated(from_prior):
    """What the parameters are, and runs of them: every prior at its median."""

    def simulate(law):
        truth = {}
        for item in law.parameters:
            sampled = from_prior(law)
            own = sampled[item.name] - (item.shift(np, sampled) if item.shift else 0)
            truth[item.name] = np.median(own) + (item.shift(np, truth) if item.shift else 0)
        mean = law.mean(np, design(law), law.all_parameters(truth, centre(law)))
        rng = np.random.default_rng(len(law.name))
        frame = pd.DataFrame({**design(law), law.outcome: mean * np.exp(rng.normal(scale=NOISE, size=mean.shape))})
        return truth, Runs.from_frame(frame, outcome=law.outcome)

    return simulate


@each_law
def test_outcomes_are_plausible_before_the_runs_are_seen(law, from_prior):
    mean = law.mean(np, design(law), law.all_parameters(from_prior(law), centre(law)))
    assert mean.shape == (2000, len(next(iter(design(law).values()))))
    assert np.isfinite(mean).all()
    assert (mean > 0).all()
    low, high = PLAUSIBLE[law.outcome]
    assert low < np.quantile(mean, 0.05)
    assert np.quantile(mean, 0.95) < high


@each_law
def test_numpy_and_pytensor_agree_at_the_design(law, from_prior):
    import pytensor
    import pytensor.tensor as pt

    sampled = {name: values[:8] for name, values in from_prior(law).items()}
    symbols = {name: pt.dcol(name) for name in sampled}
    constants = {name: pt.constant(values) for name, values in design(law).items()}
    graph = law.mean(pt, constants, {**symbols, **law.derive(pt, symbols, centre(law))})
    evaluate = pytensor.function(list(symbols.values()), graph, mode=interpreted_mode())
    expected = law.mean(np, design(law), law.all_parameters(sampled, centre(law)))
    np.testing.assert_allclose(evaluate(*sampled.values()), expected, rtol=1e-9)


@each_law
def test_gradients_of_the_log_density_are_finite(law, simulated):
    model = build_model(law, simulated(law)[1], NOISES["student_t"])
    density = LogDensity(model)
    gradient = model.compile_dlogp(mode=interpreted_mode())
    for draw in density.prior(20, seed=0):
        assert np.isfinite(gradient(dict(zip(density.names, draw, strict=True)))).all()


@each_law
def test_parameters_are_recovered(law, simulated, from_prior):
    truth, runs = simulated(law)
    fitted = fit_law(law, runs, discrepancy=False, draws=500)
    assert fitted.certified
    unidentified = UNIDENTIFIED.get(law.name, {})
    for name, value in truth.items():
        posterior = fitted.parameters[name]
        assert abs(posterior.mean() - value) < 3 * posterior.std(), name
        narrowed = posterior.std() < 0.6 * from_prior(law)[name].std()
        assert narrowed != (name in unidentified), name


def test_unidentified_parameters_are_of_laws():
    for name, reasons in UNIDENTIFIED.items():
        assert set(reasons) <= {parameter.name for parameter in LAWS[name].parameters}
