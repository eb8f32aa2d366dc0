"""The wheel: installed into an empty environment, away from the checkout, it does the main job."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bayescale.basics.files import root
from bayescale.data.datasets import dataset_names
from bayescale.laws.catalog import law_names

CHECKOUT = root("models").parent
UV = os.environ.get("UV") or shutil.which("uv")

pytestmark = [pytest.mark.wheel, pytest.mark.skipif(UV is None, reason="needs uv")]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Folder of the executables of an environment that holds the wheel and its locked dependencies, no more."""
    folder = tmp_path_factory.mktemp("wheel")
    uv(folder, "build", "--wheel", "--python", sys.executable, "--out-dir", folder, CHECKOUT)
    uv(
        CHECKOUT,
        "export",
        "--quiet",
        "--frozen",
        "--no-dev",
        "--no-emit-project",
        "--no-hashes",
        "-o",
        folder / "locked",
    )
    uv(folder, "venv", "--python", sys.executable, folder / "venv")
    (wheel,) = folder.glob("*.whl")
    uv(folder, "pip", "install", "--python", folder / "venv", "-r", folder / "locked", wheel)
    return folder / "venv" / "bin"


def uv(folder, *arguments):
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run([UV, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def run(*command):
    folder = Path(command[0]).parent
    return subprocess.run([*command], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_the_main_job_runs_from_the_wheel(installed):
    document = json.loads(run(installed / "bayescale", "plan", "--json"))
    assert {"law", "dataset", "n_runs", "engine", "diagnostics", "parameters", "budgets", "warnings"} <= document.keys()
    assert document["n_runs"] == 240
    assert document["certified"]


def test_laws_and_data_sets_come_from_the_wheel(installed):
    code = "from bayescale.basics import files as f; print(f.root('models'), f.root('datasets'), f.__file__, sep='\\n')"
    paths = run(installed / "python", "-c", code).splitlines()
    assert all(Path(path).is_relative_to(installed.parent) for path in paths)
    for command, names in (("laws", law_names()), ("datasets", dataset_names())):
        listed = run(installed / "bayescale", command)
        assert all(name in listed for name in names)


def test_limits_come_from_the_wheel(installed):
    document = json.loads(run(installed / "bayescale", "limits", "--json"))
    assert list(document["years"][0]["limits"]) == ["power", "chips", "data", "latency"]


def test_the_wheel_holds_the_licence_the_types_and_nothing_else(installed):
    (site,) = (installed.parent / "lib").glob("python*/site-packages")
    (licence,) = site.glob("bayescale-*.dist-info/licenses/LICENSE")
    assert "Apache License" in licence.read_text()
    assert (site / "bayescale" / "py.typed").exists()
    assert not any((site / name).exists() for name in ("tests", "benchmarks", "models", "datasets"))
