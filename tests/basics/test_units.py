"""The unit of the outcome: given once, with the runs, and printed with all that is measured in it."""

import json
from dataclasses import replace
from functools import partial

import click
import numpy as np
import pandas as pd
import pytest

from bayescale.basics.errors import FitFileError, LawError, QuantityError
from bayescale.cli.app import app
from bayescale.data import datasets
from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.laws import catalog
from bayescale.planning.allocation import optimum
from bayescale.planning.lifetimes import lifetime_optimum
from bayescale.planning.tradeoffs import scale_up
from bayescale.plots import plot_parameters, plot_plan, plot_runs
from bayescale.posterior.fitting import fit as fit_any
from bayescale.posterior.forecasting import forecast
from bayescale.posterior.single import fit_law
from bayescale.posterior.storage import load, save

BITS = "bits/character"
POINT = {"N": 7e9, "D": 1.4e11}
LAWS = {name: catalog.load_law(name) for name in catalog.law_names()}
OF_LOSS = [name for name, law in LAWS.items() if law.outcome_unit == "nats/token"]
OF_ANYTHING = [name for name, law in LAWS.items() if law.outcome_unit == ""]
OF_THEIR_OWN = [name for name in LAWS if name not in (*OF_LOSS, *OF_ANYTHING)]

quick_fit = partial(fit_law, discrepancy=False, draws=100)


@pytest.fixture(scope="module")
def runs(few_runs):
    return Runs.from_frame(few_runs, unit=BITS)


@pytest.fixture(scope="module")
def fitted(runs):
    return quick_fit("chinchilla", runs)


@pytest.fixture
def table(few_runs, elsewhere):
    path = elsewhere / "runs.csv"
    few_runs.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", OF_LOSS)
def test_a_law_of_loss_takes_another_unit_wherever_it_had_its_own(name):
    law, other = LAWS[name], LAWS[name].in_unit(BITS)
    assert other.outcome_unit == BITS
    assert other.units == {key: unit.replace("nats/token", BITS) for key, unit in law.units.items()}
    assert other.mean is law.mean


@pytest.mark.parametrize("name", OF_ANYTHING)
def test_a_law_of_any_outcome_takes_the_unit_for_what_is_measured_like_it(name):
    other = LAWS[name].in_unit("s")
    assert other.outcome_unit == "s"
    measured = {key for key, unit in other.units.items() if unit == "s"}
    assert measured & {"y_centre", "y_break"}
    assert measured & {"floor", "ceiling"} == other.units.keys() & {"floor", "ceiling"}


@pytest.mark.parametrize("name", OF_THEIR_OWN)
def test_a_law_with_a_unit_of_its_own_refuses_another(name):
    law = LAWS[name]
    assert law.in_unit(law.outcome_unit) is law
    with pytest.raises(LawError, match=f"law '{name}' predicts .* not in {BITS}: convert the table, or leave the unit"):
        law.in_unit(BITS)


def test_the_same_law_in_the_same_unit_is_one_object_for_what_is_compiled():
    law = LAWS["chinchilla"]
    assert law.in_unit(BITS) is law.in_unit(BITS)
    assert law.in_unit(BITS) is not law.in_unit("bits/byte")
    assert law.in_unit(None) is law.in_unit("nats/token") is law


def test_compound_units_hold_the_unit_too():
    assert LAWS["skaling"].in_unit(BITS).units["A"] == "bits/character^(1/k)"


def test_published_values_in_another_unit_are_left_out():
    for published in LAWS["chinchilla"].in_unit(BITS).published:
        given = {**published.values, **published.standard_errors}  # noqa: PD011
        assert "alpha_N" in given
        assert not {"E", "A", "B"} & given.keys()


def test_a_law_names_only_parameters_of_its_own():
    with pytest.raises(LawError, match="in_outcome_unit names flor: name parameters of the law"):
        replace(LAWS["m3"], in_outcome_unit=("flor",))


@pytest.mark.parametrize("unit", ["", " s", "a\nb", "\x1b[2J", "\u202e", "m" * 41, 3])
def test_a_unit_is_a_short_printable_text(few_runs, unit):
    with pytest.raises(QuantityError, match="is not a short printable text: write it as 'bits/character'") as caught:
        Runs.from_frame(few_runs, unit=unit)
    assert str(caught.value).isprintable()


