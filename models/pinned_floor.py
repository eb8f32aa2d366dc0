"""Chinchilla above floors that the table gives: one for each evaluation set or corpus, pinned."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import PARAMETERS, TOKENS, Derived, Law, Parameter, Prior, Setting, Values, additive, power

FLOOR = Setting(
    name="floor", meaning="irreducible loss of the run's evaluation set, in the unit of the loss", unit="nats/token"
)
REDUCIBLE = Parameter(
    name="reducible_centre",
    prior=Prior("LogNormal", mu=float(np.log(0.7)), sigma=0.6),
    meaning="loss above the floor at the geometric-mean N and D of the runs",
    unit="nats/token",
    reason="5-95 % 0.26-1.9: the middle of most tables lies so far above its floor, and the runs determine it",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    alpha, beta = additive.exponents(q)
    level_n, level_d = additive.parted(q["reducible_centre"], q["share_N"])
    return {
        "A": additive.coefficient(xp, level_n, alpha, centre["N"]),
        "B": additive.coefficient(xp, level_d, beta, centre["D"]),
        "alpha_N": alpha,
        "beta_D": beta,
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return x["floor"] + p["A"] * power(xp, x["N"], -p["alpha_N"]) + p["B"] * power(xp, x["D"], -p["beta_D"])


LAW = Law(
    name="pinned_floor",
    title="Chinchilla above given floors",
    formula="floor + A N^-alpha + B D^-beta",
    citation="Hoffmann et al. 2022, arXiv:2203.15556, approach 3, with the floor as a column",
    decision="Size and loss where the floor of each evaluation set is known from elsewhere.",
    failure="A wrong floor moves the exponents, and forecasts with them; `tradeoff floor` shows by how much.",
    inputs=(PARAMETERS, TOKENS),
    settings=(FLOOR,),
    parameters=(additive.SHARE_N, REDUCIBLE, additive.ALLOCATION, additive.EXPONENT),
    derived=(
        Derived(name="A", meaning="coefficient of the parameter term", unit="nats/token"),
        Derived(name="B", meaning="coefficient of the data term", unit="nats/token"),
        additive.ALPHA_N,
        additive.BETA_D,
    ),
    mean=mean,
    derive=derive,
    optimum=additive.additive_optimum,
)
