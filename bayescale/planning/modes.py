"""The ways to plan: which arguments of a plan ask for which, and which contradict each other."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bayescale.basics.errors import QuantityError


@dataclass(frozen=True)
class Mode:
    """A way to plan.

    Attributes
    ----------
    needs : tuple of str
        Arguments of :func:`bayescale.plan` that ask for it.
    takes : tuple of str
        Arguments that it may have besides.
    """

    needs: tuple[str, ...]
    takes: tuple[str, ...] = ()


COMPUTE = Mode(("budget",))
ROBUST = Mode(("robust", "budget"))
MONEY = Mode(("dollars",), ("cost",))
QUALITY = Mode(("served", "loss"), ("serving_price",))
LIFETIME = Mode(("served", "budget"), ("serving_price",))
SCARCE_DATA = Mode(("unique", "budget"), ("token_price", "cost"))

MODES = (COMPUTE, ROBUST, MONEY, QUALITY, LIFETIME, SCARCE_DATA)

_QUESTIONS = ("dollars", "served", "unique", "robust")
"""Arguments of which at most one is given; without any, the plan is for compute."""


def mode_of(given: Iterable[str], write: Callable[[str], str] = "{}=".format) -> Mode:
    """The way to plan that arguments ask for.

    Parameters
    ----------
    given : iterable of str
        Names of the arguments of :func:`bayescale.plan` that are given.
    write : callable
        How to write such a name in a message.

    Raises
    ------
    QuantityError
        If they contradict each other, or one is missing.

    Examples
    --------
    >>> mode_of(["dollars"]).takes
    ('cost',)
    >>> mode_of(["served"])
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.QuantityError: served= needs loss=, the loss to reach, or budget=, the compute for all
    """
    asked = set(given)
    for mode in MODES:
        if set(mode.needs) <= asked <= {*mode.needs, *mode.takes}:
            return mode
    raise QuantityError(_contradiction(asked, write))


def _contradiction(asked: set[str], write: Callable[[str], str]) -> str:
    """Why no mode takes these arguments."""
    questions = [name for name in _QUESTIONS if name in asked]
    if len(questions) > 1:
        named = [write(name) for name in _QUESTIONS]
        return f"give one of {', '.join(named)}, not {' and '.join(map(write, questions))}"
    possible = [mode for mode in MODES if questions == [name for name in _QUESTIONS if name in mode.needs]]
    for name in sorted(asked.difference(*(mode.needs + mode.takes for mode in possible))):
        others = [mode.needs[0] for mode in MODES if name in mode.needs + mode.takes]
        if COMPUTE.needs[0] in others:
            return f"leave out {write(name)} with {write(questions[0])}"
        return f"{write(name)} goes with {' or '.join(map(write, dict.fromkeys(others)))}"
    if questions == ["served"]:
        choice = f"{write('loss')}, the loss to reach, or {write('budget')}, the compute for all"
        return f"{write('served')} needs {choice}{', not both' * ({'loss', 'budget'} <= asked)}"
    if questions:
        return f"{write(questions[0])} needs {write('budget')}, the training compute"
    return f"say what to plan for: give {write('budget')}, {write('dollars')}, or {write('served')} and {write('loss')}"
