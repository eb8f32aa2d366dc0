"""CPU seconds of the default on tables of one input: in a fresh interpreter, and again in the same process.

The tables are every third shipped few-shot curve and simulated power laws of 6 to 30 points. The first time includes
imports (of modules that are compiled to bytecode) and the compilation of the laws. Run it as
``python benchmarks/curve_cost.py``.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from reporting import keep, machine

from bayescale.data.datasets import dataset_groups, load_runs

CODE = """
import json, sys, time
import pandas as pd
import bayescale as bs
table = pd.read_csv(sys.argv[1])
seconds = []
for _ in range(2):
    start = time.process_time() if seconds else 0.0
    fitted = bs.fit("auto", table)
    fitted.forecast(x=10 * table["x"].max())
    seconds.append(time.process_time() - start)
engines = {member.record.engine for member in fitted.members.values()}
print(json.dumps([*seconds, " ".join(fitted.members), " ".join(sorted(engines)), fitted.certified]))
"""
SIMULATED = (6, 8, 12, 16, 20, 30)
"""Points of simulated curves; their exponents and floors grow with them."""


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, table in tables().items():
            path = Path(folder) / "table.csv"
            table.to_csv(path, index=False)
            place = {
                **os.environ,
                "PYTENSOR_FLAGS": f"base_compiledir={folder}",
                "PYTHONPYCACHEPREFIX": f"{folder}/pyc",
            }
            place.pop("PYTHONDONTWRITEBYTECODE", None)
            done = subprocess.run(
                [sys.executable, "-c", CODE, str(path)], capture_output=True, text=True, check=True, env=place
            )
            first, again, laws, engines, certified = json.loads(done.stdout.splitlines()[-1])
            rows.append({
                "table": name, "points": len(table), "first": first, "again": again,
                "laws": laws, "sampler": engines, "certified": certified,
            })  # fmt: skip
    found = pd.DataFrame(rows).iloc[1:]  # the first compiles the bytecode of all modules
    shares = (
        f"{(found['first'] < 6).mean():.0%} below 6 CPU s at first, {(found['again'] < 1.5).mean():.0%} below 1.5 again"
    )
    text = f"{machine()}\nCPU seconds; {shares}\n\n{found.to_string(index=False, float_format='%.2f')}"
    keep("curve_cost", text, {"machine": machine(), "rows": found.to_dict("records")})


def tables() -> dict[str, pd.DataFrame]:
    """Tables by their names; the first is there twice."""
    names = dataset_groups("vision_fewshot")[::3]
    shipped = {name: load_runs(f"vision_fewshot:{name}").frame[["x", "y"]] for name in names}
    rng = np.random.default_rng(5)
    simulated = {}
    for k, n in enumerate(SIMULATED):
        x = np.geomspace(1e3, 1e6 * (1 + k), n)
        y = (0.1 * k + (x / 1e3) ** -(0.1 + 0.1 * k)) * np.exp(rng.normal(0, 0.01, n))
        simulated[f"simulated, {n} points"] = pd.DataFrame({"x": x, "y": y})
    return {"": shipped[names[0]], **shipped, **simulated}


if __name__ == "__main__":
    main()
