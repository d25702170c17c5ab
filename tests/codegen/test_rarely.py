"""Rare slow paths: what they compute, where their branch stands, and that nothing of them is used elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from codegen.native import Native, elementwise

from graphc.codegen.llvm.builder import Builder
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.native.engine import host
from graphc.codegen.nest import interp, monoids
from graphc.codegen.nest.loops import Buffer, Finish, Fold, Init, Kernel, Let, Load, Loop, Phase, Store
from graphc.codegen.nest.oracle import B
from graphc.ir.poly import Poly

P = Poly.of
I, ZERO = P("i"), Poly()
N = P("n")
FAR = 1e7  # where sin takes its slow path
Array = np.ndarray[Any, Any]


def angles(count: int, far: Sequence[int] = ()) -> Array:
    x = np.random.default_rng(0).uniform(-9, 9, count).astype(np.float32)
    x[list(far)] *= FAR
    return x


def close(got: Array, want: Array) -> None:
    np.testing.assert_allclose(got, want.astype(np.float32), rtol=3e-7, atol=1e-7)


def sine(x: Array) -> Array:
    return np.asarray(np.sin(x.astype(np.float64)))


def slow_square(b: Any, x: Any) -> list[Any]:
    return [b.mul(x, x)]


# ------------------------------------------------------------------------------------------------------ elementwise


@pytest.mark.parametrize("width", [1, 4, 16])
@pytest.mark.parametrize("far", [(), (0,), (17, 30), range(37)], ids=["none", "first", "some", "all"])
def test_lanes_do_not_depend_on_their_neighbours(width, far):
    """Also in the masked tail: 37 is no multiple of a width."""
    x, alone = angles(37, far), np.empty(37, np.float32)
    kernel = elementwise([Let("y", "sin", ("x",), "f32")], {"x": "f32"}, 37, width)
    got = np.empty(37, np.float32)
    assert Native(kernel)({"x.in": x, "y.out": got}) == 0
    close(got, sine(x))
    single = Native(elementwise([Let("y", "sin", ("x",), "f32")], {"x": "f32"}, 1, 1))
    for n in range(37):
        single({"x.in": x[n : n + 1], "y.out": alone[n : n + 1]})
    np.testing.assert_array_equal(got, alone)


def test_equal_branches_are_written_once():
    lets = [Let("s", "sin", ("x",), "f32"), Let("c", "cos", ("x",), "f32")]
    one, both = (Native(elementwise(some, {"x": "f32"}, 64, 16)) for some in (lets[:1], lets))
    assert one.text.count("\nrare") == both.text.count("\nrare") > 0
    x, s, c = angles(64, (3, 40)), np.empty(64, np.float32), np.empty(64, np.float32)
    both({"x.in": x, "s.out": s, "c.out": c})
    close(s, sine(x))
    close(c, np.cos(x.astype(np.float64)))


# ------------------------------------------------------------------------------------------------------------ loops


def invariant(inner: str, width: int = 1) -> Kernel:
    """y[i] = x[i] + sin(a) for n items, where a is one number; and the sum of sin(x)."""
    body = (
        Load("a", "a.in", ZERO),
        Let("s", "sin", ("a",), "f32"),
        Load("x", "x.in", I),
        Let("sx", "sin", ("x",), "f32"),
        Fold("total", ("sx",)),
        Let("y", "add", ("x", "s"), "f32"),
        Store("y.out", I, "y"),
    )
    loop = Loop("i", ZERO, (N,), body, inner, width, width, masked=width > 1)  # type: ignore[arg-type]
    whole = (Init("total", monoids.SUM, ("f32",)), loop, Finish(("sum",), "total", True), Store("z.out", ZERO, "sum"))
    buffers = [Buffer("a.in", "f32", "in"), Buffer("x.in", "f32", "in"), Buffer("y.out", "f32", "out")]
    return Kernel("k", ("n",), (*buffers, Buffer("z.out", "f32", "out")), (Phase(None, whole),))


@pytest.mark.parametrize("a", [0.5, 1e6, 1e30])
@pytest.mark.parametrize("n", [0, 1, 5, 16, 41])
@pytest.mark.parametrize("width", [1, 16])
def test_a_branch_leaves_the_loop_that_it_does_not_vary_in(width, n, a):
    x, y, z = angles(n, range(0, n, 9)), np.zeros(n, np.float32), np.ones(1, np.float32)
    native = Native(invariant("vector" if width > 1 else "serial", width))
    assert native({"a.in": np.array([a], np.float32), "x.in": x, "y.out": y, "z.out": z}, {"n": n}) == 0
    close(y, x + sine(np.array([a], np.float32)))
    np.testing.assert_allclose(z[0], sine(x).sum(), rtol=1e-5, atol=1e-5)


def unrolled(copies: int) -> Kernel:
    """y[4 i + u] = sin(x[4 i + u])"""
    at = I * copies + P("u")
    body = (Load("x", "x.in", at), Let("y", "sin", ("x",), "f32"), Store("y.out", at, "y"))
    copy = Loop("u", ZERO, (P(copies),), body, "unroll")
    loop = Loop("i", ZERO, (N,), (copy,))
    buffers = (Buffer("x.in", "f32", "in"), Buffer("y.out", "f32", "out"))
    return Kernel("k", ("n",), buffers, (Phase(None, (loop,)),))


def test_every_copy_of_an_unrolled_body_has_its_own_branch():
    kernel, x = unrolled(4), angles(24, (1, 6, 23))
    native, y, want = Native(kernel), np.zeros(24, np.float32), np.zeros(24, np.float32)
    assert native({"x.in": x, "y.out": y}, {"n": 6}) == 0
    assert interp.run(kernel, {"x.in": x, "y.out": want}, {"n": 6}) == 0
    close(y, want)


# ---------------------------------------------------------------------------------------------------- the two builders


def test_the_oracle_chooses():
    x, y = B.number(3.0, "f64"), B.number(7.0, "f64")
    assert B.rarely(B.gt(x, 2.0), [y], slow_square, x)[0].value == 9.0
    assert B.rarely(B.gt(x, 4.0), [y], slow_square, x)[0].value == 7.0


def test_values_of_the_rare_block_stay_there():
    """The same product is written again outside, and the branch is as shallow as its operands."""
    b, x = Builder(host().features), Operand("%x", "f32", 16)
    (value,) = b.rarely(b.gt(x, 2.0), [x], slow_square, x)
    product = b.mul(x, x)
    text = "\n".join(b.regions[0].lines)
    assert text.count(" fmul ") == 2
    assert f"{product.text} = fmul" in text.rpartition("join")[2]
    assert value.depth == 0 and b.depth == 0


def test_a_slow_path_has_a_name():
    b, x = Builder(host().features), Operand("%x", "f32")
    with pytest.raises(ValueError, match="not a function of a module"):
        b.rarely(b.gt(x, 2.0), [x], lambda b, x: [x], x)
