"""The No-U-Turn sampler on the same graph: the reference, and the fallback of importance sampling."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayescale.basics.parallel import cores
from bayescale.basics.wording import told_apart
from bayescale.sampling.latent import MANY_RUNS

if TYPE_CHECKING:
    import pymc as pm

R_HAT_LIMIT = 1.01
"""Largest R-hat of a certified fit (Vehtari et al. 2021, arXiv:1903.08008)."""
ESS_LIMIT = 400
"""Smallest bulk and tail effective sample size of a certified fit (the same paper)."""
DIVERGENT_SHARE_LIMIT = 0.01
"""Largest share of divergent transitions of a certified fit."""

_TARGET_ACCEPT = 0.95


@dataclass(frozen=True)
class NutsResult:
    """Chains and their diagnostics.

    Attributes
    ----------
    posterior : xarray.Dataset
        Sampled parameters, dims chain and draw.
    sample_stats : xarray.Dataset
        ``diverging``, ``energy``, ``n_steps``, ``step_size`` and ``lp``, dims chain and draw.
    r_hat_max : float
        Worst R-hat over the sampled parameters.
    ess : dict
        The smaller of bulk and tail effective sample size for each sampled parameter.
    divergent_share : float
        Share of draws whose transition diverged.
    """

    posterior: xr.Dataset
    sample_stats: xr.Dataset
    r_hat_max: float
    ess: dict[str, float]
    divergent_share: float

    @property
    def ess_min(self) -> float:
        """Effective sample size for the worst parameter."""
        return min(self.ess.values())

    @property
    def shortfalls(self) -> tuple[str, ...]:
        """The limits of a certified fit that the chains miss, for people to read."""
        found = []
        if not self.r_hat_max < R_HAT_LIMIT:
            found.append(f"R-hat {told_apart(self.r_hat_max, R_HAT_LIMIT)}, not below {R_HAT_LIMIT:g}")
        if not self.ess_min >= ESS_LIMIT:
            found.append(f"{told_apart(self.ess_min, ESS_LIMIT)} effective draws, below {ESS_LIMIT:,}")
        share, most = 100 * self.divergent_share, 100 * DIVERGENT_SHARE_LIMIT
        if not share <= most:
            found.append(f"{told_apart(share, most)} % of draws divergent, above {most:g} %")
        return tuple(found)

    @property
    def certified(self) -> bool:
        """Whether the draws represent the posterior."""
        return not self.shortfalls


class CompiledNuts:
    """A model compiled once for the data of many tables.

    Compilation takes twice as long as for a single table, whose data is compiled in, and sampling half as long again.

    Parameters
    ----------
    model : pymc.Model
    """

    def __init__(self, model: "pm.Model") -> None:
        self._model = model
        self._compiled = _compiled(model, [rv.name for rv in model.free_RVs], freeze=False)

    def with_data_of_model(self) -> Any:
        """The compiled model, with the current values of the model's ``pm.Data``."""
        data = {variable.name: variable.get_value() for variable in self._model.data_vars}
        return self._compiled.with_data(**data)


