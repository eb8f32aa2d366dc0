"""The sections of a report on a posterior: the numbers, each with its unit and interval."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.intervals import quantiles, tail_probabilities
from bayescale.basics.quantities import format_interval, format_quantity, with_unit
from bayescale.laws.parameters import Parameter
from bayescale.planning.allocation import units_of
from bayescale.planning.answers import Answer
from bayescale.posterior.ensembles import Posterior, first_fit, members
from bayescale.posterior.fit import Fit
from bayescale.posterior.forecasting import predicted_runs
from bayescale.report.content import Figure, Section, Table
from bayescale.report.figures import coverage, densities, misses, scatter_of_runs
from bayescale.report.planner import spread

if TYPE_CHECKING:
    pass

Array = NDArray[np.float64]

RUNS_DRAWN = 2000
"""Largest number of runs in a figure."""
RUNS_LISTED = 300
"""Largest number of runs in a table."""
RUNS_CHECKED = 500
"""Largest number of runs that are compared with the posterior predictive."""

_MASSES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_SHOWN = ("E", "a_opt", "alpha_N", "beta_D")
"""Parameters that are shown first."""
_QUANTITIES = {
    "loss": "{outcome} of a run there",
    "N": "N*",
    "D": "D*",
    "tokens_per_parameter": "D*/N*",
    "N_law": "N* if the law is right",
}


def answer(fit: Posterior, best: Answer | None, mass: float) -> tuple[str, ...]:
    """The most important sentence: the best run at each budget, or the law's parameters."""
    if best is None:
        found = [f"{name} is {interval_of(draws, mass, 4)}" for name, draws in _headline(first_fit(fit)).items()]
        return (f"{'; '.join(found)} (median and {mass:.0%} interval of {first_fit(fit).law.title}).",)
    law = first_fit(fit).law
    each = []
    for i, budget in enumerate(best.draws["C"].to_numpy()):
        at = best.draws.isel(budget=i)
        size, tokens, outcome = (interval_of(at[name], mass, 4 if name == "loss" else 3) for name in ("N", "D", "loss"))
        each.append(
            f"with {format_quantity(budget)} FLOP the compute-optimal run has {size} parameters and {tokens} tokens, "
            f"and its {law.outcome} should land at {outcome} {law.outcome_unit}"
        )
    text = "; ".join(each)
    return (f"{text[0].upper()}{text[1:]} (medians and {mass:.0%} intervals).",)


def plan_section(fit: Posterior, best: Answer | None, refusal: str, mass: float) -> Section:
    """The best run at each budget, and the reason if there is no planner."""
    said = (f"There is no planner: {refusal}.",) if refusal else ()
    if best is None:
        return Section("plan", "Plan", said)
    units, outcome = units_of(first_fit(fit).law), fit.outcome
    points = [best.draws.isel(budget=i) for i in range(best.draws.sizes["budget"])]
    rows = tuple(
        (
            with_unit(label.format(outcome=outcome), units[name]),
            *(interval_of(at[name], mass, 4 if name == "loss" else 3) for at in points),
        )
        for name, label in _QUANTITIES.items()
    )
    table = Table(
        f"Compute-optimal runs, median and {mass:.0%} interval",
        ("quantity", *(f"with {format_quantity(float(at['C']))} FLOP" for at in points)),
        rows,
        "The loss is that of a run at the optimum, noise included; N* and D* include model discrepancy.",
    )
    return Section("plan", "Plan", said, (), (table,))


def data_section(fit: Posterior) -> Section:
    """The runs that were fitted."""
    runs, law = fit.runs, first_fit(fit).law
    size = first_fit(fit).observed.size
    drawn, listed = spread(size, RUNS_DRAWN), spread(size, RUNS_LISTED)
    described = {item.name: _labelled(item.meaning, item.name, item.unit) for item in law.inputs}
    outcome = with_unit(law.outcome, law.outcome_unit)
    if {"N", "D"} <= described.keys():
        x, y, colour = (runs.column(name)[drawn] for name in ("N", "D", law.outcome))
        plot = scatter_of_runs(x, y, colour, (described["N"], described["D"], outcome))
    else:
        name = law.input_names[0]
        x, y = runs.column(name)[drawn], runs.column(law.outcome)[drawn]
        plot = scatter_of_runs(x, y, None, (described[name], outcome))
    summary = runs.summary().to_dict("records")
    spans = Table(
        "Range of each column",
        ("column", "smallest", "largest", "unit", "decades"),
        tuple(
            (
                row["column"],
                format_quantity(row["min"]),
                format_quantity(row["max"]),
                row["unit"],
                "" if np.isnan(row["decades"]) else f"{row['decades']:.2f}",
            )
            for row in summary
        ),
    )
    title = f"{len(runs):,} runs" + _range_of_compute(summary)
    columns = [str(name) for name in runs.frame if runs.frame[name].dtype.kind == "f"]
    rows = tuple(tuple(f"{value:.5g}" for value in row) for row in runs.frame[columns].to_numpy()[listed].tolist())
    table = Table("The runs", tuple(columns), rows, _thinned("listed", len(listed), len(runs)))
    figure = Figure("runs", title, plot, table, _thinned("drawn", len(drawn), len(runs)))
    source = f"The table is {Path(fit.dataset).name}; SHA-256 of its numbers {first_fit(fit).record.data_hash}."
    return Section("data", "Data", (source,), (figure,), (spans,))


