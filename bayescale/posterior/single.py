"""Fitting: a law and a table of runs become a :class:`Fit`, a posterior in ArviZ's groups with what vouches for it."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.errors import LawError, SamplingError
from bayescale.basics.intervals import SAMPLE_DIMS, numbered
from bayescale.data import datasets
from bayescale.data.checks import check_runs
from bayescale.data.runs import Runs, in_unit_of, law_inputs
from bayescale.inference.discrepancy import Basis, Process
from bayescale.inference.engine import Engine, Sampled, infer
from bayescale.laws import catalog
from bayescale.laws.law import Law
from bayescale.laws.noise import Noise
from bayescale.laws.parameters import Derived, Parameter
from bayescale.posterior.doubts import identification_warnings, prior_conflicts, scarce_tokens
from bayescale.posterior.fit import Fit, Record, all_parameters, described_by, noise_of

Array = NDArray[np.float64]


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
        groups=_groups(resolved, all_parameters(resolved, noise_of(noise, discrepancy), discrepancy), runs, sampled),
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
    doubts = (*scarce_tokens(result), *prior_conflicts(result), *identification_warnings(result))
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

    resolved = noise_of(noise, discrepancy)
    with threadpool_limits(limits=1, user_api="blas"):
        try:
            return infer(law, runs, resolved, discrepancy, engine, draws, chains, seed, certify=certify)
        except SamplingError as error:
            raise SamplingError(f"{law.file}: law {law.name!r}: {error}".removeprefix(": ")) from error


def as_runs(runs: str | Path | pd.DataFrame | Runs, law: Law | None = None, *, series_apart: bool = True) -> Runs:
    """Runs by the name of a data set, the path of a file, or a table; without a law, of the table's own outcome.

    A data set of several series is refused unless one is named, or ``series_apart`` is false.
    """
    if isinstance(runs, Runs):
        return runs
    asked: dict[str, Any] = {} if law is None else {"outcome": law.outcome, "domain": law.link.domain}
    if isinstance(runs, pd.DataFrame):
        return Runs.from_frame(runs, **asked)
    return datasets.load_runs(runs, series_apart=series_apart, **asked)


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
    found = noise_of(name, discrepancy)
    if name == "one_sided" and not law.falls:
        raise LawError(
            f"noise {name!r} is for outcomes that poor tuning raises, as it does a loss, not for the {law.outcome} of "
            f"law {law.name!r}"
        )
    return found


def _groups(
    law: Law,
    parameters: tuple[Parameter | Derived, ...],
    runs: Runs,
    sampled: Sampled,
) -> xr.DataTree:
    described = described_by(parameters)

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
    from bayescale.inference.model import design_centre

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
