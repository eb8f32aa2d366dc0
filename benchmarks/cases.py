"""Run public cases as a person would, and compare what comes out with what was measured.

Each case of cases/cases.toml is a small table of published runs, a question, the right answer with its source, and a
command. The command runs as a process; from its JSON come the median, the 90 % band, the warnings and the CPU time.
Beside it stands plain least squares of the law that people usually fit to such a table. Run it as
``python benchmarks/cases.py``; with names of cases, only those are run and nothing is stored.
"""

import argparse
import csv
import json
import os
import resource
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from reporting import keep, machine
from usual_laws import USUAL, Values

from bayescale.basics.quantities import parse_quantity

CASES = Path(__file__).parent / "cases"
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Case:
    """A question with a known answer.

    Attributes
    ----------
    name : str
    kind : str
        What the table has, such as compute and loss.
    asked : str
        The question, in words.
    command : str
        What a person would type, in the folder of the tables.
    outcome : str
        What of the answer is compared.
    truth : float
        What was measured.
    usual : str
        The law that people usually fit.
    source : str
        Where the runs and the truth were published.
    read : str
        Where the numbers were read, if not in the source.
    seen : str
        How the developers of a default or a law had seen the table before.
    counted : bool
        Whether the summary counts the case.
    """

    name: str
    kind: str
    asked: str
    command: str
    outcome: str
    truth: float
    usual: str
    source: str
    read: str = ""
    seen: str = ""
    counted: bool = True

    @cached_property
    def arguments(self) -> list[str]:
        """Arguments of the program."""
        return shlex.split(self.command)[1:]

    @cached_property
    def path(self) -> Path:
        """File of the runs."""
        return CASES / self.arguments[1]

    @cached_property
    def point(self) -> dict[str, float]:
        """Inputs that are asked about."""
        if self.arguments[0] == "plan":
            return {"C": parse_quantity(self._option("--budget"))}
        return {name: parse_quantity(text) for name, text in _pairs(self._option("--at")).items()}

    @cached_property
    def table(self) -> dict[str, Values]:
        """Columns of the runs, by the names of the program."""
        ours = {yours: name for name, yours in _pairs(self._option("--columns")).items()}
        with self.path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return {ours.get(name, name): np.array([parse_quantity(row[name]) for row in rows]) for name in rows[0]}

    def _option(self, name: str) -> str:
        return self.arguments[self.arguments.index(name) + 1] if name in self.arguments else ""


def read_cases() -> list[Case]:
    """The cases, in the order of their file."""
    return [Case(**entry) for entry in tomllib.loads((CASES / "cases.toml").read_text(encoding="utf-8"))["case"]]


def run(case: Case) -> dict[str, Any]:
    """What the program answers to a case, and what least squares does."""
    before = _children()
    command = [sys.executable, "-m", "bayescale", *case.arguments, "--json"]
    done = subprocess.run(command, cwd=CASES, capture_output=True, text=True, env={**os.environ, **ONE_THREAD})
    seconds = _children() - before
    usual = USUAL[case.usual](case.table, case.outcome, case.point)
    common = {
        "name": case.name, "kind": case.kind, "runs": len(next(iter(case.table.values()))), "command": case.command,
        "truth": case.truth, "seen": bool(case.seen), "counted": case.counted, "status": done.returncode,
        "least_squares": usual, "cpu_seconds": round(seconds, 1),
    }  # fmt: skip
    if done.returncode not in (0, 1):
        return {**common, "refusal": _refusal(done.stderr), "warnings": [], "notes": []}
    document = json.loads(done.stdout)
    [answer] = document["budgets"] if case.arguments[0] == "plan" else document["predictions"]
    low, median, high = (answer[case.outcome][name] for name in ("q05", "q50", "q95"))
    return {
        **common,
        "low": low, "median": median, "high": high, "inside": low <= case.truth <= high,
        "error": abs(median / case.truth - 1), "least_squares_error": abs(usual / case.truth - 1),
        "warnings": document["warnings"], "notes": document.get("notes", []),
    }  # fmt: skip


def report(rows: Sequence[Mapping[str, Any]]) -> str:
    """Table of the cases, then how many bands held the truth."""
    shown = pd.DataFrame([_shown(row) for row in rows]).to_string(index=False)
    counted = [row for row in rows if row["counted"]]
    groups = {
        "all counted": counted,
        "tables that nobody had seen": [row for row in counted if not row["seen"]],
        "3 to 5 runs": [row for row in counted if row["runs"] <= 5],
        "6 runs or more": [row for row in counted if row["runs"] > 5],
    }
    summary = pd.DataFrame([{"cases": name, **_summary(group)} for name, group in groups.items() if group])
    missed = [row["name"] for row in counted if row.get("inside") is False and not row["warnings"]]
    refused = [f"  {row['name']}: {row['refusal']}" for row in rows if "refusal" in row]
    return "\n\n".join(
        [
            f"{machine()}\n* defaults or laws were developed on this table",
            shown,
            summary.to_string(index=False),
            f"outside the band without a warning: {', '.join(missed) or 'none'}",
            "\n".join(["refused:", *refused]) if refused else "refused: none",
        ]
    )


def _shown(row: Mapping[str, Any]) -> dict[str, str]:
    answered = "median" in row
    band = f"{row['median']:.4g} [{row['low']:.4g}, {row['high']:.4g}]" if answered else "refused"
    return {
        "case": row["name"] + ("" if row["counted"] else " (not counted)") + (" *" if row["seen"] else ""),
        "kind": row["kind"],
        "runs": str(row["runs"]),
        "measured": f"{row['truth']:.4g}",
        "median [90% band]": band,
        "inside": {True: "yes", False: "NO", None: "-"}[row.get("inside")],
        "least squares": f"{row['least_squares']:.4g}",
        "closer": ("band" if row["error"] < row["least_squares_error"] else "least squares") if answered else "-",
        "warnings": str(len(row["warnings"])),
        "certified": {0: "yes", 1: "NO"}.get(row["status"], "-"),
        "CPU s": f"{row['cpu_seconds']:.1f}",
    }


def _summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    answered = [row for row in rows if "median" in row]
    closer = sum(row["error"] < row["least_squares_error"] for row in answered)
    errors = {name: [row[name] for row in answered] for name in ("error", "least_squares_error")}
    ours, usual = (f"{np.median(found):.1%}" if found else "-" for found in errors.values())
    return {
        "number": str(len(rows)),
        "answered": str(len(answered)),
        "inside 90%": f"{sum(row['inside'] for row in answered)} of {len(answered)}",
        "median error": ours,
        "of least squares": usual,
        "closer than least squares": f"{closer} of {len(answered)}",
        "certified": f"{sum(row['status'] == 0 for row in answered)} of {len(answered)}",
        "CPU s, mean": f"{np.mean([row['cpu_seconds'] for row in rows]):.1f}",
    }


def _refusal(text: str) -> str:
    """The first line of a refusal, without the program's name."""
    said = [line.removeprefix("bayescale: ") for line in text.splitlines() if line.startswith("bayescale: ")]
    return said[0] if said else text.strip()


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split(",")) if text else {}


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="cases to run; all of them without")
    names = parser.parse_args().names
    cases = read_cases()
    if unknown := set(names) - {case.name for case in cases}:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    rows = [run(case) for case in cases if not names or case.name in names]
    if names:
        print(report(rows))
    else:
        keep("cases", report(rows), {"machine": machine(), "cases": rows})


if __name__ == "__main__":
    main()
