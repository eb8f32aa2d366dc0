"""The wheel: in an empty environment, away from the checkout, it does the main job on each declared Python."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_release import PYTHONS, ROOT

from bayescale.data.datasets import dataset_names
from bayescale.laws.catalog import law_names

UV = os.environ.get("UV") or shutil.which("uv")
CURRENT = f"{sys.version_info.major}.{sys.version_info.minor}"

pytestmark = [pytest.mark.wheel, pytest.mark.skipif(UV is None, reason="needs uv")]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folder of the wheel, and of the lists of its locked dependencies, without extras and with all."""
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", "--python", sys.executable, "--out-dir", folder, ROOT)
    export = ("export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--no-hashes")
    uv(*export, "-o", folder / "locked")
    uv(*export, "--all-extras", "-o", folder / "all")
    return folder


def environment(built, python):
    """Folder of the executables of an environment that holds the wheel and its locked dependencies, no more."""
    folder = built / Path(python).name
    uv("venv", "--python", python, folder)
    (wheel,) = built.glob("*.whl")
    uv("pip", "install", "--python", folder, "-r", built / "locked", wheel)
    return folder / "bin"


@pytest.fixture(scope="module")
def installed(built):
    return environment(built, sys.executable)


def interpreter(version):
    """Path of an interpreter of that version on this machine; None if there is none."""
    known = [f"python{version}", "-c", "import sys; print(sys.executable)"]
    managed = [UV, "python", "find", "--managed-python", "--no-python-downloads", "--no-project", version]
    for command in (known, managed):
        # Where pyenv manages interpreters it runs the one that is asked for.
        environment = os.environ | ({"PYENV_VERSION": version} if command is known else {})
        if shutil.which(command[0]):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return done.stdout.strip()
    return None


def clean():
    """The variables of this process without those that lead to its own packages."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def uv(*arguments):
    done = subprocess.run([UV, *arguments], cwd=ROOT, env=clean(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def run(*command):
    folder = Path(command[0]).parent
    return subprocess.run([*command], cwd=folder, env=clean(), capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("version", PYTHONS)
def test_the_main_job_runs_from_the_wheel(request, built, version):
    if version == CURRENT:
        installed = request.getfixturevalue("installed")
    elif python := interpreter(version):
        installed = environment(built, python)
    else:
        pytest.skip(f"no Python {version} on this machine")
    assert run(installed / "python", "--version").startswith(f"Python {version}.")
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


def test_the_core_is_light_and_an_extra_that_is_missing_is_named(built, installed):
    (site,) = (installed.parent / "lib").glob("python*/site-packages")
    assert not any((site / name).exists() for name in ("plotly", "jinja2", "distributed", "ray", "python_calamine"))
    command = [installed / "bayescale", "report", "-o", "page.html"]
    refused = subprocess.run(command, cwd=built, env=clean(), capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert refused.stderr == "bayescale: page.html needs jinja2 and plotly: pip install 'bayescale[report]'\n"


def test_every_extra_is_declared_and_that_of_the_report_is_enough_for_one(built, installed):
    (site,) = (installed.parent / "lib").glob("python*/site-packages")
    (metadata,) = site.glob("bayescale-*.dist-info/METADATA")
    extras = [
        line.partition(": ")[2] for line in metadata.read_text().splitlines() if line.startswith("Provides-Extra")
    ]
    assert sorted(extras) == ["dask", "excel", "ray", "report"]
    (wheel,) = built.glob("*.whl")
    uv("pip", "install", "--python", installed.parent, "-c", built / "all", f"{wheel}[report]")
    code = "from bayescale.basics.extras import check_extra; check_extra('report', 'page.html'); import jinja2; "
    code += "from plotly.offline import get_plotlyjs; print(len(get_plotlyjs()))"
    assert int(run(installed / "python", "-c", code)) > 1e6
