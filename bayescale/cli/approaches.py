"""What ``plan --approach`` prints: N* by the envelope, by isoFLOP profiles and by the law, beside each other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from bayescale.basics.errors import LawError
from bayescale.basics.quantities import format_quantity, with_unit
from bayescale.cli.printing import (
    LABELS,
    interval_of,
    leave,
    masses,
    print_answer,
    print_json,
    print_lines,
    print_remarks,
    print_table,
    progress,
)
from bayescale.cli.sources import Asked, check_pooling, runs_from, source_from

if TYPE_CHECKING:
    from bayescale.planning.approaches import ApproachesCompared

_LABELS = {**LABELS, "exponent": "exponent of N*"}


def show_approaches(
    asked: Asked, approaches: Sequence[str], budgets: Sequence[float], interval: float, as_json: bool
) -> None:
    """Compare approaches on the runs that a command names, print them, and exit with status 1 if not certified."""
    from bayescale.planning.approaches import approaches_named, optimal_by_approach

    try:
        wanted = approaches_named(approaches)
    except LawError as error:
        raise click.UsageError(f"--approach: {error}") from None
    given = _given(asked)
    with progress(f"comparing approaches: {', '.join(wanted)}"):
        found = optimal_by_approach(budget=budgets, approach=wanted, seed=asked.seed, **given)
    if as_json:
        print_json(_document(found))
    else:
        _print(found, interval)
    leave(found.certified)


def _given(asked: Asked) -> dict[str, Any]:
    """The runs and the law, or the fit that they are part of."""
    if asked.saved or asked.pool or asked.risk is not None:
        fitted = source_from(asked).posterior()
        return {"runs": fitted.runs, "law": fitted}
    check_pooling(asked)
    runs = runs_from(asked.runs, asked.laws, unit=asked.unit, **asked.reading)
    return {"runs": runs, "law": asked.law, **{name: v for name, v in asked.sampling.items() if name != "seed"}}


def _document(found: "ApproachesCompared") -> dict[str, Any]:
    from bayescale.cli.documents import finite

    document: dict[str, Any] = finite(found.to_dict())
    return document


def _print(found: "ApproachesCompared", interval: float) -> None:
    """A row for each budget and approach, why others are missing, and their ratios."""
    from bayescale.planning.approaches import APPROACHES

    rows = []
    summary = found.summary(interval)
    for budget in sorted(summary["C"].unique().tolist()):
        for name in found.answers:
            row = {"budget (FLOP)": format_quantity(budget), "approach": APPROACHES[name]}
            block = summary[(summary["C"] == budget) & (summary["approach"] == name)]
            for line in block.to_dict("records"):
                label = with_unit(_LABELS.get(line["quantity"], line["quantity"]), line["unit"])
                row[label] = interval_of(line, 3)
            rows.append(row)
    print_table(rows, f"Compute-optimal runs by approach, {masses(interval)}")
    print_lines(*(f"no answer by approach {APPROACHES[name]}: {why}" for name, why in found.untold.items()))
    if found.ratios is not None:
        print_answer(found.ratios, interval)
    print_remarks(found.warnings, found.notes)
