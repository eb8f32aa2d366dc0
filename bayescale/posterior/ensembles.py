"""Ensembles: posteriors of several laws given the same runs, mixed by weights that depend on the distance ahead."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.errors import LawError
from bayescale.basics.intervals import DEFAULT_MASS
from bayescale.basics.wording import in_a_row, listed
from bayescale.data.runs import Runs
from bayescale.laws.law import Law
from bayescale.posterior.directions import odds_of_falling
from bayescale.posterior.fit import Fit
from bayescale.posterior.fitted import Fitted
from bayescale.posterior.recipe_risk import RecipeRisk

Array = NDArray[np.float64]

ENSEMBLE = "ensemble"
"""Name of an ensemble, in place of a law's."""


@dataclass(frozen=True, eq=False)
class Ensemble(Fitted):
    """Posteriors of several laws given the same runs, and the weight of each.

    Each draw of the ensemble is a draw from one of its laws, chosen by the weights at the requested horizon, so that
    forecasts at several points, and the optimum at a budget, stay joint draws.

    Attributes
    ----------
    members : mapping of Fit
        Fits by the law's name, all with the same runs, inputs, outcome and shape.
    weights : xarray.DataArray
        Dims horizon and law; rows sum to one. The horizon is the ratio of a run's compute to that of the largest run
        fitted; the coordinate holds the horizons at which enough runs could be hidden to learn weights.

    Examples
    --------
    >>> from bayescale import fit
    >>> both = fit(["chinchilla", "tied"], "chinchilla")
    >>> both.weights.sum("law").round(6).to_numpy().tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    members: Mapping[str, Fit]
    weights: xr.DataArray

    @property
    def first(self) -> Fit:
        """The first member, for what all members share."""
        return next(iter(self.members.values()))

    @property
    def title(self) -> str:
        """Name of the ensemble, for people to read."""
        return f"Ensemble of {in_a_row(self.members)}"

    @property
    def runs(self) -> Runs:
        """The runs that were fitted, with what any of the laws reads of them."""
        first, *others = (member.runs for member in self.members.values())
        more = {str(name): column for each in others for name, column in each.frame.items() if name not in first.frame}
        inputs = first.frame.drop(columns=first.outcome).assign(**more)
        return replace(first, frame=inputs.assign(**{first.outcome: first.frame[first.outcome]}))

    @property
    def dataset(self) -> str:
        """Name of the table that was fitted."""
        return self.first.record.dataset

    @property
    def outcome(self) -> str:
        """Column that the laws predict."""
        return self.first.law.outcome

    @property
    def certified(self) -> bool:
        """Whether the draws of every member with a weight can be trusted to represent its posterior."""
        return all(self.members[name].certified for name in self._weighted)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the result doubtful, with the law's name if it does not concern all laws."""
        return told_apart({name: self.members[name].warnings for name in self._weighted})

    @property
    def notes(self) -> tuple[str, ...]:
        """Further remarks; the first says where the weights come from."""
        return (
            _origin_of_weights(self.weights),
            *self._unsupported,
            *self._partly_stated,
            *told_apart({k: m.notes for k, m in self.members.items()}),
        )

    @property
    def _weighted(self) -> list[str]:
        """Laws with a weight at some horizon."""
        return [str(name) for name in self.weights["law"].to_numpy()[_mixed(self.weights)]]

    @property
    def _unsupported(self) -> Iterator[str]:
        """Laws without weight, and why."""
        without = [name for name in self.members if name not in self._weighted]
        if without and (odds := odds_of_falling(self.members.values())) is not None:
            way, ratio = ("falls", odds) if odds > 1 else ("rises", 1 / odds)
            yield (
                f"the runs support an outcome that {way} {ratio:.2g} times as well as the opposite, so "
                f"{listed(without)} have no weight"
            )

    @property
    def _partly_stated(self) -> Iterator[str]:
        """Priors and evidence that not all laws take, since not all report what they are on."""
        for name in dict.fromkeys(name for member in self.members.values() for name in member.record.priors):
            without = [law for law, member in self.members.items() if name not in member.record.priors]
            if without:
                yield f"your prior on {name} does not concern {listed(without)}, without {name}"
        for text in dict.fromkeys(text for member in self.members.values() for text in member.record.evidence):
            without = [law for law, member in self.members.items() if text not in member.record.evidence]
            if without:
                yield f"evidence {text} does not concern {listed(without)}"

    def summary(self, ci_prob: float = DEFAULT_MASS) -> pd.DataFrame:
        """Mean, standard deviation and interval of every parameter of every law, with its unit and meaning."""
        return pd.concat({name: member.summary(ci_prob) for name, member in self.members.items()}, names=["law", None])

    @property
    def tree(self) -> xr.DataTree:
        """The draws for ArviZ, those of each member under its law's name."""
        return xr.DataTree.from_dict({name: member.tree for name, member in self.members.items()})

    def weights_at(self, reach: Array) -> Array:
        """Weight of each law at ratios of shape (point,) to the largest run's compute, shape (point, law).

        Between learnt horizons, weights are interpolated in the logarithm of the ratio. Beyond the largest horizon they
        return to equal weights: half of the way at ten times that horizon, two thirds at a hundred times. A law that
        has no weight at any horizon gets none.
        """
        horizons = np.log(self.weights["horizon"].to_numpy())
        ahead = np.log(np.maximum(reach, 1e-300))
        learnt = np.column_stack([np.interp(ahead, horizons, column) for column in self.weights.to_numpy().T])
        kept = 1 / (1 + np.maximum(ahead - horizons[-1], 0.0) / np.log(10))
        mixed = _mixed(self.weights)
        return np.asarray(kept[:, None] * learnt + (1 - kept[:, None]) * mixed / mixed.sum())

    def choose(self, reach: Array, seed: int) -> NDArray[np.intp]:
        """Member of each draw at each point, shape (sample, point); one random number per draw serves all points."""
        n = self.first.sample_coords["chain"].size * self.first.sample_coords["draw"].size
        rng = np.random.default_rng(seed)
        marks = (rng.permutation(n) + rng.uniform()) / n
        edges = np.cumsum(self.weights_at(reach), axis=1)[:, :-1]
        return np.asarray((marks[:, None, None] > edges[None]).sum(axis=2))

    def mixed(self, datasets: Sequence[xr.Dataset], reach: Array, seed: int) -> xr.Dataset:
        """Mix draws of the members at points of the given reach; variables, of chain, draw and point, that all have."""
        chosen = self.choose(reach, seed)
        variables = {}
        for name, first in datasets[0].data_vars.items():
            if not all(name in dataset for dataset in datasets):
                continue
            stacked = np.stack([dataset[name].to_numpy() for dataset in datasets])
            index = chosen.reshape(1, *first.shape)
            variables[name] = (first.dims, np.take_along_axis(stacked, index, axis=0)[0], first.attrs)
        return xr.Dataset(variables, coords=datasets[0].coords)


