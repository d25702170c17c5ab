"""Maxima that cancel have no gradient; those that do not cancel keep theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gx

Function = Callable[[Any], Any]
WEIGHT = np.arange(12.0).reshape(3, 4) % 5 - 2


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def log_softmax(x: Any) -> Any:
    z = x - x.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def logsumexp(x: Any) -> Any:
    m = np.max(x, axis=1)
    return np.log(np.exp(x - m[:, None]).sum(axis=1)) + m


def over_all(x: Any) -> Any:
    m = x.max()
    return np.log(np.exp(x - m).sum()) + m


def over_the_first_axis(x: Any) -> Any:
    e = np.exp(x - x.max(axis=0))
    return e / e.sum(axis=0)


def by_the_minimum(x: Any) -> Any:
    e = np.exp(x.min(axis=1, keepdims=True) - x)
    return WEIGHT * e / e.sum(axis=1, keepdims=True)


def both(x: Any) -> Any:
    return softmax(x) * log_softmax(x)


NEUTRAL = [softmax, log_softmax, logsumexp, over_all, over_the_first_axis, by_the_minimum, both]


def returned_as_well(x: Any) -> Any:
    return softmax(x) + x.max(axis=1, keepdims=True)


def shifted_twice(x: Any) -> Any:
    m = x.max(axis=1, keepdims=True)
    return np.log(np.exp(x - m).sum(axis=1, keepdims=True)) + 2 * m


def not_added_again(x: Any) -> Any:
    return np.log(np.exp(x - x.max(axis=1, keepdims=True)).sum(axis=1))


def summed_over_another_axis(x: Any) -> Any:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)


def of_a_square_along_the_wrong_axis(x: Any) -> Any:
    x = x[:, :3]
    e = np.exp(x - x.max(axis=1))
    return e / e.sum(axis=1)


def with_a_square(x: Any) -> Any:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e * e / e.sum(axis=1, keepdims=True)


def multiplied(x: Any) -> Any:
    m = x.max(axis=1, keepdims=True)
    return (x - m) * (x + m)


NEEDED = [
    returned_as_well,
    shifted_twice,
    not_added_again,
    summed_over_another_axis,
    of_a_square_along_the_wrong_axis,
    with_a_square,
    multiplied,
]


def weighted(f: Function) -> Function:
    """A scalar in which every result has another weight."""

    def total(x: Any) -> Any:
        y = f(x)
        return (y * np.cos(np.arange(y.size).reshape(y.shape))).sum()

    return total


def numeric(f: Function, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Central differences."""
    steps = 1e-6 * np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([(f(x + d) - f(x - d)) / 2e-6 for d in steps]).reshape(x.shape)


def point() -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).normal(size=(3, 4))


@pytest.mark.parametrize("f", NEUTRAL + NEEDED, ids=lambda f: f.__name__)
def test_first_and_second_derivatives(f: Function) -> None:
    x, y = point(), weighted(f)
    slope = gx.jit(gx.grad(y))
    np.testing.assert_allclose(slope(x), numeric(y, x), rtol=1e-6, atol=1e-8)
    direction = np.sin(np.arange(12.0)).reshape(3, 4)
    along = gx.jit(gx.grad(lambda x: (gx.grad(y)(x) * direction).sum()))(x)
    np.testing.assert_allclose(along, numeric(lambda x: (slope(x) * direction).sum(), x), rtol=1e-6, atol=1e-8)
    _, tangent = gx.jit(lambda x, t: gx.jvp(y, (x,), (t,)))(x, direction)
    np.testing.assert_allclose(tangent, (slope(x) * direction).sum())


def comparisons(f: Function) -> int:
    """How often the gradient asks which items are the greatest."""
    graph = gx.jit(gx.grad(weighted(f))).trace(point())
    return sum(node.op.name == "eq" for node in graph.nodes)


@pytest.mark.parametrize("f", NEUTRAL, ids=lambda f: f.__name__)
def test_what_cancels_is_not_differentiated(f: Function) -> None:
    assert comparisons(f) == 0


@pytest.mark.parametrize("f", NEEDED, ids=lambda f: f.__name__)
def test_what_does_not_cancel_is(f: Function) -> None:
    assert comparisons(f) > 0
