"""Commands that study many fits to one table: back-tests and the comparison of laws."""

import math
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayescale.basics.quantities import format_quantity, with_unit
from bayescale.basics.wording import in_a_row
from bayescale.cli.options import DEFAULT_LAW, TABLE_HELP, figure, study_options
from bayescale.cli.printing import (
    LABELS,
    interval_of,
    leave,
    masses,
    print_json,
    print_lines,
    print_remarks,
    print_table,
    print_written,
    progress,
)
from bayescale.cli.sections import FIT, STUDY, Command, option
from bayescale.cli.sources import beliefs_from, runs_from
from bayescale.cli.values import Quantity

if TYPE_CHECKING:
    import pandas as pd


@click.command(cls=Command, epilog=TABLE_HELP)
@click.argument("runs", default="chinchilla")
@option(
    "--law",
    "laws",
    section=FIT,
    metavar="NAME|FILE",
    multiple=True,
    default=(DEFAULT_LAW,),
    show_default=True,
    help="A law or law file (.py); repeat it to mix.",
)
@option(
    "--horizon",
    "horizons",
    section=STUDY,
    type=Quantity(),
    metavar="RATIO",
    multiple=True,
    default=("1", "3", "10", "30"),
    show_default=True,
    help="Hidden compute over the largest kept; repeat it.",
)
@figure("the coverage by horizon")
@study_options
def backtest(
    runs: str,
    laws: tuple[str, ...],
    noise: str,
    discrepancy: bool,
    horizons: tuple[float, ...],
    plot: Path | None,
    seed: int,
    jobs: int | None,
    backend: str | None,
    cache: Path | None,
    as_json: bool,
    priors: tuple[str, ...],
    evidence: tuple[str, ...],
    **reading: Any,
) -> None:
    """Hide the larger runs, predict them, and measure whether the bands held."""
    from bayescale.basics.files import FIGURE_ENDINGS, check_output
    from bayescale.validation.backtesting import backtest as run_backtest

    if plot is not None:
        check_output(plot, FIGURE_ENDINGS)
    stated = beliefs_from(priors, evidence)
    with on_backend(backend, jobs):
        measured = run_backtest(
            laws[0] if len(laws) == 1 else laws,
            runs_from(runs, laws, **reading),
            horizons=horizons,
            noise=noise,
            discrepancy=discrepancy,
            seed=seed,
            **stated,
            n_jobs=jobs,
            cache=cache,
            progress=True,
        )
    if plot is not None:
        from bayescale.plots import plot_coverage, save_figure

        save_figure(plot_coverage(measured), plot)
    if as_json:
        from bayescale.cli.documents import backtest_document

        print_json(backtest_document(measured))
    else:
        print_table(_score_rows(measured.summary()), "Scores of hidden runs, on the scale of the noise")
        print_lines("A 90 % band should hold 90 % of hidden runs; +- is one standard error, clustered by split.")
    print_written(plot, as_json)


@click.command(cls=Command, epilog=TABLE_HELP)
@click.argument("runs", default="chinchilla")
@option(
    "--law",
    "laws",
    section=FIT,
    metavar="NAME|FILE",
    multiple=True,
    help="A law or law file (.py); repeat it. By default all that suit the runs.",
)
@option(
    "--count",
    "counts",
    section=STUDY,
    metavar="N,OTHER,...",
    help="Instead of laws, compare counts of parameters: what exponents and N* become by these columns.",
)
@figure("the ranking")
@study_options
def compare(
    runs: str,
    laws: tuple[str, ...],
    plot: Path | None,
    noise: str,
    discrepancy: bool,
    seed: int,
    jobs: int | None,
    backend: str | None,
    cache: Path | None,
    as_json: bool,
    counts: str | None,
    priors: tuple[str, ...],
    evidence: tuple[str, ...],
    **reading: Any,
) -> None:
    """Compare laws: how well each predicts larger runs that are hidden, and how sure that is."""
    if counts is not None:
        if plot is not None or cache is not None or backend or jobs:
            raise click.UsageError("--count makes one fit for each count: leave out --plot, --jobs, --backend, --cache")
        sampling = {"noise": noise, "discrepancy": discrepancy, "seed": seed, **beliefs_from(priors, evidence)}
        _compare_counts(runs, laws, counts, as_json, sampling, reading)
        return
    from bayescale.basics.files import FIGURE_ENDINGS, check_output
    from bayescale.validation.comparison import compare as run_compare
    from bayescale.validation.comparison import laws_to_compare

    if plot is not None:
        check_output(plot, FIGURE_ENDINGS)
    stated = beliefs_from(priors, evidence)
    table, chosen = runs_from(runs, laws, **reading), laws or None
    names, fits = laws_to_compare(chosen, table)
    # A line, since a spinner would overwrite the progress bars and vanish with its message.
    doing = f"comparing {in_a_row(names)} on {len(table)} runs: {fits} fits at least, of about a second each"
    click.echo(doing, err=True)
    with on_backend(backend, jobs):
        compared = run_compare(
            chosen,
            table,
            noise=noise,
            discrepancy=discrepancy,
            seed=seed,
            **stated,
            n_jobs=jobs,
            cache=cache,
            progress=True,
        )
    if plot is not None:
        from bayescale.plots import plot_comparison, save_figure

        save_figure(plot_comparison(compared), plot)
    if as_json:
        from bayescale.cli.documents import compare_document

        print_json(compare_document(compared))
        print_written(plot, as_json)
        return
    rows = [_comparison_row(row) for row in compared.table.to_dict("records")]
    print_table(rows, "Laws, the best forecaster first (log densities of outcomes in nats; larger is better)")
    hidden = f" ({compared.hidden_runs} larger runs hidden by {compared.splits} splits of the table)"
    print_lines(f"{compared.verdict}{hidden if compared.hidden_runs else ''}.", "+- is one standard error.")
    left_out = [f"not compared: {name}, which {reason}" for name, reason in compared.left_out.items()]
    print_remarks(compared.warnings, left_out)
    print_written(plot, as_json)


