"""The command line: it parses, calls the same functions as a notebook does, and prints; it holds no statistics.

Exit status: 0 good, 1 a result that is not certified, 2 bad input or usage, 130 an interrupt.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from bayescale.errors import BayescaleError, QuantityError
from bayescale.quantities import format_quantity, parse_quantity

if TYPE_CHECKING:
    import pandas as pd

    from bayescale.fitting import Fit

DEFAULT_BUDGETS = ("5.76e23", "1e26")
DEFAULT_LAW = "chinchilla"
DEFAULT_NOISE = "student_t"

app = typer.Typer(
    name="bayescale",
    help="Bayesian scaling laws: loss bands and compute-optimal N and D from a table of training runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class EngineName(StrEnum):
    """Samplers by name."""

    importance = "importance"
    nuts = "nuts"


RunsArgument = Annotated[
    str,
    typer.Argument(metavar="RUNS", help="A shipped data set's name, a CSV or Parquet file, or a saved fit (.nc)."),
]
LawOption = Annotated[
    str | None, typer.Option("--law", help=f"A shipped law's name or a law file (.py). Default {DEFAULT_LAW}.")
]
NoiseOption = Annotated[
    str | None, typer.Option("--noise", help=f"Noise of the log outcome: student_t or normal. Default {DEFAULT_NOISE}.")
]
EngineOption = Annotated[EngineName | None, typer.Option("--engine", help="Sampler. Default importance.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same numbers.")]
ColumnsOption = Annotated[
    str | None, typer.Option("--columns", help="The table's own names, such as loss=val_loss,N=params.")
]
IntervalOption = Annotated[float, typer.Option("--interval", help="Mass of the equal-tailed intervals shown.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables.")]


@app.command()
def plan(
    runs: RunsArgument = "chinchilla",
    budget: Annotated[
        list[str] | None,
        typer.Option("--budget", help=f"Training FLOP; repeat it for more. Default {' and '.join(DEFAULT_BUDGETS)}."),
    ] = None,
    law: LawOption = None,
    noise: NoiseOption = None,
    engine: EngineOption = None,
    seed: SeedOption = 0,
    columns: ColumnsOption = None,
    interval: IntervalOption = 0.9,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Also draw the plan to this file (.png, .svg, .pdf).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Loss bands and compute-optimal N and D, with credible intervals, at each budget."""
    _check_interval(interval)
    budgets = [_quantity("--budget", text) for text in budget or DEFAULT_BUDGETS]
    fitted = _fit(runs, law, noise, engine, seed, columns)
    from bayescale.allocation import optimum

    best = optimum(fitted, budgets, seed=seed)
    if plot is not None:
        from bayescale.plots import plot_plan, save_figure

        save_figure(plot_plan(fitted, budgets, ci_prob=interval, seed=seed), plot)
    if as_json:
        from bayescale.documents import plan_document

        _print_json(plan_document(fitted, best))
    else:
        _print_head(fitted)
        _print_table(_plan_rows(best.summary(interval)), f"Compute-optimal runs, median [{interval:.0%} interval]")
        _print_parameters(fitted, interval)
        _print_remarks(best.warnings, fitted.notes)
    _exit(fitted)


@app.command("fit")
def fit_command(
    runs: RunsArgument = "chinchilla",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Save the fit to this netCDF file.")] = None,
    law: LawOption = None,
    noise: NoiseOption = None,
    engine: EngineOption = None,
    seed: SeedOption = 0,
    columns: ColumnsOption = None,
    interval: IntervalOption = 0.9,
    as_json: JsonOption = False,
) -> None:
    """Sample a law's posterior, show its parameters, and save it."""
    _check_interval(interval)
    fitted = _fit(runs, law, noise, engine, seed, columns)
    if output is not None:
        from bayescale.storage import save

        save(fitted, output)
    if as_json:
        from bayescale.documents import fit_document

        _print_json(fit_document(fitted))
    else:
        _print_head(fitted)
        _print_parameters(fitted, interval)
        saved = () if output is None else (f"saved to {output}",)
        _print_remarks(fitted.warnings, (*fitted.notes, *saved))
    _exit(fitted)


