"""Checks of the draws, and of the posterior against the runs that were fitted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.intervals import tail_probabilities
from bayescale.posterior.ensembles import Posterior, first_fit, members
from bayescale.posterior.fit import Fit
from bayescale.posterior.forecasting import predicted_runs
from bayescale.report.content import Figure, Section, Table
from bayescale.report.figures import coverage, misses
from bayescale.report.labels import RUNS_LISTED, sizes_of, thinned
from bayescale.report.planner import spread

Array = NDArray[np.float64]

RUNS_CHECKED = 500
"""Largest number of runs that are compared with the posterior predictive."""

_MASSES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True, eq=False)
class Replicated:
    """Fitted runs beside new runs like them, on the link's scale.

    Attributes
    ----------
    rows : array of int, shape (run,)
        Which runs of the table these are.
    low, middle, high : array, shape (run,)
        Interval of a new run.
    observed : array, shape (run,)
    place : array, shape (run,)
        Share of the draws of a new run below the observed one.
    """

    rows: NDArray[np.intp]
    low: Array
    middle: Array
    high: Array
    observed: Array
    place: Array

    @property
    def inside(self) -> float:
        """Share of the runs in their intervals."""
        return float(((self.observed >= self.low) & (self.observed <= self.high)).mean())


def replicated(fit: Posterior, mass: float, seed: int) -> Replicated:
    """Draw a new run like each fitted one, with intervals of a given mass."""
    _, size = sizes_of(fit)
    rows = spread(size, RUNS_CHECKED)
    forecast, outcomes = predicted_runs(fit, fit.runs.take(rows), seed=seed)
    draws, observed = forecast.draws(np.random.default_rng(seed)), forecast.link.forward(np, outcomes)
    low, high = tail_probabilities(mass)
    below, middle, above = np.quantile(draws, [low, 0.5, high], axis=0)
    return Replicated(rows, below, middle, above, observed, (draws < observed).mean(axis=0))


def checks_section(fit: Posterior, found: Replicated, mass: float) -> Section:
    """Diagnostics of the draws, and the fitted runs in the bands of new runs like them."""
    diagnosed = Table(
        "Diagnostics of the draws",
        ("law", "sampler", "state", "Pareto k-hat", "R-hat", "effective draws", "log evidence"),
        tuple(_diagnosed(name, member) for name, member in members(fit).items()),
        "Certified draws have a Pareto k-hat below 0.7 and 1,000 effective draws, or an R-hat below 1.01 and 400.",
    )
    return Section("checks", "Checks", figures=(_misses(fit, found, mass), _coverage(found)), tables=(diagnosed,))


def _misses(fit: Posterior, found: Replicated, mass: float) -> Figure:
    sized, size = sizes_of(fit)
    miss, at = found.observed - found.middle, size[found.rows]
    halves = miss / np.where(miss > 0, found.high - found.middle, found.middle - found.low)
    rows = zip(at, miss, found.low - found.middle, found.high - found.middle, strict=True)
    table = Table(
        "Observed and predicted",
        (
            sized,
            f"observed minus predicted ({first_fit(fit).law.scale_unit})",
            f"{mass:.0%} band, lower end",
            "upper end",
        ),
        tuple((f"{at:.4g}", f"{miss:+.4f}", f"{down:+.4f}", f"{up:+.4f}") for at, miss, down, up in rows)[
            :: -(-len(at) // RUNS_LISTED)
        ],
        thinned("listed", min(len(at), RUNS_LISTED), len(size)),
    )
    return Figure(
        "misses",
        f"{found.inside:.0%} of the fitted runs lie in the {mass:.0%} band of a new run like them",
        misses(at, halves, (sized, f"miss (half-widths of the {mass:.0%} band)")),
        table,
        thinned("checked", len(at), len(size)),
    )


def _coverage(found: Replicated) -> Figure:
    held = [float((np.abs(2 * found.place - 1) <= each).mean()) for each in _MASSES]
    table = Table(
        "Share of the fitted runs inside intervals",
        ("mass of the interval", "share inside"),
        tuple((f"{mass:.0%}", f"{share:.1%}") for mass, share in zip(_MASSES, held, strict=True)),
    )
    return Figure(
        "coverage",
        f"Intervals with half of the probability contain {held[_MASSES.index(0.5)]:.0%} of the fitted runs",
        coverage(_MASSES, {"fitted runs": held}, ("mass of the interval", "share of the runs inside")),
        table,
        "These runs were fitted: only a back-test measures coverage of other runs.",
    )


def _diagnosed(name: str, member: Fit) -> tuple[str, ...]:
    found = member.diagnostics
    shown = [found.figures.get(key, "not defined") for key in ("Pareto k-hat", "R-hat")]
    evidence = "not defined" if found.log_evidence is None else f"{found.log_evidence:.1f}"
    state = "certified" if found.certified else "NOT CERTIFIED"
    return (name, member.record.engine, state, *shown, f"{found.ess_min:,.0f}", evidence)
