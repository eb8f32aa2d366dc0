"""Every file of models/: the formula, its parametrisation, its optimum and its published values hang together."""

from dataclasses import replace

import numpy as np
import pytest

from bayescale.basics.errors import LawError
from bayescale.laws import catalog
from bayescale.laws.designs import example_inputs
from bayescale.laws.links import IDENTITY, LOG
from bayescale.laws.parameters import Parameter, Prior

LAWS = {name: catalog.load_law(name) for name in catalog.law_names()}
WITH_OPTIMUM = [law for law in LAWS.values() if law.optimum is not None]
TERMS_SIZED_AT_THE_CENTRE = [LAWS["chinchilla"], LAWS["tied"]]
SCALING = [law for law in LAWS.values() if law.level is not None]
WITH_SLOPE = [law for law in LAWS.values() if {"slope", "steepness"} & set(law.units) and law.name != "embedding_aware"]
"""Except for the law whose parameter term is not a power of N."""
ONE_INPUT = [law for law in LAWS.values() if law.input_names == ("x",)]
FALLING = [law for law in ONE_INPUT if "floor" in law.units and "break_1" not in law.units]
SETTINGS_AT_CENTRE = {"data_mixture": {"share": 0.25} | {f"other_{place}": 0.0 for place in range(1, 5)}}
"""Settings for which a law samples its level."""
BUDGETS = np.array([1e19, 5.76e23, 1e26])

each_law = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)


@pytest.fixture(scope="module")
def prior_draws():
    """Sampled parameters by law and name, shape (8, 1): against inputs of any length."""
    import pymc as pm
    from pytensor.compile.mode import Mode

    def draw(law):
        sampled = {}
        for seed, item in enumerate(law.parameters):
            arguments = {**item.prior.arguments, **(item.arguments(np, sampled) if item.arguments else {})}
            distribution = getattr(pm, item.prior.distribution).dist(**arguments, shape=(8, 1))
            values = pm.draw(distribution, random_seed=seed, mode=Mode(linker="py", optimizer="fast_compile"))
            sampled[item.name] = values + (item.shift(np, sampled) if item.shift else 0)
        return sampled

    return {name: draw(law) for name, law in LAWS.items()}


@each_law
def test_law_is_named_by_its_file(law):
    assert LAWS[law.name] is law


@each_law
def test_law_is_described(law):
    assert all([law.title, law.formula, law.citation, law.decision, law.failure])
    assert law.outcome_unit or law.outcome == "y"
    assert all(item.meaning for item in (*law.inputs, *law.parameters, *law.derived))
    assert all(parameter.reason for parameter in law.parameters)


@each_law
def test_priors_are_proper(law):
    assert all(parameter.prior.proper for parameter in law.parameters)


@each_law
def test_derive_returns_what_the_law_says(law, prior_draws):
    assert list(law.derive(np, prior_draws[law.name], centre(law))) == [item.name for item in law.derived]


@each_law
def test_published_values_are_of_parameters_of_the_law(law):
    for fit in law.published:
        assert set(fit.values) <= set(law.units)
        assert set(fit.standard_errors) <= set(fit.values)


@each_law
def test_numpy_and_pytensor_agree(law, prior_draws):
    import pytensor
    import pytensor.tensor as pt
    from pytensor.compile.mode import Mode

    x, sampled = inputs(law, 1e6, 1e13), prior_draws[law.name]
    symbols = {name: pt.dcol(name) for name in sampled}
    constants = {name: pt.constant(values) for name, values in x.items()}
    derived = law.derive(pt, symbols, centre(law))
    graph = law.mean(pt, constants, {**symbols, **derived})
    evaluate = pytensor.function(list(symbols.values()), graph, mode=Mode(linker="py", optimizer="fast_compile"))
    expected = law.mean(np, x, law.all_parameters(sampled, centre(law)))
    np.testing.assert_allclose(evaluate(*sampled.values()), expected, rtol=1e-12, atol=1e-12 * law.scatter)


