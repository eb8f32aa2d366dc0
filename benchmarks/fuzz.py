"""Thousands of hostile inputs: tables, law files, saved fits, documents and command lines.

The cases are those of ``tests/fuzzing.py``, which defines what may not happen. Run it as
``python benchmarks/fuzz.py``; another ``--seed`` gives other cases.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from reporting import keep, machine

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import fuzzing

CASES = {"tables": 800, "laws": 300, "saved fits": 400, "documents": 400, "command line": 400}
SECONDS = 60


class Hang(BaseException):
    """A case took too long."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="of the cases, for a quick look")
    parser.add_argument("--only", choices=CASES, nargs="+", default=list(CASES))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ["COLUMNS"] = "200"
    signal.signal(signal.SIGALRM, _give_up)
    with tempfile.TemporaryDirectory() as folder:
        saved = _saved_fit(Path(folder))
        rows = [
            _measured(name, max(1, int(options.share * CASES[name])), options.seed, Path(folder) / "case", saved)
            for name in options.only
        ]
    lines = [f"{'target':<14}{'cases':>7}{'refused':>9}{'accepted':>10}{'failures':>10}{'hangs':>7}{'slowest (s)':>13}"]
    lines += [
        f"{row['target']:<14}{row['cases']:>7}{row['refused']:>9}{row['accepted']:>10}{len(row['failures']):>10}"
        f"{row['hangs']:>7}{row['slowest']:>13.1f}"
        for row in rows
    ]
    lines.append(f"{'all':<14}{sum(row['cases'] for row in rows):>7}")
    head = f"{machine()}; seed {options.seed}; a case that takes over {SECONDS} s is a hang"
    text = "\n".join([head, "", *lines])
    if options.share == 1 and len(rows) == len(CASES):
        keep("fuzz", text, {"seed": options.seed, "targets": rows})
    else:
        print(text)
    for row in rows:
        for failure, times in Counter(row["failures"]).most_common(30):
            print(f"\n{row['target']}, {times} times:\n{failure}", file=sys.stderr)
    sys.exit(any(row["failures"] or row["hangs"] for row in rows))


def _saved_fit(folder: Path) -> Path:
    from bayescale.data.datasets import load_dataset
    from bayescale.posterior.single import fit_law
    from bayescale.posterior.storage import save

    return save(fit_law("chinchilla", load_dataset("chinchilla"), discrepancy=False), folder / "saved.nc")


def _measured(name: str, cases: int, start: int, folder: Path, saved: Path) -> dict[str, Any]:
    """Run a number of cases of a target, and count the outcomes."""
    target = fuzzing.TARGETS[name]
    row: dict[str, Any] = {"target": name, "cases": 0, "refused": 0, "accepted": 0, "hangs": 0, "slowest": 0.0}
    failures: list[str] = []

    @seed(start)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def run(data: Any) -> None:
        case = data.draw(target.cases)
        if row["cases"] >= cases:
            return
        row["cases"] += 1
        began = time.perf_counter()
        signal.alarm(SECONDS)
        try:
            row["accepted" if fuzzing.run(target, case, folder, saved) else "refused"] += 1
        except Hang:
            row["hangs"] += 1
            failures.append(f"hang: {str(case)[:300]}")
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-4:]
            failures.append(
                f"{type(error).__name__}: {str(error)[:300]}\n"
                + "\n".join(f"  {Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in where)
                + (f"\n  case: {str(case)[:400]}" if not failures or len(failures) < 40 else "")
            )
        finally:
            signal.alarm(0)
        row["slowest"] = max(row["slowest"], round(time.perf_counter() - began, 1))

    random.seed(start)
    run()
    return {**row, "failures": failures}


def _give_up(signum: int, frame: Any) -> None:
    raise Hang


if __name__ == "__main__":
    main()
