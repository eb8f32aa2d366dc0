"""Domain mixture: the loss of one domain by its share of the training data and the shares of others.

Ye et al. 2024 write the loss of a domain as a function of all shares, Ge et al. 2024 as a power of its own share. Here
it is a power of the effective share, in which a token of another domain counts as a part of one of the domain's own, so
that the loss stays finite where the own share is zero. Each domain's loss is an outcome of its own, and is fitted by
itself.
"""

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from bayescale import PARAMETERS, Derived, Law, Parameter, Prior, Setting, Values, additive, power

OTHERS = tuple(f"other_{place}" for place in range(1, 5))
QUARTER = 0.25
"""Effective share at which the level is sampled."""
EXPONENT = Parameter(
    name="gamma_share",
    prior=Prior("LogNormal", mu=float(np.log(0.05)), sigma=0.7),
    meaning="fall of the loss in per cent for each per cent of effective share, gamma",
    reason="5-95 % 0.016-0.16: as the slope of total loss along data",
)
RISE = Parameter(
    name="rise",
    prior=Prior("LogNormal", mu=float(np.log(0.15)), sigma=0.8),
    meaning=f"rise of the loss on nothing but {OTHERS[0]}, relative to that at a quarter of effective share",
    reason="5-95 % 0.04-0.56: from a domain much like the others to one that they do not teach",
)


def _relative(name: str) -> Parameter:
    return Parameter(
        name=f"like_{name}",
        prior=Prior("LogNormal", mu=0.0, sigma=1.0),
        meaning=f"worth of a token of the domain {name}, over that of one of {OTHERS[0]}",
        reason="5-95 % 0.19-5.2",
    )


def _worth(name: str) -> Derived:
    return Derived(
        name=f"worth_{name}", meaning=f"worth of a token of the domain {name}, in tokens of the domain's own"
    )


def _share(name: str, meaning: str, default: float | None) -> Setting:
    return Setting(name=name, meaning=meaning, unit="", domain="fraction", default=default)


def varied(x: Values, loss: Any) -> bool:
    """Whether the domain's share differs between runs."""
    return bool(np.ptp(x["share"]) > 0)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    # Training on one other domain alone makes the loss (worth / QUARTER)^-gamma times that at a quarter.
    worth = QUARTER * xp.exp(-xp.log1p(q["rise"]) / q["gamma_share"])
    first, *further = OTHERS
    alpha = q["slope"] / additive.falling(q)
    at_whole = QUARTER ** q["gamma_share"]
    return {
        "E": at_whole * additive.floor(q),
        "A": additive.coefficient(xp, at_whole * additive.reducible(q), alpha, centre["N"]),
        "alpha_N": alpha,
        f"worth_{first}": worth,
        **{f"worth_{name}": worth * q[f"like_{name}"] for name in further},
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    effective_share = x["share"] + sum(p[f"worth_{name}"] * x[name] for name in OTHERS)
    return (p["E"] + p["A"] * power(xp, x["N"], -p["alpha_N"])) * power(xp, effective_share, -p["gamma_share"])


LAW = Law(
    name="data_mixture",
    title="Domain mixture",
    formula="(E + A N^-alpha) (h + sum_j w_j h_j)^-gamma",
    citation="after Ye et al. 2024, arXiv:2403.16952, and Ge et al. 2024, arXiv:2405.14908; the effective share is new",
    decision="Shares of the domains of the training data, from small runs on a few mixtures.",
    failure="Has no tokens, so a share counts alike however long the run; other domains never do harm.",
    inputs=(PARAMETERS,),
    settings=(
        _share("share", "share of the training data that is of the domain whose loss it is, h", None),
        _share(OTHERS[0], "share of another domain", None),
        *(_share(name, "share of a further domain, if there is one", 0.0) for name in OTHERS[1:]),
    ),
    parameters=(
        additive.RATIO_ALONE,
        replace(additive.LOSS_CENTRE, meaning="loss at the runs' geometric-mean N and a quarter of effective share"),
        replace(additive.SLOPE_TIED, meaning="fall of the loss in per cent for each per cent of N, at the centre"),
        EXPONENT,
        RISE,
        *map(_relative, OTHERS[1:]),
    ),
    derived=(additive.E, additive.A, additive.ALPHA_N, *map(_worth, OTHERS)),
    mean=mean,
    derive=derive,
    in_ensemble=True,
    asked_for=varied,
)
