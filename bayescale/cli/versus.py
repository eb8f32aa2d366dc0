"""The command that compares two runs."""

from typing import Any

import click

from bayescale.basics.quantities import with_unit
from bayescale.cli.options import SOURCE_HELP, answer_options, runs_option
from bayescale.cli.printing import interval_of, leave, masses, print_basis, print_json, print_lines
from bayescale.cli.printing import print_table as print_table
from bayescale.cli.sections import Command, Section
from bayescale.cli.sources import Asked, runs_at, source_from

RUNS = Section("Runs")


@click.command(cls=Command, epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@runs_option(RUNS, "A run, such as N=70B,D=1.4T; twice, for the two to compare.", required=True)
@answer_options
def versus(
    runs: str, at: tuple[dict[str, str], ...], seed: int, interval: float, as_json: bool, **options: Any
) -> None:
    """Compare two runs: which is better, by how much, and with what probability."""
    first, second = runs_at(at, 2)
    from bayescale.planning.versus import check_two, named
    from bayescale.planning.versus import versus as compare_runs
    from bayescale.posterior.ensembles import first_fit

    check_two(first, second)
    source = source_from(Asked(runs=runs, seed=seed, **options))
    for run in (first, second):
        source.check_points(run)
    fitted = source.posterior()
    compared = compare_runs(fitted, first, second, seed=seed)
    if as_json:
        from bayescale.cli.documents import versus_document

        print_json(versus_document(compared))
    else:
        heading = with_unit(fitted.outcome, first_fit(fitted).law.outcome_unit)
        labels = [named(first), named(second), "first minus second", "first minus second, one run of each"]
        summary = zip(labels, compared.summary(interval).to_dict("records"), strict=True)
        print_table(
            [{"run": label, heading: interval_of(row, 4)} for label, row in summary],
            f"Two runs, {masses(interval)}",
        )
        probability, of_runs = compared.probabilities.values()
        print_lines(
            f"P({fitted.outcome} of {labels[0]} is lower) = {probability:.2f}; "
            f"of one run of each, noise included, {of_runs:.2f}"
        )
        print_basis(compared.warnings, compared.notes, interval, fitted)
    leave(fitted)
