"""The approaches that people know to N* at a budget, side by side: envelope, isoFLOP profiles and parametric law."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.errors import LawError, RunsError
from bayescale.basics.intervals import DEFAULT_MASS, SAMPLE_DIMS, numbered, tail_probabilities
from bayescale.basics.quantities import format_interval, format_quantity
from bayescale.basics.wording import listed, nearest
from bayescale.data.runs import AnyRuns, Runs
from bayescale.planning.allocation import checked_budgets, law_optimum, optimum, two_inputs
from bayescale.planning.answers import Answer, share_of
from bayescale.posterior.ensembles import Ensemble, Posterior, first_fit, joined, members, reach_of, told_apart
from bayescale.posterior.envelopes import fit_envelope
from bayescale.posterior.fit import Fit
from bayescale.posterior.fitting import AUTO, AnyLaw, chosen_laws, fit
from bayescale.posterior.profiles import fit_profiles
from bayescale.posterior.reach import far_warnings
from bayescale.posterior.single import as_runs

Array = NDArray[np.float64]

ALL = "all"
APPROACHES = {
    "envelope": "1, envelope of training curves",
    "isoflops": "2, isoFLOP profiles",
    "law": "3, parametric law",
}
"""Approaches by their names, in the order of their numbers, with what people call them."""
_NUMBERED = dict(zip("123", APPROACHES, strict=True))
_SHOWN = ("N", "D", "tokens_per_parameter", "exponent")
_UNITS = {"N": "parameters", "D": "tokens", "tokens_per_parameter": "tokens/parameter", "exponent": ""}
_SURE = 0.95
"""Probability that one N* is the larger above which two approaches disagree."""
_UNFINISHED = (
    "the loss in the middle of a learning-rate schedule is higher than that of a run that ends there: where schedules "
    "were longer than the parts of the curves that the envelope touches, N* and its exponent are biased, and the "
    "interval does not contain this"
)


@dataclass(frozen=True, eq=False)
class ApproachesCompared:
    """N* at budgets by several approaches.

    Attributes
    ----------
    answers : mapping of Answer
        By approach (``envelope``, ``isoflops``, ``law``): at each budget ``N``, ``D``, ``tokens_per_parameter`` and
        ``exponent``, that of N* in compute.
    untold : mapping of str
        Why there is no answer, by approach.
    ratios : Answer or None
        Of each pair of approaches, the ratio of their N* at the largest budget, and the probability that it exceeds
        one; None of a single approach.
    certified : bool
        Whether all draws can be trusted to represent their posteriors.
    warnings, notes : tuple of str
        Doubts; the first ones name approaches that disagree.
    """

    answers: Mapping[str, Answer]
    untold: Mapping[str, str]
    ratios: Answer | None
    certified: bool
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    def summary(self, ci_prob: float = DEFAULT_MASS) -> pd.DataFrame:
        """One row per approach, budget and quantity: median, equal-tailed interval and unit."""
        tables = [answer.summary(ci_prob).assign(approach=name) for name, answer in self.answers.items()]
        table = pd.concat(tables, ignore_index=True)
        return table[["approach", *(name for name in table if name != "approach")]]

    def to_dict(self) -> dict[str, Any]:
        """Quantiles by approach and budget, ratios, and why approaches are missing, for programs."""
        answers = {name: answer.to_dict()["cases"] for name, answer in self.answers.items()}
        ratios = None if self.ratios is None else self.ratios.to_dict()
        return {
            "approaches": answers,
            "untold": dict(self.untold),
            "ratios": [] if ratios is None else ratios["cases"],
            "probabilities": {} if ratios is None else ratios["probabilities"],
            "certified": self.certified,
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }

    def _repr_html_(self) -> str:
        missing = "".join(f"<p>{escape(text)}</p>" for text in self._missing())
        remarks = "".join(f"<li>{escape(text)}</li>" for text in self.warnings)
        return f"<ul>{remarks}</ul>{''.join(each._repr_html_() for each in self._tables())}{missing}"

    def __str__(self) -> str:
        return "\n".join([*map(str, self._tables()), *self._missing(), *self.warnings])

    def _tables(self) -> list[Answer]:
        """Answers and ratios, without warnings, of which there is one list for all."""
        tables = [replace(answer, warnings=()) for answer in self.answers.values()]
        return tables if self.ratios is None else [*tables, self.ratios]

    def _missing(self) -> list[str]:
        return [f"no answer by approach {APPROACHES[name]}: {why}" for name, why in self.untold.items()]


def optimal_by_approach(
    runs: AnyRuns,
    budget: ArrayLike,
    *,
    approach: str | Sequence[str] = ALL,
    law: AnyLaw | Sequence[AnyLaw] | Posterior = AUTO,
    seed: int = 0,
    **choices: Any,
) -> ApproachesCompared:
    """N* at budgets and its exponent, by the approaches that people know, where a table's design allows them.

    The envelope takes the size whose training curve is lowest at each compute, and needs checkpoints of several runs.
    IsoFLOP profiles take the vertex of the loss over log N at each budget, and need slices of several sizes. The law is
    planned with as by :func:`bayescale.plan`.

    Parameters
    ----------
    runs : str, path, DataFrame or Runs
        As for :func:`bayescale.fit`; with N and D, and a loss. A column ``run`` says which rows are checkpoints of one
        run; a column ``budget`` names isoFLOP slices, which are otherwise runs of one compute within 5 %.
    budget : array_like, shape (budget,) or scalar
        Training compute, FLOP.
    approach : str or sequence of str
        ``"all"``, or some of ``"envelope"``, ``"isoflops"`` and ``"law"``, also as ``"1"``, ``"2"`` and ``"3"``.
    law : str, path, Law, a sequence of them, or a fit
        For the last approach: as for :func:`bayescale.fit`, or a posterior that was fitted to these runs.
    seed : int
        The same seed gives the same draws.
    **choices
        For the last approach, as for :func:`bayescale.fit`.

    Returns
    -------
    ApproachesCompared

    Raises
    ------
    RunsError
        If the table allows none of the approaches, or not one that was requested by its name.
    LawError
        If there is no such approach, or the law cannot plan.

    See Also
    --------
    bayescale.plan : the best run by the law alone, for compute and much else.

    Examples
    --------
    >>> found = optimal_by_approach("porian:tuned", 1e20, approach="envelope")
    >>> found.summary()["quantity"].tolist()
    ['N', 'D', 'tokens_per_parameter', 'exponent']
    >>> bool(0.45 < found.answers["envelope"].draws["exponent"].median() < 0.55)
    True
    """
    wanted, budgets = approaches_named(approach), checked_budgets(budget)
    table = as_runs(runs)
    solvers: dict[str, Callable[[], tuple[Answer, bool]]] = {
        "envelope": lambda: _by_envelope(table, budgets, seed),
        "isoflops": lambda: _by_profiles(table, budgets, seed),
        "law": lambda: _by_law(law, table, budgets, seed, choices),
    }
    answers, untold, certified = {}, {}, True
    for name in wanted:
        try:
            answers[name], sure = solvers[name]()
        except (RunsError, LawError) as error:
            if len(wanted) < len(APPROACHES):
                raise
            untold[name] = str(error)
            continue
        certified = certified and sure
    if not answers:
        raise RunsError("\n".join(untold.values()))
    ratios, disagreements = _compared(answers, seed)
    own = told_apart({name: answer.warnings for name, answer in answers.items()})
    notes = told_apart({name: answer.notes for name, answer in answers.items()})
    return ApproachesCompared(answers, untold, ratios, certified, (*disagreements, *own), notes)


def approaches_named(approach: str | Sequence[str]) -> list[str]:
    """Approaches by their names, each once and in the order of their numbers.

    Raises
    ------
    LawError
        If there is no such approach.

    Examples
    --------
    >>> approaches_named("all"), approaches_named(["3", "isoflops"])
    (['envelope', 'isoflops', 'law'], ['isoflops', 'law'])
    """
    given = [approach] if isinstance(approach, str) else list(approach)
    found = set()
    for text in given:
        name = _NUMBERED.get(text, text)
        if name not in {ALL, *APPROACHES}:
            near = nearest(text, [ALL, *APPROACHES])
            cure = f"did you mean {near!r}?" if near else "give all, envelope (1), isoflops (2) or law (3)"
            raise LawError(f"no approach {text!r}: {cure}")
        found |= set(APPROACHES) if name == ALL else {name}
    if not found:
        raise LawError("no approach is given: give all, envelope (1), isoflops (2) or law (3)")
    return [name for name in APPROACHES if name in found]


def _by_envelope(runs: Runs, budgets: Array, seed: int) -> tuple[Answer, bool]:
    _check_loss(runs, "the envelope of training curves")
    found = fit_envelope(runs, seed=seed)
    note = f"{len(found.sizes)} sizes of {found.curves} training curves are lowest somewhere"
    draws = _optima(runs, budgets, found.optimum(budgets), found.a_opt)
    warnings = (_UNFINISHED, *far_warnings(float(runs.column("C").max()), budgets))
    return _answer("envelope", draws, warnings, (note,)), True


def _by_profiles(runs: Runs, budgets: Array, seed: int) -> tuple[Answer, bool]:
    _check_loss(runs, "an isoFLOP profile")
    found = fit_profiles(runs, seed=seed)
    low, high = (format_quantity(float(end)) for end in (found.compute.min(), found.compute.max()))
    note = f"{len(found.compute)} isoFLOP slices, from {low} to {high} FLOP"
    rng = np.random.default_rng([seed, len(budgets)])
    draws = _optima(runs, budgets, found.optimum(budgets, rng), found.a_opt)
    warnings = (*found.warnings, *far_warnings(float(runs.column("C").max()), budgets))
    return _answer("isoflops", draws, warnings, (note,)), found.certified


def _by_law(
    law: AnyLaw | Sequence[AnyLaw] | Posterior, runs: Runs, budgets: Array, seed: int, choices: Mapping[str, Any]
) -> tuple[Answer, bool]:
    """The optimum of a law, with the exponent between the smallest and the largest run that the law itself has."""
    if isinstance(law, Fit | Ensemble):
        fitted: Posterior = law
    else:
        for each in chosen_laws(law, runs)[0]:  # refused before they are fitted
            two_inputs(each)
        fitted = fit(law, runs, **{"seed": seed, **choices})
    best = optimum(fitted, budgets, seed=seed)
    compute = fitted.runs.column("C")
    ends = np.array([compute.min(), compute.max()])
    exponents = {}
    for name, member in members(fitted).items():
        sizes = np.log(law_optimum(member.law, member.parameters, ends, member.count))
        slope = np.diff(sizes, axis=1) / np.diff(np.log(ends))
        at_budgets = member.in_chains(np.repeat(slope, len(budgets), axis=1))
        exponents[name] = xr.Dataset(
            {"exponent": ((*SAMPLE_DIMS, "budget"), at_budgets, {"units": _UNITS["exponent"]})}, best.draws.coords
        )
    mixed = joined(fitted, exponents, reach_of(first_fit(fitted), {"C": budgets}), seed)
    draws = best.draws.assign(exponent=mixed["exponent"])
    return replace(best, question=_question("law"), draws=draws, shown=_SHOWN), fitted.certified


def _check_loss(runs: Runs, what: str) -> None:
    """Refuse tables without N and D, and outcomes that are no loss."""
    if lacking := [name for name in ("N", "D") if name not in runs.frame]:
        raise RunsError(f"{runs.source}: no column {listed(lacking)}: {what} needs N and D of each run")
    if runs.domain != "positive":
        raise RunsError(f"{runs.source}: {what} is of a loss, and its outcome is {runs.outcome}")


def _optima(runs: Runs, budgets: Array, sizes: Array, exponent: Array) -> xr.Dataset:
    """Draws of N*, shape (draw, budget), with what follows from them."""
    tokens = runs.count.tokens(budgets, sizes)
    values = {
        "N": sizes,
        "D": tokens,
        "tokens_per_parameter": tokens / sizes,
        "exponent": np.repeat(exponent[:, None], len(budgets), axis=1),
    }
    coords = {**numbered("budget", len(budgets)), "C": ("budget", budgets, {"units": "FLOP"})}
    dims = (*SAMPLE_DIMS, "budget")
    return xr.Dataset({name: (dims, value[None], {"units": _UNITS[name]}) for name, value in values.items()}, coords)


def _answer(name: str, draws: xr.Dataset, warnings: tuple[str, ...], notes: tuple[str, ...]) -> Answer:
    return Answer(_question(name), draws, warnings=warnings, notes=notes, by="C", shown=_SHOWN)


def _question(name: str) -> str:
    return f"Compute-optimal runs by approach {APPROACHES[name]}"


def _compared(answers: Mapping[str, Answer], seed: int) -> tuple[Answer | None, tuple[str, ...]]:
    """Ratios of N* at the largest budget, and the approaches that disagree about it."""
    if len(answers) < 2:
        return None, ()
    budgets = next(iter(answers.values())).draws["C"].to_numpy()
    largest = int(budgets.argmax())
    sizes = {name: answer.draws["N"].isel(budget=largest).to_numpy().ravel() for name, answer in answers.items()}
    rng = np.random.default_rng([seed, len(answers)])
    n = min(map(len, sizes.values()))
    # Posteriors of different approaches are drawn apart, so draws are paired at random.
    paired = {name: rng.permutation(each)[:n] for name, each in sizes.items()}
    pairs = list(combinations(paired, 2))
    ratio = np.column_stack([paired[first] / paired[second] for first, second in pairs])
    labels = [f"{first} over {second}" for first, second in pairs]
    draws = xr.Dataset(
        {"ratio": ((*SAMPLE_DIMS, "pair"), ratio[None], {"units": "times"})},
        coords={"of": ("pair", labels)},
    )
    place = f"at {format_quantity(float(budgets[largest]))} FLOP"
    larger = {
        f"N* of {first} above that of {second} {place}": share_of(draws["ratio"].isel(pair=i) > 1)
        for i, (first, second) in enumerate(pairs)
    }
    warnings = [
        _disagreement(first, second, ratio[:, i], probability, sizes, place)
        for i, ((first, second), probability) in enumerate(zip(pairs, larger.values(), strict=True))
        if not 1 - _SURE <= probability <= _SURE
    ]
    return Answer(f"Ratio of N* {place}", draws, larger, by="of"), tuple(warnings)


def _disagreement(
    first: str, second: str, ratio: Array, probability: float, sizes: Mapping[str, Array], place: str
) -> str:
    tails = tail_probabilities(DEFAULT_MASS)
    low, high = tails
    ends = {name: np.quantile(sizes[name], tails) for name in (first, second)}
    apart = max(ends[first][0], ends[second][0]) > min(ends[first][1], ends[second][1])
    shown = format_interval(np.quantile(ratio, [low, 0.5, high]))
    return (
        f"approaches disagree {place}: N* of {first} is {shown} times that of {second}, and larger with a probability "
        f"of {probability:.3f}; their {DEFAULT_MASS:.0%} intervals {'do not overlap' if apart else 'overlap'}"
    )
