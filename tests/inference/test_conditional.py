"""Learning curves may change beyond their points: in a share of the draws, by a drift that starts at the last one."""

from dataclasses import replace

import numpy as np
import pytest

import bayescale as bs
from bayescale.inference.conditional import Conditional
from bayescale.inference.discrepancy import Process
from bayescale.inference.scales import learnt_scales, scales_of

N_DRAWS = 4000
X = np.log(np.geomspace(16, 1024, 20))[:, None]
AHEAD = X.max() + np.array([[0.3], [1.0], [2.0]])


def conditional(**scales):
    """A curve whose features are at zero, with constants of its own."""
    process = Process(X, replace(learnt_scales()["curve"], **scales))
    amplitude = np.full((N_DRAWS, 1), 0.02)
    return Conditional(process, np.zeros((N_DRAWS, len(process.kinds))), amplitude, amplitude)


def test_a_change_widens_the_stated_share_of_draws_beyond_the_runs_only():
    changing, steady = conditional(change=0.25, change_factor=10.0), conditional(change=0.0)
    added = changing.moments(AHEAD)[1] - steady.moments(AHEAD)[1]
    assert (added > 0).mean(axis=0) == pytest.approx(0.25, abs=1 / N_DRAWS)
    expected = (10.0 * 0.02) ** 2 * np.array([0.3, 1.0, 2.0]) ** 3 / 3
    np.testing.assert_allclose(added.max(axis=0), expected)
    np.testing.assert_allclose(changing.moments(X)[1], steady.moments(X)[1])


def test_joint_draws_and_covariances_agree_with_the_variances_of_each_point():
    changing = conditional(change=0.5, change_factor=20.0)
    variances = changing.moments(AHEAD)[1]
    np.testing.assert_allclose(np.diag(changing.covariance(AHEAD)), variances.mean(axis=0))
    np.testing.assert_allclose(np.einsum("dkk->dk", changing.joint_covariance(AHEAD)), variances, atol=1e-12)
    drawn = changing.draw(AHEAD, np.random.default_rng(0))
    for chosen in (changing.change[:, 0] > 0, changing.change[:, 0] == 0):
        np.testing.assert_allclose(drawn[chosen].var(axis=0), variances[chosen].mean(axis=0), rtol=0.15)


def test_only_laws_of_any_x_expect_a_change():
    shares = {name: scales_of(bs.load_law(name)).change for name in ("m3", "bnsl_floor_1", "rise_power")}
    assert set(shares.values()) == {learnt_scales()["curve"].change}
    assert all(scales_of(bs.load_law(name)).change == 0 for name in ("floor_c", "floor_d", "kaplan_n", "chinchilla"))
