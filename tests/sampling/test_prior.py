"""Draws from the prior that are made at once are those that are made one by one."""

import numpy as np
import pytest

from bayescale.sampling.logdensity import interpreted_mode
from bayescale.sampling.prior import draw_together


def plain(pm):
    level = pm.LogNormal("level", mu=0.0, sigma=3.0)
    share = pm.Beta("share", 2.0, 3.0)
    return [pm.math.log(level), share, pm.Normal("offset", mu=level * share, sigma=0.1)]


def truncated(pm):
    width = pm.HalfNormal("width", sigma=2.0)
    return [pm.Truncated("cut", pm.Normal.dist(mu=1.0, sigma=width), lower=0.0, upper=3.0)]


def defined_by_graphs(pm):
    scale = pm.Gamma("scale", 2.0, 1.0)

    def shifted(scale, size):
        return 1.0 + pm.StudentT.dist(nu=4, mu=0, sigma=scale, size=size)

    return [pm.LogitNormal("share", 0.0, 1.4), pm.CustomDist("shifted", scale, dist=shifted)]


def groups(pm):
    between = pm.HalfNormal("between", sigma=1.0)
    each = pm.Normal("each", mu=between, sigma=between, dims="group")
    return [each, pm.Normal("known", mu=np.arange(3.0), sigma=1.0, dims="group"), between * each]


def correlated(pm):
    both = pm.MvNormal("both", mu=np.zeros(2), cov=np.array([[1.0, 0.9], [0.9, 1.0]]))
    return [both[0], both[1]]


@pytest.mark.parametrize("priors", [plain, truncated, defined_by_graphs, groups, correlated])
def test_draws_at_once_are_those_that_are_made_one_by_one(priors):
    import pymc as pm

    with pm.Model(coords={"group": range(3)}):
        outputs = priors(pm)
    found = draw_together(outputs, 50, 7, interpreted_mode())
    expected = pm.draw(outputs, draws=50, random_seed=7, mode=interpreted_mode())
    for together, alone in zip(found, expected, strict=True):
        np.testing.assert_array_equal(together, alone)
