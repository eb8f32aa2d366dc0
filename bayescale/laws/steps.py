"""Laws in two steps: from a run to its loss by one law, and from that loss to the outcome by another.

The two share no parameter, so the posterior of both given the same runs is the product of two, each fitted alone.
"""

import functools
from collections.abc import Container
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from bayescale.basics.errors import LawError
from bayescale.laws.law import Law
from bayescale.laws.parameters import Derived, Parameter, Values

THEN = ", then "
"""Between the names of two steps, as in ``"tied, then accuracy_of_loss"``."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TwoSteps(Law):
    """Two laws in a row, as one law of the second's outcome in the first's inputs; :func:`two_steps` makes it.

    Its parameters are those of both. One of the first step whose name the second has too carries the name of what it is
    about, as ``sigma_loss``.

    Examples
    --------
    >>> from bayescale import load_law
    >>> law = two_steps(load_law("tied"), load_law("accuracy_of_loss"))
    >>> law.name, law.input_names, law.outcome
    ('tied, then accuracy_of_loss', ('N', 'D'), 'accuracy')
    """

    first: Law
    second: Law

    def named(self, name: str, taken: Container[str]) -> str:
        """What a parameter of the first step is called beside those of the second, whose names are taken."""
        return _named(name, self.first, taken)

    def of_first(self, values: Values) -> dict[str, Any]:
        """Values of the first law's parameters by its own names, from those of both."""
        return _own(values, _joint_names(self.first, self.second))


@functools.lru_cache(maxsize=256)
def two_steps(first: Law, second: Law) -> TwoSteps:
    """The law of two in a row; the same object at every call.

    Parameters
    ----------
    first, second : Law
        The second reads the outcome of the first, and nothing else but settings.

    Raises
    ------
    LawError
        If it does not, or if one of them has two steps itself.
    """
    for law in (first, second):
        if isinstance(law, TwoSteps):
            raise LawError(f"law {law.name!r} has two steps itself: give two laws of one step")
    check_second_step(second, first.outcome)
    names = _joint_names(first, second)

    def named(item: Any) -> Any:
        return replace(item, name=names[item.name])

    parameters: tuple[Parameter, ...] = tuple(
        replace(item, scales=False) for item in (*second.parameters, *map(named, first.parameters))
    )
    derived: tuple[Derived, ...] = (*second.derived, *map(named, first.derived))

    def mean(xp: ModuleType, x: Values, p: Values) -> Any:
        between = first.mean(xp, x, _own(p, names))
        return second.mean(xp, {**x, first.outcome: between}, p)

    def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
        found = first.derive(xp, _own(q, names), centre)
        return {**second.derive(xp, q, centre), **{names[name]: value for name, value in found.items()}}

    known = {item.name for item in first.settings}
    return TwoSteps(
        name=f"{first.name}{THEN}{second.name}",
        title=f"{first.title}, then {second.title}",
        formula=_formula(first, second),
        citation="; ".join(dict.fromkeys((first.citation, second.citation))),
        decision=second.decision,
        failure=" ".join(f"{text.rstrip('.')}." for text in (first.failure, second.failure) if text),
        inputs=first.inputs,
        settings=(*first.settings, *(item for item in second.settings if item.name not in known)),
        outcome=second.outcome,
        outcome_unit=second.outcome_unit,
        link=second.link,
        scatter=second.scatter,
        parameters=parameters,
        derived=derived,
        mean=mean,
        derive=derive,
        falls=second.falls,
        fewest_runs=max(first.fewest_runs, second.fewest_runs),
        follows_from=second.follows_from,
        first=first,
        second=second,
    )


def check_second_step(second: Law, outcome: str) -> None:
    """Check that a law can follow one of some outcome: that it reads this, and nothing else but settings.

    Raises
    ------
    LawError
        If it does not.
    """
    if second.input_names != (outcome,):
        raise LawError(
            f"law {second.name!r} reads {', '.join(second.input_names)}: a second step reads {outcome}, the outcome of "
            "the first, and nothing else"
        )


def _joint_names(first: Law, second: Law) -> dict[str, str]:
    """What each parameter of the first law is called beside those of the second."""
    return {name: _named(name, first, second.units) for name in first.units}


def _own(values: Values, names: dict[str, str]) -> dict[str, Any]:
    """Values of the first law's parameters by its own names."""
    return {name: values[ours] for name, ours in names.items() if ours in values}


def _named(name: str, first: Law, taken: Container[str]) -> str:
    return f"{name}_{first.outcome}" if name in taken else name


def _formula(first: Law, second: Law) -> str:
    """The second law's formula, and that of what it reads behind it."""
    main, *defined = first.formula.split(", ")
    read = main if "=" in main else f"L = {main}"
    return ", ".join((second.formula, read, *defined))
