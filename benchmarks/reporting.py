"""Common parts of benchmarks: where fits run, what is printed with a table, and where results are stored."""

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bayescale.basics.parallel import backend, fingerprint, run_tasks
from bayescale.cli.documents import finite

RESULTS = Path(__file__).parent / "results"


def machine() -> str:
    """The machine of a benchmark, in one line."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def keep(stem: str, text: str, document: Any) -> None:
    """Print a result, and store it as text and as JSON with the others."""
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{stem}.txt").write_text(text + "\n")
    (RESULTS / f"{stem}.json").write_text(json.dumps(finite(document), indent=1, allow_nan=False) + "\n")


def kept(stem: str) -> Any:
    """A result that was stored as JSON."""
    return json.loads((RESULTS / f"{stem}.json").read_text())


SCORES = {
    "cover_0.5": "50 %",
    "cover_0.8": "80 %",
    "cover_0.9": "90 %",
    "width": "width",
    "crps": "CRPS",
    "error": "bias",
}
"""Scores of hidden runs that most studies show, and what they are called there."""


def add_study_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the fits of a benchmark run."""
    parser.add_argument("--jobs", type=int, help="processes of this machine")
    parser.add_argument("--backend", help="a cluster instead: dask://HOST:PORT or ray://HOST:PORT")
    parser.add_argument("--keep", type=Path, default=Path(".studies"), help="folder of finished tasks, to resume from")


def study(
    options: argparse.Namespace, name: str, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]
) -> list[Any]:
    """Results of a function for many tasks; tasks that the same code finished before are not run again."""
    code = [path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py"))]
    keyed = {fingerprint(name, code, *task): task for task in tasks}
    path = options.keep / f"{name}.jsonl"
    with backend(options.backend):
        found = run_tasks(function, keyed, jobs=options.jobs, keep=path, label=name, progress=True)
    return list(found.values())
