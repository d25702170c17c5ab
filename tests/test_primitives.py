"""Every primitive, every case, every element type: NumPy's rule = loop interpreter = native code."""

from __future__ import annotations

import numpy as np
import pytest
from cases import PrimitiveCase, primitive_cases, tolerance

from graphc.codegen import interp
from graphc.codegen.lift import buffer_name, lift
from graphc.codegen.lower import lower
from graphc.codegen.schedule import schedule
from graphc.ir.graph import Graph
from graphc.ir.primitive import PRIMITIVES, type_of
from graphc.ir.types import numpy_dtype
from graphc.passes.access import storage
from graphc.passes.fuse import fuse
from graphc.passes.own_outputs import own_outputs
from graphc.runtime.executable import compile_graph

CASES = list(primitive_cases())


def reference(c: PrimitiveCase, arrays: list[np.ndarray]) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.asarray(c.op(*arrays, **c.case.attrs))


def interpreted(graph: Graph, arrays: list[np.ndarray], scheduled: bool) -> list[np.ndarray]:
    """Run the loop nests of a graph with static extents in the interpreter."""
    fusion = fuse(own_outputs(graph))
    memory = {buffer_name(v): np.ravel(a).copy() for v, a in zip(fusion.graph.inputs, arrays, strict=True)}
    for n in fusion.graph.nodes:
        if n.op.name == "constant":
            memory[buffer_name(n.out)] = n.attrs["value"].array.reshape(-1)
    for group in fusion.groups:
        kernel = lower(lift(fusion, group))
        kernel = schedule(kernel) if scheduled else kernel
        for v in group.writes:
            memory[buffer_name(v)] = np.zeros(v.type.size, numpy_dtype(v.dtype))
        used = {b.name: memory[b.name] for b in kernel.buffers if b.role in ("in", "out")}
        assert interp.run(kernel, used, {}) == 0
    outputs = fusion.graph.outputs
    return [memory[buffer_name(storage(v, fusion.anchors))].reshape(v.shape) for v in outputs]


def check(c: PrimitiveCase, got: np.ndarray, want: np.ndarray, arrays: list[np.ndarray]) -> None:
    assert type_of(got) == type_of(want)
    np.testing.assert_allclose(got, want, **tolerance(c.op, want, arrays))


@pytest.mark.parametrize("c", CASES, ids=str)
def test_infer_gives_the_type_that_numpy_gives(c: PrimitiveCase) -> None:
    arrays = c.arrays()
    assert c.op.infer(*map(type_of, arrays), **c.case.attrs) == type_of(reference(c, arrays))


@pytest.mark.parametrize("scheduled", [False, True], ids=["naive", "scheduled"])
@pytest.mark.parametrize("c", CASES, ids=str)
def test_loop_nests_mean_what_numpy_computes(c: PrimitiveCase, scheduled: bool) -> None:
    arrays = c.arrays()
    check(c, interpreted(c.graph(), arrays, scheduled)[0], reference(c, arrays), arrays)


@pytest.mark.parametrize("c", CASES, ids=str)
def test_native_code_computes_what_numpy_does(c: PrimitiveCase) -> None:
    arrays = c.arrays()
    check(c, compile_graph(c.graph(), "O1")(*arrays)[0], reference(c, arrays), arrays)


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_record_is_complete(name: str) -> None:
    """Every primitive but the leaves has cases and code; what takes floats and gives floats has both gradients."""
    op = PRIMITIVES[name]
    if name in ("placeholder", "variable"):
        return
    assert op.cases
    assert op.scalar or op.loops or op.traits & {"scatter", "source"}
    assert (op.vjp is None) == (op.jvp is None)
