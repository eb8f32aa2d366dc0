"""Points at which a fit is asked for an outcome: inputs and settings, checked, with those that may be left out."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.errors import LawError
from bayescale.basics.quantities import numbers
from bayescale.data.compute import TABLE, Count
from bayescale.data.observed import Observed
from bayescale.data.tables import number_fault
from bayescale.laws.parameters import Input, Setting
from bayescale.posterior.ensembles import Posterior, members
from bayescale.posterior.fit import Fit

Array = NDArray[np.float64]


def checked_points(fit: Posterior | Sequence[Fit | Observed], inputs: Mapping[str, ArrayLike]) -> dict[str, Array]:
    """Inputs and settings of the laws at new points, of shape (point,).

    Settings that all runs share, or that are tuned, may be left out. Of N, D and C two give the third that a law reads,
    as compute of the runs is counted.

    Raises
    ------
    LawError
        If one is missing, unknown, not finite or outside its domain.
    """
    each = _laws_of(fit)
    read = {item.name: item for one in each for item in (*one.law.inputs, *one.law.settings)}
    shared = {name: value for one in each for name, value in shared_settings(one).items()}
    given = _with_third({**shared, **inputs}, set(read), each[0].runs.count)
    missing = [name for name, item in read.items() if name not in given and not _is_tuned(item)]
    unknown = [name for name in given if name not in read]
    if missing or unknown:
        wrong = [*(f"{name} is missing" for name in missing), *(f"{name} is not an input" for name in unknown)]
        laws = " and ".join(repr(one.law.name) for one in each)
        verb = "law {} takes" if len(each) == 1 else "laws {} take"
        raise LawError(f"{verb.format(laws)} {', '.join(read)}: {'; '.join(wrong)}")
    read = {name: item for name, item in read.items() if name in given}
    arrays = np.broadcast_arrays(*(numbers(name, given[name]) for name in read))
    points = {name: np.atleast_1d(values).ravel() for name, values in zip(read, arrays, strict=True)}
    for name, item in read.items():
        check_points(name, points[name], item.domain if isinstance(item, Setting) else "positive")
    return points


def _is_tuned(item: Input) -> bool:
    return isinstance(item, Setting) and item.tuned


def tuned_settings(fit: Fit, points: Mapping[str, Array]) -> dict[str, Array]:
    """Tuned settings that points leave out, at their best in each draw, each of shape (sample, point)."""
    if fit.law.best_settings is None:
        return {}
    given = {**shared_settings(fit), **points}
    best = fit.law.best_settings(given, fit.columns)
    return {name: np.asarray(values) for name, values in best.items() if name not in given}


def _with_third(given: dict[str, ArrayLike], read: set[str], count: Count) -> dict[str, ArrayLike]:
    """Inputs in which C stands for N or D, or N and D for C, by those that the laws read."""
    third = {"N", "D", "C"} - given.keys()
    own = count.rule == TABLE and not count.factor  # how the table's own C follows from N and D is not known
    if len(third) != 1 or not third <= read or own:
        return given
    (name,) = third
    known: dict[str, Array] = {key: numbers(key, given[key]) for key in ("N", "D", "C") if key in given}
    for key, values in known.items():
        check_points(key, np.atleast_1d(values).ravel(), "positive")
    kept = {key: value for key, value in given.items() if key in read or key not in known}
    return kept | {name: count.third(name, known)}


def check_task(fit: Posterior | Sequence[Fit | Observed], inputs: Mapping[str, ArrayLike]) -> None:
    """Check that a setting of the task, such as its chance level, has the same value as in the fit.

    Raises
    ------
    LawError
        If it has another value.
    """
    for one in _laws_of(fit):
        shared = shared_settings(one)
        for name in (each.name for each in one.law.settings if each.of_task and each.name in shared):
            asked = np.atleast_1d(numbers(name, inputs.get(name, shared[name])))
            if (other := asked[asked != shared[name]]).size:
                raise LawError(
                    f"{name} was {shared[name]:g} in the fit, and {other[0]:g} is asked for: a task has only one, so "
                    f"add a column {name} to the table and fit again"
                )


def _laws_of(fit: Posterior | Sequence[Fit | Observed]) -> Sequence[Fit | Observed]:
    """The laws with their runs, fitted or not."""
    return fit if isinstance(fit, Sequence) else list(members(fit).values())


def check_points(name: str, values: Array, domain: str) -> None:
    """Check the values of an input or setting at the points.

    Raises
    ------
    LawError
        If a value is not finite or outside the domain.
    """
    for row, value in enumerate(values, start=1):
        if fault := number_fault(domain, value):
            raise LawError(f"point {row}: {name} is {value:g}, but {fault}")


def shared_settings(fit: Fit | Observed) -> dict[str, float]:
    """Settings, and inputs that may be constant, that are the same for all fitted runs: the defaults of new runs."""
    may_be = (*fit.law.settings, *(item for item in fit.law.inputs if item.constant))
    values = {item.name: fit.inputs[item.name] for item in may_be}
    return {name: float(column[0]) for name, column in values.items() if np.ptp(column) == 0}
