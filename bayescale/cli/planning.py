"""Commands that plan: what to train, what it costs, and which of two runs is better."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayescale.cli.options import (
    COST_NAMES,
    INTERVAL,
    JSON,
    SEED,
    SOURCE_HELP,
    Pairs,
    Quantity,
    cost_options,
    fit_options,
    was_given,
)
from bayescale.cli.printing import (
    interval_of,
    leave,
    print_head,
    print_json,
    print_lines,
    print_parameters,
    print_remarks,
    print_table,
    rows_at,
)
from bayescale.cli.sources import cost_of, fitted_from

if TYPE_CHECKING:
    from bayescale.ensembles import Posterior
    from bayescale.planning.costs import Cost


DEFAULT_BUDGETS = ("5.76e23", "1e26")


@click.command(epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@click.option(
    "--budget",
    "budgets",
    type=Quantity(),
    multiple=True,
    default=DEFAULT_BUDGETS,
    show_default=True,
    help="Training FLOP; repeat it for more.",
)
@click.option(
    "--dollars", type=Quantity(), multiple=True, help="Money instead, at uncertain prices; repeat it for more."
)
@click.option("--served", type=Quantity(), multiple=True, help="Tokens served in the model's life; repeat it for more.")
@click.option("--loss", type=Quantity(), help="With --served, the loss that the model must reach.")
@click.option("--plot", type=click.Path(path_type=Path), help="Also draw the plan (.png, .svg or .pdf).")
@cost_options
@fit_options
def plan(
    runs: str,
    budgets: tuple[float, ...],
    dollars: tuple[float, ...],
    served: tuple[float, ...],
    loss: float | None,
    plot: Path | None,
    seed: int,
    interval: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Loss bands and compute-optimal N and D, with credible intervals, at each budget."""
    from bayescale.files import FIGURE_ENDINGS, check_output

    if plot is not None:
        check_output(plot, FIGURE_ENDINGS)
    prices = {name: options.pop(name) for name in COST_NAMES}
    if (dollars or served) and (plot is not None or was_given("budgets")):
        raise click.UsageError("--budget and --plot go with compute, not with --dollars or --served")
    if not dollars and any(value not in (None, False) for value in prices.values()):
        raise click.UsageError("prices go with --dollars, or with `bayescale cost`")
    if bool(served) != (loss is not None):
        raise click.UsageError("--served and --loss go together: the tokens to serve, and the loss to reach")
    if dollars and served:
        raise click.UsageError("give --dollars, or --served and --loss, not both")
    cost = cost_of(seed, **prices)
    fitted = fitted_from(runs, seed, **options)
    if dollars:
        _plan_for_money(fitted, dollars, cost, seed, interval, as_json)
        return
    if loss is not None:
        _plan_for_use(fitted, loss, served, seed, interval, as_json)
        return
    from bayescale.planning.allocation import optimum

    best = optimum(fitted, budgets, seed=seed)
    if plot is not None:
        from bayescale.plots import plot_plan, save_figure

        save_figure(plot_plan(fitted, budgets, ci_prob=interval, seed=seed), plot)
    if as_json:
        from bayescale.documents import plan_document

        print_json(plan_document(fitted, best))
    else:
        print_head(fitted)
        summary = best.summary(interval)
        if best.draws["N"].equals(best.draws["N_law"]):
            summary = summary[summary["quantity"] != "N_law"]
        print_table(rows_at(summary, "C", "budget (FLOP)"), f"Compute-optimal runs, median [{interval:.0%} interval]")
        print_parameters(fitted, interval)
        print_remarks(best.warnings, fitted.notes)
    leave(fitted)


def _plan_for_use(
    fitted: "Posterior", loss: float, served: Sequence[float], seed: int, interval: float, as_json: bool
) -> None:
    from bayescale.planning.lifetimes import lifetime_optimum

    best = lifetime_optimum(fitted, loss, served, seed=seed)
    if as_json:
        from bayescale.documents import lifetime_document

        print_json(lifetime_document(fitted, best))
    else:
        print_head(fitted)
        rows = rows_at(best.summary(interval), "served", "served (tokens)")
        print_table(rows, f"Cheapest training and serving at a loss of {loss:g}, median [{interval:.0%} interval]")
        print_lines(f"P(a loss of {loss:g} can be reached) = {best.reachable:.2f}")
        print_remarks(best.warnings, fitted.notes)
    leave(fitted)


