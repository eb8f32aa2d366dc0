"""Partial pooling: groups borrow strength as far as they are alike, and each is then a normal fit."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from promises import sketches, vouched_for
from scipy import stats
from scipy.linalg import block_diag
from scipy.special import logit, polygamma

from bayescale.basics.errors import LawError, RunsError
from bayescale.data.datasets import load_dataset
from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.inference.conditional import Conditional
from bayescale.inference.discrepancy import DRIFT, Process, Separate, discrepancy_basis
from bayescale.inference.model import build_model
from bayescale.inference.options import Options
from bayescale.inference.scales import amplitude_parameters, learnt_scales
from bayescale.laws.catalog import load_law
from bayescale.laws.learnt import RATIO_SD
from bayescale.laws.noise import NOISES
from bayescale.posterior.fitting import fit
from bayescale.posterior.forecasting import forecast
from bayescale.posterior.pooled_law import pooled_law, sampled_names, vague_in
from bayescale.posterior.pooling import fit_pooled
from bayescale.posterior.single import fit_law
from bayescale.posterior.storage import load, save
from bayescale.sampling.logdensity import LogDensity

pytestmark = pytest.mark.slow

NOISE = 0.01
FEW = "e"
"""Group of three runs; the others have twelve."""


@pytest.fixture(scope="module")
def slopes():
    """True exponents of five groups."""
    return dict(zip("abcde", 0.25 * np.exp(np.random.default_rng(0).normal(scale=0.1, size=5)), strict=True))


@pytest.fixture(scope="module")
def runs(slopes):
    rng = np.random.default_rng(1)
    parts = []
    for group, slope in slopes.items():
        x = np.geomspace(1e2, 1e5, 3 if group == FEW else 12)
        y = 3 * x**-slope * np.exp(rng.normal(scale=NOISE, size=len(x)))
        parts.append(pd.DataFrame({"group": group, "x": x, "y": y}))
    return Runs.from_frame(pd.concat(parts))


@pytest.fixture(scope="module")
def pooled(runs):
    with sketches():
        return fit("m1", runs, pool=["y_centre", "slope"], draws=250)


@pytest.fixture(scope="module")
def few_alone(runs):
    return fit_law("m1", runs.take(np.flatnonzero(runs.frame["group"] == FEW)), draws=250, certify=False)


def test_every_group_is_recovered(pooled, slopes):
    for group, slope in slopes.items():
        posterior = pooled.groups[group].parameters["slope"]
        assert abs(posterior.mean() - slope) < 4 * posterior.std(), group


def test_the_spread_between_groups_is_recovered(pooled, slopes):
    low, high = np.quantile(pooled.between["slope_spread"], [0.05, 0.95])
    assert low < np.std(np.log(list(slopes.values())), ddof=1) < high


def test_few_runs_lean_on_the_other_groups(pooled, few_alone, slopes):
    leaning, alone = pooled.groups[FEW].parameters["slope"], few_alone.parameters["slope"]
    assert leaning.std() < 0.7 * alone.std()
    assert abs(leaning.mean() - slopes[FEW]) < 4 * leaning.std()


def test_a_group_is_a_fit_of_its_own_runs(pooled, runs):
    one = pooled.groups["b"]
    assert one.law.name == "m1"
    assert one.record.n_runs == 12
    assert one.record.pool == ("y_centre", "slope")
    assert set(one.parameters) == {"log_b", "y_centre", "slope", "sigma", "nu", "tau", "drift"}
    own = runs.frame[runs.frame["group"] == "b"]
    np.testing.assert_allclose(one.runs.column("y"), own["y"])
    bands = forecast(one, x=own["x"]).summary(0.99)
    assert ((bands["q0.5"] < own["y"].to_numpy()) & (own["y"].to_numpy() < bands["q99.5"])).all()


def test_a_group_can_be_saved(pooled, tmp_path):
    again = load(save(pooled.groups["c"], tmp_path / "c.nc"))
    assert again.record == pooled.groups["c"].record
    assert forecast(again, x=1e6).draws.equals(forecast(pooled.groups["c"], x=1e6).draws)


def test_summary_shows_groups_and_what_they_share(pooled):
    summary = pooled.summary()
    assert list(summary.index.unique("group")) == [*"abcde", "all groups"]
    assert set(summary.loc["all groups"].index) == {"y_centre", "y_centre_spread", "slope", "slope_spread"}


def test_pooling_repeats_exactly(runs):
    two = runs.take(np.flatnonzero(runs.frame["group"].isin(["a", "b"])))
    first, again = (fit("m1", two, pool=["slope"], discrepancy=False, draws=50, seed=5) for _ in range(2))
    assert first.between.equals(again.between)
    assert vouched_for(first)


def test_a_new_group_is_as_uncertain_as_the_distribution_over_groups(pooled, runs, tmp_path):
    new = pooled.new_group(seed=1)
    typical, spread = (np.log(pooled.between["slope"]), pooled.between["slope_spread"])
    drawn = np.log(new.parameters["slope"])
    assert abs(drawn.mean() - float(typical.mean())) < 4 * drawn.std() / np.sqrt(len(drawn))
    expected = np.sqrt(float(typical.var() + np.square(spread).mean()))
    assert drawn.std() == pytest.approx(expected, rel=0.15)
    assert new.record.n_runs == len(runs)
    assert new.dataset == "DataFrame:a new group"
    assert "a group that was not seen, drawn from the distribution over 5 groups" in new.notes
    seen, unseen = (each.forecast(x=1e6).summary(0.9) for each in (pooled.groups["a"], new))
    assert np.log(unseen["q95"] / unseen["q05"])[0] > 2 * np.log(seen["q95"] / seen["q05"])[0]
    assert pooled.new_group(seed=1).groups["posterior"].equals(new.groups["posterior"])
    again = load(save(new, tmp_path / "new.nc"))
    assert forecast(again, x=1e6).draws.equals(forecast(new, x=1e6).draws)


@pytest.mark.usefixtures("sketched")
def test_the_command_line_forecasts_a_new_group(run_cli, runs, tmp_path):
    runs.frame.to_csv(tmp_path / "runs.csv", index=False)
    asked = ("--law", "m1", "--no-discrepancy", "--pool", "slope", "--draws", "100")
    widths = {}
    for which in (("--group", "a"), ("--new-group",)):
        status, out, err = run_cli("predict", tmp_path / "runs.csv", *asked, *which, "--at", "x=1e6", "--json")
        assert status == 1, err  # sketches are never certified
        (point,) = json.loads(out)["predictions"]
        widths[which[0]] = np.log(point["y"]["q95"] / point["y"]["q05"])
    assert widths["--new-group"] > 2 * widths["--group"]


def test_a_new_group_shares_what_is_not_pooled(pooled):
    new, one = pooled.new_group(), pooled.groups["a"]
    for name in ("sigma", "nu", "tau", "drift"):
        np.testing.assert_array_equal(new.parameters[name], one.parameters[name])
    np.testing.assert_allclose(
        new.parameters["log_b"],
        np.log(new.parameters["y_centre"]) + new.parameters["slope"] * np.log(new.centre["x"]),
    )


def test_groups_that_are_alike_pool_closely():
    rng, x = np.random.default_rng(2), np.tile(np.geomspace(1e2, 1e5, 10), 4)
    y = 3 * x**-0.25 * np.exp(rng.normal(scale=NOISE, size=40))
    frame = pd.DataFrame({"family": np.repeat(list("abcd"), 10), "x": x, "y": y})
    options = {"discrepancy": False, "engine": "nuts", "draws": 500, "minutes": 0}
    alike = fit("m1", Runs.from_frame(frame), pool=["y_centre", "slope"], by="family", **options)
    assert np.quantile(alike.between["slope_spread"], 0.8) < 0.06  # .033 with many draws
    alone = fit_law("m1", Runs.from_frame(frame[frame["family"] == "a"]), discrepancy=False, draws=250)
    assert alike.groups["a"].parameters["slope"].std() < 0.8 * alone.parameters["slope"].std()


def test_both_samplers_agree_on_groups():
    """Quantiles of chains lie where independent draws by importance sampling say, within Monte Carlo errors."""
    x, noise = np.tile(np.geomspace(0.01, 100, 6), 3), np.tile([1.01, 0.99, 0.99, 1.01, 1.0, 1.0], 3)
    y = 3 * x ** -np.repeat([0.2, 0.24, 0.3], 6) * noise
    three = Runs.from_frame(pd.DataFrame({"group": np.repeat(list("abc"), 6), "x": x, "y": y}))
    chains, reference = (
        fit("m1", three, pool=["slope"], discrepancy=False, engine=engine) for engine in ("nuts", "importance")
    )
    assert [each.groups["a"].record.engine for each in (chains, reference)] == ["nuts", "importance"]
    assert chains.certified
    assert reference.certified
    ours, theirs = (each.groups["a"].groups["posterior"] for each in (chains, reference))
    pairs = [(chains.between[name], reference.between[name]) for name in reference.between]
    pairs += [(ours[name], theirs[name]) for name in ("log_b", "slope", "sigma", "nu")]
    least = min(each.groups["a"].diagnostics.ess_min for each in (chains, reference))
    for draws, exact in pairs:
        for p in (0.05, 0.25, 0.5, 0.75, 0.95):
            below = float((draws < float(exact.quantile(p))).mean())
            assert abs(below - p) < 4 * np.sqrt(2 * p * (1 - p) / least), (draws.name, p)


@pytest.mark.parametrize("pool", [["ratio"], ["E"], ["slope", "a_opt"], ["E", "alpha_N"]])
def test_a_pooled_law_of_equal_groups_is_the_law(pool):
    law, table = load_law("chinchilla"), load_dataset("gadre")
    sources = fit_sources(law, pool)
    joint = pooled_law(law, sources, ["c4", "redpajama", "refinedweb"])
    codes, groups = pd.factorize(table.frame["group"])
    point = {"share_N": 0.6, "ratio": 0.6, "loss_centre": 2.9, "a_opt": 0.5, "slope": 0.3}
    sampled = {name: np.array([[value]]) for name, value in point.items()}
    for name in sources:
        sampled[f"{name}_spread"] = np.array([[0.1]])
        sampled[f"{name}_by_group"] = np.repeat(sampled[name], len(groups), axis=1)
    centre = {"N": 1e8, "D": 1e10}
    inputs = {name: table.column(name) for name in ("N", "D")}
    plain = law.mean(np, inputs, law.all_parameters({k: sampled[k] for k in point}, centre))
    pooled_mean = joint.mean(np, {**inputs, "group_code": codes.astype(float)}, joint.all_parameters(sampled, centre))
    np.testing.assert_allclose(pooled_mean, plain)


def fit_sources(law, pool):

    return sampled_names(law, pool)


@pytest.mark.parametrize(
    ("asked", "sampled"),
    [
        (["E"], ("ratio", "loss_centre")),
        (["alpha_N"], ("share_N", "ratio", "a_opt", "slope")),
        (["A"], ("share_N", "ratio", "loss_centre", "a_opt", "slope")),
        (["a_opt", "ratio"], ("ratio", "a_opt")),
    ],
)
def test_derived_names_stand_for_what_they_come_from(asked, sampled):
    assert fit_sources(load_law("chinchilla"), asked) == sampled


def test_what_is_not_pooled_keeps_its_meaning():
    """The floor is the same in all groups if only the share of a term above it differs."""
    law = load_law("chinchilla")
    joint = pooled_law(law, ["share_N"], ["a", "b"])
    sampled = {"share_N": 0.6, "ratio": 0.6, "loss_centre": 2.9, "a_opt": 0.5, "slope": 0.3}
    sampled |= {"share_N_spread": 0.1, "share_N_by_group": np.array([0.75, 0.25])}
    found = joint.all_parameters(sampled, {"N": 1e8, "D": 1e10})
    assert found["E_by_group"] == pytest.approx(2.9 / 1.6)
    assert found["A_by_group"][0] == pytest.approx(3 * found["A_by_group"][1])


def test_the_joint_density_is_that_of_groups_given_what_they_share(runs):
    """The log likelihoods of groups, at their own parameters, sum to that of the pooled law."""
    law = load_law("m1")
    groups = list("abcde")
    joint = pooled_law(law, ["y_centre", "slope"], groups)
    codes = pd.factorize(runs.frame["group"])[0].astype(float)
    coded = Runs.from_frame(runs.frame.assign(group_code=codes))
    density = LogDensity(build_model(Observed(joint, coded), NOISES["normal"]).model)
    draws = density.prior(5, seed=0)
    pointwise, parameters = density.pointwise(draws), density.parameters(draws)
    for code in range(len(groups)):
        own = LogDensity(build_model(Observed(law, runs).take(np.flatnonzero(codes == code)), NOISES["normal"]).model)
        values = {name: parameters[f"{name}_by_group"][:, code] for name in ("y_centre", "slope")}
        # A group of its own has another centre, so its level there is taken from the pooled law's coefficient.
        centre = np.exp(np.log(runs.column("x")[codes == code]).mean())
        values["y_centre"] = np.exp(parameters["log_b_by_group"][:, code] - values["slope"] * np.log(centre))
        alone = own.pointwise(own.unconstrain({**values, "sigma": parameters["sigma"]}))
        np.testing.assert_allclose(alone, pointwise[:, codes == code], rtol=1e-8)


@pytest.mark.parametrize("vague", [(), ("ratio", "a_opt")])
def test_the_density_is_the_sum_of_its_parts(vague):
    """Priors of the typical group, spreads, each group's values around it, the discrepancies and the runs, by hand."""
    law, table = load_law("chinchilla"), load_dataset("gadre")
    codes, labels = pd.factorize(table.frame["group"])
    pool, noise = ["ratio", "loss_centre", "a_opt"], NOISES["student_t"]
    observed = Observed(pooled_law(law, pool, list(labels), vague), replaced(table, group_code=codes.astype(float)))
    basis = discrepancy_basis(observed)
    density = LogDensity(build_model(observed, noise, basis).model)
    draws = density.prior(4, seed=0)
    latent = np.random.default_rng(0).standard_normal((4, len(basis.process.kinds)))
    p = density.parameters(draws, latent)

    alone = LogDensity(build_model(Observed(law, table), noise).model)
    total = alone.log_prior(alone.unconstrain({name: p[name] for name in alone.parameter_names}))[0]
    for name, mean_spread in (("ratio", 0.5 * RATIO_SD), ("loss_centre", 0.3), ("a_opt", None)):
        spread, typical, own = p[f"{name}_spread"], p[name][:, None], p[f"{name}_by_group"]
        mean_spread = mean_spread or 0.5 * np.sqrt(2 * polygamma(1, 12.0))
        total += stats.gamma.logpdf(spread, 2.0, scale=mean_spread / 2) + np.log(spread)
        on_link = logit if name == "a_opt" else np.log
        offsets = (on_link(own) - on_link(typical)) / spread[:, None]
        total += stats.norm.logpdf(offsets).sum(axis=1)
        if name not in vague:  # its coordinates are not relative to the spread
            total -= len(labels) * np.log(spread)
    for item in amplitude_parameters(law):
        total += stats.norm.logpdf(np.log(p[item.name]), *item.prior.arguments.values())
    total += stats.norm.logpdf(latent).sum(axis=1)
    for code in range(len(labels)):
        rows, process = codes == code, basis.process.parts[code]
        own = {name: p[f"{name}_by_group"][:, [code]] for name in (*pool, *(item.name for item in law.derived))}
        mean = np.log(law.mean(np, {name: values[rows] for name, values in observed.inputs.items()}, own))
        amplitudes = np.where(process.kinds == DRIFT, p["drift"][:, None], p["tau"][:, None])
        error = (latent[:, basis.process.columns[code]] * amplitudes) @ process.at_runs.T
        scale = p["sigma"][:, None] * basis.noise_scale[rows]
        total += stats.t.logpdf(observed.on_link[rows], p["nu"][:, None], mean + error, scale).sum(axis=1)
    np.testing.assert_allclose(density.joint(draws, latent), total, rtol=1e-9)
    own = "a_opt_by_group_offset" if vague else "a_opt_by_group"
    assert density.parameter_names[-7:-4] == tuple(f"{own}[{label}]" for label in labels)


