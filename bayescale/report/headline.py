"""The first screen: a sentence for each budget, and the one figure behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.errors import LawError
from bayescale.basics.intervals import interval_ends
from bayescale.basics.quantities import format_quantity, times
from bayescale.basics.wording import with_article
from bayescale.laws import accuracies
from bayescale.laws.law import Law
from bayescale.laws.links import BY_RATIO
from bayescale.laws.parameters import Input
from bayescale.planning.allocation import optimum
from bayescale.planning.answers import Answer
from bayescale.posterior.ensembles import Posterior, first_fit, members, reach_of
from bayescale.posterior.forecasting import forecast
from bayescale.posterior.reach import MEASURED_HORIZON
from bayescale.report.content import BAD, GOOD, Figure, Finding, Table
from bayescale.report.figures import Panel, bands
from bayescale.report.labels import axis_of, interval_of, outcome_axis, value_of
from bayescale.report.planner import run_compute, spread

Array = NDArray[np.float64]

RUNS_DRAWN = 2000
"""Largest number of runs in a figure."""

_HALF = 0.5
_BUDGETS = 24
"""Budgets along the curve, for which one error of the law is drawn; that is done for up to forty at once."""
_POINTS, _EVERY = 61, 4
"""Points along a curve of forecasts, and how many of them its table skips."""
_AHEAD = (3.0, 10.0)
"""How many times the largest run is asked about where there is no budget."""


@dataclass(frozen=True)
class Headline:
    """The answer.

    Attributes
    ----------
    findings : tuple of Finding
    figure : Figure or None
    warnings : tuple of str
    reach : mapping of float
        How many times the largest run each answer is about, by what it is about.
    """

    findings: tuple[Finding, ...]
    figure: Figure | None
    warnings: tuple[str, ...]
    reach: Mapping[str, float] = field(default_factory=dict)


def headline(fit: Posterior, best: Answer | None, budgets: Sequence[float], mass: float, seed: int) -> Headline:
    """The best run at each budget; without a plan, what larger runs should reach.

    Parameters
    ----------
    fit : Fit or Ensemble
    best : Answer or None
        Of :func:`bayescale.planning.allocation.optimum` at the budgets, if there is a plan.
    budgets : sequence of float
        FLOP.
    mass : float
        Of the intervals.
    seed : int
    """
    if best is not None:
        return _planned(fit, best, mass, seed)
    try:
        return _forecast_ahead(fit, budgets, mass, seed)
    except LawError:  # some laws end a little beyond their runs: then their parameters are all there is to say
        return Headline(_parameters(fit, mass), None, fit.warnings)


def _planned(fit: Posterior, best: Answer, mass: float, seed: int) -> Headline:
    law, budgets = first_fit(fit).law, best.draws["C"].to_numpy()
    found, reach = [], reach_of(first_fit(fit), {"C": budgets})
    for i, ratio in enumerate(reach):
        at = best.draws.isel(budget=i)
        size, tokens, outcome = (interval_of(at[name], mass, 4 if name == "loss" else 3) for name in ("N", "D", "loss"))
        expected = f"expect {with_article(law.outcome)} of {outcome} {_unit(law)}".rstrip()
        text = f"Train {size} parameters on {tokens} tokens, and {expected}."
        found.append(_finding(f"With {format_quantity(budgets[i])} FLOP", text, float(ratio)))
    named = {f"{format_quantity(each)} FLOP": float(ratio) for each, ratio in zip(budgets, reach, strict=True)}
    return Headline(tuple(found), _along_compute(fit, best, mass, seed), best.warnings, named)


def _along_compute(fit: Posterior, best: Answer, mass: float, seed: int) -> Figure:
    """Size and outcome of the best run, from the smallest run to the largest budget."""
    compute, budgets = run_compute(fit.runs), best.draws["C"].to_numpy()
    along = np.geomspace(min(compute.min(), *budgets), max(compute.max(), *budgets), _BUDGETS)
    curve, shown = optimum(fit, along, seed=seed).draws, spread(compute, RUNS_DRAWN)
    outcome = outcome_axis(fit)
    panels = (
        Panel("N* (parameters)", along, _two_bands(curve["N"], mass), (budgets, _ends(best.draws["N"], mass)), 3),
        Panel(
            outcome,
            along,
            _two_bands(curve["loss"], mass),
            (budgets, _ends(best.draws["loss"], mass)),
            4,
            (compute[shown], fit.runs.column(fit.outcome)[shown]),
        ),
    )
    rows = tuple(
        (format_quantity(budget), *(interval_of(curve[name].isel(budget=i), mass, digits) for name, digits in _COLUMNS))
        for i, budget in enumerate(along)
    )
    table = Table(
        f"Best runs by compute, median and {mass:.0%} interval",
        ("compute (FLOP)", "N* (parameters)", "D* (tokens)", outcome),
        rows,
    )
    title = f"The size to train and the {fit.outcome} to expect, by training compute"
    plot = bands(panels, "training compute C (FLOP)", float(compute.max()))
    return Figure("answer", title, plot, table)


_COLUMNS = (("N", 3), ("D", 3), ("loss", 4))


def _forecast_ahead(fit: Posterior, budgets: Sequence[float], mass: float, seed: int) -> Headline:
    """Forecasts along the law's first input; the others, and settings, as in the largest run."""
    first, outcome = first_fit(fit), fit.outcome
    item, *others = first.law.inputs
    values, largest = first.inputs[item.name], int(first.law.size(first.inputs).argmax())
    held = {each.name: float(first.inputs[each.name][largest]) for each in (*others, *first.law.settings)}
    asked = np.asarray(budgets if item.name == "C" else [_further(item, values, ahead) for ahead in _AHEAD])
    along = _between(item, np.concatenate([values, asked]))
    ahead, curve = (forecast(fit, seed=seed, **{item.name: x}, **held) for x in (asked, along))
    at, draws = ahead.draws["predictive"], curve.draws["predictive"]
    rest = "".join(f", {each.name} = {value_of(each, held[each.name])}" for each in others)
    reach = reach_of(first, {item.name: asked, **{name: np.full(len(asked), value) for name, value in held.items()}})
    unit = "" if item.unit in (item.name, f"{item.name}s") else item.unit
    named = [f"{item.name} = {value_of(item, float(x))} {unit}".rstrip() for x in asked]
    found = tuple(
        _finding(
            f"At {named[i]}{rest}",
            f"Expect {with_article(outcome)} of {interval_of(at.isel(point=i), mass, 4)} {_unit(first.law)}".rstrip()
            + ".",
            float(reach[i]),
            "" if item.linear is None else f"the runs end at {value_of(item, float(values[largest]))}",
        )
        for i in range(len(asked))
    )
    shown = spread(first.observed.size, RUNS_DRAWN)
    runs = values[shown], fit.runs.column(outcome)[shown]
    panel = Panel(
        outcome_axis(fit),
        along,
        _two_bands(draws, mass),
        (asked, _ends(at, mass)),
        4,
        runs,
        first.law.link.domain in BY_RATIO,
    )
    rows = [
        (value_of(item, float(along[i])), interval_of(draws.isel(point=i), mass, 4)) for i in range(0, _POINTS, _EVERY)
    ]
    table = Table(f"New runs, median and {mass:.0%} interval", (axis_of(item), outcome_axis(fit)), tuple(rows))
    title = f"The {outcome} to expect of a new run{rest and f', with{rest[1:]}'}"
    plot = bands([panel], axis_of(item), float(values[largest]), falls=item.falls)
    far = {} if item.linear is not None else dict(zip(named, reach.tolist(), strict=True))
    return Headline(found, Figure("answer", title, plot, table), ahead.warnings, far)


