"""Sampled parameters as variables of a ``pm.Model``, with the priors of a law or of a user."""

import functools
import inspect
import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bayescale.inference.solving import dependencies, derived_from, solved_for
from bayescale.laws.law import Law
from bayescale.laws.parameters import GROUP_DIM, Parameter, Prior, Values
from bayescale.laws.priors import FRACTION, POSITIVE, REAL, support

if TYPE_CHECKING:
    from collections.abc import Callable


def add_variables(
    law: Law,
    parameters: Iterable[Parameter],
    centre: Values,
    shape: "Callable[[Values, str], Any] | None" = None,
) -> dict[str, Any]:
    """Add parameters to the PyMC model in context, in order, and return them by name.

    Derived quantities that are sampled in place of a parameter are among them.

    Parameters
    ----------
    law : Law
    parameters : iterable of Parameter
    centre : mapping
        The centre of each input of the runs.
    shape : callable, optional
        ``shape(sampled, name)``: mean over the runs of the law on the link's scale, minus the logarithm of the
        parameter of that name, to which the mean is proportional; without it no parameter is sampled relative to that.
    """
    parameters = tuple(parameters)
    sampled = {each.on: _in_place(law, each) for each in parameters if each.follows}
    for parameter in parameters:
        with law.blamed(f"parameter {parameter.name}"):
            if parameter.follows:
                sampled[parameter.name] = _solved(law, parameter, sampled[parameter.on], sampled, centre)
            elif parameter.prior.fixed:
                sampled[parameter.name] = _fixed(law, parameter, sampled, centre)
            elif parameter.on or (parameter.centred and shape is not None):
                offset = shape(sampled, parameter.name) if parameter.centred and shape is not None else None
                sampled[parameter.name] = _carrying(law, parameter, sampled, centre, offset)
            elif parameter.vague:
                sampled[parameter.name] = _offset_from_typical(parameter, sampled)
            else:
                sampled[parameter.name] = _free_variable(law, parameter, sampled)
    return sampled


def drawn_variables(law: Law, parameters: Iterable[Parameter], centre: Values, n: int) -> dict[str, Any]:
    """Unnamed variables with the priors of parameters, in order, of shape (n, 1), or (n, group) if groups differ."""
    parameters = tuple(parameters)
    drawn = {each.on: _drawn(law, each, {}, n) for each in parameters if each.follows}
    for parameter in parameters:
        with law.blamed(f"parameter {parameter.name}"):
            value = drawn[parameter.on] if parameter.follows else _drawn(law, parameter, drawn, n)
            if parameter.on:
                value = solved_for(law, parameter.name, parameter.on, value, drawn, centre)
            drawn[parameter.name] = value
    return drawn


def _drawn(law: Law, parameter: Parameter, drawn: Values, n: int) -> Any:
    """An unnamed variable with n draws of a parameter from its prior, or of what that prior is on."""
    import pytensor.tensor as pt

    arguments = dict(parameter.prior.arguments)
    if parameter.prior.fixed:
        return pt.full((n, 1), arguments["value"])
    if parameter.arguments is not None:
        arguments |= parameter.arguments(pt, drawn)
    value = _variable(law, parameter, arguments, (n, len(parameter.groups) or 1))
    return value if parameter.shift is None else value + parameter.shift(pt, drawn)


def fixed_value(prior: Prior) -> Any:
    """The value of a quantity that is certain, as a constant of a graph."""
    import pytensor.tensor as pt

    return pt.constant(prior.arguments["value"], dtype="float64")


def _in_place(law: Law, parameter: Parameter) -> Any:
    """The derived quantity that is sampled in place of a parameter."""
    if parameter.prior.fixed:
        return fixed_value(parameter.prior)
    with law.blamed(f"prior on {parameter.on}"):
        return _free_variable(law, replace(parameter, name=parameter.on), {})


def _fixed(law: Law, parameter: Parameter, sampled: dict[str, Any], centre: Values) -> Any:
    """A parameter that has one value, or that follows from one of a derived quantity and the other parameters."""
    return _solved(law, parameter, fixed_value(parameter.prior), sampled, centre)


def _solved(law: Law, parameter: Parameter, value: Any, sampled: dict[str, Any], centre: Values) -> Any:
    """A parameter that follows from the value of what its prior is on, as a deterministic."""
    import pymc as pm

    if parameter.on:
        value = solved_for(law, parameter.name, parameter.on, value, sampled, centre)
    pm.Deterministic(parameter.name, value)
    return value


def _free_variable(law: Law, parameter: Parameter, sampled: dict[str, Any]) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    distribution = _distribution(law, parameter)
    arguments, dims = dict(parameter.prior.arguments), GROUP_DIM if parameter.groups else None
    if parameter.arguments is not None:
        arguments |= parameter.arguments(pt, sampled)
    if parameter.shift is None:
        if not _is_cut(parameter):
            # PyMC leaves a LogitNormal as it is, and starts dozens of groups outside of its range.
            whole = dims and parameter.prior.distribution == "LogitNormal"
            given = {"default_transform": pm.distributions.transforms.logodds} if whole else {}
            return distribution(parameter.name, **arguments, dims=dims, **given)
        low, high = _ends(parameter)
        return pm.Truncated(parameter.name, distribution.dist(**arguments), lower=low, upper=high, dims=dims)
    return pm.CustomDist(
        parameter.name,
        parameter.shift(pt, sampled),
        *arguments.values(),
        dist=functools.partial(_shifted, law, parameter, tuple(arguments)),
        transform=pm.distributions.transforms.log,
        dims=dims,
    )


