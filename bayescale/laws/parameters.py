"""Parts of a law: its parameters with their priors, its inputs and settings, and published fits."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from types import ModuleType
from typing import Any

import numpy as np

from bayescale.basics.errors import LawError

Values = Mapping[str, Any]
"""Arrays or tensors by name: inputs (``N``, ``D`` ...) or parameters."""


IMPROPER = ("Flat", "HalfFlat")

FIXED = "Fixed"
"""Name of the distribution of a quantity that has one value for certain."""


RESERVED = frozenset({"alpha", "model", "group", "variable", "column", "sample", "chain", "draw", "run"})
"""Names that ArviZ or xarray use themselves, so no parameter may have them."""


@dataclass(frozen=True)
class Prior:
    """A prior given by its PyMC name and arguments, without importing PyMC.

    Parameters
    ----------
    distribution : str
        Name of a PyMC distribution, such as ``"LogNormal"``.
    **arguments : float
        Its arguments, with their PyMC names.

    Raises
    ------
    LawError
        If an argument is not a number.

    Examples
    --------
    >>> print(Prior("LogNormal", mu=-1.35, sigma=0.38))
    LogNormal(mu=-1.35, sigma=0.38)
    """

    distribution: str
    arguments: Mapping[str, float]

    def __init__(self, distribution: str, **arguments: float) -> None:
        for name, value in arguments.items():
            if not is_number(value):
                raise LawError(f"prior {distribution!s}: {name} is {value!r}: give a number")
        object.__setattr__(self, "distribution", distribution)
        object.__setattr__(self, "arguments", arguments)

    def __str__(self) -> str:
        if self.fixed:
            return f"{self.arguments['value']:.6g}"
        return f"{self.distribution}({', '.join(f'{k}={v:.4g}' for k, v in self.arguments.items())})"

    @property
    def fixed(self) -> bool:
        """Whether all its mass is on one value."""
        return self.distribution == FIXED

    @property
    def proper(self) -> bool:
        """Whether the prior integrates to one, so that it can replace missing runs."""
        return self.distribution not in IMPROPER


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A sampled parameter.

    Parameters
    ----------
    name : str
        Name in the posterior; ``alpha``, ``model``, ``group`` and a few others are reserved by ArviZ and refused.
    prior : Prior
    meaning : str
        Its meaning in one phrase.
    unit : str
        Unit, empty for a pure number.
    reason : str
        Why this prior.
    shift : callable, optional
        ``shift(xp, sampled)``: a positive function of the parameters before it; the prior applies to the parameter
        minus this function. A level that the runs determine precisely can then be a coordinate, while the prior stays
        on a part of it.
    arguments : callable, optional
        ``arguments(xp, sampled)``: arguments of the prior that depend on the parameters before it, as the prior of a
        group's value depends on the mean of all groups.
    scales : bool
        Whether the law's mean is proportional to it, other things being equal; its prior is LogNormal.
    on : str
        Quantity that the prior is on, if it is not the parameter itself: one that ``Law.derive`` computes from it.
        Given the parameters before it, the parameter then has the prior of that quantity by change of variables.
    follows : bool
        Whether the quantity ``on`` is sampled in place of the parameter, which follows from it.
    amounts_to : tuple of str and Prior, optional
        A derived quantity and its prior, if the prior of the parameter is that one by change of variables.
    within : tuple of float
        Range to which a prior that a user states is cut off, since what it is on can have no other values.
    domain : tuple of float
        Values that the parameter can have, if the prior is on another quantity.
    centred : bool
        Whether its logarithm is sampled relative to the rest of the law at the runs: for a parameter that scales the
        mean, so that its posterior does not depend on that of others.
    groups : tuple of str
        Names of the groups of runs for each of which it has a value, along its last axis; empty for a single value.
    vague : bool
        Whether the runs of a group say little about its value there: it is then sampled relative to the typical value,
        in units of the spread between groups, since its posterior depends on these two more than on the runs.

    Raises
    ------
    LawError
        If the name is reserved, or the prior is not a Prior.

    Examples
    --------
    >>> Parameter(name="alpha", prior=Prior("HalfNormal", sigma=1.0), meaning="exponent")
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.LawError: a parameter may not be called 'alpha': ArviZ uses that name; try 'alpha_N'
    """

    name: str
    prior: Prior
    meaning: str
    unit: str = ""
    reason: str = ""
    shift: Callable[[ModuleType, Values], Any] | None = None
    arguments: Callable[[ModuleType, Values], Mapping[str, Any]] | None = None
    scales: bool = False
    on: str = ""
    follows: bool = False
    amounts_to: tuple[str, Prior] | None = None
    within: tuple[float, float] = (-math.inf, math.inf)
    domain: tuple[float, float] = (-math.inf, math.inf)
    centred: bool = False
    groups: tuple[str, ...] = ()
    vague: bool = False

    def __post_init__(self) -> None:
        check_name("a parameter", self.name)
        if not isinstance(self.prior, Prior):
            raise LawError(
                f"parameter {self.name!r}: {self.prior!r} is not a Prior: write Prior('LogNormal', mu=0, sigma=1)"
            )
        if self.name in RESERVED:
            raise LawError(
                f"a parameter may not be called {self.name!r}: ArviZ uses that name; try {self.name + '_N'!r}"
            )


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A parameter that people report, computed from the sampled ones by ``Law.derive``."""

    name: str
    meaning: str
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Input:
    """A column that a law reads.

    Parameters
    ----------
    name, meaning, unit : str
    linear : float, optional
        For an input whose differences matter, such as a date: the difference over which model discrepancy changes as
        much as over a factor of e in other inputs, whose ratios matter.
    falls : bool
        Whether larger runs have less of it, as of the loss that a law of accuracy reads.
    constant : bool
        Whether all runs may have one value, so that priors alone say what another one would do.
    largest : bool
        Whether ``derive`` also needs the largest value of the fitted runs: ``centre["largest_x"]`` for an input ``x``.
    """

    name: str
    meaning: str
    unit: str
    linear: float | None = None
    falls: bool = False
    constant: bool = False
    largest: bool = False

    def coordinate(self, values: Any) -> Any:
        """Values on the scale on which model discrepancy is smooth, and which grows with the size of a run."""
        scaled = np.log(values) if self.linear is None else np.asarray(values) / self.linear
        return -scaled if self.falls else scaled


@dataclass(frozen=True, kw_only=True)
class Setting(Input):
    """A column that a law's mean reads, but along which runs do not become larger, such as a task's chance level.

    It may be the same for all runs; forecasts then use that value.

    Parameters
    ----------
    name, meaning, unit : str
    domain : {"positive", "fraction", "real"}
        Values that it can take.
    default : float, optional
        Value for tables without the column; without a default, the column is required.
    of_task : bool
        Whether it belongs to the task, so that a forecast must use the value of the runs.
    tuned : bool
        Whether it is chosen for each run, as a learning rate is: a forecast that leaves it out is of its best value,
        which ``Law.best_settings`` gives, and the law's mean must do without it.
    """

    domain: str = "positive"
    default: float | None = None
    of_task: bool = False
    tuned: bool = False


@dataclass(frozen=True, kw_only=True)
class PublishedFit:
    """Published values of a law's parameters, for comparison and tests; never used in a fit."""

    citation: str
    values: Mapping[str, float]
    standard_errors: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


GROUP_DIM = "group"
"""Dimension of parameters that have a value for each group of runs."""
GROUP = Setting(name="group_code", meaning="group of the run, counted from 0", domain="real", unit="")
PARAMETERS = Input(name="N", meaning="model parameters", unit="parameters")
TOKENS = Input(name="D", meaning="training tokens", unit="tokens")


DIMENSIONS = frozenset({"chain", "draw", "run"})


def is_number(value: Any) -> bool:
    """Whether a value is a real number; infinity is one, NaN is not."""
    return type(value) is not bool and isinstance(value, Real) and not math.isnan(value)


def check_name(kind: str, name: Any) -> None:
    """Refuse a name that cannot be the name of a group or variable in a file."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or "/" in name:
        raise LawError(f"{kind} may not be called {name!r}: give a short text, such as 'alpha_N'")
