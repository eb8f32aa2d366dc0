"""A law's own optimum at a budget, as quantities that a fit reports if a prior is on them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from bayescale.basics.quantities import check_positive, parse_quantity, shortest
from bayescale.laws.law import Law
from bayescale.laws.parameters import Derived, Values

QUANTITIES = {
    "N_star": ("parameters", "parameters"),
    "D_star": ("tokens", "tokens"),
    "tokens_per_parameter": ("tokens per parameter", "tokens/parameter"),
}
"""Quantities of a compute-optimal run, in words, and their units."""


NO_OPTIMUM = "has no optimum in closed form"


@dataclass(frozen=True)
class Optimum:
    """A quantity of the compute-optimal run at a budget, in 6 N D.

    Parameters
    ----------
    quantity : str
        ``"N_star"``, ``"D_star"`` or ``"tokens_per_parameter"``.
    C : float
        Budget, FLOP.

    Examples
    --------
    >>> print(parse_optimum("N_star at C=5.76e23"), parse_optimum("E"))
    N_star at C=5.76e+23 None
    """

    quantity: str
    C: float

    def __str__(self) -> str:
        return f"{self.quantity} at C={shortest(self.C)}"

    def of(self, law: Law, parameters: Values) -> Any:
        """Its value for a law with some parameters, arrays or tensors; the law's discrepancy plays no part."""
        assert law.optimum is not None
        product = self.C / 6
        size = law.optimum(parameters, product)
        match self.quantity:
            case "N_star":
                return size
            case "D_star":
                return product / size
            case _:
                return product * size**-2.0


def parse_optimum(name: str) -> Optimum | None:
    """The optimum that a name such as ``"N_star at C=5.76e23"`` means; None if it means another quantity.

    Raises
    ------
    QuantityError
        If the budget is not a number above zero.
    """
    match = re.fullmatch(rf"\s*({'|'.join(QUANTITIES)})\s+at\s+C\s*=\s*(\S+)\s*", name)
    if match is None:
        return None
    budget = parse_quantity(match[2])
    check_positive(f"{match[1]}: C", budget)
    return Optimum(match[1], budget)


def is_optimum(name: str) -> bool:
    """Whether a name means a quantity of the compute-optimal run at a budget."""
    return parse_optimum(name) is not None


def has_optimum(law: Law) -> bool:
    """Whether a law knows its compute-optimal size in closed form."""
    return law.optimum is not None and set(law.input_names) == {"N", "D"}


def with_optima(law: Law, names: Iterable[str]) -> Law:
    """A law that also reports those of the named quantities that are optima.

    Examples
    --------
    >>> from bayescale import load_law
    >>> with_optima(load_law("chinchilla"), ["N_star at C=5.76e+23"]).units["N_star at C=5.76e+23"]
    'parameters'
    """
    optima = [each for each in map(parse_optimum, names) if each is not None]
    if not optima:
        return law

    def derive(xp: ModuleType, sampled: Values, centre: Values) -> dict[str, Any]:
        found = law.derive(xp, sampled, centre)
        parameters = {**sampled, **found}
        return {**found, **{str(each): each.of(law, parameters) for each in optima}}

    return replace(law, derived=(*law.derived, *map(_described, optima)), derive=derive)


def _described(optimum: Optimum) -> Derived:
    words, unit = QUANTITIES[optimum.quantity]
    return Derived(name=str(optimum), meaning=f"compute-optimal {words} at {optimum.C:.4g} FLOP", unit=unit)
