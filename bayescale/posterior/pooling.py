"""Partial pooling: one law fitted to several groups of runs at once, some of its parameters similar between them.

Each group has its own value of a pooled parameter, drawn from a distribution over groups whose centre and spread are
learnt with them: groups of few runs lean on the others as far as the groups are alike (Gelman and Hill 2006, chapter
12). Every other parameter is the same for all groups. A pooled law is again a law, so both samplers take it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.errors import LawError, RunsError
from bayescale.basics.intervals import DEFAULT_MASS, SAMPLE_DIMS, summary_table
from bayescale.basics.wording import listed
from bayescale.data.checks import observe
from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.data.tables import missing_column, refuse
from bayescale.inference.discrepancy import Basis, Separate
from bayescale.inference.engine import Sampled
from bayescale.inference.options import Options
from bayescale.laws import catalog
from bayescale.laws.law import Law
from bayescale.laws.links import IDENTITY, LOG, LOGIT, Link
from bayescale.laws.parameters import GROUP, Derived, Parameter, Prior, Values
from bayescale.posterior.fit import Fit
from bayescale.posterior.single import as_runs, assembled, sampled_runs

Array = NDArray[np.float64]

_SPREAD = "spread"
_SPREAD_SHARE = 0.5
"""Expected spread between groups, over the standard deviation of what is believed of any one of them."""


@dataclass(frozen=True)
class _Scale:
    """How a pooled parameter with some prior varies between groups: a distribution around the typical group's value."""

    distribution: str
    words: str
    link: Link
    deviation: Callable[[Mapping[str, float]], float]


def _beta_deviation(arguments: Mapping[str, float]) -> float:
    from scipy.special import polygamma

    return float(np.sqrt(polygamma(1, arguments["alpha"]) + polygamma(1, arguments["beta"])))


_SCALES = {
    "LogNormal": _Scale("LogNormal", "the log of ", LOG, lambda arguments: arguments["sigma"]),
    "HalfNormal": _Scale("LogNormal", "the log of ", LOG, lambda _: 1.0),
    "Normal": _Scale("Normal", "", IDENTITY, lambda arguments: arguments["sigma"]),
    "Beta": _Scale("LogitNormal", "the log-odds of ", LOGIT, _beta_deviation),
    "LogitNormal": _Scale("LogitNormal", "the log-odds of ", LOGIT, lambda arguments: arguments["sigma"]),
}


@dataclass(frozen=True, eq=False)
class Pooled:
    """Posteriors of one law in several groups of runs, learnt together.

    Attributes
    ----------
    groups : mapping of Fit
        By group; each is a fit like any other, of that group's runs, to forecast and plan from.
    between : xarray.Dataset
        Draws of what the groups have in common, dims chain and draw: each pooled parameter of a typical group, and as
        ``<name>_spread`` the standard deviation between groups, on the log scale of positive parameters, of log-odds of
        shares, and otherwise their own.
    pool : tuple of str
        Sampled parameters that differ between groups.

    Examples
    --------
    >>> from bayescale import fit
    >>> x = np.tile([1e2, 1e3, 1e4, 1e5], 2)
    >>> runs = pd.DataFrame({"group": ["a"] * 4 + ["b"] * 4, "x": x, "y": 3 * x ** -np.repeat([0.2, 0.3], 4)})
    >>> pooled = fit("m1", runs, pool=["y_centre", "slope"])
    >>> [round(float(each.parameters["slope"].mean()), 2) for each in pooled.groups.values()]
    [0.2, 0.3]
    """

    groups: Mapping[str, Fit]
    between: xr.Dataset
    pool: tuple[str, ...]

    @property
    def certified(self) -> bool:
        """Whether the draws can stand for the posterior."""
        return next(iter(self.groups.values())).certified

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the results doubtful, once each."""
        return tuple(dict.fromkeys(text for each in self.groups.values() for text in each.warnings))

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
    runs: str | Path | pd.DataFrame | Runs,
    pool: Sequence[str],
    options: Options,
    *,
    by: str = "group",
) -> Pooled:
    """Sample the posterior of one law in several groups of runs.

    Parameters
    ----------
    law : str, path or Law
    runs : str, path, DataFrame or Runs
        With all groups in it.
    pool : sequence of str
        Parameters of the law, sampled or derived, that differ between groups; a derived one stands for the sampled ones
        that it is computed from.
    options : Options
    by : str
        Column that tells the groups apart.

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
    resolved = catalog.law_of(law)
    options.check_suits(resolved)
    names = _sampled_names(resolved, pool)
    table = as_runs(runs, resolved, series_apart=False)
    codes, labels = group_codes(table, by)
    coded = replace(table, frame=table.frame.assign(**{GROUP.name: codes.astype(float)}))
    observed = observe(resolved, coded)
    joint = pooled_law(observed.law, names, labels)
    sampled = sampled_runs(Observed(joint, coded), options)
    groups = {}
    for code, (label, slug) in enumerate(zip(labels, _slugs(labels), strict=True)):
        rows = np.flatnonzero(codes == code)
        part = replace(coded.take(rows), source=f"{table.source}:{label}", notes=table.notes)
        own = _of_group(sampled, observed.law, slug, rows)
        one = Observed(observed.law, part, observed.warnings)
        groups[label] = assembled(law, one, own, options, pool=names)
    return Pooled(groups=groups, between=_between(sampled, joint, names, pool), pool=names)


