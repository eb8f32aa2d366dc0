"""From what a user names, a table or a saved fit, to a posterior; what cannot be used is refused before any fit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from bayescale.cli.options import DEFAULT_DISCREPANCY, DEFAULT_ENGINE, DEFAULT_LAW, DEFAULT_NOISE
from bayescale.cli.printing import progress
from bayescale.cli.values import number_from

if TYPE_CHECKING:
    from bayescale.data.observed import Observed
    from bayescale.data.runs import Runs
    from bayescale.laws.law import Law
    from bayescale.laws.parameters import Prior
    from bayescale.planning.costs import Cost
    from bayescale.posterior.ensembles import Posterior
    from bayescale.posterior.fit import Fit
    from bayescale.posterior.pooling import Pooled
    from bayescale.posterior.storage import AnyFitted


_LENGTHS = ("draws", "chains", "tune", "minutes")
"""Options that say how long to sample."""

_READ = ("columns", "glob", "outcome", "flops", "cells", "checkpoints")
"""Options that say how to read a table, but for flags and the unit of its outcome."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Runs, and the options of :func:`bayescale.cli.options.forecast_options` that say how to fit them."""

    runs: str
    seed: int
    laws: tuple[str, ...]
    columns: dict[str, str] | None
    unit: str | None
    noise: str | None
    discrepancy: bool | None
    engine: str | None
    pool: tuple[str, ...]
    by: str | None
    group: str | None
    new_group: bool | None = None
    glob: str | None = None
    outcome: str | None = None
    drop_bad: bool | None = None
    as_is: bool | None = None
    flops: str | None = None
    cells: str | None = None
    checkpoints: bool | None = None
    priors: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    draws: int | None = None
    chains: int | None = None
    tune: int | None = None
    minutes: float | None = None
    risk: dict[str, str] | None = None

    @property
    def saved(self) -> bool:
        """Whether the runs are a saved fit."""
        return Path(self.runs).suffix == ".nc"

    @property
    def law(self) -> str | tuple[str, ...]:
        """What to fit: one law, several, or those that suit the runs."""
        return self.laws[0] if len(self.laws) == 1 else self.laws or DEFAULT_LAW

    @property
    def reading(self) -> dict[str, Any]:
        """How to read the table and to prepare its runs, but for the unit of its outcome."""
        flags = {"drop_bad": bool(self.drop_bad), "as_is": bool(self.as_is)}
        return {name: getattr(self, name) for name in _READ} | flags

    @property
    def sampling(self) -> dict[str, Any]:
        """How to sample, by default where nothing is given."""
        shape = {name: getattr(self, name) for name in _LENGTHS}
        return {
            "noise": self.noise or DEFAULT_NOISE,
            "discrepancy": DEFAULT_DISCREPANCY if self.discrepancy is None else self.discrepancy,
            "engine": self.engine or DEFAULT_ENGINE,
            "seed": self.seed,
            **{name: value for name, value in shape.items() if value is not None},
            **beliefs_from(self.priors, self.evidence),
        }


def beliefs_from(priors: Sequence[str], evidence: Sequence[str]) -> dict[str, Any]:
    """Priors by what they are on, each of which is stated once, and evidence."""
    from bayescale.laws.evidence import parse_evidence
    from bayescale.laws.priors import parse_prior

    found: dict[str, Prior] = {}
    for text in priors:
        name, prior = parse_prior(text)
        if name in found:
            raise click.UsageError(f"--prior: {name} has two priors: state one")
        found[name] = prior
    return {"priors": found, "evidence": [parse_evidence(text) for text in evidence]}


