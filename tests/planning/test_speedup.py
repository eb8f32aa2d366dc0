"""Effective speedup: known multipliers are found again, from one run, from several, and from pairs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayescale.basics.errors import LawError, RunsError
from bayescale.data.preparing import count_flops
from bayescale.data.runs import Runs
from bayescale.laws.catalog import load_law
from bayescale.planning.multipliers import multiplier_of, places_around
from bayescale.planning.recipes import compare_recipes, crossing
from bayescale.planning.speedup import Speedup


@pytest.fixture(scope="module")
def baseline(sure_fit):
    """A thousand draws are enough."""
    return replace(sure_fit, groups=sure_fit.groups.isel(draw=slice(250), missing_dims="ignore"))


KNOWN = {"E": 1.8, "A": 480.0, "B": 2080.0, "alpha_N": 0.35, "beta_D": 0.37}


def faster(N, D, m):
    """The loss of m times the compute at the same tokens per parameter."""
    size = np.sqrt(m)
    return load_law("chinchilla").mean(np, {"N": N * size, "D": D * size}, KNOWN)


def runs_of(N, D, m, noise=0.0):
    N, D = np.broadcast_arrays(np.asarray(N, dtype=float), D)
    return pd.DataFrame({"N": N, "D": D, "loss": faster(N, D, m) * np.exp(noise)})


def interval(answer, case=0):
    return answer.draws["multiplier"].isel(C=case).quantile([0.05, 0.5, 0.95]).to_numpy()


def test_a_single_run_tells_the_multiplier_at_its_size(baseline):
    second = runs_of([3e9], 6e10, 1.5)
    low, middle, high = interval(compare_recipes(baseline, second, 1.5 * 6 * 3e9 * 6e10))
    assert low < 1.5 < high
    assert middle == pytest.approx(1.5, rel=0.05)


def test_one_run_says_less_of_another_scale(baseline):
    answer = compare_recipes(baseline, runs_of([3e9], 6e10, 1.5), [1e21, 1e23])
    near, far = (interval(answer, case) for case in (0, 1))
    assert far[2] / far[0] > 2 * near[2] / near[0]


@pytest.fixture(scope="module")
def paired(baseline):
    """The baseline's own runs with 1.3 times the compute, and all that is particular to each."""
    table = baseline.runs.frame[["N", "D", "loss"]].iloc[::8]
    change = faster(table["N"], table["D"], 1.3) / faster(table["N"], table["D"], 1.0)
    return table.assign(loss=table["loss"] * change)


def test_pairs_cancel_what_both_share(baseline, paired):
    answer = compare_recipes(baseline, paired, 1e21)
    apart = compare_recipes(baseline, paired.assign(N=1.03 * paired["N"]), 1e21)
    assert interval(answer)[1] == pytest.approx(1.3, rel=0.02)
    widths = [high / low - 1 for low, _, high in map(interval, (answer, apart))]
    assert widths[0] < 0.4 * widths[1]
    assert any(note.endswith("inputs: 30; with the first's curve: 0") for note in answer.notes)
    assert any(note.endswith("inputs: 0; with the first's curve: 30") for note in apart.notes)


def test_a_multiplier_that_drifts_is_followed(baseline):
    N = np.geomspace(1e8, 1e10, 9)
    C = 6 * N * 20 * N
    drifting = 1.5 * (C / 1e20) ** -0.05
    answer = compare_recipes(baseline, runs_of(N, 20 * N, drifting), [1e19, 1e22])
    for case, budget in enumerate((1e19, 1e22)):
        # The second run has C/m, at which m is the one looked for.
        known = 1.5 ** (1 / 0.95) * (budget / 1e20) ** (-0.05 / 0.95)
        assert interval(answer, case)[1] == pytest.approx(known, rel=0.05)


def test_outcomes_multiplier_and_probabilities_agree(baseline, paired):
    answer = compare_recipes(baseline, paired, 1e21, threshold=1.2)
    draws = answer.draws
    np.testing.assert_allclose(draws["difference"], draws["first"] - draws["second"])
    assert ((draws["multiplier"] > 1) == (draws["difference"] > 0)).mean() > 0.99
    better, exceeded = answer.probabilities.values()
    assert better == float((draws["difference"] < 0).mean())
    assert exceeded == float((draws["multiplier"] > 1.2).mean())


