"""Saving a fit to one netCDF file, and loading it only if it is intact and matches the law."""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayescale.basics.entries import misfit
from bayescale.basics.errors import CatalogError, FitFileError, LawError, OutputError, QuantityError, RunsError
from bayescale.basics.files import replacing
from bayescale.basics.intervals import SAMPLE_DIMS
from bayescale.data.names import OTHERS
from bayescale.inference.sampled import Diagnostics
from bayescale.laws import catalog
from bayescale.laws.beliefs import with_beliefs
from bayescale.laws.evidence import parse_evidence
from bayescale.laws.following import as_law_of
from bayescale.laws.law import Law
from bayescale.laws.parameters import Prior
from bayescale.laws.priors import stated
from bayescale.posterior.chains import Chain
from bayescale.posterior.domains import Domains
from bayescale.posterior.ensembles import Ensemble
from bayescale.posterior.fit import Fit, Record
from bayescale.posterior.netcdf import ATTRS, digest_of, read_groups
from bayescale.posterior.pooling import Pooled
from bayescale.posterior.steps import Steps

FORMAT = 6
"""Version of the file format; a file of another version is refused."""

type AnyFitted = Fit | Ensemble | Pooled | Domains


def save(fit: AnyFitted, path: str | Path) -> Path:
    """Save a fitted posterior to a netCDF file; an existing file is replaced only once the new one is complete.

    The file holds ArviZ's groups, for an ensemble one set under each law's name, so ``arviz.from_netcdf`` reads it too.
    A user's own law is not stored, only its hash.

    Parameters
    ----------
    fit : Fit, Ensemble, Pooled or Domains
    path : path
        Usually ends in ``.nc``.

    Returns
    -------
    Path

    Raises
    ------
    OutputError
        If the file cannot be written, or the posterior has a recipe's risk, which is not saved.

    Examples
    --------
    >>> import tempfile
    >>> from bayescale import fit
    >>> posterior = fit("chinchilla", "chinchilla")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = load(save(posterior, Path(folder) / "chinchilla.nc"))
    >>> bool((again.parameters["E"] == posterior.parameters["E"]).all())
    True
    """
    path = Path(path)
    groups, header = _stored(fit, path)
    tree, text = xr.DataTree.from_dict(groups), json.dumps({"format": FORMAT, **header})
    tree.attrs = {"bayescale": text, "digest": digest_of(tree, text)}
    with replacing(path) as temporary:
        # Not straight to the file: on a full disk the HDF5 library ends the process by a segmentation fault.
        content = io.BytesIO()
        tree.to_netcdf(content, engine="h5netcdf")
        temporary.write_bytes(content.getvalue())
    return path


def load(path: str | Path, *, law: str | Path | Law | None = None) -> AnyFitted:
    """Load a saved posterior.

    Parameters
    ----------
    path : path
    law : path or Law, optional
        The user's own law, if the fit has one; it must be the law that was fitted. In an ensemble or of two steps it is
        used for the fit of the law of that name.

    Returns
    -------
    Fit, Ensemble, Pooled or Domains

    Raises
    ------
    FitFileError
        If the file is missing or damaged, was not saved by this version of bayescale, or holds a fit of another law.

    Examples
    --------
    >>> load("absent.nc")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.FitFileError: absent.nc: does not exist: give a file saved with ...
    """
    path = Path(path)
    tree = read_groups(path)
    header = _header(tree, path)
    if tree.attrs["digest"] != digest_of(tree, tree.attrs["bayescale"]):
        raise FitFileError(f"{path}: is damaged: its contents do not match their checksum; fit again")
    tree.attrs = {}
    try:
        return _restored(tree, header, law, path)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, FitFileError):
            raise
        raise _other_version(path) from error


def _stored(fitted: AnyFitted, path: Path) -> tuple[dict[str, xr.Dataset], dict[str, Any]]:
    """Groups by their paths in a file, and the header; those of several fits each under a name of their own."""
    if not isinstance(fitted, Ensemble | Pooled | Domains | Steps):
        _check_no_risk(fitted, path)
        return {name: node.to_dataset() for name, node in fitted.groups.children.items()}, _header_of(fitted)
    if isinstance(fitted, Ensemble):
        header: dict[str, Any] = {"weights": fitted.weights.to_dict()}
        parts: dict[str, AnyFitted] = dict(fitted.members)
    elif isinstance(fitted, Pooled):
        header, parts = {"pool": fitted.pool}, {str(code): each for code, each in enumerate(fitted.groups.values())}
        header["labels"] = list(fitted.groups)
    elif isinstance(fitted, Domains):
        header, parts = {"domains": fitted.names}, {str(code): each for code, each in enumerate(fitted.fits.values())}
        header["labels"] = list(fitted.fits)
    else:
        _check_no_risk(fitted, path)
        header, parts = {}, {"first": fitted.first, "second": fitted.second}
    stored = {name: _stored(each, path) for name, each in parts.items()}
    groups = {f"{name}/{group}": each for name, (own, _) in stored.items() for group, each in own.items()}
    if isinstance(fitted, Pooled):
        groups["between"] = fitted.between
    return groups, {**header, "parts": {name: own for name, (_, own) in stored.items()}}


