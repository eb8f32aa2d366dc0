"""Simulation-based calibration: posteriors given runs that were simulated from known parameters.

Parameters are drawn from the prior, runs are simulated from them and fitted, and the rank of each parameter among its
posterior draws is recorded. If prior, likelihood and sampler are consistent, ranks are uniform and every interval has
its nominal coverage (Talts et al. 2018, arXiv:1804.06788). Where a table is at hand, the same holds of parameters drawn
from its posterior and fitted to the table and the simulated one together, which checks the fit where it matters
(Säilynoja et al. 2025, arXiv:2502.03279).
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale.basics.errors import LawError, QuantityError, RunsError
from bayescale.basics.html import html_of
from bayescale.basics.parallel import fingerprint, run_tasks
from bayescale.basics.wording import listed
from bayescale.data.observed import Observed, serving
from bayescale.data.runs import AnyRuns, Runs
from bayescale.inference.discrepancy import Basis
from bayescale.inference.engine import infer, infer_prior
from bayescale.inference.options import Choices, Options, chosen
from bayescale.laws.catalog import law_of, law_source_hashes
from bayescale.laws.law import Law
from bayescale.laws.noise import Noise
from bayescale.posterior.fit import Fit
from bayescale.posterior.single import as_runs, made_with
from bayescale.validation.ranks import ERROR, MASSES, coverage, ecdf_p_value, rank

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


@dataclass(frozen=True, eq=False)
class Recovery:
    """Fits of tables that were simulated from known parameters.

    Attributes
    ----------
    law : str
    replicates : tuple of Replicate
        One for each simulated table.
    source : str
        What the known parameters were drawn from.

    Examples
    --------
    >>> ranks = [{"E": (i + 0.5) / 40} for i in range(40)]
    >>> each = [Replicate({"E": i}, rank, "nuts", True, None, 1e3, 1.0) for i, rank in enumerate(ranks)]
    >>> found = Recovery("m1", tuple(each))
    >>> found.summary()[["cover_0.5", "cover_0.9"]].loc["E"].tolist(), found.warnings
    ([0.5, 0.9], ())
    """

    law: str
    replicates: tuple[Replicate, ...]
    source: str = "the prior"

    @property
    def ranks(self) -> pd.DataFrame:
        """Rank of the truth among the draws, a row per table and a column per parameter.

        Parameters that are the same in all tables, or a monotone function of another, are left out.
        """
        ranks = pd.DataFrame([replicate.ranks for replicate in self.replicates])
        truths = pd.DataFrame([replicate.parameters for replicate in self.replicates])
        if len(ranks) == 1:  # in which nothing varies
            return ranks
        return ranks.loc[:, np.ptp(truths.to_numpy(), axis=0) > 0].T.drop_duplicates().T

    def summary(self) -> pd.DataFrame:
        """By parameter: share of the tables whose interval of a mass covers the truth, mean rank, and a p-value.

        The p-value is the probability of ranks as uneven as these from fits that are right.
        """
        ranks = self.ranks
        shares = {f"cover_{mass:g}": coverage(ranks.to_numpy(), mass) for mass in MASSES}
        p_values = [ecdf_p_value(ranks[name].to_numpy()) for name in ranks]
        return pd.DataFrame({**shares, "mean_rank": ranks.mean().to_numpy(), "p_value": p_values}, index=ranks.columns)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Parameters whose ranks are not uniform, and fits that are not certified."""
        p_values = self.summary()["p_value"]
        odd = [f"{name} (p = {p:.2g})" for name, p in p_values.items() if p < ERROR / len(p_values)]
        doubtful = sum(not each.certified for each in self.replicates)
        return (
            *([f"ranks of {listed(odd)} are not uniform: fits do not recover them"] if odd else []),
            *([f"{doubtful} of {len(self.replicates)} fits are not certified"] if doubtful else []),
        )

    def __str__(self) -> str:
        return "\n".join([self._head, self.summary().to_string(float_format="%.2f"), *self.warnings])

    def _repr_html_(self) -> str:
        return html_of(self._head, self.summary().rename_axis("parameter"), self.warnings)

    @property
    def _head(self) -> str:
        return f"{self.law}: {len(self.replicates)} tables simulated from {self.source} and fitted"


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


