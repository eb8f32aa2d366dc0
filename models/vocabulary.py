"""Vocabulary: loss against that of a unigram model, by model, vocabulary and text (Tao et al. 2024).

A loss per token falls with the vocabulary whatever the model does, since tokens grow longer. Less the loss of a unigram
model of the same vocabulary it can be compared, and is negative: it scatters on its own scale, not on that of its
logarithm. Tao et al. count tokens; this law reads characters, of which a token holds more where the vocabulary is
larger: what a number of characters leaves to learn then grows as a power of the vocabulary.
"""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import IDENTITY, Derived, Input, Law, Parameter, Prior, Values, additive, power

UNIT = "nats/token"
LOSS_CENTRE = Parameter(
    name="loss_centre",
    prior=Prior("Normal", mu=-3.0, sigma=3.0),
    meaning="loss less that of a unigram model at the geometric-mean N, V and characters of the runs",
    unit=UNIT,
    reason="5-95 % -8 to 2: from a model worse than unigram to the loss of a large one",
)


def _level(name: str, of: str, typical: float) -> Parameter:
    return Parameter(
        name=name,
        prior=Prior("LogNormal", mu=float(np.log(typical)), sigma=1.0),
        meaning=f"loss due to {of} at the centre of the runs",
        unit=UNIT,
        reason=f"5-95 % {typical / 5.2:.2g}-{typical * 5.2:.2g} nats",
    )


def _exponent(name: str, of: str) -> Parameter:
    return Parameter(
        name=name,
        prior=Prior("LogNormal", mu=-1.35, sigma=0.5),
        meaning=f"exponent of {of}",
        reason="5-95 % 0.11-0.59: as single exponents of published fits",
    )


PER_VOCABULARY = Parameter(
    name="delta_V",
    prior=Prior("Normal", mu=0.05, sigma=0.1),
    meaning="exponent of V in the data term: how fast a larger vocabulary needs more characters",
    reason="-0.1 to 0.2: characters per token grow about as V^0.1, and the term as a small power of tokens",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    characters = additive.coefficient(xp, q["level_H"], q["gamma_H"], centre["characters"])
    return {
        "E": q["level_N"] + q["level_V"] + q["level_H"] - q["loss_centre"],
        "A": additive.coefficient(xp, q["level_N"], q["alpha_N"], centre["N"]),
        "B": additive.coefficient(xp, q["level_V"], q["beta_V"], centre["V"]),
        "C": characters * power(xp, centre["V"], -q["delta_V"]),
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    model = p["A"] * power(xp, x["N"], -p["alpha_N"]) + p["B"] * power(xp, x["V"], -p["beta_V"])
    data = p["C"] * power(xp, x["characters"], -p["gamma_H"]) * power(xp, x["V"], p["delta_V"])
    return model + data - p["E"]


LAW = Law(
    name="vocabulary",
    title="Vocabulary",
    formula="A N^-alpha + B V^-beta + C H^-gamma V^delta - E",
    citation="Tao et al. 2024, arXiv:2407.13623, approach 3; V^delta for characters in place of tokens",
    decision="How large a vocabulary a model and a text deserve.",
    failure="Reads V in place of the vocabulary's parameters, which also grow with the width of the model.",
    inputs=(
        Input(name="N", meaning="parameters outside the vocabulary", unit="parameters"),
        Input(name="V", meaning="vocabulary size", unit="tokens"),
        Input(name="characters", meaning="characters of training text, H", unit="characters"),
    ),
    outcome="normalised_loss",
    outcome_unit=UNIT,
    link=IDENTITY,
    scatter=0.02,
    parameters=(
        LOSS_CENTRE,
        _level("level_N", "finite parameters", 0.4),
        _level("level_V", "a finite vocabulary", 0.2),
        _level("level_H", "finite text", 0.8),
        _exponent("alpha_N", "parameters, alpha"),
        _exponent("beta_V", "the vocabulary, beta"),
        _exponent("gamma_H", "characters, gamma"),
        PER_VOCABULARY,
    ),
    derived=(
        Derived(name="E", meaning="gain over a unigram model that is left at the limit", unit=UNIT),
        Derived(name="A", meaning="coefficient of the parameter term", unit=UNIT),
        Derived(name="B", meaning="coefficient of the vocabulary term", unit=UNIT),
        Derived(name="C", meaning="coefficient of the data term", unit=UNIT),
    ),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
