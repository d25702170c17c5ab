"""`vmap`: equal to the loop, on arrays, on the tape and compiled; with gradients inside and around it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import graphc as gx
from graphc import eager
from graphc.errors import AxisError, ConcretizationError, GraphMismatchError, ShapeError, SignatureError

WORLDS = {"arrays": lambda f: f, "jit": gx.jit, "O0": gx.jit(level="O0")}
RNG = np.random.default_rng(0)
X, Y, W = RNG.standard_normal((5, 3)), RNG.standard_normal((5, 3)), RNG.standard_normal((3, 4))


@pytest.fixture(params=WORLDS.values(), ids=WORLDS)
def world(request: pytest.FixtureRequest) -> Any:
    return request.param


def same(got: Any, want: Any) -> None:
    assert type(got) is np.ndarray
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12, strict=True)


def norm(x: Any) -> Any:
    return np.sqrt((x * x).sum())


def test_items_along_the_first_axis(world: Any) -> None:
    same(world(gx.vmap(norm))(X), np.linalg.norm(X, axis=1))


def test_axes_of_arguments_and_results(world: Any) -> None:
    f = lambda x, w: (x @ w, w.sum())  # noqa: E731
    row, total = world(gx.vmap(f, (1, None), (-1, None)))(X.T, W)
    same(row, (X @ W).T)
    same(total, W.sum())
    same(world(gx.vmap(lambda x, w: w @ x, in_axes=(0, None)))(X, W.T), X @ W)


def test_results_that_are_the_same_for_all_items_are_repeated(world: Any) -> None:
    same(world(gx.vmap(lambda x, w: w * 2, (0, None)))(X, W), np.stack([W * 2] * 5))
    same(world(gx.vmap(lambda x: np.ones(2)))(X), np.ones((5, 2)))


class Pair(NamedTuple):
    left: Any
    right: Any


def test_nests(world: Any) -> None:
    f = lambda p, q: {"sum": p.left["a"] + q[0], "n": p.right, "none": None}  # noqa: E731
    axes = (Pair({"a": 0}, None), [0, None])
    out = world(gx.vmap(f, axes))(Pair({"a": X}, W), [Y, W])
    same(out["sum"], X + Y)
    same(out["n"], np.stack([W] * 5))
    assert out["none"] is None


def test_named_arguments_are_mapped_along_the_first_axis(world: Any) -> None:
    same(world(gx.vmap(lambda x, *, y: (x * y).sum()))(X, y=Y), (X * Y).sum(axis=1))


def test_nested(world: Any) -> None:
    distance = lambda x, y: norm(x - y)  # noqa: E731
    table = gx.vmap(gx.vmap(distance, (None, 0)), (0, None))
    same(world(table)(X, Y), np.linalg.norm(X[:, None] - Y[None], axis=-1))


def test_an_inner_function_closes_over_an_item_of_the_outer(world: Any) -> None:
    same(
        world(lambda a, b: gx.vmap(lambda x: gx.vmap(lambda y: x * y)(b))(a))(X[:, 0], Y[:, 0]),
        np.outer(X[:, 0], Y[:, 0]),
    )


def test_of_grad(world: Any) -> None:
    f = lambda w, x: np.tanh(x @ w).sum()  # noqa: E731
    got = world(gx.vmap(gx.grad(f), (None, 0)))(W, X)
    same(got, np.stack([np.outer(x, 1 - np.tanh(x @ W) ** 2) for x in X]))


def test_grad_of(world: Any) -> None:
    f = lambda w, x: gx.vmap(lambda row: np.tanh(row @ w).sum())(x).sum()  # noqa: E731
    by_w, by_x = world(gx.grad(f, (0, 1)))(W, X)
    slope = 1 - np.tanh(X @ W) ** 2
    same(by_w, X.T @ slope)
    same(by_x, slope @ W.T)


def test_of_grad_of_grad_by_what_is_closed_over(world: Any) -> None:
    def f(w: Any) -> Any:
        return gx.vmap(lambda x: gx.grad(lambda v: (v**3 * x).sum())(w))(X).sum()

    same(world(gx.grad(f))(W[:, 0]), 6 * W[:, 0] * X.sum(axis=0))


def test_of_jit(world: Any) -> None:
    same(world(gx.vmap(gx.jit(norm)))(X), np.linalg.norm(X, axis=1))


@pytest.mark.parametrize("index", [np.array([0, 2, 1, 1, 0]), np.array([[0, 1]] * 5)])
def test_indexing_by_item(world: Any, index: np.ndarray) -> None:
    same(
        world(gx.vmap(np.take))(X, index),
        np.stack([np.take(x, i) for x, i in zip(X, index, strict=True)]),
    )
    same(world(gx.vmap(np.take, (None, 0)))(W[0], index), np.stack([W[0][i] for i in index]))


def test_gradient_of_indexing_by_item(world: Any) -> None:
    index = np.array([[0, 0], [2, 1], [1, 1], [0, 2], [2, 2]])
    got = world(gx.vmap(gx.grad(lambda x, i: (np.take(x, i) ** 2).sum())))(X, index)
    want = np.zeros_like(X)
    for k, row in enumerate(index):
        np.add.at(want[k], row, 2 * X[k][row])
    same(got, want)


def test_no_items(world: Any) -> None:
    same(world(gx.vmap(norm))(np.zeros((0, 3))), np.zeros(0))


def test_symbolic_extents() -> None:
    f = gx.jit(gx.vmap(lambda x, w: x @ w, (0, None)), signature="f64[n,3], f64[3,4]")
    for n in (1, 2, 7):
        x = RNG.standard_normal((n, 3))
        same(f(x, W), x @ W)
    assert f.cache_size == 1


def test_rows_times_a_matrix_are_one_product() -> None:
    graph = gx.jit(gx.vmap(lambda x, w: np.tanh(x @ w), (0, None))).optimize(X, W)
    assert [n.op.name for n in graph.nodes] == ["placeholder", "placeholder", "matmul", "tanh"]


def test_on_eager_tensors_it_is_recorded() -> None:
    w, x = eager.tensor(W, requires_grad=True), eager.tensor(X)
    gx.vmap(lambda row: np.tanh(row @ w).sum())(x).sum().backward()
    same(w.grad.numpy(), X.T @ (1 - np.tanh(X @ W) ** 2))


def test_pullbacks_and_linear_maps() -> None:
    v, unit = X[0], np.eye(3)
    for world in (lambda f: f, gx.jit):
        same(world(lambda v: gx.vmap(gx.vjp(np.sin, v)[1])(unit)[0])(v), np.diag(np.cos(v)))
        same(world(lambda v: gx.vmap(gx.linearize(np.sin, v)[1])(unit))(v), np.diag(np.cos(v)))


# ------------------------------------------------------------------------------------------------------- mistakes


def test_different_numbers_of_items() -> None:
    with pytest.raises(ShapeError, match=r"argument \[0\]: 5, argument \[1\]: 3"):
        gx.vmap(np.add)(X, W)


def test_no_argument_tells_the_number() -> None:
    with pytest.raises(ShapeError, match="vmap of no argument"):
        gx.vmap(norm, None)(X)


@pytest.mark.parametrize(("args", "axes"), [((X,), 2), ((X, 1.0), 0), ((X, "name"), 0), ((np.float64(1.0),), 0)])
def test_no_such_axis(args: Any, axes: Any) -> None:
    with pytest.raises(AxisError, match="to map over"):
        gx.vmap(lambda *a: a[0], axes)(*args)


def test_no_such_axis_of_a_result() -> None:
    with pytest.raises(AxisError, match="out_axes"):
        gx.vmap(norm, 0, 1)(X)


def test_a_result_that_differs_has_no_axis() -> None:
    with pytest.raises(ShapeError, match="differs from item to item"):
        gx.vmap(norm, 0, None)(X)


@pytest.mark.parametrize("axes", [(0,), (0, [0, 0]), ("x", 0)])
def test_axes_that_do_not_nest(axes: Any) -> None:
    with pytest.raises(SignatureError, match="in_axes do not nest"):
        gx.vmap(lambda x, y: x, axes)(X, Y)


def leak(x: Any) -> Any:
    items: list[Any] = []
    gx.vmap(lambda row: items.append(row) or row)(x)
    return items[0] * 2


def test_an_item_is_nothing_outside() -> None:
    with pytest.raises(GraphMismatchError, match="one item of a batch"):
        gx.jit(leak)(X)
    with gx.Graph() as graph:
        x = gx.placeholder("float64", (5, 3))
        y = leak(x)
    with pytest.raises(GraphMismatchError, match="one item of a batch"):
        gx.Session(graph).run(y, {x: X})


def test_in_a_graph_by_hand() -> None:
    with gx.Graph() as graph:
        x = gx.placeholder("float64", (gx.Dim("n"), 3))
        y = gx.vmap(norm)(x)
        slope = gx.gradients(y.sum(), x)
    with gx.Session(graph) as session:
        lengths, unit = session.run([y, slope], {x: X})
    same(lengths, np.linalg.norm(X, axis=1))
    same(unit, X / lengths[:, None])


def test_no_decision_on_an_item() -> None:
    with pytest.raises(ConcretizationError):
        gx.vmap(lambda x: x if x.sum() > 0 else -x)(X)
