"""A forecast that is written down before its runs are trained, and its score when they have been."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bayescale.basics.errors import RegistrationError
from bayescale.basics.files import check_output, replacing
from bayescale.basics.html import html_of
from bayescale.basics.intervals import SAMPLE_DIMS, tail_probabilities
from bayescale.basics.quantities import format_quantity
from bayescale.data.datasets import load_runs
from bayescale.data.runs import AnyRuns, Runs
from bayescale.laws.links import BY_RATIO
from bayescale.posterior.ensembles import Ensemble, Posterior, first_fit, members
from bayescale.posterior.fit import Fit
from bayescale.posterior.forecasting import Forecast, forecast

FORMAT = 1
"""Version of the file: a reader refuses those that it does not know."""
LEVELS = np.round(np.arange(1, 200) / 200, 3)
"""Probabilities of the quantiles that represent the draws of a forecast."""
MASSES = (0.5, 0.8, 0.9)
NEAR = 1e-3
"""Largest relative difference between a registered run and an observed one: training ends on a whole step."""


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A forecast as it was registered: what was known, what was forecast, and a hash of both.

    The hash shows that nothing in the file was changed, not when it was written: publish it (in a commit, a post, an
    e-mail) before the runs are trained.

    Attributes
    ----------
    registered_at : str
        Date and time in UTC.
    dataset, data_hash, n_runs
        The table that was fitted, the hash of its contents, and its number of rows.
    fits : tuple of mapping
        What each law was fitted with, its weight at each horizon, and the quantiles of its parameters.
    versions : mapping of str
        Versions of the packages.
    outcome, domain, unit : str
    certified : bool
        Whether the draws can be trusted to represent the posterior.
    warnings : tuple of str
    points : tuple of mapping
        Inputs of each registered run, by name.
    quantiles : tuple of tuple of float
        Posterior-predictive quantiles of its outcome at the probabilities .005, .010 ... .995.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from bayescale import fit
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "forecast.json"
    ...     written = register(fit("chinchilla", "chinchilla", discrepancy=False), path, N=70e9, D=1.4e12)
    ...     kept = Registered.read(path)
    >>> kept == written
    True
    >>> scores = kept.score(pd.DataFrame({"N": [70e9], "D": [1.4e12], "loss": [1.97]}))
    >>> bool(scores["inside_90"][0])
    True
    """

    registered_at: str
    dataset: str
    data_hash: str
    n_runs: int
    fits: tuple[Mapping[str, Any], ...]
    versions: Mapping[str, str]
    outcome: str
    domain: str
    unit: str
    certified: bool
    warnings: tuple[str, ...]
    points: tuple[Mapping[str, float], ...]
    quantiles: tuple[tuple[float, ...], ...]

    @property
    def by_ratio(self) -> bool:
        """Whether errors are relative to the outcome."""
        return self.domain in BY_RATIO

    @property
    def hash(self) -> str:
        """SHA-256 of everything else in the file."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def write(self, path: str | Path) -> Path:
        """Write the file: it is complete or absent.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        document = {"bayescale_forecast": FORMAT, **asdict(self), "sha256": self.hash}
        with replacing(Path(path)) as unfinished:
            unfinished.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        return Path(path)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a file, and refuse it if it is not as it was registered.

        Raises
        ------
        RegistrationError
            If the file cannot be read, is no registered forecast, or was changed.
        """
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise RegistrationError(f"{path}: cannot be read ({error.strerror or error})") from None
        except ValueError:
            raise RegistrationError(f"{path}: is no JSON, so no registered forecast") from None
        version = document.pop("bayescale_forecast", None) if isinstance(document, dict) else None
        if version != FORMAT:
            other = "is no registered forecast" if version is None else f"is a forecast of format {version}"
            raise RegistrationError(f"{path}: {other}; this version of bayescale reads format {FORMAT}")
        claimed = document.pop("sha256", None)
        try:
            found = cls(**{name: _frozen(value) for name, value in document.items()})
        except TypeError:
            raise RegistrationError(f"{path}: entries are missing or unknown: it was changed") from None
        if found.hash != claimed:
            raise RegistrationError(
                f"{path}: its contents have the hash {found.hash[:12]}, and not {str(claimed)[:12]} as registered: "
                "it was changed, so it cannot be scored"
            )
        return found

    def _repr_html_(self) -> str:
        ends = {f"q{100 * p:02.0f}": [each[_level(p)] for each in self.quantiles] for p in (0.05, 0.5, 0.95)}
        table = pd.DataFrame([dict(point) for point in self.points]).assign(**ends, unit=self.unit)
        title = f"{self.outcome} from {self.dataset}, registered at {self.registered_at}"
        return html_of(title, table, self.warnings, [f"SHA-256 {self.hash}"])

    def score(
        self, observed: AnyRuns, *, columns: Mapping[str, str] | None = None, unit: str | None = None
    ) -> pd.DataFrame:
        """Compare the forecast with the runs as they came out.

        Parameters
        ----------
        observed : Runs, DataFrame, path or str
            A table with the inputs and the outcome of registered runs, in any order; several rows of one run, such as
            seeds, are scored each.
        columns : mapping of str, optional
            The table's columns by the names used here, as in :meth:`Runs.read`.
        unit : str, optional
            Unit of the table's outcome, which must be that of the forecast.

        Returns
        -------
        pandas.DataFrame
            One row per observed run: its inputs; ``observed``; ``q05``, ``q50`` and ``q95`` of the forecast; ``error``
            of the median over the observed value; ``inside_50``, ``inside_80`` and ``inside_90``; ``below``, the
            share of the forecast below the observed value; ``crps`` in the unit of the outcome, from the pinball
            losses of the quantiles (Gneiting and Ranjan 2011, eq. 17, at equally spaced levels).

        Raises
        ------
        RegistrationError
            If a row is none of the registered runs.
        RunsError
            If the table cannot be used.
        """
        import scoringrules

        runs = self._read(observed, columns=columns, unit=unit)
        rows = np.array([self._point_of(runs, row) for row in range(len(runs.frame))])
        outcomes = runs.frame[runs.outcome].to_numpy(dtype=float)
        quantiles = np.array(self.quantiles)[rows]
        ends = {mass: [quantiles[:, _level(p)] for p in tail_probabilities(mass)] for mass in MASSES}
        (low, high), middle = ends[0.9], quantiles[:, _level(0.5)]
        inside = {f"inside_{100 * m:.0f}": (a <= outcomes) & (outcomes <= b) for m, (a, b) in ends.items()}
        below = [np.interp(value, each, LEVELS) for value, each in zip(outcomes, quantiles, strict=True)]
        return pd.DataFrame([self.points[row] for row in rows]).assign(
            observed=outcomes,
            q05=low,
            q50=middle,
            q95=high,
            error=middle / outcomes - 1 if self.by_ratio else middle - outcomes,
            **inside,
            below=below,
            crps=scoringrules.crps_quantile(outcomes, quantiles, LEVELS),
        )

    def _read(self, observed: AnyRuns, **reading: Any) -> Runs:
        how = {**reading, "outcome": self.outcome, "domain": self.domain}
        if isinstance(observed, Runs):
            runs = observed
        elif isinstance(observed, str | Path):
            runs = load_runs(observed, **how)
        else:
            runs = Runs.from_frame(observed, **how)
        if runs.unit not in (None, self.unit):
            raise RegistrationError(
                f"{runs.source}: {runs.outcome} is in {runs.unit}, but the forecast is in {self.unit}: convert it"
            )
        missing = [name for name in self.points[0] if name not in runs.frame]
        if missing:
            raise RegistrationError(
                f"{runs.source}: no column {missing[0]}, by which the registered runs are distinguished; "
                f"they have {', '.join(self.points[0])}"
            )
        return runs

    def _point_of(self, runs: Runs, row: int) -> int:
        """The registered run that a row of the table is."""
        given = {name: float(runs.frame[name].iloc[row]) for name in self.points[0]}
        far = [max(abs(given[name] / point[name] - 1) for name in point) for point in self.points]
        nearest = int(np.argmin(far))
        if not far[nearest] <= NEAR:
            raise RegistrationError(
                f"{runs.source}, run {row + 1}: {_place(given)} was not registered; "
                f"the nearest that was is {_place(self.points[nearest])}"
            )
        return nearest


def register(fit: Posterior, path: str | Path, *, seed: int = 0, **inputs: ArrayLike) -> Registered:
    """Forecast runs that have not been trained, and write the forecast to a file that can be scored later.

    Parameters
    ----------
    fit : Fit or Ensemble
    path : path
        Of the JSON file; an existing file is refused, since a registered forecast is not to be replaced.
    seed : int
        Seed of the noise.
    **inputs : array_like, shape (point,) or scalar
        The law's inputs by name, such as ``N`` (parameters) and ``D`` (tokens).

    Returns
    -------
    Registered

    Raises
    ------
    LawError
        If an input of the law is missing, unknown, not positive or not finite.
    OutputError
        If the file cannot be written.
    RegistrationError
        If it exists.
    """
    check_unregistered(path)
    registered = registered_forecast(fit, forecast(fit, seed=seed, **inputs))
    registered.write(path)
    return registered


def check_unregistered(path: str | Path) -> None:
    """Refuse to replace a file, before a forecast is computed for it."""
    check_output(Path(path))
    if Path(path).exists():
        raise RegistrationError(f"{path}: exists, and a registered forecast is not to be replaced: give another name")


def registered_forecast(fit: Posterior, bands: Forecast) -> Registered:
    """A forecast with what it rests on."""
    record = first_fit(fit).record
    quantiles = bands.draws["predictive"].quantile(LEVELS, dim=SAMPLE_DIMS).transpose("point", "quantile")
    points = bands.points.to_dict("records")
    return Registered(
        registered_at=datetime.now(UTC).isoformat(timespec="seconds"),
        dataset=record.dataset,
        data_hash=record.data_hash,
        n_runs=record.n_runs,
        fits=tuple(_fitted(fit, name, member) for name, member in members(fit).items()),
        versions=dict(record.versions),
        outcome=bands.outcome,
        domain=first_fit(fit).law.link.domain,
        unit=bands.unit,
        certified=fit.certified,
        warnings=bands.warnings,
        points=tuple({str(name): float(value) for name, value in point.items()} for point in points),
        quantiles=tuple(tuple(each) for each in quantiles.to_numpy().tolist()),
    )


def _fitted(posterior: Posterior, name: str, fit: Fit) -> dict[str, Any]:
    record = fit.record
    weights = posterior.weights if isinstance(posterior, Ensemble) else None
    own = ("law", "law_origin", "law_hash", "noise", "discrepancy", "engine", "draws", "chains", "seed", "flops")
    parameters = fit.summary()[["q05", "q50", "q95", "unit"]].to_dict("index")
    return {key: getattr(record, key) for key in own} | {
        "weights": {}
        if weights is None
        else {f"{h:g}": float(weights.sel(horizon=h, law=name)) for h in weights["horizon"].to_numpy()},
        "parameters": {str(key): dict(row) for key, row in parameters.items()},
    }


def _frozen(value: Any) -> Any:
    """Lists of a JSON document as the tuples that they were."""
    return tuple(_frozen(each) for each in value) if isinstance(value, list) else value


def _level(probability: float) -> int:
    return int(np.argmin(np.abs(LEVELS - probability)))


def _place(point: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {format_quantity(value)}" for name, value in point.items())
