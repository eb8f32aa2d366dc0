"""Designs: example inputs for a law without a table of runs."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale.basics.errors import LawError
from bayescale.laws.law import Law

Columns = dict[str, NDArray[np.floating[Any]]]


def _crossed(**levels: Any) -> Columns:
    """Every combination of the levels."""
    return {name: grid.ravel() for name, grid in zip(levels, np.meshgrid(*levels.values()), strict=True)}


_SIZES, _TOKENS = np.geomspace(3e7, 1e10, 5), np.geomspace(1e9, 1e12, 5)
_BITS = np.array([1.0, 2.0, 4.0, 8.0, 16.0])

_OTHERS = tuple(f"other_{place}" for place in range(1, 5))


def _mixtures() -> Columns:
    """Some mixtures of sixths of five domains at five sizes."""
    parts = np.stack(np.meshgrid(*[np.arange(7.0)] * 5), axis=-1).reshape(-1, 5)
    shares = np.tile(parts[parts.sum(axis=1) == 6][::11] / 6, (len(_SIZES), 1))
    sizes = np.repeat(_SIZES, len(shares) // len(_SIZES))
    return {"N": sizes, **dict(zip(("share", *_OTHERS), shares.T, strict=True))}


_INPUTS: dict[tuple[str, ...], Columns] = {
    ("N",): {"N": np.geomspace(1e7, 1e10, 16)},
    ("D",): {"D": np.geomspace(1e9, 1e12, 16)},
    ("C",): {"C": np.geomspace(1e18, 1e23, 16)},
    ("x",): {"x": np.geomspace(1e2, 1e6, 24)},
    ("C", "peak"): _crossed(C=np.geomspace(1e20, 1e24, 5), peak=9.89e14 * np.array([8.0, 64.0, 512.0])),
    ("N", "bandwidth"): _crossed(N=np.geomspace(1e9, 1e11, 5), bandwidth=3.35e12 * np.array([1.0, 2.0, 4.0])),
    ("year",): {"year": np.linspace(2012, 2024, 24)},
    ("N", "D"): _crossed(N=_SIZES, D=_TOKENS),
    ("N", "D", "U"): _crossed(N=_SIZES[:4], D=_TOKENS[:4], U=np.geomspace(1e9, 3e10, 3)),
    ("N", "D", "w_bits"): _crossed(N=_SIZES[:4], D=_TOKENS[:4], w_bits=_BITS),
    ("N", "D", "granularity"): _crossed(N=_SIZES[:4], D=_TOKENS[:4], granularity=_BITS),
    ("N", "experts"): _crossed(N=np.geomspace(1e7, 1e9, 5), experts=2.0 ** np.arange(10)),
    ("N", "D", "width", "depth"): _crossed(
        N=_SIZES[:3], D=_TOKENS[:3], width=[256.0, 1024.0, 4096.0], depth=[4.0, 16.0, 64.0]
    ),
    ("loss",): {"loss": np.linspace(2.2, 4.5, 20)},
    ("samples",): {"samples": 2.0 ** np.arange(14)},
    ("C", "board_size"): _crossed(C=np.geomspace(1e10, 1e16, 9), board_size=np.arange(3.0, 8.0)),
    ("N", "streams"): _crossed(N=_SIZES, streams=2.0 ** np.arange(4)),
    ("N", "V", "characters"): _crossed(
        N=_SIZES[:4], V=np.geomspace(4e3, 1e5, 4), characters=np.geomspace(1e9, 1e12, 4)
    ),
    ("examples",): {"examples": np.geomspace(100, 1e6, 24)},
    ("N", "D", "sparsity", "D_dense"): _crossed(
        N=_SIZES[:3], D=_TOKENS[:3], sparsity=[2.0, 4.0, 8.0], D_dense=_TOKENS[:2]
    ),
    ("N", "share", *_OTHERS): _mixtures(),
    ("N", "D", "lr", "batch"): _crossed(
        N=_SIZES[:3], D=_TOKENS[:3], lr=np.geomspace(1e-4, 1e-2, 4), batch=np.geomspace(4e3, 1e6, 4)
    ),
    ("N", "interactions"): _crossed(N=np.geomspace(1e4, 1e7, 5), interactions=np.geomspace(1e6, 1e9, 5)),
}
"""Example points by the inputs of a law, and its settings that differ between runs; ``peak`` is that of 8, 64 and 512
H100."""

_SETTINGS = {"chance": 0.25, "answer_tokens": 4.0, "floor": 1.8}


def example_inputs(law: Law) -> pd.DataFrame:
    """Plausible inputs and settings for runs of a law.

    Parameters
    ----------
    law : Law

    Returns
    -------
    pandas.DataFrame
        One row per run, in the units of the law's inputs.

    Raises
    ------
    LawError
        If there is no design for the law's inputs.

    Examples
    --------
    >>> from bayescale import load_law
    >>> example_inputs(load_law("chinchilla")).shape
    (25, 2)
    """
    same = {setting.name: _SETTINGS[setting.name] for setting in law.settings if setting.name in _SETTINGS}
    varied = (*law.input_names, *(setting.name for setting in law.settings if setting.name not in same))
    if varied not in _INPUTS:
        raise LawError(f"there is no design for inputs {', '.join(varied)}: give a table of runs")
    return pd.DataFrame(_INPUTS[varied]).assign(**same)
