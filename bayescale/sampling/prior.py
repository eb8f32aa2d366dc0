"""Draws from the prior, all at once.

``pm.draw`` runs a graph once for each draw, and a thousand runs take longer than to compile the graph. Where variables
have one more dimension, one run reads the same random numbers from the same generators in the same order.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def draw_together(outputs: Sequence[Any], n: int, seed: int, mode: Any) -> list[Array]:
    """Draw functions of random variables, with the numbers of ``pm.draw(outputs, draws=n, random_seed=seed)``.

    Parameters
    ----------
    outputs : sequence of tensor
    n, seed : int
    mode : pytensor.compile.mode.Mode

    Returns
    -------
    list of array
        Each of shape (draw, ...).
    """
    import pymc as pm
    from pymc.pytensorf import collect_default_updates

    together = _together(outputs, n)
    # Generators are seeded in the order in which they are found.
    if together is None or [*collect_default_updates(together)] != [*collect_default_updates(outputs)]:
        found: list[Array] = pm.draw(list(outputs), draws=n, random_seed=seed, mode=mode)
    else:
        found = pm.draw(together, random_seed=seed, mode=mode)
    return found


def _together(outputs: Sequence[Any], n: int) -> list[Any] | None:
    """Outputs with one more dimension, in front; None if a variable is no plain distribution of numbers."""
    import pytensor.tensor as pt
    from pytensor.graph.replace import vectorize_graph
    from pytensor.tensor.random.op import RandomVariable
    from pytensor.tensor.type_other import NoneTypeT

    graph, drawn = _spelt_out(outputs), dict[Any, Any]()
    for node in graph.toposort():
        if not isinstance(node.op, RandomVariable):
            continue
        generator, size, *arguments = node.inputs
        variable, scalar = node.outputs[1], isinstance(size.type, NoneTypeT)
        if generator not in graph.inputs or node.op.ndim_supp or (scalar and variable.ndim):
            return None
        given = vectorize_graph(arguments, drawn) if drawn else arguments
        aligned = [
            pt.expand_dims(new, tuple(range(1, 1 + variable.ndim - old.ndim))) if new.ndim > old.ndim else new
            for old, new in zip(arguments, given, strict=True)
        ]
        shape = pt.stack([n, *(size[i] for i in range(variable.ndim))])
        drawn[variable] = node.op.make_node(generator, shape, *aligned).outputs[1]
    return list(vectorize_graph(list(graph.outputs), drawn))


def _spelt_out(outputs: Sequence[Any]) -> Any:
    """A copy of the graph in which distributions that are graphs of their own are part of it."""
    from pytensor.compile.rewriting import inline_ofg_expansion
    from pytensor.graph.basic import Constant, clone
    from pytensor.graph.fg import FunctionGraph
    from pytensor.graph.rewriting.basic import in2out
    from pytensor.graph.traversal import graph_inputs

    roots = [each for each in graph_inputs(outputs) if not isinstance(each, Constant)]
    _, copied = clone(roots, list(outputs), copy_inputs=False)
    graph = FunctionGraph(roots, copied, clone=False)
    in2out(inline_ofg_expansion).rewrite(graph)
    return graph