def test_more_pairs_are_needed_for_more_precision(baseline, paired):
    few = Runs.from_frame(paired.iloc[3::8])
    speedup = Speedup.of(baseline, few, 0)
    log_c = np.log([1e20, 1e21, 1e26])
    needed = [speedup.more_pairs(log_c, precision, 0.9) for precision in (0.9, 0.05, 0.02)]
    assert needed[0][0] == 0
    assert needed[0][0] < needed[1][0] < needed[2][0]
    assert np.isnan(needed[2][2])  # a hundred thousand times beyond the runs m may drift


def test_the_expected_number_of_pairs_suffices(baseline):
    rng = np.random.default_rng(0)

    def pairs(n):
        N = np.resize(np.geomspace(3e8, 3e9, 4), n)
        return runs_of(N, 20 * N, 1.3, rng.normal(scale=0.01, size=n))

    second = pairs(12)
    budget = 6 * 20 * 1e9**2
    needed = int(compare_recipes(baseline, second, budget).draws["pairs"].item())
    assert needed > 10
    low, _, high = interval(compare_recipes(baseline, pd.concat([second, pairs(needed)]), budget))
    assert np.sqrt(high / low) - 1 == pytest.approx(0.05, rel=0.25)


def test_crossing_of_runs_is_where_the_multiplier_is_one(baseline):
    N = np.geomspace(1e8, 1e10, 12)
    C = 6 * N * 20 * N
    second = runs_of(N, 20 * N, (C / 1e21) ** 0.1)
    answer = crossing(baseline, second, up_to=1e24)
    assert answer.draws["C"].median().item() == pytest.approx(1e21, rel=0.3)
    assert answer.probabilities["the second overtakes the first"] > 0.9


def test_two_fits_of_which_one_is_faster_differ_by_its_multiplier(sure_of):
    m = 1.7
    known = {"A": 480.0 * m**-0.175, "B": 2080.0 * m**-0.185}
    answer = compare_recipes(sure_of(), sure_of(**known), [1e21, 1e23])
    np.testing.assert_allclose(answer.draws["multiplier"], m, rtol=0.01)


def test_multipliers_end_where_they_are_not_searched():
    budgets = np.array([1e21])
    places = places_around(budgets)
    ahead = np.log(places / 1e21)
    found = multiplier_of(budgets, places, np.stack([ahead + np.log(2), ahead - 20, ahead + 20])[:, None])
    assert found[:, 0] == pytest.approx([2.0, 1e-3, 1e3])


def test_rows_of_one_training_run_count_as_one(baseline):
    N = np.geomspace(0.9e9, 1.1e9, 20)
    rows = runs_of(N, 20 * N, 1.3)
    widths = []
    for run in (np.arange(20), np.zeros(20, dtype=int)):
        low, _, high = interval(compare_recipes(baseline, rows.assign(run=run), 1.2e20))
        widths.append(np.log(high / low))
    assert widths[1] > 1.5 * widths[0]


def test_what_cannot_be_compared_is_refused(baseline, chinchilla_fit):
    second = runs_of([3e9], 6e10, 1.5)
    reads_n = replace(chinchilla_fit, law=load_law("kaplan_n"))
    with pytest.raises(LawError, match="recipes are compared by laws of N and D, or of C"):
        compare_recipes(reads_n, second, 1e21)
    with pytest.raises(LawError, match="the other's accuracy"):
        compare_recipes(
            baseline, Runs.from_frame(second.rename(columns={"loss": "accuracy"}).assign(accuracy=0.5)), 1e21
        )
    with pytest.raises(LawError, match="count both alike"):
        compare_recipes(baseline, count_flops(Runs.from_frame(second), "2*N*D"), 1e21)
    with pytest.raises(RunsError, match="no column 'D'"):
        compare_recipes(baseline, Runs.from_frame(second.drop(columns="D")), 1e21)
    with pytest.raises(LawError, match="give at most 2k"):
        compare_recipes(baseline, Runs.from_frame(pd.concat([second] * 2001)), 1e21)
    with pytest.raises(LawError, match="threshold -1"):
        compare_recipes(baseline, second, 1e21, threshold=-1.0)
    with pytest.raises(LawError, match="precision 5: must be between 0 and 1"):
        compare_recipes(baseline, second, 1e21, precision=5.0)
