"""The ways to run a graph, and how far apart their results may be."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from graphc.codegen.lift import buffer_name, lift
from graphc.codegen.lower import lower
from graphc.codegen.nest import interp
from graphc.codegen.schedule import schedule
from graphc.ir.evaluate import bind_dims, evaluate
from graphc.ir.graph import Graph
from graphc.ir.node import Value
from graphc.ir.poly import Poly
from graphc.ir.types import FLOATS, numpy_dtype
from graphc.passes.access import storage
from graphc.passes.fuse import fuse
from graphc.passes.own_outputs import own_outputs

Arrays = Sequence[np.ndarray]


def reference(graph: Graph, arrays: Arrays) -> list[np.ndarray]:
    return evaluate(graph, graph.outputs, dict(zip(graph.inputs, arrays, strict=True)))


def interpreted(graph: Graph, arrays: Arrays, *, scheduled: bool) -> list[np.ndarray]:
    """Run the loop nests of a graph in the interpreter, and operations of the library by their NumPy rules."""
    dims = bind_dims([v.type for v in graph.inputs], arrays)
    fusion = fuse(own_outputs(graph))
    memory = {buffer_name(v): np.ravel(a).copy() for v, a in zip(fusion.graph.inputs, arrays, strict=True)}
    for n in fusion.graph.nodes:
        if n.op.name == "constant":
            memory[buffer_name(n.out)] = n.attrs["value"].array.reshape(-1)
    for v, s in fusion.slices.items():
        whole = memory.setdefault(buffer_name(s.whole), np.zeros(s.whole.type.size, numpy_dtype(v.dtype)))
        memory[buffer_name(v)] = whole[s.start : s.start + v.type.size]
    for group in fusion.groups:
        if "library" in group.nodes[0].op.traits:
            (node,) = group.nodes
            operands = [memory[buffer_name(storage(v, fusion.anchors))].reshape(extents(v, dims)) for v in node.inputs]
            memory[buffer_name(node.out)] = np.ravel(node.op(*operands, **node.attrs))
            continue
        kernel = lower(lift(fusion, group))
        kernel = schedule(kernel) if scheduled else kernel
        for v in (w for w in group.arrays if w not in fusion.slices):
            memory.setdefault(buffer_name(v), np.zeros(Poly.of(v.type.size).evaluate(dims), numpy_dtype(v.dtype)))
        used = {b.name: memory[b.name] for b in kernel.buffers if b.role in ("in", "out")}
        assert interp.run(kernel, used, dims) == 0
    held = [memory[buffer_name(storage(v, fusion.anchors))] for v in fusion.graph.outputs]
    return [a.reshape(extents(v, dims)) for a, v in zip(held, fusion.graph.outputs, strict=True)]


def extents(v: Value, dims: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(Poly.of(e).evaluate(dims) for e in v.shape)


class Tolerance:
    """Equal bits for exact results; for others a share of the largest number that the program computes.

    Vector code adds up in another order and contracts products, which costs some units in the last place of the
    largest term; steps after that magnify it no more than they magnify numbers.
    """

    def __init__(self, graph: Graph, arrays: Arrays, exact: Collection[Value] = ()) -> None:
        values = [n.out for n in graph.nodes]
        results = evaluate(graph, values, dict(zip(graph.inputs, arrays, strict=True)))
        floats = [(v, a) for v, a in zip(values, results, strict=True) if v.dtype in FLOATS]
        narrow = any(v.dtype == "f32" for v, _ in floats)
        self.share = 4e-5 if narrow else 1e-12
        self.largest = max((_largest(a) for _, a in floats), default=0.0)
        self.exact = exact

    def check(self, outputs: Sequence[Value], got: Arrays, want: Arrays, way: str) -> None:
        for v, a, b in zip(outputs, got, want, strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape), way
            if v in self.exact:
                np.testing.assert_array_equal(a, b, err_msg=f"{way} of {v!r}")
            else:
                atol = self.share * max(1.0, self.largest)
                np.testing.assert_allclose(a, b, self.share, atol, err_msg=f"{way} of {v!r}")


def _largest(a: np.ndarray) -> float:
    return float(np.abs(a[np.isfinite(a)].astype(np.float64)).max(initial=0.0))