def test_the_graph_does_not_grow_with_the_number_of_groups():
    from pytensor.graph.traversal import ancestors

    law, sizes = load_law("m1"), []
    for n in (2, 40):
        x = np.tile(np.geomspace(1e2, 1e5, 4), n)
        table = Runs.from_frame(pd.DataFrame({"x": x, "y": x**-0.25, "group_code": np.repeat(np.arange(n) * 1.0, 4)}))
        joint = pooled_law(law, ["y_centre", "slope"], [f"g{code}" for code in range(n)], ["slope"])
        observed = Observed(joint, table)
        model = build_model(observed, NOISES["student_t"], discrepancy_basis(observed)).model
        sizes.append(len([node for node in ancestors([model.logp()]) if node.owner]))
        density = LogDensity(model)
        assert np.isfinite(density.joint(density.prior(3, 0), np.zeros((3, len(model.coords["feature"]))))).all()
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize(("slopes_alone", "vague"), [(0.002, ()), (0.2, ("slope",))])
def test_groups_that_say_little_are_sampled_by_how_they_deviate(slopes_alone, vague):
    rng = np.random.default_rng(0)
    drawn = {"y_centre": 1 + 0.01 * rng.standard_normal(500), "slope": 0.3 * np.exp(rng.normal(0, slopes_alone, 500))}
    assert vague_in(load_law("m1"), ["y_centre", "slope"], drawn) == vague


