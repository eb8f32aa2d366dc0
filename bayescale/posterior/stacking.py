"""Stacking: weights of laws, learnt from how well each predicts larger runs that are hidden from its fit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.errors import LawError, RunsError
from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.data.splitting import HORIZONS, Split, splits
from bayescale.inference.large_tables import split_in_blocks
from bayescale.inference.options import Options
from bayescale.laws.law import Law
from bayescale.posterior.ensembles import equal_weights
from bayescale.posterior.fit import Fit
from bayescale.posterior.forecasting import predicted_runs
from bayescale.posterior.single import fit_laws

Array = NDArray[np.float64]


_ENOUGH_HIDDEN_RUNS = 10
_PRIOR_RUNS = 2.0
"""Strength of the prior on equal weights, in hidden runs per law."""


def sketched(options: Options) -> Options:
    """The same options with a thousand draws by importance sampling, enough to learn weights or scores from."""
    return replace(options, engine="importance", draws=250, chains=4)


def horizon_weights(laws: Sequence[Law], runs: Runs, options: Options) -> xr.DataArray:
    """Weights of laws at each horizon at which runs can be hidden, dims horizon and law.

    At each horizon some of the largest runs are hidden, every law is fitted to smaller ones, and stacking finds the
    weights from the log densities of the hidden runs, with a prior centred on equal weights.

    Parameters
    ----------
    laws : sequence of Law
    runs : Runs
    options : Options
        Draws and engine are not used: weights need few draws, which need not be certified.

    Returns
    -------
    xarray.DataArray
        With the number of hidden runs as coordinate ``hidden_runs``; one row of equal weights if no run can be hidden,
        or if there is only one law, which has all of it.
    """
    names = [law.name for law in laws]
    if len(laws) == 1:
        return equal_weights(names)
    try:
        found = splits(runs, size=Observed(laws[0], runs).size)
    except RunsError:
        return equal_weights(names)
    taught = {}
    for horizon, split in teaching_splits(found, runs).items():
        densities = _hidden_log_densities(laws, runs, split, options)
        if densities is not None:
            taught[horizon] = by_run(densities, runs.clusters[split.test])
    return weights_from(taught, names)


def n_teaching(laws: Sequence[Law], runs: Runs) -> int:
    """Number of splits from which the weights of an ensemble are learnt."""
    if len(laws) == 1:
        return 0
    try:
        return len(teaching_splits(splits(runs, size=Observed(laws[0], runs).size), runs))
    except RunsError:
        return 0


def weights_from(taught: Mapping[float, Array], names: Sequence[str]) -> xr.DataArray:
    """Weights of laws, dims horizon and law, from log densities of shape (run, law) of hidden runs at each horizon."""
    if not taught:
        return equal_weights(names)
    weights = np.stack([stacking_weights(each, prior_runs=_PRIOR_RUNS) for each in taught.values()])
    hidden = [len(each) for each in taught.values()]
    coords = {"horizon": list(taught), "law": list(names), "hidden_runs": ("horizon", hidden)}
    return xr.DataArray(weights, dims=("horizon", "law"), coords=coords)


def by_run(densities: Array, cluster: NDArray[np.int64]) -> Array:
    """Mean log density over the rows of each training run, shape (run, law).

    Rows of one run are not independent, so each run counts as one row, with the geometric mean of its rows' densities.
    """
    return np.asarray(pd.DataFrame(densities).groupby(cluster, sort=False).mean())


def teaching_splits(found: Sequence[Split], runs: Runs) -> dict[float, Split]:
    """The split at each horizon from which weights are learnt: one that hides the largest runs, if it hides enough."""
    cluster = runs.clusters
    hidden = {id(each): len(np.unique(cluster[each.test])) for each in found}
    chosen = {}
    for horizon in HORIZONS:
        suited = [each for each in found if each.horizon == horizon]
        enough = [each for each in suited if hidden[id(each)] >= _ENOUGH_HIDDEN_RUNS]
        if suited:
            chosen[horizon] = enough[0] if enough else max(suited, key=lambda each: hidden[id(each)])
    return chosen


def stacking_weights(log_densities: Array, *, prior_runs: float = 0.0) -> Array:
    """Weights that maximise the mean log density of the mixture (Yao et al. 2018, arXiv:1704.02030, equation 4).

    Parameters
    ----------
    log_densities : array, shape (run, law)
    prior_runs : float
        Strength of the prior on equal weights, in runs per law: a Dirichlet prior with concentration one plus this.

    Returns
    -------
    array, shape (law,)

    Examples
    --------
    >>> densities = np.log([[0.9, 0.1], [0.8, 0.1], [0.7, 0.2]])
    >>> stacking_weights(densities).round(2).tolist()
    [1.0, 0.0]
    >>> stacking_weights(densities, prior_runs=3).round(2).tolist()
    [0.64, 0.36]
    """
    n, k = log_densities.shape
    densities = np.exp(log_densities - log_densities.max(axis=1, keepdims=True))
    weights = np.full(k, 1 / k)
    # Expectation maximisation over each law's responsibility for each run, which never lowers the objective.
    for _ in range(2000):
        shares = densities * weights
        taken = (shares / shares.sum(axis=1, keepdims=True)).sum(axis=0)
        weights = (taken + prior_runs) / (n + k * prior_runs)
    return np.asarray(weights)


def _hidden_log_densities(laws: Sequence[Law], runs: Runs, split: Split, options: Options) -> Array | None:
    """Log density of each hidden run under each law, shape (run, law); None if a law cannot be fitted to the rest."""
    train, test = runs.take(split.train), runs.take(split.test)
    try:
        own = [sketched(its) for its in options.of_each(laws)]
        fits = fit_laws(laws, train, own, certify=False, doubts=False)
    except LawError:
        return None
    return np.column_stack([_log_density(each, test) for each in fits])


def _log_density(fitted: Fit, hidden: Runs) -> Array:
    """Log density of each hidden run, in blocks to save memory, since every draw predicts every run."""
    found = [predicted_runs(fitted, hidden.take(rows)) for rows in split_in_blocks(np.arange(len(hidden)))]
    return np.concatenate([forecast.log_density(observed) for forecast, observed in found])
