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
    ("N", "interactions"): _crossed(N=np.geomspace(1e4, 1e7, 5), interactions=np.geomspace(1e6, 1e9, 5)),
}
"""Example points by the inputs of a law; ``peak`` is that of 8, 64 and 512 H100."""

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
    if law.input_names not in _INPUTS:
        raise LawError(f"there is no design for inputs {', '.join(law.input_names)}: give a table of runs")
    return pd.DataFrame(_INPUTS[law.input_names]).assign(**{s.name: _SETTINGS[s.name] for s in law.settings})
