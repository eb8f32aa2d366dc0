"""The command that compares recipes, and what it reads: two tables, one with a column of recipes, or typed runs."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayescale.basics.wording import listed
from bayescale.cli.options import SOURCE_HELP, answer_options, budgets_option, once, runs_option
from bayescale.cli.printing import leave, print_answer, print_basis, print_json
from bayescale.cli.sections import Command, Section, option
from bayescale.cli.sources import Asked, Source, points_from, runs_from, source_from
from bayescale.cli.values import Quantity, Share

if TYPE_CHECKING:
    from bayescale.data.runs import Runs

QUESTION = Section("Question")

RECIPES_HELP = f"{SOURCE_HELP.replace('RUNS', 'Each of FIRST and SECOND')} Tables share what the law misses."


@click.command(cls=Command, epilog=RECIPES_HELP)
@click.argument("first")
@click.argument("second", required=False)
@budgets_option(QUESTION, "Training compute of FIRST; repeat it.", ("1e21", "1e23"))
@option("--recipe", section=QUESTION, metavar="COLUMN", help="Without SECOND, the column of the recipes in FIRST.")
@option(
    "--baseline", section=QUESTION, metavar="NAME", help="Of these the one to compare with. Default: that of row 1."
)
@runs_option(QUESTION, "Without SECOND, a run of it with its outcome: N=7B,D=140B,loss=2.1; repeat it.")
@option("--threshold", section=QUESTION, type=Quantity(), metavar="TIMES", help="Times less compute, to be exceeded.")
@option("--precision", section=QUESTION, type=Share("for 5 % give 0.05"), default=0.05, help="To which to know that.")
@answer_options
def recipes(
    first: str,
    second: str | None,
    budgets: tuple[float, ...],
    recipe: str | None,
    baseline: str | None,
    at: tuple[dict[str, str], ...],
    threshold: float | None,
    precision: float,
    seed: int,
    interval: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare recipes: which wins, with how many times less compute, where they cross."""
    asked = Asked(runs=first, seed=seed, **options)
    source, other = recipes_from(asked, second, recipe, baseline, at)
    from bayescale.data.runs import Runs
    from bayescale.planning.allocation import checked_budgets
    from bayescale.planning.recipes import check_comparable, compare_recipes, crossing

    check_comparable(source.bound, other.bound if isinstance(other, Source) else other)
    checked_budgets(budgets)
    fitted = source.posterior()
    fits = (fitted, other.posterior()) if isinstance(other, Source) else (fitted,)
    against = other if isinstance(other, Runs) else fits[-1]
    wanted: dict[str, Any] = {"threshold": threshold, "precision": precision, "seed": seed}
    answers = compare_recipes(fitted, against, once(budgets), **wanted), crossing(fitted, against, seed=seed)
    if as_json:
        from bayescale.cli.documents import recipes_document

        print_json(recipes_document(fitted, against, *answers))
    else:
        for answer in answers:
            print_answer(answer, interval, {"multiplier": "less compute of the second"})
        warnings = tuple(dict.fromkeys(text for answer in answers for text in answer.warnings))
        print_basis(warnings, answers[0].notes, interval, *fits)
    leave(all(each.certified for each in fits))


def recipes_from(
    asked: Asked, second: str | None, column: str | None, baseline: str | None, at: Sequence[dict[str, str]]
) -> "tuple[Source, Source | Runs]":
    """The baseline, and another recipe: a saved fit, a table, some rows of the baseline's table, or single runs."""
    ways = {"SECOND": second is not None, "--recipe": column is not None, "--at": bool(at)}
    given = [name for name, told in ways.items() if told]
    if len(given) != 1:
        asking = "give the second recipe as SECOND, by --recipe COLUMN or by --at"
        raise click.UsageError(f"{asking}, not by {listed(given)}" if given else asking)
    if baseline is not None and column is None:
        raise click.UsageError("--baseline goes with --recipe")
    if asked.risk is not None:
        raise click.UsageError("--risk has no effect here: both recipes are taken to hold")
    if column is not None:
        one, other = _split_by_recipe(asked, column, baseline)
        return source_from(asked, one), other
    source = source_from(asked)
    if second is None:
        return source, _typed(source, at)
    if Path(second).suffix == ".nc":
        return source, source_from(replace(asked, runs=second))
    return source, runs_from(second, asked.laws or (source.law.name,), unit=asked.unit, **asked.reading)


def _typed(source: Source, at: Sequence[dict[str, str]]) -> "Runs":
    """Runs whose inputs and outcome are typed."""
    import pandas as pd

    from bayescale.data.runs import Runs

    law = source.law
    frame = pd.DataFrame(points_from(at, None))
    if law.outcome not in frame:
        raise click.UsageError(f"--at: give the run's {law.outcome} too, such as N=7B,D=140B,{law.outcome}=2.1")
    return Runs.from_frame(
        frame, source="--at", outcome=law.outcome, domain=law.link.domain, unit=source.bound[0].runs.unit
    )


def _split_by_recipe(asked: Asked, column: str, baseline: str | None) -> "tuple[Runs, Runs]":
    """The rows of the baseline and those of the other recipe, which a column of one table tells apart."""
    if asked.saved or asked.pool:
        raise click.UsageError("--recipe takes a table of runs, and no pooling")
    import numpy as np

    from bayescale.data.preparing import Preparation
    from bayescale.data.runs import Runs
    from bayescale.posterior.pooling import group_codes

    reading = {**asked.reading, "flops": None, "cells": None, "checkpoints": None}
    table = runs_from(asked.runs, asked.laws, unit=asked.unit, series_apart=False, **reading)
    codes, names = group_codes(table, column, "names the recipes", "a comparison needs two recipes")
    if len(names) > 2:
        raise click.UsageError(f"--recipe: column {column} holds {', '.join(names)}: keep two of them in the table")
    if baseline is not None and baseline not in names:
        raise click.UsageError(f"--baseline: no recipe {baseline!r} in column {column}: it holds {', '.join(names)}")
    cells: Any = asked.cells
    prepared = Preparation(asked.flops, cells, asked.checkpoints)
    kept: dict[str, Any] = {"outcome": table.outcome, "domain": table.domain, "unit": table.unit, "as_is": True}
    parts = [
        prepared.of(
            Runs.from_frame(table.frame.iloc[np.flatnonzero(codes == i)], source=f"{asked.runs}: {name}", **kept)
        )
        for i, name in enumerate(names)
    ]
    one, other = parts[::-1] if baseline == names[1] else parts
    return one, other