def law_section(fit: Posterior) -> Section:
    """The laws and their priors."""
    paragraphs, tables = [], []
    for member in members(fit).values():
        law = member.law
        said = [f"{law.title}: {law.outcome} = {law.formula}.", law.decision, law.failure]
        paragraphs.append(" ".join(f"{text.rstrip('.')}." for text in said if text))
        sampled = [item for item in member.described if isinstance(item, Parameter)]
        carriers = {item: quantity for quantity, item in member.record.carriers.items()}
        derived = [item for item in member.law.derived if item.name in member.law.priors]
        rows = [
            (each.name, str(law.priors[each.name]), each.unit, each.meaning, "stated by the user") for each in derived
        ]
        rows += [
            (item.name, f"follows from {carriers[item.name]}", item.unit, item.meaning, "")
            if item.name in carriers
            else (item.name, str(item.prior), item.unit, item.meaning, item.reason)
            for item in sampled
        ]
        tables.append(Table(f"Priors of {law.title}", ("parameter", "prior", "unit", "meaning", "why"), tuple(rows)))
    return Section("laws", "Laws and priors", tuple(paragraphs), (), tuple(tables))


def posterior_section(fit: Posterior, mass: float) -> Section:
    """The posterior of the parameters."""
    each = members(fit)
    first = first_fit(fit)
    names = [name for name in _SHOWN if name in first.parameters] or [item.name for item in first.law.parameters[:4]]
    prior = {name: first.groups["prior"][name].to_numpy().ravel() for name in names}
    drawn = {
        law: {name: member.parameters[name] for name in names if name in member.parameters}
        for law, member in each.items()
    }
    units = {name: first.groups["posterior"][name].attrs["units"] for name in names}
    rows = []
    for name in names:
        for label, values in {"prior": prior[name], **{k: v[name] for k, v in drawn.items() if name in v}}.items():
            rows.append((name, label, interval_of(_as_draws(values), mass, 4), units[name]))
    title = f"The runs narrow {_narrowed(prior, drawn[next(iter(drawn))])}"
    behind = Table(f"Median and {mass:.0%} interval", ("parameter", "draws of", "value", "unit"), tuple(rows))
    figure = Figure("posterior", title, densities(prior, drawn, units), behind)
    return Section(
        "posterior", "Posterior", (), (figure,), tuple(_parameters(member, mass) for member in each.values())
    )


