"""Priors that a user states, by the names of what a fit reports: which there are, and how they are written."""

import ast
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from bayescale.basics.errors import LawError, QuantityError
from bayescale.basics.wording import listed, nearest
from bayescale.laws.optima import NO_OPTIMUM, QUANTITIES, is_optimum, parse_optimum
from bayescale.laws.parameters import FIXED, Parameter, Prior, is_number

type Stated = Mapping[str, Prior | float]
"""Priors by the names of reported quantities; a number fixes the quantity."""

REAL, POSITIVE, FRACTION = (-math.inf, math.inf), (0.0, math.inf), (0.0, 1.0)


@dataclass(frozen=True)
class _Distribution:
    """What a distribution takes, and the values that it can have; ``lower`` and ``upper`` narrow them."""

    arguments: tuple[tuple[str, ...], ...]
    support: tuple[float, float]
    optional: tuple[str, ...] = ()


DISTRIBUTIONS: Mapping[str, _Distribution] = {
    "Normal": _Distribution((("mu", "sigma"),), REAL),
    "LogNormal": _Distribution((("mu", "sigma"),), POSITIVE),
    "HalfNormal": _Distribution((("sigma",),), POSITIVE),
    "TruncatedNormal": _Distribution((("mu", "sigma"),), REAL, ("lower", "upper")),
    "StudentT": _Distribution((("nu", "mu", "sigma"),), REAL),
    "Uniform": _Distribution((("lower", "upper"),), REAL),
    "Beta": _Distribution((("alpha", "beta"), ("mu", "sigma")), FRACTION),
    "LogitNormal": _Distribution((("mu", "sigma"),), FRACTION),
    "Gamma": _Distribution((("alpha", "beta"), ("mu", "sigma")), POSITIVE),
    "InverseGamma": _Distribution((("alpha", "beta"),), POSITIVE),
    "Exponential": _Distribution((("lam",), ("scale",)), POSITIVE),
}
"""Distributions that a user's prior may have, with PyMC's names and arguments."""

_ABOVE_ZERO = {"sigma", "nu", "alpha", "beta", "lam", "scale"}


def stated(priors: Stated) -> dict[str, Prior]:
    """Priors by the names of what they are on, checked; a number becomes a point mass.

    Raises
    ------
    LawError
        If a prior is neither a number nor a :class:`Prior` with a known distribution and its arguments.

    Examples
    --------
    >>> print(stated({"E": 1.6})["E"])
    1.6
    >>> stated({"E": Prior("Lognormal", mu=0.3, sigma=0.1)})
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.LawError: prior on E: no distribution 'Lognormal', did you mean 'LogNormal'?
    """
    if not isinstance(priors, Mapping):
        raise LawError(
            f"priors is {priors!r}: give a dictionary, such as {{'E': Prior('LogNormal', mu=0.3, sigma=0.1)}}"
        )
    return {_named(name): _checked(name, prior) for name, prior in priors.items()}


def _named(name: str) -> str:
    """The name by which a quantity is reported: that of an optimum has one spelling."""
    try:
        return str(parse_optimum(name) or name)
    except QuantityError as error:
        raise LawError(f"prior on {name}: {error}") from None


def _checked(name: str, prior: Prior | float) -> Prior:
    if is_number(prior) and math.isfinite(prior):  # type: ignore[arg-type]
        return Prior(FIXED, value=float(prior))  # type: ignore[arg-type]
    if not isinstance(prior, Prior):
        raise LawError(
            f"prior on {name}: {prior!r} is neither a number nor a prior: write Prior('LogNormal', mu=0.3, sigma=0.1)"
        )
    if prior.fixed:
        return prior
    fault = _fault(prior)
    if fault:
        raise LawError(f"prior on {name}: {fault}")
    return prior


def _fault(prior: Prior) -> str:
    """What is wrong with a prior that a user states; empty if nothing is."""
    known = DISTRIBUTIONS.get(prior.distribution)
    if known is None:
        near = nearest(str(prior.distribution), DISTRIBUTIONS)
        hint = f", did you mean {near!r}?" if near else f": choose one of {', '.join(DISTRIBUTIONS)}"
        return f"no distribution {prior.distribution!r}{hint}"
    given = set(prior.arguments)
    if not any(set(names) <= given <= {*names, *known.optional} for names in known.arguments):
        sets = " or ".join(" and ".join(names) for names in known.arguments)
        beside = f", and if wanted {' and '.join(known.optional)}" if known.optional else ""
        return f"{prior} has {listed(sorted(given))}: {prior.distribution} takes {sets}{beside}"
    for name, value in prior.arguments.items():
        if not math.isfinite(value):
            return f"{prior}: {name} must be finite"
        if name in _ABOVE_ZERO and value <= 0:
            return f"{prior}: {name} must be above zero"
    low, high = support(prior)
    if low >= high:
        return f"{prior}: lower must be below upper"
    if {"mu", "sigma"} == given and prior.distribution in {"Beta", "Gamma"}:
        mu, sigma = prior.arguments["mu"], prior.arguments["sigma"]
        if not low < mu < high or (prior.distribution == "Beta" and sigma**2 >= mu * (1 - mu)):
            return f"{prior}: no {prior.distribution} has this mean and standard deviation"
    return ""


