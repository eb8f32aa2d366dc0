"""Choices between runs: which of two is better, by how much, and how sure that is."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from bayescale.basics.errors import LawError
from bayescale.basics.intervals import SAMPLE_DIMS
from bayescale.basics.quantities import format_quantity, number
from bayescale.planning.answers import Answer, share_of
from bayescale.posterior.ensembles import Posterior, first_fit
from bayescale.posterior.forecasting import forecast


def versus(
    fit: Posterior, first: Mapping[str, float | str], second: Mapping[str, float | str], *, seed: int = 0
) -> Answer:
    """Compare two runs: every draw of the posterior and of the model discrepancy covers both runs.

    So what is uncertain about both alike, such as the irreducible loss, cancels out of the difference.

    Parameters
    ----------
    fit : Fit or Ensemble
    first, second : mapping of float
        The laws' inputs by name, such as ``{"N": 70e9, "D": 1.4e12}``.
    seed : int

    Returns
    -------
    Answer
        ``first``, ``second`` and ``difference`` (first minus second), the expected outcome of each run;
        ``difference_of_runs``, with the noise of two new runs. Dims chain and draw. The probabilities are that the
        first run is expected to have the lower outcome, and that it comes out lower, with the noise of one run of each.

    Raises
    ------
    LawError
        If an input is missing, unknown, not positive or not finite, or the two runs are the same.

    Examples
    --------
    >>> from bayescale import fit
    >>> posterior = fit("tied", "chinchilla")
    >>> more_tokens = versus(posterior, {"N": 1e9, "D": 4e10}, {"N": 1e9, "D": 2e10})
    >>> bool(more_tokens.draws["difference"].mean() < 0)
    True
    >>> list(more_tokens.probabilities)
    ['loss of the first is lower', 'one run of the first comes out lower than one of the second']
    """
    first, second = ({name: number(name, value) for name, value in run.items()} for run in (first, second))
    check_two(first, second)
    points = {name: [run[name] for run in (first, second)] for name in first}
    bands = forecast(fit, seed=seed, **points)
    law = first_fit(fit).law
    latent, predictive = (
        bands.draws[name].drop_vars(law.input_names, errors="ignore") for name in ("latent", "predictive")
    )
    found = {
        "first": latent.isel(point=0, drop=True),
        "second": latent.isel(point=1, drop=True),
        "difference": latent.isel(point=0) - latent.isel(point=1),
        "difference_of_runs": predictive.isel(point=0) - predictive.isel(point=1),
    }
    draws = xr.Dataset({name: values.assign_attrs(units=law.outcome_unit) for name, values in found.items()})
    return Answer(
        question=f"{named(first)} against {named(second)}: {law.outcome}",
        draws=draws.transpose(*SAMPLE_DIMS),
        probabilities={
            f"{law.outcome} of the first is lower": share_of(draws["difference"] < 0),
            "one run of the first comes out lower than one of the second": share_of(draws["difference_of_runs"] < 0),
        },
        warnings=bands.warnings,
        notes=fit.notes,
    )


def check_two(first: Mapping[str, float], second: Mapping[str, float]) -> None:
    """Check that two runs are different ones with the same inputs.

    Raises
    ------
    LawError
        If they are not.
    """
    if dict(first) == dict(second):
        raise LawError(f"the two runs are the same, {named(first)}: give two different ones")
    lacking = sorted(first.keys() ^ second.keys())
    if lacking:
        raise LawError(f"both runs need the same inputs: {', '.join(lacking)} is given for one only")


def named(run: Mapping[str, float]) -> str:
    """What to call a run by its inputs: ``N = 70B, D = 1.4T``."""
    return ", ".join(f"{name} = {format_quantity(float(np.float64(value)))}" for name, value in run.items())
