"""The oracles: scalar operations over NumPy scalars, and the interpreter of nests."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.codegen.nest import interp
from graphc.codegen.nest.loops import ZERO, Buffer, Check, Guard, Index, Kernel, Let, Load, Loop, Phase, Store
from graphc.codegen.nest.oracle import NUMPY, B, number
from graphc.codegen.nest.scalars import apply_scalar
from graphc.ir.poly import Poly

I, N = Poly.of("i"), Poly.of("n")


def value(op, dtype, *xs):
    with np.errstate(all="ignore"):
        return getattr(B, op)(*(number(x, dtype) for x in xs)).value


@pytest.mark.parametrize("x,y,q,r", [(7, 2, 3, 1), (-7, 2, -3, -1), (7, -2, -3, 1), (5, 0, 0, 0), (-128, -1, -128, 0)])
def test_truncating_division_is_total(x, y, q, r):
    assert (value("quotient", "i8", x, y), value("rest", "i8", x, y)) == (q, r)


def test_truncating_division_of_the_largest():
    top = 2**64 - 1
    assert (value("quotient", "u64", top, 1), value("rest", "u64", top, 2**63)) == (top, 2**63 - 1)
    low = -(2**63)
    assert (value("quotient", "i64", low, -1), value("rest", "i64", low, -1)) == (low, 0)


@pytest.mark.parametrize("x,y,q,r", [(-7, 2, -4, 1), (7, -2, -4, -1), (5, 0, 0, 0), (-128, -1, -128, 0)])
def test_floor_division_of_integers(x, y, q, r):
    assert (value("floordiv", "i8", x, y), value("mod", "i8", x, y)) == (q, r)


def test_integers_wrap():
    assert value("add", "i8", 127, 1) == -128
    assert value("mul", "u8", 16, 17) == 16
    assert value("neg", "i8", -128) == -128


@pytest.mark.parametrize(
    "x,source,dtype,want",
    [
        (np.nan, "f32", "i32", 0),
        (1e30, "f64", "i8", 127),
        (-np.inf, "f32", "i64", -(2**63)),
        (np.inf, "f64", "u64", 2**64 - 1),
        (2.0**63, "f64", "i64", 2**63 - 1),
        (-1.5, "f64", "u8", 0),
        (-1.5, "f64", "i8", -1),
        (300, "i32", "u8", 44),
        (0.5, "f32", "bool", True),
        (np.nan, "f32", "bool", True),
        (True, "bool", "f64", 1.0),
        (-1, "i64", "u32", 2**32 - 1),
    ],
)
def test_casts(x, source, dtype, want):
    got = B.cast(number(x, source), dtype)
    assert (got.value, got.dtype, got.value.dtype) == (want, dtype, NUMPY[dtype])


def test_numbers_take_the_type_of_the_other_operand():
    assert B.add(number(1, "i16"), 2).dtype == "i16"
    assert B.select(number(True, "bool"), 1, number(0, "f32")).dtype == "f32"
    assert B.lt(0.5, number(1, "f64")).dtype == "bool"


def test_bits_and_back():
    x = number(-1.5, "f32")
    assert B.bits(x) == number(np.float32(-1.5).view("i4"), "i32")
    assert B.real(B.bits(x)) == x


@pytest.mark.parametrize("index,bound,want", [(2, 5, 2), (-1, 5, 4), (-6, 5, 0), (7, 5, 4), (0, 0, 0), (-3, 0, 0)])
def test_wrapped_indices_are_in_range(index, bound, want):
    for limit in (bound, number(bound, "i64")):
        assert apply_scalar(B, "wrap", (number(index, "i64"), limit), "i64").value == want


def kernel(*body, dims=("n",)):
    buffers = (Buffer("x", "f32", "in"), Buffer("y", "f32", "out"), Buffer("status", "i64", "status"))
    return Kernel("k", dims, buffers, (Phase(None, body),))


def test_addresses_are_checked():
    x, y = np.zeros(3, "f4"), np.zeros(3, "f4")
    for at in (Poly.of(-1), Poly.of(3)):
        with pytest.raises(IndexError, match="beyond 3 elements"):
            interp.run(kernel(Load("%0", "x", at)), {"x": x, "y": y}, {})
        fill = Load("%0", "x", at, (Guard(at, Poly.of(3)),), 7.0)
        interp.run(kernel(fill, Store("y", ZERO, "%0")), {"x": x, "y": y}, {})
        assert y[0] == 7


def test_arrays_must_be_contiguous_and_of_the_declared_type():
    for x in (np.zeros((4, 4), "f4")[:, ::2], np.zeros(4)):
        with pytest.raises(ValueError, match="contiguous array of f32"):
            interp.run(kernel(), {"x": x, "y": np.zeros(1, "f4")}, {})


def test_types_of_values_are_checked():
    arrays = {"x": np.zeros(1, "f4"), "y": np.zeros(1, "f4")}
    with pytest.raises(TypeError, match="gives f32, declared f64"):
        interp.run(kernel(Load("%0", "x", ZERO), Let("%1", "neg", ("%0",), "f64")), arrays, {})


@pytest.mark.parametrize("n,status", [(3, 0), (5, 4)])
def test_the_first_failed_check_is_the_status(n, status):
    body = (Index("%0", I), Check("%0", Poly.of(3), 4), Check("%0", Poly.of(4), 9))
    arrays = {"x": np.zeros(1, "f4"), "y": np.zeros(1, "f4")}
    assert interp.run(kernel(Loop("i", ZERO, (N,), body)), arrays, {"n": n}) == status


def test_a_rest_goes_on_where_its_loop_stopped():
    copy = (Load("%0", "x", I), Let("%1", "add", ("%0", 1.0), "f32"), Store("y", I, "%1"))
    tail = Loop("i", ZERO, (N,), copy, "vector", 4, 4, masked=True)
    main = Loop("i", ZERO, (N,), copy, "vector", 4, 4, rest=tail)
    for n in range(10):
        x, y = np.arange(n, dtype="f4"), np.zeros(n, "f4")
        interp.run(kernel(main), {"x": x, "y": y}, {"n": n})
        np.testing.assert_array_equal(y, x + 1)
