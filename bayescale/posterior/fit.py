"""A posterior in ArviZ's groups, with its diagnostics and a record of where it comes from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.errors import LawError
from bayescale.basics.intervals import DEFAULT_MASS, SAMPLE_DIMS, numbered, summary_table
from bayescale.basics.wording import listed
from bayescale.data.compute import SIX_ND, Count, Counted
from bayescale.data.observed import Observed
from bayescale.data.repeats import runs_column
from bayescale.data.runs import Runs
from bayescale.inference.conditional import Conditional
from bayescale.inference.discrepancy import Basis, Process, error_process
from bayescale.inference.sampled import Diagnostics
from bayescale.inference.scales import amplitude_parameters
from bayescale.laws.law import Law
from bayescale.laws.noise import Noise, noise_by_name
from bayescale.laws.parameters import Derived, Parameter, Prior
from bayescale.posterior.fitted import Fitted
from bayescale.posterior.left_out import log_densities_left_out
from bayescale.posterior.recipe_risk import RecipeRisk
from bayescale.posterior.sensitivity import Sensitivity, sensitivity

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]

_POINTWISE_RUNS = 1000
"""Maximum number of runs for which a fit's tree always holds the pointwise log likelihood."""


@dataclass(frozen=True)
class Record:
    """Law, data and options of a fit, so that it can be repeated.

    ``law_origin`` is ``"shipped"``, the name of the user's own law file, or ``"object"`` for a law made in Python,
    which has no hash. ``priors`` are those that the user stated, by what they are on, and ``carriers`` the sampled
    parameter that takes the prior of each derived quantity among them; ``evidence`` is what was measured elsewhere, as
    text. ``pool`` names the parameters that were learnt together with other groups of runs. ``unit`` is the unit of the
    outcome, if the runs state one. ``flops`` and ``flops_factor`` are how training compute is counted
    (:class:`bayescale.data.compute.Count`). ``tune`` and ``minutes`` are how long NUTS could adapt and go on.
    """

    law: str
    law_origin: str
    law_hash: str | None
    dataset: str
    data_hash: str
    n_runs: int
    noise: str
    discrepancy: bool
    engine: str
    draws: int
    chains: int
    seed: int
    created_at: str
    versions: Mapping[str, str]
    priors: Mapping[str, Prior] = field(default_factory=dict)
    carriers: Mapping[str, str] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    pool: tuple[str, ...] = ()
    unit: str | None = None
    flops: str = SIX_ND
    flops_factor: tuple[float, ...] = ()
    tune: int | None = None
    minutes: float = 0.0


