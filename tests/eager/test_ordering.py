"""Sorting and running methods of the tape: values and positions as PyTorch has them, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gx
from graphc import eager
from graphc.eager import grad, tensor
from graphc.errors import ShapeError

X = np.array([[3.0, 1.0, 2.0, 1.0], [0.0, np.nan, -1.0, np.inf]])


def test_sort_gives_values_and_positions() -> None:
    values, indices = tensor(X).sort()
    np.testing.assert_array_equal(values.numpy(), [[1, 1, 2, 3], [-1, 0, np.inf, np.nan]])
    assert indices.tolist() == [[1, 3, 2, 0], [2, 0, 3, 1]]
    down = tensor(X).sort(dim=1, descending=True)
    np.testing.assert_array_equal(down.values.numpy(), [[3, 2, 1, 1], [np.nan, np.inf, 0, -1]])
    assert down.indices.tolist() == [[0, 2, 1, 3], [1, 3, 0, 2]]
    assert tensor(X).argsort(dim=0).tolist() == [[1, 0, 1, 0], [0, 1, 0, 1]]
    assert tensor(X).argsort(descending=True).tolist() == down.indices.tolist()
    assert tensor([3.0, 1.0]).msort().tolist() == [1.0, 3.0]


def test_selection() -> None:
    largest, smallest = tensor(X).topk(2), tensor(X).topk(2, dim=0, largest=False)
    np.testing.assert_array_equal(largest.values.numpy(), [[3, 2], [np.nan, np.inf]])
    assert largest.indices.tolist() == [[0, 2], [1, 3]]
    assert smallest.indices.tolist() == [[1, 0, 1, 0], [0, 1, 0, 1]]
    second = tensor(X[:1]).kthvalue(2)
    assert (second.values.tolist(), second.indices.tolist()) == ([1.0], [3])
    assert tensor(X).kthvalue(1, dim=0, keepdim=True).values.shape == (1, 4)
    with pytest.raises(ShapeError, match="number 5"):
        tensor(X).kthvalue(5)


def test_the_median_is_an_item() -> None:
    assert tensor(X[:1]).median().item() == 1.0
    found = tensor(X).median(dim=1)
    np.testing.assert_array_equal(found.values.numpy(), [1.0, np.nan])
    assert found.indices.tolist() == [3, 1]
    assert tensor([4, 2, 9]).median(dim=0, keepdim=True).values.tolist() == [4]


def test_running_extremes_and_where_they_were() -> None:
    x = tensor([[1.0, 3.0, 3.0, np.nan, 9.0], [2.0, 1.0, 4.0, 0.0, 4.0]])
    top, low = x.cummax(dim=1), x.cummin(1)
    np.testing.assert_array_equal(top.values.numpy(), [[1, 3, 3, np.nan, np.nan], [2, 2, 4, 4, 4]])
    assert top.indices.tolist() == [[0, 1, 2, 3, 3], [0, 0, 2, 2, 4]]
    assert low.indices.tolist() == [[0, 0, 0, 3, 3], [0, 1, 1, 3, 3]]
    assert tensor([False, True, False]).cummax(0).values.tolist() == [False, True, True]


def test_keywords_of_both_sides() -> None:
    x = tensor(np.arange(6.0).reshape(2, 3))
    assert x.cumsum(dim=0).tolist() == x.cumsum(axis=0).tolist() == x.cumsum(0).tolist()
    assert x.cumprod(dim=1).tolist() == [[0.0, 0.0, 0.0], [3.0, 12.0, 60.0]]
    np.testing.assert_allclose(x.logcumsumexp(dim=1).numpy(), np.logaddexp.accumulate(x.numpy(), 1))
    assert x.quantile(0.5, dim=1).tolist() == [1.0, 4.0]
    assert x.gather(1, np.array([[2], [0]])).tolist() == [[2.0], [3.0]]
    values, counts = tensor([2, 1, 2]).unique(return_counts=True)
    assert (values.tolist(), counts.tolist()) == ([1, 2], [1, 2])


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        (lambda x: x.sort().values * np.arange(4.0), [3.0, 0.0, 2.0, 1.0]),
        (lambda x: x.topk(2).values * np.array([1.0, 10.0]), [1.0, 0.0, 10.0, 0.0]),
        (lambda x: x.kthvalue(2).values, [0.0, 0.0, 0.0, 1.0]),
        (lambda x: x.median(), [0.0, 0.0, 0.0, 1.0]),
        (lambda x: x.cummax(0).values, [4.0, 0.0, 0.0, 0.0]),
        (lambda x: x.cummin(0).values, [1.0, 2.0, 0.0, 1.0]),
        (lambda x: x.cumsum(0), [4.0, 3.0, 2.0, 1.0]),
    ],
)
def test_gradients_go_to_where_values_came_from(method, wanted) -> None:
    x = tensor(X[0], requires_grad=True)
    (got,) = grad(method(x).sum(), x)
    assert got.tolist() == wanted


@pytest.mark.parametrize(
    "f",
    [
        lambda x: eager.sort(x, descending=True),
        lambda x: eager.topk(x, 2, dim=0),
        lambda x: eager.kthvalue(x, 2),
        lambda x: eager.median(x, dim=1),
        lambda x: eager.cummax(x, 1),
        lambda x: eager.cummin(x, 0),
        lambda x: (eager.median(x), eager.quantile(x, 0.3, dim=1), eager.msort(x)),
        lambda x: (eager.cumsum(x, dim=0), eager.cumprod(x, 1), eager.logcumsumexp(x, 1)),
        lambda x: (x.argsort(dim=0, descending=True), x.cumsum(dim=1), x.cumprod(1), x.sort(0).values),
        lambda x: (eager.searchsorted(np.arange(4.0), x, right=True), eager.bucketize(x, np.arange(4.0))),
    ],
)
def test_compiled_as_at_once(f) -> None:
    want, got = f(tensor(X)), gx.jit(f)(X)
    for a, b in zip(want, got, strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-12)


def test_gradients_of_what_was_found() -> None:
    def f(x):
        return (eager.topk(x, 2).values ** 2).sum() + eager.median(x, 0).values.sum() + eager.cummax(x, 1).values.sum()

    x = tensor(X, requires_grad=True)
    f(x).backward()
    np.testing.assert_allclose(gx.jit(gx.grad(f))(X), x.grad.numpy(), rtol=1e-12)
