"""Products with zeros among the factors: values and derivatives to third order, where a division would give NaN."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import graphc as gx
from graphc import eager

POINTS = [[2.0, 0.0, 3.0, -1.5], [0.0, 0.0, 3.0, 2.0], [0.0, 0.0, 0.0, 2.0], [1.5, 2.0, -1.0, 0.5], [0.0] * 4]


def without(x: np.ndarray, *places: int) -> float:
    """The derivative of the product by these factors."""
    if len(set(places)) < len(places):
        return 0.0
    return float(np.prod(np.delete(x, places)))


def derivatives(x: np.ndarray, order: int) -> np.ndarray:
    places = itertools.product(range(x.size), repeat=order)
    return np.array([without(x, *p) for p in places]).reshape((x.size,) * order)


def running(x: np.ndarray) -> np.ndarray:
    """Second derivatives of the sum of the running products."""
    return sum(np.pad(derivatives(x[: k + 1], 2), (0, x.size - k - 1)) for k in range(x.size))


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_derivatives_of_a_product(point: list[float]) -> None:
    x = np.array(point)
    np.testing.assert_allclose(gx.jit(gx.grad(np.prod))(x), derivatives(x, 1))
    np.testing.assert_allclose(gx.jit(gx.hessian(np.prod))(x), derivatives(x, 2))
    np.testing.assert_allclose(gx.jit(gx.jacobian(gx.hessian(np.prod)))(x), derivatives(x, 3))


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_second_derivatives_of_running_products(point: list[float]) -> None:
    x = np.array(point)
    np.testing.assert_allclose(gx.jit(gx.hessian(lambda x: np.cumprod(x).sum()))(x), running(x))


@pytest.mark.parametrize("f", [np.prod, lambda x: np.cumprod(x).sum()], ids=["prod", "cumprod"])
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_the_tape_agrees(f: Any, point: list[float]) -> None:
    x = eager.tensor(point, requires_grad=True)
    (first,) = eager.grad(f(x), x, create_graph=True)
    rows = eager.grad(first, x, np.eye(4), is_grads_batched=True, materialize_grads=True)[0]
    np.testing.assert_allclose(rows.numpy(), gx.jit(gx.hessian(f))(np.array(point)))


def test_products_over_several_axes() -> None:
    x = np.arange(24.0).reshape(2, 3, 4) - 5
    got = gx.jit(gx.grad(lambda x: np.prod(x, axis=(0, 2)).sum()))(x)
    flat = x.transpose(1, 0, 2).reshape(3, 8)
    wanted = np.array([derivatives(row, 1) for row in flat]).reshape(3, 2, 4).transpose(1, 0, 2)
    np.testing.assert_allclose(got, wanted)


def test_a_recurrence_with_factors_of_zero() -> None:
    """The gradient by a factor is what comes after it times the state before it."""
    a, b = np.array([1.0, 0.0, 2.0, 0.0]), np.array([1.0, 2.0, 3.0, 4.0])
    da, db = gx.jit(gx.grad(lambda a, b: gx.numpy.linear_recurrence(a, b).sum(), argnums=(0, 1)))(a, b)
    np.testing.assert_allclose(da, [0.0, 3.0, 2.0, 7.0])
    np.testing.assert_allclose(db, [1.0, 3.0, 1.0, 1.0])
