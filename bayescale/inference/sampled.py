"""What inference returns, whichever sampler it used: draws in ArviZ's shape, and the diagnostics that certify them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayescale.inference.discrepancy import Basis

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Diagnostics:
    """Diagnostics of the draws; those that the sampler does not define are None.

    Attributes
    ----------
    certified : bool
        Whether the draws can be trusted to represent the posterior.
    pareto_k : float or None
        Tail shape of the importance weights; below 0.7 if certified.
    ess : mapping
        Effective sample size for each sampled parameter: of the importance weights (at least 1,000 if certified), or
        the smaller of bulk and tail for NUTS (at least 400).
    r_hat_max : float or None
        Largest R-hat of the chains; below 1.01 if certified.
    divergent_share : float or None
    log_evidence, log_evidence_se : float or None
        Log marginal likelihood of the outcomes on the link's scale, and its Monte Carlo standard error: from the
        importance weights, or by bridge sampling if the chains are certified.
    """

    certified: bool
    pareto_k: float | None
    ess: Mapping[str, float]
    r_hat_max: float | None
    divergent_share: float | None
    log_evidence: float | None
    log_evidence_se: float | None

    @property
    def ess_min(self) -> float:
        """Effective sample size for the worst parameter."""
        return min(self.ess.values())

    @property
    def figures(self) -> dict[str, str]:
        """Pareto k-hat or R-hat, whichever is defined, with digits that tell it from its limit, 0.7 or 1.01."""
        defined = {"Pareto k-hat": (self.pareto_k, 2), "R-hat": (self.r_hat_max, 4)}
        return {name: f"{value:.{digits}f}" for name, (value, digits) in defined.items() if value is not None}


@dataclass(frozen=True)
class Sampled:
    """Draws in ArviZ's shape, from either sampler."""

    posterior: dict[str, Array]
    sample_stats: xr.Dataset
    engine: str
    diagnostics: Diagnostics
    warnings: tuple[str, ...] = ()
    prior: dict[str, Array] = field(default_factory=dict)
    basis: Basis[Any] | None = None
    coefficients: Array | None = None
    """Coefficients of the discrepancy's features and of the law's level, shape (chain, draw, feature)."""
    shortfalls: tuple[str, ...] = ()
    """Limits of a certified fit that the draws miss; none if they are certified."""
