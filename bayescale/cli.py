"""The command line: it parses, calls the same functions as a notebook does, and prints; it holds no statistics.

Exit status: 0 good, 1 a result that is not certified, 2 bad input or usage, 130 an interrupt.
"""

import json
import math
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, current_thread, main_thread
from typing import TYPE_CHECKING, Any, NoReturn

import click

from bayescale.errors import BayescaleError, QuantityError
from bayescale.quantities import format_quantity, parse_quantity

if TYPE_CHECKING:
    import pandas as pd

    from bayescale.chains import Chain
    from bayescale.costs import Cost
    from bayescale.ensembles import Posterior
    from bayescale.fitting import Fit
    from bayescale.law import Parameter
    from bayescale.pooling import Pooled
    from bayescale.runs import Runs

DEFAULT_BUDGETS = ("5.76e23", "1e26")
DEFAULT_LAW = "auto"
DEFAULT_NOISE = "student_t"
DEFAULT_ENGINE = "importance"
DEFAULT_DISCREPANCY = True

_LABELS = {
    "N": "N*",
    "D": "D*",
    "tokens_per_parameter": "D*/N*",
    "N_law": "N* if the law is right",
    "N_alone": "N* if only trained",
}
_WIDE = 3.0
"""Ratio of the ends of an axis above which it is logarithmic."""


class Quantity(click.ParamType[float]):
    """A positive number such as 70B or 5.76e23."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the text of an option."""
        if isinstance(value, float):
            return value
        try:
            number = parse_quantity(value)
        except QuantityError as error:
            self.fail(str(error), param, ctx)
        if number <= 0:
            self.fail(f"{value} is not above zero", param, ctx)
        return number


class Pairs(click.ParamType[dict[str, str]]):
    """``name=value`` pairs, such as N=70B,D=1.4T."""

    name = "name=value,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        """Read the text of an option."""
        if isinstance(value, dict):
            return value
        pairs = [part.partition("=") for part in value.split(",")]
        if any(not key.strip() or not text.strip() for key, _, text in pairs):
            self.fail(f"{value!r}: write name=value pairs separated by commas, such as N=70B,D=1.4T", param, ctx)
        return {key.strip(): text.strip() for key, _, text in pairs}


class Share(click.ParamType[float]):
    """A number between 0 and 1."""

    name = "share"

    def __init__(self, hint: str) -> None:
        self._hint = hint

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the text of an option."""
        try:
            mass = float(value)
        except ValueError:
            mass = float("nan")
        if not 0 < mass < 1:
            self.fail(f"{value} is not between 0 and 1; {self._hint}", param, ctx)
        return mass


MASS = Share("for a 90 % interval give 0.9")


COLUMNS = click.option("--columns", type=Pairs(), help="The table's own names, such as loss=val_loss,N=params.")
SEED = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed gives the same numbers."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of tables.")


def fit_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a fit, as ``source`` and ``options``, and of what is printed."""
    return _with_options(
        command,
        click.option(
            "--law",
            "laws",
            metavar="NAME|FILE",
            multiple=True,
            help="A shipped law or a law file (.py); repeat it to mix several. Default auto, a mixture.",
        ),
        click.option("--noise", help=f"Noise of the outcome: student_t, normal or one_sided. Default {DEFAULT_NOISE}."),
        click.option(
            "--discrepancy/--no-discrepancy",
            default=None,
            help="Whether a law itself may be wrong (the default), or is taken as true, with too narrow bands.",
        ),
        click.option("--engine", type=click.Choice(["importance", "nuts"]), help=f"Default {DEFAULT_ENGINE}."),
        click.option(
            "--pool",
            metavar="PARAMETER",
            multiple=True,
            help="A parameter of the law that differs between groups of runs, which lean on each other; repeat it.",
        ),
        click.option("--by", metavar="COLUMN", help="Column that tells the groups apart. Default group."),
        click.option("--group", help="With --pool, the group to answer for."),
        COLUMNS,
        SEED,
        click.option("--interval", type=MASS, default=0.9, show_default=True, help="Mass of the intervals shown."),
        JSON,
    )


def study_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a study of many fits to one table."""
    return _with_options(
        command,
        click.option("--noise", default=DEFAULT_NOISE, show_default=True, help="Noise of the outcome."),
        click.option(
            "--discrepancy/--no-discrepancy",
            default=DEFAULT_DISCREPANCY,
            show_default=True,
            help="Whether a law may be wrong.",
        ),
        COLUMNS,
        SEED,
        click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes."),
        JSON,
    )


