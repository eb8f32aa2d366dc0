"""Power law with a floor in training tokens alone (Henighan et al. 2020)."""

from types import ModuleType
from typing import Any

from bayescale import TOKENS, Derived, Law, Parameter, Prior, Values, additive, curves, power

EXPONENT = Parameter(
    name="beta_D",
    prior=Prior("LogNormal", mu=-1.38, sigma=0.45),
    meaning="exponent of data, of the loss above the floor",
    reason="log-mean and log-sd over the exponents of 20 published fits",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {
        "E": additive.floor(q),
        "B": additive.coefficient(xp, additive.reducible(q), q["beta_D"], centre["D"]),
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return p["E"] + p["B"] * power(xp, x["D"], -p["beta_D"])


LAW = Law(
    name="floor_d",
    title="Power law with a floor, training tokens alone",
    formula="E + B D^-beta",
    citation="Henighan et al. 2020, arXiv:2010.14701",
    decision="Loss of the same model trained on more data.",
    failure="Its floor includes the term of the size, so it says nothing about models of other sizes.",
    inputs=(TOKENS,),
    parameters=(curves.RATIO, additive.LOSS_CENTRE, EXPONENT),
    derived=(
        curves.FLOOR_LOSS,
        Derived(name="B", meaning="coefficient of the power of D", unit="nats/token"),
    ),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