def _shifted(law: Law, parameter: Parameter, names: tuple[str, ...], shift: Any, *arguments_and_size: Any) -> Any:
    """A distribution's variable plus a shift; PyMC passes the size last."""
    *arguments, size = arguments_and_size
    return shift + _variable(law, parameter, dict(zip(names, arguments, strict=True)), size)


def _variable(law: Law, parameter: Parameter, arguments: dict[str, Any], size: Any = None) -> Any:
    """An unnamed variable with the prior of a parameter, cut off to the values that are possible."""
    import pymc as pm

    distribution = _distribution(law, parameter)
    if not _is_cut(parameter):
        return distribution.dist(**arguments, size=size)
    low, high = _ends(parameter)
    return pm.Truncated.dist(distribution.dist(**arguments), lower=low, upper=high, size=size)


def _is_cut(parameter: Parameter) -> bool:
    (low, high), (least, most) = support(parameter.prior), parameter.within
    return low < least or high > most


def _ends(parameter: Parameter) -> tuple[float | None, float | None]:
    """Ends at which a prior is cut off; None where it ends by itself."""
    (low, high), (least, most) = support(parameter.prior), parameter.within
    return least if low < least else None, most if high > most else None


def _carrying(law: Law, parameter: Parameter, sampled: dict[str, Any], centre: Values, offset: Any | None) -> Any:
    """A parameter whose prior is on a quantity that is computed from it, or that is sampled relative to an offset."""
    import pymc as pm

    arguments = parameter.prior.arguments
    read = dependencies(law, parameter.on, sampled) & sampled.keys() if parameter.on else set()
    beside = {name: sampled[name] for name in sorted(read)}
    given = {
        **{f"prior {k}": v for k, v in arguments.items()},
        **beside,
        **{f"centre {k}": v for k, v in centre.items()},
    }
    names = tuple(given)

    def parts(values: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        found = dict(zip(names, values, strict=False))
        return (
            {name: found[f"prior {name}"] for name in arguments},
            {name: found[name] for name in beside},
            {name: found[f"centre {name}"] for name in centre},
        )

    def dist(*values: Any) -> Any:
        prior, others, at = parts(values)
        drawn = _variable(law, parameter, prior, values[-1])
        return solved_for(law, parameter.name, parameter.on, drawn, others, at) if parameter.on else drawn

    def logp(value: Any, *values: Any) -> Any:
        import pytensor.tensor as pt

        prior, others, at = parts(values)
        if not parameter.on:
            return pm.logp(_variable(law, parameter, prior), value)
        quantity = derived_from(law, parameter.on, {**others, parameter.name: value}, at)
        return pm.logp(_variable(law, parameter, prior), quantity) + pt.log(abs(pt.grad(quantity, value)))

    inputs = [*given.values(), *(() if offset is None else (offset,))]
    transform = _transform(parameter) if offset is None else _relative()
    return pm.CustomDist(parameter.name, *inputs, dist=dist, logp=logp, transform=transform)


def _transform(parameter: Parameter) -> Any:
    """From the values that a parameter can have to the whole line."""
    import pymc as pm

    transforms = pm.distributions.transforms
    known = {POSITIVE: transforms.log, FRACTION: transforms.logodds, REAL: None}
    if parameter.domain in known:
        return known[parameter.domain]
    low, high = (None if math.isinf(end) else end for end in parameter.domain)
    return transforms.Interval(low, high)


@functools.cache
def _relative() -> Any:
    """The logarithm of a parameter plus the offset that is the last input of its distribution before the generator."""
    import pytensor.tensor as pt
    from pymc.distributions.transforms import Transform

    class Relative(Transform):  # type: ignore[misc]
        name = "relative"

        def forward(self, value: Any, *inputs: Any) -> Any:
            return pt.log(value) + inputs[-2]

        def backward(self, value: Any, *inputs: Any) -> Any:
            return pt.exp(value - inputs[-2])

        def log_jac_det(self, value: Any, *inputs: Any) -> Any:
            return value - inputs[-2]

    return Relative()


def _offset_from_typical(parameter: Parameter, sampled: dict[str, Any]) -> Any:
    """A parameter that differs between groups, by standard normal offsets from its typical value."""
    import pymc as pm
    import pytensor.tensor as pt

    assert parameter.arguments is not None
    around = parameter.arguments(pt, sampled)
    offset = pm.Normal(f"{parameter.name}_offset", 0.0, 1.0, dims=GROUP_DIM)
    inverse = {"LogNormal": pt.exp, "LogitNormal": pt.sigmoid, "Normal": pt.identity}[parameter.prior.distribution]
    value = inverse(around["mu"] + around["sigma"] * offset)
    if parameter.shift is not None:
        value = value + parameter.shift(pt, sampled)
    pm.Deterministic(parameter.name, value, dims=GROUP_DIM)
    return value


def _distribution(law: Law, parameter: Parameter) -> Any:
    """The PyMC distribution of a prior; its arguments are checked here, since PyMC ignores unknown ones."""
    import pymc as pm

    prior = parameter.prior
    found: Any = getattr(pm, str(prior.distribution), None)
    if not hasattr(found, "dist") or pm.Discrete in getattr(found, "__mro__", ()):
        raise law.fault(
            f"parameter {parameter.name}: prior {prior.distribution!r} is not a continuous distribution of PyMC, such "
            "as LogNormal, Normal or Beta"
        )
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    known = [name for name, each in inspect.signature(found.dist).parameters.items() if each.kind in kinds]
    unknown = [name for name in prior.arguments if name not in known]
    if unknown:
        raise law.fault(
            f"parameter {parameter.name}: prior {prior.distribution} has no argument {', '.join(unknown)}; it takes "
            f"{', '.join(known)}"
        )
    return found