def _with_options(
    command: Callable[..., None], *decorators: Callable[[Callable[..., None]], Callable[..., None]]
) -> Callable[..., None]:
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def cost_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the prices and efficiencies of training, as ``prices``."""
    return _with_options(
        command,
        click.option("--accelerator", help="Kind of accelerator: h100, h200 or a100. Default h100."),
        click.option("--price", type=Quantity(), help="Dollars per accelerator-hour; by default public prices."),
        click.option("--utilisation", type=Share("for 38 % give 0.38"), help="Share of peak that training sustains."),
        click.option(
            "--overhead", type=click.FloatRange(min=0), help="Everything else per dollar of hours, such as 0.3."
        ),
        click.option("--study", type=Quantity(), help="Dollars spent on small runs before."),
        click.option("--own", is_flag=True, help="Accelerators of one's own, whose energy is paid on top."),
    )


COST_NAMES = ("accelerator", "price", "utilisation", "overhead", "study", "own")

SOURCE_HELP = "RUNS is a shipped data set's name, a CSV or Parquet file, or a saved fit (.nc)."


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="bayescale")
def app() -> None:
    """Bayesian scaling laws: loss bands and compute-optimal N and D from a table of training runs."""


@app.command(epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@click.option(
    "--budget",
    "budgets",
    type=Quantity(),
    multiple=True,
    default=DEFAULT_BUDGETS,
    show_default=True,
    help="Training FLOP; repeat it for more.",
)
@click.option(
    "--dollars", type=Quantity(), multiple=True, help="Money instead, at uncertain prices; repeat it for more."
)
@click.option("--served", type=Quantity(), multiple=True, help="Tokens served in the model's life; repeat it for more.")
@click.option("--loss", type=Quantity(), help="With --served, the loss that the model must reach.")
@click.option("--plot", type=click.Path(path_type=Path), help="Also draw the plan (.png, .svg or .pdf).")
@cost_options
@fit_options
def plan(
    runs: str,
    budgets: tuple[float, ...],
    dollars: tuple[float, ...],
    served: tuple[float, ...],
    loss: float | None,
    plot: Path | None,
    seed: int,
    interval: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Loss bands and compute-optimal N and D, with credible intervals, at each budget."""
    from bayescale.files import FIGURE_ENDINGS, check_output

    if plot is not None:
        check_output(plot, FIGURE_ENDINGS)
    prices = {name: options.pop(name) for name in COST_NAMES}
    if (dollars or served) and (plot is not None or _was_given("budgets")):
        raise click.UsageError("--budget and --plot go with compute, not with --dollars or --served")
    if not dollars and any(value not in (None, False) for value in prices.values()):
        raise click.UsageError("prices go with --dollars, or with `bayescale cost`")
    if bool(served) != (loss is not None):
        raise click.UsageError("--served and --loss go together: the tokens to serve, and the loss to reach")
    if dollars and served:
        raise click.UsageError("give --dollars, or --served and --loss, not both")
    cost = _cost(seed, **prices)
    fitted = _fit(runs, seed, **options)
    if dollars:
        _plan_for_money(fitted, dollars, cost, seed, interval, as_json)
        return
    if loss is not None:
        _plan_for_use(fitted, loss, served, seed, interval, as_json)
        return
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
        summary = best.summary(interval)
        if best.draws["N"].equals(best.draws["N_law"]):
            summary = summary[summary["quantity"] != "N_law"]
        _print_table(
            _plan_rows(summary, "C", "budget (FLOP)"), f"Compute-optimal runs, median [{interval:.0%} interval]"
        )
        _print_parameters(fitted, interval)
        _print_remarks(best.warnings, fitted.notes)
    _exit(fitted)


def _was_given(parameter: str) -> bool:
    """Whether an option was said, rather than left at its default."""
    source = click.get_current_context().get_parameter_source(parameter)
    return source is click.core.ParameterSource.COMMANDLINE


