"""Commands that weigh one thing against another: compute, money, size, data, recipes."""

from typing import Any

import click

from bayescale.cli.options import (
    PRICE_NAMES,
    SOURCE_HELP,
    TOKEN_PRICE,
    Pairs,
    Quantity,
    forecast_options,
    once,
    price_options,
)
from bayescale.cli.printing import leave, print_answer, print_head, print_json, print_remarks, show_answer
from bayescale.cli.sources import cost_of, fitted_from, run_from


@click.group()
def tradeoff() -> None:
    """Weigh compute, money, size, data and recipes against each other, each answer with its probability."""


@tradeoff.command(epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@click.option("--budget", type=Quantity(), default="5.76e23", show_default=True, help="Training FLOP to start from.")
@click.option("--times", type=Quantity(), default="10", show_default=True, help="How many times that.")
@price_options
@forecast_options
def compute(runs: str, budget: float, times: float, seed: int, interval: float, as_json: bool, **options: Any) -> None:
    """Ten times the compute: what it does to N, D and loss, and what it costs."""
    cost = cost_of(seed, **{name: options.pop(name) for name in PRICE_NAMES})
    fitted = fitted_from(runs, seed, **options)
    from bayescale.planning.tradeoffs import scale_up

    answer = scale_up(fitted, budget, times, cost=cost, seed=seed)
    show_answer(fitted, answer, interval, as_json)


@tradeoff.command(epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@click.option("--gain", type=Quantity(), required=True, help="Improvement of the outcome, in its unit, such as 0.01.")
@click.option("--dollars", type=Quantity(), help="Money that must buy it. Default: a doubling of compute must.")
@price_options
@forecast_options
def returns(
    runs: str, gain: float, dollars: float | None, seed: int, interval: float, as_json: bool, **options: Any
) -> None:
    """Find the budget from which on more compute buys less than a gain."""
    cost = cost_of(seed, **{name: options.pop(name) for name in PRICE_NAMES})
    fitted = fitted_from(runs, seed, **options)
    from bayescale.planning.tradeoffs import diminishing_returns

    answer = diminishing_returns(fitted, gain, dollars=dollars, cost=cost, seed=seed)
    show_answer(fitted, answer, interval, as_json)


@tradeoff.command(epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@click.option("--budget", type=Quantity(), default="5.76e23", show_default=True, help="FLOP of the optimal run.")
@click.option(
    "--share",
    "shares",
    type=Quantity(),
    multiple=True,
    default=("0.75", "0.5", "0.25"),
    show_default=True,
    help="Size over the compute-optimal one; repeat it for more.",
)
@forecast_options
def size(
    runs: str,
    budget: float,
    shares: tuple[float, ...],
    seed: int,
    interval: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Over-train a smaller model to the same loss, and what that costs."""
    fitted = fitted_from(runs, seed, **options)
    from bayescale.planning.tradeoffs import size_overhead

    show_answer(fitted, size_overhead(fitted, budget, once(shares), seed=seed), interval, as_json)


@tradeoff.command(epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@click.option("--run", "planned", type=Pairs(), required=True, help="The planned run, such as N=70B,D=1.4T.")
@click.option("--dollars", type=Quantity(), default="1M", show_default=True, help="Money to spend on top.")
@TOKEN_PRICE
@price_options
@forecast_options
def money(
    runs: str,
    planned: dict[str, str],
    dollars: float,
    token_price: float | None,
    seed: int,
    interval: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Spend more money on a larger model, longer training or data: which buys most."""
    given = run_from("--run", planned)
    if not {"N", "D"} <= given.keys() <= {"N", "D", "U"}:
        raise click.UsageError("--run takes N=70B,D=1.4T, and U=300B where the law reads unique tokens")
    cost = cost_of(seed, **{name: options.pop(name) for name in PRICE_NAMES})
    fitted = fitted_from(runs, seed, **options)
    from bayescale.planning.purchases import next_dollar

    answer = next_dollar(fitted, dollars, token_price=token_price, cost=cost, seed=seed, **given)
    show_answer(fitted, answer, interval, as_json)


@tradeoff.command(epilog=SOURCE_HELP)
@click.argument("first")
@click.argument("second")
@click.option(
    "--budget",
    "budgets",
    type=Quantity(),
    multiple=True,
    default=("1e21", "1e23"),
    show_default=True,
    help="Training FLOP; repeat it for more.",
)
@forecast_options
def recipes(
    first: str,
    second: str,
    budgets: tuple[float, ...],
    seed: int,
    interval: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Recipe against recipe, each a table of runs: which wins, and where they cross."""
    one, other = (fitted_from(runs, seed, **options) for runs in (first, second))
    from bayescale.planning.recipes import compare_recipes, crossing

    answers = compare_recipes(one, other, once(budgets), seed=seed), crossing(one, other, seed=seed)
    if as_json:
        from bayescale.cli.documents import recipes_document

        print_json(recipes_document(one, other, *answers))
    else:
        for fitted in (one, other):
            print_head(fitted)
        for answer in answers:
            print_answer(answer, interval)
        warnings = tuple(dict.fromkeys(text for answer in answers for text in answer.warnings))
        print_remarks(warnings, answers[0].notes)
    leave(one.certified and other.certified)
