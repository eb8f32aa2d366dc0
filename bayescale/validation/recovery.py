"""Simulation-based calibration: posteriors given runs that were simulated from known parameters.

Parameters are drawn from the prior, runs are simulated from them and fitted, and the rank of each parameter among its
posterior draws is recorded. If prior, likelihood and sampler are consistent, ranks are uniform and every interval has
its nominal coverage (Talts et al. 2018, arXiv:1804.06788).
"""

import functools
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale.basics.errors import RunsError
from bayescale.basics.parallel import fingerprint, run_tasks
from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.inference.engine import infer
from bayescale.inference.options import Engine, Options
from bayescale.laws.catalog import law_source_hashes, load_law
from bayescale.laws.law import Law
from bayescale.laws.noise import Noise
from bayescale.laws.priors import Stated

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Replicate:
    """One simulated table of runs, and its posterior.

    Attributes
    ----------
    parameters, ranks : dict
        True value of every parameter, sampled and derived, and its rank among its posterior draws: 0 below all of them,
        1 above.
    engine : str
        Sampler that made the draws: also ``nuts`` if importance sampling fell back to it and was no better.
    certified : bool
        Whether the draws can be trusted to represent the posterior.
    pareto_k : float or None
        Pareto k-hat of the importance weights.
    ess_min : float
        Effective sample size for the worst parameter.
    cpu_seconds : float
    """

    parameters: dict[str, float]
    ranks: dict[str, float]
    engine: str
    certified: bool
    pareto_k: float | None
    ess_min: float
    cpu_seconds: float


def design_of(law: Law, inputs: pd.DataFrame) -> Runs:
    """A table of runs with placeholder outcomes, to be replaced by simulated ones.

    Parameters
    ----------
    law : Law
    inputs : pandas.DataFrame
        Table with the law's inputs, and those of its settings that have no default; other columns are ignored.

    Examples
    --------
    >>> from bayescale import load_law
    >>> from bayescale.laws.designs import example_inputs
    >>> law = load_law("tied")
    >>> design_of(law, example_inputs(law)).frame.columns.to_list()
    ['N', 'D', 'loss', 'C']
    """
    read = [item.name for item in (*law.inputs, *law.settings) if item.name in inputs]
    frame = inputs[read].assign(**{law.outcome: 0.5})
    return Runs.from_frame(frame, source="design", outcome=law.outcome, domain=law.link.domain)


def simulate(law: Law, runs: Runs, noise: Noise, parameters: Mapping[str, float], seed: int) -> Runs:
    """Replace the outcomes of runs by outcomes simulated from a law with known parameters.

    Parameters
    ----------
    law : Law
    runs : Runs
        The design: inputs and, if there are any, standard errors of the outcome, which are kept on the link's scale.
    noise : Noise
    parameters : mapping
        Every parameter of the law, sampled and derived, and of the noise.
    seed : int

    Returns
    -------
    Runs

    Raises
    ------
    RunsError
        If an outcome is too large or too small for a float, which very heavy-tailed noise can cause.

    Examples
    --------
    >>> from bayescale import load_dataset, load_law
    >>> from bayescale.laws.noise import noise_by_name
    >>> law, runs = load_law("chinchilla"), load_dataset("chinchilla")
    >>> known = {**law.published[0].values, "sigma": 0.004}
    >>> simulated = simulate(law, runs, noise_by_name("normal"), known, seed=1)
    >>> bool(abs(simulated.column("loss") / runs.column("loss") - 1).max() < 0.1)
    True
    """
    observed = Observed(law, runs)
    mean = law.link.forward(np, law.mean(np, observed.inputs, parameters))
    rng = np.random.default_rng(seed)
    outcome = law.link.inverse(noise.draw(rng, mean, parameters, observed.standard_error))
    frame = runs.frame.assign(**{law.outcome: outcome})
    source = f"{runs.source}, simulated"
    unit = runs.unit if runs.outcome == law.outcome else None
    return Runs.from_frame(frame, source=source, outcome=law.outcome, domain=law.link.domain, unit=unit)


def recover(
    law: str | Path | Law,
    runs: Runs,
    noise: Noise,
    *,
    replicates: int,
    engine: Engine = "importance",
    seed: int = 0,
    draws: int = 1000,
    priors: Stated = MappingProxyType({}),
    jobs: int | None = None,
    keep: str | Path | None = None,
    progress: bool = False,
) -> list[Replicate]:
    """Repeatedly simulate runs from the prior and fit them with the law taken as true.

    Simulated tables that cannot be used are left out. They are few, and since that decision depends on the outcomes
    alone, the ranks of the others stay uniform.

    Parameters
    ----------
    law : str, path or Law
        Must be a name or path if ``keep`` is given or the work is sent to other processes.
    runs : Runs
        The design of every simulated table, without standard errors or counts of the outcome, since the precision of an
        outcome would have to be simulated too.
    noise : Noise
    replicates : int
        Number of tables; a larger number adds tables and keeps the first ones.
    engine : {"importance", "nuts"}
    seed : int
    draws : int
        Number of draws in each of four chains.
    priors : mapping of Prior or float
        The user's, as for :func:`bayescale.fit`: tables are drawn from them, and fitted with them.
    jobs, keep, progress
        As for :func:`bayescale.basics.parallel.run_tasks`.

    Returns
    -------
    list of Replicate

    Raises
    ------
    LawError
        If results are to be kept but the law is an object.
    RunsError
        If the design has standard errors or counts.
    """
    stated = Options(noise.name, discrepancy=False, priors=priors)
    loaded = stated.applied(law if isinstance(law, Law) else load_law(law))
    if Observed(loaded, runs).standard_error is not None:
        raise RunsError(f"{runs.source}: has standard errors or counts of {loaded.outcome}: simulate runs without them")
    truths = _prior_draws(loaded, runs, noise, replicates, seed)
    seeds = np.random.SeedSequence(seed).generate_state(2 * replicates).reshape(-1, 2).tolist()
    source = loaded.name if keep is None else law_source_hashes([law])
    tasks = {
        fingerprint("recover", source, runs.data_hash, asdict(stated), engine, draws, truth, pair): (
            *(law, runs, replace(stated, engine=engine, draws=draws, seed=pair[1])),
            *(truth, pair[0]),
        )
        for truth, pair in zip(truths, seeds, strict=True)
    }
    found = run_tasks(_replicate, tasks, jobs=jobs, keep=keep, label="simulated tables", progress=progress)
    return [Replicate(**each) for each in found.values() if each is not None]


