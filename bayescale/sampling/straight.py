"""PyTensor graphs as sequences of NumPy calls.

PyTensor's Python linker checks shapes and dtypes at every node of every call, which for a hundred nodes takes longer
than the arithmetic on a few hundred draws. Here the nodes' functions are looked up once, and a call only runs them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Step:
    """One node: its function, where its inputs and its output are held, and which values nobody reads later."""

    function: Callable[..., Any]
    inputs: tuple[int, ...]
    output: int
    last_read: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """A graph as steps: a function of arrays.

    Attributes
    ----------
    steps : tuple
    held : list
        Constants at their places, and None where a step or an argument puts a value.
    shared : sequence of tensor
        Shared variables, whose places follow those of the arguments.
    wanted : tuple of int
        Places of the outputs.
    """

    steps: tuple[_Step, ...]
    held: list[Any]
    shared: Sequence[Any]
    wanted: tuple[int, ...]

    def __call__(self, *arguments: Array) -> list[Array]:
        """Outputs at arrays."""
        values, n_inputs = self.held.copy(), len(arguments)
        values[:n_inputs] = arguments
        values[n_inputs : n_inputs + len(self.shared)] = [each.get_value(borrow=True) for each in self.shared]
        with np.errstate(all="ignore"):
            for step in self.steps:
                values[step.output] = step.function(*[values[i] for i in step.inputs])
                for i in step.last_read:
                    values[i] = None
        return [values[i] for i in self.wanted]

    def only(self, chosen: slice) -> "Program":
        """The program of some of the outputs, which need not be compiled again."""
        wanted = self.wanted[chosen]
        put = {step.output for step in self.steps}
        read, needed, steps = {i for i in range(len(self.held)) if i not in put} | {*wanted}, {*wanted}, []
        for step in reversed(self.steps):
            if step.output in needed:
                steps.append(replace(step, last_read=tuple({*step.inputs} - read)))
                read |= {*step.inputs}
                needed |= {*step.inputs}
        return replace(self, steps=tuple(steps[::-1]), wanted=wanted)


def compiled(inputs: Sequence[Any], outputs: Sequence[Any], mode: Any) -> Callable[..., list[Array]]:
    """A function of arrays, as ``pytensor.function`` with this mode gives, that runs the graph node by node.

    Parameters
    ----------
    inputs, outputs : sequence of tensor
        The graph may also read shared variables, whose values are looked up at every call. Outputs may be views of
        inputs, and must not be written to.
    mode : pytensor.compile.mode.Mode
        Its rewrites are applied. It runs the graph itself where a node has several outputs or a graph of its own.

    Returns
    -------
    callable
        A :class:`Program`, unless PyTensor runs the graph itself.
    """
    import pytensor
    from pytensor.compile.sharedvalue import SharedVariable
    from pytensor.graph.fg import FunctionGraph
    from pytensor.graph.traversal import ancestors

    shared = [each for each in ancestors(outputs) if isinstance(each, SharedVariable)]
    graph = FunctionGraph([*inputs, *shared], outputs, clone=True)
    mode.optimizer.rewrite(graph)
    program = _program(graph, shared)
    if program is None:
        found: Callable[..., list[Array]] = pytensor.function(inputs, outputs, mode=mode, on_unused_input="ignore")
        return found
    return program


def _program(graph: Any, shared: Sequence[Any]) -> Program | None:
    """The graph as steps; None if a node cannot be run alone."""
    from pytensor.graph.basic import Constant
    from pytensor.graph.op import HasInnerGraph

    nodes = graph.toposort()
    if any(len(node.outputs) > 1 or isinstance(node.op, HasInnerGraph) for node in nodes):
        return None
    place = {variable: i for i, variable in enumerate(graph.inputs)}
    held: list[Any] = [None] * len(place)
    for node in nodes:
        for variable in (*node.inputs, *node.outputs):
            if variable not in place:
                place[variable] = len(held)
                held.append(variable.data if isinstance(variable, Constant) else None)
    for variable in graph.outputs:
        if variable not in place:  # a constant
            place[variable] = len(held)
            held.append(variable.data)
    steps = tuple(
        _Step(_function_of(node), tuple(place[variable] for variable in node.inputs), place[node.outputs[0]], ())
        for node in nodes
    )
    return Program(steps, held, shared, tuple(place[variable] for variable in graph.outputs)).only(slice(None))


def _function_of(node: Any) -> Callable[..., Any]:
    """What a node computes, as a function of arrays."""
    from pytensor.tensor.elemwise import DimShuffle, Elemwise
    from pytensor.tensor.subtensor import Subtensor

    if isinstance(node.op, Elemwise):
        return _elementwise(node) or _performed(node)
    if isinstance(node.op, DimShuffle):
        return _moved(node.op) or _performed(node)
    if isinstance(node.op, Subtensor):
        return _part(node) or _performed(node)
    return _performed(node)


def _elementwise(node: Any) -> Callable[..., Any] | None:
    """The ufunc of an element-wise node; None if NumPy would give another dtype, or has no such function."""
    from pytensor.graph.basic import Constant
    from pytensor.tensor.utils import import_func_from_string

    spec, kinds, given = node.op.nfunc_spec, {each.dtype for each in node.inputs}, node.outputs[0].dtype
    promoted = given == "bool" or (given == "float64" and "float64" in kinds)
    if not spec or not promoted or not kinds <= {"float64", "float32", "bool", "int8"}:
        return None
    exponent = node.inputs[-1]
    if spec[0] == "power" and isinstance(exponent, Constant) and (exponent.data == 2).all():
        return lambda base, _: np.square(base)
    found: Callable[..., Any] | None = import_func_from_string(spec[0])
    if found is not None and len(node.inputs) != spec[1]:
        return (lambda *terms: reduce(found, terms)) if spec[0] in ("add", "multiply") else None
    return found


def _moved(op: Any) -> Callable[..., Any] | None:
    """New axes of length one, where the others stay in order."""
    kept = [axis for axis in op.new_order if axis != "x"]
    if kept != list(range(op.input_ndim)):
        return None
    index = tuple(None if axis == "x" else slice(None) for axis in op.new_order)
    return lambda values: values[index]


def _part(node: Any) -> Callable[..., Any] | None:
    """A part of an array at a place that is known beforehand."""
    from pytensor.graph.basic import Constant
    from pytensor.tensor.subtensor import indices_from_subtensor

    if not all(isinstance(each, Constant) for each in node.inputs[1:]):
        return None
    index = indices_from_subtensor([int(each.data) for each in node.inputs[1:]], node.op.idx_list)
    return lambda values, *_: values[index]


def _performed(node: Any) -> Callable[..., Any]:
    """What PyTensor itself runs for a node."""

    def function(*values: Any) -> Any:
        found: list[Any] = [None]
        node.op.perform(node, list(values), [found])
        return found[0]

    return function
