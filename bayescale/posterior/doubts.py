"""Warnings about a posterior: priors that the runs contradict, or that the runs hardly change."""

import numpy as np

from bayescale.basics.wording import listed
from bayescale.laws.noise import FEWEST_TOKENS
from bayescale.laws.parameters import Derived
from bayescale.posterior.fit import Fit, all_parameters
from bayescale.posterior.sensitivity import follows_prior

_E_UNINFORMED = 0.8
"""Ratio of E's posterior to its prior standard deviation above which the runs say little about E."""


_CONFLICT = 5.0
"""Distance of a parameter from its prior mean, in prior standard deviations, above which one of the two is wrong."""


def scarce_tokens(fitted: Fit) -> list[str]:
    """Warn of runs with so few tokens that their assumed noise is a guess: it sets their weight in the fit."""
    if not fitted.record.discrepancy or not {"N", "D"} <= fitted.inputs.keys():
        return []
    ratio = fitted.inputs["D"] / fitted.inputs["N"]
    rows = np.flatnonzero(ratio < FEWEST_TOKENS) + 1
    if not len(rows):
        return []
    return [
        f"{len(rows)} of {len(ratio)} runs have fewer than {FEWEST_TOKENS:g} tokens per parameter (down to "
        f"{ratio.min():.2g}), below any published run: their noise is a guess that affects every estimate, so "
        f"leave out rows {listed(rows)}, or give discrepancy=False"
    ]


def prior_conflicts(fitted: Fit) -> list[str]:
    """Warn if the runs contradict the priors, most often because the table uses another unit than the law."""
    prior, far = fitted.groups["prior"].to_dataset(), []
    for item in all_parameters(fitted.law, fitted.noise, fitted.record.discrepancy):
        stated = fitted.law.priors.get(item.name)
        if (isinstance(item, Derived) and item.name != "E" and stated is None) or (stated is not None and stated.fixed):
            continue
        believed, found = prior[item.name].to_numpy(), float(np.median(fitted.parameters[item.name]))
        relative = isinstance(item, Derived) or item.prior.distribution == "LogNormal"
        relative &= bool((believed > 0).all()) and found > 0
        scaled, place = (np.log(believed), np.log(found)) if relative else (believed, found)
        if abs(place - scaled.mean()) > _CONFLICT * scaled.std():
            low, high = np.quantile(believed, [0.05, 0.95])
            far.append(f"{item.name} is {found:.3g}, but its prior expects {low:.2g} to {high:.2g}")
    if not far:
        return []
    return [
        f"the runs contradict the priors ({'; '.join(far)}): check the units of the table and whether the law suits "
        "it, or state your own priors"
    ]


def identification_warnings(fitted: Fit) -> list[str]:
    """Warn if E follows its prior: its value then comes from other people's runs."""
    if "E" not in fitted.parameters:
        return []
    stated = fitted.law.priors.get("E")
    if stated is not None and stated.fixed:
        return []
    # If the loss itself has a wide prior, the prior of E is on its share of the loss.
    level = fitted.law.level if stated is None else None
    prior, posterior = (
        (values["E"] if level is None else values["E"] / values[level.name]).std()
        for values in (
            {str(k): v.to_numpy().reshape(-1) for k, v in fitted.groups["prior"].data_vars.items()},
            fitted.parameters,
        )
    )
    if posterior < _E_UNINFORMED * prior:
        return [] if stated else list(follows_prior({"": fitted.sensitivity(fitted.columns["E"])}, ["E"]))
    return [
        f"E is not identified: its posterior sd is {posterior / prior:.0%} of its prior's, so forecasts far beyond the "
        f"runs rest on the prior; {_identified_with_floor(fitted)}add runs at larger N and D"
    ]


def _identified_with_floor(fitted: Fit) -> str:
    """The combination of E and the terms above it that the runs do determine."""
    level = fitted.parameters.get("loss_centre")
    if level is None:
        return ""
    return f"the runs fix E and its terms together, {level.mean():.3g} +- {level.std():.2g} at their centre; "
