"""Whether the losses of one run are independent given the law, as ``fit_domains`` takes them to be.

The five losses of ScaleBench's domain mixtures: how the residuals of a fitted run's losses correlate, how much more
their mean scatters than independent ones would, and whether 90 % bands hold each loss and the mean of all, of the runs
fitted and of those to forecast.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import bayescale as bs
from bayescale.data.domains import Mixtures, mixtures
from bayescale.data.names import share_of
from bayescale.posterior.domains import ALL
from bayescale.posterior.parts import law_error, link_mean

Array = NDArray[np.float64]


def questions(folder: Path) -> list[tuple[Mixtures, Mixtures]]:
    """The runs to fit and to forecast."""
    parts = (folder / f"scalebench/domain_mixture/{part}.csv" for part in ("train", "test"))
    fitted, hidden = (mixtures(part, columns={"N": "group"}) for part in parts)
    return [(fitted, hidden)]


def answer(tables: tuple[Mixtures, Mixtures]) -> list[dict[str, Any]]:
    """One row of coverages for each domain and their mean; the last has what residuals say of independence."""
    start = time.process_time()
    domains = bs.fit_domains(tables[0])
    rows = [dict(zip(("domain", "fitted", "forecast"), each, strict=True)) for each in _covered(domains, tables)]
    residuals = np.column_stack([_residuals(fit) for fit in domains.fits.values()])
    pairs = np.corrcoef(residuals.T)[np.triu_indices(residuals.shape[1], 1)]
    apart = np.sqrt(residuals.var(axis=0).sum()) / residuals.shape[1]
    found = {"correlation": pairs.mean(), "lowest": pairs.min(), "highest": pairs.max(), "n_runs": len(residuals)}
    found |= {"scatter_of_mean": residuals.mean(axis=1).std() / apart}
    rows[-1] |= {name: float(value) for name, value in found.items()}
    return [{**row, "cpu_s": (time.process_time() - start) / len(rows)} for row in rows]


def _residuals(fit: bs.Fit) -> Array:
    """Outcomes less their posterior mean by the law and its error, in units of the outcome."""
    on_link = link_mean(fit, fit.inputs) + law_error(fit, fit.inputs, np.random.default_rng(0))
    inverse = fit.law.link.inverse
    return np.asarray(inverse(fit.on_link) - inverse(on_link.mean(axis=0)))


def _covered(domains: bs.Domains, tables: Iterable[Mixtures]) -> Iterable[tuple[str, float, float]]:
    """The share of losses in 90 % bands, of the runs of each table, domain by domain and of the mean."""
    found = []
    for table in tables:
        first = next(iter(table.runs.values()))
        places = {name: setting for setting, name in domains.shares_of(next(iter(table.runs))).items()}
        shares = {share_of(name): first.frame[places[name]] for name in table.names}
        observed = np.column_stack([runs.column("loss") for runs in table.runs.values()])
        observed = np.column_stack([observed, observed.mean(axis=1)]).ravel()
        bands = domains.forecast(N=first.column("N"), **shares).summary(0.9)
        inside = (bands["q05"] <= observed) & (observed <= bands["q95"])
        found.append(inside.groupby(bands["domain"], sort=False).mean())
    return [(name, *(float(each[name]) for each in found)) for name in (*domains.fits, ALL)]


def text(rows: list[dict[str, Any]]) -> str:
    """One line for each domain and the mean, and one on residuals."""
    names = {"domain": "losses of", "fitted": "fitted runs in 90%", "forecast": "forecast runs in 90%"}
    table = pd.DataFrame(rows)[list(names)].rename(columns=names).to_string(index=False, float_format="{:.2f}".format)
    said = rows[-1]
    return "\n".join(
        [
            f"{table}\n",
            f"residuals of the losses of one of {said['n_runs']:.0f} fitted runs:",
            f"correlation {said['correlation']:.2f} on average, from {said['lowest']:.2f} to {said['highest']:.2f};",
            f"their mean scatters {said['scatter_of_mean']:.2f} times as much as that of independent ones",
        ]
    )
