"""Fitting: turn a law and a table of runs into a :class:`Fit`, a posterior in ArviZ's groups with diagnostics."""

import datetime as dt
import functools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.errors import SamplingError
from bayescale.basics.intervals import SAMPLE_DIMS, numbered
from bayescale.basics.progress import step
from bayescale.data import datasets
from bayescale.data.checks import observe
from bayescale.data.observed import Observed, serving
from bayescale.data.repeats import mean_of_repeats, runs_column
from bayescale.data.runs import AnyRuns, Runs
from bayescale.data.steps import first_runs
from bayescale.inference.discrepancy import Basis, Process
from bayescale.inference.engine import infer, infer_prior
from bayescale.inference.options import Choices, Options, chosen
from bayescale.inference.reported import believed
from bayescale.inference.sampled import Sampled
from bayescale.laws import catalog
from bayescale.laws.following import origin_of, outcomes_of
from bayescale.laws.law import Law
from bayescale.laws.parameters import Derived, Parameter
from bayescale.laws.steps import TwoSteps
from bayescale.posterior.doubts import identification_warnings, prior_conflicts, scarce_tokens
from bayescale.posterior.fit import Fit, Record, all_parameters, described_by
from bayescale.posterior.misfit import misfit_warnings
from bayescale.posterior.pull import evidence_notes
from bayescale.posterior.steps import Steps, stepped

Array = NDArray[np.float64]


def fit_law(
    law: str | Path | Law,
    runs: AnyRuns,
    options: Options | None = None,
    *,
    certify: bool = True,
    doubts: bool = True,
    **choices: Unpack[Choices],
) -> Fit:
    """Sample the posterior of one law given training runs; arguments and exceptions as for :func:`bayescale.fit`.

    Without ``certify`` the draws come from one quick proposal: good enough for averages over many fits, but never
    certified. Without ``doubts`` the posterior is not searched for what makes it doubtful, where nobody would read it.

    Returns
    -------
    Fit
        If neither sampler is certified, ``diagnostics.certified`` is false and ``warnings`` says so.

    Examples
    --------
    >>> posterior = fit_law("chinchilla", "chinchilla", discrepancy=False, seed=1)
    >>> posterior.certified
    True
    >>> bool(1.7 < posterior.parameters["E"].mean() < 1.9)
    True
    """
    return _fitted(law, runs, chosen(options, choices), _Way(certify, doubts))


def fit_laws(
    laws: Sequence[str | Path | Law],
    runs: AnyRuns,
    options: Sequence[Options],
    *,
    certify: bool = True,
    doubts: bool = True,
) -> list[Fit]:
    """Fit several laws to the same runs, each with its options; a second step that several have is fitted once."""
    way = _Way(certify, doubts)
    return [_fitted(law, runs, its, way) for law, its in zip(laws, options, strict=True)]


def n_fits_of(laws: Sequence[Law]) -> int:
    """Number of fits that laws take."""
    seconds = {law.second for law in laws if isinstance(law, TwoSteps)}
    return len(laws) + len(seconds)


@dataclass(frozen=True)
class _Way:
    """How the laws of one call are fitted, and the second steps that are, by their laws and options."""

    certify: bool
    doubts: bool
    known: dict[tuple[str | Path | Law, Options], Fit] = field(default_factory=dict)


def _fitted(law: str | Path | Law, runs: AnyRuns, asked: Options, way: _Way) -> Fit:
    # Names are resolved and checked before PyMC is imported, so that a mistake is reported at once.
    resolved = catalog.law_of(law)
    table = as_runs(runs, resolved)
    served = serving(resolved, table)
    if isinstance(served, TwoSteps):
        return _both_fitted(law, served, table, asked, way)
    observed = observe(asked.applied(served), mean_of_repeats(table, served.link))
    sampled = sampled_runs(observed, asked, certify=way.certify)
    if way.doubts:
        fitted = assembled(law, observed, sampled, asked)
    else:
        fitted = _as_fit(_origin_of(law), observed, sampled, asked, ())
    step()
    return fitted


def _both_fitted(law: str | Path | Law, served: TwoSteps, runs: Runs, asked: Options, way: _Way) -> Steps:
    """The fits of both steps to the same runs."""
    observe(served, runs)  # fails here rather than after the first fit
    given = (served.first, served.second) if isinstance(law, Law) else catalog.steps_of(law)
    of_first, of_second = asked.of_steps(served)
    first = _fitted(given[0], first_runs(runs, served.first.outcome), of_first, way)
    key = (given[1], of_second)
    if key not in way.known:
        way.known[key] = _fitted(given[1], runs, of_second, way)
    return stepped(first, way.known[key])


