"""Hostile input is accepted or refused in words: a few hundred cases; `benchmarks/fuzz.py` runs thousands."""

import fuzzing
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.fuzz

CASES = {"tables": 100, "laws": 20, "saved fits": 60, "documents": 60, "command line": 60}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_hostile_input_is_accepted_or_refused_in_words(name, saved_fit, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    target = fuzzing.TARGETS[name]

    @settings(max_examples=CASES[name], deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.data())
    def check(data):
        fuzzing.run(target, data.draw(target.cases), tmp_path / "case", saved_fit)

    check()
