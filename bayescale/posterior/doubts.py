"""What makes a posterior doubtful: priors that the runs contradict, or that they hardly move."""

import numpy as np

from bayescale.basics.wording import listed
from bayescale.laws.noise import FEWEST_TOKENS
from bayescale.laws.parameters import Derived
from bayescale.posterior.fit import Fit, all_parameters

_E_UNINFORMED = 0.8
"""Share of the prior's standard deviation that E keeps in the posterior, above which the runs say little about it."""


_CONFLICT = 5.0
"""Standard deviations of its prior that a parameter is away from it, above which one of the two is wrong."""


def scarce_tokens(fitted: Fit) -> list[str]:
    """Warn where the noise that runs of few tokens are taken to have is a guess: all else is weighed against it."""
    if not fitted.record.discrepancy or not {"N", "D"} <= fitted.inputs.keys():
        return []
    ratio = fitted.inputs["D"] / fitted.inputs["N"]
    rows = np.flatnonzero(ratio < FEWEST_TOKENS) + 1
    if not len(rows):
        return []
    return [
        f"{len(rows)} of {len(ratio)} runs have fewer than {FEWEST_TOKENS:g} tokens per parameter (down to "
        f"{ratio.min():.2g}), as no published run has: how they scatter is a guess that sways all else, so leave out "
        f"rows {listed(rows)}, or give discrepancy=False (--no-discrepancy)"
    ]


def prior_conflicts(fitted: Fit) -> list[str]:
    """Warn where the runs contradict what was believed before them, most often by another unit than the law's."""
    prior, far = fitted.groups["prior"].to_dataset(), []
    for item in all_parameters(fitted.law, fitted.noise, fitted.record.discrepancy):
        if isinstance(item, Derived) and item.name != "E":
            continue
        relative = isinstance(item, Derived) or item.prior.distribution == "LogNormal"
        believed, found = prior[item.name].to_numpy(), float(np.median(fitted.parameters[item.name]))
        scaled, place = (np.log(believed), np.log(found)) if relative else (believed, found)
        if abs(place - scaled.mean()) > _CONFLICT * scaled.std():
            low, high = np.quantile(believed, [0.05, 0.95])
            far.append(f"{item.name} is {found:.3g}, which was believed to be {low:.2g} to {high:.2g}")
    if not far:
        return []
    return [
        f"the runs contradict the priors ({'; '.join(far)}): check the units of the table and whether the law suits "
        "it, or state your own priors"
    ]


def identification_warnings(fitted: Fit) -> list[str]:
    """Warn where E is the prior's: its size then comes from other people's runs."""
    if "E" not in fitted.parameters:
        return []
    # Where the loss itself has a wide prior, what is believed of E is its share of it.
    level = fitted.law.level
    prior, posterior = (
        (values["E"] if level is None else values["E"] / values[level.name]).std()
        for values in (
            {str(k): v.to_numpy().reshape(-1) for k, v in fitted.groups["prior"].data_vars.items()},
            fitted.parameters,
        )
    )
    if posterior < _E_UNINFORMED * prior:
        return list(fitted.sensitivity(fitted.columns["E"]).warnings(["E"]))
    return [
        f"E is not identified: its posterior sd is {posterior / prior:.0%} of its prior's, so forecasts far beyond the "
        f"runs rest on the prior; {_identified_with_floor(fitted)}add runs at larger N and D"
    ]


def _identified_with_floor(fitted: Fit) -> str:
    """What the runs do fix of a floor and the terms above it."""
    level = fitted.parameters.get("loss_centre")
    if level is None:
        return ""
    return f"the runs fix E and its terms together, {level.mean():.3g} +- {level.std():.2g} at their centre; "