def replaced(table, **columns):
    return replace(table, frame=table.frame.assign(**columns))


def test_the_law_may_be_wrong_in_each_group_by_itself():
    x, scales = np.log(np.geomspace(1e2, 1e5, 4))[:, None], learnt_scales()["curve"]
    parts = (Process(x, scales), Process(x[:3], scales, np.array([0, 0, 1])))
    separate = Separate(parts, (np.array([0, 2, 4, 6]), np.array([1, 3, 5])))
    order = np.array([0, 2, 4, 6, 1, 3, 5])
    expected = block_diag(*(part.at_runs @ part.at_runs.T for part in parts))
    found = separate.at_runs @ separate.at_runs.T
    np.testing.assert_allclose(found[np.ix_(order, order)], expected, atol=1e-12)


def test_the_discrepancy_is_the_same_at_fitted_runs_and_at_new_ones_there():
    x, rng = np.log(np.geomspace(1e2, 1e5, 6))[:, None], np.random.default_rng(0)
    process, amplitudes = Process(x, learnt_scales()["curve"]), np.full((3, 1), 0.01)
    given = Conditional(process, 0.01 * rng.normal(size=(3, len(process.kinds))), amplitudes, amplitudes)
    np.testing.assert_allclose(given.at_runs, given.moments(x)[0], atol=1e-12)


