"""Commands that fit a law and forecast from it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayescale.basics.quantities import format_column, with_unit
from bayescale.cli.domains import mixtures_from, show_domains, show_forecast
from bayescale.cli.options import SOURCE_HELP, answer_options, fit_options, runs_option
from bayescale.cli.printing import (
    interval_of,
    leave,
    masses,
    print_basis,
    print_blocks,
    print_json,
    print_lines,
    print_parameters,
    print_table,
)
from bayescale.cli.sections import OUTPUT, Command, Section, option
from bayescale.cli.sources import Asked, check_second_step, followed, points_from, pooled_from, source_from

if TYPE_CHECKING:
    from bayescale.posterior.pooling import Pooled


POINTS = Section("Runs to forecast (one of)")
STEPS = Section("What to forecast")


@click.command("fit", cls=Command, epilog=SOURCE_HELP)
@click.argument("runs", default="chinchilla")
@option(
    "--output",
    "-o",
    section=OUTPUT,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Save the fit to a netCDF file (.nc).",
)
@fit_options
def fit_command(runs: str, output: Path | None, seed: int, interval: float, as_json: bool, **options: Any) -> None:
    """Sample a law's posterior, show its parameters, and save it."""
    from bayescale.basics.files import check_output

    if output is not None:
        check_output(output, (".nc",))
    asked = Asked(runs=runs, seed=seed, **options)
    if asked.pool and asked.group is None and not asked.new_group:
        if output is not None:
            raise click.UsageError("--output: a file holds the fit of one group: name it by --group")
        _show_pooled(pooled_from(asked), interval, as_json)
        return
    if (mixtures := mixtures_from(asked)) is not None:
        show_domains(mixtures.posterior(), output, interval, as_json)
        return
    fitted = source_from(asked).posterior()
    if output is not None:
        from bayescale.posterior.storage import save

        save(fitted, output)
    if as_json:
        from bayescale.cli.documents import fit_document

        print_json(fit_document(fitted))
    else:
        from bayescale.posterior.ensembles import members

        for member in members(fitted).values():
            print_parameters(member, interval)
        saved = () if output is None else (f"saved to {output}",)
        print_basis(fitted.warnings, (*fitted.notes, *saved), interval, fitted)
    leave(fitted)


def _of_setting(name: str, point: Mapping[Any, float]) -> dict[str, float]:
    """The columns of a forecast's summary that are of one setting, as those of the outcome are called."""
    start = f"{name}_"
    return {column.removeprefix(start): value for column, value in point.items() if column.startswith(start)}


def _show_pooled(pooled: "Pooled", interval: float, as_json: bool) -> None:
    if as_json:
        from bayescale.cli.documents import pooled_document

        print_json(pooled_document(pooled))
    else:
        print_blocks(pooled.summary(interval), interval)
        print_basis(pooled.warnings, (), interval, next(iter(pooled.groups.values())))
    leave(pooled)


@click.command(cls=Command, epilog=SOURCE_HELP)
@click.argument("runs")
@runs_option(POINTS, "A run, such as N=70B,D=1.4T; repeat it.")
@option("--points", section=POINTS, type=click.Path(path_type=Path), metavar="FILE", help="A table of runs.")
@option(
    "--then",
    section=STEPS,
    metavar="NAME|FILE",
    help="A law of what follows from the outcome, such as accuracy_of_loss.",
)
@option(
    "--register",
    section=OUTPUT,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the forecast to a new file (.json), dated and hashed, which bayescale score can score later.",
)
@answer_options
def predict(
    runs: str,
    then: str | None,
    register: Path | None,
    at: tuple[dict[str, str], ...],
    points: Path | None,
    seed: int,
    interval: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Forecast the outcome of runs that have not been trained, or with --then what follows from it."""
    if register is not None:
        from bayescale.validation.registration import check_unregistered, registered_forecast

        if then is not None:
            raise click.UsageError("--register: the forecast of one step is registered: give it or --then, not both")
        check_unregistered(register)
    places, asked = points_from(at, points), Asked(runs=runs, seed=seed, **options)
    if (mixtures := mixtures_from(asked)) is not None:
        if then is not None or register is not None:
            raise click.UsageError(f"{'--then' if then else '--register'}: takes one outcome, and here are several")
        show_forecast(mixtures, places, seed, interval, as_json)
        return
    settings = () if then is None else [item.name for item in check_second_step(then, asked).settings]
    source = source_from(asked)
    read = source.read_at({name: values for name, values in places.items() if name not in settings})
    source.check_points(read)
    places = read | {name: values for name, values in places.items() if name in settings}
    fitted = followed(source.posterior(), then, asked)
    from bayescale.posterior.forecasting import forecast

    bands = forecast(fitted, seed=seed, **places)
    if register is not None:
        sealed = registered_forecast(fitted, bands)
        sealed.write(register)
    if as_json:
        from bayescale.cli.documents import predict_document

        print_json(predict_document(bands))
    else:
        rows = [
            {
                **{name: format_column(str(name), value) for name, value in point.items() if name in bands.points},
                **{f"best {name}": interval_of(_of_setting(name, point), 3) for name in bands.tuned},
                with_unit(bands.outcome, bands.unit): interval_of(point, 4),
            }
            for point in bands.summary(interval).to_dict("records")
        ]
        print_table(rows, f"Posterior predictive, {masses(interval)}")
        print_basis(bands.warnings, fitted.notes, interval, fitted)
        if register is not None:
            print_lines(f"registered in {register}, SHA-256 {sealed.hash}")
    leave(fitted)