@pytest.mark.slow
@each_law
def test_gradients_are_finite_and_right(law, prior_draws):
    import pytensor
    import pytensor.tensor as pt
    from pytensor.compile.mode import Mode

    x, sampled = inputs(law, 1e6, 1e13), prior_draws[law.name]
    symbols = {name: pt.dcol(name) for name in sampled}
    constants = {name: pt.constant(values) for name, values in x.items()}
    mean = law.mean(pt, constants, {**symbols, **law.derive(pt, symbols, centre(law))})
    at = law.mean(np, x, law.all_parameters(sampled, centre(law)))
    # Log-odds end at 0 and 1, where a difference steps over the end.
    inside = (at > 1e-6) & (at < 1 - 1e-6) if law.link.domain == "fraction" else np.full(at.shape, True)
    on_link = pt.where(inside, law.link.forward(pt, mean), 0.0).sum(axis=1)
    gradients = pytensor.grad(on_link.sum(), list(symbols.values()))
    mode = Mode(linker="py", optimizer=None)  # optimising takes longer than it saves
    evaluate = pytensor.function(list(symbols.values()), [on_link, *gradients], mode=mode)
    for position, gradient in enumerate(evaluate(*sampled.values())[1:]):
        ends = [[v.copy() for v in sampled.values()] for _ in range(2)]
        step = 1e-6 * np.abs(ends[0][position])
        ends[0][position] += step
        ends[1][position] -= step
        difference = (evaluate(*ends[0])[0] - evaluate(*ends[1])[0]) / (2 * step[:, 0])
        np.testing.assert_allclose(gradient[:, 0], difference, rtol=1e-4, atol=1e-3)


@each_law
def test_mean_is_finite_and_positive_over_thirty_orders_of_magnitude(law, prior_draws):
    mean = law.mean(np, inputs(law, 1.0, 1e30), law.all_parameters(prior_draws[law.name], centre(law)))
    assert mean.shape == (8, 61)
    assert np.isfinite(mean).all()
    assert law.link.domain != "positive" or (mean > 0).all()
    assert law.link.domain != "fraction" or (mean <= 1).all()


@pytest.mark.parametrize("law", WITH_OPTIMUM, ids=lambda law: law.name)
def test_closed_form_optimum_minimises_the_mean_at_constant_compute(law, prior_draws):
    p = law.all_parameters(prior_draws[law.name], centre(law))
    product = BUDGETS / 6
    best = law.optimum(p, product)
    fixed = {setting.name: example_inputs(law)[setting.name][0] for setting in law.settings if not setting.tuned}

    def mean_at(N):
        return law.mean(np, {"N": N, "D": product / N, **fixed}, p)

    for factor in (0.5, 0.99, 1.01, 2.0):
        assert (mean_at(best) < mean_at(best * factor)).all()
    step = 1e-3
    slope = (mean_at(best * np.exp(step)) - mean_at(best * np.exp(-step))) / (2 * step)
    np.testing.assert_allclose(slope / mean_at(best), 0, atol=1e-6)


def test_best_settings_minimise_the_mean(prior_draws):
    law = LAWS["hyperparameters"]
    p, x = law.all_parameters(prior_draws[law.name], centre(law)), {"N": np.array([1e9]), "D": np.array([1e11])}
    best = law.best_settings(x, p)
    lowest = law.mean(np, {**x, **best}, p)
    np.testing.assert_allclose(law.mean(np, x, p), lowest, rtol=1e-12)
    for name in best:
        for factor in (0.9, 1.1):
            assert (law.mean(np, {**x, **best, name: best[name] * factor}, p) > lowest).all()
    given = {**x, "batch": 4 * best["batch"]}
    rates = {**given, "lr": law.best_settings(given, p)["lr"]}
    for factor in (0.9, 1.1):
        assert (law.mean(np, {**rates, "lr": rates["lr"] * factor}, p) > law.mean(np, rates, p)).all()


def test_settings_that_are_off_cost_the_same_share_of_the_reducible_loss_at_every_scale(prior_draws):
    law = LAWS["hyperparameters"]
    p = law.all_parameters(prior_draws[law.name], centre(law))
    shares = []
    for N, D in ((1e8, 2e9), (1e10, 2e12)):
        x = {"N": np.array([N]), "D": np.array([D])}
        best = law.best_settings(x, p)
        off = {name: values * 2 for name, values in best.items()}
        tuned = law.mean(np, {**x, **best}, p) - p["E"]
        shares.append((law.mean(np, {**x, **off}, p) - p["E"]) / tuned)
    np.testing.assert_allclose(shares[0], shares[1], rtol=1e-6)
    assert (shares[0] > 1).all()


