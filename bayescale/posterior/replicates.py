"""Prior and posterior predictive outcomes: what a model says that the fitted runs could have been."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.html import html_of
from bayescale.basics.intervals import DEFAULT_MASS, SAMPLE_DIMS, numbered, quantiles, summary_table, tail_probabilities
from bayescale.basics.quantities import format_quantity, with_unit
from bayescale.data.runs import AnyRuns
from bayescale.inference.engine import PRIOR
from bayescale.inference.options import Choices, Options
from bayescale.laws.law import Law
from bayescale.laws.links import Link
from bayescale.posterior.curves import outcomes_along
from bayescale.posterior.ensembles import Posterior, first_fit, joined, members, reach_of
from bayescale.posterior.fit import Fit, with_group
from bayescale.posterior.parts import link_mean, outcomes_given, predicted_given
from bayescale.posterior.single import draw_prior
from bayescale.posterior.steps import Steps, stepped

Array = NDArray[np.float64]

_ALONG = 60
"""Number of points along the runs."""


@dataclass(frozen=True, eq=False)
class Replicates:
    """Outcomes of the runs of a table as a model draws them, beside the observed ones.

    Attributes
    ----------
    draws : xarray.Dataset
        Variables ``latent`` (law and model discrepancy) and ``predictive`` (with noise and the standard errors of the
        table), dims chain, draw and run; ``observed``, dim run. The inputs are coordinates along ``run``.
    curve : xarray.Dataset
        ``latent`` and ``predictive`` along a path through the middle of the runs, from the smallest to the largest,
        dims chain, draw and point. The inputs are coordinates along ``point``, and so is ``size``: compute if it is
        known, else the product of the inputs.
    size : xarray.DataArray
        The same of each run, dim run, with its unit.
    outcome, unit : str
    prior : bool
        Whether parameters are drawn from the prior rather than from the posterior.
    link : Link
        Scale on which spread and slope are measured, in ``scale_unit``.
    scale_unit : str
    warnings : tuple of str

    Examples
    --------
    >>> from bayescale import fit
    >>> drawn = posterior_predictive(fit("chinchilla", "chinchilla", discrepancy=False, draws=100))
    >>> drawn.draws["predictive"].sizes["run"], drawn.curve["latent"].dims
    (240, ('chain', 'draw', 'point'))
    >>> drawn.statistics()["statistic"].tolist()
    ['smallest', 'median', 'largest', 'spread', 'change per tenfold']
    """

    draws: xr.Dataset
    curve: xr.Dataset
    size: xr.DataArray
    outcome: str
    unit: str
    prior: bool
    link: Link
    scale_unit: str
    warnings: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What was drawn from what."""
        what = "prior" if self.prior else "posterior"
        return f"{with_unit(self.outcome, self.unit)} of {self.draws.sizes['run']} runs, {what} predictive"

    def summary(self, ci_prob: float = DEFAULT_MASS) -> pd.DataFrame:
        """One row per run: its inputs, its outcome, and mean, standard deviation, interval and median of those drawn.

        The column ``probability`` is the share of drawn outcomes below the observed one.
        """
        drawn, observed = self.draws["predictive"], self.draws["observed"]
        inputs = {str(name): each.to_numpy() for name, each in self.draws.coords.items() if name not in _DIMS}
        below = (drawn < observed).mean(SAMPLE_DIMS).to_numpy()
        table = pd.DataFrame({**inputs, "observed": observed.to_numpy()}).join(summary_table(drawn, ci_prob))
        return table.assign(probability=below)

    def statistics(self, ci_prob: float = DEFAULT_MASS) -> pd.DataFrame:
        """What tables look like that the model draws: a row per statistic of the outcomes, with that of the real table.

        The spread and the change per tenfold of size are on the scale of the noise, such as that of log loss. The
        column ``probability`` is the share of drawn tables whose statistic is below the observed one.
        """
        drawn = self._statistics(self.draws["predictive"].to_numpy())
        seen = self._statistics(self.draws["observed"].to_numpy())
        low, high = tail_probabilities(ci_prob)
        rows = []
        for name, values in drawn.items():
            ends = quantiles(xr.DataArray(values, dims=SAMPLE_DIMS), [low, 0.5, high])
            rows.append(
                {
                    "statistic": name,
                    "observed": float(seen[name]),
                    **{key: float(value) for key, value in ends.items()},
                    "unit": self.scale_unit if name in _ON_LINK else self.unit,
                    "probability": float(np.mean(values < seen[name])),
                }
            )
        return pd.DataFrame(rows)

    def _statistics(self, values: Array) -> dict[str, Array]:
        """Statistics of outcomes of shape (..., run), each of shape (...)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = np.asarray(self.link.forward(np, values))
        size = np.log10(self.size.to_numpy())
        size = size - size.mean()
        spread, slope = _ON_LINK
        return {
            "smallest": values.min(axis=-1),
            "median": np.median(values, axis=-1),
            "largest": values.max(axis=-1),
            spread: scaled.std(axis=-1),
            slope: np.asarray(scaled @ size / max(float(size @ size), 1e-300)),
        }

    def __str__(self) -> str:
        table = self.statistics()
        numbers = [str(name) for name in table if table[name].dtype.kind == "f"]
        shown = table.assign(**{name: table[name].map(lambda v: format_quantity(v, 4)) for name in numbers})
        return "\n".join([self.title, shown.to_string(index=False), *self.warnings])

    def _repr_html_(self) -> str:
        return html_of(self.title, self.statistics(), self.warnings)


_DIMS = (*SAMPLE_DIMS, "run")
_ON_LINK = ("spread", "change per tenfold")
"""Statistics on the scale of the noise."""


def prior_predictive(
    law: str | Path | Law | Fit = "chinchilla",
    runs: AnyRuns | None = None,
    options: Options | None = None,
    **choices: Unpack[Choices],
) -> Replicates:
    """Draw the outcomes of a table's runs from the priors alone, to see what these imply before any run informs them.

    Parameters
    ----------
    law : str, path, Law or Fit
        Of a fit, the priors, runs and options that it was made with.
    runs, options, **choices
        As for :func:`bayescale.draw_prior`.

    Returns
    -------
    Replicates

    Examples
    --------
    >>> drawn = prior_predictive("chinchilla", "chinchilla", draws=100)
    >>> bool(drawn.statistics().set_index("statistic").loc["median", "probability"] > 0.05)
    True
    """
    prior = draw_prior(law, runs, options, **choices)
    return posterior_predictive(prior, seed=prior.record.seed)


def posterior_predictive(fit: Posterior, *, seed: int = 0) -> Replicates:
    """Draw the outcomes of the fitted runs again, to see whether the fit makes tables like the real one.

    The same runs were fitted, so they lie closer to the middle than new ones would: :func:`bayescale.calibration`
    leaves each run out.

    Parameters
    ----------
    fit : Fit or Ensemble
    seed : int
        Seed of the noise, and of the choice among an ensemble's laws; the same seed gives the same outcomes.

    Returns
    -------
    Replicates

    Examples
    --------
    >>> from bayescale import fit
    >>> drawn = posterior_predictive(fit("chinchilla", "chinchilla"))
    >>> bool(drawn.summary()["probability"].between(0.05, 0.95).mean() > 0.85)
    True
    """
    first = first_fit(fit)
    observed = first.observed
    each = {name: _at_runs(member, seed) for name, member in members(fit).items()}
    draws = joined(fit, each, reach_of(first, first.inputs), seed)
    law, known = first.law, "C" in observed.runs.frame
    unit = "FLOP" if known else next(iter(law.inputs)).unit if len(law.inputs) == 1 else ""
    size = xr.DataArray(
        observed.size, dims="run", name="C" if known else " ".join(law.input_names), attrs={"units": unit}
    )
    path = _along(first)
    curve = outcomes_along(fit, seed=seed, **{name: values for name, values in path.items() if name != "size"})
    return Replicates(
        draws=draws.assign(observed=("run", observed.outcome, {"units": law.outcome_unit})),
        curve=curve.assign_coords(size=("point", path["size"])),
        size=size,
        outcome=law.outcome,
        unit=law.outcome_unit,
        prior=first.record.engine == PRIOR,
        link=law.link,
        scale_unit=law.scale_unit,
        warnings=fit.warnings,
    )


def _along(fit: Fit) -> dict[str, Array]:
    """Inputs along the middle of the runs, from the smallest to the largest, by regression on log size."""
    observed = fit.observed
    sizes = np.log(observed.size)
    grid = np.linspace(sizes.min(), sizes.max(), _ALONG) if np.ptp(sizes) > 0 else sizes[:1]
    path = {"size": np.exp(grid)}
    for item in fit.law.inputs:
        values = np.log(fit.inputs[item.name])
        degree = 1 if np.ptp(sizes) > 0 else 0
        fitted = np.polyval(np.polyfit(sizes - sizes.mean(), values, degree), grid - sizes.mean())
        path[item.name] = np.exp(np.clip(fitted, values.min(), values.max()))
    nearest = np.abs(sizes[:, None] - grid).argmin(axis=0)
    return path | {item.name: fit.inputs[item.name][nearest] for item in fit.law.settings}


def _at_runs(fit: Fit, seed: int) -> xr.Dataset:
    """Outcomes at the fitted runs, with the discrepancy there and the runs' own standard errors."""
    if isinstance(fit, Steps):
        return _at_runs_of_both(fit, seed)
    latent = link_mean(fit, fit.inputs)
    if fit.basis is not None:
        latent = latent + fit.conditional.at_runs
    relative = None if fit.basis is None else fit.basis.noise_scale
    shift, scale = fit.noise.draw_moments(
        rng := np.random.default_rng(seed),
        fit.columns,
        latent.shape,
        relative=relative,
        standard_error=fit.observed.standard_error,
    )
    return _drawn_at_runs(fit, latent, latent + shift + scale * rng.standard_normal(latent.shape))


