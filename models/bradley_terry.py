"""Playing strength as a power of size: Elo rises with its logarithm (Neumann and Gros 2022)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import IDENTITY, PARAMETERS, Derived, Law, Parameter, Prior, Values

ELO_PER_DECADE_OF_STRENGTH = 400.0
"""Definition of Elo: a player who is ten times as strong in the sense of Bradley and Terry has 400 more."""

AT_CENTRE = Parameter(
    name="elo_centre",
    prior=Prior("Normal", mu=0.0, sigma=1000.0),
    meaning="Elo at the geometric-mean N of the runs",
    unit="Elo",
    reason="Elo has no natural zero: any value may be assigned to a pool of players",
)
EXPONENT = Parameter(
    name="exponent",
    prior=Prior("LogNormal", mu=float(np.log(0.7)), sigma=0.5),
    meaning="exponent with which strength grows with N",
    reason="5-95 % 0.3-1.6: strength grows roughly in proportion to size",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    rise = ELO_PER_DECADE_OF_STRENGTH * q["exponent"] * xp.log(centre["N"]) / np.log(10)
    return {"elo_of_one": q["elo_centre"] - rise}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return p["elo_of_one"] + ELO_PER_DECADE_OF_STRENGTH * p["exponent"] * xp.log(x["N"]) / np.log(10)


LAW = Law(
    name="bradley_terry",
    title="Strength as a power of size",
    formula="c + 400 p log10 N",
    citation="Neumann and Gros 2022, arXiv:2210.00849",
    decision="Gain in playing strength from a larger network.",
    failure="Unbounded, while actual strength stops growing near perfect play.",
    inputs=(PARAMETERS,),
    outcome="elo",
    outcome_unit="Elo",
    link=IDENTITY,
    scatter=50.0,
    falls=False,
    parameters=(AT_CENTRE, EXPONENT),
    derived=(Derived(name="elo_of_one", meaning="Elo of a single parameter, c", unit="Elo"),),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
