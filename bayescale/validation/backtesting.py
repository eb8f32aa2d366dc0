"""Back-tests: hide the larger runs of a table, predict them, and measure how often the bands cover them.

The splits are those of :mod:`bayescale.data.splitting`, pooled over their ceilings. Log scores are densities of the
outcome itself, which laws with different links have in common; forecast errors, widths and CRPS are on the link's
scale, such as the log of a loss.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.errors import LawError, RunsError
from bayescale.basics.html import html_of
from bayescale.basics.parallel import fingerprint, run_tasks
from bayescale.basics.quantities import numbers
from bayescale.data.checks import observe
from bayescale.data.observed import Observed
from bayescale.data.runs import AnyRuns, Runs
from bayescale.data.splitting import HORIZONS, Split, splits
from bayescale.inference.options import Choices, Options, chosen
from bayescale.laws import catalog
from bayescale.laws.law import Law
from bayescale.laws.links import Link
from bayescale.posterior.ensembles import ENSEMBLE
from bayescale.posterior.fitting import AnyLaw, chosen_laws, fit_to_score, named_laws, several
from bayescale.posterior.forecasting import predicted_runs
from bayescale.posterior.predictive import Predictive, on_link
from bayescale.validation.baselines import BASELINES

Array = NDArray[np.float64]

LEVELS = (0.5, 0.8, 0.9, 0.95)
PLAIN_LAW = "chinchilla"

_MEANS = ("crps", "log_score", "interval_score", "width")
_WITH_ERRORS = ("cover_0.8", "cover_0.9", "crps")
_DISTANCES = ("N", "D", "C")


@dataclass(frozen=True, eq=False)
class Backtest:
    """Scores of every hidden run under every method.

    Attributes
    ----------
    scores : pandas.DataFrame
        One row per method, horizon and hidden run: whether each interval covers it (``cover_0.9`` ...), ``crps``,
        ``log_score`` (log density of the outcome itself, nats, larger is better), ``error`` (predicted minus observed
        outcome on the link's scale), ``observed`` (on the same scale), ``interval_score`` and ``width`` of the 90 %
        interval, the run's distance outside the training range in e-folds (``outside_N`` ...), the ``ceiling`` of its
        split (FLOP) and the training ``run`` it belongs to.
    law : str
        Name of the method under test in the column ``method``.
    n_train : mapping
        Mean number of training runs by horizon.
    """

    scores: pd.DataFrame
    law: str
    n_train: dict[float, float]

    def summary(self) -> pd.DataFrame:
        """Mean scores by horizon and method, with standard errors of coverage and CRPS clustered by split.

        Runs hidden by one split share a training set. A horizon with a single split has no standard error.
        """
        rows = [
            {"horizon": horizon, "method": method, "n_test": len(block), **_means(block)}
            for (horizon, method), block in self.scores.groupby(["horizon", "method"], sort=False)
        ]
        return pd.DataFrame(rows)

    def __str__(self) -> str:
        return self.summary().to_string(index=False, float_format="%.4f")

    def _repr_html_(self) -> str:
        title = f"{self.law} on hidden larger runs: shares inside bands, CRPS, and log score (nats per run)"
        return html_of(title, self.summary())


def backtest(
    law: AnyLaw | Sequence[AnyLaw],
    runs: AnyRuns,
    options: Options | None = None,
    *,
    horizons: ArrayLike = HORIZONS,
    n_jobs: int | None = None,
    cache: str | Path | None = None,
    baselines: bool = True,
    progress: bool = False,
    **choices: Unpack[Choices],
) -> Backtest:
    """Measure how well a law's bands would have predicted the larger runs of a table.

    Baselines are scored on the same splits. A law of loss in N and D is compared with ``plain`` (the Chinchilla
    posterior that takes its law as true), ``bootstrap``, ``conformal``, ``isoflop`` and ``last_value``. A law of
    accuracy or error is compared with ``two_step`` if the runs have N, D and loss; ``two_step`` predicts the loss of
    hidden runs, whereas a law that reads the loss is given it. A baseline is left out of splits where it is undefined.

    Parameters
    ----------
    law : str, path, Law, or a sequence of them
        A sequence, or ``"auto"``, is back-tested as an ensemble, whose weights are learnt inside each training set.
    runs : str, path, DataFrame or Runs
    options : Options, optional
        As for :func:`bayescale.fit`, except that importance sampling takes as many draws as a score needs.
    horizons : sequence of float
    n_jobs : int, optional
        Number of processes, one by default; :func:`bayescale.backend` around the call sends the work to a cluster.
    cache : path, optional
        Folder in which finished splits are kept, so that a stopped back-test resumes; laws are then names or paths.
    baselines : bool
        Whether to run the baselines too.
    progress : bool
        Whether to show a progress bar on standard error.
    **choices
        Fields of the options, as for :func:`bayescale.fit`.

    Returns
    -------
    Backtest

    Raises
    ------
    RunsError, LawError, CatalogError
        As for :func:`bayescale.fit`, and if no split leaves enough runs. Splits whose training runs a law cannot use,
        for example because all have one size, are left out.
    """
    asked = chosen(options, choices)
    laws, table = chosen_laws(law, runs)
    sizes = Observed(laws[0], table).size
    found = [
        each for each in splits(table, numbers("horizons", horizons).tolist(), sizes) if _teaches(laws, table, each)
    ]
    if not found:
        raise RunsError(
            f"{table.source}: no split leaves runs that {' and '.join(law.name for law in laws)} can learn from"
        )
    beside = _compared_with(laws[0]) if baselines else None
    hashes = None if cache is None else catalog.law_source_hashes(named_laws(law, laws))
    identity = None if hashes is None else (_name(law), hashes, table.data_hash, asdict(asked), beside)
    keys = [_key(identity, place, split) for place, split in enumerate(found)]
    tasks = {
        key: (law, table.take(split.train), table.take(split.test), asked, beside)
        for key, split in zip(keys, found, strict=True)
    }
    keep = None if cache is None else Path(cache) / "backtests.jsonl"
    doing = f"back-testing {_name(law)}: "
    finished = run_tasks(_score_split, tasks, jobs=n_jobs, keep=keep, label="splits", doing=doing, progress=progress)
    blocks = [
        pd.DataFrame(columns).assign(
            horizon=split.horizon,
            ceiling=split.ceiling,
            row=np.tile(split.test, len(columns["method"]) // len(split.test)),
        )
        for split, columns in zip(found, map(finished.__getitem__, keys), strict=True)
    ]
    trained: dict[float, list[int]] = {}
    for split in found:
        trained.setdefault(split.horizon, []).append(len(split.train))
    scores = pd.concat(blocks, ignore_index=True)
    return Backtest(
        scores=scores.assign(run=table.clusters[scores["row"].to_numpy()]),
        law=_name(law),
        n_train={h: float(np.mean(n)) for h, n in trained.items()},
    )


def _compared_with(law: Law) -> str | None:
    """The outcome whose baselines a law is compared with; None if there are none."""
    if law.outcome == "loss" and set(law.input_names) != {"N", "D"}:
        return None
    return law.outcome if law.outcome in BASELINES else None


def _teaches(laws: Sequence[Law], runs: Runs, split: Split) -> bool:
    """Whether every law can be fitted to the training runs of a split, which may all have one size."""
    train = runs.take(split.train)
    try:
        for law in laws:
            observe(law, train)
    except LawError:
        return False
    return True


def _key(identity: tuple[Any, ...] | None, place: int, split: Split) -> str:
    """Key of a split: its place or, if results are kept, a hash that equal splits of several ceilings share."""
    if identity is None:
        return str(place)
    return fingerprint("backtest", *identity, split.train.tolist(), split.test.tolist())


def _score_split(
    law: AnyLaw | Sequence[AnyLaw],
    train: Runs,
    test: Runs,
    options: Options,
    beside: str | None,
) -> dict[str, list[Any]]:
    """Scores of one split's hidden runs under every method, by column."""
    seed = options.seed
    fitted = fit_to_score(law, train, options)
    own, observed = predicted_runs(fitted, test, seed=seed)
    methods = {_name(law): own}
    if beside == "loss":
        plain = fit_to_score(PLAIN_LAW, train, replace(options, discrepancy=False))
        methods["plain"], _ = predicted_runs(plain, test, seed=seed)
    if beside is not None:
        found = {name: baseline(train, test, seed) for name, baseline in BASELINES[beside].items()}
        methods |= {name: forecast for name, forecast in found.items() if forecast is not None}
    rng = np.random.default_rng(seed)
    outside = {f"outside_{name}": _outside(train, test, name) for name in _DISTANCES if name in test.frame}
    tables = [scores_of(p, observed, rng, own.link).assign(method=name, **outside) for name, p in methods.items()]
    return {str(name): column.tolist() for name, column in pd.concat(tables, ignore_index=True).items()}


def scores_of(forecast: Predictive, outcome: Array, rng: np.random.Generator, link: Link | None = None) -> pd.DataFrame:
    """Scores of each outcome, shape (point,), under a predictive distribution.

    The log score is the log density of the outcome itself; all other scores are on the scale of ``link``, by default
    that of the forecast.
    """
    import scoringrules

    scale = forecast.link if link is None else link
    draws, observed = on_link(forecast, scale, rng), scale.forward(np, outcome)
    columns: dict[str, Array] = {}
    for level in LEVELS:
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        columns[f"cover_{level:g}"] = ((observed >= low) & (observed <= high)).astype(float)
        if level == 0.9:
            columns["interval_score"] = scoringrules.interval_score(observed, low, high, 0.1)
            columns["width"] = high - low
    columns["crps"] = scoringrules.crps_ensemble(observed, draws.T)
    columns["log_score"] = forecast.log_density(outcome)
    columns["error"] = draws.mean(axis=0) - observed
    columns["observed"] = observed
    return pd.DataFrame(columns)


def clustered_error(values: Array, cluster: NDArray[Any]) -> float:
    """Standard error of a mean of terms that are independent only between clusters."""
    totals = pd.Series(values - values.mean()).groupby(np.asarray(cluster)).sum()
    n = len(totals)
    return float(np.sqrt(np.square(totals).sum() * n / max(n - 1, 1)) / len(values)) if n > 1 else float("nan")


def _means(block: pd.DataFrame) -> dict[str, float]:
    cluster = block["ceiling"].to_numpy()
    means = {name: float(block[name].mean()) for name in (*(f"cover_{level:g}" for level in LEVELS), *_MEANS)}
    errors = {f"{name}_se": clustered_error(block[name].to_numpy(), cluster) for name in _WITH_ERRORS}
    error = block["error"].to_numpy()
    return {**means, "rmse": float(np.sqrt(np.square(error).mean())), "bias": float(error.mean()), **errors}


def _outside(train: Runs, test: Runs, name: str) -> Array:
    """Distance of each run outside the training range of a column, in e-folds; zero inside."""
    x, seen = np.log(test.column(name)), np.log(train.column(name))
    return np.asarray(np.maximum(0.0, np.maximum(x - seen.max(), seen.min() - x)))


def _name(law: AnyLaw | Sequence[AnyLaw]) -> str:
    """Name of an ensemble or law in the column ``method``."""
    if isinstance(law, Law):
        return law.name
    return ENSEMBLE if several(law) else catalog.load_law(law).name
