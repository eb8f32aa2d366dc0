"""A ``pm.Model`` as functions of many unconstrained draws at once.

Compiling is what makes PyMC slow for a fit that takes a second, so the graph is vectorised over draws and run by
PyTensor's Python linker: no code is generated, and every node is one NumPy call over all draws.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayescale.discrepancy import RUN_SUM
from bayescale.errors import SamplingError

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]
Data = Mapping[str, Array]
"""What a graph reads of runs, by the names of its data."""

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
        self._parts: _Parts | None = None

    def __call__(self, draws: Array) -> Array:
        """Log density at draws of shape (draw, coordinate); minus infinity where it is undefined."""
        with np.errstate(all="ignore"):
            values = np.concatenate([self._log_density(chunk) for chunk in self._chunks(draws)])
        return np.where(np.isfinite(values), values, -np.inf)

    def summed(
        self, blocks: Callable[[], Iterable[Data]], table: Data, beside: Mapping[str, float] = MappingProxyType({})
    ) -> Callable[[Array], Array]:
        """The log density given runs that come in blocks, whatever runs the model holds.

        What the likelihood reads of runs is sums over them, and those of blocks add up: nothing of the size of all runs
        by all draws, or by all features, is ever held, and what is held of a block stays in the processor's cache.

        Parameters
        ----------
        blocks : callable
            Gives the data of each block of runs.
        table : mapping of array
            Data of the table as a whole.
        beside : mapping of float
            What to add to a sum, by its name, that no block brings.

        Returns
        -------
        callable
            From draws of shape (draw, coordinate) to log densities.
        """
        if self._parts is None:
            self._parts = self._compile_parts()
        parts = self._parts

        def density(draws: Array) -> Array:
            sums = [np.full(1, beside.get(name, 0.0)) for name in parts.names]
            with np.errstate(all="ignore"):
                for block in blocks():
                    n_runs, data = len(next(iter(block.values()))), {**table, **block}
                    found = [parts.sums(data, chunk) for chunk in _chunks(draws, n_runs)]
                    sums = [
                        held + np.concatenate(new) for held, new in zip(sums, zip(*found, strict=True), strict=True)
                    ]
                values = sum(parts.terms(table, draws, *sums))
            return np.where(np.isfinite(values), values, -np.inf)

        return density

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
        return _chunks(draws, len(self._model.coords["run"]))

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
        from pytensor.graph.replace import vectorize_graph

        vectorized = vectorize_graph(_with_zeros(outputs), self._columns)
        compiled: Callable[[Array], list[Array]] = pytensor.function(
            [self._draws], vectorized, mode=interpreted_mode(), on_unused_input="ignore"
        )
        return compiled

    def _compile_parts(self) -> "_Parts":
        from pytensor.graph.replace import vectorize_graph
        from pytensor.graph.traversal import ancestors

        *priors, likelihood = [term.sum() for term in _with_zeros(self._model.logp(sum=False))]
        marked = {v.name: v for v in ancestors([likelihood]) if (v.name or "").startswith(RUN_SUM)}
        inner = marked or {f"{RUN_SUM}: log likelihood": likelihood}
        given = [v.type.clone(shape=(None,) * (v.ndim + 1))() for v in inner.values()]
        terms = vectorize_graph(
            [*priors, likelihood], {**self._columns, **dict(zip(inner.values(), given, strict=True))}
        )
        sums = vectorize_graph(list(inner.values()), self._columns)
        return _Parts(tuple(inner), self._of_data(sums, [self._draws]), self._of_data(terms, [self._draws, *given]))

    def _of_data(self, outputs: Sequence[Any], inputs: Sequence[Any]) -> Callable[..., list[Array]]:
        """A function of the data of runs, by name, and of inputs."""
        import pytensor
        from pytensor.graph.traversal import ancestors

        read = set(ancestors(outputs))
        data = {v.name: v for v in self._model.data_vars if v in read}
        stand_ins = [v.type() for v in data.values()]
        compiled = pytensor.function(
            [*stand_ins, *inputs],
            outputs,
            givens=dict(zip(data.values(), stand_ins, strict=True)),
            mode=interpreted_mode(),
            on_unused_input="ignore",
        )

        def function(values: Data, *arguments: Array) -> list[Array]:
            found: list[Array] = compiled(*(values[name] for name in data), *arguments)
            return found

        return function


@dataclass(frozen=True)
class _Parts:
    """A log density as sums over runs, and as terms that read those sums instead of the runs."""

    names: tuple[str, ...]
    sums: Callable[..., list[Array]]
    terms: Callable[..., list[Array]]


def _chunks(draws: Array, n_runs: int) -> Iterator[Array]:
    size = max(1, ELEMENTS_PER_CALL // n_runs)
    return (draws[start : start + size] for start in range(0, len(draws), size))


def _with_zeros(outputs: Sequence[Any]) -> list[Any]:
    """Terms in which a parameter out of its range, by overflow far out, is a density of zero and not an error."""
    from pymc.logprob.utils import local_check_parameter_to_ninf_switch
    from pytensor.graph.fg import FunctionGraph
    from pytensor.graph.rewriting.basic import in2out

    graph = FunctionGraph(outputs=list(outputs), clone=False)
    in2out(local_check_parameter_to_ninf_switch).rewrite(graph)
    return list(graph.outputs)


def interpreted_mode() -> Any:
    """PyTensor's mode for graphs that run only a few times.

    With the optimiser ``fast_run`` the fused element-wise loops would run in Python, a thousand times slower.
    """
    from pytensor.compile.mode import Mode

    return Mode(linker="py", optimizer="fast_compile")
