"""The command that turns compute, money, days and energy into each other."""

from typing import Any

import click

from bayescale.cli.options import INTERVAL, JSON, SEED, cost_options
from bayescale.cli.printing import interval_of, masses, print_json, print_remarks, print_table
from bayescale.cli.sections import Command, Section, option
from bayescale.cli.sources import cost_of
from bayescale.cli.values import Quantity

AMOUNT = Section("Amount (one of)")
HOW_MANY = Section("Accelerators")


@click.command(cls=Command)
@option("--budget", section=AMOUNT, type=Quantity(), metavar="FLOP", help="Training compute.")
@option("--dollars", section=AMOUNT, type=Quantity(), metavar="DOLLARS", help="Money.")
@option("--days", section=AMOUNT, type=Quantity(), metavar="DAYS", help="Time of --accelerators.")
@option("--mwh", section=AMOUNT, type=Quantity(), metavar="MWH", help="Energy, megawatt-hours.")
@option("--accelerators", section=HOW_MANY, type=Quantity(), metavar="N", help="How many work at once.")
@cost_options
@SEED
@INTERVAL
@JSON
def cost(
    budget: float | None,
    dollars: float | None,
    days: float | None,
    mwh: float | None,
    accelerators: float | None,
    seed: int,
    interval: float,
    as_json: bool,
    **prices: Any,
) -> None:
    """Turn training compute, money, days or energy into each other, with intervals."""
    given = {"--budget": budget, "--dollars": dollars, "--days": days, "--mwh": mwh}
    asked = [name for name, value in given.items() if value is not None]
    if len(asked) != 1:
        raise click.UsageError(f"give one of {', '.join(given)}, not {' and '.join(asked) or 'none'}")
    if days is not None and accelerators is None:
        raise click.UsageError("--days also needs the number of accelerators: give --accelerators 1024")
    from bayescale.planning.costs import UNITS, compute_of

    of = cost_of(seed, **prices)
    compute = compute_of(of, flop=budget, dollars=dollars, days=days, mwh=mwh, accelerators=accelerators)
    bill = of.bill(compute, accelerators)
    if as_json:
        from bayescale.cli.documents import cost_document

        print_json(cost_document(bill))
        return
    from bayescale.basics.intervals import summary_table

    rows = [
        {"quantity": str(name), masses(interval): interval_of(row, 3), "unit": UNITS[str(name)]}
        for name in bill
        for row in summary_table(bill[name].expand_dims("chain"), interval).to_dict("records")
    ]
    print_table(rows, f"Training on {of.accelerator.name}")
    print_remarks((), [of.note])
