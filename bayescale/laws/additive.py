"""Common parts of laws that add a power of N and a power of D: priors and the compute-optimal size.

Priors come from the spread of 20 published fits of ``E + A N^-alpha + B D^-beta`` (language models, mixtures of
experts, multimodal): log-mean and log-sd of the mean exponent, mean of the allocation exponent, range of E. How far the
reducible part of the loss may be from its median was learnt from forecasts of published tables
(``benchmarks/learn_ratio.py``). The sizes of the terms are sampled at the centre of the runs and relative to E, rather
than as ``A`` and ``B``, whose correlation with the exponents is 0.999. Only the loss at the centre has a unit, and its
prior is so wide that the exponents of a table do not depend on whether its loss is in nats, bits, or of another kind.
"""

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from bayescale.laws import learnt
from bayescale.laws.law import power
from bayescale.laws.parameters import PARAMETERS, TOKENS, Derived, Input, Parameter, Prior, Values

REPEATED = (
    replace(PARAMETERS, constant=True),
    replace(TOKENS, constant=True),
    Input(name="U", meaning="unique training tokens", unit="tokens", constant=True),
)
"""Inputs of laws of repeated data; each may be the same for all runs: one model, one length, one corpus."""

LOSS_CENTRE = Parameter(
    name="loss_centre",
    prior=Prior("LogNormal", mu=0.0, sigma=3.0),
    meaning="loss at the geometric-mean inputs of the runs",
    unit="nats/token",
    reason="5-95 % 0.007-140: in any unit of loss, the runs determine it and the prior does not matter",
    scales=True,
)

SHARE_N = Parameter(
    name="share_N",
    prior=Prior("LogitNormal", mu=0.0, sigma=float(np.sqrt(2))),
    meaning="share of the reducible loss at the centre of the runs that is due to finite parameters",
    reason="5-95 % 0.09-0.91: either term may be ten times the other",
)


def log_ratio(xp: ModuleType, share: Any, median: float = 0.5 / 0.65) -> Any:
    """Log of the prior median of the reducible over the irreducible loss, given the share of one of its two terms.

    It is ``median`` for equal terms, and larger if one of them dominates, so that the mean of their logs does not
    depend on their share. By default each of two equal terms is 0.5 where E is 1.3.
    """
    return np.log(median) - 0.5 * xp.log(4 * share * (1 - share))


def _ratio_arguments(xp: ModuleType, sampled: Values) -> dict[str, Any]:
    return {"mu": log_ratio(xp, sampled["share_N"])}


RATIO = Parameter(
    name="ratio",
    prior=Prior("LogNormal", sigma=learnt.RATIO_SD),
    meaning="reducible loss over the irreducible one, E, at the geometric-mean N and D of the runs",
    reason="with equal terms 5-95 % 0.34-1.8; the width is learnt from forecasts of published tables' larger runs",
    arguments=_ratio_arguments,
)
LEVELS = (SHARE_N, RATIO)
"""Two terms over one floor. Runs that cannot separate the terms leave a straight ridge
in these coordinates: half the difference and half the sum of the terms' logs are independent, and determine share and
total."""

RATIO_ALONE = Parameter(
    name="ratio",
    prior=Prior("LogNormal", mu=float(np.log(1 / 1.3)), sigma=float(np.hypot(0.8, 0.35))),
    meaning=RATIO.meaning,
    reason="5-95 % 0.18-3.2: two terms of 0.07 to 2.2 E each",
)
"""For laws in which another parameter determines the ratio of the two terms."""

E = Derived(name="E", meaning="irreducible loss", unit="nats/token")
LEVEL_N = Derived(
    name="level_N", meaning="loss due to finite parameters at the runs' geometric-mean N", unit="nats/token"
)
LEVEL_D = Derived(name="level_D", meaning="loss due to finite data at the runs' geometric-mean D", unit="nats/token")

EACH_LEVEL = (LEVEL_N, LEVEL_D)


def floor(q: Values, others: Any = 0.0) -> Any:
    """Irreducible loss, E; ``others`` is the sum of the sizes of further terms relative to E."""
    return q["loss_centre"] / (1 + q["ratio"] + others)


