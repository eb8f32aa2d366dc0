"""What the committed results of the benchmarks promise."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from bayescale.basics.errors import RunsError
from bayescale.basics.files import root
from bayescale.laws import additive, learnt

BENCHMARK_FOLDER = root("models").parent / "benchmarks"
sys.path.insert(0, str(BENCHMARK_FOLDER))

import development  # noqa: E402
from fast import passes  # noqa: E402
from public import buying, lcdb  # noqa: E402
from public.scalebench_design import in_turn  # noqa: E402
from public.scoring import Task  # noqa: E402
from run_all import BENCHMARKS, RESULTS, refreshed  # noqa: E402


def test_every_large_difference_from_a_published_fit_is_explained():
    comparisons = json.loads((RESULTS / "published_fits.json").read_text())["comparisons"]
    rows = [row for comparison in comparisons for row in comparison["rows"]]
    assert rows
    assert all(row["why"] for row in rows if abs(row["z"]) > 2)
    assert all(comparison["certified"] for comparison in comparisons)


def test_every_benchmark_can_be_made_again_and_every_result_has_one():
    commands = {benchmark.command[0] for benchmark in BENCHMARKS.values()}
    scripts = {path.name for path in BENCHMARK_FOLDER.glob("*.py")}
    # Learning the defaults and the scoreboard need tables that do not ship.
    not_made_again = {"learn_defaults.py", "learn_ratio.py", "scoreboard.py", "run_all.py"}
    assert commands == scripts - not_made_again - {"development.py", "reporting.py", "usual_laws.py"}
    for ending in ("txt", "json"):
        kept = {path.stem for path in RESULTS.glob(f"*.{ending}")} - {"run_all"}
        # Neither scores of an earlier state nor those of tables that do not ship can be made again from a clone.
        again = {stem for stem in kept if not stem.endswith(("_before", "_development"))} - {"learn_defaults"}
        assert again == {stem for benchmark in BENCHMARKS.values() for stem in benchmark.results}


def test_the_prior_of_the_reducible_loss_is_the_one_that_was_learnt():
    found = json.loads((RESULTS / "learn_ratio_development.json").read_text())["chosen"]
    assert found == {"ratio": 0.77, "ratio_sd": learnt.RATIO_SD}
    assert np.exp(additive.log_ratio(np, 0.5)) == pytest.approx(found["ratio"], abs=0.005)


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_results_are_json_that_others_can_read(path):
    json.loads(path.read_text(), parse_constant=pytest.fail)


PAGES = sorted((RESULTS.parent.parent / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_results_that_pages_show_are_the_committed_ones(page):
    assert refreshed(page.read_text()) == page.read_text()


def test_a_page_is_written_anew_from_the_committed_result():
    stale = "before\n<!-- benchmarks/results/gopher.txt -->\n```text\nold\n```\nafter"
    fresh = refreshed(stale)
    assert (RESULTS / "gopher.txt").read_text() in fresh
    assert fresh.startswith("before\n<!--")
    assert fresh.endswith("```\nafter")


@pytest.mark.parametrize(
    ("name", "ratio", "fine"),
    [("fit", 1.9, True), ("fit", 2.1, False), ("effective draws, x", 0.8, True), ("effective draws, x", 0.6, False)],
)
def test_costs_that_doubled_do_not_pass(name, ratio, fine):
    assert passes(name, ratio) == fine


TINY = """corpus,model,N,D,loss
web,a,1e8,2e9,3.42
web,a,1e8,4e9,3.31
web,b,3e8,6e9,2.95
books,c,3e8,2e9,3.12
"""


def written(folder, name, text):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_development_tables_are_the_shipped_ones_and_those_of_a_folder(tmp_path):
    for name, table in development.UNSHIPPED_TABLES.items():
        written(tmp_path, f"{name}/runs.csv", TINY.replace("corpus", table.group or "corpus"))
    shipped, found = development.development_tables(), development.development_tables(tmp_path)
    assert tuple(shipped) == development.TABLES
    assert list(found)[: len(shipped)] == list(shipped)
    assert set(found) - set(shipped) == {
        "llama3_isoflops",
        "marin_isoflops:web",
        "marin_isoflops:books",
        "misfitting_isoflops",
        "xlstm_llama",
    }
    assert [len(found[f"marin_isoflops:{corpus}"][1]) for corpus in ("web", "books")] == [3, 1]
    assert all(found[name][1].source == name for name in found)
    families = [{family for family, _ in tables.values()} for tables in (shipped, found)]
    assert len(families[1]) == len(families[0]) + len(development.UNSHIPPED_TABLES)


def test_development_tables_take_series_and_independent_units_from_their_columns(tmp_path, monkeypatch):
    mine = {"mine": development.Unshipped("me_2026", group="corpus", run="model")}
    monkeypatch.setattr(development, "UNSHIPPED_TABLES", mine)
    written(tmp_path, "mine/runs.csv", TINY)
    family, runs = development.development_tables(tmp_path)["mine:web"]
    assert family == "me_2026"
    assert runs.clusters.tolist() == [0, 0, 1]


def test_a_folder_without_a_development_table_is_refused(tmp_path):
    with pytest.raises(RunsError, match=r"llama3_isoflops.runs\.csv: no such file"):
        development.development_tables(tmp_path)


def test_development_curves_are_the_shipped_ones_and_those_of_a_folder(tmp_path):
    curve = "domain,group,x,y,split,model\nLM,LM/1M,1,0.9,fit,a\nLM,LM/1M,2,0.8,fit,a\nLM,LM/1M,4,0.7,extrapolate,a\n"
    written(tmp_path, "nsl_language/curves.csv", curve)
    shipped, found = development.development_curves(), development.development_curves(tmp_path)
    assert set(shipped["domain"]) == {"image_classification", "double_descent"}
    assert tuple(found.columns) == development.CURVE_COLUMNS
    assert found.iloc[: len(shipped)].equals(shipped)
    assert found["y"].tolist()[len(shipped) :] == [0.9, 0.8, 0.7]


def test_error_curves_to_learn_from_are_neither_untouched_nor_of_the_public_benchmark(tmp_path):
    names = [f"data_{number}/learner" for number in range(300)]
    rows = {"x": [16, 32, 64, 128], "error": [0.4, 0.3, 0.25, 0.2], "error_se": [0.01] * 4}
    split = ["fit", "fit", "extrapolate", "extrapolate"]
    table = pd.concat([pd.DataFrame({"group": name, **rows, "split": split}) for name in names])
    (tmp_path / "lcdb").mkdir()
    table.to_csv(tmp_path / "lcdb" / "curves.csv", index=False)
    halves = development.openml_curves(tmp_path)
    read = set(development.openml_development_curves(tmp_path)["group"])
    untouched, tested = set(halves["group"][halves["domain"] == "OpenML, unseen"]), set(lcdb.drawn(table))
    assert len(untouched) == len(tested) == 30
    assert len(read) == 60
    assert not read & (untouched | tested)


def test_each_group_of_a_pool_is_bought_from_its_own_budget():
    runs = pd.DataFrame({"N": [1.0, 1.0, 2.0, 2.0, 2.0], "price": [3.0, 1.0, 4.0, 5.0, 1.0], "loss": 1.0})
    setting = buying.Setting("kaplan_n", lambda pool: pool["price"], purse="N")
    pool = buying.Pool([Task(name="", train=runs, test=runs, inputs=("N",))], setting, np.empty(0, dtype=int))
    assert pool.left(0.5) == {1.0: 2.0, 2.0: 5.0}
    bought = pool.buy(np.array([0, 2, 3, 1, 4]), 0.5)
    assert bought.bought.tolist() == [2, 1, 4]
    assert bought.left(0.5) == {1.0: 1.0, 2.0: 0.0}
    assert in_turn([np.array([2, 0]), np.array([2, 1, 3])]).tolist() == [2, 0, 1, 3]
