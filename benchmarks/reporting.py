"""What benchmarks share: where many fits run, what is printed beside a table, and where it is kept."""

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
    """The machine that a benchmark ran on, in a line."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def keep(stem: str, text: str, document: Any) -> None:
    """Print a result, and keep it as text and as JSON beside the others."""
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{stem}.txt").write_text(text + "\n")
    (RESULTS / f"{stem}.json").write_text(json.dumps(finite(document), indent=1, allow_nan=False) + "\n")


def add_study_options(parser: argparse.ArgumentParser) -> None:
    """Give a benchmark of many fits the options that say where they run."""
    parser.add_argument("--jobs", type=int, help="processes of this machine")
    parser.add_argument("--backend", help="a cluster instead: dask://HOST:PORT or ray://HOST:PORT")
    parser.add_argument("--keep", type=Path, default=Path(".studies"), help="folder of finished tasks, to resume from")


def study(
    options: argparse.Namespace, name: str, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]
) -> list[Any]:
    """What a function finds for each of many tasks; those that the same code finished before are not run again."""
    code = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    keyed = {fingerprint(name, code, *task): task for task in tasks}
    path = options.keep / f"{name}.jsonl"
    with backend(options.backend):
        found = run_tasks(function, keyed, jobs=options.jobs, keep=path, label=name, progress=True)
    return list(found.values())
