"""ScaleBench (Li et al. 2026, arXiv:2604.22753) and SLDBench (Lin et al. 2026, arXiv:2507.21184).

Every row to train on is used, as in SLDBench and in "all data" of ScaleBench; R2 over the rows to forecast, of domain
mixtures the mean over the five domains. Published values: SLDBench as quoted by github.com/ekelab/NAI-experiments
(commit c0343de3), ScaleBench's means over its laws as in github.com/PlanarG/active-sl (commit e0a58ffd).

Of tables with columns that one law alone reads, the default is that law. It is also run by its name where that is
cheap, and gives the same. Two tasks are put otherwise than there: the sizes of domain mixtures, and the lengths of the
second stage in sparsity, are inputs of one fit and not groups with constants of their own.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from bayescale.data.domains import mixtures
from bayescale.data.names import OTHERS
from public.scoring import DEFAULT, MEAN_R2, RUN, Task


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
            ("routed_moe", "routed_floor"),
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
        _task(
            folder,
            "parallel",
            ("N", "streams"),
            ("parallel",),
            {"human": 1.0, "SLDAgent GPT-5": 1.0, "NAI v9": 0.985, "mean of ten laws": 0.99},
            columns={"P": "streams"},
        ),
        _vocabulary(folder),
        _with_runs_named(_vocabulary(folder)),
        _domain_mixture(folder),
        _task(
            folder,
            "lr_batch",
            ("N", "D", "lr", "batch"),
            (),
            {"human": -0.076, "SLDAgent GPT-5": 0.604, "NAI v9": 0.372, "mean of ten laws": 0.04},
        ),
        _sparsity(folder),
    ]


def _vocabulary(folder: Path) -> Task:
    return _task(
        folder,
        "vocab",
        ("N", "V", "characters"),
        (),
        {"human": 0.966, "SLDAgent GPT-5": 0.987, "NAI v9": 0.971, "mean of ten laws": 0.93},
        columns={"loss": "normalised_loss"},
        outcome="normalised_loss",
    )


def _with_runs_named(task: Task) -> Task:
    """With a column that names the runs: each of 54 pairs of N and V has 20 rows, at even steps of characters."""
    run = task.train.groupby(["N", "V"], sort=False).ngroup()
    return replace(task, name=f"{task.name}, runs named", train=task.train.assign(**{RUN: run}))


def _domain_mixture(folder: Path) -> Task:
    """Five outcomes as groups, each by the share of its own domain and those of the four others."""
    train, test = (
        pd.concat([runs.frame.assign(group=domain) for domain, runs in found.runs.items()], ignore_index=True)
        for found in (
            mixtures(folder / f"domain_mixture/{part}.csv", columns={"N": "group"}) for part in ("train", "test")
        )
    )
    return Task(
        name="domain_mixture",
        train=train,
        test=test,
        inputs=("N", "share", *OTHERS),
        metric=MEAN_R2,
        published={"human": 0.671, "SLDAgent GPT-5": 0.988, "NAI v9": 0.991},
    )


def _sparsity(folder: Path) -> Task:
    """In ones, not billions, and without the groups, which are the lengths of the stages."""
    names = {"D2": "D", "D1": "D_dense"}
    inputs = ("N", "D", "sparsity", "D_dense")
    task = _task(folder, "sparsity", inputs, ("upcycled_moe",), {"mean of four laws": 0.37}, columns=names)
    scaled = [
        table.drop(columns="group").assign(**{name: table[name] * 1e9 for name in ("N", "D", "D_dense")})
        for table in (task.train, task.test)
    ]
    return replace(task, train=scaled[0], test=scaled[1])


def _task(
    folder: Path,
    name: str,
    inputs: tuple[str, ...],
    laws: tuple[str, ...],
    published: dict[str, float],
    seen: str = "no",
    *,
    columns: Mapping[str, str] = MappingProxyType({}),
    outcome: str = "loss",
) -> Task:
    train, test = (pd.read_csv(folder / name / f"{part}.csv").rename(columns=columns) for part in ("train", "test"))
    return Task(
        name=name,
        train=train,
        test=test,
        inputs=inputs,
        outcome=outcome,
        laws=(DEFAULT, *laws),
        published=published,
        seen=seen,
    )
