"""The options that several commands have, each declared once."""

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from bayescale.cli.sections import FIT, OUTPUT, POSTERIOR, PRICES, STUDY, TABLE, Section, option
from bayescale.cli.values import MASS, Pairs, Quantity, Share, Statement, Unit

Decorator = Callable[[Callable[..., None]], Callable[..., None]]

DEFAULT_LAW = "auto"

DEFAULT_NOISE = "student_t"

DEFAULT_ENGINE = "importance"

DEFAULT_DISCREPANCY = True


SOURCE_HELP = "RUNS is a shipped data set's name, a table (a file or -), or a saved fit (.nc)."

TABLE_HELP = "RUNS is a shipped data set's name, or a table (a file or -)."


def joined(ctx: click.Context, param: click.Parameter, given: tuple[dict[str, str], ...]) -> dict[str, str] | None:
    """Pairs of an option that may be repeated, each name once."""
    names = [name for pairs in given for name in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise click.BadParameter(f"{', '.join(twice)} appears more than once", ctx, param)
    return {name: text for pairs in given for name, text in pairs.items()} or None


COLUMNS = option(
    "--columns",
    "--setting",
    "columns",
    section=TABLE,
    type=Pairs(),
    multiple=True,
    callback=joined,
    metavar="OURS=YOURS,...",
    help="The table's own names, arithmetic, or a setting: loss=val_loss,N=params_m*1e6,chance=0.25.",
)

UNIT = option("--unit", section=TABLE, type=Unit(), metavar="TEXT", help="Unit of the outcome, such as bits/character.")

OUTCOME = option(
    "--outcome", section=TABLE, metavar="NAME", help="What to forecast, such as accuracy of a table with a loss, too."
)

_READING: tuple[Decorator, ...] = (
    COLUMNS,
    OUTCOME,
    UNIT,
    option("--glob", section=TABLE, metavar="PATTERN", help="Files of RUNS, a directory, such as '**/*.json'."),
    option(
        "--drop-bad",
        section=TABLE,
        is_flag=True,
        default=None,
        help="Leave out rows that cannot be used, such as crashed runs.",
    ),
    option(
        "--as-is", section=TABLE, is_flag=True, default=None, help="Take N, D and C that training runs can hardly have."
    ),
    option(
        "--flops",
        section=TABLE,
        metavar="RULE",
        help="What compute is: 6*N*D (default), C of the table, or arithmetic over its columns.",
    ),
    option("--best", "cells", section=TABLE, flag_value="best", help="Of several rows of one N and D take the best."),
    option("--mean", "cells", section=TABLE, flag_value="mean", help="Of several rows of one N and D take the mean."),
    option(
        "--checkpoints/--no-checkpoints",
        section=TABLE,
        default=None,
        help="Whether rows of one N with rising D are of one run.",
    ),
)

SEED = option(
    "--seed",
    section=OUTPUT,
    type=click.IntRange(min=0),
    metavar="INTEGER",
    default=0,
    show_default=True,
    help="The same seed gives the same numbers.",
)

INTERVAL = option(
    "--interval", section=OUTPUT, type=MASS, default=0.9, show_default=True, help="Mass of the intervals shown."
)

JSON = option("--json", "as_json", section=OUTPUT, is_flag=True, help="Print JSON for programs instead of tables.")

PRIORS = option(
    "--prior",
    "priors",
    section=POSTERIOR,
    type=Statement("prior"),
    metavar="TEXT",
    multiple=True,
    help="Your prior, 'E ~ LogNormal(mu=0.5, sigma=0.1)', or a fixed value, 'E = 1.6'; repeat it.",
)

EVIDENCE = option(
    "--evidence",
    section=POSTERIOR,
    type=Statement("evidence"),
    metavar="TEXT",
    multiple=True,
    help="Measured elsewhere: 'N_star=70B at C=5.76e23, sd=0.3', 'E=1.69, sd=0.03' or 'loss=2.1 at N=7B, D=1T, "
    "offset=0.01, sd=0.02'; repeat it.",
)

_FIT_OPTIONS: tuple[Decorator, ...] = (
    option(
        "--law",
        "laws",
        section=FIT,
        metavar="NAME|FILE",
        multiple=True,
        help="A law or law file (.py); repeat it to mix. Default auto.",
    ),
    option("--noise", section=POSTERIOR, metavar="NAME", help=f"{DEFAULT_NOISE} (default), normal or one_sided."),
    option(
        "--discrepancy/--no-discrepancy",
        section=FIT,
        default=None,
        help="The law may be wrong (default), or is taken as true.",
    ),
    option(
        "--engine",
        section=POSTERIOR,
        type=click.Choice(["importance", "nuts"]),
        help=f"Sampler. Default {DEFAULT_ENGINE}.",
    ),
    PRIORS,
    EVIDENCE,
    option(
        "--pool",
        section=POSTERIOR,
        metavar="PARAMETER",
        multiple=True,
        help="A parameter that differs between groups; repeat it.",
    ),
    option("--by", section=POSTERIOR, metavar="COLUMN", help="With --pool, the column of the groups. Default group."),
    option("--group", section=POSTERIOR, metavar="NAME", help="With --pool, the group to answer for."),
    option(
        "--new-group",
        section=POSTERIOR,
        is_flag=True,
        default=None,
        help="With --pool, answer for a group that was not seen.",
    ),
    option(
        "--draws", section=POSTERIOR, type=click.IntRange(100, 100_000), metavar="N", help="Per chain. Default 1000."
    ),
    option("--chains", section=POSTERIOR, type=click.IntRange(1, 100), metavar="N", help="Default 4."),
    option(
        "--tune",
        section=POSTERIOR,
        type=click.IntRange(1, 100_000),
        metavar="N",
        help="Draws for NUTS to adapt. Default as --draws, or 1000.",
    ),
    option(
        "--minutes",
        section=POSTERIOR,
        type=click.FloatRange(0),
        metavar="M",
        help="For NUTS to go on until certified. Default 2.",
    ),
    *_READING,
)


def fit_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a fit, as ``source`` and ``options``, and of what is printed."""
    return with_options(command, *_FIT_OPTIONS, SEED, INTERVAL, JSON)


PARAMETERS = option(
    "--parameters",
    section=OUTPUT,
    is_flag=True,
    expose_value=False,
    help="Also print the parameters of each law.",
)


def answer_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a forecast, and of what is printed after its answer."""
    return with_options(command, forecast_options, PARAMETERS)


def forecast_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a fit and of what is forecast from it."""
    risk = option(
        "--risk",
        section=FIT,
        type=Pairs(),
        metavar="NAME=VALUE,...",
        help="A recipe that breaks: probability=0.1,size=0.03 a tenfold.",
    )
    return with_options(command, *_FIT_OPTIONS, risk, SEED, INTERVAL, JSON)


def study_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a study of many fits to one table."""
    return with_options(
        command,
        option("--noise", section=FIT, metavar="NAME", default=DEFAULT_NOISE, show_default=True, help="Noise model."),
        option(
            "--discrepancy/--no-discrepancy",
            section=FIT,
            default=DEFAULT_DISCREPANCY,
            show_default=True,
            help="Whether a law may be wrong.",
        ),
        PRIORS,
        EVIDENCE,
        *_READING,
        option(
            "--jobs",
            section=STUDY,
            type=click.IntRange(min=1),
            metavar="N",
            help="Processes of this machine. Default 1.",
        ),
        option(
            "--backend",
            section=STUDY,
            metavar="ADDRESS",
            help="A cluster instead: dask://HOST:PORT or ray://HOST:PORT; dask:// alone starts one here.",
        ),
        option(
            "--cache",
            section=STUDY,
            type=click.Path(path_type=Path),
            metavar="FOLDER",
            help="Folder that keeps finished fits, to resume from.",
        ),
        SEED,
        JSON,
    )


def table_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a table and of how it is prepared."""
    return with_options(command, *_READING)


def cost_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the prices and efficiencies of training, and what was spent before."""
    study = option(
        "--study",
        section=PRICES,
        type=Quantity(),
        metavar="DOLLARS",
        help="Spent on small runs before, from --dollars.",
    )
    return with_options(command, price_options, study)


def price_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the prices and efficiencies of training."""
    return with_options(
        command,
        option("--accelerator", section=PRICES, metavar="NAME", help="h100 (default), h200 or a100."),
        option(
            "--price",
            section=PRICES,
            type=Quantity(),
            metavar="DOLLARS",
            help="Per accelerator-hour; by default public prices.",
        ),
        option(
            "--utilisation",
            section=PRICES,
            type=Share("for 38 % give 0.38"),
            help="Share of peak that training sustains.",
        ),
        option(
            "--overhead",
            section=PRICES,
            type=click.FloatRange(min=0, max=100),
            metavar="SHARE",
            help="Everything else per dollar of hours, such as 0.3.",
        ),
        option("--own", section=PRICES, is_flag=True, help="Your own accelerators, whose energy is paid on top."),
    )


def budgets_option(section: Section, help: str, default: tuple[str, ...] = ("5.76e23", "1e26")) -> Decorator:
    """One budget or several of training compute."""
    return option(
        "--budget",
        "budgets",
        section=section,
        type=Quantity(),
        metavar="FLOP",
        multiple=True,
        default=default,
        show_default=True,
        help=help,
    )


def runs_option(section: Section, help: str, **settings: Any) -> Decorator:
    """One run or several, each by its inputs."""
    return option("--at", section=section, type=Pairs(), metavar="N=..,D=..", multiple=True, help=help, **settings)


def token_price_option(section: Section, help: str) -> Decorator:
    """The price of fresh training tokens."""
    return option("--token-price", section=section, type=Quantity(), metavar="DOLLARS", help=help)


def figure(what: str) -> Decorator:
    """A figure to be drawn besides."""
    return option(
        "--plot",
        section=OUTPUT,
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=f"Also draw {what} (.png, .svg or .pdf).",
    )


def once(values: Iterable[float]) -> list[float]:
    """The values of a repeated option, each once and in their order."""
    return list(dict.fromkeys(values))


PRICE_NAMES = ("accelerator", "price", "utilisation", "overhead", "own")
COST_NAMES = (*PRICE_NAMES, "study")


def with_options(command: Callable[..., None], *decorators: Decorator) -> Callable[..., None]:
    """Put several options on a command, in their order."""
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def command_line() -> str:
    """The command as it was given: its arguments, and the options that do not have their defaults."""
    context = click.get_current_context()
    words = ["bayescale", str(context.info_name)]
    for parameter in context.command.params:
        name = str(parameter.name)
        if not was_given(name):
            continue
        value = context.params[name]
        for each in value if parameter.multiple else (value,):
            words += _written(parameter, each)
    return shlex.join(words)


def _written(parameter: click.Parameter, value: Any) -> list[str]:
    if isinstance(value, dict):
        value = ",".join(f"{name}={text}" for name, text in value.items())
    if isinstance(parameter, click.Argument):
        return [str(value)]
    assert isinstance(parameter, click.Option)
    if not parameter.is_flag:
        return [parameter.opts[-1], f"{value:.15g}" if isinstance(value, float) else str(value)]
    return [parameter.opts[0] if value else parameter.secondary_opts[0]]


def was_given(parameter: str) -> bool:
    """Whether an option was given, rather than left at its default."""
    source = click.get_current_context().get_parameter_source(parameter)
    return source is click.core.ParameterSource.COMMANDLINE
