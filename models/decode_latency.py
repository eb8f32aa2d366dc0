"""Decoding: the time per token is that of reading the weights plus an overhead."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import PARAMETERS, Input, Law, Parameter, Prior, Values

BYTES_PER_PARAMETER = 2.0

SHARE = Parameter(
    name="bandwidth_share",
    prior=Prior("Beta", alpha=6.0, beta=4.0),
    meaning="share of the memory bandwidth that decoding achieves, u",
    reason="5-95 % 0.35-0.83: well below the data sheet; no broad measurements are available",
)
OVERHEAD = Parameter(
    name="overhead",
    prior=Prior("LogNormal", mu=float(np.log(0.003)), sigma=1.0),
    meaning="time per token in addition to reading the weights, t0",
    unit="s/token",
    reason="5-95 % 0.6-16 ms: kernel launches and synchronisation over tens of layers; no source",
)
PARAMETERS_SAMPLED = (SHARE, OVERHEAD)


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return BYTES_PER_PARAMETER * x["N"] / (x["bandwidth"] * p["bandwidth_share"]) + p["overhead"]


LAW = Law(
    name="decode_latency",
    title="Latency of decoding",
    formula="2 N/(bandwidth u) + t0",
    citation="Lower bound by memory bandwidth, at two bytes a parameter",
    decision="Size of a model that meets a latency target on given hardware.",
    failure="Ignores the key-value cache, batching, and communication, which grows with the number of devices.",
    inputs=(PARAMETERS, Input(name="bandwidth", meaning="memory bandwidth of all devices together", unit="bytes/s")),
    outcome="seconds_per_token",
    outcome_unit="s/token",
    scatter=0.05,
    parameters=PARAMETERS_SAMPLED,
    mean=mean,
)
