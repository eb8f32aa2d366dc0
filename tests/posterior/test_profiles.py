"""IsoFLOP profiles: their density is that of the model written out, and they find the vertices of known laws."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from bayescale.basics.errors import RunsError
from bayescale.data.isoflops import isoflop_slices
from bayescale.data.runs import Runs
from bayescale.posterior import profiles
from bayescale.posterior.profiles import fit_profiles

BUDGETS = np.array([1e19, 1e20, 1e21])
ALPHA, BETA = 0.34, 0.28
LAW = 1.7, 406.4, 410.7


def loss_of(n, d):
    floor, of_n, of_d = LAW
    return floor + of_n * n**-ALPHA + of_d * d**-BETA


def optimum(budgets):
    _, of_n, of_d = LAW
    return (ALPHA * of_n / BETA / of_d) ** (1 / (ALPHA + BETA)) * (budgets / 6) ** (BETA / (ALPHA + BETA))


def table(sizes=6, factor=4.0, sigma=0.003, offset=1.0, **columns):
    rng = np.random.default_rng(0)
    n = optimum(BUDGETS)[:, None] * offset * np.geomspace(1 / factor, factor, sizes)
    d = BUDGETS[:, None] / 6 / n
    loss = loss_of(n, d) * np.exp(sigma * rng.standard_normal(n.shape))
    return pd.DataFrame({"N": n.ravel(), "D": d.ravel(), "loss": loss.ravel()}).assign(**columns)


@pytest.fixture(scope="module")
def fitted():
    return fit_profiles(Runs.from_frame(table()), draws=1000)


def written_out(runs, theta):
    """Mean and covariance of the centred log losses, run by run, as the module's first lines say."""
    rows = np.concatenate(isoflop_slices(runs))
    code = np.repeat(np.arange(len(BUDGETS)), 6)
    x, c = np.log(runs.column("N"))[rows], np.log(runs.column("C"))[rows]
    slice_c = np.array([c[code == b].mean() for b in range(3)])
    centre = np.mean([x[code == b].mean() for b in range(3)])
    ahead = slice_c[code] - slice_c.mean()
    a, level, curvature, scatter, spread, bend, sigma, of_run = theta
    t = x - centre - level - a * (c - slice_c.mean())
    k = np.exp(curvature + profiles._TREND[0] * ahead)
    same, off = code[:, None] == code, c - slice_c[code]
    mean = k * t**2 / 2 + profiles._FALL[0] * off
    covariance = same + np.exp(2 * scatter) * np.outer(k * t, k * t) * same
    covariance += np.exp(2 * spread) * np.outer(k * t**2 / 2, k * t**2 / 2) * same
    factorial = {3: 6, 4: 24, 5: 120, 6: 720}
    for order, middle, sd in profiles._SHAPE:
        term = k * t**order / factorial[order]
        mean += middle * term
        covariance += sd**2 * np.outer(term, term)
    trend = profiles._TREND[1] * k * ahead * t**2 / 2
    covariance += np.outer(trend, trend) + profiles._FALL[1] ** 2 * np.outer(off, off)
    run = runs.clusters[rows]
    covariance += np.exp(2 * of_run) * (run[:, None] == run)
    near, far = (
        np.minimum(*np.abs(np.broadcast_arrays(t[:, None], t))),
        np.maximum(*np.abs(np.broadcast_arrays(t[:, None], t))),
    )
    smooth = near**3 * (10 * far**2 - 5 * far * near + near**2) / 120 * (np.sign(t[:, None]) == np.sign(t))
    covariance += np.exp(2 * bend) * np.outer(k, k) * smooth * same
    covariance += np.diag(np.full(len(rows), (np.exp(sigma) + profiles._FLOOR) ** 2))
    z = np.log(runs.column("loss"))[rows]
    return z - np.array([z[code == b].mean() for b in range(3)])[code], mean, covariance


THETA = np.array(
    [
        [0.45, 0.1, -3.5, -3.0, -2.0, -3.0, -5.5, -6.0],
        [0.55, -0.2, -3.0, -2.0, -1.0, -2.0, -5.0, -5.0],
    ]
)


@pytest.fixture(scope="module")
def with_runs():
    """Three slices that share six training runs and miss their compute a little."""
    frame = table(run=np.tile(np.arange(6), 3))
    return Runs.from_frame(frame.assign(D=frame["D"] * np.exp(0.02 * np.sin(np.arange(18)))))


