"""What new runs are to teach: the loss of a run, the best run at a budget, or which law holds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.errors import LawError
from bayescale.basics.quantities import format_quantity, number
from bayescale.posterior.ensembles import Ensemble, Posterior, first_fit, reach_of
from bayescale.posterior.forecasting import checked_points

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LossAt:
    """The expected loss of one run or of several: what to ask :func:`next_runs` for.

    Parameters
    ----------
    N, D : array_like, shape (point,) or scalar
        Parameters and tokens; they broadcast against each other.

    Examples
    --------
    >>> LossAt(N=70e9, D=1.4e12).N
    70000000000.0
    """

    N: ArrayLike
    D: ArrayLike


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


def checked_target(fit: Posterior, target: Target) -> Asked:
    """What is asked of new runs, checked against the fit."""
    first = first_fit(fit)
    if isinstance(target, LossAt):
        points = checked_points(first, {"N": target.N, "D": target.D})
        if not len(points["N"]):
            raise LawError("LossAt holds no point: give N and D of one run or more")
        places = "; ".join(
            f"N = {format_quantity(n)}, D = {format_quantity(d)}" for n, d in zip(points["N"], points["D"], strict=True)
        )
        law = first.law
        return Asked(target, f"{law.outcome} at {places}", law.scale_unit, float(reach_of(first, points).max()), points)
    if isinstance(target, OptimumAt):
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
        name = f"which law is right, of {', '.join(fit.members)}"
        return Asked(target, name, "probability", float(fit.weights["horizon"].max()), {})
    raise LawError(f"unknown target {target!r}: ask for LossAt(N, D), OptimumAt(C) or WhichLaw()")
