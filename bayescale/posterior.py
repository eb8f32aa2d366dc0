"""The posterior, defined once: a law, its noise and a table of runs become one ``pm.Model``.

Both samplers, the prior and posterior predictive and the pointwise log likelihood are derived from this graph; there is
no second log density anywhere.
"""

import functools
import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayescale.discrepancy import Basis, log_likelihood, tau_parameter
from bayescale.law import Law, Parameter
from bayescale.noise import Noise
from bayescale.observations import link_outcome, link_standard_error
from bayescale.runs import Runs, law_inputs
from bayescale.tables import listed

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


def build_model(law: Law, runs: Runs, noise: Noise, basis: Basis[Any] | None = None) -> "pm.Model":
    """Build the posterior of a law given runs.

    The model has the dim ``run``, one ``pm.Data`` per input and setting, the centre of each input as
    ``centre_<input>``, the sampled parameters as free variables, the derived ones as deterministics, and the outcome on
    the link's scale as the observed variable, such as ``log_loss``. Nothing of the runs' length is traced.

    Parameters
    ----------
    law : Law
    runs : Runs
        Must hold the law's inputs and outcome; ``<outcome>_se``, where present, is each outcome's standard error, and
        ``<outcome>_n`` the number of items that a fraction was counted over.
    noise : Noise
    basis : Basis[Any], optional
        Features of the law's discrepancy, whose amplitude ``tau`` is then sampled; without it the law is taken as true.

    Returns
    -------
    pymc.Model
    """
    import pymc as pm
    import pytensor.tensor as pt

    name = law.link.variable(law.outcome)
    with pm.Model(coords=_coords(runs)) as model:
        data = {key: pm.Data(key, values, dims="run") for key, values in run_data(law, runs, basis).items()}
        data |= {key: pm.Data(key, values) for key, values in _table_data(law, runs, basis).items()}
        centre = {key: data[f"centre_{key}"] for key in law.input_names}
        sampled = _add_free_variables(law, sampled_parameters(law, noise, discrepancy=basis is not None))
        with law.blamed("derive"):
            derived = law.derive(pt, sampled, centre)
            parameters = sampled | {key: pm.Deterministic(key, value) for key, value in derived.items()}
        if {*derived} != (described := {item.name for item in law.derived}):
            raise law.fault(f"derive gives {listed(derived)}, but derived describes {listed(sorted(described))}")
        inputs = {item.name: data[item.name] for item in (*law.inputs, *law.settings)}
        with law.blamed("mean"):
            mu = law.link.forward(pt, law.mean(pt, inputs, parameters))
        if mu.ndim > 1:
            raise law.fault(f"mean gives {mu.ndim} dimensions: it must give one value for each run")
        if basis is None:
            noise.observe(name, mu, parameters, data.get(f"{name}_se"), data[f"{name}_data"])
        else:
            features = [data[key] for key in _basis_data(basis)]
            _observe_with_discrepancy(name, mu, parameters, features, data[f"{name}_data"])
    return model


def sampled_parameters(law: Law, noise: Noise, *, discrepancy: bool) -> tuple[Parameter, ...]:
    """Everything that is sampled: of the law, of the noise around it, and of its error where it may be wrong."""
    return (*law.parameters, *noise.parameters(law), *((tau_parameter(law),) if discrepancy else ()))


def set_runs(model: "pm.Model", law: Law, runs: Runs, basis: Basis[Any] | None = None) -> None:
    """Give a model other runs, with the basis of their discrepancy where it has one, without building it again."""
    import pymc as pm

    data = run_data(law, runs, basis) | _table_data(law, runs, basis)
    pm.set_data(data, model=model, coords=_coords(runs))


def set_basis(model: "pm.Model", basis: Basis[Any]) -> None:
    """Give a model another basis of the same runs, without building it again."""
    for name, values in _basis_data(basis).items():
        model[name].set_value(values)


