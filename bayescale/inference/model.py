"""The posterior, defined once: a law, its discrepancy, its noise and a table of runs become one ``pm.Model``.

Both samplers, the prior and posterior predictive and the pointwise log likelihood are derived from this graph.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.wording import listed
from bayescale.data.observed import Observed
from bayescale.inference.discrepancy import DRIFT, TAU, Basis, Separate
from bayescale.inference.evidence import add_evidence, variances_at
from bayescale.inference.reported import believed, check_reach
from bayescale.inference.scales import amplitude_parameters
from bayescale.inference.variables import add_variables, fixed_value
from bayescale.laws.law import Law
from bayescale.laws.noise import Noise, noise_of_runs
from bayescale.laws.parameters import GROUP_DIM, Parameter, Values

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]

COEFFICIENTS = "coefficients"
"""Name of the standard normal coefficients of the discrepancy's features; the last may be the law's level."""


@dataclass(frozen=True)
class Posterior:
    """A posterior as a graph, and the nodes of the graph that samplers read.

    Attributes
    ----------
    model : pymc.Model
    location, scale : tensor, shape (run,)
        Location and scale of each outcome on the link's scale; the location excludes the discrepancy.
    amplitudes : tensor, shape (feature,), or None
        Factor of each coefficient in what it adds to the location; None if the law is taken as true.
    df : tensor or None
        Degrees of freedom of the noise; None if it is normal.
    """

    model: "pm.Model"
    location: Any
    scale: Any
    amplitudes: Any | None
    df: Any | None


def build_model(observed: Observed, noise: Noise, basis: Basis[Any] | None = None) -> Posterior:
    """Build the posterior of a law given the runs to which it is bound.

    The model has the dim ``run``, one ``pm.Data`` per input and setting, the centre of each input as
    ``centre_<input>``, the sampled parameters as free variables, the derived ones as deterministics, and the outcome on
    the link's scale as the observed variable, such as ``log_loss``. The number of runs is not part of the graph.

    Parameters
    ----------
    observed : Observed
    noise : Noise
    basis : Basis[Any], optional
        Features of the law's discrepancy, whose coefficients and amplitudes are then sampled; without it the law is
        taken as true. The parameter that scales the law's mean becomes one more coefficient: given all others, the
        runs determine it to within the noise over the square root of their number, so the posterior follows a curve
        that no proposal would match.

    Returns
    -------
    Posterior
    """
    import pymc as pm
    import pytensor.tensor as pt

    observed = with_carriers(observed)
    law = observed.law
    name = law.link.variable(law.outcome)
    with pm.Model(coords=_coords(observed, basis)) as model:
        data = {key: pm.Data(key, values, dims="run") for key, values in run_data(observed).items()}
        data |= {key: pm.Data(key, values) for key, values in centre_data(observed).items()}
        if basis is not None:
            data |= {key: pm.Data(key, values, dims=_DIMS[key]) for key, values in _basis_data(law, basis).items()}
        centre = {key: data[f"centre_{key}"] for key in observed.centre}
        inputs = {item.name: data[item.name] for item in (*law.inputs, *law.settings)}
        typical = pt.mean(data[f"{name}_data"])

        def location_of(parameters: Values) -> Any:
            with law.blamed("mean"):
                return law.link.forward(pt, law.mean(pt, inputs, parameters))

        def shape(sampled: Values, level: str) -> Any:
            """Mean log of the law at the runs, relative to its level, at a level as high as the outcomes."""
            whole = {**sampled, level: pt.exp(typical)}
            return pt.mean(location_of({**whole, **law.derive(pt, whole, centre)})) - typical

        wanted = sampled_parameters(law, noise, discrepancy=basis is not None)
        check_reach(law, (each for each in wanted if each.name not in law.units))
        sampled = add_variables(law, wanted, centre, None if basis is None else shape)
        if basis is not None:
            coefficients = pm.Normal(COEFFICIENTS, 0.0, 1.0, dims="feature")
            if law.level is not None:
                # A sum, because the vectorised graph would look up an index draw by draw.
                level = pt.exp(_log_normal(law.level)[0] + pt.sum(coefficients * data["of_level"]))
                sampled[law.level.name] = level
                pm.Deterministic(law.level.name, level)
        with law.blamed("derive"):
            derived = law.derive(pt, sampled, centre)
            # To the last digit, since solving for a parameter and computing the quantity again round.
            derived |= {key: sampled[key] for key in derived if key in sampled}
            derived |= {
                key: fixed_value(law.priors[key]) for key in derived if key in law.priors and law.priors[key].fixed
            }
            # Deterministic returns a view, which the vectorised graph would evaluate draw by draw: it is not used.
            for key, value in derived.items():
                if key not in model.named_vars:
                    pm.Deterministic(key, value, dims=GROUP_DIM if pt.as_tensor(value).ndim else None)
            parameters = sampled | derived
        if {*derived} != (described := {item.name for item in law.derived}):
            raise law.fault(f"derive gives {listed(derived)}, but derived describes {listed(sorted(described))}")
        location = location_of(parameters)
        if location.ndim > 1:
            raise law.fault(f"mean gives {location.ndim} dimensions: it must give one value for each run")
        standard_error, measured = data.get(f"{name}_se"), data[f"{name}_data"]
        relative = None if basis is None else data["noise_scale"]
        scale = noise_of_runs(parameters["sigma"], relative, standard_error)
        if law.evidence:
            add_evidence(law, parameters, None if basis is None else (data["evidence_local"], data["evidence_drift"]))
        if basis is None:
            noise.observe(name, location, scale, parameters, measured)
            return Posterior(model, location, scale, None, parameters.get("nu"))
        amplitudes = parameters["tau"] * data["of_tau"] + parameters["drift"] * data["of_drift"]
        noise.observe(name, location + _error(data, coefficients * amplitudes), scale, parameters, measured)
        return Posterior(model, location, scale, amplitudes + data["of_level"], parameters.get("nu"))


def _error(data: Values, scaled: Any) -> Any:
    """The discrepancy at each run, from its features and the coefficients times their amplitudes."""
    if "of_group" not in data:
        return (scaled[None, :] @ data["features"].T)[0]
    # Of dozens of groups' features, each run has those of its own group: the rest of the matrix would be zero.
    own = scaled[data["of_group"].flatten()].reshape(data["features"].shape)
    return (data["features"] * own).sum(axis=-1)


def with_carriers(observed: Observed) -> Observed:
    """The runs bound to the law whose sampled parameters carry the user's priors."""
    stated = observed.law.priors or observed.law.evidence
    return observed if not stated else replace(observed, law=believed(observed.law))


