"""The interface that a fit, an ensemble and pooled groups share."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from bayescale.basics.html import html_of, readable
from bayescale.basics.intervals import DEFAULT_MASS

if TYPE_CHECKING:
    import bayescale


class Fitted(ABC):
    """Any fitted posterior: it can forecast, plan, be summarised and be saved.

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
        """Whether the draws can be trusted to represent the posterior."""

    @property
    @abstractmethod
    def tree(self) -> xr.DataTree:
        """The draws for ArviZ; those of several fits each under a name of their own."""

    @abstractmethod
    def summary(self, ci_prob: float = DEFAULT_MASS) -> pd.DataFrame:
        """Mean, standard deviation and equal-tailed interval of every parameter, with its unit and meaning."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What was fitted, for people to read."""

    @property
    @abstractmethod
    def dataset(self) -> str:
        """Name of the table that was fitted."""

    @property
    @abstractmethod
    def warnings(self) -> tuple[str, ...]:
        """What makes the result doubtful."""

    def __str__(self) -> str:
        return "\n".join([self._head, readable(self._shown).to_string(index=False), *self.warnings])

    def _repr_html_(self) -> str:
        return html_of(self._head, self._shown, self.warnings)

    @property
    def _head(self) -> str:
        return f"{self.title} on {self.dataset}, {'certified' if self.certified else 'NOT CERTIFIED'}"

    @property
    def _shown(self) -> pd.DataFrame:
        table = self.summary().drop(columns=["sensitivity_prior", "sensitivity_runs"], errors="ignore")
        return table.rename_axis([name or "parameter" for name in table.index.names])

    # These methods import the public functions when called: the modules that define them import this one.

    def forecast(self, *, seed: int = 0, **inputs: ArrayLike) -> "bayescale.Forecast":
        """Forecast new runs with :func:`bayescale.forecast`."""
        import bayescale

        return bayescale.forecast(self, seed=seed, **inputs)  # type: ignore[arg-type]

    def plan(self, **asked: Any) -> "bayescale.Answer":
        """Find the best run with :func:`bayescale.plan`, which takes the same arguments."""
        import bayescale

        return bayescale.plan(self, **asked)  # type: ignore[arg-type]

    def save(self, path: str | Path) -> Path:
        """Save to a file with :func:`bayescale.save`."""
        import bayescale

        return bayescale.save(self, path)  # type: ignore[arg-type]
