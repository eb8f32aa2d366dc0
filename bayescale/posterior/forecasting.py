"""Posterior predictive bands on the outcome of runs that are not trained yet."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.html import html_of
from bayescale.basics.intervals import DEFAULT_MASS, SAMPLE_DIMS, numbered, summary_table
from bayescale.basics.quantities import format_quantity, with_unit
from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.inference.engine import PRIOR
from bayescale.posterior.ensembles import Ensemble, Posterior, first_fit, joined, members, reach_of
from bayescale.posterior.fit import Fit
from bayescale.posterior.parts import (
    add_noise,
    broken,
    draw_error,
    error_moments,
    link_mean,
    noise_moments,
    outcomes_given,
    predicted_given,
    split_inputs,
)
from bayescale.posterior.points import check_task, checked_points, tuned_settings
from bayescale.posterior.predictive import Mixed, Predicted, Predictive
from bayescale.posterior.reach import READ, prior_warnings, reach_warnings, second_step_warnings
from bayescale.posterior.steps import Steps

Array = NDArray[np.float64]


_OUTCOMES = ("latent", "predictive")
"""Variables of a forecast that are of the outcome."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """Draws of the outcome at new points.

    Attributes
    ----------
    draws : xarray.Dataset
        Variables ``latent`` (law and model discrepancy) and ``predictive`` (a new run, with noise), dims chain, draw
        and point; the inputs are coordinates along ``point``. Tuned settings that the points leave out, such as a
        learning rate, are variables too, at their best in each draw, which the outcome is for.
    outcome, unit : str
    warnings : tuple of str
    prior : bool
        Whether the draws are from the prior.

    Examples
    --------
    >>> from bayescale import fit
    >>> bands = forecast(fit("chinchilla", "chinchilla", discrepancy=False), N=70e9, D=1.4e12)
    >>> list(bands.summary(0.8).columns)
    ['N', 'D', 'mean', 'sd', 'q10', 'q50', 'q90']
    >>> 1.9 < float(bands.draws["predictive"].median()) < 2.0
    True
    """

    draws: xr.Dataset
    outcome: str
    unit: str
    warnings: tuple[str, ...] = ()
    prior: bool = False

    @property
    def points(self) -> pd.DataFrame:
        """The inputs of each point."""
        return pd.DataFrame(
            {
                str(name): self.draws[name].to_numpy()
                for name in self.draws.coords
                if name not in (*SAMPLE_DIMS, "point")
            }
        )

    def summary(self, ci_prob: float = DEFAULT_MASS, *, latent: bool = False) -> pd.DataFrame:
        """One row per point: its inputs; mean, standard deviation, interval and median of the outcome.

        Columns such as ``lr_q50`` are the interval and median of the best value of a tuned setting that was left out.

        Parameters
        ----------
        ci_prob : float
            Mass of the equal-tailed interval.
        latent : bool
            Whether to summarise ``latent``, without the noise of a new run.
        """
        table = self.points.join(summary_table(self.draws["latent" if latent else "predictive"], ci_prob))
        for name in self.tuned:
            best = summary_table(self.draws[name], ci_prob).drop(columns=["mean", "sd"])
            table = table.join(best.add_prefix(f"{name}_"))
        return table

    @property
    def tuned(self) -> tuple[str, ...]:
        """Settings that the points leave out, and that are taken at their best."""
        return tuple(str(name) for name in self.draws.data_vars if name not in _OUTCOMES)

    def __str__(self) -> str:
        table = self.summary().map(lambda v: v if isinstance(v, str) else format_quantity(v, 4)).to_string(index=False)
        return "\n".join([self._title, table, *self.warnings])

    @property
    def _title(self) -> str:
        return f"{with_unit(self.outcome, self.unit)}, {'prior' if self.prior else 'posterior'} predictive"

    def _repr_html_(self) -> str:
        return html_of(self._title, self.summary().assign(unit=self.unit), self.warnings)


def forecast(fit: Posterior, *, seed: int = 0, **inputs: ArrayLike) -> Forecast:
    """Forecast the outcome at new inputs, with all uncertainty: of parameters, model discrepancy and noise.

    Parameters
    ----------
    fit : Fit or Ensemble
    seed : int
        Seed of the noise; the same seed gives the same draws.
    **inputs : array_like, shape (point,) or scalar
        The law's inputs by name, such as ``N`` (parameters) and ``D`` (tokens); they broadcast against each other.

    Returns
    -------
    Forecast

    Raises
    ------
    LawError
        If an input of the law is missing, unknown, not positive or not finite.

    Examples
    --------
    >>> from bayescale import fit
    >>> bands = forecast(fit("chinchilla", "chinchilla"), N=[1e9, 70e9], D=[20e9, 1.4e12])
    >>> bands.draws["predictive"].dims
    ('chain', 'draw', 'point')
    >>> bool((bands.summary()["q05"] < bands.summary()["q95"]).all())
    True
    """
    law = first_fit(fit).law
    points = checked_points(fit, inputs)
    check_task(fit, inputs)
    reach = reach_of(first_fit(fit), points)
    each = {name: _forecast_draws(member, points, seed) for name, member in members(fit).items()}
    farthest = int(reach.argmax())
    place = ", ".join(f"{name} = {format_quantity(points[name][farthest])}" for name in law.input_names)
    doubts = prior_warnings(
        fit, {name: d.isel(point=farthest) for name, d in each.items()}, {"latent": f"{law.outcome} at {place}"}
    )
    return Forecast(
        draws=joined(fit, each, reach, seed).drop_vars(READ, errors="ignore"),
        outcome=law.outcome,
        unit=law.outcome_unit,
        warnings=(
            *fit.warnings,
            *doubts,
            *reach_warnings(first_fit(fit), points),
            *second_step_warnings(fit, each, reach),
        ),
        prior=first_fit(fit).record.engine == PRIOR,
    )


def _forecast_draws(fit: Fit, points: Mapping[str, Array], seed: int) -> xr.Dataset:
    if isinstance(fit, Steps):
        return _through_both(fit, points, seed)
    rng = np.random.default_rng(seed)
    latent = link_mean(fit, points) + draw_error(fit, points, rng)
    coords = {**fit.sample_coords, **numbered("point", latent.shape[1])}
    coords |= {name: ("point", values) for name, values in points.items()}
    attrs = {"units": fit.law.outcome_unit}
    dims = (*SAMPLE_DIMS, "point")
    on_link = {"latent": latent, "predictive": add_noise(fit, points, latent, rng)}
    variables = {name: (dims, fit.in_chains(fit.law.link.inverse(values)), attrs) for name, values in on_link.items()}
    variables |= {name: (dims, fit.in_chains(values), {}) for name, values in tuned_settings(fit, points).items()}
    return xr.Dataset(variables, coords=coords)


def _through_both(fit: Steps, points: Mapping[str, Array], seed: int) -> xr.Dataset:
    """Draws of the second outcome from those of the first, which stay, without noise, as the variable ``READ``."""
    own, given = split_inputs(fit, points)
    read, rng = _forecast_draws(fit.first, own, seed), np.random.default_rng([seed, 1])
    between = {name: read[name].to_numpy().reshape(-1, read.sizes["point"]) for name in _OUTCOMES}
    on_link = outcomes_given(fit.second, between, given, rng)
    attrs, inverse, harm = {"units": fit.law.outcome_unit}, fit.law.link.inverse, broken(fit, points)
    dims = (*SAMPLE_DIMS, "point")
    drawn = {name: (dims, fit.in_chains(inverse(values + harm)), attrs) for name, values in on_link.items()}
    return read.assign({**drawn, READ: read["latent"]}).assign_coords(
        {name: ("point", values) for name, values in points.items()}
    )


def predicted_runs(fit: Posterior, runs: Runs, *, seed: int = 0) -> tuple[Predictive, Array]:
    """The predictive distribution of each run's outcome, and the observed outcome on its own scale.

    If the table states how precisely an outcome was measured, the distribution includes that measurement error.

    Parameters
    ----------
    fit : Fit or Ensemble
    runs : Runs
        Held-out runs.
    seed : int
        Seed of the scales of heavy-tailed noise, and of the choice among an ensemble's laws.
    """
    each = [Observed(member.law, runs) for member in members(fit).values()]
    inputs = {name: values for one in each for name, values in one.inputs.items()}
    observed = each[0]
    return _predicted(fit, inputs, observed, seed), np.asarray(observed.law.link.inverse(observed.on_link))


def predicted(fit: Posterior, inputs: Mapping[str, ArrayLike], *, seed: int = 0) -> Predictive:
    """The marginal predictive distribution of each new run.

    Parameters
    ----------
    fit : Fit or Ensemble
    inputs : mapping of array, shape (point,)
        The law's inputs by name.
    seed : int
        Seed of the scales of heavy-tailed noise, and of the choice among an ensemble's laws.
    """
    return _predicted(fit, inputs, None, seed)


def _predicted(fit: Posterior, inputs: Mapping[str, ArrayLike], measured: Observed | None, seed: int) -> Predictive:
    points = checked_points(fit, inputs)
    each = [_of_one_law(member, points, measured, seed) for member in members(fit).values()]
    if not isinstance(fit, Ensemble):
        return each[0]
    reach = reach_of(fit.first, points)
    return Mixed(each, fit.weights_at(reach), fit.choose(reach, seed))


def _of_one_law(fit: Fit, points: Mapping[str, Array], measured: Observed | None, seed: int) -> Predicted:
    """A mixture of normals over the draws; for measured runs it includes the standard errors of their outcomes."""
    if isinstance(fit, Steps):
        own, given = split_inputs(fit, points)
        drawn = _forecast_draws(fit.first, own, seed)["predictive"].to_numpy()
        error, rng = None if measured is None else measured.standard_error, np.random.default_rng([seed, 1])
        found = predicted_given(fit.second, drawn.reshape(-1, drawn.shape[-1]), given, rng, error)
        return replace(found, location=found.location + broken(fit, points))
    mean, variance = error_moments(fit, points)
    standard_error = None if measured is None else measured.standard_error
    shift, scale = noise_moments(fit, points, np.random.default_rng(seed), standard_error)
    location = link_mean(fit, points) + mean + shift + broken(fit, points)
    return Predicted(location, np.sqrt(variance + np.square(scale)), fit.law.link)


def joint_log_density(fit: Fit, run: Runs, *, seed: int = 0) -> float:
    """Joint log density of all rows of one training run, on the outcome's own scale (nats).

    Parameters
    ----------
    fit : Fit
    run : Runs
        Rows of one held-out training run, which share the law's discrepancy and the run's own effect.
    seed : int
        Seed of the scales of heavy-tailed noise.
    """
    observed, link = Observed(fit.law, run), fit.law.link
    if isinstance(fit, Steps):
        # Given a draw of both discrepancies at all rows, the rows are independent.
        return _of_one_law(fit, observed.inputs, observed, seed).joint_log_density(run.column(fit.outcome, link.domain))
    points, on_scale, rng = observed.inputs, observed.on_link, np.random.default_rng(seed)
    location = link_mean(fit, points)
    covariance = np.zeros((1, len(run), len(run)))
    if fit.basis is not None:
        location = location + fit.conditional.moments(observed.located)[0]
        covariance = fit.conditional.joint_covariance(observed.located)
    found = []
    for _ in range(_SCALES_PER_DRAW):
        shift, scale = noise_moments(fit, points, rng, observed.standard_error)
        total = covariance + np.square(scale)[:, :, None] * np.eye(len(run))
        factor = np.linalg.cholesky(total)
        left = np.linalg.solve(factor, (on_scale - location - shift)[..., None])[..., 0]
        log_scales = np.log(np.einsum("dkk->dk", factor)).sum(axis=1)
        found.append(-0.5 * np.square(left).sum(axis=1) - log_scales - 0.5 * len(run) * np.log(2 * np.pi))
    logs = np.concatenate(found)
    slopes = np.log(np.abs(link.slope(link.inverse(on_scale)))).sum()
    return float(np.logaddexp.reduce(logs) - np.log(len(logs)) + slopes)


_SCALES_PER_DRAW = 8
"""Scales of heavy-tailed noise per draw: a joint density of several rows needs more of them than that of one row."""
