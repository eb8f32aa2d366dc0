"""Every law at a design that suits it: plausible before the runs are seen, differentiable, and recovered from them."""

import numpy as np
import pandas as pd
import pytest
from promises import vouched_for

from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.inference.model import build_model
from bayescale.laws import catalog
from bayescale.laws.designs import example_inputs
from bayescale.laws.noise import NOISES
from bayescale.posterior.single import fit_law
from bayescale.sampling.logdensity import interpreted_mode

NOISE = 0.75
"""Standard deviation of simulated runs on the link's scale, relative to the scatter that the law expects."""


PLAUSIBLE = {
    "loss": (0.5, 3.0),
    "normalised_loss": (-12.0, 6.0),
    "perplexity": (2.0, 300.0),
    "error": (0.03, 2.0),
    "y": (0.2, 6.0),
    "rising y": (0.0, 6.0),  # it may start from nothing
    "broken": (1e-8, 6.0),  # a sudden fall that goes on for the four decades of the design ends far below
    "C": (1e14, 1e28),
    "seconds": (1e2, 1e10),
    "joules": (1e5, 1e13),
    "seconds_per_token": (1e-4, 1.0),
    "cost_2023usd": (1.0, 1e10),
    "accuracy": (0.0, 1.0),
    "coverage": (0.0, 1.0),
    "elo": (-6000.0, 3000.0),
    "performance": (1e6, 1e18),
    "N": (1e3, 1e14),
    "dataset_size": (1e4, 1e17),
}
"""What nine tenths of outcomes at the design lie within before the runs are seen, over their level at the centre where
the law samples that, or over a floor that is given; with a log link errors may pass 1."""

UNIDENTIFIED = {
    "growth_break": {"duration": "models scatter by a factor of two around the trend, and blur how fast it changes"},
    "m4": {"ceiling_power": "four decades hold one bend at each end, which ceiling, floor and exponent share with it"},
}
"""Parameters whose posterior is more than 0.6 times as wide as their prior at the design, with the reason."""

TRUTH = {
    "bnsl_1": {"exponent_0": 0.05, "exponent_1": 0.3},
    "bnsl_2": {"exponent_0": 0.3, "exponent_1": -0.2, "exponent_2": 0.3},
    "bnsl_floor_1": {"exponent_0": 0.02, "last_slope": 0.8},
    "bnsl_floor_2": {"exponent_0": 0.02, "exponent_1": 1.0, "last_slope": 0.2},
    "growth_break": {"log_growth_change": 0.5},
    "fall_line_floor": {"place": 0.5},
    "fall_logarithm_floor": {"place": 0.5},
}
"""Parameters that are not at their prior's median in simulated runs: between equal slopes there is no
break, and runs that have not reached a floor do not determine it."""

LAWS = {name: catalog.load_law(name) for name in catalog.law_names()}
each_law = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
TWINS = {f"bnsl_floor_{name}" for name in "cdn"}
"""Laws of the code of another, ``bnsl_floor_1``, and of its priors, that read another input."""
each_code = pytest.mark.parametrize(
    "law", [law for law in LAWS.values() if law.name not in TWINS], ids=lambda law: law.name
)


def design(law):
    return {name: column.to_numpy() for name, column in example_inputs(law).items()}


def centre(law):
    at = design(law)
    middle = {name: np.exp(np.log(at[name]).mean(keepdims=True)) for name in law.input_names}
    return middle | {f"largest_{item.name}": at[item.name].max(keepdims=True) for item in law.inputs if item.largest}


def width(draws):
    """Width of the interval that holds nine tenths of the draws."""
    return np.ptp(np.quantile(draws, [0.05, 0.95]))


@pytest.fixture(scope="module")
def from_prior():
    """Prior draws of the parameters of a law, shape (2000, 1)."""
    import pymc as pm

    drawn = {}

    def draw(law):
        if law.name not in drawn:
            sampled = drawn[law.name] = {}
            for seed, item in enumerate(law.parameters):
                arguments = {**item.prior.arguments, **(item.arguments(np, sampled) if item.arguments else {})}
                distribution = getattr(pm, item.prior.distribution).dist(**arguments, shape=(2000, 1))
                values = pm.draw(distribution, random_seed=seed, mode=interpreted_mode())
                sampled[item.name] = values + (item.shift(np, sampled) if item.shift else 0)
        return drawn[law.name]

    return draw


