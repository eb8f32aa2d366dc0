"""Losses of several domains, fitted together: the law is recovered, and their mean is forecast as independent sums."""

import numpy as np
import pytest
from mixing import GAMMA, NAMES, WORTH, losses

from bayescale.basics.errors import FitFileError, LawError
from bayescale.posterior.domains import ALL, checked_weights
from bayescale.posterior.storage import load

POINT = {"N": 1e9, "share_code": 0.4, "share_math": 0.3, "share_web": 0.3}


def test_parameters_are_recovered_under_the_names_of_domains(domains_fit):
    table = domains_fit.summary(0.998)
    for name, worths, gamma in zip(NAMES, WORTH, GAMMA, strict=True):
        own = table.loc[name]
        true = {f"worth_{other}": w for other, w in zip(NAMES, worths, strict=True) if other != name}
        assert {index for index in own.index if index.startswith("worth")} == true.keys()
        for parameter, value in {**true, "gamma_share": gamma}.items():
            assert own.loc[parameter, "q0.1"] < value < own.loc[parameter, "q99.9"], (name, parameter)
        assert not any("other" in text for text in (*own.index, *own["meaning"]))


def test_forecasts_hold_the_true_losses_and_their_mean(domains_fit):
    bands = domains_fit.forecast(**POINT)
    table = bands.summary(0.98).set_index("domain")
    true = losses(1e9, np.array([0.4, 0.3, 0.3]))
    for domain, value in {**dict(zip(NAMES, true, strict=True)), ALL: true.mean()}.items():
        assert table.loc[domain, "q01"] < value < table.loc[domain, "q99"]
    assert "web" in str(bands)


def test_the_mean_is_of_independent_losses(domains_fit):
    """Its variance is that of a sum, so no random numbers are shared between domains."""
    weights = {"web": 2.0, "math": 0.0}
    drawn = domains_fit.forecast(weights=weights, **POINT).draws["predictive"]
    of = {str(name): drawn.isel(point=i).to_numpy().ravel() for i, name in enumerate(drawn["domain"].to_numpy())}
    np.testing.assert_allclose(of[ALL], of["code"] / 3 + of["web"] * 2 / 3)
    correlations = np.corrcoef([of[name] for name in NAMES])[np.triu_indices(3, 1)]
    assert np.abs(correlations).max() < 4 / np.sqrt(len(drawn["draw"]) * len(drawn["chain"]))


def test_several_points_keep_their_order(domains_fit):
    """Each point has its own losses, as when it is asked alone; what is drawn at one seed repeats."""
    many = domains_fit.forecast(**{**POINT, "N": [1e9, 2e9]}).summary()
    assert many["domain"].tolist() == [*NAMES, ALL] * 2
    assert many["N"].tolist() == [1e9] * 4 + [2e9] * 4
    assert (many["mean"].to_numpy()[4:] < many["mean"].to_numpy()[:4]).all()
    again = domains_fit.forecast(**{**POINT, "N": [1e9, 2e9]}).summary()
    assert again.equals(many)


def test_shares_beyond_the_runs_are_warned_of(domains_fit):
    asked = {"N": 1e9, "share_code": 0.01, "share_math": 0.02, "share_web": 0.97}
    assert any(
        "a share of web of 0.97 is outside the runs' 0.05 to 0.9" in t for t in domains_fit.forecast(**asked).warnings
    )
    assert not any("outside" in text for text in domains_fit.forecast(**POINT).warnings)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"share_web": 0.5}, "point 1: the shares sum to 1.2: give shares that sum to 1"),
        ({"share_web": None}, "share_web is missing"),
        ({"D": 1e9}, "D is not an input"),
        ({"share_web": -0.3, "share_code": 1.0}, "share_web is -0.3"),
        ({"N": 0}, "N is 0, but must be"),
    ],
)
def test_points_that_cannot_be_are_refused(domains_fit, changed, words):
    asked = {name: value for name, value in {**POINT, **changed}.items() if value is not None}
    with pytest.raises(LawError, match=words):
        domains_fit.forecast(**asked)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"art": 1.0}, "weight of 'art': no such loss: the losses are of code, web"),
        ({"web": -1.0}, "weight of 'web' is -1"),
        ({"web": np.nan}, "weight of 'web' is nan"),
        ({"web": 0.0, "code": 0.0}, "all weights are zero"),
    ],
)
def test_weights_that_cannot_be_are_refused(given, words):
    with pytest.raises(LawError, match=words):
        checked_weights(("code", "web"), given)


def test_draws_are_a_tree_by_domain(domains_fit):
    assert list(domains_fit.tree.children) == list(NAMES)


def test_a_plan_is_refused(domains_fit):
    with pytest.raises(LawError, match="best_mixture"):
        domains_fit.plan(budget=1e21)


def test_a_saved_fit_forecasts_the_same(domains_fit, domains_file):
    again = load(domains_file)
    assert again.names == domains_fit.names
    assert again.title == "Domain mixture, 3 domains"
    assert again.dataset == "DataFrame"
    assert again.forecast(**POINT).draws.equals(domains_fit.forecast(**POINT).draws)


def test_a_saved_fit_of_other_domains_is_refused(domains_fit, domains_file, monkeypatch):
    from bayescale.posterior import storage

    whole = storage._header
    monkeypatch.setattr(storage, "_header", lambda *read: {**whole(*read), "domains": ["sea", "math", "web"]})
    with pytest.raises(FitFileError, match="another version"):
        load(domains_file)


def test_remarks_of_several_domains_are_said_once(domains_fit):
    said = {"code": ("E is odd (0.1)", "like_other_3 is odd"), "math": ("E is odd (0.2)",), "web": ("other_1 is odd",)}
    assert domains_fit.merged(said) == ("code, math: E is odd", "web: code is odd")
    assert domains_fit.merged(dict.fromkeys(NAMES, ("E is odd (0.1)",))) == ("E is odd (0.1)",)
