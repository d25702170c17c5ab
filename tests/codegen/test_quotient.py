"""Vectors divided by one number: the bits of a division per lane, without the divider."""

from __future__ import annotations

import numpy as np
import pytest
from codegen.native import Native

from graphc.codegen.llvm.quotient import ORDINARY
from graphc.codegen.native.array_layout import numpy_dtype
from graphc.codegen.native.engine import host
from graphc.codegen.nest.loops import Buffer, Kernel, Let, Load, Loop, Phase, Store
from graphc.ir.poly import Poly

I, J = Poly.of("i"), Poly.of("j")
EXACT_FROM = {"f32": 2.0**-100, "f64": 2.0**-960}  # below, what a quotient leaves may be subnormal


def rows_over_numbers(dtype, rows, columns, width):
    """z[i, j] = x[j] / y[i], one number per row."""
    body = (Load("a", "x", J), Let("q", "div", ("a", "b"), dtype), Store("z", I * columns + J, "q"))
    inner = Loop("j", Poly(), (Poly.of(columns),), body, "vector", width, width, masked=True)
    outer = Loop("i", Poly(), (Poly.of(rows),), (Load("b", "y", I), inner))
    buffers = tuple(Buffer(n, dtype, role) for n, role in (("x", "in"), ("y", "in"), ("z", "out")))
    return Kernel("k", (), buffers, (Phase(None, (outer,)),))


def numbers(dtype):
    r, t = np.random.default_rng(0), numpy_dtype(dtype)
    exponent = 120 if t.itemsize == 4 else 1000
    edges = [0, np.inf, np.nan, 1, 3, 7, 49, 1 / 3, 0.1, float(np.finfo(t).max), float(np.finfo(t).tiny)]
    edges += [float(np.finfo(t).smallest_subnormal), ORDINARY[dtype], 1 / ORDINARY[dtype]]
    with np.errstate(over="ignore"):
        edges += [2 * e for e in edges[-2:]] + [e / 2 for e in edges[-2:]]
    many = np.concatenate([r.normal(size=400), 2.0 ** r.uniform(-exponent, exponent, 400), np.arange(1.0, 60), edges])
    return np.concatenate([many, -many]).astype(t)


@pytest.mark.parametrize("dtype,width", [("f32", 16), ("f32", 8), ("f64", 8)])
def test_quotients_have_the_bits_of_a_division(dtype, width):
    x = numbers(dtype)
    y = x[:: 3 if dtype == "f32" else 5].copy()
    y[-20:] = x[-20:]
    z = np.empty((len(y), len(x)), x.dtype)
    assert Native(rows_over_numbers(dtype, *z.shape, width))({"x": x, "y": y, "z": z}) == 0
    with np.errstate(all="ignore"):
        want = x / y[:, None]
    real = ~np.isnan(want)
    np.testing.assert_array_equal(np.isnan(z), ~real)
    np.testing.assert_array_equal(np.signbit(z)[real], np.signbit(want)[real])
    large = np.broadcast_to(np.abs(x) >= EXACT_FROM[dtype], want.shape) | ~np.isfinite(want)
    np.testing.assert_array_equal(z[large & real], want[large & real])
    small = real & np.isfinite(want)
    with np.errstate(over="ignore"):
        unit = np.spacing(np.abs(want[small]))
    assert (np.abs(z[small] - want[small]) <= unit).all()


def test_the_divider_is_behind_a_branch():
    text = Native(rows_over_numbers("f32", 5, 64, 16)).text
    loop = text[text.index("fdiv <16 x float>") - 400 :]
    assert loop.index("rare") < loop.index("fdiv <16 x float>")


def test_targets_without_fused_multiply_add_divide():
    text = Native(rows_over_numbers("f32", 5, 64, 16), host().features - {"fma"}).text
    assert "rare" not in text
