"""A ``pm.Model`` as functions of many unconstrained draws at once.

Compilation would dominate the time of a fit that takes a second, so the graph is vectorised over draws and run by
PyTensor's Python linker: no code is generated, and every node is one NumPy call over all draws.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.errors import SamplingError
from bayescale.sampling.latent import Parts
from bayescale.sampling.prior import draw_together

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]
Data = Mapping[str, Array]
"""Data of the runs that a graph reads, by name."""

ELEMENTS_PER_CALL = 128_000
"""Draws times runs per call, so that each intermediate array of floats stays in the processor's cache."""


class LogDensity:
    """Log posterior density of a model, and its parameters, at unconstrained draws.

    Parameters
    ----------
    model : pymc.Model
        Its free variables are scalars, or vectors with a named dim; their unconstrained values are the coordinates.
        One with the dim ``feature`` holds coefficients, which :meth:`joint` takes separately.

    Attributes
    ----------
    names : tuple of str
        One name per unconstrained coordinate, such as ``sigma_log__`` or ``slope_by_group_log__[c4]``.
    parameter_names : tuple of str
        The sampled parameter of each coordinate, such as ``sigma`` or ``slope_by_group[c4]``.

    Raises
    ------
    SamplingError
        If a free variable has more than one dimension, or one without a name.
    """

    def __init__(self, model: "pm.Model") -> None:
        import pytensor.tensor as pt

        dims = {rv: model.named_vars_to_dims.get(rv.name, (None,) * rv.ndim) for rv in model.free_RVs}
        if odd := [rv.name for rv in model.free_RVs if len(dims[rv]) > 1 or None in dims[rv]]:
            raise SamplingError(f"parameters must be scalars, or vectors with a named dim, not {', '.join(odd)}")
        self._model = model
        self._parameters = [rv for rv in model.free_RVs if dims[rv] != ("feature",)]
        labels = [[f"[{label}]" for dim in dims[rv] for label in model.coords[dim]] or [""] for rv in self._parameters]
        values = [model.rvs_to_values[rv] for rv in self._parameters]
        self.names, self.parameter_names = (
            tuple(f"{each.name}{label}" for each, own in zip(named, labels, strict=True) for label in own)
            for named in (values, self._parameters)
        )
        self._draws, self._latent = pt.matrix("draws"), pt.matrix("latent")
        ends = np.cumsum([0, *map(len, labels)])
        self._columns = {
            value: self._draws[:, start:end] if value.ndim else self._draws[:, start]
            for value, start, end in zip(values, ends[:-1], ends[1:], strict=True)
        }
        self._coefficients = [model.rvs_to_values[rv] for rv in model.free_RVs if rv not in self._parameters]
        self._columns |= dict.fromkeys(self._coefficients, self._latent)
        self._functions: dict[str, Callable[..., Any]] = {}
        self._sums: _Parts | None = None

    def __call__(self, draws: Array) -> Array:
        """Log density at draws of shape (draw, coordinate); minus infinity where it is undefined."""
        return self.joint(draws, np.empty((len(draws), 0)))

    def joint(self, draws: Array, latent: Array) -> Array:
        """Log density of parameters and coefficients, the latter of shape (draw, feature)."""
        total = self._function("joint", lambda: self._compile_sum(self._model.logp(sum=False)))
        with np.errstate(all="ignore"):
            values = np.concatenate([np.empty(0), *(total(*pair) for pair in self._chunks(draws, latent))])
        return np.where(np.isfinite(values), values, -np.inf)

    def parts(self, nodes: Sequence[Any], n_runs: int, n_features: int) -> Callable[[Array], Parts]:
        """Parts of the likelihood as a function of draws, with all coefficients at zero.

        Parameters
        ----------
        nodes : sequence of tensor
            Location and scale of each run, amplitudes of each feature, and degrees of freedom, if any.
        n_runs, n_features : int
        """
        compiled = self._function("parts", lambda: self._compile(self.terms_of(nodes)))

        def function(draws: Array) -> Parts:
            found = compiled(draws, np.zeros((len(draws), n_features)))
            location, scale, amplitudes, *df = found[: len(nodes)]
            return Parts(
                log_prior=np.sum([np.broadcast_to(term, len(draws)) for term in found[len(nodes) :]], axis=0),
                location=np.broadcast_to(location, (len(draws), n_runs)),
                scale=np.broadcast_to(scale, (len(draws), n_runs)),
                amplitudes=np.broadcast_to(amplitudes, (len(draws), n_features)),
                df=np.broadcast_to(df[0], len(draws))[:, None] if df else None,
            )

        return function

    def terms_of(self, nodes: Sequence[Any]) -> list[Any]:
        """Nodes, and the terms of the prior of all parameters, as functions of coordinates."""
        terms = [*nodes, *self._model.potentials]
        return [*self._model.replace_rvs_by_values(terms), *self._priors, *self._jacobians]

    def at(self, nodes: Sequence[Any], coordinates: Any, coefficients: Any) -> list[Any]:
        """Nodes as functions of one vector of coordinates and one of coefficients, given the runs as they are now."""
        import pytensor.tensor as pt
        from pytensor.graph.replace import graph_replace

        scalars = [self._model.rvs_to_values[rv] for rv in self._parameters]
        given = {value: coordinates[place] for place, value in enumerate(scalars)}
        given |= dict.fromkeys(self._coefficients, coefficients)
        given |= {data: pt.constant(data.get_value()) for data in self._model.data_vars}
        return list(graph_replace(list(nodes), given, strict=False))

    @property
    def own_scale(self) -> dict[str, Any]:
        """Sampled parameters on their own scale, by name, as functions of their values."""
        own = self._model.replace_rvs_by_values(self._parameters)
        return {rv.name: value for rv, value in zip(self._parameters, own, strict=True)}

    @cached_property
    def _priors(self) -> list[Any]:
        """Terms of the prior of all parameters on their own scale.

        Each is derived from its distribution: ``Model.logp`` rewrites the whole graph, which takes ten times longer.
        """
        import pymc as pm

        graphs = []
        for rv, transform in zip(self._parameters, self._transforms, strict=True):
            value, inputs = self._model.rvs_to_values[rv], rv.owner.inputs
            graphs.append([value if transform is None else transform.backward(value, *inputs), *inputs])
        # Parents are replaced first: what derives a density may clone them, and clones would stay random variables.
        replaced = iter(self._model.replace_rvs_by_values([each for graph in graphs for each in graph]))
        terms = []
        for rv, graph in zip(self._parameters, graphs, strict=True):
            value, *inputs = (next(replaced) for _ in graph)
            given = rv.owner.clone_with_new_inputs(inputs).outputs[rv.owner.outputs.index(rv)]
            terms.append(_total(pm.logp(given, value)))
        return terms

    @cached_property
    def _jacobians(self) -> list[Any]:
        """Log derivatives of the parameters by their coordinates, for those that have a transform."""
        terms = [
            _total(transform.log_jac_det(self._model.rvs_to_values[rv], *rv.owner.inputs))
            for rv, transform in zip(self._parameters, self._transforms, strict=True)
            if transform is not None
        ]
        return list(self._model.replace_rvs_by_values(terms))

    @property
    def _transforms(self) -> list[Any]:
        return [self._model.rvs_to_transforms[rv] for rv in self._parameters]

    @property
    def _coordinates(self) -> list[Any]:
        """Unconstrained values of the parameters, as functions of these."""
        return [
            rv if transform is None else transform.forward(rv, *rv.owner.inputs)
            for rv, transform in zip(self._parameters, self._transforms, strict=True)
        ]

    def summed(self, blocks: Callable[[], Iterable[Data]], table: Data) -> Callable[[Array], Array]:
        """The log density given runs in blocks, instead of the runs that the model holds.

        The likelihood needs only sums over runs, and the sums of blocks add up: no array of all runs by all draws, or
        by all features, is ever held in memory, and arrays of a block stay in the processor's cache.

        Parameters
        ----------
        blocks : callable
            Returns the data of each block of runs.
        table : mapping of array
            Data of the table as a whole.

        Returns
        -------
        callable
            From draws of shape (draw, coordinate) to log densities.
        """
        if self._sums is None:
            self._sums = self._compile_parts()
        parts = self._sums

        def density(draws: Array) -> Array:
            sums = [np.zeros(1) for _ in parts.names]
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

    def parameters(self, draws: Array, latent: Array | None = None) -> dict[str, Array]:
        """Sampled and derived parameters on their own scale, each of shape (draw,), or (draw, group)."""
        named = [*self._parameters, *self._model.deterministics]
        # A deterministic is a view of its value, and the vectorised graph would copy views draw by draw.
        wanted = [*self._parameters, *(v.owner.inputs[0] for v in self._model.deterministics)]
        compiled = self._function("parameters", lambda: self._compile(self._model.replace_rvs_by_values(wanted)))
        found = compiled(draws, np.empty((len(draws), 0)) if latent is None else latent)
        return {
            v.name: np.broadcast_to(value, (len(draws), *np.shape(value)[-v.ndim :] * (v.ndim > 0)))
            for v, value in zip(named, found, strict=True)
        }

    def log_prior(self, draws: Array) -> tuple[Array, Array]:
        """Log prior density of unconstrained draws, and that of their parameters on their own scale, each (draw,)."""
        compiled = self._function("log prior", self._compile_log_prior)
        found = [np.broadcast_to(term, len(draws)) for term in compiled(draws, np.empty((len(draws), 0)))]
        own_scale = np.sum(found[: len(self._priors)], axis=0)
        return own_scale + np.sum(found[len(self._priors) :], axis=0), own_scale

    def potentials(self, draws: Array) -> dict[str, Array]:
        """Terms of the density beside those of priors and runs, each of shape (draw,), by name."""
        wanted = self._model.potentials
        if not wanted:
            return {}
        compiled = self._function("potentials", lambda: self._compile(self._model.replace_rvs_by_values(wanted)))
        found = compiled(draws, np.empty((len(draws), 0)))
        return {each.name: np.broadcast_to(values, len(draws)) for each, values in zip(wanted, found, strict=True)}

    def pointwise(self, draws: Array) -> Array:
        """Log likelihood of every run, shape (draw, run)."""
        compiled = self._function(
            "pointwise", lambda: self._compile(self._model.logp(vars=self._model.observed_RVs, sum=False))
        )
        return np.concatenate([compiled(*pair)[0] for pair in self._chunks(draws, np.empty((len(draws), 0)))])

    def prior(self, n: int, seed: int) -> Array:
        """Draw coordinates from the prior, shape (n, coordinate)."""
        return np.column_stack(draw_together(self._coordinates, n, seed, interpreted_mode()))

    def unconstrain(self, parameters: Mapping[str, Array]) -> Array:
        """Coordinates, shape (draw, coordinate), of sampled parameters, each of shape (draw,) or (draw, group)."""
        import pytensor
        import pytensor.tensor as pt
        from pytensor.graph.replace import vectorize_graph

        given = {rv: pt.tensor(rv.name, shape=(None,) * (1 + rv.ndim)) for rv in self._parameters}
        coordinates = vectorize_graph(self._coordinates, given)
        function = pytensor.function([*given.values()], coordinates, mode=interpreted_mode(), on_unused_input="ignore")
        return np.column_stack(function(*(parameters[rv.name] for rv in given)))

    def _chunks(self, draws: Array, latent: Array) -> Iterator[tuple[Array, Array]]:
        n_runs = len(self._model.coords["run"])
        return zip(_chunks(draws, n_runs), _chunks(latent, n_runs), strict=True)

    def _function(self, name: str, compile_it: Callable[[], Callable[..., Any]]) -> Callable[..., Any]:
        """A function that is compiled at its first use."""
        if name not in self._functions:
            self._functions[name] = compile_it()
        return self._functions[name]

    def _compile_sum(self, terms: Sequence[Any]) -> Callable[..., Array]:
        """A function of draws that adds terms outside the graph: PyTensor's Python mode adds at most 32 of them."""
        compiled = self._compile([term.sum() for term in terms])

        def total(draws: Array, latent: Array) -> Array:
            found = np.zeros(len(draws))
            for term in compiled(draws, latent):
                found += term
            return found

        return total

    def _compile(self, outputs: Sequence[Any]) -> Callable[..., list[Array]]:
        from pytensor.graph.replace import vectorize_graph

        from bayescale.sampling.straight import compiled

        vectorized = vectorize_graph(_with_zeros(outputs), self._columns)
        return compiled([self._draws, self._latent], vectorized, interpreted_mode())

    def _compile_log_prior(self) -> Callable[..., list[Array]]:
        """Terms of the prior, which are the last of the parts where these are compiled."""
        from bayescale.sampling.straight import Program

        parts, terms = self._functions.get("parts"), [*self._priors, *self._jacobians]
        return parts.only(slice(-len(terms), None)) if isinstance(parts, Program) else self._compile(terms)

    def _compile_parts(self) -> "_Parts":
        from pytensor.graph.replace import vectorize_graph

        of_runs = self._model.logp(vars=self._model.observed_RVs, sum=False)
        *priors, likelihood = [term.sum() for term in _with_zeros([*self.terms_of([]), *of_runs])]
        given = likelihood.type.clone(shape=(None,))()
        terms = vectorize_graph([*priors, likelihood], {**self._columns, likelihood: given})
        sums = vectorize_graph([likelihood], self._columns)
        return _Parts(
            ("log likelihood",), self._of_data(sums, [self._draws]), self._of_data(terms, [self._draws, given])
        )

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
    """Split a log density into sums over runs, and terms that read these sums instead of the runs."""

    names: tuple[str, ...]
    sums: Callable[..., list[Array]]
    terms: Callable[..., list[Array]]


def _chunks(draws: Array, n_runs: int) -> Iterator[Array]:
    size = max(1, ELEMENTS_PER_CALL // n_runs)
    return (draws[start : start + size] for start in range(0, len(draws), size))


def _total(term: Any) -> Any:
    """A term of the density, of all elements of a vector together."""
    return term.sum() if term.ndim else term


def _with_zeros(outputs: Sequence[Any]) -> list[Any]:
    """Terms in which a parameter that leaves its range by overflow gives density zero instead of an exception."""
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
