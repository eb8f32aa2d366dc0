"""Partial pooling: one law fitted to several groups of runs at once, with some parameters that differ between groups.

Each group has its own value of a pooled parameter, drawn from a distribution over groups whose centre and spread are
learnt too. Groups with few runs borrow strength from the others to the extent that groups are alike (Gelman and Hill
2006, chapter 12). Every other parameter is the same for all groups. A pooled law is again a law, so both samplers work.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.errors import LawError, RunsError
from bayescale.basics.intervals import DEFAULT_MASS, SAMPLE_DIMS, summary_table
from bayescale.basics.wording import listed
from bayescale.data.checks import observe
from bayescale.data.observed import Observed, serving
from bayescale.data.repeats import mean_of_repeats
from bayescale.data.runs import AnyRuns, Runs
from bayescale.data.tables import missing_column, refuse
from bayescale.inference.discrepancy import Basis, Separate, discrepancy_basis
from bayescale.inference.options import Options
from bayescale.inference.sampled import Sampled
from bayescale.laws import catalog
from bayescale.laws.evidence import Bounded, OtherRun
from bayescale.laws.law import Law
from bayescale.laws.parameters import GROUP, Derived, Parameter
from bayescale.laws.steps import TwoSteps
from bayescale.posterior.fit import Fit
from bayescale.posterior.fitted import Fitted
from bayescale.posterior.forecasting import Forecast
from bayescale.posterior.pooled_law import SPREAD, by_group, drawn_group, pooled_law, sampled_names, vague_in
from bayescale.posterior.single import as_runs, assembled, groups_of, sampled_runs

if TYPE_CHECKING:
    import bayescale

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pooled(Fitted):
    """Posteriors of one law for several groups of runs, learnt together.

    Attributes
    ----------
    groups : mapping of Fit
        Fits by group; each is a normal fit to that group's runs, to forecast and plan from.
    between : xarray.Dataset
        Draws of what the groups have in common, dims chain and draw: each pooled parameter in a typical group, and as
        ``<name>_spread`` its standard deviation between groups, of the logarithm for positive parameters, of the
        log-odds for shares, and on the parameter's own scale otherwise.
    pool : tuple of str
        Sampled parameters that differ between groups.

    Examples
    --------
    >>> from bayescale import fit
    >>> x, noise = np.tile([0.01, 0.1, 10, 100], 2), np.tile([1.01, 0.99, 0.99, 1.01], 2)
    >>> y = 3 * x ** -np.repeat([0.2, 0.3], 4) * noise
    >>> runs = pd.DataFrame({"group": ["a"] * 4 + ["b"] * 4, "x": x, "y": y})
    >>> pooled = fit("m1", runs, pool=["slope"], discrepancy=False)
    >>> [round(float(each.parameters["slope"].mean()), 2) for each in pooled.groups.values()]
    [0.2, 0.3]
    """

    groups: Mapping[str, Fit]
    between: xr.Dataset
    pool: tuple[str, ...]

    @property
    def certified(self) -> bool:
        """Whether the draws can be trusted to represent the posterior."""
        return next(iter(self.groups.values())).certified

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the results doubtful, without repetitions."""
        return tuple(dict.fromkeys(text for each in self.groups.values() for text in each.warnings))

    @property
    def title(self) -> str:
        """Name of the law and number of groups, for people to read."""
        return f"{next(iter(self.groups.values())).title}, {len(self.groups)} groups"

    @property
    def dataset(self) -> str:
        """Name of the table that was fitted."""
        label, first = next(iter(self.groups.items()))
        return first.dataset.removesuffix(f":{label}")

    @property
    def tree(self) -> xr.DataTree:
        """The draws for ArviZ, those of each group under its name."""
        names = names_of_nodes(list(self.groups))
        return xr.DataTree.from_dict({name: each.tree for name, each in zip(names, self.groups.values(), strict=True)})

    def of(self, group: str | None) -> Fit:
        """The fit of one group.

        Raises
        ------
        LawError
            If there is no such group.
        """
        if group is None or group not in self.groups:
            raise LawError(f"no group {group!r}: give group=, one of {listed(self.groups)}")
        return self.groups[group]

    def forecast(  # type: ignore[override]
        self, *, seed: int = 0, group: str | None = None, **inputs: ArrayLike
    ) -> Forecast:
        """Forecast new runs of one group with :func:`bayescale.forecast`.

        Raises
        ------
        LawError
            If there is no such group, or as for :func:`bayescale.forecast`.
        """
        return self.of(group).forecast(seed=seed, **inputs)

    def plan(self, *, group: str | None = None, **asked: Any) -> "bayescale.Answer":
        """Find the best run for one group with :func:`bayescale.plan`.

        Raises
        ------
        LawError
            If there is no such group, or as for :func:`bayescale.plan`.
        """
        return self.of(group).plan(**asked)

    def new_group(self, *, seed: int = 0) -> Fit:
        """A posterior for one more group that was not seen, to forecast and plan from.

        Its pooled parameters are drawn from the distribution over groups, draw by draw, so that it is as uncertain as
        these few groups leave that distribution; its discrepancy is drawn from the prior with the amplitudes of all
        groups, for runs like those of all groups together.

        Parameters
        ----------
        seed : int

        Examples
        --------
        >>> from bayescale import fit
        >>> x, y = np.tile([0.01, 0.1, 10, 100], 2), [7.5, 4.8, 1.9, 1.2, 12, 6, 1.5, 0.75]
        >>> runs = pd.DataFrame({"group": ["a"] * 4 + ["b"] * 4, "x": x, "y": y})
        >>> pooled = fit("m1", runs, pool=["slope"], discrepancy=False)
        >>> new, seen = pooled.new_group().parameters["slope"], pooled.groups["a"].parameters["slope"]
        >>> bool(new.std() > 5 * seen.std())
        True
        """
        one, rng = next(iter(self.groups.values())), np.random.default_rng(seed)
        names = [item.name for item in one.law.parameters]
        drawn = {str(name): values.to_numpy() for name, values in one.groups["posterior"].data_vars.items()}
        typical = {name: self.between[name].to_numpy() if name in self.pool else drawn[name] for name in names}
        spreads = {name: self.between[f"{name}_{SPREAD}"].to_numpy() for name in self.pool}
        own = drawn_group(one.law, typical, spreads, rng)
        observed = Observed(one.law, self._all_runs)
        basis = discrepancy_basis(observed) if one.record.discrepancy else None
        features = (*own[names[0]].shape, 0 if basis is None else len(basis.process.kinds))
        sampled = Sampled(
            posterior={**drawn, **own, **one.law.derive(np, own, observed.centre)},
            sample_stats=one.groups["sample_stats"].to_dataset(),
            engine=one.record.engine,
            diagnostics=one.diagnostics,
            prior={str(name): values.to_numpy() for name, values in one.groups["prior"].data_vars.items()},
            basis=basis,
            coefficients=None if basis is None else rng.standard_normal(features),
        )
        runs = observed.runs
        return replace(
            one,
            groups=groups_of(observed, one.described, sampled),
            record=replace(one.record, dataset=runs.source, data_hash=runs.data_hash, n_runs=len(runs)),
            warnings=tuple(text for text in self.warnings if text.startswith("NOT CERTIFIED")),
            notes=(
                *one.notes,
                f"a group that was not seen, drawn from the distribution over {len(self.groups)} groups",
            ),
        )

    @property
    def _all_runs(self) -> Runs:
        """The runs of all groups, in which training runs of different groups are different."""
        parts = {label: each.runs for label, each in self.groups.items()}
        frames = [part.frame for part in parts.values()]
        if any("run" in frame for frame in frames):
            frames = [
                frame.assign(run=[f"{label} {name}" for name in frame.get("run", frame.index)])
                for label, frame in zip(parts, frames, strict=True)
            ]
        whole = pd.concat(frames, ignore_index=True)
        return replace(next(iter(parts.values())), frame=whole, source=f"{self.dataset}:a new group")

    def summary(self, ci_prob: float = DEFAULT_MASS) -> pd.DataFrame:
        """Mean, standard deviation and interval of every parameter by group, and of what groups have in common."""
        tables = {name: each.summary(ci_prob) for name, each in self.groups.items()}
        common = pd.concat([summary_table(self.between[name], ci_prob) for name in self.between])
        common.index = list(self.between)
        attributes = [self.between[name].attrs for name in self.between]
        common = common.assign(unit=[a["units"] for a in attributes], meaning=[a["long_name"] for a in attributes])
        return pd.concat({**tables, "all groups": common}, names=["group", None])


