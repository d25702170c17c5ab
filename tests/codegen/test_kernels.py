"""Kernels of a program: equal ones are compiled once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gx
from graphc.runtime.stages import Stages


def stages(f: Callable[..., Any], *args: Any) -> Stages:
    return Stages(gx.jit(f).trace(*args))


def functions(s: Stages) -> int:
    """Kernels in the text, each by its driver."""
    return len(re.findall(r"define +void @k\d+\(", s.llvm))


def stencil(weights: list[float]) -> Callable[[Any], Any]:
    def f(u: Any) -> Any:
        for w in weights:
            p = np.pad(u, 1)
            u = u + w * (p[:-2, 1:-1] + p[2:, 1:-1] - 2 * u)
        return u

    return f


def test_equal_kernels_are_written_once():
    u = np.random.default_rng(0).random((20, 30))
    s = stages(stencil([0.1] * 6), u)
    assert (len(s.kernels), functions(s)) == (6, 1)
    np.testing.assert_allclose(gx.jit(stencil([0.1] * 6))(u), stencil([0.1] * 6)(u), rtol=1e-12)


def test_kernels_that_differ_in_a_number_stay_apart():
    u = np.ones((20, 30))
    s = stages(stencil([0.1, 0.2, 0.1]), u)
    assert (len(s.kernels), functions(s)) == (3, 2)
    np.testing.assert_allclose(gx.jit(stencil([0.1, 0.2, 0.1]))(u), stencil([0.1, 0.2, 0.1])(u), rtol=1e-12)


def test_checks_stay_apart_so_that_each_names_its_own_line():
    def f(x: Any, i: Any, y: Any, j: Any) -> Any:
        first = x[i].sum()
        second = y[j].sum()
        return first, second

    picks = np.zeros(12, np.int64)
    s = stages(f, np.ones(5), picks, np.ones(5), picks)
    assert (len(s.kernels), functions(s)) == (2, 2)
    with pytest.raises(IndexError, match=r"second = y\[j\]"):
        gx.jit(f)(np.ones(5), picks, np.ones(5), picks + 5)


def recurrence(xs: Any, w: Any) -> Any:
    """A loop that Python unrolls: every step reads a row of its own, and the result of the step before."""
    h = np.zeros(xs.shape[1:], xs.dtype)
    for x in xs:
        h = np.tanh(x + h @ w)
    return h


def test_steps_of_an_unrolled_loop_share_kernels_over_rows_of_one_array():
    r = np.random.default_rng(0)
    xs, w = r.standard_normal((12, 20, 30)), r.standard_normal((30, 30)) / 10
    s = stages(recurrence, xs, w)
    assert len(s.kernels) == 12
    assert functions(s) <= 3  # the first step multiplies zeros
    np.testing.assert_allclose(gx.jit(recurrence)(xs, w), recurrence(xs, w), rtol=1e-12)
    slope = gx.jit(gx.grad(lambda xs, w: recurrence(xs, w).sum(), argnums=(0, 1)))
    for a, b in zip(slope(xs, w), gx.grad(lambda xs, w: recurrence(xs, w).sum(), argnums=(0, 1))(xs, w), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_a_kernel_is_printed_once_and_its_other_uses_name_their_arrays():
    xs, w = np.ones((4, 20, 30)), np.ones((30, 30))
    text = str(stages(recurrence, xs, w).loops)
    assert "k3 is k1 with" in text
    assert "[1800:]" in text


def test_rows_at_an_offset_are_those_that_were_meant():
    def f(x: Any) -> Any:
        return [np.exp(x[k]) * 2.0 for k in range(3)], x[::-1, 1:] + x[:, :-1]

    x = np.random.default_rng(0).standard_normal((3, 7))
    rows, sums = gx.jit(f)(x)
    np.testing.assert_allclose(rows, np.exp(x) * 2.0, rtol=1e-12)
    np.testing.assert_allclose(sums, x[::-1, 1:] + x[:, :-1], rtol=1e-12)


def test_equal_products_are_written_once():
    def f(x: Any, *ws: Any) -> Any:
        for w in ws:
            x = np.tanh(x @ w)
        return x

    r = np.random.default_rng(0)
    args = [r.normal(size=(40, 40)) * 0.1 for _ in range(5)]
    s = stages(f, *args)
    assert (len(s.kernels), functions(s)) == (4, 1)
    np.testing.assert_allclose(gx.jit(f)(*args), f(*args), rtol=1e-12, atol=1e-15)
