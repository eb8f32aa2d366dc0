"""The risk of a recipe that breaks: none within the runs, as stated beyond them, and named in every answer."""

from dataclasses import replace

import numpy as np
import pytest

from bayescale.basics.errors import LawError, OutputError, QuantityError
from bayescale.laws.catalog import load_law
from bayescale.planning.allocation import optimum
from bayescale.planning.versus import versus
from bayescale.posterior.ensembles import with_risk
from bayescale.posterior.forecasting import forecast, predicted
from bayescale.posterior.recipe_risk import RecipeRisk
from bayescale.posterior.storage import save

NEAR, FAR = {"N": 1e8, "D": 2e9}, {"N": 7e10, "D": 1.4e12}
"""Within the Chinchilla runs, and 45 times the compute of the largest: 1.66 decades beyond."""


@pytest.fixture(scope="module")
def risky_fit(chinchilla_fit):
    return with_risk(chinchilla_fit, probability=0.2, size=0.05)


def broken(risky, plain, point):
    """What the break adds to log loss, draw by draw."""
    latent = [np.log(forecast(fit, **point).draws["latent"]) for fit in (risky, plain)]
    return (latent[0] - latent[1]).to_numpy().ravel()


def test_within_the_runs_nothing_breaks(risky_fit, chinchilla_fit):
    np.testing.assert_array_equal(broken(risky_fit, chinchilla_fit, NEAR), 0)


def test_the_odds_are_as_said(risky_fit, chinchilla_fit):
    """0.8^1.656 of recipes hold over 1.656 decades, and a break adds 0.05 on average."""
    added = broken(risky_fit, chinchilla_fit, FAR)
    assert (added > 1e-9).mean() == pytest.approx(1 - 0.8**1.656, abs=0.03)
    assert added[added > 1e-9].mean() == pytest.approx(0.05, rel=0.1)


def test_a_recipe_that_broke_stays_broken(chinchilla_fit):
    reach = np.geomspace(0.1, 1e6, 30)
    added = RecipeRisk(0.1, 0.03).draw(reach, 2000, seed=1)
    assert (np.diff(added, axis=1) >= 0).all()
    np.testing.assert_array_equal(added, RecipeRisk(0.1, 0.03).draw(reach, 2000, seed=1))


def test_every_forecast_widens_and_names_it(risky_fit, chinchilla_fit):
    for wide, narrow in (
        (forecast(risky_fit, **FAR).draws["predictive"], forecast(chinchilla_fit, **FAR).draws["predictive"]),
        (optimum(risky_fit, 5.76e23).draws["loss"], optimum(chinchilla_fit, 5.76e23).draws["loss"]),
    ):
        assert wide.std() > 1.5 * narrow.std()
        assert wide.quantile(0.05).item() == pytest.approx(narrow.quantile(0.05).item(), rel=0.01)
    scored = {name: np.reshape(value, 1) for name, value in FAR.items()}
    assert predicted(risky_fit, scored).location.std() > 1.5 * predicted(chinchilla_fit, scored).location.std()
    named = "recipe risk, set by the user"
    answers = (forecast(risky_fit, **FAR), optimum(risky_fit, 1e23), versus(risky_fit, NEAR, FAR))
    assert all(any(text.startswith(named) for text in answer.warnings) for answer in answers)


def test_the_optimal_size_stays(risky_fit, chinchilla_fit):
    risky, plain = (np.log(optimum(fit, 5.76e23).draws["N"]) for fit in (risky_fit, chinchilla_fit))
    np.testing.assert_allclose(risky, plain, atol=1e-3)


def test_where_more_is_better_a_break_lowers_the_outcome(chinchilla_fit):
    rising = replace(chinchilla_fit, law=replace(chinchilla_fit.law, falls=False))
    added = broken(with_risk(rising, probability=0.5, size=0.1), rising, FAR)
    assert added.min() < 0 == added.max()


def test_a_second_risk_takes_the_place_of_the_first(risky_fit):
    other = with_risk(risky_fit, probability=0.3, size=0.1)
    assert other.risk == RecipeRisk(0.3, 0.1)
    assert [text for text in other.warnings if "recipe risk" in text] == [f"recipe risk, set by the user: {other.risk}"]


def test_a_risk_is_not_saved(risky_fit, tmp_path):
    with pytest.raises(OutputError, match="save the posterior before with_risk"):
        save(risky_fit, tmp_path / "risky.nc")
    assert list(tmp_path.iterdir()) == []


def test_laws_whose_inputs_do_not_give_compute_are_refused(chinchilla_fit):
    by_size = replace(chinchilla_fit, law=load_law("kaplan_n"))
    with pytest.raises(LawError, match="reads N: the risk that a recipe breaks depends on compute"):
        with_risk(by_size, probability=0.1, size=0.1)


@pytest.mark.slow
@pytest.mark.usefixtures("sketched")
def test_laws_of_an_ensemble_break_together(chinchilla_runs):
    from bayescale.posterior.fitting import fit

    both = with_risk(fit(["chinchilla", "tied"], chinchilla_runs, draws=100), probability=0.5, size=0.1)
    assert {member.risk for member in both.members.values()} == {RecipeRisk(0.5, 0.1)}
    assert len([text for text in both.warnings if "recipe risk" in text]) == 1


@pytest.mark.parametrize(
    ("probability", "size", "said"),
    [
        (0.0, 0.1, "probability of a recipe that breaks is 0,"),
        (1.0, 0.1, "probability of a recipe that breaks is 1,"),
        (np.nan, 0.1, "probability of a recipe that breaks is nan,"),
        (0.1, 0.0, "size of a break is 0,"),
        (0.1, 11.0, "size of a break is 11,"),
        (0.1, np.inf, "size of a break is inf,"),
    ],
)
def test_what_makes_no_sense_is_refused(probability, size, said):
    with pytest.raises(QuantityError, match=said):
        RecipeRisk(probability, size)
