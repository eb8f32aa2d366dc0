"""Ensembles: weights that follow the evidence, draws that stay joint, and the same commands as for one law."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayescale as bs
from bayescale.basics.errors import LawError
from bayescale.laws.catalog import load_law
from bayescale.laws.noise import noise_by_name
from bayescale.posterior.ensembles import Ensemble, reach_of, told_apart
from bayescale.posterior.forecasting import predicted
from bayescale.posterior.stacking import horizon_weights, n_teaching, stacking_weights
from bayescale.validation.recovery import simulate

pytestmark = pytest.mark.slow

WEIGHTS = st.lists(st.floats(0.01, 1.0), min_size=2, max_size=2).map(lambda w: np.array(w) / sum(w))


@pytest.fixture(scope="module")
def runs(chinchilla_runs):
    """A third of the table, which reaches as far."""
    return chinchilla_runs.take(np.arange(0, len(chinchilla_runs), 3))


@pytest.fixture(scope="module")
def ensemble(runs):
    return bs.fit("auto", runs, draws=250)


def with_weights(ensemble, weights, horizons=(1.0,)):
    table = ensemble.weights.isel(horizon=[0] * len(horizons)).copy(data=np.atleast_2d(weights))
    return Ensemble(members=ensemble.members, weights=table.assign_coords(horizon=list(horizons)))


def test_weights_of_a_single_law_take_no_fit(runs, monkeypatch):
    monkeypatch.setattr("bayescale.posterior.stacking.fit_laws", lambda *_, **__: pytest.fail("fitted"))
    weights = horizon_weights([load_law("tied")], runs, bs.Options())
    assert weights.to_numpy().tolist() == [[1.0]]
    assert n_teaching([load_law("tied")], runs) == 0


def test_an_ensemble_says_that_one_law_is_left(ensemble):
    first, second = ensemble.members
    alone = with_weights(ensemble, [1.0, 0.0])
    assert alone.notes[0] == f"{first} has all of the weight, since no other law is left"
    assert second not in alone.notes[0]


def test_weights_are_learnt_at_every_horizon_that_the_table_can_hide(ensemble):
    assert list(ensemble.members) == ["skaling", "tied"]
    assert ensemble.weights["horizon"].to_numpy().tolist() == [1.0, 3.0, 10.0, 30.0]
    assert (ensemble.weights["hidden_runs"] >= 5).all()
    np.testing.assert_allclose(ensemble.weights.sum("law"), 1.0)
    assert ensemble.certified


def test_the_same_seed_gives_the_same_ensemble(ensemble, runs):
    again = bs.fit("auto", runs, draws=250)
    np.testing.assert_array_equal(again.weights, ensemble.weights)
    first, second = (bs.forecast(each, N=7e9, D=1.4e11).draws["predictive"] for each in (ensemble, again))
    np.testing.assert_array_equal(first, second)
    assert predicted(again, {"N": 7e9, "D": 1e11}).draws(np.random.default_rng(0)).shape == (1000, 1)


@pytest.mark.usefixtures("sketched")
def test_a_table_too_small_to_hide_runs_gives_equal_weights_and_says_so(few_runs):
    small = bs.fit("auto", few_runs.iloc[:9], draws=50)
    assert small.weights.to_numpy().tolist() == [[0.5, 0.5]]
    assert any("too small to hide runs" in note for note in small.notes)


@given(WEIGHTS, st.floats(-3, 12))
def test_weights_at_any_distance_sum_to_one_and_lie_between_learnt_and_equal(ensemble, weights, decades):
    mixed = with_weights(ensemble, weights)
    (at,) = mixed.weights_at(np.array([10.0**decades]))
    assert at.sum() == pytest.approx(1.0)
    assert np.all(np.abs(at - 0.5) <= np.abs(weights - 0.5) + 1e-12)


def test_weights_far_beyond_the_largest_horizon_fall_back_to_equal_ones(ensemble):
    mixed = with_weights(ensemble, [[0.9, 0.1], [0.7, 0.3]], horizons=(1.0, 10.0))
    at = mixed.weights_at(np.array([0.1, 1.0, np.sqrt(10), 10.0, 100.0, 1e12]))[:, 0]
    np.testing.assert_allclose(at, [0.9, 0.9, 0.8, 0.7, 0.6, 0.5 + 0.2 / 12], rtol=1e-6)


def test_a_draw_is_one_law_at_all_points_of_equal_weights(ensemble):
    mixed = with_weights(ensemble, [0.3, 0.7])
    bands = bs.forecast(mixed, N=[1e9, 2e9, 4e9], D=[2e10, 4e10, 8e10]).draws["latent"]
    alone = [bs.forecast(member, N=[1e9, 2e9, 4e9], D=[2e10, 4e10, 8e10]) for member in mixed.members.values()]
    taken = np.stack([(bands == each.draws["latent"]).to_numpy() for each in alone])
    assert (taken.any(axis=0)).all()
    assert (taken.all(axis=-1).any(axis=0)).all()
    assert taken[1].mean() == pytest.approx(0.7, abs=0.01)


def test_all_weight_on_one_law_gives_that_law(ensemble):
    alone = bs.plan(ensemble.members["tied"], budget=1e23)
    mixed = bs.plan(with_weights(ensemble, [0.0, 1.0], horizons=(1e9,)), budget=1e23)
    for name in ("N", "loss"):
        np.testing.assert_array_equal(mixed.draws[name], alone.draws[name])


def test_an_ensemble_is_saved_and_comes_back(ensemble, tmp_path):
    again = bs.load(bs.save(ensemble, tmp_path / "ensemble.nc"))
    assert list(again.members) == list(ensemble.members)
    np.testing.assert_array_equal(again.weights, ensemble.weights)
    assert (again.warnings, again.notes) == (ensemble.warnings, ensemble.notes)
    first, second = (bs.plan(each, budget=[1e22, 1e24]).draws for each in (ensemble, again))
    assert first.equals(second)


def test_commands_work_on_a_saved_ensemble(ensemble, tmp_path, run_cli):
    path = bs.save(ensemble, tmp_path / "ensemble.nc")
    status, out, _ = run_cli("plan", path)
    assert status == 0
    assert "weights of the laws learnt from hidden runs" in out
    document = json.loads(run_cli("plan", path, "--json")[1])
    assert document["law"] == "ensemble"
    assert document["weights"].keys() == document["parameters"].keys() == document["diagnostics"].keys()
    assert sum(document["weights"].values()) == pytest.approx(1.0)
    assert all(sum(budget["weights"].values()) == pytest.approx(1.0) for budget in document["budgets"])
    points = json.loads(run_cli("predict", path, "--at", "N=7B,D=140B", "--json")[1])["predictions"]
    direct = bs.forecast(ensemble, N=7e9, D=1.4e11).draws["predictive"]
    assert points[0]["loss"]["q95"] == float(direct.quantile(0.95))
    status, _, err = run_cli("plan", path, "--law", "chinchilla", "--law", "tied")
    assert (status, "saved fit" in err) == (2, True)


def test_the_command_line_mixes_the_laws_it_is_given(run_cli, few_runs, tmp_path):
    path = tmp_path / "runs.csv"
    few_runs.to_csv(path, index=False)
    status, out, _ = run_cli("fit", path, "--law", "tied", "--law", "kaplan_nd", "--no-discrepancy", "--json")
    assert status == 0
    assert list(json.loads(out)["parameters"]) == ["tied", "kaplan_nd"]


@pytest.mark.parametrize(
    ("laws", "said"),
    [
        ([], "different laws, not none"),
        (["tied", "tied"], "different laws, not tied, tied"),
        (["tied", "m3"], "share inputs and outcome: m3 and tied do not"),
    ],
)
def test_laws_that_do_not_go_together_are_refused(laws, said, few_runs):
    with pytest.raises(LawError, match=said):
        bs.fit(laws, few_runs)


def test_a_table_that_no_law_of_the_ensemble_suits_is_refused():
    with pytest.raises(LawError, match="no law of the default mixture suits loss from columns width, loss"):
        bs.fit("auto", pd.DataFrame({"width": [1e8, 2e8], "loss": [3.0, 2.9]}))


def test_weights_leave_a_wrong_law_as_runs_grow(chinchilla_runs):
    """Kaplan's law has no floor, so it misses runs hidden far ahead; Chinchilla's law contains the tied one."""
    truth = {**load_law("tied").published[0].values, "sigma": 0.003}  # noqa: PD011
    runs = simulate(load_law("tied"), chinchilla_runs, noise_by_name("normal"), truth, seed=2)
    laws = ["chinchilla", "tied", "kaplan_nd"]
    tables = runs.take(np.arange(0, 240, 6)), runs
    few, many = (bs.fit(laws, table, draws=50, discrepancy=False).weights for table in tables)
    wrong = [float(weights.sel(law="kaplan_nd", horizon=30)) for weights in (few, many)]
    assert wrong[1] < 0.15
    assert wrong[1] < wrong[0]


@given(st.integers(1, 30), st.floats(0, 20))
def test_stacking_weights_are_a_point_of_the_simplex_that_ignores_common_shifts(n, prior_runs):
    logs = np.random.default_rng(n).normal(size=(n, 3))
    weights = stacking_weights(logs, prior_runs=prior_runs)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()
    np.testing.assert_allclose(stacking_weights(logs + 5.0, prior_runs=prior_runs), weights, atol=1e-9)
    if prior_runs:
        assert weights.min() >= prior_runs / (n + 3 * prior_runs) - 1e-12


@pytest.mark.usefixtures("sketched")
def test_a_learning_curve_brings_its_own_laws(tmp_path):
    x = np.geomspace(1e3, 1e5, 9)
    curve = pd.DataFrame({"x": x, "y": 0.2 + 3 * x**-0.3})
    curve.to_csv(tmp_path / "curve.csv", index=False)
    for runs in (curve, tmp_path / "curve.csv"):
        assert list(bs.fit("auto", runs, draws=20).members) == ["m3", "m3_shifted"]


def test_how_far_ahead_is_measured_in_the_same_unit_on_both_sides(few_runs):
    """For a law of N alone, distance is measured in N, even if the table holds compute."""
    alone = bs.fit("kaplan_n", few_runs, discrepancy=False, draws=20)
    np.testing.assert_allclose(reach_of(alone, {"N": np.array([1e9, 1e10])}), [1.0, 10.0])
    both = bs.fit("tied", few_runs, discrepancy=False, draws=20)
    np.testing.assert_allclose(reach_of(both, {"N": np.array([1e10]), "D": np.array([6e10])}), [10.0])
    np.testing.assert_allclose(reach_of(both, {"C": np.array([6 * 1e9 * 6e11])}), [10.0])


def test_texts_of_several_laws_are_told_apart():
    assert told_apart({"a": ["both", "mine"], "b": ["both"]}) == ("both", "a: mine")