def test_runs_keep_their_unit(runs, few_runs, table):
    again = Runs.read(table, unit=BITS)
    for each in (runs, runs.take(np.array([2, 3])), replace(runs, source="mine"), again):
        assert each.unit == each.outcome_unit == BITS
    assert again.summary().set_index("column")["unit"].to_dict() == {
        "N": "parameters",
        "D": "tokens",
        "C": "FLOP",
        "loss": BITS,
    }
    plain = Runs.from_frame(few_runs)
    assert (plain.unit, plain.outcome_unit) == (None, "nats/token")


def test_small_losses_in_bits_are_not_doubted(few_runs):
    frame = few_runs.assign(loss=few_runs["loss"] / 4)
    assert any("unit='bits/byte'" in text for text in Runs.from_frame(frame).warnings)
    assert Runs.from_frame(frame, unit="bits/byte").warnings == ()


@pytest.mark.parametrize("name", datasets.dataset_names())
def test_laws_take_the_unit_that_a_card_states(name):
    card = datasets.load_card(name)
    for law in map(catalog.load_law, card.laws):
        group = datasets.dataset_groups(name)
        loaded = datasets.load_runs(":".join([name, *group[:1]]), outcome=law.outcome, domain=law.link.domain)
        if law.outcome == card.outcome:
            assert Observed.of(law, loaded).law.outcome_unit == card.unit
        else:
            assert loaded.unit is None


def test_the_unit_follows_the_outcome_of_a_card_to_another_name():
    loaded = datasets.load_runs("boardlaw", columns={"y": "elo"}, outcome="y", domain="real")
    assert loaded.unit == "Elo"
    assert datasets.load_runs("chinchilla", unit=BITS).unit == BITS


def test_a_fit_has_the_unit_in_all_that_it_says(fitted):
    assert (fitted.record.unit, fitted.law.outcome_unit, fitted.runs.unit) == (BITS, BITS, BITS)
    units = fitted.summary()["unit"]
    assert units[["E", "A", "B", "alpha_N", "sigma"]].tolist() == [BITS, BITS, BITS, "", "log loss"]
    assert {fitted.tree[group]["E"].attrs["units"] for group in ("prior", "posterior")} == {BITS}
    assert "loss (bits/character), posterior predictive" in str(forecast(fitted, **POINT))
    best = optimum(fitted, 1e21)
    assert best.summary().set_index("quantity")["unit"]["loss"] == BITS
    assert best.draws["latent"].attrs["units"] == BITS
    assert scale_up(fitted, 1e21).draws["gain"].attrs["units"] == BITS


def test_the_unit_changes_no_number(fitted, few_runs):
    plain = quick_fit("chinchilla", few_runs)
    assert plain.law.outcome_unit == "nats/token"
    for name, draws in plain.parameters.items():
        np.testing.assert_array_equal(fitted.parameters[name], draws)


def test_a_quality_to_be_reached_is_in_the_unit(fitted):
    plan = lifetime_optimum(fitted, 2.2, 1e12)
    assert "P(a loss of 2.2 bits/character can be reached)" in str(plan)
    with pytest.raises(LawError, match=r"reaches a loss of 0\.5 bits/character by"):
        lifetime_optimum(fitted, 0.5, 1e12)


@pytest.mark.slow
def test_groups_have_the_unit_and_so_has_what_they_have_in_common():
    x = np.tile(np.geomspace(1e2, 1e5, 8), 2)
    y = 3 * x ** -np.repeat([0.2, 0.3], 8) * np.exp(np.random.default_rng(0).normal(scale=0.01, size=16))
    frame = pd.DataFrame({"group": ["a"] * 8 + ["b"] * 8, "x": x, "y": y})
    asked = {"pool": ["y_centre", "slope"], "noise": "normal", "discrepancy": False, "draws": 250}
    pooled = fit_any("m1", Runs.from_frame(frame, unit="s"), **asked)
    assert {each.law.outcome_unit for each in pooled.groups.values()} == {"s"}
    assert pooled.summary()["unit"].xs("y_centre", level=1).tolist() == ["s", "s", "s"]


def test_the_unit_is_saved(fitted, tmp_path):
    again = load(save(fitted, tmp_path / "fit.nc"))
    assert again.record == fitted.record
    assert again.law is fitted.law
    assert again.runs.unit == BITS
    assert forecast(again, **POINT).unit == BITS


