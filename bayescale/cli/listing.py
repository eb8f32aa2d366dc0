"""Commands that list and show what ships: laws and data sets."""

from typing import TYPE_CHECKING

import click

from bayescale.basics.quantities import format_quantity, with_unit
from bayescale.cli.layout import width
from bayescale.cli.options import OUTCOME
from bayescale.cli.printing import print_lines, print_ranges, print_remarks, print_table
from bayescale.cli.sections import Command
from bayescale.cli.sources import runs_from

if TYPE_CHECKING:
    import pandas as pd

    from bayescale.data.runs import Runs
    from bayescale.laws.parameters import Parameter


@click.command(cls=Command)
@click.argument("name", required=False)
@OUTCOME
def laws(name: str | None, outcome: str | None) -> None:
    """List the laws, show one in full (its NAME or file), or say which suit a table (a data set's NAME or a file)."""
    from bayescale.laws.catalog import law_names, load_law

    if name is not None and _is_table(name):
        _print_suited(name, outcome)
        return
    if outcome is not None:
        raise click.UsageError("--outcome goes with a table: give a data set's name or a file")
    if name is None:
        found = [load_law(each) for each in law_names()]
        print_table([{"law": f.name, "formula": f.formula, "citation": f.citation} for f in found], "Laws")
        return
    law = load_law(name)
    print_lines(with_unit(f"{law.title}: {law.outcome} = {law.formula} ", law.outcome_unit), law.citation)
    print_lines(*(line for line in (law.decision, law.failure) if line), "")
    read = [{"input": i.name, "meaning": i.meaning, "unit": i.unit} for i in (*law.inputs, *law.settings)]
    print_table(read, "Inputs")
    print_table(
        [{"parameter": p.name, "prior": prior_text(p), "meaning": p.meaning, "why": p.reason} for p in law.parameters],
        "Sampled parameters",
    )
    print_table(
        [{"parameter": d.name, "meaning": d.meaning, "unit": d.unit} for d in law.derived], "Derived parameters"
    )
    for published in law.published:
        rows = [
            {"parameter": key, "value": f"{value:.6g}", "standard error": _maybe(published.standard_errors.get(key))}
            for key, value in published.values.items()  # noqa: PD011
        ]
        print_table(rows, f"Published: {published.citation}" + (f"; {published.note}" if published.note else ""))


def _is_table(name: str) -> bool:
    from bayescale.data.datasets import dataset_names
    from bayescale.data.formats import SUFFIXES
    from bayescale.laws.catalog import law_names

    # A data set of one paper may have the name of its law: the law is meant, and NAME:SERIES or a file the table.
    known = name.partition(":")[0] in dataset_names() and name not in law_names()
    return known or name == "-" or name.lower().endswith(SUFFIXES)


def _print_suited(name: str, outcome: str | None) -> None:
    """Laws that suit a table, those of the default mixture first, and why the others of its outcome do not."""
    from bayescale.data.candidates import default_laws, suited_laws

    runs = runs_from(name, (), outcome=outcome)
    suited, reasons = suited_laws(runs)
    members, runs = default_laws(runs)
    chosen = [law.name for law in members]
    others = sorted((law for law in suited if law.name not in chosen), key=lambda law: law.name)
    rows = [
        {"law": law.name, "formula": law.formula, "fitted when none is named": "yes" * (law.name in chosen)}
        for law in (*members, *others)
    ]
    print_table(rows, f"Laws of {runs.outcome} that suit {name}")
    print_table([{"law": law, "reason": why} for law, why in reasons.items()], "Laws of it that do not")
    print_remarks((), runs.notes)


def prior_text(parameter: "Parameter") -> str:
    """A prior, and whether earlier parameters take part in it."""
    given = parameter.arguments is not None or parameter.shift is not None
    return f"{parameter.prior}{', given those above' * given}"


def _maybe(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


@click.command(cls=Command)
@click.argument("name", required=False)
def datasets(name: str | None) -> None:
    """List the shipped data sets, or show one's card and the ranges of its runs."""
    from bayescale.data.datasets import dataset_names, load_card, load_dataset

    if name is None:
        cards = [load_card(each) for each in dataset_names()]
        rows = [{"data set": c.name, "title": c.title, "rows": str(c.rows), "licence": c.licence} for c in cards]
        print_table(rows, "Data sets")
        return
    card = load_card(name)
    print_lines(f"{card.name}: {card.title}", card.description)
    print_lines(*(f"source: {each}" for each in card.source), f"licence: {card.licence}. {card.licence_notes}")
    print_lines(*(f"cite: {each}" for each in card.citation), "")
    rows = [{"column": key, **{k: str(v) for k, v in column.items()}} for key, column in card.columns.items()]
    print_table(rows, "Columns")
    print_lines(*(f"known problem: {each}" for each in card.known_problems))
    runs = load_dataset(name)
    print_lines(runs.described, "")
    print_ranges(runs)
    print_remarks(runs.warnings, runs.notes)
    _print_sketch(runs)


_WIDE = 3.0
"""Ratio of the ends of an axis above which it is logarithmic."""


def _print_sketch(runs: "Runs") -> None:
    """Draw the runs in characters: where they lie in N and D, or else the outcome against its input."""
    import plotext

    x, y = _sketched_columns(runs)
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(min(76, width()), 18)
    plotext.scatter(runs.frame[x].tolist(), runs.frame[y].tolist(), marker="dot")
    for column, set_scale, set_ticks in ((x, plotext.xscale, plotext.xticks), (y, plotext.yscale, plotext.yticks)):
        ticks, logarithmic = _ticks(runs.frame[column])
        if logarithmic:
            set_scale("log")
        set_ticks(ticks, [format_quantity(tick) if logarithmic else f"{tick:.4g}" for tick in ticks])
    plotext.title(f"{y} against {x}")
    print_lines(plotext.uncolorize(plotext.build()))


def _sketched_columns(runs: "Runs") -> tuple[str, str]:
    frame = runs.frame
    if {"N", "D"} <= set(frame) and all(frame[name].min() < frame[name].max() for name in ("N", "D")):
        return "N", "D"
    return next(name for name in ("C", "x", "year") if name in frame and name != runs.outcome), runs.outcome


def _ticks(values: "pd.Series[float]") -> tuple[list[float], bool]:
    """Four places along an axis, and whether it is logarithmic."""
    import numpy as np

    low, high = float(values.min()), float(values.max())
    logarithmic = low > 0 and high / low > _WIDE
    return (np.geomspace if logarithmic else np.linspace)(low, high, 4).tolist(), logarithmic
