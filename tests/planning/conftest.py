"""Posteriors with known parameters, for answers that can be worked out by hand."""

from dataclasses import replace

import pytest
import xarray as xr

KNOWN = {"E": 1.8, "A": 480.0, "B": 2080.0, "alpha_N": 0.35, "beta_D": 0.37}


@pytest.fixture(scope="session")
def sure_of(chinchilla_fit):
    """A fit of the Chinchilla law whose draws all hold the given coefficients."""

    def sure(**coefficients):
        posterior = chinchilla_fit.tree["posterior"].to_dataset()
        known = {name: xr.full_like(posterior[name], value) for name, value in {**KNOWN, **coefficients}.items()}
        tree = chinchilla_fit.groups.copy()
        tree["posterior"] = xr.DataTree(posterior.assign(known))
        return replace(chinchilla_fit, groups=tree)

    return sure


@pytest.fixture(scope="session")
def sure_fit(sure_of):
    return sure_of()


@pytest.fixture(scope="session")
def thin_chinchilla(chinchilla_runs):
    """Few draws, for what has no closed form."""
    from bayescale.posterior.single import fit_law

    return fit_law("chinchilla", chinchilla_runs, discrepancy=False, draws=100)


@pytest.fixture(scope="session")
def unsure_fit(few_runs):
    """A law that may be wrong, fitted to eleven runs."""
    from bayescale.posterior.single import fit_law

    return fit_law("chinchilla", few_runs, draws=250)