def _plan_for_use(
    fitted: "Posterior", loss: float, served: Sequence[float], seed: int, interval: float, as_json: bool
) -> None:
    from bayescale.lifetimes import lifetime_optimum

    best = lifetime_optimum(fitted, loss, served, seed=seed)
    if as_json:
        from bayescale.documents import lifetime_document

        _print_json(lifetime_document(fitted, best))
    else:
        _print_head(fitted)
        rows = _plan_rows(best.summary(interval), "served", "served (tokens)")
        _print_table(rows, f"Cheapest training and serving at a loss of {loss:g}, median [{interval:.0%} interval]")
        _print_lines(f"P(a loss of {loss:g} can be reached) = {best.reachable:.2f}")
        _print_remarks(best.warnings, fitted.notes)
    _exit(fitted)


def _plan_for_money(
    fitted: "Posterior", dollars: Sequence[float], cost: "Cost", seed: int, interval: float, as_json: bool
) -> None:
    from bayescale.spending import optimum_for

    best = optimum_for(fitted, dollars, cost, seed=seed)
    if as_json:
        from bayescale.documents import spending_document

        _print_json(spending_document(fitted, best))
    else:
        _print_head(fitted)
        rows = _plan_rows(best.summary(interval), "dollars", "budget (dollars)")
        _print_table(rows, f"Compute-optimal runs for money, median [{interval:.0%} interval]")
        _print_remarks(best.warnings, (*fitted.notes, f"prices: {cost.accelerator.name}, {cost.accelerator.source}"))
    _exit(fitted)


@app.command()
@click.option("--flop", type=Quantity(), help="Training compute.")
@click.option("--dollars", type=Quantity(), help="Money.")
@click.option("--days", type=Quantity(), help="Days, of --accelerators.")
@click.option("--mwh", type=Quantity(), help="Energy, megawatt-hours.")
@click.option("--accelerators", type=Quantity(), help="How many work at once.")
@cost_options
@SEED
@click.option("--interval", type=MASS, default=0.9, show_default=True, help="Mass of the intervals shown.")
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
    from bayescale.costs import UNITS, compute_of

    of = _cost(seed, **prices)
    compute = compute_of(of, flop=flop, dollars=dollars, days=days, mwh=mwh, accelerators=accelerators)
    bill = of.bill(compute, accelerators)
    if as_json:
        from bayescale.documents import cost_document

        _print_json(cost_document(bill))
        return
    from bayescale.intervals import summary_table

    rows = [
        {"quantity": str(name), f"median [{interval:.0%} interval]": _interval(row, 3), "unit": UNITS[str(name)]}
        for name in bill
        for row in summary_table(bill[name].expand_dims("chain"), interval).to_dict("records")
    ]
    _print_table(rows, f"Training on {of.accelerator.name}")
    _print_lines(f"note: {of.accelerator.name}: {of.accelerator.source}")


def _cost(
    seed: int,
    *,
    accelerator: str | None,
    price: float | None,
    utilisation: float | None,
    overhead: float | None,
    study: float | None,
    own: bool,
) -> "Cost":
    from bayescale.costs import Cost
    from bayescale.costs import accelerator as accelerator_by_name

    found = None if accelerator is None else accelerator_by_name(accelerator)
    given = {"accelerator": found, "price": price, "utilisation": utilisation, "overhead": overhead, "study": study}
    return Cost(seed=seed, pays_energy=own).with_given(**given)


