"""Routed models with a floor: what Clark et al. (2022) say of the loss holds of its reducible part.

Without a floor the loss would fall by as many per cent for each doubling of a large model as for one of a small, and
forecasts of models three to ten times as large as any that is fitted come out too low. Ludziejewski et al. (2025) fit
the same product of powers with a floor and a term of tokens, which is in the floor here.
"""

from types import ModuleType
from typing import Any

from bayescale import PARAMETERS, Derived, Law, Values, additive, routed


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    level, falling = additive.reducible(q), additive.falling(q)
    return {"E": additive.floor(q), **routed.coefficients(xp, q, centre, level, falling)}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return p["E"] + routed.power_of_both(xp, x, p)


LAW = Law(
    name="routed_floor",
    title="Routed models with a floor",
    formula="E + 10^d N^a E'^(b + c log N), 1/E' = 1/(experts - 1 + 1/(1/E_start - 1/E_max)) + 1/E_max",
    citation="Clark et al. 2022, arXiv:2202.01169, equation 1, for what falls; Ludziejewski et al. 2025, "
    "arXiv:2502.05172, for a floor under it; logarithms to base 10",
    decision="More experts or a larger dense model, for the same number of tokens.",
    failure="Has no data term, and three or four sizes of models hardly determine its floor.",
    inputs=(PARAMETERS, routed.EXPERTS),
    parameters=(additive.RATIO_ALONE, additive.LOSS_CENTRE, *routed.PARAMETERS),
    derived=(
        additive.E,
        Derived(name="a", meaning="exponent of N at one effective expert"),
        Derived(name="b", meaning="exponent of effective experts at N = 1"),
        Derived(name="d", meaning="log10 of the reducible loss at N = 1 and one effective expert"),
    ),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
