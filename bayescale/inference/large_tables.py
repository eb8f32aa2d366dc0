"""Large tables: the log density of a law taken as true, given runs that are read a block at a time."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayescale.data.observed import Observed
from bayescale.inference.model import centre_data, run_data
from bayescale.sampling.modes import Density

if TYPE_CHECKING:
    from bayescale.sampling.logdensity import LogDensity

Array = NDArray[np.float64]

LARGEST_WHOLE = 5000
"""Number of runs above which they are read a block at a time."""
BLOCK = 4096
"""Runs that are read at once."""


def is_large(n_runs: int) -> bool:
    """Whether runs are so many that they are read in blocks."""
    return n_runs > LARGEST_WHOLE


def split_in_blocks(rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Rows in the fewest even parts of which each can be read at once."""
    return np.array_split(rows, max(1, -(-len(rows) // BLOCK)))


def density_in_blocks(observed: Observed, density: "LogDensity") -> Density:
    """The log density given all runs, read a block at a time.

    Parameters
    ----------
    observed : Observed
    density : LogDensity
        Of the law's model, whatever runs that holds.
    """
    of_runs = run_data(observed)

    def blocks() -> Iterator[Mapping[str, Array]]:
        for start in range(0, len(observed), BLOCK):
            rows = slice(start, start + BLOCK)
            yield {name: values[rows] for name, values in of_runs.items()}

    return density.summed(blocks, centre_data(observed))
