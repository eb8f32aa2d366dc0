"""Compute-optimal size as a power of the budget, from isoFLOP minima (Hoffmann et al. 2022, approach 2)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import Derived, Law, Parameter, Prior, Values, curves

SIZE_CENTRE = Parameter(
    name="N_centre",
    prior=Prior("LogNormal", mu=float(np.log(1e8)), sigma=3.0),
    meaning="compute-optimal size at the geometric-mean budget of the slices",
    unit="parameters",
    reason="5-95 % 0.7M-14B: from studies on a laptop to those of large laboratories",
)
ALLOCATION = Parameter(
    name="a_opt",
    prior=Prior("Normal", mu=0.5, sigma=0.15),
    meaning="allocation exponent: N* grows as C^a",
    reason="0.5, sd 0.15: published values are 0.50 +- 0.06, and biased protocols reach 0.83",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {"log_G": xp.log(q["N_centre"]) - q["a_opt"] * xp.log(centre["C"])}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return xp.exp(p["log_G"] + p["a_opt"] * xp.log(x["C"]))


LAW = Law(
    name="compute_optimal",
    title="Compute-optimal size",
    formula="G C^a",
    citation="Hoffmann et al. 2022, arXiv:2203.15556, approach 2; Porian et al. 2024, arXiv:2406.19146",
    decision="The size for a budget if only the minima of isoFLOP slices can be trusted.",
    failure="Minima of fitted parabolas are biased, more so on wide grids of sizes, and it predicts no loss.",
    inputs=(curves.COMPUTE,),
    outcome="N",
    outcome_unit="parameters",
    scatter=0.05,
    falls=False,
    parameters=(SIZE_CENTRE, ALLOCATION),
    derived=(Derived(name="log_G", meaning="log of the coefficient of C^a"),),
    mean=mean,
    derive=derive,
)
