"""Language curves of the benchmark of Lee et al. 2025 (arXiv:2505.23032): each is extrapolated about twofold.

The files are those of github.com/DongWooLee-Eli/nslpfn (commit 10a5a609), with its split. The paper's table joins these
curves with others, so its values are not those of these twenty alone; the last fitted value is shown instead.
"""

from pathlib import Path

import pandas as pd

from public.scoring import DEFAULT, Task, last_value


def tasks(folder: Path) -> list[Task]:
    """A task for each kind of curve."""
    curves = pd.read_csv(folder / "curves.csv").sort_values(["domain", "group", "x"])
    found = []
    for domain, rows in curves.groupby("domain", sort=False):
        train, test = (rows[rows["split"] == split] for split in ("fit", "extrapolate"))
        task = Task(
            name=str(domain),
            train=train,
            test=test,
            inputs=("x",),
            outcome="y",
            laws=(DEFAULT,),
            metric="RMSLE",
            seen="yes: development curves",
        )
        found.append(last_value(task))
    return found
