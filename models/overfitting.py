"""Over-fitting: Chinchilla with a penalty on repeating data, so that more epochs can hurt (after Lovelace 2026).

Lovelace et al. add a penalty on repetitions with one coefficient. Its form here, repetitions times parameters per
unique token, was chosen for this package: of seven forms tried on datablations it left the smallest residuals for one
coefficient, and effective tokens and parameters did not improve it.
"""

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from bayescale import Derived, Law, Parameter, Prior, Values, additive, power

LOSS_CENTRE = replace(
    additive.LOSS_CENTRE,
    meaning="loss at the geometric-mean N and D of the runs if every token were fresh",
)
PENALTY = Parameter(
    name="penalty_share",
    prior=Prior("LogNormal", mu=float(np.log(0.004)), sigma=2.0),
    meaning="increase of the loss, relative to that at the centre, per repetition and parameter per unique token",
    reason="5-95 % 0.00015-0.11: ten repetitions of one token per parameter add 0.15 % to the loss, or double it",
)
ADDED = Derived(
    name="penalty", meaning="increase of the loss per repetition and parameter per unique token, P", unit="nats/token"
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {**additive.derive(xp, q, centre), "penalty": q["loss_centre"] * q["penalty_share"]}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    unique = xp.minimum(x["U"], x["D"])
    over_fitting = p["penalty"] * (x["D"] / unique - 1) * x["N"] / unique
    fresh = p["E"] + p["A"] * power(xp, x["N"], -p["alpha_N"]) + p["B"] * power(xp, x["D"], -p["beta_D"])
    return fresh + over_fitting


LAW = Law(
    name="overfitting",
    title="Over-fitting by repetition",
    formula="E + A N^-alpha + B D^-beta + P (D/U - 1) N/U",
    citation="Lovelace et al. 2026, arXiv:2605.01640, for an additive penalty; the form is that of this package",
    decision="After how many epochs, and at what size, further training on the same data does harm.",
    failure="Linear in the repetitions, so it rises too fast at hundreds of epochs; weight decay changes its P.",
    inputs=additive.REPEATED,
    parameters=(*additive.LEVELS, LOSS_CENTRE, *additive.EXPONENTS, PENALTY),
    derived=(additive.E, additive.A, additive.B, additive.ALPHA_N, additive.BETA_D, *additive.SIZED, ADDED),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
