"""The tables and learning curves that the defaults are evaluated on: those that ship, and others from a folder.

Tables of one paper are one family. Those that may not be shipped, because nobody has stated a licence, are read from a
folder of data sets, NAME/runs.csv and NAME/card.toml, and learning curves from a folder of NAME/curves.csv.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from public import lcdb

from bayescale.basics.files import root
from bayescale.data.datasets import load_card, load_runs
from bayescale.data.formats import read_table
from bayescale.data.runs import Runs

TABLES = (
    "chinchilla",
    "porian:kaplan_reproduction",
    "porian:head_flops_counted",
    "porian:short_warmup",
    "porian:matched_cosine",
    "porian:tuned",
    "gadre:c4",
    "gadre:redpajama",
    "gadre:refinedweb",
    "gemstones",
    "datablations",
    "farseer",
)
"""Shipped tables with N and D. Their cards name the columns of the series and of the independent unit."""

CURVES = ("vision_fewshot", "double_descent")
"""Shipped learning curves."""

CURVE_COLUMNS = ("domain", "group", "x", "y", "split")
"""Those of curves from OpenML have standard errors, ``y_se``, too."""


@dataclass(frozen=True)
class Unshipped:
    """A table that does not ship.

    Attributes
    ----------
    family : str
        The paper of the table.
    group : str or None
        Column that names the series, each of which is a separate table.
    run : str or None
        Column of the independent unit; if None, each row is one.
    """

    family: str
    group: str | None = None
    run: str | None = None


UNSHIPPED_TABLES = {
    "llama3_isoflops": Unshipped("grattafiori_2024"),
    "marin_isoflops": Unshipped("marin_2026", group="group"),
    # Each row counts as independent, though those of one N come from a few runs: stored scores assume this.
    "misfitting_isoflops": Unshipped("li_2025_misfitting"),
    "xlstm_llama": Unshipped("beck_2025"),
}

UNSHIPPED_CURVES = ("nsl_language",)


def development_tables(folder: Path | None = None) -> dict[str, tuple[str, Runs]]:
    """Family and runs of each table with N and D.

    Parameters
    ----------
    folder : path, optional
        Folder of the tables that do not ship; without it they are left out.

    Raises
    ------
    RunsError
        If the folder lacks one of them, or it cannot be used.
    """
    shipped = {name: (load_card(name.partition(":")[0]).family, load_runs(name)) for name in TABLES}
    if folder is None:
        return shipped
    others = {
        title: (table.family, runs)
        for name, table in UNSHIPPED_TABLES.items()
        for title, runs in _series(name, table, folder / name / "runs.csv").items()
    }
    return shipped | others


def development_curves(folder: Path | None = None) -> pd.DataFrame:
    """All learning curves, as rows of domain, group (a curve), x, y and split (fit or extrapolate).

    Parameters
    ----------
    folder : path, optional
        Folder of the curves that do not ship; without it they are left out.

    Raises
    ------
    RunsError
        If the folder lacks some of them.
    """
    frames = [_shipped_curves(name) for name in CURVES]
    if folder is not None:
        frames += [read_table(folder / name / "curves.csv") for name in UNSHIPPED_CURVES]
    return pd.concat(frames, ignore_index=True)[list(CURVE_COLUMNS)]


def openml_curves(folder: Path) -> pd.DataFrame:
    """Sixty error curves of LCDB 1.1, drawn at random: half of them took part in choosing laws, half in nothing.

    Parameters
    ----------
    folder : path
        Folder of lcdb/curves.csv (Yan, Mohr and Viering 2025, arXiv:2505.15657).
    """
    table = _openml(folder)
    half = {name: f"OpenML, {part}" for part, names in _halves(table).items() for name in names}
    return _varied(table[table["group"].isin(half)]).assign(domain=lambda rows: rows["group"].map(half))


def openml_development_curves(folder: Path) -> pd.DataFrame:
    """Sixty others, of which none is in the half that took part in nothing, and none in the public benchmark.

    Parameters
    ----------
    folder : path
        Folder of lcdb/curves.csv.
    """
    table = _openml(folder)
    untouched = {*_halves(table)["unseen"], *lcdb.drawn(table)}
    names = sorted(set(table["group"]) - untouched)
    chosen = np.random.default_rng(_DEVELOPMENT_SEED).choice(names, _DRAWN, replace=False)
    return _varied(table[table["group"].isin(chosen)]).assign(domain="OpenML")


_SEED, _DEVELOPMENT_SEED, _DRAWN = 20261130, 20261201, 60


def _openml(folder: Path) -> pd.DataFrame:
    table = read_table(folder / "lcdb" / "curves.csv").rename(columns={"error": "y", "error_se": "y_se"})
    table["y_se"] = np.hypot(table["y_se"], lcdb.ROUNDING)
    return table


def _halves(table: pd.DataFrame) -> dict[str, list[str]]:
    drawn = np.random.default_rng(_SEED).choice(sorted(table["group"].unique()), _DRAWN, replace=False)
    return {"seen": list(drawn[: _DRAWN // 2]), "unseen": list(drawn[_DRAWN // 2 :])}


def _varied(table: pd.DataFrame) -> pd.DataFrame:
    """Curves without errors of zero, and without those whose seen points are all alike, which teach no law."""
    table = table[table["y"] > 0]
    hidden = table["split"].eq("extrapolate").groupby(table["group"]).transform("any")
    return table[lcdb.varied(table, "y") & hidden].reset_index(drop=True)


def _series(name: str, table: Unshipped, path: Path) -> dict[str, Runs]:
    """Runs of each series of a table, by the name that a shipped table's would have."""
    frame = read_table(path)
    if table.run is not None:
        frame = frame.rename(columns={table.run: "run"})
    if table.group is None:
        return {name: Runs.from_frame(frame, source=name)}
    return {
        f"{name}:{group}": Runs.from_frame(rows.reset_index(drop=True), source=f"{name}:{group}")
        for group, rows in frame.groupby(table.group, sort=False)
    }


def _shipped_curves(name: str) -> pd.DataFrame:
    frame = read_table(root("datasets") / name / "runs.csv")
    if name == "double_descent":
        # The benchmark's own unit for these curves.
        frame["y"] /= frame["y"].where(frame["split"] == "fit").groupby(frame["group"]).transform("max")
    return frame
