"""Laws with breaks: breaks are located, counted by the evidence, and without a break the law is a power law."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import vouched_for

from bayescale.data.runs import Runs
from bayescale.laws import catalog
from bayescale.posterior.fitting import fit
from bayescale.posterior.forecasting import forecast
from bayescale.posterior.single import fit_law

pytestmark = pytest.mark.slow

X = np.geomspace(1e2, 1e6, 40)
CENTRE = {"x": np.array(1e4)}
TRUTHS = {
    "power_law": {"y_centre": 1.0, "slope": 0.12, "floor_share": 0.5},
    "bnsl_1": {"y_centre": 1.0, "exponent_0": 0.05, "exponent_1": 0.3, "place": 1.0, "width": 0.5},
    "bnsl_2": {
        "y_centre": 1.0,
        "exponent_0": 0.3,
        "exponent_1": -0.2,
        "exponent_2": 0.3,
        "place": 0.0,
        "gap": 1.5,
        "width": 0.5,
    },
}
BROKEN = ["bnsl_1", "bnsl_2"]
exponents = st.floats(-1.0, 1.5)


@pytest.fixture(scope="module")
def fitted():
    """A law fitted to runs of a law whose parameters are known, each pair once."""
    fits = {}

    def fit(name, of):
        if (name, of) not in fits:
            law = catalog.load_law(of)
            mean = law.mean(np, {"x": X}, law.all_parameters(TRUTHS[of], CENTRE))
            y = mean * np.exp(np.random.default_rng(1).normal(scale=0.003, size=len(X)))
            runs = Runs.from_frame(pd.DataFrame({"x": X, "y": y}), outcome="y")
            fits[name, of] = fit_law(name, runs, discrepancy=False)
            assert vouched_for(fits[name, of])
        return fits[name, of]

    return fit


@pytest.mark.parametrize("name", BROKEN)
def test_breaks_are_found_where_they_were_put(name, fitted):
    found, law = fitted(name, name).parameters, catalog.load_law(name)
    for parameter, value in law.derive(np, TRUTHS[name], CENTRE).items():
        assert abs(found[parameter].mean() - value) < 4 * found[parameter].std(), parameter
    assert found["break_1"].std() < 0.2 * found["break_1"].mean()


@pytest.mark.long
@pytest.mark.parametrize(
    ("true", "other"),
    [("power_law", "bnsl_1"), ("bnsl_1", "power_law"), ("bnsl_2", "bnsl_1"), ("bnsl_2", "power_law")],
)
def test_evidence_prefers_the_true_number_of_breaks(true, other, fitted):
    right, wrong = (fitted(name, true).diagnostics for name in (true, other))
    assert right.log_evidence - wrong.log_evidence > 1.0 + 4 * (right.log_evidence_se + wrong.log_evidence_se)


@given(exponent=exponents, place=st.floats(-9.0, 9.0), gap=st.floats(0.1, 9.0), width=st.floats(0.05, 3.0))
@pytest.mark.parametrize("name", BROKEN)
def test_equal_exponents_are_a_power_law(name, exponent, place, gap, width):
    law = catalog.load_law(name)
    equal = {item.name: exponent for item in law.parameters if item.name.startswith("exponent")}
    sampled = {"y_centre": 2.0, "place": place, "gap": gap, "width": width, **equal}
    mean = law.mean(np, {"x": X}, law.all_parameters(sampled, CENTRE))
    np.testing.assert_allclose(mean, 2.0 * (X / CENTRE["x"]) ** -exponent, rtol=1e-9)


@given(first=exponents, other=exponents)
@pytest.mark.parametrize("name", BROKEN)
def test_the_runs_say_nothing_of_what_comes_after_a_break_beyond_them(name, first, other):
    law = catalog.load_law(name)
    beyond = np.log(X[-1] / CENTRE["x"]) + 10.0
    sampled = {**TRUTHS[name], "place": beyond, "width": 0.3}
    parameters = [{**sampled, f"exponent_{name[-1]}": value} for value in (first, other)]
    outcomes = [law.mean(np, {"x": X}, law.all_parameters(p, CENTRE)) for p in parameters]
    np.testing.assert_allclose(*outcomes, rtol=1e-6)


@given(year=st.floats(2016.0, 2020.0), duration=st.floats(0.05, 0.5))
def test_growth_has_one_factor_a_year_well_before_a_break_and_another_well_after(year, duration):
    law, centre = catalog.load_law("growth_break"), {"year": np.array(2018.0)}
    rates = {"log_growth_before": np.log(2.0), "log_growth_change": np.log(3.0)}
    sampled = {"y_centre": 1e21, "place": year - 2018.0, "duration": duration, **rates}
    p = law.all_parameters(sampled, centre)
    steps = np.diff(np.log(law.mean(np, {"year": np.array([2000.0, 2001.0, 2035.0, 2036.0])}, p)))
    np.testing.assert_allclose(np.exp(steps[[0, 2]]), [p["growth_before"], p["growth_after"]], rtol=1e-6)
    np.testing.assert_allclose(law.mean(np, centre, p), 1e21, rtol=1e-9)


def test_a_change_of_pace_is_found_in_scattered_models():
    law, centre = catalog.load_law("growth_break"), {"year": np.array(2017.0)}
    rng = np.random.default_rng(2)
    year = np.linspace(2010.0, 2024.0, 120)
    rates = {"log_growth_before": np.log(2.0), "log_growth_change": np.log(3.0)}
    truth = law.all_parameters({"y_centre": 1e21, "place": 0.0, "duration": 0.5, **rates}, centre)
    C = law.mean(np, {"year": year}, truth) * np.exp(rng.normal(scale=0.7, size=len(year)))
    runs = Runs.from_frame(pd.DataFrame({"year": year, "C": C}), outcome="C")
    fitted = fit_law(law, runs, discrepancy=False)
    assert fitted.certified
    for name in ("break_year", "growth_before", "growth_after"):
        assert abs(fitted.parameters[name].mean() - truth[name]) < 4 * fitted.parameters[name].std(), name
    assert fitted.parameters["break_year"].std() < 1.0
    straight = fit_law("frontier_growth", runs, discrepancy=False)
    assert fitted.diagnostics.log_evidence > straight.diagnostics.log_evidence + 3


SHARP = {"y_break": 2.3, "exponent_0": 0.05, "last_slope": 4.0, "width": 0.06, "floor_share": 0.3}


@pytest.mark.parametrize("name", ["bnsl_floor_1", "bnsl_floor_2"])
def test_a_broken_curve_reaches_its_floor(name):
    law = catalog.load_law(name)
    sampled = {**SHARP, "place": -0.5, "gap": 0.5, "exponent_1": 2.0}
    p = law.all_parameters(sampled, {"x": 450.0, "largest_x": 900.0})
    at = law.mean(np, {"x": np.array([900.0, 1e30])}, p)
    np.testing.assert_allclose(at[1], p["floor"], rtol=1e-9)
    np.testing.assert_allclose(p["floor"] / at[0], SHARP["floor_share"], rtol=1e-9)


@pytest.mark.long
def test_the_default_forecasts_the_rest_of_a_sudden_fall():
    law, x = catalog.load_law("bnsl_floor_1"), np.geomspace(160, 1000, 17)
    p = law.all_parameters({**SHARP, "place": 0.4}, {"x": np.array(400.0), "largest_x": np.array(740.0)})
    mean = law.mean(np, {"x": x}, p)
    y = mean * np.exp(np.random.default_rng(0).normal(scale=0.002, size=len(x)))
    seen = x <= 740
    runs = Runs.from_frame(pd.DataFrame({"x": x[seen], "y": y[seen]}), outcome="y")
    found = fit("auto", runs)
    assert list(found.members) == ["bnsl_floor_1"]
    assert vouched_for(found.members["bnsl_floor_1"])
    bands = forecast(found, x=x[~seen]).summary(0.9)
    assert (bands["q05"] < mean[~seen]).all()
    assert (mean[~seen] < bands["q95"]).all()
    assert (bands["q95"] < 0.8 * y[seen][-1]).iloc[-1]