def _at_runs_of_both(fit: Steps, seed: int) -> xr.Dataset:
    """The same of two steps: the second reads what the first draws."""
    read, rng = _at_runs(fit.first, seed), np.random.default_rng([seed, 1])
    latent, noisy = (read[name].to_numpy().reshape(-1, read.sizes["run"]) for name in ("latent", "predictive"))
    settings = {item.name: fit.inputs[item.name] for item in fit.second.law.settings}
    drawn = predicted_given(fit.second, noisy, settings, rng, fit.second.observed.standard_error).draws(rng)
    return _drawn_at_runs(fit, outcomes_given(fit.second, {"latent": latent}, settings, rng)["latent"], drawn)


def _drawn_at_runs(fit: Fit, latent: Array, predictive: Array) -> xr.Dataset:
    """Draws on the link's scale, shape (sample, run), as outcomes at the fitted runs."""
    on_link = {"latent": latent, "predictive": predictive}
    attrs = {"units": fit.law.outcome_unit}
    inverse = fit.law.link.inverse
    variables = {name: (_DIMS, fit.in_chains(np.asarray(inverse(each))), attrs) for name, each in on_link.items()}
    inputs = {name: ("run", values) for name, values in fit.inputs.items()}
    return xr.Dataset(variables, coords={**fit.sample_coords, **numbered("run", latent.shape[1]), **inputs})


