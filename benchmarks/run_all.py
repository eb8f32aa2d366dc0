"""Reproduce every result that the documentation quotes: each benchmark in its own process, then the pages.

If a page in docs/ shows a whole result, in a fence after a comment that names its file, it is rewritten from that file;
results quoted in words and smaller tables are not.
The cost and status of each benchmark are stored in results/run_all.json. Run it as ``python benchmarks/run_all.py
[--only NAME]``; all of it takes about a day of CPU time. Studies with ``--keep`` resume where they stopped,
the others start again. With ``--pages`` only the pages are written.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from reporting import RESULTS, machine

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
SHOWN = re.compile(r"(<!-- benchmarks/results/(\S+)\.txt -->\n```text\n).*?(```)", flags=re.DOTALL)


@dataclass(frozen=True)
class Benchmark:
    """A command, as arguments after ``python benchmarks/``, and the results that it stores."""

    command: tuple[str, ...]
    results: tuple[str, ...]
    parallel: bool = True
    """Whether it takes ``--jobs``."""


BENCHMARKS = {
    "fast": Benchmark(("fast.py",), ("fast",), parallel=False),
    "start_up": Benchmark(("start_up.py",), ("start_up",), parallel=False),
    "speed": Benchmark(("speed.py",), ("speed",), parallel=False),
    "scale": Benchmark(("scale.py",), ("scale",), parallel=False),
    "reading": Benchmark(("reading.py",), ("reading",), parallel=False),
    "engines": Benchmark(("engines.py", "--again"), ("engines",), parallel=False),
    "agreement": Benchmark(("agreement.py",), ("agreement",), parallel=False),
    "reference": Benchmark(("reference.py",), ("reference",)),
    "sbc": Benchmark(("sbc.py",), ("sbc",)),
    "numerical_range": Benchmark(("numerical_range.py",), ("numerical_range",), parallel=False),
    "fuzz": Benchmark(("fuzz.py",), ("fuzz",), parallel=False),
    "published_fits": Benchmark(("published_fits.py",), ("published_fits",)),
    "sbc_priors": Benchmark(("sbc_priors.py",), ("sbc_priors",)),
    "sbc_default": Benchmark(("sbc_default.py",), ("sbc_default",)),
    "calibration": Benchmark(("calibration.py",), ("calibration_auto_student_t",)),
    "calibration_chinchilla": Benchmark(
        ("calibration.py", "--law", "chinchilla", "--alone"), ("calibration_chinchilla_student_t",)
    ),
    "calibration_tied": Benchmark(("calibration.py", "--law", "tied", "--alone"), ("calibration_tied_student_t",)),
    "unseen": Benchmark(("unseen.py",), ("unseen",)),
    "rolling_cuts": Benchmark(("rolling_cuts.py",), ("rolling_cuts",), parallel=False),
    "learning_curves": Benchmark(("learning_curves.py",), ("learning_curves",)),
    "learning_curves_far": Benchmark(("learning_curves.py", "--far", "--quick"), ("learning_curves_far",)),
    "one_input": Benchmark(("one_input.py",), ("one_input",)),
    "cases": Benchmark(("cases.py",), ("cases",), parallel=False),
    "accuracies": Benchmark(("accuracies.py",), ("accuracies",)),
    "two_steps": Benchmark(("two_steps.py",), ("two_steps",)),
    "curve_cost": Benchmark(("curve_cost.py",), ("curve_cost",), parallel=False),
    "few_runs": Benchmark(("few_runs.py",), ("few_runs",)),
    "misfit": Benchmark(("misfit.py",), ("misfit",)),
    "repeats": Benchmark(("repeats.py",), ("repeats",)),
    "breaks": Benchmark(("breaks.py",), ("breaks",)),
    "simulated": Benchmark(("simulated.py",), ("simulated",)),
    "which_law": Benchmark(("which_law.py",), ("which_law",)),
    "left_out": Benchmark(("left_out.py",), ("left_out",)),
    "optimum_coverage": Benchmark(("optimum_coverage.py",), ("optimum_coverage",)),
    "held_out_optimum": Benchmark(("held_out_optimum.py",), ("held_out_optimum",), parallel=False),
    "approaches": Benchmark(("approaches.py",), ("approaches",)),
    "pooling": Benchmark(("pooling.py",), ("pooling",), parallel=False),
    **{
        f"pooling_{part}": Benchmark(("new_groups.py", part), (f"pooling_{part}",), parallel=False)
        for part in ("simulated", "held_out", "cost")
    },
    "spreads": Benchmark(("spreads.py",), ("pooling_spreads",), parallel=False),
    "regret": Benchmark(("regret.py",), ("regret",)),
    "speedup": Benchmark(("speedup.py",), ("speedup",)),
    "next_run": Benchmark(("next_run.py",), ("next_run",)),
    "gopher": Benchmark(("gopher.py",), ("gopher",), parallel=False),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=BENCHMARKS, action="append")
    parser.add_argument("--jobs", type=int, default=1, help="processes of those that can use several")
    parser.add_argument("--pages", action="store_true", help="write the pages from the stored results, and run nothing")
    options = parser.parse_args()
    failed = []
    for name in () if options.pages else options.only or BENCHMARKS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        entry = run(BENCHMARKS[name], options.jobs)
        note(name, entry)
        failed += [name] if entry["status"] else []
        print(f"{name}: status {entry['status']}, {entry['cpu_seconds']:.0f} CPU s", file=sys.stderr, flush=True)
    for page in DOCS.rglob("*.md"):
        page.write_text(refreshed(page.read_text()))
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def run(benchmark: Benchmark, jobs: int) -> dict[str, Any]:
    """Run one; its output goes to standard error."""
    more = ("--jobs", str(jobs)) if benchmark.parallel else ()
    before, start = children(), time.time()
    script, *arguments = benchmark.command
    done = subprocess.run([sys.executable, HERE / script, *arguments, *more], stdout=sys.stderr)
    return {
        "status": done.returncode,
        "cpu_seconds": children() - before,
        "wall_seconds": time.time() - start,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "version": version("bayescale"),
        "results": [f"{stem}.json" for stem in benchmark.results],
    }


def children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def note(name: str, entry: dict[str, Any]) -> None:
    """Add the cost of a benchmark to those of the others."""
    path = RESULTS / "run_all.json"
    entries = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**entries, name: entry}, indent=1) + "\n")


def refreshed(page: str) -> str:
    """A page with every result replaced by the stored one."""
    return SHOWN.sub(lambda shown: shown[1] + (RESULTS / f"{shown[2]}.txt").read_text() + shown[3], page)


if __name__ == "__main__":
    main()
