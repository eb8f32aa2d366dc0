"""The command that says what a table is before anything is fitted to it."""

from pathlib import Path
from typing import Any

import click

from bayescale.basics.wording import in_a_row
from bayescale.cli.options import JSON, TABLE_HELP, figure, table_options
from bayescale.cli.printing import print_json, print_lines, print_ranges, print_remarks, print_table, print_written
from bayescale.cli.sections import FIT, Command, option
from bayescale.cli.sources import runs_from


@click.command(cls=Command, epilog=TABLE_HELP)
@click.argument("runs", default="chinchilla")
@option(
    "--law",
    "laws",
    section=FIT,
    metavar="NAME|FILE",
    multiple=True,
    help="Whose outcome to check. Default the table's own.",
)
@table_options
@figure("the runs")
@JSON
def check(
    runs: str,
    laws: tuple[str, ...],
    plot: Path | None,
    as_json: bool,
    **reading: Any,
) -> None:
    """Say what a table is: columns, units, compute, design, sweeps, checkpoints, odd rows, and what it can tell."""
    from bayescale.basics.files import FIGURE_ENDINGS, check_output
    from bayescale.data.checking import OTHER_COUNTS
    from bayescale.data.checking import check as check_table

    if plot is not None:
        check_output(plot, FIGURE_ENDINGS)
    if Path(runs).suffix == ".nc":
        raise click.UsageError(f"{runs} is a saved fit: check takes the table of its runs")
    found = check_table(runs_from(runs, laws, series_apart=False, **reading))
    if plot is not None:
        from bayescale.plots import plot_check, save_figure

        save_figure(plot_check(found), plot)
    if as_json:
        from bayescale.cli.documents import finite

        print_json(finite(found.to_dict()))
        print_written(plot, as_json)
        return
    print_ranges(found.runs)
    facts = dict(found.facts)
    if others := facts.get(OTHER_COUNTS):
        facts[OTHER_COUNTS] = f"{others} (compare --count N,{others.replace(', ', ',')})"
    print_table([{"of the table": name, "found": text} for name, text in facts.items()], "Design")
    fitted = in_a_row(found.laws) or f"none: {found.refusal}"
    print_lines(f"fitted when no law is named: {fitted}", f"laws that suit: {', '.join(found.suited) or 'none'}")
    print_lines(*(f"cannot be told: {text}" for text in found.untold))
    print_remarks(found.warnings, found.runs.notes)
    print_written(plot, as_json)