def sampled_parameters(law: Law, noise: Noise, *, discrepancy: bool) -> tuple[Parameter, ...]:
    """Every parameter that is sampled by itself: of the law, of the noise, and of the discrepancy if there is one.

    With a discrepancy the law's level is not among them: it is sampled as a coefficient.
    """
    if not discrepancy:
        return (*law.parameters, *noise.parameters(law))
    own = (item for item in law.parameters if item is not law.level)
    return (*own, *noise.parameters(law), *amplitude_parameters(law))


def set_runs(model: "pm.Model", observed: Observed, basis: Basis[Any] | None = None) -> None:
    """Give a model other runs, and the basis of their discrepancy if there is one, without rebuilding it."""
    observed = with_carriers(observed)
    # pm.set_data would compile a function for every dimension of every variable.
    for dim, labels in _coords(observed, basis).items():
        model.set_dim(dim, len(labels), labels)
    for name, values in (run_data(observed) | _table_data(observed, basis)).items():
        model[name].set_value(np.asarray(values, dtype=float))


def feature_matrix(law: Law, basis: Basis[Any]) -> Array:
    """Features of the runs, shape (run, feature); the last is that of the law's level, if it has one."""
    at_runs = basis.process.at_runs
    level = np.full((len(at_runs), int(law.level is not None)), 1.0)
    return np.hstack([at_runs, level])


def _coords(observed: Observed, basis: Basis[Any] | None) -> dict[str, NDArray[Any]]:
    coords: dict[str, NDArray[Any]] = {"run": np.arange(1, len(observed) + 1)}
    if groups := next((item.groups for item in observed.law.parameters if item.groups), None):
        coords[GROUP_DIM] = np.array(groups)
    if basis is None:
        return coords
    return coords | {"feature": np.arange(len(basis.process.kinds) + (observed.law.level is not None))}


def run_data(observed: Observed) -> dict[str, Array]:
    """Data of each run that the graph reads."""
    name = observed.law.link.variable(observed.law.outcome)
    data, error = observed.inputs | {f"{name}_data": observed.on_link}, observed.standard_error
    return data if error is None else data | {f"{name}_se": error}


def centre_data(observed: Observed) -> dict[str, Any]:
    """The centre of each input, by its name in the graph."""
    return {f"centre_{key}": value for key, value in observed.centre.items()}


def _table_data(observed: Observed, basis: Basis[Any] | None) -> dict[str, Any]:
    """Data that the graph reads and that depend on all runs together."""
    centre = centre_data(observed)
    return centre if basis is None else centre | _basis_data(observed.law, basis)


_DIMS: dict[str, str | tuple[str, ...] | None] = {
    "features": ("run", "feature"),
    "of_group": ("run", "own_feature"),
    "of_tau": "feature",
    "of_drift": "feature",
    "of_level": "feature",
    "noise_scale": "run",
    "evidence_local": None,
    "evidence_drift": None,
}


def _basis_data(law: Law, basis: Basis[Any]) -> dict[str, Array]:
    local, drift = variances_at(law, basis) if law.evidence else (np.empty(0), np.empty(0))
    kinds, level = basis.process.kinds, [] if law.level is None else [_log_normal(law.level)[1]]
    padding = np.zeros(len(level))
    if isinstance(basis.process, Separate):
        features = dict(zip(("features", "of_group"), basis.process.compact, strict=True))
    else:
        # The level's own column is zero here, since it is part of the law's mean.
        features = {"features": np.hstack([basis.process.at_runs, np.zeros((len(basis.noise_scale), len(level)))])}
    return {
        **features,
        "of_tau": np.append(1.0 * (kinds == TAU), padding),
        "of_drift": np.append(1.0 * (kinds == DRIFT), padding),
        "of_level": np.append(np.zeros(len(kinds)), level),
        "noise_scale": basis.noise_scale,
        **({"evidence_local": local, "evidence_drift": drift} if law.evidence else {}),
    }


def level_deviation(law: Law) -> float:
    """Prior standard deviation of the log of the law's level, the factor of its coefficient; zero without a level."""
    return 0.0 if law.level is None else _log_normal(law.level)[1]


def _log_normal(level: Parameter) -> tuple[float, float]:
    return level.prior.arguments["mu"], level.prior.arguments["sigma"]