def pooled_law(law: Law, pool: Sequence[str], groups: Sequence[str]) -> Law:
    """A law of several groups of runs, told apart by the setting ``group_code``.

    Parameters
    ----------
    law : Law
    pool : sequence of str
        Sampled parameters that differ between groups.
    groups : sequence of str

    Returns
    -------
    Law
        With, for each pooled parameter, its value in a typical group, the spread between groups, and its value in each
        group; derived parameters for a typical group and each of the others.

    Examples
    --------
    >>> joint = pooled_law(catalog.load_law("chinchilla"), ["a_opt"], ["c4", "redpajama"])
    >>> [parameter.name for parameter in joint.parameters if parameter.name.startswith("a_opt")]
    ['a_opt', 'a_opt_spread', 'a_opt_c4', 'a_opt_redpajama']
    """
    slugs = _slugs(groups)

    def values_in(xp: ModuleType, sampled: Values, slug: str) -> dict[str, Any]:
        """Sampled parameters of a group."""
        found: dict[str, Any] = {}
        for parameter in law.parameters:
            if parameter.name in pool:
                found[parameter.name] = sampled[f"{parameter.name}_{slug}"]
            elif parameter.shift is not None:
                # What the prior is on stays the same, not the sum with parameters that may differ.
                own = sampled[parameter.name] - parameter.shift(xp, sampled)
                found[parameter.name] = own + parameter.shift(xp, found)
            else:
                found[parameter.name] = sampled[parameter.name]
        return found

    def derive(xp: ModuleType, sampled: Values, centre: Values) -> dict[str, Any]:
        found = dict(law.derive(xp, sampled, centre))
        for slug in slugs:
            own = values_in(xp, sampled, slug)
            found |= {f"{name}_{slug}": value for name, value in law.derive(xp, own, centre).items()}
            found |= {f"{item.name}_{slug}": own[item.name] for item in shifted}
        return found

    shifted = [item for item in law.parameters if item.shift is not None and item.name not in pool]
    described: list[Parameter | Derived] = [*law.derived, *shifted]
    differing = [*pool, *(item.name for item in described)]

    def mean(xp: ModuleType, x: Values, p: Values) -> Any:
        own = dict(p)
        for code, slug in enumerate(slugs):
            of_group = abs(x[GROUP.name] - code) < 0.5
            own |= {name: xp.where(of_group, p[f"{name}_{slug}"], own[name]) for name in differing}
        return law.mean(xp, x, own)

    each = [Derived(name=f"{d.name}_{s}", meaning=f"{d.meaning}, {s}", unit=d.unit) for s in slugs for d in described]
    # What scales the mean of one group does not scale those of all.
    typical = (replace(parameter, scales=False) for parameter in law.parameters)
    return replace(
        law,
        name=f"{law.name}, pooled",
        settings=(*law.settings, GROUP),
        parameters=(*typical, *(new for name in pool for new in _group_parameters(law, name, slugs))),
        derived=(*law.derived, *each),
        mean=mean,
        derive=derive,
        optimum=None,
        published=(),
    )


def _group_parameters(law: Law, name: str, slugs: Sequence[str]) -> list[Parameter]:
    """The spread of a pooled parameter, and its value in each group."""
    typical = next(parameter for parameter in law.parameters if parameter.name == name)
    if typical.prior.distribution not in _SCALES:
        raise LawError(f"{name} cannot be pooled: its prior is {typical.prior}, not one of {', '.join(_SCALES)}")
    scale = _SCALES[typical.prior.distribution]
    spread = _SPREAD_SHARE * scale.deviation(typical.prior.arguments)
    return [
        Parameter(
            name=f"{name}_{_SPREAD}",
            prior=Prior("Gamma", alpha=2.0, beta=2.0 / spread),
            meaning=f"sd between groups of {scale.words}{'what the prior is on: ' * (typical.shift is not None)}"
            f"{typical.meaning}",
            reason="half of the standard deviation of what is believed of any group, and hardly ever nothing",
        ),
        *(_in_group(typical, scale, slug) for slug in slugs),
    ]


