"""Power law with a floor in model size alone (Henighan et al. 2020)."""

from types import ModuleType
from typing import Any

from bayescale import PARAMETERS, Derived, Law, Parameter, Prior, Values, additive, curves, power

EXPONENT = Parameter(
    name="alpha_N",
    prior=Prior("LogNormal", mu=-1.38, sigma=0.45),
    meaning="exponent of parameters, of the loss above the floor",
    reason="log-mean and log-sd over the exponents of 20 published fits",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {
        "E": additive.floor(q),
        "A": additive.coefficient(xp, additive.reducible(q), q["alpha_N"], centre["N"]),
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return p["E"] + p["A"] * power(xp, x["N"], -p["alpha_N"])


LAW = Law(
    name="floor_n",
    title="Power law with a floor, model size alone",
    formula="E + A N^-alpha",
    citation="Henighan et al. 2020, arXiv:2010.14701",
    decision="Loss of a larger model trained on the same data.",
    failure="Its floor includes the term of the data, so it says nothing about runs with other amounts of data.",
    inputs=(PARAMETERS,),
    parameters=(curves.RATIO, additive.LOSS_CENTRE, EXPONENT),
    derived=(
        curves.FLOOR_LOSS,
        Derived(name="A", meaning="coefficient of the power of N", unit="nats/token"),
    ),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