@dataclass(frozen=True, eq=False)
class Fit(Fitted):
    """A posterior over a law's parameters.

    Attributes
    ----------
    groups : xarray.DataTree
        The groups of :attr:`tree`: ``posterior``, ``prior``, ``sample_stats``, ``observed_data`` (outcomes, dim run),
        ``constant_data`` (inputs, settings, centres), and those added on request.
    law : Law
        The law in the unit of the runs.
    record : Record
    diagnostics : Diagnostics
    warnings, notes : tuple of str
        What makes the result doubtful, and further remarks.
    risk : RecipeRisk or None
        Risk that the recipe breaks beyond the runs. Runs cannot teach it: ``with_risk`` of
        ``bayescale.posterior.ensembles`` sets it.

    Examples
    --------
    >>> from bayescale import fit
    >>> posterior = fit("chinchilla", "chinchilla", discrepancy=False)
    >>> posterior.tree["posterior"]["E"].attrs["units"]
    'nats/token'
    >>> bool(posterior.summary().loc["a_opt", "mean"].round(2) == 0.51)
    True
    """

    groups: xr.DataTree
    law: Law
    record: Record
    diagnostics: Diagnostics
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    risk: RecipeRisk | None = None

    @cached_property
    def tree(self) -> xr.DataTree:
        """The posterior for ArviZ, as in ``az.loo(fit.tree)``.

        For tables of up to a thousand runs it holds the pointwise ``log_likelihood``. For larger tables, functions such
        as ``with_log_likelihood`` add it, and likewise ``posterior_predictive`` and ``prior_predictive``.
        """
        small = self.record.n_runs <= _POINTWISE_RUNS and "log_likelihood" not in self.groups
        found = with_log_likelihood(self).groups if small else self.groups
        attrs = {
            "created_at": self.record.created_at,
            "inference_library": "bayescale",
            "inference_library_version": self.record.versions["bayescale"],
            **{f"{name}_version": each for name, each in self.record.versions.items() if name != "bayescale"},
        }
        described = {path: node.to_dataset().assign_attrs(attrs) for path, node in found.children.items()}
        return xr.DataTree.from_dict({"/": xr.Dataset(attrs=attrs), **described})

    @cached_property
    def model(self) -> "pm.Model":
        """The posterior as a PyMC model, for PyMC's own samplers, graphs and extensions.

        Its observed variable is the outcome on the link's scale. The coefficients of a discrepancy are free variables.

        Raises
        ------
        LawError
            If parameters were learnt together with other groups of runs, which one group's model does not describe.
        """
        from bayescale.inference.model import build_model

        if self.record.pool:
            raise LawError(
                f"{listed(self.record.pool)} of this group were learnt together with other groups: fit the group alone "
                "for a model of it"
            )
        return build_model(self.observed, self.noise, self.basis).model

    @property
    def noise(self) -> Noise:
        """Noise around the law, or around the law plus its discrepancy."""
        return noise_by_name(self.record.noise)

    @property
    def described(self) -> tuple[Parameter | Derived, ...]:
        """Every parameter of the law, its noise and its discrepancy, in the order of the summary."""
        return all_parameters(self.law, self.noise, self.record.discrepancy)

    @property
    def certified(self) -> bool:
        """Whether the draws can be trusted to represent the posterior."""
        return self.diagnostics.certified

    @property
    def title(self) -> str:
        """Name of the law, for people to read."""
        return self.law.title

    @property
    def dataset(self) -> str:
        """Name of the table that was fitted."""
        return self.record.dataset

    @property
    def outcome(self) -> str:
        """Column that the law predicts."""
        return self.law.outcome

    @cached_property
    def basis(self) -> Basis[Process] | None:
        """Features of the law's discrepancy; None if the law was taken as true."""
        if not self.record.discrepancy:
            return None
        process = error_process(self.law, self.observed.located, self.cluster)
        return Basis(process, self.groups["constant_data"]["noise_scale"].to_numpy())

    @property
    def cluster(self) -> NDArray[np.int64] | None:
        """Code of the training run that each row belongs to, shape (run,); None if every row is a separate run."""
        return self.observed.cluster

    @cached_property
    def parameters(self) -> dict[str, Array]:
        """Every parameter, sampled and derived, as an array of shape (chain * draw,)."""
        return {str(name): values.to_numpy().reshape(-1) for name, values in self.groups["posterior"].data_vars.items()}

    @property
    def sample_coords(self) -> dict[str, Any]:
        """Coordinates of the draws: chain and draw."""
        return {dim: self.groups["posterior"][dim].to_numpy() for dim in SAMPLE_DIMS}

    def in_chains(self, values: Array) -> Array:
        """Reshape values of shape (chain * draw, ...) to (chain, draw, ...)."""
        sizes = self.groups["posterior"].sizes
        return values.reshape(sizes["chain"], sizes["draw"], *values.shape[1:])

    @property
    def runs(self) -> Runs:
        """The runs that were fitted: inputs, settings, compute and outcome."""
        constant = self.groups["constant_data"].to_dataset()
        frame = constant[[name for name in constant if constant[name].dims == ("run",)]].to_dataframe()
        frame = frame.rename(columns={"cluster": "run"})
        law, record = self.law, self.record
        frame[law.outcome] = self.groups["observed_data"][law.outcome].to_numpy()
        return Runs(
            frame.reset_index(drop=True),
            record.dataset,
            law.outcome,
            law.link.domain,
            unit=record.unit,
            counted=Counted(self.count),
        )

    @cached_property
    def count(self) -> Count:
        """How training compute is counted, of the runs and of budgets."""
        return Count(self.record.flops, self.record.flops_factor)

    @cached_property
    def observed(self) -> Observed:
        """The law bound to the runs that were fitted."""
        return Observed(self.law, self.runs)

    @cached_property
    def scatter_of_repeats(self) -> Array | None:
        """Standard deviation of a run around the mean of its repeats, on the link's scale; None if not known."""
        repeated = runs_column(self.law.outcome) in self.groups["constant_data"]
        return self.observed.scatter_of_repeats if repeated else None

    @property
    def on_link(self) -> Array:
        """Outcome of each fitted run on the link's scale, shape (run,)."""
        return self.observed.on_link

    @property
    def columns(self) -> dict[str, Array]:
        """Every parameter as a column, shape (chain * draw, 1), to broadcast against points."""
        return {name: values[:, None] for name, values in self.parameters.items()}

    @property
    def inputs(self) -> dict[str, Array]:
        """The law's inputs and settings at the fitted runs, each of shape (run,)."""
        return self.observed.inputs

    @property
    def centre(self) -> dict[str, float]:
        """Geometric mean of each input over the fitted runs, the point at which the sizes of terms are sampled."""
        return self.observed.centre

    def residuals(self, draws: slice = slice(None), rows: slice = slice(None)) -> Array:
        """Outcome minus the law's mean on the link's scale, shape (chain * draw, run), optionally of a subset."""
        columns = {name: values[draws] for name, values in self.columns.items()}
        inputs = {name: values[rows] for name, values in self.inputs.items()}
        return np.asarray(self.on_link[rows] - self.law.link.forward(np, self.law.mean(np, inputs, columns)))

    @cached_property
    def conditional(self) -> Conditional:
        """The discrepancy given the runs, draw by draw; only a fit with a discrepancy has it."""
        if self.basis is None:
            raise LawError("this fit takes its law as true: fit with discrepancy=True to estimate its discrepancy")
        process, tau, drift = self.basis.process, self.columns["tau"], self.columns["drift"]
        # The last coefficient is that of the law's level, which is a parameter and not part of the discrepancy.
        coefficients = self.coefficients[:, : len(process.kinds)]
        return Conditional(process, self.basis.amplitudes(tau, drift) * coefficients, tau, drift)

    @property
    def coefficients(self) -> Array:
        """Standard normal coefficients of the discrepancy's features, shape (chain * draw, feature)."""
        drawn = self.groups["discrepancy"]["coefficients"].to_numpy()
        return np.asarray(drawn.reshape(drawn.shape[0] * drawn.shape[1], drawn.shape[-1]))

    def sensitivity(self, draws: Array) -> Sensitivity:
        """Sensitivity of quantities to the prior and to the runs, from draws of shape (chain * draw, quantity)."""
        stats, parts = self.groups["sample_stats"], ("log_prior", "total_log_likelihood")
        return sensitivity(draws, *(stats[name].to_numpy().reshape(-1) for name in parts))

    @cached_property
    def parameter_sensitivity(self) -> dict[str, tuple[float, float]]:
        """Sensitivity of every parameter to the prior and to the runs (power scaling)."""
        found = self.sensitivity(np.column_stack(list(self.parameters.values())))
        pairs = zip(found.prior.tolist(), found.likelihood.tolist(), strict=True)
        return dict(zip(self.parameters, pairs, strict=True))

    def summary(self, ci_prob: float = DEFAULT_MASS) -> pd.DataFrame:
        """Mean, standard deviation and equal-tailed interval of every parameter, with its unit and meaning.

        The columns ``sensitivity_prior`` and ``sensitivity_runs`` say how much a parameter moves when the prior, or the
        likelihood, is made slightly stronger; values above 0.05 mean that it does move.
        """
        described = described_by(self.described)
        posterior = self.groups["posterior"].to_dataset()
        rows = [summary_table(posterior[name], ci_prob) for name in described]
        table = pd.concat(rows).set_axis(list(described))
        sensitivities = [self.parameter_sensitivity[name] for name in described]
        return table.assign(
            sensitivity_prior=[prior for prior, _ in sensitivities],
            sensitivity_runs=[runs for _, runs in sensitivities],
            unit=[item.unit for item in described.values()],
            meaning=[item.meaning for item in described.values()],
        )