def _compare_counts(
    runs: str, laws: tuple[str, ...], counts: str, as_json: bool, choices: dict[str, Any], reading: dict[str, Any]
) -> None:
    """What exponents and the best size become by several counts of the parameters."""
    from bayescale.planning.counting import compare_counts
    from bayescale.posterior.fitting import n_fits

    names = [name.strip() for name in counts.split(",")]
    columns = dict(reading["columns"] or {})
    if "N" not in names and "N" not in columns:
        columns["N"] = names[0]
    table = runs_from(runs, laws, **{**reading, "columns": columns or None})
    if columns.get("N") in names:
        table = replace(table, frame=table.frame.assign(**{columns["N"]: table.frame["N"]}))
    law: Any = DEFAULT_LAW if not laws else laws[0] if len(laws) == 1 else laws
    fits = len(names) * n_fits(law, table)
    with progress(f"fitting {len(names)} counts of the parameters of {len(table)} runs", fits):
        found = compare_counts(table, names, law=law, **choices)
    if as_json:
        from bayescale.cli.documents import counts_document

        print_json(counts_document(found))
    else:
        print_table(_count_rows(found.exponents, "parameter", 3), f"Exponents, {masses(0.9)}")
        title = f"Compute-optimal runs for {format_quantity(found.budget)} FLOP, {masses(0.9)}"
        print_table(_count_rows(found.optima, "quantity", 4), title)
        print_remarks(found.warnings, found.notes)
    leave(found.certified)


def _count_rows(table: "pd.DataFrame", by: str, digits: int) -> list[dict[str, str]]:
    """A row for each count, and law if there are several, with a cell for each quantity."""
    rows = []
    for (count, law), block in table.assign(law=table.get("law", "")).groupby(["count", "law"], sort=False):
        row = {"N counts": str(count)} | ({"law": str(law)} if law else {})
        for line in block.to_dict("records"):
            name = with_unit(LABELS.get(line[by], line[by]), line.get("unit", ""))
            row[name] = interval_of(line, digits)
        rows.append(row)
    return rows


def on_backend(address: str | None, jobs: int | None) -> AbstractContextManager[None]:
    """Where a study's fits run, by the options of a command."""
    from bayescale.basics.parallel import backend

    if address and jobs:
        raise click.UsageError("--jobs is of this machine and --backend of a cluster: give one of them")
    return backend(address)


def _comparison_row(row: Any) -> dict[str, str]:
    import pandas as pd

    score, evidence = row["horizon_score"], row["log_evidence"]
    return {
        "rank": str(row["rank"]),
        "law": row["law"],
        "score of hidden larger runs": "" if pd.isna(score) else f"{score:.3f}",
        "minus the first's": "" if pd.isna(score) else f"{row['score_diff']:+.3f} +- {row['score_diff_se']:.3f}",
        "probability of being best": f"{row['probability']:.2f}",
        "ELPD (leave one out)": f"{row['elpd_loo']:.1f} +- {row['se']:.1f}",
        "ELPD minus the first's": f"{row['elpd_diff']:+.1f} +- {row['dse']:.1f}",
        "largest k-hat": _k_hat(row["max_pareto_k"], row["refits"]),
        "log evidence": "" if pd.isna(evidence) else f"{evidence:.1f}",
        "stacking weight": "" if pd.isna(row["weight_stacking"]) else f"{row['weight_stacking']:.2f}",
    }


def _k_hat(largest: float, refits: int) -> str:
    """The largest k-hat, which refits alone do not have, and how many runs were left out by a refit."""
    refitted = f"{refits} refitted"
    if math.isnan(largest):
        return refitted
    return f"{largest:.2f} ({refitted})" if refits else f"{largest:.2f}"


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
