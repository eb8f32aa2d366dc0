"""The command that writes a report: one page to open, trust and decide from."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayescale.cli.options import (
    BUDGETS,
    COST_NAMES,
    DEFAULT_LAW,
    SOURCE_HELP,
    command_line,
    cost_options,
    forecast_options,
)
from bayescale.cli.printing import leave, print_lines, progress
from bayescale.cli.sources import asked_of, cost_of, fitted_from, runs_from

if TYPE_CHECKING:
    from bayescale.validation.backtesting import Backtest
    from bayescale.validation.comparison import Comparison

_COMPARED = ("chinchilla", "tied", "skaling")
"""Laws that are compared unless the report is of others."""


@click.command(epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True, help="The page."
)
@BUDGETS
@click.option("--backtest", "with_backtest", is_flag=True, help="Also hide the larger runs and predict them (minutes).")
@click.option("--compare", "with_comparison", is_flag=True, help="Also compare laws on these runs (minutes).")
@click.option(
    "--given",
    metavar="ITEM=TEXT",
    multiple=True,
    help="What a reader should know of how the runs were made, such as tokenizer='BPE, 32k'; repeat it.",
)
@cost_options
@forecast_options
def report(
    runs: str,
    output: Path,
    budgets: tuple[float, ...],
    with_backtest: bool,
    with_comparison: bool,
    given: tuple[str, ...],
    seed: int,
    interval: float,
    as_json: bool,
    **options: Any,
) -> None:
    """One self-contained page: answer, warnings, planner, data, posterior, checks, and how it was done."""
    from bayescale.basics.files import check_output
    from bayescale.report.methods import check_given
    from bayescale.report.page import ENDINGS, write_report

    check_output(output, ENDINGS)
    told = _told(given)
    check_given(told)
    command = command_line()
    cost = cost_of(seed, **{name: options.pop(name) for name in COST_NAMES})
    studied = with_backtest or with_comparison
    if studied and (options["pool"] or Path(runs).suffix == ".nc"):
        raise click.UsageError("--backtest and --compare take a table of runs, and no pooling")
    fitted = fitted_from(runs, seed, **options)
    measured = _backtested(runs, seed, options) if with_backtest else None
    compared = _compared(runs, seed, options) if with_comparison else None
    with progress(f"writing {output}"):
        write_report(
            fitted,
            output,
            budgets=budgets,
            ci_prob=interval,
            seed=seed,
            cost=cost,
            given=told,
            backtested=measured,
            compared=compared,
            command=command,
        )
    if as_json:
        from bayescale.cli.printing import print_json

        print_json({"report": str(output), "bytes": output.stat().st_size, "certified": fitted.certified})
    else:
        print_lines(f"{output}: {output.stat().st_size / 1e6:.1f} MB, open it in a browser")
    leave(fitted)


def _told(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    for name, _, text in pairs:
        if not (name.strip() and text.strip()):
            raise click.UsageError("--given: write ITEM=TEXT, such as tokenizer='BPE, 32k'")
    return {name.strip(): text.strip() for name, _, text in pairs}


def _backtested(runs: str, seed: int, options: dict[str, Any]) -> "Backtest":
    from bayescale.validation.backtesting import backtest

    laws = options["laws"] or (DEFAULT_LAW,)
    return backtest(
        laws[0] if len(laws) == 1 else laws,
        runs_from(runs, options["laws"], options["columns"], options["unit"]),
        progress=True,
        **_sampling(seed, options),
    )


def _compared(runs: str, seed: int, options: dict[str, Any]) -> "Comparison":
    from bayescale.validation.comparison import compare

    laws = tuple(law for law in options["laws"] if law != DEFAULT_LAW)
    asked = {name: value for name, value in _sampling(seed, options).items() if name != "engine"}
    laws = laws if len(laws) > 1 else tuple(dict.fromkeys((*laws, *_COMPARED)))
    return compare(laws, runs_from(runs, laws, options["columns"], options["unit"]), progress=True, **asked)


def _sampling(seed: int, options: dict[str, Any]) -> dict[str, Any]:
    return asked_of(seed, **{name: options[name] for name in ("noise", "discrepancy", "engine")})
