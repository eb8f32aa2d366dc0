"""One law for several groups of runs, with some parameters that are similar but not equal between groups."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

from bayescale.basics.errors import LawError
from bayescale.laws.law import Law
from bayescale.laws.links import IDENTITY, LOG, LOGIT, Link
from bayescale.laws.parameters import GROUP, Derived, Parameter, Prior, Values

SPREAD = "spread"
_SPREAD_SHARE = 0.5
"""Expected spread between groups, relative to the prior standard deviation of one group's value."""
_LEVEL_SPREAD = 0.3
"""Expected spread between groups of the log of a level.

The prior of a level is as wide as it is because a loss may have any unit, which groups of one table share. Chosen by
``benchmarks/spreads.py``, which says on which tables.
"""
_VAGUE = 0.25
"""Standard deviation of a group's own value, relative to the expected spread, above which it is vague."""


@dataclass(frozen=True)
class _Scale:
    """How a pooled parameter with some prior varies between groups: its distribution around the typical value."""

    distribution: str
    words: str
    link: Link
    deviation: Callable[[Mapping[str, float]], float]


def _beta_deviation(arguments: Mapping[str, float]) -> float:
    from scipy.special import polygamma

    return float(np.sqrt(polygamma(1, arguments["alpha"]) + polygamma(1, arguments["beta"])))


_SCALES = {
    "LogNormal": _Scale("LogNormal", "the log of ", LOG, lambda arguments: arguments["sigma"]),
    "HalfNormal": _Scale("LogNormal", "the log of ", LOG, lambda _: 1.0),
    "Normal": _Scale("Normal", "", IDENTITY, lambda arguments: arguments["sigma"]),
    "Beta": _Scale("LogitNormal", "the log-odds of ", LOGIT, _beta_deviation),
    "LogitNormal": _Scale("LogitNormal", "the log-odds of ", LOGIT, lambda arguments: arguments["sigma"]),
}


def pooled_law(law: Law, pool: Sequence[str], groups: Sequence[str], vague: Collection[str] = ()) -> Law:
    """One law for several groups of runs, which the setting ``group_code`` identifies.

    Parameters
    ----------
    law : Law
    pool : sequence of str
        Sampled parameters that differ between groups.
    groups : sequence of str
    vague : collection of str
        Those of them of which the runs of a group say little, as :func:`vague_in` finds them.

    Returns
    -------
    Law
        The law with parameters for the value of each pooled parameter in a typical group, its spread between groups and
        its values in all groups, which are one parameter; derived parameters for the typical group and for all groups.

    Examples
    --------
    >>> from bayescale import load_law
    >>> joint = pooled_law(load_law("chinchilla"), ["a_opt"], ["c4", "redpajama"])
    >>> [parameter.name for parameter in joint.parameters if parameter.name.startswith("a_opt")]
    ['a_opt', 'a_opt_spread', 'a_opt_by_group']
    """
    shifted = [item for item in law.parameters if item.shift is not None and item.name not in pool]
    described: list[Parameter | Derived] = [*law.derived, *shifted]
    differing = [*pool, *(item.name for item in described)]

    def of_groups(xp: ModuleType, sampled: Values) -> dict[str, Any]:
        """Sampled parameters of each group, along the last axis where groups differ."""
        found: dict[str, Any] = {}
        for parameter in law.parameters:
            if parameter.name in pool:
                found[parameter.name] = sampled[by_group(parameter.name)]
            elif parameter.shift is not None:
                # Groups share the part that has the prior; the shift may depend on parameters that differ.
                own = sampled[parameter.name] - parameter.shift(xp, sampled)
                found[parameter.name] = own + parameter.shift(xp, found)
            else:
                found[parameter.name] = sampled[parameter.name]
        return found

    def derive(xp: ModuleType, sampled: Values, centre: Values) -> dict[str, Any]:
        own = of_groups(xp, sampled)
        own |= law.derive(xp, own, centre)
        none = 0.0 * sampled[by_group(pool[0])]  # gives what does not differ an axis of groups, too
        found = {by_group(item.name): own[item.name] + none for item in described}
        return {**law.derive(xp, sampled, centre), **found}

    def mean(xp: ModuleType, x: Values, p: Values) -> Any:
        codes = x[GROUP.name].astype("int64")
        return law.mean(xp, x, {**p, **{name: p[by_group(name)][..., codes] for name in differing}})

    # A parameter that scales the mean of one group does not scale the means of all groups.
    typical = (replace(parameter, scales=False) for parameter in law.parameters)
    return replace(
        law,
        name=f"{law.name}, pooled",
        settings=(*law.settings, GROUP),
        parameters=(*typical, *(new for name in pool for new in _group_parameters(law, name, tuple(groups), vague))),
        derived=(*law.derived, *(Derived(name=by_group(d.name), meaning=d.meaning, unit=d.unit) for d in described)),
        mean=mean,
        derive=derive,
        published=(),
    )


