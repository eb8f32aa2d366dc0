"""Inference: build, compile and sample the posterior of a law given runs, and certify the draws.

Compiling takes as long as sampling, so the graph of a law is compiled once per process and reused for every table of
runs.
"""

import functools
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.intervals import SAMPLE_DIMS
from bayescale.data.checks import check_mean
from bayescale.data.observed import Observed
from bayescale.inference.discrepancy import Basis, discrepancy_basis
from bayescale.inference.options import Options
from bayescale.inference.sampled import Diagnostics, Sampled
from bayescale.inference.scales import amplitude_parameters
from bayescale.laws.law import Law
from bayescale.laws.noise import Noise
from bayescale.laws.parameters import GROUP

if TYPE_CHECKING:
    import pymc as pm

    from bayescale.inference.model import Posterior
    from bayescale.sampling.importance import ImportanceResult
    from bayescale.sampling.latent import LatentDensity
    from bayescale.sampling.logdensity import LogDensity
    from bayescale.sampling.modes import Density
    from bayescale.sampling.nuts import CompiledNuts

Array = NDArray[np.float64]

PRIOR = "prior"
"""What takes the place of a sampler's name where draws are from the prior."""
PRIOR_DRAWS = 1000
_LAWS_KEPT = 16
_MOST_COORDINATES = 16
"""Coordinates of pooled groups above which importance sampling is not tried, since its proposals do not fit."""
_LONG = 2
"""Draws of NUTS for each that is kept above as many coordinates, where a thousand in a chain are rarely certified."""


class Compiled:
    """A law's posterior as a compiled graph that is reused for one table of runs after another.

    Parameters
    ----------
    law : Law
    noise : Noise
    discrepancy : bool
    many : bool
        Whether to compile NUTS, too, for reuse on many tables, which takes longer than compiling it for one.
    """

    def __init__(self, law: Law, noise: Noise, discrepancy: bool, *, many: bool = False) -> None:
        self._law, self._noise, self._discrepancy, self._many = law, noise, discrepancy, many
        self._posterior: Posterior | None = None
        self._compiled_nuts: CompiledNuts | None = None
        self._prior: dict[int, Array] = {}
        self._lock = Lock()

    def sample(self, observed: Observed, options: Options, *, certify: bool = True) -> "Sampled":
        """Sample the posterior given runs, one thread at a time."""
        from bayescale.inference.large_tables import density_in_blocks, is_large
        from bayescale.inference.model import with_carriers
        from bayescale.inference.whitening import model_of_nuts

        observed = with_carriers(observed)
        with self._lock:
            basis = discrepancy_basis(observed) if self._discrepancy else None
            density = self._with_runs(observed, basis)
            coordinates, prior = self._checked_prior(observed, density, options.seed)
            if basis is not None:
                target: Density = self._latent(observed, basis, density)
            else:
                target = density_in_blocks(observed, density) if is_large(len(observed)) else density
            if certify:
                crowded = GROUP in self._law.settings and len(density.names) > _MOST_COORDINATES
                model = functools.partial(model_of_nuts, self._noise, observed, density, target, coordinates)
                nuts = functools.partial(_sample_nuts, self, model, density, target, options, crowded)
                asked = replace(options, engine="nuts") if crowded else options
                sampled = _sample(density, target, coordinates, asked, nuts, self._law.several_modes)
            else:
                sampled = _sample_importance(
                    density, target, coordinates, options, self._law.several_modes, certify=False
                )
        return replace(sampled, prior=prior, basis=basis)

    def sample_prior(self, observed: Observed, options: Options) -> "Sampled":
        """Draw from the prior of a fit to these runs, which only say where it is centred."""
        from bayescale.inference.model import with_carriers

        observed = with_carriers(observed)
        with self._lock:
            basis = discrepancy_basis(observed) if self._discrepancy else None
            density = self._with_runs(observed, basis)
            self._checked_prior(observed, density, options.seed)
            coordinates = density.prior(n := options.draws * options.chains, options.seed)
            features = len(self.posterior.model.coords.get("feature", ()))
            latent = np.random.default_rng(options.seed).standard_normal((n, features))
            parameters, (_, log_prior) = density.parameters(coordinates, latent), density.log_prior(coordinates)
        shape = (options.chains, options.draws)
        drawn = _in_chains(parameters, shape)
        stats = {"lp": log_prior, "log_prior": log_prior, "total_log_likelihood": np.zeros(n)}
        return Sampled(
            posterior=drawn,
            sample_stats=xr.Dataset({name: (SAMPLE_DIMS, value.reshape(shape)) for name, value in stats.items()}),
            engine=PRIOR,
            diagnostics=Diagnostics(
                True, None, dict.fromkeys(density.parameter_names, float(n)), None, None, None, None
            ),
            prior=drawn,
            basis=basis,
            coefficients=latent.reshape(*shape, features) if features else None,
        )

    def _latent(self, observed: Observed, basis: Basis[Any], density: "LogDensity") -> "LatentDensity":
        """The density with the discrepancy's coefficients integrated out."""
        from bayescale.inference.model import feature_matrix
        from bayescale.sampling.latent import LatentDensity

        assert self._posterior is not None
        features, of = feature_matrix(observed.law, basis), self._posterior
        nodes = [node for node in (of.location, of.scale, of.amplitudes, of.df) if node is not None]
        parts = density.parts(nodes, *features.shape)
        names = [each.name for each in amplitude_parameters(self._law) if not each.prior.fixed]
        amplitudes = [density.parameter_names.index(name) for name in names]
        return LatentDensity(parts, features, observed.on_link, amplitudes)

    @property
    def posterior(self) -> "Posterior":
        """The graph, holding the runs that were sampled last."""
        assert self._posterior is not None
        return self._posterior

    def nuts(self) -> "CompiledNuts | None":
        """The compiled NUTS sampler that the next table reuses; None unless there are many tables."""
        from bayescale.sampling.nuts import CompiledNuts

        if self._many and self._compiled_nuts is None:
            self._compiled_nuts = CompiledNuts(self.posterior.model)
        return self._compiled_nuts

    def _checked_prior(self, observed: Observed, density: "LogDensity", seed: int) -> tuple[Array, dict[str, Array]]:
        """Draws from the prior, as coordinates and as parameters; checks that the law's mean works at them."""
        with self._law.blamed("drawing from its priors"):
            coordinates = self._prior_coordinates(seed)
        latent = np.zeros((len(coordinates), len(self.posterior.model.coords.get("feature", ()))))
        # The last coefficient is that of the law's level, if it has one; no parameter depends on the others.
        latent[:, -1:] = np.random.default_rng(seed).standard_normal((len(coordinates), min(1, latent.shape[1])))
        prior = density.parameters(coordinates, latent)
        check_mean(observed, prior)
        return coordinates, prior

    def _prior_coordinates(self, seed: int) -> Array:
        """Draws from the prior, kept for the next table since they do not depend on the runs."""
        if seed not in self._prior:
            self._prior = {seed: self._density.prior(PRIOR_DRAWS, seed)}
        return self._prior[seed]

    def _with_runs(self, observed: Observed, basis: Basis[Any] | None) -> "LogDensity":
        from bayescale.inference.model import build_model, set_runs
        from bayescale.sampling.logdensity import LogDensity

        if self._posterior is None:
            self._posterior = build_model(observed, self._noise, basis)
            self._density = LogDensity(self._posterior.model)
        else:
            set_runs(self._posterior.model, observed, basis)
        return self._density


