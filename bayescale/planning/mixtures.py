"""Which mixture of domains to train on: the shares of least weighted mean loss, and what they gain."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.intervals import SAMPLE_DIMS
from bayescale.basics.quantities import check_positive, format_quantity, number
from bayescale.data.names import OTHERS
from bayescale.planning.answers import Answer
from bayescale.planning.simplex import lowest_shares, terms_at
from bayescale.posterior.domains import ALL, Domains, checked_weights, own_seed
from bayescale.posterior.parts import law_error, link_mean

Array = NDArray[np.float64]


def best_mixture(domains: Domains, N: float, *, weights: Mapping[str, float] | None = None, seed: int = 0) -> Answer:
    """The mixture of domains of least expected loss at a size, beside the best one of each draw.

    Losses are without the noise of a run. The law's discrepancy is along the size alone: in the shares the law is taken
    as true. One mixture is recommended: that of the least posterior mean of the weighted mean of losses, which also
    has the least expected regret.

    Parameters
    ----------
    domains : Domains
    N : float
        Size of the model that is to be trained, parameters.
    weights : mapping of float, optional
        Weight of each domain's loss in the mean, 1 for those left out; domains without a loss have none.
    seed : int
        Of the model discrepancy.

    Returns
    -------
    Answer
        By ``domain``, the last of which are all together: ``share``, the recommended one; ``best_share``, that of least
        mean loss in each draw; ``loss`` with the recommended shares, of all domains the weighted mean; ``gain``, by how
        much it is lower than with the average mixture of the runs; and ``regret``, by how much it is higher than with
        the best shares of the draw, which is never negative for the mean, but may be for one domain. Domains without a
        loss have shares only.

    Raises
    ------
    LawError
        If the size is not positive and finite, or a weight is unknown, negative or not finite.

    Examples
    --------
    >>> from bayescale import fit_domains
    >>> web, size = np.tile([0.1, 0.4, 0.6, 0.9], 3), np.repeat([1e8, 3e8, 1e9], 4)
    >>> noise = np.exp(np.random.default_rng(0).normal(scale=0.005, size=(2, 12)))
    >>> table = {"N": size, "share_web": web, "share_code": 1 - web}
    >>> table["loss_web"] = (1.9 + 60 * size**-0.2) * (web + 0.1 * (1 - web)) ** -0.05 * noise[0]
    >>> table["loss_code"] = (1.1 + 60 * size**-0.2) * (1 - web + 0.05 * web) ** -0.1 * noise[1]
    >>> answer = best_mixture(fit_domains(table, draws=100, discrepancy=False), 1e9)
    >>> answer.draws["share"].to_series().round(1).to_dict()
    {'code': 0.7, 'web': 0.3, 'all domains': 1.0}
    """
    size, mixing = number("N", N), checked_weights(domains.fits, weights or {})
    check_positive("N", size)
    terms = [_term(domains, domain, size, own_seed(seed, place)) for place, domain in enumerate(domains.fits)]
    levels, directions, exponents = (np.stack(part, axis=1) for part in zip(*terms, strict=True))
    weighted = levels * mixing
    best = lowest_shares(weighted, directions, exponents)
    # The sum over all draws is one sum of powers again.
    (chosen,) = lowest_shares(
        weighted.reshape(1, -1), directions.reshape(1, -1, best.shape[1]), exponents.reshape(1, -1)
    )

    def losses(shares: Array) -> Array:
        each = terms_at(shares, levels, directions, exponents)
        return np.column_stack([each, each @ mixing])

    loss, usual = losses(chosen), losses(domains.shares.mean(axis=0))
    found = {
        "share": np.append(chosen, 1.0),
        "best_share": np.column_stack([best, np.ones(len(best))]),
        "loss": _by_name(domains, loss),
        "gain": _by_name(domains, usual - loss),
        "regret": _by_name(domains, loss - losses(best)),
    }
    within = domains.within(best).all(axis=1)
    in_words = ", ".join(f"{name} {weight:.3g}" for name, weight in zip(domains.fits, mixing, strict=True))
    return Answer(
        question=f"The mixture of least mean loss at N = {format_quantity(size)}",
        draws=_draws(domains, found),
        probabilities={
            "it is better than the average mixture of the runs": float((found["gain"][:, -1] > 0).mean()),
            "the best shares are within those of the runs": float(within.mean()),
        },
        warnings=(*domains.warnings, *domains.outside(chosen[None])),
        notes=(*domains.notes, f"weights in the mean: {in_words}"),
        by="domain",
    )


def _term(domains: Domains, domain: str, size: float, seed: int) -> tuple[Array, Array, Array]:
    """A domain's loss as a power of a weighted sum of the shares: its level, the weights and the exponent, by draw."""
    fit, at = domains.fits[domain], {"N": np.array([size])}
    alone = {"share": np.ones(1), **{name: np.zeros(1) for name in OTHERS}}
    on_link = link_mean(fit, at | alone) + law_error(fit, at, np.random.default_rng(seed))
    worth = {other: fit.parameters[f"worth_{other}"] for other in OTHERS}
    worth["share"] = np.ones(len(on_link))
    setting = {name: setting for setting, name in domains.shares_of(domain).items()}
    direction = np.column_stack([worth[setting[name]] for name in domains.names])
    return np.asarray(fit.law.link.inverse(on_link))[:, 0], direction, fit.parameters["gamma_share"]


def _by_name(domains: Domains, values: Array) -> Array:
    """Values of shape (sample, loss) for every domain and all together; NaN for domains without a loss."""
    labels = [*domains.fits, ALL]
    found = np.full((len(values), len(domains.names) + 1), np.nan)
    found[:, [i for i, name in enumerate((*domains.names, ALL)) if name in labels]] = values
    return found


def _draws(domains: Domains, found: Mapping[str, Array]) -> xr.Dataset:
    """Quantities by domain, with their units."""
    first, labels = domains.first, np.array([*domains.names, ALL], dtype=object)
    unit = first.law.outcome_unit
    variables = {
        name: ("domain", values, {"units": ""})
        if values.ndim == 1
        else ((*SAMPLE_DIMS, "domain"), first.in_chains(values), {"units": "" if name == "best_share" else unit})
        for name, values in found.items()
    }
    return xr.Dataset(variables, coords={**first.sample_coords, "domain": labels})
