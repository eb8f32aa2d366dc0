"""The command line: what it prints where, what it refuses and how, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from bayescale.basics.errors import RunsError
from bayescale.data.datasets import dataset_names
from bayescale.laws.catalog import law_names
from bayescale.posterior import single as fitting
from bayescale.posterior.storage import load
from bayescale.sampling import importance, nuts

COMMAND = [sys.executable, "-m", "bayescale"]


pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def table(few_runs, tmp_path):
    path = tmp_path / "runs.csv"
    few_runs.rename(columns={"loss": "val_loss"}).to_csv(path, index=False)
    return path


@pytest.fixture
def no_sampling(monkeypatch):
    monkeypatch.setattr(fitting, "infer", pytest.fail)


def test_plan_prints_bands_parameters_warnings_and_notes(run_cli, saved_fit):
    status, out, err = run_cli("plan", saved_fit)
    assert status == 0
    assert err == ""
    assert "240 runs" in out
    assert "certified, Pareto k-hat" in out
    for word in ("N* (parameters)", "D* (tokens)", "loss (nats/token)", "5.76e+23", "1e+26", "[90% interval]"):
        assert word in out, word
    assert "1e+26 FLOP is 7,700 times the largest run" in out
    assert "note: 5 of 245 runs flagged outlier left out" in out


def test_intervals_are_of_the_mass_asked_for(run_cli, saved_fit):
    widths = []
    for mass in ("0.5", "0.95"):
        _, out, _ = run_cli("predict", saved_fit, "--at", "N=7B,D=140B", "--interval", mass)
        assert f"[{float(mass):.0%} interval]" in out
        line = next(line for line in out.splitlines() if "140B" in line)
        low, high = line[line.index("[") + 1 : line.index("]")].split(", ")
        widths.append(float(high) - float(low))
    assert widths[1] > 2 * widths[0]


@pytest.mark.slow
def test_json_is_repeatable_byte_for_byte_and_alone_on_standard_output(run_cli, table):
    laws = ("--law", "tied", "--law", "kaplan_nd", "--no-discrepancy")
    arguments = ("plan", table, *laws, "--columns", "loss=val_loss", "--json", "--budget", "1e21")
    _, first, err = run_cli(*arguments, "--seed", 3)
    assert run_cli(*arguments, "--seed", 3)[1] == first
    assert run_cli(*arguments, "--seed", 4)[1] != first
    assert "fitting" not in first
    document = json.loads(first)
    assert document["seed"] == 3
    assert [budget["C"] for budget in document["budgets"]] == [1e21]
    assert document["n_runs"] == 11
    assert "Traceback" not in err


@pytest.mark.slow
def test_the_main_job_as_a_process_says_what_it_does_on_standard_error(elsewhere):
    done = subprocess.run([*COMMAND, "plan", "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["n_runs"] == 240
    assert "fitting the ensemble of laws to 240 runs" in done.stderr
    assert list(elsewhere.iterdir()) == []


def test_predictions_at_points_and_from_a_table_agree(run_cli, saved_fit, tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("N,D\n1B,20B\n70B,1.4T\n")
    at = ("--at", "N=1B,D=20B", "--at", "D=1.4T,N=70B")
    _, by_option, _ = run_cli("predict", saved_fit, "--json", *at)
    _, by_table, _ = run_cli("predict", saved_fit, "--json", "--points", path)
    assert json.loads(by_option) == json.loads(by_table)
    assert [point["N"] for point in json.loads(by_option)["predictions"]] == [1e9, 70e9]


def test_an_input_that_all_runs_share_may_be_given_at_its_value_alone(run_cli, tmp_path):
    path = tmp_path / "one_size.csv"
    path.write_text("N,D,loss\n100M,2B,3.9\n100M,4B,3.6\n100M,8B,3.4\n100M,16B,3.25\n")
    status, out, err = run_cli("predict", path, "--at", "N=100M,D=32B")
    assert (status, "32B" in out) == (0, True), err
    status, _, err = run_cli("predict", path, "--at", "N=200M,D=32B")
    assert status == 2
    assert "N is not an input" in err


@pytest.mark.slow
def test_a_fit_is_saved_and_read_as_runs(run_cli, table, elsewhere):
    columns = ("--columns", "loss=val_loss", "--law", "tied", "--law", "kaplan_nd", "--no-discrepancy")
    status, out, _ = run_cli("fit", table, *columns, "-o", "fit.nc")
    assert status == 0
    assert "note: saved to fit.nc" in out
    assert [path.name for path in elsewhere.iterdir()] == ["fit.nc"]
    from_file = json.loads(run_cli("predict", "fit.nc", "--at", "N=7B,D=140B", "--json")[1])
    from_table = json.loads(run_cli("predict", table, *columns, "--at", "N=7B,D=140B", "--json")[1])
    assert from_file == from_table


def test_a_law_of_ones_own_is_fitted_saved_and_asked_for(run_cli, own_law, tmp_path):
    steps = np.geomspace(100, 1e5, 8)
    path = tmp_path / "curve.csv"
    pd.DataFrame({"steps": steps, "loss": 2.0 + 9 * steps**-0.4 + 0.001 * np.sin(steps)}).to_csv(path, index=False)
    assert run_cli("fit", path, "--law", own_law, "--no-discrepancy", "-o", "own.nc")[0] == 0
    status, out, _ = run_cli("predict", "own.nc", "--law", own_law, "--at", "steps=1e6", "--json")
    assert status == 0
    assert json.loads(out)["predictions"][0]["steps"] == 1e6
    status, _, err = run_cli("predict", "own.nc", "--at", "steps=1e6")
    assert status == 2
    assert "give it by --law" in err


@pytest.mark.slow
def test_a_back_test_is_printed_and_drawn(run_cli, elsewhere):
    options = ["--law", "kaplan_nd", "--horizon", "100", "--no-discrepancy", "--plot", "coverage.png"]
    status, out, _ = run_cli("backtest", "gadre:c4", *options)
    assert status == 0
    assert "last_value" in out
    assert "clustered by split" in out
    assert [path.name for path in elsewhere.iterdir()] == ["coverage.png"]
    assert (elsewhere / "coverage.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.long
@pytest.mark.slow
def test_a_comparison_says_its_cost_first_and_how_sure_it_is(run_cli, elsewhere, sampled_once, monkeypatch):
    monkeypatch.setattr(fitting, "sampled_runs", sampled_once)
    frame = pd.DataFrame({"N": np.geomspace(1e7, 1e9, 8)}).assign(loss=lambda f: 1.7 + 60 / f["N"] ** 0.25)
    frame["loss"] *= np.exp([0.003, -0.004, 0.001, 0.002, -0.001, -0.003, 0.004, -0.002])
    frame.to_csv("sizes.csv", index=False)
    status, out, err = run_cli("compare", "sizes.csv", "--no-discrepancy", "--plot", "laws.svg")
    assert status == 0
    assert "comparing bnsl_floor_n, floor_n, kaplan_n on 8 runs: 3 fits at least" in err
    assert "describes the runs better than" in out
    assert "with probability" in out
    assert "probability of being best" in out
    assert "note: not compared: chinchilla, which reads D, which is not in the table" in out
    assert (elsewhere / "laws.svg").read_text().startswith("<?xml")
    document = json.loads(run_cli("compare", "sizes.csv", "--no-discrepancy", "--json")[1])
    assert document["verdict"] in out
    assert document["left_out"]["kaplan_d"] == "reads D, which is not in the table"


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_plan_is_drawn(run_cli, saved_fit, elsewhere, ending):
    assert run_cli("plan", saved_fit, "--plot", f"plan.{ending}", "--budget", "1e22")[0] == 0
    assert [path.name for path in elsewhere.iterdir()] == [f"plan.{ending}"]


def test_laws_are_listed_and_shown_in_full(run_cli):
    status, out, _ = run_cli("laws")
    assert status == 0
    assert all(name in out for name in law_names())
    assert "E + A N^-alpha + B D^-beta" in out
    _, out, _ = run_cli("laws", "chinchilla")
    for word in (
        "LogNormal(mu=",
        "irreducible loss",
        "nats/token",
        "Besiroglu",
        "0.02566",
        "482.006",
        "arXiv:2203.15556",
    ):
        assert word in out, word


def test_a_law_of_ones_own_is_shown(run_cli, own_law):
    _, out, _ = run_cli("laws", own_law)
    assert "floor + scale steps^-rate" in out


def test_a_bill_shows_every_amount_with_its_interval(run_cli):
    status, out, err = run_cli(
        "cost", "--budget", "1e24", "--accelerators", "1024", "--utilisation", "0.4", "--price", "2.35"
    )
    assert (status, err) == (0, "")
    for amount in ("1.65M [1.65M, 1.65M]", "702k [702k, 702k]", "28.6 [28.6, 28.6]"):
        assert amount in out
    bill = json.loads(run_cli("cost", "--dollars", "5M", "--json")[1])
    assert bill["dollars"]["q50"] == pytest.approx(5e6)
    assert bill["compute"]["q05"] < 2.7e24 < bill["compute"]["q95"]
    assert bill["megawatt_hours"]["unit"] == "MWh"


def test_money_is_planned_with(run_cli, saved_fit):
    status, out, _ = run_cli("plan", saved_fit, "--dollars", "1M", "--dollars", "10M", "--accelerator", "h100")
    assert status == 0
    assert "budget (dollars)" in out
    assert "C (FLOP)" in out
    plan = json.loads(run_cli("plan", saved_fit, "--dollars", "$1M", "--json")[1])
    (budget,) = plan["budgets"]
    assert budget["dollars"] == 1e6
    assert budget["C"]["q05"] < budget["C"]["q50"] < budget["C"]["q95"]
    assert budget["N"]["q50"] * budget["D"]["q50"] == pytest.approx(budget["C"]["q50"] / 6, rel=0.05)


@pytest.mark.slow
def test_use_is_planned_for(run_cli, saved_fit):
    status, out, _ = run_cli("plan", saved_fit, "--loss", "2.0", "--served", "1T", "--served", "10T")
    assert status == 0
    assert "N* if only trained" in out
    assert "P(a loss of 2 nats/token can be reached) = 1.00" in out
    plan = json.loads(run_cli("plan", saved_fit, "--loss", "2.0", "--served", "10T", "--json")[1])
    (demand,) = plan["demands"]
    assert demand["N"]["q50"] < demand["N_alone"]["q50"]
    assert 0.3 < demand["saved"]["q50"] < 0.5
    assert plan["reachable"] == 1


def test_data_sets_are_listed_and_shown(run_cli):
    _, out, _ = run_cli("datasets")
    assert all(name in out for name in dataset_names())
    _, out, _ = run_cli("datasets", "chinchilla")
    assert out.count("5 of 245 runs flagged outlier left out") == 1
    for word in ("licence: MIT", "known problem", "cite: Hoffmann", "analyzing-chinchilla", "decades of compute: 3.97"):
        assert word in out, word


def test_cells_of_a_table_stand_under_their_column(run_cli):
    _, out, _ = run_cli("datasets", "chinchilla")
    header = next(line for line in out.splitlines() if line.split()[:2] == ["column", "unit"])
    outlier = next(line for line in out.splitlines() if line.split()[:1] == ["outlier"])
    assert outlier.index("true for the 5 runs") == header.index("meaning")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["plan", "-h"], ["fit", "--help"], ["predict", "--help"], ["--version"]]
)
def test_help_is_good(run_cli, arguments):
    status, out, err = run_cli(*arguments)
    assert (status, err) == (0, "")
    assert "bayescale" in out


BAD_INPUT = {
    "no command": ([], "Usage"),
    "unknown command": (["plam"], "plam"),
    "unknown option": (["plan", "--budgets", "1e20"], "--budget"),
    "unknown data set": (["plan", "chinchila"], "did you mean 'chinchilla'?"),
    "absent file": (["plan", "absent.csv"], "absent.csv: no such file in"),
    "folder": (["plan", "."], "is a directory without tables: name a"),
    "file of another kind": (["plan", "picture.png"], "picture.png"),
    "unknown law": (["plan", "--law", "chinchila"], "did you mean 'chinchilla'?"),
    "absent law file": (["plan", "--law", "absent.py"], "absent.py: no such law file"),
    "unknown noise": (["plan", "--noise", "gauss"], "choose one of student_t, normal"),
    "unknown engine": (["plan", "--engine", "hmc"], "importance"),
    "wordy budget": (["plan", "--budget", "lots"], "write it as 70B, 1.4T, 350M or 5.76e23"),
    "budget with a comma": (["plan", "--budget", "1,5e23"], "'1,5e23'"),
    "negative budget": (["plan", "--budget", "-1e20"], "not above zero"),
    "infinite budget": (["plan", "--budget", "1e999"], "too large"),
    "interval in per cent": (["plan", "--interval", "90"], "for a 90 % interval give 0.9"),
    "wordy interval": (["plan", "--interval", "wide"], "not between 0 and 1"),
    "money for compute": (["plan", "--budget", "$1M"], "$1M is money: give it with --dollars"),
    "negative seed": (["plan", "--seed", "-1"], "--seed"),
    "wordy seed": (["plan", "--seed", "x"], "--seed"),
    "columns that are no pairs": (["plan", "a.csv", "--columns", "loss"], "write name=value pairs"),
    "columns of a shipped data set": (["plan", "--columns", "loss=nosuch"], "no column 'nosuch'"),
    "a figure's ending": (["plan", "--plot", "plan.gif"], "ends in .png, .svg, .pdf"),
    "a figure's folder": (["plan", "--plot", "absent/plan.png"], "create it first"),
    "a back-test's figure": (["backtest", "--plot", "coverage.gif"], "ends in .png, .svg, .pdf"),
    "a comparison's figure": (["compare", "--plot", "laws.gif"], "ends in .png, .svg, .pdf"),
    "a fit's folder": (["fit", "-o", "absent/fit.nc"], "create it first"),
    "a fit's ending": (["fit", "-o", "fit.txt"], "ends in .nc"),
    "a point without D": (["predict", "chinchilla", "--at", "N=1B"], "take N, D: D is missing"),
    "a point of other inputs": (["predict", "chinchilla", "--at", "N=1B,D=2B,lr=1"], "lr is not an input"),
    "a point below zero": (["predict", "chinchilla", "--at", "N=1B,D=-2B"], "D is -2e+09, but"),
    "a point of a chain": (
        ["predict", "gadre:c4", "--then", "downstream_error", "--at", "N=1B,D=1B,C=1"],
        "C is not an input",
    ),
    "no points": (["predict", "chinchilla"], "--at N=70B,D=1.4T"),
    "points twice": (["predict", "chinchilla", "--at", "N=1B,D=1B", "--points", "p.csv"], "--points FILE"),
    "points unlike each other": (["predict", "chinchilla", "--at", "N=1B,D=1B", "--at", "N=1B"], "the same inputs"),
    "a point's value": (["predict", "chinchilla", "--at", "N=big,D=1B"], "'big' is not a number"),
    "absent points": (["predict", "chinchilla", "--points", "absent.csv"], "absent.csv: no such file"),
    "absent fit": (["predict", "absent.nc", "--at", "N=1B,D=1B"], "absent.nc: does not exist"),
    "law shown": (["laws", "nosuch"], "Laws: "),
    "data set shown": (["datasets", "nosuch"], "Data sets: "),
    "no amount": (["cost"], "give one of --budget, --dollars, --days, --mwh, not none"),
    "two amounts": (["cost", "--budget", "1e24", "--dollars", "1M"], "not --budget and --dollars"),
    "days of nothing": (["cost", "--days", "30"], "--accelerators 1024"),
    "unknown accelerator": (["cost", "--budget", "1e24", "--accelerator", "h10"], "did you mean 'h100'?"),
    "utilisation in per cent": (["cost", "--budget", "1e24", "--utilisation", "40"], "not between 0 and 1"),
    "free hours": (["cost", "--budget", "1e24", "--price", "0"], "not above zero"),
    "a study that costs all": (["cost", "--dollars", "1M", "--study", "2M"], "do not pay for the study"),
    "rents with energy": (["cost", "--budget", "1e24", "--own"], "rents include energy"),
    "an infinite overhead": (["cost", "--budget", "1e24", "--overhead", "inf"], "inf is not in the range 0<=x<=100"),
    "pooling of a saved fit": (["fit", "a.nc", "--law", "tied", "--pool", "E"], "not a saved fit"),
    "one-sided accuracy": (
        ["fit", "pythia:arc_easy", "--law", "sigmoid_accuracy", "--noise", "one_sided", "--no-discrepancy"],
        "is for outcomes that poor tuning raises",
    ),
    "pooling of a mixture": (["fit", "gadre", "--pool", "E"], "--pool takes a single law: name it by --law"),
    "pooling of nothing": (["fit", "gadre", "--law", "tied", "--pool", "alpha"], "has no parameter alpha"),
    "pooling of one group": (["fit", "gadre:c4", "--law", "tied", "--pool", "E"], "pooling needs two groups"),
    "an unknown group": (
        ["plan", "gadre", "--law", "tied", "--pool", "E", "--group", "c5"],
        "no group 'c5' in column group: it holds c4, redpajama, refinedweb",
    ),
    "a group of no pool": (["plan", "gadre:c4", "--group", "c4"], "--by, --group and --new-group go with --pool"),
    "a new group of no pool": (["plan", "gadre:c4", "--new-group"], "--by, --group and --new-group go with --pool"),
    "two answers": (
        ["plan", "gadre", "--law", "tied", "--pool", "E", "--group", "c4", "--new-group"],
        "name the one to answer for by --group, or give --new-group",
    ),
    "time to go on with a saved fit": (["fit", "a.nc", "--minutes", "3"], "--minutes has no effect on a saved fit"),
    "an unnamed group": (["plan", "gadre", "--law", "tied", "--pool", "E"], "name the one to answer for by --group"),
    "a file for all groups": (
        ["fit", "gadre", "--law", "tied", "--pool", "E", "-o", "a.nc"],
        "a file holds the fit of one group: name it by --group",
    ),
    "a second step of its own": (
        ["predict", "gadre:c4", "--then", "sigmoid_accuracy", "--at", "N=1B,D=1B"],
        "law 'sigmoid_accuracy' reads C, not loss",
    ),
    "a second step without its column": (
        ["predict", "chinchilla", "--then", "downstream_error", "--at", "N=1B,D=1B"],
        "no column 'error'",
    ),
    "an unknown selection": (["fit", "quest:format=fp3", "--law", "tied"], "no format 'fp3'"),
}


@pytest.mark.usefixtures("no_sampling")
@pytest.mark.parametrize(("arguments", "cure"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused_in_words_before_anything_is_sampled(run_cli, elsewhere, arguments, cure):
    status, out, err = run_cli(*arguments)
    assert status == 2
    assert out == ""
    assert cure in err
    assert "Traceback" not in err
    assert list(elsewhere.iterdir()) == []


BAD_TABLES = {
    "misspelt": ("N,D,my_metric\n1e8,2e9,3.2\n", "add --columns loss=COLUMN"),
    "word": ("N,D,loss\n1e8,2e9,3.2\n1e8,4e9,oops\n", "row 2, column loss: 'oops'"),
    "negative": ("N,D,loss\n1e8,2e9,3.2\n1e8,4e9,-3.2\n1e8,8e9,3\n", "row 2, column loss: -3.2 is not above zero"),
    "empty": ("", "is empty"),
    "one run twice": ("N,D,loss\n1e8,2e9,3.2\n1e8,2e9,3.1\n", "no law of the default mixture suits loss from columns"),
    "no inputs": ("lr,loss\n1e-3,3.2\n2e-3,3.1\n", "no law of the default mixture suits loss from columns"),
}


@pytest.mark.usefixtures("no_sampling")
@pytest.mark.parametrize(("content", "said"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_bad_tables_are_refused_by_every_command_in_one_line(run_cli, elsewhere, content, said):
    (elsewhere / "bad.csv").write_text(content)
    for arguments in (["plan"], ["fit", "-o", "fit.nc"], ["predict", "--at", "N=1B,D=2B"]):
        status, out, err = run_cli(arguments[0], "bad.csv", *arguments[1:])
        assert (status, out) == (2, "")
        (line,) = (line for line in err.splitlines() if line.startswith("bayescale: "))
        assert line.startswith("bayescale: bad.csv")
        assert said in line
    assert [path.name for path in elsewhere.iterdir()] == ["bad.csv"]


@pytest.mark.usefixtures("no_sampling")
@pytest.mark.parametrize("arguments", [["plan"], ["plan", "--dollars", "1M"], ["tradeoff", "compute"], ["limits"]])
def test_runs_of_one_input_are_not_planned_with(run_cli, elsewhere, arguments):
    (elsewhere / "sizes.csv").write_text("N,loss\n1e8,3.2\n2e8,3.1\n4e8,3.05\n")
    status, out, err = run_cli(*arguments, "sizes.csv")
    assert (status, out) == (2, "")
    assert "reads N: an optimum needs a law of N and D" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plan", "--plot", "plan.gif"], "ends in .png, .svg, .pdf"),
        (["plan", "--plot", "absent/plan.png"], "create it first"),
        (["fit", "-o", "absent/fit.nc"], "create it first"),
        (["fit", "-o", "."], "ends in .nc"),
        (["predict", "--at", "N=1B"], "D is missing"),
        (["predict", "--at", "N=1B,D=2B,lr=1"], "lr is not an input"),
        (["predict", "--at", "N=1B,D=2B", "--noise", "normal"], "--noise has no effect on a saved fit"),
        (["plan", "--engine", "nuts"], "--engine has no effect on a saved fit"),
        (["plan", "--columns", "loss=l"], "--columns has no effect on a saved fit"),
    ],
)
def test_what_a_saved_fit_cannot_do_is_refused(run_cli, saved_fit, elsewhere, arguments, said):
    status, out, err = run_cli(arguments[0], saved_fit, *arguments[1:])
    assert (status, out) == (2, "")
    assert said in err
    assert list(elsewhere.iterdir()) == []


def test_a_damaged_fit_is_refused(run_cli, elsewhere):
    (elsewhere / "fit.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    status, _, err = run_cli("predict", "fit.nc", "--at", "N=1B,D=2B")
    assert status == 2
    assert err.startswith("bayescale: fit.nc: cannot be read as netCDF")
    assert err.count("\n") == 1


@pytest.mark.slow
def test_an_uncertified_result_is_printed_marked_and_has_status_one(run_cli, table, few_fit, monkeypatch):
    monkeypatch.setattr(importance, "K_HAT_LIMIT", -np.inf)
    monkeypatch.setattr(importance, "PATIENT", importance.QUICK)
    posterior, stats = few_fit.tree["posterior"].to_dataset(), few_fit.tree["sample_stats"].to_dataset()
    stuck = nuts.NutsResult(posterior, stats, r_hat_max=2.0, ess={"sigma": 5.0}, divergent_share=0.5)
    monkeypatch.setattr(nuts, "sample_nuts", lambda *_, **__: stuck)
    options = ("--columns", "loss=val_loss", "--no-discrepancy", "--law", "chinchilla")
    status, out, _ = run_cli("plan", table, *options)
    assert status == 1
    assert "importance: NOT CERTIFIED, Pareto k-hat" in out
    assert "warning: NOT CERTIFIED: importance sampling was not certified" in out
    status, out, _ = run_cli("plan", table, *options, "--json")
    assert status == 1
    assert json.loads(out)["diagnostics"]["certified"] is False


@pytest.mark.slow
def test_an_interrupt_leaves_nothing_and_has_status_130(elsewhere):
    process = subprocess.Popen(
        [*COMMAND, "plan", "--plot", "plan.png"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr.readline().startswith("fitting")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130
    assert out == ""
    assert "bayescale: interrupted" in err
    assert "Traceback" not in err
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("arguments", [["laws"], ["datasets", "chinchilla"]], ids=" ".join)
def test_a_reader_that_stops_early_sees_no_traceback(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*COMMAND, *arguments], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_said_in_words():
    with open("/dev/full", "w") as full:
        done = subprocess.run([*COMMAND, "laws"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("bayescale: standard output cannot be written (No space left on device)")
    assert done.stderr.count("\n") == 1


def test_the_number_of_draws_and_chains_can_be_chosen(run_cli, elsewhere, saved_fit):
    asked = ("--law", "chinchilla", "--no-discrepancy")
    status, _, err = run_cli("fit", "chinchilla", *asked, "--draws", "300", "--chains", "2", "-o", "few.nc")
    assert status == 0, err
    assert load("few.nc").tree["posterior"].sizes == {"chain": 2, "draw": 300}
    assert run_cli("fit", "chinchilla", *asked, "--draws", "0")[0] == 2
    status, _, err = run_cli("predict", saved_fit, "--at", "N=1B,D=20B", "--draws", "900")
    assert (status, "--draws has no effect on a saved fit" in err) == (2, True)


def test_columns_may_be_repeated_and_settings_are_columns_of_one_value(run_cli, monkeypatch):
    read = []

    def runs_from(*_, columns, **__):
        read.append(columns)
        raise RunsError("not read")

    monkeypatch.setattr("bayescale.cli.check.runs_from", runs_from)
    setting, column = ("--setting", "chance=0.25"), ("--columns", "N=params")
    for asked in ((*column, *setting), (*setting, *column), ("--columns", "chance=0.25,N=params")):
        run_cli("check", "scores.csv", *asked)
        assert read.pop() == {"N": "params", "chance": "0.25"}
    status, _, err = run_cli("check", "scores.csv", *column, "--setting", "N=D")
    assert (status, "N appears more than once" in err) == (2, True)
