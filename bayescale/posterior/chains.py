"""Two steps from a planned run to what it can do: a law of its loss, and a law of an outcome given that loss.

If every run has both a loss and the outcome, their joint density is the density of the loss times that of the outcome
given the loss. The two laws share no parameter, so two separate fits to the same runs equal the joint fit; if the first
step is an ensemble, this holds for each of its laws. A forecast draws the loss of the new run, with model discrepancy
and noise, and then the outcome from each drawn loss, so it carries the uncertainty of both steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.errors import LawError
from bayescale.basics.intervals import DEFAULT_MASS, SAMPLE_DIMS
from bayescale.basics.quantities import numbers
from bayescale.data.observed import Observed, check_unit_read
from bayescale.data.runs import AnyRuns, Runs
from bayescale.inference.options import Choices, Options, chosen
from bayescale.laws import catalog
from bayescale.laws.following import outcomes_of
from bayescale.laws.law import Law
from bayescale.laws.steps import check_second_step
from bayescale.posterior.ensembles import Posterior, first_fit
from bayescale.posterior.fit import Fit
from bayescale.posterior.fitted import Fitted
from bayescale.posterior.fitting import AnyLaw, fit
from bayescale.posterior.forecasting import Forecast, forecast
from bayescale.posterior.parts import beyond, outcomes_given, predicted_given
from bayescale.posterior.points import check_points, check_task, shared_settings
from bayescale.posterior.predictive import Predicted
from bayescale.posterior.single import fit_law

if TYPE_CHECKING:
    import bayescale

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Chain(Fitted):
    """Two posteriors given the same runs: the second law predicts its outcome from the outcome of the first.

    Attributes
    ----------
    first : Fit or Ensemble
        For example of loss from N and D.
    second : Fit
        For example of accuracy from loss.

    Examples
    --------
    >>> steps = fit_chain("chinchilla", "downstream_error", "gadre:c4", discrepancy=False)
    >>> bands = steps.forecast(N=6.9e9, D=138e9)
    >>> bands.outcome, bands.draws["predictive"].dims
    ('error', ('chain', 'draw', 'point'))
    >>> bool(0.4 < bands.draws["predictive"].median() < 0.6)
    True
    """

    first: Posterior
    second: Fit

    @property
    def certified(self) -> bool:
        """Whether the draws of both steps can be trusted to represent their posteriors."""
        return self.first.certified and self.second.certified

    @property
    def title(self) -> str:
        """Names of both laws, for people to read."""
        return f"{self.first.title}, then {self.second.title}"

    @property
    def dataset(self) -> str:
        """Name of the table that was fitted."""
        return self.second.dataset

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes either step doubtful, without repetitions."""
        return tuple(dict.fromkeys((*self.first.warnings, *self.second.warnings)))

    @property
    def tree(self) -> xr.DataTree:
        """The draws of both steps for ArviZ, under ``first`` and ``second``."""
        return xr.DataTree.from_dict({"first": self.first.tree, "second": self.second.tree})

    def summary(self, ci_prob: float = DEFAULT_MASS) -> pd.DataFrame:
        """Mean, standard deviation and interval of every parameter of both steps, with its unit and meaning."""
        return pd.concat({"first": self.first.summary(ci_prob), "second": self.second.summary(ci_prob)}, names=["step"])

    def forecast(self, *, seed: int = 0, **inputs: ArrayLike) -> Forecast:
        """Forecast the second outcome at inputs of the first law.

        Parameters
        ----------
        seed : int
            Seed of the noise; the same seed gives the same draws.
        **inputs : array_like
            Inputs of the first law, such as ``N`` and ``D``, and settings of the second, such as ``chance``.

        Returns
        -------
        Forecast
            ``predictive`` is the outcome of a new run: its loss and the outcome given that loss, each with noise.
            ``latent`` leaves out the noise of both steps.

        Raises
        ------
        LawError
            As of :func:`bayescale.forecast`.
        """
        settings = _settings(self.second, inputs)
        first = {name: values for name, values in inputs.items() if name not in settings}
        each = [np.atleast_1d(numbers(name, values)) for name, values in (first | settings).items()]
        points = dict(zip((*first, *settings), np.broadcast_arrays(*each), strict=True))
        bands = forecast(self.first, seed=seed, **{name: points[name] for name in first})
        return self.following(bands, seed=seed, **{name: points[name] for name in settings})

    def predicted_runs(self, runs: Runs, *, seed: int = 0) -> tuple[Predicted, Array]:
        """The predictive distribution of each run's second outcome, from the inputs of the first law alone.

        Parameters
        ----------
        runs : Runs
            Held-out runs; their first outcome is not read.
        seed : int

        Returns
        -------
        Predicted
            One component for each draw of the first outcome, with the standard error of the second where it is known.
        array, shape (run,)
            The observed second outcome.
        """
        observed = Observed(self.second.law, runs)
        bands = forecast(self.first, seed=seed, **Observed(first_fit(self.first).law, runs).inputs)
        first = bands.draws["predictive"].to_numpy().reshape(-1, len(runs))
        settings = {item.name: observed.inputs[item.name] for item in self.second.law.settings}
        rng = np.random.default_rng([seed, 1])
        found = predicted_given(self.second, first, settings, rng, observed.standard_error)
        return found, np.asarray(found.link.inverse(observed.on_link))

    def plan(self, **asked: Any) -> "bayescale.Answer":
        """Find the best run for the first outcome with :func:`bayescale.plan`; the second outcome follows from it."""
        return self.first.plan(**asked)

    def following(self, bands: Forecast, *, seed: int = 0, **settings: ArrayLike) -> Forecast:
        """Forecast the second outcome from draws of the first.

        Parameters
        ----------
        bands : Forecast
            Forecast of the first outcome by the first posterior.
        seed : int
            Seed of the noise of the second step.
        **settings : array_like, shape (point,) or scalar
            Settings of the second law, such as ``chance``.

        Returns
        -------
        Forecast
            As of :meth:`forecast`.

        Raises
        ------
        LawError
            If a setting is missing, unknown or invalid.
        """
        known = {setting.name for setting in self.second.law.settings}
        if unknown := sorted(settings.keys() - known):
            raise LawError(f"law {self.second.law.name!r} has no setting {', '.join(unknown)}: leave it out")
        n_points = bands.draws.sizes["point"]
        given_settings = {k: np.broadcast_to(v, n_points) for k, v in _settings(self.second, settings).items()}
        rng = np.random.default_rng([seed, 1])
        between = {name: bands.draws[name].to_numpy().reshape(-1, n_points) for name in ("latent", "predictive")}
        variables = {}
        for name, on_link in outcomes_given(self.second, between, given_settings, rng).items():
            shaped = self.second.in_chains(self.second.law.link.inverse(on_link))
            variables[name] = ((*SAMPLE_DIMS, "point"), shaped, {"units": self.second.law.outcome_unit})
        draws = xr.Dataset(variables, coords=bands.draws.coords)
        middle = bands.draws["latent"].median(dim=SAMPLE_DIMS).to_numpy()
        doubts = (*bands.warnings, *self.second.warnings, *beyond(self.second, middle))
        return Forecast(
            draws=draws.assign_coords({name: ("point", values) for name, values in given_settings.items()}),
            outcome=self.second.outcome,
            unit=self.second.law.outcome_unit,
            warnings=tuple(dict.fromkeys(doubts)),
        )