@dataclass(frozen=True)
class Source:
    """Laws and the runs to fit them to, read and checked; or a saved fit.

    Attributes
    ----------
    bound : tuple of Observed or Fit
        Each law with its runs.
    posterior : callable
        Fits them, or gives what was saved.
    """

    bound: "tuple[Observed | Fit, ...]"
    posterior: "Callable[[], Posterior]"

    @property
    def law(self) -> "Law":
        """The first law, for what all of them share."""
        return self.bound[0].law

    def check_planned(self, fixed: Mapping[str, float] = MappingProxyType({}), question: str = "an optimum") -> None:
        """Refuse laws that read other inputs than N, D and what is given, or settings that differ between runs."""
        from bayescale.planning.allocation import check_settings, two_inputs

        for each in self.bound:
            two_inputs(each.law, fixed, question=question)
            check_settings(each)

    def check_points(self, points: Mapping[str, Any]) -> None:
        """Refuse points with other inputs than those of the laws, or values that they cannot have."""
        from bayescale.posterior.points import check_task, checked_points

        checked_points(self.bound, points)
        check_task(self.bound, points)

    def read_at(self, points: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs that laws read, without others that have one value in all runs and the same one at all points."""
        from bayescale.data.observed import Observed

        frames = [each.runs.frame for each in self.bound if isinstance(each, Observed)]
        read = {item.name for each in self.bound for item in (*each.law.inputs, *each.law.settings)}

        def fixed(name: str) -> bool:
            seen = {value for frame in frames if name in frame for value in (*frame[name].unique(), *points[name])}
            return name not in read and len(seen) == 1

        return {name: values for name, values in points.items() if not fixed(name)}


def source_from(asked: Asked, table: "Runs | None" = None) -> Source:
    """Read what a command names, unless its table is given."""
    if asked.risk is None:
        return _source(asked, table)
    numbers = _risk(asked.risk)
    found = _source(asked, table)
    from bayescale.posterior.ensembles import check_knows_compute, with_risk

    check_knows_compute(found.law)
    return Source(found.bound, lambda: with_risk(found.posterior(), **numbers))


def _source(asked: Asked, given: "Runs | None" = None) -> Source:
    if asked.pool:
        return _group(asked)
    check_pooling(asked)
    if asked.saved:
        return _saved(asked)
    from bayescale.data.checks import observe
    from bayescale.posterior.fitting import chosen_laws, fit, n_fits

    read = runs_from(asked.runs, asked.laws, unit=asked.unit, **asked.reading) if given is None else given
    laws, table = chosen_laws(asked.law, read)
    naming = "the ensemble of laws" if asked.law == DEFAULT_LAW else ", ".join(asked.laws)
    compiling = " (compiling: about 10 s)" if asked.engine == "nuts" else ""

    named = tuple(law.name for law in laws) if asked.law == DEFAULT_LAW else asked.law

    def posterior() -> "Posterior":
        with progress(f"fitting {naming} to {len(table)} runs{compiling}", n_fits(named, table)):
            return fit(named, table, **asked.sampling)

    return Source(tuple(observe(law, table) for law in laws), posterior)


def check_pooling(asked: Asked) -> None:
    """Refuse options of pooled groups without any."""
    if not asked.pool and (asked.by is not None or asked.group is not None or asked.new_group):
        raise click.UsageError("--by, --group and --new-group go with --pool")


def loaded_from(asked: Asked) -> "AnyFitted":
    """A saved fit, unless options are given that have no effect on one."""
    given = {
        "noise": asked.noise,
        "discrepancy": asked.discrepancy,
        "engine": asked.engine,
        "columns": asked.columns,
        "outcome": asked.outcome,
        "unit": asked.unit,
        "glob": asked.glob,
        "drop-bad": asked.drop_bad,
        "as-is": asked.as_is,
        "flops": asked.flops,
        asked.cells or "best": asked.cells,
        "checkpoints": asked.checkpoints,
        "prior": asked.priors or None,
        "evidence": asked.evidence or None,
        **{name: getattr(asked, name) for name in _LENGTHS},
    }
    for option in (name for name, value in given.items() if value is not None):
        raise click.UsageError(f"--{option} has no effect on a saved fit ({asked.runs}): fit the runs again")
    if len(asked.laws) > 1:
        raise click.UsageError("--law: give only the law file of a saved fit, if it is a law of your own")
    from bayescale.posterior.storage import load

    return load(asked.runs, law=asked.laws[0] if asked.laws else None)


def _saved(asked: Asked) -> Source:
    from bayescale.posterior.domains import Domains
    from bayescale.posterior.ensembles import Ensemble, members
    from bayescale.posterior.fit import Fit

    loaded = loaded_from(asked)
    if isinstance(loaded, Domains):
        raise click.UsageError(f"{asked.runs} holds mixtures of domains: fit, predict and tradeoff mixture read them")
    if not isinstance(loaded, Fit | Ensemble):
        raise click.UsageError(f"{asked.runs} holds {type(loaded).__name__.lower()} fits, which only Python can load")
    return Source(tuple(members(loaded).values()), lambda: loaded)


def _group(asked: Asked) -> Source:
    """One of several groups that are fitted together."""
    if (asked.group is None) != bool(asked.new_group):
        raise click.UsageError(
            "--pool fits several groups: name the one to answer for by --group, or give --new-group for one that was "
            "not seen"
        )
    import numpy as np

    from bayescale.data.observed import Observed
    from bayescale.laws.catalog import load_law

    table, codes, groups = _groups(asked)
    if asked.group is None:
        own = Observed.of(load_law(asked.laws[0]), table)
        return Source((own,), lambda: pooled_from(asked).new_group(seed=asked.seed))
    rows = np.flatnonzero(codes == groups.index(asked.group))
    return Source((Observed.of(load_law(asked.laws[0]), table.take(rows)),), lambda: pooled_from(asked).of(asked.group))


def _groups(asked: Asked) -> "tuple[Runs, Any, list[str]]":
    """A table of several groups, the code of each run's group, and their names."""
    if asked.saved:
        raise click.UsageError(f"--pool takes a table of runs, not a saved fit ({asked.runs})")
    if len(asked.laws) != 1 or asked.laws[0] == DEFAULT_LAW:
        raise click.UsageError("--pool takes a single law: name it by --law")
    from bayescale.posterior.pooling import group_codes

    table = runs_from(asked.runs, asked.laws, unit=asked.unit, series_apart=False, **asked.reading)
    column = asked.by or "group"
    codes, groups = group_codes(table, column)
    if asked.group is not None and asked.group not in groups:
        raise click.UsageError(f"--group: no group {asked.group!r} in column {column}: it holds {', '.join(groups)}")
    return table, codes, groups


def pooled_from(asked: Asked) -> "Pooled":
    """Fit all groups of runs together."""
    table, _, groups = _groups(asked)
    from bayescale.posterior.fitting import fit

    with progress(f"fitting {asked.laws[0]} to {len(table)} runs of {len(groups)} groups (minutes, if they are many)"):
        return fit(asked.laws[0], table, pool=asked.pool, by=asked.by or "group", **asked.sampling)


def _risk(given: dict[str, str]) -> dict[str, float]:
    """Probability and size of a recipe that breaks."""
    from bayescale.posterior.recipe_risk import RecipeRisk

    if given.keys() != {"probability", "size"}:
        raise click.UsageError("--risk takes probability=0.1,size=0.03: both, and nothing else")
    numbers = {name: number_from("--risk", name, text) for name, text in given.items()}
    RecipeRisk(**numbers)
    return numbers


def runs_from(
    source: str,
    laws: Sequence[str],
    *,
    series_apart: bool = True,
    outcome: str | None = None,
    flops: str | None = None,
    cells: Any = None,
    checkpoints: bool | None = None,
    **reading: Any,
) -> "Runs":
    """The prepared table, with the outcome that is asked for, or that the first law predicts, or else its own."""
    from bayescale.data.datasets import load_runs
    from bayescale.data.mapping import OUTCOMES
    from bayescale.data.preparing import Preparation
    from bayescale.laws.catalog import load_law
    from bayescale.laws.following import outcomes_of

    prepared = Preparation(flops, cells, checkpoints)
    asked: dict[str, Any] = {"series_apart": series_apart, **reading}
    if not laws or laws[0] == DEFAULT_LAW:
        sought = None if outcome is None else {outcome: OUTCOMES.get(outcome, "positive")}
        return prepared.of(load_runs(source, outcome=sought, **asked))
    served = outcomes_of(load_law(laws[0]))
    if outcome is not None and outcome not in served:
        raise click.UsageError(f"--outcome {outcome}: law {laws[0]!r} predicts {' or '.join(served)}")
    sought = served if outcome is None else {outcome: served[outcome]}
    return prepared.of(load_runs(source, outcome=sought, **asked))


def check_second_step(then: str, asked: Asked) -> "Law":
    """The second law, if it can follow the first, on these runs."""
    from bayescale.data.observed import check_unit_read
    from bayescale.laws.catalog import load_law

    if asked.pool or asked.saved:
        raise click.UsageError("--then takes a table of runs, and no pooling")
    second, first = load_law(then), runs_from(asked.runs, asked.laws, unit=asked.unit, **asked.reading)
    if second.input_names != (first.outcome,):
        read = ", ".join(second.input_names)
        raise click.UsageError(f"--then: law {second.name!r} reads {read}, not {first.outcome}, the first outcome")
    check_unit_read(second.inputs[0], second.name, first.unit)
    runs_from(asked.runs, (then,), **{**asked.reading, "outcome": None})
    return second


def followed(first: "Posterior", then: str | None, asked: Asked) -> "Posterior":
    """The posterior of a first step, joined with that of a second, if there is one, given the same runs."""
    if then is None:
        return first
    from bayescale.posterior.chains import Chain
    from bayescale.posterior.single import fit_law

    table = runs_from(asked.runs, (then,), **{**asked.reading, "outcome": None})
    with progress(f"fitting {then} to {len(table)} runs"):
        second = fit_law(then, table, **{**asked.sampling, **beliefs_from((), ())})
    return Chain(first, second)


def points_from(at: Sequence[dict[str, str]], path: Path | None) -> dict[str, Any]:
    """Points as columns, from the options or from a table."""
    if bool(at) == (path is not None):
        raise click.UsageError("give points either as --at N=70B,D=1.4T or as a table by --points FILE")
    if path is not None:
        from bayescale.data.formats import read_table
        from bayescale.data.tables import numbers_in, refuse

        frame = read_table(path)
        read = {str(name): numbers_in("real", frame[name], str(path), str(name)) for name in frame.columns}
        refuse([fault for _, faults in read.values() for fault in faults])
        return {name: values for name, (values, _) in read.items()}
    for point in at:
        if point.keys() != at[0].keys():
            raise click.UsageError(f"--at: every point needs the same inputs, here {', '.join(at[0])}")
    return {name: [number_from("--at", name, point[name]) for point in at] for name in at[0]}


def runs_at(at: Sequence[dict[str, str]], n: int) -> list[dict[str, float]]:
    """The runs of a question that takes a fixed number of them, from ``--at``."""
    if len(at) != n:
        wanted = {1: "one run", 2: "two runs"}[n]
        raise click.UsageError(f"--at: give {wanted}, each as --at N=70B,D=1.4T, not {len(at)}")
    return [{name: number_from("--at", name, text) for name, text in point.items()} for point in at]


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
