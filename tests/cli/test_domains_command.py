"""Commands on mixtures of domains: what is read, what is printed, and a line for what cannot be."""

import json
import subprocess
import sys

import pytest
from mixing import NAMES, mixture_runs
from promises import sketches

POINT = "N=1B,share_code=.4,share_math=.3,share_web=.3"


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("mixtures") / "mix.csv"
    mixture_runs().to_csv(path, index=False)
    return path


def test_what_is_wrong_is_a_line_and_no_traceback(table):
    command = [
        sys.executable,
        "-m",
        "bayescale",
        "tradeoff",
        "mixture",
        str(table),
        "--at",
        "N=1B",
        "--weight",
        "art=2",
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert not ran.stdout
    assert ran.stderr == "bayescale: weight of 'art': no such loss: the losses are of code, math, web\n"


def test_a_program_is_told_the_best_mixture_of_a_saved_fit(run_cli, domains_file):
    status, out, _ = run_cli("tradeoff", "mixture", domains_file, "--at", "N=1B", "--json")
    found = json.loads(out)
    assert status == int(not found["certified"])
    assert list(found["domains"]) == list(NAMES)
    assert found["domains"]["math"]["shares"] == {"share": "math", "other_1": "code", "other_2": "web"}
    *each, whole = found["cases"]
    assert [case["domain"] for case in (*each, whole)] == [*NAMES, "all domains"]
    assert sum(case["share"]["q50"] for case in each) == pytest.approx(1)
    assert each[0]["best_share"]["q05"] < each[0]["best_share"]["q95"]
    assert whole["loss"]["unit"] == "nats/token"


def test_a_table_is_fitted_and_its_losses_forecast(run_cli, table):
    with sketches():
        _, out, err = run_cli("predict", table, "--at", POINT, "--no-discrepancy", "--draws", 100)
    rows = [line.split() for line in out.splitlines() if line.lstrip().startswith("1B")]
    assert [row[4] for row in rows] == ["code", "math", "web", "all"]
    assert "fitting the losses of 3 domains" in err


def test_people_are_told_shares_losses_and_regret(run_cli, domains_file):
    _, out, _ = run_cli("tradeoff", "mixture", domains_file, "--at", "N=1B", "--weight", "code=2", "--parameters")
    assert "note: weights in the mean: code 0.5, math 0.25, web 0.25" in out
    for words in ("best share", "gain (nats/token)", "regret of these shares", "P(it is better than", "worth_math"):
        assert words in out
    assert "other_1" not in out


def test_parameters_are_shown_by_domain_and_saved(run_cli, domains_file, tmp_path):
    _, out, _ = run_cli("fit", domains_file, "-o", tmp_path / "again.nc")
    assert (tmp_path / "again.nc").exists()
    assert "math, median [90% interval]" in out
    assert "worth_code" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("predict TABLE --at N=1B", "share_code is missing; share_math is missing; share_web is missing"),
        (f"predict TABLE --at {POINT},D=1T", "D is not an input"),
        (f"predict TABLE --at {POINT.replace('.4', '.6')}", "the shares sum to 1.2"),
        (f"predict TABLE --at {POINT.replace('.4', '4')}", "share_code is 4, but must be"),
        (f"predict TABLE --at {POINT} --then accuracy_of_loss", "--then: takes one outcome"),
        (f"predict TABLE --at {POINT} --register a.json", "--register: takes one outcome"),
        (f"predict TABLE --at {POINT} --risk probability=.1,size=.03", "--risk has no effect on mixtures"),
        ("fit TABLE --group web", "--group has no effect on mixtures"),
        ("fit TABLE --outcome accuracy", "--outcome has no effect on mixtures"),
        ("fit TABLE --law chinchilla", "is a table of mixtures of code, math, web"),
        ("fit TABLE --law data_mixture --pool slope", "is a table of mixtures of code, math, web"),
        ("fit SAVED --draws 300", "--draws has no effect on a saved fit"),
        ("tradeoff mixture TABLE --at N=1B,D=1T", "--at takes the size alone"),
        ("tradeoff mixture TABLE --at N=-1B", "N is -1e+09, but must be"),
        ("tradeoff mixture TABLE --at N=1B --at N=2B", "--at: give one run"),
        ("tradeoff mixture TABLE --at N=1B --weight art=2", "weight of 'art': no such loss"),
        ("tradeoff mixture TABLE --at N=1B --weight code=-2", "weight of 'code' is -2"),
        ("tradeoff mixture TABLE --at N=1B --weight code=much", "--weight code: 'much' is not a number"),
        ("tradeoff mixture TABLE --at N=1B --weight code=1 --weight code=2", "code appears more than once"),
        ("tradeoff mixture TABLE --at N=1B --columns share_art=art", "no column 'art' to use as 'share_art'"),
        ("tradeoff mixture chinchilla --at N=1B", "has no shares and losses of domains"),
        ("tradeoff mixture nothing --at N=1B", "no data set 'nothing'"),
        ("tradeoff mixture nothing.csv --at N=1B", "nothing.csv: no such file"),
        ("plan TABLE", "is a table of mixtures of code, math, web"),
        ("plan SAVED", "holds mixtures of domains"),
        ("check TABLE", "is a table of mixtures of code, math, web"),
        ("report SAVED", "holds mixtures of domains"),
        ("backtest TABLE", "is a table of mixtures of code, math, web"),
        ("compare TABLE", "is a table of mixtures of code, math, web"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(run_cli, table, domains_file, arguments, words):
    named = {"TABLE": table, "SAVED": domains_file}
    status, out, err = run_cli(*(named.get(word, word) for word in arguments.split()))
    said = [line for line in err.splitlines() if line and not line.startswith(("Usage:", "Try "))]
    assert status == 2
    assert not out
    assert len(said) == 1
    assert words in said[0]
