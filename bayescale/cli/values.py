"""What the values of options may be."""

from typing import Any, Literal

import click

from bayescale.basics.errors import LawError, QuantityError
from bayescale.basics.quantities import check_unit, parse_quantity


def number_from(option: str, name: str, text: str) -> float:
    """The number of a ``name=value`` pair of an option."""
    try:
        return parse_quantity(text)
    except QuantityError as error:
        raise click.UsageError(f"{option} {name}: {error}") from None


class Quantity(click.ParamType[float]):
    """A positive number such as 70B or 5.76e23, or one above another bound."""

    name = "number"

    def __init__(self, above: float = 0.0) -> None:
        self._above = above

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the text of an option."""
        if isinstance(value, float):
            return value
        money = isinstance(param, click.Option) and param.metavar == "DOLLARS"
        if value.startswith("$") and not money and ctx and any(each.name == "dollars" for each in ctx.command.params):
            self.fail(f"{value} is money: give it with --dollars", param, ctx)
        try:
            number = parse_quantity(value.removeprefix("$") if money else value)
        except QuantityError as error:
            self.fail(str(error), param, ctx)
        if number <= self._above:
            self.fail(f"{value} is not above {f'{self._above:g}' if self._above else 'zero'}", param, ctx)
        return number


class Statement(click.ParamType[str]):
    """A prior, such as E ~ LogNormal(mu=0.5, sigma=0.1), or evidence, such as E=1.69, sd=0.03."""

    name = "statement"

    def __init__(self, kind: Literal["prior", "evidence"]) -> None:
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the text of an option, to refuse what is none at once."""
        from bayescale.laws.evidence import parse_evidence
        from bayescale.laws.priors import parse_prior

        try:
            (parse_prior if self._kind == "prior" else parse_evidence)(value)
        except LawError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class Pairs(click.ParamType[dict[str, str]]):
    """``name=value`` pairs, such as N=70B,D=1.4T."""

    name = "name=value,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        """Read the text of an option."""
        if isinstance(value, dict):
            return value
        pairs = [part.partition("=") for part in value.split(",")]
        names = [key.strip() for key, _, _ in pairs]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            self.fail(f"{value!r}: {', '.join(twice)} appears more than once", param, ctx)
        if any(not key.strip() or not text.strip() for key, _, text in pairs):
            self.fail(f"{value!r}: write name=value pairs separated by commas, such as N=70B,D=1.4T", param, ctx)
        return {key.strip(): text.strip() for key, _, text in pairs}


class Demand(click.ParamType[tuple[float, float]]):
    """A positive number, or the ends of a 90 % interval such as 2T..50T."""

    name = "number|low..high"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        """Read the text of an option."""
        if isinstance(value, tuple):
            return value
        ends = [Quantity().convert(text, param, ctx) for text in value.split("..", 1)]
        if ends[0] > ends[-1]:
            self.fail(f"{value}: the lower end of the interval comes first", param, ctx)
        return ends[0], ends[-1]


class Unit(click.ParamType[str]):
    """A short printable text."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the text of an option."""
        try:
            check_unit(value)
        except QuantityError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class Share(click.ParamType[float]):
    """A number between 0 and 1."""

    name = "share"

    def __init__(self, hint: str) -> None:
        self._hint = hint

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the text of an option."""
        try:
            mass = float(value)
        except ValueError:
            mass = float("nan")
        if not 0 < mass < 1:
            self.fail(f"{value} is not between 0 and 1; {self._hint}", param, ctx)
        return mass


MASS = Share("for a 90 % interval give 0.9")
