"""What a table of runs is: its columns, units and counts, its design, what looks wrong, and what it can tell.

It gathers what reading and binding the table found, which every other command warns of too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayescale.basics.errors import BayescaleError, LawError, RunsError
from bayescale.basics.html import html_of
from bayescale.basics.quantities import format_quantity, with_unit
from bayescale.basics.wording import listed
from bayescale.data.candidates import default_laws, suited_laws
from bayescale.data.checks import observe
from bayescale.data.isoflops import isoflop_slices
from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.data.splitting import splits
from bayescale.data.sweeps import other_counts
from bayescale.data.tables import Frame
from bayescale.laws.law import Law

OTHER_COUNTS = "other counts of parameters"
"""Name of the fact that a table counts parameters in several ways."""
_DECADES = 1.5
"""Decades of compute below which a law's floor and exponents are hardly distinguished."""
_TOGETHER = 0.95
"""Correlation of log N and log D above which their parts in the loss are hardly distinguished."""


@dataclass(frozen=True, eq=False)
class Check:
    """What a table is, and what can be fitted to it.

    Attributes
    ----------
    runs : Runs
    facts : dict of str
        Counts and design, by what they are of.
    laws : tuple of str
        Laws that are fitted when none is named; empty if none suits.
    suited : tuple of str
        All laws that suit.
    reasons : dict of str
        Why other laws of the outcome do not, by law.
    warnings : tuple of str
        What looks wrong or needs an answer, of the table and of it with the laws that are fitted.
    untold : tuple of str
        What the table cannot tell.
    refusal : str
        Why no law is fitted unless one is named; empty if some are.

    Examples
    --------
    >>> from bayescale.data.datasets import load_runs
    >>> found = check(load_runs("chinchilla"))
    >>> found.laws, found.facts["rows"], found.warnings
    (('skaling', 'tied'), '240', ())
    """

    runs: Runs
    facts: dict[str, str]
    laws: tuple[str, ...]
    suited: tuple[str, ...]
    reasons: dict[str, str]
    warnings: tuple[str, ...]
    untold: tuple[str, ...]
    refusal: str = ""

    @property
    def columns(self) -> pd.DataFrame:
        """Range and unit of every column that is read; see :meth:`Runs.summary`."""
        return self.runs.summary()

    def to_dict(self) -> dict[str, Any]:
        """All of it, for programs; rows are counted from one."""
        columns = {
            row["column"]: {key: row[key] for key in ("unit", "min", "max", "decades")}
            for row in self.columns.to_dict("records")
        }
        counted, structure = self.runs.counted, self.runs.structure
        against, sweep, checkpoints = counted.against, structure.sweep, structure.checkpoints
        return {
            "table": self.runs.source,
            "outcome": self.runs.outcome,
            "rows": len(self.runs),
            "training_runs": len(np.unique(self.runs.clusters)),
            "columns": columns,
            "flops": counted.count.words,
            "table_over_6nd": None if against is None else against.quartiles,
            "rows_apart_from_6nd": [] if against is None else (against.apart + 1).tolist(),
            **_design(self.runs),
            "facts": dict(self.facts),
            "sweep": None
            if sweep is None
            else {
                "cells": len(sweep.sizes),
                "largest": int(sweep.sizes.max()),
                "settings": list(sweep.settings),
                "seeds": list(sweep.seeds),
                "other": list(sweep.other),
            },
            "checkpoints": None
            if checkpoints is None
            else {
                "told": checkpoints.told,
                "runs": int(checkpoints.run.max()) + 1,
                "after_schedule": None if checkpoints.ended is None else int(checkpoints.ended.sum()),
            },
            "laws": list(self.laws),
            "suited": list(self.suited),
            "reasons": dict(self.reasons),
            "refusal": self.refusal,
            "untold": list(self.untold),
            "warnings": list(self.warnings),
            "notes": list(self.runs.notes),
        }

    def __str__(self) -> str:
        shown = [f"{name}: {text}" for name, text in self.facts.items()]
        fitted = f"fitted when no law is named: {self.refusal or listed(self.laws)}"
        return "\n".join([str(self.runs.source), *shown, fitted, *self.untold, *self.warnings, *self.runs.notes])

    def _repr_html_(self) -> str:
        facts = {**self.facts, "fitted when no law is named": self.refusal or listed(self.laws)}
        table = pd.DataFrame({"what": list(facts), "value": list(facts.values())})
        return html_of(str(self.runs.source), table, self.warnings, [*self.untold, *self.runs.notes])


def check(runs: Frame | Runs) -> Check:
    """Say what a table is: columns and units, compute, design, sweeps, checkpoints, and what it can and cannot tell.

    Parameters
    ----------
    runs : Runs, DataFrame or mapping of columns

    Returns
    -------
    Check

    Examples
    --------
    >>> table = pd.DataFrame({"N": [1e8, 3e8, 1e9], "D": [2e9, 6e9, 2e10], "loss": [3.4, 3.0, 2.7]})
    >>> check(Runs.from_frame(table, source="a.csv")).facts["tokens per parameter"]
    '20, on 1 ray'
    """
    runs = Runs.of(runs)
    bound, refusal = _bound(runs)
    suited, reasons = suited_laws(runs)
    doubts = [text for each in bound for text in each.warnings]
    return Check(
        runs=runs,
        facts=dict(_facts(runs)),
        laws=tuple(each.law.name for each in bound),
        suited=tuple(law.name for law in suited),
        reasons=reasons,
        warnings=tuple(dict.fromkeys((*runs.warnings, *runs.counted.warnings, *doubts))),
        untold=tuple(_untold(runs, [each.law for each in bound])),
        refusal=refusal,
    )


