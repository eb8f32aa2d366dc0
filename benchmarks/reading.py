"""Memory and time of reading a table and checking it, by its rows and columns: ``python benchmarks/reading.py``.

Each file is read by its own process, which has read a small file before, so that imports are not counted. The rise is
that of the resident set while the file is read, from before to its peak; kept memory is the rise at the end, including
one added column of compute. Floats are the memory of the columns as numbers.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from reporting import keep, machine
from scale import staged
from speed import verdict

FILES = (
    ("csv", 24_500, 3),
    ("csv", 245_000, 3),
    ("parquet", 24_500, 3),
    ("parquet", 245_000, 3),
    ("parquet", 245_000, 33),
    ("parquet", 10_000_000, 3),
)
WIDTHS = {"file": 9, "floats": 9, "rise": 9, "kept": 9}
_MIB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs=2, metavar="FILE", help="read both here, and print what the second took")
    options = parser.parse_args()
    if options.measure:
        small, path = map(Path, options.measure)
        print(json.dumps(measure(small, path)))
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = [in_a_process(Path(folder), *file) for file in FILES]
    names = (("rows", 12), ("columns", 9), *WIDTHS.items(), ("rise/floats", 13), ("CPU s", 9))
    head = " " * 9 + "".join(f"{name:>{width}}" for name, width in names)
    text = "\n".join([machine(), "", "Memory in MiB", "", head, *map(line, rows), "", growth(rows)])
    keep("reading", text, rows)


def in_a_process(folder: Path, suffix: str, n: int, columns: int) -> dict[str, Any]:
    paths = [folder / f"{rows}.{suffix}" for rows in (100, n)]
    for rows, path in zip((100, n), paths, strict=True):
        write(path, rows, columns)
    command = [sys.executable, __file__, "--measure", *map(str, paths)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    floats = 8 * n * columns / _MIB
    return {"suffix": suffix, "rows": n, "columns": columns, "floats": floats, **json.loads(done.stdout)}


def write(path: Path, n: int, columns: int) -> None:
    rng = np.random.default_rng(0)
    needed = {"N": rng.lognormal(20, 1.5, n), "D": rng.lognormal(24, 1.5, n), "loss": rng.uniform(2, 4, n)}
    frame = pd.DataFrame(needed | {f"x{i}": rng.standard_normal(n) for i in range(columns - 3)})
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)


def measure(small: Path, path: Path) -> dict[str, float]:
    from bayescale.data.runs import Runs

    Runs.read(small)
    stages: dict[str, dict[str, float]] = {}
    staged(stages, "before", lambda: time.sleep(0))
    runs = staged(stages, "read", lambda: Runs.read(path))
    staged(stages, "after", lambda: len(runs))
    before, read, after = (stages[name]["peak"] for name in ("before", "read", "after"))
    held = {"rise": read - before, "kept": after - before}
    return {"file": path.stat().st_size / _MIB, **held, "cpu": stages["read"]["cpu"]}


def line(row: dict[str, Any]) -> str:
    sizes = "".join(f"{row[name]:{width}.1f}" for name, width in WIDTHS.items())
    multiple = row["rise"] / row["floats"]
    return f"{row['suffix']:9}{row['rows']:12,}{row['columns']:9}{sizes}{multiple:13.1f}{row['cpu']:9.2f}"


def growth(rows: list[dict[str, Any]]) -> str:
    """How CPU time grows between the two CSV files, ten times apart."""
    few, many = (row["cpu"] for row in rows if row["suffix"] == "csv")
    slope = float(np.log10(many / few))
    return f"CSV, log-log slope of CPU: {slope:.2f} (target at most 1.1): {verdict(slope <= 1.1)}"


if __name__ == "__main__":
    main()
