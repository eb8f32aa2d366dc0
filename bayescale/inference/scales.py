"""Scales of the model discrepancy, learnt from published tables."""

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from bayescale.laws.law import Law
from bayescale.laws.parameters import Parameter, Prior
from bayescale.laws.priors import with_own

_SCATTER = 0.004
"""Noise of log losses, for which the constants of the discrepancy were learnt; other outcomes scale them by theirs."""


@dataclass(frozen=True)
class Scales:
    """Constants of the discrepancy, learnt from published tables by ``benchmarks/learn_defaults.py``.

    Attributes
    ----------
    length : float
        Length scale of the local process, in e-folds of each input.
    decay : float
        Where the link is the logarithm, the local process is proportional to compute (the product of the inputs) to
        the power of minus this.
    local, local_sd : float
        Prior median of the local amplitude, and prior standard deviation of its logarithm.
    drift, drift_sd : float
        The same for the amplitude of the drift, per e-fold to the power 3/2.
    along_inputs : float
        Variance of the drift along each log input, relative to that along log compute.
    change : float
        Probability that beyond the runs a learning curve changes in a way that nothing in them announces.
    change_factor : float
        Amplitude of the drift that then starts at the largest run, relative to that of the drift among the runs.
    """

    length: float
    decay: float
    local: float
    local_sd: float
    drift: float
    drift_sd: float
    along_inputs: float
    change: float = 0.0
    change_factor: float = 0.0


@cache
def learnt_scales() -> dict[str, Scales]:
    """The constants by kind of law.

    There are those for laws of several inputs, ``"surface"``; of losses by ``"compute"`` alone, or by one ``"size"``,
    tokens or parameters; of other outcomes or inputs, ``"curve"``; and of what may break, ``"break"``.
    """
    found = json.loads(Path(__file__).with_name("error_defaults.json").read_text(encoding="utf-8"))
    changes = {"curve": found["change"], "break": found["change"]}
    kinds = ("surface", "compute", "size", "curve", "break")
    return {kind: Scales(**found[kind], **changes.get(kind, {})) for kind in kinds}


def scales_of(law: Law) -> Scales:
    """The constants that suit a law: those of breaks for laws that only runs with a break ask for.

    Only laws of any x expect changes beyond the runs: the bands of losses by compute, tokens or parameters alone hold.
    """
    found = learnt_scales()[_kind(law)]
    return found if law.input_names == ("x",) else replace(found, change=0.0)


def _kind(law: Law) -> str:
    if len(law.inputs) > 1:
        return "surface"
    if law.asked_for is not None:
        return "break"
    if law.outcome in ("loss", "perplexity"):
        return {"C": "compute", "D": "size", "N": "size"}.get(law.input_names[0], "curve")
    return "curve"


def amplitude_parameters(law: Law) -> tuple[Parameter, Parameter]:
    """The parameters of a law's discrepancy on the link's scale: the amplitude of its local part, and of its drift."""
    scales, relative = scales_of(law), law.scatter / _SCATTER
    local, drift = relative * scales.local, relative * scales.drift
    learnt = (
        Parameter(
            name="tau",
            prior=Prior("LogNormal", mu=float(np.log(local)), sigma=scales.local_sd),
            meaning="amplitude of the law's local discrepancy at the largest run",
            unit=law.scale_unit,
            reason=f"median {local:.2g}: laws miss published losses by 0.4 to 3 %",
        ),
        Parameter(
            name="drift",
            prior=Prior("LogNormal", mu=float(np.log(drift)), sigma=scales.drift_sd),
            meaning="amplitude of the drift by which the law goes wrong as runs grow, per e-fold^1.5",
            unit=law.scale_unit,
            reason=f"median {drift:.2g}, learnt from how laws missed the larger runs of published tables",
        ),
    )
    return with_own(learnt[0], law.priors), with_own(learnt[1], law.priors)
