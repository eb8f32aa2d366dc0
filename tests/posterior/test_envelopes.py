"""The envelope of training curves: it finds the power law of curves that are known, and refuses what has none."""

import numpy as np
import pandas as pd
import pytest

from bayescale.basics.errors import RunsError
from bayescale.data.runs import Runs
from bayescale.posterior import envelopes
from bayescale.posterior.envelopes import fit_envelope

EXPONENT = 0.28 / (0.34 + 0.28)


def curves(sizes=12, checkpoints=20):
    n = np.geomspace(3e7, 3e10, sizes)[:, None]
    d = np.geomspace(1e9, 1e12, checkpoints) * np.ones_like(n)
    loss = 1.7 + 406.4 * n**-0.34 + 410.7 * d**-0.28
    run = np.repeat(np.arange(sizes), checkpoints)
    return pd.DataFrame({"run": run, "N": np.repeat(n, checkpoints), "D": d.ravel(), "loss": loss.ravel()})


@pytest.fixture(scope="module")
def found():
    return fit_envelope(Runs.from_frame(curves()), draws=200)


def test_the_power_law_of_known_curves_is_found(found):
    low, high = np.quantile(found.a_opt, [0.05, 0.95])
    assert low < EXPONENT < high
    assert high - low < 0.2
    best = (0.34 * 406.4 / 0.28 / 410.7) ** (1 / 0.62) * (1e22 / 6) ** EXPONENT
    assert np.quantile(found.optimum(np.array([1e22])), 0.5) == pytest.approx(best, rel=0.2)
    assert found.curves == 12


def test_a_seed_repeats_the_resamples(found):
    assert np.array_equal(fit_envelope(Runs.from_frame(curves()), draws=200).a_opt, found.a_opt)
    assert not np.array_equal(fit_envelope(Runs.from_frame(curves()), draws=200, seed=1).a_opt, found.a_opt)


def test_sizes_are_lowest_only_between_others_that_are_in_training():
    heights = np.array([[3.0, 2.0, np.inf], [2.0, 2.5, 2.2], [2.5, 2.4, 2.1]])
    assert envelopes._lowest(heights, np.array([1.0, 2.0, 3.0])).tolist()[0] == 2.0
    assert np.isnan(envelopes._lowest(heights, np.array([1.0, 2.0, 3.0]))[1:]).all()


def test_few_checkpoints_are_interpolated_and_runs_end_where_they_do():
    log_c, loss = np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.5, 2.2])
    smooth = envelopes._smoothed(log_c, loss, np.array([0.5, 2.0, 3.5]))
    assert smooth.tolist() == [np.inf, 2.5, np.inf]


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (curves().drop(columns="run").iloc[::7], "0 training curves of different sizes"),
        (curves(sizes=3), "3 training curves of different sizes"),
        (curves()[lambda each: each["N"] < 2e8], "sizes of 4 training curves are lowest at some compute"),
    ],
    ids=["no run column", "three sizes", "all too small"],
)
def test_tables_without_an_envelope_are_refused(frame, words):
    with pytest.raises(RunsError, match=words):
        fit_envelope(Runs.from_frame(frame.reset_index(drop=True), source="a.csv"))
