"""Choices between runs: which of two is better, by how much, and how sure that is."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.basics.errors import LawError
from bayescale.basics.intervals import DEFAULT_MASS, SAMPLE_DIMS, summary_table
from bayescale.basics.quantities import format_quantity
from bayescale.posterior.ensembles import Posterior, first_fit
from bayescale.posterior.forecasting import forecast


@dataclass(frozen=True, eq=False)
class Versus:
    """Draws of the outcome of two runs, and of their difference.

    Attributes
    ----------
    draws : xarray.Dataset
        ``first``, ``second`` and ``difference`` (first minus second), the expected outcome of each run, dims chain and
        draw; ``difference_of_runs``, with the noise of two new runs.
    names : tuple of str
        What the two runs are, by their inputs.
    outcome, unit : str
    warnings : tuple of str

    Examples
    --------
    >>> from bayescale import fit
    >>> chinchilla, gopher = {"N": 70e9, "D": 1.4e12}, {"N": 280e9, "D": 300e9}
    >>> compared = versus(fit("chinchilla", "chinchilla"), chinchilla, gopher)
    >>> compared.probability > 0.9
    True
    """

    draws: xr.Dataset
    names: tuple[str, str]
    outcome: str
    unit: str
    warnings: tuple[str, ...] = ()

    @property
    def probability(self) -> float:
        """Probability that the first run is expected to have the lower outcome."""
        return float((self.draws["difference"] < 0).mean())

    @property
    def probability_of_runs(self) -> float:
        """Probability that the first run comes out lower, with the noise of one run of each."""
        return float((self.draws["difference_of_runs"] < 0).mean())

    def summary(self, ci_prob: float = DEFAULT_MASS) -> pd.DataFrame:
        """Mean, standard deviation, interval and median of both outcomes and of their differences, with the unit."""
        labels = {
            "first": self.names[0],
            "second": self.names[1],
            "difference": "first minus second",
            "difference_of_runs": "first minus second, one run of each",
        }
        rows = [summary_table(self.draws[name], ci_prob) for name in labels]
        return pd.concat(rows).set_axis(list(labels.values())).assign(unit=self.unit)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"P({self.outcome} of {self.names[0]} is lower than of {self.names[1]}) = {self.probability:.2f}; "
                f"of one run of each {self.probability_of_runs:.2f}",
                self.summary().to_string(float_format="%.4g"),
                *self.warnings,
            ]
        )


def versus(fit: Posterior, first: Mapping[str, float], second: Mapping[str, float], *, seed: int = 0) -> Versus:
    """Compare two runs: every draw of the posterior, and of the laws' error, is of both at once.

    What is uncertain about both alike, such as the irreducible loss, so cancels out of the difference.

    Parameters
    ----------
    fit : Fit or Ensemble
    first, second : mapping of float
        The laws' inputs by name, such as ``{"N": 70e9, "D": 1.4e12}``.
    seed : int

    Returns
    -------
    Versus

    Raises
    ------
    LawError
        If an input is missing, unknown, not positive or not finite, or the two runs are the same.

    Examples
    --------
    >>> from bayescale import fit
    >>> posterior = fit("tied", "chinchilla")
    >>> more_tokens = versus(posterior, {"N": 1e9, "D": 4e10}, {"N": 1e9, "D": 2e10})
    >>> bool(more_tokens.draws["difference"].mean() < 0)
    True
    """
    if dict(first) == dict(second):
        raise LawError(f"the two runs are the same, {_named(first)}: give two different ones")
    names = dict.fromkeys([*first, *second])
    points = {name: [run[name] for run in (first, second) if name in run] for name in names}
    lacking = [name for name, values in points.items() if len(values) < 2]
    if lacking:
        raise LawError(f"both runs need the same inputs: {', '.join(lacking)} is given for one only")
    bands = forecast(fit, seed=seed, **points)
    latent, predictive = bands.draws["latent"], bands.draws["predictive"]
    law = first_fit(fit).law
    draws = xr.Dataset(
        {
            "first": latent.isel(point=0, drop=True),
            "second": latent.isel(point=1, drop=True),
            "difference": latent.isel(point=0) - latent.isel(point=1),
            "difference_of_runs": predictive.isel(point=0) - predictive.isel(point=1),
        }
    ).drop_vars(list(law.input_names), errors="ignore")
    return Versus(
        draws=draws.transpose(*SAMPLE_DIMS),
        names=(_named(first), _named(second)),
        outcome=law.outcome,
        unit=law.outcome_unit,
        warnings=bands.warnings,
    )


def _named(run: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {format_quantity(float(np.float64(value)))}" for name, value in run.items())
