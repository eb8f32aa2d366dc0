"""Checks of runs against a law: errors that prevent a fit, and warnings that make it doubtful."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from bayescale.basics.errors import LawError
from bayescale.basics.quantities import format_quantity
from bayescale.data.guessing import guessing_doubts
from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.data.steps import first_runs
from bayescale.data.suspicions import FEW
from bayescale.data.tables import FloatArray, missing_column, refuse
from bayescale.laws.law import Law
from bayescale.laws.steps import TwoSteps

_ENOUGH_FOR_RANKS = 10


def observe(law: Law, runs: Runs) -> Observed:
    """Bind a law to runs, and check that they can inform it.

    Parameters
    ----------
    law : Law
    runs : Runs

    Returns
    -------
    Observed
        With the warnings of the table, and of the two together: fewer runs than parameters; all runs on one ray of
        tokens per parameter, or of one budget; larger runs that are no better.

    Raises
    ------
    RunsError
        If a column that the law reads is missing, or has invalid values.
    LawError
        If an input or the outcome has only one value, there are fewer runs than parameters and a prior is improper, or
        the law is in another unit than the runs.

    Examples
    --------
    >>> from bayescale import load_law
    >>> table = pd.DataFrame({"N": [7e7, 7e7], "D": [1e9, 2e9], "loss": [3.9, 3.6]})
    >>> observe(load_law("chinchilla"), Runs.from_frame(table))
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.LawError: DataFrame: every run has N = 70M: law 'chinchilla' needs at least two values of N
    """
    observed = Observed.of(law, runs)
    law = observed.law
    if isinstance(law, TwoSteps):
        steps = observe(law.first, first_runs(runs, law.first.outcome)), observe(law.second, runs)
        return replace(observed, warnings=tuple(dict.fromkeys(text for each in steps for text in each.warnings)))
    settings = tuple(setting.name for setting in law.settings if setting.default is None)
    needed = (*law.input_names, *settings, law.outcome)
    reader = f", which law {law.name!r} needs"
    refuse(missing_column(name, runs.frame.columns, runs.source, reader) for name in needed if name not in runs.frame)
    outcome, values = observed.outcome, observed.inputs
    fixed = [item for item in law.inputs if np.ptp(values[item.name]) == 0]
    for item in fixed:
        if not item.constant or len(fixed) == len(law.inputs):
            raise LawError(
                f"{runs.source}: every run has {item.name} = {format_quantity(values[item.name][0])}: "
                f"law {law.name!r} needs at least two values of {item.name}"
            )
    if np.ptp(outcome) == 0 and law.link.domain != "fraction":
        raise LawError(
            f"{runs.source}: every run has {law.outcome} = {format_quantity(outcome[0])}: law {law.name!r} cannot "
            "learn from it; check that this is the right column"
        )
    runs = observed.runs
    doubts = (
        *_fixed(law, runs, [item.name for item in fixed]),
        *_one_ray(law, runs),
        *_one_budget(law, runs),
        *_too_few_runs(law, runs),
        *guessing_doubts(law, runs),
        *_no_fall(law, runs),
        *_out_of_order(law, runs),
    )
    counted = runs.counted.warnings if {"N", "D"} <= set(law.input_names) else ()
    return replace(observed, warnings=(*_of_table(law, runs), *counted, *doubts))


def _of_table(law: Law, runs: Runs) -> Iterator[str]:
    """Warnings of the table, but for a sweep of settings that the law reads."""
    sweep = runs.structure.sweep
    read = {setting.name for setting in law.settings}
    known = sweep.warnings if sweep is not None and set(sweep.settings) <= read else ()
    return (text for text in runs.warnings if text not in known)


def check_mean(observed: Observed, drawn: Mapping[str, FloatArray]) -> None:
    """Check that a law's mean returns a number for each draw and run, as forecasts require.

    Parameters
    ----------
    observed : Observed
    drawn : mapping of array, shape (draw,) or (draw, group)
        Every parameter, sampled and derived; only a few draws are used.

    Raises
    ------
    LawError
        If the mean fails, or returns another shape.
    """
    law, n_runs = observed.law, len(observed)
    shape = (5 if n_runs != 5 else 6, n_runs)  # the lengths differ, so that a transposed result is noticed
    columns = {name: values[: shape[0]].reshape(shape[0], -1) for name, values in drawn.items()}
    with law.blamed("mean"), np.errstate(all="ignore"):
        found = np.asarray(law.mean(np, observed.inputs, columns), dtype=float)
        broadcast = np.broadcast_shapes(found.shape, shape)
    if broadcast != shape:
        raise law.fault(
            f"mean returns values of shape {found.shape} for {shape[0]} draws and {shape[1]} runs, not {shape}"
        )


def _fixed(law: Law, runs: Runs, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        value = format_quantity(float(runs.column(name)[0]))
        yield f"every run has {name} = {value}: only the priors say how {law.outcome} changes with {name}"


def _too_few_runs(law: Law, runs: Runs) -> Iterator[str]:
    free = len(law.parameters)
    if len(runs) >= free:
        return
    message = (
        f"{runs.source}: {len(runs)} run{'s' * (len(runs) > 1)} for the {free} free parameters of law {law.name!r}"
    )
    improper = [parameter.name for parameter in law.parameters if not parameter.prior.proper]
    if improper:
        raise LawError(f"{message}: add runs, or give {', '.join(improper)} a proper prior")
    yield f"{message}: the priors decide the rest"


def _one_ray(law: Law, runs: Runs) -> Iterator[str]:
    if {"N", "D"} <= set(law.input_names) and runs.n_rays == 1:
        ratio = float(np.median(runs.column("D") / runs.column("N")))
        shown = format_quantity(ratio)
        yield (
            f"all runs lie on one ray of D/N = {shown} tokens per parameter: only the sum of the two terms along it is "
            f"identified (A + B {shown}^-alpha if the exponents are equal); the prior decides how it divides, and so N*"
        )


_ONE_BUDGET = 1.3
"""Ratio of the largest to the smallest compute below which runs have one budget."""


def _one_budget(law: Law, runs: Runs) -> Iterator[str]:
    if not {"N", "D"} <= set(law.input_names) or len(runs) < _FEWEST_ON_BUDGET or runs.n_rays == 1:
        return
    compute = runs.column("C")
    if compute.max() < _ONE_BUDGET * compute.min():
        middle = format_quantity(float(np.median(compute)))
        yield (
            f"all runs have one budget of about {middle} FLOP: they show N* there at best, and hardly how N* and loss "
            "change with compute; the priors of exponents and of E decide that, so add runs of another budget"
        )


_FEWEST_ON_BUDGET = 3
"""Runs from which on a common budget is a design."""

_SIZES_APART = 2.0
"""Ratio of the largest to the smallest run above which losses are expected to fall."""


_ORDERED = {
    "loss": "losses",
    "error": "errors",
    "perplexity": "perplexities",
    "accuracy": "accuracies",
    "elo": "ratings",
}
"""Outcomes that all laws expect to improve with size, in the plural."""


def _no_fall(law: Law, runs: Runs) -> Iterator[str]:
    """Warn if larger runs are not better than smaller ones."""
    if law.outcome not in _ORDERED or len(runs) < _ENOUGH_FOR_RANKS:
        return
    size = np.log(law.size({name: runs.column(name) for name in law.input_names}))
    if np.ptp(size) < np.log(_SIZES_APART):
        return  # one isoFLOP slice, whose ranks depend on rounding
    ranks = pd.DataFrame({"size": size, "outcome": runs.column(law.outcome, law.link.domain)}).rank()
    correlation = float(ranks["size"].corr(ranks["outcome"]))
    if (-correlation if law.falls else correlation) <= 2 / np.sqrt(len(runs)):  # not of outcomes that are all equal
        grows = " and ".join(f"falling {item.name}" if item.falls else item.name for item in law.inputs)
        yield (
            f"{_ORDERED[law.outcome]} hardly {'fall' if law.falls else 'rise'} with {grows} "
            f"(rank correlation {correlation:.2f}), but every law expects them to: check that the columns are the "
            "right ones, and that nothing else was varied"
        )


_LARGEST_COMPARED = 2000
"""Largest number of runs that are compared pair by pair."""


_CONTRADICTED = 0.2
"""Share of comparable runs above which a run that contradicts them is reported; it is 0.17 or less in published tables
with few comparable pairs."""


_FEWEST_CONTRADICTED = 5


def _out_of_order(law: Law, runs: Runs) -> Iterator[str]:
    """Warn about a few runs that alone break the order of sizes and losses, as a size in another unit does.

    A fit does not show them, because runs far from all others determine it.
    """
    if law.outcome != "loss" or not set(law.input_names) <= {"N", "D", "C"} or len(runs) > _LARGEST_COMPARED:
        return
    sizes = np.stack([runs.column(name) for name in law.input_names])
    loss = runs.column("loss")
    larger = (sizes[:, :, None] >= sizes[:, None]).all(axis=0) & (sizes[:, :, None] > sizes[:, None]).any(axis=0)
    against = larger & (loss[:, None] > loss)
    comparable, contradicted = larger | larger.T, against | against.T
    counts = contradicted.sum(axis=1)
    odd = (counts >= _FEWEST_CONTRADICTED) & (counts > _CONTRADICTED * comparable.sum(axis=1))
    others = contradicted[~odd][:, ~odd].sum()
    if not 0 < odd.sum() <= max(1, FEW * len(runs)) or others > _CONTRADICTED * contradicted.sum():
        return
    for row in np.flatnonzero(odd):
        yield (
            f"row {row + 1}: its loss of {loss[row]:.3g} contradicts {counts[row]} of the {comparable[row].sum()} runs "
            f"that are larger or smaller in {' and '.join(law.input_names)}, and hardly any other run does: check its "
            "values and their units, or leave it out"
        )
