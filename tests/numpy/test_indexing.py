"""x[...] against NumPy's, with every extent fixed and with symbolic ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from worlds import assert_same, symbolic, traced

from graphc.errors import DimensionError, IndexingError, OutOfRangeError, UnsupportedError
from graphc.ir.graph import Graph
from graphc.ir.types import Dim

X = np.arange(2.0 * 3 * 4).reshape(2, 3, 4)
I, J = np.array([0, -1, 1]), np.array([[1], [0]])
s = np.s_

KEYS = [
    s[0],
    s[-1],
    s[1, 2],
    s[1, -3, 3],
    s[()],
    s[...],
    s[:],
    s[..., 0],
    s[0, ...],
    s[None],
    s[..., None],
    s[:, None, 1],
    s[1:],
    s[:, 1:],
    s[:, ::2],
    s[:, ::-1],
    s[:, 2:0:-1],
    s[:, -2:],
    s[:, 5:],
    s[:, :, -1:0:-2],
    s[:, 2:1],
    s[::-1, ::-2, 1:3],
    s[np.int64(1)],
    s[np.array(1)],
    s[np.int8(1), :, ::3],
    s[I],
    s[[0, 1, 0]],
    s[[]],
    s[:, I],
    s[..., I],
    s[I, I],
    s[I, 0],
    s[0, I],
    s[I, :, I],
    s[I, :, 0],
    s[0, :, I],
    s[:, I, I],
    s[:, 1, I],
    s[None, I],
    s[I, None],
    s[I, None, I],
    s[J, I],
    s[:, J, I],
    s[J, :, I],
    s[1:, I, ::2],
    s[I, ..., 1:],
    s[J],
    s[:, J[:0]],
    s[np.array([True, False])],
    s[:, np.array([True, False, True])],
    s[X[:, :, 0] > 5],
    s[X > 9],
    s[:, :, X[0, 0] > 1],
    s[J.astype(np.uint8)],
    s[[True, False], I[:2]],
]


@pytest.mark.parametrize("key", KEYS, ids=lambda k: str(k)[:60])
def test_like_numpy(key: Any) -> None:
    assert_same(traced(lambda x: x[key], X), X[key])


TRACED_KEYS = [
    lambda x, i: x[i],
    lambda x, i: x[:, i],
    lambda x, i: x[i, i],
    lambda x, i: x[i, :, 0],
    lambda x, i: x[0, i, 1:],
    lambda x, i: x[i[0]],
    lambda x, i: x[i[0], ..., i[1]],
    lambda x, i: x[i[:, None], i],
]


@pytest.mark.parametrize("pick", TRACED_KEYS)
def test_traced_indices(pick: Any) -> None:
    assert_same(traced(pick, X, I), pick(X, I))


MATRIX = np.arange(20.0).reshape(5, 4)
SYMBOLIC_KEYS = [
    s[1:],
    s[:-1],
    s[2:-1],
    s[::-1],
    s[::2],
    s[1::3],
    s[:, 1:],
    s[-1],
    s[0],
    s[2, 1],
    s[:3],
    s[-3:],
    s[1:3],
    s[:, 0],
    s[None],
    s[..., 1],
    s[I],
    s[I, 1],
    s[:4:2],
    s[-4::2],
]


@pytest.mark.parametrize("key", SYMBOLIC_KEYS, ids=str)
def test_symbolic_extents(key: Any) -> None:
    assert_same(traced(lambda x: x[key], MATRIX, shapes=((Dim("n"), 4),)), MATRIX[key])


@pytest.mark.parametrize("key", [s[3], s[-4], s[:3], s[-3:], s[1:3]], ids=str)
def test_a_shorter_symbolic_axis_is_an_error_of_the_run(key: Any) -> None:
    with pytest.raises(OutOfRangeError):
        traced(lambda x: x[key], MATRIX[:2], shapes=((Dim("n"), 4),))


@pytest.mark.parametrize("key", [s[-3:-1], s[3::-1], s[-2::-1]], ids=str)
def test_slices_of_unknown_size(key: Any) -> None:
    with pytest.raises(DimensionError):
        traced(lambda x: x[key], MATRIX, shapes=((Dim("n"), 4),))


WRONG = [
    s[2],
    s[-3],
    s[:, 3],
    s[0, 0, 0, 0],
    s[..., ...],
    s[np.array([0, 2])],
    s[1.5],
    s["a"],
    s[::0],
    s[np.array([True] * 3)],
    s[True],
    s[np.array([0.5])],
    s[[0, -3]],
]


@pytest.mark.parametrize("key", WRONG, ids=str)
def test_wrong_indices(key: Any) -> None:
    with pytest.raises((IndexingError, TypeError)) as caught:
        traced(lambda x: x[key], X)
    assert "test_indexing.py" in str(caught.value)


def test_a_traced_mask_is_refused_with_what_to_write() -> None:
    x = symbolic(Graph(), X)
    with pytest.raises(IndexingError, match=r"np\.where"):
        x[x > 1]


def test_a_traced_slice_bound_is_refused() -> None:
    graph = Graph()
    x, n = symbolic(graph, X), symbolic(graph, np.array(1))
    with pytest.raises(IndexingError, match="slice bound"):
        x[:n]


def test_items_are_not_assigned() -> None:
    x = symbolic(Graph(), X)
    with pytest.raises(UnsupportedError, match="never changes"):
        x[0] = 1.0


def test_slices_are_views() -> None:
    graph = Graph()
    x = symbolic(graph, X)
    _ = x[:, 1:, ::-1][None]
    assert {n.op.name for n in graph.nodes} == {"placeholder", "slice", "flip", "reshape"}


def test_a_full_slice_is_the_tensor_itself() -> None:
    x = symbolic(Graph(), X)
    assert x[:].value == x[...].value == x.value


def test_iteration_unpacks_the_first_axis() -> None:
    a, b = traced(tuple, X)
    assert_same([a, b], list(X))
