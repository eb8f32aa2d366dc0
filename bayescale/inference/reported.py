"""Priors on reported quantities: which sampled parameter takes each of them, by change of variables.

A quantity Q that a law derives, such as ``E``, has no coordinate of its own. Its prior takes the place of that of one
sampled parameter t: given the other parameters that Q is computed from, t has the density of the stated prior at Q(t)
times ``|dQ/dt|``. So Q has the stated prior exactly, independent of those others, which keep theirs. The parameter is
the law's level if Q depends on it, since the level's own prior is too wide to matter, and otherwise the last one that
can be solved for from Q.

If another stated quantity is computed from Q, as ``beta_D = alpha_N a_opt / (1 - a_opt)`` from ``alpha_N``, then Q
itself is sampled, with its prior, and t follows from it. Given Q, a parameter can be solved for from the other.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.errors import LawError
from bayescale.inference.solving import can_be_solved, contains, dependencies, some_centre
from bayescale.inference.variables import drawn_variables
from bayescale.laws.law import Law
from bayescale.laws.optima import parse_optimum
from bayescale.laws.parameters import Parameter, Prior
from bayescale.laws.priors import POSITIVE, support

Array = NDArray[np.float64]

_DRAWS = 1000
_OUTSIDE = 0.01
"""Largest share of a stated prior on values that its quantity cannot have; that share is cut off."""


@functools.lru_cache(maxsize=256)
def believed(law: Law) -> Law:
    """A law whose sampled parameters carry the user's priors, in an order in which they can be drawn.

    Raises
    ------
    LawError
        If no parameter can take a prior, or a prior expects values that its quantity cannot have.
    """
    if any(item.on for item in law.parameters):
        return law
    # Evidence reads the level, which therefore is no Gaussian coefficient.
    own = [
        replace(each, scales=False, centred=True) if each.scales and law.evidence else each for each in law.parameters
    ]
    parameters = _ordered(law, own)
    assert parameters is not None
    check_reach(law, parameters)
    for name in (names := _stated(law)):
        # What takes the prior of a quantity that is computed from this one needs this one as a variable.
        follows = any(contains(law, other, name) for other in names)
        parameters = _carried(law, parameters, name, follows=follows)
    return law if parameters == law.parameters else replace(law, parameters=parameters)


def _stated(law: Law) -> list[str]:
    """Derived quantities with priors, each after those that it is computed from."""
    names = [each.name for each in law.derived if each.name in law.priors]
    return sorted(names, key=lambda name: sum(contains(law, name, other) for other in names))


def _carried(law: Law, parameters: tuple[Parameter, ...], name: str, *, follows: bool) -> tuple[Parameter, ...]:
    """The parameters, one of which takes the prior on a derived quantity, or follows from it."""
    prior, own = law.priors[name], _drawn(law, parameters)[name]
    if np.ptp(own) == 0:
        raise LawError(f"prior on {name}: the runs and other fixed values determine {name}: leave its prior out")
    within = POSITIVE if (own > 0).all() else (-np.inf, np.inf)
    _check_reach(law, name, prior, within)
    reasons = []
    for given in (parameters, *_restated(law, parameters, name)):
        for item in _candidates(law, given, name):
            carrier = _carrier(item, name, prior, within, follows=follows)
            changed = _ordered(law, [carrier if each is item else each for each in given])
            if changed is None:
                continue
            values = _drawn(law, changed)[item.name]
            low, high = carrier.domain
            outside = 1 - np.mean((values > low) & (values < high) & np.isfinite(values))
            if outside <= _OUTSIDE:
                return changed
            reasons.append(f"{item.name} would leave its range in {outside:.0%} of draws")
    taken = [each for each in law.priors if each != name]
    beside = f" beside those on {', '.join(taken)}" if taken else ""
    why = f" ({'; '.join(reasons)})" if reasons else ""
    raise LawError(
        f"prior on {name}: law {law.name!r} cannot take it{beside}: no sampled parameter can be solved for from {name}"
        f"{why}; {_instead(law, parameters, name)}"
    )


def _instead(law: Law, parameters: Sequence[Parameter], name: str) -> str:
    """What can be stated instead of a prior that no parameter takes."""
    if optimum := parse_optimum(name):
        return f"give it as evidence instead, Published(N_star=..., C={optimum.C:g}, sd=...)"
    sampled = ", ".join(each.name for each in parameters if each.name not in law.priors and not each.on)
    return f"give a prior on one of {sampled} instead"


def _carrier(item: Parameter, name: str, prior: Prior, within: tuple[float, float], *, follows: bool) -> Parameter:
    """A parameter that takes the prior on a derived quantity, or follows from that quantity."""
    return replace(
        item,
        prior=prior,
        on=name,
        follows=follows,
        amounts_to=None,
        arguments=None,
        shift=None,
        within=within,
        domain=support(item.prior),
        scales=False,
        centred=(item.scales or item.centred) and not prior.fixed and not follows,
        reason=f"follows the user's prior on {name}",
    )


def _restated(law: Law, parameters: Sequence[Parameter], name: str) -> Iterator[tuple[Parameter, ...]]:
    """The same priors with a quantity that another is computed from in place of a parameter that amounts to it."""
    for item in parameters:
        if item.amounts_to is None:
            continue
        quantity, prior = item.amounts_to
        if quantity in {each.name for each in law.derived} and contains(law, name, quantity):
            carrier = _carrier(item, quantity, prior, support(prior), follows=True)
            changed = _ordered(law, [carrier if each is item else each for each in parameters])
            if changed is not None:
                yield changed


def _candidates(law: Law, parameters: Sequence[Parameter], name: str) -> Iterator[Parameter]:
    """Parameters that can take a prior on a quantity: the level first, then the last."""
    taken = law.priors.keys()
    free = [each for each in reversed(parameters) if not each.on and each.name not in taken]
    known = _sampled_in_place(parameters)
    for item in sorted(free, key=lambda each: not (each.scales or each.centred)):
        if can_be_solved(law, item.name, name, known):
            yield item


def _sampled_in_place(parameters: Iterable[Parameter]) -> set[str]:
    """Derived quantities that are sampled in place of parameters."""
    return {each.on for each in parameters if each.follows}


def check_reach(law: Law, parameters: Iterable[Parameter]) -> None:
    """Check that the user's priors on sampled parameters expect values that these can have.

    Raises
    ------
    LawError
        If they do not.
    """
    for item in parameters:
        if item.name in law.priors:
            _check_reach(law, item.name, item.prior, item.within)


def _check_reach(law: Law, name: str, prior: Prior, within: tuple[float, float]) -> None:
    low, high = within
    draws = _from_prior(prior)
    outside = float(np.mean((draws <= low) | (draws >= high)))
    if outside > _OUTSIDE:
        ends = f"above {low:g}" if high == np.inf else f"between {low:g} and {high:g}"
        if prior.fixed:
            raise LawError(f"prior on {name}: is fixed at {prior}, but in law {law.name!r} it is {ends}")
        raise LawError(
            f"prior on {name}: {outside:.0%} of {prior} is outside of what it can be in law {law.name!r}, {ends}: give "
            "a prior on that range, such as " + ("Beta or Uniform" if high == 1 else "LogNormal or Gamma")
        )


def _from_prior(prior: Prior) -> Array:
    import pymc as pm

    from bayescale.sampling.logdensity import interpreted_mode

    if prior.fixed:
        return np.array([prior.arguments["value"]])
    variable = getattr(pm, prior.distribution).dist(**prior.arguments, size=_DRAWS)
    return np.asarray(pm.draw(variable, random_seed=0, mode=interpreted_mode()))


def _drawn(law: Law, parameters: Sequence[Parameter]) -> dict[str, Array]:
    """Draws of every parameter of a law from its priors, sampled and derived."""
    import pymc as pm
    import pytensor.tensor as pt

    from bayescale.sampling.logdensity import interpreted_mode

    centre = some_centre(law)
    sampled = drawn_variables(law, parameters, centre, _DRAWS)
    with law.blamed("derive"):
        wanted = {**sampled, **law.derive(pt, sampled, centre)}
    tensors = [pt.as_tensor(each) for each in wanted.values()]
    drawn = pm.draw(tensors, random_seed=0, mode=interpreted_mode())
    each = zip(wanted, drawn, strict=True)
    return {name: np.broadcast_to(values, np.broadcast_shapes(values.shape, (_DRAWS, 1))) for name, values in each}


def _ordered(law: Law, parameters: Sequence[Parameter]) -> tuple[Parameter, ...] | None:
    """Parameters in an order in which each follows those that its prior reads; None if there is none."""
    waiting, placed = list(parameters), list[Parameter]()
    known = _sampled_in_place(parameters)
    needs = {item.name: _needs(law, item, known) - known for item in parameters}
    read = set().union(*needs.values())
    # One that is sampled relative to the rest of the law comes after the rest, unless another reads it.
    waiting = [
        *(each for each in waiting if not each.centred or each.name in read),
        *(each for each in waiting if each.centred and each.name not in read),
    ]
    while waiting:
        names = {each.name for each in placed}
        ready = next((each for each in waiting if needs[each.name] <= names), None)
        if ready is None:
            return None
        waiting.remove(ready)
        placed.append(ready)
    return tuple(placed)


def _needs(law: Law, item: Parameter, known: Iterable[str]) -> set[str]:
    """Names of the parameters that the prior of one reads."""
    if item.on:
        return dependencies(law, item.on, known) - {item.name}
    read = _Reading({each.name: 0.5 for each in law.parameters})
    for function in (item.shift, item.arguments):
        if function is not None:
            function(np, read)
    return read.names


class _Reading(dict[str, Any]):
    """Values that remember which of them were read."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.names.add(name)
        return super().__getitem__(name)