@pytest.fixture(scope="module")
def simulated(from_prior):
    """True parameters, at the medians of their priors except for those in TRUTH, and runs simulated from them."""

    def simulate(law):
        truth = {}
        for item in law.parameters:
            sampled = from_prior(law)
            own = sampled[item.name] - (item.shift(np, sampled) if item.shift else 0)
            truth[item.name] = np.median(own) + (item.shift(np, truth) if item.shift else 0)
        truth |= TRUTH.get(law.name, {})
        mean = law.mean(np, design(law), law.all_parameters(truth, centre(law)))
        rng = np.random.default_rng(1)
        outcome = law.link.inverse(law.link.forward(np, mean) + rng.normal(scale=NOISE * law.scatter, size=mean.shape))
        frame = pd.DataFrame({**design(law), law.outcome: outcome})
        return truth, Runs.from_frame(frame, outcome=law.outcome, domain=law.link.domain)

    return simulate


@each_law
def test_outcomes_are_plausible_before_the_runs_are_seen(law, from_prior):
    sampled = from_prior(law)
    mean = law.mean(np, design(law), law.all_parameters(sampled, centre(law)))
    assert mean.shape == (2000, len(next(iter(design(law).values()))))
    assert np.isfinite(mean).all()
    assert law.link.domain != "positive" or (mean > 0).all()
    relative = mean / (design(law).get("floor", 1.0) if law.level is None else sampled[law.level.name])
    kind = "broken" if law.name.startswith("bnsl_floor") else law.outcome
    low, high = PLAUSIBLE["rising y" if law.outcome == "y" and not law.falls else kind]
    assert low < np.quantile(relative, 0.05)
    assert np.quantile(relative, 0.95) < high


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
    np.testing.assert_allclose(evaluate(*sampled.values()), expected, rtol=1e-9, atol=1e-9 * law.scatter)


@pytest.mark.long
@pytest.mark.slow
@each_code
def test_gradients_of_the_log_density_are_finite(law, simulated):
    import pymc as pm
    import pytensor
    from pytensor.compile.mode import Mode

    model = build_model(Observed(law, simulated(law)[1]), NOISES["student_t"]).model
    gradient = pytensor.function(
        model.value_vars,
        pytensor.grad(model.logp(), model.value_vars),
        mode=Mode(linker="py", optimizer=None),  # optimising takes longer than it saves
        on_unused_input="ignore",
    )
    transforms = [model.rvs_to_transforms[rv] for rv in model.free_RVs]
    coordinates = [
        rv if transform is None else transform.forward(rv, *rv.owner.inputs)
        for rv, transform in zip(model.free_RVs, transforms, strict=True)
    ]
    for draw in zip(*pm.draw(coordinates, draws=20, random_seed=0, mode=interpreted_mode()), strict=True):
        assert np.isfinite(gradient(*draw)).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "law",
    [
        pytest.param(law, marks=() if law.in_ensemble else pytest.mark.long, id=law.name)
        for law in LAWS.values()
        if law.name not in TWINS
    ],
)
def test_parameters_are_recovered(law, simulated, from_prior):
    truth, runs = simulated(law)
    fitted = fit_law(law, runs, discrepancy=False, draws=250)
    assert vouched_for(fitted)
    unidentified = UNIDENTIFIED.get(law.name, {})
    for name, value in truth.items():
        posterior = fitted.parameters[name]
        # Four standard deviations, since there are 150 parameters.
        assert abs(posterior.mean() - value) < 4 * posterior.std(), name
        narrowed = width(posterior) < 0.6 * width(from_prior(law)[name])
        assert narrowed != (name in unidentified), (name, width(posterior) / width(from_prior(law)[name]))


def test_twins_differ_in_their_input_alone(from_prior):
    original = LAWS["bnsl_floor_1"]
    sampled = from_prior(original)
    x = np.geomspace(1e2, 1e6, 24)
    expected = original.mean(np, {"x": x}, original.all_parameters(sampled, centre(original)))
    for law in map(LAWS.get, TWINS):
        (name,) = law.input_names
        at = {name: centre(original)["x"], f"largest_{name}": centre(original)["largest_x"]}
        assert [each.prior for each in law.parameters] == [each.prior for each in original.parameters]
        np.testing.assert_array_equal(law.mean(np, {name: x}, law.all_parameters(sampled, at)), expected)


def test_unidentified_parameters_are_of_laws():
    for name, reasons in UNIDENTIFIED.items():
        assert set(reasons) <= {parameter.name for parameter in LAWS[name].parameters}
