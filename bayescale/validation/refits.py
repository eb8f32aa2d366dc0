"""Fits to all runs but one, where leaving a run out by weights is not possible."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bayescale.data.runs import Runs, rows_of
from bayescale.inference.options import Options
from bayescale.laws.law import Law
from bayescale.posterior.fit import Fit
from bayescale.posterior.single import fit_law
from bayescale.posterior.stacking import sketched


def without_each_run(law: str | Path | Law, runs: Runs, options: Options) -> Iterator[tuple[NDArray[np.intp], Fit]]:
    """The rows of each training run, and a fit to the rest with a thousand draws that are not certified.

    Parameters
    ----------
    law : str, path or Law
    runs : Runs
    options : Options
    """
    for rows in rows_of(runs.clusters):
        rest = runs.take(np.setdiff1d(np.arange(len(runs)), rows))
        yield rows, fit_law(law, rest, sketched(options), certify=False)
