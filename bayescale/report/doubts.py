"""What makes the answer doubtful: the questions that a careful reader asks, each with what was found."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayescale.basics.quantities import format_quantity, times
from bayescale.planning.answers import Answer
from bayescale.posterior.ensembles import Ensemble, Posterior, first_fit
from bayescale.posterior.reach import MEASURED_HORIZON
from bayescale.report.checks import Replicated
from bayescale.report.content import BAD, GOOD, OPEN, Finding
from bayescale.report.labels import ends_of

if TYPE_CHECKING:
    from bayescale.validation.backtesting import Backtest

_BY_CHANCE = 2.0
"""Standard errors that a share may lie below what was promised."""


def doubts(
    fit: Posterior,
    reach: Mapping[str, float],
    by_law: Mapping[str, Answer],
    checked: Replicated,
    backtested: "Backtest | None",
    mass: float,
) -> tuple[Finding, ...]:
    """The questions and what was found, in the order of a decision.

    Parameters
    ----------
    fit : Fit or Ensemble
    reach : mapping of float
        How many times the largest run each answer is about, by what it is about.
    by_law : mapping of Answer
        The plan of each law of an ensemble.
    checked : Replicated
    backtested : Backtest or None
    mass : float
        Of the intervals.
    """
    return (
        *_distance(reach),
        _hidden(fit, backtested),
        *_agreement(by_law, mass),
        _fitted_runs(checked, mass, isinstance(fit, Ensemble)),
        _right_law(fit, reach),
        _sampled(fit),
    )


def _distance(reach: Mapping[str, float]) -> Iterator[Finding]:
    if not reach:
        return
    each = [f"{about} is {times(ratio)} times" for about, ratio in reach.items()]
    yield Finding(
        "How far beyond the runs is it?",
        f"{', '.join(each)} the largest run.",
        f"Published runs allow tests of the bands up to about {MEASURED_HORIZON:.0f} times; beyond that, they rest on "
        "the law being right.",
        BAD if max(reach.values()) > MEASURED_HORIZON else GOOD,
    )


def _hidden(fit: Posterior, backtested: "Backtest | None") -> Finding:
    question = "Did such bands hold for hidden larger runs?"
    if backtested is None:
        return Finding(
            question,
            "Not measured on these runs.",
            "The section on the back-test says how it is measured.",
            OPEN,
        )
    share, error, n = held(backtested)
    return Finding(
        question,
        f"90% intervals contained {share:.0%} of {n} hidden larger runs.",
        "" if np.isnan(error) else f"The standard error of that share is {error:.0%}.",
        GOOD if share + _BY_CHANCE * np.nan_to_num(error, nan=_binomial(0.9, n)) >= 0.9 else BAD,
    )


def held(backtested: "Backtest") -> tuple[float, float, int]:
    """Share of the hidden runs in their 90 % intervals, its standard error, and their number."""
    own = backtested.summary()
    own = own[own["method"] == backtested.law]
    weights = own["n_test"]
    share, error = (float(np.average(own[name], weights=weights)) for name in ("cover_0.9", "cover_0.9_se"))
    return share, error, int(weights.sum())


def _agreement(by_law: Mapping[str, Answer], mass: float) -> Iterator[Finding]:
    if len(by_law) < 2:
        return
    found = {name: ends_of(answer.draws["N"].isel(budget=-1), mass) for name, answer in by_law.items()}
    middle = [ends[1] for ends in found.values()]
    within = all(low <= at <= high for low, _, high in found.values() for at in middle)
    budget = format_quantity(float(next(iter(by_law.values())).draws["C"][-1]))
    yield Finding(
        "Do the laws agree?",
        f"Their separate N* at {budget} FLOP differ by a factor of {max(middle) / min(middle):.2g}, "
        + ("within each other's intervals." if within else "beyond each other's intervals."),
        "The answer is their mixture, so its intervals include that difference.",
        GOOD if within else BAD,
    )


def _fitted_runs(checked: Replicated, mass: float, several: bool) -> Finding:
    n = len(checked.rows)
    enough = checked.inside >= mass - _BY_CHANCE * _binomial(mass, n)
    return Finding(
        "Do the laws describe the runs?" if several else "Does the law describe the runs?",
        f"{checked.inside:.0%} of {n:,} fitted runs lie in the {mass:.0%} band of a new run like them.",
        "",
        GOOD if enough else BAD,
    )


def _right_law(fit: Posterior, reach: Mapping[str, float]) -> Finding:
    question = "What if the law is wrong?"
    if first_fit(fit).record.discrepancy:
        text = "The intervals allow for it: they include a model discrepancy that grows beyond the runs."
        far = max(reach.values(), default=1.0) > MEASURED_HORIZON
        untested = "How fast it grows was learnt from shorter extrapolations, and cannot be tested so far out."
        return Finding(question, text, untested if far else "", BAD if far else GOOD)
    text = "The law is taken as true, so intervals of larger runs are too narrow."
    return Finding(question, text, "Fit with the model discrepancy to include what the law may miss.", BAD)


def _sampled(fit: Posterior) -> Finding:
    question = "Can the computation be trusted?"
    if fit.certified:
        return Finding(
            question,
            "Yes, certified: the draws are those of the model. That says nothing about whether the model is right.",
            "",
            GOOD,
        )
    return Finding(
        question, "NOT CERTIFIED. The sampler's checks fail: do not base a decision on these numbers.", "", BAD
    )


def _binomial(share: float, n: int) -> float:
    """Standard error of a share of independent runs."""
    return float(np.sqrt(share * (1 - share) / max(n, 1)))


def grouped(warnings: Sequence[str]) -> list[tuple[tuple[str, ...], str]]:
    """Warnings with the same remedy, the part after the last colon, together.

    Examples
    --------
    >>> grouped(["a: do it", "b is far", "c: do it"])
    [(('a', 'c'), 'do it'), (('b is far',), '')]
    """
    found: dict[str, list[str]] = {}
    for text in warnings:
        head, colon, remedy = text.rpartition(": ")
        key = remedy if colon else text
        found.setdefault(key, []).append(head if colon else "")
    return [(tuple(heads), remedy) if all(heads) else ((remedy,), "") for remedy, heads in found.items()]