@pytest.mark.parametrize(
    ("pool", "by", "error", "said"),
    [
        (
            ["alpha"],
            "group",
            LawError,
            "law 'm1' has no parameter alpha: pool some of log_b, y_centre, slope|pool some",
        ),
        (["slope"], "family", RunsError, "no column 'family', which names the groups"),
        (["slope"], "blank", RunsError, r"row 3, column blank: is empty: name the run's group"),
        (["slope"], "one", RunsError, "column one holds same only: pooling needs two groups or more"),
    ],
)
def test_what_cannot_be_pooled_is_refused(runs, pool, by, error, said):
    blank = runs.frame["group"].where(runs.frame.index != 2)
    table = Runs.from_frame(runs.frame.assign(one="same", blank=blank))
    with pytest.raises(error, match=said):
        fit_pooled("m1", table, pool, Options(), by=by)


def test_pooling_takes_one_law(runs):
    with pytest.raises(LawError, match="pooling takes a single law"):
        fit(["m1", "m3"], runs, pool=["slope"])


@pytest.mark.usefixtures("sketched")
def test_odd_names_of_groups_are_taken(runs):
    names = {"a": "GPT-Neo/J", "b": "GPT Neo J", "c": "é", "d": "spread", "e": "GPT_Neo_J_"}
    odd = Runs.from_frame(runs.frame.assign(group=runs.frame["group"].map(names)))
    found = fit("m1", odd, pool=["slope"], discrepancy=False, draws=50)
    assert list(found.groups) == list(names.values())


def test_a_group_of_a_single_run_is_fitted_saved_and_loaded(tmp_path):
    """It has no discrepancy of its own, since that has a mean of zero over its runs."""
    n = np.geomspace(5e7, 2e9, 8)
    d = 20 * n * np.tile([1, 3], 4)
    noise = np.exp(0.004 * np.random.default_rng(0).standard_normal(8))
    many = pd.DataFrame({"N": n, "D": d, "loss": (1.7 + 400 / n**0.34 + 410 / d**0.28) * noise, "group": "a"})
    one = many.iloc[[3]].assign(group="b", loss=many["loss"][3] * 1.05)
    with sketches():
        pooled = fit("tied", pd.concat([many, one]), pool=["E"], by="group", draws=100)
    assert pooled.groups["b"].record.n_runs == 1
    path = save(pooled, tmp_path / "pooled.nc")
    assert list(load(path).groups) == ["a", "b"]