def with_log_likelihood(fitted: Fit) -> Fit:
    """Add the group ``log_likelihood``: that of each training run under each draw, on the outcome's own scale.

    With a discrepancy it is the log density of each run given all the others, since the runs are not independent given
    the parameters. Rows of one training run are left out together, along the dimension ``training_run``. For 100,000
    runs and 4,000 draws the group takes 3.2 GB, which is why it is computed only on request.

    Parameters
    ----------
    fitted : Fit

    Returns
    -------
    Fit

    Examples
    --------
    >>> from bayescale import fit
    >>> extended = with_log_likelihood(fit("chinchilla", "chinchilla", draws=50))
    >>> dict(extended.groups["log_likelihood"].sizes)
    {'chain': 4, 'draw': 50, 'run': 240}
    """
    values, cluster = log_densities_left_out(fitted), fitted.cluster
    if cluster is None:
        return with_group(fitted, "log_likelihood", values, numbered("run", fitted.record.n_runs))
    return with_group(fitted, "log_likelihood", values, {"training_run": np.unique(cluster)})


def described_by(items: Iterable[Parameter | Derived]) -> dict[str, Parameter | Derived]:
    """Parameters by their names."""
    return {item.name: item for item in items}


def all_parameters(law: Law, noise: Noise, discrepancy: bool) -> tuple[Parameter | Derived, ...]:
    """Parameters in the order of the summary: derived ones, then those of the law, noise and discrepancy."""
    amplitudes = amplitude_parameters(law) if discrepancy else ()
    return (*law.derived, *law.parameters, *noise.parameters(law), *amplitudes)


def with_group(fitted: Fit, group: str, values: Array, coords: Mapping[str, NDArray[np.int64]]) -> Fit:
    """Add a group that holds values of the outcome by draw and by one further dimension."""
    (dim,) = coords
    sampled = fitted.groups["prior" if group == "prior_predictive" else "posterior"]
    shaped = values.reshape(sampled.sizes["chain"], sampled.sizes["draw"], -1)
    variable = ((*SAMPLE_DIMS, dim), shaped, {"units": fitted.law.outcome_unit})
    groups = fitted.groups.copy()
    draws = {name: sampled[name].to_numpy() for name in SAMPLE_DIMS}
    groups[group] = xr.DataTree(xr.Dataset({fitted.law.outcome: variable}, coords={**draws, **coords}))
    return replace(fitted, groups=groups)
