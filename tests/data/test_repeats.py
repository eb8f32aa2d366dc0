"""Runs that repeat each other: their mean is fitted, and new runs scatter as they do."""

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.data.repeats import mean_of_repeats
from bayescale.data.runs import Runs
from bayescale.laws.links import LOG, LOGIT
from bayescale.posterior.single import fit_law

SIZES = np.geomspace(1e7, 1e9, 12)
SCATTER = 0.01


def seeded(k=4, *, of_setting=0.0, scatter=SCATTER, seed=0, **columns):
    """Runs of twelve sizes with k seeds each, around losses that a setting shares."""
    rng = np.random.default_rng(seed)
    n = np.repeat(SIZES, k)
    shared = np.repeat(of_setting * rng.standard_normal(len(SIZES)), k)
    loss = (1.7 + 400 * n**-0.34 + 410 * (20 * n) ** -0.28) * np.exp(shared + scatter * rng.standard_normal(len(n)))
    given = {name: values(len(n)) for name, values in columns.items()}
    return pd.DataFrame({"N": n, "D": 20 * n, "seed": np.tile(np.arange(k), len(SIZES)), "loss": loss, **given})


def averaged(table, link=LOG, **reading):
    return mean_of_repeats(Runs.from_frame(table, **reading), link)


def test_means_and_their_standard_errors_are_those_of_each_setting():
    table = seeded()
    runs = averaged(table)
    logs = np.log(table["loss"]).groupby(table["N"]).mean()
    np.testing.assert_allclose(np.log(runs.column("loss")), logs, atol=SCATTER / 4)
    assert runs.column("loss_runs").tolist() == [4.0] * 12
    np.testing.assert_allclose(runs.column("loss_se") / runs.column("loss"), SCATTER / 2, rtol=0.3)
    assert runs.notes[-1].startswith("48 rows are 12 settings with up to 4 runs, which differ in seed: ")


def test_a_run_that_diverged_moves_its_mean_by_little():
    table = seeded()
    table.loc[3, "loss"] *= 3
    moved = averaged(table).column("loss") / averaged(seeded()).column("loss")
    assert 1 <= moved[0] < 1 + 2 * SCATTER
    np.testing.assert_allclose(moved[1:], 1.0, atol=SCATTER / 4)


def test_copies_are_one_run_each():
    once = seeded(1).drop(columns="seed")
    runs = averaged(pd.concat([once, once], ignore_index=True))
    np.testing.assert_allclose(runs.column("loss"), once["loss"], rtol=1e-12)
    assert "loss_se" not in runs.frame


def test_two_repeats_in_a_table_tell_no_scatter_and_stay_runs():
    table = pd.concat([seeded(1), seeded(1, seed=1).iloc[:2].assign(seed=1)], ignore_index=True)
    assert len(averaged(table)) == 14


def test_one_of_two_runs_that_diverged_leaves_the_other():
    table = seeded(2)
    table.loc[0, "loss"] *= 3
    moved = averaged(table).column("loss") / averaged(seeded(2)).column("loss")
    assert abs(np.log(moved[0])) < 3 * SCATTER
    np.testing.assert_allclose(moved[1:], 1.0, atol=SCATTER / 4)
    best = pd.DataFrame(
        {"C": np.repeat(np.geomspace(1e20, 1e21, 8), 2), "seed": [0, 1] * 8, "accuracy": [0.5, 0.51] * 8}
    )
    best.loc[3, "accuracy"] = 0.01
    assert averaged(best, LOGIT).column("accuracy")[1] > 0.45


@pytest.mark.parametrize(
    "columns",
    [
        {"lr": lambda n: np.geomspace(1e-4, 1e-2, n)},
        {"width": lambda n: 64 * (1 + np.arange(n) % 4)},
        {"loss_se": lambda n: np.full(n, 0.01)},
        {"accuracy": lambda n: np.linspace(0.3, 0.5, n)},
    ],
)
def test_rows_that_differ_in_more_or_have_a_precision_stay_as_they_are(columns):
    assert len(averaged(seeded(**columns))) == 48


