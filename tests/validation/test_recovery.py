"""Thirty simulated tables of a Chinchilla design: posteriors cover the parameters that made the runs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayescale.basics.errors import LawError, QuantityError, RunsError
from bayescale.data.runs import Runs
from bayescale.laws.catalog import load_law
from bayescale.laws.noise import noise_by_name
from bayescale.laws.parameters import Prior
from bayescale.posterior.single import fit_law
from bayescale.validation.ranks import coverage, coverage_band, ecdf_p_value
from bayescale.validation.recovery import Recovery, recover, simulate

ERROR = 0.01
"""Probability that a calibrated sampler would fail any of the tests below with a random seed."""

PUBLISHED = dict(load_law("chinchilla").published[0].values)


@pytest.fixture(scope="module")
def replicates(chinchilla_runs):
    design = chinchilla_runs.take(np.arange(0, len(chinchilla_runs), 4))
    return recover("chinchilla", design, replicates=30, draws=250, seed=1, discrepancy=False).replicates


@pytest.fixture(scope="module")
def ranks(replicates):
    return Recovery("chinchilla", replicates).ranks


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("level", [0.5, 0.9])
def test_intervals_of_every_parameter_cover(ranks, level):
    low, high = coverage_band(len(ranks), level, error=ERROR / ranks.shape[1])
    covered = pd.Series(coverage(ranks.to_numpy(), level), index=ranks.columns)
    assert covered.between(low, high).all(), covered.to_string()


@pytest.mark.long
@pytest.mark.slow
def test_ranks_of_every_parameter_are_uniform(ranks):
    p_values = ranks.apply(lambda column: ecdf_p_value(column.to_numpy()))
    assert (p_values >= ERROR / ranks.shape[1]).all(), p_values.to_string()


@pytest.mark.slow
def test_heavy_tails_are_one_more_parameter_to_recover(replicates):
    assert {"sigma", "nu"} <= set(replicates[0].ranks)


def test_what_a_recovery_finds_is_told_by_parameter(replicates, ranks):
    found = Recovery("chinchilla", replicates)
    assert list(found.summary()) == ["cover_0.5", "cover_0.8", "cover_0.9", "mean_rank", "p_value"]
    np.testing.assert_allclose(found.summary()["cover_0.9"], coverage(ranks.to_numpy(), 0.9))
    assert found.warnings == ()
    bent = [replace(each, ranks={name: rank**4 for name, rank in each.ranks.items()}) for each in replicates]
    assert "E (p = " in Recovery("chinchilla", tuple(bent)).warnings[0]


def test_tables_are_simulated_with_what_the_law_misses(chinchilla_runs):
    law, noise = load_law("chinchilla"), noise_by_name("normal")
    known, missed = {**PUBLISHED, "sigma": 1e-9}, np.linspace(-0.1, 0.1, len(chinchilla_runs))
    plain, wary = (
        simulate(law, chinchilla_runs, noise, known, 0, discrepancy=each).column("loss") for each in (None, missed)
    )
    np.testing.assert_allclose(np.log(wary / plain), missed, atol=1e-7)


def test_fits_that_may_be_wrong_are_recovered_too(few_runs):
    found = recover("tied", few_runs, replicates=1, draws=100)
    assert {"tau", "drift"} <= set(found.replicates[0].ranks)
    assert {"tau", "drift"} <= set(found.summary().index)


@pytest.fixture(scope="module")
def torn_fit():
    """A posterior between a prior and runs that contradict it."""
    x, noise = np.geomspace(1, 1e3, 8), 0.05 * np.random.default_rng(0).standard_normal(8)
    table = pd.DataFrame({"x": x, "y": x**-0.3 * np.exp(noise)})
    priors = {"slope": Prior("Normal", mu=0.36, sigma=0.01), "sigma": 0.05}
    return fit_law("m1", table, discrepancy=False, noise="normal", draws=250, priors=priors)


def test_parameters_are_recovered_from_the_posterior_of_a_fit(torn_fit):
    found = recover(torn_fit, replicates=12)
    truths = [each.parameters["slope"] for each in found.replicates]
    assert np.isin(truths, torn_fit.parameters["slope"]).all()
    # Without the runs of the fit the prior would pull every posterior above its truth, to ranks below 0.1.
    ranks = found.ranks["slope"]
    assert abs(ranks.mean() - 0.5) < 2.6 * np.sqrt(1 / 12 / len(ranks))
    assert "12 tables simulated from the posterior and fitted" in str(found)


def test_a_fit_that_may_be_wrong_is_recovered_with_what_it_misses(few_runs):
    found = recover(fit_law("tied", few_runs, draws=100, certify=False), replicates=1)
    assert {"tau", "drift"} <= set(found.replicates[0].ranks)


@pytest.mark.parametrize(
    ("asked", "said"),
    [({"runs": "chinchilla"}, "at its own runs"), ({"noise": "student_t", "priors": {}}, "noise, priors: differ")],
)
def test_a_fit_is_recovered_as_it_was_made(torn_fit, asked, said):
    with pytest.raises(LawError, match=said):
        recover(torn_fit, replicates=1, **asked)


def test_no_replicates_are_refused(few_runs):
    with pytest.raises(QuantityError, match="replicates is 0, but must be 1 or more"):
        recover("tied", few_runs, replicates=0)


def test_a_design_that_says_how_precise_its_outcomes_are_is_refused(chinchilla_runs):
    frame = chinchilla_runs.frame.assign(loss_se=0.01)
    with pytest.raises(RunsError, match="has standard errors or counts of loss: simulate runs without them"):
        recover("tied", Runs.from_frame(frame), replicates=1)


@pytest.mark.slow
def test_fits_are_certified_and_few_fall_back(replicates):
    assert all(replicate.certified for replicate in replicates)
    assert np.mean([replicate.engine == "importance" for replicate in replicates]) >= 0.9


def test_simulated_runs_keep_the_design_and_repeat_with_their_seed(chinchilla_runs):
    law, noise = load_law("chinchilla"), noise_by_name("student_t")
    parameters = {**PUBLISHED, "sigma": 0.004, "nu": 3.0}
    first, again, other = (simulate(law, chinchilla_runs, noise, parameters, seed) for seed in (1, 1, 2))
    for name in ("N", "D", "C"):
        np.testing.assert_array_equal(first.column(name), chinchilla_runs.column(name))
    np.testing.assert_array_equal(first.column("loss"), again.column("loss"))
    assert (first.column("loss") != other.column("loss")).all()


def test_simulated_noise_has_the_size_asked_for(chinchilla_runs):
    law, noise = load_law("chinchilla"), noise_by_name("normal")
    parameters = {**PUBLISHED, "sigma": 0.01}
    mean = law.mean(np, {name: chinchilla_runs.column(name) for name in ("N", "D")}, parameters)
    residuals = np.log(simulate(law, chinchilla_runs, noise, parameters, seed=0).column("loss") / mean)
    assert residuals.std() == pytest.approx(0.01, rel=0.15)
    assert abs(residuals.mean()) < 0.003


def test_outcomes_beyond_a_float_are_refused(chinchilla_runs):
    law, noise = load_law("chinchilla"), noise_by_name("student_t")
    with pytest.raises(RunsError):
        simulate(law, chinchilla_runs, noise, {**PUBLISHED, "sigma": 0.01, "nu": 0.05}, seed=0)


@pytest.mark.parametrize("bend", [0.6, 1.7])
def test_ranks_that_are_not_uniform_have_a_small_p_value(bend):
    uniform = np.random.default_rng(0).uniform(size=200)
    assert ecdf_p_value(uniform) > 0.01
    assert ecdf_p_value(uniform**bend) < 1e-3
    assert ecdf_p_value(0.5 + (uniform - 0.5) * 0.7) < 1e-2


def test_bands_of_coverage_hold_what_they_say():
    low, high = coverage_band(200, 0.9, error=0.05)
    shares = np.random.default_rng(0).binomial(200, 0.9, 20_000) / 200
    assert np.mean((shares < low) | (shares > high)) <= 0.05
