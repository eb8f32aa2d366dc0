"""The run to choose while the law is uncertain: least expected regret, and how much room there is around it.

The regret of a size is how much worse its run is than the best run of the same compute, in each draw. Minimising its
expectation minimises the expected outcome. The plug-in choice takes the law at the posterior mean for the truth.
"""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.intervals import SAMPLE_DIMS, numbered
from bayescale.planning.allocation import checked_budgets, law_optimum, lowest, optimum, two_inputs
from bayescale.planning.answers import Answer
from bayescale.posterior.ensembles import Ensemble, Posterior, first_fit, reach_of
from bayescale.posterior.fit import Fit
from bayescale.posterior.forecasting import forecast
from bayescale.posterior.parts import interpolated

Array = NDArray[np.float64]

FLAT = 0.005
"""Share of the best expected outcome within which a size counts as good as the best."""

_SIZES = 240
_REACH = 2.0
"""E-folds of N beyond the draws' own optima within which sizes are weighed."""
REGRETS = ("regret", "regret_plug_in")
"""What the size of least expected regret, and the plug-in size, may cost."""


def robust_choice(fit: Posterior, C: ArrayLike, *, seed: int = 0) -> Answer:
    """The N and D of least expected regret at each budget, beside the plug-in optimum.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D.
    C : array_like, shape (budget,) or scalar
        Budgets, FLOP.
    seed : int
        Of the model discrepancy.

    Returns
    -------
    Answer
        By budget ``C`` (FLOP): ``N`` (parameters) and ``D`` (tokens) of least expected regret; ``N_plug_in``, the
        optimum of the law at the posterior mean; ``N_low`` and ``N_high``, between which the expected outcome is within
        0.5 % of the best; ``near``, the probability that N is within 0.5 % of the draw's best run: all of dim budget.
        ``regret`` of N and ``regret_plug_in`` of the plug-in choice, in units of the outcome; dims chain, draw and
        budget.

    Raises
    ------
    LawError
        If the law does not read N and D, or a budget is not positive and finite.

    Examples
    --------
    >>> from bayescale import fit
    >>> choice = robust_choice(fit("chinchilla", "chinchilla"), 5.76e23).draws
    >>> bool(choice["N_low"] < choice["N"] < choice["N_high"])
    True
    >>> bool(choice["regret"].mean() <= choice["regret_plug_in"].mean())
    True
    """
    law = first_fit(fit).law
    two_inputs(law)
    budgets = checked_budgets(C)
    best = optimum(fit, budgets, seed=seed)
    each = [
        _at_budget(fit, float(budget), best.draws["N"].isel(budget=i).to_numpy(), seed)
        for i, budget in enumerate(budgets)
    ]
    coords = {**numbered("budget", len(budgets)), "C": ("budget", budgets, {"units": "FLOP"})}
    sizes = {
        name: ("budget", np.array([size[name] for size, _ in each]), {"units": _unit(name)}) for name in each[0][0]
    }
    regrets = {
        name: (
            (*SAMPLE_DIMS, "budget"),
            np.stack([first_fit(fit).in_chains(found[name]) for _, found in each], axis=-1),
            {"units": law.outcome_unit},
        )
        for name in REGRETS
    }
    return Answer(
        question="Sizes of least expected regret",
        draws=xr.Dataset({**sizes, **regrets}, coords={**first_fit(fit).sample_coords, **coords}),
        warnings=best.warnings,
        notes=best.notes,
        by="C",
    )


def _at_budget(fit: Posterior, budget: float, optima: Array, seed: int) -> tuple[dict[str, float], dict[str, Array]]:
    """What to choose at a budget, and draws of its regrets."""
    plug_in = _plug_in(fit, budget)
    low, high = np.log(np.quantile(optima, [0.001, 0.999]))
    log_n = np.linspace(min(low, np.log(plug_in)) - _REACH, max(high, np.log(plug_in)) + _REACH, _SIZES)
    sizes = np.exp(log_n)
    tokens = first_fit(fit).count.tokens(budget, sizes)
    outcomes = forecast(fit, seed=seed, N=sizes, D=tokens).draws["latent"].to_numpy()
    worse = outcomes.reshape(-1, _SIZES) * first_fit(fit).law.sign
    expected = worse.mean(axis=0)
    chosen = float(lowest(log_n, expected[None])[0])
    regret = worse - worse.min(axis=1, keepdims=True)
    tolerance = FLAT * abs(expected.min())
    flat = log_n[expected <= expected.min() + tolerance]
    of = {"regret": chosen, "regret_plug_in": float(np.log(plug_in))}
    regrets = {name: interpolated(log_n, regret, np.full(len(regret), place)) for name, place in of.items()}
    found = {
        "N": float(np.exp(chosen)),
        "D": float(first_fit(fit).count.tokens(budget, np.exp(chosen))),
        "N_plug_in": plug_in,
        "N_low": float(np.exp(flat[0])),
        "N_high": float(np.exp(flat[-1])),
        "near": float((regrets["regret"] <= FLAT * np.abs(worse.min(axis=1))).mean()),
    }
    return found, regrets


def _plug_in(fit: Posterior, budget: float) -> float:
    """Optimum of the law at the posterior mean; of an ensemble, of the law that counts most there."""
    member = _heaviest(fit, budget)
    sampled = {item.name: member.parameters[item.name].mean(keepdims=True) for item in member.law.parameters}
    parameters = member.law.all_parameters(sampled, member.centre)
    return float(law_optimum(member.law, parameters, np.array([budget]), member.count)[0, 0])


def _heaviest(fit: Posterior, budget: float) -> Fit:
    if not isinstance(fit, Ensemble):
        return fit
    weights = fit.weights_at(reach_of(fit.first, {"C": np.array([budget])}))[0]
    return list(fit.members.values())[int(weights.argmax())]


def _unit(name: str) -> str:
    return {"D": "tokens", "near": "probability"}.get(name, "parameters")
