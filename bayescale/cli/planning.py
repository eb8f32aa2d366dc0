"""Commands that plan: what to train, what it costs, and which of two runs is better."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayescale.basics.quantities import format_quantity, with_unit
from bayescale.cli.options import (
    BUDGETS,
    COST_NAMES,
    INTERVAL,
    JSON,
    SEED,
    SOURCE_HELP,
    TOKEN_PRICE,
    Demand,
    Pairs,
    Quantity,
    cost_options,
    forecast_options,
    once,
    was_given,
)
from bayescale.cli.printing import (
    interval_of,
    leave,
    masses,
    outcome_labels,
    print_head,
    print_json,
    print_lines,
    print_parameters,
    print_remarks,
    print_table,
    rows_at,
    show_answer,
)
from bayescale.cli.sources import cost_of, fitted_from, price_note, run_from

if TYPE_CHECKING:
    from bayescale.laws.parameters import Prior
    from bayescale.planning.costs import Cost
    from bayescale.posterior.ensembles import Posterior


_NORMAL_95 = 1.6448536
"""Standard normal quantile at 0.95."""


@click.command(epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@BUDGETS
@click.option("--robust", is_flag=True, help="The size of least expected regret, and the range that is as good.")
@click.option(
    "--dollars", type=Quantity(), multiple=True, help="Money instead, at uncertain prices; repeat it for more."
)
@click.option(
    "--served",
    type=Demand(),
    multiple=True,
    help="Tokens served in the model's life, or their 90 % interval, 2T..50T; repeat it for more.",
)
@click.option("--loss", type=Quantity(), help="With --served, the loss that the model must reach, in its unit.")
@click.option(
    "--serving-price", type=Quantity(), help="With --served, of a FLOP of serving over one of training. Default 1."
)
@click.option("--unique", type=Quantity(), help="Unique training tokens that there are.")
@TOKEN_PRICE
@click.option("--plot", type=click.Path(path_type=Path), help="Also draw the plan (.png, .svg or .pdf).")
@cost_options
@forecast_options
def plan(
    runs: str,
    budgets: tuple[float, ...],
    robust: bool,
    dollars: tuple[float, ...],
    served: tuple[tuple[float, float], ...],
    loss: float | None,
    serving_price: float | None,
    unique: float | None,
    token_price: float | None,
    plot: Path | None,
    seed: int,
    interval: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Loss bands and compute-optimal N and D, with credible intervals, at each budget."""
    from bayescale.basics.files import FIGURE_ENDINGS, check_output

    if plot is not None:
        check_output(plot, FIGURE_ENDINGS)
    prices = {name: options.pop(name) for name in COST_NAMES}
    asked = {"--dollars": bool(dollars), "--served": bool(served), "--unique": unique is not None, "--robust": robust}
    chosen = [name for name, given in asked.items() if given]
    if len(chosen) > 1:
        raise click.UsageError(f"give one of {', '.join(asked)}, not {' and '.join(chosen)}")
    if plot is not None and chosen:
        raise click.UsageError(f"--plot draws the plan for compute, without {chosen[0]}")
    if was_given("budgets") and (dollars or loss is not None):
        raise click.UsageError("--budget is compute: leave it out with --dollars, and with --served and --loss")
    if (loss is not None or serving_price is not None) and not served:
        raise click.UsageError("--loss and --serving-price go with --served, the tokens to serve")
    if served and loss is None and not (was_given("budgets") and len(budgets) == 1):
        raise click.UsageError("--served: say what loss to reach by --loss, or what to spend in all by one --budget")
    if token_price is not None and unique is None:
        raise click.UsageError("--token-price goes with --unique, the tokens that there are")
    if prices["study"] is not None and not dollars:
        raise click.UsageError("--study goes with --dollars, from which it is taken")
    if not dollars and unique is None and any(value not in (None, False) for value in prices.values()):
        raise click.UsageError("prices go with --dollars or --unique, or with `bayescale cost`")
    cost, demand = cost_of(seed, **prices), _demand(served)
    budgets, dollars = tuple(once(budgets)), tuple(once(dollars))
    fitted = fitted_from(runs, seed, **options)
    if dollars:
        _plan_for_money(fitted, dollars, cost, seed, interval, as_json)
    elif served:
        price = serving_price or 1.0
        if loss is None:
            _plan_to_serve(fitted, budgets[0], demand, price, seed, interval, as_json)
        else:
            _plan_for_use(fitted, loss, demand, price, seed, interval, as_json)
    elif unique is not None:
        from bayescale.planning.data_wall import data_limited

        answer = data_limited(fitted, budgets, unique, token_price=token_price, cost=cost, seed=seed)
        show_answer(fitted, answer, interval, as_json, [price_note(cost)])
    elif robust:
        _plan_robustly(fitted, budgets, seed, interval, as_json)
    else:
        _plan_for_compute(fitted, budgets, plot, seed, interval, as_json)


def _plan_for_compute(
    fitted: "Posterior", budgets: Sequence[float], plot: Path | None, seed: int, interval: float, as_json: bool
) -> None:
    from bayescale.planning.allocation import optimum

    best = optimum(fitted, budgets, seed=seed)
    if plot is not None:
        from bayescale.plots import plot_plan, save_figure

        save_figure(plot_plan(fitted, budgets, ci_prob=interval, seed=seed), plot)
    if as_json:
        from bayescale.cli.documents import plan_document

        print_json(plan_document(fitted, best))
    else:
        print_head(fitted)
        summary = best.summary(interval)
        if best.draws["N"].equals(best.draws["N_law"]):
            summary = summary[summary["quantity"] != "N_law"]
        print_table(
            rows_at(summary, "C", "budget (FLOP)", labels=outcome_labels(fitted)),
            f"Compute-optimal runs, {masses(interval)}",
        )
        print_parameters(fitted, interval)
        print_remarks(best.warnings, fitted.notes)
    leave(fitted)


