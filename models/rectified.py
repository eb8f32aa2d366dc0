"""Rectified fine-tuning: pre-training has already learnt what some data would teach (Lin et al. 2024)."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from bayescale import Derived, Input, Law, Parameter, Prior, Values, additive, power

EXPONENT_PRIOR = {"mu": float(np.log(0.5)), "sigma": 0.6}
RATIO = replace(
    additive.RATIO_ALONE,
    meaning="reducible loss over the irreducible one, E, at the geometric-mean examples of the runs",
)
LEARNT = Parameter(
    name="learnt",
    prior=Prior("LogNormal", mu=float(np.log(0.5)), sigma=1.5),
    meaning="worth of pre-training over that of the fine-tuning data at the centre, D_l/D^beta",
    reason="5-95 % 0.04-5.9: from runs that follow a power law to runs that hardly fall yet",
)


def slope_over_exponent(q: Values) -> Any:
    """Slope of the loss at the centre, relative to the exponent."""
    return additive.falling(q) / (1 + q["learnt"])


SLOPE = replace(
    additive.SLOPE_TIED,
    prior=Prior("LogNormal", sigma=EXPONENT_PRIOR["sigma"]),
    meaning="fall of the loss in per cent for each per cent of examples, at the centre of the runs",
    reason="given the parameters before it, the exponent is 0.19-1.3, 5-95 %: that of the power phase",
    arguments=lambda xp, sampled: {"mu": EXPONENT_PRIOR["mu"] + xp.log(slope_over_exponent(sampled))},
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    beta = q["slope"] / slope_over_exponent(q)
    worth = power(xp, centre["examples"], beta)
    return {
        "E": additive.floor(q),
        "B": additive.reducible(q) * worth * (1 + q["learnt"]),
        "D_l": q["learnt"] * worth,
        "beta_D": beta,
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return p["E"] + p["B"] / (p["D_l"] + power(xp, x["examples"], p["beta_D"]))


LAW = Law(
    name="rectified",
    title="Rectified fine-tuning",
    formula="E + B/(D_l + D^beta)",
    citation="Lin et al. 2024, arXiv:2402.02314, with its outer exponent at 1",
    decision="Which pre-trained model to fine-tune, and on how many examples, from small trials.",
    failure="For one model and one task; runs that have not left the flat phase do not tell beta and E.",
    inputs=(Input(name="examples", meaning="fine-tuning examples, D", unit="examples"),),
    parameters=(RATIO, additive.LOSS_CENTRE, LEARNT, SLOPE),
    derived=(
        additive.E,
        Derived(name="B", meaning="coefficient of the data term", unit="nats/token"),
        Derived(name="D_l", meaning="worth of pre-training, in examples to the power beta"),
        additive.BETA_D,
    ),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
