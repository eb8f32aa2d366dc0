"""The command that says which runs to do next."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayescale.basics.quantities import format_quantity
from bayescale.cli.options import SOURCE_HELP, Pairs, Quantity, fit_options
from bayescale.cli.printing import leave, print_head, print_json, print_lines, print_remarks, print_table
from bayescale.cli.sources import fitted_from, points_from, run_from

if TYPE_CHECKING:
    from bayescale.planning.design import Design
    from bayescale.planning.targets import Target


@click.command(epilog=SOURCE_HELP)
@click.argument("runs")
@click.option("--budget", type=Quantity(), required=True, help="FLOP for the runs to do next.")
@click.option(
    "--loss-at", type=Pairs(), multiple=True, help="Learn the loss at N=70B,D=1.4T; repeat it for several points."
)
@click.option("--optimum-at", type=Quantity(), help="Learn the compute-optimal size at this budget, FLOP.")
@click.option("--which-law", is_flag=True, help="Learn which law of a mixture is right.")
@click.option(
    "--candidates", type=click.Path(path_type=Path), help="A table of runs to choose from, with columns N and D."
)
@click.option("--most", type=click.IntRange(min=1), default=10, show_default=True, help="Largest number of runs.")
@fit_options
def design(
    runs: str,
    budget: float,
    loss_at: tuple[dict[str, str], ...],
    optimum_at: float | None,
    which_law: bool,
    candidates: Path | None,
    most: int,
    seed: int,
    interval: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Which small runs to do next, to learn most about an answer for their compute."""
    target = _target(loss_at, optimum_at, which_law)
    table = None if candidates is None else points_from((), candidates)
    fitted = fitted_from(runs, seed, **options)
    from bayescale.planning.design import next_runs

    plan = next_runs(fitted, table, target=target, budget=budget, most=most, seed=seed)
    if as_json:
        from bayescale.cli.documents import design_document

        print_json(design_document(fitted, plan))
    else:
        print_head(fitted)
        _print_batch(plan)
        print_remarks(plan.warnings, fitted.notes)
    leave(fitted)


def _target(loss_at: tuple[dict[str, str], ...], optimum_at: float | None, which_law: bool) -> "Target":
    """What is to be learnt, of which there is one."""
    from bayescale.planning.targets import LossAt, OptimumAt, WhichLaw

    asked = {"--loss-at": bool(loss_at), "--optimum-at": optimum_at is not None, "--which-law": which_law}
    chosen = [name for name, given in asked.items() if given]
    if len(chosen) != 1:
        raise click.UsageError(f"give one of {', '.join(asked)}, not {' and '.join(chosen) or 'none'}")
    if optimum_at is not None:
        return OptimumAt(optimum_at)
    if which_law:
        return WhichLaw()
    points = [run_from("--loss-at", point) for point in loss_at]
    if any(point.keys() != {"N", "D"} for point in points):
        raise click.UsageError("--loss-at takes N=70B,D=1.4T")
    return LossAt(N=[point["N"] for point in points], D=[point["D"] for point in points])


def _print_batch(plan: "Design") -> None:
    rows = [
        {
            "N (parameters)": format_quantity(row["N"]),
            "D (tokens)": format_quantity(row["D"]),
            "C (FLOP)": format_quantity(row["C"]),
            "spent (FLOP)": format_quantity(row["spent"]),
            f"standard deviation left ({plan.unit})": f"{row['sd']:.3g}",
            "below now": f"{row['reduction']:.0%}",
        }
        for row in plan.summary().to_dict("records")
    ]
    print_table(rows, f"Runs to do next for {format_quantity(plan.budget)} FLOP, the one that tells most first")
    print_lines(f"{plan.target}: standard deviation now {plan.sd:.3g} {plan.unit}")
