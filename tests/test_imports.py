"""Imports: heavy packages only where they are needed, and modules only from those below them."""

import ast
import subprocess
import sys

import numpy as np
import pytest

import bayescale
from bayescale.catalog import root

HEAVY = ("arviz", "matplotlib", "nutpie", "plotly", "pymc", "pytensor")
PACKAGE = root("models").parent / "bayescale"

LAYERS = (
    {"errors"},
    {"entries", "quantities", "intervals", "files", "links", "ranking", "recipe_risk", "sensitivity", "sources"},
    {"law", "predictive", "tables"},
    {"accuracies", "additive", "planning.costs", "planning.outlook", "curves", "designs", "growth", "runs"},
    {"splitting", "observations", "planning.limits"},
    {"baselines", "catalog"},
    {"candidates", "discrepancy", "parallel"},
    {"noise"},
    {"posterior", "sampling.mixture", "sampling.modes", "sampling.psis"},
    {"sampling.bridge", "sampling.latent", "sampling.nuts"},
    {"sampling.importance", "sampling.logdensity"},
    {"large_tables"},
    {"inference"},
    {"fitting"},
    {"ensembles", "recovery", "pooling"},
    {"forecasting", "storage"},
    {"stacking", "planning.allocation", "planning.answers", "planning.versus"},
    {"backtesting", "chains", "planning.choices", "planning.design", "planning.lifetimes", "planning.spending"},
    {"planning.data_wall", "planning.purchases", "planning.tradeoffs"},
    {"planning.recipes"},
    {"comparison", "planning.attainable"},
    {"documents", "plots.style"},
    {"plots.fits", "plots.limits", "plots.plans", "plots.studies"},
    {"plots", "report.content", "report.figures", "report.planner"},
    {"report.methods", "report.sections"},
    {"report.comparisons"},
    {"report.page"},
    {"cli.options", "cli.printing"},
    {"cli.sources"},
    {"cli.design", "cli.fitting", "cli.limits", "cli.planning", "cli.studies", "cli.listing", "cli.tradeoffs"},
    {"cli.report"},
    {"cli.app"},
)
"""Modules of the package, the lowest first: each imports only from layers below its own."""

HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}
OUTSIDE = {"__init__", "__main__", "cli", "planning", "report", "sampling"}


def modules():
    paths = PACKAGE.rglob("*.py")
    named = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in paths}
    return {name.removesuffix(".__init__"): path for name, path in named.items()}


def imported(path):
    """Modules of the package that a file imports, at its top or in its functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        if node.module == "bayescale":
            yield from (HOME.get(alias.name, alias.name) for alias in node.names)
        elif node.module.startswith("bayescale."):
            yield node.module.removeprefix("bayescale.")


HOME = bayescale._HOME


def test_every_module_has_its_layer():
    assert modules().keys() - OUTSIDE == HEIGHT.keys()


@pytest.mark.parametrize("name", sorted(HEIGHT))
def test_a_module_imports_only_from_below(name):
    above = {other for other in imported(modules()[name]) if HEIGHT[other] >= HEIGHT[name]}
    assert not above


@pytest.mark.parametrize("name", sorted(name for name in HEIGHT if name.startswith("sampling.")))
def test_samplers_know_nothing_of_laws(name):
    known = {other for other in imported(modules()[name]) if not other.startswith("sampling.")}
    assert known <= {"errors", "parallel"}


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def loaded_by(code):
    lines = run_python(f"import sys\n{code}\nprint('modules:', *sys.modules)").splitlines()
    return set(lines[-1].split()) & set(HEAVY)


COMMAND = """
from bayescale.cli import main
try:
    main({arguments})
except SystemExit as left:
    assert not left.code
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["plan", "--help"],
        ["laws"],
        ["laws", "chinchilla"],
        ["datasets"],
        ["datasets", "chinchilla"],
        ["limits"],
    ],
    ids=" ".join,
)
def test_commands_that_sample_nothing_load_nothing_heavy(arguments):
    assert loaded_by(COMMAND.format(arguments=arguments)) == set()


def test_forecasting_from_a_saved_fit_loads_nothing_heavy(saved_fit):
    path = str(saved_fit)
    for arguments in (["predict", path, "--at", "N=70B,D=1.4T"], ["plan", path, "--json"], ["fit", path]):
        assert loaded_by(COMMAND.format(arguments=arguments)) == set()


def test_the_public_names_load_nothing_heavy():
    assert loaded_by("import bayescale\nfor name in bayescale.__all__: getattr(bayescale, name)") == set()


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="has no attribute 'nosuch'"):
        bayescale.nosuch  # noqa: B018
    assert dir(bayescale) == bayescale.__all__


def cpu_seconds(code):
    """CPU time of a fresh interpreter without Dask, which xarray would load wherever it is installed."""
    without = "import sys; sys.modules['dask'] = None"
    return float(run_python(f"{without}\n{code}\nimport time; print(time.process_time())").splitlines()[-1])


def test_light_commands_take_hardly_longer_than_numpy_and_xarray(saved_fit):
    predict = COMMAND.format(arguments=["predict", str(saved_fit), "--at", "N=70B,D=1.4T"])
    light = ["import bayescale", COMMAND.format(arguments=["--help"]), predict]
    best = np.full(1 + len(light), np.inf)
    # The least of several, by turns, since other processes slow some of them down.
    for _ in range(10):
        best = np.minimum(best, [cpu_seconds(code) for code in ("import numpy, xarray", *light)])
        if (best[1:] < 1.5 * best[0]).all():
            return
    pytest.fail(f"CPU seconds of numpy and xarray, then of {light}: {best}")
