"""Fitting: a law and a table of runs become a :class:`Fit`, a posterior in ArviZ's groups with what vouches for it."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayescale import catalog
from bayescale.discrepancy import (
    DRIFT,
    FEWEST_TOKENS,
    Basis,
    Conditional,
    Process,
    amplitude_parameters,
    error_process,
)
from bayescale.errors import LawError, SamplingError
from bayescale.inference import Diagnostics, Engine, Sampled, infer
from bayescale.intervals import DEFAULT_MASS, SAMPLE_DIMS, numbered, summary_table
from bayescale.law import Derived, Law, Parameter
from bayescale.noise import Noise, noise_by_name, noise_of_runs
from bayescale.observations import link_outcome, link_standard_error
from bayescale.recipe_risk import RecipeRisk
from bayescale.runs import Runs, check_runs, in_unit_of, law_inputs, rows_of
from bayescale.sensitivity import Sensitivity, sensitivity
from bayescale.tables import listed

Array = NDArray[np.float64]

_ELEMENTS = 20_000
"""Draws times runs, or features, whose leave-one-out densities are computed together."""

_POINTWISE_RUNS = 1000
"""Most runs whose pointwise log likelihood stands in a fit's tree without being asked for."""

_E_UNINFORMED = 0.8
"""Share of the prior's standard deviation that E keeps in the posterior, above which the runs say little about it."""

_CONFLICT = 5.0
"""Standard deviations of its prior that a parameter is away from it, above which one of the two is wrong."""