def simulate(
    law: Law,
    runs: Runs,
    noise: Noise,
    parameters: Mapping[str, float],
    seed: int,
    *,
    discrepancy: Array | None = None,
    relative: Array | None = None,
) -> Runs:
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
    discrepancy : array, shape (run,), optional
        What the law misses, on the link's scale.
    relative : array, shape (run,), optional
        Noise of each run relative to sigma.

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
    mean = mean if discrepancy is None else mean + discrepancy
    rng = np.random.default_rng(seed)
    given: dict[str, Any] = {"relative": relative, "standard_error": observed.standard_error}
    shift, scale = noise.draw_moments(rng, parameters, mean.shape, **given)
    outcome = law.link.inverse(mean + shift + scale * rng.standard_normal(mean.shape))
    frame = runs.frame.assign(**{law.outcome: outcome})
    source = f"{runs.source}, simulated"
    unit = runs.unit if runs.outcome == law.outcome else None
    return Runs.from_frame(frame, source=source, outcome=law.outcome, domain=law.link.domain, unit=unit)


def recover(
    law: str | Path | Law | Fit = "chinchilla",
    runs: AnyRuns | None = None,
    options: Options | None = None,
    *,
    replicates: int = 100,
    n_jobs: int | None = None,
    cache: str | Path | None = None,
    progress: bool = False,
    **choices: Unpack[Choices],
) -> Recovery:
    """Check that fits recover known parameters: simulate tables, fit each, and rank the truth among the draws.

    If prior, likelihood and sampler are consistent, the truth is as likely to lie anywhere among the draws. Simulated
    tables that cannot be used are left out. They are few, and since that decision depends on the outcomes alone, the
    ranks of the others stay uniform.

    Parameters
    ----------
    law : str, path, Law or Fit
        Of a law, parameters are drawn from the prior. Of a fit, they are drawn from its posterior, and each simulated
        table is fitted together with the runs of the fit. Must be a name or path, or a fit of a shipped law, if
        ``cache`` is given or the work is sent to other processes.
    runs : str, path, DataFrame or Runs, optional
        The design of every simulated table, without standard errors or counts of the outcome, since the precision of an
        outcome would have to be simulated too. Its outcomes are ignored. By default the Chinchilla runs; of a fit
        always its own.
    options, **choices
        Of every fit, as for :func:`bayescale.fit`; of a fit only draws, chains, seed and engine.
    replicates : int
        Number of tables; a larger number adds tables and keeps the first ones.
    n_jobs, cache, progress
        As for :func:`bayescale.backtest`.

    Returns
    -------
    Recovery

    Raises
    ------
    LawError
        If results are to be kept but the law is an object, if evidence from elsewhere is given but no fit, or if a fit
        is pooled or to be made again in another way.
    RunsError
        If the design has standard errors or counts, or no simulated table can be used.
    QuantityError
        If there are no replicates.

    References
    ----------
    Talts et al. 2018, arXiv:1804.06788; for the posterior of a fit Säilynoja et al. 2025, arXiv:2502.03279.

    Examples
    --------
    >>> table = pd.DataFrame({"x": np.geomspace(1, 1e4, 12), "y": 1.0})
    >>> found = recover("m1", table, replicates=3, discrepancy=False, draws=250)
    >>> len(found.replicates), bool(found.summary()["cover_0.9"].between(0, 1).all())
    (3, True)
    """
    if replicates < 1:
        raise QuantityError(f"replicates is {replicates}, but must be 1 or more")
    fitted = law if isinstance(law, Fit) else None
    if isinstance(law, Fit):
        law, asked = _again(law, runs, options, choices)
    else:
        asked = chosen(options, choices)
        if asked.evidence:
            raise LawError("evidence: tables drawn from the prior do not contain it: recover a fit with it instead")
    own = law_of(law)
    design = as_runs("chinchilla" if runs is None else runs, own) if fitted is None else fitted.runs
    loaded = asked.applied(serving(own, design))
    observed = Observed(loaded, design)
    if observed.standard_error is not None:
        raise RunsError(
            f"{design.source}: has standard errors or counts of {loaded.outcome}: simulate runs without them"
        )
    drawn = _prior_draws(observed, asked, replicates) if fitted is None else _posterior_draws(fitted, asked, replicates)
    seeds = np.random.SeedSequence(asked.seed).generate_state(2 * replicates).reshape(-1, 2).tolist()
    source = loaded.name if cache is None else law_source_hashes([law])
    beside = fitted is not None
    tasks = {
        fingerprint("recover", source, design.data_hash, asdict(asked), truth, missed, pair, beside): (
            *(law, design, asked),
            *(truth, missed, *pair, beside),
        )
        for (truth, missed), pair in zip(drawn, seeds, strict=True)
    }
    keep = None if cache is None else Path(cache) / "recoveries.jsonl"
    found = run_tasks(_replicate, tasks, jobs=n_jobs, keep=keep, label="simulated tables", progress=progress)
    usable = tuple(Replicate(**each) for each in found.values() if each is not None)
    if not usable:
        raise RunsError(f"{design.source}: none of {replicates} tables simulated at these runs can be used: add some")
    return Recovery(loaded.name, usable, "the posterior" if beside else "the prior")