def test_names_of_rows_and_of_training_runs_tell_nothing_beside_seeds():
    named = seeded(name=lambda n: [f"run {i}" for i in range(n)])
    of_runs = seeded(run=lambda n: [f"run {i}" for i in range(n)])
    assert len(averaged(named)) == len(averaged(of_runs)) == 12
    # Without seeds they may be names of recipes.
    assert len(averaged(named.drop(columns="seed"))) == len(averaged(of_runs.drop(columns="seed"))) == 48
    assert len(averaged(seeded(optimizer=lambda n: [f"adam {i}" for i in range(n)]))) == 48
    # Checkpoints of one run are no repeats of each other, nor of those of another run.
    assert len(averaged(seeded(run=lambda n: np.arange(n) % 4))) == 48


def test_rows_of_nearly_the_same_tokens_are_repeats_only_if_seeds_say_so():
    table = seeded()
    near = table.assign(D=table["D"] * (1 + 1e-4 * table["seed"]))
    assert len(averaged(near)) == 12
    assert len(averaged(near.drop(columns="seed"))) == 48
    assert len(mean_of_repeats(bs.load_dataset("chinchilla"), LOG)) == 240


def test_a_table_of_sizes_alone_has_repeats_too():
    assert len(averaged(seeded()[["N", "loss"]])) == 12


def test_fractions_are_averaged_in_log_odds():
    table = pd.DataFrame({"C": np.repeat([1e20, 1e21], 4), "accuracy": [0.1, 0.2, 0.15, 0.12, 0.7, 0.8, 0.75, 0.9]})
    runs = averaged(table, LOGIT)
    odds = np.log(table["accuracy"] / (1 - table["accuracy"])).groupby(table["C"]).mean().to_numpy()
    np.testing.assert_allclose(runs.column("accuracy"), 1 / (1 + np.exp(-odds)), rtol=0.02)
    error = runs.column("accuracy_se") / (runs.column("accuracy") * (1 - runs.column("accuracy")))
    np.testing.assert_allclose(error, error[0], rtol=1e-9)


@pytest.fixture(scope="module")
def fitted():
    return bs.fit("kaplan_n", seeded(of_setting=0.003)[["N", "seed", "loss"]], seed=1)


def test_a_fit_has_a_row_for_each_setting_and_says_so(fitted):
    assert len(fitted.runs) == 12
    assert any("48 rows are 12 settings" in note for note in fitted.notes)


def test_a_new_run_scatters_as_repeats_do(fitted, tmp_path):
    drawn = bs.forecast(fitted, N=2e9).draws
    apart = np.log(drawn["predictive"] / drawn["latent"]).to_numpy()
    low, high = np.quantile(apart, [0.05, 0.95])
    assert high - low > 3.29 * SCATTER * 0.9
    bs.save(fitted, tmp_path / "fit.nc")
    again = bs.load(tmp_path / "fit.nc")
    assert again.scatter_of_repeats == pytest.approx(float(fitted.scatter_of_repeats))


def test_bands_hold_single_runs_where_settings_scatter_more_than_seeds():
    inside = {"repeats": [], "each a run": []}
    for seed in range(6):
        table = seeded(3, of_setting=0.01, scatter=0.003, seed=seed).drop(columns="D")
        seen = table["N"] < SIZES[9]
        rows = table[~seen]
        # A column that differs within a setting makes each row a run of its own.
        for how, given in (("repeats", table[seen]), ("each a run", table[seen].assign(kind=table["seed"] * 1.0))):
            posterior = fit_law("floor_n", given, certify=False, doubts=False)
            bands = bs.forecast(posterior, N=rows["N"].to_numpy()).summary()
            observed = rows["loss"].to_numpy()
            inside[how].append(np.mean((bands["q05"] <= observed) & (observed <= bands["q95"])))
    assert np.mean(inside["repeats"]) > max(0.75, np.mean(inside["each a run"]))


def test_a_comparison_leaves_out_settings_and_scores_hidden_runs_one_by_one():
    runs = Runs.from_frame(seeded(3)[["N", "seed", "loss"]].rename(columns={"N": "x", "loss": "y"}))
    compared = bs.compare(["m1", "m3"], runs, discrepancy=False, draws=250, horizons=(3,))
    assert len(compared.pointwise) == 12
    assert compared.hidden_runs > 5


def test_groups_are_pooled_by_the_means_of_their_settings():
    table = pd.concat([seeded(2, seed=seed).drop(columns="D").assign(group=f"g{seed}") for seed in (0, 1)])
    pooled = bs.fit("kaplan_n", table.reset_index(drop=True), pool=["loss_centre"], discrepancy=False)
    assert [len(each.runs) for each in pooled.groups.values()] == [12, 12]
