"""The command that compares a registered forecast with the runs as they came out."""

from pathlib import Path

import click

from bayescale.basics.quantities import format_column, format_interval, format_quantity, with_unit
from bayescale.basics.wording import in_a_row
from bayescale.cli.options import COLUMNS, JSON, UNIT
from bayescale.cli.printing import masses, print_json, print_lines, print_table
from bayescale.cli.sections import Command, Section, option


@click.command(cls=Command)
@click.argument("registered", type=click.Path(path_type=Path), metavar="FILE")
@option(
    "--observed",
    section=Section("Runs as they came out"),
    metavar="TABLE",
    required=True,
    help="A table with the inputs and the outcome of registered runs.",
)
@COLUMNS
@UNIT
@JSON
def score(registered: Path, observed: str, columns: dict[str, str] | None, unit: str | None, as_json: bool) -> None:
    """Compare a forecast that predict --register wrote with the runs as they came out."""
    from bayescale.validation.registration import MASSES, Registered

    found = Registered.read(registered)
    scores = found.score(observed, columns=columns, unit=unit)
    if as_json:
        print_json({"registered_at": found.registered_at, "sha256": found.hash, "runs": scores.to_dict("records")})
        return
    rows = [
        {
            **{name: format_column(name, row[name]) for name in found.points[0]},
            "observed": format_quantity(row["observed"], 4),
            masses(0.9): format_interval((row["q05"], row["q50"], row["q95"]), 4),
            "error": f"{row['error']:+.2%}" if found.by_ratio else f"{row['error']:+.3f}",
            "inside": next((f"{mass:.0%}" for mass in MASSES if row[f"inside_{100 * mass:.0f}"]), "no"),
            "CRPS": format_quantity(row["crps"], 2),
        }
        for row in scores.to_dict("records")
    ]
    print_table(rows, f"{with_unit(found.outcome, found.unit)} as it came out and as it was forecast")
    inside = scores["inside_90"]
    print_lines(f"inside their 90% interval: {inside.sum()} of {len(inside)}")
    print_lines(
        f"{in_a_row(fit['law'] for fit in found.fits)} on {found.dataset}: {found.n_runs} runs; "
        f"registered {found.registered_at}, SHA-256 {found.hash}"
    )
