"""Routed models: loss is a bilinear function of log parameters and log effective experts (Clark et al. 2022)."""

from types import ModuleType
from typing import Any

from bayescale import PARAMETERS, Derived, Law, Values, additive, routed


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    # The runs determine loss and slopes at the centre; a, b and d are those at one parameter and one expert.
    return routed.coefficients(xp, q, centre, level=q["loss_centre"])


LAW = Law(
    name="routed_moe",
    title="Routed models",
    formula="log L = a log N + b log E' + c log N log E' + d, 1/E' = 1/(E - 1 + 1/(1/E_start - 1/E_max)) + 1/E_max",
    citation="Clark et al. 2022, arXiv:2202.01169, equation 1; logarithms to base 10",
    decision="More experts or a larger dense model, for the same number of tokens.",
    failure="Has no data term and no floor, and predicts far above the runs that experts do harm.",
    inputs=(PARAMETERS, routed.EXPERTS),
    parameters=(additive.LOSS_CENTRE, *routed.PARAMETERS),
    derived=(
        Derived(name="a", meaning="exponent of N at one effective expert"),
        Derived(name="b", meaning="exponent of effective experts at N = 1"),
        Derived(name="d", meaning="log10 of the loss at N = 1 and one effective expert"),
    ),
    mean=routed.power_of_both,
    derive=derive,
    in_ensemble=True,
)