def reducible(q: Values, others: Any = 0.0) -> Any:
    """Size of the terms of N and D together at the centre of the runs."""
    return floor(q, others) * q["ratio"]


def levels(q: Values, others: Any = 0.0) -> dict[str, Any]:
    """Size of each of the two terms at the centre of the runs."""
    level_n, level_d = parted(reducible(q, others), q["share_N"])
    return {"level_N": level_n, "level_D": level_d}


def parted(both: Any, share: Any) -> tuple[Any, Any]:
    """Two terms from their sum and the share of the first, which occurs once in their ratio: it can be solved for."""
    first = both * share
    return first, first * (1 / share - 1)


TOKENS_PER_PARAMETER = Parameter(
    name="M_opt",
    prior=Prior("LogNormal", mu=float(np.log(20.0)), sigma=1.0),
    meaning="compute-optimal tokens per parameter",
    unit="tokens/parameter",
    reason="5-95 % 4-100: data sets and recipes differ this much",
)
EXPONENT = Parameter(
    name="exponent",
    prior=Prior("LogNormal", mu=-1.35, sigma=0.38),
    meaning="mean exponent (alpha + beta)/2",
    reason="log-mean and log-sd over 20 published fits",
)
ALLOCATION = Parameter(
    name="a_opt",
    prior=Prior("Beta", alpha=12.0, beta=12.0),
    meaning="allocation exponent beta/(alpha + beta): N* grows as C^a",
    reason="0.50, sd 0.10: wider than published fits (sd 0.06), to allow for biased protocols",
)


def falling(q: Values, others: Any = 0.0) -> Any:
    """Share of the loss at the centre that falls with N and D."""
    return q["ratio"] / (1 + q["ratio"] + others)


def _pace_over_exponent(q: Values) -> Any:
    """Rate at which both terms fall along a ray of fixed tokens per parameter, relative to the mean exponent."""
    share, allocation = q["share_N"], q["a_opt"]
    return 2 * (share * (1 - allocation) + (1 - share) * allocation)


def slope(slope_over_exponent: Callable[[Values], Any]) -> Parameter:
    """Slope of the loss at the centre, which even runs on one ray of tokens per parameter determine.

    Parameters
    ----------
    slope_over_exponent : callable
        ``slope_over_exponent(sampled)``: the slope for a mean exponent of 1; the prior is on the mean exponent.
    """

    def arguments(xp: ModuleType, sampled: Values) -> dict[str, Any]:
        return {"mu": EXPONENT.prior.arguments["mu"] + xp.log(slope_over_exponent(sampled))}

    return Parameter(
        name="slope",
        prior=Prior("LogNormal", sigma=EXPONENT.prior.arguments["sigma"]),
        meaning="fall of the loss in per cent for each per cent of N and D together, at the centre of the runs",
        reason=f"given the parameters before it, the mean exponent has {EXPONENT.prior}, {EXPONENT.reason}",
        arguments=arguments,
        amounts_to=("exponent", EXPONENT.prior),
    )


def slope_over_exponent(q: Values, others: Any = 0.0) -> Any:
    """Slope of the loss at the centre, relative to the mean exponent."""
    return falling(q, others) * _pace_over_exponent(q)


SLOPE = slope(slope_over_exponent)
SLOPE_TIED = slope(falling)
"""For laws in which N and D have the same exponent, whatever the sizes of the two terms."""
EXPONENTS = (ALLOCATION, SLOPE)

MEAN_EXPONENT = Derived(name="exponent", meaning=EXPONENT.meaning)
SIZED = (*EACH_LEVEL, MEAN_EXPONENT)


def sized(q: Values, others: Any = 0.0) -> dict[str, Any]:
    """Size of each term at the centre of the runs, and the mean exponent."""
    return {**levels(q, others), "exponent": q["slope"] / slope_over_exponent(q, others)}


OUTER_EXPONENT = Parameter(
    name="k",
    prior=Prior("LogNormal", mu=float(np.log(0.55)), sigma=0.5),
    meaning="power of the sum; 1 is Chinchilla",
    reason="5-95 % 0.24-1.25: most tables favour powers below 1, and few above",
)
"""For laws that raise the sum of the two terms to a power, so that parameters and data interact."""

