"""What a fit, an ensemble, pooled groups and a chain of laws have in common, whatever was fitted."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from bayescale.basics.intervals import DEFAULT_MASS

if TYPE_CHECKING:
    import bayescale


class Fitted(ABC):
    """What was fitted: it forecasts, plans, is summarised and saved.

    Examples
    --------
    >>> from bayescale import fit
    >>> posterior = fit("chinchilla", "chinchilla", discrepancy=False, draws=100)
    >>> posterior.forecast(N=70e9, D=1.4e12).outcome
    'loss'
    """

    @property
    @abstractmethod
    def certified(self) -> bool:
        """Whether the draws can stand for the posterior."""

    @property
    @abstractmethod
    def tree(self) -> xr.DataTree:
        """The draws as ArviZ takes them; of several fits, each under a name of its own."""

    @abstractmethod
    def summary(self, ci_prob: float = DEFAULT_MASS) -> pd.DataFrame:
        """Mean, standard deviation and equal-tailed interval of every parameter, with its unit and meaning."""

    # The public face is asked, since forecasts, plans and files are made of what was fitted, not the other way round.

    def forecast(self, *, seed: int = 0, **inputs: ArrayLike) -> "bayescale.Forecast":
        """Forecast new runs, as by :func:`bayescale.forecast`."""
        import bayescale

        return bayescale.forecast(self, seed=seed, **inputs)  # type: ignore[arg-type]

    def plan(self, **asked: Any) -> "bayescale.Answer":
        """Find the best run, as by :func:`bayescale.plan`, whose arguments these are."""
        import bayescale

        return bayescale.plan(self, **asked)  # type: ignore[arg-type]

    def save(self, path: str | Path) -> Path:
        """Save to a file, as by :func:`bayescale.save`."""
        import bayescale

        return bayescale.save(self, path)  # type: ignore[arg-type]
