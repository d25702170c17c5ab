"""Constant folding: what depends on constants alone is computed once, here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from graphc.ir.graph import Graph
from graphc.ir.node import Literal, Node, Value
from graphc.ir.ops.shape import expand
from graphc.ir.ops.source import constant
from graphc.ir.poly import Poly
from graphc.ir.types import numpy_dtype
from graphc.passes.base import Pass
from graphc.passes.rebuild import copy, rebuild
from graphc.records import dataclass

_SMALL = 64 * 1024
_RAISING = frozenset({"indexed", "scatter"})


@dataclass(frozen=True)
class Fold(Pass):
    """Compute nodes whose operands are constants; an array of one repeated item becomes an expanded scalar.

    A result larger than 64 KiB and than its operands is left to run time, so that folding never costs memory.  An
    operation on indices is left too: where it fails, it must fail in the run, at the user's line.
    """

    name: ClassVar[str] = "fold"

    def run(self, graph: Graph, fired: Counter[str] | None = None) -> Graph:
        if not any(_may_fold(n, n.inputs) for n in graph.nodes):
            return graph
        log: Counter[str] = Counter() if fired is None else fired

        def transfer(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
            if not _may_fold(node, inputs):
                return copy(new, node, inputs)
            log[node.op.name] += 1
            return (_as_fill(new, node) if node.op is constant else _computed(new, node, inputs),)

        return rebuild(graph, transfer)


def _may_fold(node: Node, inputs: tuple[Value, ...]) -> bool:
    if node.op is constant:
        array = node.attrs["value"].array
        return array.size > 1 and _is_uniform(array)
    return bool(inputs) and all(v.op is constant for v in inputs) and _foldable(node, inputs)


def _computed(graph: Graph, node: Node, inputs: tuple[Value, ...]) -> Value:
    with np.errstate(all="ignore"):
        result = node.op.numpy(*(v.node.attrs["value"].array for v in inputs), **node.attrs)
    return _literal(graph, np.asarray(result, numpy_dtype(node.types[0].dtype)), node)


def _as_fill(graph: Graph, node: Node) -> Value:
    """An array that repeats one item, bit by bit, as that item expanded."""
    array = node.attrs["value"].array
    scalar = _literal(graph, array.reshape(-1)[0], node)
    return graph.add(expand, (scalar,), {"shape": array.shape}, node.types, node.loc).out


def _foldable(node: Node, inputs: tuple[Value, ...]) -> bool:
    size = node.types[0].nbytes
    operands = [int(v.type.nbytes) for v in inputs]  # type: ignore[arg-type]  # constants are static
    return (
        "pure" in node.op.traits
        and not node.op.traits & _RAISING
        and all(operands)  # NumPy refuses the extreme value of nothing
        and isinstance(size, int)
        and size <= (sum(operands) if node.op is expand else max(_SMALL, *operands))
        and not _is_symbolic(node.attrs)
    )


def _is_symbolic(attrs: Mapping[str, Any]) -> bool:
    return any(isinstance(e, Poly) for a in attrs.values() for e in (a if isinstance(a, tuple) else (a,)))


def _literal(graph: Graph, array: np.ndarray[Any, Any], node: Node) -> Value:
    literal = Literal(array)
    return graph.add(constant, (), {"value": literal}, (literal.type,), node.loc).out


def _is_uniform(array: np.ndarray[Any, Any]) -> bool:
    items = array.reshape(-1).view(f"u{array.itemsize}")  # the bits: NaN equals NaN, -0.0 differs from 0.0
    return bool(items[0] == items[-1]) and bool((items == items[0]).all())
