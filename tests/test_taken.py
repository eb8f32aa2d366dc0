"""What public functions take: numbers as people write them, and tables of any kind."""

import inspect

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayescale as bs
from bayescale.basics.errors import QuantityError, RunsError
from bayescale.basics.quantities import parse_quantity
from bayescale.posterior.single import fit_law


@pytest.fixture(scope="module")
def few_draws(few_runs):
    return fit_law("chinchilla", few_runs, discrepancy=False, draws=25, certify=False)


RUN = {"N": "1B", "D": "20B"}


def given(run, write):
    return {name: write(text) for name, text in run.items()}


def posed(evidence):
    return xr.Dataset(attrs={"evidence": str(evidence)})


NUMBERS = {
    ("forecast", "inputs"): lambda fit, write: bs.forecast(fit, **given(RUN, write)),
    ("plan", "budget"): lambda fit, write: bs.plan(fit, budget=[write("1e21"), write("1e22")]),
    ("plan", "dollars"): lambda fit, write: bs.plan(fit, dollars=write("1M")),
    ("plan", "loss"): lambda fit, write: bs.plan(fit, served=1e12, loss=write("2.2")),
    ("plan", "served"): lambda fit, write: bs.plan(fit, served=write("1T"), budget=1e22),
    ("plan", "unique"): lambda fit, write: bs.plan(fit, unique=write("10B"), budget=1e21),
    ("plan", "serving_price"): lambda fit, write: bs.plan(fit, served=1e12, loss=2.2, serving_price=write("0.5")),
    ("plan", "token_price"): lambda fit, write: bs.plan(fit, unique=1e10, budget=1e21, token_price=write("1e-6")),
    ("next_dollar", "dollars"): lambda fit, write: bs.next_dollar(fit, write("1M"), N=1e9, D=2e10),
    ("next_dollar", "N"): lambda fit, write: bs.next_dollar(fit, 1e6, N=write("1B"), D=2e10),
    ("next_dollar", "D"): lambda fit, write: bs.next_dollar(fit, 1e6, N=1e9, D=write("20B")),
    ("next_dollar", "token_price"): lambda fit, write: bs.next_dollar(
        fit, 1e6, N=1e9, D=2e10, token_price=write("1e-6")
    ),
    ("next_runs", "budget"): lambda fit, write: bs.next_runs(fit, target=bs.OptimumAt(1e22), budget=write("1e21")),
    ("OptimumAt", "C"): lambda fit, write: bs.next_runs(fit, target=bs.OptimumAt(write("1e22")), budget=1e21),
    ("LossAt", "inputs"): lambda fit, write: bs.next_runs(fit, target=bs.LossAt(**given(RUN, write)), budget=1e21),
    ("Published", "C"): lambda fit, write: posed(bs.Published(N_star=write("70B"), C=write("5.76e23"), sd=0.3)),
    ("OtherRun", "inputs"): lambda fit, write: posed(bs.OtherRun(2.1, sd=0.02, **given(RUN, write))),
    ("Bounded", "inputs"): lambda fit, write: posed(bs.Bounded(1.8, 2.1, **given(RUN, write))),
    ("scale_up", "C"): lambda fit, write: bs.scale_up(fit, write("1e21")),
    ("scale_up", "times"): lambda fit, write: bs.scale_up(fit, 1e21, write("3")),
    ("versus", "first"): lambda fit, write: bs.versus(fit, given(RUN, write), {"N": 2e9, "D": 1e10}),
    ("versus", "second"): lambda fit, write: bs.versus(fit, {"N": 2e9, "D": 1e10}, given(RUN, write)),
    ("compare_recipes", "C"): lambda fit, write: bs.compare_recipes(fit, fit, write("1e21")),
    ("floor_effect", "C"): lambda fit, write: bs.floor_effect(fit, write("1e21")),
    ("floor_effect", "floor"): lambda fit, write: bs.floor_effect(fit, 1e21, floor=write("1.6")),
    ("compare_recipes", "threshold"): lambda fit, write: bs.compare_recipes(fit, fit, 1e21, threshold=write("1.2")),
    ("compare_recipes", "precision"): lambda fit, write: bs.compare_recipes(fit, fit, 1e21, precision=write("0.1")),
    ("limits", "years"): lambda fit, write: bs.limits(write("2030"), draws=100),
    ("Cost", "price"): lambda fit, write: bs.Cost(price=write("2.5")).dollars(write("1e24")),
}
"""A call of each function with each of its numbers, as they are written or as floats."""

STUDIES = {
    ("backtest", "horizons"): lambda runs: bs.backtest("chinchilla", runs, horizons=["seven"]),
    ("compare", "horizons"): lambda runs: bs.compare(["chinchilla", "tied"], runs, horizons=["seven"]),
}
"""Calls that would take long, with a word in place of a number."""

