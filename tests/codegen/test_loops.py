"""The loop-nest IR: text form, verifier, chunks, reductions as monoids."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graphc.codegen.nest import monoids
from graphc.codegen.nest.chunk import Chunk
from graphc.codegen.nest.elements import greatest, least
from graphc.codegen.nest.loops import (
    ZERO,
    Accumulate,
    Buffer,
    Check,
    Finish,
    Fold,
    Get,
    Guard,
    Index,
    Init,
    Kernel,
    Let,
    Load,
    Loop,
    Merge,
    Phase,
    Prefetch,
    Put,
    Store,
    map_loops,
    parts,
    statements,
    substitute,
)
from graphc.codegen.nest.oracle import B, number
from graphc.codegen.nest.verify import NestError, verify
from graphc.ir.poly import Poly

I, N = Poly.of("i"), Poly.of("n")
X = Buffer("x", "f32", "in")
Y = Buffer("y", "f32", "out")
FOLDING = (Load("%0", "x", I), Fold("a", ("%0",)))
SUM = (
    Init("a", monoids.SUM, ("f32",)),
    Loop("i", ZERO, (N,), FOLDING, "vector", 16, 16, rest=Loop("i", ZERO, (N,), FOLDING, "vector", 16, 16, True)),
    Finish(("%1",), "a"),
    Store("y", ZERO, "%1"),
)


def kernel(*body, buffers=(X, Y), chunk=None, dims=("n",)):
    return Kernel("k", dims, buffers, (Phase(chunk, body),))


def test_text():
    assert str(verify(kernel(*SUM))) == "\n".join(
        [
            "kernel k(n)",
            "  in   x: f32",
            "  out  y: f32",
            "phase once",
            "  a: f32 = sum.identity",
            "  for i in [0, n) by 16 vector x16:",
            "    %0 = x[i]",
            "    a <- %0",
            "  rest i by 16 vector x16 masked:",
            "    %0 = x[i]",
            "    a <- %0",
            "  %1 = lanes of a",
            "  y[0] = %1",
        ]
    )


@pytest.mark.parametrize(
    "statement,text",
    [
        (Load("%0", "x", I - 1, (Guard(I - 1, N),), -1.5), "%0 = x[i - 1] if 0 <= i - 1 < n else -1.5"),
        (Load("%0", "x", ZERO, indices=(("%k", N),)), "%0 = x[0 + %k*(n)]"),
        (Store("y", I, "%0", guards=(Guard(I, N),)), "y[i] = %0 if 0 <= i < n"),
        (Accumulate("y", I, "%0", (("%k", N),)), "y[i + %k*(n)] add= %0"),
        (Check("%k", N, 7), "check -(n) <= %k < n at site 7"),
        (Prefetch("x", I), "prefetch x[i]"),
        (Let("%1", "cast", ("%0",), "i8"), "%1: i8 = cast %0"),
        (Index("%1", I * 2), "%1: i64 = index 2*i"),
        (Get("a", monoids.ARGMAX, ("p", "q"), I, ("f32", "i64")), "a: f32, i64 = argmax p, q[i]"),
        (Put("a", ("p", "q"), I), "p, q[i] = state a"),
        (Merge("a", "b"), "a <- merge b"),
        (Finish(("%1",), "a", False), "%1 = a"),
    ],
)
def test_text_of_a_statement(statement, text):
    assert text in str(kernel(statement))


@pytest.mark.parametrize(
    "body,message",
    [
        ((Store("y", ZERO, "%0"),), "used before its definition: %0"),
        ((Load("%0", "x", ZERO), Load("%0", "x", ZERO)), "assigned twice: %0"),
        ((Load("%0", "z", ZERO),), "no such buffer"),
        ((Load("%0", "x", I),), "unknown in an index: i"),
        ((Load("%0", "x", ZERO), Store("x", ZERO, "%0")), "x may not be written"),
        ((Let("%0", "const", (1,), "i64"), Store("y", ZERO, "%0")), "i64 into f32"),
        ((Load("%0", "x", ZERO), Let("%1", "gt", ("%0", 0), "f32")), "a comparison gives bool"),
        ((Load("%0", "x", ZERO), Let("%1", "add", ("%0", 1), "f64")), "operands of f32"),
        ((Load("%0", "x", ZERO), Load("%1", "x", ZERO, indices=(("%0", N),))), "an index of f32"),
        ((Load("%0", "x", ZERO), Check("%0", N, 1)), "an i64"),
        ((Index("%0", ZERO), Init("a", monoids.SUM, ("f32",)), Fold("a", ("%0",))), "items of i64"),
        ((Init("a", monoids.SUM, ("f32",)), Put("a", ("y", "y"), ZERO)), "buffers of f32 f32"),
        ((Init("a", monoids.ARGMAX, ("f32",)),), "one type per component"),
        ((Loop("i", ZERO, (N,), (), "vector", 8, 16),), "no multiple of the width"),
        ((Loop("i", ZERO, (N,), (), "unroll"),), "numbers for bounds"),
        ((Loop("i", ZERO, (N,), (), "spiral"),), "unknown kind"),
        ((Loop("n", ZERO, (N,), ()),), "the name is taken: n"),
        ((Loop("i", ZERO, (N,), (Loop("i", ZERO, (N,), ()),)),), "the name is taken: i"),
        ((Loop("i", ZERO, (N,), (Load("%0", "x", I * I),)),), "not affine"),
        ((Loop("i", ZERO, (N,), (), rest=Loop("j", ZERO, (N,), ())),), "another variable"),
        ((Loop("i", ZERO, (N,), (Load("%0", "x", I),)), Store("y", ZERO, "%0")), "used before its definition: %0"),
    ],
)
def test_verifier_refuses(body, message):
    with pytest.raises(NestError, match=message):
        verify(kernel(*body))


def test_verifier_names_the_statement():
    with pytest.raises(NestError, match=r"y\[0\] = %0: "):
        verify(kernel(Store("y", ZERO, "%0")))


def test_chunk_range_is_in_scope_only_in_its_phase():
    body = (Loop("i", Poly.of("i.lo"), (Poly.of("i.hi"),), ()),)
    verify(kernel(*body, chunk=Chunk("i", N, N)))
    with pytest.raises(NestError, match=r"unknown in an index: i\.lo"):
        verify(kernel(*body))


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 1000, 12345])
@pytest.mark.parametrize("unit", [1, 16])
def test_chunks_cover_the_extent_once(n, unit):
    chunk = Chunk("i", N, N * 1000, unit, grain=4096)
    env = {"n": n}
    bounds = [chunk.bounds(c, env) for c in range(chunk.count(env))]
    assert [i for lo, hi in bounds for i in range(lo, hi)] == list(range(n))
    assert all(hi % unit == 0 for _, hi in bounds[:-1])
    assert chunk.count(env) <= chunk.pieces == chunk.most
    assert Chunk("i", Poly.of(n), Poly.of(n * 1000), unit, grain=4096).pieces == chunk.count(env)


def test_walking():
    loop = SUM[1]
    assert len(list(parts(loop))) == 2
    assert sum(isinstance(s, Load) for s in statements(SUM)) == 2
    doubled = map_loops(lambda s: (s, s), SUM)
    assert len(doubled) == len(SUM) + 1
    moved = substitute((Load("%0", "x", I, (Guard(I, N),)), Index("%1", I)), "i", I + 1)
    assert moved == (Load("%0", "x", I + 1, (Guard(I + 1, N),)), Index("%1", I + 1))
    assert replace(loop, rest=None).whole == 16
    assert loop.rest.whole == 1


# ---------------------------------------------------------------------------------------------------------- monoids

FLOATS = [1.5, -2.0, np.nan, np.inf, -np.inf, 0.0, 3.25, 3.25]


def reduce(monoid, dtype, items, block):
    """Fold items in blocks, then merge the states of two halves."""
    dtypes = monoid.dtypes([dtype, "i64"])
    states = []
    for half in (items[: len(items) // 2], items[len(items) // 2 :]):
        state = tuple(map(number, monoid.identity(dtypes), dtypes))
        for k in range(0, len(half), block):
            state = monoid.merge(B, state, monoid.lift(B, half[k : k + block]))
        states.append(state)
    return [x.value for x in monoid.merge(B, *states)]


@pytest.mark.parametrize("block", [1, 3])
@pytest.mark.parametrize("drop", [(), (2,), (2, 3), (2, 3, 4)])
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
def test_plain_reductions_match_numpy(name, drop, block):
    x = np.array([v for k, v in enumerate(FLOATS) if k not in drop])
    with np.errstate(all="ignore"):
        got = reduce(monoids.MONOIDS[name], "f64", [(number(v, "f64"),) for v in x], block)
        np.testing.assert_array_equal(got[0], getattr(np, name)(x))


@pytest.mark.parametrize("block", [1, 3])
@pytest.mark.parametrize("items", [FLOATS, FLOATS[3:], [2.0, 2.0, 1.0, 1.0], [-np.inf, -np.inf], [np.nan, 1, np.nan]])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_arg_reductions_find_the_first_and_nan_wins(name, items, block):
    pairs = [(number(v, "f32"), number(k, "i64")) for k, v in enumerate(items)]
    value, index = reduce(monoids.MONOIDS[name], "f32", pairs, block)
    assert index == getattr(np, name)(items)
    np.testing.assert_array_equal(value, np.float32(items[index]))


@pytest.mark.parametrize("dtype,kind", [("i8", "max"), ("u16", "min"), ("i32", "max"), ("i64", "min"), ("u64", "max")])
def test_identities_of_integers(dtype, kind):
    monoid = monoids.MONOIDS[kind]
    (empty,) = monoid.identity(monoid.dtypes([dtype]))
    assert empty == (least(dtype) if kind == "max" else greatest(dtype))
    assert number(empty, dtype).value == empty


@pytest.mark.parametrize("items", [[0.0, 1.0, 2.0], [-np.inf, -np.inf], [np.inf, 1.0], [1000.0, 1000.5], [np.nan, 0.0]])
def test_logsumexp(items):
    with np.errstate(all="ignore"):
        m, z = reduce(monoids.LOGSUMEXP, "f64", [(number(v, "f64"),) for v in items], 1)
        np.testing.assert_allclose(m + np.log(z), np.logaddexp.reduce(np.array(items)), rtol=1e-14)


@pytest.mark.parametrize("block", [1, 4])
def test_moments(block):
    x = np.random.default_rng(0).standard_normal(50) + 1e4
    n, mean, squares = reduce(monoids.MOMENTS, "f64", [(number(v, "f64"),) for v in x], block)
    assert n == 50
    np.testing.assert_allclose([mean, squares / 50], [x.mean(), x.var()], rtol=1e-12)