def _bound(runs: Runs) -> tuple[list[Observed], str]:
    """Laws of the default mixture bound to the table, or why there are none."""
    try:
        laws, table = default_laws(runs)
        return [observe(law, table) for law in laws], ""
    except BayescaleError as error:
        return [], str(error)


def _facts(runs: Runs) -> Iterator[tuple[str, str]]:
    frame, structure = runs.frame, runs.structure
    yield "outcome", with_unit(runs.outcome, runs.outcome_unit)
    yield "rows", str(len(runs))
    if "C" in frame:
        yield "compute", f"{_source_of_compute(runs)}; {runs.compute_decades:.1f} decades of it"
    if {"N", "D"} <= set(frame.columns):
        ratio, rays = runs.column("D") / runs.column("N"), runs.n_rays
        ends = dict.fromkeys(format_quantity(float(end)) for end in (ratio.min(), ratio.max()))
        yield "tokens per parameter", f"{' to '.join(ends)}, on {rays} ray{'s' * (rays > 1)}"
        slices = _slices(runs)
        yield "isoFLOP slices", f"{len(slices)}" + (f", of {min(slices)} to {max(slices)} sizes" if slices else "")
    if others := other_counts(frame):
        yield OTHER_COUNTS, listed(others)
    if "group" in frame:
        sizes = frame["group"].astype(str).value_counts(sort=False)
        yield "groups", listed(f"{name} ({n} rows)" for name, n in sizes.items())
    if structure.sweep is not None:
        several = structure.sweep.sizes[structure.sweep.sizes > 1]
        yield (
            "rows of one N and D",
            f"{len(several)} of {len(structure.sweep.sizes)} pairs have "
            f"{' to '.join(dict.fromkeys(map(str, (several.min(), several.max()))))}, which differ in "
            f"{structure.sweep.varied}",
        )
    if structure.checkpoints is not None:
        known = structure.checkpoints
        runs_of_rows = f"{int(known.run.max()) + 1} training runs of up to {np.bincount(known.run).max()} rows"
        yield "checkpoints", runs_of_rows if known.told else f"perhaps {runs_of_rows}"


def _design(runs: Runs) -> dict[str, Any]:
    """Where the runs lie, in numbers."""
    frame = runs.frame
    both = {"N", "D"} <= set(frame.columns)
    groups = frame["group"].astype(str).value_counts(sort=False).to_dict() if "group" in frame else {}
    return {
        "compute_decades": runs.compute_decades if "C" in frame else None,
        "rays": runs.n_rays if both else None,
        "isoflop_slices": _slices(runs) if both else [],
        "groups": groups,
        "other_counts": list(other_counts(frame)),
    }


def _source_of_compute(runs: Runs) -> str:
    """Where column C comes from, and how it compares."""
    counted = runs.counted
    if "C" in counted.derived:
        return counted.count.words
    if counted.against is None:
        return "the table's C"
    if counted.against.agrees:
        return "the table's C, which is 6 N D in all rows"
    return f"{counted.count.words}, while the table's C is {counted.against.shown} times 6 N D"


def _slices(runs: Runs) -> list[int]:
    """Numbers of sizes of the isoFLOP slices."""
    sizes = runs.column("N")
    return [len(np.unique(sizes[rows])) for rows in isoflop_slices(runs)]


def _untold(runs: Runs, laws: list[Law]) -> Iterator[str]:
    frame = runs.frame
    sizes = [name for name in ("N", "D") if name in frame]
    for name in sizes:
        if frame[name].min() == frame[name].max():
            yield f"what more {name} brings: every run has {name} = {format_quantity(frame[name].iloc[0])}"
    if len(sizes) == 2 and runs.n_rays > 1 and _correlated(frame):
        yield "how the loss divides between N and D, and so N*: they grow together in all runs"
    if len(sizes) == 2 and runs.n_rays == 1:
        yield "how the loss divides between N and D, and so N*: all runs have the same tokens per parameter"
    if "C" in frame and runs.compute_decades < _DECADES:
        yield f"a floor of the {runs.outcome} apart from its exponents: {runs.compute_decades:.1f} decades of compute"
    sweep = runs.structure.sweep
    if f"{runs.outcome}_se" not in frame and f"{runs.outcome}_n" not in frame and (sweep is None or not sweep.seeds):
        yield "the noise of a run, but for what the law leaves: no run is repeated, and no standard error given"
    try:
        splits(runs, size=Observed(laws[0], runs).size) if laws else None
    except (RunsError, LawError):
        yield "whether bands hold: a back-test hides the larger runs, and too few smaller ones would be left"


def _correlated(frame: pd.DataFrame) -> bool:
    logs = np.log(frame[["N", "D"]].to_numpy(dtype=np.float64))
    return bool(np.ptp(logs, axis=0).min() > 0 and np.corrcoef(logs.T)[0, 1] > _TOGETHER)