def _plan_for_money(
    fitted: "Posterior", dollars: Sequence[float], cost: "Cost", seed: int, interval: float, as_json: bool
) -> None:
    from bayescale.planning.spending import optimum_for

    best = optimum_for(fitted, dollars, cost, seed=seed)
    if as_json:
        from bayescale.documents import spending_document

        print_json(spending_document(fitted, best))
    else:
        print_head(fitted)
        rows = rows_at(best.summary(interval), "dollars", "budget (dollars)")
        print_table(rows, f"Compute-optimal runs for money, median [{interval:.0%} interval]")
        print_remarks(best.warnings, (*fitted.notes, f"prices: {cost.accelerator.name}, {cost.accelerator.source}"))
    leave(fitted)


@click.command()
@click.option("--flop", type=Quantity(), help="Training compute.")
@click.option("--dollars", type=Quantity(), help="Money.")
@click.option("--days", type=Quantity(), help="Days, of --accelerators.")
@click.option("--mwh", type=Quantity(), help="Energy, megawatt-hours.")
@click.option("--accelerators", type=Quantity(), help="How many work at once.")
@cost_options
@SEED
@INTERVAL
@JSON
def cost(
    flop: float | None,
    dollars: float | None,
    days: float | None,
    mwh: float | None,
    accelerators: float | None,
    seed: int,
    interval: float,
    as_json: bool,
    **prices: Any,
) -> None:
    """What training compute, money, days or energy come to in each other, with intervals."""
    given = {"--flop": flop, "--dollars": dollars, "--days": days, "--mwh": mwh}
    asked = [name for name, value in given.items() if value is not None]
    if len(asked) != 1:
        raise click.UsageError(f"give one of {', '.join(given)}, not {' and '.join(asked) or 'none'}")
    if days is not None and accelerators is None:
        raise click.UsageError("--days: say of how many accelerators by --accelerators 1024")
    from bayescale.planning.costs import UNITS, compute_of

    of = cost_of(seed, **prices)
    compute = compute_of(of, flop=flop, dollars=dollars, days=days, mwh=mwh, accelerators=accelerators)
    bill = of.bill(compute, accelerators)
    if as_json:
        from bayescale.documents import cost_document

        print_json(cost_document(bill))
        return
    from bayescale.intervals import summary_table

    rows = [
        {"quantity": str(name), f"median [{interval:.0%} interval]": interval_of(row, 3), "unit": UNITS[str(name)]}
        for name in bill
        for row in summary_table(bill[name].expand_dims("chain"), interval).to_dict("records")
    ]
    print_table(rows, f"Training on {of.accelerator.name}")
    print_lines(f"note: {of.accelerator.name}: {of.accelerator.source}")


@click.command(epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@click.option("--first", type=Pairs(), required=True, help="A run, such as N=70B,D=1.4T.")
@click.option("--second", type=Pairs(), required=True, help="The run that it is compared with, such as N=280B,D=300B.")
@fit_options
def versus(
    runs: str,
    first: dict[str, str],
    second: dict[str, str],
    seed: int,
    interval: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Which of two runs is better, by how much, and with what probability."""
    points = [{name: Quantity().convert(text, None, None) for name, text in run.items()} for run in (first, second)]
    fitted = fitted_from(runs, seed, **options)
    from bayescale.planning.versus import versus as compare_runs

    compared = compare_runs(fitted, points[0], points[1], seed=seed)
    if as_json:
        from bayescale.documents import versus_document

        print_json(versus_document(compared))
    else:
        print_head(fitted)
        rows = [
            {"run": str(name), f"{compared.outcome} ({compared.unit})": interval_of(row, 4)}
            for name, row in compared.summary(interval).to_dict("index").items()
        ]
        print_table(rows, f"Two runs, median [{interval:.0%} interval]")
        print_lines(
            f"P({compared.outcome} of {compared.names[0]} is lower) = {compared.probability:.2f}; "
            f"of one run of each, noise included, {compared.probability_of_runs:.2f}"
        )
        print_remarks(compared.warnings, fitted.notes)
    leave(fitted)
