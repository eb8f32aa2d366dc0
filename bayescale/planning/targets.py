"""What new runs are to teach: the loss of a run, the best run at a budget, or which law holds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.errors import LawError
from bayescale.basics.quantities import format_quantity, number
from bayescale.basics.wording import in_a_row, listed
from bayescale.laws.law import Law
from bayescale.laws.steps import TwoSteps
from bayescale.planning.allocation import two_inputs
from bayescale.posterior.ensembles import Ensemble, Posterior, first_fit, members, reach_of
from bayescale.posterior.points import checked_points

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, init=False)
class LossAt:
    """The expected outcome of one run or of several: what to ask :func:`next_runs` for.

    Parameters
    ----------
    **inputs : array_like, shape (point,) or scalar
        The law's inputs by name, such as ``N`` (parameters) and ``D`` (tokens); they broadcast against each other.

    Examples
    --------
    >>> LossAt(N=70e9, D=1.4e12).inputs["N"]
    70000000000.0
    """

    inputs: Mapping[str, ArrayLike]

    def __init__(self, **inputs: ArrayLike) -> None:
        object.__setattr__(self, "inputs", inputs)


@dataclass(frozen=True)
class OptimumAt:
    """The compute-optimal size N* at a budget: what to ask :func:`next_runs` for.

    Parameters
    ----------
    C : float
        FLOP.

    Examples
    --------
    >>> OptimumAt(5.76e23)
    OptimumAt(C=5.76e+23)
    """

    C: float | str


@dataclass(frozen=True)
class WhichLaw:
    """Which law of an ensemble is right: what to ask :func:`next_runs` for.

    Examples
    --------
    >>> WhichLaw() == WhichLaw()
    True
    """


type Target = LossAt | OptimumAt | WhichLaw


@dataclass(frozen=True)
class Asked:
    """A target that has been checked: its name and unit, where it is, and how far ahead of the runs."""

    target: Target
    name: str
    unit: str
    reach: float
    points: Mapping[str, Array]


def check_one_step(law: Law) -> None:
    """Check that a law has one step: what a run teaches about two discrepancies at once is not computed.

    Raises
    ------
    LawError
        If it has two.
    """
    if isinstance(law, TwoSteps):
        raise LawError(
            f"law {law.name!r} has two steps, and what new runs teach is computed for one: ask with law "
            f"{law.first.name!r} of the {law.first.outcome}, or with laws of {law.outcome} in one step"
        )


def checked_target(fit: Posterior, target: Target) -> Asked:
    """What is asked of new runs, checked against the fit."""
    for member in members(fit).values():
        check_one_step(member.law)
    first = first_fit(fit)
    if isinstance(target, LossAt):
        law = first.law
        points = checked_points(fit, target.inputs)
        columns = [points[name] for name in law.input_names]
        if not len(columns[0]):
            raise LawError(f"LossAt holds no point: give {listed(law.input_names)} of one run or more")
        places = "; ".join(
            ", ".join(f"{name} = {format_quantity(value)}" for name, value in zip(law.input_names, point, strict=True))
            for point in zip(*columns, strict=True)
        )
        return Asked(target, f"{law.outcome} at {places}", law.scale_unit, float(reach_of(first, points).max()), points)
    if isinstance(target, OptimumAt):
        two_inputs(first.law, question="N*")
        budget = number("C", target.C)
        if not (np.isfinite(budget) and budget > 0):
            raise LawError(f"target compute {budget:g} FLOP: must be a finite number above zero")
        compute = {"C": np.array([budget])}
        name = f"N* at {format_quantity(budget)} FLOP"
        return Asked(OptimumAt(budget), name, "log parameters", float(reach_of(first, compute)[0]), compute)
    if isinstance(target, WhichLaw):
        if not isinstance(fit, Ensemble):
            raise LawError(
                f"which law is right is asked of several, not of law {first.law.name!r} alone: fit law='auto'"
            )
        name = f"which law is right, of {in_a_row(fit.members)}"
        return Asked(target, name, "probability", float(fit.weights["horizon"].max()), {})
    raise LawError(f"unknown target {target!r}: ask for LossAt(N=..., D=...), OptimumAt(C) or WhichLaw()")