def compute_of(fit: Fit, points: Mapping[str, Array]) -> Array | None:
    """Training compute (FLOP) of new runs; None if their inputs do not determine it."""
    if "C" in points:
        return points["C"]
    return fit.count(points["N"], points["D"]) if {"N", "D"} <= points.keys() else None


def reach_of(fit: Fit, points: Mapping[str, Array]) -> Array:
    """Ratio of new runs' compute to that of the largest run fitted, shape (point,).

    If the compute of either is unknown, the ratio of the sizes that the law's inputs tell takes its place.

    Parameters
    ----------
    fit : Fit
    points : mapping of array, shape (point,)
        The law's inputs by name, or the compute ``C``.
    """
    compute, constant = compute_of(fit, points), fit.groups["constant_data"]
    if compute is not None and "C" in constant:
        return np.asarray(compute / constant["C"].to_numpy().max())
    return np.asarray(fit.law.size(points) / fit.law.size(fit.inputs).max())


def members(posterior: "Posterior") -> Mapping[str, Fit]:
    """The fits of a posterior, by law; a single law has one."""
    return posterior.members if isinstance(posterior, Ensemble) else {posterior.law.name: posterior}


def joined(posterior: "Posterior", datasets: Mapping[str, xr.Dataset], reach: Array, seed: int) -> xr.Dataset:
    """One set of draws from those of each member: mixed for an ensemble, those of the only fit otherwise."""
    drawn = list(datasets.values())
    return posterior.mixed(drawn, reach, seed) if isinstance(posterior, Ensemble) else drawn[0]


type Posterior = Fit | Ensemble
"""The posteriors from which forecasts and optima are computed."""