def _in_group(typical: Parameter, scale: _Scale, slug: str) -> Parameter:
    def arguments(xp: ModuleType, sampled: Values) -> dict[str, Any]:
        centre = sampled[typical.name] - (0.0 if typical.shift is None else typical.shift(xp, sampled))
        return {"mu": scale.link.forward(xp, centre), "sigma": sampled[f"{typical.name}_{_SPREAD}"]}

    def shift(xp: ModuleType, sampled: Values) -> Any:
        assert typical.shift is not None
        own = {name.removesuffix(f"_{slug}"): value for name, value in sampled.items() if name.endswith(f"_{slug}")}
        return typical.shift(xp, {**sampled, **own})

    return Parameter(
        name=f"{typical.name}_{slug}",
        prior=Prior(scale.distribution),
        meaning=f"{typical.meaning}, {slug}",
        unit=typical.unit,
        reason="around the typical group's",
        shift=None if typical.shift is None else shift,
        arguments=arguments,
    )


def _sampled_names(law: Law, pool: Sequence[str]) -> tuple[str, ...]:
    """Sampled parameters that names of sampled and derived ones stand for, in the order of the law."""
    known = {parameter.name for parameter in law.parameters}
    unknown = [name for name in pool if name not in law.units]
    if unknown or not pool:
        raise LawError(
            f"law {law.name!r} has no parameter {', '.join(unknown) or 'to pool named'}: pool some of "
            f"{', '.join(law.units)}"
        )
    wanted = {source for name in pool for source in ([name] if name in known else _sources(law, name))}
    return tuple(parameter.name for parameter in law.parameters if parameter.name in wanted)


def _sources(law: Law, derived: str) -> list[str]:
    """Sampled parameters that a derived one is computed from, found by moving each of them."""
    own = {p.name: 0.1 + 0.05 * i for i, p in enumerate(law.parameters)}
    centre = dict.fromkeys(law.input_names, 10.0)

    def value(parts: Mapping[str, float]) -> float:
        sampled: dict[str, float] = {}
        for parameter in law.parameters:
            shift = 0.0 if parameter.shift is None else float(parameter.shift(np, sampled))
            sampled[parameter.name] = parts[parameter.name] + shift
        return float(np.asarray(law.derive(np, sampled, centre)[derived]).item())

    # What is moved is what the prior is on, so that a floor under a sampled level depends on that level's excess alone.
    return [name for name, part in own.items() if not np.isclose(value({**own, name: part * 1.1}), value(own))]


def group_codes(runs: Runs, by: str) -> tuple[NDArray[np.int64], list[str]]:
    """Group of each run, counted from 0, and their names.

    Raises
    ------
    RunsError
        If there is no such column, a run is in no group, or all are in one.
    """
    if by not in runs.frame:
        raise RunsError(missing_column(by, runs.frame.columns, runs.source, ", which tells groups apart"))
    column = runs.frame[by]
    blank = column.isna() | (column.astype(str).str.strip() == "")
    refuse(
        f"{runs.source}, row {row + 1}, column {by}: is empty: name the run's group or leave the row out"
        for row in np.flatnonzero(blank)
    )
    codes, labels = pd.factorize(column.astype(str))
    if len(labels) < 2:
        raise RunsError(f"{runs.source}: column {by} holds {listed(labels)} only: pooling needs two groups or more")
    return np.asarray(codes), list(labels)


def _slugs(groups: Sequence[str]) -> list[str]:
    """Names of groups that can be part of a parameter's name, all different."""
    found: list[str] = []
    for group in groups:
        slug = re.sub(r"\W+", "_", group)
        while slug in (*found, _SPREAD):
            slug += "_"
        found.append(slug)
    return found


def _of_group(sampled: Sampled, law: Law, slug: str, rows: NDArray[np.intp]) -> Sampled:
    """What was sampled of one group, under the law's own names."""

    def own(values: Mapping[str, Array]) -> dict[str, Array]:
        names = [name for name in values if name in law.units or name in ("sigma", "nu", "excess", "tau", "drift")]
        return {name: values.get(f"{name}_{slug}", values[name]) for name in names}

    basis, coefficients = sampled.basis, sampled.coefficients
    if basis is not None:
        assert coefficients is not None
        process: Separate = basis.process
        code = next(i for i, each in enumerate(process.rows) if np.array_equal(each, rows))
        basis = Basis(process.parts[code], basis.noise_scale[rows])
        coefficients = coefficients[..., process.columns[code]]
    return replace(
        sampled, posterior=own(sampled.posterior), prior=own(sampled.prior), basis=basis, coefficients=coefficients
    )


def _between(sampled: Sampled, joint: Law, pool: Sequence[str], asked: Sequence[str]) -> xr.Dataset:
    """What was asked for in a typical group, and pooled parameters there with their spread."""
    items: list[Parameter | Derived] = [*joint.parameters, *joint.derived]
    described = {item.name: item for item in items}
    names = list(dict.fromkeys((*asked, *(name for each in pool for name in (each, f"{each}_{_SPREAD}")))))
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
