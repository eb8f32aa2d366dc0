"""The best run: for compute, for money, to serve, with scarce data, or of least expected regret."""

import numpy as np
from numpy.typing import ArrayLike

from bayescale.basics.errors import LawError, QuantityError
from bayescale.basics.quantities import number, numbers
from bayescale.laws.parameters import Prior
from bayescale.planning.allocation import optimum
from bayescale.planning.answers import Answer
from bayescale.planning.choices import robust_choice
from bayescale.planning.costs import Cost
from bayescale.planning.data_wall import data_limited
from bayescale.planning.lifetimes import lifetime_budget, lifetime_optimum
from bayescale.planning.modes import ROBUST, mode_of
from bayescale.planning.spending import optimum_for
from bayescale.posterior.ensembles import Posterior
from bayescale.posterior.pooling import Pooled


def plan(
    fit: Posterior | Pooled,
    *,
    budget: ArrayLike | None = None,
    dollars: ArrayLike | None = None,
    loss: float | str | None = None,
    served: ArrayLike | Prior | None = None,
    unique: float | str | None = None,
    robust: bool = False,
    serving_price: float | str | None = None,
    token_price: float | str | None = None,
    cost: Cost | None = None,
    seed: int = 0,
) -> Answer:
    """The best run: how many parameters, on how many tokens, and what outcome to expect.

    ======================  ==============================  =================================================
    Plan for                Give                            With
    ======================  ==============================  =================================================
    compute                 ``budget``
    money                   ``dollars``                     ``cost``
    training and serving    ``served`` and ``budget``       ``serving_price``
    a loss, and serving     ``served`` and ``loss``         ``serving_price``
    scarce data             ``unique`` and ``budget``       ``token_price``, ``cost``
    least expected regret   ``robust=True`` and ``budget``
    ======================  ==============================  =================================================

    Parameters
    ----------
    fit : Fit or Ensemble
        Of laws in N and D; the best run of two steps is that of the first. Training takes the FLOP that the fit
        counts, 6 N D by default.
    budget : array_like, shape (budget,) or scalar, optional
        Training compute, FLOP; with ``served`` a single budget, which also pays for serving.
    dollars : array_like, shape (budget,) or scalar, optional
        Money, at the prices of ``cost``.
    loss : float, optional
        Quality to reach, in the unit of the runs, at the least compute of training and serving.
    served : array_like, shape (demand,) or scalar, or Prior, optional
        Tokens that will be served in the model's lifetime.
    unique : float, optional
        Unique training tokens that there are.
    robust : bool
        Choose the size of least expected regret, beside the optimum of the law at the posterior mean.
    serving_price : float, optional
        Of a FLOP of serving over that of one of training; 1 if left out.
    token_price : float, optional
        Dollars per further token, to say how probably it is worth its price.
    cost : Cost, optional
        By default an H100 at public prices.
    seed : int
        The same seed gives the same draws.

    Returns
    -------
    Answer
        ``N`` (parameters), ``D`` (tokens) and what the mode is about, draw by draw, for each budget or demand.

    Raises
    ------
    QuantityError
        If the arguments contradict each other, or a number is not positive and finite.
    LawError
        If the law does not read N and D, or has no optimum.

    See Also
    --------
    bayescale.optimal_by_approach : N* by the envelope and by isoFLOP profiles beside the law.
    bayescale.versus : which of two given runs is better.

    Examples
    --------
    >>> from bayescale import fit
    >>> posterior = fit("chinchilla", "chinchilla", discrepancy=False)
    >>> best = plan(posterior, budget=[5.76e23, 1e26])
    >>> best.summary()["quantity"].tolist()[:4]
    ['loss', 'N', 'D', 'tokens_per_parameter']
    >>> bool(17 < best.draws["tokens_per_parameter"].isel(budget=0).median() < 21)
    True
    >>> bool(plan(posterior, loss=2.0, served=1e13).draws["saved"].median() > 0.3)
    True
    >>> plan(posterior, dollars=5e6, budget=1e24)
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.QuantityError: leave out budget= with dollars=
    """
    given = {
        "budget": budget,
        "dollars": dollars,
        "loss": loss,
        "served": served,
        "unique": unique,
        "robust": robust or None,
        "serving_price": serving_price,
        "token_price": token_price,
        "cost": cost,
    }
    mode = mode_of(name for name, value in given.items() if value is not None)
    posterior = _planned(fit)
    loss, unique, serving_price, token_price = (
        None if value is None else number(name, value)
        for name, value in (
            *(("loss", loss), ("unique", unique)),
            *(("serving_price", serving_price), ("token_price", token_price)),
        )
    )
    if dollars is not None:
        return optimum_for(posterior, dollars, cost, seed=seed)
    if served is not None:
        price = 1.0 if serving_price is None else serving_price
        if loss is not None:
            return lifetime_optimum(posterior, loss, served, serving_price=price, seed=seed)
        assert budget is not None  # which serving without a loss needs
        return lifetime_budget(posterior, _single(budget), served, serving_price=price, seed=seed)
    assert budget is not None  # which all other modes need
    if unique is not None:
        return data_limited(posterior, budget, unique, token_price=token_price, cost=cost, seed=seed)
    return (robust_choice if mode is ROBUST else optimum)(posterior, budget, seed=seed)


def _planned(fit: Posterior | Pooled) -> Posterior:
    """The posterior to plan with."""
    if isinstance(fit, Pooled):
        groups = ", ".join(map(repr, fit.groups))
        raise LawError(f"a plan is for one group of pooled fits: give .of(group), one of {groups}")
    return fit


def _single(budget: ArrayLike) -> float:
    budgets = np.atleast_1d(numbers("budget", budget))
    if len(budgets) != 1:
        raise QuantityError(f"served= takes one budget=, not {len(budgets)}")
    return float(budgets[0])
