"""Warnings about tables that can be read but look wrong."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale.basics.quantities import format_quantity
from bayescale.basics.wording import listed
from bayescale.data.names import OTHERS
from bayescale.data.tables import FloatArray
from bayescale.data.units import odd_ratio, thinned
from bayescale.laws.links import BY_RATIO

UNITS = {"N": "parameters", "D": "tokens", "U": "tokens", "C": "FLOP", "loss": "nats/token"}
NAMES = ("group", "model", "share", *OTHERS)
"""Columns that distinguish runs with equal numbers."""
_LARGEST_LOSS = 12.0
_SMALLEST_LOSS = 1.2
_USUAL = {"N": (1e4, 1e15), "D": (1e5, 1e18)}
"""Range of medians of parameters and tokens outside which the unit is hardly one."""
_GAP = 1000.0
"""Gap between a few runs and the rest above which a wrong unit is more likely than the design."""
_STATES = ("state", "status")
_UNFINISHED = ("crashed", "failed", "killed", "running", "preempted", "preempting", "scheduled", "pending")
_GUESSING = 10.0
"""Loss of a model that guesses among twenty thousand tokens."""
_ODD_LOSSES = (0.5, 1.5)
"""Losses over those by the Chinchilla law (Hoffmann et al. 2022, arXiv:2203.15556) that vocabularies do not explain."""
FEW = 0.1
"""Largest share of the runs that counts as few."""


def checked_columns(frame: pd.DataFrame, outcome: str) -> list[str]:
    """Columns of a table that must be numbers in a known range."""
    names = dict.fromkeys(("N", "D", "U", "C", outcome, f"{outcome}_se", f"{outcome}_n"))
    return [name for name in names if name in frame]


def doubts_of(frame: pd.DataFrame, outcome: str, domain: str, unit: str | None) -> Iterator[str]:
    """Warnings about what looks wrong in a table, one sentence each."""
    median = float(frame[outcome].median())
    in_nats = outcome == "loss" and unit in (None, UNITS["loss"])
    if in_nats and median > _LARGEST_LOSS:
        yield (
            f"column loss has median {median:.3g}: if it is perplexity, take its natural logarithm "
            "to get nats per token"
        )
    if in_nats and median < _SMALLEST_LOSS:
        yield (
            f"column loss has median {median:.3g}: if it is bits per byte, nats per token are ln 2 times it, "
            "divided by the tokens per byte of your tokenizer; or give its unit with unit='bits/byte'"
        )
    for name, (low, high) in _USUAL.items():
        if name in frame and not low <= (middle := float(frame[name].median())) <= high:
            yield (
                f"column {name} has median {format_quantity(middle)}: give {UNITS[name]} in ones, such as 7e9 or 7B "
                "for seven billion"
            )
    yield from _unfinished(frame)
    yield from odd_ratio(frame)
    if in_nats and _SMALLEST_LOSS <= median <= _LARGEST_LOSS:
        yield from _odd_losses(frame)
    for name in ("N", "D", *([outcome] if domain in BY_RATIO else [])):
        if name in frame:
            yield from far_from_the_rest(frame[name].to_numpy(), name)
    if {f"{outcome}_n", f"{outcome}_se"} <= set(frame.columns):
        yield f"columns {outcome}_n and {outcome}_se both give the precision of {outcome}: {outcome}_n is used"
    yield from repeated_runs(frame, checked_columns(frame, outcome))


def _unfinished(frame: pd.DataFrame) -> Iterator[str]:
    """Warn about rows that a tracker says did not finish, but that have an outcome."""
    for name in frame.columns:
        if str(name).lower() not in _STATES:
            continue
        states = frame[name].astype(str).str.strip().str.lower()
        rows = np.flatnonzero(states.isin(_UNFINISHED)) + 1
        if len(rows):
            found = listed(sorted(set(states.iloc[rows - 1])))
            yield (
                f"column {name}, row{'s' * (len(rows) > 1)} {listed(rows)}: {found}: their outcome is not that of a "
                "finished run, so leave them out unless it is"
            )


def _odd_losses(frame: pd.DataFrame) -> Iterator[str]:
    """Warn where losses are far from those of published runs of such N and D."""
    if not {"N", "D"} <= set(frame.columns):
        return
    few = thinned(frame)
    usual = 1.69 + 406.4 / few["N"] ** 0.34 + 410.7 / few["D"] ** 0.28
    ratio = float((few["loss"] / usual.clip(upper=_GUESSING)).median())
    if not _ODD_LOSSES[0] <= ratio <= _ODD_LOSSES[1]:
        yield (
            f"column loss is {ratio:.2g} times what published runs of these N and D reached (median): check the units "
            "of all three, and that loss is in nats per token, not perplexity or bits per byte"
        )


def repeated(keys: pd.DataFrame) -> NDArray[np.intp]:
    """Rows that equal an earlier one, counted from zero; sorted hashes quickly rule them out in a large table."""
    hashes = pd.util.hash_pandas_object(keys, index=False).to_numpy()
    ordered = np.sort(hashes)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(again):
        return np.array([], dtype=np.intp)
    candidates = np.flatnonzero(np.isin(hashes, again))
    return np.asarray(candidates[keys.iloc[candidates].duplicated().to_numpy()])


def far_from_the_rest(values: FloatArray, name: str) -> Iterator[str]:
    """Warn about a few smallest or largest values that a gap separates from all others."""
    order = np.argsort(values)
    most = int(FEW * len(values))
    for ranked in (order, order[::-1]):
        steps = np.abs(np.diff(np.log(values[ranked[: most + 1]])))
        if steps.max(initial=0.0) > np.log(_GAP):
            rows = np.sort(ranked[: steps.argmax() + 1])
            yield (
                f"column {name}, row{'s' * (len(rows) > 1)} {listed(rows + 1)}: "
                f"{listed(format_quantity(value) for value in values[rows])}, a factor of {np.exp(steps.max()):.2g} "
                "from all other runs: check the unit, or leave out diverged runs"
            )


def repeated_runs(frame: pd.DataFrame, compared: list[str]) -> Iterator[str]:
    """Warn about rows that equal earlier ones."""
    if len(compared) == 1:
        return  # the outcome alone does not distinguish runs
    names = {name: frame[name].astype(str) for name in NAMES if name in frame}
    keys = pd.DataFrame({**{name: frame[name] for name in compared}, **names}, copy=False)
    rows = repeated(keys) + 1
    if len(rows):
        yield (
            f"repeated rows: {listed(rows)} ({len(rows)} of {len(frame)}) equal earlier ones in "
            f"{', '.join(keys.columns)}: leave out those that are copies"
        )