@pytest.mark.parametrize("law", TERMS_SIZED_AT_THE_CENTRE, ids=lambda law: law.name)
def test_terms_have_their_level_at_the_centre(law, prior_draws):
    at, sampled = centre(law), prior_draws[law.name]
    p = law.all_parameters(sampled, at)
    np.testing.assert_allclose(p["A"] * at["N"] ** -p["alpha_N"], p["level_N"], rtol=1e-12)
    np.testing.assert_allclose(p["B"] * at["D"] ** -p["beta_D"], p["level_D"], rtol=1e-12)


@each_law
def test_mean_at_the_centre_is_what_is_sampled(law, prior_draws):
    sampled = prior_draws[law.name]
    level = sampled.get("y_centre", sampled.get("loss_centre"))
    if level is None:
        pytest.skip("a law of physical inputs samples those, and no level")
    np.testing.assert_allclose(law.mean(np, centre(law), law.all_parameters(sampled, centre(law))), level, rtol=1e-8)


@pytest.mark.parametrize("factor", [1e-3, 1 / np.log(2), 40.0])
@pytest.mark.parametrize("law", SCALING, ids=lambda law: law.name)
def test_the_unit_of_the_outcome_changes_the_level_alone(law, factor, prior_draws):
    x, sampled = inputs(law, 1e6, 1e13), prior_draws[law.name]
    mean = law.mean(np, x, law.all_parameters(sampled, centre(law)))
    other = {**sampled, law.level.name: factor * sampled[law.level.name]}
    scaled = law.mean(np, x, law.all_parameters(other, centre(law)))
    np.testing.assert_allclose(scaled, factor * mean, rtol=1e-9)


def test_losses_and_curves_have_a_level():
    given = {law.name for law in LAWS.values() if "floor" in {each.name for each in law.settings}}
    names = {law.name for law in LAWS.values() if law.outcome in {"loss", "y"}}
    assert {law.name for law in SCALING} == names - given


@pytest.mark.parametrize("law", WITH_SLOPE, ids=lambda law: law.name)
def test_the_slope_is_that_of_the_mean_at_the_centre(law, prior_draws):
    at, sampled = centre(law), {**prior_draws[law.name]} | ({"kappa": 0.0} if law.name == "farseer" else {})
    p, step = law.all_parameters(sampled, at), 1e-4

    def log_mean(shift):
        moved = {name: value * np.exp(shift * (name in {"N", "D", "U", "x", "examples"})) for name, value in at.items()}
        return np.log(law.mean(np, moved, p))

    found = law.sign * (log_mean(-step) - log_mean(step)) / (2 * step)
    np.testing.assert_allclose(found, sampled["slope" if law.falls else "steepness"], rtol=1e-4)


def scaling_law(link=LOG, **changes):
    """A law of one input whose level is as given."""
    asked = {"name": "level", "prior": Prior("LogNormal", mu=0.0, sigma=3.0), "meaning": "level", "scales": True}
    item = Parameter(**(asked | changes))
    return replace(LAWS["m1"], parameters=(item,), link=link, in_outcome_unit=())


def test_a_level_is_found():
    assert scaling_law().level.name == "level"
    assert LAWS["error_nd"].level is None


@pytest.mark.parametrize(
    "changes",
    [
        {"prior": Prior("HalfNormal", sigma=1.0)},
        {"shift": lambda xp, sampled: 1.0},
        {"arguments": lambda xp, sampled: {"mu": 1.0}},
    ],
)
def test_a_level_with_another_prior_is_refused(changes):
    with pytest.raises(LawError, match="its prior must be a LogNormal without shift or arguments"):
        scaling_law(**changes)


def test_a_level_under_another_link_is_refused():
    with pytest.raises(LawError, match="its link must be LOG"):
        scaling_law(link=IDENTITY)


def test_two_levels_are_refused():
    two = (LAWS["m1"].level, LAWS["chinchilla"].level)
    with pytest.raises(LawError, match="2 parameters scale its mean"):
        replace(LAWS["m1"], parameters=two, in_outcome_unit=())