@app.command("fit", epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Save the fit to this netCDF file (.nc).")
@fit_options
def fit_command(runs: str, output: Path | None, seed: int, interval: float, as_json: bool, **options: Any) -> None:
    """Sample a law's posterior, show its parameters, and save it."""
    from bayescale.files import check_output

    if output is not None:
        check_output(output)
    if options["pool"] and options["group"] is None:
        if output is not None:
            raise click.UsageError("--output: each group's fit has a file of its own: name one by --group")
        _show_pooled(_fit_pooled(runs, seed, **options), interval, as_json)
        return
    fitted = _fit(runs, seed, **options)
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


@app.command(epilog=SOURCE_HELP)
@click.argument("runs")
@click.option("--then", metavar="NAME|FILE", help="A law of what follows from the outcome, such as accuracy_of_loss.")
@click.option("--at", type=Pairs(), multiple=True, help="A point, such as N=70B,D=1.4T; repeat it for more.")
@click.option("--points", type=click.Path(path_type=Path), help="A CSV or Parquet table of points.")
@fit_options
def predict(
    runs: str,
    then: str | None,
    at: tuple[dict[str, str], ...],
    points: Path | None,
    seed: int,
    interval: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Forecast the outcome of runs that have not been trained, or with --then what follows from it."""
    asked = _points(at, points)
    if then is not None:
        _check_second_step(then, runs, **options)
    fitted = _fit(runs, seed, **options)
    from bayescale.forecasting import forecast

    certified, notes = fitted.certified, fitted.notes
    if then is None:
        bands = forecast(fitted, seed=seed, **asked)
    else:
        chain = _chain(fitted, runs, then, seed, **options)
        bands, certified = chain.forecast(seed=seed, **asked), chain.certified
        notes = tuple(dict.fromkeys((*notes, *chain.second.notes)))
    if as_json:
        from bayescale.documents import predict_document

        _print_json(predict_document(bands))
    else:
        _print_head(fitted)
        if then is not None:
            _print_head(chain.second)
        rows = [
            {
                **{name: format_quantity(value) for name, value in point.items() if name in bands.points},
                f"{bands.outcome} ({bands.unit})": _interval(point, 4),
            }
            for point in bands.summary(interval).to_dict("records")
        ]
        _print_table(rows, f"Posterior predictive, median [{interval:.0%} interval]")
        _print_remarks(bands.warnings, notes)
    _exit(certified)


@app.command(epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@click.option("--first", type=Pairs(), required=True, help="A run, such as N=70B,D=1.4T.")
@click.option("--second", type=Pairs(), required=True, help="The run that it is compared with, such as N=280B,D=300B.")
@fit_options
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
    points = [{name: Quantity().convert(text, None, None) for name, text in run.items()} for run in (first, second)]
    fitted = _fit(runs, seed, **options)
    from bayescale.tradeoffs import versus as compare_runs

    compared = compare_runs(fitted, points[0], points[1], seed=seed)
    if as_json:
        from bayescale.documents import versus_document

        _print_json(versus_document(compared))
    else:
        _print_head(fitted)
        rows = [
            {"run": str(name), f"{compared.outcome} ({compared.unit})": _interval(row, 4)}
            for name, row in compared.summary(interval).to_dict("index").items()
        ]
        _print_table(rows, f"Two runs, median [{interval:.0%} interval]")
        _print_lines(
            f"P({compared.outcome} of {compared.names[0]} is lower) = {compared.probability:.2f}; "
            f"of one run of each, noise included, {compared.probability_of_runs:.2f}"
        )
        _print_remarks(compared.warnings, fitted.notes)
    _exit(fitted)


@app.command(epilog="RUNS is a shipped data set's name, or a CSV or Parquet file.")
@click.argument("runs", default="chinchilla")
@click.option(
    "--law",
    "laws",
    multiple=True,
    default=(DEFAULT_LAW,),
    show_default=True,
    help="A shipped law's name or a law file (.py); repeat it to mix several, or auto, a mixture of shipped laws.",
)
@click.option(
    "--horizon",
    "horizons",
    type=Quantity(),
    multiple=True,
    default=("1", "3", "10", "30"),
    show_default=True,
    help="Ratio of the hidden runs' compute to the largest trained on; repeat it for more.",
)
@click.option("--cache", type=click.Path(path_type=Path), help="Folder that keeps finished splits, to resume from.")
@study_options
def backtest(
    runs: str,
    laws: tuple[str, ...],
    noise: str,
    discrepancy: bool,
    columns: dict[str, str] | None,
    horizons: tuple[float, ...],
    seed: int,
    jobs: int,
    cache: Path | None,
    as_json: bool,
) -> None:
    """Hide the larger runs, predict them, and measure whether the bands held."""
    from bayescale.backtesting import backtest as run_backtest

    measured = run_backtest(
        laws[0] if len(laws) == 1 else laws,
        _runs(runs, laws, columns),
        horizons=horizons,
        noise=noise,
        discrepancy=discrepancy,
        seed=seed,
        n_jobs=jobs,
        cache=cache,
        progress=True,
    )
    if as_json:
        from bayescale.documents import backtest_document

        _print_json(backtest_document(measured))
    else:
        _print_table(_score_rows(measured.summary()), "Scores of hidden runs, on the scale of the noise")
        _print_lines("A 90 % band should hold 90 % of hidden runs; +- is one standard error, clustered by run.")


@app.command(epilog="RUNS is a shipped data set's name, or a CSV or Parquet file.")
@click.argument("runs", default="chinchilla")
@click.option(
    "--law",
    "laws",
    multiple=True,
    default=("chinchilla", "tied", "skaling"),
    show_default=True,
    help="A shipped law's name or a law file (.py); repeat it.",
)
@study_options
def compare(
    runs: str,
    laws: tuple[str, ...],
    noise: str,
    discrepancy: bool,
    columns: dict[str, str] | None,
    seed: int,
    jobs: int,
    as_json: bool,
) -> None:
    """Compare laws: by the log score of hidden larger runs, leave-one-out density and evidence."""
    from bayescale.comparison import compare as run_compare

    compared = run_compare(
        laws,
        _runs(runs, laws, columns),
        noise=noise,
        discrepancy=discrepancy,
        seed=seed,
        n_jobs=jobs,
        progress=True,
    )
    if as_json:
        from bayescale.documents import compare_document

        _print_json(compare_document(compared))
    else:
        rows = [_comparison_row(row) for row in compared.table.to_dict("records")]
        _print_table(rows, "Laws, the best forecaster first (log scores in nats; larger is better)")
        _print_remarks(compared.warnings, ())


@app.command()
@click.argument("name", required=False)
def laws(name: str | None) -> None:
    """List the laws, or show one (a NAME or a file) in full: formula, priors, published fits."""
    from bayescale.catalog import law_names, load_law

    if name is None:
        found = [load_law(each) for each in law_names()]
        _print_table([{"law": f.name, "formula": f.formula, "citation": f.citation} for f in found], "Laws")
        return
    law = load_law(name)
    _print_lines(f"{law.title}: {law.outcome} = {law.formula}  ({law.outcome_unit})", law.citation)
    _print_lines(*(line for line in (law.decision, law.failure) if line))
    read = [{"input": i.name, "meaning": i.meaning, "unit": i.unit} for i in (*law.inputs, *law.settings)]
    _print_table(read, "Inputs")
    _print_table(
        [{"parameter": p.name, "prior": _stated(p), "meaning": p.meaning, "why": p.reason} for p in law.parameters],
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


def _stated(parameter: "Parameter") -> str:
    """A prior, and whether parameters that stand before it take part."""
    given = parameter.arguments is not None or parameter.shift is not None
    return f"{parameter.prior}{', given those above' * given}"


@app.command()
@click.argument("name", required=False)
def datasets(name: str | None) -> None:
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
    _print_lines(str(runs))
    _print_sketch(runs)


_INTERRUPTED = Event()


def _interrupt(signum: int, frame: Any) -> NoReturn:
    _INTERRUPTED.set()
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    _INTERRUPTED.clear()
    if current_thread() is main_thread():  # the only one that may set what signals do
        signal.signal(signal.SIGINT, _interrupt)
    try:
        # Not standalone, where click answers an interrupt by status 1.
        status = app(args=arguments, prog_name="bayescale", standalone_mode=False)
        print(end="", flush=True)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        _complain("interrupted")
        sys.exit(130)
    except BayescaleError as error:
        _complain(*str(error).splitlines())
        sys.exit(2)
    except OSError as error:
        # Of standard output: files have errors of their own. Nothing more can be flushed to it on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            sys.exit(1)
        _complain(f"standard output cannot be written ({error.strerror}): make room, or send it elsewhere")
        sys.exit(2)
    sys.exit(status)


def _complain(*lines: str) -> None:
    for line in lines:
        print(f"bayescale: {line}", file=sys.stderr)


def _fit(
    source: str,
    seed: int,
    *,
    laws: tuple[str, ...],
    columns: dict[str, str] | None,
    pool: tuple[str, ...],
    by: str | None,
    group: str | None,
    **sampling: Any,
) -> "Posterior":
    """Fit runs, or load a saved fit."""
    if pool:
        if group is None:
            raise click.UsageError("--pool fits several groups: say which by --group")
        pooled = _fit_pooled(source, seed, laws=laws, columns=columns, pool=pool, by=by, group=group, **sampling)
        return pooled.groups[group]
    if by is not None or group is not None:
        raise click.UsageError("--by and --group go with --pool")
    if Path(source).suffix == ".nc":
        given = {**sampling, "columns": columns}
        for option in (name for name, value in given.items() if value is not None):
            raise click.UsageError(f"--{option} has no effect on a saved fit ({source}): fit the runs again")
        from bayescale.storage import load

        if len(laws) > 1:
            raise click.UsageError("--law: give only the law file of a saved fit, if it is a law of your own")
        return load(source, law=laws[0] if laws else None)
    from bayescale.stacking import fit

    table = _runs(source, laws, columns)
    law = laws[0] if len(laws) == 1 else laws or DEFAULT_LAW
    asked = _asked(seed, **sampling)
    naming = "the ensemble of laws" if law == DEFAULT_LAW else ", ".join(laws)
    doing = f"fitting {naming} to {len(table)} runs" + (" (compiling: about 10 s)" if asked["engine"] == "nuts" else "")
    with _progress(doing):
        return fit(law, table, **asked)


def _asked(seed: int, *, noise: str | None, discrepancy: bool | None, engine: str | None) -> dict[str, Any]:
    """Options of a fit, the defaults for what was not said."""
    return {
        "noise": noise or DEFAULT_NOISE,
        "discrepancy": DEFAULT_DISCREPANCY if discrepancy is None else discrepancy,
        "engine": engine or DEFAULT_ENGINE,
        "seed": seed,
    }


def _fit_pooled(
    source: str,
    seed: int,
    *,
    laws: tuple[str, ...],
    columns: dict[str, str] | None,
    pool: tuple[str, ...],
    by: str | None,
    group: str | None,
    **sampling: Any,
) -> "Pooled":
    """Fit all groups of runs together."""
    if Path(source).suffix == ".nc":
        raise click.UsageError(f"--pool takes a table of runs, not a saved fit ({source})")
    if len(laws) != 1 or laws[0] == DEFAULT_LAW:
        raise click.UsageError("--pool takes a single law: name it by --law")
    from bayescale.pooling import group_codes
    from bayescale.stacking import fit

    table = _runs(source, laws, columns, series_apart=False)
    column = by or "group"
    _, groups = group_codes(table, column)
    if group is not None and group not in groups:
        raise click.UsageError(f"--group: no group {group!r} in column {column}: it holds {', '.join(groups)}")
    with _progress(f"fitting {laws[0]} to {len(table)} runs of {len(groups)} groups (minutes, if they are many)"):
        return fit(laws[0], table, pool=pool, by=column, **_asked(seed, **sampling))


def _show_pooled(pooled: "Pooled", interval: float, as_json: bool) -> None:
    if as_json:
        from bayescale.documents import pooled_document

        _print_json(pooled_document(pooled))
    else:
        _print_member_head(next(iter(pooled.groups.values())))
        summary = pooled.summary(interval)
        for group, block in summary.groupby(level="group", sort=False):
            rows = [
                {
                    "parameter": str(name),
                    "median and interval": _interval(row, 4),
                    "unit": row["unit"],
                    "meaning": row["meaning"],
                }
                for name, row in block.droplevel("group").to_dict("index").items()
            ]
            _print_table(rows, f"{group}, median [{interval:.0%} interval]")
        _print_remarks(pooled.warnings, ())
    _exit(pooled)


def _check_second_step(then: str, source: str, **options: Any) -> None:
    """Refuse a second law that cannot follow the first, or not from these runs, before anything is fitted."""
    from bayescale.catalog import load_law

    if options["pool"] or Path(source).suffix == ".nc":
        raise click.UsageError("--then takes a table of runs, and no pooling")
    second, first = load_law(then), _runs(source, options["laws"], options["columns"])
    if second.input_names != (first.outcome,):
        read = ", ".join(second.input_names)
        raise click.UsageError(f"--then: law {second.name!r} reads {read}, not {first.outcome}, the first outcome")
    _runs(source, (then,), options["columns"])


def _chain(fitted: "Posterior", source: str, then: str, seed: int, **options: Any) -> "Chain":
    """A fit of the first step, and one of the second to the same runs."""
    from bayescale.chains import chained
    from bayescale.fitting import fit_law

    table = _runs(source, (then,), options["columns"])
    asked = _asked(seed, **{name: options[name] for name in ("noise", "discrepancy", "engine")})
    with _progress(f"fitting {then} to {len(table)} runs"):
        second = fit_law(then, table, **asked)
    return chained(fitted, second)


def _runs(source: str, laws: Sequence[str], columns: dict[str, str] | None, *, series_apart: bool = True) -> "Runs":
    """The table, with the outcome that the first law predicts, or its own where laws are chosen to suit it."""
    from bayescale.catalog import load_law, load_runs

    if not laws or laws[0] == DEFAULT_LAW:
        return load_runs(source, columns=columns, series_apart=series_apart)
    law = load_law(laws[0])
    asked = {"outcome": law.outcome, "domain": law.link.domain}
    return load_runs(source, columns=columns, series_apart=series_apart, **asked)


def _points(at: Sequence[dict[str, str]], path: Path | None) -> dict[str, Any]:
    """Points as columns, from the options or from a table."""
    if bool(at) == (path is not None):
        raise click.UsageError("give points either as --at N=70B,D=1.4T or as a table by --points FILE")
    if path is not None:
        from bayescale.tables import numbers_in, read_table, refuse

        frame = read_table(path)
        read = {str(name): numbers_in("real", frame[name], str(path), str(name)) for name in frame.columns}
        refuse([fault for _, faults in read.values() for fault in faults])
        return {name: values for name, (values, _) in read.items()}
    for point in at:
        if point.keys() != at[0].keys():
            raise click.UsageError(f"--at: every point needs the same inputs, here {', '.join(at[0])}")
    return {name: [_number(name, point[name]) for point in at] for name in at[0]}


def _number(name: str, text: str) -> float:
    try:
        return parse_quantity(text)
    except QuantityError as error:
        raise click.UsageError(f"--at {name}: {error}") from None


@contextmanager
def _progress(message: str) -> Iterator[None]:
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        console.print(message, markup=False, highlight=False, soft_wrap=True)
        yield
    else:
        with console.status(message):
            yield
    # A library that was being imported or called back may have swallowed an interrupt.
    if _INTERRUPTED.is_set():
        raise KeyboardInterrupt


def _plan_rows(summary: "pd.DataFrame", by: str, heading: str) -> list[dict[str, str]]:
    """A row for each value of a column, with a cell for each quantity there."""
    rows = []
    for value, block in summary.groupby(by):
        row = {heading: format_quantity(float(value))}  # type: ignore[arg-type]
        for line in block.to_dict("records"):
            label = _LABELS.get(line["quantity"], line["quantity"])
            row[f"{label} ({line['unit']})"] = _interval(line, 4 if label == "loss" else 3)
        rows.append(row)
    return rows


def _comparison_row(row: Any) -> dict[str, str]:
    score, evidence = row["horizon_score"], row["log_evidence"]
    return {
        "rank": str(row["rank"]),
        "law": row["law"],
        "score of hidden larger runs": "" if score is None else f"{score:.3f}",
        "ELPD (leave one out)": f"{row['elpd_loo']:.1f} +- {row['se']:.1f}",
        "difference from first": f"{row['elpd_diff']:+.1f} +- {row['dse']:.1f}",
        "largest k-hat": f"{row['max_pareto_k']:.2f}",
        "log evidence": "" if evidence is None else f"{evidence:.1f}",
        "stacking weight": f"{row['weight_stacking']:.2f}",
    }


def _score_rows(summary: "pd.DataFrame") -> list[dict[str, str]]:
    return [
        {
            "horizon": format_quantity(row["horizon"]),
            "method": row["method"],
            "hidden runs": str(row["n_test"]),
            "in 50 %": f"{row['cover_0.5']:.0%}",
            "in 80 %": _with_error(row["cover_0.8"], row["cover_0.8_se"], ".0%"),
            "in 90 %": _with_error(row["cover_0.9"], row["cover_0.9_se"], ".0%"),
            "90 % width": f"{row['width']:.4f}",
            "CRPS": _with_error(row["crps"], row["crps_se"], ".4f"),
            "log score (nats)": f"{row['log_score']:.2f}",
            "RMSE": f"{row['rmse']:.4f}",
            "bias": f"{row['bias']:+.4f}",
        }
        for row in summary.to_dict("records")
    ]


def _with_error(value: float, error: float, form: str) -> str:
    """A mean and its standard error, which a single cluster does not have."""
    return f"{value:{form}}" if math.isnan(error) else f"{value:{form}} +- {error:{form}}"


def _interval(row: Any, digits: int) -> str:
    """Median and interval of a row of a summary, whose three quantiles stand in order."""
    low, middle, high = (row[key] for key in row if str(key)[0] == "q" and str(key)[1].isdigit())
    return f"{format_quantity(middle, digits)} [{format_quantity(low, digits)}, {format_quantity(high, digits)}]"


def _maybe(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _print_head(fitted: "Posterior") -> None:
    from bayescale.ensembles import members

    for member in members(fitted).values():
        _print_member_head(member)


def _print_member_head(fitted: "Fit") -> None:
    record, diagnostics = fitted.record, fitted.diagnostics
    figures = {"Pareto k-hat": diagnostics.pareto_k, "R-hat": diagnostics.r_hat_max}
    shown = [f"{name} {value:.2f}" for name, value in figures.items() if value is not None]
    state = "certified" if diagnostics.certified else "NOT CERTIFIED"
    _print_lines(
        f"{fitted.law.title}, {fitted.law.formula}, {'' if record.discrepancy else 'taken as true, '}"
        f"on {record.dataset}: {record.n_runs} runs, {record.noise} noise",
        f"{record.engine}: {state}, {', '.join([*shown, f'effective draws {diagnostics.ess_min:.0f}'])}",
    )


def _print_parameters(fitted: "Posterior", interval: float) -> None:
    from bayescale.ensembles import members

    for member in members(fitted).values():
        _print_member_parameters(member, interval)


def _print_member_parameters(fitted: "Fit", interval: float) -> None:
    rows = [
        {
            "parameter": str(name),
            "median and interval": _interval(row, 4),
            "unit": row["unit"],
            "moved by prior, runs": f"{row['sensitivity_prior']:.2f}, {row['sensitivity_runs']:.2f}",
            "meaning": row["meaning"],
        }
        for name, row in fitted.summary(interval).to_dict("index").items()
    ]
    _print_table(rows, f"Parameters of {fitted.law.title}, median [{interval:.0%} interval]")


def _print_remarks(warnings: Sequence[str], notes: Sequence[str]) -> None:
    _print_lines(*(f"warning: {text}" for text in warnings), *(f"note: {text}" for text in notes))


def _print_table(rows: Sequence[Mapping[Any, str]], title: str) -> None:
    if not rows:
        return
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    names = list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        table.add_column(escape(name), overflow="fold")
    for row in rows:
        table.add_row(*(escape(row.get(name, "")) for name in names))
    # Not as the table's own title, which a narrow table would fold.
    _console().print(title, style="bold", markup=False, highlight=False)
    _console().print(table)


def _print_sketch(runs: "Runs") -> None:
    """Draw the runs in characters: where they lie in N and D, or else the outcome against its input."""
    import plotext

    x, y = _sketched_columns(runs)
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(76, 18)
    plotext.scatter(runs.frame[x].tolist(), runs.frame[y].tolist(), marker="dot")
    for column, set_scale, set_ticks in ((x, plotext.xscale, plotext.xticks), (y, plotext.yscale, plotext.yticks)):
        ticks, logarithmic = _ticks(runs.frame[column])
        if logarithmic:
            set_scale("log")
        set_ticks(ticks, [format_quantity(tick) if logarithmic else f"{tick:.4g}" for tick in ticks])
    plotext.title(f"{y} against {x}")
    _print_lines(plotext.uncolorize(plotext.build()))


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


def _exit(fitted: "Posterior | Pooled | bool") -> None:
    if not (fitted if isinstance(fitted, bool) else fitted.certified):
        sys.exit(1)
