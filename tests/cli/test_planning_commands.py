"""The planning commands: each answers with units and intervals, prints JSON, and refuses what makes no sense."""

import json

import numpy as np
import pytest

from bayescale.posterior import single as fitting

RUN = "N=70B,D=1.4T"
ANSWERS = {
    "compute": (["tradeoff", "compute", "--times", "10"], ("N_times", "gain_per_million", "P(loss improves)")),
    "returns": (["tradeoff", "returns", "--gain", "0.01"], ("C", "FLOP", "it still buys more at")),
    "size": (["tradeoff", "size", "--share", "0.5"], ("overhead (share of 5.76e+23 FLOP)", "can reach it")),
    "money": (["tradeoff", "money", "--at", RUN], ("larger model", "longer training", "both alike", "buys most)")),
    "unique": (["plan", "--unique", "1T", "--token-price", "1e-6"], ("epochs", "worth (dollars/token)")),
    "served": (["plan", "--served", "1T", "--budget", "1e24"], ("served (tokens)", "serving (share of FLOP)")),
}


def ask(arguments, saved_fit):
    """The saved fit stands where the name of a table would."""
    place = 2 if arguments[0] == "tradeoff" else 1
    return [*arguments[:place], str(saved_fit), *arguments[place:]]


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_have_units_intervals_and_probabilities(run_cli, saved_fit, name):
    arguments, words = ANSWERS[name]
    status, out, err = run_cli(*ask(arguments, saved_fit))
    assert (status, err) == (0, "")
    for word in ("[90% interval]", "warning: ", *words):
        assert word in out, word


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_are_json_too(run_cli, saved_fit, name):
    status, out, _ = run_cli(*ask(ANSWERS[name][0], saved_fit), "--json")
    document = json.loads(out)
    assert status == 0
    assert {"question", "probabilities", "law", "dataset", "certified", "warnings"} <= document.keys()
    cases = document.get("cases", [document])
    quantities = [value for case in cases for value in case.values() if isinstance(value, dict) and "q50" in value]
    assert quantities
    for value in quantities:
        assert value["q05"] <= value["q50"] <= value["q95"]
        assert value["unit"]
    assert all(0 <= p <= 1 for p in document["probabilities"].values())


def test_the_next_runs_are_told_with_what_they_leave(run_cli, saved_fit):
    status, out, _ = run_cli("design", saved_fit, "--at", RUN, "--budget", "1e21", "--most", "3")
    assert status == 0
    for word in ("N (parameters)", "spent (FLOP)", "standard deviation left", "standard deviation now"):
        assert word in out, word
    document = json.loads(run_cli("design", saved_fit, "--optimum-at", "1e24", "--budget", "1e21", "--json")[1])
    assert sum(run["C"] for run in document["batch"]) <= 1e21
    assert all(run["sd"] <= document["sd"] for run in document["batch"])


def test_the_robust_size_is_printed_with_its_room_and_regret(run_cli, saved_fit):
    status, out, _ = run_cli("plan", saved_fit, "--robust", "--budget", "5.76e23")
    assert status == 0
    for word in ("regret (nats/token)", "N within 0.5% of the best", "plug-in N*", "expected regret at 5.76e+23 FLOP"):
        assert word in out, word
    _, out, _ = run_cli("plan", saved_fit, "--robust", "--budget", "5.76e23", "--json")
    (at,) = json.loads(out)["budgets"]
    assert at["N_low"] < at["N"] < at["N_high"]
    assert at["regret"]["mean"] <= at["regret_plug_in"]["mean"] + 1e-9


@pytest.mark.slow
def test_demand_may_be_an_interval(run_cli, saved_fit):
    point, wide = (
        json.loads(run_cli("plan", saved_fit, "--loss", "2", "--served", served, "--json")[1])["demands"][0]["N"]
        for served in ("10T", "2T..50T")
    )
    assert np.log(wide["q95"] / wide["q05"]) > 1.5 * np.log(point["q95"] / point["q05"])
    assert wide["q50"] == pytest.approx(point["q50"], rel=0.1)


def test_recipes_are_weighed_with_their_crossing(run_cli, saved_fit):
    status, out, _ = run_cli("tradeoff", "recipes", saved_fit, saved_fit, "--budget", "1e23")
    assert status == 0
    assert "P(the first is better at 1e+23 FLOP) = 0." in out
    assert "Where one recipe overtakes the other" in out
    document = json.loads(run_cli("tradeoff", "recipes", saved_fit, saved_fit, "--json")[1])
    assert document.keys() == {"first", "second", "budgets", "crossing"}
    assert document["second"]["certified"] is True