def infer(observed: Observed, options: Options, *, certify: bool = True, many: bool = False) -> "Sampled":
    """Sample the posterior of a law given the runs that it is bound to; a law that was compiled before is not again.

    Without ``certify`` the draws come from one quick proposal and are never certified. With ``many``, NUTS is compiled
    for reuse on many tables.
    """
    with_errors = observed.standard_error is not None
    compiled = _compiled(observed.law, options.noise_model, options.discrepancy, with_errors, many)
    with _untraced():
        return compiled.sample(observed, options, certify=certify)


def infer_prior(observed: Observed, options: Options) -> "Sampled":
    """Draw from the prior of a fit of a law to the runs that it is bound to."""
    with_errors = observed.standard_error is not None
    compiled = _compiled(observed.law, options.noise_model, options.discrepancy, with_errors, False)
    with _untraced():
        return compiled.sample_prior(observed, options)


def _untraced() -> AbstractContextManager[None]:
    """Have PyTensor not note where each node was made, which takes a tenth of the time until a law is compiled."""
    import pytensor

    flags: AbstractContextManager[None] = pytensor.config.change_flags(traceback__limit=0)
    return flags


@functools.lru_cache(maxsize=_LAWS_KEPT)
def _compiled(law: Law, noise: Noise, discrepancy: bool, with_errors: bool, many: bool) -> Compiled:
    return Compiled(law, noise, discrepancy, many=many)


def forget() -> None:
    """Drop all compiled laws, as is necessary after the constants of the discrepancy have changed."""
    _compiled.cache_clear()


def _sample(
    density: "LogDensity",
    target: "Density",
    prior_coordinates: Array,
    options: Options,
    nuts: Callable[[], Sampled],
    several_modes: bool,
) -> Sampled:
    if options.engine == "nuts":
        alone = nuts()
        return replace(alone, warnings=() if alone.diagnostics.certified else (_uncertified("NUTS", alone),))
    first = _sample_importance(density, target, prior_coordinates, options, several_modes)
    if first.diagnostics.certified:
        return first
    why = f"importance sampling was not certified ({'; '.join(first.shortfalls)})"
    if several_modes:  # NUTS does not move between modes, takes a minute, and was not certified either
        return replace(first, warnings=(f"NOT CERTIFIED: {why}",))
    second = nuts()
    if second.diagnostics.certified:
        return replace(second, warnings=(f"{why}: these draws are from NUTS",))
    better = max(first, second, key=lambda s: s.diagnostics.ess_min)
    also = _uncertified("NUTS", second).removeprefix("NOT CERTIFIED: ")
    return replace(better, warnings=(f"NOT CERTIFIED: {why}; {also}; these draws are from {better.engine}",))


