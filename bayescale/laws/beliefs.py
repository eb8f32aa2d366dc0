"""A law with what a user believes: priors on what it reports, and evidence from elsewhere."""

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bayescale.laws.evidence import Evidence
from bayescale.laws.law import Law
from bayescale.laws.optima import with_optima
from bayescale.laws.parameters import Prior
from bayescale.laws.priors import with_own


def with_beliefs(law: Law, priors: Mapping[str, Prior], evidence: tuple[Evidence, ...] = ()) -> Law:
    """A law with a user's priors in place of its own, and with evidence; the same object at every call.

    A prior on a sampled parameter replaces that parameter's prior. A prior on a quantity that is computed from sampled
    parameters is kept with the law, and one of those parameters takes it when the posterior is built. Priors on the
    noise and the discrepancy are kept too, since they are not part of a law.

    Parameters
    ----------
    law : Law
    priors : mapping of Prior
        As :func:`bayescale.laws.priors.stated` returns them.
    evidence : tuple of Evidence

    Examples
    --------
    >>> from bayescale import load_law
    >>> law = with_beliefs(load_law("chinchilla"), {"a_opt": Prior("Normal", mu=0.5, sigma=0.02)})
    >>> print(next(each.prior for each in law.parameters if each.name == "a_opt"))
    Normal(mu=0.5, sigma=0.02)
    """
    if not priors and not evidence:
        return law
    entries = tuple((name, each.distribution, *each.arguments.items()) for name, each in priors.items())
    return _with_beliefs(law, entries, evidence)


@functools.lru_cache(maxsize=256)
def _with_beliefs(law: Law, entries: tuple[Any, ...], evidence: tuple[Evidence, ...]) -> Law:
    """Cached, because compiled code is cached by the identity of the law."""
    priors = {name: Prior(distribution, **dict(arguments)) for name, distribution, *arguments in entries}
    parameters = tuple(with_own(item, priors) for item in law.parameters)
    return replace(with_optima(law, priors), priors=priors, parameters=parameters, evidence=evidence)
