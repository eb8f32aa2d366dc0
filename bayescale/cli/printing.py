"""What commands print: tables for people, JSON for programs, and the exit status of an uncertified result."""

import json
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from bayescale.basics.quantities import format_column, format_interval, format_quantity, of_draws, with_unit
from bayescale.cli.layout import table_lines, width, wrapped
from bayescale.cli.options import was_given
from bayescale.cli.spelling import as_options

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from bayescale.data.runs import Runs
    from bayescale.planning.answers import Answer
    from bayescale.posterior.ensembles import Posterior
    from bayescale.posterior.fit import Fit
    from bayescale.posterior.pooling import Pooled

LABELS = {
    "N": "N*",
    "D": "D*",
    "tokens_per_parameter": "D*/N*",
    "N_law": "N* if the law is right",
    "N_alone": "N* if only trained",
}

_HEADINGS = {
    "C": "budget (FLOP)",
    "dollars": "budget (dollars)",
    "served": "served (tokens)",
    "share": "times the optimal size",
    "use": "use",
}

INTERRUPTED = Event()


def print_basis(warnings: Sequence[str], notes: Sequence[str], interval: float, *fitted: "Posterior") -> None:
    """What an answer rests on: warnings, a line on each law's fit, notes, and parameters if they are asked for."""
    from bayescale.posterior.ensembles import members

    fits = [fit for each in fitted for fit in members(each).values()]
    print_remarks(warnings, ())
    print_lines(*map(fit_line, fits))
    print_remarks((), notes)
    if was_given("parameters"):
        print_lines("")
        for fit in fits:
            print_parameters(fit, interval)


def fit_line(fitted: "Fit") -> str:
    """What was fitted, and how well it was sampled, of one law."""
    record, diagnostics = fitted.record, fitted.diagnostics
    shown = [f"{name} {value}" for name, value in diagnostics.figures.items()]
    state = "certified" if diagnostics.certified else "NOT CERTIFIED"
    return (
        f"fit: {fitted.law.title}, {fitted.law.formula}, {'' if record.discrepancy else 'taken as true, '}"
        f"on {record.dataset}: {record.n_runs} runs, {record.noise} noise; "
        f"{record.engine}: {state}, {', '.join([*shown, f'effective draws {diagnostics.ess_min:.0f}'])}"
    )


def print_parameters(fitted: "Fit", interval: float) -> None:
    """A table of a law's parameters."""

    def stated(name: str) -> str:
        prior = fitted.law.priors.get(name)
        return "" if prior is None else f"fixed at {prior}" if prior.fixed else str(prior)

    rows = [
        {
            "parameter": str(name),
            "median and interval": interval_of(row, 4),
            "unit": row["unit"],
            **({"your prior": stated(str(name))} if fitted.law.priors else {}),
            "moved by prior, runs": f"{row['sensitivity_prior']:.2f}, {row['sensitivity_runs']:.2f}",
            "meaning": row["meaning"],
        }
        for name, row in fitted.summary(interval).to_dict("index").items()
    ]
    print_table(rows, f"Parameters of {fitted.law.title}, {masses(interval)}")


def print_blocks(summary: "pd.DataFrame", interval: float) -> None:
    """A table of parameters for each group or domain, which the first level of the index names."""
    for label, block in summary.groupby(level=0, sort=False):
        rows = [
            {
                "parameter": str(name),
                "median and interval": interval_of(row, 4),
                "unit": row["unit"],
                "meaning": row["meaning"],
            }
            for name, row in block.droplevel(0).to_dict("index").items()
        ]
        print_table(rows, f"{label}, {masses(interval)}")


def print_remarks(warnings: Sequence[str], notes: Sequence[str]) -> None:
    """Warnings and notes, a paragraph each."""
    print_lines(*(f"warning: {text}" for text in warnings), *(f"note: {text}" for text in notes))


def print_table(rows: Sequence[Mapping[Any, str]], title: str) -> None:
    """Rows as a table, with a title above; nothing of none."""
    if not rows:
        return
    console = _console()
    shown = [{printable(name): printable(cell) for name, cell in row.items()} for row in rows]
    rule = "-" if console.options.ascii_only else "─"
    for line in wrapped(printable(title), width()):
        console.print(line, style="bold", markup=False, highlight=False, soft_wrap=True)
    for line in ("", *table_lines(shown, width(), rule), ""):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def print_ranges(runs: "Runs") -> None:
    """A table of the range of every column of runs."""
    rows = [
        {
            "column": str(row["column"]),
            "unit": str(row["unit"]),
            "from": format_column(row["column"], row["min"]),
            "to": format_column(row["column"], row["max"]),
            "decades": f"{row['decades']:.2f}" if row["decades"] == row["decades"] else "",
        }
        for row in runs.summary().to_dict("records")
    ]
    print_table(rows, f"Columns of {runs.source}")


