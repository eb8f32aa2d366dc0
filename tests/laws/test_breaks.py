"""Whether runs show a sharp break: seen while the fall has hardly begun, and not in noise or on smooth curves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescale.laws.breaks import FEWEST_RUNS, shown

X = np.geomspace(100, 700, 14)


def broken(place, exponent, width, floor=0.3):
    return 2 * (floor + (1 - floor) * np.exp(-exponent * width * np.logaddexp(0, np.log(X / place) / width)))


@given(place=st.floats(250, 480), exponent=st.floats(3, 8), width=st.floats(0.03, 0.15), seed=st.integers(0, 99))
def test_a_sharp_break_that_three_runs_have_passed_is_seen(place, exponent, width, seed):
    noise = np.exp(np.random.default_rng(seed).normal(scale=0.003, size=len(X)))
    assert shown({"x": X}, broken(place, exponent, width) * noise)


@given(
    exponent=st.floats(0.03, 1.4),
    floor=st.floats(0, 0.9),
    decades=st.floats(0.5, 8),
    rows=st.integers(10, 30),
    seed=st.integers(0, 99),
)
def test_a_smooth_power_law_does_not_ask_for_a_break(exponent, floor, decades, rows, seed):
    x = np.logspace(2, 2 + decades, rows)
    noise = np.exp(np.random.default_rng(seed).normal(scale=0.01, size=rows))
    assert not shown({"x": x}, (floor + (x / x[0]) ** -exponent) * noise)


@pytest.mark.parametrize("row", range(len(X)))
def test_one_odd_run_is_no_break(row):
    y = 1 + (X / 100) ** -0.5
    y[row] *= 0.7
    assert not shown({"x": X}, y)


def test_few_runs_do_not_show_a_break():
    few = slice(None, None, 2)
    assert len(X[few]) < FEWEST_RUNS
    assert not shown({"x": X[few]}, broken(300, 6.0, 0.05)[few])


@given(order=st.permutations(range(len(X))), unit=st.floats(1e-6, 1e6))
def test_order_and_units_change_nothing(order, unit):
    y = broken(350, 5.7, 0.06)
    assert shown({"x": unit * X[list(order)]}, unit * y[list(order)])
