"""Sampled parameters solved for from what a law derives from them, on the law's own formulas."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bayescale.laws.law import Law
from bayescale.laws.optima import is_optimum
from bayescale.laws.parameters import Values

_CENTRE = {"N": 1e9, "D": 2e10, "C": 1.2e20}


def some_centre(law: Law) -> dict[str, float]:
    """A centre of runs, for what is asked before there are any."""
    names = [*law.input_names, *(f"largest_{each.name}" for each in law.inputs if each.largest)]
    return {name: _CENTRE.get(name.removeprefix("largest_"), 10.0) for name in names}


def dependencies(law: Law, quantity: str, known: Iterable[str] = ()) -> set[str]:
    """What a derived quantity is computed from: sampled parameters, and other derived quantities that are known."""
    symbols = _symbols([*(item.name for item in law.parameters), *(name for name in known if name != quantity)])
    formula = derived_from(law, quantity, symbols, some_centre(law))
    return {name for name, symbol in symbols.items() if _holds(formula, symbol)}


def contains(law: Law, quantity: str, other: str) -> bool:
    """Whether a derived quantity is computed from another one."""
    found = _derived(law, {}, some_centre(law))
    return found[other] is not found[quantity] and _holds(found[quantity], found[other])


def can_be_solved(law: Law, parameter: str, quantity: str, known: Iterable[str] = ()) -> bool:
    """Whether a parameter can be solved for from a derived quantity, and others that are known."""
    import pytensor.tensor as pt

    try:
        solved_for(law, parameter, quantity, pt.dscalar(quantity), _symbols(known), some_centre(law))
    except _UnsolvedError:
        return False
    return True


def solved_for(law: Law, parameter: str, quantity: str, value: Any, others: Values, centre: Values) -> Any:
    """The parameter at which a derived quantity has a value, given what else it is computed from."""
    from pytensor.graph.replace import vectorize_graph

    # Solved in scalars, since cancelling in vectors leaves operations that only set shapes.
    scalars = _symbols([*others, parameter, quantity])
    solution = _solved(derived_from(law, quantity, scalars, centre), scalars[parameter], scalars[quantity])
    given = {scalars[name]: each for name, each in {**others, quantity: value}.items()}
    return vectorize_graph(solution, {node: each for node, each in given.items() if _holds(solution, node)})


def derived_from(law: Law, quantity: str, known: Values, centre: Values) -> Any:
    """A derived quantity, given the parameters that it is computed from, or other quantities in their place."""
    from pytensor.graph.replace import vectorize_graph

    found = _derived(law, known, centre)
    formula = found[quantity]
    cuts = {found[name]: known[name] for name in found if name in known and found[name] is not formula}
    cuts = {node: value for node, value in cuts.items() if _holds(formula, node)}
    formula = vectorize_graph(formula, cuts) if cuts else formula
    return _cancelled(formula) if is_optimum(quantity) else formula


def _derived(law: Law, known: Values, centre: Values) -> dict[str, Any]:
    import pytensor.tensor as pt

    sampled = {**_symbols(item.name for item in law.parameters), **known}
    with law.blamed("derive"):
        return {name: pt.as_tensor(value) for name, value in law.derive(pt, sampled, centre).items()}


def _cancelled(formula: Any) -> Any:
    """A formula without common factors of numerators and denominators."""
    from pytensor.graph.rewriting.utils import rewrite_graph

    return rewrite_graph(formula, include=("canonicalize",), exclude=("local_greedy_distributor",))


def _symbols(names: Iterable[str]) -> dict[str, Any]:
    import pytensor.tensor as pt

    return {name: pt.dscalar(name) for name in names}


class _UnsolvedError(Exception):
    """The parameter occurs more than once, or in a function without an inverse."""


def _solved(formula: Any, symbol: Any, value: Any) -> Any:
    """Solve ``formula = value`` for a symbol that occurs in it once, by undoing one operation after another."""
    while formula is not symbol:
        inputs = [] if formula.owner is None else formula.owner.inputs
        places = [place for place, each in enumerate(inputs) if _holds(each, symbol)]
        if len(places) != 1:
            raise _UnsolvedError
        (place,) = places
        value, formula = _undone(formula.owner, place, value), inputs[place]
    return value


def _holds(formula: Any, symbol: Any) -> bool:
    from pytensor.graph.traversal import ancestors

    return any(each is symbol for each in ancestors([formula]))


def _undone(node: Any, place: int, value: Any) -> Any:
    """One input of an operation, from the result and the other inputs."""
    import pytensor.tensor as pt

    name = type(getattr(node.op, "scalar_op", node.op)).__name__
    others: Sequence[Any] = [each for i, each in enumerate(node.inputs) if i != place]
    unary: dict[str, Callable[[Any], Any]] = {
        "Exp": pt.log,
        "Log": pt.exp,
        "Neg": pt.neg,
        "Log1p": pt.expm1,
        "Expm1": pt.log1p,
        "Reciprocal": pt.reciprocal,
        "Sqrt": lambda root: root**2,
    }
    match name:
        case "Add":
            return value - sum(others)
        case "Mul":
            return value / functools.reduce(lambda a, b: a * b, others)
        case "Sub":
            return others[0] - value if place else value + others[0]
        case "TrueDiv":
            return others[0] / value if place else value * others[0]
        case "Pow":
            return pt.log(value) / pt.log(others[0]) if place else value ** (1 / others[0])
        case _ if name in unary:
            return unary[name](value)
    raise _UnsolvedError