def drawn_group(law: Law, typical: Values, spreads: Values, rng: np.random.Generator) -> dict[str, Any]:
    """Sampled parameters of a group that was not seen, draw by draw.

    Parameters
    ----------
    law : Law
        The law of each group.
    typical : mapping of array
        Sampled parameters in a typical group.
    spreads : mapping of array
        Standard deviation between groups of each pooled parameter.
    rng : numpy.random.Generator

    Examples
    --------
    >>> from bayescale import load_law
    >>> typical = {"y_centre": np.ones(10_000), "slope": np.full(10_000, 0.25)}
    >>> drawn = drawn_group(load_law("m1"), typical, {"slope": np.full(10_000, 0.1)}, np.random.default_rng(0))
    >>> float(np.log(drawn["slope"]).std().round(2)), float(drawn["y_centre"].std())
    (0.1, 0.0)
    """
    found: dict[str, Any] = {}
    for parameter in law.parameters:
        name, shift = parameter.name, parameter.shift
        own = typical[name] - (0.0 if shift is None else shift(np, typical))
        if name in spreads:
            link = _SCALES[str(parameter.prior.distribution)].link
            own = link.inverse(link.forward(np, own) + spreads[name] * rng.standard_normal(own.shape))
        found[name] = own + (0.0 if shift is None else shift(np, found))
    return found


def vague_in(law: Law, pool: Sequence[str], drawn: Values) -> tuple[str, ...]:
    """Pooled parameters that the runs of a group leave open by a quarter of their expected spread between groups.

    Groups whose values are known to within less than they differ by are best sampled by these values, others by how
    they deviate from the typical one (Papaspiliopoulos, Roberts and Skold 2007, doi:10.1214/088342307000000014).

    Parameters
    ----------
    law : Law
    pool : sequence of str
        Sampled parameters that differ between groups.
    drawn : mapping of array
        Draws of every parameter from the posterior of one group alone.
    """
    found = []
    for parameter in law.parameters:
        if parameter.name in pool:
            own = drawn[parameter.name] - (0.0 if parameter.shift is None else parameter.shift(np, drawn))
            deviation = np.std(_scale_of(parameter).link.forward(np, own))
            if deviation > _VAGUE * _expected_spread(parameter):
                found.append(parameter.name)
    return tuple(found)


def _group_parameters(
    law: Law, name: str, groups: tuple[str, ...], vague: Collection[str]
) -> tuple[Parameter, Parameter]:
    """The spread of a pooled parameter, and its value in each group."""
    typical = next(parameter for parameter in law.parameters if parameter.name == name)
    scale, spread = _scale_of(typical), _expected_spread(typical)
    why = (
        "losses of groups in one table differ by 2 to 30 %"
        if typical.scales
        else "half of the prior standard deviation of one group's value"
    )

    def arguments(xp: ModuleType, sampled: Values) -> dict[str, Any]:
        centre = sampled[name] - (0.0 if typical.shift is None else typical.shift(xp, sampled))
        return {"mu": scale.link.forward(xp, centre), "sigma": sampled[f"{name}_{SPREAD}"]}

    def shift(xp: ModuleType, sampled: Values) -> Any:
        assert typical.shift is not None
        own = {item.name: sampled[by_group(item.name)] for item in law.parameters if by_group(item.name) in sampled}
        return typical.shift(xp, {**sampled, **own})

    return (
        Parameter(
            name=f"{name}_{SPREAD}",
            prior=Prior("Gamma", alpha=2.0, beta=2.0 / spread),
            meaning=f"sd between groups of {scale.words}{'what the prior is on: ' * (typical.shift is not None)}"
            f"{typical.meaning}",
            reason=f"on average {spread:.2g}, and rarely close to zero: {why}",
        ),
        Parameter(
            name=by_group(name),
            prior=Prior(scale.distribution),
            meaning=typical.meaning,
            unit=typical.unit,
            reason="around the typical group's",
            shift=None if typical.shift is None else shift,
            arguments=arguments,
            groups=groups,
            vague=name in vague,
        ),
    )


def _scale_of(parameter: Parameter) -> _Scale:
    if parameter.prior.distribution not in _SCALES:
        known = ", ".join(_SCALES)
        raise LawError(f"{parameter.name} cannot be pooled: its prior is {parameter.prior}, not one of {known}")
    return _SCALES[parameter.prior.distribution]


def _expected_spread(parameter: Parameter) -> float:
    return (
        _LEVEL_SPREAD if parameter.scales else _SPREAD_SHARE * _scale_of(parameter).deviation(parameter.prior.arguments)
    )


def sampled_names(law: Law, pool: Sequence[str]) -> tuple[str, ...]:
    """Sampled parameters to pool, in the order of the law; a derived one is replaced by those it is computed from."""
    known = {parameter.name for parameter in law.parameters}
    unknown = [name for name in pool if name not in law.units]
    if unknown or not pool:
        raise LawError(
            f"law {law.name!r} has no parameter {', '.join(unknown) or 'to pool named'}: pool some of "
            f"{', '.join(law.units)}"
        )
    wanted = {source for name in pool for source in ([name] if name in known else _sources(law, name))}
    return tuple(parameter.name for parameter in law.parameters if parameter.name in wanted)


def _sources(law: Law, derived: str) -> list[str]:
    """Sampled parameters that a derived one is computed from, found by moving each of them."""
    own = {p.name: 0.1 + 0.05 * i for i, p in enumerate(law.parameters)}
    centre = dict.fromkeys(law.input_names, 10.0)

    def value(parts: Mapping[str, float]) -> float:
        sampled: dict[str, float] = {}
        for parameter in law.parameters:
            shift = 0.0 if parameter.shift is None else float(parameter.shift(np, sampled))
            sampled[parameter.name] = parts[parameter.name] + shift
        return float(np.asarray(law.derive(np, sampled, centre)[derived]).item())

    # Only the part without the shift is moved, so that a floor depends on the excess of the level above it alone.
    return [name for name, part in own.items() if not np.isclose(value({**own, name: part * 1.1}), value(own))]


def by_group(name: str) -> str:
    """Name of the values of a parameter in each group."""
    return f"{name}_by_group"
