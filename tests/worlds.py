"""One call in every world: NumPy's own, and ours on arrays, on traced tensors and through NumPy's protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphc.ir.evaluate import evaluate
from graphc.ir.graph import Graph
from graphc.ir.types import Type, short_dtype
from graphc.numpy.tensor import Tensor

Function = Callable[..., Any]


def symbolic(graph: Graph, array: np.ndarray, shape: tuple[Any, ...] | None = None) -> Tensor:
    """A placeholder for an array."""
    return Tensor(graph, graph.placeholder(Type(short_dtype(array.dtype), array.shape if shape is None else shape)))


def traced(f: Function, *args: Any, shapes: tuple[Any, ...] | None = None) -> Any:
    """f on placeholders for the arrays among its arguments (and in lists of them), evaluated on the arrays."""
    graph = Graph()
    feeds: dict[Any, np.ndarray] = {}

    def replace(a: Any, shape: Any = None) -> Any:
        if isinstance(a, np.ndarray):
            t = symbolic(graph, a, shape)
            feeds[t.value] = a
            return t
        if isinstance(a, list) and any(isinstance(b, np.ndarray) for b in a):
            return [replace(b) for b in a]
        return a

    result = f(*(replace(a, shapes[k] if shapes else None) for k, a in enumerate(args)))
    return evaluated(graph, result, feeds)


def evaluated(graph: Graph, result: Any, feeds: dict[Any, np.ndarray]) -> Any:
    if isinstance(result, list | tuple) and any(isinstance(r, Tensor) for r in result):
        return type(result)(evaluated(graph, r, feeds) for r in result)
    return evaluate(graph, [result.value], feeds)[0] if isinstance(result, Tensor) else result


def assert_same(found: Any, wanted: Any, note: str = "") -> None:
    """Shapes and element types agree exactly, floats to a few units in the last place of their type."""
    if isinstance(wanted, list | tuple) and not isinstance(wanted, np.ndarray):
        assert len(found) == len(wanted), note
        for a, b in zip(found, wanted, strict=True):
            assert_same(a, b, note)
        return
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape), note
    if wanted.dtype.kind == "f":
        tolerance = {2: 4e-3, 4: 4e-6, 8: 1e-12}[wanted.itemsize]
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance, err_msg=note)
    else:
        np.testing.assert_array_equal(found, wanted, err_msg=note)


def worlds(ours: Function, theirs: Function) -> Iterator[tuple[str, Function]]:
    """Name and runner of every way to reach our function."""
    yield "arrays", ours
    yield "traced", lambda *args: traced(ours, *args)
    yield "through NumPy", lambda *args: traced(theirs, *args)
