"""NAI experiment 02 (Smirnov 2026): four pre-registered tasks, the largest models forecast from smaller ones.

The split, the metric and the published values are those of github.com/ekelab/NAI-experiments,
experiments/02-open-data-preregistered (commit c0343de3): R2 over all rows to forecast of all groups together.
"""

from pathlib import Path

import pandas as pd

from bayescale.basics.files import root
from public.scoring import DEFAULT, Task

LARGEST_SEEN = 2e9
"""Parameters up to which the runs of Chinchilla are fitted."""


def tasks(folder: Path) -> list[Task]:
    """The four tasks; tables are in ``folder/NAME/train.csv`` and ``test.csv``, but for the shipped Chinchilla runs."""
    chinchilla = pd.read_csv(root("datasets") / "chinchilla/runs.csv")[["N", "D", "loss"]]
    seen = chinchilla["N"] <= LARGEST_SEEN
    own = ("chinchilla", "tied", "skaling")
    return [
        Task(
            name="chinchilla_epoch",
            train=chinchilla[seen],
            test=chinchilla[~seen],
            inputs=("N", "D"),
            laws=(DEFAULT, *own),
            published={"Chinchilla, Huber": 0.8127, "log-linear": 0.5242, "symbolic regression": -2.460, "NAI": 0.892},
            seen="yes: datasets/chinchilla",
        ),
        Task(
            name="porian_cosine",
            train=pd.read_csv(folder / "porian_cosine/train.csv"),
            test=pd.read_csv(folder / "porian_cosine/test.csv"),
            inputs=("N", "D"),
            laws=(DEFAULT, *own),
            published={"Chinchilla, Huber": 0.9304, "log-linear": 0.6436, "symbolic regression": 0.649, "NAI": 0.775},
            seen="in part: datasets/porian has runs of the same study",
        ),
        Task(
            name="porian_lr_batch",
            train=pd.read_csv(folder / "porian_lr_batch/train.csv"),
            test=pd.read_csv(folder / "porian_lr_batch/test.csv"),
            inputs=("N", "D", "lr", "batch"),
            published={
                "Chinchilla, Huber": -0.0001,
                "log-linear": -0.3750,
                "Chinchilla with parabolas": 0.5041,
                "symbolic regression": -0.3676,
                "NAI": 0.500,
            },
            seen="in part: datasets/porian has runs of the same study",
        ),
        Task(
            name="datadecide",
            train=pd.read_csv(folder / "datadecide/train.csv"),
            test=pd.read_csv(folder / "datadecide/test.csv"),
            inputs=("N",),
            published={"Chinchilla, Huber": 0.7303, "log-linear": 0.7321, "symbolic regression": 0.5298, "NAI": 0.765},
        ),
    ]