def with_posterior_predictive(fitted: Fit, seed: int = 0) -> Fit:
    """Add the group ``posterior_predictive``: replicated outcomes of the fitted runs, by chain, draw and run.

    Parameters
    ----------
    fitted : Fit
    seed : int
        Seed of the noise; the same seed gives the same replicates.

    Returns
    -------
    Fit

    Examples
    --------
    >>> from bayescale import fit
    >>> extended = with_posterior_predictive(fit("chinchilla", "chinchilla", draws=50))
    >>> extended.groups["posterior_predictive"]["loss"].shape
    (4, 50, 240)
    """
    return _with_replicates(fitted, "posterior_predictive", fitted, seed)


def with_prior_predictive(fitted: Fit, seed: int = 0) -> Fit:
    """Add the group ``prior_predictive``: outcomes at the inputs of the fitted runs, drawn from the priors alone.

    Parameters
    ----------
    fitted : Fit
    seed : int
        Seed of the noise; the same seed gives the same outcomes.

    Returns
    -------
    Fit

    Examples
    --------
    >>> from bayescale import fit
    >>> extended = with_prior_predictive(fit("chinchilla", "chinchilla", draws=50))
    >>> extended.groups["prior_predictive"]["loss"].dims
    ('chain', 'draw', 'run')
    """
    return _with_replicates(fitted, "prior_predictive", _from_prior(fitted, seed), seed)


def _from_prior(fitted: Fit, seed: int) -> Fit:
    """The fit with the draws of its group ``prior``, and coefficients of the discrepancy from their prior."""
    if isinstance(fitted, Steps):
        return stepped(_from_prior(fitted.first, seed), _from_prior(fitted.second, seed))
    groups = fitted.groups.copy()
    groups["posterior"] = prior = fitted.groups["prior"]
    if fitted.basis is not None:
        shape = (*(prior.sizes[dim] for dim in SAMPLE_DIMS), fitted.groups["discrepancy"].sizes["feature"])
        drawn = np.random.default_rng(seed).standard_normal(shape)
        groups["discrepancy"] = xr.DataTree(xr.Dataset({"coefficients": ((*SAMPLE_DIMS, "feature"), drawn)}))
    return replace(fitted, groups=groups)


def _with_replicates(fitted: Fit, group: str, drawn_from: Fit, seed: int) -> Fit:
    values = _at_runs(drawn_from, seed)["predictive"].to_numpy()
    return with_group(fitted, group, values.reshape(-1, values.shape[-1]), numbered("run", values.shape[-1]))
