"""Intervals of posterior draws: equal-tailed, named by their mass."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

SAMPLE_DIMS = ("chain", "draw")
DEFAULT_MASS = 0.9


def numbered(dim: str, n: int) -> dict[str, NDArray[np.int64]]:
    """Labels of the elements of a dimension, counted from one.

    Examples
    --------
    >>> {dim: labels.tolist() for dim, labels in numbered("point", 2).items()}
    {'point': [1, 2]}
    """
    return {dim: np.arange(1, n + 1)}


def tail_probabilities(mass: float) -> tuple[float, float]:
    """Lower and upper probability of the equal-tailed interval of a mass.

    Examples
    --------
    >>> tail_probabilities(0.9)
    (0.05, 0.95)
    """
    if not 0 < mass < 1:
        raise ValueError(f"the mass of an interval is {mass}, but must lie between 0 and 1")
    return round((1 - mass) / 2, 12), round((1 + mass) / 2, 12)


def quantiles(draws: xr.DataArray, probabilities: Sequence[float]) -> dict[str, xr.DataArray]:
    """Quantiles over chains and draws, by name: ``q05`` for the 5 % quantile.

    Examples
    --------
    >>> draws = xr.DataArray(np.arange(101.0)[None], dims=SAMPLE_DIMS)
    >>> {name: float(value) for name, value in quantiles(draws, [0.05, 0.5]).items()}
    {'q05': 5.0, 'q50': 50.0}
    """
    with warnings.catch_warnings():
        # A quantity that exists in no draw has no quantiles; the caller reports this already.
        warnings.filterwarnings("ignore", "All-NaN slice encountered", RuntimeWarning)
        values = draws.quantile(list(probabilities), dim=SAMPLE_DIMS)
    return {quantile_name(p): values.sel(quantile=p, drop=True) for p in probabilities}


def interval_ends(
    draws: xr.DataArray, mass: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Lower end, median and upper end of the equal-tailed interval of a mass, over chains and draws.

    Examples
    --------
    >>> draws = xr.DataArray(np.arange(101.0)[None], dims=SAMPLE_DIMS)
    >>> [float(value) for value in interval_ends(draws, 0.9)]
    [5.0, 50.0, 95.0]
    """
    low, high = tail_probabilities(mass)
    first, middle, last = (value.to_numpy() for value in quantiles(draws, [low, 0.5, high]).values())
    return first, middle, last


def quantity_table(draws: xr.Dataset, units: Mapping[str, str], by: str, mass: float = DEFAULT_MASS) -> pd.DataFrame:
    """Median and interval of several quantities at each of several points.

    Parameters
    ----------
    draws : xarray.Dataset
        Dims chain, draw and one more, which has the coordinate ``by``.
    units : mapping of str
        Units by the names of the quantities to show.
    by : str
    mass : float

    Returns
    -------
    pandas.DataFrame
        Columns ``by``, ``quantity``, the named quantiles, and ``unit``; the points keep their order.
    """
    low, high = tail_probabilities(mass)
    tables = []
    for name, unit in units.items():
        columns = quantiles(draws[name], [low, 0.5, high])
        table = pd.DataFrame({key: values.to_numpy() for key, values in columns.items()})
        tables.append(table.assign(**{by: draws[by].to_numpy()}, quantity=name, unit=unit))
    stacked = pd.concat(tables)[[by, "quantity", *columns, "unit"]]
    return stacked.sort_index(kind="stable").reset_index(drop=True)


def quantile_name(probability: float) -> str:
    """``q05`` for 0.05, ``q2.5`` for 0.025."""
    percent = round(100 * probability, 6)
    return f"q{percent:02.0f}" if percent == int(percent) else f"q{percent:g}"


def summary_table(draws: xr.DataArray, mass: float = DEFAULT_MASS) -> pd.DataFrame:
    """Mean, standard deviation, interval and median over the draws, one row per value of the other dimension."""
    low, high = tail_probabilities(mass)
    columns = {"mean": draws.mean(SAMPLE_DIMS), "sd": draws.std(SAMPLE_DIMS), **quantiles(draws, [low, 0.5, high])}
    return pd.DataFrame({name: np.atleast_1d(value.to_numpy()) for name, value in columns.items()})
