"""How far evidence from elsewhere pulls what a fit reports, by weighting the draws as if it had not been given."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale.basics.errors import LawError
from bayescale.posterior.ensembles import ENSEMBLE, Ensemble, Posterior, members
from bayescale.posterior.fit import Fit
from bayescale.posterior.sensitivity import power_scaling
from bayescale.sampling.importance import K_HAT_LIMIT

Array = NDArray[np.float64]

_COLUMNS = ["evidence", "quantity", "with", "without", "sd", "k_hat"]


def pull(fit: Posterior) -> pd.DataFrame:
    """Measure how far each piece of evidence moves each parameter.

    The draws are weighted by one over the density of the evidence, which gives the posterior without it.

    Parameters
    ----------
    fit : Fit or Ensemble
        A fit with evidence.

    Returns
    -------
    pandas.DataFrame
        A row per piece of evidence and parameter: its mean ``with`` and ``without`` the evidence, the ``shift`` from
        the one to the other in posterior standard deviations, and the Pareto k-hat of the weights: above 0.7 the
        evidence pulls too hard to be undone by weights, and only a fit without it tells. Of an ensemble the column
        ``law`` names the member; rows of the ``ensemble`` are on what all members report, mixed by their weights at the
        scale of the runs, with the largest k-hat of the members.

    Raises
    ------
    LawError
        If the fit has no evidence.

    Examples
    --------
    >>> from bayescale import Measured, fit
    >>> told = fit("chinchilla", "chinchilla", discrepancy=False, evidence=[Measured("E", 1.9, sd=0.1)])
    >>> row = pull(told).set_index("quantity").loc["E"]
    >>> bool(row["without"] < row["with"])
    True
    """
    moved = {law: _moments(member) for law, member in members(fit).items()}
    if all(table.empty for table in moved.values()):
        raise LawError("this fit has no evidence from elsewhere: give evidence=[...] to the fit")
    if isinstance(fit, Ensemble):
        moved[ENSEMBLE] = _mixed(fit, moved)
    told = {law: table for law, table in moved.items() if not table.empty}
    table = pd.concat(told, names=["law", None]).reset_index("law")
    table = table.assign(shift=(table["with"] - table["without"]) / table["sd"])
    law = ["law"] if isinstance(fit, Ensemble) else []
    return table[[*law, "evidence", "quantity", "with", "without", "shift", "k_hat"]].reset_index(drop=True)


def _moments(fit: Fit) -> pd.DataFrame:
    """Mean of each parameter with and without each piece of evidence, and its standard deviation with it."""
    rows: list[tuple[object, ...]] = []
    for text, terms in zip(fit.record.evidence, _terms(fit), strict=True):
        weights, k_hat = _undone(terms)
        rows += [
            (text, name, values.mean(), weights @ values, values.std(), k_hat)
            for name, values in fit.parameters.items()
            if np.ptp(values) > 0
        ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def _mixed(ensemble: Ensemble, moved: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The same for the mixture of members; a member that a piece of evidence does not concern stays where it is."""
    weights, rows = ensemble.weights_at(np.ones(1))[0], []
    for text in dict.fromkeys(text for table in moved.values() for text in table["evidence"]):
        told = [table[table["evidence"] == text].set_index("quantity") for table in moved.values()]
        k_hat = max(table["k_hat"].max() for table in told if not table.empty)
        for name, draws in _shared(ensemble).items():
            means, spreads = draws.mean(axis=1), draws.std(axis=1)
            alone = [m if table.empty else table.loc[name, "without"] for m, table in zip(means, told, strict=True)]
            middle = weights @ means
            sd = np.sqrt(weights @ (spreads**2 + (means - middle) ** 2))
            rows.append((text, name, middle, weights @ alone, sd, k_hat))
    return pd.DataFrame(rows, columns=_COLUMNS)


def _shared(ensemble: Ensemble) -> dict[str, Array]:
    """Draws, shape (law, sample), of what all members report in the same unit and are not certain of."""
    fits = list(ensemble.members.values())
    units = [{item.name: item.unit for item in each.described} for each in fits]
    names = [name for name, unit in units[0].items() if all(own.get(name) == unit for own in units)]
    found = {name: np.stack([each.parameters[name] for each in fits]) for name in names}
    return {name: draws for name, draws in found.items() if (np.ptp(draws, axis=1) > 0).all()}


def evidence_notes(fit: Fit) -> tuple[str, ...]:
    """A note on each piece of evidence of a fit: what it is, and what it moves most."""
    if not fit.record.evidence:
        return ()
    table, notes = pull(fit), []
    columns = np.column_stack([values for values in fit.parameters.values() if np.ptp(values) > 0])
    for (text, block), terms in zip(table.groupby("evidence", sort=False), _terms(fit), strict=True):
        most = block.iloc[int(block["shift"].abs().to_numpy().argmax())]
        moved = f"moves {most['quantity']} most, by {most['shift']:+.1f} of its posterior sd"
        if most["k_hat"] > K_HAT_LIMIT:
            scaled = power_scaling(columns, terms)
            moved = (
                f"pulls harder than weights can undo (Pareto k-hat {most['k_hat']:.1f}), on "
                f"{block['quantity'].iloc[int(scaled.argmax())]} most (power-scaling sensitivity {scaled.max():.2f}): "
                "compare a fit without it"
            )
        notes.append(f"evidence {text}: {moved}")
    return tuple(notes)


def _terms(fit: Fit) -> list[Array]:
    """Log density of each piece of evidence, draw by draw."""
    stats = fit.groups["sample_stats"]
    return [stats[f"evidence_{i + 1}"].to_numpy().reshape(-1) for i in range(len(fit.record.evidence))]


def _undone(log_density: Array) -> tuple[Array, float]:
    """Weights of draws as if a term had not been part of their density, and their Pareto k-hat."""
    from bayescale.sampling.psis import smooth_weights

    return smooth_weights(-log_density)