def _check_no_risk(fitted: Fit, path: Path) -> None:
    if fitted.risk is not None:
        raise OutputError(f"{path}: a risk that was set is not saved: save the posterior before with_risk")


def _restored(tree: xr.DataTree, header: dict[str, Any], law: str | Path | Law | None, path: Path) -> AnyFitted:
    """Rebuild the stored posterior from its groups and the header."""
    if "parts" not in header:
        groups = {name: node.to_dataset() for name, node in tree.children.items()}
        return _fit(xr.DataTree.from_dict(groups), header, law, path)
    nodes = tree.children
    parts = {name: _restored(nodes[name], each, _given(law, each), path) for name, each in header["parts"].items()}
    if "weights" in header:
        return _ensemble(parts, header["weights"], path)
    if "pool" in header:
        return _pooled(parts, header, nodes["between"].to_dataset(), path)
    if "domains" in header:
        return _domains(parts, header, path)
    first, second = parts["first"], parts["second"]
    if not isinstance(first, Fit | Ensemble) or not isinstance(second, Fit):
        raise _other_version(path)
    return Chain(first, second)


def _given(law: str | Path | Law | None, header: dict[str, Any]) -> str | Path | Law | None:
    """The given law if a part is a fit of the law of that name, or has parts itself; None otherwise."""
    if law is None or "record" not in header:
        return law
    return law if catalog.law_of(law).name == header["record"]["law"] else None


def _ensemble(parts: Mapping[str, AnyFitted], stored: dict[str, Any], path: Path) -> Ensemble:
    members = {name: each for name, each in parts.items() if isinstance(each, Fit)}
    weights = xr.DataArray.from_dict(stored)
    if weights.dims != ("horizon", "law") or weights["law"].to_numpy().tolist() != list(parts) or members != parts:
        raise _other_version(path)
    if len({tuple(member.groups["posterior"].sizes.items()) for member in members.values()}) != 1:
        raise _other_version(path)
    if not (np.isfinite(weights.to_numpy()).all() and (weights["horizon"].to_numpy() > 0).all()):
        raise _other_version(path)
    return Ensemble(members=members, weights=weights)


def _pooled(parts: Mapping[str, AnyFitted], header: dict[str, Any], between: xr.Dataset, path: Path) -> Pooled:
    groups = dict(zip(header["labels"], parts.values(), strict=True))
    fits = {label: each for label, each in groups.items() if isinstance(each, Fit)}
    if fits != groups or not between.data_vars or not all(between[name].dims == SAMPLE_DIMS for name in between):
        raise _other_version(path)
    return Pooled(groups=fits, between=between, pool=tuple(header["pool"]))


def _domains(parts: Mapping[str, AnyFitted], header: dict[str, Any], path: Path) -> Domains:
    fits = {name: each for name, each in zip(header["labels"], parts.values(), strict=True) if isinstance(each, Fit)}
    names = tuple(map(str, header["domains"]))
    if len(fits) < len(parts) or not 2 <= len(set(names)) <= len(OTHERS) + 1 or not set(fits) <= set(names):
        raise _other_version(path)
    if len({tuple(each.groups["posterior"].sizes.items()) for each in fits.values()}) != 1:
        raise _other_version(path)
    return Domains(fits, names)


def _other_version(path: Path) -> FitFileError:
    return FitFileError(f"{path}: was saved by another version of bayescale, or changed since: fit again")


def _header_of(fit: Fit) -> dict[str, Any]:
    return {
        "record": asdict(fit.record),
        "diagnostics": asdict(fit.diagnostics),
        "warnings": fit.warnings,
        "notes": fit.notes,
    }


def _fit(tree: xr.DataTree, header: dict[str, Any], law: str | Path | Law | None, path: Path) -> Fit:
    if not {"record", "diagnostics", "warnings", "notes"} <= header.keys():
        raise _other_version(path)
    kinds = {"record": Record, "diagnostics": Diagnostics, "warnings": _Remarks, "notes": _Remarks}
    remarks = {name: {"texts": header[name]} for name in ("warnings", "notes")}
    if any(misfit(kind, {**header, **remarks}[name]) for name, kind in kinds.items()):
        raise _other_version(path)
    try:
        stored = header["record"]
        listed = {name: tuple(stored.get(name, ())) for name in ("pool", "flops_factor", "evidence")}
        record = Record(**{**stored, **listed, "priors": _priors(stored)})
        diagnostics = Diagnostics(**header["diagnostics"])
    except TypeError:
        raise _other_version(path) from None
    found = _law_of(record, law, path)
    try:
        outcomes = tree["observed_data"].data_vars if "observed_data" in tree else ()
        found = as_law_of(found, str(next(iter(outcomes), "")))
        found = with_beliefs(found, record.priors, tuple(map(parse_evidence, record.evidence))).in_unit(record.unit)
    except (LawError, QuantityError) as error:
        raise FitFileError(f"{path}: {error}") from None
    fitted = Fit(
        groups=tree,
        law=found,
        record=record,
        diagnostics=diagnostics,
        warnings=tuple(header["warnings"]),
        notes=tuple(header["notes"]),
    )
    if not _whole(fitted):
        raise _other_version(path)
    return fitted


