"""Fitting one law, or several that are weighted by how well each predicts hidden larger runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeIs, Unpack, overload

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayescale import catalog
from bayescale.ensembles import Ensemble, equal_weights
from bayescale.errors import LawError, RunsError
from bayescale.fitting import Fit, as_runs, fit_law
from bayescale.forecasting import predicted_runs
from bayescale.inference import Engine
from bayescale.large_tables import split_in_blocks
from bayescale.law import Law
from bayescale.pooling import Pooled, fit_pooled
from bayescale.runs import Runs
from bayescale.splitting import HORIZONS, Split, run_size, splits

Array = NDArray[np.float64]
AnyLaw = str | Path | Law
AnyRuns = str | Path | pd.DataFrame | Runs

AUTO = "auto"
"""Name of the ensemble of shipped laws that suit a table."""

_DRAWS = 250
"""Draws of each of four chains from a posterior that only teaches weights."""
_ENOUGH_HIDDEN_RUNS = 10
_PRIOR_RUNS = 2.0
"""Hidden runs that the prior belief in equal weights is worth, per law."""


class _Options(TypedDict, total=False):
    noise: str
    discrepancy: bool
    engine: Engine
    draws: int
    chains: int
    seed: int


@overload
def fit(  # type: ignore[overload-overlap]
    law: Literal["auto"] | Sequence[AnyLaw], runs: AnyRuns = ..., **options: Unpack[_Options]
) -> Ensemble: ...
@overload
def fit(
    law: AnyLaw = ..., runs: AnyRuns = ..., *, pool: Sequence[str], by: str = ..., **options: Unpack[_Options]
) -> Pooled: ...
@overload
def fit(law: AnyLaw = ..., runs: AnyRuns = ..., **options: Unpack[_Options]) -> Fit: ...
def fit(
    law: AnyLaw | Sequence[AnyLaw] = "chinchilla",
    runs: AnyRuns = "chinchilla",
    *,
    noise: str = "student_t",
    discrepancy: bool = True,
    engine: Engine = "importance",
    draws: int = 1000,
    chains: int = 4,
    seed: int = 0,
    pool: Sequence[str] = (),
    by: str = "group",
) -> Fit | Ensemble | Pooled:
    """Sample the posterior of a law given training runs, or of several laws that are then mixed.

    The default takes the law for what it is, an approximation, and learns from the runs how wrong it is.

    Parameters
    ----------
    law : str, path, Law, or a sequence of them
        Name of a shipped law, path of a law file, or a law. ``"auto"`` or a sequence gives an ensemble: each law is
        fitted, and their draws are mixed by weights learnt from how well each predicts larger runs hidden from it.
        ``"auto"`` takes the shipped laws whose mixture predicted published tables best.
    runs : str, path, DataFrame or Runs
        Name of a shipped data set, path of a CSV or Parquet file, or a table.
    noise : {"student_t", "normal", "one_sided"}
        Noise of the log outcome; ``one_sided``, for runs that poor tuning can only worsen, takes the law as true.
    discrepancy : bool
        Whether the law itself may be wrong, by a smooth relative error that the runs teach and larger runs extrapolate;
        otherwise the law is taken as true, and its bands on larger runs are too narrow.
    engine : {"importance", "nuts"}
        Sampler. Importance sampling that is not certified falls back to NUTS, and says so in ``warnings``.
    draws, chains : int
        Shape of the posterior; importance sampling's draws are independent, so its chains are only a shape.
    seed : int
        The same seed gives the same draws.
    pool : sequence of str
        Parameters of a single law that differ between groups of runs, each leaning on the others (partial pooling);
        all other parameters are the same for all groups.
    by : str
        Column that tells those groups apart.

    Returns
    -------
    Fit or Ensemble, or Pooled if ``pool`` names parameters
        Marked in ``warnings`` and ``certified`` if neither sampler is certified.

    Raises
    ------
    RunsError, CatalogError, LawError
        If the runs, the law, or the two together cannot be used.
    SamplingError
        If the posterior is nowhere finite.

    Examples
    --------
    >>> posterior = fit("chinchilla", "chinchilla", seed=1)
    >>> posterior.certified
    True
    >>> bool(1.5 < posterior.parameters["E"].mean() < 1.9)
    True
    >>> list(fit("auto", "chinchilla").members)
    ['skaling', 'tied']
    """
    options: dict[str, Any] = {"noise": noise, "discrepancy": discrepancy, "engine": engine, "seed": seed}
    if pool:
        if several(law):
            raise LawError("pooling takes a single law: name it")
        return fit_pooled(law, runs, pool, by=by, draws=draws, chains=chains, **options)
    if not several(law):
        return fit_law(law, runs, draws=draws, chains=chains, **options)
    laws, table = chosen_laws(law, runs)
    members = [fit_law(each, table, draws=draws, chains=chains, **options) for each in named_laws(law, laws)]
    weights = horizon_weights(laws, table, noise=noise, discrepancy=discrepancy, seed=seed)
    return Ensemble(members={member.law.name: member for member in members}, weights=weights)


def fit_to_score(
    law: AnyLaw | Sequence[AnyLaw], runs: Runs, *, noise: str, discrepancy: bool, engine: Engine, seed: int
) -> Fit | Ensemble:
    """Fit as :func:`fit` does, with a thousand draws that nothing vouches for: enough to score a forecast by.

    Chains of NUTS are drawn and certified as ever.
    """
    options: dict[str, Any] = {"noise": noise, "discrepancy": discrepancy, "seed": seed}
    if engine == "nuts":
        return fit(law, runs, engine=engine, **options)
    laws, table = chosen_laws(law, runs)
    members = [fit_law(each, table, draws=_DRAWS, certify=False, **options) for each in named_laws(law, laws)]
    if not several(law):
        return members[0]
    weights = horizon_weights(laws, table, **options)
    return Ensemble(members={member.law.name: member for member in members}, weights=weights)


def several(law: AnyLaw | Sequence[AnyLaw]) -> TypeIs[Sequence[AnyLaw]]:
    """Whether a choice of laws stands for an ensemble."""
    return law == AUTO or (isinstance(law, Sequence) and not isinstance(law, str))


def named_laws(law: AnyLaw | Sequence[AnyLaw], laws: Sequence[Law]) -> list[AnyLaw]:
    """The laws of a choice as they were given, which tells where their code is; those of ``"auto"`` by name."""
    if law == AUTO:
        return [each.name for each in laws]
    return list(law) if several(law) else [law]


def chosen_laws(law: AnyLaw | Sequence[AnyLaw], runs: AnyRuns) -> tuple[list[Law], Runs]:
    """The laws that a choice stands for, and the runs that they are to be fitted to, loaded.

    Raises
    ------
    LawError
        If several laws do not have names of their own and the same inputs and outcome, or none suits the runs.
    """
    if law == AUTO:
        table = as_runs(runs)
        return _default_members(table), table
    laws = [catalog.law_of(each) for each in (law if several(law) else [law])]
    names = [each.name for each in laws]
    if not laws or len(set(names)) < len(names):
        raise LawError(f"an ensemble needs different laws, not {', '.join(names) or 'none'}")
    odd = [each.name for each in laws if _columns(each) != _columns(laws[0])]
    if odd:
        raise LawError(f"laws of one ensemble share inputs and outcome: {odd[0]} and {names[0]} do not")
    return laws, as_runs(runs, laws[0])


def horizon_weights(laws: Sequence[Law], runs: Runs, *, noise: str, discrepancy: bool, seed: int) -> xr.DataArray:
    """Weights of laws at each horizon that hidden runs can teach, dims horizon and law.

    At each horizon some of the largest runs are hidden, every law is fitted to smaller ones, and weights are stacked
    to the log density of the hidden ones, with a prior at equal weights.

    Parameters
    ----------
    laws : sequence of Law
    runs : Runs
    noise, discrepancy, seed
        As of :func:`fit`.

    Returns
    -------
    xarray.DataArray
        With the number of hidden runs as coordinate ``hidden_runs``; one row of equal weights where none can be hidden.
    """
    names = [law.name for law in laws]
    try:
        found = splits(runs, size=run_size(laws[0], runs))
    except RunsError:
        return equal_weights(names)
    options = {"noise": noise, "discrepancy": discrepancy, "seed": seed}
    taught = {}
    for horizon, split in teaching_splits(found, runs).items():
        densities = _hidden_log_densities(laws, runs, split, options)
        if densities is not None:
            taught[horizon] = by_run(densities, runs.clusters[split.test])
    return weights_from(taught, names)


def weights_from(taught: Mapping[float, Array], names: Sequence[str]) -> xr.DataArray:
    """Weights of laws, dims horizon and law, by log densities of hidden runs at each horizon, of shape (run, law)."""
    if not taught:
        return equal_weights(names)
    weights = np.stack([stacking_weights(each, prior_runs=_PRIOR_RUNS) for each in taught.values()])
    hidden = [len(each) for each in taught.values()]
    coords = {"horizon": list(taught), "law": list(names), "hidden_runs": ("horizon", hidden)}
    return xr.DataArray(weights, dims=("horizon", "law"), coords=coords)


def by_run(densities: Array, cluster: NDArray[np.int64]) -> Array:
    """Mean log density of the rows of each training run, which are not independent, shape (run, law).

    So each run counts as one row, by the geometric mean of its rows' densities.
    """
    return np.asarray(pd.DataFrame(densities).groupby(cluster, sort=False).mean())


def teaching_splits(found: Sequence[Split], runs: Runs) -> dict[float, Split]:
    """The split of each horizon that is to teach the weights: of the largest runs, if enough of them can be hidden."""
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
        Runs that equal weights are worth beforehand, per law: a Dirichlet prior of one plus so many.

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
    # Expectation maximisation: each law's share of the responsibility for each run. It climbs monotonically.
    for _ in range(2000):
        shares = densities * weights
        taken = (shares / shares.sum(axis=1, keepdims=True)).sum(axis=0)
        weights = (taken + prior_runs) / (n + k * prior_runs)
    return np.asarray(weights)


def _hidden_log_densities(laws: Sequence[Law], runs: Runs, split: Split, options: dict[str, Any]) -> Array | None:
    """Log density of each hidden run under each law, shape (run, law); None where a law cannot take what is left."""
    train, test = runs.take(split.train), runs.take(split.test)
    try:
        fits = [fit_law(law, train, draws=_DRAWS, certify=False, **options) for law in laws]
    except LawError:
        return None
    return np.column_stack([_log_density(each, test) for each in fits])


def _log_density(fitted: Fit, hidden: Runs) -> Array:
    """Log density of each hidden run, a block of them at a time, since every draw predicts each."""
    found = [predicted_runs(fitted, hidden.take(rows)) for rows in split_in_blocks(np.arange(len(hidden)))]
    return np.concatenate([forecast.log_density(observed) for forecast, observed in found])


def _default_members(table: Runs) -> list[Law]:
    shipped = [catalog.load_law(name) for name in catalog.law_names()]
    members = [law for law in shipped if law.in_ensemble]
    suited = [law for law in members if law.outcome == table.outcome and set(law.input_names) <= set(table.frame)]
    if not suited:
        needs = {f"{law.outcome} from {' and '.join(law.input_names)}" for law in members}
        raise LawError(
            f"{table.source}: no law of the ensemble predicts {table.outcome} from columns "
            f"{', '.join(map(str, table.frame.columns))}: it predicts {' or '.join(sorted(needs))}; or name a law"
        )
    return suited


def _columns(law: Law) -> tuple[set[str], str]:
    return set(law.input_names), law.outcome
