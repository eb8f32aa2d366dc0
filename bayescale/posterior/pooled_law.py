"""One law for several groups of runs, with some parameters that are similar but not equal between groups."""

import re
from collections.abc import Callable, Mapping, Sequence
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


def pooled_law(law: Law, pool: Sequence[str], groups: Sequence[str]) -> Law:
    """One law for several groups of runs, which the setting ``group_code`` identifies.

    Parameters
    ----------
    law : Law
    pool : sequence of str
        Sampled parameters that differ between groups.
    groups : sequence of str

    Returns
    -------
    Law
        The law with parameters for the value of each pooled parameter in a typical group, its spread between groups and
        its value in each group; derived parameters for the typical group and for each group.

    Examples
    --------
    >>> from bayescale import load_law
    >>> joint = pooled_law(load_law("chinchilla"), ["a_opt"], ["c4", "redpajama"])
    >>> [parameter.name for parameter in joint.parameters if parameter.name.startswith("a_opt")]
    ['a_opt', 'a_opt_spread', 'a_opt_c4', 'a_opt_redpajama']
    """
    slugs = slugs_of(groups)

    def values_in(xp: ModuleType, sampled: Values, slug: str) -> dict[str, Any]:
        """Sampled parameters of one group."""
        found: dict[str, Any] = {}
        for parameter in law.parameters:
            if parameter.name in pool:
                found[parameter.name] = sampled[f"{parameter.name}_{slug}"]
            elif parameter.shift is not None:
                # Groups share the part that has the prior; the shift may depend on parameters that differ.
                own = sampled[parameter.name] - parameter.shift(xp, sampled)
                found[parameter.name] = own + parameter.shift(xp, found)
            else:
                found[parameter.name] = sampled[parameter.name]
        return found

    def derive(xp: ModuleType, sampled: Values, centre: Values) -> dict[str, Any]:
        found = dict(law.derive(xp, sampled, centre))
        for slug in slugs:
            own = values_in(xp, sampled, slug)
            found |= {f"{name}_{slug}": value for name, value in law.derive(xp, own, centre).items()}
            found |= {f"{item.name}_{slug}": own[item.name] for item in shifted}
        return found

    shifted = [item for item in law.parameters if item.shift is not None and item.name not in pool]
    described: list[Parameter | Derived] = [*law.derived, *shifted]
    differing = [*pool, *(item.name for item in described)]

    def mean(xp: ModuleType, x: Values, p: Values) -> Any:
        of_group = xp.where(abs(x[GROUP.name] - np.arange(len(slugs))[:, None]) < 0.5, 1.0, 0.0)

        def of_runs(name: str) -> Any:
            """The value of each run's group, by a product of matrices, which does not slow down with many groups."""
            values = xp.concatenate([xp.atleast_1d(p[f"{name}_{slug}"]) for slug in slugs], axis=-1)
            return (values[..., None, :] @ of_group)[..., 0, :]

        return law.mean(xp, x, {**p, **{name: of_runs(name) for name in differing}})

    each = [Derived(name=f"{d.name}_{s}", meaning=f"{d.meaning}, {s}", unit=d.unit) for s in slugs for d in described]
    # A parameter that scales the mean of one group does not scale the means of all groups.
    typical = (replace(parameter, scales=False) for parameter in law.parameters)
    return replace(
        law,
        name=f"{law.name}, pooled",
        settings=(*law.settings, GROUP),
        parameters=(*typical, *(new for name in pool for new in _group_parameters(law, name, slugs))),
        derived=(*law.derived, *each),
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


def _group_parameters(law: Law, name: str, slugs: Sequence[str]) -> list[Parameter]:
    """The spread of a pooled parameter, and its value in each group."""
    typical = next(parameter for parameter in law.parameters if parameter.name == name)
    if typical.prior.distribution not in _SCALES:
        raise LawError(f"{name} cannot be pooled: its prior is {typical.prior}, not one of {', '.join(_SCALES)}")
    scale = _SCALES[typical.prior.distribution]
    spread = _SPREAD_SHARE * scale.deviation(typical.prior.arguments)
    return [
        Parameter(
            name=f"{name}_{SPREAD}",
            prior=Prior("Gamma", alpha=2.0, beta=2.0 / spread),
            meaning=f"sd between groups of {scale.words}{'what the prior is on: ' * (typical.shift is not None)}"
            f"{typical.meaning}",
            reason="on average half of the prior standard deviation of one group's value, and rarely close to zero",
        ),
        *(_in_group(typical, scale, slug) for slug in slugs),
    ]


def _in_group(typical: Parameter, scale: _Scale, slug: str) -> Parameter:
    def arguments(xp: ModuleType, sampled: Values) -> dict[str, Any]:
        centre = sampled[typical.name] - (0.0 if typical.shift is None else typical.shift(xp, sampled))
        return {"mu": scale.link.forward(xp, centre), "sigma": sampled[f"{typical.name}_{SPREAD}"]}

    def shift(xp: ModuleType, sampled: Values) -> Any:
        assert typical.shift is not None
        own = {name.removesuffix(f"_{slug}"): value for name, value in sampled.items() if name.endswith(f"_{slug}")}
        return typical.shift(xp, {**sampled, **own})

    return Parameter(
        name=f"{typical.name}_{slug}",
        prior=Prior(scale.distribution),
        meaning=f"{typical.meaning}, {slug}",
        unit=typical.unit,
        reason="around the typical group's",
        shift=None if typical.shift is None else shift,
        arguments=arguments,
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


def slugs_of(groups: Sequence[str]) -> list[str]:
    """Unique names of groups that can be part of a parameter's name."""
    found: list[str] = []
    for group in groups:
        slug = re.sub(r"\W+", "_", group)
        while slug in (*found, SPREAD):
            slug += "_"
        found.append(slug)
    return found