A = Derived(name="A", meaning="coefficient of the parameter term", unit="nats/token")
B = Derived(name="B", meaning="coefficient of the data term", unit="nats/token")
RAISED = (
    Derived(name="A", meaning="coefficient of the parameter term", unit="nats/token^(1/k)"),
    Derived(name="B", meaning="coefficient of the data term", unit="nats/token^(1/k)"),
)
"""Coefficients of a sum that is raised to the power k."""
ALPHA_N = Derived(name="alpha_N", meaning="exponent of parameters, alpha")
BETA_D = Derived(name="beta_D", meaning="exponent of data, beta")


RAISED_EXPONENT = replace(MEAN_EXPONENT, meaning="k (alpha + beta)/2, the mean exponent at the centre of the runs")


def coefficient(xp: ModuleType, level: Any, exponent: Any, centre: Any) -> Any:
    """Coefficient of a term ``A x^-exponent`` with the given size at the centre."""
    return level * power(xp, centre, exponent)


def exponents(q: Values) -> tuple[Any, Any]:
    """``alpha`` and ``beta``, from their mean and the allocation exponent, which can be solved for from both."""
    alpha = 2 * q["exponent"] * (1 - q["a_opt"])
    return alpha, alpha / (1 / q["a_opt"] - 1)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    """Floor, coefficients and exponents of ``E + A N^-alpha + B D^-beta`` from the sampled parameters."""
    size = sized(q)
    alpha, beta = exponents({**q, **size})
    return {
        "E": floor(q),
        "A": coefficient(xp, size["level_N"], alpha, centre["N"]),
        "B": coefficient(xp, size["level_D"], beta, centre["D"]),
        "alpha_N": alpha,
        "beta_D": beta,
        **size,
    }


def derive_raised(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    """Floor, coefficients and exponents of ``E + (A N^-alpha + B D^-beta)^k`` from the sampled parameters.

    At the centre of the runs loss and its two slopes are those of the additive law with the same levels and exponents
    k alpha, k beta: the priors of that law keep their meaning, and k affects only the curvature.
    """
    size = sized(q)
    k = q["k"]
    alpha, beta = exponents({**q, "exponent": size["exponent"] / k})
    scale = power(xp, reducible(q), 1 / k - 1)
    return {
        "E": floor(q),
        "A": coefficient(xp, size["level_N"] * scale, alpha, centre["N"]),
        "B": coefficient(xp, size["level_D"] * scale, beta, centre["D"]),
        "alpha_N": alpha,
        "beta_D": beta,
        **size,
    }


def raised(xp: ModuleType, x: Values, p: Values) -> Any:
    """Reducible loss ``(A N^-alpha + B D^-beta)^k``."""
    inner = p["A"] * power(xp, x["N"], -p["alpha_N"]) + p["B"] * power(xp, x["D"], -p["beta_D"])
    return power(xp, inner, p["k"])


def additive_optimum(p: Values, product: Any) -> Any:
    """Compute-optimal N of ``A N^-alpha + B D^-beta`` where ``N D = product``.

    ``N* = (alpha A / (beta B))^(1/(alpha + beta)) product^(beta/(alpha + beta))``: Hoffmann et al. 2022,
    arXiv:2203.15556, equation 4, with ``product = C/6``. It is also the optimum of any increasing function of that sum.

    Parameters
    ----------
    p : mapping
        ``A``, ``B`` in nats/token, ``alpha_N``, ``beta_D``; arrays that broadcast with ``product``.
    product : array_like
        N * D, parameters times tokens.

    Returns
    -------
    array
        N*, parameters.

    Examples
    --------
    >>> p = {"A": 482.01, "B": 2085.43, "alpha_N": 0.34781, "beta_D": 0.36585}
    >>> float(additive_optimum(p, 5.76e23 / 6).round(-8))
    72400000000.0
    """
    alpha, beta = p["alpha_N"], p["beta_D"]
    log_ratio = np.log(alpha / beta * (p["A"] / p["B"]))
    return np.exp((log_ratio + beta * np.log(product)) / (alpha + beta))