def sample_nuts(
    model: "pm.Model",
    *,
    draws: int,
    chains: int,
    seed: int,
    tune: int | None = None,
    minutes: float = 0.0,
    length: int = 1,
    compiled: CompiledNuts | None = None,
    names: Sequence[str] | None = None,
) -> NutsResult:
    """Sample a posterior with nutpie; compiling takes about ten seconds.

    Unless the draws are certified, chains of twice the length follow, with other random numbers, as long as these can
    be expected to end in time. Whether they can depends on the machine; what they hold does not.

    Parameters
    ----------
    model : pymc.Model
    draws : int
        Draws kept per chain.
    chains : int
    seed : int
    tune : int, optional
        Draws per chain for adaptation before; by default as many as are kept, and at least 1,000.
    minutes : float
        Time to go on until the chains are certified; without it they are sampled once.
    length : int
        Draws per draw that is kept: more for posteriors whose draws are known to be more alike than most.
    compiled : CompiledNuts, optional
        The compiled model, for a loop over tables.
    names : sequence of str, optional
        Variables that are kept; by default those that are sampled.
    """
    names = [rv.name for rv in model.free_RVs] if names is None else list(names)
    ready = _compiled(model, names, freeze=True) if compiled is None else compiled.with_data_of_model()
    # Coefficients that many runs determine are correlated with the parameters: without the strongest correlations in
    # the mass matrix trees grow to their limit.
    has_coefficients = any(model.named_vars_to_dims.get(rv.name) == ("feature",) for rv in model.free_RVs)
    correlated = has_coefficients and len(model.coords["run"]) > MANY_RUNS
    tune, start = tune or max(1000, draws), monotonic()
    while True:
        before = monotonic()
        result = _chains(ready, names, draws=draws * length, tune=tune, chains=chains, seed=seed, correlated=correlated)
        now = monotonic()
        if result.certified or now - start + 2 * (now - before) > 60 * minutes:
            kept = {"draw": slice(length - 1, None, length)}
            return replace(result, posterior=result.posterior.isel(kept), sample_stats=result.sample_stats.isel(kept))
        length, tune, seed = 2 * length, 2 * tune, seed + 1


def _look_up_functions(compiled: Any) -> None:
    """Evaluate the density in one thread before there are several.

    PyTensor's compiled code looks up functions of SciPy and LAPACK when they are first called, and compiles for that:
    two chains that do so at once can wait for each other without end.
    """
    import nutpie

    nutpie.sample(compiled, draws=1, tune=1, maxdepth=1, chains=1, cores=1, seed=0, progress_bar=False)


def _chains(
    ready: Any, names: list[str], *, draws: int, tune: int, chains: int, seed: int, correlated: bool
) -> NutsResult:
    import arviz as az
    import nutpie

    tree = nutpie.sample(
        ready,
        draws=draws,
        tune=tune,
        chains=chains,
        cores=cores(),
        seed=seed,
        save_warmup=False,
        progress_bar=False,
        target_accept=_TARGET_ACCEPT,
        **({"adaptation": "low_rank"} if correlated else {}),
    )
    posterior = tree["posterior"].to_dataset()[names]
    stats = tree["sample_stats"].to_dataset().rename(logp="lp")
    parameters = posterior.drop_dims("feature", errors="ignore")
    bulk, tail = (az.ess(parameters, method=method) for method in ("bulk", "tail"))
    return NutsResult(
        posterior=posterior,
        sample_stats=stats[["lp", "diverging", "energy", "n_steps", "step_size"]],
        r_hat_max=max(float(each.max()) for each in az.rhat(posterior).data_vars.values()),
        ess=_by_coordinate(np.minimum(bulk, tail)),  # R-hat covers the coefficients
        divergent_share=float(np.mean(stats["diverging"])),
    )


def _by_coordinate(values: xr.Dataset) -> dict[str, float]:
    """Values of parameters by the name of each, and of vectors by that of each of their elements."""
    found: dict[str, float] = {}
    for name, each in values.data_vars.items():
        labels = [f"[{label}]" for dim in each.dims for label in each[dim].to_numpy()] or [""]
        found |= {f"{name}{label}": float(value) for label, value in zip(labels, np.atleast_1d(each), strict=True)}
    return found


def _compiled(model: "pm.Model", names: Sequence[str], *, freeze: bool) -> Any:
    """The model compiled without "fast" arithmetic, whose rounding depends on what is in the compilation cache."""
    import nutpie
    import pytensor

    with pytensor.config.change_flags(numba__fastmath=False), warnings.catch_warnings():
        # A sum of more terms than one kernel can have, as of many groups, is only a little slower.
        warnings.filterwarnings("ignore", "Loop fusion failed", UserWarning)
        # Derived parameters take time to compile, and are computed from the draws later.
        compiled = nutpie.compile_pymc_model(model, freeze_model=freeze, var_names=list(names))
    _look_up_functions(compiled)
    return compiled