def fit_pooled(
    law: str | Path | Law,
    runs: AnyRuns,
    pool: Sequence[str],
    options: Options,
    *,
    by: str = "group",
) -> Pooled:
    """Sample the posterior of one law for several groups of runs.

    Parameters
    ----------
    law : str, path or Law
    runs : str, path, DataFrame or Runs
        Runs of all groups.
    pool : sequence of str
        Parameters of the law, sampled or derived, that differ between groups; a derived one is replaced by the sampled
        ones that it is computed from.
    options : Options
    by : str
        Column that names the group of each run.

    Returns
    -------
    Pooled

    Raises
    ------
    LawError
        If the law has no such parameter.
    RunsError
        If there are fewer than two groups, or the runs cannot be used.
    """
    named = catalog.law_of(law)
    table = as_runs(runs, named, series_apart=False)
    served = serving(named, table)
    if isinstance(served, TwoSteps):
        raise LawError(
            f"law {served.name!r} has two steps, and pooling takes one: pool parameters of {served.first.name} or "
            f"{served.second.name}"
        )
    table, resolved = mean_of_repeats(table, served.link), options.applied(served)
    for each in resolved.evidence:
        if isinstance(each, OtherRun | Bounded):
            raise LawError(f"evidence {each}: is a run of one group, and groups differ: fit that group alone")
    names = sampled_names(resolved, pool)
    for name in (item.name for item in resolved.derived if item.name in options.priors):
        if set(sampled_names(resolved, [name])) & set(names):
            raise LawError(
                f"prior on {name}: it differs between groups, since {listed(names)} are pooled: give a prior on what "
                "all groups share"
            )
    codes, labels = group_codes(table, by)
    coded = replace(table, frame=table.frame.assign(**{GROUP.name: codes.astype(float)}))
    observed = observe(resolved, coded)
    largest = observed.take(np.flatnonzero(codes == np.bincount(codes).argmax()))
    vague = vague_in(observed.law, names, sampled_runs(largest, options, certify=False).posterior)
    joint = pooled_law(observed.law, names, labels, vague)
    sampled = sampled_runs(Observed(joint, coded), options)
    groups = {}
    for code, label in enumerate(labels):
        rows = np.flatnonzero(codes == code)
        part = replace(coded.take(rows), source=f"{table.source}:{label}", notes=table.notes)
        own = _of_group(sampled, observed.law, code, rows)
        one = Observed(observed.law, part, observed.warnings)
        groups[label] = assembled(law, one, own, options, pool=names)
    return Pooled(groups=groups, between=_between(sampled, joint, names, pool), pool=names)


