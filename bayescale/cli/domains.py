"""What commands do with a table of mixtures of domains: fit, forecast, and find the best mixture."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayescale.basics.quantities import check_positive, format_column, with_unit
from bayescale.cli.options import DEFAULT_LAW, SOURCE_HELP, answer_options, joined, runs_option, was_given
from bayescale.cli.printing import (
    fit_line,
    interval_of,
    leave,
    masses,
    print_blocks,
    print_json,
    print_lines,
    print_remarks,
    print_table,
    progress,
)
from bayescale.cli.sections import Command, Section, option
from bayescale.cli.sources import Asked, loaded_from, runs_at, source_from
from bayescale.cli.values import Pairs, number_from

if TYPE_CHECKING:
    from bayescale.planning.answers import Answer
    from bayescale.posterior.domains import Domains

QUESTION = Section("Question")


@dataclass(frozen=True)
class MixtureSource:
    """Domains, and what fits their losses, or gives what was saved.

    Attributes
    ----------
    names, losses : tuple of str
        Domains with a share, and with a loss.
    posterior : callable
    """

    names: tuple[str, ...]
    losses: tuple[str, ...]
    posterior: "Callable[[], Domains]"


def mixtures_from(asked: Asked) -> MixtureSource | None:
    """The mixtures that a command names; None if it names a table or a fit of one outcome."""
    if asked.pool:
        return None
    found = _saved(asked) if asked.saved else _table(asked)
    given = {"--by": asked.by, "--group": asked.group, "--new-group": asked.new_group, "--risk": asked.risk}
    for name in (name for name, value in {**given, "--outcome": asked.outcome}.items() if value and found is not None):
        raise click.UsageError(f"{name} has no effect on mixtures of domains: leave it out")
    return found


def _saved(asked: Asked) -> MixtureSource | None:
    from bayescale.posterior.domains import Domains

    loaded = loaded_from(asked)
    return MixtureSource(loaded.names, tuple(loaded.fits), lambda: loaded) if isinstance(loaded, Domains) else None


def _table(asked: Asked) -> MixtureSource | None:
    from bayescale.data.datasets import dataset_names, is_table
    from bayescale.data.domains import has_domains, mixtures
    from bayescale.data.preparing import Preparation
    from bayescale.posterior.domains import LAW, fit_domains

    if asked.laws not in ((), (DEFAULT_LAW,), (LAW,)):
        return None
    if asked.runs.partition(":")[0] in dataset_names() or not is_table(Path(asked.runs)):
        return None
    if not has_domains(asked.runs, asked.columns, asked.glob):
        return None
    cells: Any = asked.cells
    reading = {name: asked.reading[name] for name in ("columns", "glob", "drop_bad", "as_is")}
    prepared = Preparation(asked.flops, cells, asked.checkpoints)
    table = mixtures(asked.runs, unit=asked.unit, prepared=prepared, **reading)

    def posterior() -> "Domains":
        with progress(f"fitting the losses of {len(table.runs)} domains", len(table.runs)):
            return fit_domains(table, **asked.sampling)

    return MixtureSource(table.names, tuple(table.runs), posterior)


def show_domains(domains: "Domains", output: Path | None, interval: float, as_json: bool) -> None:
    """What was fitted, which is saved first if a file is named."""
    if output is not None:
        domains.save(output)
    if as_json:
        from bayescale.cli.documents import domains_document

        print_json(domains_document(domains))
    else:
        print_blocks(domains.summary(interval), interval)
        saved = () if output is None else (f"saved to {output}",)
        _print_basis(domains, domains.warnings, (*domains.notes, *saved), interval)
    leave(domains.certified)


def show_forecast(
    mixtures: MixtureSource, places: Mapping[str, Any], seed: int, interval: float, as_json: bool
) -> None:
    """The losses of new runs, and their mean."""
    from bayescale.posterior.domains import checked_shares

    checked_shares(mixtures.names, places)
    domains = mixtures.posterior()
    bands = domains.forecast(seed=seed, **places)
    if as_json:
        from bayescale.cli.documents import predict_document

        print_json(predict_document(bands))
    else:
        rows = [
            {
                **{name: format_column(name, point[name]) for name in places},
                "domain": str(point["domain"]),
                with_unit(bands.outcome, bands.unit): interval_of(point, 4),
            }
            for point in bands.summary(interval).to_dict("records")
        ]
        print_table(rows, f"Posterior predictive, {masses(interval)}")
        _print_basis(domains, bands.warnings, domains.notes, interval)
    leave(domains.certified)


@click.command(cls=Command, epilog=SOURCE_HELP)
@click.argument("runs")
@runs_option(QUESTION, "The size of the model that is planned, such as N=1B.", required=True)
@option(
    "--weight",
    "weights",
    section=QUESTION,
    type=Pairs(),
    multiple=True,
    callback=joined,
    metavar="DOMAIN=NUMBER,...",
    help="Weight of a domain's loss in the mean, such as code=2. Default 1 each.",
)
@answer_options
def mixture(
    runs: str,
    at: tuple[dict[str, str], ...],
    weights: dict[str, str] | None,
    seed: int,
    interval: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Mix the domains of the training data for the least mean loss, from runs with their shares."""
    (planned,) = runs_at(at, 1)
    if planned.keys() != {"N"}:
        raise click.UsageError("--at takes the size alone, such as N=1B: the shares are the answer")
    asked = Asked(runs=runs, seed=seed, **options)
    mixtures = mixtures_from(asked)
    if mixtures is None:
        source_from(asked)  # fails first on what cannot be read at all
        raise click.UsageError(
            f"{runs}: has no shares and losses of domains: name them share_web, share_code, loss_web, loss_code"
        )
    from bayescale.planning.mixtures import best_mixture
    from bayescale.posterior.domains import checked_weights

    mixing = {name: number_from("--weight", name, text) for name, text in (weights or {}).items()}
    checked_weights(mixtures.losses, mixing)
    check_positive("N", planned["N"])
    domains = mixtures.posterior()
    answer = best_mixture(domains, planned["N"], weights=mixing, seed=seed)
    if as_json:
        from bayescale.cli.documents import mixture_document

        print_json(mixture_document(domains, answer))
    else:
        _print_mixture(answer, interval)
        _print_basis(domains, answer.warnings, answer.notes, interval)
    leave(domains.certified)