def _replicate(
    law: str | Path | Law,
    runs: Runs,
    options: Options,
    truth: dict[str, float],
    simulation_seed: int,
) -> dict[str, Any] | None:
    """One replicate; None if the simulated table cannot be used."""
    loaded = options.applied(law if isinstance(law, Law) else load_law(law))
    try:
        simulated = simulate(loaded, runs, options.noise_model, truth, simulation_seed)
    except RunsError:
        return None
    start = time.process_time()
    sampled = infer(Observed(loaded, simulated), options, many=True)
    cpu_seconds = time.process_time() - start
    ranks = {name: rank(value, sampled.posterior[name].reshape(-1)) for name, value in truth.items()}
    found = sampled.diagnostics
    return asdict(Replicate(truth, ranks, sampled.engine, found.certified, found.pareto_k, found.ess_min, cpu_seconds))


def rank(value: float, draws: Array) -> float:
    """Rank of a value among draws, scaled to lie between 0 (below all of them) and 1 (above).

    Examples
    --------
    >>> rank(2.5, np.array([1.0, 2.0, 3.0, 4.0]))
    0.5
    """
    return float((np.count_nonzero(draws < value) + 0.5) / (len(draws) + 1))


def coverage(ranks: Array, prob: float) -> Array:
    """Share of equal-tailed intervals of the given mass that cover the true value, from ranks (replicate, ...).

    Examples
    --------
    >>> float(coverage(np.array([0.02, 0.3, 0.6, 0.9]), 0.9))
    0.75
    """
    return np.asarray((np.abs(ranks - 0.5) < prob / 2).mean(axis=0))


def coverage_band(replicates: int, prob: float, *, error: float) -> tuple[float, float]:
    """Range that contains the empirical coverage of a calibrated posterior, except with probability ``error``.

    For several coverages at once, divide ``error`` among them (Bonferroni).

    Examples
    --------
    >>> coverage_band(200, 0.9, error=0.01)
    (0.84, 0.95)
    """
    from scipy.stats import binom

    low, high = binom.ppf([error / 2, 1 - error / 2], replicates, prob)
    return float(low / replicates), float(high / replicates)


def ecdf_p_value(ranks: Array, *, simulations: int = 20_000) -> float:
    """Probability that the empirical distribution of uniform ranks is as far from the diagonal as that of these ranks.

    The distance is the smallest binomial tail probability over the points i/n, so that rejecting at p is the same as
    leaving a simultaneous band of probability 1 - p (Sailynoja, Burkner and Vehtari 2022, arXiv:2103.10522).

    Parameters
    ----------
    ranks : array, shape (replicate,)
        Between 0 and 1.
    simulations : int
        Number of uniform samples from which the p-value is computed.

    Examples
    --------
    >>> even = (np.arange(100) + 0.5) / 100
    >>> ecdf_p_value(even) > 0.9, ecdf_p_value(even**1.7) < 0.01
    (True, True)
    """
    reference = _smallest_tails_of_uniform(len(ranks), simulations)
    as_far = np.count_nonzero(reference <= _smallest_tails(ranks[None]))
    return float((1 + as_far) / (1 + simulations))


@functools.cache
def _smallest_tails_of_uniform(n: int, simulations: int) -> Array:
    return _smallest_tails(np.random.default_rng(0).uniform(size=(simulations, n)))


def _smallest_tails(samples: Array) -> Array:
    """The smallest binomial tail probability over the points i/n, of samples of shape (sample, rank)."""
    from scipy.special import bdtr

    n = samples.shape[1]
    points = np.arange(1, n) / n
    below = np.vstack([np.zeros(n - 1), bdtr(np.arange(n + 1.0)[:, None], n, points)])
    cells = np.minimum((samples * n).astype(int), n - 1) + n * np.arange(len(samples))[:, None]
    counts = np.bincount(cells.ravel(), minlength=n * len(samples)).reshape(-1, n).cumsum(axis=1)[:, :-1]
    column = np.arange(n - 1)
    return np.asarray(np.minimum(below[counts + 1, column], 1 - below[counts, column]).min(axis=1))


def _prior_draws(law: Law, runs: Runs, noise: Noise, n: int, seed: int) -> list[dict[str, float]]:
    from bayescale.inference.model import build_model
    from bayescale.sampling.logdensity import LogDensity

    density = LogDensity(build_model(Observed(law, runs), noise).model)
    parameters = density.parameters(density.prior(n, seed))
    return [{name: float(values[i]) for name, values in parameters.items()} for i in range(n)]