def _priors(stored: Mapping[str, Any]) -> dict[str, Prior]:
    """The user's priors of a stored record."""
    entries = stored.get("priors", {})
    return stated({name: Prior(each["distribution"], **each["arguments"]) for name, each in entries.items()})


@dataclass(frozen=True)
class _Remarks:
    texts: tuple[str, ...]


def _whole(fitted: Fit) -> bool:
    """Whether the groups of a fit match its law, noise and record."""
    law, record = fitted.law, fitted.record
    try:
        described = {item.name for item in fitted.described}
        samples = [fitted.groups[group].to_dataset() for group in ("posterior", "prior", "sample_stats")]
        posterior, _, stats = samples
        runs = fitted.runs
        compute = fitted.count(1e9, 1e10)
        numbers = [
            compute,
            *fitted.inputs.values(),
            *fitted.centre.values(),
            fitted.on_link,
            *fitted.parameters.values(),
        ]
        coefficients = np.empty(0)
        if record.discrepancy:
            numbers.append(fitted.groups["constant_data"]["noise_scale"].to_numpy())
            coefficients = _coefficients(fitted)  # none, of a single run
    except (KeyError, ValueError, TypeError, AttributeError, LawError, RunsError, LookupError):
        return False
    shaped = all(each[name].dims == SAMPLE_DIMS for each in samples[:2] for name in each.data_vars)
    return (
        shaped
        and set(map(str, posterior.data_vars)) == described == set(map(str, samples[1].data_vars))
        and {"log_prior", "total_log_likelihood"} <= set(stats.data_vars)
        and stats.sizes == posterior.sizes
        and bool(fitted.diagnostics.ess)
        and len(runs) == record.n_runs > 0
        and set(law.input_names) <= set(runs.frame.columns)
        and all(np.size(each) and np.isfinite(each).all() for each in map(np.asarray, numbers))
        and bool(np.isfinite(coefficients).all())
    )


def _coefficients(fitted: Fit) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Coefficients of the discrepancy, if their number matches its features and draws.

    Raises
    ------
    ValueError
    """
    drawn, basis = fitted.coefficients, fitted.basis
    expected = 0 if basis is None else len(basis.process.kinds)
    if len(drawn) != len(fitted.parameters["sigma"]) or not expected <= drawn.shape[1] <= expected + 1:
        raise ValueError("the coefficients of the discrepancy do not match its features")
    return drawn


def _header(tree: xr.DataTree, path: Path) -> dict[str, Any]:
    try:
        texts = {name: tree.attrs[name] for name in ATTRS}
        header = json.loads(texts["bayescale"])
        saved_format = int(header["format"])
        if not all(isinstance(text, str) for text in texts.values()):
            raise TypeError
    except (KeyError, TypeError, ValueError, RecursionError, OverflowError):
        raise FitFileError(f"{path}: is a netCDF file, but bayescale did not save it") from None
    if saved_format < FORMAT:
        raise FitFileError(f"{path}: has format {saved_format}, of an older version of bayescale: fit again")
    if saved_format > FORMAT:
        raise FitFileError(
            f"{path}: has format {saved_format}, and this version reads up to {FORMAT}: upgrade bayescale"
        )
    return dict(header)


def _law_of(record: Record, given: str | Path | Law | None, path: Path) -> Law:
    """The law that was fitted. Files are untrusted and must not name code to run: only shipped laws load by name."""
    if isinstance(given, Law):
        if given.name != record.law:
            raise FitFileError(f"{path}: was fitted with law {record.law!r}, not {given.name!r}: give that one")
        return given
    if given is None and record.law_origin != "shipped":
        raise FitFileError(
            f"{path}: was fitted with a law of your own ({record.law_origin}), which is not stored: give it by law="
        )
    if given is None and record.law not in catalog.law_names():
        raise FitFileError(f"{path}: was fitted with law {record.law!r}, which this version does not ship")
    named = record.law if given is None else given
    try:
        found = catalog.law_source_hash(named)
        law = catalog.load_law(named)
    except CatalogError as error:
        raise FitFileError(f"{path}: needs its law, but {error}") from error
    if found != record.law_hash:
        raise FitFileError(
            f"{path}: was fitted with another version of law {record.law!r} or of what it imports (hash "
            f"{str(record.law_hash)[:12]}, now {found[:12]}): fit again, or load it with the version of "
            "bayescale and the law file (law=) that fitted it"
        )
    return law
