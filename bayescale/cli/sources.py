"""From what a user names, a table or a saved fit, to a posterior."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayescale.basics.errors import QuantityError
from bayescale.basics.quantities import parse_quantity
from bayescale.cli.options import DEFAULT_DISCREPANCY, DEFAULT_ENGINE, DEFAULT_LAW, DEFAULT_NOISE
from bayescale.cli.printing import progress

if TYPE_CHECKING:
    from bayescale.data.runs import Runs
    from bayescale.planning.costs import Cost
    from bayescale.posterior.chains import Chain
    from bayescale.posterior.ensembles import Posterior
    from bayescale.posterior.pooling import Pooled


def fitted_from(
    source: str,
    seed: int,
    *,
    laws: tuple[str, ...],
    columns: dict[str, str] | None,
    unit: str | None,
    pool: tuple[str, ...],
    by: str | None,
    group: str | None,
    risk: dict[str, str] | None = None,
    **sampling: Any,
) -> "Posterior":
    """Fit runs, or load a saved fit."""
    told: dict[str, Any] = {"laws": laws, "columns": columns, "unit": unit, "pool": pool, "by": by, "group": group}
    if risk is not None:
        broken = _risk(risk)
        from bayescale.posterior.ensembles import with_risk

        return with_risk(fitted_from(source, seed, **told, **sampling), **broken)
    if pool:
        if group is None:
            raise click.UsageError("--pool fits several groups: say which by --group")
        return pooled_from(source, seed, **told, **sampling).groups[group]
    if by is not None or group is not None:
        raise click.UsageError("--by and --group go with --pool")
    if Path(source).suffix == ".nc":
        given = {**sampling, "columns": columns, "unit": unit}
        for option in (name for name, value in given.items() if value is not None):
            raise click.UsageError(f"--{option} has no effect on a saved fit ({source}): fit the runs again")
        from bayescale.posterior.ensembles import Ensemble
        from bayescale.posterior.fit import Fit
        from bayescale.posterior.storage import load

        if len(laws) > 1:
            raise click.UsageError("--law: give only the law file of a saved fit, if it is a law of your own")
        loaded = load(source, law=laws[0] if laws else None)
        if not isinstance(loaded, Fit | Ensemble):
            raise click.UsageError(f"{source} holds {type(loaded).__name__.lower()} fits, which only Python can load")
        return loaded
    from bayescale.posterior.fitting import fit

    table = runs_from(source, laws, columns, unit)
    law = laws[0] if len(laws) == 1 else laws or DEFAULT_LAW
    asked = asked_of(seed, **sampling)
    naming = "the ensemble of laws" if law == DEFAULT_LAW else ", ".join(laws)
    doing = f"fitting {naming} to {len(table)} runs" + (" (compiling: about 10 s)" if asked["engine"] == "nuts" else "")
    with progress(doing):
        return fit(law, table, **asked)


def _risk(given: dict[str, str]) -> dict[str, float]:
    """Probability and size of a recipe that breaks, checked before anything is fitted."""
    from bayescale.posterior.recipe_risk import RecipeRisk

    if given.keys() != {"probability", "size"}:
        raise click.UsageError("--risk takes probability=0.1,size=0.03: both, and nothing else")
    numbers = {name: _number("--risk", name, text) for name, text in given.items()}
    RecipeRisk(**numbers)
    return numbers


def asked_of(seed: int, *, noise: str | None, discrepancy: bool | None, engine: str | None) -> dict[str, Any]:
    """Options of a fit, the defaults for what was not said."""
    return {
        "noise": noise or DEFAULT_NOISE,
        "discrepancy": DEFAULT_DISCREPANCY if discrepancy is None else discrepancy,
        "engine": engine or DEFAULT_ENGINE,
        "seed": seed,
    }


def pooled_from(
    source: str,
    seed: int,
    *,
    laws: tuple[str, ...],
    columns: dict[str, str] | None,
    unit: str | None,
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
    from bayescale.posterior.fitting import fit
    from bayescale.posterior.pooling import group_codes

    table = runs_from(source, laws, columns, unit, series_apart=False)
    column = by or "group"
    _, groups = group_codes(table, column)
    if group is not None and group not in groups:
        raise click.UsageError(f"--group: no group {group!r} in column {column}: it holds {', '.join(groups)}")
    with progress(f"fitting {laws[0]} to {len(table)} runs of {len(groups)} groups (minutes, if they are many)"):
        return fit(laws[0], table, pool=pool, by=column, **asked_of(seed, **sampling))


def runs_from(
    source: str,
    laws: Sequence[str],
    columns: dict[str, str] | None,
    unit: str | None = None,
    *,
    series_apart: bool = True,
) -> "Runs":
    """The table, with the outcome that the first law predicts, or its own where laws are chosen to suit it."""
    from bayescale.data.datasets import load_runs
    from bayescale.laws.catalog import load_law

    asked: dict[str, Any] = {"columns": columns, "unit": unit, "series_apart": series_apart}
    if not laws or laws[0] == DEFAULT_LAW:
        return load_runs(source, **asked)
    law = load_law(laws[0])
    return load_runs(source, outcome=law.outcome, domain=law.link.domain, **asked)


def check_second_step(then: str, source: str, **options: Any) -> None:
    """Refuse a second law that cannot follow the first, or not from these runs, before anything is fitted."""
    from bayescale.data.observed import check_unit_read
    from bayescale.laws.catalog import load_law

    if options["pool"] or Path(source).suffix == ".nc":
        raise click.UsageError("--then takes a table of runs, and no pooling")
    second, first = load_law(then), runs_from(source, options["laws"], options["columns"], options["unit"])
    if second.input_names != (first.outcome,):
        read = ", ".join(second.input_names)
        raise click.UsageError(f"--then: law {second.name!r} reads {read}, not {first.outcome}, the first outcome")
    check_unit_read(second.inputs[0], second.name, first.unit)
    runs_from(source, (then,), options["columns"])


def chain_from(fitted: "Posterior", source: str, then: str, seed: int, **options: Any) -> "Chain":
    """A fit of the first step, and one of the second to the same runs."""
    from bayescale.posterior.chains import chained
    from bayescale.posterior.single import fit_law

    table = runs_from(source, (then,), options["columns"])
    asked = asked_of(seed, **{name: options[name] for name in ("noise", "discrepancy", "engine")})
    with progress(f"fitting {then} to {len(table)} runs"):
        second = fit_law(then, table, **asked)
    return chained(fitted, second)


def points_from(at: Sequence[dict[str, str]], path: Path | None) -> dict[str, Any]:
    """Points as columns, from the options or from a table."""
    if bool(at) == (path is not None):
        raise click.UsageError("give points either as --at N=70B,D=1.4T or as a table by --points FILE")
    if path is not None:
        from bayescale.data.tables import numbers_in, read_table, refuse

        frame = read_table(path)
        read = {str(name): numbers_in("real", frame[name], str(path), str(name)) for name in frame.columns}
        refuse([fault for _, faults in read.values() for fault in faults])
        return {name: values for name, (values, _) in read.items()}
    for point in at:
        if point.keys() != at[0].keys():
            raise click.UsageError(f"--at: every point needs the same inputs, here {', '.join(at[0])}")
    return {name: [_number("--at", name, point[name]) for point in at] for name in at[0]}


def run_from(option: str, given: dict[str, str]) -> dict[str, float]:
    """A run's inputs, from an option such as --first N=70B,D=1.4T."""
    return {name: _number(option, name, text) for name, text in given.items()}


def _number(option: str, name: str, text: str) -> float:
    try:
        return parse_quantity(text)
    except QuantityError as error:
        raise click.UsageError(f"{option} {name}: {error}") from None


def cost_of(
    seed: int,
    *,
    accelerator: str | None,
    price: float | None,
    utilisation: float | None,
    overhead: float | None,
    own: bool,
    study: float | None = None,
) -> "Cost":
    """Prices and efficiencies from the options of :func:`bayescale.cli.options.cost_options`."""
    from bayescale.planning.costs import Cost
    from bayescale.planning.costs import accelerator as accelerator_by_name

    found = None if accelerator is None else accelerator_by_name(accelerator)
    given = {"accelerator": found, "price": price, "utilisation": utilisation, "overhead": overhead, "study": study}
    return Cost(seed=seed, pays_energy=own).with_given(**given)