def _print_mixture(answer: "Answer", interval: float) -> None:
    """Shares, and the loss of each domain with them."""
    found = {(row["domain"], row["quantity"]): row for row in answer.summary(interval).to_dict("records")}
    rows = []
    for domain in answer.draws["domain"].to_numpy().tolist():
        of = {str(name): found[domain, name] for name in answer.draws}
        losses = {with_unit(name, of[name]["unit"]): interval_of(of[name], 4) for name in ("loss", "gain")}
        share = f"{of['share']['q50']:.3g}"
        rows.append({"domain": domain, "share": share, "best share": interval_of(of["best_share"], 3), **losses})
    print_table(rows, f"{answer.question}, {masses(interval)}")
    print_lines(f"regret of these shares: {interval_of(of['regret'], 3)} {of['regret']['unit']}")
    print_lines(*(f"P({name}) = {value:.2f}" for name, value in answer.probabilities.items()))


def _print_basis(domains: "Domains", warnings: tuple[str, ...], notes: tuple[str, ...], interval: float) -> None:
    """What an answer rests on: warnings, a line on each domain's fit, notes, and parameters if they are asked for."""
    print_remarks(warnings, ())
    print_lines(*map(fit_line, domains.fits.values()))
    print_remarks((), notes)
    if was_given("parameters"):
        print_lines("")
        print_blocks(domains.summary(interval), interval)
