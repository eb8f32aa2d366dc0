"""The options that commands share: what their values may be, and what they are called."""

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from bayescale.basics.errors import QuantityError
from bayescale.basics.quantities import check_unit, parse_quantity

DEFAULT_LAW = "auto"

DEFAULT_NOISE = "student_t"

DEFAULT_ENGINE = "importance"

DEFAULT_DISCREPANCY = True


class Quantity(click.ParamType[float]):
    """A positive number such as 70B or 5.76e23."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the text of an option."""
        if isinstance(value, float):
            return value
        try:
            number = parse_quantity(value)
        except QuantityError as error:
            self.fail(str(error), param, ctx)
        if number <= 0:
            self.fail(f"{value} is not above zero", param, ctx)
        return number


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
            self.fail(f"{value!r}: {', '.join(twice)} is given more than once", param, ctx)
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

BUDGETS = click.option(
    "--budget",
    "budgets",
    type=Quantity(),
    multiple=True,
    default=("5.76e23", "1e26"),
    show_default=True,
    help="Training FLOP; repeat it for more.",
)

COLUMNS = click.option("--columns", type=Pairs(), help="The table's own names, such as loss=val_loss,N=params.")

UNIT = click.option(
    "--unit",
    type=Unit(),
    help="What the outcome is measured in, such as bits/character. A loss is in nats/token by default.",
)

SEED = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed gives the same numbers."
)

INTERVAL = click.option("--interval", type=MASS, default=0.9, show_default=True, help="Mass of the intervals shown.")

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of tables.")

SOURCE_HELP = "RUNS is a shipped data set's name, a CSV or Parquet file, or a saved fit (.nc)."


def fit_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a fit, as ``source`` and ``options``, and of what is printed."""
    return with_options(
        command,
        click.option(
            "--law",
            "laws",
            metavar="NAME|FILE",
            multiple=True,
            help="A shipped law or a law file (.py); repeat it to mix several. Default auto, a mixture.",
        ),
        click.option("--noise", help=f"Noise of the outcome: student_t, normal or one_sided. Default {DEFAULT_NOISE}."),
        click.option(
            "--discrepancy/--no-discrepancy",
            default=None,
            help="Whether a law itself may be wrong (the default), or is taken as true, with too narrow bands.",
        ),
        click.option("--engine", type=click.Choice(["importance", "nuts"]), help=f"Default {DEFAULT_ENGINE}."),
        click.option(
            "--pool",
            metavar="PARAMETER",
            multiple=True,
            help="A parameter of the law that differs between groups of runs, which lean on each other; repeat it.",
        ),
        click.option("--by", metavar="COLUMN", help="Column that tells the groups apart. Default group."),
        click.option("--group", help="With --pool, the group to answer for."),
        COLUMNS,
        UNIT,
        SEED,
        INTERVAL,
        JSON,
    )


def forecast_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a fit and of what is forecast from it."""
    return with_options(
        command,
        fit_options,
        click.option(
            "--risk",
            type=Pairs(),
            help="A recipe that may break beyond the runs: probability=0.1,size=0.03 for a tenth in each tenfold of "
            "compute, adding 3 % of loss on average.",
        ),
    )


def study_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a study of many fits to one table."""
    return with_options(
        command,
        click.option("--noise", default=DEFAULT_NOISE, show_default=True, help="Noise of the outcome."),
        click.option(
            "--discrepancy/--no-discrepancy",
            default=DEFAULT_DISCREPANCY,
            show_default=True,
            help="Whether a law may be wrong.",
        ),
        COLUMNS,
        UNIT,
        SEED,
        click.option("--jobs", type=click.IntRange(min=1), help="Processes of this machine. Default 1."),
        click.option(
            "--backend", help="A cluster instead: dask://HOST:PORT or ray://HOST:PORT; dask:// alone starts one here."
        ),
        click.option(
            "--cache", type=click.Path(path_type=Path), help="Folder that keeps finished fits, to resume from."
        ),
        JSON,
    )


def cost_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the prices and efficiencies of training, and what was spent before."""
    return with_options(
        command,
        price_options,
        click.option("--study", type=Quantity(), help="Dollars spent on small runs before."),
    )


def price_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the prices and efficiencies of training."""
    return with_options(
        command,
        click.option("--accelerator", help="Kind of accelerator: h100, h200 or a100. Default h100."),
        click.option("--price", type=Quantity(), help="Dollars per accelerator-hour; by default public prices."),
        click.option("--utilisation", type=Share("for 38 % give 0.38"), help="Share of peak that training sustains."),
        click.option(
            "--overhead",
            type=click.FloatRange(min=0, max=100),
            help="Everything else per dollar of hours, such as 0.3.",
        ),
        click.option("--own", is_flag=True, help="Accelerators of one's own, whose energy is paid on top."),
    )


def once(values: Iterable[float]) -> list[float]:
    """The values of a repeated option, each once and in their order."""
    return list(dict.fromkeys(values))


TOKEN_PRICE = click.option("--token-price", type=Quantity(), help="Dollars per fresh training token, such as 1e-6.")

PRICE_NAMES = ("accelerator", "price", "utilisation", "overhead", "own")
COST_NAMES = (*PRICE_NAMES, "study")


def with_options(
    command: Callable[..., None], *decorators: Callable[[Callable[..., None]], Callable[..., None]]
) -> Callable[..., None]:
    """Put several options on a command, in their order."""
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def command_line() -> str:
    """The command that was said, to be said again: its arguments and those options that were not left alone."""
    context = click.get_current_context()
    words = ["bayescale", str(context.info_name)]
    for parameter in context.command.params:
        name = str(parameter.name)
        if not was_given(name):
            continue
        value = context.params[name]
        for each in value if parameter.multiple else (value,):
            words += _said(parameter, each)
    return shlex.join(words)


def _said(parameter: click.Parameter, value: Any) -> list[str]:
    if isinstance(value, dict):
        value = ",".join(f"{name}={text}" for name, text in value.items())
    if isinstance(parameter, click.Argument):
        return [str(value)]
    assert isinstance(parameter, click.Option)
    if not parameter.is_flag:
        return [parameter.opts[-1], f"{value:.15g}" if isinstance(value, float) else str(value)]
    return [parameter.opts[0] if value else parameter.secondary_opts[0]]


def was_given(parameter: str) -> bool:
    """Whether an option was said, rather than left at its default."""
    source = click.get_current_context().get_parameter_source(parameter)
    return source is click.core.ParameterSource.COMMANDLINE
