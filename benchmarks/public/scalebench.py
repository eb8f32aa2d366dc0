"""ScaleBench (Li et al. 2026, arXiv:2604.22753) and SLDBench (Lin et al. 2026, arXiv:2507.21184): tasks with laws here.

Every row to train on is used, as in SLDBench and in "all data" of ScaleBench; R2 over the rows to forecast. Published
values: SLDBench as quoted by github.com/ekelab/NAI-experiments (commit c0343de3), ScaleBench's means over ten laws as
in github.com/PlanarG/active-sl (commit e0a58ffd).
"""

from pathlib import Path

import pandas as pd

from public.scoring import DEFAULT, Task


def tasks(folder: Path) -> list[Task]:
    """Tasks whose tables are in ``folder/NAME/train.csv`` and ``test.csv``."""
    return [
        _task(
            folder,
            "data_constrained",
            ("N", "D", "U"),
            ("data_constrained", "overfitting"),
            {"human": 0.911, "SLDAgent GPT-5": 0.944, "NAI v9": 0.768, "mean of ten laws": 0.79},
            "yes: datasets/datablations has 181 of its 182 losses",
        ),
        _task(
            folder,
            "moe",
            ("N", "experts"),
            ("routed_moe",),
            {"human": 0.703, "SLDAgent GPT-5": 0.773, "NAI v9": 0.656, "mean of ten laws": 0.81},
            "yes: datasets/routing has 208 of its 221 losses",
        ),
        _task(
            folder,
            "farseer",
            ("N", "D"),
            ("farseer", "chinchilla"),
            {"mean of ten laws": 0.91},
            "yes: datasets/farseer",
        ),
    ]


def _task(
    folder: Path, name: str, inputs: tuple[str, ...], laws: tuple[str, ...], published: dict[str, float], seen: str
) -> Task:
    train, test = (pd.read_csv(folder / name / f"{part}.csv") for part in ("train", "test"))
    return Task(name=name, train=train, test=test, inputs=inputs, laws=(DEFAULT, *laws), published=published, seen=seen)
