"""The command that finds the best run: for compute, money, serving or scarce data, or of least expected regret."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayescale.basics.errors import QuantityError
from bayescale.basics.quantities import format_quantity
from bayescale.cli.approaches import show_approaches
from bayescale.cli.options import (
    COST_NAMES,
    SOURCE_HELP,
    answer_options,
    budgets_option,
    cost_options,
    figure,
    once,
    token_price_option,
    was_given,
)
from bayescale.cli.printing import (
    leave,
    masses,
    print_answer,
    print_basis,
    print_json,
    print_lines,
    print_table,
    print_written,
    rows_at,
)
from bayescale.cli.sections import Command, Section, option
from bayescale.cli.sources import Asked, Source, cost_of, source_from
from bayescale.cli.values import Demand, Quantity
from bayescale.planning.modes import COMPUTE, LIFETIME, MONEY, ROBUST, Mode, mode_of

if TYPE_CHECKING:
    from bayescale.laws.parameters import Prior
    from bayescale.planning.answers import Answer
    from bayescale.planning.costs import Cost
    from bayescale.posterior.ensembles import Posterior

MODES = Section("What to plan for")

_ASKED = ("budgets", "robust", "dollars", "served", "loss", "serving_price", "unique", "token_price")
"""Options that say what to plan for."""

_NORMAL_95 = 1.6448536
"""Standard normal quantile at 0.95."""


@click.command(cls=Command, epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@budgets_option(MODES, "The best run for training compute; repeat it.")
@option(
    "--robust",
    section=MODES,
    is_flag=True,
    help="With --budget: the size of least expected regret, and its room.",
)
@option(
    "--dollars",
    section=MODES,
    type=Quantity(),
    metavar="DOLLARS",
    multiple=True,
    help="The best run for money, at uncertain prices; repeat it.",
)
@option(
    "--served",
    section=MODES,
    type=Demand(),
    metavar="TOKENS",
    multiple=True,
    help="With --loss or --budget: to train and then serve 2T, or 2T..50T (90 %).",
)
@option(
    "--loss", section=MODES, type=Quantity(), metavar="LOSS", help="With --served: what the cheapest run must reach."
)
@option(
    "--serving-price",
    section=MODES,
    type=Quantity(),
    metavar="RATIO",
    help="With --served: of a FLOP of serving over one of training. Default 1.",
)
@option(
    "--unique",
    section=MODES,
    type=Quantity(),
    metavar="TOKENS",
    help="With --budget: the best run with this number of unique training tokens.",
)
@token_price_option(MODES, "With --unique: per fresh training token, such as 1e-6.")
@option(
    "--approach",
    "approaches",
    section=MODES,
    metavar="NAME",
    multiple=True,
    help="N* by envelope (1), isoflops (2), law (3), or all beside each other.",
)
@figure("the plan for compute")
@cost_options
@answer_options
def plan(
    runs: str,
    approaches: tuple[str, ...],
    plot: Path | None,
    seed: int,
    interval: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Find the best run: N, D and loss, with credible intervals, for compute by default."""
    prices = {name: options.pop(name) for name in COST_NAMES}
    question = _question({name: options.pop(name) for name in _ASKED})
    mode = _mode(question)
    _check_output(plot, mode)
    cost = _cost(seed, prices, mode)
    if cost is not None:
        question["cost"] = cost
    asked = Asked(runs=runs, seed=seed, **options)
    if approaches:
        _check_compared(mode, plot)
        show_approaches(asked, approaches, question["budget"], interval, as_json)
        return
    source = source_from(asked)
    _check(source, question)
    fitted = source.posterior()
    from bayescale.planning.plan import plan as best_run

    answer = best_run(fitted, **question, seed=seed)
    if plot is not None:
        from bayescale.plots import plot_plan, save_figure

        save_figure(plot_plan(fitted, question["budget"], ci_prob=interval, seed=seed), plot)
    if as_json:
        print_json(_document(mode, fitted, answer, question.get("loss")))
    else:
        if mode is ROBUST:
            _print_robust(answer, interval)
        else:
            print_answer(answer, interval)
        print_basis(answer.warnings, (*answer.notes, *_by_default(runs, question)), interval, fitted)
    print_written(plot, as_json)
    leave(fitted)


def _question(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the requested plan; budgets by default where a plan for compute needs them."""
    read = {
        **given,
        "budgets": None,
        "dollars": once(given["dollars"]) or None,
        "served": _demand(given["served"]),
        "robust": given["robust"] or None,
    }
    question = {name: value for name, value in read.items() if value is not None}
    if was_given("budgets") or not {"dollars", "served", "loss"} & question.keys():
        question["budget"] = once(given["budgets"])
    return question


def _by_default(runs: str, question: Mapping[str, Any]) -> tuple[str, ...]:
    """A note that budgets are not the user's, where the runs are."""
    if "budget" not in question or was_given("budgets") or not was_given("runs"):
        return ()
    return ("no --budget was given, so these are the budgets of the main example",)


def _mode(question: Mapping[str, Any]) -> Mode:
    try:
        mode = mode_of(question, _option)
    except QuantityError as error:
        raise click.UsageError(str(error)) from None
    if mode is LIFETIME and len(question["budget"]) > 1:
        raise click.UsageError(f"--served takes one --budget, not {len(question['budget'])}")
    return mode


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _check_output(plot: Path | None, mode: Mode) -> None:
    from bayescale.basics.files import FIGURE_ENDINGS, check_output

    if plot is None:
        return
    check_output(plot, FIGURE_ENDINGS)
    if mode is not COMPUTE:
        raise click.UsageError(f"--plot draws the plan for compute: leave it out with {_option(mode.needs[0])}")


def _check_compared(mode: Mode, plot: Path | None) -> None:
    """Refuse what approaches are not compared for."""
    if mode is not COMPUTE:
        raise click.UsageError(f"--approach compares plans for compute: leave it out with {_option(mode.needs[0])}")
    if plot is not None:
        raise click.UsageError("--plot draws the plan of the law: leave it out with --approach")


def _cost(seed: int, prices: Mapping[str, Any], mode: Mode) -> "Cost | None":
    """Prices, where the question needs them."""
    if prices["study"] is not None and mode is not MONEY:
        raise click.UsageError("--study goes with --dollars, from which it is taken")
    if "cost" in mode.takes:
        return cost_of(seed, **prices)
    if any(value not in (None, False) for value in prices.values()):
        raise click.UsageError("prices go with --dollars or --unique, or with `bayescale cost`")
    return None


def _check(source: Source, question: Mapping[str, Any]) -> None:
    """Refuse what cannot be planned for, before anything is fitted."""
    from bayescale.planning.allocation import checked_budgets

    reads_unique = "unique" in question and "U" in source.law.input_names
    source.check_planned({"U": question["unique"]} if reads_unique else {})
    if "budget" in question:
        checked_budgets(question["budget"])
    if "dollars" in question:
        question["cost"].compute(question["dollars"])  # refuses sums that do not pay for the study


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
