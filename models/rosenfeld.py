"""Rosenfeld: Chinchilla's sum under an envelope that levels off at the loss of random guessing (Rosenfeld et al. 2019).

The published form is ``eps0 |e / (e - i eta)|``, unchanged when ``e`` and ``eta`` are scaled together. Here ``eta`` is
``eps0``, so that ``e`` is in nats per token, and equals the loss far below that of guessing.
"""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import PARAMETERS, TOKENS, Derived, Law, Parameter, Prior, Values, additive, power

HEADROOM = Parameter(
    name="headroom",
    prior=Prior("LogNormal", mu=float(np.log(8.0 / 2.7)), sigma=0.35),
    meaning="loss of guessing divided by the loss at the centre, minus 1",
    reason="5-95 % 1.7-5.3: 9.2-12.4 nats, the log of a vocabulary of 10 to 250 thousand tokens, over losses of 2 to 4",
)


def below_ceiling(q: Values) -> Any:
    """Derivative of the log of the loss with respect to the log of e, at the centre."""
    return 1 - (1 + q["headroom"]) ** -2.0


def slope_over_exponent(q: Values) -> Any:
    """Slope of the loss at the centre, relative to the mean exponent."""
    return additive.slope_over_exponent(q) * below_ceiling(q)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    size = {**additive.levels(q), "exponent": q["slope"] / slope_over_exponent(q)}
    alpha, beta = additive.exponents({**q, **size})
    # Levels and floor are sampled as shares of the loss at the centre, which the envelope does not change.
    inner = 1 / xp.sqrt(below_ceiling(q))
    return {
        "E": inner * additive.floor(q),
        "A": additive.coefficient(xp, inner * size["level_N"], alpha, centre["N"]),
        "B": additive.coefficient(xp, inner * size["level_D"], beta, centre["D"]),
        "ceiling": q["loss_centre"] * (1 + q["headroom"]),
        "alpha_N": alpha,
        "beta_D": beta,
        **size,
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    inner = p["E"] + p["A"] * power(xp, x["N"], -p["alpha_N"]) + p["B"] * power(xp, x["D"], -p["beta_D"])
    return p["ceiling"] / xp.sqrt(1 + (p["ceiling"] / inner) ** 2)


LAW = Law(
    name="rosenfeld",
    title="Rosenfeld",
    formula="eps0 e/sqrt(e^2 + eps0^2), e = E + A N^-alpha + B D^-beta",
    citation="Rosenfeld et al. 2019, arXiv:1909.12673",
    decision="Data or size for a target loss if the smallest runs hardly learn.",
    failure="Without runs near guessing only the prior determines the ceiling, and the law equals Chinchilla's.",
    inputs=(PARAMETERS, TOKENS),
    parameters=(
        *additive.LEVELS,
        additive.LOSS_CENTRE,
        HEADROOM,
        additive.ALLOCATION,
        additive.slope(slope_over_exponent),
    ),
    derived=(
        Derived(name="E", meaning="irreducible part of e", unit="nats/token"),
        Derived(name="A", meaning="coefficient of the parameter term of e", unit="nats/token"),
        Derived(name="B", meaning="coefficient of the data term of e", unit="nats/token"),
        Derived(name="ceiling", meaning="loss of guessing, eps0", unit="nats/token"),
        additive.ALPHA_N,
        additive.BETA_D,
        *additive.SIZED,
    ),
    mean=mean,
    derive=derive,
    optimum=additive.additive_optimum,
)
