"""The vjp and jvp rules of every primitive: against finite differences to second order, and tape against graph."""

from __future__ import annotations

import numpy as np
import pytest
from cases import PrimitiveCase, primitive_cases

from graphc import eager
from graphc.autodiff.check import check_grads
from graphc.autodiff.forward import jvp
from graphc.autodiff.reverse import gradients
from graphc.ir.evaluate import evaluate
from graphc.ir.graph import Graph
from graphc.ir.node import Value
from graphc.ir.ops.arithmetic import mul
from graphc.ir.ops.reduce import sum_
from graphc.ir.primitive import PRIMITIVES
from graphc.ir.types import FLOATS, numpy_dtype

UNLIKE_ITS_VALUES = {"stop_gradient"}  # a derivative of zero on purpose


def has_slope(c: PrimitiveCase) -> bool:
    return c.op.differentiable and c.case.attrs.get("dtype", "f64") in FLOATS


CASES = [c for c in primitive_cases(frozenset({"f64"})) if has_slope(c)]
SMOOTH = [
    c for c in CASES if c.op.name not in UNLIKE_ITS_VALUES and c.case.attrs.get("dtype", "f64") == "f64"
]  # narrower casts step under a difference quotient
NARROW = [c for c in primitive_cases(frozenset({"f16", "f32"})) if has_slope(c)]


@pytest.mark.parametrize("c", SMOOTH, ids=str)
def test_rules_are_the_derivatives(c: PrimitiveCase):
    check_grads(lambda *xs: c.op(*xs, **c.case.attrs), c.arrays())


def floats(values: list[Value]) -> list[Value]:
    return [v for v in values if v.dtype in FLOATS]


def energy(y):
    """The sum of squares, so that second derivatives do not vanish."""
    return sum_(mul(y, y), axes=tuple(range(len(y.shape))))


@pytest.mark.parametrize("c", CASES, ids=str)
def test_tape_and_graph_agree_to_second_order(c: PrimitiveCase):
    arrays = c.arrays()
    graph = c.graph()
    xs = floats(graph.inputs)
    with graph:
        first = gradients(graph, [energy(graph.outputs[0])], xs)
        used = [g for g in first if g is not None]
        second = gradients(graph, [energy(g) for g in used], xs) if used else []
    feeds = dict(zip(graph.inputs, arrays, strict=True))

    tensors = [eager.Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    leaves = [t for t in tensors if t.requires_grad]
    y = c.op(*tensors, **c.case.attrs)
    if not y.requires_grad:
        assert not used
        return
    tape_first = eager.grad(energy(y), leaves, create_graph=True, allow_unused=True)
    compare(graph, feeds, first, tape_first)
    again = [energy(g) for g in tape_first if g is not None and g.requires_grad]
    if again:
        compare(graph, feeds, second, eager.grad(again, leaves, allow_unused=True))


def value(graph: Graph, v: Value, feeds: dict) -> np.ndarray:
    return evaluate(graph, [v], feeds)[0]


def compare(graph: Graph, feeds: dict, values: list[Value | None], tensors: tuple) -> None:
    """Equal up to rounding; None on one side is zero on the other."""
    for v, t in zip(values, tensors, strict=True):
        got = np.zeros(()) if t is None else t.detach().numpy()
        want = np.zeros(()) if v is None else value(graph, v, feeds)
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("c", CASES, ids=str)
def test_forward_mode_is_the_transpose_of_reverse_mode(c: PrimitiveCase):
    """<v, J u> = <J^T v, u> on the graph."""
    rng = np.random.default_rng(1)
    arrays = c.arrays()
    graph = c.graph()
    xs, y = floats(graph.inputs), graph.outputs[0]
    us, v = [rng.standard_normal(x.shape) for x in xs], rng.standard_normal(y.shape)
    with graph:
        cotangent = graph.constant(np.asarray(v, numpy_dtype(y.dtype)))
        grads = gradients(graph, [y], xs, [cotangent])
        (tangent,) = jvp(graph, [y], xs, [graph.constant(np.asarray(u)) for u in us])
    feeds = dict(zip(graph.inputs, arrays, strict=True))
    forward = 0.0 if tangent is None else np.vdot(v, value(graph, tangent, feeds))
    reverse = sum(np.vdot(value(graph, g, feeds), u) for g, u in zip(grads, us, strict=True) if g is not None)
    np.testing.assert_allclose(forward, reverse, rtol=1e-2 if y.dtype == "f16" else 1e-6, atol=1e-9)


@pytest.mark.parametrize("c", NARROW, ids=str)
def test_derivatives_have_the_type_of_their_operand(c: PrimitiveCase):
    graph = c.graph()
    xs, y = floats(graph.inputs), graph.outputs[0]
    with graph:
        ones = graph.constant(np.ones(y.shape, numpy_dtype(y.dtype)))
        grads = gradients(graph, [y], xs, [ones])
        tangents = jvp(graph, [y], xs, [graph.constant(np.ones(x.shape, numpy_dtype(x.dtype))) for x in xs])
    assert all(g is None or g.type == x.type for g, x in zip(grads, xs, strict=True))
    assert all(t is None or t.type == y.type for t in tangents)

    leaves = [eager.Tensor(a, requires_grad=a.dtype.kind == "f") for a in c.arrays()]
    out = c.op(*leaves, **c.case.attrs)
    if out.requires_grad:
        wanted = [t for t in leaves if t.requires_grad]
        for t, g in zip(wanted, eager.grad(out, wanted, np.ones(out.shape), materialize_grads=True), strict=True):
            assert (g.dtype, g.shape) == (t.dtype, t.shape)


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_a_primitive_has_both_rules_or_none(name: str):
    op = PRIMITIVES[name]
    assert (op.vjp is None) == (op.jvp is None)
