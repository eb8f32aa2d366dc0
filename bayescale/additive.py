"""What laws that add a power of N and a power of D have in common: their priors and their compute-optimal size.

Priors come from the spread of 20 published fits of ``E + A N^-alpha + B D^-beta`` (language models, mixtures of
experts, multimodal): log-mean and log-sd of the mean exponent, mean of the allocation exponent, range of E. The size of
each term is given a prior at the centre of the runs rather than through ``A`` and ``B``, whose correlation with the
exponents is 0.999.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from bayescale.law import Derived, Parameter, Prior, Values, power

_LOG_LEVEL, _LOG_LEVEL_SD = float(np.log(0.5)), 1.0
"""Of the prior of the loss due to finite parameters, or data, at the centre of the runs, by itself."""

SHARE_N = Parameter(
    name="share_N",
    prior=Prior("LogitNormal", mu=0.0, sigma=float(np.sqrt(2) * _LOG_LEVEL_SD)),
    meaning="share of the reducible loss at the centre of the runs that is due to finite parameters",
    reason="5-95 % 0.09-0.91: either term may be ten times the other",
)


def _level_arguments(xp: ModuleType, sampled: Values) -> dict[str, Any]:
    share = sampled["share_N"]
    return {"mu": _LOG_LEVEL - 0.5 * xp.log(share * (1 - share))}


REDUCIBLE = Parameter(
    name="reducible",
    prior=Prior("LogNormal", sigma=float(_LOG_LEVEL_SD / np.sqrt(2))),
    meaning="reducible loss at the geometric-mean N and D of the runs",
    unit="nats/token",
    reason="with share_N: each term by itself 0.1-2.6 nats, 5-95 %; narrower priors push E up, and forecasts with it",
    arguments=_level_arguments,
)
LEVELS = (SHARE_N, REDUCIBLE)
"""Two independent log-normal levels, in the coordinates in which runs that cannot tell them apart leave a straight
ridge: half the difference of their logs and half the sum are independent too, and fix share and total."""

LEVEL_N = Derived(
    name="level_N", meaning="loss due to finite parameters at the runs' geometric-mean N", unit="nats/token"
)
LEVEL_D = Derived(name="level_D", meaning="loss due to finite data at the runs' geometric-mean D", unit="nats/token")

EACH_LEVEL = (LEVEL_N, LEVEL_D)


def levels(q: Values) -> dict[str, Any]:
    """Size of each term at the centre of the runs."""
    return {"level_N": q["reducible"] * q["share_N"], "level_D": q["reducible"] * (1 - q["share_N"])}


def centre_loss(reducible: Callable[[ModuleType, Values], Any]) -> Parameter:
    """Loss at the centre of the runs, whose excess over the reducible part there, E, has the prior.

    The runs fix this sum to a fraction of a per cent while its parts trade off, so it is a coordinate of its own.

    Parameters
    ----------
    reducible : callable
        ``reducible(xp, sampled)``: the reducible loss at the centre, nats/token.
    """
    return Parameter(
        name="loss_centre",
        prior=Prior("LogNormal", mu=float(np.log(1.7)), sigma=0.25),
        meaning="loss at the geometric-mean N and D of the runs; the prior is on E, its irreducible part",
        unit="nats/token",
        reason="E is 1.7 nats, 5-95 % 1.1-2.6: text models with vocabularies of 50 to 100 thousand tokens",
        shift=reducible,
    )


def sum_of_levels(xp: ModuleType, sampled: Values) -> Any:
    """Reducible loss at the centre where the two terms add."""
    return sampled["reducible"]


def level(xp: ModuleType, sampled: Values) -> Any:
    """Reducible loss at the centre where it is sampled whole, for terms whose ratio is another parameter."""
    return sampled["level"]


LEVEL = Parameter(
    name="level",
    prior=Prior("LogNormal", mu=0.0, sigma=0.8),
    meaning="reducible loss at the geometric-mean N and D of the runs",
    unit="nats/token",
    reason="5-95 % 0.27-3.7 nats: two terms of 0.1 to 2.6 each",
)
TOKENS_PER_PARAMETER = Parameter(
    name="M_opt",
    prior=Prior("LogNormal", mu=float(np.log(20.0)), sigma=1.0),
    meaning="compute-optimal tokens per parameter",
    unit="tokens/parameter",
    reason="5-95 % 4-100: data sets and recipes differ that much",
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
    reason="0.50, sd 0.10: wider than published fits (sd 0.06), so that biased protocols stay reachable",
)


def _pace_over_exponent(q: Values) -> Any:
    """How fast both terms together fall along a ray of fixed tokens per parameter, over the mean exponent."""
    share, allocation = q["share_N"], q["a_opt"]
    return 2 * (share * (1 - allocation) + (1 - share) * allocation)


def _pace_arguments(xp: ModuleType, sampled: Values) -> dict[str, Any]:
    return {"mu": EXPONENT.prior.arguments["mu"] + xp.log(_pace_over_exponent(sampled))}


PACE = Parameter(
    name="pace",
    prior=Prior("LogNormal", sigma=EXPONENT.prior.arguments["sigma"]),
    meaning="power with which the reducible loss falls as N and D grow together, at the centre of the runs",
    reason=f"with share_N and a_opt: the mean exponent has {EXPONENT.prior}, {EXPONENT.reason}",
    arguments=_pace_arguments,
)
EXPONENTS = (ALLOCATION, PACE)
"""The mean exponent's prior, in a coordinate that runs on one ray fix too."""

MEAN_EXPONENT = Derived(name="exponent", meaning=EXPONENT.meaning)
SIZED = (*EACH_LEVEL, MEAN_EXPONENT)


def sized(q: Values) -> dict[str, Any]:
    """Size of each term at the centre of the runs, and the mean exponent."""
    return {**levels(q), "exponent": q["pace"] / _pace_over_exponent(q)}


E = Derived(name="E", meaning="irreducible loss", unit="nats/token")
A = Derived(name="A", meaning="coefficient of the parameter term", unit="nats/token")
B = Derived(name="B", meaning="coefficient of the data term", unit="nats/token")
ALPHA_N = Derived(name="alpha_N", meaning="exponent of parameters, alpha")
BETA_D = Derived(name="beta_D", meaning="exponent of data, beta")


def coefficient(xp: ModuleType, level: Any, exponent: Any, centre: Any) -> Any:
    """Coefficient of a term ``A x^-exponent`` that has the given size at the centre."""
    return level * power(xp, centre, exponent)


def exponents(q: Values) -> tuple[Any, Any]:
    """``alpha`` and ``beta`` of their mean and the allocation exponent."""
    return 2 * q["exponent"] * (1 - q["a_opt"]), 2 * q["exponent"] * q["a_opt"]


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    """Floor, coefficients and exponents of ``E + A N^-alpha + B D^-beta`` from what is sampled."""
    size = sized(q)
    alpha, beta = exponents({**q, **size})
    return {
        "E": q["loss_centre"] - sum_of_levels(xp, q),
        "A": coefficient(xp, size["level_N"], alpha, centre["N"]),
        "B": coefficient(xp, size["level_D"], beta, centre["D"]),
        "alpha_N": alpha,
        "beta_D": beta,
        **size,
    }


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
    log_ratio = np.log(alpha * p["A"]) - np.log(beta * p["B"])
    return np.exp((log_ratio + beta * np.log(product)) / (alpha + beta))