@pytest.mark.parametrize("law", FALLING, ids=lambda law: law.name)
def test_curves_fall_to_their_floor(law, prior_draws):
    x, sampled = np.geomspace(1e6, 1e13, 61), prior_draws[law.name]
    p = law.all_parameters(sampled, centre(law))
    curve = law.mean(np, {"x": x}, p)
    assert (np.diff(curve) < 0).all()
    far = law.mean(np, {"x": np.array([1e300])}, p)
    np.testing.assert_allclose(far, p["floor"], rtol=1e-6)


@pytest.mark.parametrize("law", ONE_INPUT, ids=lambda law: law.name)
def test_the_unit_of_x_changes_nothing(law, prior_draws):
    x, sampled = np.geomspace(1e6, 1e13, 61), prior_draws[law.name]
    curve = law.mean(np, {"x": x}, law.all_parameters(sampled, centre(law)))
    scaled = law.mean(
        np, {"x": x * 1e3}, law.all_parameters(sampled, {key: 1e3 * value for key, value in centre(law).items()})
    )
    np.testing.assert_allclose(scaled, curve, rtol=1e-8)


def test_m4_solves_its_equation(prior_draws):
    law, x = LAWS["m4"], np.geomspace(1e8, 1e11, 61)
    p = law.all_parameters(prior_draws["m4"], centre(law))
    y = law.mean(np, {"x": x}, p)
    left = np.log(y - p["floor"]) - p["ceiling_power"] * np.log(p["ceiling"] - y)
    np.testing.assert_allclose(left, p["log_b"] - p["exponent"] * np.log(x), rtol=1e-7)


def test_kaplan_has_its_published_form(prior_draws):
    law, x = LAWS["kaplan_nd"], inputs(LAWS["kaplan_nd"], 1e6, 1e13)
    p = law.all_parameters(prior_draws["kaplan_nd"], centre(law))
    terms = (np.exp(p["log_N_c"]) / x["N"]) ** (p["alpha_N"] / p["alpha_D"]) + np.exp(p["log_D_c"]) / x["D"]
    np.testing.assert_allclose(law.mean(np, x, p), terms ** p["alpha_D"], rtol=1e-10)


def test_farseer_without_its_changes_is_chinchilla(prior_draws):
    farseer, chinchilla = LAWS["farseer"], LAWS["chinchilla"]
    x, at = inputs(farseer, 1e6, 1e13), centre(farseer)
    sampled = {**prior_draws["farseer"], "kappa": 0.0, "beta_slope": 0.0}
    expected = chinchilla.mean(np, x, chinchilla.all_parameters(sampled, at))
    np.testing.assert_allclose(farseer.mean(np, x, farseer.all_parameters(sampled, at)), expected, rtol=1e-10)


def inputs(law, low, high):
    """Inputs from low to high, or where they count by differences over a range of their own, and settings."""
    found = {item.name: np.linspace(1, 12, 61) if item.linear else np.geomspace(low, high, 61) for item in law.inputs}
    return found | {item.name: np.full(61, 0.25 if item.domain == "share" else 2.0) for item in law.settings}


def centre(law):
    # An array, since PyTensor takes a Python float that fits for a float32.
    middle = {item.name: np.array(6.0 if item.linear else 3e9) for item in law.inputs}
    middle |= {name: np.array(value) for name, value in SETTINGS_AT_CENTRE.get(law.name, {}).items()}
    return middle | {f"largest_{item.name}": np.array(1e13) for item in law.inputs if item.largest}


def test_m3_with_a_flat_start_is_m3_without_one():
    x, centre = {"x": np.array([1.0, 10.0, 1e3, 1e3 * 1.001, 1e6])}, {"x": 1e3}

    def curve(name, **sampled):
        sampled = {"y_centre": 2.0, "slope": 0.2, "falling_share": 0.6, **sampled}
        return LAWS[name].mean(np, x, {**sampled, **LAWS[name].derive(np, sampled, centre)})

    plain, without, flat = curve("m3"), curve("m3_shifted", shift_share=0.0), curve("m3_shifted", shift_share=0.5)
    np.testing.assert_allclose(without, plain)
    assert np.log(flat[0] / flat[1]) < 0.01 < np.log(plain[0] / plain[1])
    for found in (plain, flat):
        assert found[2] == pytest.approx(2.0)
        assert np.log(found[2] / found[3]) / np.log(1.001) == pytest.approx(0.2, rel=1e-2)
