"""How far evidence from elsewhere pulls what a fit reports, by weighting the draws as if it had not been given."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale.basics.errors import LawError
from bayescale.posterior.fit import Fit
from bayescale.posterior.sensitivity import power_scaling
from bayescale.sampling.importance import K_HAT_LIMIT

Array = NDArray[np.float64]


def pull(fit: Fit) -> pd.DataFrame:
    """Measure how far each piece of evidence moves each parameter.

    The draws are weighted by one over the density of the evidence, which gives the posterior without it.

    Parameters
    ----------
    fit : Fit
        A fit with evidence.

    Returns
    -------
    pandas.DataFrame
        A row per piece of evidence and parameter: its mean ``with`` and ``without`` the evidence, the ``shift`` from
        the one to the other in posterior standard deviations, and the Pareto k-hat of the weights: above 0.7 the
        evidence pulls too hard to be undone by weights, and only a fit without it tells.

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
    if not fit.record.evidence:
        raise LawError("this fit has no evidence from elsewhere: give evidence=[...] to the fit")
    draws = {name: values for name, values in fit.parameters.items() if np.ptp(values) > 0}
    rows = []
    for text, terms in zip(fit.record.evidence, _terms(fit), strict=True):
        weights, k_hat = _undone(terms)
        for name, values in draws.items():
            without = float(weights @ values)
            shift = float((values.mean() - without) / values.std())
            rows.append((text, name, float(values.mean()), without, shift, k_hat))
    return pd.DataFrame(rows, columns=["evidence", "quantity", "with", "without", "shift", "k_hat"])


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
