"""Running and sorting functions that NumPy lacks or leaves open: values, gradients and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from worlds import traced

import graphc as gx
import graphc.numpy as gnp
from graphc import eager
from graphc.autodiff.check import check_grads
from graphc.errors import AxisError, DimensionError, OptionError, ShapeError, UnsupportedError

RNG = np.random.default_rng(5)
X = RNG.standard_normal((4, 9))


def everywhere(f: Any, *args: np.ndarray) -> Any:
    """The same values on arrays, in a graph and compiled."""
    value = f(*args)
    for other in (traced(f, *args), gx.jit(f)(*args)):
        for a, b in zip(*(v if isinstance(v, tuple) else (v,) for v in (value, other)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    return value


# ------------------------------------------------------------------------------------------------------ selection


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("mode", ["largest", "smallest"])
def test_top_k_along_any_axis(axis: int, mode: str) -> None:
    values, places = everywhere(lambda x: gnp.top_k(x, 3, axis=axis, mode=mode), X)
    order = np.argsort(-X if mode == "largest" else X, axis)
    np.testing.assert_array_equal(places, np.take(order, range(3), axis))
    np.testing.assert_array_equal(values, np.take_along_axis(X, places, axis))


def test_the_gradient_of_a_selection_goes_to_what_was_selected() -> None:
    g = gx.jit(gx.grad(lambda x: (gnp.top_k(x, 2)[0] * np.array([1.0, 10.0])).sum()))(X)
    best = np.argsort(-X, 1)
    want = np.zeros_like(X)
    want[np.arange(4), best[:, 0]], want[np.arange(4), best[:, 1]] = 1.0, 10.0
    np.testing.assert_array_equal(g, want)


def test_partitions_put_an_item_where_it_belongs() -> None:
    row = everywhere(lambda x: gnp.partition(x, 4, axis=1), X)
    assert (row[:, :4] <= row[:, 4:5]).all() and (row[:, 4:5] <= row[:, 5:]).all()
    places = everywhere(lambda x: gnp.argpartition(x, (2, 4)), X)
    np.testing.assert_array_equal(np.take_along_axis(X, places, 1)[:, [2, 4]], np.sort(X)[:, [2, 4]])


def test_different_items_are_known_on_the_tape_only() -> None:
    x = eager.tensor([2, 1, 2, 5])
    assert np.unique(x).tolist() == [1, 2, 5]
    values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    assert (inverse.tolist(), counts.tolist()) == ([1, 0, 1, 2], [1, 2, 1]) and isinstance(values, eager.Tensor)
    with pytest.raises(UnsupportedError, match=r"np\.sort"):
        gx.jit(np.unique)(X)


def test_order_in_a_program() -> None:
    """A loss over sorted rows, a trimmed mean: one graph, with its gradient."""

    def trimmed(x: Any) -> Any:
        rows = np.sort(x, axis=1)
        return (rows[:, 2:-2].mean(axis=1) ** 2).sum() + np.median(x) + np.quantile(x, 0.3, axis=0).sum()

    value, slope = gx.jit(gx.value_and_grad(trimmed))(X)
    np.testing.assert_allclose(value, trimmed(X))
    t = eager.tensor(X, requires_grad=True)
    trimmed(t).backward()
    np.testing.assert_allclose(slope, t.grad.numpy(), rtol=1e-12)
    check_grads(trimmed, [X])


def test_falling_edges_are_known() -> None:
    edges = np.array([2.0, 0.5, -1.0])
    for right in (False, True):
        found = gx.jit(lambda x, right=right: np.digitize(x, edges, right))(X)
        np.testing.assert_array_equal(found, np.digitize(X, edges, right))


# ------------------------------------------------------------------------------------------------------------ scans


def test_running_extremes() -> None:
    np.testing.assert_array_equal(everywhere(lambda x: gnp.cummax(x, 1), X), np.maximum.accumulate(X, 1))
    np.testing.assert_array_equal(everywhere(gnp.cummin, X), np.minimum.accumulate(X.ravel()))
    assert gnp.cummax(np.array([False, True, False])).tolist() == [False, True, True]


@pytest.mark.parametrize("reverse", [False, True])
def test_a_linear_recurrence_discounts(reverse: bool) -> None:
    rewards = RNG.standard_normal((3, 12))
    found = everywhere(lambda b: gnp.linear_recurrence(0.9, b, reverse=reverse), rewards)
    steps = np.arange(12)
    apart = steps[:, None] - steps if not reverse else steps - steps[:, None]
    np.testing.assert_allclose(found, rewards @ np.where(apart >= 0, 0.9**apart, 0.0).T)


@pytest.mark.parametrize(
    "x",
    [X[0], X[0] * 1e3, [-np.inf, -np.inf, 1.0, 900.0, -np.inf], [5.0, np.inf, 1.0], [1.0, np.nan]],
    ids=["plain", "large", "minus infinity", "infinity", "nan"],
)
def test_running_sums_of_exponentials(x: Any) -> None:
    x = np.asarray(x)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(everywhere(gnp.logcumsumexp, x), np.logaddexp.accumulate(x), rtol=1e-12)


def test_gradients_of_running_sums_of_exponentials() -> None:
    check_grads(lambda x: gnp.logcumsumexp(x, 1), [X * 5])


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: np.sort(x, axis=2), AxisError, "axis 2"),
        (lambda x: np.sort(x[0, 0]), AxisError, "0-d"),
        (lambda x: np.cumsum(x, axis=-3), AxisError, "axis -3"),
        (np.cumulative_sum, AxisError, "axis=-1"),
        (lambda x: gnp.top_k(x, 10), ShapeError, "0..9"),
        (lambda x: gnp.top_k(x, 1, mode="best"), OptionError, "smallest"),
        (lambda x: np.partition(x, 9), ShapeError, r"\[-9, 9\)"),
        (lambda x: np.sort(x, kind="bubble"), OptionError, "mergesort"),
        (lambda x: np.quantile(x, 1.5), OptionError, r"\[0, 1\]"),
        (lambda x: np.percentile(x, -1), OptionError, r"\[0, 100\]"),
        (lambda x: np.quantile(x, 0.5, method="hazen"), OptionError, "nearest"),
        (lambda x: np.searchsorted(x, 1.0), ShapeError, "one sorted row"),
        (lambda x: np.searchsorted(x[0], 1.0, side="middle"), OptionError, "right"),
    ],
)
def test_what_is_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        gx.jit(call)(X)
    assert "test_ordering.py" in str(caught.value)


def test_a_selection_needs_to_know_how_many_there_are() -> None:
    with gx.Graph():
        x = gx.placeholder("float64", (3, gx.Dim("n")))
        assert np.sort(x).shape == x.shape
        with pytest.raises(DimensionError, match="fixed last extent"):
            gnp.top_k(x, 2)


def test_a_symbolic_batch_of_rows() -> None:
    with gx.Graph() as graph:
        x = gx.placeholder("float64", (gx.Dim("batch"), 9))
        found = [np.median(x, axis=1), gnp.top_k(x, 2)[0], np.cumsum(x, axis=0), np.quantile(x, 0.2, axis=1)]
    with gx.Session(graph) as session:
        for rows in (4, 1, 2):
            a = X[:rows]
            want = [np.median(a, 1), -np.sort(-a)[:, :2], np.cumsum(a, 0), np.quantile(a, 0.2, axis=1)]
            for got, wanted in zip(session.run(found, {x: a}), want, strict=True):
                np.testing.assert_allclose(got, wanted)
