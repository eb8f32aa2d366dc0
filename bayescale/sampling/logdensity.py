"""A ``pm.Model`` as functions of many unconstrained draws at once.

Compiling is what makes PyMC slow for a fit that takes a second, so the graph is vectorised over draws and run by
PyTensor's Python linker: no code is generated, and every node is one NumPy call over all draws.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayescale.errors import SamplingError

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]

ELEMENTS_PER_CALL = 500_000
"""Draws times runs in one call; each of a hundred intermediate arrays of so many floats takes 4 MB."""


class LogDensity:
    """Log posterior density of a model, and its parameters, at unconstrained draws.

    Parameters
    ----------
    model : pymc.Model
        Its free variables must be scalars; their unconstrained values are laid out in a row.

    Attributes
    ----------
    names : tuple of str
        One name per unconstrained coordinate, such as ``sigma_log__``.
    parameter_names : tuple of str
        The sampled parameter of each coordinate, such as ``sigma``.

    Raises
    ------
    SamplingError
        If a free variable is not a scalar.
    """

    def __init__(self, model: "pm.Model") -> None:
        import pytensor.tensor as pt

        vectors = [rv.name for rv in model.free_RVs if rv.ndim]
        if vectors:
            raise SamplingError(f"importance sampling takes scalar parameters only, not {', '.join(vectors)}")
        self.names = tuple(value.name for value in model.value_vars)
        self.parameter_names = tuple(rv.name for rv in model.free_RVs)
        self._model = model
        self._draws = pt.matrix("draws")
        self._columns = {value: self._draws[:, i] for i, value in enumerate(model.value_vars)}

        self._log_density = self._compile_sum(model.logp(sum=False))
        self._log_priors: tuple[Callable[[Array], Array], Callable[[Array], Array]] | None = None
        self._functions: dict[str, Callable[[Array], list[Array]]] = {}

    def __call__(self, draws: Array) -> Array:
        """Log density at draws of shape (draw, coordinate); minus infinity where it is undefined."""
        with np.errstate(all="ignore"):
            values = np.concatenate([self._log_density(chunk) for chunk in self._chunks(draws)])
        return np.where(np.isfinite(values), values, -np.inf)

    def parameters(self, draws: Array) -> dict[str, Array]:
        """Sampled and derived parameters on their own scale, each of shape (draw,)."""
        wanted = [*self._model.free_RVs, *self._model.deterministics]
        if "parameters" not in self._functions:
            self._functions["parameters"] = self._compile(self._model.replace_rvs_by_values(wanted))
        return dict(zip([v.name for v in wanted], self._functions["parameters"](draws), strict=True))

    def log_prior(self, draws: Array) -> tuple[Array, Array]:
        """Log prior density of unconstrained draws, and that of their parameters on their own scale, each (draw,)."""
        if self._log_priors is None:
            free = self._model.free_RVs
            unconstrained, own_scale = (self._model.logp(free, jacobian=j, sum=False) for j in (True, False))
            self._log_priors = (self._compile_sum(unconstrained), self._compile_sum(own_scale))
        return self._log_priors[0](draws), self._log_priors[1](draws)

    def pointwise(self, draws: Array) -> Array:
        """Log likelihood of every run, shape (draw, run)."""
        if "pointwise" not in self._functions:
            (observed,) = self._model.logp(vars=self._model.observed_RVs, sum=False)
            self._functions["pointwise"] = self._compile([observed])
        return np.concatenate([self._functions["pointwise"](chunk)[0] for chunk in self._chunks(draws)])

    def prior(self, n: int, seed: int) -> Array:
        """Draw coordinates from the prior, shape (n, coordinate)."""
        import pymc as pm

        transforms = [self._model.rvs_to_transforms[rv] for rv in self._model.free_RVs]
        values = [
            rv if transform is None else transform.forward(rv, *rv.owner.inputs)
            for rv, transform in zip(self._model.free_RVs, transforms, strict=True)
        ]
        return np.column_stack(pm.draw(values, draws=n, random_seed=seed, mode=interpreted_mode()))

    def unconstrain(self, parameters: Mapping[str, Array]) -> Array:
        """Coordinates, shape (draw, coordinate), of sampled parameters, each of shape (draw,)."""
        import pytensor
        import pytensor.tensor as pt

        given = [pt.vector(rv.name) for rv in self._model.free_RVs]
        transforms = [self._model.rvs_to_transforms[rv] for rv in self._model.free_RVs]
        coordinates = [
            value if transform is None else transform.forward(value, *rv.owner.inputs)
            for value, transform, rv in zip(given, transforms, self._model.free_RVs, strict=True)
        ]
        function = pytensor.function(given, coordinates, mode=interpreted_mode(), on_unused_input="ignore")
        return np.column_stack(function(*(parameters[value.name] for value in given)))

    def _chunks(self, draws: Array) -> Iterator[Array]:
        size = max(1, ELEMENTS_PER_CALL // len(self._model.coords["run"]))
        for start in range(0, len(draws), size):
            yield draws[start : start + size]

    def _compile_sum(self, terms: Sequence[Any]) -> Callable[[Array], Array]:
        """A function of draws that adds terms, outside the graph: PyTensor's Python mode adds 32 of them at most."""
        compiled = self._compile([term.sum() for term in terms])

        def total(draws: Array) -> Array:
            found = np.zeros(len(draws))
            for term in compiled(draws):
                found += term
            return found

        return total

    def _compile(self, outputs: Sequence[Any]) -> Callable[[Array], list[Array]]:
        import pytensor
        from pymc.logprob.utils import local_check_parameter_to_ninf_switch
        from pytensor.graph.fg import FunctionGraph
        from pytensor.graph.replace import vectorize_graph
        from pytensor.graph.rewriting.basic import in2out

        # A parameter out of its range, by overflow far out, is a density of zero and not an error of the whole call.
        graph = FunctionGraph(outputs=list(outputs), clone=False)
        in2out(local_check_parameter_to_ninf_switch).rewrite(graph)
        vectorized = vectorize_graph(list(graph.outputs), self._columns)
        compiled: Callable[[Array], list[Array]] = pytensor.function(
            [self._draws], vectorized, mode=interpreted_mode(), on_unused_input="ignore"
        )
        return compiled


def interpreted_mode() -> Any:
    """PyTensor's mode for graphs that run only a few times.

    With the optimiser ``fast_run`` the fused element-wise loops would run in Python, a thousand times slower.
    """
    from pytensor.compile.mode import Mode

    return Mode(linker="py", optimizer="fast_compile")
