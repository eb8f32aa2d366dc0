"""Sweeps: several rows of one N and D that differ in the learning rate, the batch or the seed."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale.basics.wording import listed

Array = NDArray[np.float64]

_SEEDS = frozenset({"seed", "randomseed", "rngseed", "dataseed", "initseed", "modelseed", "replicate", "trial"})
_SETTINGS = frozenset(
    {
        *("lr", "learningrate", "peaklr", "maxlr", "minlr", "finallr", "baselr", "peaklearningrate", "maxlearningrate"),
        *("batch", "batchsize", "bs", "globalbatch", "globalbatchsize", "batchtokens", "tokensperbatch"),
        *("warmup", "warmupsteps", "warmuptokens", "warmupratio", "schedule", "lrschedule", "scheduler"),
        *("weightdecay", "wd", "beta1", "beta2", "adambeta1", "adambeta2", "epsilon", "adamepsilon", "momentum"),
        *("optimizer", "optimiser", "dropout", "gradclip", "clipnorm", "initstd", "initscale"),
    }
)
RISING = frozenset({"accuracy", "elo", "performance"})
"""Outcomes of which more is better."""
_CELL = ("N", "U", "x", "group")
"""Columns beside D by whose values runs are of one cell."""
_SAME = 0.01
"""Share by which tokens of one cell may differ, as multiples of several batch sizes do."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """Rows that are of one N and D each, and what differs between them.

    Attributes
    ----------
    cells : array, shape (run,)
        Code of the N and D of each row, in the order of their first rows.
    settings, seeds : tuple of str
        Columns that differ within a cell: what was tuned, and what only repeats a run.
    other : tuple of str
        Further columns that differ within a cell.
    exact : bool
        Whether rows of a cell have the very same tokens or compute.
    """

    cells: NDArray[np.int64]
    settings: tuple[str, ...]
    seeds: tuple[str, ...]
    other: tuple[str, ...] = ()
    exact: bool = True

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of rows of each cell."""
        return np.bincount(self.cells)

    @property
    def varied(self) -> str:
        """What differs within a cell, for people to read."""
        named = (*self.settings, *self.seeds, *self.other)
        return listed(named) if named else "nothing but their outcome"

    @property
    def only_repeats(self) -> bool:
        """Whether rows of a cell differ in nothing but their seed and what came out."""
        return not (self.settings or self.other) and (self.exact or bool(self.seeds))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of a table that is fitted with all rows of a sweep."""
        if self.only_repeats or not (self.settings or self.seeds):
            return ()
        several = self.sizes[self.sizes > 1]
        # A mean over what the law may read, such as experts, would be of nothing.
        cure = "; best_runs(runs) takes the best of each" if self.settings else ""
        return (
            f"{len(several)} of {len(self.sizes)} pairs of N and D have several rows (up to {several.max()}), which "
            f"differ in {self.varied}: each counts as a run of the law{cure}",
        )


def is_setting(name: str) -> bool:
    """Whether a column is of what is tuned or repeated, by its name.

    Examples
    --------
    >>> [is_setting(name) for name in ("lr", "optim/Peak-LR", "random_seed", "width")]
    [True, True, True, False]
    """
    return plain_name(name) in _SETTINGS | _SEEDS


def sweep_of(frame: pd.DataFrame, outcome: str) -> Sweep | None:
    """Rows of one N and D each; None if each has one row.

    Examples
    --------
    >>> table = pd.DataFrame({"N": [1e8, 1e8, 1e9], "D": [2e9] * 3, "lr": [1e-3, 2e-3, 1e-3], "loss": [3.0, 3.1, 2.7]})
    >>> found = sweep_of(table, "loss")
    >>> found.settings, found.sizes.tolist()
    (('lr',), [2, 1])
    """
    keys = {name: frame[name] for name in _CELL if name in frame}
    size = next((name for name in ("D", "C") if name in frame), None)
    if size is not None:
        keys["tokens"] = pd.Series(np.round(np.log(frame[size].to_numpy(dtype=np.float64)) / _SAME), frame.index)
    if not keys.keys() - {"group"}:
        return None
    table = pd.DataFrame(keys, copy=False)
    if not _repeats(table):
        return None
    cells: NDArray[np.int64] = np.asarray(table.groupby(list(keys), sort=False, dropna=False).ngroup(), dtype=np.int64)
    if int(cells.max()) + 1 == len(frame):
        return None
    skipped = {*keys, "D", "C", "C_table", "run", outcome, f"{outcome}_se", f"{outcome}_n"}
    varied = [name for name in map(str, frame.columns) if name not in skipped and _differs(frame[name], cells)]
    seeds = tuple(name for name in varied if plain_name(name) in _SEEDS)
    settings = tuple(name for name in varied if plain_name(name) in _SETTINGS)
    # Beside a column of seeds, names of rows say nothing; without one they may be of different recipes.
    other = tuple(n for n in varied if n not in {*seeds, *settings} and not (seeds and _names_rows(frame[n])))
    return Sweep(cells, settings, seeds, other, exact=size is None or not _differs(frame[size], cells))


def _repeats(keys: pd.DataFrame) -> bool:
    """Whether some rows may be equal; sorted hashes show sooner than groups that none is."""
    hashes = np.sort(pd.util.hash_pandas_object(keys, index=False).to_numpy())
    return bool((hashes[1:] == hashes[:-1]).any())


def other_counts(frame: pd.DataFrame) -> tuple[str, ...]:
    """Columns beside N that count the parameters otherwise, by their names.

    Examples
    --------
    >>> other_counts(pd.DataFrame(columns=["N", "D", "N_nonembedding", "params_active", "name"]))
    ('N_nonembedding', 'params_active')
    """
    found = [name for name in map(str, frame.columns) if name != "N" and _COUNTS.fullmatch(plain_name(name))]
    return tuple(name for name in found if frame[name].dtype.kind in "iufO")


_COUNTS = re.compile(
    r"n?(params|parameters|n|p)?(non|with|without|no)?(emb|embed|embedding|embeddings|active|total)+"
    r"(params|parameters|n)?"
)


def _differs(values: "pd.Series[Any]", cells: NDArray[np.int64]) -> bool:
    """Whether a column has several values in some cell."""
    # Numbers are compared as they are: their codes take long, and much memory, for millions of them.
    codes = values.to_numpy() if values.dtype.kind in "iuf" else pd.factorize(values, use_na_sentinel=False)[0]
    first = np.zeros(cells.max() + 1, dtype=np.intp)
    first[cells[::-1]] = np.arange(len(cells))[::-1]
    others = codes[first[cells]]
    return bool(((codes != others) & ~(pd.isna(codes) & pd.isna(others))).any())


def _names_rows(values: "pd.Series[Any]") -> bool:
    """Whether a column holds a different name for each row."""
    return values.dtype.kind not in "biuf" and values.is_unique


def plain_name(name: str) -> str:
    """The last part of a name, in small letters and without separators."""
    return re.sub(r"[^a-z0-9]", "", re.split(r"[/.]", name)[-1].lower())
