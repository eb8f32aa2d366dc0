"""Commands that weigh one thing against another: compute, money, size, data, recipes, domains."""

from typing import Any

import click

from bayescale.cli.domains import mixture
from bayescale.cli.options import (
    PRICE_NAMES,
    SOURCE_HELP,
    Decorator,
    answer_options,
    once,
    price_options,
    runs_option,
    token_price_option,
)
from bayescale.cli.printing import show_answer
from bayescale.cli.recipes import recipes
from bayescale.cli.sections import Command, Section, option
from bayescale.cli.sources import Asked, cost_of, runs_at, source_from
from bayescale.cli.values import Quantity

QUESTION = Section("Question")


@click.group()
def tradeoff() -> None:
    """Weigh compute, money, size, data, recipes and domains against each other, each answer with its probability."""


def _budget(help: str, default: str | None = "5.76e23") -> Decorator:
    shown = default is not None
    return option(
        "--budget", section=QUESTION, type=Quantity(), metavar="FLOP", default=default, show_default=shown, help=help
    )


@tradeoff.command(cls=Command, epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@_budget("Training compute to start from.")
@option(
    "--times",
    section=QUESTION,
    type=Quantity(above=1.0),
    metavar="NUMBER",
    default="10",
    show_default=True,
    help="How many times that.",
)
@price_options
@answer_options
def compute(runs: str, budget: float, times: float, seed: int, interval: float, as_json: bool, **options: Any) -> None:
    """Ten times the compute: what it does to N, D and loss, and what it costs."""
    cost = cost_of(seed, **{name: options.pop(name) for name in PRICE_NAMES})
    source = source_from(Asked(runs=runs, seed=seed, **options))
    from bayescale.planning.allocation import checked_budgets
    from bayescale.planning.tradeoffs import scale_up

    source.check_planned()
    checked_budgets([budget, times * budget])
    fitted = source.posterior()
    show_answer(fitted, scale_up(fitted, budget, times, cost=cost, seed=seed), interval, as_json)


@tradeoff.command(cls=Command, epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@option(
    "--gain",
    section=QUESTION,
    type=Quantity(),
    metavar="NUMBER",
    required=True,
    help="Improvement of the outcome, in its unit, such as 0.01.",
)
@option(
    "--dollars",
    section=QUESTION,
    type=Quantity(),
    metavar="DOLLARS",
    help="Money that must buy it. Default: a doubling of compute must.",
)
@_budget("Training compute to look from. Default: that of the largest run.", None)
@price_options
@answer_options
def returns(
    runs: str,
    gain: float,
    dollars: float | None,
    budget: float | None,
    seed: int,
    interval: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Find the budget from which on more compute buys less than a gain."""
    cost = cost_of(seed, **{name: options.pop(name) for name in PRICE_NAMES})
    source = source_from(Asked(runs=runs, seed=seed, **options))
    from bayescale.planning.tradeoffs import diminishing_returns, returns_budgets

    source.check_planned()
    returns_budgets(source.bound[0], budget)
    fitted = source.posterior()
    answer = diminishing_returns(fitted, gain, dollars=dollars, C=budget, cost=cost, seed=seed)
    show_answer(fitted, answer, interval, as_json)


@tradeoff.command(cls=Command, epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@_budget("Training compute of the optimal run.")
@option(
    "--share",
    "shares",
    section=QUESTION,
    type=Quantity(),
    metavar="NUMBER",
    multiple=True,
    default=("0.75", "0.5", "0.25"),
    show_default=True,
    help="Size over the optimal one; repeat it.",
)
@answer_options
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
    source = source_from(Asked(runs=runs, seed=seed, **options))
    from bayescale.planning.allocation import checked_budgets
    from bayescale.planning.tradeoffs import size_overhead

    source.check_planned()
    checked_budgets(budget)
    fitted = source.posterior()
    show_answer(fitted, size_overhead(fitted, budget, once(shares), seed=seed), interval, as_json)


@tradeoff.command(cls=Command, epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@runs_option(QUESTION, "The planned run, such as N=70B,D=1.4T.", required=True)
@option(
    "--dollars",
    section=QUESTION,
    type=Quantity(),
    metavar="DOLLARS",
    default="1M",
    show_default=True,
    help="Money to spend on top.",
)
@token_price_option(QUESTION, "Per fresh training token, such as 1e-6.")
@price_options
@answer_options
def money(
    runs: str,
    at: tuple[dict[str, str], ...],
    dollars: float,
    token_price: float | None,
    seed: int,
    interval: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Spend more money on a larger model, longer training or data: which buys most."""
    (planned,) = runs_at(at, 1)
    if not {"N", "D"} <= planned.keys() <= {"N", "D", "U"}:
        raise click.UsageError("--at takes N=70B,D=1.4T, and U=300B where the law reads unique tokens")
    if "U" in planned and token_price is None:
        raise click.UsageError("--at: with U fresh tokens are weighed too: give their --token-price, such as 1e-6")
    cost = cost_of(seed, **{name: options.pop(name) for name in PRICE_NAMES})
    source = source_from(Asked(runs=runs, seed=seed, **options))
    from bayescale.planning.purchases import next_dollar

    source.check_planned({name: planned[name] for name in planned if name == "U"})
    source.check_points(planned)
    fitted = source.posterior()
    answer = next_dollar(fitted, dollars, token_price=token_price, cost=cost, seed=seed, **planned)
    show_answer(fitted, answer, interval, as_json)


@tradeoff.command(cls=Command, epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@_budget("Training compute of the optimal run.")
@option("--floor", section=QUESTION, type=Quantity(), metavar="NUMBER", help="A floor of yours, in the loss's unit.")
@answer_options
def floor(
    runs: str, budget: float, floor: float | None, seed: int, interval: float, as_json: bool, **options: Any
) -> None:
    """Show what a wrong irreducible loss would do to the forecast and to N*."""
    source = source_from(Asked(runs=runs, seed=seed, **options))
    from bayescale.planning.allocation import checked_budgets
    from bayescale.planning.floors import check_floor, floor_effect

    for each in source.bound:
        check_floor(each.law)
    source.check_planned()
    checked_budgets(budget)
    fitted = source.posterior()
    show_answer(fitted, floor_effect(fitted, budget, floor=floor, seed=seed), interval, as_json)


tradeoff.add_command(recipes)
tradeoff.add_command(mixture)
