"""Saving a fit to one netCDF file, and loading it back only if it is whole and belongs to the law at hand."""

import hashlib
import io
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayescale.basics.entries import misfit
from bayescale.basics.errors import CatalogError, FitFileError, LawError, OutputError, QuantityError, RunsError
from bayescale.basics.files import replacing
from bayescale.basics.intervals import SAMPLE_DIMS
from bayescale.inference.engine import Diagnostics
from bayescale.laws import catalog
from bayescale.laws.law import Law
from bayescale.posterior.ensembles import Ensemble, Posterior, first_fit
from bayescale.posterior.fit import Fit, Record

_ATTRS = ("bayescale", "digest")

FORMAT = 4
"""Version of the file format; a file of a higher one is refused."""


def save(fit: Posterior, path: str | Path) -> Path:
    """Save a fit or an ensemble to a netCDF file; an older file of that name stays whole until the new one is.

    The file holds ArviZ's groups, of an ensemble one set under each law's name, so ``arviz.from_netcdf`` reads it too.
    A user's own law is not stored, only its hash.

    Parameters
    ----------
    fit : Fit or Ensemble
    path : path
        By custom it ends in ``.nc``.

    Returns
    -------
    Path

    Raises
    ------
    OutputError
        If the file cannot be written, or the posterior has a recipe's risk, which belongs to a question.

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
    if first_fit(fit).risk is not None:
        raise OutputError(f"{path}: a risk that was set is not saved: save the posterior before with_risk")
    if isinstance(fit, Ensemble):
        tree = xr.DataTree.from_dict(
            {
                f"/{name}{node.path}": node.to_dataset()
                for name, each in fit.members.items()
                for node in each.tree.subtree
            }
        )
        members = {name: _header_of(each) for name, each in fit.members.items()}
        text = json.dumps({"format": FORMAT, "weights": fit.weights.to_dict(), "members": members})
    else:
        tree = fit.groups.copy()
        text = json.dumps({"format": FORMAT, **_header_of(fit)})
    tree.attrs = {"bayescale": text, "digest": _digest(tree, text)}
    path = Path(path)
    with replacing(path) as temporary:
        # Not straight to the file: on a full disk the HDF5 library ends the process by a segmentation fault.
        content = io.BytesIO()
        tree.to_netcdf(content, engine="h5netcdf")
        temporary.write_bytes(content.getbuffer())
    return path


def load(path: str | Path, *, law: str | Path | Law | None = None) -> Posterior:
    """Load a fit or an ensemble.

    Parameters
    ----------
    path : path
    law : path or Law, optional
        The law file of a fit of a user's own law; it must be the one that was fitted. In an ensemble it is the law of
        that name.

    Returns
    -------
    Fit or Ensemble

    Raises
    ------
    FitFileError
        If the file is missing, damaged, foreign, newer than this version, or fitted by another law.

    Examples
    --------
    >>> load("absent.nc")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.FitFileError: absent.nc: does not exist: give a file saved with ...
    """
    path = Path(path)
    tree = _read(path)
    header = _header(tree, path)
    if tree.attrs["digest"] != _digest(tree, tree.attrs["bayescale"]):
        raise FitFileError(f"{path}: is damaged: its contents do not match their checksum; fit again")
    tree.attrs = {}
    if "members" not in header:
        return _fit(tree, header, law, path)
    try:
        return _ensemble(tree, header, law, path)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, FitFileError):
            raise
        raise _other_version(path) from error


def _ensemble(tree: xr.DataTree, header: dict[str, Any], law: str | Path | Law | None, path: Path) -> Ensemble:
    members = {name: _member(tree.children[name], name, each, law, path) for name, each in header["members"].items()}
    weights = xr.DataArray.from_dict(header["weights"])
    if weights.dims != ("horizon", "law") or weights["law"].to_numpy().tolist() != list(members):
        raise _other_version(path)
    if len({tuple(member.groups["posterior"].sizes.items()) for member in members.values()}) != 1:
        raise _other_version(path)
    if not (np.isfinite(weights.to_numpy()).all() and (weights["horizon"].to_numpy() > 0).all()):
        raise _other_version(path)
    return Ensemble(members=members, weights=weights)


def _other_version(path: Path) -> FitFileError:
    return FitFileError(f"{path}: was saved by another version of bayescale, or changed since: fit again")


def _header_of(fit: Fit) -> dict[str, Any]:
    return {
        "record": asdict(fit.record),
        "diagnostics": asdict(fit.diagnostics),
        "warnings": fit.warnings,
        "notes": fit.notes,
    }


def _member(tree: xr.DataTree, name: str, header: dict[str, Any], law: str | Path | Law | None, path: Path) -> Fit:
    """A member of an ensemble; a law that is given stands for the member of its name."""
    given = law if law is not None and catalog.law_of(law).name == name else None
    groups = {group: node.to_dataset() for group, node in tree.children.items()}
    return _fit(xr.DataTree.from_dict(groups), header, given, path)


def _fit(tree: xr.DataTree, header: dict[str, Any], law: str | Path | Law | None, path: Path) -> Fit:
    if not {"record", "diagnostics", "warnings", "notes"} <= header.keys():
        raise _other_version(path)
    kinds = {"record": Record, "diagnostics": Diagnostics, "warnings": _Remarks, "notes": _Remarks}
    remarks = {name: {"texts": header[name]} for name in ("warnings", "notes")}
    if any(misfit(kind, {**header, **remarks}[name]) for name, kind in kinds.items()):
        raise _other_version(path)
    try:
        record = Record(**{**header["record"], "pool": tuple(header["record"].get("pool", ()))})
        diagnostics = Diagnostics(**header["diagnostics"])
    except TypeError:
        raise _other_version(path) from None
    found = _law_of(record, law, path)
    try:
        found = found.in_unit(record.unit)
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


@dataclass(frozen=True)
class _Remarks:
    texts: tuple[str, ...]


def _whole(fitted: Fit) -> bool:
    """Whether the groups of a fit hold what its law, noise and record say that they hold."""
    law, record = fitted.law, fitted.record
    try:
        described = {item.name for item in fitted.described}
        samples = [fitted.groups[group].to_dataset() for group in ("posterior", "prior", "sample_stats")]
        posterior, _, stats = samples
        runs = fitted.runs
        numbers = [*fitted.inputs.values(), *fitted.centre.values(), fitted.on_link, *fitted.parameters.values()]
        if record.discrepancy:
            numbers.append(fitted.groups["constant_data"]["noise_scale"].to_numpy())
            numbers.append(_coefficients(fitted))
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
    )


def _coefficients(fitted: Fit) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Coefficients of the discrepancy, if there are as many as its features and draws ask for.

    Raises
    ------
    ValueError
    """
    drawn, basis = fitted.coefficients, fitted.basis
    expected = 0 if basis is None else len(basis.process.kinds)
    if len(drawn) != len(fitted.parameters["sigma"]) or not expected <= drawn.shape[1] <= expected + 1:
        raise ValueError("the coefficients of the discrepancy do not match its features")
    return drawn


