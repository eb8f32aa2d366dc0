"""The command that says which runs to do next."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayescale.basics.quantities import format_quantity, with_unit
from bayescale.cli.options import PARAMETERS, SOURCE_HELP, fit_options, runs_option
from bayescale.cli.printing import leave, print_basis, print_json, print_lines, print_table
from bayescale.cli.sections import Command, Section, option
from bayescale.cli.sources import Asked, Source, points_from, source_from
from bayescale.cli.values import Quantity

if TYPE_CHECKING:
    from bayescale.planning.design import Design
    from bayescale.planning.targets import Target


LEARN = Section("What to learn (one of)")
CHOICE = Section("Runs to choose from")


@click.command(cls=Command, epilog=SOURCE_HELP)
@click.argument("runs")
@runs_option(LEARN, "The loss of a run, such as N=70B,D=1.4T; repeat it for several.")
@option(
    "--optimum-at", section=LEARN, type=Quantity(), metavar="FLOP", help="The compute-optimal size at this compute."
)
@option("--which-law", section=LEARN, is_flag=True, help="Which law of a mixture is right.")
@option(
    "--budget", section=CHOICE, type=Quantity(), metavar="FLOP", required=True, help="Compute for the runs to do next."
)
@option(
    "--candidates",
    section=CHOICE,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A table of runs to choose from: the law's inputs, and C, the cost of each, where that is not N and D's.",
)
@option(
    "--most",
    section=CHOICE,
    type=click.IntRange(min=1),
    metavar="INTEGER",
    default=10,
    show_default=True,
    help="Largest number of runs.",
)
@fit_options
@PARAMETERS
def design(
    runs: str,
    budget: float,
    at: tuple[dict[str, str], ...],
    optimum_at: float | None,
    which_law: bool,
    candidates: Path | None,
    most: int,
    seed: int,
    interval: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Choose the runs to do next, and say how much less uncertain they are expected to leave an answer."""
    target = _target(at, optimum_at, which_law)
    table = None if candidates is None else points_from((), candidates)
    source = source_from(Asked(runs=runs, seed=seed, **options))
    from bayescale.planning.candidates import affordable
    from bayescale.planning.design import next_runs

    _check(source, target)
    affordable(source.bound[0], table, budget, most)
    fitted = source.posterior()
    plan = next_runs(fitted, table, target=target, budget=budget, most=most, seed=seed)
    if as_json:
        from bayescale.cli.documents import design_document

        print_json(design_document(fitted, plan))
    else:
        _print_batch(plan)
        print_basis(plan.warnings, fitted.notes, interval, fitted)
    leave(fitted)


def _check(source: Source, target: "Target") -> None:
    """Refuse what cannot be learnt, before anything is fitted."""
    from bayescale.planning.targets import LossAt, OptimumAt, WhichLaw, check_one_step

    for each in source.bound:
        check_one_step(each.law)
    if isinstance(target, LossAt):
        source.check_points(target.inputs)
    if isinstance(target, OptimumAt):
        source.check_planned(question="N*")
    if isinstance(target, WhichLaw) and len(source.bound) == 1:
        raise click.UsageError(f"--which-law is asked of several laws, not of {source.law.name!r} alone: repeat --law")


def _target(at: tuple[dict[str, str], ...], optimum_at: float | None, which_law: bool) -> "Target":
    """What is to be learnt, of which there is one."""
    from bayescale.planning.targets import LossAt, OptimumAt, WhichLaw

    asked = {"--at": bool(at), "--optimum-at": optimum_at is not None, "--which-law": which_law}
    chosen = [name for name, given in asked.items() if given]
    if len(chosen) != 1:
        raise click.UsageError(f"give one of {', '.join(asked)}, not {' and '.join(chosen) or 'none'}")
    if optimum_at is not None:
        return OptimumAt(optimum_at)
    if which_law:
        return WhichLaw()
    return LossAt(**points_from(at, None))


def _print_batch(plan: "Design") -> None:
    rows = [
        {
            **{with_unit(name, plan.batch[name].attrs["units"]): format_quantity(row[name]) for name in plan.inputs},
            "C (FLOP)": format_quantity(row["C"]),
            "spent (FLOP)": format_quantity(row["spent"]),
            f"standard deviation left ({plan.unit})": f"{row['sd']:.3g}",
            "reduction": f"{row['reduction']:.0%}",
        }
        for row in plan.summary().to_dict("records")
    ]
    print_table(rows, f"Runs to do next for {format_quantity(plan.budget)} FLOP")
    print_lines(f"{plan.target}: standard deviation now {plan.sd:.3g} {plan.unit}")
