"""Floors: what a low or a high one would do, floors that a table gives, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from bayescale.basics.errors import LawError
from bayescale.data.checks import observe
from bayescale.data.runs import Runs
from bayescale.laws.catalog import load_law
from bayescale.planning.allocation import check_settings, law_optimum
from bayescale.planning.floors import floor_effect


def medians(answer, name):
    return answer.draws[name].median(("chain", "draw")).to_numpy()


def test_a_low_floor_forecasts_a_low_loss(chinchilla_fit):
    answer = floor_effect(chinchilla_fit, 1e26)
    assert answer.draws["floor"].to_numpy().tolist() == ["lowest tenth", "middle tenth", "highest tenth"]
    floors = np.quantile(chinchilla_fit.parameters["E"], [0.05, 0.5, 0.95])
    np.testing.assert_allclose(medians(answer, "E"), floors, atol=0.005)
    assert np.all(np.diff(medians(answer, "expected_loss")) > 0)


def test_each_case_holds_what_goes_with_its_floor(chinchilla_fit):
    """Without a discrepancy size and loss follow from the parameters of the very draws that were chosen."""
    answer = floor_effect(chinchilla_fit, 1e24)
    lowest = np.argsort(chinchilla_fit.parameters["E"], kind="stable")[: answer.draws.sizes["draw"]]
    sizes = law_optimum(chinchilla_fit.law, chinchilla_fit.parameters, np.array([1e24]))[lowest, 0]
    np.testing.assert_allclose(answer.draws["N"].isel(case=0, chain=0), sizes)


def test_a_floor_of_the_users_is_shown_if_the_runs_allow_it(chinchilla_fit):
    middle = float(np.median(chinchilla_fit.parameters["E"]))
    answer = floor_effect(chinchilla_fit, 1e24, floor=middle + 0.02)
    assert medians(answer, "E")[3] == pytest.approx(middle + 0.02, abs=0.005)
    with pytest.raises(LawError, match=r"floor 1.2 nats/token: lies outside the 90 % interval of E, 1\.\d+ to 1\.\d+"):
        floor_effect(chinchilla_fit, 1e24, floor=1.2)


TWO_SETS = pd.DataFrame(
    {
        "N": np.tile([1e8, 3e8, 1e9], 4),
        "D": np.tile(np.repeat([2e9, 2e10], 3), 2),
        "floor": np.repeat([1.7, 2.0], 6),
    }
)


@pytest.fixture(scope="module")
def two_floors():
    """The same terms above the floors of two evaluation sets."""
    N, D = TWO_SETS["N"], TWO_SETS["D"]
    return Runs.from_frame(TWO_SETS.assign(loss=TWO_SETS["floor"] + 480 * N**-0.35 + 2080 * D**-0.37))


def test_a_pinned_floor_is_that_of_each_run(two_floors):
    law = load_law("pinned_floor")
    given = {"A": 480.0, "B": 2080.0, "alpha_N": 0.35, "beta_D": 0.37}
    observed = observe(law, two_floors)
    np.testing.assert_allclose(law.mean(np, observed.inputs, given), observed.outcome)


def test_an_optimum_takes_one_floor(two_floors):
    law = load_law("pinned_floor")
    check_settings(observe(law, two_floors.take(np.arange(6))))
    with pytest.raises(LawError, match="floor, which law 'pinned_floor' reads, differs between runs"):
        check_settings(observe(law, two_floors))


def test_laws_without_a_floor_are_refused(chinchilla_fit):
    from dataclasses import replace

    with pytest.raises(LawError, match="has no floor E"):
        floor_effect(replace(chinchilla_fit, law=load_law("kaplan_nd")), 1e24)
