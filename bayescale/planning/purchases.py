"""What the next dollar buys most with: a larger model, longer training, or more data."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.errors import QuantityError
from bayescale.basics.intervals import SAMPLE_DIMS
from bayescale.basics.quantities import check_positive, format_quantity, number
from bayescale.data.compute import Count
from bayescale.planning.allocation import two_inputs
from bayescale.planning.answers import Answer
from bayescale.planning.costs import Cost
from bayescale.posterior.ensembles import Posterior, first_fit, joined, members, reach_of
from bayescale.posterior.fit import Fit
from bayescale.posterior.parts import draw_error, link_mean
from bayescale.posterior.reach import compute_warnings, tokens_warnings

Array = NDArray[np.float64]

PLANNED = "as planned"
LARGER, LONGER, BOTH, DATA = "larger model", "longer training", "both alike", "more data"


def next_dollar(
    fit: Posterior,
    dollars: float | str,
    *,
    N: float | str,
    D: float | str,
    U: float | str | None = None,
    token_price: float | str | None = None,
    cost: Cost | None = None,
    seed: int = 0,
) -> Answer:
    """Which use of more money improves a planned run most, by how much, and with what probability.

    A larger model on the same tokens takes more accelerators for the same time; longer training takes the same ones for
    longer; both alike grow N and D by one factor. Where the law reads unique tokens U, more data buys fresh tokens for
    the same N and D, and longer training repeats what there is; otherwise every further token is fresh and has its
    price.

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D, or in N, D and U.
    dollars : float
        More money.
    N, D, U : float
        The planned run: parameters, tokens, and unique tokens where the law reads them.
    token_price : float, optional
        Dollars per fresh token; by default they cost nothing.
    cost : Cost, optional
        Of compute; by default an H100 at public prices.
    seed : int

    Returns
    -------
    Answer
        By ``use``: ``gain`` of the outcome over the planned run, and the resulting ``N`` and ``D``. The model
        discrepancy is drawn at the median of each.

    Raises
    ------
    LawError
        If the law reads other inputs.
    QuantityError
        If the money or the price is not positive and finite, or data have a law but no price.

    Examples
    --------
    >>> from bayescale import fit
    >>> answer = next_dollar(fit("chinchilla", "chinchilla"), 1e6, N=70e9, D=1.4e12)
    >>> answer.draws["use"].to_numpy().tolist()
    ['larger model', 'longer training', 'both alike']
    >>> round(sum(answer.probabilities.values()), 6)
    1.0
    """
    dollars, N, D = number("dollars", dollars), number("N", N), number("D", D)
    U, token_price = (
        None if value is None else number(name, value) for name, value in (("U", U), ("token_price", token_price))
    )
    first = first_fit(fit)
    fixed = {} if U is None else {"U": U}
    two_inputs(first.law, fixed)
    for name, value in (("dollars", dollars), ("N", N), ("D", D), ("token_price", token_price)):
        if value is not None:
            check_positive(name, value)
    if U is not None and token_price is None:
        raise QuantityError(
            "a law of unique tokens weighs more data too: give the token_price, dollars per fresh token"
        )
    prices = cost or Cost()
    price = prices.paired(len(first.parameters["sigma"]), seed).dollars_per_flop.to_numpy()
    runs = _runs(first.count, N, D, U, dollars, price, token_price or 0.0)
    middle = np.array([np.median(first.count(run["N"], run["D"])) for run in runs.values()])
    reach = np.full(len(runs), reach_of(first, {"C": middle}).max())
    each = {name: _outcomes(member, runs, seed) for name, member in members(fit).items()}
    drawn = joined(fit, each, reach, seed)["latent"]
    gain = first.law.sign * (drawn.sel(use=PLANNED, drop=True) - drawn.drop_sel(use=PLANNED))
    uses = gain["use"].to_numpy()
    sizes = {name: np.stack([first.in_chains(runs[use][name]) for use in uses], axis=-1) for name in ("N", "D")}
    best = gain.argmax("use")
    dims = (*SAMPLE_DIMS, "use")
    return Answer(
        question=f"{format_quantity(dollars)} dollars more for N = {format_quantity(N)}, D = {format_quantity(D)}",
        draws=xr.Dataset(
            {
                "gain": gain.transpose(*dims).assign_attrs(units=first.law.outcome_unit),
                "N": (dims, sizes["N"], {"units": "parameters"}),
                "D": (dims, sizes["D"], {"units": "tokens"}),
            }
        ),
        probabilities={f"{use} buys most": float((best == i).mean()) for i, use in enumerate(uses)},
        warnings=(
            *fit.warnings,
            *(() if U is None or U < D else (f"{format_quantity(U)} unique tokens are not used up by the plan's D",)),
            *compute_warnings(first, middle),
            *tokens_warnings(first, xr.DataArray([[[D / N]]], dims=dims)),
        ),
        notes=(*fit.notes, prices.note),
        by="use",
    )


def _runs(
    count: Count, N: float, D: float, U: float | None, dollars: float, price: Array, token_price: float
) -> dict[str, dict[str, Array]]:
    """The planned run, and what it becomes by each use of the money; inputs of shape (sample,)."""
    fresh = 0.0 if U is not None else token_price
    planned = count(np.asarray(N), np.asarray(D)) * price
    linear = planned + fresh * D
    # planned s^2 + fresh D s = linear + dollars, for N and D grown by s, where compute is proportional to N D.
    factor = (np.sqrt((fresh * D) ** 2 + 4 * planned * (linear + dollars)) - fresh * D) / (2 * planned)
    same = np.ones_like(price)
    runs = {
        PLANNED: {"N": N * same, "D": D * same},
        LARGER: {"N": count.parameters((planned + dollars) / price, D), "D": D * same},
        LONGER: {"N": N * same, "D": D + dollars / (count.per_token(np.asarray(N)) * price + fresh)},
        BOTH: {"N": N * factor, "D": D * factor},
    }
    if U is not None:
        runs = {use: {**run, "U": U * same} for use, run in runs.items()}
        runs[DATA] = {**runs[PLANNED], "U": U + dollars / token_price * same}
    return runs


def _outcomes(fit: Fit, runs: Mapping[str, Mapping[str, Array]], seed: int) -> xr.Dataset:
    """Expected outcome of each run, dims chain, draw and use."""
    names = next(iter(runs.values()))
    inputs = {name: np.column_stack([run[name] for run in runs.values()]) for name in names}
    middle = {name: np.median(values, axis=0) for name, values in inputs.items()}
    if "U" in middle:
        middle["U"] = np.minimum(middle["U"], middle["D"])
    latent = link_mean(fit, inputs) + draw_error(fit, middle, np.random.default_rng(seed))
    outcome = fit.law.link.inverse(latent)
    return xr.Dataset(
        {"latent": ((*SAMPLE_DIMS, "use"), fit.in_chains(outcome), {"units": fit.law.outcome_unit})},
        coords={**fit.sample_coords, "use": list(runs)},
    )
