"""Warnings about forecasts and plans that lie far beyond the runs, or that depend on the prior."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.intervals import SAMPLE_DIMS
from bayescale.basics.quantities import format_quantity, times
from bayescale.laws.links import LOG
from bayescale.posterior.ensembles import Ensemble, Posterior, compute_of, members
from bayescale.posterior.fit import Fit
from bayescale.posterior.sensitivity import follows_prior
from bayescale.posterior.steps import Steps

Array = NDArray[np.float64]

MEASURED_HORIZON = 30.0
"""Ratio of a forecast's compute to the largest run's up to which published runs allow back-tests of coverage."""


def prior_warnings(fit: Posterior, draws: Mapping[str, xr.Dataset], named: Mapping[str, str]) -> tuple[str, ...]:
    """Warn of conclusions that follow the prior more than the runs.

    Parameters
    ----------
    fit : Fit or Ensemble
    draws : mapping of xarray.Dataset
        Datasets by law, with variables of dims chain and draw.
    named : mapping of str
        Name for people to read of each variable: ``latent`` (the outcome) or a positive quantity.
    """
    found = {}
    for name, member in members(fit).items():
        forward = member.law.link.forward
        scales = {variable: forward if variable == "latent" else LOG.forward for variable in named}
        columns = [scale(np, draws[name][variable].to_numpy()).reshape(-1) for variable, scale in scales.items()]
        values = np.column_stack(columns)
        found[name] = member.sensitivity(values)
    return follows_prior(found, list(named.values()))


_NAMED = 3
"""Most amounts of compute that a warning names; of more, the largest."""
_SMALL = 10.0
"""How many times less compute than the smallest run's is warned of."""


def compute_warnings(fit: Fit, compute: Array) -> tuple[str, ...]:
    """Warn of compute beyond the range in which published runs allow back-tests, and of less than that of any run."""
    constant = fit.groups["constant_data"]
    if "C" not in constant:
        return ()
    smallest, least = float(constant["C"].min()), float(np.min(compute))
    small = (
        f"{least:.3g} FLOP is {times(smallest / least)} times less than the smallest run ({smallest:.3g} FLOP), where "
        "laws bend: check the exponent of the number",
    )
    return (*far_warnings(float(constant["C"].max()), compute), *(small if least < smallest / _SMALL else ()))


def far_warnings(largest: float, compute: Array) -> tuple[str, ...]:
    """Warn of compute far beyond that of the largest run, both in FLOP."""
    asked = np.unique(compute)
    far = asked if len(asked) <= _NAMED else asked[-1:]
    said = [f"{each:.3g} FLOP is {times(each / largest)} times" for each in far if each > MEASURED_HORIZON * largest]
    if not said:
        return ()
    return (
        f"{' and '.join(said)} the largest run ({largest:.3g} FLOP): coverage can be measured up to about "
        f"{MEASURED_HORIZON:.0f} times, and beyond that rests on the law being right",
    )


def tokens_warnings(fit: Fit, ratio: xr.DataArray) -> tuple[str, ...]:
    """Warn if tokens per parameter, given as draws, exceed those of every fitted run."""
    seen = float((fit.inputs["D"] / fit.inputs["N"]).max())
    asked = float(ratio.median(dim=SAMPLE_DIMS).max())
    if not asked > seen:
        return ()
    return (
        f"{format_quantity(asked)} tokens per parameter are more than any run's ({format_quantity(seen)}), where laws "
        "tend to over-value tokens",
    )


def reach_warnings(fit: Fit, points: Mapping[str, Array]) -> tuple[str, ...]:
    """Warn of points that lie far beyond the runs."""
    compute = compute_of(fit, points)
    return () if compute is None else compute_warnings(fit, compute)


READ = "read"
"""Variable, among the draws of a law in two steps, of the first outcome without noise, which the second step reads."""

_MOST = 2 / 3
"""Weight of the laws in two steps of a mixture above which their extrapolation in the second step is warned of."""


def second_step_warnings(fit: Posterior, draws: Mapping[str, xr.Dataset], reach: Array) -> tuple[str, ...]:
    """Warn of second steps that extrapolate, where laws in two steps have most of the weight.

    Parameters
    ----------
    fit : Fit or Ensemble
    draws : mapping of xarray.Dataset
        Datasets by law, with the variable :data:`READ` of the same points if the law has two steps.
    reach : array, shape (point,)
        Ratio of each point's compute to the largest run's.
    """
    each = {name: member for name, member in members(fit).items() if isinstance(member, Steps)}
    if not each:
        return ()
    weights = fit.weights_at(reach) if isinstance(fit, Ensemble) else np.ones((len(reach), 1))
    shares = weights[:, [name in each for name in members(fit)]].sum(axis=1)
    name, member = next(iter(each.items()))
    read = draws[name][READ].median(dim=SAMPLE_DIMS).to_numpy()[shares > _MOST]
    mixed = f" of laws with {shares.max():.0%} of the weight" * (len(each) < len(members(fit)))
    return _beyond(member.second, read, mixed)


def _beyond(fit: Fit, read: Array, whose: str) -> tuple[str, ...]:
    """Warn if a first outcome, of shape (point,), lies outside the range to which the second law was fitted."""
    (item,) = fit.law.inputs
    seen = fit.inputs[item.name]
    outside = read[(read < seen.min()) | (read > seen.max())]
    if not len(outside):
        return ()
    asked = f"{item.name} of {outside.min():.3g} {item.unit}".rstrip()
    return (
        f"{asked} lies outside the runs' {seen.min():.3g} to {seen.max():.3g}: there the second step{whose} "
        "extrapolates too",
    )