def _plan_robustly(fitted: "Posterior", budgets: Sequence[float], seed: int, interval: float, as_json: bool) -> None:
    from bayescale.planning.choices import FLAT, robust_choice

    choice = robust_choice(fitted, budgets, seed=seed)
    if as_json:
        from bayescale.cli.documents import choice_document

        print_json(choice_document(fitted, choice))
    else:
        print_head(fitted)
        unit = choice.draws["regret"].attrs["units"]
        rows = rows_at(choice.summary(interval), "C", "budget (FLOP)")
        for i, row in enumerate(rows):
            at = {str(name): float(values[i]) for name, values in choice.sizes.sortby("C").data_vars.items()}
            row[f"N within {FLAT:.1%} of the best (parameters)"] = (
                f"{format_quantity(at['N'])} [{format_quantity(at['N_low'])}, {format_quantity(at['N_high'])}]"
            )
            row["plug-in N* (parameters)"] = format_quantity(at["N_plug_in"])
            row[f"P(within {FLAT:.1%} of the best)"] = f"{at['near']:.2f}"
        print_table(rows, f"Sizes of least expected regret; regrets ({unit}), {masses(interval)}")
        for i, budget in enumerate(choice.sizes["C"].to_numpy()):
            means = [float(choice.draws[name][..., i].mean()) for name in ("regret", "regret_plug_in")]
            print_lines(
                f"expected regret at {format_quantity(budget)} FLOP: {means[0]:.2g} {unit}, of the plug-in size "
                f"{means[1]:.2g}"
            )
        print_remarks(choice.warnings, fitted.notes)
    leave(fitted)


def _demand(served: Sequence[tuple[float, float]]) -> "list[float] | Prior":
    """Tokens to serve as numbers, or as the log-normal distribution of a 90 % interval."""
    if all(low == high for low, high in served):
        return once(low for low, _ in served)
    if len(served) > 1:
        raise click.UsageError("--served: give several numbers, or one interval")
    from math import log

    from bayescale.laws.parameters import Prior

    ((low, high),) = served
    return Prior("LogNormal", mu=(log(low) + log(high)) / 2, sigma=log(high / low) / (2 * _NORMAL_95))


def _plan_to_serve(
    fitted: "Posterior",
    budget: float,
    demand: "list[float] | Prior",
    serving_price: float,
    seed: int,
    interval: float,
    as_json: bool,
) -> None:
    from bayescale.planning.lifetimes import lifetime_budget

    answer = lifetime_budget(fitted, budget, demand, serving_price=serving_price, seed=seed)
    show_answer(fitted, answer, interval, as_json)


def _plan_for_use(
    fitted: "Posterior",
    loss: float,
    served: "list[float] | Prior",
    serving_price: float,
    seed: int,
    interval: float,
    as_json: bool,
) -> None:
    from bayescale.planning.lifetimes import lifetime_optimum

    best = lifetime_optimum(fitted, loss, served, serving_price=serving_price, seed=seed)
    if as_json:
        from bayescale.cli.documents import lifetime_document

        print_json(lifetime_document(fitted, best))
    else:
        print_head(fitted)
        rows = rows_at(best.summary(interval), "served", "served (tokens)")
        print_table(rows, f"Cheapest training and serving at {best.quality}, {masses(interval)}")
        print_lines(f"P({best.quality} can be reached) = {best.reachable:.2f}")
        print_remarks(best.warnings, fitted.notes)
    leave(fitted)


def _plan_for_money(
    fitted: "Posterior", dollars: Sequence[float], cost: "Cost", seed: int, interval: float, as_json: bool
) -> None:
    from bayescale.planning.spending import optimum_for

    best = optimum_for(fitted, dollars, cost, seed=seed)
    if as_json:
        from bayescale.cli.documents import spending_document

        print_json(spending_document(fitted, best))
    else:
        print_head(fitted)
        rows = rows_at(best.summary(interval), "dollars", "budget (dollars)", labels=outcome_labels(fitted))
        print_table(rows, f"Compute-optimal runs for money, {masses(interval)}")
        print_remarks(best.warnings, (*fitted.notes, price_note(cost)))
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
    print_remarks((), [price_note(of)])


@click.command(epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@click.option("--first", type=Pairs(), required=True, help="A run, such as N=70B,D=1.4T.")
@click.option("--second", type=Pairs(), required=True, help="The run that it is compared with, such as N=280B,D=300B.")
@forecast_options
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
    points = [run_from(f"--{name}", run) for name, run in (("first", first), ("second", second))]
    fitted = fitted_from(runs, seed, **options)
    from bayescale.planning.versus import versus as compare_runs

    compared = compare_runs(fitted, points[0], points[1], seed=seed)
    if as_json:
        from bayescale.cli.documents import versus_document

        print_json(versus_document(compared))
    else:
        print_head(fitted)
        rows = [
            {"run": str(name), with_unit(compared.outcome, compared.unit): interval_of(row, 4)}
            for name, row in compared.summary(interval).to_dict("index").items()
        ]
        print_table(rows, f"Two runs, {masses(interval)}")
        print_lines(
            f"P({compared.outcome} of {compared.names[0]} is lower) = {compared.probability:.2f}; "
            f"of one run of each, noise included, {compared.probability_of_runs:.2f}"
        )
        print_remarks(compared.warnings, fitted.notes)
    leave(fitted)
