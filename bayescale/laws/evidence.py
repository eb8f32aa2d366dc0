"""Evidence from elsewhere: what others have measured, as terms of the likelihood beside the runs."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bayescale.basics.errors import LawError, QuantityError
from bayescale.basics.quantities import number, parse_quantity, shortest
from bayescale.laws.law import Law
from bayescale.laws.optima import NO_OPTIMUM, has_optimum
from bayescale.laws.parameters import is_number

OPTIMA = ("N_star", "D_star")


@dataclass(frozen=True, init=False)
class Published:
    """A published compute-optimal size or number of tokens.

    It is compared with the law's own optimum, in 6 N D.

    Parameters
    ----------
    C : float
        Budget, FLOP.
    sd : float
        Standard deviation of its logarithm: 0.3 for a factor of 1.35 either way.
    N_star : float, optional
        Parameters; either this or ``D_star``.
    D_star : float, optional
        Tokens.

    Raises
    ------
    LawError
        If a number is missing or impossible.

    Examples
    --------
    >>> print(Published(N_star=70e9, C=5.76e23, sd=0.3))
    N_star=7e+10 at C=5.76e+23, sd=0.3
    """

    quantity: str
    value: float
    C: float
    sd: float

    def __init__(
        self, *, C: float | str, sd: float, N_star: float | str | None = None, D_star: float | str | None = None
    ) -> None:
        given = {name: each for name, each in zip(OPTIMA, (N_star, D_star), strict=True) if each is not None}
        if len(given) != 1:
            raise LawError("published optimum: give either N_star or D_star")
        ((quantity, value),) = given.items()
        read = _positive("published optimum", {"C": C, "sd": sd, quantity: value})
        _set(self, {"quantity": quantity, "C": read["C"], "sd": read["sd"], "value": read[quantity]})

    def __str__(self) -> str:
        return f"{self.quantity}={shortest(self.value)} at C={shortest(self.C)}, sd={shortest(self.sd)}"

    def unsuited(self, law: Law) -> str:
        """Why a law cannot take it; empty if it can."""
        return "" if has_optimum(law) else NO_OPTIMUM


@dataclass(frozen=True)
class Measured:
    """A reported quantity that was measured elsewhere, such as the irreducible loss on an evaluation set.

    Parameters
    ----------
    quantity : str
        Its name, such as ``"E"``.
    value, sd : float
        Value and standard deviation, in the quantity's unit.

    Raises
    ------
    LawError
        If a number is impossible.

    Examples
    --------
    >>> print(Measured("E", 1.69, sd=0.03))
    E=1.69, sd=0.03
    """

    quantity: str
    value: float
    sd: float

    def __post_init__(self) -> None:
        what = f"measured {self.quantity}"
        _set(self, _positive(what, {"sd": self.sd}) | _finite(what, {"value": self.value}))

    def __str__(self) -> str:
        return f"{self.quantity}={shortest(self.value)}, sd={shortest(self.sd)}"

    def unsuited(self, law: Law) -> str:
        """Why a law cannot take it; empty if it can."""
        return "" if self.quantity in law.units else f"has no {self.quantity}"


@dataclass(frozen=True, init=False)
class OtherRun:
    """A run of another recipe, whose outcome differs from that of your recipe by a known offset.

    It departs from the law by noise and a discrepancy of its own.

    Parameters
    ----------
    value : float
        Its outcome.
    sd : float
        Standard deviation of offset and outcome together, on the link's scale: of the logarithm for a loss. Noise of
        runs is added; that of a single seed is not, where the table has several of each setting.
    offset : float
        Its outcome minus that of your recipe, on the link's scale: 0.02 for a loss that is 2 % higher.
    outcome : str
        Name of the outcome.
    **inputs : float
        Inputs of the law, such as ``N`` and ``D``.

    Raises
    ------
    LawError
        If a number is impossible.

    Examples
    --------
    >>> print(OtherRun(2.1, sd=0.02, offset=0.01, N=70e9, D=1.4e12))
    loss=2.1 at N=7e+10, D=1.4e+12, offset=0.01, sd=0.02
    """

    outcome: str
    value: float
    offset: float
    sd: float
    inputs: tuple[tuple[str, float], ...]

    def __init__(
        self, value: float, *, sd: float, offset: float = 0.0, outcome: str = "loss", **inputs: float | str
    ) -> None:
        read = _finite("other run", {outcome: value, "offset": offset}) | _positive("other run", {"sd": sd})
        where = {"outcome": outcome, "inputs": _inputs("other run", inputs)}
        _set(self, {"value": read[outcome], "offset": read["offset"], "sd": read["sd"], **where})

    def __str__(self) -> str:
        place = f"{self.outcome}={shortest(self.value)} at {_written(self.inputs)}"
        return f"{place}, offset={shortest(self.offset)}, sd={shortest(self.sd)}"

    def unsuited(self, law: Law) -> str:
        """Why a law cannot take it; empty if it can."""
        return _unread(law, self.outcome, self.inputs, (self.value,))


@dataclass(frozen=True, init=False)
class Bounded:
    """A range in which the expected outcome of a run must lie.

    Parameters
    ----------
    low, high : float
        Ends of the range.
    sd : float
        Softness of both ends, on the link's scale.
    outcome : str
        Name of the outcome.
    **inputs : float
        Inputs of the law, such as ``N`` and ``D``.

    Raises
    ------
    LawError
        If a number is impossible, or the ends are not in order.

    Examples
    --------
    >>> print(Bounded(1.8, 2.1, N=70e9, D=1.4e12))
    loss=1.8..2.1 at N=7e+10, D=1.4e+12, sd=0.005
    """

    outcome: str
    low: float
    high: float
    sd: float
    inputs: tuple[tuple[str, float], ...]

    def __init__(
        self, low: float, high: float, *, sd: float = 0.005, outcome: str = "loss", **inputs: float | str
    ) -> None:
        read = _finite("range", {"low": low, "high": high}) | _positive("range", {"sd": sd})
        if read["low"] >= read["high"]:
            raise LawError(f"range: its lower end, {read['low']:g}, must be below its upper end, {read['high']:g}")
        _set(self, {**read, "outcome": outcome, "inputs": _inputs("range", inputs)})

    def __str__(self) -> str:
        ends = f"{shortest(self.low)}..{shortest(self.high)}"
        return f"{self.outcome}={ends} at {_written(self.inputs)}, sd={shortest(self.sd)}"

    def unsuited(self, law: Law) -> str:
        """Why a law cannot take it; empty if it can."""
        return _unread(law, self.outcome, self.inputs, (self.low, self.high))


type Evidence = Published | Measured | OtherRun | Bounded


def checked_evidence(evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """Evidence as a tuple.

    Raises
    ------
    LawError
        If it is no sequence of evidence, or the same twice.
    """
    kinds = (Published, Measured, OtherRun, Bounded)
    if not isinstance(evidence, Sequence) or not all(isinstance(each, kinds) for each in evidence):
        raise LawError(f"evidence is {evidence!r}: give a list, such as [Published(N_star=70e9, C=5.76e23, sd=0.3)]")
    for each in evidence:
        if evidence.count(each) > 1:
            raise LawError(f"evidence {each}: is given twice, and would count twice")
    return tuple(evidence)


def parse_evidence(text: str) -> Evidence:
    """Read evidence as people write it, and as ``str`` writes it.

    Parameters
    ----------
    text : str
        ``"N_star=70e9 at C=5.76e23, sd=0.3"``, ``"E=1.69, sd=0.03"``, ``"loss=2.1 at N=70B, D=1.4T, sd=0.02"`` with
        ``offset=0.01`` if wanted, or ``"loss=1.8..2.1 at N=70B, D=1.4T"``.

    Raises
    ------
    LawError
        If the text is none of these, or a number is impossible.

    Examples
    --------
    >>> parse_evidence("N_star=70B at C=5.76e23, sd=0.3")
    Published(quantity='N_star', value=70000000000.0, C=5.76e+23, sd=0.3)
    >>> parse_evidence("E 1.69")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.LawError: 'E 1.69' is no evidence: write 'N_star=70e9 at C=5.76e23, sd=0.3', ...
    """
    match = re.fullmatch(r"\s*(\w+)\s*=\s*([^\s,]+?)\s*(?:(?:,|\bat\b)\s*(.*?))?\s*", text)
    try:
        if match is None:
            raise QuantityError(text)
        name, value = match[1], match[2]
        pairs = [part.partition("=") for part in match[3].split(",")] if match[3] else []
        beside = {key.strip(): _number(number) for key, _, number in pairs}
        if len(beside) < len(pairs):
            raise QuantityError(text)
        if name in OPTIMA:
            return Published(**{name: _number(value)}, **beside)
        if beside.keys() == {"sd"}:
            return Measured(name, _number(value), **beside)
        if ".." in value:
            low, high = value.split("..", 1)
            return Bounded(_number(low), _number(high), outcome=name, **beside)
        return OtherRun(_number(value), outcome=name, **beside)
    except (QuantityError, TypeError):
        raise LawError(
            f"{text!r} is no evidence: write 'N_star=70e9 at C=5.76e23, sd=0.3', 'E=1.69, sd=0.03', 'loss=2.1 at "
            "N=70B, D=1.4T, offset=0.01, sd=0.02' or 'loss=1.8..2.1 at N=70B, D=1.4T'"
        ) from None


def _number(text: str) -> float:
    return parse_quantity(text.strip())


def _written(inputs: tuple[tuple[str, float], ...]) -> str:
    return ", ".join(f"{name}={shortest(value)}" for name, value in inputs)


def _inputs(what: str, inputs: Mapping[str, float | str]) -> tuple[tuple[str, float], ...]:
    if not inputs:
        raise LawError(f"{what}: give the inputs at which it is, such as N=70e9, D=1.4e12")
    return tuple(_positive(what, inputs).items())


def _unread(law: Law, outcome: str, inputs: tuple[tuple[str, float], ...], values: tuple[float, ...]) -> str:
    """Why a law says nothing about an outcome at some inputs; empty if it does."""
    if outcome != law.outcome:
        return f"predicts {law.outcome}, not {outcome}"
    needed = [*law.input_names, *(item.name for item in law.settings)]
    if {name for name, _ in inputs} != set(needed):
        return f"reads {', '.join(needed)}: give each of them and no other"
    low, high = law.link.ends
    if any(not low < value < high for value in values):
        return f"predicts a {outcome} between {low:g} and {high:g}"
    return ""


def _positive(what: str, numbers: Mapping[str, float | str]) -> dict[str, float]:
    found = _finite(what, numbers)
    for name, value in found.items():
        if value <= 0:
            raise LawError(f"{what}: {name} is {value:g}: give a number above zero")
    return found


def _finite(what: str, numbers: Mapping[str, float | str]) -> dict[str, float]:
    """Numbers, or texts of them such as ``"70B"``, as floats."""
    found = {}
    for name, given in numbers.items():
        value = number(f"{what}: {name}", given) if isinstance(given, str) else given
        if not is_number(value) or not math.isfinite(value):
            raise LawError(f"{what}: {name} is {value!r}: give a number")
        found[name] = float(value)
    return found


def _set(item: Any, fields: Mapping[str, Any]) -> None:
    """Set fields of a frozen dataclass."""
    for name, value in fields.items():
        object.__setattr__(item, name, value)
