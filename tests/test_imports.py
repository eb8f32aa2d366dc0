"""Imports: heavy packages only where they are needed, and modules only from those below them."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest

import bayescale
from bayescale.basics.files import root

HEAVY = ("arviz", "matplotlib", "nutpie", "plotly", "pymc", "pytensor", "scipy")
ROOT = root("models").parent
PACKAGE = ROOT / "bayescale"

FOLDERS = {
    "basics": set(),
    "laws": {"basics"},
    "sampling": {"basics"},
    "data": {"basics", "laws"},
    "inference": {"basics", "laws", "data", "sampling"},
    "posterior": {"basics", "laws", "data", "sampling", "inference"},
    "validation": {"basics", "laws", "data", "sampling", "inference", "posterior"},
    "planning": {"basics", "laws", "data", "posterior"},
    "plots": {"basics", "laws", "data", "posterior", "validation", "planning"},
    "report": {"basics", "laws", "data", "posterior", "validation", "planning"},
    "cli": {"basics", "laws", "data", "posterior", "validation", "planning", "plots", "report"},
}
"""What each folder of the package may import from, the lowest first."""

LONGEST = 400
"""Lines of the longest module."""


def modules():
    paths = PACKAGE.rglob("*.py")
    named = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in paths}
    return {name.removesuffix(".__init__"): path for name, path in named.items() if name != "__init__"}


MODULES = modules()


def imported(path):
    """Modules of the package that a file imports, at its top or in its functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        if node.module == "bayescale":
            yield from (bayescale._HOME.get(alias.name, alias.name) for alias in node.names)
        elif node.module.startswith("bayescale."):
            home = node.module.removeprefix("bayescale.")
            # A name of a package may be a module of it.
            yield from {f"{home}.{alias.name}" if f"{home}.{alias.name}" in MODULES else home for alias in node.names}


GRAPH = {name: set(imported(path)) - {name} for name, path in MODULES.items()}


def folder_of(name):
    return name.split(".")[0]


def test_every_folder_has_its_place():
    assert {folder_of(name) for name in MODULES} - {"__main__"} == FOLDERS.keys()


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_imports_only_from_those_below(folder):
    assert list(FOLDERS).index(folder) >= len(FOLDERS[folder])
    used = {
        (name, other)
        for name in MODULES
        if folder_of(name) == folder
        for other in GRAPH[name]
        if folder_of(other) not in {folder, *FOLDERS[folder]}
    }
    assert not used


def test_folders_are_at_most_ten_levels_deep():
    levels = {}
    for folder, below in FOLDERS.items():
        levels[folder] = 1 + max((levels[other] for other in below), default=0)
    assert max(levels.values()) <= 10


def test_no_module_imports_itself_by_way_of_others():
    try:
        list(TopologicalSorter(GRAPH).static_order())
    except CycleError as error:
        pytest.fail(f"a circle of imports: {error.args[1]}")


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_can_be_read_in_one_sitting(name):
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= LONGEST


def loaded_by(*codes):
    """Heavy modules that are loaded after each of several pieces of code, which one process runs in turn."""
    lines = "\n".join(f"{code}\nprint('modules:', *sys.modules)" for code in codes)
    done = subprocess.run([sys.executable, "-c", f"import sys\n{lines}"], capture_output=True, text=True, check=True)
    told = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("modules:")]
    assert len(told) == len(codes)
    return [set(HEAVY) & set(modules) for modules in told]


COMMAND = """
from bayescale.cli import main
try:
    main({arguments})
except SystemExit as left:
    assert not left.code
"""
SAMPLE_NOTHING = (
    ["--help"],
    ["plan", "--help"],
    ["laws"],
    ["laws", "chinchilla"],
    ["datasets"],
    ["datasets", "chinchilla"],
    ["limits"],
)


def loaded_by_commands(*commands):
    found = loaded_by(*(COMMAND.format(arguments=arguments) for arguments in commands))
    return {" ".join(arguments): modules for arguments, modules in zip(commands, found, strict=True)}


def test_commands_that_sample_nothing_load_nothing_heavy():
    for command, modules in loaded_by_commands(*SAMPLE_NOTHING).items():
        assert modules <= ({"scipy"} if command == "limits" else set()), command


def test_forecasting_from_a_saved_fit_loads_nothing_heavy(saved_fit):
    path = str(saved_fit)
    commands = ["predict", path, "--at", "N=70B,D=1.4T"], ["plan", path, "--json"], ["fit", path]
    for command, modules in loaded_by_commands(*commands).items():
        assert modules <= {"scipy"}, command


def test_the_public_names_load_nothing_heavy():
    assert loaded_by("import bayescale\nfor name in bayescale.__all__: getattr(bayescale, name)") == [set()]


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="has no attribute 'nosuch'"):
        bayescale.nosuch  # noqa: B018
    assert dir(bayescale) == bayescale.__all__
