"""One count of compute: the table's own is compared with it, and budgets, reach and plans are in it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescale.basics.errors import RunsError
from bayescale.data.checks import observe
from bayescale.data.compute import SIX_ND, Count, six_nd
from bayescale.data.datasets import load_runs
from bayescale.data.observed import Observed
from bayescale.data.preparing import count_flops
from bayescale.data.runs import Runs
from bayescale.laws.catalog import load_law

N = np.geomspace(1e7, 1e9, 6).repeat(4)
D = np.tile([5.0, 10.0, 20.0, 40.0], 6) * N
TABLE = pd.DataFrame({"N": N, "D": D, "loss": 1.7 + 400 * N**-0.34 + 410 * D**-0.28})


def with_own(ratio):
    return Runs.from_frame(TABLE.assign(C=6 * N * D * ratio))


def test_compute_that_the_table_rounds_is_kept_to_the_bit():
    rounded = np.array([float(f"{value:.2e}") for value in 6 * N * D])
    runs = Runs.from_frame(TABLE.assign(C=rounded))
    np.testing.assert_array_equal(runs.column("C"), rounded)
    assert runs.counted.warnings == ()
    assert "C_table" not in runs.frame


def test_another_count_is_said_once_and_budgets_stay_in_six_n_d():
    runs = with_own(np.linspace(1.2, 1.7, len(N)))
    observed = observe(load_law("chinchilla"), runs)
    said = [text for text in observed.warnings if "6 N D" in text]
    assert len(said) == 1
    assert "1.2 to 1.7 (median 1.45) times 6 N D" in said[0]
    assert 'count_flops(runs, "C")' in said[0]
    np.testing.assert_allclose(observed.size, 6 * N * D, rtol=1e-12)


def test_a_few_rows_apart_are_named():
    ratio = np.ones(len(N))
    ratio[[2, 7]] = 3.0
    (warning,) = with_own(ratio).counted.warnings
    assert warning.startswith("column C, rows 3, 8: 3 times 6 N D, which it equals in all other rows")


def test_the_tables_own_count_is_taken_when_asked_for():
    runs = count_flops(with_own(1.5 * (N / 1e8) ** -0.05), "C")
    np.testing.assert_allclose(runs.column("C"), 6 * N * D * 1.5 * (N / 1e8) ** -0.05)
    np.testing.assert_allclose(runs.count(N, D), runs.column("C"), rtol=1e-9)
    assert runs.counted.warnings == ()
    assert "1.68 at 10M parameters to 1.34 at 1B" in runs.notes[-1]
    # Beyond the runs the factor is that of the nearest of them.
    assert float(runs.count(1e12, 1e12) / six_nd(1e12, 1e12)) == pytest.approx(1.5 * 10**-0.05)


def test_a_count_that_misses_the_tables_own_says_by_how_much():
    scatter = np.exp(0.1 * np.random.default_rng(0).normal(size=len(N)))
    assert "misses that of these runs by" in count_flops(with_own(1.4 * scatter), "C").notes[-1]


@pytest.mark.parametrize("rule", ["2*N*D", "6 * (N + 32000*512) * D", "6*N*D + 12*layers*256*1024*D"])
def test_rules_are_followed_row_by_row(rule):
    table = TABLE.assign(layers=np.round(4 + N / 1e8))
    runs = count_flops(Runs.from_frame(table), rule)
    expected = eval(rule, {"N": N, "D": D, "layers": table["layers"].to_numpy()})
    np.testing.assert_allclose(runs.column("C"), expected, rtol=1e-12)


def test_counting_anew_forgets_the_count_before():
    runs = with_own(1.5)
    again = count_flops(count_flops(count_flops(runs, "2*N*D"), "C"), SIX_ND)
    pd.testing.assert_frame_equal(again.frame, runs.frame, check_like=True)
    assert again.notes == runs.notes
    assert again.count == six_nd


@pytest.mark.parametrize(
    ("given", "missing", "expected"),
    [({"N": N, "C": 2 * N * D}, "D", D), ({"D": D, "C": 2 * N * D}, "N", N)],
    ids=["tokens", "parameters"],
)
def test_what_follows_from_compute_follows_by_the_rule(given, missing, expected):
    runs = count_flops(Runs.from_frame(pd.DataFrame({**given, "loss": TABLE["loss"]})), "2*N*D")
    np.testing.assert_allclose(runs.column(missing), expected, rtol=1e-12)
    assert [note for note in runs.notes if "6 D" in note or "6 N" in note] == []


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("6*N", "not proportional to the tokens"),
        ("6*N*D**2", "not proportional to the tokens"),
        ("6*N*D + 1e18", "not proportional to the tokens"),
        ("-6*N*D", "above zero"),
        ("6*N*D*width", "'width'"),
        ("__import__('os').system('true')*D", "which is no column"),
    ],
)
def test_rules_that_are_none_are_refused_in_a_line(rule, words):
    with pytest.raises(RunsError, match=words) as error:
        count_flops(Runs.from_frame(TABLE), rule)
    assert "\n" not in str(error.value)


def test_the_tables_count_needs_a_column():
    with pytest.raises(RunsError, match="no such column"):
        count_flops(Runs.from_frame(TABLE), "C")


def test_a_law_of_compute_reads_the_tables_own():
    runs = with_own(1.5)
    observed = observe(load_law("kaplan_c"), runs)
    np.testing.assert_allclose(observed.inputs["C"], 9 * N * D)
    assert not [text for text in observed.warnings if "6 N D" in text]
    chosen = observe(load_law("kaplan_c"), count_flops(runs, "2*N*D"))
    np.testing.assert_allclose(chosen.inputs["C"], 2 * N * D)


def test_the_routed_models_are_the_shipped_table_that_counts_otherwise():
    found = load_runs("routing:hash_8").counted
    assert "times 6 N D" in found.warnings[0]
    for name in ("chinchilla", "farseer", "gemstones", "gadre:c4", "porian:tuned", "quest:p16"):
        assert load_runs(name).counted.warnings == (), name


counts = st.one_of(
    st.sampled_from(["6*N*D", "2*N*D", "6*(N + 1e7)*D", "6*N*D*(1 + 1e3/N**0.5)"]).map(Count),
    st.builds(lambda at_one, power: Count("C", (at_one, power, 1e7, 1e10)), st.floats(-1.0, 2.0), st.floats(-0.3, 0.3)),
)


@given(counts, st.floats(1e6, 1e13), st.floats(1e7, 1e14))
def test_tokens_and_parameters_of_a_budget_bring_it_back(count, n, d):
    budget = float(count(n, d))
    assert float(count.tokens(budget, n)) == pytest.approx(d, rel=1e-9)
    assert float(count(float(count.parameters(budget, d)), d)) == pytest.approx(budget, rel=1e-4)


def test_sizes_of_a_law_of_compute_are_in_the_count_that_it_reads():
    observed = Observed(load_law("kaplan_c"), with_own(1.5 * (N / 1e8) ** -0.05))
    np.testing.assert_array_equal(observed.size, observed.inputs["C"])
    assert observed.runs.count.rule == "C"
