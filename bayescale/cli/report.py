"""The command that writes a report: one page to open, trust and decide from."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayescale.basics.wording import in_a_row
from bayescale.cli.options import (
    COST_NAMES,
    DEFAULT_LAW,
    SOURCE_HELP,
    budgets_option,
    command_line,
    cost_options,
    forecast_options,
)
from bayescale.cli.printing import leave, print_lines, progress
from bayescale.cli.sections import Command, Section, option
from bayescale.cli.sources import Asked, cost_of, runs_from, source_from
from bayescale.cli.spelling import as_options

if TYPE_CHECKING:
    from bayescale.data.runs import Runs
    from bayescale.posterior.ensembles import Posterior
    from bayescale.posterior.fit import Fit
    from bayescale.validation.backtesting import Backtest
    from bayescale.validation.comparison import Comparison

_COMPARED = ("chinchilla", "tied", "skaling")
"""Laws of loss by N and D that are compared unless others are named."""


PAGE = Section("Page")


@click.command(cls=Command, epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@option(
    "-o",
    "--output",
    section=PAGE,
    type=click.Path(path_type=Path),
    metavar="FILE",
    default=Path("report.html"),
    show_default=True,
    help="The page.",
)
@budgets_option(PAGE, "Training compute to plan for; repeat it.")
@option(
    "--backtest",
    "with_backtest",
    section=PAGE,
    is_flag=True,
    help="Also hide the larger runs and predict them (minutes).",
)
@option("--compare", "with_comparison", section=PAGE, is_flag=True, help="Also compare laws on these runs (minutes).")
@option(
    "--given",
    section=PAGE,
    metavar="ITEM=TEXT",
    multiple=True,
    help="How the runs were made, such as tokenizer='BPE, 32k'; repeat it.",
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
    """Write one self-contained page: answer, warnings, planner, data, posterior, checks, and how it was done."""
    from bayescale.basics.extras import check_extra

    check_extra("report", str(output))
    from bayescale.basics.files import check_output
    from bayescale.report.methods import check_given
    from bayescale.report.page import ENDINGS, write_report

    check_output(output, ENDINGS)
    described = _described(given)
    check_given(described)
    command = command_line()
    cost = cost_of(seed, **{name: options.pop(name) for name in COST_NAMES})
    asked = Asked(runs=runs, seed=seed, **options)
    if (with_backtest or with_comparison) and (asked.pool or asked.saved):
        instead = f"not a saved fit ({asked.runs})" if asked.saved else "and no pooling"
        raise click.UsageError(f"--backtest and --compare take a table of runs, {instead}")
    fitted = source_from(asked).posterior()
    studies = with_backtest + with_comparison
    measured = _backtested(asked, f"study 1 of {studies}") if with_backtest else None
    compared = _compared(asked, fitted, f"study {studies} of {studies}") if with_comparison else None
    with progress(f"writing {output}"):
        write_report(
            _with_options(fitted),
            output,
            budgets=budgets,
            ci_prob=interval,
            seed=seed,
            cost=cost,
            given=described,
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


def _with_options(fitted: "Posterior") -> "Posterior":
    """The posterior with its remarks as the command line spells them."""
    from bayescale.posterior.ensembles import Ensemble

    if isinstance(fitted, Ensemble):
        return replace(fitted, members={name: _spelt(member) for name, member in fitted.members.items()})
    return _spelt(fitted)


def _spelt(fitted: "Fit") -> "Fit":
    return replace(fitted, warnings=tuple(map(as_options, fitted.warnings)), notes=tuple(map(as_options, fitted.notes)))


def _described(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    for name, _, text in pairs:
        if not (name.strip() and text.strip()):
            raise click.UsageError("--given: write ITEM=TEXT, such as tokenizer='BPE, 32k'")
    return {name.strip(): text.strip() for name, _, text in pairs}


def _backtested(asked: Asked, which: str) -> "Backtest":
    from bayescale.validation.backtesting import backtest

    # Lines, since a spinner would overwrite the bars, which say what remains.
    click.echo(f"{which}: hiding the larger runs and predicting them, a fit for each split of the table", err=True)
    return backtest(asked.law, _table(asked, asked.laws), progress=True, **asked.sampling)


def _compared(asked: Asked, fitted: "Posterior", which: str) -> "Comparison":
    from bayescale.validation.comparison import compare, laws_to_compare

    laws = _laws(asked, fitted)
    table = _table(asked, laws)
    names, fits = laws_to_compare(laws, table)
    click.echo(f"{which}: comparing {in_a_row(names)}: {fits} fits at least, of about a second each", err=True)
    sampling = {name: value for name, value in asked.sampling.items() if name != "engine"}
    return compare(laws, table, progress=True, **sampling)


def _laws(asked: Asked, fitted: "Posterior") -> tuple[str, ...]:
    """Laws to compare: those that are named; beside a single one those of the same outcome that suit the runs."""
    from bayescale.posterior.ensembles import first_fit
    from bayescale.validation.comparison import laws_to_compare

    named, law = tuple(law for law in asked.laws if law != DEFAULT_LAW), first_fit(fitted).law
    if len(named) > 1:
        return named
    usual = {"N", "D"} <= set(law.input_names) and law.outcome == "loss"
    others = _COMPARED if usual else laws_to_compare(None, _table(asked, named))[0]
    return tuple(dict.fromkeys((*named, *others)))


def _table(asked: Asked, laws: tuple[str, ...]) -> "Runs":
    return runs_from(asked.runs, laws, unit=asked.unit, **asked.reading)
