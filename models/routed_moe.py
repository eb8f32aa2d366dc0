"""Routed models: loss is a bilinear function of log parameters and log effective experts (Clark et al. 2022)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import PARAMETERS, Derived, Input, Law, Parameter, Prior, Values, additive

LN_10 = float(np.log(10.0))

SLOPE_N = Parameter(
    name="slope_N",
    prior=Prior("LogNormal", mu=float(np.log(0.08)), sigma=0.35),
    meaning="per cent that loss falls per per cent of N, at the centre",
    reason="5-95 % 0.045-0.14: exponents of total loss",
)
SLOPE_EXPERTS = Parameter(
    name="slope_experts",
    prior=Prior("LogNormal", mu=float(np.log(0.04)), sigma=0.7),
    meaning="per cent that loss falls per per cent of effective experts, at the centre",
    reason="5-95 % 0.013-0.13: from a fifth of what N brings to more than N",
)
INTERACTION = Parameter(
    name="c",
    prior=Prior("Normal", mu=0.01, sigma=0.01),
    meaning="change of either slope a decade of the other input; above 0 experts help large models less",
    reason="sd as large as the mean: experts may also help all sizes alike",
)
E_START = Parameter(
    name="E_start",
    prior=Prior("LogNormal", mu=float(np.log(2.0)), sigma=0.5),
    meaning="effective experts of a dense model",
    unit="experts",
    reason="5-95 % 0.9-4.6: the first few experts bring less than later ones",
)
E_MAX = Parameter(
    name="E_max",
    prior=Prior("LogNormal", mu=float(np.log(350.0)), sigma=0.5),
    meaning="effective experts of a model with unlimited experts; the prior is on its excess over E_start",
    unit="experts",
    reason="5-95 % 150-800: routers stop to gain at hundreds of experts",
    shift=lambda xp, sampled: sampled["E_start"],
)


def log_effective(xp: ModuleType, experts: Any, p: Values) -> Any:
    """Log of the effective number of experts."""
    per_start = 1 / (1 / p["E_start"] - 1 / p["E_max"])
    return -xp.log(1 / (experts - 1 + per_start) + 1 / p["E_max"])


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    # Loss and slopes at the centre are what the runs fix; a, b and d are those at one parameter and one expert.
    log_n, log_e = xp.log(centre["N"]), log_effective(xp, centre["experts"], q)
    c = q["c"] / LN_10
    a = -q["slope_N"] - c * log_e
    b = -q["slope_experts"] - c * log_n
    return {"a": a, "b": b, "d": (xp.log(q["loss_centre"]) - a * log_n - b * log_e - c * log_n * log_e) / LN_10}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    log_n, log_e = xp.log(x["N"]), log_effective(xp, x["experts"], p)
    return xp.exp(p["a"] * log_n + p["b"] * log_e + p["c"] / LN_10 * log_n * log_e + LN_10 * p["d"])


LAW = Law(
    name="routed_moe",
    title="Routed models",
    formula="log L = a log N + b log E' + c log N log E' + d, 1/E' = 1/(E - 1 + 1/(1/E_start - 1/E_max)) + 1/E_max",
    citation="Clark et al. 2022, arXiv:2202.01169, equation 1; logarithms to base 10",
    decision="More experts or a larger dense model, at the same number of tokens.",
    failure="Has no data term and no floor, and far above the runs says that experts do harm.",
    inputs=(PARAMETERS, Input(name="experts", meaning="experts per routed layer, 1 where dense", unit="experts")),
    parameters=(additive.LOSS_CENTRE, SLOPE_N, SLOPE_EXPERTS, INTERACTION, E_START, E_MAX),
    derived=(
        Derived(name="a", meaning="power of N at one effective expert"),
        Derived(name="b", meaning="power of effective experts at N = 1"),
        Derived(name="d", meaning="log10 of the loss at N = 1 and one effective expert"),
    ),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