def test_returns_are_looked_for_from_a_budget(run_cli, saved_fit):
    asked = ("tradeoff", "returns", saved_fit, "--gain", "0.01", "--json")
    near, far = (json.loads(run_cli(*asked, *budget)[1]) for budget in ((), ("--budget", "2e25")))
    assert near["C"]["exists"] == 1
    assert near["C"]["q50"] == pytest.approx(2e25, rel=0.1)
    assert far["C"]["q05"] > 2e25
    name, already = next(iter(far["probabilities"].items()))
    assert name.endswith("already at 2e+25 FLOP")
    assert already == pytest.approx(1 - far["C"]["exists"])
    assert 0.3 < already < 0.7


@pytest.mark.parametrize("pool", [["--pool", "E", "--group", "c4"], []], ids=["pooled", "mixed"])
def test_what_cannot_be_planned_is_refused_of_groups_and_mixtures_too(run_cli, monkeypatch, pool):
    monkeypatch.setattr(fitting, "infer", pytest.fail)
    runs = ["gadre"] if pool else ["gadre:c4"]
    law = ["--law", "tied"] if pool else []
    status, out, err = run_cli("versus", *runs, *law, *pool, "--at", "N=1B,D=2B,U=1B", "--at", "N=1B,D=3B,U=1B")
    assert (status, out) == (2, "")
    assert "U is not an input" in err


def test_a_second_recipe_that_its_law_cannot_read_is_refused_first(run_cli, monkeypatch, elsewhere):
    monkeypatch.setattr(fitting, "infer", pytest.fail)
    (elsewhere / "no_tokens.csv").write_text("N,loss\n1e8,3.2\n1e9,3.1\n")
    status, out, err = run_cli("tradeoff", "recipes", "chinchilla", "no_tokens.csv", "--law", "chinchilla")
    assert (status, out) == (2, "")
    assert "no_tokens.csv: no column 'D', which law 'chinchilla' reads" in err


RECIPES = ["tradeoff", "recipes", "two.csv", "--recipe", "name"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tradeoff", "recipes", "two.csv"], "give the second recipe as SECOND, by --recipe COLUMN or by --at"),
        ([*RECIPES, "--at", "C=1e20,loss=3"], "not by --recipe, --at"),
        (["tradeoff", "recipes", "two.csv", "two.csv", "--baseline", "a"], "--baseline goes with --recipe"),
        ([*RECIPES, "--baseline", "c"], "no recipe 'c' in column name: it holds a, b"),
        (["tradeoff", "recipes", "two.csv", "--recipe", "nam"], "no column 'nam', which names the recipes"),
        (["tradeoff", "recipes", "two.csv", "--recipe", "one"], "holds x only: a comparison needs two recipes"),
        (["tradeoff", "recipes", "two.csv", "--recipe", "C"], "keep two of them in the table"),
        ([*RECIPES, "--risk", "probability=0.1,size=0.1"], "--risk has no effect here"),
        ([*RECIPES, "--pool", "E", "--law", "floor_c"], "--recipe takes a table of runs, and no pooling"),
        ([*RECIPES, "--threshold", "0"], "0 is not above zero"),
        ([*RECIPES, "--precision", "5"], "5 is not between 0 and 1; for 5 % give 0.05"),
        ([*RECIPES, "--law", "kaplan_n"], "no column 'N'"),
        (["tradeoff", "recipes", "chinchilla", "--at", "N=7B,D=140B"], "--at: give the run's loss too"),
        (["tradeoff", "recipes", "chinchilla", "--at", "N=7B,D=140B,loss=-2"], "--at, row 1, column loss: -2"),
        (["tradeoff", "floor", "--law", "kaplan_nd"], "law 'kaplan_nd', ((N_c/N)^(alpha_N/alpha_D)"),
        (["tradeoff", "floor", "two.csv"], "the effect of a floor needs a law of N and D"),
        (["plan", "floors.csv", "--law", "pinned_floor"], "floors.csv: floor, which law 'pinned_floor' reads, differs"),
    ],
)
def test_recipes_and_floors_that_cannot_be_compared_are_refused_before_any_fit(
    run_cli, monkeypatch, elsewhere, arguments, said
):
    monkeypatch.setattr(fitting, "infer", pytest.fail)
    rows = [f"{name},x,{C:g},{loss}" for name, loss in (("a", 3.2), ("b", 3.1)) for C in (1e19, 2e19, 4e19)]
    (elsewhere / "two.csv").write_text("\n".join(["name,one,C,loss", *rows]) + "\n")
    runs = [f"{N:g},{N * 20:g},{floor},{floor + 1e8 / N}" for floor in (1.7, 1.8) for N in (1e8, 2e8, 4e8)]
    (elsewhere / "floors.csv").write_text("\n".join(["N,D,floor,loss", *runs]) + "\n")
    status, out, err = run_cli(*arguments)
    assert (status, out) == (2, "")
    assert said in " ".join(err.split())


