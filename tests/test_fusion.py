"""Which operations become one kernel, counted without running anything, and that fused nests mean the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from roads import interpreted, reference

import graphc as gx
from graphc.ir.graph import Graph
from graphc.ir.node import Value
from graphc.ir.primitive import primitive
from graphc.ir.types import Dim, Type
from graphc.passes.fuse import Fusion, fuse
from graphc.passes.loop_order import merge_orders
from graphc.passes.own_outputs import own_outputs
from graphc.runtime.stages import Stages


class _Ops:
    """Primitives as attributes: P.sum(x, axes=(1,))."""

    def __getattr__(self, name: str) -> Any:
        return primitive(name)


P = _Ops()


def build(f: Callable[..., Any], *shapes: tuple[Any, ...], dtype: str = "f64") -> Graph:
    g = Graph(f.__name__)
    with g:
        result = f(*(g.placeholder(Type(dtype, s)) for s in shapes))
        g.outputs = list(result) if isinstance(result, tuple) else [result]
    return g


def kernels(fusion: Fusion) -> list[list[str]]:
    return [[n.op.name for n in g.nodes] for g in fusion.groups]


def rows(x: Value, y: Value) -> Value:
    """A value per row, to be broadcast over the columns of x."""
    return P.reshape(y, shape=(x.shape[0], 1))


def softmax(x: Value) -> Value:
    e = P.exp(P.sub(x, rows(x, P.max(x, axes=(1,)))))
    return P.div(e, rows(x, P.sum(e, axes=(1,))))


def layer_norm(x: Value, gain: Value, bias: Value) -> Value:
    n = float(x.shape[1]) if isinstance(x.shape[1], int) else 8.0
    mean = P.mul(P.sum(x, axes=(1,)), 1 / n)
    d = P.sub(x, rows(x, mean))
    var = P.mul(P.sum(P.mul(d, d), axes=(1,)), 1 / n)
    return P.add(P.mul(P.mul(d, rows(x, P.rsqrt(P.add(var, 1e-5)))), gain), bias)


def normalise_all(x: Value) -> Value:
    return P.div(x, P.sum(x, axes=(0, 1)))


def batch_statistics(x: Value) -> tuple[Value, Value]:
    mean = P.mul(P.sum(x, axes=(0,)), 0.25)
    d = P.sub(x, mean)
    return mean, P.sum(P.mul(d, d), axes=(0,))


def stencil(x: Value) -> Value:
    wide = P.pad(x, low=(1,), high=(1,), value=0.0)
    left = P.slice(wide, starts=(0,), sizes=x.shape, steps=(1,))
    right = P.slice(wide, starts=(2,), sizes=x.shape, steps=(1,))
    return P.add(P.add(left, right), P.mul(x, -2.0))


def two_branches(x: Value, y: Value) -> Value:
    return P.add(P.tanh(x), P.exp(y))


def sums_of_one_array(x: Value) -> tuple[Value, Value]:
    return P.sum(x, axes=(0,)), P.sum(P.mul(x, x), axes=(0, 1))


def regression(x: Value, w: Value, y: Value) -> Value:
    """A gradient: the rows of x are met twice, once by w and once by what is left of y."""
    rest = P.sub(P.tanh(P.matmul(x, w)), y)
    return P.matmul(P.permute(x, axes=(1, 0)), rest)


def rows_times_matrices(x: Value, w: Value) -> Value:
    return P.exp(P.matmul(P.sin(x), P.cos(w)))


ONE_KERNEL = [
    (softmax, ((5, 8),)),
    (layer_norm, ((5, 8), (8,), (8,))),
    (normalise_all, ((5, 8),)),
    (batch_statistics, ((4, 8),)),
    (stencil, ((9,),)),
    (two_branches, ((5, 8), (8,))),
    (sums_of_one_array, ((5, 8),)),
    (regression, ((6, 4), (4, 1), (6, 1))),
    (rows_times_matrices, ((3, 1, 4), (3, 4, 5))),
]


@pytest.mark.parametrize(("f", "shapes"), ONE_KERNEL, ids=lambda p: getattr(p, "__name__", ""))
def test_one_kernel(f: Callable[..., Any], shapes: tuple[tuple[int, ...], ...]) -> None:
    assert len(fuse(build(f, *shapes)).groups) == 1


@pytest.mark.parametrize("scheduled", [False, True])
@pytest.mark.parametrize(("f", "shapes"), ONE_KERNEL, ids=lambda p: getattr(p, "__name__", ""))
def test_fused_nests_mean_the_same(f: Callable[..., Any], shapes: Any, scheduled: bool) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(0.5, 2.0, s) for s in shapes]
    g = build(f, *shapes)
    from graphc.ir.evaluate import evaluate

    want = evaluate(g, g.outputs, dict(zip(g.inputs, arrays, strict=True)))
    for a, b in zip(interpreted(g, arrays, scheduled=scheduled), want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_symbolic_extents_fuse_alike() -> None:
    assert len(fuse(build(softmax, (Dim("batch"), 8))).groups) == 1


def test_a_matrix_product_takes_its_epilogue_and_reductions_stay_apart() -> None:
    def layer(x: Value, w: Value, b: Value) -> tuple[Value, Value]:
        h = P.tanh(P.add(P.matmul(x, w), b))
        return h, P.sum(P.mul(h, h), axes=(0, 1))

    fusion = fuse(build(layer, (16, 4), (4, 6), (6,)))
    assert kernels(fusion) == [["matmul", "add", "tanh"], ["mul", "sum"]]


def test_a_product_adds_by_itself_what_is_spread_over_its_result() -> None:
    """Squares of distances: the lengths are stored, not their sums for all pairs."""

    def squares(a: Value, b: Value) -> Value:
        long, wide = (P.sum(P.mul(x, x), axes=(1,)) for x in (a, b))
        pairs = P.add(P.reshape(long, shape=(40, 1)), wide)
        return P.sub(pairs, P.matmul(a, P.permute(b, axes=(1, 0))))

    fusion = fuse(build(squares, (40, 8), (50, 8)))
    assert [sorted(names) for names in kernels(fusion)] == [["mul", "mul", "sum", "sum"], ["add", "matmul", "sub"]]
    assert [v.shape for v in fusion.groups[0].writes] == [(40,), (50,)]


def test_vectors_of_a_batch_that_share_a_matrix_are_a_product() -> None:
    def shared(x: Value, w: Value) -> Value:
        return P.sum(P.matmul(P.exp(x), w), axes=(2,))

    assert kernels(fuse(build(shared, (5, 1, 8), (8, 6)))) == [["exp"], ["matmul"], ["sum"]]


def test_a_value_read_at_another_position_is_stored_and_the_reason_kept() -> None:
    def shifted(x: Value) -> Value:
        y = P.exp(x)
        return P.sub(y, P.flip(y, axes=(0,)))

    fusion = fuse(build(shifted, (8,)))
    assert kernels(fusion) == [["exp"], ["sub"]]
    producer, consumer = (g.nodes[0].out for g in fusion.groups)
    assert "another position" in fusion.why_not_fused(producer, consumer)


def test_groups_stay_convex() -> None:
    """Between the two halves of what reads x lies a kernel that needs the first and feeds the second."""

    def diamond(x: Value) -> Value:
        a = P.exp(x)
        turned = P.sin(P.flip(a, axes=(0,)))
        return P.add(a, P.flip(turned, axes=(0,)))

    fusion = fuse(build(diamond, (8,)))
    seen: set[int] = set()
    for g in fusion.groups:
        assert all(v.node.id in seen or v.op.is_source for v in g.reads)
        seen |= {n.id for n in g.nodes}


def test_merge_orders() -> None:
    assert merge_orders([["i", "j"], ["j", "k"]]) == ["i", "j", "k"]
    assert merge_orders([["i", "j"], ["j", "i"]]) is None
    assert merge_orders([]) == []


# ------------------------------------------------------------------------------------------------------------- joins


def halves(x, y):
    return np.concatenate([np.exp(x), x * y], axis=1)


def cross(p, q):
    a, b, c = p[:, 0], p[:, 1], p[:, 2]
    d, e, f = q[:, 0], q[:, 1], q[:, 2]
    return np.stack([b * f - c * e, c * d - a * f, a * e - b * d], axis=1)


def joined_and_used(x, y):
    """A part is a result as well, another is read again, and so is the joined array."""
    first, last = np.exp(x), (x * y).sum(axis=0, keepdims=True)
    both = np.concatenate([first, last, first], axis=0)
    return both, first, both.cumsum(axis=0)[-1] + last


def uneven(x, y):
    return np.concatenate([x.sum(axis=1), np.zeros(0), y.max(axis=0) - 1.0, (x + y).reshape(-1)])


JOINS = [(halves, (9, 20), 1), (cross, (50, 3), 1), (joined_and_used, (6, 40), None), (uneven, (5, 7), None)]


@pytest.mark.parametrize("f,shape,kernels", JOINS, ids=lambda a: getattr(a, "__name__", ""))
def test_parts_are_written_into_the_joined_array(f, shape, kernels):
    r = np.random.default_rng(0)
    x, y = r.normal(size=shape), r.normal(size=shape)
    graph = gx.jit(f).trace(x, y)
    fusion = fuse(own_outputs(graph))
    if kernels:
        assert len(fusion.groups) == kernels
        assert sum(len(g.parts) for g in fusion.groups) > 1
    want = reference(graph, [x, y])
    for got in (interpreted(graph, [x, y], scheduled=True), gx.jit(f)(x, y)):
        for a, b in zip(got if isinstance(got, list | tuple) else [got], want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)


def test_what_is_joined_from_arguments_is_copied():
    x = np.ones((3, 4))
    fusion = fuse(own_outputs(gx.jit(lambda x, y: np.concatenate([x, np.exp(y)])).trace(x, x)))
    assert all(not g.parts for g in fusion.groups)


def _kernels(f, *shapes):
    return len(Stages(gx.jit(f).trace(*(np.ones(s) for s in shapes))).fusion.groups)


def test_a_transposed_result_of_elementwise_work_takes_no_array_between():
    assert _kernels(lambda x: np.tanh(x * 2 + 1).transpose(0, 2, 1) - 1, (3, 40, 50)) == 1


def test_a_result_beside_its_transposed_one_is_stored_in_its_own_order():
    """Also where the second reader comes after the transposed one."""

    def both(x):
        y = x * 3 + 1
        return y.T * 2, y - 5

    assert _kernels(both, (40, 50)) == 2
    assert _kernels(lambda x: (x + 1, x.T * 2), (40, 50)) == 2