def test_a_file_whose_law_has_another_unit_is_refused(own_law, tmp_path):
    steps = np.geomspace(100, 1e5, 8)
    frame = pd.DataFrame({"steps": steps, "loss": 2.0 + 9 * steps**-0.4 + 0.001 * np.sin(steps)})
    saved = save(quick_fit(own_law, Runs.from_frame(frame, unit=BITS)), tmp_path / "own.nc")
    assert load(saved, law=own_law).law.outcome_unit == BITS
    with pytest.raises(FitFileError, match="law 'steps' predicts loss in bits/byte, not in bits/character"):
        load(saved, law=replace(catalog.load_law(own_law), outcome_unit="bits/byte"))


def test_figures_are_labelled_in_the_unit(fitted, runs):
    assert {ax.get_ylabel() for ax in plot_plan(fitted, [1e21]).axes[:2]} == {"Loss (bits/character)"}
    assert plot_runs(runs).figure.axes[1].get_ylabel() == "Loss (bits/character)"
    floor, allocation = (text.get_text() for text in plot_parameters(fitted, ("E", "a_opt")).texts[:2])
    assert floor.endswith("] bits/character")
    assert allocation.endswith("]")


def test_dollars_in_a_unit_are_no_formula(few_runs):
    ax = plot_runs(Runs.from_frame(few_runs, unit=r"$\frac$"))
    ax.figure.canvas.draw()


def test_a_law_that_reads_the_outcome_in_its_own_unit_refuses_another():
    frame = datasets.load_dataset("gadre", group="c4").frame
    with pytest.raises(LawError, match="law 'downstream_error' reads loss in nats/token, not in bits/character"):
        Observed.of(LAWS["downstream_error"], Runs.from_frame(frame, unit=BITS))


def commands(group=app, path=()):
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), {option for each in command.params for option in each.opts}


def test_every_command_that_reads_a_table_takes_its_unit():
    reading = {name for name, options in commands() if "--columns" in options}
    assert {name for name, options in commands() if "--unit" in options} == reading
    assert len(reading) >= 13


@pytest.mark.slow
def test_the_command_line_prints_the_unit_of_a_table_and_of_a_saved_fit(run_cli, table, elsewhere):
    asked = ("--law", "chinchilla", "--no-discrepancy")
    status, out, _ = run_cli("fit", table, *asked, "--unit", BITS, "-o", "fit.nc")
    assert status == 0
    assert out.count(BITS) >= 6
    assert "nats" not in out
    _, out, _ = run_cli("plan", "fit.nc", "--budget", "1e22")
    assert "(bits/character)" in out
    assert "nats" not in out
    _, out, _ = run_cli("predict", "fit.nc", "--at", "N=7B,D=140B")
    assert "(bits/character)" in out
    _, out, _ = run_cli("plan", "fit.nc", "--served", "1T", "--loss", "2.2")
    assert "P(a loss of 2.2 bits/character can be reached)" in out
    answer = json.loads(run_cli("tradeoff", "compute", "fit.nc", "--budget", "1e21", "--json")[1])
    assert answer["gain"]["unit"] == BITS
    assert answer["gain_per_million"]["unit"] == "bits/character per $1M"


@pytest.mark.slow
def test_outcomes_without_a_unit_stand_without_brackets_until_they_have_one(run_cli, elsewhere):
    x = np.geomspace(10, 1e4, 8)
    pd.DataFrame({"x": x, "y": 2 * x**-0.3 * (1 + 0.001 * np.sin(x))}).to_csv("curve.csv", index=False)
    asked = ("predict", "curve.csv", "--law", "m1", "--no-discrepancy", "--at", "x=1e5")
    _, plain, _ = run_cli(*asked)
    _, in_seconds, _ = run_cli(*asked, "--unit", "s")
    assert "()" not in plain
    assert "y (s)" in in_seconds
    assert plain.replace(" y\n", " y (s)\n").split() == in_seconds.split()


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (("fit", "TABLE", "--unit", "a\tb"), "unit 'a\\tb' is not a short printable text"),
        (("fit", "fit.nc", "--unit", "s"), "--unit has no effect on a saved fit"),
        (("fit", "boardlaw", "--law", "board_elo", "--unit", "s"), "predicts elo in Elo, not in s: convert the table"),
        (("limits", "--unit", "s"), "--unit goes with RUNS"),
        (
            ("predict", "gadre:c4", "--then", "downstream_error", "--at", "N=1B,D=1B", "--unit", BITS),
            "law 'downstream_error' reads loss in nats/token, not in bits/character",
        ),
    ],
)
def test_units_that_cannot_be_are_refused_in_one_line(run_cli, table, arguments, refusal):
    status, out, err = run_cli(*(table if each == "TABLE" else each for each in arguments))
    assert (status, out) == (2, "")
    assert refusal in err
    assert "Traceback" not in err