def fit_chain(
    law: AnyLaw | list[AnyLaw],
    then: str | Path | Law,
    runs: AnyRuns,
    options: Options | None = None,
    **choices: Unpack[Choices],
) -> Chain:
    """Sample the posteriors of both steps given the same runs.

    Parameters
    ----------
    law : str, path, Law, or a list of them
        Law of the first outcome, as for :func:`bayescale.fit`.
    then : str, path or Law
        Law of the second outcome; its only input is the first outcome.
    runs : str, path, DataFrame or Runs
        Runs with both outcomes.
    options : Options, optional
        Options of both fits.
    **choices
        Fields of the options, as for :func:`bayescale.fit`; priors and evidence are those of the first law.

    Returns
    -------
    Chain

    Raises
    ------
    LawError
        If the outcome of the first law is not the only input of the second.
    RunsError, CatalogError, SamplingError
        As for :func:`bayescale.fit`.
    """
    second = then if isinstance(then, Law) else catalog.load_law(then)
    if isinstance(runs, Runs):
        Observed.of(second, runs)  # fails here rather than after the first fit
    asked = chosen(options, choices)
    first = fit(law, runs, asked)
    # What a user believes concerns the first step.
    after = replace(asked, priors={}, evidence=())
    return chained(first, fit_law(then, _with_outcome(runs, second), after))


def chained(first: Posterior, second: Fit) -> Chain:
    """Join two posteriors given the same runs into a chain.

    Raises
    ------
    LawError
        If the outcome of the first law, in the same unit, is not the only input of the second.
    """
    check_second_step(second.law, first_fit(first).outcome)
    check_unit_read(second.law.inputs[0], second.law.name, first_fit(first).record.unit)
    if first_fit(first).groups["posterior"].sizes != second.groups["posterior"].sizes:
        raise LawError("both steps need the same number of draws and chains: fit them alike")
    return Chain(first, second)


def _with_outcome(runs: AnyRuns, law: Law) -> AnyRuns:
    if not isinstance(runs, Runs):
        return runs
    return Runs.from_frame(runs.frame, source=runs.source, outcome=outcomes_of(law))


def _settings(fit: Fit, inputs: Mapping[str, ArrayLike]) -> dict[str, Array]:
    """Settings of the second law, taken from the runs unless they are given."""
    known: dict[str, Any] = {**shared_settings(fit), **inputs}
    missing = [setting.name for setting in fit.law.settings if setting.name not in known]
    if missing:
        raise LawError(f"law {fit.law.name!r} takes {', '.join(missing)}, which differs between the runs: give it too")
    found = {setting.name: np.atleast_1d(numbers(setting.name, known[setting.name])) for setting in fit.law.settings}
    for setting in fit.law.settings:
        check_points(setting.name, found[setting.name], setting.domain)
    check_task(fit, inputs)
    return found
