"""Large tables: the log density of a law taken as true, summed over blocks of runs."""

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
"""Number of runs above which a table is read in blocks."""
BLOCK = 4096
"""Number of runs in a block."""


def is_large(n_runs: int) -> bool:
    """Whether a table with this number of runs is read in blocks."""
    return n_runs > LARGEST_WHOLE


def split_in_blocks(rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Split rows into the fewest parts of equal size that each fit into a block."""
    return np.array_split(rows, max(1, -(-len(rows) // BLOCK)))


def density_in_blocks(observed: Observed, density: "LogDensity") -> Density:
    """The log density given all runs, read in blocks.

    Parameters
    ----------
    observed : Observed
    density : LogDensity
        That of the law's model, whichever runs the model holds.
    """
    of_runs = run_data(observed)

    def blocks() -> Iterator[Mapping[str, Array]]:
        for start in range(0, len(observed), BLOCK):
            rows = slice(start, start + BLOCK)
            yield {name: values[rows] for name, values in of_runs.items()}

    return density.summed(blocks, centre_data(observed))