def _read(path: Path) -> xr.DataTree:
    if not os.path.isfile(path):
        what = "is a folder" if os.path.isdir(path) else "does not exist"
        raise FitFileError(f"{path}: {what}: give a file saved with `bayescale fit RUNS -o fit.nc`")
    # A netCDF-4 file is an HDF5 file; read as such it loads several times faster than through xarray's generic reader.
    import h5py

    try:
        with h5py.File(path, "r") as file:
            groups = {name: _dataset(item) for name, item in _groups(file)}
            attrs = {name: file.attrs[name] for name in _ATTRS if name in file.attrs}
            return xr.DataTree.from_dict({"/": xr.Dataset(attrs=attrs), **groups})
    except Exception as error:  # whatever a damaged file makes the HDF5 stack raise
        raise FitFileError(
            f"{path}: cannot be read as netCDF ({type(error).__name__}): it is damaged, cut short, or of another kind; "
            "fit again"
        ) from error


def _groups(file: Any) -> Iterator[tuple[str, Any]]:
    """The groups of a file and theirs, with their paths, if they can be what was saved.

    HDF5 lets a file stand in for others, and claim any size: links and external or virtual data are refused, and so is
    whatever claims more bytes than the file has, since nothing is saved compressed.

    Raises
    ------
    ValueError
    """
    import h5py

    room = Path(file.filename).stat().st_size

    def walk(parent: Any, path: str) -> Iterator[tuple[str, Any]]:
        nonlocal room
        if path.count("/") > _DEEPEST:
            raise ValueError(f"{path} lies too deep")
        for name in parent:
            if not isinstance(parent.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{path}/{name} is a link")
            item = parent[name]
            if isinstance(item, h5py.Group):
                yield f"{path}/{name}", item
                yield from walk(item, f"{path}/{name}")
            elif not _is_plain(item):
                raise ValueError(f"{path}/{name} is no plain table of numbers")
            else:
                room -= item.nbytes
                if room < 0:
                    raise ValueError(f"{path}/{name} claims more than the file holds")

    # All of it is looked at before any of it is read.
    return iter(list(walk(file, "")))


def _is_plain(item: Any) -> bool:
    """Whether an item of a file holds numbers, and holds them itself."""
    import h5py

    return isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf" and not (item.is_virtual or item.external)


_DEEPEST = 2
"""Groups of a law's fit within an ensemble."""


def _dataset(group: Any) -> xr.Dataset:
    variables = {}
    for name, stored in group.items():
        if not hasattr(stored, "is_scale"):
            continue
        dims = (name,) if stored.is_scale else tuple(dim[0].name.rpartition("/")[2] for dim in stored.dims)
        values = stored[()].astype(bool) if stored.attrs.get("dtype") == "bool" else stored[()]
        attrs = {key: str(stored.attrs[key]) for key in ("units", "long_name") if key in stored.attrs}
        variables[name] = (dims, values, attrs)
    return xr.Dataset({k: v for k, v in variables.items() if v[0] != (k,)}).assign_coords(
        {k: v for k, v in variables.items() if v[0] == (k,)}
    )


def _header(tree: xr.DataTree, path: Path) -> dict[str, Any]:
    try:
        texts = {name: tree.attrs[name] for name in _ATTRS}
        header = json.loads(texts["bayescale"])
        saved_format = int(header["format"])
        if not all(isinstance(text, str) for text in texts.values()):
            raise TypeError
    except (KeyError, TypeError, ValueError, RecursionError, OverflowError):
        raise FitFileError(f"{path}: is a netCDF file, but bayescale did not save it") from None
    if saved_format < FORMAT:
        raise FitFileError(
            f"{path}: has format {saved_format}, of an older version whose model was another one: fit again"
        )
    if saved_format > FORMAT:
        raise FitFileError(
            f"{path}: has format {saved_format}, and this version reads up to {FORMAT}: upgrade bayescale"
        )
    return dict(header)


def _law_of(record: Record, given: str | Path | Law | None, path: Path) -> Law:
    """The law that was fitted. A file is never trusted to name code: only shipped laws are found by name."""
    if isinstance(given, Law):
        if given.name != record.law:
            raise FitFileError(f"{path}: was fitted with law {record.law!r}, not {given.name!r}: give that one")
        return given
    if given is None and record.law_origin != "shipped":
        raise FitFileError(
            f"{path}: was fitted with a law of your own ({record.law_origin}), which is not stored: give it by --law"
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
            f"{str(record.law_hash)[:12]}, now {found[:12]}): fit again, or load it with the bayescale and "
            "the law file (--law) of that time"
        )
    return law


def _digest(tree: xr.DataTree, header: str) -> str:
    digest = hashlib.sha256(header.encode())
    nodes = {node.path: node.to_dataset(inherit=False) for node in tree.subtree}
    for group in sorted(nodes):
        dataset = nodes[group]
        for name in sorted(str(v) for v in dataset.variables):
            variable = dataset.variables[name]
            digest.update(f"{group}/{name}{variable.dims}{variable.shape}".encode())
            digest.update(np.ascontiguousarray(variable.to_numpy()).tobytes())
    return digest.hexdigest()
