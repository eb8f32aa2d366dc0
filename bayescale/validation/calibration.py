"""Calibration of a fit on its own runs: where each run lies in the prediction from all the others."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.html import html_of
from bayescale.basics.intervals import numbered
from bayescale.posterior.ensembles import Ensemble, Posterior, first_fit, members, reach_of
from bayescale.posterior.fit import Fit
from bayescale.posterior.forecasting import predicted_runs
from bayescale.posterior.left_out import places_of_runs
from bayescale.posterior.single import made_with
from bayescale.posterior.steps import Steps
from bayescale.sampling.importance import K_HAT_LIMIT
from bayescale.validation.ranks import ERROR, MASSES, coverage, coverage_band, ecdf_p_value
from bayescale.validation.refits import without_each_run

_EXPECTED = 0.9
"""Mass of the range within which the share of runs inside a calibrated band lies."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Where each run lies in its leave-one-out prediction; uniform for a calibrated fit.

    Rows of one training run are left out together.

    Attributes
    ----------
    runs : xarray.Dataset
        ``probability`` of an outcome below the observed one in the prediction from all other runs (the LOO-PIT),
        ``observed``, and ``k_hat``, the Pareto k-hat of the weights by which the run was left out; dim run.
    independent : int
        Number of training runs.
    title : str
        What was fitted.

    Examples
    --------
    >>> from bayescale import fit
    >>> found = calibration(fit("chinchilla", "chinchilla", discrepancy=False))
    >>> found.summary()["mass"].tolist()
    [0.5, 0.8, 0.9]
    >>> bool(found.p_value > 0.01)
    True
    """

    runs: xr.Dataset
    independent: int
    title: str

    @property
    def p_value(self) -> float:
        """Probability of places as uneven as these if the fit is calibrated (Sailynoja et al. 2022).

        It treats the runs' predictions as independent, and takes one row of each training run.
        """
        places, run = self.runs["probability"].to_numpy(), self.runs["training_run"].to_numpy()
        _, first = np.unique(run, return_index=True)
        return ecdf_p_value(places[first])

    def summary(self) -> pd.DataFrame:
        """By mass: number and share of the runs inside that band, and the range of shares of a calibrated fit.

        A calibrated fit's share lies in the range from ``low`` to ``high`` with a probability of 90 %.
        """
        places = self.runs["probability"].to_numpy()
        rows = []
        for mass in MASSES:
            low, high = coverage_band(self.independent, mass, error=1 - _EXPECTED)
            share = float(coverage(places, mass))
            rows.append({"mass": mass, "inside": round(share * len(places)), "share": share, "low": low, "high": high})
        return pd.DataFrame(rows)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Bands that hold too few or too many runs, and runs that cannot be left out by weighting."""
        found = []
        for row in self.summary().to_dict("records"):
            low, high = coverage_band(self.independent, row["mass"], error=ERROR)
            if not low <= row["share"] <= high:
                state = "narrow" if row["share"] < low else "wide"
                found.append(
                    f"{row['share']:.0%} of the runs lie in the {row['mass']:.0%} band of their leave-one-out "
                    f"prediction, where {low:.0%} to {high:.0%} do in a calibrated fit: the bands are too {state}"
                )
        if (p_value := self.p_value) < ERROR:
            found.append(f"places of the runs in their leave-one-out predictions are not uniform (p = {p_value:.2g})")
        unsure = int((self.runs["k_hat"] > K_HAT_LIMIT).sum())
        if unsure:
            found.append(
                f"{unsure} of {self.runs.sizes['run']} runs {'has' if unsure == 1 else 'have'} a Pareto k-hat above "
                f"{K_HAT_LIMIT:g}: where they "
                "lie is known only by fitting again without them"
            )
        return tuple(found)

    def __str__(self) -> str:
        return "\n".join([self._head, self.summary().to_string(index=False, float_format="%.3g"), *self.warnings])

    def _repr_html_(self) -> str:
        return html_of(self._head, self.summary(), self.warnings)

    @property
    def _head(self) -> str:
        return f"{self.title}: runs inside bands of their leave-one-out predictions, p = {self.p_value:.2g}"


def calibration(fit: Posterior) -> Calibration:
    """Check a fit on its own runs: predict each from all others, without fitting again, and see where it lies.

    Of a law in two steps, which leaves out a run's loss with its outcome, each prediction takes a new fit.

    Parameters
    ----------
    fit : Fit or Ensemble

    Returns
    -------
    Calibration

    See Also
    --------
    bayescale.backtest : the same for larger runs than those fitted, which forecasts are about.
    bayescale.recover : whether fits recover known parameters.

    References
    ----------
    Gelfand, Dey and Chang 1992 on leave-one-out predictions; Vehtari, Gelman and Gabry 2017 (arXiv:1507.04544) on
    importance sampling for them.

    Examples
    --------
    >>> from bayescale import fit
    >>> found = calibration(fit("chinchilla", "chinchilla"))
    >>> bool(0.8 < found.summary().set_index("mass").loc[0.9, "share"] < 0.98)
    True
    """
    first = first_fit(fit)
    each = [_places(member) for member in members(fit).values()]
    places, k_hats = (np.column_stack(columns) for columns in zip(*each, strict=True))
    weights = fit.weights_at(reach_of(first, first.inputs)) if isinstance(fit, Ensemble) else np.ones((len(places), 1))
    training_run = np.arange(len(places)) if first.cluster is None else first.cluster
    inputs = {name: ("run", values) for name, values in first.inputs.items()}
    runs = xr.Dataset(
        {
            "probability": ("run", (weights * places).sum(axis=1), {"units": ""}),
            "observed": ("run", first.observed.outcome, {"units": first.law.outcome_unit}),
            "k_hat": ("run", k_hats.max(axis=1), {"units": ""}),
        },
        coords={**numbered("run", len(places)), "training_run": ("run", training_run), **inputs},
    )
    return Calibration(runs, len(np.unique(training_run)), f"{fit.title} on {fit.dataset}")


def _places(fit: Fit) -> tuple[Array, Array]:
    """Probability of an outcome below that of each run in its prediction from all others, and Pareto k-hats."""
    if not isinstance(fit, Steps):
        return places_of_runs(fit)
    law, options = made_with(fit)
    places, rng = np.empty(fit.record.n_runs), np.random.default_rng(options.seed)
    for rows, rest in without_each_run(law, fit.runs, options):
        forecast, outcomes = predicted_runs(rest, fit.runs.take(rows))
        places[rows] = (forecast.draws(rng) < forecast.link.forward(np, outcomes)).mean(axis=0)
    return places, np.zeros(len(places))
