"""Outcomes that follow from others: a law of one serves a table of the other, on the table's own scale.

Perplexity is the exponential of a loss in nats/token; of error and accuracy, each is one minus the other.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

from bayescale.laws import perplexities
from bayescale.laws.law import Law
from bayescale.laws.links import Link, of_logarithm, of_rest
from bayescale.laws.parameters import Values
from bayescale.laws.steps import TwoSteps, two_steps


@dataclass(frozen=True)
class _Rule:
    """How an outcome follows from that of a law, with its unit, and the values that the law's outcome may have."""

    formula: str
    unit: str
    domains: tuple[str, ...]
    forward: Callable[[ModuleType, Any], Any]
    back: Callable[[Any], Any]
    link: Callable[[Link], Link]
    turned: bool


_REST = _Rule(
    formula="1 - ({})",
    unit="fraction",
    domains=("positive", "fraction"),
    forward=lambda xp, y: 1 - y,
    back=lambda y: 1 - y,
    link=of_rest,
    turned=True,
)
_RULES = {
    ("loss", "perplexity"): _Rule(
        formula="exp({})",
        unit="perplexity",
        domains=("positive", "real"),
        forward=perplexities.of_loss,
        back=np.log,
        link=of_logarithm,
        turned=False,
    ),
    ("error", "accuracy"): _REST,
    ("accuracy", "error"): _REST,
}
_UNITS = {"loss": "nats/token"}
"""Unit that an outcome must have for others to follow from it."""


def outcomes_of(law: Law) -> dict[str, str]:
    """Outcomes of tables that a law serves, its own first, and the values that each can have.

    Examples
    --------
    >>> from bayescale import load_law
    >>> outcomes_of(load_law("chinchilla")), outcomes_of(load_law("board_elo"))
    ({'loss': 'positive', 'perplexity': 'above one'}, {'elo': 'real'})
    """
    served = {law.outcome: law.link.domain}
    for own, outcome in _RULES:
        if own == law.outcome and (found := as_law_of(law, outcome)).outcome == outcome:
            served[outcome] = found.link.domain
    return served


@functools.lru_cache(maxsize=256)
def as_law_of(law: Law, outcome: str) -> Law:
    """A law as one of an outcome that follows from its own: with the same parameters, priors and scatter.

    Parameters
    ----------
    law : Law
    outcome : str

    Returns
    -------
    Law
        The law itself if the outcome is its own or does not follow from it; else the same object at every call, since
        compiled code is kept by the identity of the law.

    Examples
    --------
    >>> from bayescale import load_law
    >>> as_law_of(load_law("chinchilla"), "perplexity").formula
    'exp(E + A N^-alpha + B D^-beta)'
    >>> as_law_of(load_law("chinchilla"), "accuracy").outcome
    'loss'
    """
    if isinstance(law, TwoSteps):
        return two_steps(law.first, as_law_of(law.second, outcome))
    rule = _RULES.get((law.outcome, outcome))
    if rule is None or law.link.domain not in rule.domains or law.outcome_unit != _UNITS.get(law.outcome, rule.unit):
        return law

    @functools.wraps(law.mean)
    def mean(xp: ModuleType, x: Values, p: Values) -> Any:
        return rule.forward(xp, law.mean(xp, x, p))

    asked = law.asked_for
    link = rule.link(law.link)
    parameters = tuple(replace(each, scales=each.scales and not rule.turned) for each in law.parameters)
    return replace(
        law,
        title=f"{law.title}, as {outcome}",
        formula=_formula(rule, law),
        outcome=outcome,
        outcome_unit=rule.unit,
        in_outcome_unit=(),
        link=link,
        parameters=parameters,
        mean=mean,
        falls=law.falls is not rule.turned,
        asked_for=None if asked is None else lambda x, y: asked(x, rule.back(y)),
        follows_from=law.outcome,
    )


def _formula(rule: _Rule, law: Law) -> str:
    """The formula of an outcome that follows from a law's own; what is defined behind the law's formula stays there."""
    main, *defined = law.formula.split(", ")
    if "=" in main:
        main, defined = law.outcome, [main, *defined]
    return ", ".join((rule.formula.format(main), *defined))


def origin_of(law: Law) -> tuple[str, ...]:
    """From what the outcome of a law follows, in a sentence, if it is not the law's own.

    Examples
    --------
    >>> from bayescale import load_law
    >>> origin_of(as_law_of(load_law("error_nd"), "accuracy"))
    ('accuracy = 1 - error: the law describes error',)
    """
    if not law.follows_from:
        return ()
    own = law.follows_from
    written = _RULES[own, law.outcome].formula.format(own).replace(f"- ({own})", f"- {own}")
    return (f"{law.outcome} = {written}: the law describes {own}{' in ' + _UNITS[own] if own in _UNITS else ''}",)
