"""Derivatives and batches of every primitive, one inside the other: each order, each choice of mapped operands."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from cases import PrimitiveCase, draw, primitive_cases

import graphc as gx
from graphc import eager
from graphc.autodiff.forward import jvp
from graphc.autodiff.reverse import gradients
from graphc.ir.evaluate import evaluate
from graphc.ir.ops.arithmetic import mul
from graphc.ir.ops.reduce import sum_
from graphc.ir.types import FLOATS

ITEMS = 3
CASES = [
    c
    for c in primitive_cases(frozenset({"f64"}))
    if c.op.differentiable and c.case.attrs.get("dtype", "f64") == "f64" and c.op.name != "stop_gradient"
]


def energy(c: PrimitiveCase) -> Callable[..., Any]:
    """The sum of squares of the result: its first and second derivatives do not vanish."""

    def total(*xs: Any) -> Any:
        y = c.op(*xs, **c.case.attrs)
        return sum_(mul(y, y), axes=tuple(range(len(y.shape))))

    return total


def floats(c: PrimitiveCase) -> tuple[int, ...]:
    return tuple(k for k, o in enumerate(c.case.operands) if (o.dtype or c.dtype) in FLOATS)


def batches(c: PrimitiveCase) -> Iterator[tuple[tuple[int | None, ...], list[np.ndarray]]]:
    """Axes and operands: every non-empty choice of mapped ones, along the first axis or the last."""
    count = len(c.case.operands)
    choices = [m for m in itertools.product((0, None), repeat=count) if any(a == 0 for a in m)]
    for axes in [*choices, (-1,) * count]:
        rng = np.random.default_rng([c.number, count])
        stacked = [
            draw(rng, o, c.dtype) if a is None else np.stack([draw(rng, o, c.dtype) for _ in range(ITEMS)], axis=a)
            for o, a in zip(c.case.operands, axes, strict=True)
        ]
        yield axes, stacked


def items(axes: tuple[int | None, ...], xs: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
    for k in range(ITEMS):
        yield [x if a is None else np.take(x, k, axis=a) for x, a in zip(xs, axes, strict=True)]


def same(got: Any, want: Any) -> None:
    np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-10)


def in_graph(f: Callable[..., Any]) -> Callable[..., Any]:
    return gx.jit(f, level="O0")


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
@pytest.mark.parametrize("c", CASES, ids=str)
def test_gradients_for_each_item(c: PrimitiveCase) -> None:
    """vmap of grad is the loop of grads, on the tape and in a graph."""
    places = floats(c)
    slope = gx.grad(energy(c), places)
    for axes, xs in batches(c):
        want = [np.stack(column) for column in zip(*(slope(*item) for item in items(axes, xs)), strict=True)]
        mapped = gx.vmap(slope, axes)
        for got in (mapped(*xs), in_graph(mapped)(*xs)):
            for g, w in zip(got, want, strict=True):
                same(g, w)


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
@pytest.mark.parametrize("c", CASES, ids=str)
def test_the_gradient_of_a_batch(c: PrimitiveCase) -> None:
    """grad of vmap is that of the sum over the items: batch rules are differentiated, to second order."""
    places = floats(c)
    f = energy(c)
    axes, xs = next(batches(c))

    def batch(*xs: Any) -> Any:
        return gx.vmap(f, axes)(*xs).sum()

    def loop(*xs: Any) -> Any:
        parts = [f(*(x[k] if a == 0 else x for x, a in zip(xs, axes, strict=True))) for k in range(ITEMS)]
        return sum(parts[1:], parts[0])

    def curve(of: Callable[..., Any]) -> Callable[..., Any]:
        slope = gx.grad(of, places)
        return gx.grad(lambda *xs: sum((g * g).sum() for g in slope(*xs)), places)

    for order in (lambda of: gx.grad(of, places), curve):
        want = order(loop)(*xs)
        for got in (order(batch)(*xs), in_graph(order(batch))(*xs)):
            for g, w in zip(got, want, strict=True):
                same(g, w)


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
@pytest.mark.parametrize("c", CASES, ids=str)
def test_second_order_is_the_same_in_every_mix_of_modes(c: PrimitiveCase) -> None:
    """<u, H v> of the energy on a graph, by the three mixes with forward mode, is that of the tape by reverse twice."""
    rng = np.random.default_rng(2)
    arrays, places = c.arrays(), floats(c)
    us, vs = ([rng.standard_normal(arrays[k].shape) for k in places] for _ in "uv")
    graph = gx.Graph()
    with graph:
        values = [graph.placeholder(eager.Tensor(a).type) for a in arrays]
        xs = [values[k] for k in places]
        u, v = ([graph.constant(np.asarray(a)) for a in ts] for ts in (us, vs))
        y = energy(c)(*values)
        slopes = [(x, g) for x, g in zip(xs, gradients(graph, [y], xs), strict=True) if g is not None]
        (along,) = jvp(graph, [y], xs, v)
        ways = []
        if slopes and along is not None:
            pushed = jvp(graph, [g for _, g in slopes], xs, v)
            ways.append([(p, u[xs.index(x)]) for (x, _), p in zip(slopes, pushed, strict=True) if p is not None])
            pulled = gradients(graph, [along], xs)
            ways.append([(p, t) for p, t in zip(pulled, u, strict=True) if p is not None])
            (twice,) = jvp(graph, [along], xs, u)
            ways.append([] if twice is None else [(twice, graph.constant(np.ones(())))])
    feeds = dict(zip(values, arrays, strict=True))
    found = [sum(np.vdot(*evaluate(graph, list(pair), feeds)) for pair in way) for way in ways]
    leaves = [eager.Tensor(a, requires_grad=k in places) for k, a in enumerate(arrays)]
    inputs = [leaves[k] for k in places]
    first = eager.grad(energy(c)(*leaves), inputs, create_graph=True, materialize_grads=True)
    moving = [(g, a) for g, a in zip(first, vs, strict=True) if g.requires_grad]
    tape = 0.0
    if moving:
        second = eager.grad([g for g, _ in moving], inputs, [a for _, a in moving], materialize_grads=True)
        tape = sum(np.vdot(h.numpy(), a) for h, a in zip(second, us, strict=True))
    for number in found:
        same(number, tape)
