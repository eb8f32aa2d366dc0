"""Both samplers draw from the same posterior, within their Monte Carlo errors, and fits by NUTS are stored like others.

All that needs draws of NUTS is in one file, since compiling it takes as long as a dozen fits.
"""

import json

import numpy as np
import pytest
import xarray as xr

from bayescale.cli.documents import fit_document
from bayescale.posterior.single import fit_law
from bayescale.posterior.storage import load, save

pytestmark = pytest.mark.slow

TOLERANCE = 4.0
"""Largest difference, in standard errors of both samplers together."""


@pytest.fixture(scope="module")
def nuts_fit(chinchilla_runs):
    return fit_law("chinchilla", chinchilla_runs, discrepancy=False, engine="nuts")


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


def test_chains_and_weights_agree_on_the_evidence_of_the_shipped_runs(chinchilla_fit, nuts_fit):
    ours, theirs = chinchilla_fit.diagnostics, nuts_fit.diagnostics
    error = np.hypot(ours.log_evidence_se, theirs.log_evidence_se)
    assert abs(ours.log_evidence - theirs.log_evidence) < 4 * error
    assert error < 0.1


def test_a_draw_sampled_by_nuts_keeps_its_statistics(nuts_fit, tmp_path):
    again = load(save(nuts_fit, tmp_path / "nuts.nc"))
    stats = again.tree["sample_stats"].to_dataset()
    assert stats["diverging"].dtype == bool
    xr.testing.assert_equal(stats, nuts_fit.tree["sample_stats"].to_dataset())


def test_the_document_of_chains_is_json_and_what_is_undefined_is_null(nuts_fit):
    document = fit_document(nuts_fit)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["diagnostics"]["pareto_k"] is None