def _observe_with_discrepancy(
    name: str, mu: Any, parameters: dict[str, Any], features: list[Any], observed: Any
) -> None:
    import pymc as pm

    pm.CustomDist(
        name,
        mu,
        parameters["sigma"],
        parameters["tau"],
        *features,
        logp=lambda value, mu, sigma, tau, *features: log_likelihood(value - mu, sigma, tau, *features),
        signature="(n),(),(),(n,k),(k),(n)->(n)",
        observed=observed,
        dims="run",
    )


def _coords(runs: Runs) -> dict[str, NDArray[np.int64]]:
    return {"run": np.arange(1, len(runs) + 1)}


def run_data(law: Law, runs: Runs, basis: Basis[Any] | None) -> dict[str, Array]:
    """What the graph reads of each run; with a discrepancy, standard errors are part of its noise scales."""
    name = law.link.variable(law.outcome)
    data = law_inputs(law, runs) | {f"{name}_data": link_outcome(law, runs)}
    error = link_standard_error(law, runs) if basis is None else None
    return data if error is None else data | {f"{name}_se": error}


def centre_data(law: Law, runs: Runs) -> dict[str, Any]:
    """The centre of each input, as the graph reads it."""
    return {f"centre_{key}": value for key, value in design_centre(law, runs).items()}


def _table_data(law: Law, runs: Runs, basis: Basis[Any] | None) -> dict[str, Any]:
    """What the graph reads of the runs together."""
    centre = centre_data(law, runs)
    return centre if basis is None else centre | _basis_data(basis)


def _basis_data(basis: Basis[Any]) -> dict[str, Array]:
    return {
        "discrepancy_rotation": basis.rotation,
        "discrepancy_variances": basis.variances,
        "noise_scale": basis.noise_scale,
    }


def design_centre(law: Law, runs: Runs) -> dict[str, float]:
    """Geometric mean of each input over the runs: where the sizes of a law's terms are sampled."""
    return {name: float(np.exp(np.log(runs.column(name)).mean())) for name in law.input_names}


def _add_free_variables(law: Law, parameters: Iterable[Parameter]) -> dict[str, Any]:
    """Add the parameters to the PyMC model in context, in order."""
    sampled: dict[str, Any] = {}
    for parameter in parameters:
        with law.blamed(f"parameter {parameter.name}"):
            sampled[parameter.name] = _free_variable(law, parameter, sampled)
    return sampled


def _free_variable(law: Law, parameter: Parameter, sampled: dict[str, Any]) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    distribution = _distribution(law, parameter)
    arguments = dict(parameter.prior.arguments)
    if parameter.arguments is not None:
        arguments |= parameter.arguments(pt, sampled)
    if parameter.shift is None:
        return distribution(parameter.name, **arguments)
    return pm.CustomDist(
        parameter.name,
        parameter.shift(pt, sampled),
        *arguments.values(),
        dist=functools.partial(_shifted, distribution, tuple(arguments)),
        transform=pm.distributions.transforms.log,
    )


def _distribution(law: Law, parameter: Parameter) -> Any:
    """The PyMC distribution of a prior; PyMC itself takes no notice of an argument that it does not know."""
    import pymc as pm

    prior = parameter.prior
    found: Any = getattr(pm, str(prior.distribution), None)
    if not hasattr(found, "dist") or pm.Discrete in getattr(found, "__mro__", ()):
        raise law.fault(
            f"parameter {parameter.name}: prior {prior.distribution!r} is not a continuous distribution of PyMC, such "
            "as LogNormal, Normal or Beta"
        )
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    known = [name for name, each in inspect.signature(found.dist).parameters.items() if each.kind in kinds]
    unknown = [name for name in prior.arguments if name not in known]
    if unknown:
        raise law.fault(
            f"parameter {parameter.name}: prior {prior.distribution} has no argument {', '.join(unknown)}; it takes "
            f"{', '.join(known)}"
        )
    return found


def _shifted(distribution: Any, names: tuple[str, ...], shift: Any, *arguments_and_size: Any) -> Any:
    """A distribution's variable plus a shift; the size comes last, as PyMC gives it."""
    return shift + distribution.dist(**dict(zip((*names, "size"), arguments_and_size, strict=True)))
