"""The posterior, defined once: a law, its noise and a table of runs become one ``pm.Model``.

Both samplers, the prior and posterior predictive and the pointwise log likelihood are derived from this graph; there is
no second log density anywhere.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayescale.discrepancy import TAU, Basis, log_likelihood
from bayescale.law import Law, Parameter
from bayescale.noise import Noise
from bayescale.runs import Runs

if TYPE_CHECKING:
    import pymc as pm


def build_model(law: Law, runs: Runs, noise: Noise, basis: Basis | None = None) -> "pm.Model":
    """Build the posterior of a law given runs.

    The model has the dim ``run``, one ``pm.Data`` per input, the centre of each input as ``centre_<input>``, the
    sampled parameters as free variables, the derived ones as deterministics, and the log outcome as the observed
    variable ``log_<outcome>``. Nothing of the runs' length is traced.

    Parameters
    ----------
    law : Law
    runs : Runs
        Must hold the law's inputs and outcome; ``<outcome>_se``, where present, is each outcome's standard error.
    noise : Noise
    basis : Basis, optional
        Features of the law's discrepancy, whose amplitude ``tau`` is then sampled; without it the law is taken as true.

    Returns
    -------
    pymc.Model
    """
    import pymc as pm
    import pytensor.tensor as pt

    outcome = runs.column(law.outcome)
    with pm.Model(coords={"run": np.arange(1, len(runs) + 1)}) as model:
        inputs = {name: pm.Data(name, runs.column(name), dims="run") for name in law.input_names}
        centre = {name: pm.Data(f"centre_{name}", value) for name, value in design_centre(law, runs).items()}
        sampled = _add_free_variables((*law.parameters, *noise.parameters, *(() if basis is None else (TAU,))))
        derived = law.derive(pt, sampled, centre)
        parameters = sampled | {name: pm.Deterministic(name, value) for name, value in derived.items()}
        mu = pt.log(law.mean(pt, inputs, parameters))
        observed = pm.Data(f"log_{law.outcome}_data", np.log(outcome), dims="run")
        if basis is None:
            relative = relative_standard_error(law, runs)
            error = None if relative is None else pm.Data(f"log_{law.outcome}_se", relative, dims="run")
            noise.observe(f"log_{law.outcome}", mu, parameters, error, observed)
        else:
            _observe_with_discrepancy(f"log_{law.outcome}", mu, parameters, basis, observed)
    return model


def set_basis(model: "pm.Model", basis: Basis) -> None:
    """Give a model another basis of the same runs, without building it again."""
    for name, values in _basis_data(basis).items():
        model[name].set_value(values)


def _observe_with_discrepancy(name: str, mu: Any, parameters: dict[str, Any], basis: Basis, observed: Any) -> None:
    import pymc as pm

    data = [pm.Data(key, values) for key, values in _basis_data(basis).items()]
    pm.CustomDist(
        name,
        mu,
        parameters["sigma"],
        parameters["tau"],
        *data,
        logp=lambda value, mu, sigma, tau, *data: log_likelihood(value - mu, sigma, tau, *data),
        signature="(n),(),(),(n,k),(k),(n)->(n)",
        observed=observed,
        dims="run",
    )


def _basis_data(basis: Basis) -> dict[str, NDArray[np.float64]]:
    return {
        "discrepancy_rotation": basis.rotation,
        "discrepancy_variances": basis.variances,
        "noise_scale": basis.noise_scale,
    }


def design_centre(law: Law, runs: Runs) -> dict[str, float]:
    """Geometric mean of each input over the runs: where the sizes of a law's terms are sampled."""
    return {name: float(np.exp(np.log(runs.column(name)).mean())) for name in law.input_names}


def relative_standard_error(law: Law, runs: Runs) -> NDArray[np.float64] | None:
    """Standard error of each log outcome (delta method), or None where the table has none."""
    column = f"{law.outcome}_se"
    if column not in runs.frame:
        return None
    return np.asarray(runs.column(column) / runs.column(law.outcome))


def _add_free_variables(parameters: Iterable[Parameter]) -> dict[str, Any]:
    """Add the parameters to the PyMC model in context, in order."""
    import pymc as pm
    import pytensor.tensor as pt

    sampled: dict[str, Any] = {}
    for parameter in parameters:
        distribution, arguments = getattr(pm, parameter.prior.distribution), parameter.prior.arguments
        if parameter.shift is None:
            sampled[parameter.name] = distribution(parameter.name, **arguments)
        else:
            sampled[parameter.name] = pm.CustomDist(
                parameter.name,
                parameter.shift(pt, sampled),
                dist=lambda shift, size, d=distribution, a=arguments: shift + d.dist(**a, size=size),
                transform=pm.distributions.transforms.log,
            )
    return sampled
