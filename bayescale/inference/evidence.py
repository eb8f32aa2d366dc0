"""Evidence from elsewhere as terms of the posterior's graph, beside the likelihood of the runs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescale.inference.discrepancy import Basis, Process
from bayescale.laws.evidence import Bounded, Evidence, Measured, OtherRun, Published
from bayescale.laws.law import Law
from bayescale.laws.noise import noise_scale
from bayescale.laws.parameters import Values

Array = NDArray[np.float64]

EVIDENCE = "evidence"
"""Names of the terms start with this; a number follows, counted from 1."""


def add_evidence(law: Law, parameters: Values, discrepancy: tuple[Any, Any] | None) -> None:
    """Add the log density of each piece of a law's evidence to the PyMC model in context, as a potential.

    Parameters
    ----------
    law : Law
    parameters : mapping of tensors
        Every parameter, sampled and derived.
    discrepancy : tuple of tensors, each of shape (evidence,), or None
        Variances of the discrepancy where each piece is, per unit of the squared amplitudes ``tau`` and ``drift``; None
        if the law is taken as true.
    """
    import pymc as pm

    for number, item in enumerate(law.evidence):
        variance = None
        if discrepancy is not None:
            local, drift = discrepancy
            variance = parameters["tau"] ** 2 * local[number] + parameters["drift"] ** 2 * drift[number]
        with law.blamed(f"{EVIDENCE} {item}"):
            pm.Potential(f"{EVIDENCE}_{number + 1}", _log_density(law, item, parameters, variance))


def _log_density(law: Law, item: Evidence, parameters: Values, variance: Any) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    match item:
        case Published():
            assert law.optimum is not None
            log_n = pt.log(law.optimum(parameters, item.C / 6))
            found = log_n if item.quantity == "N_star" else np.log(item.C / 6) - log_n
            return pm.logp(pm.Normal.dist(found, item.sd), np.log(item.value))
        case Measured():
            return pm.logp(pm.Normal.dist(parameters[item.quantity], item.sd), item.value)
        case OtherRun():
            # As for the runs, whose noise has one scale where the law is taken as true.
            relative = 1.0 if variance is None else float(noise_scale(_at(item))[0])
            noise = parameters["sigma"] * relative
            scale = pt.sqrt(item.sd**2 + noise**2 + (0.0 if variance is None else variance))
            theirs = float(law.link.forward(np, item.value)) - item.offset
            return pm.logp(pm.Normal.dist(_mean(law, item, parameters), scale), theirs)
        case Bounded():
            unit = pm.Normal.dist(0.0, pt.sqrt(item.sd**2 + (0.0 if variance is None else variance)))
            low, high = (float(law.link.forward(np, end)) for end in (item.low, item.high))
            middle = _mean(law, item, parameters)
            return pm.logcdf(unit, middle - low) + pm.logcdf(unit, high - middle)


def _mean(law: Law, item: OtherRun | Bounded, parameters: Values) -> Any:
    """The law at a piece of evidence, on the link's scale."""
    import pytensor.tensor as pt

    return law.link.forward(pt, law.mean(pt, dict(item.inputs), parameters))


def _at(item: OtherRun | Bounded) -> dict[str, Array]:
    return {name: np.array([value]) for name, value in item.inputs}


def variances_at(law: Law, basis: Basis[Process]) -> tuple[Array, Array]:
    """Variances of the local discrepancy and of the drift of unit amplitude at each piece of evidence, (evidence,)."""
    found = np.zeros((2, len(law.evidence)))
    for number, item in enumerate(law.evidence):
        if isinstance(item, OtherRun | Bounded):
            found[:, number] = [part[0] for part in basis.process.prior_variance(law.located(_at(item)))]
    return found[0], found[1]
