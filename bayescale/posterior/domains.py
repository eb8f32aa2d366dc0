"""Domain mixtures: the losses of several domains by their shares of the training data, forecast together.

The law of each domain's loss has parameters of its own, independent of those of other domains a priori, and the noise
of a run is taken to be independent between its losses. The joint posterior is then the product of the domains' own, and
each is fitted to its losses alone. Noise that the losses of a run share would make bands on their mean too narrow.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.errors import LawError
from bayescale.basics.intervals import DEFAULT_MASS, SAMPLE_DIMS, numbered
from bayescale.basics.quantities import number, numbers
from bayescale.basics.wording import listed
from bayescale.data.domains import ROUNDING, Mixtures, mixtures
from bayescale.data.names import OTHERS, share_of
from bayescale.data.tables import Frame
from bayescale.inference.options import Choices, Options, chosen
from bayescale.posterior.fit import Fit
from bayescale.posterior.fitted import Fitted
from bayescale.posterior.forecasting import Forecast, forecast
from bayescale.posterior.points import check_points
from bayescale.posterior.pooling import names_of_nodes
from bayescale.posterior.single import fit_law

Array = NDArray[np.float64]

LAW = "data_mixture"
ALL = "all domains"
"""What the weighted mean of the losses is of."""


@dataclass(frozen=True, eq=False)
class Domains(Fitted):
    """Posteriors of the losses of several domains by the mixture of the training data.

    They are independent: parameters of different domains a priori, and the noise of a run's losses, which bands on a
    mean of losses rest on.

    Attributes
    ----------
    fits : mapping of Fit
        By domain, in alphabetical order, of those that have a loss.
    names : tuple of str
        Domains that have a share, in alphabetical order.

    Examples
    --------
    >>> from bayescale import draw_prior
    >>> web = np.array([0.7, 0.6, 0.4])
    >>> found = mixtures({"N": [1e8, 1e9, 1e8], "share_web": web, "share_code": 1 - web, "loss_web": [3, 2, 3.1]})
    >>> domains = Domains({"web": draw_prior("data_mixture", found.runs["web"], draws=100)}, found.names)
    >>> domains.forecast(N=1e9, share_web=0.5, share_code=0.5).summary()["domain"].to_list()
    ['web', 'all domains']
    """

    fits: Mapping[str, Fit]
    names: tuple[str, ...]

    @property
    def first(self) -> Fit:
        """The fit of the first domain, for what all share."""
        return next(iter(self.fits.values()))

    @property
    def certified(self) -> bool:
        """Whether the draws of every domain can be trusted to represent the posterior."""
        return all(each.certified for each in self.fits.values())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the results doubtful, with the domain's name if it does not concern all."""
        return self.merged({domain: each.warnings for domain, each in self.fits.items()})

    @property
    def notes(self) -> tuple[str, ...]:
        """Further remarks, likewise."""
        return self.merged({domain: each.notes for domain, each in self.fits.items()})

    def merged(self, remarks: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Remarks on the domains' fits with the domains' names, each once, without its numbers if several share it."""
        found: dict[str, dict[str, str]] = {}
        for domain, texts in remarks.items():
            for text in filter(None, map(self._renamer(domain), texts)):
                found.setdefault(re.sub(r" \(.*?\)", "", text), {})[domain] = text
        each = (
            (list(own), next(iter(own.values())) if len(set(own.values())) == 1 else text)
            for text, own in found.items()
        )
        return tuple(text if len(names) == len(self.fits) else f"{listed(names)}: {text}" for names, text in each)

    @property
    def title(self) -> str:
        """Name of the law and number of domains, for people to read."""
        return f"{self.first.title}, {len(self.names)} domains"

    @property
    def dataset(self) -> str:
        """Name of the table that was fitted."""
        domain, first = next(iter(self.fits.items()))
        return first.dataset.removesuffix(f":{domain}")

    @property
    def tree(self) -> xr.DataTree:
        """The draws for ArviZ, those of each domain under its name."""
        names = names_of_nodes(list(self.fits))
        return xr.DataTree.from_dict({name: each.tree for name, each in zip(names, self.fits.values(), strict=True)})

    def shares_of(self, domain: str) -> dict[str, str]:
        """Domains by what the law of one domain's loss calls their shares."""
        others = [name for name in self.names if name != domain]
        return {"share": domain, **dict(zip(OTHERS, others, strict=False))}

    @property
    def shares(self) -> Array:
        """Shares in the fitted runs, shape (run, domain), of the domain's loss that has the most runs."""
        domain, fit = max(self.fits.items(), key=lambda item: item[1].record.n_runs)
        place = {name: setting for setting, name in self.shares_of(domain).items()}
        return np.column_stack([fit.inputs[place[name]] for name in self.names])

    def summary(self, ci_prob: float = DEFAULT_MASS) -> pd.DataFrame:
        """Mean, standard deviation and interval of every parameter by domain; ``worth_NAME`` is of domain ``NAME``."""
        tables = {}
        for domain, fit in self.fits.items():
            table, renamed = fit.summary(ci_prob), self._renamer(domain)
            named = {str(name): new for name in table.index if (new := renamed(str(name))) is not None}
            table = table.loc[list(named)].rename(named)
            tables[domain] = table.assign(meaning=[str(renamed(text)) for text in table["meaning"]])
        return pd.concat(tables, names=["domain", None])

    def _renamer(self, domain: str) -> "_Renamer":
        return _Renamer(self.shares_of(domain))

    def forecast(  # type: ignore[override]
        self, *, seed: int = 0, weights: Mapping[str, float] | None = None, **inputs: ArrayLike
    ) -> Forecast:
        """Forecast the losses of new runs, and their weighted mean, whose domain is called ``all domains``.

        Parameters
        ----------
        seed : int
        weights : mapping of float, optional
            By domain, 1 for those left out.
        **inputs : array_like, shape (point,) or scalar
            ``N`` (parameters), and the share of each domain, such as ``share_web``.

        Returns
        -------
        Forecast
            A point for each run and domain, which the coordinate ``domain`` names.

        Raises
        ------
        LawError
            If an input or weight is missing, unknown or impossible, or shares do not sum to one.
        """
        mixing, points = checked_weights(self.fits, weights or {}), checked_shares(self.names, inputs)
        each = {
            domain: forecast(fit, seed=own_seed(seed, place), **self._inputs_of(domain, points))
            for place, (domain, fit) in enumerate(self.fits.items())
        }
        kinds = {kind: [found.draws[kind].to_numpy() for found in each.values()] for kind in ("latent", "predictive")}
        n = len(points["N"])
        labels = [*self.fits, ALL]
        coords = {**self.first.sample_coords, **numbered("point", n * len(labels))}
        coords |= {name: ("point", np.repeat(values, len(labels))) for name, values in points.items()}
        coords["domain"] = ("point", np.tile(np.array(labels, dtype=object), n))
        attrs, dims = {"units": self.first.law.outcome_unit}, (*SAMPLE_DIMS, "point")
        drawn = {kind: _with_mean(np.stack(values, axis=-1), mixing) for kind, values in kinds.items()}
        return Forecast(
            draws=xr.Dataset({kind: (dims, values, attrs) for kind, values in drawn.items()}, coords=coords),
            outcome=self.first.outcome,
            unit=self.first.law.outcome_unit,
            warnings=(
                *self.merged({domain: found.warnings for domain, found in each.items()}),
                *self.outside(np.column_stack([points[share_of(name)] for name in self.names])),
            ),
        )

    def _inputs_of(self, domain: str, points: Mapping[str, Array]) -> dict[str, Array]:
        """What the law of a domain's loss reads at points."""
        own = {setting: points[share_of(name)] for setting, name in self.shares_of(domain).items()}
        return {"N": points["N"], **{name: np.zeros_like(points["N"]) for name in OTHERS}, **own}

    def within(self, shares: Array) -> NDArray[np.bool_]:
        """Which shares, of shape (..., domain), are in the range of those of the fitted runs, within rounding."""
        seen = self.shares
        return np.asarray((shares > seen.min(axis=0) - ROUNDING) & (shares < seen.max(axis=0) + ROUNDING))

    def outside(self, shares: Array) -> tuple[str, ...]:
        """Warn of shares, of shape (point, domain), beyond those of the fitted runs."""
        seen, beyond, found = self.shares, ~self.within(shares), []
        for place in np.flatnonzero(beyond.any(axis=0)):
            runs, asked = seen[:, place], shares[beyond[:, place], place]
            farthest = asked[np.abs(asked - runs.mean()).argmax()]
            found.append(
                f"a share of {self.names[place]} of {farthest:.2g} is outside the runs' {runs.min():.2g} to "
                f"{runs.max():.2g}: there the answer rests on the law being right"
            )
        return tuple(found)

    def plan(self, **asked: Any) -> Any:
        """Refuse: a mixture has no optimal size, and :func:`bayescale.best_mixture` finds the best shares.

        Raises
        ------
        LawError
        """
        raise LawError("domains are mixed at a size, and have no plan of N and D: ask best_mixture for the best shares")


@dataclass(frozen=True)
class _Renamer:
    """Puts domains in place of the law's settings; None of a text on a domain that is not there."""

    shares: Mapping[str, str]

    def __call__(self, text: str) -> str | None:
        named = re.findall(r"other_\d", text)
        if any(name not in self.shares for name in named):
            return None
        return re.sub(r"other_\d", lambda match: self.shares[match[0]], text)


def fit_domains(
    table: str | Path | Frame | Mixtures, options: Options | None = None, **choices: Unpack[Choices]
) -> Domains:
    """Sample the posterior of the losses of several domains by the mixture of the training data.

    Parameters
    ----------
    table : path, DataFrame, mapping of columns or Mixtures
        ``N``, and for each of two to five domains a share and, of some at least, a loss, such as ``share_web`` and
        ``loss_web``, or ``p1`` and ``loss1``. Losses may be missing in some rows. The shares of a row sum to one.
    options : Options, optional
    **choices
        Fields of the options, as for :func:`bayescale.fit`. Each domain's fit has a seed of its own that follows from
        theirs.

    Returns
    -------
    Domains

    Raises
    ------
    RunsError
        If the table cannot be used.
    LawError, SamplingError
        As for :func:`bayescale.fit`.

    Examples
    --------
    >>> fit_domains({"N": [1e8], "share_web": [0.7], "share_code": [0.2], "loss_web": [3.1]})
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.RunsError: DataFrame, row 1: shares of code, web sum to 0.9: correct them to sum to 1
    """
    asked = chosen(options, choices)
    found = table if isinstance(table, Mixtures) else mixtures(table)
    fits = {
        domain: fit_law(LAW, runs, replace(asked, seed=own_seed(asked.seed, place)))
        for place, (domain, runs) in enumerate(found.runs.items())
    }
    return Domains(fits, found.names)


def checked_shares(names: Sequence[str], inputs: Mapping[str, ArrayLike]) -> dict[str, Array]:
    """Sizes of new runs and shares of some domains in them, each of shape (point,).

    Raises
    ------
    LawError
        As of :meth:`Domains.forecast`.
    """
    read = {"N": "positive", **{share_of(name): "fraction" for name in names}}
    wrong = [f"{name} is missing" for name in read if name not in inputs]
    wrong += [f"{name} is not an input" for name in inputs if name not in read]
    if wrong:
        raise LawError(f"mixtures of {listed(names)} take {', '.join(read)}: {'; '.join(wrong)}")
    arrays = np.broadcast_arrays(*(numbers(name, inputs[name]) for name in read))
    points = {name: np.atleast_1d(values).ravel() for name, values in zip(read, arrays, strict=True)}
    for name, domain in read.items():
        check_points(name, points[name], domain)
    total = np.sum([points[share_of(name)] for name in names], axis=0)
    for row in np.flatnonzero(np.abs(total - 1) > ROUNDING):
        raise LawError(f"point {row + 1}: the shares sum to {total[row]:.3g}: give shares that sum to 1")
    return {name: values if name == "N" else values / total for name, values in points.items()}


def checked_weights(names: Iterable[str], given: Mapping[str, float]) -> Array:
    """Weights of the losses of some domains, which sum to one; a domain that is not given has the weight 1 before.

    Raises
    ------
    LawError
        If a weight is of no domain with a loss, negative or not finite, or all are zero.
    """
    found = dict.fromkeys(names, 1.0)
    for name, value in given.items():
        if name not in found:
            raise LawError(f"weight of {name!r}: no such loss: the losses are of {listed(found)}")
        found[name] = number(f"weight of {name}", value)
        if not (np.isfinite(found[name]) and found[name] >= 0):
            raise LawError(f"weight of {name!r} is {found[name]:g}: give a finite number of zero or more")
    weights = np.array(list(found.values()))
    if not weights.any():
        raise LawError("all weights are zero: give a domain a weight above zero")
    return np.asarray(weights / weights.sum())


def own_seed(seed: int, place: int) -> int:
    """A seed for one of several domains, since one seed for all would make independent draws dependent."""
    return int(np.random.SeedSequence([seed, place]).generate_state(1)[0])


def _with_mean(values: Array, weights: Array) -> Array:
    """Draws of shape (chain, draw, point, domain) with their weighted mean last, as shape (chain, draw, point * n)."""
    whole = np.concatenate([values, (values @ weights)[..., None]], axis=-1)
    return whole.reshape(*whole.shape[:2], -1)