@app.command()
def predict(
    runs: RunsArgument,
    at: Annotated[
        list[str] | None, typer.Option("--at", help="A point, such as N=70B,D=1.4T; repeat it for more.")
    ] = None,
    points: Annotated[Path | None, typer.Option("--points", help="A CSV or Parquet table of points.")] = None,
    law: LawOption = None,
    noise: NoiseOption = None,
    engine: EngineOption = None,
    seed: SeedOption = 0,
    columns: ColumnsOption = None,
    interval: IntervalOption = 0.9,
    as_json: JsonOption = False,
) -> None:
    """Forecast the outcome of runs that have not been trained."""
    _check_interval(interval)
    if not at and points is None:
        raise typer.BadParameter("give a point as --at N=70B,D=1.4T, or a table of points as --points FILE")
    asked = _points(at or [], points)
    fitted = _fit(runs, law, noise, engine, seed, columns)
    from bayescale.forecasting import forecast

    bands = forecast(fitted, seed=seed, **asked)
    if as_json:
        from bayescale.documents import predict_document

        _print_json(predict_document(bands))
    else:
        _print_head(fitted)
        rows = [
            {
                **{name: format_quantity(value) for name, value in point.items() if name in bands.points},
                f"{bands.outcome} ({bands.unit})": _interval(point, 4),
            }
            for point in bands.summary(interval).to_dict("records")
        ]
        _print_table(rows, f"Posterior predictive, median [{interval:.0%} interval]")
        _print_remarks(bands.warnings, fitted.notes)
    _exit(fitted)


@app.command()
def laws(name: Annotated[str | None, typer.Argument(help="A law's name or file, to see it in full.")] = None) -> None:
    """List the laws, or show one in full: formula, priors, published fits."""
    from bayescale.catalog import law_names, load_law

    if name is None:
        found = [load_law(each) for each in law_names()]
        _print_table([{"law": f.name, "formula": f.formula, "citation": f.citation} for f in found], "Laws")
        return
    law = load_law(name)
    _print_lines(f"{law.title}: {law.outcome} = {law.formula}  ({law.outcome_unit})", law.citation)
    _print_lines(*(line for line in (law.decision, law.failure) if line))
    _print_table([{"input": i.name, "meaning": i.meaning, "unit": i.unit} for i in law.inputs], "Inputs")
    _print_table(
        [{"parameter": p.name, "prior": str(p.prior), "meaning": p.meaning, "why": p.reason} for p in law.parameters],
        "Sampled parameters",
    )
    _print_table(
        [{"parameter": d.name, "meaning": d.meaning, "unit": d.unit} for d in law.derived], "Derived parameters"
    )
    for published in law.published:
        rows = [
            {"parameter": key, "value": f"{value:.6g}", "standard error": _maybe(published.standard_errors.get(key))}
            for key, value in published.values.items()  # noqa: PD011
        ]
        _print_table(rows, f"Published: {published.citation}" + (f"; {published.note}" if published.note else ""))


@app.command()
def datasets(name: Annotated[str | None, typer.Argument(help="A data set's name, to see its card.")] = None) -> None:
    """List the shipped data sets, or show one's card and the ranges of its runs."""
    from bayescale.catalog import dataset_names, load_card, load_dataset

    if name is None:
        cards = [load_card(each) for each in dataset_names()]
        rows = [{"data set": c.name, "title": c.title, "rows": str(c.rows), "licence": c.licence} for c in cards]
        _print_table(rows, "Data sets")
        return
    card = load_card(name)
    _print_lines(f"{card.name}: {card.title}", card.description)
    _print_lines(*(f"source: {each}" for each in card.source), f"licence: {card.licence}. {card.licence_notes}")
    _print_lines(*(f"cite: {each}" for each in card.citation))
    rows = [{"column": key, **{k: str(v) for k, v in column.items()}} for key, column in card.columns.items()]
    _print_table(rows, "Columns")
    _print_lines(*(f"known problem: {each}" for each in card.known_problems))
    runs = load_dataset(name)
    _print_lines(str(runs), *runs.notes)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    try:
        app(args=arguments)
    except BayescaleError as error:
        for line in str(error).splitlines():
            print(f"bayescale: {line}", file=sys.stderr)
        sys.exit(2)
    sys.exit(0)


def _fit(
    source: str, law: str | None, noise: str | None, engine: EngineName | None, seed: int, columns: str | None
) -> "Fit":
    """Fit runs, or load a saved fit."""
    if Path(source).suffix == ".nc":
        given = {"--noise": noise, "--engine": engine, "--columns": columns}
        for option in (name for name, value in given.items() if value is not None):
            raise typer.BadParameter(f"{option} has no effect on a saved fit ({source}): fit the runs again")
        from bayescale.storage import load

        return load(source, law=law)
    from bayescale.catalog import load_law, load_runs
    from bayescale.fitting import fit

    law = law or DEFAULT_LAW
    load_law(law)
    table = load_runs(source, columns=_mapping(columns) if columns else None)
    chosen = engine or EngineName.importance
    doing = f"fitting {law} to {len(table)} runs" + (" (compiling: about 10 s)" if chosen is EngineName.nuts else "")
    with _progress(doing):
        return fit(law, table, noise=noise or DEFAULT_NOISE, engine=chosen.value, seed=seed)


