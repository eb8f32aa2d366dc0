"""What a planning question is answered by: draws of every quantity, their units, and probabilities."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.intervals import DEFAULT_MASS, SAMPLE_DIMS, quantity_table
from bayescale.basics.quantities import format_quantity, of_draws

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Answer:
    """Draws of the quantities that were asked for.

    Attributes
    ----------
    question : str
        What is answered, in a line.
    draws : xarray.Dataset
        Each quantity with its unit as the attribute ``units``; dims chain, draw and at most one more, whose coordinate
        tells the cases apart. NaN in draws in which a quantity does not exist.
    probabilities : mapping of float
        By what they are the probability of.
    warnings : tuple of str

    Examples
    --------
    >>> draws = xr.Dataset({"N": (("chain", "draw"), [[1e9, 2e9, 3e9]], {"units": "parameters"})})
    >>> print(Answer("How large?", draws, {"it is large": 0.5}))
    How large?
    N = 2B parameters [1.1B, 2.9B]
    P(it is large) = 0.50
    """

    question: str
    draws: xr.Dataset
    probabilities: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def by(self) -> str | None:
        """Dimension along which cases lie; None if there is one case."""
        others = [str(dim) for dim in self.draws.dims if dim not in SAMPLE_DIMS]
        return others[0] if others else None

    def summary(self, ci_prob: float = DEFAULT_MASS) -> pd.DataFrame:
        """One row per case and quantity: median and equal-tailed interval over the draws in which it exists, its unit.

        The column ``exists`` is the share of such draws.
        """
        units = {str(name): values.attrs["units"] for name, values in self.draws.data_vars.items()}
        by = self.by or "case"
        draws = self.draws if self.by is not None else self.draws.expand_dims(case=[0])
        table = quantity_table(draws, units, by, ci_prob)
        existing = (draws == draws).mean(SAMPLE_DIMS)  # NaN is no number, and differs from itself
        cases = {case: i for i, case in enumerate(draws[by].to_numpy().tolist())}
        pairs = zip(table["quantity"], table[by], strict=True)
        table = table.assign(exists=[float(existing[name][cases[case]]) for name, case in pairs])
        return table if self.by is not None else table.drop(columns="case")

    def __str__(self) -> str:
        table = self.summary()
        low, middle, high = (name for name in table if str(name)[0] == "q" and str(name)[1].isdigit())
        lines = [
            f"{'' if self.by is None else f'{self.by} {_shown(row[self.by])}: '}{row['quantity']} = "
            f"{format_quantity(row[middle])} {row['unit']} [{format_quantity(row[low])}, {format_quantity(row[high])}]"
            f"{of_draws(row['exists'])}"
            for row in table.to_dict("records")
        ]
        sure = [f"P({name}) = {value:.2f}" for name, value in self.probabilities.items()]
        return "\n".join([self.question, *lines, *sure, *self.warnings])


def _shown(value: object) -> str:
    return value if isinstance(value, str) else format_quantity(float(np.float64(value)))  # type: ignore[arg-type]


def share_of(condition: xr.DataArray) -> float:
    """Probability of a condition on draws."""
    return float(condition.mean())