HELP = {
    "plan": ("What to plan for:", "Prices (described by", "Fit:", "Output:"),
    "predict": ("Runs to forecast (one of):", "What to forecast:", "Fit:", "Output:"),
    "fit": ("Fit:", "Output:"),
    "cost": ("Amount (one of):", "Prices:", "Output:"),
    "versus": ("Runs:", "Fit:", "Output:"),
    "limits": ("Limits:", "With RUNS:", "Fit:", "Output:"),
    "design": ("What to learn (one of):", "Runs to choose from:", "Fit:", "Output:"),
    "report": ("Page:", "Prices (described by", "Fit:", "Output:"),
    "backtest": ("Fit:", "Study:", "Output:"),
    "compare": ("Fit:", "Study:", "Output:"),
    "tradeoff compute": ("Question:", "Prices (described by", "Fit:", "Output:"),
    "tradeoff returns": ("Question:", "Prices (described by", "Fit:", "Output:"),
    "tradeoff size": ("Question:", "Fit:", "Output:"),
    "tradeoff money": ("Question:", "Prices (described by", "Fit:", "Output:"),
    "tradeoff recipes": ("Question:", "Fit:", "Output:"),
    "tradeoff floor": ("Question:", "Fit:", "Output:"),
    "check": ("Fit:", "Table:", "Output:"),
    "laws": ("Output:",),
    "datasets": ("Output:",),
}


@pytest.mark.parametrize("command", HELP)
def test_every_help_fits_a_screen_section_by_section(run_cli, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "100")
    status, out, _ = run_cli(*command.split(), "--help")
    assert status == 0
    lines = out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100
    places = [next(i for i, line in enumerate(lines) if line.startswith(title)) for title in HELP[command]]
    assert places == sorted(places)


def test_prices_are_described_once(run_cli):
    words = "Share of peak that training sustains"
    assert words in run_cli("cost", "--help")[1]
    shown = run_cli("plan", "--help")[1]
    assert words not in shown
    assert "--utilisation" in shown


def test_a_budget_that_is_repeated_is_answered_once(run_cli, saved_fit):
    asked = ["plan", saved_fit, "--robust", "--budget", "1e22", "--budget", "1e26"]
    assert run_cli(*asked, "--budget", "1e22")[1] == run_cli(*asked)[1]


def test_quantities_that_some_draws_lack_say_so(run_cli, saved_fit):
    _, out, _ = run_cli("tradeoff", "returns", saved_fit, "--gain", "0.036")
    assert " of draws" in next(line for line in out.splitlines() if "FLOP" in line and line.strip().startswith("C "))


def test_intervals_of_an_odd_mass_are_called_by_it(run_cli, saved_fit):
    assert "median [99.5% interval]" in run_cli("plan", saved_fit, "--interval", "0.995")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan"],
        ["predict", "--at", RUN],
        ["versus", "--at", RUN, "--at", "N=280B,D=300B"],
        ["tradeoff", "compute"],
    ],
    ids=" ".join,
)
def test_a_risk_is_named_in_every_answer(run_cli, saved_fit, arguments):
    status, out, _ = run_cli(*ask(arguments, saved_fit), "--risk", "probability=0.2,size=0.05")
    assert status == 0
    assert "warning: recipe risk, set by the user: a recipe that breaks with a probability of 20%" in out


