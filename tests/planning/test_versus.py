"""Choices between runs: joint draws, probabilities that follow the law, and the same from the command line."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bayescale as bs
from bayescale.basics.errors import LawError

CHINCHILLA, GOPHER = {"N": 70e9, "D": 1.4e12}, {"N": 280e9, "D": 300e9}


def probability(compared):
    """Probability that the expected loss of the first run is lower."""
    return compared.probabilities["loss of the first is lower"]


def test_chinchilla_is_better_than_gopher(chinchilla_fit):
    compared = bs.versus(chinchilla_fit, CHINCHILLA, GOPHER)
    assert probability(compared) > 0.95
    assert compared.probabilities["one run of the first comes out lower than one of the second"] > 0.9
    assert compared.draws["difference"].median() < 0


def test_the_two_ways_round_mirror_each_other(chinchilla_fit):
    there, back = bs.versus(chinchilla_fit, CHINCHILLA, GOPHER), bs.versus(chinchilla_fit, GOPHER, CHINCHILLA)
    assert probability(there) == pytest.approx(1 - probability(back))
    np.testing.assert_allclose(there.draws["difference"], -back.draws["difference"])


def test_what_is_uncertain_about_both_cancels(chinchilla_fit):
    compared = bs.versus(chinchilla_fit, CHINCHILLA, {"N": 72e9, "D": 1.4e12})
    assert compared.draws["difference"].std() < 0.1 * compared.draws["first"].std()


@settings(max_examples=20, deadline=None)
@given(st.floats(1e8, 1e11), st.floats(1.01, 100))
def test_more_tokens_are_never_worse_under_a_law_taken_as_true(chinchilla_fit, N, factor):
    assert probability(bs.versus(chinchilla_fit, {"N": N, "D": 1e10 * factor}, {"N": N, "D": 1e10})) == 1.0


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (CHINCHILLA, CHINCHILLA, "the two runs are the same, N = 70B, D = 1.4T"),
        (CHINCHILLA, {"N": 1e9}, "D is given for one only"),
        ({"N": 1e9}, {"N": 2e9}, "D is missing"),
        ({"N": -1e9, "D": 1e9}, GOPHER, "above zero"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(chinchilla_fit, first, second, said):
    with pytest.raises(LawError, match=said):
        bs.versus(chinchilla_fit, first, second)


def test_the_command_says_the_same(run_cli, saved_fit, chinchilla_fit):
    options = ("--at", "N=70B,D=1.4T", "--at", "N=280B,D=300B")
    document = json.loads(run_cli("versus", saved_fit, *options, "--json")[1])
    compared = bs.versus(chinchilla_fit, CHINCHILLA, GOPHER)
    assert document["probability"] == probability(compared)
    assert document["difference"]["q50"] == float(compared.draws["difference"].median())
    status, out, _ = run_cli("versus", saved_fit, *options)
    assert status == 0
    assert "P(loss of N = 70B, D = 1.4T is lower) = 1.00" in out
    status, _, err = run_cli("versus", saved_fit, *options[:2])
    assert (status, "--at: give two runs" in err) == (2, True)
