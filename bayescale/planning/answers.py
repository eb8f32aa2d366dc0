"""What a planning question is answered by: draws of every quantity, their units, and probabilities."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.html import html_of
from bayescale.basics.intervals import DEFAULT_MASS, SAMPLE_DIMS, quantiles, quantity_table
from bayescale.basics.quantities import format_quantity, of_draws

Array = NDArray[np.float64]

_QUARTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_DIGITS = 4
_CASE = "case"


@dataclass(frozen=True, eq=False)
class Answer:
    """Draws of the quantities that were asked for, with intervals, probabilities and warnings.

    Attributes
    ----------
    question : str
        The question, in one line.
    draws : xarray.Dataset
        Each quantity with its unit as the attribute ``units``; dims chain, draw and at most one more, along which the
        cases lie. What is the same in all draws, such as a size to choose, lacks chain and draw. NaN in draws in which
        a quantity does not exist.
    probabilities : mapping of float
        By what they are the probability of.
    warnings : tuple of str
        Doubts about the answer.
    notes : tuple of str
        What was left out of the runs, and where prices come from.
    by : str or None
        Coordinate that tells the cases apart; None if there is one case.
    shown : tuple of str
        Quantities that people read, in their order; all of them if empty.

    Examples
    --------
    >>> draws = xr.Dataset({"N": (("chain", "draw"), [[1e9, 2e9, 3e9]], {"units": "parameters"})})
    >>> answer = Answer("How large?", draws, {"it is large": 0.5})
    >>> print(answer)
    How large?
    N = 2B parameters [1.1B, 2.9B]
    P(it is large) = 0.50
    >>> answer.to_dict()["N"]["q50"]
    2000000000.0
    """

    question: str
    draws: xr.Dataset
    probabilities: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    by: str | None = None
    shown: tuple[str, ...] = ()

    def summary(self, ci_prob: float = DEFAULT_MASS) -> pd.DataFrame:
        """One row per case and quantity: median and equal-tailed interval over the draws in which it exists, its unit.

        The column ``exists`` is the share of such draws.
        """
        draws, by = self._quantities(), self.by or _CASE
        draws = draws if self.by else draws.expand_dims({_CASE: [0]})
        units = {str(name): values.attrs["units"] for name, values in draws.data_vars.items()}
        table = quantity_table(draws, units, by, ci_prob)
        existing = (draws == draws).mean(SAMPLE_DIMS)  # NaN is no number, and differs from itself
        cases = {case: i for i, case in enumerate(draws[by].to_numpy().tolist())}
        pairs = zip(table["quantity"], table[by], strict=True)
        table = table.assign(exists=[float(existing[name][cases[case]]) for name, case in pairs])
        return table if self.by else table.drop(columns=_CASE)

    @property
    def labels(self) -> dict[str, str]:
        """What people call quantities that ``draws`` calls otherwise, as the outcome of a plan, its ``loss``."""
        named = {str(name): values.attrs.get("label") for name, values in self.draws.data_vars.items()}
        return {name: label for name, label in named.items() if label is not None}

    def to_dataframe(self) -> pd.DataFrame:
        """All draws: a row per chain, draw and case, a column per quantity."""
        return self._quantities().to_dataframe().reset_index()

    def to_dict(self) -> dict[str, Any]:
        """Quantiles of each quantity, case by case, with units, probabilities, warnings and notes, for programs."""
        draws = self._quantities()
        if self.by is None:
            found: dict[str, Any] = _quartiles(draws)
        else:
            (dim,) = draws[self.by].dims
            each = [draws.isel({dim: i}) for i in range(draws.sizes[dim])]
            found = {"cases": [{self.by: case[self.by].item(), **_quartiles(case)} for case in each]}
        return {
            "question": self.question,
            **found,
            "probabilities": dict(self.probabilities),
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = [
            f"{f'{self.by} {row["case"]}: ' if self.by else ''}{row['quantity']} = {row['median']}"
            f"{' ' * bool(row['unit'])}{row['unit']} {row['interval']}"
            for row in self._rows()
        ]
        return "\n".join([self.question, *lines, *self._sure(), *self.warnings])

    def _repr_html_(self) -> str:
        heads = {"case": self.by or _CASE, "interval": f"{DEFAULT_MASS:.0%} interval"}
        names = [*(["case"] if self.by else []), "quantity", "median", "interval", "unit"]
        table = pd.DataFrame(self._rows(), columns=names).rename(columns=heads)
        return html_of(self.question, table, self.warnings, self._sure())

    def _quantities(self) -> xr.Dataset:
        """The quantities that are shown, all with dims chain and draw."""
        read = self.draws[list(self.shown)] if self.shown else self.draws
        sizes = {str(dim): self.draws.sizes[dim] for dim in SAMPLE_DIMS}
        return read.map(
            lambda values: values.expand_dims({dim: n for dim, n in sizes.items() if dim not in values.dims}),
            keep_attrs=True,
        )

    def _rows(self) -> list[dict[str, str]]:
        """What people read of each row of the summary."""
        rows, labels = [], self.labels
        for row in self.summary().to_dict("records"):
            low, middle, high = (
                format_quantity(row[name], _DIGITS) for name in row if str(name)[0] == "q" and str(name)[1:].isdigit()
            )
            interval = f"[{low}, {high}]{of_draws(row['exists'])}"
            case = _shown(row[self.by]) if self.by else ""
            rows.append(
                {
                    "case": case,
                    "quantity": labels.get(row["quantity"], str(row["quantity"])),
                    "median": middle,
                    "interval": interval,
                    "unit": row["unit"],
                }
            )
        return rows

    def _sure(self) -> list[str]:
        return [f"P({name}) = {value:.2f}" for name, value in self.probabilities.items()]


def _quartiles(draws: xr.Dataset) -> dict[str, Any]:
    return {
        str(name): {
            **{level: float(value) for level, value in quantiles(values, _QUARTILES).items()},
            "unit": values.attrs["units"],
            "exists": 1 - float(np.isnan(values).mean()),
        }
        for name, values in draws.data_vars.items()
    }


def _shown(value: object) -> str:
    return value if isinstance(value, str) else format_quantity(float(np.float64(value)))  # type: ignore[arg-type]


def share_of(condition: xr.DataArray) -> float:
    """Probability of a condition on draws."""
    return float(condition.mean())