def group_codes(
    runs: Runs, by: str, what: str = "names the groups", several: str = "pooling needs two groups or more"
) -> tuple[NDArray[np.int64], list[str]]:
    """Code of each run's group, counted from 0, and the names of the groups, called by what they are.

    Raises
    ------
    RunsError
        If there is no such column, a run has no group, or there is only one group.
    """
    if by not in runs.frame:
        raise RunsError(missing_column(by, runs.frame.columns, runs.source, f", which {what}"))
    column = runs.frame[by]
    blank = column.isna() | (column.astype(str).str.strip() == "")
    refuse(
        f"{runs.source}, row {row + 1}, column {by}: is empty: name the run's group or leave the row out"
        for row in np.flatnonzero(blank)
    )
    codes, labels = pd.factorize(column.astype(str))
    if len(labels) < 2:
        raise RunsError(f"{runs.source}: column {by} holds {listed(labels)} only: {several}")
    return np.asarray(codes), list(labels)


def _of_group(sampled: Sampled, law: Law, code: int, rows: NDArray[np.intp]) -> Sampled:
    """The draws of one group, under the law's own names."""

    def own(values: Mapping[str, Array]) -> dict[str, Array]:
        names = [name for name in values if name in law.units or name in ("sigma", "nu", "excess", "tau", "drift")]
        return {name: values[by_group(name)][..., code] if by_group(name) in values else values[name] for name in names}

    basis, coefficients = sampled.basis, sampled.coefficients
    if basis is not None:
        assert coefficients is not None
        process: Separate = basis.process
        basis = Basis(process.parts[code], basis.noise_scale[rows])
        coefficients = coefficients[..., process.columns[code]]
    return replace(
        sampled, posterior=own(sampled.posterior), prior=own(sampled.prior), basis=basis, coefficients=coefficients
    )


def names_of_nodes(groups: Sequence[str]) -> list[str]:
    """Unique names of groups that can be nodes of a tree, in which a slash separates levels."""
    found: list[str] = []
    for group in groups:
        name = re.sub(r"\W+", "_", group)
        while name in found:
            name += "_"
        found.append(name)
    return found


def _between(sampled: Sampled, joint: Law, pool: Sequence[str], asked: Sequence[str]) -> xr.Dataset:
    """Draws in a typical group of the parameters asked for and of the pooled ones, with the spread of the latter."""
    items: list[Parameter | Derived] = [*joint.parameters, *joint.derived]
    described = {item.name: item for item in items}
    names = list(dict.fromkeys((*asked, *(name for each in pool for name in (each, f"{each}_{SPREAD}")))))
    chains, draws = sampled.posterior[names[0]].shape
    variables = {
        name: (
            SAMPLE_DIMS,
            sampled.posterior[name],
            {"units": described[name].unit, "long_name": described[name].meaning},
        )
        for name in names
    }
    return xr.Dataset(variables, coords={"chain": np.arange(chains), "draw": np.arange(draws)})