@dataclass(frozen=True)
class Record:
    """Where a fit comes from, so that it can be repeated.

    ``law_origin`` is ``"shipped"``, the name of the user's own law file, or ``"object"`` for a law made in Python,
    which has no hash. ``pool`` names the parameters that were learnt together with other groups of runs. ``unit`` is
    that of the outcome, where the runs gave one.
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
    pool: tuple[str, ...] = ()
    unit: str | None = None


@dataclass(frozen=True, eq=False)
class Fit:
    """A posterior over a law's parameters.

    Attributes
    ----------
    groups : xarray.DataTree
        What :attr:`tree` shows: ``posterior``, ``prior``, ``sample_stats``, ``observed_data`` (outcomes, dim run) and
        ``constant_data`` (inputs, settings, centres), and groups that were asked for.
    law : Law
        In the unit of the runs.
    record : Record
    diagnostics : Diagnostics
    warnings, notes : tuple of str
        What makes the result doubtful; what a reader should know besides.
    risk : RecipeRisk or None
        Of a recipe that breaks beyond the runs, which no fit knows of: :func:`bayescale.with_risk` sets it.

    Examples
    --------
    >>> posterior = fit_law("chinchilla", "chinchilla", discrepancy=False)
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
        """The posterior as ArviZ takes it, such as ``az.loo(fit.tree)``.

        With the pointwise ``log_likelihood`` of tables of up to a thousand runs; that of larger ones, and the groups
        ``posterior_predictive`` and ``prior_predictive``, are there once asked for, as by :func:`with_log_likelihood`.
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

    @property
    def noise(self) -> Noise:
        """Noise around the law, or around the law and its discrepancy."""
        return _noise(self.record.noise, self.record.discrepancy)

    @property
    def described(self) -> tuple[Parameter | Derived, ...]:
        """Every parameter, of the law, of the noise around it and of its error, in the order of the summary."""
        return _all_parameters(self.law, self.noise, self.record.discrepancy)

    @property
    def certified(self) -> bool:
        """Whether the draws can stand for the posterior."""
        return self.diagnostics.certified

    @property
    def title(self) -> str:
        """What to call it."""
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
        process = error_process(self.law, self.law.located(self.inputs), self.cluster)
        return Basis(process, self.groups["constant_data"]["noise_scale"].to_numpy())

    @property
    def cluster(self) -> NDArray[np.int64] | None:
        """Code of the training run that each row belongs to, shape (run,); None if every row is a run of its own."""
        constant = self.groups["constant_data"]
        return constant["cluster"].to_numpy() if "cluster" in constant else None

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
        return Runs(frame.reset_index(drop=True), record.dataset, law.outcome, law.link.domain, unit=record.unit)

    @cached_property
    def on_link(self) -> Array:
        """Outcome of each fitted run on the link's scale, shape (run,)."""
        return link_outcome(self.law, self.runs)

    @property
    def columns(self) -> dict[str, Array]:
        """Every parameter as a column, shape (chain * draw, 1), to broadcast against points."""
        return {name: values[:, None] for name, values in self.parameters.items()}

    @property
    def inputs(self) -> dict[str, Array]:
        """The law's inputs and settings at the fitted runs, each of shape (run,)."""
        read = (*self.law.inputs, *self.law.settings)
        return {item.name: self.groups["constant_data"][item.name].to_numpy() for item in read}

    @property
    def centre(self) -> dict[str, float]:
        """Geometric mean of each input over the fitted runs, where the sizes of a law's terms are sampled."""
        return {name: float(self.groups["constant_data"][f"centre_{name}"]) for name in self.law.input_names}

    def residuals(self, draws: slice = slice(None), rows: slice = slice(None)) -> Array:
        """Outcome minus the law's mean on the link's scale, shape (chain * draw, run); of some of either if asked."""
        columns = {name: values[draws] for name, values in self.columns.items()}
        inputs = {name: values[rows] for name, values in self.inputs.items()}
        return np.asarray(self.on_link[rows] - self.law.link.forward(np, self.law.mean(np, inputs, columns)))

    @cached_property
    def conditional(self) -> Conditional:
        """The discrepancy given the runs, draw by draw; only of a fit with one."""
        if self.basis is None:
            raise LawError("this fit takes its law as true: fit with discrepancy=True to ask for its error")
        process, tau, drift = self.basis.process, self.columns["tau"], self.columns["drift"]
        amplitudes = np.where(process.kinds == DRIFT, drift, tau)
        # The coefficient of the law's level, which is a parameter too, comes last.
        coefficients = self.coefficients[:, : len(process.kinds)]
        return Conditional(process, amplitudes * coefficients, tau, drift)

    @property
    def coefficients(self) -> Array:
        """Standard normal coefficients of the discrepancy's features, shape (chain * draw, feature)."""
        drawn = self.groups["discrepancy"]["coefficients"].to_numpy()
        return np.asarray(drawn.reshape(-1, drawn.shape[-1]))

    def sensitivity(self, draws: Array) -> Sensitivity:
        """Sensitivity to prior and runs of quantities, draws of shape (chain * draw, quantity)."""
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

        The columns ``sensitivity_prior`` and ``sensitivity_runs`` tell how much a parameter moves when the prior, or
        what the runs say, is made a little stronger; above 0.05 it does.
        """
        described = _described(self.described)
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

    def __str__(self) -> str:
        head = f"{self.law.title} on {self.record.dataset} ({self.record.n_runs} runs), {self.record.engine}"
        return "\n".join([head, self.summary().iloc[:, :-1].to_string(float_format="%.4g"), *self.warnings])


def fit_law(
    law: str | Path | Law,
    runs: str | Path | pd.DataFrame | Runs,
    *,
    noise: str = "student_t",
    discrepancy: bool = True,
    engine: Engine = "importance",
    draws: int = 1000,
    chains: int = 4,
    seed: int = 0,
    certify: bool = True,
) -> Fit:
    """Sample the posterior of one law given training runs; arguments and errors as of :func:`bayescale.fit`.

    Without ``certify`` the draws come from one quick proposal: good enough to be averaged over many fits, and never
    certified.

    Returns
    -------
    Fit
        Marked in ``warnings`` and ``diagnostics.certified`` if neither sampler is certified.

    Examples
    --------
    >>> posterior = fit_law("chinchilla", "chinchilla", discrepancy=False, seed=1)
    >>> posterior.certified
    True
    >>> bool(1.7 < posterior.parameters["E"].mean() < 1.9)
    True
    """
    # Names are resolved and checked before the imports of PyMC, so that a mistake is reported at once.
    if engine not in get_args(Engine):
        raise SamplingError(f"unknown engine {engine!r}: choose one of {', '.join(get_args(Engine))}")
    resolved_law = catalog.law_of(law)
    table = as_runs(runs, resolved_law)
    resolved_law = in_unit_of(resolved_law, table)
    checked_noise(resolved_law, noise, discrepancy)
    warnings = [*table.warnings, *check_runs(resolved_law, table)]
    asked: dict[str, Any] = {
        "noise": noise,
        "discrepancy": discrepancy,
        "draws": draws,
        "chains": chains,
        "seed": seed,
    }
    sampled = sampled_runs(resolved_law, table, engine=engine, certify=certify, **asked)
    return assembled(law, table, sampled, warnings, **asked)


def assembled(
    law: str | Path | Law,
    runs: Runs,
    sampled: Sampled,
    warnings: Iterable[str],
    *,
    noise: str,
    discrepancy: bool,
    draws: int,
    chains: int,
    seed: int,
    pool: tuple[str, ...] = (),
) -> Fit:
    """Put draws of a law's posterior together with what they came from.

    Parameters
    ----------
    law : str, path or Law
        As it was given, which tells where its code is.
    runs : Runs
    sampled : Sampled
    warnings : iterable of str
        Of the runs.
    noise, discrepancy, draws, chains, seed
        As asked for.
    pool : tuple of str
        Parameters that the draws share with other groups of runs.
    """
    resolved = in_unit_of(catalog.law_of(law), runs)
    result = Fit(
        groups=_groups(resolved, _all_parameters(resolved, _noise(noise, discrepancy), discrepancy), runs, sampled),
        law=resolved,
        record=Record(
            law=resolved.name,
            law_origin=_law_origin(law),
            law_hash=None if isinstance(law, Law) else catalog.law_source_hash(law),
            dataset=runs.source,
            data_hash=runs.data_hash,
            n_runs=len(runs),
            noise=noise,
            discrepancy=discrepancy,
            engine=sampled.engine,
            draws=draws,
            chains=chains,
            seed=seed,
            created_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            versions={name: version(name) for name in ("bayescale", "pymc", "numpy", "xarray")},
            pool=pool,
            unit=runs.unit if runs.outcome == resolved.outcome else None,
        ),
        diagnostics=sampled.diagnostics,
        notes=runs.notes,
    )
    doubts = (*_scarce_tokens(result), *_prior_conflicts(result), *_identification_warnings(result))
    return replace(result, warnings=(*warnings, *sampled.warnings, *doubts))


def sampled_runs(
    law: Law,
    runs: Runs,
    *,
    noise: str,
    discrepancy: bool,
    engine: Engine,
    draws: int,
    chains: int,
    seed: int,
    certify: bool = True,
) -> Sampled:
    """Draw from the posterior of a law given runs that have been checked."""
    # Threads help none of the small matrices of a fit, and fight each other where many fits run at once.
    from threadpoolctl import threadpool_limits

    resolved = _noise(noise, discrepancy)
    with threadpool_limits(limits=1, user_api="blas"):
        try:
            return infer(law, runs, resolved, discrepancy, engine, draws, chains, seed, certify=certify)
        except SamplingError as error:
            raise SamplingError(f"{law.file}: law {law.name!r}: {error}".removeprefix(": ")) from error


def with_log_likelihood(fitted: Fit) -> Fit:
    """The fit with the group ``log_likelihood``: of each training run under each draw, on the outcome's own scale.

    With a discrepancy it is the log density of each run given all the others, since the runs are not independent given
    the parameters. Rows of one training run are left out together, along the dimension ``training_run``. For 100,000
    runs and 4,000 draws the group takes 3.2 GB, which is why it is computed only when asked for.

    Parameters
    ----------
    fitted : Fit

    Returns
    -------
    Fit

    Examples
    --------
    >>> extended = with_log_likelihood(fit_law("chinchilla", "chinchilla", draws=50))
    >>> dict(extended.groups["log_likelihood"].sizes)
    {'chain': 4, 'draw': 50, 'run': 240}
    """
    from bayescale.posterior import build_model
    from bayescale.sampling.logdensity import LogDensity

    cluster, runs = fitted.cluster, fitted.runs
    if fitted.basis is not None:
        values = _leave_run_out(fitted)
    else:
        density = LogDensity(build_model(fitted.law, runs, fitted.noise).model)
        values = _by_run(density.pointwise(density.unconstrain(fitted.parameters)), cluster)
    # A density on the link's scale times the link's slope is one of the outcome.
    link = fitted.law.link
    slope = np.abs(link.slope(link.inverse(fitted.on_link)))
    values = values + _by_run(np.log(slope)[None], cluster)
    if cluster is None:
        return _with_group(fitted, "log_likelihood", values, numbered("run", len(runs)))
    return _with_group(fitted, "log_likelihood", values, {"training_run": np.unique(cluster)})


def _by_run(values: Array, cluster: NDArray[np.int64] | None) -> Array:
    """Sums over the rows of each training run, shape (draw, training run), of values of shape (draw, row)."""
    if cluster is None:
        return values
    return np.column_stack([values[:, rows].sum(axis=1) for rows in rows_of(cluster)])


def _leave_run_out(fitted: Fit) -> Array:
    """Log density of each training run given all others and the parameters, on the link's scale, by draw."""
    from bayescale.posterior import level_deviation
    from bayescale.sampling.latent import System, leave_one_out, leave_rows_out

    assert fitted.basis is not None
    kinds, columns, drawn = fitted.basis.process.kinds, fitted.columns, fitted.coefficients
    n_level = drawn.shape[1] - len(kinds)
    deviation = level_deviation(fitted.law) * np.ones((len(drawn), n_level))
    amplitudes = np.hstack([np.where(kinds == DRIFT, columns["drift"], columns["tau"]), deviation])
    features = np.hstack([fitted.basis.process.at_runs, np.ones((len(fitted.on_link), n_level))])
    system, rng = System(features), np.random.default_rng(fitted.record.seed)
    standard_error = link_standard_error(fitted.law, fitted.runs)
    blocks = None if fitted.cluster is None else rows_of(fitted.cluster)
    size, found = max(16, _ELEMENTS // max(features.shape)), []
    for start in range(0, len(amplitudes), size):
        rows = slice(start, start + size)
        scale = noise_of_runs(columns["sigma"][rows], fitted.basis.noise_scale, standard_error)
        residual = fitted.residuals(rows)
        left = residual - fitted.conditional.coefficients[rows] @ fitted.basis.process.at_runs.T
        level = (drawn[rows, len(kinds) :] * deviation[rows]).sum(axis=1, keepdims=True)
        df = columns["nu"][rows] if "nu" in columns else None
        given = (system, residual + level, scale, amplitudes[rows], df, left, rng)
        found.append(leave_one_out(*given) if blocks is None else leave_rows_out(*given, blocks))
    return np.concatenate(found)


def with_posterior_predictive(fitted: Fit, seed: int = 0) -> Fit:
    """The fit with the group ``posterior_predictive``: outcomes of the same runs made again, by chain, draw and run.

    Parameters
    ----------
    fitted : Fit
    seed : int
        Of the noise; the same seed gives the same replicates.

    Returns
    -------
    Fit

    Examples
    --------
    >>> extended = with_posterior_predictive(fit_law("chinchilla", "chinchilla", draws=50))
    >>> extended.groups["posterior_predictive"]["loss"].shape
    (4, 50, 240)
    """
    mean = fitted.on_link - fitted.residuals()
    if fitted.basis is not None:
        mean = mean + fitted.conditional.at_runs
    values = _replicated(fitted, mean, fitted.columns, np.random.default_rng(seed))
    return _with_group(fitted, "posterior_predictive", values, numbered("run", fitted.record.n_runs))


def with_prior_predictive(fitted: Fit, seed: int = 0) -> Fit:
    """The fit with the group ``prior_predictive``: outcomes of the same inputs as the priors alone expect them.

    Parameters
    ----------
    fitted : Fit
    seed : int
        Of the law's error and the noise; the same seed gives the same outcomes.

    Returns
    -------
    Fit

    Examples
    --------
    >>> extended = with_prior_predictive(fit_law("chinchilla", "chinchilla", draws=50))
    >>> extended.groups["prior_predictive"]["loss"].dims
    ('chain', 'draw', 'run')
    """
    rng, law, prior = np.random.default_rng(seed), fitted.law, fitted.groups["prior"].to_dataset()
    columns = {str(name): values.to_numpy().reshape(-1, 1) for name, values in prior.data_vars.items()}
    with np.errstate(all="ignore"):
        mean = np.asarray(law.link.forward(np, law.mean(np, fitted.inputs, columns)))
    if fitted.basis is not None:
        process = fitted.basis.process
        amplitudes = np.where(process.kinds == DRIFT, columns["drift"], columns["tau"])
        mean = mean + (amplitudes * rng.standard_normal(amplitudes.shape)) @ process.at_runs.T
    values = _replicated(fitted, mean, columns, rng)
    return _with_group(fitted, "prior_predictive", values, numbered("run", fitted.record.n_runs))


def _replicated(fitted: Fit, mean: Array, columns: dict[str, Array], rng: np.random.Generator) -> Array:
    """Outcomes of the fitted runs around means on the link's scale, measured as they were, shape (sample, run)."""
    relative = None if fitted.basis is None else fitted.basis.noise_scale
    standard_error = link_standard_error(fitted.law, fitted.runs)
    asked: dict[str, Any] = {"relative": relative, "standard_error": standard_error}
    shift, scale = fitted.noise.draw_moments(rng, columns, mean.shape, **asked)
    return np.asarray(fitted.law.link.inverse(mean + shift + scale * rng.standard_normal(mean.shape)))


def as_runs(runs: str | Path | pd.DataFrame | Runs, law: Law | None = None, *, series_apart: bool = True) -> Runs:
    """Runs by the name of a data set, the path of a file, or a table; without a law, of the table's own outcome.

    A data set of several series is refused unless one is named, or ``series_apart`` is false.
    """
    if isinstance(runs, Runs):
        return runs
    asked: dict[str, Any] = {} if law is None else {"outcome": law.outcome, "domain": law.link.domain}
    if isinstance(runs, pd.DataFrame):
        return Runs.from_frame(runs, **asked)
    return catalog.load_runs(runs, series_apart=series_apart, **asked)


def _described(items: Iterable[Parameter | Derived]) -> dict[str, Parameter | Derived]:
    return {item.name: item for item in items}


def _law_origin(law: str | Path | Law) -> str:
    if isinstance(law, Law):
        return "object"
    return "shipped" if str(law) in catalog.law_names() else Path(law).name


def checked_noise(law: Law, name: str, discrepancy: bool) -> Noise:
    """Noise by its name, if it suits the law.

    Raises
    ------
    LawError
        If there is none of that name, or it does not.
    """
    found = _noise(name, discrepancy)
    if name == "one_sided" and not law.falls:
        raise LawError(
            f"noise {name!r} is for outcomes that poor tuning raises, as it does a loss, not for the {law.outcome} of "
            f"law {law.name!r}"
        )
    return found


def _noise(name: str, discrepancy: bool) -> Noise:
    found = noise_by_name(name)
    if discrepancy and found.name == "one_sided":
        raise LawError(f"noise {name!r} is for a law taken as true: give discrepancy=False (--no-discrepancy) with it")
    return found


def _all_parameters(law: Law, noise: Noise, discrepancy: bool) -> tuple[Parameter | Derived, ...]:
    """Parameters in the order in which people read them."""
    amplitudes = amplitude_parameters(law) if discrepancy else ()
    return (*law.derived, *law.parameters, *noise.parameters(law), *amplitudes)


def _groups(
    law: Law,
    parameters: tuple[Parameter | Derived, ...],
    runs: Runs,
    sampled: Sampled,
) -> xr.DataTree:
    described = _described(parameters)

    def dataset(values: dict[str, Array]) -> xr.Dataset:
        variables = {}
        for name, value in values.items():
            item = described[name]
            shaped = value if value.ndim == 2 else value[None]
            variables[name] = (SAMPLE_DIMS, shaped, {"units": item.unit, "long_name": item.meaning})
        chains, draws = shaped.shape
        return xr.Dataset(variables, coords={"chain": np.arange(chains), "draw": np.arange(draws)})

    posterior = dataset(sampled.posterior)
    observed = {law.outcome: ("run", runs.column(law.outcome, law.link.domain), {"units": law.outcome_unit})}
    labels = numbered("run", len(runs))
    groups = {
        "posterior": posterior,
        "sample_stats": sampled.sample_stats.assign_coords(posterior.coords),
        "prior": dataset(sampled.prior),
        "observed_data": xr.Dataset(observed, coords=labels),
        "constant_data": _constant_data(law, runs, sampled.basis).assign_coords(labels),
    }
    if sampled.coefficients is not None:
        coefficients = {"coefficients": ((*SAMPLE_DIMS, "feature"), sampled.coefficients)}
        feature = np.arange(sampled.coefficients.shape[-1])
        groups["discrepancy"] = xr.Dataset(coefficients, coords={**posterior.coords, "feature": feature})
    return xr.DataTree.from_dict(groups)


def _constant_data(law: Law, runs: Runs, basis: Basis[Process] | None) -> xr.Dataset:
    from bayescale.posterior import design_centre

    read = law_inputs(law, runs)
    beside = {"C": "FLOP", f"{law.outcome}_se": law.outcome_unit, f"{law.outcome}_n": "items"}
    read |= {name: runs.column(name) for name in beside if name in runs.frame}
    units = beside | {item.name: item.unit for item in (*law.inputs, *law.settings)}
    data: dict[str, Any] = {name: ("run", values, {"units": units[name]}) for name, values in read.items()}
    for name, value in design_centre(law, runs).items():
        data[f"centre_{name}"] = ((), value, {"units": units[name]})
    if basis is not None:
        data["noise_scale"] = ("run", basis.noise_scale, {"units": "sigma"})
    if runs.shared:
        data["cluster"] = ("run", runs.clusters)
    return xr.Dataset(data)


def _with_group(fitted: Fit, group: str, values: Array, coords: Mapping[str, NDArray[np.int64]]) -> Fit:
    """The fit with one more group, of values of the outcome by draw and by one dimension more."""
    (dim,) = coords
    sampled = fitted.groups["prior" if group == "prior_predictive" else "posterior"]
    shaped = values.reshape(sampled.sizes["chain"], sampled.sizes["draw"], -1)
    variable = ((*SAMPLE_DIMS, dim), shaped, {"units": fitted.law.outcome_unit})
    groups = fitted.groups.copy()
    draws = {name: sampled[name].to_numpy() for name in SAMPLE_DIMS}
    groups[group] = xr.DataTree(xr.Dataset({fitted.law.outcome: variable}, coords={**draws, **coords}))
    return replace(fitted, groups=groups)


def _scarce_tokens(fitted: Fit) -> list[str]:
    """Warn where the noise that runs of few tokens are taken to have is a guess: all else is weighed against it."""
    if not fitted.record.discrepancy or not {"N", "D"} <= fitted.inputs.keys():
        return []
    ratio = fitted.inputs["D"] / fitted.inputs["N"]
    rows = np.flatnonzero(ratio < FEWEST_TOKENS) + 1
    if not len(rows):
        return []
    return [
        f"{len(rows)} of {len(ratio)} runs have fewer than {FEWEST_TOKENS:g} tokens per parameter (down to "
        f"{ratio.min():.2g}), as no published run has: how they scatter is a guess that sways all else, so leave out "
        f"rows {listed(rows)}, or give discrepancy=False (--no-discrepancy)"
    ]


def _prior_conflicts(fitted: Fit) -> list[str]:
    """Warn where the runs contradict what was believed before them, most often by another unit than the law's."""
    prior, far = fitted.groups["prior"].to_dataset(), []
    for item in _all_parameters(fitted.law, fitted.noise, fitted.record.discrepancy):
        if isinstance(item, Derived) and item.name != "E":
            continue
        relative = isinstance(item, Derived) or item.prior.distribution == "LogNormal"
        believed, found = prior[item.name].to_numpy(), float(np.median(fitted.parameters[item.name]))
        scaled, place = (np.log(believed), np.log(found)) if relative else (believed, found)
        if abs(place - scaled.mean()) > _CONFLICT * scaled.std():
            low, high = np.quantile(believed, [0.05, 0.95])
            far.append(f"{item.name} is {found:.3g}, which was believed to be {low:.2g} to {high:.2g}")
    if not far:
        return []
    return [
        f"the runs contradict the priors ({'; '.join(far)}): check the units of the table and whether the law suits "
        "it, or state your own priors"
    ]


def _identification_warnings(fitted: Fit) -> list[str]:
    """Warn where E is the prior's: its size then comes from other people's runs."""
    if "E" not in fitted.parameters:
        return []
    # Where the loss itself has a wide prior, what is believed of E is its share of it.
    level = fitted.law.level
    prior, posterior = (
        (values["E"] if level is None else values["E"] / values[level.name]).std()
        for values in (
            {str(k): v.to_numpy().reshape(-1) for k, v in fitted.groups["prior"].data_vars.items()},
            fitted.parameters,
        )
    )
    if posterior < _E_UNINFORMED * prior:
        return list(fitted.sensitivity(fitted.columns["E"]).warnings(["E"]))
    return [
        f"E is not identified: its posterior sd is {posterior / prior:.0%} of its prior's, so forecasts far beyond the "
        f"runs rest on the prior; {_identified_with_floor(fitted)}add runs at larger N and D"
    ]


def _identified_with_floor(fitted: Fit) -> str:
    """What the runs do fix of a floor and the terms above it."""
    level = fitted.parameters.get("loss_centre")
    if level is None:
        return ""
    return f"the runs fix E and its terms together, {level.mean():.3g} +- {level.std():.2g} at their centre; "
