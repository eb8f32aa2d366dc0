"""Both samplers draw from the same posterior, within their Monte Carlo errors."""

import numpy as np
import pytest
import xarray as xr

pytestmark = pytest.mark.slow

TOLERANCE = 4.0
"""Largest difference, in standard errors of both samplers together."""


@pytest.fixture(scope="module")
def unconstrained(chinchilla_fit, nuts_fit):
    """Draws of both samplers on the scale on which they are made."""
    from bayescale.inference.model import build_model
    from bayescale.sampling.logdensity import LogDensity

    density = LogDensity(build_model(chinchilla_fit.observed, chinchilla_fit.noise).model)

    def draws(fitted):
        columns = density.unconstrain(fitted.parameters).T.reshape(len(density.names), 4, 1000)
        return xr.Dataset({name: (("chain", "draw"), c) for name, c in zip(density.names, columns, strict=True)})

    return draws(chinchilla_fit), draws(nuts_fit)


STATISTICS = {
    "mean": (lambda ds: ds.mean(), {"method": "mean"}),
    "sd": (lambda ds: ds.std(), {"method": "sd"}),
    "5 %": (lambda ds: ds.quantile(0.05), {"method": "quantile", "prob": 0.05}),
    "95 %": (lambda ds: ds.quantile(0.95), {"method": "quantile", "prob": 0.95}),
}


@pytest.mark.parametrize(("statistic", "error"), STATISTICS.values(), ids=STATISTICS)
def test_samplers_agree(unconstrained, statistic, error):
    import arviz as az

    values = [statistic(draws).to_array().to_numpy() for draws in unconstrained]
    errors = [az.mcse(draws, **error).to_array().to_numpy() for draws in unconstrained]
    np.testing.assert_array_less(np.abs(values[0] - values[1]), TOLERANCE * np.hypot(*errors))


def test_both_are_certified(chinchilla_fit, nuts_fit):
    assert chinchilla_fit.record.engine == "importance"
    assert nuts_fit.record.engine == "nuts"
    assert chinchilla_fit.diagnostics.certified
    assert nuts_fit.diagnostics.certified
