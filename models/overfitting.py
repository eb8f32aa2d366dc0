"""Over-fitting: Chinchilla with a penalty on repeating data, so that more epochs can hurt (after Lovelace 2026).

Lovelace et al. add a penalty of one coefficient in the repetitions. Its form here, repetitions times parameters per
unique token, is this package's own choice: of seven tried on datablations it left the smallest residuals for one
coefficient, and effective tokens and parameters added nothing to it.
"""

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from bayescale import additive
from bayescale.law import PARAMETERS, TOKENS, Input, Law, Parameter, Prior, Values, power

LOSS_CENTRE = replace(
    additive.centre_loss(additive.sum_of_levels),
    meaning="loss at the geometric-mean N and D of the runs, were every token fresh; the prior is on E",
)
PENALTY = Parameter(
    name="penalty",
    prior=Prior("LogNormal", mu=float(np.log(0.01)), sigma=2.0),
    meaning="loss that a repetition adds for each parameter per unique token",
    unit="nats/token",
    reason="5-95 % 0.0004-0.27: ten repetitions of a token per parameter cost 0.004 to 2.7 nats",
)


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    unique = xp.minimum(x["U"], x["D"])
    over_fitting = p["penalty"] * (x["D"] / unique - 1) * x["N"] / unique
    fresh = p["E"] + p["A"] * power(xp, x["N"], -p["alpha_N"]) + p["B"] * power(xp, x["D"], -p["beta_D"])
    return fresh + over_fitting


LAW = Law(
    name="overfitting",
    title="Over-fitting by repetition",
    formula="E + A N^-alpha + B D^-beta + P (D/U - 1) N/U",
    citation="Lovelace et al. 2026, arXiv:2605.01640, for an additive penalty; its form is this package's",
    decision="After how many epochs, and at what size, further training on the same data does harm.",
    failure="Linear in the repetitions, so it rises too fast at hundreds of epochs; weight decay changes its P.",
    inputs=(PARAMETERS, TOKENS, Input(name="U", meaning="unique training tokens", unit="tokens")),
    parameters=(*additive.LEVELS, LOSS_CENTRE, *additive.EXPONENTS, PENALTY),
    derived=(additive.E, additive.A, additive.B, additive.ALPHA_N, additive.BETA_D, *additive.SIZED),
    mean=mean,
    derive=additive.derive,
)