def _uncertified(sampler: str, sampled: Sampled) -> str:
    """Which limits chains miss, and what may cure it."""
    missed = "; ".join(sampled.shortfalls)
    return f"NOT CERTIFIED: {sampler} was not certified ({missed}): longer chains may be, by more draws= or minutes="


def _sample_importance(
    density: "LogDensity",
    target: "Density",
    prior_coordinates: Array,
    options: Options,
    several_modes: bool,
    *,
    certify: bool = True,
) -> Sampled:
    from bayescale.sampling.importance import sample_importance, sketch_importance

    sampler = sample_importance if certify else sketch_importance
    result = sampler(
        target, prior_coordinates, options.draws * options.chains, options.seed, several_modes=several_modes
    )
    return _sampled(density, result, (options.chains, options.draws))


def _sampled(density: "LogDensity", result: "ImportanceResult", shape: tuple[int, int]) -> Sampled:
    parameters = density.parameters(result.draws, result.latent)
    return Sampled(
        posterior=_in_chains(parameters, shape),
        sample_stats=_log_densities(density, result.draws, result.log_density, shape),
        engine="importance",
        diagnostics=Diagnostics(
            certified=result.certified,
            pareto_k=result.pareto_k,
            ess=dict(zip(density.parameter_names, result.ess.tolist(), strict=True)),
            r_hat_max=None,
            divergent_share=None,
            log_evidence=result.log_evidence,
            log_evidence_se=result.log_evidence_se,
        ),
        warnings=() if result.exact or not result.certified else (_APPROXIMATE,),
        shortfalls=result.shortfalls,
        coefficients=result.latent.reshape(*shape, -1) if result.latent.shape[1] else None,
    )


_APPROXIMATE = (
    "the discrepancy's coefficients are integrated out approximately (nested Laplace), since their exact weights were "
    "too uneven"
)


def _sample_nuts(
    compiled: Compiled,
    model_of: "Callable[[Posterior], pm.Model]",
    density: "LogDensity",
    target: "Density",
    options: Options,
    crowded: bool,
) -> Sampled:
    from bayescale.inference.model import COEFFICIENTS
    from bayescale.sampling.bridge import log_evidence
    from bayescale.sampling.nuts import sample_nuts

    own = compiled.posterior.model
    model = model_of(compiled.posterior)
    result = sample_nuts(
        model,
        draws=options.draws,
        chains=options.chains,
        seed=options.seed,
        tune=options.tune,
        minutes=options.minutes,
        length=_LONG if crowded else 1,
        compiled=compiled.nuts() if model is own else None,
        names=[each.name for each in own.free_RVs],
    )
    sampled = {str(name): values.to_numpy() for name, values in result.posterior.data_vars.items()}
    coefficients = sampled.pop(COEFFICIENTS, None)
    shape = (options.chains, next(iter(sampled.values())).shape[1])
    coordinates = density.unconstrain({n: values.reshape(-1, *values.shape[2:]) for n, values in sampled.items()})
    latent = None if coefficients is None else coefficients.reshape(len(coordinates), -1)
    posterior = _in_chains(density.parameters(coordinates, latent), shape)
    # Chains that are not certified may miss part of the posterior, and then its normalising constant is wrong too. No
    # bridge holds for the hyperparameters of groups: those of two seeds differed by nats, with errors of 0.06.
    known = result.certified and not crowded
    bridged = log_evidence(target, coordinates.reshape(*shape, -1), options.seed) if known else (None, None)
    return Sampled(
        posterior=posterior,
        sample_stats=result.sample_stats.assign(
            _log_densities(density, coordinates, target(coordinates), shape).data_vars
        ),
        engine="nuts",
        diagnostics=Diagnostics(
            certified=result.certified,
            pareto_k=None,
            ess=result.ess,
            r_hat_max=result.r_hat_max,
            divergent_share=result.divergent_share,
            log_evidence=bridged[0],
            log_evidence_se=bridged[1],
        ),
        coefficients=coefficients,
        shortfalls=result.shortfalls,
    )


def _in_chains(parameters: Mapping[str, Array], shape: tuple[int, int]) -> dict[str, Array]:
    """Parameters of shape (chain, draw, ...) from those of all draws in a row."""
    return {name: values.reshape(*shape, *values.shape[1:]) for name, values in parameters.items()}


def _log_densities(density: "LogDensity", coordinates: Array, total: Array, shape: tuple[int, int]) -> xr.Dataset:
    """Log posterior density of draws, log prior and log likelihood for power scaling, and terms of evidence."""
    unconstrained, own_scale = density.log_prior(coordinates)
    values = {"lp": total, "log_prior": own_scale, "total_log_likelihood": total - unconstrained}
    values |= density.potentials(coordinates)
    return xr.Dataset({name: (SAMPLE_DIMS, value.reshape(shape)) for name, value in values.items()})
