"""The direction of a curve: laws that fall and laws that rise are weighed by their evidence."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.laws.links import IDENTITY, LOG
from bayescale.posterior.directions import odds_of_falling, of_likely_direction, outcome_evidence


def member(evidence, falls=True, link=LOG, on_link=(0.0, 0.0)):
    law = SimpleNamespace(falls=falls, link=link)
    return SimpleNamespace(
        law=law, diagnostics=SimpleNamespace(log_evidence=evidence), on_link=np.asarray(on_link, dtype=float)
    )


def test_odds_compare_the_mean_evidence_of_both_directions():
    falling, rising = [member(np.log(12.0)), member(np.log(4.0))], [member(np.log(2.0), falls=False)]
    assert odds_of_falling([*falling, *rising]) == pytest.approx(4.0)
    assert odds_of_falling([*rising, *rising, *falling]) == pytest.approx(4.0)


def test_evidence_is_a_density_of_the_outcome_whatever_the_link():
    y = np.array([2.0, 5.0])
    on_log = member(1.0, on_link=np.log(y))
    assert outcome_evidence(on_log) == pytest.approx(1.0 - np.log(y).sum())
    assert outcome_evidence(member(1.0, link=IDENTITY, on_link=y)) == pytest.approx(1.0)


@pytest.mark.parametrize("evidence", [0.0, None])
def test_without_another_direction_or_evidence_no_direction_is_left_out(evidence):
    members = [member(50.0), member(evidence, falls=evidence is not None)]
    assert odds_of_falling(members) is None
    assert of_likely_direction(members) == members


def test_a_direction_goes_at_odds_of_ten_and_not_before():
    falling = member(0.0)
    assert of_likely_direction([falling, member(-2.2, falls=False)]) != [falling]
    assert of_likely_direction([falling, member(-2.4, falls=False)]) == [falling]
    rising = member(2.4, falls=False)
    assert of_likely_direction([falling, rising]) == [rising]
    far = member(-1e6, falls=False)
    assert of_likely_direction([falling, far]) == [falling]


@pytest.fixture(scope="module")
def turned():
    """A curve that falls, climbs a little and lies still: it neither falls nor rises by its ranks."""
    x = np.arange(1.0, 15.0)
    y = np.array([1.0, 0.84, 0.75, 0.727, 0.729, 0.736, 0.745, 0.752, 0.758, 0.763, 0.766, 0.768, 0.769, 0.769])
    return bs.fit("auto", pd.DataFrame({"x": x, "y": y}), draws=250)


def test_a_curve_that_turns_gets_no_forecast_from_laws_of_the_direction_that_its_start_rules_out(turned):
    rising = [name for name, each in turned.members.items() if not each.law.falls]
    assert rising
    assert odds_of_falling(turned.members.values()) > 10
    assert (turned.weights.sel(law=rising) == 0).all()
    np.testing.assert_allclose(turned.weights.sum("law"), 1.0)
    at = turned.weights_at(np.array([0.5, 2.0, 1e6]))
    np.testing.assert_allclose(at.sum(axis=1), 1.0)
    assert (at[:, [list(turned.members).index(name) for name in rising]] == 0).all()


def test_what_has_no_weight_is_said_and_does_not_warn(turned):
    (note,) = [text for text in turned.notes if "have no weight" in text]
    assert "falls" in note
    assert "rise_power" in note
    assert not any(text.startswith("rise_") for text in turned.warnings)
    assert not any("rise_power 0.00" in text for text in turned.notes)


def test_runs_that_only_scatter_keep_both_directions():
    few = pd.DataFrame({"x": [1, 2, 4, 8, 16], "y": [1.0, 1.02, 0.99, 1.01, 1.0]})
    both = bs.fit("auto", few, draws=100)
    assert (both.weights > 0).all()
    assert 0.1 < odds_of_falling(both.members.values()) < 10