def _points(texts: Sequence[str], path: Path | None) -> dict[str, Any]:
    points = [{name: _quantity(f"--at {text}", value) for name, value in _mapping(text).items()} for text in texts]
    names = list(points[0]) if points else []
    for text, point in zip(texts, points, strict=True):
        if set(point) != set(names):
            raise typer.BadParameter(f"--at {text}: every point needs the same inputs, here {', '.join(names)}")
    columns = {name: [point[name] for point in points] for name in names}
    if path is None:
        return columns
    from bayescale.tables import positive, read_table, refuse

    if texts:
        raise typer.BadParameter("give points either by --at or by --points, not both")
    frame, faults = read_table(path), list[str]()
    for name in frame.columns:
        columns[str(name)], found = positive(frame[name], str(path), str(name))  # type: ignore[assignment]
        faults += found
    refuse(faults)
    return columns


def _mapping(text: str) -> dict[str, str]:
    """``N=70B,D=1.4T`` as a dictionary."""
    pairs = [part.partition("=") for part in text.split(",")]
    if any(not key.strip() or not value.strip() for key, _, value in pairs):
        raise typer.BadParameter(f"{text!r}: write name=value pairs separated by commas, such as N=70B,D=1.4T")
    return {key.strip(): value.strip() for key, _, value in pairs}


def _quantity(option: str, text: str) -> float:
    try:
        value = parse_quantity(text)
    except QuantityError as error:
        raise typer.BadParameter(f"{option}: {error}") from None
    if value <= 0:
        raise typer.BadParameter(f"{option}: {text} is not above zero")
    return value


def _check_interval(mass: float) -> None:
    if not 0 < mass < 1:
        raise typer.BadParameter(f"--interval: {mass:g} is not between 0 and 1; for a 90 % interval give 0.9")


@contextmanager
def _progress(message: str) -> Iterator[None]:
    from rich.console import Console

    with Console(stderr=True).status(message):
        yield


def _plan_rows(summary: "pd.DataFrame") -> list[dict[str, str]]:
    rows = []
    for budget, block in summary.groupby("C"):
        row = {"budget (FLOP)": format_quantity(float(budget))}  # type: ignore[arg-type]
        for line in block.to_dict("records"):
            label = {"N": "N*", "D": "D*", "tokens_per_parameter": "D*/N*"}.get(line["quantity"], line["quantity"])
            row[f"{label} ({line['unit']})"] = _interval(line, 4 if label == "loss" else 3)
        rows.append(row)
    return rows


def _interval(row: Any, digits: int) -> str:
    """Median and interval of a row of a summary, whose three quantiles stand in order."""
    low, middle, high = (row[key] for key in row if str(key)[0] == "q" and str(key)[1].isdigit())
    return f"{format_quantity(middle, digits)} [{format_quantity(low, digits)}, {format_quantity(high, digits)}]"


def _maybe(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _print_head(fitted: "Fit") -> None:
    record, diagnostics = fitted.record, fitted.diagnostics
    figures = {"Pareto k-hat": diagnostics.pareto_k, "R-hat": diagnostics.r_hat_max}
    shown = [f"{name} {value:.2f}" for name, value in figures.items() if value is not None]
    state = "certified" if diagnostics.certified else "NOT CERTIFIED"
    _print_lines(
        f"{fitted.law.title}, {fitted.law.formula}, on {record.dataset}: {record.n_runs} runs, {record.noise} noise",
        f"{record.engine}: {state}, {', '.join([*shown, f'effective draws {diagnostics.ess_min:.0f}'])}",
    )


def _print_parameters(fitted: "Fit", interval: float) -> None:
    rows = [
        {
            "parameter": str(name),
            "median and interval": _interval(row, 4),
            "unit": row["unit"],
            "meaning": row["meaning"],
        }
        for name, row in fitted.summary(interval).to_dict("index").items()
    ]
    _print_table(rows, f"Parameters, median [{interval:.0%} interval]")


def _print_remarks(warnings: Sequence[str], notes: Sequence[str]) -> None:
    _print_lines(*(f"warning: {text}" for text in warnings), *(f"note: {text}" for text in notes))


def _print_table(rows: Sequence[Mapping[Any, str]], title: str) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for name in rows[0] if rows else ():
        table.add_column(escape(name), overflow="fold")
    for row in rows:
        table.add_row(*(escape(text) for text in row.values()))
    _console().print(table)


def _print_lines(*lines: str) -> None:
    for line in lines:
        _console().print(line, markup=False, highlight=False)


def _console() -> Any:
    from rich.console import Console

    console = Console()
    # Piped output keeps whole rows, for grep, instead of folding at the 80 columns that a pipe is taken to have.
    return console if console.is_terminal else Console(width=200)


def _print_json(document: dict[str, Any]) -> None:
    print(json.dumps(document, indent=2, allow_nan=False))


def _exit(fitted: "Fit") -> None:
    if not fitted.diagnostics.certified:
        raise typer.Exit(1)