UNTESTED = {
    *(("next_dollar", "U"), ("write_report", "budgets"), ("write_report", "ci_prob")),
    *(("register", "inputs"), ("elicit", "quantiles"), ("optimal_by_approach", "budget")),
    *(("best_mixture", "N"), ("best_mixture", "weights")),
}
"""Only for laws of unique tokens; read as budgets of plans are; a share; read by forecast; values of a prior; of
several fits, and tested with them."""


def values_of(result):
    found = result.batch if isinstance(result, bs.Design) else result
    return found if isinstance(found, xr.DataArray | xr.Dataset) else found.draws


@pytest.mark.parametrize(("function", "name"), NUMBERS)
def test_numbers_are_taken_as_people_write_them(few_draws, function, name):
    written, floats = (values_of(NUMBERS[function, name](few_draws, write)) for write in (str, parse_quantity))
    assert written.identical(floats)


@pytest.mark.parametrize(("function", "name"), NUMBERS)
def test_words_are_refused_with_the_name_of_the_argument(few_draws, function, name):
    with pytest.raises(QuantityError, match=r"^[\w: ]*: 'seven' is not a number: write it as 70B"):
        NUMBERS[function, name](few_draws, lambda text: "seven")


@pytest.mark.parametrize(("function", "name"), STUDIES)
def test_studies_refuse_words_at_once(few_runs, function, name):
    with pytest.raises(QuantityError, match=f"^{name}: 'seven' is not a number"):
        STUDIES[function, name](few_runs)


FUNCTIONS = {name: getattr(bs, name) for name in bs.__all__ if inspect.isfunction(getattr(bs, name))}


def is_number(annotation):
    return any(kind in str(annotation) for kind in ("float", "complex")) and "Callable" not in str(annotation)


def test_every_number_of_every_function_is_tested():
    there_are = {
        (name, parameter.name)
        for name, function in FUNCTIONS.items()
        for parameter in inspect.signature(function).parameters.values()
        if is_number(parameter.annotation) and name != "power"
    }
    assert there_are - {*NUMBERS, *STUDIES, *UNTESTED} == set()


OF_TABLES = [name for name, function in FUNCTIONS.items() if "runs" in inspect.signature(function).parameters]
LAWS = {"fit_chain": {"law": "chinchilla", "then": "downstream_error"}, "compare": {"laws": ["chinchilla", "tied"]}}
MORE = {"count_flops": {"rule": "6*N*D"}, "tell_checkpoints": {"told": True}, "optimal_by_approach": {"budget": 1e21}}


@pytest.mark.parametrize("name", OF_TABLES)
def test_what_is_no_table_is_refused(name):
    parameters = inspect.signature(FUNCTIONS[name]).parameters
    asked = LAWS.get(name) or MORE.get(name, {"law": "chinchilla"} if "law" in parameters else {})
    with pytest.raises(RunsError, match="a list is no table: give a DataFrame, a dict of columns, or a file"):
        FUNCTIONS[name](**asked, runs=[1, 2])


COLUMNS = {"N": ["100M", "300M", "1B", "1B"], "D": [2e9, 6e9, 2e10, 2e10], "loss": [3.4, 3.0, 2.7, 2.72]}


@pytest.mark.parametrize("library", ["dict", "arrays", "pandas", "pyarrow", "polars"])
@pytest.mark.parametrize(
    "function", [bs.check, bs.mean_runs, lambda table: bs.count_flops(table, "2*N*D"), bs.Runs.from_frame]
)
def test_tables_of_any_library_are_taken(library, function):
    makers = {"dict": dict, "arrays": lambda table: {name: np.array(each) for name, each in table.items()}}
    if library == "pandas":
        makers[library] = pd.DataFrame
    elif library not in makers:
        module = pytest.importorskip(library)
        makers[library] = module.table if library == "pyarrow" else module.DataFrame
    found = function(makers[library](COLUMNS))
    runs = found if isinstance(found, bs.Runs) else found.runs
    assert runs.column("N").max() == 1e9


def test_columns_of_several_lengths_are_refused():
    with pytest.raises(RunsError, match="columns are not of one length"):
        bs.check({"N": [1e8, 1e9], "loss": [3.0, 2.9, 2.8]})


def test_candidates_come_as_any_table(few_draws):
    pyarrow = pytest.importorskip("pyarrow")
    columns = {"N": ["100M", "1B"], "D": [2e9, 1e10]}
    asked = {"target": bs.OptimumAt(1e22), "budget": 1e21}
    first, second = (bs.next_runs(few_draws, table, **asked) for table in (columns, pyarrow.table(columns)))
    assert first.candidates.identical(second.candidates)