def assembled(
    law: str | Path | Law, observed: Observed, sampled: Sampled, options: Options, *, pool: tuple[str, ...] = ()
) -> Fit:
    """Combine the draws of a law's posterior with their law, runs and options.

    Parameters
    ----------
    law : str, path or Law
        The law as the user gave it, which locates its code.
    observed : Observed
    sampled : Sampled
    options : Options
        The options as requested.
    pool : tuple of str
        Parameters that were learnt together with other groups of runs.
    """
    result = _as_fit(_origin_of(law), observed, sampled, options, pool)
    doubts = (
        *scarce_tokens(result),
        *prior_conflicts(result),
        *misfit_warnings(result),
        *identification_warnings(result),
    )
    warnings = (*observed.warnings, *sampled.warnings, *doubts)
    return replace(result, warnings=warnings, notes=(*result.notes, *evidence_notes(result)))


def draw_prior(
    law: str | Path | Law | Fit = "chinchilla",
    runs: AnyRuns | None = None,
    options: Options | None = None,
    **choices: Unpack[Choices],
) -> Fit:
    """Draw from the priors of a fit, before any run informs it: what they imply is forecast and planned as from a fit.

    Parameters
    ----------
    law : str, path, Law or Fit
        Of a fit, the priors, runs and options that it was made with.
    runs : str, path, DataFrame or Runs, optional
        They only say where the priors are centred; their outcomes are ignored. By default those of the fit, or the
        Chinchilla runs.
    options, **choices
        As for :func:`bayescale.fit`. Evidence from elsewhere is left out, since it enters the likelihood.

    Returns
    -------
    Fit
        Its draws are from the prior, as a warning says that every answer repeats.

    Raises
    ------
    CatalogError, RunsError, LawError
        As for :func:`bayescale.fit`.

    Examples
    --------
    >>> prior = draw_prior("chinchilla", "chinchilla", draws=100)
    >>> bool(prior.parameters["E"].std() > 0.3)
    True
    >>> prior.plan(budget=1e21).warnings[0]
    'these draws are from the prior: no run informs them'
    """
    if isinstance(law, Fit):
        named, made = made_with(law)
        asked, own = chosen(options or made, choices), catalog.law_of(named)
        origin = (law.record.law_origin, law.record.law_hash)
        table = law.runs if runs is None else as_runs(runs, own)
    else:
        asked, own, origin = chosen(options, choices), catalog.law_of(law), _origin_of(law)
        table = as_runs("chinchilla" if runs is None else runs, own)
    served = serving(own, table)
    if isinstance(served, TwoSteps):
        of_first, of_second = asked.of_steps(served)
        return stepped(
            draw_prior(served.first, first_runs(table, served.first.outcome), of_first),
            draw_prior(served.second, table, of_second),
        )
    believed_in = asked.applied(served)
    observed = observe(replace(believed_in, evidence=()) if believed_in.evidence else believed_in, table)
    result = _as_fit(origin, observed, infer_prior(observed, asked), asked, ())
    return replace(result, warnings=("these draws are from the prior: no run informs them", *observed.warnings))


def made_with(fit: Fit) -> tuple[str | Law, Options]:
    """The law of a fit, by its name if it is shipped, and its options, with which it can be made again."""
    record = fit.record
    made = Options(record.noise, record.discrepancy, draws=record.draws, chains=record.chains, seed=record.seed)
    if record.law_origin == "shipped":
        return record.law, replace(made, priors=record.priors, evidence=fit.law.evidence)
    return fit.law, made  # a law that was made in Python holds what the user believes


def _as_fit(
    origin: tuple[str, str | None], observed: Observed, sampled: Sampled, options: Options, pool: tuple[str, ...]
) -> Fit:
    """The draws with their law, runs and options, before any doubt is raised."""
    resolved, runs = observed.law, observed.runs
    return Fit(
        groups=groups_of(observed, all_parameters(resolved, options.noise_model, options.discrepancy), sampled),
        law=resolved,
        record=Record(
            law=resolved.name,
            law_origin=origin[0],
            law_hash=origin[1],
            dataset=runs.source,
            data_hash=runs.data_hash,
            n_runs=len(runs),
            **{
                **asdict(options),
                "engine": sampled.engine,
                "priors": resolved.priors,
                "evidence": tuple(map(str, resolved.evidence)),
            },
            carriers={item.on: item.name for item in believed(resolved).parameters if item.on in resolved.priors},
            created_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            versions=dict(_versions()),
            pool=pool,
            unit=runs.unit if runs.outcome == resolved.outcome else None,
            flops=runs.count.rule,
            flops_factor=runs.count.factor,
        ),
        diagnostics=sampled.diagnostics,
        notes=(*runs.notes, *origin_of(resolved), *_stated(resolved)),
    )