def _again(fit: Fit, runs: AnyRuns | None, options: Options | None, choices: Choices) -> tuple[str | Law, Options]:
    """The law and options with which a fit is made again, given further runs.

    Raises
    ------
    LawError
        If another fit than this one is asked for.
    """
    law, made = made_with(fit)
    asked = chosen(options or made, choices)
    if runs is not None:
        raise LawError("runs: a fit is recovered at its own runs: leave them out, or give its law instead of the fit")
    if fit.record.pool:
        raise LawError("the fit was learnt together with other groups, which its runs do not contain: give its law")
    fixed = ("noise", "discrepancy", "priors", "evidence")
    other = [name for name in fixed if getattr(asked, name) != getattr(made, name)]
    if other:
        raise LawError(f"{listed(other)}: differ from those of the fit: leave them out, or fit with them")
    return law, asked


type _Truth = tuple[dict[str, float], list[float] | None]
"""Known parameters, and what the law then misses at each run."""


def _prior_draws(observed: Observed, options: Options, n: int) -> list[_Truth]:
    """Truths drawn from the prior."""
    drawn = infer_prior(observed, replace(options, draws=n, chains=1))
    parameters = {name: values[0] for name, values in drawn.posterior.items()}
    return _truths(parameters, drawn.basis, None if drawn.coefficients is None else drawn.coefficients[0])


def _posterior_draws(fit: Fit, options: Options, n: int) -> list[_Truth]:
    """Truths drawn from the posterior of a fit."""
    size = len(fit.parameters["sigma"])
    rows = np.resize(np.random.default_rng(options.seed).permutation(size), n)
    coefficients = None if fit.basis is None else fit.coefficients[rows]
    return _truths({name: values[rows] for name, values in fit.parameters.items()}, fit.basis, coefficients)


def _truths(parameters: Mapping[str, Array], basis: Basis[Any] | None, coefficients: Array | None) -> list[_Truth]:
    """Truths from draws of parameters, each (draw,), and of the discrepancy's coefficients, (draw, feature)."""
    columns = zip(*(values.tolist() for values in parameters.values()), strict=True)
    known = [dict(zip(parameters, row, strict=True)) for row in columns]
    if basis is None or coefficients is None:
        return [(truth, None) for truth in known]
    process = basis.process
    amplitudes = basis.amplitudes(*(parameters[name][:, None] for name in ("tau", "drift")))
    missed = (amplitudes * coefficients[:, : len(process.kinds)]) @ process.at_runs.T
    return list(zip(known, missed.tolist(), strict=True))


def _replicate(
    law: str | Path | Law,
    runs: Runs,
    options: Options,
    truth: dict[str, float],
    missed: list[float] | None,
    simulation_seed: int,
    fit_seed: int,
    beside: bool,
) -> dict[str, Any] | None:
    """One replicate, fitted beside the runs or alone; None if the simulated table cannot be used."""
    loaded = options.applied(serving(law_of(law), runs))
    given: dict[str, Any] = {}
    if missed is not None:
        given = {"discrepancy": np.array(missed), "relative": Observed(loaded, runs).noise_scale}
    try:
        simulated = simulate(loaded, runs, options.noise_model, truth, simulation_seed, **given)
    except RunsError:
        return None
    if beside:
        outcome = {loaded.outcome: simulated.column(loaded.outcome)}
        simulated = replace(runs, frame=pd.concat([runs.frame, runs.frame.assign(**outcome)], ignore_index=True))
    start = time.process_time()
    sampled = infer(Observed(loaded, simulated), replace(options, seed=fit_seed), many=True)
    cpu_seconds = time.process_time() - start
    ranks = {name: rank(value, sampled.posterior[name].reshape(-1)) for name, value in truth.items()}
    found = sampled.diagnostics
    return asdict(Replicate(truth, ranks, sampled.engine, found.certified, found.pareto_k, found.ess_min, cpu_seconds))
