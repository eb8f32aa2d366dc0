"""What exponents and the best size become when parameters are counted otherwise, such as without embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from bayescale.basics.errors import LawError, RunsError
from bayescale.basics.intervals import DEFAULT_MASS, summary_table
from bayescale.basics.quantities import format_quantity
from bayescale.basics.wording import columns_are, listed, nearest
from bayescale.data.compute import SIX_ND, count_compute
from bayescale.data.runs import Runs
from bayescale.data.tables import numbers_in, refuse
from bayescale.data.units import FEWEST_PARAMETERS
from bayescale.planning.allocation import checked_budgets, optimum
from bayescale.posterior.ensembles import members
from bayescale.posterior.fitting import AUTO, AnyLaw, fit

EXPONENTS = ("a_opt", "alpha_N", "beta_D")
_AHEAD = 10.0
"""Budget over the largest run's compute, unless another is given."""


@dataclass(frozen=True, eq=False)
class CountsCompared:
    """Fits to one table with its parameters counted in several ways.

    Attributes
    ----------
    exponents : pandas.DataFrame
        A row per count, law and exponent: ``mean``, ``sd``, ends of the interval and median.
    optima : pandas.DataFrame
        A row per count and quantity of the compute-optimal run (``N``, ``D``, the outcome) at the budget.
    budget : float
        FLOP, counted with each count's own N.
    certified : bool
    warnings, notes : tuple of str
    """

    exponents: pd.DataFrame
    optima: pd.DataFrame
    budget: float
    certified: bool
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        tables = [table.to_string(index=False, float_format="%.4g") for table in (self.exponents, self.optima)]
        return "\n".join([*tables, *self.warnings, *self.notes])


def compare_counts(
    runs: Runs,
    counts: Sequence[str],
    *,
    law: AnyLaw | Sequence[AnyLaw] = AUTO,
    budget: float | None = None,
    ci_prob: float = DEFAULT_MASS,
    **choices: Any,
) -> CountsCompared:
    """Fit a table once for each way of counting its parameters, side by side.

    Parameters
    ----------
    runs : Runs
    counts : sequence of str
        Columns, such as ``("N", "N_nonembedding")``.
    law : str, path, Law, or a sequence of them
        As for :func:`bayescale.fit`; of N and D.
    budget : float, optional
        FLOP; by default ten times the compute of the largest run.
    ci_prob : float
    **choices
        As for :func:`bayescale.fit`.

    Returns
    -------
    CountsCompared

    Raises
    ------
    RunsError
        If a column is missing, or does not count parameters.
    LawError
        If fewer than two counts are given, or the law does not read N and D.

    Examples
    --------
    >>> from bayescale.data.datasets import load_runs
    >>> table = load_runs("chinchilla").frame.assign(total=lambda f: 1.1 * f["N"])
    >>> found = compare_counts(Runs.from_frame(table), ("N", "total"), law="chinchilla", discrepancy=False)
    >>> found.optima.loc[found.optima["quantity"] == "N", "count"].tolist()
    ['N', 'total']
    """
    names = list(dict.fromkeys(counts))
    if len(names) < 2:
        raise LawError(f"parameters are compared by two counts or more, not by {listed(names)}: give N,OTHER")
    tables = {name: counted_by(runs, name) for name in names}
    if budget is None:
        budget = float(f"{_AHEAD * runs.column('C').max():.0e}")
    checked_budgets(budget)
    exponents, optima, warnings, certified = [], [], [], True
    for name, table in tables.items():
        fitted = fit(law, table, **choices)
        best = optimum(fitted, budget, seed=choices.get("seed", 0))
        for member, own in members(fitted).items():
            posterior = own.groups["posterior"].to_dataset()
            for exponent in (each for each in EXPONENTS if each in posterior):
                row = summary_table(posterior[exponent], ci_prob).iloc[0].to_dict()
                exponents.append({"count": name, "law": member, "parameter": exponent, **row})
        table_of_best = best.summary(ci_prob)
        optima += [{"count": name, **row} for row in table_of_best.drop(columns="C").to_dict("records")]
        warnings += [f"{name}: {text}" for text in best.warnings]
        certified = certified and fitted.certified
    return CountsCompared(
        exponents=pd.DataFrame(exponents),
        optima=pd.DataFrame(optima),
        budget=budget,
        certified=certified,
        warnings=tuple(warnings),
        notes=_notes(tables, runs, budget),
    )


def counted_by(runs: Runs, column: str) -> Runs:
    """The same runs with another column as N; what followed from N follows anew.

    Raises
    ------
    RunsError
        If there is no such column, or it does not count parameters.
    """
    if column == "N" and "N" in runs.frame and "N" not in runs.counted.derived:
        return runs
    if column not in runs.frame or column in runs.counted.derived:
        near = nearest(column, map(str, runs.frame.columns))
        cure = f"did you mean {near!r}?" if near else f"its columns are {listed(runs.frame.columns)}"
        raise RunsError(f"{runs.source}: no column {column!r} counts parameters; {cure}")
    values, faults = numbers_in("positive", runs.frame[column], runs.source, column)
    refuse(faults)
    if np.median(values) < FEWEST_PARAMETERS:
        raise RunsError(
            f"{runs.source}, column {column}: median {format_quantity(float(np.median(values)))} cannot count the "
            f"parameters of models: give it in ones, such as 7e9, or by {columns_are(**{column: f'{column}*1e6'})}"
        )
    frame = runs.frame.drop(columns=list(runs.counted.derived)).assign(N=values)
    counted = count_compute(frame, None if runs.count.rule == SIX_ND else runs.count.rule, runs.source)
    return replace(runs, frame=frame, counted=counted)


def _notes(tables: dict[str, Runs], runs: Runs, budget: float) -> tuple[str, ...]:
    rule = "6 N D with each count's own N" if runs.count.rule == SIX_ND else runs.count.words
    first, *others = tables
    sizes = {name: table.column("N") for name, table in tables.items()}
    ratios = [sizes[other] / sizes[first] for other in others]
    ranges = [
        f"{other} is {ratio.min():.3g} to {ratio.max():.3g} times {first}"
        for other, ratio in zip(others, ratios, strict=True)
    ]
    return (f"{format_quantity(budget)} FLOP are {rule}", *ranges, *runs.notes)
