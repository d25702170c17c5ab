"""Cotangents that `where` did not send: through every rule, and in the transformations, where no NaN comes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cases import PrimitiveCase, primitive_cases

import graphc as gx
from graphc import eager
from graphc.eager.absent import Cotangent, plain
from graphc.ir.ops.logic import mask
from graphc.ir.types import FLOATS

CASES = [
    c
    for c in primitive_cases(frozenset({"f64"}))
    if c.op.differentiable and "custom" not in c.op.traits and c.case.attrs.get("dtype", "f64") in FLOATS
]
X = np.array([-2.0, -1.0, 0.0, -0.0, 1.0, 2.0, 4.0])
PICKS = np.array([5, 0, 2, 3, 5, 1, 6])
COLUMN = np.array([[1.0], [-1.0], [2.0]])


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("c", CASES, ids=str)
def test_every_rule_takes_them_as_zeros(c: PrimitiveCase, nested: bool) -> None:
    """Where slopes are finite, absent is zero."""
    xs = c.arrays()
    y = np.asarray(c.op(*xs, **c.case.attrs))
    rng = np.random.default_rng(0)
    g, present, inside = rng.standard_normal(y.shape), rng.random(y.shape) < 0.5, rng.random(y.shape) < 0.7
    g, present, inside = np.asarray(g, y.dtype), np.asarray(present), np.asarray(inside)
    absent = Cotangent(Cotangent(g, inside) if nested else g, present)
    zeroed = mask(present, mask(inside, g) if nested else g)
    with np.errstate(all="ignore"):
        want = c.op.vjp(zeroed, y, *xs, **c.case.attrs)
        got = c.op.vjp(absent, y, *xs, **c.case.attrs)
    for a, b in zip(got, want, strict=True):
        assert (a is None) == (b is None)
        if b is not None:
            np.testing.assert_array_equal(plain(a), b)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "log": lambda x: np.where(x > 0, np.log(x), 0),
    "sqrt": lambda x: np.where(x > 0, np.sqrt(x), 0),
    "reciprocal": lambda x: np.where(x > 0, 1 / x, 0),
    "power": lambda x: np.where(x > 0, x**0.5, 0),
    "else branch": lambda x: np.where(x < 0.5, 0, np.log(x)),
    "two branches": lambda x: np.where(x > 0, np.log(x), np.exp(x)),
    "shared inner": lambda x: np.where(x > 0, np.log(np.sqrt(x)) + np.sqrt(x), 0),
    "nested": lambda x: np.where(x > -1.5, np.where(x > 0, np.sqrt(np.log(x + 1)), x), 0),
    "broadcast": lambda x: np.where(x * np.abs(COLUMN) > 0, np.log(x) * COLUMN, 0),
    "norm": lambda x: np.where((x[2:4] ** 2).sum() > 0, np.sqrt((x[2:4] ** 2).sum()), 0),
    "angle": lambda x: np.where(np.abs(x) < 1, np.arccos(x), 0) + x * x,
    "batched": gx.vmap(lambda v: np.where(v > 0, np.log(v) * v, v)),
    "chosen": lambda x: np.where(x[PICKS] > 0, np.log(x)[PICKS], 0),
    "chosen twice": lambda x: np.where(x[PICKS][::2] > 0, np.sqrt(x)[PICKS][::2], 0),
}


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_transformations_of_arrays_are_as_safe_as_compiled_ones(f: Callable[[Any], Any]) -> None:
    def total(x: Any) -> Any:
        return f(x).sum()

    def curve(x: Any) -> Any:
        return gx.grad(total)(x).sum()

    ways = [gx.grad(total), gx.grad(curve), lambda x: gx.jvp(total, (x,), (x + 1,))[1], gx.hessian(total)]
    for way in ways:
        with np.errstate(all="ignore"):
            got = way(X)
        assert np.isfinite(got).all()
        for level in ("O0", "O1", "O3"):
            np.testing.assert_allclose(gx.jit(way, level=level)(X), got, rtol=1e-12)


def test_values_where_nothing_is_taken_are_zero() -> None:
    slope = gx.grad(lambda x: np.where(x > 0, np.log(x), 0).sum())(X)
    np.testing.assert_array_equal(slope, [0, 0, 0, 0, 1, 0.5, 0.25])


def test_backward_does_as_pytorch() -> None:
    x = eager.tensor(X, requires_grad=True)
    np.where(x > 0, np.log(x), 0).sum().backward()
    np.testing.assert_array_equal(np.isnan(x.grad.numpy()), [False, False, True, True, False, False, False])


def test_a_nan_of_the_branch_taken_stays() -> None:
    slope = gx.grad(lambda x: np.where(x > -3, np.sqrt(x), 0).sum())(np.array([-1.0, 0.0, 4.0]))
    np.testing.assert_array_equal(slope, [np.nan, np.inf, 0.25])


def test_a_nan_of_the_user_stays() -> None:
    x, y = np.array([-1.0, 1.0]), np.array([np.inf, 2.0])
    slope = gx.grad(lambda y: (np.where(x > 0, x, 0) * y).sum())(y)
    np.testing.assert_array_equal(slope, [0, 1])
    assert np.isnan(np.where(x > 0, x, 0.0) * y)[0] == np.isnan(gx.jit(lambda x: np.where(x > 0, x, 0.0) * y)(x))[0]
