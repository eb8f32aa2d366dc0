"""Rosenfeld: Chinchilla's sum under an envelope that levels off at the loss of guessing (Rosenfeld et al. 2019).

The published form is ``eps0 |e / (e - i eta)|``, unchanged when ``e`` and ``eta`` are scaled together. Here ``eta`` is
``eps0``, so that ``e`` is in nats per token and the loss itself wherever it is far below guessing.
"""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import additive
from bayescale.law import PARAMETERS, TOKENS, Derived, Law, Parameter, Prior, Values, power

CEILING = Parameter(
    name="ceiling",
    prior=Prior("LogNormal", mu=float(np.log(8.0)), sigma=0.25),
    meaning="loss of guessing, eps0; the prior is on how far it lies above the loss at the centre",
    unit="nats/token",
    reason="5-95 % 5.3-12 above a loss of about 3: log of a vocabulary of 10 to 250 thousand tokens is 9.2-12.4",
    shift=lambda xp, sampled: sampled["loss_centre"],
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    size = additive.sized(q)
    alpha, beta = additive.exponents({**q, **size})
    # Levels and floor are sampled as shares of the loss at the centre, which the envelope leaves there as it is.
    inner = 1 / xp.sqrt(1 - (q["loss_centre"] / q["ceiling"]) ** 2)
    return {
        "E": inner * (q["loss_centre"] - additive.sum_of_levels(xp, q)),
        "A": additive.coefficient(xp, inner * size["level_N"], alpha, centre["N"]),
        "B": additive.coefficient(xp, inner * size["level_D"], beta, centre["D"]),
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
    decision="Data or size for a target loss where the smallest runs hardly learn.",
    failure="Without runs near guessing the ceiling is the prior's, and the law is Chinchilla's.",
    inputs=(PARAMETERS, TOKENS),
    parameters=(
        *additive.LEVELS,
        additive.centre_loss(additive.sum_of_levels),
        *additive.EXPONENTS,
        CEILING,
    ),
    derived=(
        Derived(name="E", meaning="irreducible part of e", unit="nats/token"),
        Derived(name="A", meaning="coefficient of the parameter term of e", unit="nats/token"),
        Derived(name="B", meaning="coefficient of the data term of e", unit="nats/token"),
        additive.ALPHA_N,
        additive.BETA_D,
        *additive.SIZED,
    ),
    mean=mean,
    derive=derive,
    optimum=additive.additive_optimum,
)
