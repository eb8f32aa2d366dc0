"""Commands that plan: what to train, what it costs, and which of two runs is better."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayescale.basics.errors import QuantityError
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
    print_answer,
    print_head,
    print_json,
    print_lines,
    print_parameters,
    print_remarks,
    print_table,
    rows_at,
)
from bayescale.cli.sources import cost_of, fitted_from, run_from
from bayescale.planning.modes import COMPUTE, LIFETIME, MONEY, ROBUST, Mode, mode_of

if TYPE_CHECKING:
    from bayescale.laws.parameters import Prior
    from bayescale.planning.answers import Answer
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
    asked = _asked(budgets, robust, dollars, served, loss, serving_price, unique, token_price)
    mode = _mode(asked)
    if plot is not None and mode is not COMPUTE:
        raise click.UsageError(f"--plot draws the plan for compute, without {_option(mode.needs[0])}")
    if prices["study"] is not None and mode is not MONEY:
        raise click.UsageError("--study goes with --dollars, from which it is taken")
    if "cost" in mode.takes:
        asked["cost"] = cost_of(seed, **prices)
    elif any(value not in (None, False) for value in prices.values()):
        raise click.UsageError("prices go with --dollars or --unique, or with `bayescale cost`")
    fitted = fitted_from(runs, seed, **options)
    from bayescale.planning.plan import plan as best_run

    answer = best_run(fitted, **asked, seed=seed)
    if plot is not None:
        from bayescale.plots import plot_plan, save_figure

        save_figure(plot_plan(fitted, asked["budget"], ci_prob=interval, seed=seed), plot)
    if as_json:
        print_json(_document(mode, fitted, answer, loss))
    else:
        print_head(fitted)
        if mode is ROBUST:
            _print_robust(answer, interval)
        else:
            print_answer(answer, interval, outcome_labels(fitted))
        if mode is COMPUTE:
            print_parameters(fitted, interval)
        print_remarks(answer.warnings, answer.notes)
    leave(fitted)


def _asked(
    budgets: tuple[float, ...],
    robust: bool,
    dollars: tuple[float, ...],
    served: tuple[tuple[float, float], ...],
    loss: float | None,
    serving_price: float | None,
    unique: float | None,
    token_price: float | None,
) -> dict[str, Any]:
    """The arguments of the plan that was asked for; budgets by default where a plan for compute needs them."""
    given = {
        "dollars": once(dollars) or None,
        "served": _demand(served),
        "loss": loss,
        "serving_price": serving_price,
        "unique": unique,
        "token_price": token_price,
        "robust": robust or None,
    }
    asked: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if was_given("budgets") or not {"dollars", "served", "loss"} & asked.keys():
        asked["budget"] = once(budgets)
    return asked


def _mode(asked: Mapping[str, Any]) -> Mode:
    try:
        mode = mode_of(asked, _option)
    except QuantityError as error:
        raise click.UsageError(str(error)) from None
    if mode is LIFETIME and len(asked["budget"]) > 1:
        raise click.UsageError(f"--served takes one --budget, not {len(asked['budget'])}")
    return mode


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _document(mode: Mode, fitted: "Posterior", answer: "Answer", loss: float | None) -> dict[str, Any]:
    """What programs read of a plan."""
    from bayescale.cli import documents

    if loss is not None:
        return documents.lifetime_document(fitted, answer, loss)
    of_mode = {
        COMPUTE: documents.plan_document,
        MONEY: documents.spending_document,
        ROBUST: documents.choice_document,
    }
    return of_mode.get(mode, documents.answer_document)(fitted, answer)


def _print_robust(answer: "Answer", interval: float) -> None:
    """Sizes of least expected regret, and what they and the plug-in sizes may cost."""
    from bayescale.planning.choices import FLAT, REGRETS

    unit = answer.draws["regret"].attrs["units"]
    budgets = [answer.draws.isel(budget=i) for i in range(answer.draws.sizes["budget"])]
    summary = answer.summary(interval)
    rows = []
    for at in sorted(budgets, key=lambda each: float(each["C"])):
        regrets = summary[(summary["C"] == float(at["C"])) & summary["quantity"].isin(REGRETS)]
        (row,) = rows_at(regrets, "C", "budget (FLOP)")
        n, low, high, plug_in = (format_quantity(float(at[name])) for name in ("N", "N_low", "N_high", "N_plug_in"))
        row[f"N within {FLAT:.1%} of the best (parameters)"] = f"{n} [{low}, {high}]"
        row["plug-in N* (parameters)"] = plug_in
        row[f"P(within {FLAT:.1%} of the best)"] = f"{float(at['near']):.2f}"
        rows.append(row)
    print_table(rows, f"Sizes of least expected regret; regrets ({unit}), {masses(interval)}")
    for at in budgets:
        means = [f"{float(at[name].mean()):.2g}" for name in REGRETS]
        print_lines(
            f"expected regret at {format_quantity(float(at['C']))} FLOP: {means[0]} {unit}, of the plug-in size "
            f"{means[1]}"
        )


def _demand(served: Sequence[tuple[float, float]]) -> "list[float] | Prior | None":
    """Tokens to serve as numbers, or as the log-normal distribution of a 90 % interval."""
    if not served:
        return None
    if all(low == high for low, high in served):
        return once(low for low, _ in served)
    if len(served) > 1:
        raise click.UsageError("--served: give several numbers, or one interval")
    from math import log

    from bayescale.laws.parameters import Prior

    ((low, high),) = served
    return Prior("LogNormal", mu=(log(low) + log(high)) / 2, sigma=log(high / low) / (2 * _NORMAL_95))


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
    print_remarks((), [of.note])


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
    from bayescale.planning.versus import named
    from bayescale.planning.versus import versus as compare_runs
    from bayescale.posterior.ensembles import first_fit

    compared = compare_runs(fitted, points[0], points[1], seed=seed)
    if as_json:
        from bayescale.cli.documents import versus_document

        print_json(versus_document(compared))
    else:
        print_head(fitted)
        heading = with_unit(fitted.outcome, first_fit(fitted).law.outcome_unit)
        labels = [named(points[0]), named(points[1]), "first minus second", "first minus second, one run of each"]
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
        print_remarks(compared.warnings, compared.notes)
    leave(fitted)
