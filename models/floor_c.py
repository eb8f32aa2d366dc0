"""Power law with a floor in compute alone (Henighan et al. 2020)."""

from types import ModuleType
from typing import Any

from bayescale import Derived, Law, Parameter, Prior, Values, additive, curves, power

EXPONENT = Parameter(
    name="gamma_C",
    prior=Prior("LogNormal", mu=-2.08, sigma=0.38),
    meaning="exponent of compute, of the loss above the floor",
    reason="log-mean and log-sd of alpha beta/(alpha + beta) over 20 published fits",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {
        "E": additive.floor(q),
        "K": additive.coefficient(xp, additive.reducible(q), q["gamma_C"], centre["C"]),
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return p["E"] + p["K"] * power(xp, x["C"], -p["gamma_C"])


LAW = Law(
    name="floor_c",
    title="Power law with a floor, compute alone",
    formula="E + K C^-gamma",
    citation="Henighan et al. 2020, arXiv:2010.14701",
    decision="Loss with a larger budget that is split as in the runs.",
    failure="Runs that split their compute differently, with smaller or larger models, lie above it.",
    inputs=(curves.COMPUTE,),
    parameters=(curves.RATIO, additive.LOSS_CENTRE, EXPONENT),
    derived=(
        curves.FLOOR_LOSS,
        Derived(name="K", meaning="coefficient of the power of C", unit="nats/token"),
    ),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
