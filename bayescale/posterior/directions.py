"""Whether an outcome falls or rises, by the evidence of laws of both directions."""

from collections.abc import Iterable, Sequence

import numpy as np

from bayescale.posterior.fit import Fit

_STRONG = 10.0
"""Ratio of evidence from which it counts as strong (Jeffreys 1961, Theory of Probability, appendix B)."""


def outcome_evidence(fitted: Fit) -> float | None:
    """Log evidence of a fit, as a density of the outcome itself rather than of its link's scale; None if unknown."""
    evidence, link = fitted.diagnostics.log_evidence, fitted.law.link
    if evidence is None:
        return None
    return evidence + float(np.log(np.abs(link.slope(link.inverse(fitted.on_link)))).sum())


def odds_of_falling(members: Iterable[Fit]) -> float | None:
    """How many times as well the runs support the laws that fall as those that rise.

    It is the ratio of the mean evidence of both kinds: laws of one direction are equally probable beforehand.

    Parameters
    ----------
    members : iterable of Fit
        Of the same runs.

    Returns
    -------
    float or None
        None if all laws have one direction, or the evidence of one is not known.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayescale import fit
    >>> turn = pd.DataFrame({"x": [1, 2, 4, 8, 16, 32], "y": [3.0, 1.9, 1.6, 1.7, 1.8, 1.7]})
    >>> odds_of_falling([fit(law, turn) for law in ("m3", "rise_power")]) > 1
    True
    """
    found: dict[bool, list[float]] = {True: [], False: []}
    for member in members:
        evidence = outcome_evidence(member)
        if evidence is None:
            return None
        found[member.law.falls].append(evidence)
    if not (found[True] and found[False]):
        return None
    falling, rising = (np.logaddexp.reduce(each) - np.log(len(each)) for each in (found[True], found[False]))
    return float(np.exp(np.clip(falling - rising, -700.0, 700.0)))


def of_likely_direction(members: Sequence[Fit]) -> list[Fit]:
    """The fits without those whose direction the runs support at least ten times less than the other."""
    odds = odds_of_falling(members)
    if odds is None or 1 / _STRONG < odds < _STRONG:
        return list(members)
    return [member for member in members if member.law.falls == (odds > 1)]