def support(prior: Prior) -> tuple[float, float]:
    """Ends of the values that a prior can have; the whole line for a distribution that is not known here.

    Examples
    --------
    >>> support(Prior("TruncatedNormal", mu=0.5, sigma=0.1, lower=0.2)), support(Prior("Beta", alpha=2, beta=2))
    ((0.2, inf), (0.0, 1.0))
    """
    known = DISTRIBUTIONS.get(prior.distribution)
    low, high = REAL if known is None else known.support
    return max(low, prior.arguments.get("lower", low)), min(high, prior.arguments.get("upper", high))


def parse_prior(text: str) -> tuple[str, Prior]:
    """Read a prior as people write it.

    Parameters
    ----------
    text : str
        ``"E ~ LogNormal(mu=0.3, sigma=0.1)"``, or ``"E = 1.6"`` for a fixed value; at the optimum of a budget
        ``"tokens_per_parameter at C=5.76e23 ~ LogNormal(mu=3, sigma=0.3)"``.

    Returns
    -------
    name : str
    prior : Prior

    Raises
    ------
    LawError
        If the text is neither, or the prior is wrong.

    Examples
    --------
    >>> name, prior = parse_prior("E ~ LogNormal(mu=0.3, sigma=0.1)")
    >>> print(name, "~", prior)
    E ~ LogNormal(mu=0.3, sigma=0.1)
    >>> parse_prior("E: 1.6")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.LawError: 'E: 1.6' is no prior: write 'E ~ LogNormal(mu=0.3, sigma=0.1)', or 'E = 1.6' ...
    """
    match = re.fullmatch(r"\s*(\w+(?:\s+at\s+C\s*=\s*[^\s~=]+)?)\s*(?:~\s*(\w+)\s*\((.*)\)|=\s*(\S+))\s*", text)
    found = None if match is None else _read(match)
    if match is None or found is None:
        raise LawError(f"{text!r} is no prior: write 'E ~ LogNormal(mu=0.3, sigma=0.1)', or 'E = 1.6' to fix a value")
    return next(iter(stated({match[1]: found}).items()))


def _read(match: "re.Match[str]") -> Prior | float | None:
    """The prior or number of a text; None if a part of it is not a number."""
    try:
        if match[4] is not None:
            return float(match[4])
        call = ast.parse(f"f({match[3]})", mode="eval").body
        assert isinstance(call, ast.Call)
        if call.args or any(each.arg is None for each in call.keywords):
            return None
        return Prior(match[2], **{str(each.arg): float(ast.literal_eval(each.value)) for each in call.keywords})
    except (ValueError, SyntaxError, TypeError, AssertionError, MemoryError, RecursionError):
        return None


def with_own(parameter: Parameter, priors: Mapping[str, Prior]) -> Parameter:
    """A sampled parameter with the user's prior, if there is one."""
    prior = priors.get(parameter.name)
    if prior is None:
        return parameter
    # A level with a log-normal prior stays one more Gaussian coefficient, whatever its mean and standard deviation.
    remains = parameter.scales and prior.distribution == "LogNormal"
    return replace(
        parameter,
        prior=prior,
        reason="stated by the user",
        within=support(parameter.prior),
        arguments=None,
        amounts_to=None,
        scales=remains,
        centred=parameter.scales and not remains,
    )


def check_names(names: Iterable[str], known: Iterable[str], whose: str) -> None:
    """Refuse priors on what nobody reports.

    Raises
    ------
    LawError
    """
    known = tuple(known)
    for name in names:
        if name in known:
            continue
        if name in _CONSTANTS:
            raise LawError(f"prior on {name}: {_CONSTANTS[name]}")
        if is_optimum(name):
            raise LawError(f"prior on {name}: {whose} {NO_OPTIMUM}")
        near = nearest(name, known)
        hint = f", did you mean {near!r}?" if near else f": it reports {', '.join(known)}"
        raise LawError(f"prior on {name}: {whose} has no such quantity{hint}")


_CONSTANTS = {
    "length": "the length scale of the discrepancy is a constant learnt from published tables, and not sampled: its "
    "amplitudes tau and drift take priors",
    **{name: f"an optimum depends on the budget: name it, such as {name} at C=5.76e23" for name in QUANTITIES},
}