def print_lines(*lines: str) -> None:
    """Text without markup, each of its lines folded to the width of the terminal."""
    console = _console()
    for text in lines:
        for line in wrapped(printable(text), width()):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def printable(text: str) -> str:
    r"""Text for a terminal: arguments as options, and what would steer it, other than a new line, written out.

    Examples
    --------
    >>> print(printable("loss\x1b[2J"))
    loss\x1b[2J
    """
    text = as_options(text)
    if text.isprintable():
        return text
    steers = (each != "\n" and unicodedata.category(each)[0] == "C" for each in text)
    return "".join(ascii(each)[1:-1] if out else each for each, out in zip(text, steers, strict=True))


def print_json(document: dict[str, Any]) -> None:
    """A document for programs, with arguments in its remarks as options."""
    print(json.dumps(_spelt(document), indent=2, allow_nan=False))


_REMARKS = ("warnings", "notes", "untold", "refusal", "reasons", "left_out", "verdict")
"""Parts of a document that messages are in."""


def _spelt(part: Any, remark: bool = False) -> Any:
    """Part of a document, with its messages as :func:`as_options` spells them."""
    if isinstance(part, dict):
        return {name: _spelt(value, remark or name in _REMARKS) for name, value in part.items()}
    if isinstance(part, list | tuple):
        return [_spelt(value, remark) for value in part]
    return as_options(part) if remark and isinstance(part, str) else part


def masses(interval: float) -> str:
    """What a column of medians and intervals is called: ``median [90% interval]``."""
    return f"median [{100 * interval:g}% interval]"


def rows_at(
    summary: "pd.DataFrame",
    by: str,
    heading: str,
    write: Callable[[float], str] = format_quantity,
    labels: Mapping[str, str] = LABELS,
) -> list[dict[str, str]]:
    """A row for each value of a column, with a cell for each quantity there."""
    rows = []
    for value, block in summary.groupby(by, sort=not isinstance(summary[by].iloc[0], str)):
        row = {heading: value if isinstance(value, str) else write(float(value))}  # type: ignore[arg-type]
        for line in block.to_dict("records"):
            label = labels.get(line["quantity"], line["quantity"])
            row[with_unit(label, line["unit"])] = interval_of(line, 4 if line["quantity"] == "loss" else 3)
        rows.append(row)
    return rows


def interval_of(row: Any, digits: int) -> str:
    """Median and interval of a row of a summary, whose three quantiles are in order."""
    shown = format_interval(
        (row[key] for key in row if str(key)[0] == "q" and str(key)[1].isdigit()), digits, row.get("unit", "")
    )
    return shown if shown == "none" else shown + of_draws(row.get("exists", 1.0))


def _console() -> Any:
    from rich.console import Console

    return Console(force_jupyter=False)  # as text, also where a notebook calls it


def show_answer(fitted: "Posterior", answer: "Answer", interval: float, as_json: bool) -> None:
    """An answer to a planning question, as a table or as JSON, and exit with status 1 if its fit is not certified."""
    if as_json:
        from bayescale.cli.documents import answer_document

        print_json(answer_document(fitted, answer))
    else:
        print_answer(answer, interval)
        print_basis(answer.warnings, answer.notes, interval, fitted)
    leave(fitted)


def print_answer(answer: "Answer", interval: float, labels: Mapping[str, str] = LABELS) -> None:
    """Quantities of an answer, a row for each case if there are several, and its probabilities."""
    summary, title = answer.summary(interval), f"{answer.question}, {masses(interval)}"
    if answer.by is None:
        rows = [
            {"quantity": row["quantity"], "value": interval_of(row, 3), "unit": row["unit"]}
            for row in summary.to_dict("records")
        ]
    else:
        # Where cases differ by the size itself, N is that size and no optimum.
        optimal = labels if answer.by in {"C", "dollars", "served"} else {}
        rows = rows_at(summary, answer.by, _HEADINGS.get(answer.by, answer.by), labels={**optimal, **answer.labels})
    print_table(rows, title)
    print_lines(*(f"P({name}) = {value:.2f}" for name, value in answer.probabilities.items()))


def print_written(figure: "Path | None", as_json: bool) -> None:
    """Say where a figure was written, if one was; beside JSON on standard error."""
    if figure is not None:
        click.echo(printable(f"figure written to {figure}"), err=as_json)


@contextmanager
def progress(message: str, fits: int | None = None) -> Iterator[None]:
    """Say on standard error what is being done, and how far it is; turn a swallowed interrupt into one."""
    from rich.console import Console

    from bayescale.basics.progress import steps

    console = Console(stderr=True, force_jupyter=False)
    if not console.is_terminal:
        console.print(message, markup=False, highlight=False, soft_wrap=True)
        yield
    else:
        with steps(message, fits if fits != 1 else None):
            yield
    # A library that was being imported or called back may have swallowed an interrupt.
    if INTERRUPTED.is_set():
        raise KeyboardInterrupt


def leave(fitted: "Posterior | Pooled | bool") -> None:
    """Exit with status 1 if a result is not certified."""
    if not (fitted if isinstance(fitted, bool) else fitted.certified):
        sys.exit(1)
