"""Coordinates in which the posterior of many runs is nearly round: the same posterior, and where they are used."""

import numpy as np
import pandas as pd
import pytest

from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.inference.discrepancy import discrepancy_basis
from bayescale.inference.model import COEFFICIENTS, build_model, feature_matrix
from bayescale.inference.whitening import model_of_nuts, whitened
from bayescale.laws.catalog import load_law
from bayescale.laws.noise import noise_by_name
from bayescale.sampling.latent import MANY_RUNS, LatentDensity
from bayescale.sampling.logdensity import LogDensity


def bound(noise, n=40, seed=0):
    """A posterior of noisy runs of the Chinchilla law, and its densities with and without coefficients."""
    rng = np.random.default_rng(seed)
    N, D = np.exp(rng.uniform(np.log([1e8, 1e9]), np.log([1e10, 1e11]), (n, 2))).T
    loss = (1.7 + 400 / N**0.34 + 400 / D**0.28) * np.exp(0.01 * rng.standard_t(3, n))
    observed = Observed.of(load_law("chinchilla"), Runs.from_frame(pd.DataFrame({"N": N, "D": D, "loss": loss})))
    basis = discrepancy_basis(observed)
    posterior = build_model(observed, noise, basis)
    density, features = LogDensity(posterior.model), feature_matrix(observed.law, basis)
    nodes = [
        each for each in (posterior.location, posterior.scale, posterior.amplitudes, posterior.df) if each is not None
    ]
    target = LatentDensity(density.parts(nodes, *features.shape), features, observed.on_link)
    return observed, posterior, density, target


@pytest.mark.parametrize("name", ["student_t", "normal"])
def test_round_coordinates_leave_the_posterior_as_it_is(name):
    noise = noise_by_name(name)
    observed, posterior, density, target = bound(noise)
    around = target.whitening(density.prior(50, 1))
    model = whitened(posterior, noise, observed, density, around)
    rng, own, k = np.random.default_rng(2), LogDensity(model), target.n_coefficients
    u, v = rng.uniform(-0.5, 0.5, (10, len(density.names))), rng.uniform(-0.5, 0.5, (10, k))
    found = own.parameters(u, v)
    theirs = density.joint(density.unconstrain(found), found[COEFFICIENTS])
    # Coefficients are linear in their coordinates; what they are measured from is a shift.
    steps = [own.parameters(np.tile(each, (k + 1, 1)), np.eye(k + 1, k))[COEFFICIENTS] for each in u]
    jacobian = [np.linalg.slogdet(each[:-1] - each[-1])[1] for each in steps]
    assert np.ptp(jacobian) > 1
    np.testing.assert_allclose(np.ptp(own.joint(u, v) - theirs - jacobian), 0.0, atol=1e-6)


def test_only_many_runs_are_sampled_in_round_coordinates():
    noise = noise_by_name("normal")
    observed, posterior, density, target = bound(noise)
    draws = density.prior(50, 1)
    assert model_of_nuts(noise, observed, density, target, draws, posterior) is posterior.model
    observed, posterior, density, target = bound(noise, n=MANY_RUNS + 1)
    assert model_of_nuts(noise, observed, density, density, draws, posterior) is posterior.model
    model = model_of_nuts(noise, observed, density, target, draws, posterior)
    assert {each.name for each in posterior.model.free_RVs} <= {each.name for each in model.deterministics}
