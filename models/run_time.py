"""Training time: compute divided by the hardware's peak and the utilisation."""

from types import ModuleType
from typing import Any

from bayescale import Input, Law, Parameter, Prior, Values, curves

MFU = Parameter(
    name="mfu",
    prior=Prior("Beta", alpha=18.0, beta=29.0),
    meaning="share of the peak that training achieves, model FLOP utilisation",
    reason="0.38, sd 0.07: large public runs of language models reach 0.3 to 0.46",
)
PARAMETERS_SAMPLED = (MFU,)


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return x["C"] / (x["peak"] * p["mfu"])


LAW = Law(
    name="run_time",
    title="Training time",
    formula="C/(peak MFU)",
    citation="Identity; MFU from public reports of large runs",
    decision="How long a run takes on a cluster, or how large a cluster a deadline needs.",
    failure="Assumes one utilisation, which falls with more devices, and counts interruptions as computing.",
    inputs=(curves.COMPUTE, Input(name="peak", meaning="peak of all devices together, dense BF16", unit="FLOP/s")),
    outcome="seconds",
    outcome_unit="s",
    scatter=0.05,
    parameters=PARAMETERS_SAMPLED,
    mean=mean,
)
