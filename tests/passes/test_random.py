"""Random programs: whatever the rules of O2 make of them, the bits stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from passes.blocks import run_graph, specials

from graphc.ir.graph import Graph
from graphc.ir.node import Value
from graphc.ir.ops.arithmetic import absolute, add, cast, div, floor, mul, neg, sign, sub
from graphc.ir.ops.logic import and_, eq, gt, lt, mask, maximum, minimum, not_, select
from graphc.ir.ops.maths import tanh
from graphc.ir.ops.reduce import amax, sum_
from graphc.ir.ops.shape import concatenate, expand, flip, pad, permute, reshape, slice_
from graphc.ir.poly import Poly
from graphc.ir.types import Type, numpy_dtype
from graphc.ir.verify import verify
from graphc.passes.pipelines import optimize

N = Poly.of("n")
ROUNDING = ["reduce_of_reduce", "reduce_of_expand", "reduce_single_items"]  # -0.0 summed from 0.0 is 0.0
EXCEPT = [*ROUNDING, "safe_where"]  # which takes masks at their word
CONSTANTS = (0, 1, 2, 3, 4, 8)
FLOATING = (-0.0, -1.0, 0.5, np.inf, -np.inf)

Pick = Callable[[int], int]
"""A number below a bound."""


def _program(dtype: str, picks: list[int], length: int) -> Graph:
    stream = iter(picks)

    def pick(bound: int) -> int:
        return next(stream, 0) % bound

    g = Graph()
    with g:
        pool = [g.placeholder(Type(dtype, (N, 3))) for _ in range(2)]
        pool += [g.placeholder(Type(dtype, (3,)))]
        for _ in range(length):
            pool.append(_step(g, pool, pick))
        g.outputs = pool[-2:]
    return g


def _step(g: Graph, pool: list[Value], pick: Pick) -> Value:
    x, y = pool[pick(len(pool))], pool[pick(len(pool))]
    whole = [v for v in (x, y) if v.shape == (N, 3)]
    kind = pick(4)
    if kind == 0:
        return _binary(g, x, y, pick)
    if kind == 1:
        return _with_constant(g, x, pick)
    if kind == 2 and whole:
        return _moved(whole[0], pick)
    return _unary(x, pick)


def _binary(g: Graph, x: Value, y: Value, pick: Pick) -> Any:
    c, d = gt(x, y), lt(y, x)
    zero = g.constant(np.zeros((), numpy_dtype(x.dtype)))
    return [
        lambda: add(x, y), lambda: sub(x, y), lambda: mul(x, y), lambda: maximum(x, y), lambda: minimum(x, y),
        lambda: select(c, x, y), lambda: select(not_(c), select(c, x, y), x), lambda: select(and_(c, not_(d)), x, zero),
        lambda: mask(c, select(c, x, y)), lambda: select(eq(x, x), x, y), lambda: sub(x, neg(y)),
        lambda: mul(neg(x), neg(y)), lambda: cast(gt(x, y), dtype=x.dtype),
    ][pick(13)]()  # fmt: skip


def _with_constant(g: Graph, x: Value, pick: Pick) -> Any:
    values = CONSTANTS + (FLOATING if x.dtype == "f64" else ())
    c = g.constant(np.asarray(values[pick(len(values))], numpy_dtype(x.dtype)))
    wide = expand(c, shape=x.shape)
    options = [
        lambda: add(x, c), lambda: mul(wide, x), lambda: sub(x, c), lambda: sub(c, x), lambda: maximum(x, wide),
        lambda: select(gt(x, c), x, wide), lambda: mul(add(x, c), wide),
    ]  # fmt: skip
    if x.dtype == "f64":
        options += [lambda: div(x, c), lambda: div(c, x)]
    return options[pick(len(options))]()


def _unary(x: Value, pick: Pick) -> Any:
    options = [lambda: neg(x), lambda: absolute(x), lambda: sign(x), lambda: neg(absolute(neg(x)))]
    if x.dtype == "f64":
        options += [lambda: floor(x), lambda: tanh(x)]
    return options[pick(len(options))]()


def _moved(x: Value, pick: Pick) -> Any:
    """A change of place that ends in the shape of x."""
    n = x.shape[0]
    part = {"sizes": (n, 1), "steps": (1, 1)}
    return [
        lambda: permute(neg(permute(x, axes=(1, 0))), axes=(1, 0)),
        lambda: flip(flip(x, axes=(0,)), axes=(0, 1)),
        lambda: reshape(reshape(x, shape=(n, 1, 3)), shape=(n, 3)),
        lambda: slice_(pad(x, low=(1, 1), high=(0, 2), value=0.0), starts=(1, 1), sizes=(n, 3), steps=(1, 1)),
        lambda: slice_(pad(x, low=(0, 2), high=(0, 0), value=0.0), starts=(0, 1), sizes=(n, 3), steps=(1, 1)),
        lambda: concatenate(*(slice_(x, starts=(0, k), **part) for k in (2, 0, 1)), axis=1),
        lambda: slice_(concatenate(x, x, axis=1), starts=(0, 3), sizes=(n, 3), steps=(1, 1)),
        lambda: expand(reshape(amax(x, axes=(1,)), shape=(n, 1)), shape=(n, 3)),
        lambda: expand(reshape(sum_(slice_(x, starts=(0, 1), **part), axes=(1,)), shape=(n, 1)), shape=(n, 3)),
    ][pick(9)]()


@pytest.mark.parametrize("dtype", ["f64", "i8", "u16"])
@settings(deadline=None, max_examples=120)
@given(picks=st.lists(st.integers(0, 1 << 16), max_size=80), length=st.integers(1, 14), turn=st.integers(0, 11))
def test_the_bits_stay(dtype: str, picks: list[int], length: int, turn: int) -> None:
    before = _program(dtype, picks, length)
    after = verify(optimize(before, "O2", disable=EXCEPT))
    feeds = specials(before, turn)
    for want, got in zip(run_graph(before, feeds), run_graph(after, feeds), strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
        numbers = ~np.isnan(want) if dtype == "f64" else np.zeros(want.shape, bool)
        np.testing.assert_array_equal(np.signbit(got[numbers]), np.signbit(want[numbers]))


@settings(deadline=None, max_examples=60)
@given(picks=st.lists(st.integers(0, 1 << 16), max_size=80), length=st.integers(1, 14))
def test_default_level_agrees_on_ordinary_numbers(picks: list[int], length: int) -> None:
    before = _program("f64", picks, length)
    rng = np.random.default_rng(len(picks))
    feeds = [rng.uniform(0.5, 2.0, a.shape) for a in specials(before, 0)]
    after = optimize(before)
    for want, got in zip(run_graph(before, feeds), run_graph(after, feeds), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
