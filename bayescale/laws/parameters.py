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


RESERVED = frozenset({"alpha", "model", "group", "variable", "column", "sample", "chain", "draw", "run"})
"""Names that ArviZ or xarray use themselves, so that no parameter may carry them."""


@dataclass(frozen=True)
class Prior:
    """A prior by its PyMC name and arguments, written down without importing PyMC.

    Parameters
    ----------
    distribution : str
        Name of a PyMC distribution, such as ``"LogNormal"``.
    **arguments : float
        Its arguments by their PyMC names.

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
        return f"{self.distribution}({', '.join(f'{k}={v:.4g}' for k, v in self.arguments.items())})"

    @property
    def proper(self) -> bool:
        """Whether the prior integrates to one, and so can stand in for missing runs."""
        return self.distribution not in IMPROPER


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A sampled parameter.

    Parameters
    ----------
    name : str
        Name in the posterior; ``alpha``, ``model``, ``group`` and a few others are taken by ArviZ and refused.
    prior : Prior
    meaning : str
        What it is, in one phrase.
    unit : str
        Unit, empty for a pure number.
    reason : str
        Why this prior.
    shift : callable, optional
        ``shift(xp, sampled)``: the prior is that of the parameter minus this positive function of the parameters that
        stand before it. A level that the runs fix tightly can so be a coordinate of its own, while the prior stays on
        the part of it that is believed in.
    arguments : callable, optional
        ``arguments(xp, sampled)``: those arguments of the prior that depend on the parameters that stand before it, as
        a group's value does on the mean of all groups.
    scales : bool
        Whether the law's mean is proportional to it, all else being equal; its prior is LogNormal.

    Raises
    ------
    LawError
        If the name is taken, or the prior is none.

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

    def __post_init__(self) -> None:
        check_name("a parameter", self.name)
        if not isinstance(self.prior, Prior):
            raise LawError(
                f"parameter {self.name!r}: its prior is {self.prior!r}: write Prior('LogNormal', mu=0, sigma=1)"
            )
        if self.name in RESERVED:
            raise LawError(
                f"a parameter may not be called {self.name!r}: ArviZ uses that name; try {self.name + '_N'!r}"
            )


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A parameter that people report, computed from the sampled ones by :attr:`Law.derive`."""

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
        For an input that counts by its differences, such as a date: the difference over which a law's error changes as
        it does over a factor of e of other inputs, which count by their ratios.
    """

    name: str
    meaning: str
    unit: str
    linear: float | None = None

    def coordinate(self, values: Any) -> Any:
        """Where values lie on the scale on which a law's error is smooth."""
        return np.log(values) if self.linear is None else np.asarray(values) / self.linear


@dataclass(frozen=True, kw_only=True)
class Setting(Input):
    """A column that a law's mean reads, and that is no direction in which runs grow, such as a task's chance level.

    It may be the same for all runs, and forecasts take it from them then.

    Parameters
    ----------
    name, meaning, unit : str
    domain : {"positive", "fraction", "real"}
        Values that it can take.
    default : float, optional
        What tables without the column have; without it the column is needed.
    of_task : bool
        Whether it belongs to the task, so that a forecast takes what the runs have.
    """

    domain: str = "positive"
    default: float | None = None
    of_task: bool = False


@dataclass(frozen=True, kw_only=True)
class PublishedFit:
    """Values that somebody published for a law, for comparison and tests; never used in a fit."""

    citation: str
    values: Mapping[str, float]
    standard_errors: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


GROUP = Setting(name="group_code", meaning="group that a run belongs to, counted from 0", domain="real", unit="")
PARAMETERS = Input(name="N", meaning="model parameters", unit="parameters")
TOKENS = Input(name="D", meaning="training tokens", unit="tokens")


DIMENSIONS = frozenset({"chain", "draw", "run"})


def is_number(value: Any) -> bool:
    """Whether a value is a real number, infinite ones among them."""
    return type(value) is not bool and isinstance(value, Real) and not math.isnan(value)


def check_name(kind: str, name: Any) -> None:
    """Refuse a name that no group or variable of a file can carry."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or "/" in name:
        raise LawError(f"{kind} may not be called {name!r}: give a short text, such as 'alpha_N'")
