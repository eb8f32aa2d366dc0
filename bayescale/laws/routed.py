"""Common parts of laws of routed models: powers of N and of effective experts, whose exponents move with the other.

The form and its effective experts are those of Clark et al. 2022, arXiv:2202.01169, equation 1.
"""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale.laws.parameters import Input, Parameter, Prior, Values

LN_10 = float(np.log(10.0))

EXPERTS = Input(name="experts", meaning="experts per routed layer, 1 if dense", unit="experts")

SLOPE_N = Parameter(
    name="slope_N",
    prior=Prior("LogNormal", mu=float(np.log(0.08)), sigma=0.35),
    meaning="fall of the loss in per cent for each per cent of N, at the centre",
    reason="5-95 % 0.045-0.14: exponents of total loss",
)
SLOPE_EXPERTS = Parameter(
    name="slope_experts",
    prior=Prior("LogNormal", mu=float(np.log(0.04)), sigma=0.7),
    meaning="fall of the loss in per cent for each per cent of effective experts, at the centre",
    reason="5-95 % 0.013-0.13: from a fifth of the effect of N to more than that of N",
)
INTERACTION = Parameter(
    name="c",
    prior=Prior("Normal", mu=0.01, sigma=0.01),
    meaning="change of either exponent per decade of the other input; if positive, experts help large models less",
    reason="sd as large as the mean: experts may also help all sizes alike",
)
E_START = Parameter(
    name="E_start",
    prior=Prior("LogNormal", mu=float(np.log(2.0)), sigma=0.5),
    meaning="effective experts of a dense model",
    unit="experts",
    reason="5-95 % 0.9-4.6: the first few experts help less than later ones",
)
E_MAX = Parameter(
    name="E_max",
    prior=Prior("LogNormal", mu=float(np.log(350.0)), sigma=0.5),
    meaning="effective experts of a model with unlimited experts; the prior is on its excess over E_start",
    unit="experts",
    reason="5-95 % 150-800: routers stop improving at hundreds of experts",
    shift=lambda xp, sampled: sampled["E_start"],
)
PARAMETERS = (SLOPE_N, SLOPE_EXPERTS, INTERACTION, E_START, E_MAX)


def log_effective(xp: ModuleType, experts: Any, p: Values) -> Any:
    """Log of the effective number of experts."""
    per_start = 1 / (1 / p["E_start"] - 1 / p["E_max"])
    return -xp.log(1 / (experts - 1 + per_start) + 1 / p["E_max"])


def coefficients(xp: ModuleType, q: Values, centre: Values, level: Any, falling: Any = 1.0) -> dict[str, Any]:
    """Exponents and coefficient at one parameter and one expert, from size and slopes at the centre of the runs.

    ``level`` is what falls of the loss at the centre, and ``falling`` its share of the loss.
    """
    log_n, log_e = xp.log(centre["N"]), log_effective(xp, centre["experts"], q)
    c = q["c"] / LN_10
    a = -q["slope_N"] / falling - c * log_e
    b = -q["slope_experts"] / falling - c * log_n
    return {"a": a, "b": b, "d": (xp.log(level) - a * log_n - b * log_e - c * log_n * log_e) / LN_10}


def power_of_both(xp: ModuleType, x: Values, p: Values) -> Any:
    """What falls of the loss: its log is bilinear in the logs of N and of the effective experts."""
    log_n, log_e = xp.log(x["N"]), log_effective(xp, x["experts"], p)
    return xp.exp(p["a"] * log_n + p["b"] * log_e + p["c"] / LN_10 * log_n * log_e + LN_10 * p["d"])