def test_a_seed_repeats_an_answer(run_cli, saved_fit):
    first, again, other = (run_cli("plan", saved_fit, "--dollars", "1M", "--seed", seed)[1] for seed in "778")
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plan", "--robust", "--dollars", "1M"], "give one of --dollars, --served, --unique, --robust, not --dollars"),
        (
            ["plan", "--unique", "1T", "--plot", "x.png"],
            "--plot draws the plan for compute: leave it out with --unique",
        ),
        (["plan", "--dollars", "1M", "--budget", "1e24"], "leave out --budget with --dollars"),
        (["plan", "--served", "1T"], "--served needs --loss, the loss to reach, or --budget, the compute for all"),
        (["plan", "--served", "1T", "--budget", "1e23", "--budget", "1e24"], "--served takes one --budget, not 2"),
        (["plan", "--served", "1T", "--loss", "2", "--budget", "1e24"], "the compute for all, not both"),
        (["plan", "--loss", "2"], "--loss goes with --served"),
        (["plan", "--serving-price", "2"], "--serving-price goes with --served"),
        (["plan", "--budget", "1e40"], "budget 1e+40 FLOP: training takes 1e+06 to 1e+36"),
        (["plan", "--dollars", "1M", "--study", "2M"], "do not pay for the study"),
        (["plan", "epoch_models", "--law", "frontier_growth"], "reads year: an optimum needs a law of N and D"),
        (["plan", "datablations", "--law", "data_constrained"], "also reads U: give the number of unique tokens"),
        (
            ["plan", "epoch_models", "--law", "frontier_growth", "--risk", "probability=.1,size=.1"],
            "the risk that a recipe breaks depends on compute",
        ),
        (["versus", "--at", RUN], "--at: give two runs, each as --at N=70B,D=1.4T, not 1"),
        (["versus", "--at", RUN, "--at", RUN, "--at", RUN], "--at: give two runs"),
        (["versus", "--at", RUN, "--at", RUN], "the two runs are the same"),
        (["versus", "--at", RUN, "--at", "N=70B"], "D is given for one only"),
        (["versus", "--at", "N=1B", "--at", "N=2B"], "D is missing"),
        (["versus", "--at", RUN + ",U=1B", "--at", "N=1B,D=2B,U=1B"], "U is not an input"),
        (["versus", "--first", RUN, "--second", RUN], "No such option '--first'"),
        (["tradeoff", "money", "--run", RUN], "No such option '--run'"),
        (["tradeoff", "money", "--at", RUN, "--at", RUN], "--at: give one run, each as --at N=70B,D=1.4T, not 2"),
        (["tradeoff", "money", "--at", RUN + ",U=1T"], "give their --token-price"),
        (["tradeoff", "money", "--at", RUN + ",U=1T", "--token-price", "1e-6"], "reads N, D, not U"),
        (["tradeoff", "money", "datablations", "--law", "data_constrained", "--at", RUN], "also reads U"),
        (["tradeoff", "compute", "--times", "1"], "1 is not above 1"),
        (["tradeoff", "compute", "--budget", "1e36"], "budget 1e+37 FLOP: training takes"),
        (["tradeoff", "compute", "epoch_models", "--law", "frontier_growth"], "an optimum needs a law of N and D"),
        (["tradeoff", "returns", "--gain", "0.01", "--budget", "1e40"], "budget 1e+40 FLOP: training takes"),
        (["tradeoff", "size", "--budget", "1e40"], "budget 1e+40 FLOP: training takes"),
        (["tradeoff", "recipes", "chinchilla", "absent.csv"], "absent.csv: no such file"),
        (["tradeoff", "recipes", "chinchilla", "gadre:c5"], "no gadre group 'c5'"),
        (["tradeoff", "recipes", "chinchilla", "epoch_models", "--law", "tied"], "no column 'loss'"),
        (["tradeoff", "recipes", "gadre:c4", "gadre:c4", "--budget", "1e40"], "budget 1e+40 FLOP: training takes"),
        (
            ["design", "chinchilla", "--budget", "1e20", "--which-law", "--law", "tied"],
            "--which-law is asked of several",
        ),
        (["design", "chinchilla", "--budget", "1e10", "--at", RUN], "pays for none of 24 candidates"),
        (["design", "chinchilla", "--budget", "1e20", "--loss-at", RUN], "No such option '--loss-at'"),
        (
            ["design", "epoch_models", "--law", "frontier_growth", "--budget", "1e20", "--optimum-at", "1e21"],
            "N* needs a law of N and D",
        ),
        (["plan", "--token-price", "1"], "--token-price goes with --unique"),
        (["plan", "--unique", "1T", "--study", "1M"], "--study goes with --dollars"),
        (["tradeoff", "money", "--at", "N=70B,D=1.4T", "--study", "1M"], "No such option"),
        (["tradeoff", "money", "--at", "N=70B,D=1.4T,N=7B"], "N appears more than once"),
        (["design", "chinchilla", "--budget", "1e20"], "give one of --at, --optimum-at, --which-law, not none"),
        (["design", "chinchilla", "--budget", "1e20", "--at", "N=7B"], "D is missing"),
        (["design", "chinchilla", "--at", "N=7B,D=1T"], "Missing option '--budget'"),
        (["plan", "--price", "2"], "prices go with --dollars or --unique"),
        (["plan", "--served", "5T..1T", "--loss", "2"], "the lower end of the interval comes first"),
        (["plan", "--served", "1T..2T", "--served", "3T", "--loss", "2"], "give several numbers, or one interval"),
        (["plan", "--served", "much", "--loss", "2"], "'much' is not a number"),
        (["plan", "--risk", "probability=0.1"], "--risk takes probability=0.1,size=0.03: both"),
        (["plan", "--risk", "probability=2,size=0.1"], "probability of a recipe that breaks is 2"),
        (["plan", "--risk", "probability=x,size=0.1"], "--risk probability: 'x' is not a number"),
        (["tradeoff", "money", "--at", "N=70B"], "--at takes N=70B,D=1.4T"),
        (["tradeoff", "money", "--at", "N=70B,D=1.4T,Q=3"], "--at takes N=70B,D=1.4T"),
        (["tradeoff", "money", "--at", "N=70B,D=1,4T"], "write name=value pairs"),
        (["tradeoff", "returns", "--gain", "-1"], "-1 is not above zero"),
        (["tradeoff", "returns"], "Missing option '--gain'"),
        (["tradeoff", "size", "--share", "none"], "'none' is not a number"),
        (["tradeoff", "compute", "--accelerator", "abacus"], "no accelerator 'abacus'"),
        (["tradeoff", "nosuch"], "No such command 'nosuch'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_makes_no_sense_is_refused_before_anything_is_fitted(run_cli, monkeypatch, arguments, said):
    monkeypatch.setattr(fitting, "infer", pytest.fail)
    status, out, err = run_cli(*arguments)
    assert (status, out) == (2, "")
    assert said in " ".join(err.split())
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("candidates", "at", "said"),
    [
        (
            None,
            "N=1e9,streams=8",
            "law 'parallel' reads N, streams: give a table of runs to choose from, and C, their cost",
        ),
        (
            "N,streams\n1e9,8\n",
            "N=1e9,streams=8",
            "candidates: no column 'C'; its columns are N, streams: add it, the cost",
        ),
        ("N,P,C\n1e9,8,1\n", "N=1e9,streams=8", "candidates: no column 'streams'; its columns are N, P, C: add it"),
        ("N,streams,C\n1e9,8,0\n", "N=1e9,streams=8", "candidates, row 1, column C: 0"),
        (
            "N,streams,C\n1e9,8,1\n",
            "N=1e9,P=8",
            "law 'parallel' takes N, streams: streams is missing; P is not an input",
        ),
    ],
)
def test_runs_to_choose_from_are_checked_before_a_law_of_other_inputs_is_fitted(
    run_cli, monkeypatch, tmp_path, candidates, at, said
):
    monkeypatch.setattr(fitting, "infer", pytest.fail)
    runs, choice = tmp_path / "runs.csv", tmp_path / "candidates.csv"
    runs.write_text("N,streams,loss\n1e8,1,3.1\n1e8,4,3.0\n4e8,1,2.8\n4e8,2,2.75\n1e9,1,2.6\n")
    choice.write_text(candidates or "")
    given = [] if candidates is None else ["--candidates", choice]
    status, out, err = run_cli("design", runs, "--law", "parallel", "--at", at, "--budget", "2", *given)
    assert (status, out) == (2, "")
    assert said in " ".join(err.split())
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plan", "--budget", "1e-300"], "training takes 1e+06 to 1e+36"),
        (["design", "--budget", "1", "--optimum-at", "1e24"], "pays for none of 24 candidates"),
        (["plan", "--loss", "0.1", "--served", "1T"], "no draw of the posterior reaches a loss of 0.1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_the_posterior_cannot_answer_is_said_in_a_line(run_cli, saved_fit, arguments, said):
    status, out, err = run_cli(*ask(arguments, saved_fit))
    assert (status, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_answers_agree_between_json_and_python(run_cli, saved_fit, chinchilla_fit):
    from bayescale.planning.tradeoffs import scale_up

    document = json.loads(run_cli("tradeoff", "compute", saved_fit, "--budget", "1e24", "--json")[1])
    draws = scale_up(chinchilla_fit, 1e24, 10).draws
    assert document["gain"]["q50"] == pytest.approx(float(np.median(draws["gain"])), rel=1e-6)