def with_risk(posterior: Posterior, *, probability: float, size: float) -> Posterior:
    """Add the risk that the recipe breaks beyond the runs to a posterior, which widens all forecasts from it.

    Parameters
    ----------
    posterior : Fit or Ensemble
    probability : float
        Probability that the recipe breaks within the next tenfold of compute, given that it has held so far.
    size : float
        Average harm of a break on the link's scale: 0.03 raises a loss by about 3 %.

    Returns
    -------
    Fit or Ensemble
        The posterior with a warning that names the risk and that every answer repeats.

    Raises
    ------
    LawError
        If the law's inputs do not determine the compute of a run.
    QuantityError
        If the probability is not between 0 and 1, or the size not between 0 and 10.

    Examples
    --------
    >>> from bayescale import fit, forecast
    >>> sure = fit("chinchilla", "chinchilla")
    >>> risky = with_risk(sure, probability=0.1, size=0.03)
    >>> wide, narrow = (forecast(each, N=7e10, D=1.4e12).summary(0.9) for each in (risky, sure))
    >>> bool(wide["q95"].item() > narrow["q95"].item())
    True
    """
    risk = RecipeRisk(probability, size)
    check_knows_compute(first_fit(posterior).law)
    return _with_risk(without_risk(posterior), risk)


def check_knows_compute(law: Law) -> None:
    """Check that a law's inputs determine the compute of a run, on which the risk of a break depends.

    Raises
    ------
    LawError
        If they do not.
    """
    if "C" not in law.input_names and not {"N", "D"} <= set(law.input_names):
        raise LawError(
            f"law {law.name!r} reads {', '.join(law.input_names)}: the risk that a recipe breaks depends on compute, "
            "so it needs a law of N and D, or of C"
        )


def without_risk(posterior: Posterior) -> Posterior:
    """Undo :func:`with_risk`."""
    return _with_risk(posterior, None)


def _with_risk(posterior: Posterior, risk: RecipeRisk | None) -> Posterior:
    named = () if risk is None else (f"{_RISK}: {risk}",)
    changed = {
        name: replace(each, risk=risk, warnings=(*(t for t in each.warnings if not t.startswith(_RISK)), *named))
        for name, each in members(posterior).items()
    }
    return replace(posterior, members=changed) if isinstance(posterior, Ensemble) else next(iter(changed.values()))


_RISK = "recipe risk, set by the user"


def first_fit(posterior: Posterior) -> Fit:
    """The fit, or the first fit of an ensemble, for what all its laws share."""
    return posterior.first if isinstance(posterior, Ensemble) else posterior


def told_apart(texts: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Merge texts about several laws: a text that all laws share once, any other with the law's name."""
    listed = {name: list(found) for name, found in texts.items()}
    shared = [text for text in next(iter(listed.values())) if all(text in found for found in listed.values())]
    own = [f"{name}: {text}" for name, found in listed.items() for text in found if text not in shared]
    return (*shared, *own)


def equal_weights(laws: Sequence[str]) -> xr.DataArray:
    """Equal weights, for when no runs could be hidden to learn them."""
    return xr.DataArray(
        np.full((1, len(laws)), 1 / len(laws)),
        dims=("horizon", "law"),
        coords={"horizon": [1.0], "law": list(laws), "hidden_runs": ("horizon", [0])},
    )


def _mixed(weights: xr.DataArray) -> NDArray[np.bool_]:
    """Which laws have a weight at some horizon, shape (law,)."""
    return np.asarray((weights > 0).any("horizon"))


def _origin_of_weights(weights: xr.DataArray) -> str:
    mixed = weights["law"].to_numpy()[_mixed(weights)]
    if len(mixed) == 1:
        return f"{mixed[0]} has all of the weight, since no other law is left"
    if not weights["hidden_runs"].any():
        return "the laws count equally: the table is too small to hide runs and learn weights from them"
    horizons = weights["horizon"].to_numpy()
    largest = weights.sel(horizon=horizons[-1])
    shown = in_a_row(f"{law} {float(largest.sel(law=law)):.2f}" for law in mixed)
    return (
        f"weights of the laws learnt from hidden runs up to {horizons[-1]:g} times the largest run trained on ({shown} "
        "there); beyond that they fall back towards equal ones"
    )
