"""Two-step chains: both steps' uncertainty reaches the forecast, and hidden runs lie where it says."""

import numpy as np
import pytest
from promises import sketches

from bayescale.basics.errors import LawError
from bayescale.data.datasets import load_dataset
from bayescale.posterior.chains import Chain, fit_chain
from bayescale.posterior.forecasting import forecast
from bayescale.posterior.single import fit_law

pytestmark = pytest.mark.slow

HIDDEN = 5e20
"""Compute above which runs are hidden."""


@pytest.fixture(scope="module")
def runs():
    return load_dataset("gadre", group="c4")


@pytest.fixture(scope="module")
def chain(runs):
    with sketches():
        return fit_chain("chinchilla", "downstream_error", runs.take(np.flatnonzero(runs.column("C") < HIDDEN)))


def test_hidden_runs_lie_in_the_band(chain, runs):
    hidden = runs.frame[runs.frame["C"] >= HIDDEN]
    bands = chain.forecast(N=hidden["N"], D=hidden["D"]).summary(0.95)
    assert len(hidden) == 2
    assert ((bands["q2.5"] < hidden["error"].to_numpy()) & (hidden["error"].to_numpy() < bands["q97.5"])).all()


def test_both_steps_widen_the_forecast(chain):
    point = {"N": 6.9e9, "D": 138e9}
    loss = float(forecast(chain.first, **point).draws["predictive"].median())
    second_alone = forecast(chain.second, loss=loss).draws["predictive"].std().item()
    assert chain.forecast(**point).draws["predictive"].std().item() > 1.1 * second_alone


def test_a_sure_first_step_leaves_the_second(chain):
    """At fitted runs, whose loss is known, the chain agrees with the second law at that loss."""
    point = {"N": 4.116163e8, "D": 8.232325e9}
    loss = float(forecast(chain.first, **point).draws["latent"].median())
    through = chain.forecast(**point).draws["latent"].median().item()
    assert through == pytest.approx(forecast(chain.second, loss=loss).draws["latent"].median().item(), abs=0.01)


def test_chains_repeat_exactly(chain):
    first, again = (chain.forecast(N=1e9, D=1e11, seed=4).draws for _ in range(2))
    assert first.equals(again)


def test_forecasts_beyond_the_losses_seen_are_warned_of(chain):
    assert any("second step extrapolates too" in text for text in chain.forecast(N=7e10, D=1e13).warnings)


def test_settings_of_the_second_law_are_passed_on(chain):
    accuracy = fit_law("accuracy_of_loss", chain.runs.frame, discrepancy=False)
    both = Chain(chain.first, accuracy)
    chance = accuracy.inputs["chance"][0]
    silent, given = both.forecast(N=[1e9, 2e9], D=1e11), both.forecast(N=[1e9, 2e9], D=1e11, chance=chance)
    assert 0.3 < silent.draws["latent"].median() < 0.8
    assert given.points["chance"].tolist() == [chance, chance]
    assert given.draws["predictive"].equals(silent.draws["predictive"])
    with pytest.raises(LawError, match="chance is 25, but must be a finite number from 0 to less than 1"):
        both.forecast(N=1e9, D=1e11, chance=25.0)
    with pytest.raises(LawError, match=r"in the fit, and 0\.5 is asked for: a task has only one"):
        both.forecast(N=1e9, D=1e11, chance=0.5)
    with pytest.raises(LawError, match="chance is not an input"):
        chain.forecast(N=1e9, D=1e11, chance=chance)


def test_steps_must_fit_together(chain):
    fewer = fit_law("downstream_error", "gadre:c4", discrepancy=False, draws=50)
    with pytest.raises(LawError, match="same number of draws"):
        Chain(chain.first, fewer)
    direct = fit_law("sigmoid_accuracy", "gadre:c4", discrepancy=False, draws=50)
    with pytest.raises(LawError, match="reads C: a second step reads loss"):
        Chain(chain.first, direct)
    assert Chain(chain.first, chain.second).summary().equals(chain.summary())