@functools.cache
def _versions() -> dict[str, str]:
    """Versions of the packages that a fit depends on."""
    return {name: version(name) for name in ("bayescale", "pymc", "numpy", "xarray")}


def _stated(law: Law) -> tuple[str, ...]:
    """What the user states about quantities, in a note."""
    if not law.priors:
        return ()
    return (f"your priors: {', '.join(f'{n} {"=" if p.fixed else "~"} {p}' for n, p in law.priors.items())}",)


def sampled_runs(observed: Observed, options: Options, *, certify: bool = True) -> Sampled:
    """Draw from the posterior of a law given the runs that it is bound to."""
    # Threads do not speed up the small matrices of a fit, and slow each other down if many fits run at once.
    from threadpoolctl import threadpool_limits

    law = observed.law
    with threadpool_limits(limits=1, user_api="blas"):
        try:
            return infer(observed, options, certify=certify)
        except SamplingError as error:
            raise SamplingError(f"{law.file}: law {law.name!r}: {error}".removeprefix(": ")) from error


def as_runs(runs: AnyRuns, law: Law | None = None, *, series_apart: bool = True) -> Runs:
    """Load runs from the name of a data set, the path of a file, or a table; the law, if given, names the outcome.

    A data set of several series is refused unless one is named or ``series_apart`` is false.
    """
    if isinstance(runs, Runs):
        return runs
    asked: dict[str, Any] = {} if law is None else {"outcome": outcomes_of(law)}
    if isinstance(runs, str | Path):
        return datasets.load_runs(runs, series_apart=series_apart, **asked)
    return Runs.from_frame(runs, **asked)


def _origin_of(law: str | Path | Law) -> tuple[str, str | None]:
    """Where a law comes from, and the hash of its code."""
    if isinstance(law, Law):
        return "object", None
    return "shipped" if str(law) in catalog.law_names() else Path(law).name, catalog.law_source_hash(law)


def groups_of(observed: Observed, parameters: tuple[Parameter | Derived, ...], sampled: Sampled) -> xr.DataTree:
    """The draws, and the runs that a law is bound to, in ArviZ's groups."""
    law, described = observed.law, described_by(parameters)

    def dataset(values: dict[str, Array]) -> xr.Dataset:
        variables = {}
        for name, value in values.items():
            item = described[name]
            shaped = value if value.ndim == 2 else value[None]
            variables[name] = (SAMPLE_DIMS, shaped, {"units": item.unit, "long_name": item.meaning})
        chains, draws = shaped.shape
        return xr.Dataset(variables, coords={"chain": np.arange(chains), "draw": np.arange(draws)})

    posterior = dataset(sampled.posterior)
    outcome = {law.outcome: ("run", observed.outcome, {"units": law.outcome_unit})}
    labels = numbered("run", len(observed))
    groups = {
        "posterior": posterior,
        "sample_stats": sampled.sample_stats.assign_coords(posterior.coords),
        "prior": dataset(sampled.prior),
        "observed_data": xr.Dataset(outcome, coords=labels),
        "constant_data": _constant_data(observed, sampled.basis).assign_coords(labels),
    }
    if sampled.coefficients is not None:
        coefficients = {"coefficients": ((*SAMPLE_DIMS, "feature"), sampled.coefficients)}
        feature = np.arange(sampled.coefficients.shape[-1])
        groups["discrepancy"] = xr.Dataset(coefficients, coords={**posterior.coords, "feature": feature})
    return xr.DataTree.from_dict(groups)


def _constant_data(observed: Observed, basis: Basis[Process] | None) -> xr.Dataset:
    law, runs, read = observed.law, observed.runs, dict(observed.inputs)
    beside = {"C": "FLOP", f"{law.outcome}_se": law.outcome_unit, f"{law.outcome}_n": "items"}
    beside[runs_column(law.outcome)] = "runs"
    read |= {name: runs.column(name) for name in beside if name in runs.frame}
    units = beside | {item.name: item.unit for item in (*law.inputs, *law.settings)}
    data: dict[str, Any] = {name: ("run", values, {"units": units[name]}) for name, values in read.items()}
    for name, value in observed.centre.items():
        data[f"centre_{name}"] = ((), value, {"units": units[name.removeprefix("largest_")]})
    if basis is not None:
        data["noise_scale"] = ("run", basis.noise_scale, {"units": "sigma"})
    if observed.cluster is not None:
        data["cluster"] = ("run", observed.cluster)
    return xr.Dataset(data)
