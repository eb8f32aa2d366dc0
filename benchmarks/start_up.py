"""CPU seconds of commands that sample nothing, beside those of importing NumPy and xarray.

Each is the least of several fresh interpreters, taken in turn, since other processes slow some of them down; without
Dask, which xarray would load wherever it is installed. Run it as ``python benchmarks/start_up.py``.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from reporting import keep, machine

import bayescale as bs

ROUNDS = 8
COMMAND = """
from bayescale.cli import main
try:
    main({arguments})
except SystemExit as left:
    assert not left.code
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        saved = str(bs.fit("chinchilla", "chinchilla", discrepancy=False).save(Path(folder) / "saved.nc"))
        codes = {
            "import numpy, xarray": "import numpy, xarray",
            "import bayescale": "import bayescale",
            "bayescale --help": COMMAND.format(arguments=["--help"]),
            "bayescale predict saved.nc": COMMAND.format(arguments=["predict", saved, "--at", "N=70B,D=1.4T"]),
        }
        least = dict.fromkeys(codes, float("inf"))
        for _ in range(ROUNDS):
            least = {name: min(least[name], cpu_seconds(code)) for name, code in codes.items()}
    rows = [
        {"what": name, "CPU s": value, "over NumPy and xarray": value / least["import numpy, xarray"]}
        for name, value in least.items()
    ]
    text = f"{machine()}\n\n{pd.DataFrame(rows).to_string(index=False, float_format='%.2f')}"
    keep("start_up", text, {"machine": machine(), "rows": rows})


def cpu_seconds(code: str) -> float:
    """CPU time of a fresh interpreter that runs some code."""
    run = f"import sys; sys.modules['dask'] = None\n{code}\nimport time; print(time.process_time())"
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
