"""Error as a product of powers of parameters and data, without a floor."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import PARAMETERS, Derived, Input, Law, Parameter, Prior, Values

ERROR_CENTRE = Parameter(
    name="y_centre",
    prior=Prior("LogNormal", mu=float(np.log(0.25)), sigma=0.7),
    meaning="error at the geometric-mean N and D of the runs",
    unit="fraction",
    reason="5-95 % 0.08-0.79: from easy to hard classification",
)
BETA_N = Parameter(
    name="beta_N",
    prior=Prior("LogNormal", mu=float(np.log(0.12)), sigma=0.8),
    meaning="exponent of parameters, b",
    reason="5-95 % 0.03-0.45: as for the slopes of one-input curves",
)
GAMMA_D = Parameter(name="gamma_D", prior=BETA_N.prior, meaning="exponent of data, g", reason=BETA_N.reason)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    powers = q["beta_N"] * xp.log(centre["N"]) + q["gamma_D"] * xp.log(centre["D"])
    return {"log_K": xp.log(q["y_centre"]) + powers}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return xp.exp(p["log_K"] - p["beta_N"] * xp.log(x["N"]) - p["gamma_D"] * xp.log(x["D"]))


LAW = Law(
    name="error_nd",
    title="Error as a product of powers",
    formula="K N^-b D^-g",
    citation="A common form without a single source",
    decision="Whether size or data helps more at the margin, by two exponents.",
    failure="Each input helps without limit whatever the other is, so there is no compute-optimal size and no floor.",
    inputs=(PARAMETERS, Input(name="D", meaning="training examples or tokens", unit="examples")),
    outcome="error",
    outcome_unit="fraction",
    scatter=0.03,
    parameters=(ERROR_CENTRE, BETA_N, GAMMA_D),
    derived=(Derived(name="log_K", meaning="log of the coefficient"),),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
