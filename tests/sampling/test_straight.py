"""Graphs as NumPy calls give what PyTensor gives."""

import numpy as np
import pytest

from bayescale.sampling.logdensity import interpreted_mode
from bayescale.sampling.straight import compiled


@pytest.fixture
def draws() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(5, 3))


def outputs_of(x, runs):
    import pytensor.tensor as pt

    a, b, c = x[:, 0], x[:, 1], x[:, 2]
    positive = pt.switch(pt.gt(a, 0.0) & pt.le(b, 1.0), pt.log1p(a**2 + b + c + 9), -np.inf)
    far = pt.exp(a)[:, None] * runs[None, :] ** 0.3
    return [a, positive, far, far.sum(axis=1), pt.sigmoid(c) ** b, pt.as_tensor(2.0), pt.minimum(x.T, 0.5), x[1:]]


def test_outputs_are_those_of_pytensor(draws):
    import pytensor
    import pytensor.tensor as pt

    x, runs = pt.matrix("x"), pytensor.shared(np.array([1.0, 2.0, 7.0]))
    outputs, mode = outputs_of(x, runs), interpreted_mode()
    ours, theirs = compiled([x], outputs, mode), pytensor.function([x], outputs, mode=mode)
    for values in (np.array([1.0, 2.0, 7.0]), np.array([3.0, 1.0])):
        runs.set_value(values)
        for found, wanted in zip(ours(draws), theirs(draws), strict=True):
            assert np.asarray(found).dtype == wanted.dtype
            np.testing.assert_allclose(found, wanted, rtol=1e-14)


@pytest.mark.parametrize("chosen", [slice(1, 2), slice(2, 4), slice(-3, None), slice(5, 6)])
def test_some_outputs_alone_are_those_of_all(draws, chosen):
    import pytensor
    import pytensor.tensor as pt

    x, runs = pt.matrix("x"), pytensor.shared(np.array([1.0, 2.0, 7.0]))
    whole = compiled([x], outputs_of(x, runs), interpreted_mode())
    part = whole.only(chosen)
    assert len(part.steps) < len(whole.steps)
    for found, wanted in zip(part(draws), whole(draws)[chosen], strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_graph_of_several_outputs_is_left_to_pytensor(draws):
    import pytensor.tensor as pt

    x = pt.matrix("x")
    values, vectors = pt.linalg.eigh(x.T @ x)
    found = compiled([x], [values, vectors], interpreted_mode())(draws)
    np.testing.assert_allclose(found[0], np.linalg.eigvalsh(draws.T @ draws), rtol=1e-10)


def test_a_value_out_of_range_gives_no_warning(draws):
    import pytensor.tensor as pt

    x = pt.matrix("x")
    assert np.isnan(compiled([x], [pt.log(x)], interpreted_mode())(draws)[0]).any()


def test_a_call_leaves_its_arguments_and_earlier_results_alone(draws):
    import pytensor.tensor as pt

    x = pt.matrix("x")
    function = compiled([x], [x * 2 + 1, x], interpreted_mode())
    before = draws.copy()
    first = function(draws)[0]
    kept = first.copy()
    function(draws + 1)
    np.testing.assert_array_equal(draws, before)
    np.testing.assert_array_equal(first, kept)
