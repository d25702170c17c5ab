"""Kernels of a program: equal ones are compiled once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gx
from graphc.codegen.nest.loops import Kernel, renamed
from graphc.codegen.nest.verify import verify
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


def test_equal_products_are_written_once():
    def f(x: Any, *ws: Any) -> Any:
        for w in ws:
            x = np.tanh(x @ w)
        return x

    r = np.random.default_rng(0)
    args = [r.normal(size=(40, 40)) * 0.1 for _ in range(5)]
    s = stages(f, *args)
    assert (len(s.kernels), functions(s)) == (4, 1)
    np.testing.assert_allclose(gx.jit(f)(*args), f(*args), rtol=1e-10, atol=1e-12)


def test_renaming_touches_every_buffer_of_a_scheduled_nest():
    x = np.ones((64, 64), np.float32)
    kernels = stages(lambda x: (np.exp(x) / np.exp(x).sum(0), x.var()), x).kernels
    for kernel in kernels:
        assert isinstance(kernel, Kernel)
        names = {b.name: f"new_{n}" for n, b in enumerate(kernel.buffers)}
        other = verify(renamed(kernel, "other", names))
        back = renamed(other, kernel.name, {new: old for old, new in names.items()})
        assert other != kernel
        assert back == kernel
