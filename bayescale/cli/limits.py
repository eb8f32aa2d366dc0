"""The command on limits to training: how large a run can get by a year, what stops it, and what it could attain."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayescale.cli.options import SOURCE_HELP, answer_options, figure, was_given
from bayescale.cli.printing import (
    LABELS,
    interval_of,
    leave,
    masses,
    print_basis,
    print_json,
    print_lines,
    print_table,
    print_written,
    rows_at,
)
from bayescale.cli.sections import Command, Section, option
from bayescale.cli.sources import Asked, check_second_step, followed, source_from

if TYPE_CHECKING:
    from bayescale.planning.answers import Answer
    from bayescale.planning.limits import Limits
    from bayescale.posterior.ensembles import Posterior


LIMITS = Section("Limits")
WITH_RUNS = Section("With RUNS")


@click.command(cls=Command, epilog=f"{SOURCE_HELP} Without it, only compute is shown.")
@click.argument("runs", required=False)
@option(
    "--year",
    "years",
    section=LIMITS,
    type=float,
    metavar="YEAR",
    multiple=True,
    default=(2030.0,),
    help="Repeat it for more. Default 2030.",
)
@option(
    "--file",
    section=LIMITS,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Your numbers instead of the shipped ones (.toml).",
)
@option(
    "--write",
    section=LIMITS,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the shipped numbers to a file to edit, and stop.",
)
@option(
    "--since",
    section=WITH_RUNS,
    type=float,
    metavar="YEAR",
    help="Count what algorithms have gained since that year, in which the runs were trained.",
)
@option(
    "--then",
    section=WITH_RUNS,
    metavar="NAME|FILE",
    help="A law of what follows from loss, such as downstream_error.",
)
@figure("the limits")
@answer_options
def limits(
    runs: str | None,
    years: tuple[float, ...],
    file: Path | None,
    write: Path | None,
    plot: Path | None,
    since: float | None,
    then: str | None,
    seed: int,
    interval: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Show the largest feasible training run by a year, what limits it, and with RUNS its loss."""
    from bayescale.planning.attainable import attainable
    from bayescale.planning.limits import limits as limits_by
    from bayescale.planning.outlook import SHIPPED, read_outlook

    if write is not None:
        _write(SHIPPED, write)
        return
    _check(runs, plot, {"since": since, "then": then, "parameters": was_given("parameters") or None, **options})
    found = limits_by(years, read_outlook(file or SHIPPED), seed=seed)
    if since is not None:
        found.effective(since)  # refuses a year that makes no sense, before anything is fitted
    fitted: Posterior | None = None
    reached: Answer | None = None
    if runs is not None:
        asked = Asked(runs=runs, seed=seed, **options)
        if then is not None:
            check_second_step(then, asked)
        source = source_from(asked)
        source.check_planned()
        fitted = followed(source.posterior(), then, asked)
        reached = attainable(found, fitted, since=since, seed=seed)
    if plot is not None:
        from bayescale.plots import plot_limits, save_figure

        save_figure(plot_limits(found, ci_prob=interval), plot)
    if as_json:
        from bayescale.cli.documents import limits_document

        print_json(limits_document(found, fitted, reached))
    else:
        _show(found, interval)
        if reached is not None:
            _show_attained(reached, interval)
        doubts = (*(reached.warnings if reached else ()), *found.warnings)
        given = () if fitted is None else (fitted,)
        notes = (*found.notes, *(note for each in given for note in each.notes))
        print_basis(doubts, tuple(dict.fromkeys(notes)), interval, *given)
    print_written(plot, as_json)
    leave(fitted is None or fitted.certified)


def _check(runs: str | None, plot: Path | None, given: dict[str, Any]) -> None:
    """Refuse what cannot be used, before anything is fitted."""
    from bayescale.basics.files import FIGURE_ENDINGS, check_output

    if plot is not None:
        check_output(plot, FIGURE_ENDINGS)
    unused = [name for name, value in given.items() if value not in (None, ())]
    if runs is None and unused:
        name = "law" if unused[0] == "laws" else unused[0].replace("_", "-")
        raise click.UsageError(f"--{name} goes with RUNS: name a data set or a table of runs")


def _write(shipped: Path, path: Path) -> None:
    from bayescale.basics.files import check_output, replacing

    check_output(path, (".toml",))
    if path.exists():
        raise click.UsageError(f"--write: {path} exists already, and may hold your numbers: name another file")
    with replacing(path) as temporary:
        temporary.write_bytes(shipped.read_bytes())
    print_lines(f"written to {path}: edit it, and read it by --file {path}")


def _show(found: "Limits", interval: float) -> None:
    titles = found.titles
    for year, block in found.summary(interval).groupby("year"):
        rows = [
            {
                "limit": titles[row["quantity"]],
                "training compute (FLOP)": interval_of(row, 3),
                "P(it binds)": f"{row['binds']:.2f}" if row["binds"] >= 0 else "",
            }
            for row in block.to_dict("records")
        ]
        print_table(rows, f"Limits to a training run in {year:g}, {masses(interval)}")
        overtaken = float(found.overtaken.sel(year=year))
        print_lines(f"P(the trend lies above the largest feasible run in {year:g}) = {overtaken:.2f}")
    from bayescale.basics.intervals import summary_table

    named = {"compute_growth": "compute of the largest runs", "efficiency_growth": "algorithmic efficiency"}
    growth = {
        words: interval_of(row, 3)
        for name, words in named.items()
        for row in summary_table(found.growth[name], interval).to_dict("records")
    }
    print_lines(f"Factors a year: {', '.join(f'{words} {factor}' for words, factor in growth.items())}", "")


def _show_attained(reached: "Answer", interval: float) -> None:
    rows = rows_at(reached.summary(interval), "year", "year", "{:g}".format, {**LABELS, **reached.labels})
    print_table(rows, f"A compute-optimal run that large, if the law holds so far: {masses(interval)}")
