"""Simulation-based calibration: how posteriors do on parameters that are known, because they made the runs.

Parameters drawn from the prior make runs, the runs are fitted, and the rank of each parameter among its posterior draws
is noted. Where prior, likelihood and sampler fit together, ranks are uniform and every interval covers as often as it
says (Talts et al. 2018, arXiv:1804.06788).
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescale.errors import RunsError
from bayescale.fitting import fit_law
from bayescale.inference import Diagnostics
from bayescale.law import Law
from bayescale.noise import Noise
from bayescale.observations import link_standard_error
from bayescale.runs import Runs, law_inputs

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Replicate:
    """One simulated table of runs, fitted.

    Attributes
    ----------
    parameters, ranks : dict
        True value of every parameter, sampled and derived, and its place among its posterior draws: 0 below all of
        them, 1 above.
    engine : str
        Sampler that made the draws: ``nuts`` where importance sampling fell back to it.
    diagnostics : Diagnostics
    cpu_seconds : float
        Of the fit.
    """

    parameters: dict[str, float]
    ranks: dict[str, float]
    engine: str
    diagnostics: Diagnostics
    cpu_seconds: float


def simulate(law: Law, runs: Runs, noise: Noise, parameters: Mapping[str, float], seed: int) -> Runs:
    """Replace the outcomes of runs by those that a law with known parameters would have given.

    Parameters
    ----------
    law : Law
    runs : Runs
        The design: inputs, and standard errors of the outcome where it has them.
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
        If an outcome is too large or too small for a float, as very heavy-tailed noise can make it.

    Examples
    --------
    >>> from bayescale.catalog import load_dataset, load_law
    >>> from bayescale.noise import noise_by_name
    >>> law, runs = load_law("chinchilla"), load_dataset("chinchilla")
    >>> known = {**law.published[0].values, "sigma": 0.004}
    >>> simulated = simulate(law, runs, noise_by_name("normal"), known, seed=1)
    >>> bool(abs(simulated.column("loss") / runs.column("loss") - 1).max() < 0.1)
    True
    """
    mean = law.link.forward(np, law.mean(np, law_inputs(law, runs), parameters))
    rng = np.random.default_rng(seed)
    outcome = law.link.inverse(noise.draw(rng, mean, parameters, link_standard_error(law, runs)))
    frame = runs.frame.assign(**{law.outcome: outcome})
    source = f"{runs.source}, simulated"
    return Runs.from_frame(frame, source=source, outcome=law.outcome, domain=law.link.domain)


def recover(law: Law, runs: Runs, noise: Noise, *, replicates: int, seed: int = 0) -> Iterator[Replicate]:
    """Simulate runs from the prior and fit them, again and again.

    Simulated tables that cannot be used are left out. Their number is small, and since the choice rests on the outcomes
    alone, the ranks of the others stay uniform.

    Parameters
    ----------
    law : Law
    runs : Runs
        The design of every simulated table.
    noise : Noise
    replicates : int
        Number of tables.
    seed : int

    Yields
    ------
    Replicate
    """
    truths = _prior_draws(law, runs, noise, replicates, seed)
    seeds = np.random.SeedSequence(seed).generate_state(2 * replicates).reshape(-1, 2).tolist()
    for truth, (simulation_seed, fit_seed) in zip(truths, seeds, strict=True):
        try:
            simulated = simulate(law, runs, noise, truth, simulation_seed)
        except RunsError:
            continue
        start = time.process_time()
        fitted = fit_law(law, simulated, noise=noise.name, discrepancy=False, seed=fit_seed)
        yield Replicate(
            parameters=truth,
            ranks={name: rank(value, fitted.parameters[name]) for name, value in truth.items()},
            engine=fitted.record.engine,
            diagnostics=fitted.diagnostics,
            cpu_seconds=time.process_time() - start,
        )


def rank(value: float, draws: Array) -> float:
    """Place of a value among draws: 0 below all of them, 1 above.

    Examples
    --------
    >>> rank(2.5, np.array([1.0, 2.0, 3.0, 4.0]))
    0.5
    """
    return float((np.count_nonzero(draws < value) + 0.5) / (len(draws) + 1))


def coverage(ranks: Array, prob: float) -> Array:
    """Share of equal-tailed intervals of the given mass that hold the true value; ranks of shape (replicate, ...).

    Examples
    --------
    >>> float(coverage(np.array([0.02, 0.3, 0.6, 0.9]), 0.9))
    0.75
    """
    return np.asarray((np.abs(ranks - 0.5) < prob / 2).mean(axis=0))


def coverage_band(replicates: int, prob: float, *, error: float) -> tuple[float, float]:
    """Range of coverages that a calibrated posterior stays inside, but for the given probability of error.

    For several coverages to stay inside at once, share the error among them (Bonferroni).

    Examples
    --------
    >>> coverage_band(200, 0.9, error=0.01)
    (0.84, 0.95)
    """
    from scipy.stats import binom

    low, high = binom.ppf([error / 2, 1 - error / 2], replicates, prob)
    return float(low / replicates), float(high / replicates)


def ecdf_p_value(ranks: Array, *, simulations: int = 20_000) -> float:
    """How often the empirical distribution of uniform ranks is as far from the diagonal as that of these.

    The distance is the smallest binomial tail probability over the points i/n, so that rejecting at p is the same as
    leaving a simultaneous band of probability 1 - p (Sailynoja, Burkner and Vehtari 2022, arXiv:2103.10522).

    Parameters
    ----------
    ranks : array, shape (replicate,)
        Between 0 and 1.
    simulations : int
        Number of uniform samples that the p-value comes from.

    Examples
    --------
    >>> even = (np.arange(100) + 0.5) / 100
    >>> ecdf_p_value(even) > 0.9, ecdf_p_value(even**1.7) < 0.01
    (True, True)
    """
    from scipy.special import bdtr

    n = len(ranks)
    points = np.arange(1, n) / n
    below = np.vstack([np.zeros(n - 1), bdtr(np.arange(n + 1.0)[:, None], n, points)])

    def smallest_tail(samples: Array) -> Array:
        cells = np.minimum((samples * n).astype(int), n - 1) + n * np.arange(len(samples))[:, None]
        counts = np.bincount(cells.ravel(), minlength=n * len(samples)).reshape(-1, n).cumsum(axis=1)[:, :-1]
        column = np.arange(n - 1)
        return np.asarray(np.minimum(below[counts + 1, column], 1 - below[counts, column]).min(axis=1))

    reference = smallest_tail(np.random.default_rng(0).uniform(size=(simulations, n)))
    as_far = np.count_nonzero(reference <= smallest_tail(ranks[None]))
    return float((1 + as_far) / (1 + simulations))


def _prior_draws(law: Law, runs: Runs, noise: Noise, n: int, seed: int) -> list[dict[str, float]]:
    from bayescale.posterior import build_model
    from bayescale.sampling.logdensity import LogDensity

    density = LogDensity(build_model(law, runs, noise))
    parameters = density.parameters(density.prior(n, seed))
    return [{name: float(values[i]) for name, values in parameters.items()} for i in range(n)]
