"""Read the groups of an untrusted netCDF file."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayescale.basics.errors import FitFileError

ATTRS = ("bayescale", "digest")


def read_groups(path: Path) -> xr.DataTree:
    """Read the groups of a file and the attributes that :func:`bayescale.save` writes.

    Raises
    ------
    FitFileError
        If there is no such file, or it cannot be read.
    """
    if not os.path.isfile(path):
        what = "is a folder" if os.path.isdir(path) else "does not exist"
        raise FitFileError(f"{path}: {what}: give a file saved with `bayescale fit RUNS -o fit.nc`")
    # A netCDF-4 file is an HDF5 file; read as such it loads several times faster than through xarray's generic reader.
    import h5py

    try:
        with h5py.File(path, "r") as file:
            groups = {name: _dataset(item) for name, item in _groups(file)}
            attrs = {name: file.attrs[name] for name in ATTRS if name in file.attrs}
            return xr.DataTree.from_dict({"/": xr.Dataset(attrs=attrs), **groups})
    except Exception as error:  # a damaged file can make the HDF5 stack raise anything
        raise FitFileError(
            f"{path}: cannot be read as netCDF ({type(error).__name__}): it is damaged, cut short, or of another kind; "
            "fit again"
        ) from error


def _groups(file: Any) -> Iterator[tuple[str, Any]]:
    """All groups of a file with their paths, if :func:`bayescale.save` can have written them.

    An HDF5 file can refer to other files and claim any size. Links and external or virtual data are refused, and so are
    data that claim more bytes than the file has, since nothing is saved compressed.

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

    # The whole file is checked before any data are read.
    return iter(list(walk(file, "")))


def _is_plain(item: Any) -> bool:
    """Whether an item of a file is an array of numbers that the file itself stores."""
    import h5py

    return isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf" and not (item.is_virtual or item.external)


_DEEPEST = 3
"""Depth of the groups of a fit inside an ensemble inside a chain."""


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


def digest_of(tree: xr.DataTree, header: str) -> str:
    """SHA-256 of a header and of every number in every group, as hexadecimal digits."""
    digest = hashlib.sha256(header.encode())
    nodes = {node.path: node.to_dataset(inherit=False) for node in tree.subtree}
    for group in sorted(nodes):
        dataset = nodes[group]
        for name in sorted(str(v) for v in dataset.variables):
            variable = dataset.variables[name]
            digest.update(f"{group}/{name}{variable.dims}{variable.shape}".encode())
            digest.update(np.ascontiguousarray(variable.to_numpy()).tobytes())
    return digest.hexdigest()