def test_the_density_is_that_of_the_model_written_out(with_runs):
    density = profiles._Density(with_runs, isoflop_slices(with_runs))
    found = density(THETA)
    expected = []
    for theta in THETA:
        z, mean, covariance = written_out(with_runs, theta)
        prior = -0.5 * np.square((theta - density._centres) / density._sds).sum()
        expected.append(multivariate_normal(mean, covariance).logpdf(z) + prior)
    assert np.diff(found) == pytest.approx(np.diff(expected), abs=1e-6)


def test_a_run_left_out_is_compared_with_what_the_others_predict(with_runs):
    density = profiles._Density(with_runs, isoflop_slices(with_runs))
    rows, errors = density.left_out(THETA[0])
    z, mean, covariance = written_out(with_runs, THETA[0])
    assert rows.tolist() == list(range(18))
    others = np.delete(np.arange(18), 7)
    weights = np.linalg.solve(covariance[np.ix_(others, others)], covariance[others, 7])
    error = z[7] - mean[7] - weights @ (z - mean)[others]
    sd = np.sqrt(covariance[7, 7] - weights @ covariance[others, 7])
    assert errors[7] == pytest.approx(error / sd, rel=1e-6)


def test_the_remainder_is_a_covariance_of_its_second_derivative():
    t = np.array([0.5, 1.0, -1.0])
    found = profiles._remainder(t)
    assert found[0, 2] == found[2, 0] == 0.0
    s = np.linspace(0, 0.5, 20_001)
    assert found[0, 1] == pytest.approx(np.trapezoid((0.5 - s) ** 2 * (1.0 - s) ** 2 / 4, s), rel=1e-6)


def test_exponent_and_vertices_of_a_known_law_are_found(fitted):
    low, high = np.quantile(fitted.a_opt, [0.05, 0.95])
    assert low < BETA / (ALPHA + BETA) < high
    assert high - low < 0.2
    apart = np.log(fitted.vertices / optimum(BUDGETS))
    assert np.abs(np.median(apart, axis=0)).max() < 3 * apart.std(axis=0).max()
    ahead = np.log(fitted.optimum(np.array([1e23]), np.random.default_rng(0)) / optimum(1e23))
    assert abs(np.median(ahead)) < 2 * ahead.std()
    assert fitted.certified
    assert fitted.warnings == ()


def test_a_seed_repeats_the_draws(fitted):
    again = fit_profiles(Runs.from_frame(table()), draws=1000)
    assert np.array_equal(again.vertices, fitted.vertices)


def test_a_run_far_off_its_profile_is_named():
    frame = table()
    frame.loc[8, "loss"] *= 1.1
    runs = Runs.from_frame(frame)
    density = profiles._Density(runs, isoflop_slices(runs))
    scales = np.array([[0.45, 0.0, -3.3, -3.0, -2.0, -3.0, -5.5]])
    first, *others = profiles._warnings(runs, density, np.repeat(scales, 2, axis=0), 0, True)
    assert first.startswith("row 9 (N = ")
    assert "standard errors above the profile" in first
    assert all(text.startswith("row ") for text in others)


def test_what_is_doubtful_is_said():
    runs = Runs.from_frame(table())
    density = profiles._Density(runs, isoflop_slices(runs))
    vague = np.array([[0.3, 0.0, -3.3, -3.0, -2.0, -3.0, -5.5], [0.7, 0.0, -3.3, -3.0, -2.0, -3.0, -5.5]])
    texts = list(profiles._warnings(runs, density, vague, 1, False))
    for start in ("NOT CERTIFIED", "1 of 3 slices", "the slices hardly determine the exponent"):
        assert any(text.startswith(start) for text in texts), start


def test_large_tables_are_thinned_evenly_and_say_so():
    assert profiles._evenly(10, 4).tolist() == [0, 3, 6, 9]
    assert profiles._evenly(3, 4).tolist() == [0, 1, 2]
    assert profiles._evenly(0, 4).tolist() == []
    slices = [np.arange(100), np.arange(20)]
    assert profiles._thinned(slices[1:]) == ()
    (text,) = profiles._thinned(slices)
    assert text.startswith("of 2 slices with up to 100 runs, at most 24 with 32 runs each")


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (table()[:12], "2 isoFLOP slices"),
        (table(sizes=3), "0 isoFLOP slices"),
        (table(offset=30.0, sigma=0.0), "3 of 3 isoFLOP slices have their lowest loss at the smallest or the largest"),
    ],
    ids=["two budgets", "three sizes", "far from the optimum"],
)
def test_designs_that_cannot_tell_are_refused(frame, words):
    with pytest.raises(RunsError, match=words):
        fit_profiles(Runs.from_frame(frame.reset_index(drop=True), source="a.csv"))