def checks_section(fit: Posterior, mass: float, seed: int) -> Section:
    """Diagnostics of the draws, and checks of the posterior against the runs."""
    diagnosed = Table(
        "Diagnostics of the draws",
        ("law", "sampler", "state", "Pareto k-hat", "R-hat", "effective draws", "log evidence"),
        tuple(_diagnosed(name, member) for name, member in members(fit).items()),
        "Certified draws have a Pareto k-hat below 0.7 and 1,000 effective draws, or an R-hat below 1.01 and 400.",
    )
    sized, size = _sizes(fit)
    rows = spread(size, RUNS_CHECKED)
    forecast, observed = predicted_runs(fit, fit.runs.take(rows), seed=seed)
    draws, observed = forecast.draws(np.random.default_rng(seed)), forecast.link.forward(np, observed)
    low, middle, high = np.quantile(draws, [tail_probabilities(mass)[0], 0.5, tail_probabilities(mass)[1]], axis=0)
    place = (draws < observed).mean(axis=0)
    held = [float((np.abs(2 * place - 1) <= each).mean()) for each in _MASSES]
    law = first_fit(fit).law
    miss = observed - middle
    halves = miss / np.where(miss > 0, high - middle, middle - low)
    names = sized, f"observed minus predicted ({law.scale_unit})"
    inside = float(((observed >= low) & (observed <= high)).mean())
    missed = Table(
        "Observed and predicted",
        (names[0], names[1], f"{mass:.0%} band, lower end", "upper end"),
        tuple(
            (f"{at:.4g}", f"{miss:+.4f}", f"{down:+.4f}", f"{up:+.4f}")
            for at, miss, down, up in zip(size[rows], miss, low - middle, high - middle, strict=True)
        )[:: -(-len(rows) // RUNS_LISTED)],
        _thinned("listed", min(len(rows), RUNS_LISTED), len(size)),
    )
    residual = Figure(
        "misses",
        f"{inside:.0%} of the fitted runs lie in the {mass:.0%} band of a new run like them",
        misses(size[rows], halves, (names[0], f"miss (half-widths of the {mass:.0%} band)")),
        missed,
        _thinned("checked", len(rows), len(size)),
    )
    promised = Figure(
        "coverage",
        f"Intervals with half of the probability contain {held[_MASSES.index(0.5)]:.0%} of the fitted runs",
        coverage(_MASSES, {"fitted runs": held}, ("mass of the interval", "share of the runs inside")),
        Table(
            "Share of the fitted runs inside intervals",
            ("mass of the interval", "share inside"),
            tuple((f"{mass:.0%}", f"{share:.1%}") for mass, share in zip(_MASSES, held, strict=True)),
        ),
        "These runs were fitted: only a back-test measures coverage of other runs.",
    )
    return Section("checks", "Checks", (), (residual, promised), (diagnosed,))


def source_section(fit: Posterior, command: str) -> Section:
    """Versions, seed, hashes, and the command that reproduces the report."""
    record = first_fit(fit).record
    hashes = {name: member.record.law_hash or "none: made in Python" for name, member in members(fit).items()}
    rows = [
        ("runs", fit.dataset),
        ("SHA-256 of the runs", record.data_hash),
        *((f"SHA-256 of law {name}", text) for name, text in hashes.items()),
        ("seed of the fit", str(record.seed)),
        ("draws of each law", f"{record.chains} chains of {record.draws}"),
        ("fitted at", record.created_at),
        *((name, version) for name, version in record.versions.items()),
    ]
    table = Table("Versions, seed and hashes", ("what", "value"), tuple(rows))
    if not command:
        return Section("source", "How to repeat it", ("It was made in Python, by write_report.",), tables=(table,))
    lead = "This command reproduces the report, except for the time of the fit:"
    return Section("source", "How to repeat it", tables=(table,), lead=lead, command=command)


def interval_of(draws: xr.DataArray, mass: float, digits: int) -> str:
    """Median and interval of draws as text."""
    low, high = tail_probabilities(mass)
    return format_interval((float(value) for value in quantiles(draws, [low, 0.5, high]).values()), digits)


def _as_draws(values: Array) -> xr.DataArray:
    return xr.DataArray(values[None], dims=("chain", "draw"))


def _headline(fit: Fit) -> dict[str, xr.DataArray]:
    names = [name for name in _SHOWN if name in fit.parameters] or [item.name for item in fit.law.parameters[:3]]
    return {name: fit.groups["posterior"].to_dataset()[name] for name in names}


def _sizes(fit: Posterior) -> tuple[str, Array]:
    """What runs are ordered by, and its value for each of them."""
    first = first_fit(fit)
    if "C" in first.groups["constant_data"]:
        return "compute C (FLOP)", first.observed.size
    names = first.law.input_names
    return " ".join(names), first.inputs[names[0]] if len(names) == 1 else first.observed.size


def _labelled(meaning: str, name: str, unit: str) -> str:
    return f"{meaning} {name} ({unit})" if unit and unit != meaning else f"{meaning} {name}"


def _range_of_compute(summary: Sequence[Mapping[Any, Any]]) -> str:
    for row in summary:
        if row["column"] == "C":
            return f" from {format_quantity(row['min'])} to {format_quantity(row['max'])} FLOP"
    return ""


def _thinned(done: str, shown: int, there_are: int) -> str:
    return "" if shown >= there_are else f"{shown:,} of {there_are:,} runs are {done}, evenly spread over their size."


def _narrowed(prior: Mapping[str, Array], posterior: Mapping[str, Array]) -> str:
    shares = [f"{name} to {posterior[name].std() / prior[name].std():.0%}" for name in prior]
    return f"{', '.join(shares)} of the prior's standard deviation"


def _parameters(member: Fit, mass: float) -> Table:
    rows = tuple(
        (
            str(name),
            format_interval((row[key] for key in row if str(key)[0] == "q" and str(key)[1].isdigit()), 4),
            row["unit"],
            f"{row['sensitivity_prior']:.2f}, {row['sensitivity_runs']:.2f}",
            row["meaning"],
        )
        for name, row in member.summary(mass).to_dict("index").items()
    )
    return Table(
        f"Parameters of {member.law.title}, median and {mass:.0%} interval",
        ("parameter", "value", "unit", "moved by prior, runs", "meaning"),
        rows,
        "Power-scaling sensitivity: above 0.05, the prior or the runs affect a parameter.",
    )


def _diagnosed(name: str, member: Fit) -> tuple[str, ...]:
    found = member.diagnostics
    shown = [found.figures.get(name, "not defined") for name in ("Pareto k-hat", "R-hat")]
    evidence = "not defined" if found.log_evidence is None else f"{found.log_evidence:.1f}"
    state = "certified" if found.certified else "NOT CERTIFIED"
    return (name, member.record.engine, state, *shown, f"{found.ess_min:.0f}", evidence)
