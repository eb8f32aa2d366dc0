"""The sections of a report on a posterior: the numbers, each with its unit and interval."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.quantities import format_quantity, with_unit
from bayescale.data import datasets
from bayescale.data.suspicions import UNITS
from bayescale.laws.parameters import Parameter
from bayescale.planning.allocation import units_of
from bayescale.planning.answers import Answer
from bayescale.posterior.ensembles import Posterior, first_fit, members
from bayescale.posterior.fit import Fit
from bayescale.report.content import Figure, Finding, Section, Table
from bayescale.report.figures import densities, scatter_of_runs
from bayescale.report.headline import RUNS_DRAWN
from bayescale.report.labels import (
    RUNS_LISTED,
    axis_of,
    columns_of,
    ends_of,
    interval_of,
    outcome_axis,
    thinned,
    value_of,
)
from bayescale.report.planner import spread
from bayescale.report.typesetting import Math

Array = NDArray[np.float64]

_SHOWN = ("E", "a_opt", "alpha_N", "beta_D")
"""Parameters that are shown first."""
_QUANTITIES = {
    "loss": "{outcome} of a run there",
    "N": "N*",
    "D": "D*",
    "tokens_per_parameter": "D*/N*",
    "N_law": "N* if the law is right",
}


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
        f"The {outcome} is that of a run at the optimum, noise included; N* and D* include model discrepancy.",
    )
    return Section("plan", "Plan", said, tables=(table,))


def data_section(fit: Posterior) -> Section:
    """The runs that were fitted."""
    first, frame = first_fit(fit), fit.runs.frame
    law, size = first.law, first.observed.size
    drawn, listed = spread(size, RUNS_DRAWN), spread(size, RUNS_LISTED)
    described = columns_of(law)
    outcome = outcome_axis(fit)
    if {"N", "D"} <= described.keys():
        x, y, colour = (fit.runs.column(name)[drawn] for name in ("N", "D", law.outcome))
        plot = scatter_of_runs(x, y, colour, (axis_of(described["N"]), axis_of(described["D"]), outcome))
    else:
        name = law.input_names[0]
        x, y = fit.runs.column(name)[drawn], fit.runs.column(law.outcome)[drawn]
        plot = scatter_of_runs(x, y, None, (axis_of(described[name]), outcome))
    ranges = ranges_of(fit)
    spans = Table(
        "Range of each column",
        ("column", "smallest", "largest", "decades"),
        tuple((with_unit(name, unit), *shown) for name, (unit, *shown) in ranges.items()),
    )
    _, *ends = ranges.get("C", ranges[law.input_names[0]])
    unit = ranges["C"][0] if "C" in ranges else ranges[law.input_names[0]][0]
    title = f"{len(fit.runs):,} runs from {ends[0]} to {ends[1]} {unit}".rstrip()
    rows = tuple(tuple(f"{value:.5g}" for value in row) for row in frame[list(ranges)].to_numpy()[listed].tolist())
    heads = tuple(with_unit(name, unit) for name, (unit, *_) in ranges.items())
    table = Table("The runs", heads, rows, thinned("listed", len(listed), len(fit.runs)))
    figure = Figure("runs", title, plot, table, thinned("drawn", len(drawn), len(fit.runs)))
    return Section("data", "Data", figures=(figure,), tables=(spans, *_known_problems(fit)))


def _known_problems(fit: Posterior) -> tuple[Table, ...]:
    """What is known to be wrong with a shipped table."""
    name = fit.dataset.partition(":")[0]
    if name not in datasets.dataset_names():
        return ()
    problems = datasets.load_card(name).known_problems
    return (Table("Known problems of the table", ("problem",), tuple((each,) for each in problems)),)


def ranges_of(fit: Posterior) -> dict[str, tuple[str, str, str, str]]:
    """Unit, smallest and largest value, and decades between them, of each column of quantities."""
    law, frame = first_fit(fit).law, fit.runs.frame
    described = {name: item for each in members(fit).values() for name, item in columns_of(each.law).items()}
    units = {**UNITS, **{name: item.unit for name, item in described.items()}, law.outcome: law.outcome_unit}
    found = {}
    for name in (str(name) for name in frame if frame[name].dtype.kind == "f" and name != "noise_scale"):
        low, high = float(frame[name].min()), float(frame[name].max())
        item = described.get(name)
        by_ratio = low > 0 and (item is None or item.linear is None)
        decades = f"{np.log10(high / low):.2f}" if by_ratio else ""
        found[name] = (units.get(name.removesuffix("_se"), ""), value_of(item, low), value_of(item, high), decades)
    return found


def law_section(fit: Posterior) -> Section:
    """The laws and their priors."""
    findings, tables = [], []
    for member in members(fit).values():
        law = member.law
        says = " ".join(f"{text.rstrip('.')}." for text in (law.decision, law.failure) if text)
        equation = law.formula if "=" in law.formula.partition(",")[0] else f"{law.outcome} = {law.formula}"
        findings.append(Finding(law.title, Math(equation), f"{says} Source: {law.citation}.".lstrip()))
        sampled = [item for item in member.described if isinstance(item, Parameter)]
        carriers = {item: quantity for quantity, item in member.record.carriers.items()}
        derived = [item for item in member.law.derived if item.name in member.law.priors]
        rows = [(each.name, str(law.priors[each.name]), each.unit, "stated by the user") for each in derived]
        rows += [
            (item.name, f"follows from {carriers[item.name]}", item.unit, "")
            if item.name in carriers
            else (item.name, str(item.prior), item.unit, item.reason)
            for item in sampled
        ]
        tables.append(Table(f"Priors of {law.title}", ("parameter", "prior", "unit", "why"), tuple(rows)))
    return Section("laws", "Laws and priors", findings=tuple(findings), tables=tuple(tables))


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
            rows.append((name, label, f"{interval_of(values, mass, 4)} {units[name]}".rstrip()))
    title = f"The runs narrow {_narrowed(prior, drawn[next(iter(drawn))], mass)}"
    behind = Table(f"Median and {mass:.0%} interval", ("parameter", "draws of", "value"), tuple(rows))
    figure = Figure("posterior", title, densities(prior, drawn, units), behind)
    tables = tuple(_parameters(member, mass) for member in each.values())
    return Section("posterior", "Posterior", figures=(figure,), tables=tables)


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


def _narrowed(prior: Mapping[str, Array], posterior: Mapping[str, Array], mass: float) -> str:
    def width(draws: Array) -> float:
        low, _, high = ends_of(draws, mass)
        return high - low

    shares = [f"{name} to {width(posterior[name]) / width(prior[name]):.0%}" for name in prior]
    return f"the {mass:.0%} intervals of {', '.join(shares)} of the prior's"


def _parameters(member: Fit, mass: float) -> Table:
    before, after = (member.groups[group].to_dataset() for group in ("prior", "posterior"))
    rows = tuple(
        (
            str(name),
            with_unit(row["meaning"], row["unit"]),
            interval_of(before[name], mass, 3),
            interval_of(after[name], mass, 4),
            f"{row['sensitivity_prior']:.2f},\u00a0{row['sensitivity_runs']:.2f}",
        )
        for name, row in member.summary(mass).to_dict("index").items()
    )
    return Table(
        f"Parameters of {member.law.title}, median and {mass:.0%} interval",
        ("parameter", "meaning", "prior", "given the runs", "moved by prior, runs"),
        rows,
        "Power-scaling sensitivity: above 0.05, the prior or the runs affect a parameter.",
    )