def _unit(law: Law) -> str:
    """The outcome's unit after a number; that of a fraction says what it is, not in what it is counted."""
    return f"({law.outcome_unit})" if law.outcome_unit == accuracies.UNIT else law.outcome_unit


def _parameters(fit: Posterior, mass: float) -> tuple[Finding, ...]:
    """The first parameters of each law."""
    found = []
    for member in members(fit).values():
        draws, units = member.groups["posterior"].to_dataset(), {item.name: item.unit for item in member.described}
        names = list(units)[:4]
        text = "; ".join(f"{name} is {interval_of(draws[name], mass, 4)} {units[name]}".rstrip() for name in names)
        found.append(Finding(member.law.title, f"{text}."))
    return tuple(found)


def _finding(title: str, text: str, reach: float, ends: str = "") -> Finding:
    """A sentence of the answer with how far from the runs it is."""
    far = reach > MEASURED_HORIZON
    if reach <= 1:
        note = "Within the range of the runs."
    elif ends:
        note = f"Beyond the runs: {ends}."
    else:
        note = f"{times(reach)} times the {'compute of the ' if 'FLOP' in title else ''}largest run"
        note += ": farther than hidden runs can test, so it rests on the law being right." if far else "."
    return Finding(title, text, note, BAD if far else GOOD)


def _further(item: Input, values: Array, ratio: float) -> float:
    """The value of an input that is a given ratio times that of the largest run."""
    largest = float(item.coordinate(values).max())
    if item.linear is None:
        return float(_from_coordinate(item, largest + np.log(ratio)))
    return float(f"{_from_coordinate(item, largest + np.log(ratio) / 2):.4g}")


def _between(item: Input, values: Array) -> Array:
    places = item.coordinate(values)
    return _from_coordinate(item, np.linspace(places.min(), places.max(), _POINTS))


def _from_coordinate(item: Input, places: Array | float) -> Array:
    """Values of an input from :meth:`Input.coordinate`."""
    scaled = -np.asarray(places) if item.falls else np.asarray(places)
    return np.exp(scaled) if item.linear is None else scaled * item.linear


def _ends(draws: xr.DataArray, mass: float) -> Array:
    """Lower ends, medians and upper ends, shape (3, case)."""
    return np.stack(interval_ends(draws, mass))


def _two_bands(draws: xr.DataArray, mass: float) -> dict[float, Array]:
    return {each: _ends(draws, each) for each in (mass, _HALF)}
