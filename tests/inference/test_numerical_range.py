"""Extreme tables of runs: what must hold whatever the units, the noise, the copies and the faults of a table."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from promises import vouched_for

from bayescale.basics.errors import LawError, RunsError
from bayescale.data.checks import observe
from bayescale.data.datasets import load_dataset
from bayescale.data.runs import Runs
from bayescale.laws.catalog import load_law
from bayescale.laws.links import LOG
from bayescale.planning.allocation import optimum
from bayescale.posterior.forecasting import forecast
from bayescale.posterior.single import fit_law

pytestmark = pytest.mark.slow

TRUE = {"E": 1.81686, "A": 482.00572, "B": 2085.4342, "alpha_N": 0.34781, "beta_D": 0.36585}
AHEAD = {"N": 2e10, "D": 4e11}


def learnt(frame, **asked):
    """A fit to a table whose units may be any."""
    return fit_law("chinchilla", Runs.from_frame(frame, as_is=True), draws=500, **asked)


true = partial(learnt, discrepancy=False)
"""A fit that takes the law as true."""


def loss_of(N, D):
    return TRUE["E"] + TRUE["A"] * N ** -TRUE["alpha_N"] + TRUE["B"] * D ** -TRUE["beta_D"]


def table(noise=0.004, seed=0, sizes=(5e7, 5e9), tokens=(1e9, 1e11), n=6):
    N, D = (values.ravel() for values in np.meshgrid(np.geomspace(*sizes, n), np.geomspace(*tokens, n)))
    scatter = noise * np.random.default_rng(seed).standard_normal(len(N))
    return pd.DataFrame({"N": N, "D": D, "loss": loss_of(N, D) * np.exp(scatter)})


def bands(fitted, N=AHEAD["N"], D=AHEAD["D"], mass=0.99):
    draws = forecast(fitted, N=N, D=D).draws["latent"].to_numpy()
    return np.quantile(draws, [(1 - mass) / 2, 0.5, (1 + mass) / 2])


@pytest.fixture(scope="module")
def clean():
    return table()


@pytest.fixture(scope="module")
def clean_fit(clean):
    return true(clean)


@pytest.fixture(scope="module")
def clean_learnt(clean):
    return learnt(clean)


def said(fitted, part):
    return [text for text in fitted.warnings if part in text]


def test_a_clean_table_raises_no_warning(clean_fit, clean_learnt):
    for fitted in (clean_fit, clean_learnt):
        assert fitted.certified
        assert fitted.warnings == ()


@settings(max_examples=4, deadline=None, derandomize=True, phases=[Phase.generate])
@given(st.integers(-9, 9), st.integers(-9, 9))
def test_units_do_not_matter_to_a_law_taken_as_true(clean, clean_fit, decades_n, decades_d):
    per_n, per_d = 10.0**decades_n, 10.0**decades_d
    shifted = true(clean.assign(N=clean["N"] * per_n, D=clean["D"] * per_d))
    np.testing.assert_allclose(
        bands(shifted, AHEAD["N"] * per_n, AHEAD["D"] * per_d), bands(clean_fit), rtol=1e-6
    )  # fmt: skip
    assert shifted.diagnostics.log_evidence == pytest.approx(clean_fit.diagnostics.log_evidence, abs=1e-3)


@pytest.mark.parametrize("decades", [-5, 6])
def test_a_common_unit_of_parameters_and_tokens_does_not_matter_to_the_discrepancy(clean, clean_learnt, decades):
    unit = 10.0**decades
    shifted = learnt(clean.assign(N=clean["N"] * unit, D=clean["D"] * unit))
    ahead = {name: value * unit for name, value in AHEAD.items()}
    # Rounding moves the proposals a little, so these agree as two sets of draws do.
    for name in ("E", "a_opt", "alpha_N", "sigma", "tau"):
        draws, same = shifted.parameters[name], clean_learnt.parameters[name]
        assert abs(draws.mean() - same.mean()) < 0.15 * same.std(), name
        assert draws.std() == pytest.approx(same.std(), rel=0.15), name
    evidence = [fitted.diagnostics.log_evidence for fitted in (shifted, clean_learnt)]
    assert evidence[0] == pytest.approx(evidence[1], abs=0.1)
    here, there = bands(clean_learnt, mass=0.8), bands(shifted, **ahead, mass=0.8)
    np.testing.assert_allclose(there, here, atol=0.15 * (here[2] - here[0]), rtol=0)
    sizes = optimum(shifted, 1e23 * unit**2).draws["N"].median(), optimum(clean_learnt, 1e23).draws["N"].median()
    assert float(sizes[0] / unit) == pytest.approx(float(sizes[1]), rel=0.05)


def test_the_order_of_rows_changes_nothing(clean, clean_fit):
    shuffled = true(clean.sample(frac=1.0, random_state=1))
    np.testing.assert_allclose(bands(shuffled), bands(clean_fit), rtol=1e-6)


@pytest.mark.parametrize("kind", ["int64", "float32"])
def test_integers_and_short_floats_are_as_good_as_others(clean, clean_fit, kind):
    typed = true(clean.astype({"N": kind, "D": kind}))
    np.testing.assert_allclose(bands(typed), bands(clean_fit), rtol=1e-3)
    assert typed.runs.column("C").max() == pytest.approx(6 * 5e9 * 1e11, rel=1e-6)


def test_copied_rows_are_named_and_count_once(clean, clean_fit):
    copied = true(pd.concat([clean] * 4, ignore_index=True))
    assert len(said(copied, "repeated rows: 37, 38")) == 1
    ratio = copied.parameters["loss_centre"].std() / clean_fit.parameters["loss_centre"].std()
    assert ratio == pytest.approx(1.0, abs=0.1)


@pytest.mark.long
@pytest.mark.parametrize("noise", [1e-6, 1e-9, 0.0])
@pytest.mark.parametrize("fit", [true, learnt], ids=["true", "learnt"])
def test_losses_without_noise_are_fitted_to_their_precision(fit, noise):
    fitted = fit(table(noise))
    assert vouched_for(fitted)
    low, _, high = bands(fitted)
    assert low < loss_of(**AHEAD) < high
    # A law that may be wrong drifts beyond the runs, however well it describes them.
    assert high / low - 1 < (1e-4 if fit is true else 1e-2)
    assert fitted.parameters["sigma"].min() > 1e-7
    assert "sigma is" in said(fitted, "the runs contradict the priors")[0]


def test_noise_of_a_factor_of_ten_leaves_finite_bands():
    fitted = learnt(table(noise=np.log(10)))
    found = forecast(fitted, **AHEAD)
    assert np.isfinite(found.summary()[["mean", "sd", "q05", "q95"]].to_numpy()).all()
    assert "sigma is" in said(fitted, "the runs contradict the priors")[0]


def test_draws_of_a_positive_outcome_stay_within_a_float():
    assert LOG.inverse(np.array([-1e4, 0.0, 1e4])).tolist() == pytest.approx([1e-40, 1.0, 1e40])


def test_sizes_over_thirty_decades_give_covering_bands_or_a_warning():
    wide = table(sizes=(1, 1e15), tokens=(1, 1e15))
    low, _, high = np.quantile(true(wide).parameters["E"], [0.005, 0.5, 0.995])
    assert low < TRUE["E"] < high
    (text,) = said(learnt(wide, certify=False), "their noise is a guess")
    assert text.startswith("15 of 36 runs have fewer than 0.005 tokens per parameter (down to 1e-15)")
    kept = learnt(wide[wide["D"] >= 0.005 * wide["N"]])
    assert not said(kept, "their noise is a guess")
    low, _, high = np.quantile(kept.parameters["E"], [0.005, 0.5, 0.995])
    assert low < TRUE["E"] < high


@pytest.mark.parametrize(
    ("column", "row", "value", "shown"),
    [("N", 1, 1e300, "1e\\+300"), ("D", 3, 1e-200, "1e-200"), ("loss", 2, 1e41, "1e\\+41")],
)
def test_impossible_values_are_refused_by_row(clean, column, row, value, shown):
    spoilt = clean.copy()
    spoilt.loc[row - 1, column] = value
    with pytest.raises(RunsError, match=rf"row {row}, column {column}: {shown} must lie between 1e-30 and 1e\+40"):
        Runs.from_frame(spoilt)


@pytest.mark.parametrize("per", [1e-9, 1e9])
def test_parameters_that_are_hardly_in_ones_are_doubted(clean, per):
    odd = clean.assign(N=clean["N"] * per)
    text = Runs.from_frame(odd, as_is=True).warnings[0]
    assert "column N has median" in text
    assert "give parameters in ones, such as 7e9 or 7B" in text
    with pytest.raises(RunsError, match=r"column N: median .* parameters cannot be those of training runs: "):
        Runs.from_frame(odd)


@pytest.mark.parametrize(("column", "factor"), [("N", 1e-9), ("D", 1e6), ("loss", 1e6), ("loss", 1e-6)])
def test_one_row_in_another_unit_is_named(clean, column, factor):
    spoilt = clean.copy()
    spoilt.loc[20, column] *= factor
    (text,) = Runs.from_frame(spoilt).warnings
    assert text.startswith(f"column {column}, row 21: ")
    assert "from all other runs: check the unit" in text


def test_decades_that_are_the_design_are_not_doubted():
    even = table(sizes=(1e5, 1e13), tokens=(1e6, 1e14), n=6)
    assert not [text for text in Runs.from_frame(even).warnings if "check the unit" in text]


@pytest.mark.parametrize("signs", [(1,), (-1, 1)], ids=["one-sided", "two-sided"])
@pytest.mark.parametrize("fit", [true, learnt], ids=["true", "learnt"])
def test_a_tenth_of_the_rows_ten_sigma_off_cost_little(clean, fit, signs, clean_fit, clean_learnt):
    rng = np.random.default_rng(4)
    rows = rng.permutation(36)[:4]
    spoilt = clean.copy()
    spoilt.loc[rows, "loss"] *= np.exp(0.04 * rng.choice(signs, 4))
    before, after = bands(clean_fit if fit is true else clean_learnt), bands(fit(spoilt))
    assert after[0] < loss_of(**AHEAD) < after[2]
    assert after[2] - after[0] < 3 * (before[2] - before[0])
    assert abs(after[1] - before[1]) < 0.5 * (after[2] - after[0])


def test_an_outcome_in_another_unit_than_its_priors_is_doubted():
    rng = np.random.default_rng(0)
    x = np.geomspace(1e5, 1e9, 25)
    curve = pd.DataFrame({"x": x, "y": 1e15 * (0.3 + 20 * x**-0.25) * np.exp(0.004 * rng.standard_normal(25))})
    for discrepancy in (True, False):
        text = said(fit_law("power_law", curve, draws=250, discrepancy=discrepancy), "the runs contradict the priors")[
            0
        ]
        assert "y_centre is" in text or "sigma is" in text or "tau is" in text
        assert text.endswith("check the units of the table and whether the law suits it, or state your own priors")


@pytest.mark.parametrize("column", ["N", "D", "loss"])
@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_a_run_that_alone_breaks_the_order_of_sizes_and_losses_is_named(clean, column, factor):
    wrong = clean.assign(**{column: clean[column].where(clean.index != 14, clean[column] * factor)})
    found = observe(load_law("chinchilla"), Runs.from_frame(wrong)).warnings
    assert [text for text in found if text.startswith("row 15: its loss of") and "hardly any other run does" in text]


def test_published_runs_are_in_the_order_of_their_sizes():
    for name in ("chinchilla", "gadre", "porian"):
        found = observe(load_law("chinchilla"), load_dataset(name)).warnings
        assert not [text for text in found if "contradicts" in text], name


def test_losses_that_are_all_the_same_are_refused(clean):
    with pytest.raises(LawError, match=r"every run has loss = 3: law 'chinchilla' cannot learn from it"):
        true(clean.assign(loss=3.0))


@pytest.mark.parametrize("what", ["rising", "noise"])
def test_losses_that_do_not_fall_are_doubted(clean, what):
    scatter = np.random.default_rng(1).standard_normal(36)
    losses = 2 * (clean["N"] / 5e7) ** 0.05 if what == "rising" else 3 * np.exp(1e-3 * scatter)
    runs = Runs.from_frame(clean.assign(loss=losses))
    assert [
        text for text in observe(load_law("chinchilla"), runs).warnings if "losses hardly fall with N and D" in text
    ]
    assert observe(load_law("chinchilla"), Runs.from_frame(clean)).warnings == ()
