"""The class of scaling laws: a mean function of inputs and parameters, with priors, a citation and published values.

A law has two functions: ``mean`` is the textbook formula in the parameters that people report (``A``, ``alpha_N`` ...),
and ``derive`` computes these from the sampled parameters, which are chosen so that the posterior is nearly round. The
same code serves the PyMC graph (``xp = pytensor.tensor``) and NumPy forecasts.
"""

import functools
import inspect
import math
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.errors import BayescaleError, LawError, described
from bayescale.basics.quantities import check_unit
from bayescale.laws.links import LOG, Link
from bayescale.laws.parameters import (
    DIMENSIONS,
    Derived,
    Input,
    Parameter,
    Prior,
    PublishedFit,
    Setting,
    Values,
    check_name,
    is_number,
)


def _nothing_derived(xp: ModuleType, sampled: Values, centre: Values) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True, eq=False)
class Law:
    """A scaling law: how the expected outcome depends on the inputs, and priors on its parameters.

    Parameters
    ----------
    name, title, formula, citation : str
    decision, failure : str
        One sentence each: the decision that it supports and where it is known to fail.
    inputs : tuple of Input
        Columns the mean function reads; each needs at least two distinct values in the runs.
    settings : tuple of Setting
        Further columns that the mean function reads.
    outcome, outcome_unit : str
        Column that is predicted. :meth:`in_unit` changes the unit of a law of a loss, or of an outcome without a
        unit.
    in_outcome_unit : tuple of str
        Names of parameters, sampled or derived, that have the outcome's unit, for a law whose unit comes from the runs.
    link : Link
        Scale on which noise and model discrepancy add to the mean: ``LOG`` for positive outcomes, ``LOGIT`` for
        fractions, ``IDENTITY`` for outcomes without bounds.
    scatter : float
        Expected size of the noise on the link's scale: the median of the prior of its standard deviation.
    parameters : tuple of Parameter
        Sampled parameters with their priors.
    derived : tuple of Derived
        Parameters that ``derive`` returns.
    mean : callable
        ``mean(xp, x, p)``: expected outcome. ``xp`` is ``numpy`` or ``pytensor.tensor``; ``x`` holds inputs and
        settings, ``p`` all parameters, sampled and derived; the arrays broadcast against each other.
    derive : callable, optional
        ``derive(xp, sampled, centre)``: the derived parameters as a dict; ``centre`` holds the geometric mean of each
        input over the fitted runs, at which the size of a term is sampled.
    optimum : callable, optional
        ``optimum(p, product)``: the N that minimises the mean where N * D = product; closed form.
    best_settings : callable, optional
        ``best_settings(x, p)``: the values of tuned settings at which the mean is best, for inputs ``x``, by name; a
        setting that ``x`` holds is taken as it is.
    published : tuple of PublishedFit
    falls : bool
        Whether lower outcomes are better, as for a loss.
    several_modes : bool
        Whether its posterior may be curved or have several modes, as where a break lies: sampling is then more
        thorough, and dearer.
    in_ensemble : bool
        Whether the ensemble ``"auto"`` contains it: the laws whose mixture predicted hidden larger runs best.
    second_step : bool
        Whether ``"auto"`` contains it as the second of two steps, after each law of the ensemble that predicts what it
        reads, where every run has that, too.
    fewest_runs : int
        Fewest runs with which ``"auto"`` takes it.
    asked_for : callable, optional
        ``asked_for(x, outcome)``: whether runs show what only such a law describes. The ensemble ``"auto"`` then
        consists of the laws that are asked for, and without such runs of those that ask nothing.
    priors : mapping of Prior
        Priors that a user states, by what they are on; ``with_beliefs`` of ``bayescale.laws.beliefs`` sets them.
    evidence : tuple of Evidence
        Evidence from elsewhere (``bayescale.laws.evidence``), set likewise.
    follows_from : str
        The law's own outcome, where ``as_law_of`` of ``bayescale.laws.following`` made it one of another.

    Raises
    ------
    LawError
        If two parameters share a name, or an argument is invalid.

    Examples
    --------
    >>> from bayescale.laws.parameters import PARAMETERS, Parameter, Prior
    >>> def mean(xp, x, p):
    ...     return p["floor"] + p["scale"] * power(xp, x["N"] / 1e9, -p["rate"])
    >>> law = Law(
    ...     name="sizes",
    ...     title="Loss against size",
    ...     formula="floor + scale (N/1e9)^-rate",
    ...     citation="an example",
    ...     inputs=(PARAMETERS,),
    ...     parameters=(
    ...         Parameter(name="floor", prior=Prior("LogNormal", mu=0.5, sigma=0.3), meaning="irreducible loss"),
    ...         Parameter(name="scale", prior=Prior("LogNormal", mu=0.0, sigma=1.0), meaning="reducible loss at 1B"),
    ...         Parameter(name="rate", prior=Prior("LogNormal", mu=-1.0, sigma=0.5), meaning="exponent"),
    ...     ),
    ...     mean=mean,
    ... )
    >>> law.mean(np, {"N": np.array([1e9, 16e9])}, {"floor": 1.5, "scale": 0.5, "rate": 0.25})
    array([2.  , 1.75])
    """

    name: str
    title: str
    formula: str
    citation: str
    decision: str = ""
    failure: str = ""
    inputs: tuple[Input, ...]
    settings: tuple[Setting, ...] = ()
    outcome: str = "loss"
    outcome_unit: str = "nats/token"
    in_outcome_unit: tuple[str, ...] = ()
    link: Link = LOG
    scatter: float = 0.004
    parameters: tuple[Parameter, ...]
    derived: tuple[Derived, ...] = ()
    mean: Callable[[ModuleType, Values, Values], Any]
    derive: Callable[[ModuleType, Values, Values], dict[str, Any]] = _nothing_derived
    optimum: Callable[[Values, Any], Any] | None = None
    best_settings: Callable[[Values, Values], dict[str, Any]] | None = None
    published: tuple[PublishedFit, ...] = ()
    falls: bool = True
    several_modes: bool = False
    in_ensemble: bool = False
    second_step: bool = False
    fewest_runs: int = 0
    asked_for: Callable[[Values, NDArray[np.float64]], bool] | None = None
    priors: Mapping[str, Prior] = field(default_factory=dict)
    evidence: tuple[Any, ...] = ()
    follows_from: str = ""

    def __post_init__(self) -> None:
        self._check_kinds()
        names = [item.name for item in (*self.inputs, *self.settings, *self._described)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise LawError(
                f"law {self.name!r} defines {', '.join(twice)} more than once: each name may appear only once"
            )
        self._check_level()

    def _check_level(self) -> None:
        scaling = [item for item in self.parameters if item.scales]
        if len(scaling) > 1:
            raise LawError(f"law {self.name!r}: {len(scaling)} parameters scale its mean: at most one may do so")
        if not scaling:
            return
        (level,) = scaling
        if level.prior.distribution != "LogNormal" or level.shift is not None or level.arguments is not None:
            raise LawError(
                f"law {self.name!r}: {level.name} scales its mean, so its prior must be a LogNormal without shift or "
                f"arguments, not {level.prior}"
            )
        if not self.link.relative:
            raise LawError(
                f"law {self.name!r}: {level.name} scales its mean, so its link must be LOG: change one of them"
            )

    def _check_kinds(self) -> None:
        check_name("a law", self.name)
        check_name("an outcome", self.outcome)
        for name, kind in _MEMBERS.items():
            found = getattr(self, name)
            if not isinstance(found, Sequence) or not all(isinstance(item, kind) for item in found):
                raise LawError(f"law {self.name!r}: {name} is not a tuple of {kind.__name__}: write {name}=(...,)")
        for item in (*self.inputs, *self.settings):
            check_name("an input", item.name)
            if item.name in DIMENSIONS:
                raise LawError(f"law {self.name!r}: an input may not be called {item.name!r}, which is a dimension")
        for name in ("inputs", "parameters"):
            if not getattr(self, name):
                raise LawError(f"law {self.name!r}: has no {name}: a law needs at least one")
        tuned = any(item.tuned for item in self.settings)
        callables = {"mean": True, "derive": True, "optimum": False, "best_settings": tuned, "asked_for": False}
        for name, needed in callables.items():
            if (needed or getattr(self, name) is not None) and not callable(getattr(self, name)):
                raise LawError(f"law {self.name!r}: {name} is {getattr(self, name)!r}: give a function")
        if not isinstance(self.link, Link):
            raise LawError(f"law {self.name!r}: link is {self.link!r}: give LOG, LOGIT or IDENTITY of bayescale.links")
        if not is_number(self.scatter) or not 0 < self.scatter < math.inf:
            raise LawError(f"law {self.name!r}: scatter is {self.scatter!r}: give a number above zero")
        unknown = [name for name in self.in_outcome_unit if name not in self.units]
        if unknown:
            raise LawError(f"law {self.name!r}: in_outcome_unit names {', '.join(unknown)}: name parameters of the law")

    @property
    def file(self) -> str:
        """File that defines its mean function; empty if unknown."""
        return str(getattr(getattr(inspect.unwrap(self.mean), "__code__", None), "co_filename", ""))

    @contextmanager
    def blamed(self, what: str) -> Iterator[None]:
        """Convert exceptions of the law's own code or priors to an error that names its file and line.

        Raises
        ------
        LawError
        """
        try:
            yield
        except BayescaleError:
            raise
        except (Exception, SystemExit) as error:
            lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == self.file]
            raise self.fault(f"{what}: {described(error)}: correct the law", lines[-1] if lines else None) from error

    def fault(self, what: str, line: int | None = None) -> LawError:
        """An error that names the law and its place in the file."""
        place = "" if line is None else f", line {line}"
        return LawError(f"{self.file}{place}: law {self.name!r}: {what}".removeprefix(": "))

    @property
    def _described(self) -> tuple["Parameter | Derived", ...]:
        return (*self.parameters, *self.derived)

    @property
    def level(self) -> Parameter | None:
        """The sampled parameter that the mean is proportional to, or None."""
        return next((item for item in self.parameters if item.scales), None)

    @property
    def sign(self) -> float:
        """1 if lower outcomes are better, -1 if higher ones are."""
        return 1.0 if self.falls else -1.0

    @property
    def scale_unit(self) -> str:
        """Unit of the noise and of the model discrepancy: that of the scale on which they are added."""
        return self.outcome_unit if self.link.domain == "real" else f"{self.link.words} {self.outcome}"

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the columns along which runs become larger."""
        return tuple(item.name for item in self.inputs)

    @property
    def units(self) -> dict[str, str]:
        """Unit of every parameter, sampled and derived, by name."""
        return {item.name: item.unit for item in self._described}

    def in_unit(self, unit: str | None) -> "Law":
        """The law with its outcome, and everything that has the same unit, in the unit of the runs.

        No number is converted: only the name of the unit changes.

        Parameters
        ----------
        unit : str, optional
            None for the law's own unit.

        Returns
        -------
        Law
            The law itself in its own unit; for another unit the same object at every call, without published values in
            the law's own unit.

        Raises
        ------
        LawError
            If the law's outcome has its own unit, other than nats/token.
        QuantityError
            If the unit is not a short printable text.

        Examples
        --------
        >>> from bayescale import load_law
        >>> load_law("chinchilla").in_unit("bits/character").units["E"]
        'bits/character'
        >>> load_law("run_time").in_unit("hours")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        bayescale.basics.errors.LawError: law 'run_time' predicts seconds in s, not in hours: convert the table, ...
        """
        if unit is None or unit == self.outcome_unit:
            return self
        check_unit(unit)
        return _in_unit(self, unit)

    def located(self, inputs: Values) -> NDArray[np.float64]:
        """Points on the scales on which model discrepancy is smooth, shape (..., input); the inputs broadcast."""
        return np.stack(np.broadcast_arrays(*(item.coordinate(inputs[item.name]) for item in self.inputs)), axis=-1)

    def size(self, inputs: Values) -> NDArray[np.float64]:
        """Sizes of runs as far as the inputs tell, of which ratios matter: their product, if all grow by ratios."""
        return np.asarray(np.exp(np.clip(self.located(inputs).sum(axis=-1), -_LARGEST_LOG_SIZE, _LARGEST_LOG_SIZE)))

    def all_parameters(self, sampled: Values, centre: Values) -> dict[str, Any]:
        """Sampled and derived parameters together, in NumPy."""
        return {**sampled, **self.derive(np, sampled, centre)}


_FREE_UNITS = ("nats/token", "")
"""Outcome units that a table may replace with its own."""

_LAWS_KEPT = 256

_LARGEST_LOG_SIZE = 690.0
"""Log of the largest size of a run that a float can hold, and minus that of the smallest."""


@functools.lru_cache(maxsize=_LAWS_KEPT)
def _in_unit(law: Law, unit: str) -> Law:
    """A copy of a law in another unit; cached, because compiled code is cached by the identity of the law."""
    own = law.outcome_unit
    if own not in _FREE_UNITS:
        raise LawError(
            f"law {law.name!r} predicts {law.outcome} in {own}, not in {unit}: convert the table, or leave the unit out"
        )

    def renamed(item: Any) -> Any:
        if item.name in law.in_outcome_unit:
            return replace(item, unit=unit)
        return replace(item, unit=item.unit.replace(own, unit)) if own and own in item.unit else item

    parameters, derived = (tuple(map(renamed, items)) for items in (law.parameters, law.derived))
    kept = {item.name for item in (*parameters, *derived) if item.unit == law.units[item.name]}
    published = tuple(filter(None, (_published(each, kept) for each in law.published)))
    return replace(law, outcome_unit=unit, parameters=parameters, derived=derived, published=published)


def _published(fit: PublishedFit, names: Set[str]) -> PublishedFit | None:
    """The part of a published fit that concerns some parameters."""
    parts = (fit.values, fit.standard_errors)
    values, errors = ({name: value for name, value in part.items() if name in names} for part in parts)
    return replace(fit, values=values, standard_errors=errors) if values else None


_MEMBERS: Mapping[str, type] = {
    "inputs": Input,
    "settings": Setting,
    "parameters": Parameter,
    "derived": Derived,
    "published": PublishedFit,
}


def power(xp: ModuleType, base: Any, exponent: Any) -> Any:
    """``base ** exponent`` for positive bases, through the logarithm.

    For many draws of the exponent on the same runs this needs one logarithm per run and one exponential per draw and
    run, about half the time of a general power.
    """
    return xp.exp(exponent * xp.log(base))
